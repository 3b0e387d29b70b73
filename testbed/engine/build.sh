#!/usr/bin/env bash
# Builds a current Docker Engine and a current Compose from the Go modules beside this script, and
# prints the folder with them, alone on stdout:
#
#   bin/dockerd bin/docker-proxy bin/runc bin/docker-compose
#   docker-config/cli-plugins/docker-compose       for DOCKER_CONFIG: then `docker compose` is ours
#
#   testbed/engine/build.sh          exit 0: they are there; 3: they can't be had, and why
#
# Nothing is written into the work tree. What was built is kept in a cache, under a name that changes
# with a go.mod, a go.sum or this script; Go's own caches (about 2 GB) are where Go has them.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${XDG_CACHE_HOME:-${HOME:?}/.cache}/stillme-rollback/engine
readonly HERE CACHE
readonly UNAVAILABLE=3
readonly BUILD_LIMIT=1800
readonly INSTALL_LIMIT=900

# Go's go command must neither fetch another Go, nor see a workspace or the caller's flags; the version
# control's state is of no use to these programs.
export GOTOOLCHAIN=local GOWORK=off GOFLAGS=-buildvcs=false

say() { printf 'engine build: %s\n' "$*" >&2; }

unavailable() {
    say "$@"
    exit "$UNAVAILABLE"
}

has() { command -v "$1" >/dev/null 2>&1; }

# A folder's name for what these sources give.
key() {
    (
        cd "$HERE"
        sha256sum build.sh ./*/go.mod ./*/go.sum | sha256sum | cut -c 1-16
    )
}

# --- what it takes -----------------------------------------------------------------------------

is_root_on_debian() {
    # shellcheck source=/dev/null
    [ "$(id -u)" -eq 0 ] && [ -r /etc/os-release ] &&
        (. /etc/os-release && [[ " ${ID:-} ${ID_LIKE:-} " == *" debian "* ]])
}

# runc reads system call filters with a C library.
has_c_libraries() { has gcc && has pkg-config && pkg-config --exists libseccomp; }

set_up_c() {
    has_c_libraries && return
    is_root_on_debian ||
        unavailable "runc needs a C compiler, pkg-config and the headers of libseccomp: install them"
    say "installs the Debian packages: gcc libc6-dev pkg-config libseccomp-dev"
    timeout "$INSTALL_LIMIT" apt-get update -qq >&2 ||
        say "apt-get update failed; trying with the package lists at hand"
    DEBIAN_FRONTEND=noninteractive timeout "$INSTALL_LIMIT" apt-get install -y -qq \
        --no-install-recommends gcc libc6-dev pkg-config libseccomp-dev </dev/null >&2 ||
        unavailable "can't install them: see the messages of apt-get above"
    has_c_libraries || unavailable "the packages are installed, but pkg-config finds no libseccomp"
}

set_up_go() {
    has go || unavailable "no go: a current engine is built from Go modules, see https://go.dev/dl"
    local module
    for module in dockerd runc compose; do
        (cd "$HERE/$module" && go list -m >/dev/null) ||
            unavailable "$(go env GOVERSION) can't build testbed/engine/$module: see above"
    done
}

# --- building ----------------------------------------------------------------------------------

# The version of a module as its go.mod has it.
version_of() { (cd "$HERE/$1" && go list -m -f '{{.Version}}' "$2"); }

# go_build MODULE OUTPUT PACKAGE LINKER_FLAGS [OPTION...]
go_build() {
    local module=$1 output=$2 package=$3 flags=$4
    shift 4
    say "builds $(basename "$output")"
    (
        cd "$HERE/$module"
        timeout "$BUILD_LIMIT" go build -trimpath -ldflags "-s -w $flags" "$@" -o "$output" "$package" >&2
    ) || unavailable "$(basename "$output") can't be built: see above"
}

build() {
    local folder=$1 moby=github.com/moby/moby/v2 compose=github.com/docker/compose/v5
    local runc=github.com/opencontainers/runc version
    mkdir -p "$folder/bin" "$folder/docker-config/cli-plugins"

    version=$(version_of dockerd "$moby")
    CGO_ENABLED=0 go_build dockerd "$folder/bin/dockerd" "$moby/cmd/dockerd" \
        "-X $moby/dockerversion.Version=${version#v}" -tags "no_systemd exclude_graphdriver_btrfs"
    CGO_ENABLED=0 go_build dockerd "$folder/bin/docker-proxy" "$moby/cmd/docker-proxy" ""

    # Without the tag every container fails: the engine hands runc a filter of system calls.
    version=$(version_of runc "$runc")
    CGO_ENABLED=1 go_build runc "$folder/bin/runc" "$runc" "-X main.version=${version#v}" -tags seccomp

    version=$(version_of compose "$compose")
    CGO_ENABLED=0 go_build compose "$folder/bin/docker-compose" "$compose/cmd" \
        "-X $compose/internal.Version=$version"
    ln -s ../../bin/docker-compose "$folder/docker-config/cli-plugins/docker-compose"
}

# Whole or not at all: a folder under its final name is one that was finished.
build_once() {
    local final=$1 started=$SECONDS
    mkdir -p "$CACHE"
    exec 9>"$CACHE/lock"
    flock -w $((4 * BUILD_LIMIT)) 9 || unavailable "another build holds $CACHE/lock"
    if [ -d "$final" ]; then
        return
    fi
    set_up_go
    set_up_c
    rm -rf "$CACHE"/unfinished.*
    UNFINISHED=$(mktemp -d "$CACHE/unfinished.XXXXXX")
    trap 'rm -rf "$UNFINISHED"' EXIT
    say "builds a current engine and Compose (some minutes, once)"
    build "$UNFINISHED"
    chmod 755 "$UNFINISHED"
    mv -T "$UNFINISHED" "$final"
    say "built $final in $((SECONDS - started)) s"
}

[ $# -eq 0 ] || {
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p;}' "${BASH_SOURCE[0]}" >&2
    exit 2
}
[ "$(uname -s)" = Linux ] || unavailable "the engine runs on Linux only"
final=$CACHE/$(key)
[ -d "$final" ] || build_once "$final"
echo "$final"
