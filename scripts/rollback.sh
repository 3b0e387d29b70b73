#!/usr/bin/env bash
# Takes a service back to a version that worked. Finds out what the service is, and calls the tool
# `rollback`, which shows its plan and asks.
#
#   scripts/rollback.sh --tag TAG [OPTION...] [-- OPTION OF THE TOOL...]
#
#   -t, --tag TAG          the version to go back to; also digest:sha256:..., of a Deployment hash:... and
#                          the number of a revision (required)
#   -s, --service NAME     the container, Compose service or Deployment [default: stillme-prod]
#   -n, --namespace NAME   of the Deployment; if given, the service is one [default: stillme]
#   -u, --url URL          says whether the service is well; the default is used for containers only
#                          [default: http://localhost:8080/healthz]
#   -h, --help             this text
#
# Examples:
#   scripts/rollback.sh --tag v1.2.3
#   scripts/rollback.sh -t v1.2.3 -s web -u http://localhost:9000/healthz -- --plan
#   scripts/rollback.sh -t v1.2.3 -s web -n prod
#
# Exit codes are those of the tool (0: gone back, 13: refused, ...); 2 is a command line that means
# nothing, 1 any other failure of this script. Before 2 no process was started.
set -euo pipefail
# Ranges like a-z in patterns are those of ASCII, whatever the user's language.
LC_ALL=C

readonly LOOK_LIMIT=30
readonly DEFAULT_URL=http://localhost:8080/healthz
readonly INSTALL='cargo install --locked --path examples --bin rollback'

TAG=
SERVICE=stillme-prod
NAMESPACE=stillme
NAMESPACE_GIVEN=
URL=
TOOL_OPTIONS=()

fail() {
    printf 'rollback.sh: %s\n' "$1" >&2
    exit "${2:-1}"
}

# The text is not repeated: it may hold what moves a cursor.
refuse() { fail "$1; nothing was started (see --help)" 2; }

# Without a process: the comment at the top of this file.
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

# --- the command line ----------------------------------------------------------------------------

read_arguments() {
    local option
    while [ $# -gt 0 ]; do
        option=$1
        case "$option" in
        --)
            shift
            TOOL_OPTIONS=("$@")
            return
            ;;
        -h | --help)
            usage
            exit 0
            ;;
        --*=*)
            # `--tag=v1` as `--tag v1`.
            shift
            set -- "${option%%=*}" "${option#*=}" "$@"
            continue
            ;;
        -t | --tag | -s | --service | -n | --namespace | -u | --url)
            [ $# -ge 2 ] || refuse "$option needs a value"
            take "$option" "$2"
            shift 2
            ;;
        *) refuse 'there is an argument that is no option' ;;
        esac
    done
}

take() {
    case "$1" in
    -t | --tag) TAG=$2 ;;
    -s | --service) SERVICE=$2 ;;
    -n | --namespace)
        NAMESPACE=$2
        NAMESPACE_GIVEN=1
        ;;
    -u | --url)
        [ -n "$2" ] || refuse 'the URL is empty'
        URL=$2
        ;;
    esac
}

# $1 names what it is, $2 is the pattern of the whole, $3 the longest, $4 the text.
check() {
    if [ "${#4}" -gt "$3" ] || ! [[ "$4" =~ ^($2)$ ]]; then
        refuse "$1"
    fi
}

readonly NAME='[A-Za-z0-9][A-Za-z0-9_.-]*'

check_arguments() {
    [ -n "$TAG" ] || refuse 'there is no tag: --tag v1.2.3'
    check 'the tag is none' \
        '(tag:)?[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}|digest:sha256:[0-9a-f]{64}|hash:[a-z0-9]{1,63}' 160 "$TAG"
    check 'the service has a name that no service has' "$NAME" 253 "$SERVICE"
    check 'the namespace has a name that no namespace has' \
        '[a-z0-9]([a-z0-9-]*[a-z0-9])?' 63 "$NAMESPACE"
    [ -z "$URL" ] || check 'the URL is none of http:// or https:// in plain characters' \
        "https?://[][A-Za-z0-9._~:/?#@!\$&'()*+,;=%-]+" 2048 "$URL"
}

# --- what the service is -------------------------------------------------------------------------

has() { command -v "$1" >/dev/null 2>&1; }

MATCHES=()
PROJECT=
COMPOSE_SERVICE=

# A platform is a match once, however many containers it has.
add_match() {
    local match
    for match in ${MATCHES[@]+"${MATCHES[@]}"}; do
        [ "$match" != "$1" ] || return 0
    done
    MATCHES+=("$1")
}

# By exact comparison: docker's filters are patterns, and its commands take the beginning of an id.
look_for_container() {
    local containers names project service name
    has docker || return 0
    containers=$(timeout "$LOOK_LIMIT" docker ps --all --format \
        '{{.Names}} {{.Label "com.docker.compose.project"}} {{.Label "com.docker.compose.service"}}') ||
        fail 'the docker command did not answer; nothing was touched'
    while IFS=' ' read -r names project service; do
        # A link gives a container more names: `web,other/alias`.
        name=",$names,"
        if [ -n "$project" ] && [ -n "$service" ]; then
            if [ "$service" = "$SERVICE" ] || [[ "$name" == *",$SERVICE,"* ]]; then
                # Labels are what somebody wrote: `--option` must not become one.
                [[ "$project $service" =~ ^$NAME\ $NAME$ ]] ||
                    fail "a container called $SERVICE has Compose labels that Compose does not write; nothing was touched"
                PROJECT=$project
                COMPOSE_SERVICE=$service
                add_match "the Compose service $service of the project $project"
            fi
        elif [[ "$name" == *",$SERVICE,"* ]]; then
            add_match "the container $SERVICE"
        fi
    done <<<"$containers"
}

# Where kubectl has no cluster to ask there is no Deployment.
look_for_deployment() {
    has kubectl || return 0
    if timeout "$LOOK_LIMIT" kubectl get deployment "$SERVICE" --namespace "$NAMESPACE" \
        --request-timeout 5s --output name >/dev/null 2>&1; then
        add_match "the Deployment $SERVICE in the namespace $NAMESPACE"
    fi
}

# --- calling the tool ----------------------------------------------------------------------------

TOOL=

find_tool() {
    local root=${BASH_SOURCE[0]%/*}/.. candidate
    [[ "${BASH_SOURCE[0]}" == */* ]] || root=..
    if has rollback; then
        TOOL=rollback
        return
    fi
    for candidate in "${CARGO_TARGET_DIR:-$root/target}"/{release,debug}/rollback; do
        if [ -x "$candidate" ]; then
            TOOL=$candidate
            return
        fi
    done
    fail "the tool rollback is not installed; nothing was touched. Install it with: $INSTALL"
}

# The words of a list, as in: a, b and c.
listed() {
    local text=$1
    shift
    while [ $# -gt 1 ]; do
        text+=", $1"
        shift
    done
    [ $# -eq 0 ] || text+=" and $1"
    printf '%s' "$text"
}

go_back() {
    local to=$TAG
    # A Deployment numbers its revisions.
    if ! [[ "$1" == 'the Deployment '* && "$to" =~ ^[0-9]+$ || "$to" == *:* ]]; then
        to=tag:$to
    fi
    case "$1" in
    'the container '*)
        exec "$TOOL" docker "$SERVICE" --to "$to" --health-url "${URL:-$DEFAULT_URL}" \
            ${TOOL_OPTIONS[@]+"${TOOL_OPTIONS[@]}"}
        ;;
    'the Compose service '*)
        exec "$TOOL" compose "$COMPOSE_SERVICE" --project "$PROJECT" --to "$to" \
            ${URL:+--health-url "$URL"} ${TOOL_OPTIONS[@]+"${TOOL_OPTIONS[@]}"}
        ;;
    'the Deployment '*)
        exec "$TOOL" deployment "$SERVICE" --namespace "$NAMESPACE" --to "$to" \
            ${URL:+--health-url "$URL"} ${TOOL_OPTIONS[@]+"${TOOL_OPTIONS[@]}"}
        ;;
    *) fail "it is not known what $1 is; nothing was touched" ;;
    esac
}

read_arguments "$@"
check_arguments
find_tool
if [ -n "$NAMESPACE_GIVEN" ]; then
    go_back "the Deployment $SERVICE in the namespace $NAMESPACE"
fi
look_for_container
look_for_deployment
case ${#MATCHES[@]} in
0) fail "there is no container, no Compose service and no Deployment called $SERVICE here; nothing was touched. Name it with --service" ;;
1) go_back "${MATCHES[0]}" ;;
*) fail "$SERVICE is $(listed "${MATCHES[@]}"); nothing was touched. Call the tool itself for the one that is meant: rollback --help" ;;
esac
