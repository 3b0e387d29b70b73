use super::*;
use crate::url::HealthUrl;

fn request(url: &str, addresses: &[[u8; 4]]) -> HttpRequest {
    let addresses = addresses.iter().map(|ip| IpAddr::from(*ip)).collect();
    HttpRequest::new(HealthUrl::parse(url).unwrap(), addresses, 100)
}

#[tokio::test]
async fn a_literal_address_that_was_not_judged_is_not_asked() {
    let stray = request("http://169.254.169.254/", &[[10, 0, 0, 7]]);
    let answer = ReqwestTransport::new().get(stray).await;
    assert!(matches!(answer, Err(NoAnswer::OnThisSide(_))), "{answer:?}");
}

#[tokio::test]
async fn pins_answer_for_their_host_alone() {
    let pins = Pins { host: Host::parse("web").unwrap(), addresses: vec![[10, 0, 0, 7].into()] };
    let own: Vec<_> = pins.resolve("web".parse().unwrap()).await.unwrap().collect();
    assert_eq!(own, ["10.0.0.7:0".parse().unwrap()]);
    assert!(pins.resolve("evil".parse().unwrap()).await.is_err());
}

#[test]
fn a_client_is_kept_while_its_server_stays_the_same() {
    let transport = ReqwestTransport::new();
    let pinned = |transport: &ReqwestTransport| {
        let last = transport.last.lock().unwrap();
        last.as_ref().map(|pinned| pinned.addresses.clone())
    };
    transport.client(&request("http://web/a", &[[10, 0, 0, 7]])).unwrap();
    assert_eq!(pinned(&transport), Some(vec![[10, 0, 0, 7].into()]));
    transport.client(&request("http://web/b", &[[10, 0, 0, 8]])).unwrap();
    assert_eq!(pinned(&transport), Some(vec![[10, 0, 0, 8].into()]));
}

#[cfg(feature = "rustls")]
#[test]
fn a_file_without_certificates_is_refused() {
    assert!(ReqwestTransport::new().trusting(b"no PEM").is_err());
}
