#!/usr/bin/env bash
# The static test service, and images made of it FROM scratch: no registry is needed.
#
#   scripts/testbed-image.sh binary
#       builds it where needed and prints the path of the binary, alone on stdout
#   scripts/testbed-image.sh image REPOSITORY:TAG [OPTION...]
#       builds an image and prints its id, alone on stdout
#
# Options of `image`, each may be given several times:
#   --env NAME=VALUE          a knob of testbed/service/README.md, or any other variable
#   --label NAME=VALUE
#   --healthcheck PATH        HEALTHCHECK by exec, asking PATH each second
#   --line 'INSTRUCTION ...'  any other line of a Dockerfile, as it stands
#
# Every image is labelled dev.stillme.testbed=true, so that all of them can be found and removed:
#   docker image prune --all --filter label=dev.stillme.testbed
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
TARGET_DIR=${CARGO_TARGET_DIR:-$ROOT/target}
# Cargo reads a relative one as relative to where it is called.
case "$TARGET_DIR" in /*) ;; *) TARGET_DIR=$PWD/$TARGET_DIR ;; esac
TARGET_DIR=$TARGET_DIR/testbed
readonly ROOT TARGET_DIR
readonly BUILD_LIMIT=600

fail() {
    printf 'testbed-image: %s\n' "$*" >&2
    exit 1
}

usage() {
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p;}' "${BASH_SOURCE[0]}" >&2
    exit 2
}

# Flags of the caller's build must not reach this one, least of all those that link dynamically; a
# target directory of its own keeps it from rebuilding, or waiting for, the caller's artifacts.
binary() {
    [ "$(uname -s)" = Linux ] || fail "the static service is built on Linux only"
    local triple
    triple=$(rustc -vV | sed -n 's/^host: //p')
    (
        cd "$ROOT"
        unset CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_TARGET
        export RUSTFLAGS="-C target-feature=+crt-static"
        export CARGO_PROFILE_RELEASE_OPT_LEVEL=s CARGO_PROFILE_RELEASE_LTO=true \
            CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 CARGO_PROFILE_RELEASE_STRIP=true
        timeout "$BUILD_LIMIT" cargo build --quiet --locked --release --package testbed-service \
            --target "$triple" --target-dir "$TARGET_DIR" >&2
    ) || fail "the service can't be built: see above"
    echo "$TARGET_DIR/$triple/release/testbed-service"
}

# NAME=VALUE as the arguments of ENV or LABEL, with everything quoted that a Dockerfile expands.
pair() {
    local name=${1%%=*} value=${1#*=}
    [[ "$1" == *=* && "$name" =~ ^[A-Za-z_][A-Za-z0-9_.-]*$ ]] || fail "expected NAME=VALUE, got: $1"
    [[ "$value" != *$'\n'* ]] || fail "the value of $name holds a line break"
    value=${value//\\/\\\\}
    value=${value//\"/\\\"}
    value=${value//\$/\\\$}
    printf '%s="%s"' "$name" "$value"
}

# Each function's failure must end the script, which `echo "$(pair …)"` would hide.
dockerfile() {
    local text
    echo 'FROM scratch'
    echo 'COPY testbed-service /testbed-service'
    echo 'LABEL dev.stillme.testbed="true"'
    echo 'EXPOSE 8080'
    echo 'USER 65534:65534'
    while [ $# -gt 0 ]; do
        [ $# -ge 2 ] || fail "$1 needs a value"
        case "$1" in
        --env) text=$(pair "$2") && echo "ENV $text" ;;
        --label) text=$(pair "$2") && echo "LABEL $text" ;;
        --healthcheck)
            [[ "$2" =~ ^/[A-Za-z0-9/_.-]*$ ]] || fail "not a path: $2"
            echo "HEALTHCHECK --interval=1s --timeout=3s --retries=3 CMD [\"/testbed-service\", \"healthcheck\", \"$2\"]"
            ;;
        --line) echo "$2" ;;
        *) fail "unknown option: $1" ;;
        esac || exit 1
        shift 2
    done
    echo 'ENTRYPOINT ["/testbed-service"]'
}

image() {
    local tag=$1 context service
    shift
    context=$(mktemp -d)
    # shellcheck disable=SC2064 # the folder of now
    trap "rm -rf '$context'" EXIT
    service=$(binary) || exit 1
    cp "$service" "$context/testbed-service"
    dockerfile "$@" >"$context/Dockerfile"
    # The classic builder: BuildKit is a plug-in that engines of old packages do not have.
    tar -C "$context" -cf - Dockerfile testbed-service |
        DOCKER_BUILDKIT=0 timeout "$BUILD_LIMIT" docker build --quiet --tag "$tag" - 2>"$context/errors" || {
        cat "$context/errors" >&2
        fail "the image $tag can't be built: see above"
    }
}

case "${1:-}" in
binary)
    [ $# -eq 1 ] || usage
    binary
    ;;
image)
    [ $# -ge 2 ] || usage
    shift
    image "$@"
    ;;
*) usage ;;
esac
