//! Wall-clock times as people read them in a journal: `2026-11-23T14:05:09.123Z`.

use std::time::{Duration, SystemTime};

use serde::{Deserialize as _, Deserializer, Serializer};

const DAY_MS: u64 = 86_400_000;
/// The last millisecond of the year 9999, beyond which the format has no years.
const LAST_MS: u64 = 253_402_300_799_999;

/// The time without what it has beyond whole milliseconds, and within the years that can be written.
pub(super) fn to_millis(at: SystemTime) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(millis(at))
}

fn millis(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).map_or(LAST_MS, |millis| millis.min(LAST_MS))
}

/// The time as text, in UTC.
pub(super) fn format(at: SystemTime) -> String {
    let millis = millis(at);
    let (year, month, day) = date(millis / DAY_MS);
    let (hours, minutes) = (millis / 3_600_000 % 24, millis / 60_000 % 60);
    let (seconds, rest) = (millis / 1000 % 60, millis % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{rest:03}Z")
}

/// The time of a text that [`format`] wrote.
pub(super) fn parse(text: &str) -> Option<SystemTime> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    let day = days(number(0, 4)?, number(5, 7)?, number(8, 10)?)?;
    let seconds = (number(11, 13)? * 60 + number(14, 16)?) * 60 + number(17, 19)?;
    let millis = day * DAY_MS + seconds * 1000 + number(20, 23)?;
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
    // Whatever is not exactly what `format` writes (signs, the 31st of April) is refused here.
    (format(at) == text).then_some(at)
}

/// Year, month and day of a day counted from 1970-01-01.
///
/// Years begin in March here, so that the leap day is their last: then a month's first day is a
/// plain formula, 153 days for every five months.
fn date(days_since_1970: u64) -> (u64, u64, u64) {
    let days = days_since_1970 + MARCH_OF_YEAR_0;
    let era = days / ERA_DAYS;
    let in_era = days % ERA_DAYS;
    let year_of_era = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (year_of_era * 365 + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * in_year + 2) / 153;
    let day = in_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

/// The day of a date, counted from 1970-01-01. `None` before that.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let march_month = if month > 2 { month - 3 } else { month + 9 };
    let in_year = (153 * march_month + 2) / 5 + day.checked_sub(1)?;
    let in_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + in_year;
    (era * ERA_DAYS + in_era).checked_sub(MARCH_OF_YEAR_0)
}

/// Days of 400 years, after which the calendar repeats.
const ERA_DAYS: u64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const MARCH_OF_YEAR_0: u64 = 719_468;

pub(super) fn serialize<S: Serializer>(at: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&format(*at))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SystemTime, D::Error> {
    let text = String::deserialize(from)?;
    parse(&text).ok_or_else(|| serde::de::Error::custom("no time as 2026-11-23T14:05:09.123Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
    }

    /// The references are of `date -u -d @SECONDS`.
    #[test]
    fn times_read_as_the_calendar_has_them() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
            (1_795_442_709_123, "2026-11-23T14:05:09.123Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (LAST_MS, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(format(at(millis)), text);
            assert_eq!(parse(text), Some(at(millis)));
        }
    }

    #[test]
    fn every_day_of_the_format_survives() {
        for day in 0..=LAST_MS / DAY_MS {
            let (year, month, of_month) = date(day);
            assert_eq!(days(year, month, of_month), Some(day));
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for bad in [
            "",
            "2026-11-23",
            "2026-02-29T00:00:00.000Z",
            "2026-00-01T00:00:00.000Z",
            "2026-13-01T00:00:00.000Z",
            "2026-01-00T00:00:00.000Z",
            "1969-12-31T23:59:59.999Z",
            "0000-01-01T00:00:00.000Z",
            "2026-11-23T24:00:00.000Z",
            "2026-11-23T14:05:09.123+",
            "+026-11-23T14:05:09.123Z",
            "2026-11-23T14:05:09.12éZ",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn times_beyond_the_format_are_moved_into_it() {
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(to_millis(before), at(0));
        assert_eq!(to_millis(at(LAST_MS + 5)), at(LAST_MS));
        let fine = at(1) + Duration::from_nanos(999);
        assert_eq!(to_millis(fine), at(1));
    }
}
