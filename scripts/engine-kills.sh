#!/usr/bin/env bash
# Kills the engine of the tests with SIGKILL, before each write of a rollback, and sees that nothing is
# lost: `make engine-kills`. On the default engine and then on a current one; nobody else may use them
# meanwhile. About five minutes each.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly LIMIT=3000

kill_and_go_on() {
    STILLME_TEST_DOCKER=required timeout --foreground "$LIMIT" cargo test --locked --workspace --all-features \
        --test rollback engine_that_is_killed -- --ignored --nocapture
}

restore_engine() { scripts/engine.sh down && scripts/engine.sh up; }

timeout "$LIMIT" cargo test --locked --workspace --all-features --test rollback --no-run
scripts/engine.sh up
kill_and_go_on
host=$(scripts/engine.sh up current)
trap restore_engine EXIT
DOCKER_HOST=$host kill_and_go_on
