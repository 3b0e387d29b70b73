#!/usr/bin/env bash
# How long users wait while a container is replaced, on the default engine and then on a current one:
# `make outage`. Prints a table for each, and plots it into docs/. Takes about three quarters of an hour; nothing else should
# run meanwhile.
#
#   scripts/outage.sh [ROUNDS]
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly ROUNDS=${1:-10}
readonly LIMIT=7200

measure() {
    timeout --foreground "$LIMIT" target/release/outage --rounds "$ROUNDS" --svg "docs/outage-$1.svg"
}

restore_engine() { scripts/engine.sh down && scripts/engine.sh up; }

cargo build --quiet --locked --release -p stillme-rollback-benches --bin outage
scripts/engine.sh up
measure default
host=$(scripts/engine.sh up current)
trap restore_engine EXIT
DOCKER_HOST=$host measure current
