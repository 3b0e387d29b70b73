#!/usr/bin/env bash
# A Docker engine for the tests and the demo: uses the one that answers, and only where there is
# none installs and starts one. Stops nothing but what it started.
#
#   scripts/engine.sh up       exit 0: an engine answers; 3: none can be had, and why
#   scripts/engine.sh down     stops the engine that `up` started; any other is left alone
#   scripts/engine.sh status   exit 0: an engine answers; 3: none does
set -euo pipefail

readonly UNAVAILABLE=3
readonly START_LIMIT=60
readonly STOP_LIMIT=60
readonly INSTALL_LIMIT=900
readonly SOCKET=/var/run/docker.sock
readonly PID_FILE=/var/run/docker.pid
readonly CONTAINERD_PID_FILE=/var/run/docker/containerd/containerd.pid

say() { printf 'engine: %s\n' "$*" >&2; }

unavailable() {
    say "$@"
    exit "$UNAVAILABLE"
}

# Outside the work tree: a clean checkout must still know what it started.
state_dir() {
    if [ -n "${XDG_STATE_HOME:-}" ]; then
        echo "$XDG_STATE_HOME/stillme-rollback-testbed"
    elif [ "$(id -u)" -eq 0 ]; then
        echo /var/lib/stillme-rollback-testbed
    else
        echo "${HOME:?}/.local/state/stillme-rollback-testbed"
    fi
}

# --- what is there -------------------------------------------------------------------------

has() { command -v "$1" >/dev/null 2>&1; }

# The version of the engine that the docker command talks to, by DOCKER_HOST or its context.
server_version() {
    has docker || return 1
    local version
    version=$(timeout 15 docker version --format '{{.Server.Version}}' 2>/dev/null) || return 1
    [ -n "$version" ] && echo "$version"
}

answers() { server_version >/dev/null; }

# Where the docker command looks for an engine.
endpoint() {
    local from_context=
    if [ -n "${DOCKER_HOST:-}" ]; then
        echo "$DOCKER_HOST"
        return
    fi
    if has docker; then
        from_context=$(timeout 15 docker context inspect \
            --format '{{.Endpoints.docker.Host}}' 2>/dev/null) || from_context=
    fi
    echo "${from_context:-unix://$SOCKET}"
}

is_default_endpoint() {
    case "$(endpoint)" in
    "unix://$SOCKET" | unix:///run/docker.sock) return 0 ;;
    *) return 1 ;;
    esac
}

# A process that has ended but was not yet collected counts as gone.
is_running() {
    local name=$1 pid=$2
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$name" ] && [ "$(state_of "$pid")" != Z ]
}

is_dockerd() { is_running dockerd "$1"; }

# The fields of /proc/PID/stat behind the command's name, which may hold spaces: state is the first.
fields_of() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null; }

state_of() { fields_of "$1" | cut -d ' ' -f 1; }

# A pid alone can be taken over by another process; with its start time and the boot it can't.
identity_of() {
    local started
    started=$(fields_of "$1" | cut -d ' ' -f 20)
    [ -n "$started" ] && echo "$1 $started $(cat /proc/sys/kernel/random/boot_id)"
}

running_dockerd() {
    local comm pid
    for comm in /proc/[0-9]*/comm; do
        pid=${comm#/proc/}
        pid=${pid%/comm}
        if is_dockerd "$pid"; then
            echo "$pid"
            return 0
        fi
    done
    return 1
}

# The pid of the engine that we started and that still runs.
our_pid() {
    local record pid
    record=$(cat "$STATE/engine" 2>/dev/null) || return 1
    pid=${record%% *}
    is_dockerd "$pid" && [ "$(identity_of "$pid")" = "$record" ] && echo "$pid"
}

is_debian() {
    # shellcheck source=/dev/null
    [ -r /etc/os-release ] && (. /etc/os-release && [[ " ${ID:-} ${ID_LIKE:-} " == *" debian "* ]])
}

# --- up --------------------------------------------------------------------------------------

install_packages() {
    say "installs the Debian packages: $*"
    if ! timeout "$INSTALL_LIMIT" apt-get update -qq >&2; then
        say "apt-get update failed; trying with the package lists at hand"
    fi
    DEBIAN_FRONTEND=noninteractive timeout "$INSTALL_LIMIT" \
        apt-get install -y -qq --no-install-recommends "$@" </dev/null >&2 ||
        unavailable "can't install $*: see the messages of apt-get above"
}

install_engine() {
    local packages=()
    has dockerd || packages+=(docker.io)
    has iptables || packages+=(iptables)
    if [ ${#packages[@]} -gt 0 ]; then
        install_packages "${packages[@]}"
    fi
    # Newer releases of Debian ship the command in a package of its own.
    has docker || install_packages docker-cli
}

# After a kill or a crash: dockerd refuses to start when any process at all has the pid in its own
# file, and waits in vain for its containerd when one has the pid in containerd's.
remove_stale_pid_file() {
    local file=$1 name=$2 pid
    pid=$(cat "$file" 2>/dev/null) || return 0
    if ! is_running "$name" "$pid"; then
        say "removes the stale $file: its process $pid is no running $name"
        rm -f "$file"
    fi
}

# Waits until an engine answers. $1 is the dockerd that should come up.
wait_for_answer() {
    local pid=$1 deadline=$((SECONDS + START_LIMIT))
    until answers; do
        is_dockerd "$pid" || return 1
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.2
    done
}

start_engine() {
    local log=$STATE/dockerd.log pid
    remove_stale_pid_file "$PID_FILE" dockerd
    remove_stale_pid_file "$CONTAINERD_PID_FILE" containerd
    say "starts dockerd (log: $log)"
    # A session of its own, so that neither Ctrl-C nor the end of this terminal reaches it; without
    # the lock, which it would hold for as long as it lives.
    setsid dockerd --host "unix://$SOCKET" --pidfile "$PID_FILE" \
        >"$log" 2>&1 </dev/null 9>&- &
    pid=$!
    wait_for_exec "$pid"
    identity_of "$pid" >"$STATE/engine" || true
    if ! wait_for_answer "$pid"; then
        tail -n 15 "$log" >&2
        stop "$pid" || true
        unavailable "dockerd ended, or did not answer within $START_LIMIT s: the end of its log is above"
    fi
    say "engine $(server_version) answers; stop it with: scripts/engine.sh down"
}

# Between fork and exec the process is still called bash or setsid.
wait_for_exec() {
    local deadline=$((SECONDS + 5))
    until is_dockerd "$1" || [ ! -e "/proc/$1" ] || [ "$SECONDS" -ge "$deadline" ]; do
        sleep 0.05
    done
}

up() {
    local pid
    if answers; then
        say "uses the engine $(server_version) at $(endpoint)"
        return
    fi
    is_default_endpoint ||
        unavailable "no engine answers at $(endpoint); none is started for an address that was chosen by DOCKER_HOST or a context"
    if pid=$(running_dockerd); then
        has docker || unavailable "dockerd runs (pid $pid), but there is no docker command"
        say "dockerd runs already (pid $pid): waits for it"
        wait_for_answer "$pid" ||
            unavailable "dockerd (pid $pid) does not answer at $(endpoint) within $START_LIMIT s; a second one beside it would break its network"
        say "uses the engine $(server_version) at $(endpoint)"
        return
    fi
    [ "$(uname -s)" = Linux ] || unavailable "no engine answers; start Docker and try again"
    [ "$(id -u)" -eq 0 ] ||
        unavailable "no engine answers at $(endpoint), and only root can start one; start one or set DOCKER_HOST"
    if ! { has docker && has dockerd && has iptables; }; then
        is_debian || unavailable "no engine answers, and this is not Debian: install and start Docker, or set DOCKER_HOST"
        install_engine
    fi
    # Under systemd the package has started its service by now.
    if pid=$(running_dockerd); then
        wait_for_answer "$pid" || unavailable "dockerd (pid $pid) does not answer at $(endpoint)"
        say "uses the engine $(server_version) that the package started"
        return
    fi
    start_engine
}

# --- down and status ---------------------------------------------------------------------------

stop() {
    local pid=$1 deadline=$((SECONDS + STOP_LIMIT))
    kill -TERM "$pid" 2>/dev/null || true
    while is_dockerd "$pid"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.2
    done
    rm -f "$STATE/engine"
}

down() {
    local pid
    if ! pid=$(our_pid); then
        rm -f "$STATE/engine"
        say "nothing to stop: no running engine was started by this script"
        return
    fi
    say "stops dockerd (pid $pid)"
    stop "$pid" || {
        say "dockerd (pid $pid) still runs after $STOP_LIMIT s; not killed, it may be stopping containers: try again"
        exit 1
    }
}

status() {
    local version pid
    if version=$(server_version); then
        echo "engine $version answers at $(endpoint)"
    else
        echo "no engine answers at $(endpoint)"
    fi
    if pid=$(our_pid); then
        echo "started by this script: dockerd, pid $pid, log $STATE/dockerd.log"
    else
        echo "not started by this script"
    fi
    [ -n "${version:-}" ] || exit "$UNAVAILABLE"
}

# Two calls at once must not start two engines.
locked() {
    mkdir -p "$STATE"
    exec 9>"$STATE/lock"
    flock -w $((START_LIMIT + INSTALL_LIMIT)) 9 || unavailable "another run of this script holds $STATE/lock"
    "$@"
}

STATE=$(state_dir)
readonly STATE

case "${1:-}" in
up) if answers; then up; else locked up; fi ;;
down) locked down ;;
status) status ;;
*)
    sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
