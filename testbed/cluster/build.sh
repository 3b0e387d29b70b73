#!/usr/bin/env bash
# Builds a Kubernetes control plane, kwok and the controller of Argo Rollouts from the Go modules beside
# this script, and prints the folder with them, alone on stdout:
#
#   bin/control-plane     etcd, kube-apiserver, kube-controller-manager and kube-scheduler in one
#   bin/kwok              nodes and pods that are simulated
#   bin/rollouts-controller   crds/*.yaml
#
#   testbed/cluster/build.sh          exit 0: they are there; 3: they can't be had, and why
#
# Nothing is written into the work tree. What was built is kept in a cache, under a name that changes
# with a source of these modules or this script; Go's own caches (about 7 GB) are where Go has them.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${XDG_CACHE_HOME:-${HOME:?}/.cache}/stillme-rollback/cluster
readonly HERE CACHE
readonly UNAVAILABLE=3
readonly BUILD_LIMIT=2400

# Go's go command must neither fetch another Go, nor see a workspace or the caller's flags; the version
# control's state is of no use to these programs.
export GOTOOLCHAIN=local GOWORK=off GOFLAGS=-buildvcs=false CGO_ENABLED=0

say() { printf 'cluster build: %s\n' "$*" >&2; }

unavailable() {
    say "$@"
    exit "$UNAVAILABLE"
}

has() { command -v "$1" >/dev/null 2>&1; }

# A folder's name for what these sources give.
key() {
    (
        cd "$HERE"
        sha256sum build.sh control-plane/* rollouts/* | sha256sum | cut -c 1-16
    )
}

set_up_go() {
    has go || unavailable "no go: a control plane is built from Go modules, see https://go.dev/dl"
    local module
    for module in control-plane rollouts; do
        (cd "$HERE/$module" && go list -m >/dev/null) ||
            unavailable "$(go env GOVERSION) can't build testbed/cluster/$module: see above"
    done
}

# The version of a module as its go.mod has it.
version_of() { (cd "$HERE/$1" && go list -m -f '{{.Version}}' "$2"); }

# go_build MODULE OUTPUT PACKAGE LINKER_FLAGS
go_build() {
    local module=$1 output=$2 package=$3 flags=$4
    say "builds $(basename "$output")"
    (
        cd "$HERE/$module"
        timeout "$BUILD_LIMIT" go build -trimpath -ldflags "-s -w $flags" -o "$output" "$package" >&2
    ) || unavailable "$(basename "$output") can't be built: see above"
}

build() {
    local folder=$1 version minor argo
    mkdir -p "$folder/bin" "$folder/crds"

    # Without these the server says that it is v0.0.0.
    version=$(version_of control-plane k8s.io/kubernetes)
    minor=${version#v*.}
    go_build control-plane "$folder/bin/control-plane" . \
        "-X k8s.io/component-base/version.gitVersion=$version -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=${minor%%.*}"
    go_build control-plane "$folder/bin/kwok" sigs.k8s.io/kwok/cmd/kwok ""
    go_build rollouts "$folder/bin/rollouts-controller" \
        github.com/argoproj/argo-rollouts/cmd/rollouts-controller ""

    argo=$(cd "$HERE/rollouts" && go list -m -f '{{.Dir}}' github.com/argoproj/argo-rollouts)
    cp "$argo"/manifests/crds/{rollout,analysis-run,analysis-template,cluster-analysis-template,experiment}-crd.yaml \
        "$folder/crds"
    chmod 644 "$folder"/crds/*
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
    rm -rf "$CACHE"/unfinished.*
    UNFINISHED=$(mktemp -d "$CACHE/unfinished.XXXXXX")
    trap 'rm -rf "$UNFINISHED"' EXIT
    say "builds a control plane (about a quarter of an hour on two cores, once)"
    build "$UNFINISHED"
    chmod 755 "$UNFINISHED"
    mv -T "$UNFINISHED" "$final"
    say "built $final in $((SECONDS - started)) s"
}

[ $# -eq 0 ] || {
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p;}' "${BASH_SOURCE[0]}" >&2
    exit 2
}
[ "$(uname -s)" = Linux ] || unavailable "the control plane runs on Linux only"
final=$CACHE/$(key)
[ -d "$final" ] || build_once "$final"
echo "$final"
