use std::time::Duration;

use serde_json::json;
use stillme_rollback_core::{
    Dial as _, ErrorKind, Exec as _, Instance, LogSource as _, ResourceSource as _,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::real::{free_port, testbed};

fn command(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[tokio::test]
async fn a_service_is_reached_in_all_four_ways() {
    let Some(bed) = testbed().await else { return };
    let (image, _) = bed.image("v1", &[]).await;
    let port = free_port();
    let mut body = bed.body(&image);
    body["ExposedPorts"] = json!({"8080/tcp": {}});
    body["HostConfig"]["PortBindings"] =
        json!({"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": port.to_string()}]});
    body["HostConfig"]["Memory"] = json!(64 << 20);
    let name = bed.name("web");
    let id = bed.run(&name, body).await;
    bed.until_listening(&id).await;
    for instance in [Instance(id.to_string()), Instance(name.to_string())] {
        let check = command(&["/service", "healthcheck", "/healthz"]);
        let ended = bed.engine.exec(&instance, &check, Duration::from_secs(20)).await.unwrap();
        assert_eq!(ended.code, 0, "{}", String::from_utf8_lossy(ended.output.expose()));

        let address = bed.engine.dial(&instance, 8080).await.unwrap();
        assert_eq!(address.to_string(), format!("127.0.0.1:{port}"));

        let log = bed.engine.last_lines(&instance, 10, 1024).await.unwrap();
        assert!(String::from_utf8_lossy(log.expose()).contains("listening"));
        assert_eq!(bed.engine.last_lines(&instance, 10, 5).await.unwrap().expose().len(), 5);

        let usage = bed.engine.usage(&instance).await.unwrap();
        assert_eq!(usage.memory_limit, Some(64 << 20));
        assert!(usage.memory > 0 && usage.memory < 64 << 20, "{usage:?}");
        assert!(usage.cpu > Duration::ZERO);
    }
}

#[tokio::test]
async fn a_command_that_fails_says_how() {
    let Some(bed) = testbed().await else { return };
    let (image, _) = bed.image("v1", &[]).await;
    let id = bed.run(&bed.name("web"), bed.body(&image)).await;
    bed.until_listening(&id).await;
    let instance = Instance(id.to_string());
    let bad = command(&["/service", "healthcheck", "/no-such-page"]);
    assert_eq!(bed.engine.exec(&instance, &bad, Duration::from_secs(20)).await.unwrap().code, 1);
    let missing = command(&["/no-such-program"]);
    let ended = bed.engine.exec(&instance, &missing, Duration::from_secs(20)).await;
    // By version of the engine an error or an exit code; never a success.
    assert!(ended.as_ref().map_or(true, |ended| ended.code != 0), "{ended:?}");
}

#[tokio::test]
async fn a_command_that_hangs_is_given_up() {
    let Some(bed) = testbed().await else { return };
    let (image, _) = bed.image("v1", &["ENV PORT=0"]).await;
    let id = bed.run(&bed.name("web"), bed.body(&image)).await;
    bed.until_listening(&id).await;
    // A second service in the container, on another port: it ends only with the container.
    let hangs = command(&["/service"]);
    let instance = Instance(id.to_string());
    let error = bed.engine.exec(&instance, &hangs, Duration::from_secs(2)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
}

/// Without a published port: by the container's own address, where the engine is on this machine.
#[tokio::test]
async fn a_port_that_is_not_published_is_reached_by_the_containers_address() {
    let Some(bed) = testbed().await else { return };
    if !bed.engine.endpoint().is_local() {
        return;
    }
    let (image, _) = bed.image("v1", &[]).await;
    let id = bed.run(&bed.name("web"), bed.body(&image)).await;
    bed.until_listening(&id).await;
    let address = bed.engine.dial(&Instance(id.to_string()), 8080).await.unwrap();
    assert!(!address.ip().is_loopback());
    let talk = async {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /healthz HTTP/1.0\r\nHost: x\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let answer = tokio::time::timeout(Duration::from_secs(10), talk).await.unwrap();
    assert!(answer.contains("200"), "{answer}");
}

#[tokio::test]
async fn what_does_not_run_has_no_usage_and_runs_no_command() {
    let Some(bed) = testbed().await else { return };
    let (image, _) = bed.image("v1", &[]).await;
    let instance = Instance(bed.create(&bed.name("web"), bed.body(&image)).await.to_string());
    assert_eq!(bed.engine.usage(&instance).await.unwrap_err().kind(), ErrorKind::Conflict);
    let check = command(&["/service"]);
    let error = bed.engine.exec(&instance, &check, Duration::from_secs(5)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    let error = bed.engine.dial(&instance, 8080).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    for bad in ["no-such-container", "../x", ""] {
        bed.engine.usage(&Instance(bad.to_owned())).await.unwrap_err();
    }
}

/// A terminal's output has no frames.
#[tokio::test]
async fn the_log_of_a_terminal_is_read_as_well() {
    let Some(bed) = testbed().await else { return };
    let (image, _) = bed.image("v1", &[]).await;
    let mut body = bed.body(&image);
    body["Tty"] = json!(true);
    let id = bed.run(&bed.name("web"), body).await;
    bed.until_listening(&id).await;
}
