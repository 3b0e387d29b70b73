use std::collections::HashMap;

use super::*;

fn config(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let variables: HashMap<&str, &str> = variables.iter().copied().collect();
    Config::from_variables(|name| variables.get(name).map(|value| (*value).to_owned()))
}

#[test]
fn defaults_are_a_well_behaved_service_on_8080() {
    let config = config(&[]).unwrap();
    assert_eq!(config.version, "dev");
    assert_eq!(config.address, "0.0.0.0:8080".parse().unwrap());
    assert_eq!(config.own_address(), "127.0.0.1:8080".parse().unwrap());
    assert_eq!(config.boot_delay, Duration::ZERO);
    assert_eq!(config.drain, Duration::ZERO);
    assert!(!config.ignore_sigterm && !config.deaf);
    assert_eq!(config.exit, None);
    assert_eq!(config.error_rate, ErrorRate::NONE);
    assert_eq!(config.unhealthy_after, None);
}

#[test]
fn every_knob_is_read() {
    let config = config(&[
        ("VERSION", "v2"),
        ("HOSTNAME", "4f6a"),
        ("HOST", "::1"),
        ("PORT", "9000"),
        ("TESTBED_BOOT_DELAY", "2s"),
        ("TESTBED_READY_DELAY", "3s"),
        ("TESTBED_DRAIN", "1m"),
        ("TESTBED_IGNORE_SIGTERM", "true"),
        ("TESTBED_EXIT_CODE", "42"),
        ("TESTBED_EXIT_AFTER", "5s"),
        ("TESTBED_ERROR_RATE", "0.25"),
        ("TESTBED_LATENCY", "150ms"),
        ("TESTBED_UNHEALTHY_AFTER", "0s"),
    ]);
    let expected = Config {
        version: "v2".into(),
        instance: "4f6a".into(),
        address: "[::1]:9000".parse().unwrap(),
        boot_delay: Duration::from_secs(2),
        ready_delay: Duration::from_secs(3),
        drain: Duration::from_secs(60),
        ignore_sigterm: true,
        deaf: false,
        exit: Some(Exit { code: 42, after: Duration::from_secs(5) }),
        error_rate: "0.25".parse().unwrap(),
        latency: Duration::from_millis(150),
        unhealthy_after: Some(Duration::ZERO),
    };
    assert_eq!(config, Ok(expected));
}

#[test]
fn either_setting_of_the_exit_is_enough() {
    let exit = |variables: &[(&str, &str)]| config(variables).unwrap().exit;
    let code = Exit { code: 3, after: Duration::ZERO };
    assert_eq!(exit(&[("TESTBED_EXIT_CODE", "3")]), Some(code));
    let after = Exit { code: 1, after: Duration::from_secs(2) };
    assert_eq!(exit(&[("TESTBED_EXIT_AFTER", "2s")]), Some(after));
}

#[test]
fn an_empty_value_counts_as_not_set() {
    assert_eq!(config(&[("TESTBED_EXIT_CODE", ""), ("PORT", "")]), config(&[]));
}

#[test]
fn wrong_values_are_named() {
    for (name, value) in [
        ("PORT", "70000"),
        ("PORT", "http"),
        ("HOST", "localhost"),
        ("TESTBED_BOOT_DELAY", "2"),
        ("TESTBED_BOOT_DELAY", "s"),
        ("TESTBED_BOOT_DELAY", "-1s"),
        ("TESTBED_LATENCY", "1.5s"),
        ("TESTBED_DRAIN", "99999999999999999999s"),
        ("TESTBED_DRAIN", "86401s"),
        ("TESTBED_READY_DELAY", "1h"),
        ("TESTBED_EXIT_AFTER", "soon"),
        ("TESTBED_UNHEALTHY_AFTER", "never"),
        ("TESTBED_IGNORE_SIGTERM", "1"),
        ("TESTBED_EXIT_CODE", "256"),
        ("TESTBED_ERROR_RATE", "1.5"),
    ] {
        let error = config(&[(name, value)]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{name}={value:?} can't be used")), "{error}");
    }
}
