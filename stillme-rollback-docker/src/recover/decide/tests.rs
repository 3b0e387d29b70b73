use serde_json::json;

use super::*;
use crate::names::{ContainerId, ContainerName, ImageId};

fn id(n: u8) -> ContainerId {
    ContainerId::new(format!("{n:02x}").repeat(32)).unwrap()
}

fn name(text: &str) -> ContainerName {
    ContainerName::new(text).unwrap()
}

const SERVICE: &str = "web";
const WAITING: &str = "web.rbn-1a2b3c4d";
const ASIDE: &str = "web.rbo-1a2b3c4d";

fn seen(n: u8, called: &str, standing: Standing) -> Seen {
    Seen {
        id: id(n),
        name: name(called),
        image: ImageId::new(format!("sha256:{}", format!("{n:02x}").repeat(32))).unwrap(),
        image_name: format!("web:v{n}"),
        standing,
        policy: json!({"Name": "always"}),
        grace: 10,
        run: None,
        from: Some(id(2)),
        proxy: None,
        stands_in: false,
    }
}

fn left(waiting: &[Seen], service: Option<Seen>, old: Option<Seen>) -> Left {
    Left { name: name(SERVICE), waiting: waiting.to_vec(), service, old, beside: Vec::new() }
}

/// Every row of the table, with all standings of both containers.
#[test]
fn what_is_seen_decides() {
    use Standing::{Created, Doubtful, Down, Up};
    for new in [Created, Up, Doubtful, Down] {
        for old in [Created, Up, Doubtful, Down] {
            let waiting = [seen(1, WAITING, new)];
            // The old one has its name: nobody decided on the new one.
            let in_place = seen(2, SERVICE, old);
            let case = left(&waiting, Some(in_place.clone()), Some(in_place));
            assert_eq!(decide(&case, false).unwrap(), Decision::TakeBack, "{new:?} {old:?}");
            // The old one was put aside: a verdict had passed.
            let case = left(&waiting, None, Some(seen(2, ASIDE, old)));
            let expected = if new == Up { Decision::Finish } else { Decision::TakeBack };
            assert_eq!(decide(&case, false).unwrap(), expected, "{new:?} {old:?}");
            assert_eq!(decide(&case, true).unwrap(), Decision::TakeBack, "{new:?} {old:?}");
        }
        // What stands in for it is named as if it was put aside: nobody decided.
        let stand_in = Seen { stands_in: true, ..seen(2, ASIDE, Created) };
        let case = left(&[seen(1, WAITING, new)], None, Some(stand_in));
        let error = decide(&case, false).unwrap_err();
        assert!(error.to_string().contains("docker rename"), "{error}");
        // The name is somebody else's.
        let waiting = [seen(1, WAITING, new)];
        for old in [None, Some(seen(2, ASIDE, Down)), Some(seen(2, "web-old", Up))] {
            let case = left(&waiting, Some(seen(9, SERVICE, Up)), old);
            let error = decide(&case, false).unwrap_err();
            assert!(error.to_string().contains("somebody else deployed"), "{error}");
            assert!(error.to_string().contains("nothing was touched"), "{error}");
        }
        // The old one is gone: only a new one that runs is worth anything.
        let case = left(&waiting, None, None);
        assert_eq!(decide(&case, false).ok(), (new == Up).then_some(Decision::Finish), "{new:?}");
        assert!(decide(&case, true).is_err(), "there is nothing to go back to");
        // Renamed by hand.
        let case = left(&waiting, None, Some(seen(2, "web-old", Up)));
        assert!(decide(&case, false).unwrap_err().to_string().contains("docker rename"));
    }
}

#[test]
fn without_a_waiting_container_nothing_is_left() {
    let case = left(&[], Some(seen(2, SERVICE, Standing::Up)), None);
    assert_eq!(decide(&case, false).unwrap(), Decision::Nothing);
    let error = decide(&left(&[], None, None), false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn what_two_runs_left_is_for_a_person() {
    let two = [seen(1, WAITING, Standing::Up), seen(3, "web.rbn-99999999", Standing::Down)];
    let error = decide(&left(&two, None, None), false).unwrap_err();
    assert!(error.to_string().contains("web.rbn-99999999"), "{error}");
}

#[test]
fn what_a_run_did_to_dependents_is_for_a_person() {
    let old = seen(2, SERVICE, Standing::Down);
    let mut case = left(&[seen(1, WAITING, Standing::Up)], Some(old.clone()), Some(old));
    case.beside.push("sidecar.rbn-1a2b3c4d".to_owned());
    for back in [false, true] {
        let error = decide(&case, back).unwrap_err().to_string();
        assert!(error.contains("sidecar.rbn-1a2b3c4d"), "{error}");
        assert!(error.contains("nothing was touched") && error.contains("by hand"), "{error}");
    }
}

/// Who stops the one that has the traffic makes an outage, and only the proxy knows which one has.
#[test]
fn behind_a_proxy_nothing_that_may_have_traffic_is_stopped() {
    use Standing::{Created, Doubtful, Down, Up};
    for new in [Created, Up, Doubtful, Down] {
        let mut waiting = seen(1, WAITING, new);
        waiting.proxy = Some("kamal:kamal-proxy/web:80".to_owned());
        let in_place = seen(2, SERVICE, Up);
        let case = left(&[waiting.clone()], Some(in_place.clone()), Some(in_place));
        match decide(&case, false) {
            Ok(decision) => assert_eq!((new, decision), (Created, Decision::TakeBack)),
            Err(error) => {
                assert_ne!(new, Created);
                let text = error.to_string();
                assert!(
                    text.contains("kamal-proxy/web") && text.contains("nothing was touched"),
                    "{text}"
                );
            }
        }
        // A verdict had passed: the traffic is where it shall be.
        let case = left(&[waiting], None, Some(seen(2, ASIDE, Up)));
        assert_eq!(
            decide(&case, false).ok(),
            (new == Up)
                .then_some(Decision::Finish)
                .or((new == Created).then_some(Decision::TakeBack))
        );
        assert_eq!(decide(&case, true).is_ok(), new == Created, "{new:?}");
    }
}
