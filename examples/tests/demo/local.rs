//! On the embedded platform: processes on loopback.

use rustix::process::Signal;
use tokio::net::TcpStream;

use crate::play::Play;

#[tokio::test]
async fn the_story_to_its_end() {
    let end = Play::begin("local").await.end().await;
    end.with(0, "Everything that this demo made is removed.");
    end.says(&[
        "embedded platform",
        "1. Version v1 serves",
        "requests to v2 have failed",
        "local/web back to v1",
        "ROLLED BACK local/web to v1",
        "Measured by the probe: longest outage",
        "local/web back to v0",
        "NOT ROLLED BACK",
        "What the failed version printed was kept",
        "exited with code 1",
        "Measured by the probe: longest outage",
        "v1 serves.",
    ]);
}

#[tokio::test]
async fn ended_by_a_signal_it_leaves_nothing_behind() {
    let mut play = Play::begin("local").await;
    let line = play.until("/ answers").await;
    let (url, _) = line.split_once("/ answers").unwrap();
    let address = url.strip_prefix("http://").unwrap();
    TcpStream::connect(address).await.unwrap();
    play.signal(Signal::TERM);
    play.end().await.with(143, "demo: SIGTERM: removes what it made");
    let gone = TcpStream::connect(address).await;
    assert!(gone.is_err(), "its service still answers at {address}");
}
