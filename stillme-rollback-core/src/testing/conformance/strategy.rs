//! The contract of [`Strategy`], as tests.

use crate::observation::Observation;
use crate::plan::Plan;
use crate::strategy::{Goal, PlanRefusal, Request, Strategy};

/// Checks that a strategy keeps its contract.
///
/// `request` is one that it can plan for what was observed, `already` one for the release that runs.
///
/// # Panics
/// If it does not.
pub fn check_strategy(
    strategy: &dyn Strategy,
    observation: &Observation,
    request: &Request,
    already: &Request,
) {
    let plan = planned(strategy, observation, request);
    obeys_the_laws(strategy, &plan);
    is_what_was_asked_for(observation, request, &plan);
    survives_storage(&plan);
    knows_what_runs(strategy, observation, already);
    // After other questions, so that a memory of them would show.
    is_pure(strategy, observation, request, &plan);
}

fn planned(strategy: &dyn Strategy, observation: &Observation, request: &Request) -> Plan {
    match strategy.plan(observation, request) {
        Ok(plan) => plan,
        Err(refusal) => panic!("a request that can be planned is refused: {}", chain(&refusal)),
    }
}

fn chain(refusal: &PlanRefusal) -> String {
    crate::error::chain(refusal).join(": ")
}

fn obeys_the_laws(strategy: &dyn Strategy, plan: &Plan) {
    if let Err(error) = plan.check() {
        panic!("the plan breaks a law: {error}");
    }
    assert_eq!(plan.strategy, strategy.name(), "the plan names its strategy");
    assert!(!plan.starts.is_empty(), "a plan says what it expects to find");
}

fn is_what_was_asked_for(observation: &Observation, request: &Request, plan: &Plan) {
    assert_eq!(plan.target, observation.target, "the plan is for what was observed");
    assert_eq!(Some(&plan.from), observation.running.as_ref(), "it comes from what runs");
    if let Goal::Release(to) = &request.to {
        assert_eq!(plan.to.version, to.version, "it goes where it was asked to go");
    }
    assert_eq!(plan.deadline(), request.deadline, "the deadline is the one that was asked for");
    assert_eq!(plan.on_inconclusive, request.on_inconclusive, "so is what an open verdict means");
    for check in &request.checks {
        assert!(plan.checks.contains(check), "the check `{}` is left out", check.title);
    }
}

fn survives_storage(plan: &Plan) {
    let read = serde_json::to_string(plan).and_then(|text| serde_json::from_str::<Plan>(&text));
    match read {
        Ok(read) => {
            assert_eq!(&read, plan, "a stored plan is the same plan");
            assert_eq!(read.fingerprint(), plan.fingerprint(), "with the same fingerprint");
        }
        Err(error) => panic!("a plan that can't be stored: {error}"),
    }
}

fn knows_what_runs(strategy: &dyn Strategy, observation: &Observation, already: &Request) {
    match strategy.plan(observation, already) {
        Err(PlanRefusal::AlreadyThere(_)) => {}
        Err(refusal) => panic!("AlreadyThere was expected, not: {}", chain(&refusal)),
        Ok(_) => panic!("AlreadyThere was expected, not a plan to go where it is"),
    }
}

fn is_pure(strategy: &dyn Strategy, observation: &Observation, request: &Request, plan: &Plan) {
    for _ in 0..3 {
        let again = planned(strategy, observation, request);
        assert_eq!(&again, plan, "the same observation and request give the same plan");
        assert_eq!(again.fingerprint(), plan.fingerprint(), "and the same fingerprint");
    }
}
