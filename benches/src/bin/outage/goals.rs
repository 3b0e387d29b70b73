//! What the outages are measured against. A goal that is missed is said; it fails nothing.

use std::fmt;

use super::stage::Case;
use super::tally::{Figures, Tally};
use super::ways::Way;

/// A median outage may be at most so much of another one.
struct Ratio {
    case: Case,
    way: Way,
    limit: f64,
    of: Way,
}

/// The goals on one engine, with what was measured.
pub(crate) struct Goals<'a> {
    pub(crate) figures: &'a Figures,
    /// Whether the engine announces a new container's address: then also the guide's way lasts no second.
    pub(crate) announces: bool,
}

impl Goals<'_> {
    fn ratios(&self) -> [Ratio; 6] {
        let ratio = |case, way, limit, of| Ratio { case, way, limit, of };
        [
            ratio(Case::Quick, Way::CreateFirst, 1.1, Way::RawCreateFirst),
            ratio(Case::Slow, Way::CreateFirst, 1.1, Way::RawCreateFirst),
            ratio(Case::Quick, Way::WarmSwap, 1.15, Way::RawWarmSwap),
            ratio(Case::Slow, Way::WarmSwap, 1.15, Way::RawWarmSwap),
            ratio(Case::Quick, Way::WarmSwap, if self.announces { 0.6 } else { 0.3 }, Way::Guide),
            ratio(Case::Slow, Way::WarmSwap, 0.2, Way::Guide),
        ]
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of an outage are few")]
fn quotient(part: u128, whole: u128) -> f64 {
    part as f64 / whole.max(1) as f64
}

const fn yes_or_no(holds: bool) -> &'static str {
    if holds { "yes" } else { "NO" }
}

const fn failed(tally: &Tally) -> usize {
    tally.failed
}

const fn failed_or_slow(tally: &Tally) -> usize {
    tally.failed + tally.slow
}

impl fmt::Display for Goals<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| goal | measured | holds |")?;
        writeln!(f, "|---|---|---|")?;
        for Ratio { case, way, limit, of } in self.ratios() {
            let medians = self.figures.median(case, way).zip(self.figures.median(case, of));
            let Some((part, whole)) = medians else { continue };
            let measured = quotient(part, whole);
            let holds = yes_or_no(measured <= limit);
            writeln!(f, "| {case}: {way} ≤ {limit} × {of} | {measured:.2} | {holds} |")?;
        }
        for (case, way, bad) in [
            (Case::Broken, Way::WarmSwap, failed as fn(&Tally) -> usize),
            (Case::Quick, Way::BehindProxy, failed_or_slow),
            (Case::Slow, Way::BehindProxy, failed_or_slow),
            (Case::Broken, Way::BehindProxy, failed_or_slow),
        ] {
            let Some(tallies) = self.figures.0.get(&(case, way)) else { continue };
            let count: usize = tallies.iter().map(bad).sum();
            let holds = yes_or_no(count == 0);
            writeln!(f, "| {case}: {way} costs no request | {count} | {holds} |")?;
        }
        Ok(())
    }
}
