//! What the next one is told who wants a target that is held.

use std::time::{Duration, SystemTime};

use super::Holder;
use crate::error::{Error, ErrorKind};
use crate::printable::Printable;
use crate::target::Target;

impl Holder {
    /// The refusal that names this holder, where it stands, and what to do about it.
    ///
    /// Nobody ever has to unlock anything: a holder that lives finishes or obeys `abort`, and one that
    /// died does not hold.
    pub fn refusal(&self, target: &Target, now: SystemTime) -> Error {
        let run = self.run;
        let age = now.duration_since(self.since).unwrap_or_default();
        let step = match &self.step {
            Some(step) => format!("at step `{}`", Printable(step)),
            None => "before its first step".to_owned(),
        };
        Error::new(
            ErrorKind::Held,
            "take the target",
            format!("run {run} holds {target}, {step}, for {}", spoken(age)),
        )
        .with_context("pid", self.pid.to_string())
        .with_context("host", Printable(&self.host).to_string())
        .with_hint(format!(
            "nothing was touched; wait for it, or ask it to give up with `rollback abort {run}`; if its process is gone, go on with `rollback resume {run}`"
        ))
    }
}

/// A time as people say it: its two largest parts.
fn spoken(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RunId;

    #[test]
    fn a_refusal_says_who_where_and_what_to_do() {
        let since = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_442_709);
        let run = RunId::from_parts(since, 7);
        let mut holder = Holder::new(run, "host-1\n", since);
        holder.step = Some("stop-old\u{1b}".to_owned());
        let target = Target::new("docker", "E:1", "web").unwrap();
        let error = holder.refusal(&target, since + Duration::from_secs(185));
        assert_eq!(error.kind(), ErrorKind::Held);
        assert_eq!(
            error.to_string(),
            format!(
                "take the target: run {run} holds docker/web, at step `stop-old\\u{{1b}}`, for 3 min 5 s \
                 (pid {}, host: host-1\\u{{a}}); nothing was touched; wait for it, or ask it to give up \
                 with `rollback abort {run}`; if its process is gone, go on with `rollback resume {run}`",
                std::process::id()
            )
            .replace("(pid ", "(pid: ")
        );
    }

    #[test]
    fn times_are_said_in_their_two_largest_parts() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min 0 s"),
            (3_599, "59 min 59 s"),
            (3_660, "1 h 1 min"),
            (90_000, "1 d 1 h"),
        ] {
            assert_eq!(spoken(Duration::from_secs(seconds)), text);
        }
    }
}
