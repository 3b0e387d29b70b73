//! Times for people.

use std::fmt;

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A number of milliseconds as a length of time: `850 ms`, `3.2 s`, `2 min 5 s`, `1 h 30 min`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span(pub(crate) u64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ms @ 0..SECOND => write!(f, "{ms} ms"),
            ms @ SECOND..MINUTE => write!(f, "{}.{} s", ms / SECOND, ms % SECOND / 100),
            ms @ MINUTE..HOUR => write!(f, "{} min {} s", ms / MINUTE, ms % MINUTE / SECOND),
            ms => write!(f, "{} h {} min", ms / HOUR, ms % HOUR / MINUTE),
        }
    }
}

/// A number of milliseconds since 1970 as a moment: `2026-11-24 05:57:50 UTC`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment(pub(crate) u64);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date(self.0 / DAY);
        let rest = self.0 % DAY;
        write!(
            f,
            "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC",
            rest / HOUR,
            rest % HOUR / MINUTE,
            rest % MINUTE / SECOND
        )
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar.
///
/// Counts in eras of 400 years that begin on a 1st of March, so that the leap day is the last of
/// its year and the lengths of the months before it repeat: 153 days in every five.
fn date(days: u64) -> (u64, u64, u64) {
    const ERA: u64 = 146_097;
    let from_march = days + 719_468;
    let (era, day_of_era) = (from_march / ERA, from_march % ERA);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_people_say_them() {
        for (ms, text) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1000, "1.0 s"),
            (3299, "3.2 s"),
            (59_999, "59.9 s"),
            (125_000, "2 min 5 s"),
            (5_400_000, "1 h 30 min"),
            (200_000_000, "55 h 33 min"),
        ] {
            assert_eq!(Span(ms).to_string(), text);
        }
    }

    /// The reference is `date -u -d @SECONDS`.
    #[test]
    fn moments_are_dates_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (951_868_800, "2000-03-01 00:00:00 UTC"),
            (1_795_499_870, "2026-11-24 05:57:50 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
            (4_107_456_000, "2100-02-28 00:00:00 UTC"),
        ] {
            assert_eq!(Moment(seconds * 1000).to_string(), text);
        }
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut before = date(0);
        for days in 1..300_000 {
            let (year, month, day) = date(days);
            let follows = match before {
                (y, m, d) if (y, m) == (year, month) => day == d + 1,
                (y, m, _) if y == year => (month, day) == (m + 1, 1),
                (y, m, _) => (m, y + 1, month, day) == (12, year, 1, 1),
            };
            assert!(follows, "{before:?} then {:?}", (year, month, day));
            before = (year, month, day);
        }
    }
}
