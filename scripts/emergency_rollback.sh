#!/usr/bin/env bash
# Puts the version before of a Deployment back at once: `rollback emergency deployment`, which waits for
# nothing and proves nothing. Says afterwards how it is.
#
#   scripts/emergency_rollback.sh [-n NAMESPACE] [-s DEPLOYMENT] [-- OPTION OF THE TOOL...]
#
#   -s, --service NAME     the Deployment [default: stillme]
#   -n, --namespace NAME   its namespace [default: stillme]
#   -h, --help             this text
#
# It asks, unless `-- --yes` is given. Exit codes are those of the tool; 2 is a command line that means
# nothing. Before 2 no process was started.
set -euo pipefail
# Ranges like a-z in patterns are those of ASCII, whatever the user's language.
LC_ALL=C

SERVICE=stillme
NAMESPACE=stillme
TOOL_OPTIONS=()

refuse() {
    # The text is not repeated: it may hold what moves a cursor.
    printf 'emergency_rollback.sh: %s; nothing was started (see --help)\n' "$1" >&2
    exit 2
}

usage() {
    local line
    while IFS= read -r line; do
        case "$line" in
        '#!'*) ;;
        '#'*)
            line=${line#'#'}
            printf '%s\n' "${line# }"
            ;;
        *) return ;;
        esac
    done <"${BASH_SOURCE[0]}"
}

while [ $# -gt 0 ]; do
    case "$1" in
    -h | --help)
        usage
        exit 0
        ;;
    -s | --service | -n | --namespace)
        [ $# -ge 2 ] || refuse 'an option needs a value'
        case "$1" in
        -s | --service) SERVICE=$2 ;;
        *) NAMESPACE=$2 ;;
        esac
        shift 2
        ;;
    --)
        shift
        TOOL_OPTIONS=("$@")
        break
        ;;
    *) refuse 'there is an argument that is no option' ;;
    esac
done

readonly NAME='^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$'
[[ "${#SERVICE}" -le 253 && "$SERVICE" =~ $NAME ]] || refuse 'the Deployment has a name that none has'
[[ "${#NAMESPACE}" -le 63 && "$NAMESPACE" =~ $NAME ]] || refuse 'the namespace has a name that none has'

root=${BASH_SOURCE[0]%/*}/..
[[ "${BASH_SOURCE[0]}" == */* ]] || root=..
TOOL=
if command -v rollback >/dev/null 2>&1; then
    TOOL=rollback
else
    for candidate in "${CARGO_TARGET_DIR:-$root/target}"/{release,debug}/rollback; do
        [ ! -x "$candidate" ] || TOOL=$candidate
    done
fi
if [ -z "$TOOL" ]; then
    echo 'emergency_rollback.sh: the tool rollback is not installed; nothing was touched.' \
        'Install it with: cargo install --locked --path examples --bin rollback' >&2
    exit 1
fi

code=0
"$TOOL" emergency deployment "$SERVICE" --namespace "$NAMESPACE" ${TOOL_OPTIONS[@]+"${TOOL_OPTIONS[@]}"} || code=$?
# How it is, whatever came of it; what this says is for people.
"$TOOL" status deployment "$SERVICE" --namespace "$NAMESPACE" || true
exit "$code"
