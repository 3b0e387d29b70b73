//! A real kamal-proxy before a test's services.
//!
//! `STILLME_TEST_KAMAL` names the folder that `testbed/proxy/build.sh` printed; without it what needs one is
//! left out.

#![allow(dead_code, reason = "each test program uses its part of it")]

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use stillme_rollback_docker::{ContainerId, ContainerName, Engine as _};

use crate::real::{Testbed, free_port, left_out};

/// The proxy, and the network on which it finds its services.
pub(crate) struct Kamal {
    pub(crate) id: ContainerId,
    pub(crate) name: ContainerName,
    /// Where it listens on loopback.
    pub(crate) port: u16,
    pub(crate) network: String,
}

/// No command of these tests takes longer.
const LIMIT: Duration = Duration::from_secs(20);

impl Kamal {
    /// Runs one, or says what is missing for it.
    pub(crate) async fn start(bed: &Testbed) -> Option<Self> {
        let Some(folder) = std::env::var_os("STILLME_TEST_KAMAL").map(PathBuf::from) else {
            left_out("STILLME_TEST_KAMAL is not set, see testbed/proxy");
            return None;
        };
        let program = |name: &str| std::fs::read(folder.join(name)).unwrap();
        let (kamal, cat) = (program("kamal-proxy"), program("cat"));
        let lines = [
            "COPY kamal-proxy cat /",
            "ENV PATH=/ HOME=/home/kamal-proxy XDG_RUNTIME_DIR=/",
            "ENTRYPOINT [\"/kamal-proxy\"]",
            "CMD [\"run\"]",
        ];
        let programs = [("kamal-proxy", kamal.as_slice()), ("cat", cat.as_slice())];
        let (image, _) = bed.image_of("proxy", &programs, &lines).await;
        let (network, port, name) = (bed.network("front").await, free_port(), bed.name("proxy"));
        let mut body = bed.body(&image);
        body["ExposedPorts"] = json!({"80/tcp": {}});
        body["HostConfig"] = json!({
            "NetworkMode": network,
            "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": port.to_string()}]},
        });
        let id = bed.run(&name, body).await;
        Some(Self { id, name, port, network })
    }

    /// Deploys a container as its service `web`, with settings that a deploy without them would forget.
    pub(crate) async fn deploy(&self, bed: &Testbed, container: &ContainerId) {
        let target = format!("--target={}:8080", container.short());
        let options =
            ["--host=localhost", "--health-check-path=/healthz", "--target-timeout=20s", &target];
        self.command(bed, &[&["deploy", "web"], &options[..]].concat()).await;
    }

    /// Runs its command until it succeeds: its socket is not there at once.
    pub(crate) async fn command(&self, bed: &Testbed, words: &[&str]) {
        self.run(bed, &[&["kamal-proxy"], words].concat()).await;
    }

    /// What it keeps of its services, but for where they point.
    pub(crate) async fn settings(&self, bed: &Testbed) -> Value {
        let path = "/home/kamal-proxy/.config/kamal-proxy/kamal-proxy.state";
        let state = self.run(bed, &["cat", path]).await;
        let mut state: Value = serde_json::from_slice(&state).unwrap();
        for service in state.as_array_mut().unwrap() {
            service.as_object_mut().unwrap().remove("active_targets");
        }
        state
    }

    async fn run(&self, bed: &Testbed, words: &[&str]) -> Vec<u8> {
        let command: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        let trying = async {
            loop {
                let ended = bed.engine.exec(&self.id, &command, LIMIT, 65_536).await.unwrap();
                if ended.code == 0 {
                    return ended.output.expose().clone();
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let ended = tokio::time::timeout(LIMIT, trying).await;
        ended.unwrap_or_else(|_| panic!("{words:?}"))
    }
}
