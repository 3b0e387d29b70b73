//! Whether a container's first process hears its stop signal.
//!
//! The kernel gives the first process of a PID namespace no signal that it does not handle. One that
//! handles none keeps serving until its grace period is over and it is killed: that time is lost.

use crate::names::ContainerId;

/// Whether the process with this number, on this machine, is the first one of this container and does not
/// handle the signal. `false` whenever that can't be told.
pub(crate) fn is_deaf(id: &ContainerId, pid: u64, signal: u32) -> bool {
    let read = |file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}"));
    let (Ok(groups), Ok(status)) = (read("cgroup"), read("status")) else { return false };
    // The engine may run on another machine, where the number means another process.
    groups.contains(id.as_str()) && ignores(&status, signal)
}

/// Whether `/proc/PID/status` is that of a first process which does not catch a signal.
fn ignores(status: &str, signal: u32) -> bool {
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.map(str::trim)
    };
    let is_first = field("NSpid:")
        .is_some_and(|pids| pids.split_whitespace().count() > 1 && pids.ends_with("\t1"));
    let caught = field("SigCgt:").and_then(|mask| u64::from_str_radix(mask, 16).ok());
    let bit = signal.checked_sub(1).filter(|bit| *bit < 64);
    match (is_first, caught, bit) {
        (true, Some(caught), Some(bit)) => caught >> bit & 1 == 0,
        _ => false,
    }
}

/// The number of a stop signal as images and users write it. `None` for one that is not known here.
pub(crate) fn signal_number(name: &str) -> Option<u32> {
    let name = name.strip_prefix("SIG").unwrap_or(name);
    match name {
        "" | "TERM" => Some(15),
        "HUP" => Some(1),
        "INT" => Some(2),
        "QUIT" => Some(3),
        "USR1" => Some(10),
        "USR2" => Some(12),
        "WINCH" => Some(28),
        // Nobody can be deaf to it.
        "KILL" | "9" => None,
        other => other.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_first_process_can_be_deaf() {
        let status =
            |pids: &str, caught: &str| format!("Name:\tx\nNSpid:\t{pids}\nSigCgt:\t{caught}\n");
        for (status, deaf) in [
            (status("4711\t1", "0000000000000000"), true),
            (status("4711\t1", "0000000000004000"), false),
            (status("4711\t1", "fffffffe7ffbfeff"), false),
            // With an init of the engine's, or in the namespace of the host, it is not the first.
            (status("4711\t7", "0000000000000000"), false),
            (status("4711", "0000000000000000"), false),
            (status("1", "0000000000000000"), false),
            ("Name:\tx\n".to_owned(), false),
        ] {
            assert_eq!(ignores(&status, 15), deaf, "{status}");
        }
    }

    #[test]
    fn signals_are_known_by_name_and_number() {
        for (name, number) in [
            ("", Some(15)),
            ("SIGTERM", Some(15)),
            ("INT", Some(2)),
            ("SIGQUIT", Some(3)),
            ("37", Some(37)),
            ("SIGKILL", None),
            ("SIGWHAT", None),
        ] {
            assert_eq!(signal_number(name), number, "{name}");
        }
    }
}
