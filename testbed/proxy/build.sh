#!/usr/bin/env bash
# Builds kamal-proxy from the Go module beside this script, at the version in its go.mod, and prints the
# folder with it and with a `cat` for its image, alone on stdout.
#
#   testbed/proxy/build.sh          exit 0: they are there; 3: they can't be had, and why
#
# Nothing is written into the work tree. What was built is kept in a cache, under a name that changes
# with a source here.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${XDG_CACHE_HOME:-${HOME:?}/.cache}/stillme-rollback/proxy
readonly HERE CACHE
readonly UNAVAILABLE=3
readonly BUILD_LIMIT=1800

# Go's go command must neither fetch another Go, nor see a workspace or the caller's flags.
export GOTOOLCHAIN=local GOWORK=off GOFLAGS=-buildvcs=false CGO_ENABLED=0

unavailable() {
    printf 'proxy build: %s\n' "$*" >&2
    exit "$UNAVAILABLE"
}

key() { (cd "$HERE" && sha256sum build.sh go.mod go.sum cat/main.go | sha256sum | cut -c 1-16); }

go_build() {
    (cd "$HERE" && timeout "$BUILD_LIMIT" go build -trimpath -ldflags "-s -w" -o "$1/" "$2" >&2) ||
        unavailable "$2 can't be built: see above"
}

final=$CACHE/$(key)
if [ ! -d "$final" ]; then
    command -v go >/dev/null || unavailable "no go: kamal-proxy is built from a Go module, see https://go.dev/dl"
    mkdir -p "$CACHE"
    exec 9>"$CACHE/lock"
    flock -w "$BUILD_LIMIT" 9 || unavailable "another build holds $CACHE/lock"
fi
# Whole or not at all: a folder under its final name is one that was finished.
if [ ! -d "$final" ]; then
    UNFINISHED=$(mktemp -d "$CACHE/unfinished.XXXXXX")
    trap 'rm -rf "$UNFINISHED"' EXIT
    go_build "$UNFINISHED" github.com/basecamp/kamal-proxy/cmd/kamal-proxy
    go_build "$UNFINISHED" ./cat
    chmod 755 "$UNFINISHED"
    mv -T "$UNFINISHED" "$final"
fi
echo "$final"
