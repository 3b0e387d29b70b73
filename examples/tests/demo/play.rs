//! The demo at work.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{sleep, timeout};

/// The demo ends itself, by failing, before this.
const LIMIT: Duration = Duration::from_secs(200);
/// Building the service cold on two busy cores.
const BUILD_LIMIT: Duration = Duration::from_secs(600);
const CLEANING_LIMIT: Duration = Duration::from_secs(60);

/// A demo that was started. Told to end, so that it cleans up, if its test fails before it ends.
pub(crate) struct Play {
    child: Child,
    pid: Pid,
    out: Lines<BufReader<ChildStdout>>,
    seen: Vec<String>,
}

/// How it ended.
pub(crate) struct End {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Play {
    pub(crate) async fn begin(platform: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_demo"))
            .args(["--platform", platform])
            .env("STILLME_TESTBED_SERVICE", service().await)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = Pid::from_raw(child.id().unwrap().cast_signed()).unwrap();
        let out = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, pid, out, seen: Vec::new() }
    }

    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Waits for a line with this in it, and gives the line.
    pub(crate) async fn until(&mut self, text: &str) -> String {
        let reading = async {
            while let Some(line) = self.out.next_line().await.unwrap() {
                self.seen.push(line.clone());
                if line.contains(text) {
                    return line;
                }
            }
            panic!("it ended without `{text}`: {:#?}", self.seen);
        };
        timeout(LIMIT, reading).await.expect("it says so in time")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).unwrap();
    }

    /// Waits for its end.
    pub(crate) async fn end(&mut self) -> End {
        let mut stderr = self.child.stderr.take().unwrap();
        let ending = async {
            let mut err = String::new();
            let out = async {
                while let Some(line) = self.out.next_line().await.unwrap() {
                    self.seen.push(line);
                }
            };
            let (read, ()) = tokio::join!(stderr.read_to_string(&mut err), out);
            read.unwrap();
            (self.child.wait().await.unwrap(), err)
        };
        let (status, err) = timeout(LIMIT, ending).await.expect("it ends in time");
        End { code: status.code(), out: self.seen.join("\n"), err }
    }
}

impl Drop for Play {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        let _ = kill_process(self.pid, Signal::TERM);
        let child = &mut self.child;
        let cleaning = async {
            while matches!(child.try_wait(), Ok(None)) {
                sleep(Duration::from_millis(50)).await;
            }
        };
        // The test's own runtime may be the one that is being torn down.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let _ =
                    runtime.unwrap().block_on(async { timeout(CLEANING_LIMIT, cleaning).await });
            });
        });
        let _ = self.child.start_kill();
    }
}

impl End {
    /// Checks that it said these things in this order.
    #[track_caller]
    pub(crate) fn says(&self, lines: &[&str]) {
        let mut rest = self.out.as_str();
        for line in lines {
            let at = rest.find(line);
            let at = at.unwrap_or_else(|| panic!("`{line}` is missing in:\n{}", self.all()));
            rest = &rest[at + line.len()..];
        }
    }

    /// Checks its exit code and what it said at the end.
    #[track_caller]
    pub(crate) fn with(&self, code: i32, note: &str) {
        assert_eq!(self.code, Some(code), "{}", self.all());
        assert!(self.err.contains(note), "`{note}` is missing in:\n{}", self.all());
    }

    /// The outages that the probe measured, in ms.
    pub(crate) fn outages(&self) -> Vec<u64> {
        let mark = "Measured by the probe: longest outage ";
        let figures = self.out.lines().filter_map(|line| line.strip_prefix(mark));
        figures.map(|figure| ms(figure.split(';').next().unwrap())).collect()
    }

    fn all(&self) -> String {
        format!("{}\n{}", self.out, self.err)
    }
}

/// `35 ms` and `1.28 s`, in ms.
fn ms(span: &str) -> u64 {
    match span.split_once(' ').unwrap() {
        (number, "ms") => number.parse().unwrap(),
        (number, "s") => number.replace('.', "").parse::<u64>().unwrap() * 10,
        _ => panic!("`{span}` is no time"),
    }
}

/// The path of the static test service.
async fn service() -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/testbed-image.sh");
    let building = Command::new(script).arg("binary").kill_on_drop(true).output();
    let built = timeout(BUILD_LIMIT, building).await.unwrap().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    String::from_utf8(built.stdout).unwrap().trim().to_owned()
}
