#!/usr/bin/env bash
# A bad release and the way back on a Kubernetes control plane: `make demo-k8s`.
#
# The control plane is built from Go modules, once, in about a quarter of an hour. Where it can't be, the demo
# runs on the embedded platform; with CI=true that is a failure.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

code=0
folder=$(testbed/cluster/build.sh) || code=$?
case "$code" in
0) exec cargo run --locked --quiet -p stillme-rollback-examples --bin demo_k8s -- "$folder" ;;
3) ;;
*) exit "$code" ;;
esac

if [ "${CI:-}" = true ]; then
    echo "demo: no control plane can be built, and CI=true" >&2
    exit 1
fi
echo "demo: no control plane can be built (see above): uses the embedded platform" >&2
STILLME_TESTBED_SERVICE=$(scripts/testbed-image.sh binary)
export STILLME_TESTBED_SERVICE
exec cargo run --locked -p stillme-rollback-examples --bin demo -- --platform local
