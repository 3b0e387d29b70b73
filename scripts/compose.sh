#!/usr/bin/env bash
# The Compose commands for the tests, each printed alone on stdout once it is there:
#
#   scripts/compose.sh v1        the path of Compose 1.29, Debian's docker-compose (installed if need be)
#   scripts/compose.sh v5        the path of a current stand-alone docker-compose (built by
#                                testbed/engine)
#   scripts/compose.sh plugin    a folder for DOCKER_CONFIG: with it, `docker compose` is the current
#                                one. The user's own ~/.docker is neither read nor written then.
#
# Ends with 0: it is there; 3: it can't be had, and why.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly ROOT
readonly UNAVAILABLE=3
readonly INSTALL_LIMIT=900
readonly ASK_LIMIT=30
# Not by PATH: there, a docker-compose of the user's may come first.
readonly DEBIAN_COMPOSE=/usr/bin/docker-compose

say() { printf 'compose: %s\n' "$*" >&2; }

unavailable() {
    say "$@"
    exit "$UNAVAILABLE"
}

is_root_on_debian() {
    # shellcheck source=/dev/null
    [ "$(id -u)" -eq 0 ] && [ -r /etc/os-release ] &&
        (. /etc/os-release && [[ " ${ID:-} ${ID_LIKE:-} " == *" debian "* ]])
}

install_debian_compose() {
    is_root_on_debian || unavailable "there is no $DEBIAN_COMPOSE, and only root on Debian can install it"
    say "installs the Debian package: docker-compose"
    timeout "$INSTALL_LIMIT" apt-get update -qq >&2 ||
        say "apt-get update failed; trying with the package lists at hand"
    DEBIAN_FRONTEND=noninteractive timeout "$INSTALL_LIMIT" apt-get install -y -qq \
        --no-install-recommends docker-compose </dev/null >&2 ||
        unavailable "can't install docker-compose: see the messages of apt-get above"
}

v1() {
    [ -x "$DEBIAN_COMPOSE" ] || install_debian_compose
    local version
    version=$(timeout "$ASK_LIMIT" "$DEBIAN_COMPOSE" version --short) ||
        unavailable "$DEBIAN_COMPOSE does not say its version"
    case "$version" in
    1.*) echo "$DEBIAN_COMPOSE" ;;
    *) unavailable "$DEBIAN_COMPOSE is Compose $version: newer releases of Debian have no Compose 1" ;;
    esac
}

built() {
    local folder
    folder=$("$ROOT/testbed/engine/build.sh") || exit
    echo "$folder/$1"
}

case "$*" in
v1) v1 ;;
v5) built bin/docker-compose ;;
plugin) built docker-config ;;
*)
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p;}' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
