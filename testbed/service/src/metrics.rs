//! Request counts and times in the text format of Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of the histogram's buckets in seconds, as written in the `le` label.
const BOUNDS: [(f64, &str); 12] = [
    (0.001, "0.001"),
    (0.0025, "0.0025"),
    (0.005, "0.005"),
    (0.01, "0.01"),
    (0.025, "0.025"),
    (0.05, "0.05"),
    (0.1, "0.1"),
    (0.25, "0.25"),
    (0.5, "0.5"),
    (1.0, "1"),
    (2.5, "2.5"),
    (5.0, "5"),
];

/// The names of one series. All come from fixed sets, so that a client can't make new ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Labels {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) status: u16,
}

#[derive(Debug, Default, Clone, PartialEq)]
struct Series {
    buckets: [u64; BOUNDS.len()],
    count: u64,
    seconds: f64,
}

impl Series {
    fn observe(&mut self, elapsed: Duration) {
        let seconds = elapsed.as_secs_f64();
        self.count += 1;
        self.seconds += seconds;
        for (bucket, (bound, _)) in self.buckets.iter_mut().zip(BOUNDS) {
            *bucket += u64::from(seconds <= bound);
        }
    }
}

/// What was served since the start.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    series: Mutex<BTreeMap<Labels, Series>>,
}

impl Metrics {
    /// Counts one answered request.
    pub(crate) fn observe(&self, labels: Labels, elapsed: Duration) {
        // Counts stay valid when another thread panicked while it held the lock.
        let mut all = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(labels).or_default().observe(elapsed);
    }

    /// The page of `/metrics`.
    pub(crate) fn page(&self, version: &str) -> String {
        let all = self.series.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut page = String::new();
        // Writing to a String can't fail.
        let _ = write_page(&mut page, version, &all);
        page
    }
}

fn write_page(
    page: &mut String,
    version: &str,
    all: &BTreeMap<Labels, Series>,
) -> std::fmt::Result {
    page.push_str("# HELP testbed_build_info The version that serves.\n");
    page.push_str("# TYPE testbed_build_info gauge\n");
    writeln!(page, "testbed_build_info{{version=\"{}\"}} 1", escaped(version))?;

    page.push_str("# HELP http_requests_total Requests answered, by method, path and status.\n");
    page.push_str("# TYPE http_requests_total counter\n");
    for (labels, series) in all {
        writeln!(page, "http_requests_total{{{}}} {}", pairs(labels), series.count)?;
    }

    page.push_str("# HELP http_request_duration_seconds Time from request to answer.\n");
    page.push_str("# TYPE http_request_duration_seconds histogram\n");
    for (labels, series) in all {
        let pairs = pairs(labels);
        for (count, (_, bound)) in series.buckets.iter().zip(BOUNDS) {
            let le = format_args!("{pairs},le=\"{bound}\"");
            writeln!(page, "http_request_duration_seconds_bucket{{{le}}} {count}")?;
        }
        let Series { count, seconds, .. } = series;
        writeln!(page, "http_request_duration_seconds_bucket{{{pairs},le=\"+Inf\"}} {count}")?;
        writeln!(page, "http_request_duration_seconds_sum{{{pairs}}} {seconds}")?;
        writeln!(page, "http_request_duration_seconds_count{{{pairs}}} {count}")?;
    }
    Ok(())
}

fn pairs(labels: &Labels) -> String {
    let Labels { method, path, status } = labels;
    format!("method=\"{method}\",path=\"{path}\",status=\"{status}\"")
}

/// A label's value: the format knows three escapes and no others.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: Labels = Labels { method: "GET", path: "/", status: 200 };

    #[test]
    fn a_page_without_requests_still_announces_its_families() {
        let page = Metrics::default().page("v1");
        assert!(page.contains("testbed_build_info{version=\"v1\"} 1\n"));
        assert!(page.contains("# TYPE http_requests_total counter\n"));
        assert!(page.contains("# TYPE http_request_duration_seconds histogram\n"));
    }

    #[test]
    fn buckets_are_cumulative_and_end_in_the_count() {
        let metrics = Metrics::default();
        for millis in [1, 30, 30, 9000] {
            metrics.observe(ROOT, Duration::from_millis(millis));
        }
        let page = metrics.page("v1");
        let labels = "method=\"GET\",path=\"/\",status=\"200\"";
        for line in [
            format!("http_requests_total{{{labels}}} 4\n"),
            format!("http_request_duration_seconds_bucket{{{labels},le=\"0.001\"}} 1\n"),
            format!("http_request_duration_seconds_bucket{{{labels},le=\"0.025\"}} 1\n"),
            format!("http_request_duration_seconds_bucket{{{labels},le=\"0.05\"}} 3\n"),
            format!("http_request_duration_seconds_bucket{{{labels},le=\"5\"}} 3\n"),
            format!("http_request_duration_seconds_bucket{{{labels},le=\"+Inf\"}} 4\n"),
            format!("http_request_duration_seconds_count{{{labels}}} 4\n"),
        ] {
            assert!(page.contains(&line), "{line} in\n{page}");
        }
        let sum = page.lines().find(|line| line.contains("_sum")).unwrap();
        let sum: f64 = sum.rsplit(' ').next().unwrap().parse().unwrap();
        assert!((sum - 9.061).abs() < 1e-9, "{sum}");
    }

    #[test]
    fn a_version_cannot_break_out_of_its_label() {
        let page = Metrics::default().page("a\"b\\c\nd");
        assert!(page.contains(r#"testbed_build_info{version="a\"b\\c\nd"} 1"#), "{page}");
    }
}
