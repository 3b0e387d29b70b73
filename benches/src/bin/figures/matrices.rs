//! The crash matrices, and what they find when a rule is broken.

use std::time::Instant;

use stillme_rollback_benches::memory::Acting;
use stillme_rollback_benches::{Result, docker, memory};
use stillme_rollback_core::testing::{CrashMatrix, MatrixReport, Model, Mutation};

use super::child::on_a_runtime;
use super::table::{Table, Times, grouped};

const ROUNDS: usize = 3;

pub(crate) fn take(table: &mut Table) -> Result<()> {
    let memory = on_a_runtime(memory::matrix(Acting::ById))?;
    whole(table, "two crashes", &on_a_runtime(docker::matrix())?);
    // It has twice the steps: two crashes would be fifty million cases.
    whole(table, "one crash", &on_a_runtime(docker::warm_swap())?.with_crashes(1));
    whole(table, "two crashes", &memory);
    ladder(table)
}

/// Every fault, and so many crashes.
fn whole<M: Model>(table: &mut Table, crashes: &str, matrix: &CrashMatrix<M>) {
    let mut times = Vec::new();
    let mut last = None;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        last = Some(matrix.run());
        times.push(began.elapsed());
    }
    let (Some(report), times) = (last, Times::new(times)) else { return };
    table.row(
        format!("Crash matrix of `{}`: every fault, {crashes}", report.strategy),
        "≥ 50,000 cases, 0 bad, < 10 s",
        format!("{}, {}", found(&report), times.seconds()),
        ROUNDS,
    );
}

fn found(report: &MatrixReport) -> String {
    format!("{} cases, {} bad", grouped(report.cases), grouped(report.bad))
}

/// One crash, with one rule after the other broken. The counts are the same whenever they are taken.
fn ladder(table: &mut Table) -> Result<()> {
    let memory = |acting| on_a_runtime(memory::matrix(acting));
    for (rule, report) in [
        ("no rule", memory(Acting::ById)?.with_crashes(1).run()),
        ("act by name", memory(Acting::ByName)?.with_crashes(1).run()),
        ("skip the intent", broken(memory(Acting::ById)?, Mutation::SkipIntent)),
        ("no settle sweep", broken(memory(Acting::ById)?, Mutation::NoSettle)),
        ("skip the intent", broken(on_a_runtime(docker::matrix())?, Mutation::SkipIntent)),
        ("no settle sweep", broken(on_a_runtime(docker::matrix())?, Mutation::NoSettle)),
    ] {
        let goal = if rule == "no rule" { "0 bad" } else { "> 0 bad" };
        let what = format!("Broken on purpose, `{}`, one crash: {rule}", report.strategy);
        table.row(what, goal, found(&report), 1);
    }
    Ok(())
}

fn broken<M: Model>(matrix: CrashMatrix<M>, mutation: Mutation) -> MatrixReport {
    matrix.with_crashes(1).with_mutation(mutation).run()
}
