//! Starts the service as a process of its own and talks to it over loopback.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// No single wait of these tests takes longer.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// The command that runs the service with these variables and no others.
fn command(variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_testbed-service"));
    command.env_clear().env("HOST", "127.0.0.1").env("PORT", "0");
    command.envs(variables.iter().copied());
    command
}

/// What a process left behind.
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs it to an end that it must come to by itself.
pub(crate) fn run(variables: &[(&str, &str)], arguments: &[&str]) -> Finished {
    let mut command = command(variables);
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = Process(command.spawn().unwrap());
    let stdout = collect(process.0.stdout.take().unwrap());
    let stderr = collect(process.0.stderr.take().unwrap());
    let stdout = stdout.recv_timeout(LIMIT).expect("an end in time");
    let stderr = stderr.recv_timeout(LIMIT).expect("an end in time");
    Finished { code: process.0.wait().unwrap().code(), stdout, stderr }
}

fn collect(mut pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut text = String::new();
        pipe.read_to_string(&mut text).unwrap();
        // Nobody waits any more when the test has failed.
        let _ = sender.send(text);
    });
    receiver
}

/// Runs `testbed-service healthcheck PATH` against this address.
pub(crate) fn healthcheck(address: SocketAddr, path: &str) -> Finished {
    run(&[("PORT", &address.port().to_string())], &["healthcheck", path])
}

/// A process that ends with its test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that nobody listens on, below the range from which the kernel takes ports for clients:
/// within it, a client that tries a closed port can end up connected to itself.
pub(crate) fn free_port() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let start = 20_000 + (std::process::id() % 9_000) as u16;
    // Tests run at once: each number is tried by one of them only.
    std::iter::repeat_with(|| start + TAKEN.fetch_add(1, Ordering::Relaxed))
        .take_while(|port| *port < 30_000)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port below 30000")
}

/// A running service, killed when dropped.
pub(crate) struct Service {
    process: Process,
    lines: Receiver<String>,
}

impl Service {
    /// Starts it without waiting for anything.
    pub(crate) fn spawn(variables: &[(&str, &str)]) -> Self {
        let mut child = command(variables).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { process: Process(child), lines }
    }

    /// Starts it and waits until it listens.
    pub(crate) fn start(variables: &[(&str, &str)]) -> (Self, SocketAddr) {
        let service = Self::spawn(variables);
        let address = service.listening();
        (service, address)
    }

    pub(crate) fn listening(&self) -> SocketAddr {
        self.event("listening")["address"].as_str().unwrap().parse().unwrap()
    }

    /// Waits for the next line of the log, which must be this event.
    pub(crate) fn event(&self, name: &str) -> Value {
        let line = self.lines.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("no event {name}"));
        let event: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(event["event"], name, "{line}");
        event
    }

    /// Whether it has said nothing so far.
    pub(crate) fn is_silent(&self) -> bool {
        self.lines.try_recv().is_err()
    }

    /// Sends a signal by its name, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let (flag, pid) = (format!("-{name}"), self.process.0.id().to_string());
        let sent =
            Command::new("sh").args(["-c", "kill \"$1\" \"$2\"", "sh", &flag, &pid]).status();
        assert!(sent.unwrap().success(), "kill {flag} {pid}");
    }

    /// Waits until SIGTERM is caught: before that it would end the process by default.
    pub(crate) fn wait_for_signal_handlers(&self) {
        const SIGTERM: u64 = 1 << 14;
        let status = format!("/proc/{}/status", self.process.0.id());
        let until = Instant::now() + LIMIT;
        loop {
            let status = std::fs::read_to_string(&status).unwrap();
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
            if u64::from_str_radix(caught.trim(), 16).unwrap() & SIGTERM != 0 {
                return;
            }
            assert!(Instant::now() < until, "SIGTERM is never caught");
        }
    }

    /// Waits until the process has ended, by the end of its output, and gives its exit code.
    pub(crate) fn exit_code(mut self) -> Option<i32> {
        let until = Instant::now() + LIMIT;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return self.process.0.wait().unwrap().code();
                }
                Err(RecvTimeoutError::Timeout) => panic!("still running after {LIMIT:?}"),
            }
        }
    }

    pub(crate) fn threads(&self) -> usize {
        let tasks = format!("/proc/{}/task", self.process.0.id());
        std::fs::read_dir(tasks).unwrap().count()
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, LIMIT).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.set_write_timeout(Some(LIMIT)).unwrap();
    stream
}

/// One request on a connection of its own.
pub(crate) fn get(address: SocketAddr, path: &str) -> Answer {
    exchange(address, &format!("GET {path} HTTP/1.1\r\nConnection: close\r\n\r\n"))
}

/// Sends this and reads until the service closes.
pub(crate) fn exchange(address: SocketAddr, text: &str) -> Answer {
    let mut stream = connect(address);
    stream.write_all(text.as_bytes()).unwrap();
    finish(stream)
}

/// Reads the last answer of a connection.
pub(crate) fn finish(mut stream: TcpStream) -> Answer {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").expect("an answer with a head");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}
