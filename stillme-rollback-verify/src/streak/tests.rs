use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Plays a row of tries, one a second: `g` good, `b` bad, `?` blind. The decision, or the conclusion
/// after the last, and how many tries it took.
fn play(cadence: Cadence, tries: &str) -> (Decision, usize) {
    let mut streak = Streak::new(cadence);
    let mut elapsed = Duration::ZERO;
    for (index, c) in tries.chars().enumerate() {
        elapsed += SECOND;
        let sight = match c {
            'g' => Sight::Good(String::from("200 in 1 ms")),
            'b' => Sight::Bad(String::from("503")),
            _ => Sight::Blind(String::from("out of files")),
        };
        if let Some(decision) = streak.take(sight, elapsed) {
            return (decision, index + 1);
        }
    }
    (streak.conclude(elapsed), tries.len())
}

#[test]
fn the_row_decides() {
    use Outcome::{Fail, Inconclusive, Pass};
    let plain = Cadence::default();
    for (tries, outcome, after, proven) in [
        ("", Inconclusive, 0, None),
        ("ggg", Pass, 3, Some(3)),
        ("gggb", Pass, 3, Some(3)),
        ("gg", Inconclusive, 2, None),
        // Booting: the first good one only ends the wait.
        ("bbbggg", Pass, 6, Some(2)),
        ("bbbgg", Inconclusive, 5, None),
        ("bbbb", Fail, 4, None),
        ("b", Fail, 1, None),
        // Flapping: passes in the end, and proves nothing.
        ("gbggbggg", Pass, 8, None),
        ("gbgbgb", Fail, 6, None),
        ("gbgbgg", Fail, 6, None),
        ("ggb", Fail, 3, None),
        // What tells nothing counts for neither side.
        ("???", Inconclusive, 3, None),
        ("g?g?g", Pass, 5, Some(3)),
        ("b?", Fail, 2, None),
        ("?gg", Inconclusive, 3, None),
    ] {
        let (decision, took) = play(plain, tries);
        assert_eq!(
            (decision.outcome, took, decision.proof.map(|proof| proof.n)),
            (outcome, after, proven),
            "{tries:?}: {}",
            decision.evidence
        );
    }
}

#[test]
fn fail_after_decides_sooner_once_the_service_was_good_or_had_time_to_boot() {
    let hasty = Cadence::default().fail_after(2);
    for (grace, tries, outcome, after) in [
        (5, "bbbbbbbb", Outcome::Fail, 5),
        (100, "bbbbbbbb", Outcome::Fail, 8),
        (100, "gbbggg", Outcome::Fail, 3),
        (100, "gbgbggg", Outcome::Pass, 7),
        (100, "gb?bggg", Outcome::Fail, 4),
        (5, "bbbbggg", Outcome::Pass, 7),
    ] {
        let (decision, took) = play(hasty.boot_grace(SECOND * grace), tries);
        assert_eq!((decision.outcome, took), (outcome, after), "{tries:?}");
    }
}

#[test]
fn one_success_can_be_enough() {
    let (decision, took) = play(Cadence::default().successes(1), "bg");
    assert_eq!((decision.outcome, took), (Outcome::Pass, 2));
    assert_eq!(decision.proof, None, "the one good try ended the wait");
}

#[test]
fn the_evidence_tells_the_story() {
    for (tries, evidence) in [
        ("ggg", "200 in 1 ms; 3 good in a row"),
        ("bbggg", "200 in 1 ms; 3 good in a row after 2 bad while it came up"),
        (
            "gbggg",
            "200 in 1 ms; 3 good in a row; but 1 of 5 went bad before, so this proves little",
        ),
        ("bb", "2 tries in 2.0 s: none good; last bad: 503"),
        (
            "gbg?",
            "3 tries in 4.0 s: 2 good, never 3 in a row; last bad: 503; 1 try told nothing: out of files",
        ),
        (
            "bgg",
            "time ran out after 3.0 s with 2 good in a row of 3 needed, after 1 bad while it came up",
        ),
        ("gg", "time ran out after 2.0 s with 2 good in a row of 3 needed"),
        ("??", "nothing seen of the service; 2 tries told nothing: out of files"),
        ("", "no try could be finished in 0.0 s"),
    ] {
        assert_eq!(play(Cadence::default(), tries).0.evidence, evidence, "{tries:?}");
    }
}
