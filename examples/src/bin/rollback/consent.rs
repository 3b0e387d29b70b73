//! Whether a plan may be run.

use stillme_rollback_core::{Error, ErrorKind, Fingerprint, Plan, Printable};

use crate::cli::Approval;
use crate::exit::{Failure, Outcome, read};
use crate::io::Io;

/// What the command line says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Consent {
    /// Nothing: somebody must be asked.
    Ask,
    /// Whatever the plan is.
    Given,
    /// To the plan with this fingerprint.
    To(Fingerprint),
}

impl Consent {
    /// What `--yes` and `--approve` mean together.
    pub(crate) fn of(approval: &Approval) -> Outcome<Self> {
        let fingerprint = approval.approve.as_deref().map(str::parse::<Fingerprint>).transpose();
        Ok(match (read(fingerprint)?, approval.yes) {
            (Some(fingerprint), _) => Self::To(fingerprint),
            (None, true) => Self::Given,
            (None, false) => Self::Ask,
        })
    }

    /// Goes on if the plan may be run; else the refusal.
    pub(crate) fn check(&self, io: &mut Io, plan: &Plan) -> Outcome<()> {
        let fingerprint = plan.fingerprint();
        match self {
            Self::Given => Ok(()),
            Self::To(approved) if *approved == fingerprint => Ok(()),
            Self::To(approved) => Err(refused(
                ErrorKind::Mismatch,
                &format!("the plan has fingerprint {fingerprint}, approved was {approved}"),
                "nothing was touched; look at the new plan above and approve that",
            )),
            Self::Ask if io.can_ask => {
                let task = match &plan.purpose {
                    Some(purpose) => Printable(&purpose.task).to_string(),
                    None => format!("take {} back to {}", plan.target, plan.to),
                };
                let answer = io.ask(&format!("{task}? [y/N]"));
                match answer.as_deref() {
                    Some("y" | "Y" | "yes" | "Yes" | "YES") => Ok(()),
                    _ => Err(refused(
                        ErrorKind::Rejected,
                        "the answer was not yes",
                        "nothing was touched",
                    )),
                }
            }
            Self::Ask => Err(refused(
                ErrorKind::Rejected,
                "there is no terminal to ask on, and neither --yes nor --approve",
                &format!(
                    "nothing was touched; `--approve {fingerprint}` runs exactly the plan above, `--yes` any plan"
                ),
            )),
        }
    }
}

fn refused(kind: ErrorKind, why: &str, hint: &str) -> Failure {
    Failure::before_run(Error::new(kind, "begin run", why).with_hint(hint))
}

#[cfg(test)]
mod tests {
    use stillme_rollback_core::{Release, Target, Version};

    use super::*;

    fn plan() -> Plan {
        let release = |id| Release::new(Version::new(id).unwrap());
        let target = Target::new("docker", "e", "web").unwrap();
        Plan::new("create-first", target, release("v2"), release("v1"))
    }

    #[test]
    fn nothing_runs_without_a_yes() {
        let right = Some(plan().fingerprint());
        let wrong = Some(Fingerprint::of_bytes(b"another plan"));
        for (yes, approve, answer, may) in [
            (true, None, "", true),
            (false, None, "", false),
            (false, None, "y\n", true),
            (false, None, "yes\n", true),
            (false, None, "\n", false),
            (false, None, "n\n", false),
            (false, None, "yellow\n", false),
            (false, right.clone(), "", true),
            (false, wrong.clone(), "", false),
            (true, wrong, "y\n", false),
            (true, right, "n\n", true),
        ] {
            let mut io = Io::of_test(std::io::sink(), answer);
            let approve = approve.as_ref().map(ToString::to_string);
            let approval = Approval { plan: false, yes, approve };
            let outcome = Consent::of(&approval).unwrap().check(&mut io, &plan());
            assert_eq!(outcome.is_ok(), may, "{approval:?} {answer:?}");
            if let Err(failure) = outcome {
                assert_eq!(failure.code, 13);
                assert!(failure.error.to_string().contains("nothing was touched"));
            }
        }
    }
}
