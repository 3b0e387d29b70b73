#!/usr/bin/env bash
# A bad release and the way back, seen by a probe: `make demo`.
#
# On a Docker engine where one answers or can be started; else on the embedded platform, whose
# instances are processes on loopback. With CI=true an engine that can't be had is a failure.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

code=0
scripts/engine.sh up || code=$?
case "$code" in
0) platform=docker ;;
3)
    if [ "${CI:-}" = true ]; then
        echo "demo: no Docker engine can be had, and CI=true" >&2
        exit 1
    fi
    echo "demo: no Docker engine can be had (see above): uses the embedded platform" >&2
    platform=local
    ;;
*) exit "$code" ;;
esac

# The demo makes its images, or its instances, of this binary.
STILLME_TESTBED_SERVICE=$(scripts/testbed-image.sh binary)
export STILLME_TESTBED_SERVICE

exec cargo run --locked -p stillme-rollback-examples --bin demo -- --platform "$platform" "$@"
