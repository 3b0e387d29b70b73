//! An sshd of a test's own, on loopback, with keys that were made for it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use stillme_rollback_docker::{DockerEnv, Endpoint};
use tempfile::TempDir;

use super::{real, script};

/// A running sshd, ended when dropped.
pub(crate) struct Server {
    folder: TempDir,
    port: u16,
    process: Child,
}

/// An sshd, or `None` if the test is to be left out. `PATH` of its sessions is what is given.
pub(crate) fn start(path: &str) -> Option<Server> {
    let Some(sshd) = find_sshd() else {
        let wanted = |name: &str| std::env::var(name).unwrap_or_default();
        assert!(
            wanted("CI") != "true" && wanted("STILLME_TEST_SSH") != "required",
            "no sshd: install openssh-server and openssh-client"
        );
        left_out();
        return None;
    };
    let folder = TempDir::new().unwrap();
    for key in ["host", "me", "stranger"] {
        make_key(&folder.path().join(key));
    }
    fs::copy(folder.path().join("me.pub"), folder.path().join("authorized")).unwrap();
    let port = real::free_port();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let config = format!(
        "ListenAddress 127.0.0.1:{port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\n\
         UsePAM no\nStrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
         PermitRootLogin prohibit-password\nMaxStartups 100\nSetEnv PATH={path}\n",
        at("host"),
        at("authorized")
    );
    fs::write(folder.path().join("sshd_config"), config).unwrap();
    let log = fs::File::create(folder.path().join("log")).unwrap();
    let process = Command::new(sshd)
        .args(["-D", "-e", "-f"])
        .arg(folder.path().join("sshd_config"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let server = Server { folder, port, process };
    server.until_it_answers();
    Some(server)
}

fn left_out() {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    let line = format!("LEFT OUT: {name}: no sshd: install openssh-server and openssh-client\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

fn find_sshd() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|folder| folder.join("sshd"))
        .find(|program| program.is_file())
}

fn make_key(path: &Path) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"])
        .arg(path)
        .stdin(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success());
}

fn user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

impl Server {
    fn until_it_answers(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        let limit = Duration::from_secs(2);
        loop {
            let mut banner = [0; 4];
            if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
                stream.set_read_timeout(Some(limit)).unwrap();
                if stream.read_exact(&mut banner).is_ok() && &banner == b"SSH-" {
                    return;
                }
            }
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap();
            assert!(Instant::now() < deadline, "sshd does not answer: {log}");
            std::thread::yield_now();
        }
    }

    /// The way through this server to the socket at `path`, by default the one that the docker command
    /// over there finds.
    pub(crate) fn endpoint(&self, path: &str) -> Endpoint {
        self.endpoint_with(path, "me", "host")
    }

    /// The same with another key of ours, or another one known as the server's.
    pub(crate) fn endpoint_with(&self, path: &str, key: &str, known: &str) -> Endpoint {
        let folder = self.folder.path();
        let host_key = fs::read_to_string(folder.join(format!("{known}.pub"))).unwrap();
        let name = format!("{key}-{known}");
        let hosts = folder.join(format!("{name}.hosts"));
        fs::write(&hosts, format!("[127.0.0.1]:{} {host_key}", self.port)).unwrap();
        let config = folder.join(format!("{name}.config"));
        let text = format!(
            "IdentityFile {}\nIdentitiesOnly yes\nIdentityAgent none\nUserKnownHostsFile {}\n\
             GlobalKnownHostsFile none\nStrictHostKeyChecking yes\n",
            folder.join(key).display(),
            hosts.display()
        );
        fs::write(&config, text).unwrap();
        let line = format!("exec ssh -F '{}' \"$@\"\n", config.display());
        let program = script::write(folder, &format!("{name}.ssh"), &line);
        let mut env = DockerEnv::default();
        env.host = Some(format!("ssh://{}@127.0.0.1:{}{path}", user(), self.port));
        match Endpoint::resolve(&env).unwrap() {
            Endpoint::Ssh(at) => Endpoint::Ssh(at.with_program(program)),
            other => panic!("{other} is no ssh endpoint"),
        }
    }

    /// Ends it. What was made for it stays until this is dropped.
    pub(crate) fn stop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
