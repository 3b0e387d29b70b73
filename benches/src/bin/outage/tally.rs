//! What the prober saw, in three figures, and the medians of many.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::stage::Case;
use super::ways::Way;

/// A good answer is whole within this time.
pub(crate) const GOOD: Duration = Duration::from_millis(150);

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Try {
    /// When it was made.
    pub(crate) at: Duration,
    /// Until its answer was whole or given up.
    pub(crate) took: Option<Duration>,
    /// Which version gave a good answer.
    pub(crate) version: Option<String>,
}

impl Try {
    pub(crate) fn is_good(&self) -> bool {
        self.version.is_some() && self.took.is_some_and(|took| took <= GOOD)
    }
}

/// What was seen of one replacement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// The longest time in which no request was made that was answered well.
    pub(crate) outage: Duration,
    /// The requests without a good answer.
    pub(crate) failed: usize,
    /// The good answers that took too long.
    pub(crate) slow: usize,
    /// Whether the request that was under way at the old one got its answer; `None` where there was none.
    pub(crate) under_way: Option<bool>,
}

impl Tally {
    pub(crate) fn of(tries: &[Try], from: Duration) -> Self {
        let inside: Vec<_> = tries.iter().filter(|one| one.at >= from).collect();
        let end = inside.last().map_or(from, |last| last.at);
        let mut tally = Self::default();
        let mut last_good = from;
        // Without a good one to end it, an outage lasts to the end.
        for good in inside.iter().filter(|one| one.is_good()).map(|one| one.at).chain([end]) {
            tally.outage = tally.outage.max(good.saturating_sub(last_good));
            last_good = good;
        }
        tally.failed = inside.iter().filter(|one| one.version.is_none()).count();
        tally.slow = inside.iter().filter(|one| one.version.is_some() && !one.is_good()).count();
        tally
    }
}

/// The tallies of each way to each case, sorted by their outage.
pub(crate) struct Figures(pub(crate) BTreeMap<(Case, Way), Vec<Tally>>);

impl Figures {
    pub(crate) fn of(taken: Vec<(Case, Way, Tally)>) -> Self {
        let mut figures: BTreeMap<_, Vec<Tally>> = BTreeMap::new();
        for (case, way, tally) in taken {
            figures.entry((case, way)).or_default().push(tally);
        }
        for tallies in figures.values_mut() {
            tallies.sort_by_key(|tally| tally.outage);
        }
        Self(figures)
    }

    /// The median outage in milliseconds.
    pub(crate) fn median(&self, case: Case, way: Way) -> Option<u128> {
        let tallies = self.0.get(&(case, way))?;
        Some(tallies.get(tallies.len() / 2)?.outage.as_millis())
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| case | way | outage, ms: median [min–max] | failed | slow | request under way | n |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|")?;
        for ((case, way), tallies) in &self.0 {
            let (least, most) = (tallies.first(), tallies.last());
            let millis = |tally: Option<&Tally>| tally.map_or(0, |tally| tally.outage.as_millis());
            let median = self.median(*case, *way).unwrap_or_default();
            writeln!(
                f,
                "| {case} | {way} | {median} [{}–{}] | {} | {} | {} | {} |",
                millis(least),
                millis(most),
                middle(tallies.iter().map(|tally| tally.failed).collect()),
                middle(tallies.iter().map(|tally| tally.slow).collect()),
                told(tallies),
                tallies.len()
            )?;
        }
        Ok(())
    }
}

/// How often the request that was under way was answered.
fn told(tallies: &[Tally]) -> String {
    let told: Vec<_> = tallies.iter().filter_map(|tally| tally.under_way).collect();
    match (told.iter().filter(|answered| **answered).count(), told.len()) {
        (_, 0) => "–".to_owned(),
        (answered, all) if answered == all => "answered".to_owned(),
        (0, _) => "cut".to_owned(),
        (answered, all) => format!("{answered} of {all} answered"),
    }
}

fn middle(mut counts: Vec<usize>) -> usize {
    counts.sort_unstable();
    counts.get(counts.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(at: u64, took: u64, version: Option<&str>) -> Try {
        Try {
            at: Duration::from_millis(at),
            took: Some(Duration::from_millis(took)),
            version: version.map(str::to_owned),
        }
    }

    #[test]
    fn an_outage_is_the_longest_time_without_a_good_request() {
        let tries = [
            seen(0, 1, Some("v2")),
            seen(10, 1, Some("v2")),
            seen(20, 3000, None),
            seen(30, 1000, Some("v1")),
            seen(60, 1, Some("v1")),
            seen(65, 1, Some("v1")),
        ];
        let tally = Tally::of(&tries, Duration::ZERO);
        assert_eq!(
            tally,
            Tally { outage: Duration::from_millis(50), failed: 1, slow: 1, under_way: None }
        );
    }

    #[test]
    fn what_never_comes_back_lasts_to_the_end() {
        let tries = [seen(0, 1, Some("v2")), seen(10, 1, None), seen(500, 1, None)];
        assert_eq!(Tally::of(&tries, Duration::ZERO).outage, Duration::from_millis(500));
    }
}
