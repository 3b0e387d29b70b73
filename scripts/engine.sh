#!/usr/bin/env bash
# Docker engines for the tests and the demo, one at a time: two would share `docker0` and the rules of
# the firewall. Stops nothing but what it started.
#
#   scripts/engine.sh up           uses the engine that answers; only where there is none, installs
#                                  and starts Debian's
#   scripts/engine.sh up current   builds (testbed/engine) and starts a current one with data of its
#                                  own, in the place of Debian's if this script started that; prints
#                                  its address for DOCKER_HOST, alone on stdout
#   scripts/engine.sh down         stops the engine that `up` started; any other is left alone
#   scripts/engine.sh crash        kills it with SIGKILL, and no other; says how it comes back, alone on stdout
#   scripts/engine.sh status       exit 0: an engine answers; 3: none does
#
# `up` ends with 0: the engine answers; 3: it can't be had, and why. `up` takes `up current` back.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly ROOT
readonly UNAVAILABLE=3
readonly START_LIMIT=60
readonly STOP_LIMIT=60
readonly INSTALL_LIMIT=900
readonly SOCKET=/var/run/docker.sock
# What the current engine has of its own while it runs. Short: containerd puts sockets below, and the
# path of one has at most 107 bytes.
readonly CURRENT_ROOT=/run/stillme-rollback-testbed
readonly CURRENT_HOST=unix://$CURRENT_ROOT/docker.sock

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

# The version of the engine at an address; without one, of that which the docker command talks to by
# DOCKER_HOST or its context.
server_version() {
    has docker || return 1
    local version
    version=$(timeout 15 docker ${1:+--host "$1"} version --format '{{.Server.Version}}' 2>/dev/null) ||
        return 1
    [ -n "$version" ] && echo "$version"
}

answers() { server_version "$@" >/dev/null; }

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

# A process that has ended but was not yet collected counts as gone, and so does one that is collected
# between the two looks.
is_running() {
    local name=$1 pid=$2 state
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$name" ] || return 1
    state=$(state_of "$pid")
    [ -n "$state" ] && [ "$state" != Z ]
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

# Where is kept which process is ours: of `debian` or `current`.
record_of() {
    case "$1" in
    debian) echo "$STATE/engine" ;;
    current) echo "$STATE/engine-current" ;;
    esac
}

log_of() {
    case "$1" in
    debian) echo "$STATE/dockerd.log" ;;
    current) echo "$STATE/dockerd-current.log" ;;
    esac
}

# The pid of the engine, `debian` or `current`, that we started and that still runs.
our_pid() {
    local record pid
    record=$(cat "$(record_of "$1")" 2>/dev/null) || return 1
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

# wait_for_answer PID [HOST]: until an engine answers. PID is the dockerd that should come up.
wait_for_answer() {
    local pid=$1 deadline=$((SECONDS + START_LIMIT))
    shift
    until answers "$@"; do
        is_dockerd "$pid" || return 1
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.2
    done
}

start_debian() { start debian "unix://$SOCKET" /var/run/docker.pid /var/run/docker dockerd; }

# It neither reads the machine's configuration nor touches the other engine's data.
start_current() {
    local bin=$1/bin
    mkdir -p "$CURRENT_ROOT"
    echo '{}' >"$CURRENT_ROOT/daemon.json"
    # Its runc before the machine's, which can be too old for it.
    PATH=$bin:$PATH start current "$CURRENT_HOST" "$CURRENT_ROOT/docker.pid" "$CURRENT_ROOT/exec" \
        "$bin/dockerd" --config-file "$CURRENT_ROOT/daemon.json" --data-root "$STATE/current" \
        --userland-proxy-path "$bin/docker-proxy"
}

# start debian|current HOST PID_FILE EXEC_ROOT COMMAND [OPTION...]
start() {
    local kind=$1 host=$2 pid_file=$3 exec_root=$4 log pid
    shift 4
    log=$(log_of "$kind")
    remove_stale_pid_file "$pid_file" dockerd
    remove_stale_pid_file "$exec_root/containerd/containerd.pid" containerd
    say "starts dockerd (log: $log)"
    # A session of its own, so that neither Ctrl-C nor the end of this terminal reaches it; without
    # the lock, which it would hold for as long as it lives.
    setsid "$@" --host "$host" --pidfile "$pid_file" --exec-root "$exec_root" \
        >"$log" 2>&1 </dev/null 9>&- &
    pid=$!
    wait_for_exec "$pid"
    identity_of "$pid" >"$(record_of "$kind")" || true
    if ! wait_for_answer "$pid" "$host"; then
        tail -n 15 "$log" >&2
        stop "$kind" "$pid" || true
        say "dockerd ended, or did not answer within $START_LIMIT s: the end of its log is above"
        return 1
    fi
    say "engine $(server_version "$host") answers at $host; stop it with: scripts/engine.sh down"
}

# Between fork and exec the process is still called bash or setsid.
wait_for_exec() {
    local deadline=$((SECONDS + 5))
    until is_dockerd "$1" || [ ! -e "/proc/$1" ] || [ "$SECONDS" -ge "$deadline" ]; do
        sleep 0.05
    done
}

# Two at once break each other's network, so one that we did not start rules the other out.
require_no_dockerd() {
    local pid
    if pid=$(running_dockerd); then
        unavailable "a dockerd runs (pid $pid) that this script did not start: it is left alone, and a second one beside it would break its network"
    fi
}

require_root() {
    [ "$(uname -s)" = Linux ] || unavailable "only on Linux an engine can be started; start Docker and try again"
    [ "$(id -u)" -eq 0 ] || unavailable "only root can start an engine; start one or set DOCKER_HOST"
}

require_packages() {
    if ! { has docker && has dockerd && has iptables; }; then
        is_debian || unavailable "this is not Debian: install and start Docker, or set DOCKER_HOST"
        install_engine
    fi
}

up() {
    local pid
    if answers; then
        say "uses the engine $(server_version) at $(endpoint)"
        return
    fi
    say "no engine answers at $(endpoint)"
    is_default_endpoint ||
        unavailable "none is started for an address that was chosen by DOCKER_HOST or a context"
    stop_ours current
    if pid=$(running_dockerd); then
        has docker || unavailable "dockerd runs (pid $pid), but there is no docker command"
        say "dockerd runs already (pid $pid): waits for it"
        wait_for_answer "$pid" ||
            unavailable "dockerd (pid $pid) does not answer at $(endpoint) within $START_LIMIT s; a second one beside it would break its network"
        say "uses the engine $(server_version) at $(endpoint)"
        return
    fi
    require_root
    require_packages
    # Under systemd the package has started its service by now.
    if pid=$(running_dockerd); then
        wait_for_answer "$pid" || unavailable "dockerd (pid $pid) does not answer at $(endpoint)"
        say "uses the engine $(server_version) that the package started"
        return
    fi
    start_debian || exit "$UNAVAILABLE"
}

# Before the lock is taken and anything is stopped: it takes minutes, and can fail.
build_current() {
    require_root
    our_pid debian >/dev/null || our_pid current >/dev/null || require_no_dockerd
    "$ROOT/testbed/engine/build.sh"
}

# up_current FOLDER: the one that was built there.
up_current() {
    local folder=$1 pid had_debian=
    if pid=$(our_pid current) && [ "/proc/$pid/exe" -ef "$folder/bin/dockerd" ] &&
        wait_for_answer "$pid" "$CURRENT_HOST"; then
        say "uses the engine $(server_version "$CURRENT_HOST") at $CURRENT_HOST"
        echo "$CURRENT_HOST"
        return
    fi
    require_packages
    stop_ours current
    if our_pid debian >/dev/null; then
        had_debian=yes
        stop_ours debian
    fi
    require_no_dockerd
    if ! start_current "$folder"; then
        [ -z "$had_debian" ] || start_debian || true
        exit "$UNAVAILABLE"
    fi
    echo "$CURRENT_HOST"
}

# --- down and status ---------------------------------------------------------------------------

# stop debian|current PID
stop() {
    local kind=$1 pid=$2 deadline=$((SECONDS + STOP_LIMIT))
    kill -TERM "$pid" 2>/dev/null || true
    while is_dockerd "$pid"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.2
    done
    forget "$kind"
}

# Of an engine that has ended, also of one that was killed.
forget() {
    local kind=$1
    if [ "$kind" = current ] && [ -e "$(record_of current)" ]; then
        remove_chains
    fi
    rm -f "$(record_of "$kind")"
}

# An engine leaves its chains in the firewall when it ends. Debian's does not know these names, so it
# would neither use nor remove them; another that runs by now may use them.
remove_chains() {
    local filter chains=(DOCKER-FORWARD DOCKER-BRIDGE DOCKER-CT DOCKER-INTERNAL) chain
    if running_dockerd >/dev/null; then
        return
    fi
    for filter in iptables ip6tables; do
        "$filter" -w 10 -D FORWARD -j DOCKER-FORWARD || true
        for chain in "${chains[@]}"; do
            "$filter" -w 10 -F "$chain" || true
        done
        for chain in "${chains[@]}"; do
            "$filter" -w 10 -X "$chain" || true
        done
    done 2>/dev/null
}

# Stops our engine of this kind if it runs.
stop_ours() {
    local kind=$1 pid
    if ! pid=$(our_pid "$kind"); then
        forget "$kind"
        return
    fi
    say "stops dockerd (pid $pid), and with it the containers on it"
    stop "$kind" "$pid" || {
        say "dockerd (pid $pid) still runs after $STOP_LIMIT s; not killed, it may be stopping containers: try again"
        exit 1
    }
}

down() {
    our_pid debian >/dev/null || our_pid current >/dev/null ||
        say "nothing to stop: no running engine was started by this script"
    stop_ours current
    stop_ours debian
}

# What a machine does to an engine that has gone wild, or out of memory.
crash() {
    local kind pid
    for kind in current debian; do
        pid=$(our_pid "$kind") || continue
        kill -KILL "$pid"
        while is_dockerd "$pid"; do
            sleep 0.01
        done
        say "killed dockerd (pid $pid)"
        case "$kind" in
        debian) echo up ;;
        current) echo up current ;;
        esac
        return
    done
    unavailable "no engine to kill: none runs that this script started"
}

status() {
    local version kind pid host answering='' ours=''
    if version=$(server_version); then
        answering=yes
        echo "engine $version answers at $(endpoint)"
    else
        echo "no engine answers at $(endpoint)"
    fi
    for kind in debian current; do
        if pid=$(our_pid "$kind"); then
            ours=yes
            host=unix://$SOCKET
            [ "$kind" = debian ] || host=$CURRENT_HOST
            answers "$host" && answering=yes
            echo "started by this script: dockerd at $host, pid $pid, log $(log_of "$kind")"
        fi
    done
    [ -n "$ours" ] || echo "not started by this script"
    [ -n "$answering" ] || exit "$UNAVAILABLE"
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

case "$*" in
up) if answers; then up; else locked up; fi ;;
"up current")
    folder=$(build_current) || exit
    locked up_current "$folder"
    ;;
down) locked down ;;
crash) locked crash ;;
status) status ;;
*)
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p;}' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
