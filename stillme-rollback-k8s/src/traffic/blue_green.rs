//! The strategy `blue-green`: a Service is pointed to the Deployment of the other colour, once that is ready.

use stillme_rollback_core::{
    Note, Observation, Phase, Plan, PlanRefusal, Request, Result, Step, StepId, StepKind, Strategy,
    Undo,
};

use super::found::Found;
use super::look::key;
use super::order::{Order, Pointer, Verb, Which};
use super::steps::{await_ready, check, frame, is, refused, scale};

/// Back to the other colour.
///
/// The Deployment of that colour gets as many pods as the one that serves, and is ready, before the Service is pointed
/// to it, only if it points where the plan found it. What served keeps running, so that the way back is one patch;
/// after the verdict it is scaled down if that was asked for.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct BlueGreen {
    scale_down: bool,
    despite_owner: bool,
}

impl BlueGreen {
    /// The strategy.
    pub const fn new() -> Self {
        Self { scale_down: false, despite_owner: false }
    }

    /// Scales the colour that served before to no pods, once the verdict is good.
    #[must_use]
    pub const fn scaling_down(mut self) -> Self {
        self.scale_down = true;
        self
    }

    /// Also where somebody takes it back by himself (Argo CD, Flux), which is refused otherwise.
    #[must_use]
    pub const fn despite_owner(mut self) -> Self {
        self.despite_owner = true;
        self
    }
}

impl Strategy for BlueGreen {
    fn name(&self) -> &'static str {
        "blue-green"
    }

    fn plan(&self, observation: &Observation, request: &Request) -> Result<Plan, PlanRefusal> {
        let mut found = Found::of(observation)?;
        check(&found, self.despite_owner)?;
        if self.scale_down {
            found.order.from.wanted = 0;
        }
        let order = found.order.clone();
        let Some(pointer) = &order.pointer else {
            return Err(refused("there is no Service to point elsewhere").into());
        };
        if order.to.wanted == 0 {
            return Err(
                refused("what serves has no pods, so there is nothing to take over from").into()
            );
        }
        let mut plan = frame(self.name(), observation, request, &found)?;
        plan.expected_outage = "none: requests under way end where they are".to_owned();
        plan.notes.push(Note::info(format!(
            "deployment/{} keeps its pods{}; the way back is the same command",
            order.from.name,
            if self.scale_down { " until the verdict" } else { "" }
        )));
        plan.starts = is(key::SERVICE, "from");
        plan.steps.extend(scale(&order, Which::To, Phase::Prepare)?);
        plan.steps.push(await_ready(&order, request.deadline)?);
        plan.steps.push(point(&order, pointer)?);
        plan.steps.push(Step::verdict(
            StepId::new("verdict")?,
            "see whether it works",
            request.deadline,
        ));
        if self.scale_down && !order.from.autoscaled {
            plan.steps.extend(scale(&order, Which::From, Phase::Commit)?);
        }
        plan.check()?;
        Ok(plan)
    }
}

fn point(order: &Order, pointer: &Pointer) -> Result<Step> {
    let Pointer { service, key, from, to, .. } = pointer;
    let patch = |value: &str| {
        format!(
            "kubectl --namespace {} patch service {service} --patch '{{\"spec\":{{\"selector\":{{\"{key}\":\"{value}\"}}}}}}'",
            order.namespace
        )
    };
    let step = Step::apply(
        StepId::new("point-service")?,
        Phase::Switch,
        StepKind::Observable,
        format!("point service/{service} to {key}={to} (deployment/{})", order.to.name),
        Verb::Point.action(),
    );
    Ok(step
        .expects(is(key::SERVICE, "from"))
        .makes(is(key::SERVICE, "to"))
        .undo(Undo::Restores(is(key::SERVICE, "from")))
        .by_hand(patch(to), Some(patch(from))))
}
