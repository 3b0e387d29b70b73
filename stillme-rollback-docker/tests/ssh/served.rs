//! A real engine, a real sshd and a real `ssh`.

use std::time::Duration;

use serde_json::json;
use stillme_rollback_core::{Dial as _, Disposition, ErrorKind, Exec, Instance};
use stillme_rollback_docker::http::{Client, Limits};
use stillme_rollback_docker::{Endpoint, Engine as _, HttpEngine};

use super::{real, server};

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.connect_ssh = Duration::from_secs(30);
    limits
}

async fn engine(endpoint: Endpoint) -> HttpEngine {
    HttpEngine::new(Client::connect_to(endpoint, limits()).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_behind_ssh_is_the_engine() {
    let (Some(bed), Some(server)) = (real::testbed().await, server::start(PATH)) else { return };
    let Endpoint::Unix(socket) = bed.engine.endpoint().clone() else { return };
    let far = engine(server.endpoint(socket.to_str().unwrap())).await;
    assert_eq!(far.info().await.unwrap().id, bed.engine.info().await.unwrap().id);

    let (image, _) = bed.image("v1", &[]).await;
    let port = real::free_port();
    let mut body = bed.body(&image);
    body["ExposedPorts"] = json!({"8080/tcp": {}});
    body["HostConfig"]["PortBindings"] = json!({"8080/tcp": [{"HostPort": port.to_string()}]});
    let name = bed.name("web");
    let id = bed.create(&name, body).await;
    far.start_container(&id).await.unwrap();
    bed.until_listening(&id).await;

    let instance = Instance(id.to_string());
    let address = far.dial(&instance, 8080).await.unwrap();
    assert_eq!(address, format!("127.0.0.1:{port}").parse().unwrap());
    // Its output is a body that ends with the connection.
    let command = ["/service", "healthcheck", "/"].map(str::to_owned);
    let output = Exec::exec(&far, &instance, &command, Duration::from_secs(20)).await.unwrap();
    assert_eq!(output.code, 0, "{:?}", output.output.expose());
    let log = far.logs(&id, 50, 65_536).await.unwrap();
    assert!(String::from_utf8_lossy(log.expose()).contains("listening"));
    far.stop_container(&id, Duration::from_secs(5)).await.unwrap();
    assert_eq!(bed.inspect(&id).await["State"]["Running"], json!(false));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_at_once_each_have_their_own_way() {
    let (Some(bed), Some(server)) = (real::testbed().await, server::start(PATH)) else { return };
    let Endpoint::Unix(socket) = bed.engine.endpoint().clone() else { return };
    let far = engine(server.endpoint(socket.to_str().unwrap())).await;
    let id = bed.engine.info().await.unwrap().id;
    let asked: Vec<_> = (0..8)
        .map(|_| {
            let far = far.clone();
            tokio::spawn(async move { far.info().await.unwrap().id })
        })
        .collect();
    for answer in asked {
        assert_eq!(answer.await.unwrap(), id);
    }
}

#[tokio::test]
async fn a_key_that_is_not_known_on_either_side_is_an_error_at_once() {
    let Some(server) = server::start(PATH) else { return };
    for (key, known, says) in
        [("stranger", "host", "Permission denied"), ("me", "stranger", "verification failed")]
    {
        let endpoint = server.endpoint_with("", key, known);
        let error = Client::connect_to(endpoint, limits()).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.disposition()),
            (ErrorKind::Unavailable, Disposition::Retry)
        );
        assert!(error.to_string().contains(says), "{error}");
        assert!(error.hint().unwrap().contains("without a question"), "{error}");
    }
}

#[tokio::test]
async fn a_machine_without_docker_or_without_its_engine_is_said_to_be_one() {
    let Some(mut server) = server::start("/nonexistent") else { return };
    let error = Client::connect_to(server.endpoint(""), limits()).await.unwrap_err();
    assert_eq!(error.disposition(), Disposition::Permanent, "{error}");
    assert!(error.message().contains("no docker command over there"), "{error}");

    let endpoint = server.endpoint("");
    server.stop();
    let error = Client::connect_to(endpoint, limits()).await.unwrap_err();
    assert_eq!((error.kind(), error.disposition()), (ErrorKind::Unavailable, Disposition::Retry));
}

#[tokio::test]
async fn a_socket_with_nobody_behind_it_is_said_to_be_one() {
    let Some(server) = server::start(PATH) else { return };
    let endpoint = server.endpoint("/nonexistent/docker.sock");
    let error = Client::connect_to(endpoint, limits()).await.unwrap_err();
    assert_eq!(error.disposition(), Disposition::Retry, "{error}");
    assert!(error.to_string().contains("/nonexistent/docker.sock"), "{error}");
    assert!(error.hint().unwrap().contains("does the engine run over there"), "{error}");
}
