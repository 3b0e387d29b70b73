use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// How the two policies judge an address: `.` allowed, `m` metadata, `n` no unicast, `p` private.
fn judged(policy: &AddressPolicy, text: &str) -> char {
    match policy.check_host(&Host::Ip(ip(text))) {
        Ok(()) => '.',
        Err(Denied::Metadata(_)) => 'm',
        Err(Denied::NoUnicast(_)) => 'n',
        Err(Denied::Private(_)) => 'p',
        Err(Denied::MetadataName(_)) => 'N',
    }
}

#[test]
fn addresses_are_judged_also_inside_ipv6() {
    let (operator, public) = (AddressPolicy::default(), AddressPolicy::public_only());
    for (text, by_operator, by_public) in [
        ("93.184.216.34", '.', '.'),
        ("2606:2800:220:1::1", '.', '.'),
        ("127.0.0.1", '.', 'p'),
        ("127.255.255.254", '.', 'p'),
        ("0.0.0.0", '.', 'p'),
        ("10.0.0.7", '.', 'p'),
        ("172.17.0.2", '.', 'p'),
        ("172.32.0.1", '.', '.'),
        ("192.168.1.1", '.', 'p'),
        ("100.64.0.1", '.', 'p'),
        ("::1", '.', 'p'),
        ("::", '.', 'p'),
        ("fd12:3456::1", '.', 'p'),
        ("169.254.169.254", 'm', 'm'),
        ("169.254.0.1", 'm', 'm'),
        ("169.254.170.2", 'm', 'm'),
        ("169.253.255.255", '.', '.'),
        ("100.100.100.200", 'm', 'm'),
        ("192.0.0.192", 'm', 'm'),
        ("168.63.129.16", 'm', 'm'),
        ("fe80::1", 'm', 'm'),
        ("febf::1", 'm', 'm'),
        ("fd00:ec2::254", 'm', 'm'),
        ("fd20:ce::254", 'm', 'm'),
        // 169.254.169.254 mapped, compatible, translated, NAT64, 6to4, Teredo.
        ("::ffff:169.254.169.254", 'm', 'm'),
        ("::169.254.169.254", 'm', 'm'),
        ("::ffff:0:a9fe:a9fe", 'm', 'm'),
        ("64:ff9b::a9fe:a9fe", 'm', 'm'),
        ("2002:a9fe:a9fe::1", 'm', 'm'),
        ("2001:0:1:2:3:4:5601:5601", 'm', 'm'),
        ("::ffff:127.0.0.1", '.', 'p'),
        ("64:ff9b::10.0.0.1", '.', 'p'),
        ("::ffff:93.184.216.34", '.', '.'),
        ("224.0.0.1", 'n', 'n'),
        ("255.255.255.255", 'n', 'n'),
        ("240.0.0.1", 'n', 'n'),
        ("0.0.0.1", 'n', 'n'),
        ("ff02::1", 'n', 'n'),
        ("::ffff:224.0.0.1", 'n', 'n'),
    ] {
        assert_eq!(judged(&operator, text), by_operator, "{text}");
        assert_eq!(judged(&public, text), by_public, "{text}");
    }
}

#[test]
fn metadata_names_are_denied_and_others_wait_for_their_addresses() {
    let policy = AddressPolicy::default();
    for (name, fine) in [
        ("metadata.google.internal", false),
        ("METADATA.google.internal", false),
        ("metadata", false),
        ("instance-data", false),
        ("metadata.example.org", true),
        ("localhost", true),
    ] {
        let host = Host::parse(name).unwrap();
        assert_eq!(policy.check_host(&host).is_ok(), fine, "{name}");
    }
}

#[test]
fn what_is_allowed_for_a_check_is_allowed_and_nothing_else() {
    let policy = AddressPolicy::default()
        .allow(Host::parse("169.254.20.10").unwrap())
        .allow(Host::parse("metadata.google.internal").unwrap());
    assert_eq!(judged(&policy, "169.254.20.10"), '.');
    assert_eq!(judged(&policy, "169.254.20.11"), 'm');
    assert_eq!(judged(&policy, "::ffff:169.254.20.10"), 'm');
    let (own, other) =
        (Host::parse("metadata.google.internal").unwrap(), Host::parse("web.internal").unwrap());
    let metadata = vec![ip("169.254.169.254")];
    assert_eq!(policy.filter(&own, metadata.clone()), Ok(metadata.clone()));
    assert!(policy.filter(&other, metadata).is_err());
}

#[test]
fn of_several_addresses_only_the_good_ones_stay() {
    let policy = AddressPolicy::default();
    let host = Host::parse("web.internal").unwrap();
    let mixed = vec![ip("169.254.169.254"), ip("10.0.0.7"), ip("fe80::1")];
    assert_eq!(policy.filter(&host, mixed), Ok(vec![ip("10.0.0.7")]));
    let bad = vec![ip("169.254.169.254"), ip("fe80::1")];
    assert_eq!(policy.filter(&host, bad), Err(Denied::Metadata(ip("169.254.169.254"))));
    assert_eq!(policy.filter(&host, vec![]), Ok(vec![]));
}
