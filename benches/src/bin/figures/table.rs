//! The table, and how measured values are put.

use std::fmt;
use std::time::Duration;

/// A Markdown table of figures.
#[derive(Debug, Default)]
pub(crate) struct Table(Vec<Row>);

#[derive(Debug)]
struct Row {
    what: String,
    goal: String,
    measured: String,
    n: usize,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// One more figure, taken so many times.
    pub(crate) fn row(
        &mut self,
        what: impl Into<String>,
        goal: &str,
        measured: impl fmt::Display,
        n: usize,
    ) {
        let (goal, measured) = (goal.to_owned(), measured.to_string());
        self.0.push(Row { what: what.into(), goal, measured, n });
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| Figure | Goal | Measured, median [min–max] | n |")?;
        write!(f, "|---|---|---|---|")?;
        for Row { what, goal, measured, n } in &self.0 {
            write!(f, "\n| {what} | {goal} | {measured} | {n} |")?;
        }
        Ok(())
    }
}

/// Several measured times: their median, least and most.
#[derive(Clone, Debug)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn new(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    fn median(&self) -> Duration {
        self.0.get(self.0.len() / 2).copied().unwrap_or_default()
    }

    fn in_unit(&self, unit: &str, scale: f64, digits: usize) -> String {
        let put = |time: Duration| format!("{:.digits$}", time.as_secs_f64() * scale);
        let (least, most) = (self.0.first().copied(), self.0.last().copied());
        let (least, most) = (least.unwrap_or_default(), most.unwrap_or_default());
        format!("{} {unit} [{}–{}]", put(self.median()), put(least), put(most))
    }

    /// In seconds.
    pub(crate) fn seconds(&self) -> String {
        self.in_unit("s", 1.0, 1)
    }

    /// In milliseconds.
    pub(crate) fn millis(&self) -> String {
        self.in_unit("ms", 1e3, 2)
    }
}

/// A number with its thousands apart.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        for (number, text) in [(7, "7"), (1_000, "1,000"), (4_371_545, "4,371,545")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn times_tell_median_and_spread() {
        let times = Times::new([30, 10, 20].map(Duration::from_millis).to_vec());
        assert_eq!(times.millis(), "20.00 ms [10.00–30.00]");
        assert_eq!(times.count(), 3);
    }
}
