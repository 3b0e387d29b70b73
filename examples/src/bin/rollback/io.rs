//! What the tool has around it, as values: so that a test can be the terminal.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, IsTerminal as _, Write};
use std::path::PathBuf;

/// Where the tool reads and writes.
///
/// Whoever reads may go away (`| head`, a closed terminal); a run must not end because of that. So
/// writing never fails here.
pub(crate) struct Io {
    /// What was asked for: plans, reports, lists.
    out: Box<dyn Write + Send>,
    /// What happens meanwhile: progress, questions, errors.
    err: Box<dyn Write + Send>,
    /// Answers to questions.
    input: Box<dyn BufRead + Send>,
    /// Whether somebody can be asked.
    pub(crate) can_ask: bool,
    /// Whether progress can be drawn.
    pub(crate) can_draw: bool,
}

impl Io {
    /// The process's own streams.
    pub(crate) fn of_process() -> Self {
        let terminal = io::stderr().is_terminal();
        Self {
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
            input: Box::new(BufReader::new(io::stdin())),
            can_ask: terminal && io::stdin().is_terminal(),
            can_draw: terminal,
        }
    }

    /// Streams of a test: nobody is at the terminal unless there is an answer.
    #[cfg(test)]
    pub(crate) fn of_test(out: impl Write + Send + 'static, answer: &'static str) -> Self {
        Self {
            out: Box::new(out),
            err: Box::new(io::sink()),
            input: Box::new(answer.as_bytes()),
            can_ask: !answer.is_empty(),
            can_draw: false,
        }
    }

    /// Writes what was asked for.
    pub(crate) fn say(&mut self, text: impl std::fmt::Display) {
        let _ = writeln!(self.out, "{text}");
        let _ = self.out.flush();
    }

    /// Writes what happens meanwhile.
    pub(crate) fn note(&mut self, text: impl std::fmt::Display) {
        let _ = writeln!(self.err, "{text}");
    }

    /// Asks and reads one line. `None` at the end of the input.
    pub(crate) fn ask(&mut self, question: &str) -> Option<String> {
        let _ = write!(self.err, "{question} ");
        let _ = self.err.flush();
        let mut line = String::new();
        match self.input.read_line(&mut line) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(line.trim().to_owned()),
        }
    }
}

/// What the environment says, read in one place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Surroundings {
    /// Whether the tool runs as root.
    pub(crate) is_root: bool,
    /// `XDG_STATE_HOME`.
    pub(crate) state_home: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`.
    pub(crate) runtime_dir: Option<PathBuf>,
    /// `HOME`.
    pub(crate) home: Option<PathBuf>,
    /// Who is at the keyboard, for the journal.
    pub(crate) user: String,
}

impl Surroundings {
    /// The process's own.
    pub(crate) fn of_process() -> Self {
        let uid = rustix::process::geteuid();
        let set = |name| std::env::var_os(name).filter(|value: &OsString| !value.is_empty());
        let user = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(set);
        Self {
            is_root: uid.is_root(),
            state_home: set("XDG_STATE_HOME").map(PathBuf::from),
            runtime_dir: set("XDG_RUNTIME_DIR").map(PathBuf::from),
            home: set("HOME").map(PathBuf::from),
            user: match user {
                Some(user) => user.to_string_lossy().into_owned(),
                None if uid.is_root() => "root".to_owned(),
                None => format!("user {}", uid.as_raw()),
            },
        }
    }
}
