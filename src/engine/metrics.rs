//! Counters and latencies, bounded in memory however long the store runs.

use serde::Serialize;

use crate::error::Code;

/// How long something took, over many times: exact count and maximum, quantiles to within a quarter.
#[derive(Debug, Clone)]
pub struct Latency {
    buckets: [u64; Self::BUCKETS],
    count: u64,
    total_us: u64,
    max_us: u64,
}

/// A latency's summary, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct LatencySummary {
    /// How many were measured.
    pub count: u64,
    /// The mean.
    pub mean_us: u64,
    /// Half took no longer.
    pub p50_us: u64,
    /// 90 in 100 took no longer.
    pub p90_us: u64,
    /// 99 in 100 took no longer.
    pub p99_us: u64,
    /// The longest.
    pub max_us: u64,
}

impl Default for Latency {
    fn default() -> Self {
        Self {
            buckets: [0; Self::BUCKETS],
            count: 0,
            total_us: 0,
            max_us: 0,
        }
    }
}

impl Latency {
    /// Four buckets to each doubling, up to about an hour.
    const BUCKETS: usize = 128;

    /// Adds one measurement.
    pub fn add(&mut self, us: u64) {
        if let Some(bucket) = self.buckets.get_mut(bucket(us)) {
            *bucket += 1;
        }
        self.count += 1;
        self.total_us = self.total_us.saturating_add(us);
        self.max_us = self.max_us.max(us);
    }

    /// The summary so far.
    #[must_use]
    pub fn summary(&self) -> LatencySummary {
        LatencySummary {
            count: self.count,
            mean_us: self.total_us.checked_div(self.count).unwrap_or(0),
            p50_us: self.quantile(50),
            p90_us: self.quantile(90),
            p99_us: self.quantile(99),
            max_us: self.max_us,
        }
    }

    fn quantile(&self, percent: u64) -> u64 {
        let wanted = (self.count * percent).div_ceil(100);
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted && seen > 0 {
                return upper(index).min(self.max_us);
            }
        }
        self.max_us
    }
}

/// The bucket of a duration: its power of two, and the quarter within it.
fn bucket(us: u64) -> usize {
    if us < 4 {
        return usize::try_from(us).unwrap_or(0);
    }
    let power = us.ilog2();
    let quarter = (us >> (power - 2)) & 3;
    usize::try_from(u64::from(power - 1) * 4 + quarter)
        .unwrap_or(usize::MAX)
        .min(Latency::BUCKETS - 1)
}

/// The longest duration of a bucket.
fn upper(index: usize) -> u64 {
    let index = index as u64;
    if index < 4 {
        return index;
    }
    let power = index / 4 + 1;
    let quarter = index % 4;
    ((4 + quarter + 1) << (power - 2)) - 1
}

/// What became of the calls of one method since the store was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct OperationStats {
    /// The method, such as `messages.append`.
    pub method: String,
    /// Calls that were answered.
    pub ok: u64,
    /// Calls that failed, by error code.
    pub failed: Vec<FailureCount>,
    /// From the call's turn to its answer: its own work and what it takes to keep it.
    pub latency: LatencySummary,
}

/// How often calls failed with a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct FailureCount {
    /// The code.
    pub code: Code,
    /// How often.
    pub count: u64,
}

/// The most methods that are counted: more than there are, so that names without a method cannot fill the memory.
const MAX_METHODS: usize = 400;

/// Outcomes and latencies by method.
#[derive(Debug, Default)]
pub struct Operations {
    /// In the order of their names.
    methods: Vec<Operation>,
}

#[derive(Debug)]
struct Operation {
    method: Box<str>,
    ok: u64,
    failed: Vec<FailureCount>,
    latency: Latency,
}

impl Operations {
    /// Counts a call.
    pub fn add(&mut self, method: &str, us: u64, failed: Option<Code>) {
        let place = self
            .methods
            .binary_search_by(|known| (*known.method).cmp(method));
        let place = match place {
            Ok(place) => place,
            Err(_) if self.methods.len() >= MAX_METHODS => return,
            Err(place) => {
                let operation = Operation {
                    method: method.into(),
                    ok: 0,
                    failed: Vec::new(),
                    latency: Latency::default(),
                };
                self.methods.insert(place, operation);
                place
            }
        };
        let Some(operation) = self.methods.get_mut(place) else {
            return;
        };
        operation.latency.add(us);
        let Some(code) = failed else {
            operation.ok += 1;
            return;
        };
        match operation.failed.iter_mut().find(|it| it.code == code) {
            Some(known) => known.count += 1,
            None => operation.failed.push(FailureCount { code, count: 1 }),
        }
    }

    /// All methods that were called, by name.
    #[must_use]
    pub fn stats(&self) -> Vec<OperationStats> {
        let stats = self.methods.iter().map(|operation| OperationStats {
            method: operation.method.to_string(),
            ok: operation.ok,
            failed: operation.failed.clone(),
            latency: operation.latency.summary(),
        });
        stats.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_lies_in_its_bucket() {
        for us in (0..5000).chain([1 << 20, (1 << 30) + 5]) {
            let index = bucket(us);
            assert!(us <= upper(index), "{us} in {index}");
            assert!(index == 0 || us > upper(index - 1), "{us} in {index}");
        }
    }

    #[test]
    fn quantiles_are_within_a_quarter() {
        let mut latency = Latency::default();
        (1..=1000).for_each(|us| latency.add(us));
        let summary = latency.summary();
        assert_eq!(
            (summary.count, summary.max_us, summary.mean_us),
            (1000, 1000, 500)
        );
        assert!((500..=625).contains(&summary.p50_us), "{}", summary.p50_us);
        assert!((990..=1000).contains(&summary.p99_us), "{}", summary.p99_us);
    }
}
