//! Parts of the reports, and how they are printed.

use std::fmt;

use super::super::report::Quantiles;
use crate::observe::process::Usage;

/// What a run cost the server.
#[derive(Debug, Clone, Copy, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerCost {
    /// Of one core.
    pub cpu_percent: f64,
    pub resident_bytes: u64,
}

impl ServerCost {
    /// Between two readings, `seconds` apart.
    pub fn new(before: &Usage, after: &Usage, seconds: f64) -> Self {
        Self { cpu_percent: percent(before, after, seconds), resident_bytes: after.resident_bytes }
    }
}

impl fmt::Display for ServerCost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0} % of a core, {:.1} MB", self.cpu_percent, self.resident_bytes as f64 / 1e6)
    }
}

/// CPU between two readings, in percent of one core.
pub fn percent(before: &Usage, after: &Usage, seconds: f64) -> f64 {
    after.cpu_since(before).as_secs_f64() / seconds.max(f64::EPSILON) * 100.0
}

/// One line of a report.
pub fn line(f: &mut fmt::Formatter<'_>, what: &str, text: impl fmt::Display) -> fmt::Result {
    writeln!(f, "{what:<19}{text}")
}

/// `p50 1.2, p99 3.4, max 5.6 ms`
pub fn times(quantiles: &Quantiles) -> String {
    match (quantiles.p50, quantiles.p99, quantiles.max) {
        (Some(p50), Some(p99), Some(max)) => format!("p50 {p50:.1}, p99 {p99:.1}, max {max:.1} ms"),
        _ => "no times".into(),
    }
}
