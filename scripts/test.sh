#!/usr/bin/env bash
# Everything that a change must pass, with its own set-up on a fresh Debian machine: `make test`.
#
# Cheap steps first; the first that fails ends the run. With CI=true nothing may be left out; else
# what this machine can't do is left out, and the end says so.
#
# The tests run on the default engine; those that use one, once more on a current engine, which is
# built where Go is there. Its turn is the last, and the engine from before is started again after it.
#
#   STILLME_TEST_DOCKER=off   leaves the tests on a Docker engine out (not with CI=true)
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly LIBRARIES=(stillme-rollback-core stillme-rollback-docker stillme-rollback-k8s stillme-rollback-verify)
readonly CORE=stillme-rollback-core
readonly CORE_MOST_CRATES=60
readonly CORE_FORBIDDEN=(bollard kube reqwest hyper)
readonly FORBIDDEN=(ring)
readonly CARGO_DENY_VERSION=0.20.2
readonly TOOLS=${XDG_CACHE_HOME:-${HOME:?}/.cache}/stillme-rollback/tools
readonly STEP_LIMIT=3000
# What `timeout` ends with when it had to end something.
readonly TIMED_OUT=124
# The test programs of docker and examples that use an engine.
readonly ENGINE_TESTS=(law rollback kamal engine create_first conformance secrets demo compose)

TIMES=()
LEFT_OUT=()
HAS_CURRENT_ENGINE=

# --- saying what happens -----------------------------------------------------------------------

in_ci() { [ "${CI:-}" = true ]; }

has() { command -v "$1" >/dev/null 2>&1; }

fail() {
    printf '\nFAILED: %s\n' "$*" >&2
    exit 1
}

# What is missing is a failure where everything is expected to be there.
leave_out() {
    if in_ci; then
        fail "$* (CI=true: nothing may be left out)"
    fi
    LEFT_OUT+=("$*")
    printf 'left out: %s\n' "$*"
}

limited() { timeout --foreground "$STEP_LIMIT" "$@"; }

# For whoever has to find out why a step did not end.
tell_what_runs() {
    echo "what runs, by the time it took of the processors:"
    ps -eo pid,stat,etimes,pcpu,args --sort=-pcpu | head -n 20 | cut -c 1-160
    echo "what the engine says:"
    timeout 20 docker ps --all --format '{{.Names}}: {{.Status}}' 2>&1 | head -n 40 || true
}

# Runs one step. Not in a condition: there, bash would ignore all failures but the last.
step() {
    local name=$1 begin=$SECONDS code
    shift
    printf '\n=== %s\n' "$name"
    set +e
    (
        set -e
        "$@"
    )
    code=$?
    set -e
    local took=$((SECONDS - begin))
    [ "$code" -ne "$TIMED_OUT" ] || tell_what_runs
    [ "$code" -eq 0 ] || fail "$name, after $took s (exit code $code)"
    printf -- '--- %s: %d s\n' "$name" "$took"
    TIMES+=("$(printf '%6d s  %s' "$took" "$name")")
}

# --- set-up ------------------------------------------------------------------------------------

is_root_on_debian() {
    # shellcheck source=/dev/null
    [ "$(id -u)" -eq 0 ] && [ -r /etc/os-release ] &&
        (. /etc/os-release && [[ " ${ID:-} ${ID_LIKE:-} " == *" debian "* ]])
}

set_up_rust() {
    has cargo || fail "no cargo: install a Rust toolchain, see https://rustup.rs"
    local component
    for component in fmt clippy; do
        cargo "$component" --version >/dev/null 2>&1 && continue
        echo "installs the toolchain component of cargo $component"
        limited rustup component add "${component/#fmt/rustfmt}" ||
            fail "cargo $component is missing and rustup can't add it"
    done
}

set_up_shellcheck() {
    has shellcheck && return
    if is_root_on_debian; then
        echo "installs the Debian package: shellcheck"
        limited apt-get update -qq || echo "apt-get update failed; trying with the lists at hand"
        DEBIAN_FRONTEND=noninteractive limited \
            apt-get install -y -qq --no-install-recommends shellcheck </dev/null || true
    fi
    has shellcheck || leave_out "shellcheck: not installed"
}

# For the tests of ssh:// alone; its service is not needed, each test starts an sshd of its own.
set_up_sshd() {
    if ! [ -x /usr/sbin/sshd ] && is_root_on_debian; then
        echo "installs the Debian packages: openssh-server openssh-client"
        limited apt-get update -qq || echo "apt-get update failed; trying with the lists at hand"
        # The package would start a service of its own.
        DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 limited apt-get install -y -qq \
            --no-install-recommends openssh-server openssh-client </dev/null || true
    fi
    if ! { [ -x /usr/sbin/sshd ] && has ssh && has ssh-keygen; }; then
        leave_out "tests of ssh:// with a real sshd: openssh-server is not installed"
        return
    fi
    # Started by root it wants this folder, which only its service makes.
    [ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd
    export STILLME_TEST_SSH=required
}

# For one test: that it is refused.
set_up_podman() {
    if ! has podman && is_root_on_debian; then
        echo "installs the Debian package: podman"
        limited apt-get update -qq || echo "apt-get update failed; trying with the lists at hand"
        DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 limited \
            apt-get install -y -qq --no-install-recommends podman </dev/null || true
    fi
    if has podman; then
        export STILLME_TEST_PODMAN=required
    else
        leave_out "the test that Podman is refused: podman is not installed"
    fi
}

# Outside the work tree, so that `make clean` keeps it; found first by PATH.
set_up_cargo_deny() {
    local folder=$TOOLS/cargo-deny-$CARGO_DENY_VERSION
    export PATH="$folder/bin:$PATH"
    has cargo-deny && return
    echo "builds cargo-deny $CARGO_DENY_VERSION into $folder (two or three minutes, once)"
    limited cargo install cargo-deny --version "$CARGO_DENY_VERSION" --locked --quiet \
        --no-default-features --root "$folder" || leave_out "cargo deny: it can't be built here"
}

set_up_engine() {
    case "${STILLME_TEST_DOCKER:-auto}" in
    off)
        leave_out "tests on a Docker engine: STILLME_TEST_DOCKER=off"
        return
        ;;
    auto | required) ;;
    *) fail "STILLME_TEST_DOCKER is one of auto, required, off; not $STILLME_TEST_DOCKER" ;;
    esac
    local code=0
    scripts/engine.sh up || code=$?
    case "$code" in
    0) export STILLME_TEST_DOCKER=required ;;
    3)
        [ "${STILLME_TEST_DOCKER:-auto}" = auto ] ||
            fail "no Docker engine can be had, and STILLME_TEST_DOCKER=required: see above"
        leave_out "tests on a Docker engine: none can be had, see above"
        export STILLME_TEST_DOCKER=off
        ;;
    *) fail "scripts/engine.sh up (exit code $code)" ;;
    esac
}

# Built here and not in its step: that takes minutes, which are not the tests'.
set_up_current_engine() {
    [ "$STILLME_TEST_DOCKER" = required ] || return 0
    local code=0
    testbed/engine/build.sh >/dev/null || code=$?
    case "$code" in
    0) HAS_CURRENT_ENGINE=yes ;;
    3) leave_out "tests on a current Docker engine: it can't be built, see above" ;;
    *) fail "testbed/engine/build.sh (exit code $code)" ;;
    esac
}

# For the tests on Compose 1.29; a current one comes with the current engine.
set_up_compose() {
    [ "$STILLME_TEST_DOCKER" = required ] || return 0
    local code=0
    scripts/compose.sh v1 >/dev/null || code=$?
    case "$code" in
    0) export STILLME_TEST_COMPOSE_1=required ;;
    3) leave_out "tests on Compose 1: it can't be had, see above" ;;
    *) fail "scripts/compose.sh v1 (exit code $code)" ;;
    esac
}

# For the test on a real kamal-proxy. Building it takes a minute or two, which are not the test's.
set_up_proxy() {
    [ "$STILLME_TEST_DOCKER" = required ] || return 0
    local code=0
    STILLME_TEST_KAMAL=$(testbed/proxy/build.sh) || code=$?
    case "$code" in
    0) export STILLME_TEST_KAMAL ;;
    3) leave_out "the test on a real kamal-proxy: it can't be built, see above" ;;
    *) fail "testbed/proxy/build.sh (exit code $code)" ;;
    esac
}

# For the tests on a Kubernetes control plane, which test programs start for themselves.
set_up_cluster() {
    if [ -n "${STILLME_TEST_KUBECONFIG:-}" ]; then
        export STILLME_TEST_CLUSTER=required
        return
    fi
    local code=0
    STILLME_TEST_CONTROL_PLANE=$(testbed/cluster/build.sh) || code=$?
    case "$code" in
    0) export STILLME_TEST_CONTROL_PLANE STILLME_TEST_CLUSTER=required ;;
    3) leave_out "tests on a Kubernetes control plane: it can't be built, see above" ;;
    *) fail "testbed/cluster/build.sh (exit code $code)" ;;
    esac
}

# --- steps -------------------------------------------------------------------------------------

check_format() { limited cargo fmt --all --check; }

check_scripts() {
    local scripts
    mapfile -t scripts < <(find scripts testbed .ci -path '*/target' -prune -o \
        -type f \( -name '*.sh' -o -path .ci/run \) -print | sort)
    printf '%s\n' "${scripts[@]}"
    limited shellcheck "${scripts[@]}"
}

# The names of the crates in a tree, one a line.
crates() { limited cargo tree --locked --prefix none --format '{p}' "$@" | cut -d ' ' -f 1 | sort -u; }

check_core_weight() {
    local names count name
    names=$(crates -p "$CORE" -e normal | grep -vx "$CORE")
    count=$(wc -l <<<"$names")
    echo "$CORE depends on $count crates (at most $CORE_MOST_CRATES)"
    [ "$count" -le "$CORE_MOST_CRATES" ]
    names=$(crates -p "$CORE" --all-features -e normal)
    for name in "${CORE_FORBIDDEN[@]}"; do
        if grep -qx "$name" <<<"$names"; then
            echo "$CORE must not depend on $name:"
            limited cargo tree --locked -p "$CORE" --all-features -e normal -i "$name"
            return 1
        fi
    done
}

check_forbidden_crates() {
    local names name
    names=$(crates --workspace --all-features --target all -e normal,build,dev)
    for name in "${FORBIDDEN[@]}"; do
        if grep -qx "$name" <<<"$names"; then
            echo "nothing may depend on $name:"
            limited cargo tree --locked --workspace --all-features --target all -i "$name"
            return 1
        fi
    done
}

check_deny() { limited cargo deny --all-features --locked check bans licenses sources; }

lint_all_features() {
    limited cargo clippy --locked --workspace --all-targets --all-features -- -D warnings
}

# One by one and without tests: in a build of all, features that one crate or its tests ask for are
# on for all the others.
lint_no_features() {
    local library
    # k8s-openapi wants to be told by a program which API its types are of; a library alone has none.
    for library in "${LIBRARIES[@]}"; do
        K8S_OPENAPI_ENABLED_VERSION=1.36 \
            limited cargo clippy --locked -p "$library" --lib --no-default-features -- -D warnings
    done
}

check_documentation() {
    RUSTDOCFLAGS="-D warnings" limited cargo doc --locked --workspace --all-features --no-deps
}

run_doctests() { limited cargo test --locked --workspace --all-features --doc; }

# By itself: how long it takes depends on what was built before, and says nothing of the tests.
build_tests() {
    limited cargo test --locked --workspace --all-features --no-run --quiet \
        --lib --bins --tests --examples
}

# Says at each program how long the step has taken so far.
with_times() {
    local line begin=$SECONDS
    while IFS= read -r line; do
        case "$line" in
        *" Running "*) printf '%s (at %d s)\n' "$line" "$((SECONDS - begin))" ;;
        *) printf '%s\n' "$line" ;;
        esac
    done
}

# All of them, also when one fails: what fails first is not always what explains it.
run_tests() {
    limited cargo test --locked --workspace --all-features --no-fail-fast \
        --lib --bins --tests --examples 2>&1 | with_times
}

# In a run of the same packages and features as `run_tests`, so that nothing is compiled again.
run_tests_on() {
    local name tests=()
    for name in "${ENGINE_TESTS[@]}"; do
        tests+=(--test "$name")
    done
    # The longest kills, of a warm swap and behind a proxy, stay with the default engine: several minutes
    # here, where each call takes longer. For that, no more at once than there are cores.
    DOCKER_HOST=$1 RUST_TEST_THREADS=$(nproc) limited cargo test --locked --workspace --all-features \
        --no-fail-fast "${tests[@]}" -- --skip while_places_are_changed --skip killed_behind_a_proxy \
        2>&1 | with_times
}

# What tests leave adds up until it fails others: an engine has addresses for some thirty networks.
check_nothing_left_over() {
    [ "$STILLME_TEST_DOCKER" = required ] || return 0
    local label=label=dev.stillme.testbed.test left
    left=$({
        timeout 60 docker ps --all --filter "$label" --format 'container {{.Names}}'
        timeout 60 docker network ls --filter "$label" --format 'network {{.Name}}'
        timeout 60 docker image ls --filter "$label" --format 'image {{.Repository}}:{{.Tag}}'
        # Elsewhere they can belong to somebody's own rollbacks.
        ! in_ci || timeout 60 docker network ls --filter label=dev.stillme.rollback.run --format 'network {{.Name}}'
    })
    [ -z "$left" ] || {
        echo "tests left on the engine:"
        echo "$left"
        return 1
    }
}

restore_engine() { scripts/engine.sh down && scripts/engine.sh up; }

test_current_engine() {
    local code=0 host
    host=$(scripts/engine.sh up current) || code=$?
    case "$code" in
    0) ;;
    3)
        leave_out "tests on a current Docker engine: it can't be started, see above"
        return
        ;;
    *) fail "scripts/engine.sh up current (exit code $code)" ;;
    esac
    trap restore_engine EXIT
    # The testbed's own. What earlier runs left there makes its list of images slow, and so each look.
    DOCKER_HOST=$host timeout 300 docker image prune --all --force >/dev/null
    step "tests on a current engine ($host)" run_tests_on "$host"
    trap - EXIT
    restore_engine || fail "the engine from before does not start again"
}

# --- all of it -----------------------------------------------------------------------------------

# Most of their time tests wait for an engine or a container, so twice as many as there are cores.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-$((2 * $(nproc)))}

set_up_rust
set_up_shellcheck
set_up_cargo_deny
set_up_sshd
set_up_podman
set_up_engine
set_up_current_engine
set_up_compose
set_up_proxy
set_up_cluster

step "format (rustfmt)" check_format
has shellcheck && step "scripts (shellcheck)" check_scripts
step "weight of core (cargo tree)" check_core_weight
step "forbidden crates (cargo tree)" check_forbidden_crates
has cargo-deny && step "bans, licences, sources (cargo deny)" check_deny
step "lints, all features (clippy)" lint_all_features
step "lints, no features (clippy)" lint_no_features
step "documentation (rustdoc)" check_documentation
step "doctests" run_doctests
step "tests, built" build_tests
step "tests" run_tests
step "nothing left over" check_nothing_left_over
if [ -n "$HAS_CURRENT_ENGINE" ]; then
    test_current_engine
fi

printf '\n=== passed\n'
printf '%s\n' "${TIMES[@]}"
printf '%6d s  in all\n' "$SECONDS"
if [ ${#LEFT_OUT[@]} -gt 0 ]; then
    printf 'left out: %s\n' "${LEFT_OUT[@]}"
fi
