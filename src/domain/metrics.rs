//! Metrics: measured values with their labels, and what they come to over time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::json::Fields;
use super::listing::{Asked, Listing};
use super::page::{Order, Page};
use super::sessions::hook;
use super::{check_label, check_name, check_time, from_json, owner, text, to_json};
use crate::error::{Error, Result};
use crate::id::UserId;
use crate::store::{Tx, View};

/// The most metrics that are recorded at once.
const MAX_AT_ONCE: usize = 10_000;

/// The most buckets of one summary.
const MAX_BUCKETS: usize = 1000;

/// The most metrics that one summary looks at. It bounds its memory too: a bucket's values are held while they are sorted,
/// eight bytes each.
const MAX_VALUES: usize = 1_000_000;

/// Names and values that tell metrics of one name apart.
pub type Labels = BTreeMap<String, String>;

/// A measured value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct Metric {
    /// A UUIDv7.
    pub id: String,
    /// The user it belongs to.
    pub user_id: UserId,
    /// The construct it was measured in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub construct_id: Option<String>,
    /// The session it was measured in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// What was measured.
    pub name: String,
    /// How much it was.
    pub value: f64,
    /// Of what, such as `ms`; may be empty.
    pub unit: String,
    /// What tells it apart from others of its name.
    #[cfg_attr(test, ts(type = "Record<string, string>"))]
    pub labels: Labels,
    /// When it was measured, in milliseconds since 1970-01-01 UTC.
    pub at: i64,
}

/// What a new metric is made of.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewMetric {
    /// The user it belongs to; by default the construct's. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// The construct it was measured in; the session's by default. It dies with it.
    pub construct_id: Option<String>,
    /// The session it was measured in. It dies with it.
    pub session_id: Option<String>,
    /// What was measured.
    pub name: String,
    /// How much it was: a finite number.
    pub value: f64,
    /// Of what, such as `ms`; nothing by default.
    pub unit: Option<String>,
    /// What tells it apart from others of its name, at most 4,096 bytes of JSON; nothing by default.
    #[cfg_attr(test, ts(optional, type = "Record<string, string>"))]
    pub labels: Option<Labels>,
    /// When it was measured, in milliseconds since 1970-01-01 UTC; now by default.
    pub at: Option<i64>,
}

/// Records metrics together, all or none.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordAll {
    /// The metrics, at most 10,000.
    pub metrics: Vec<NewMetric>,
}

/// Which metrics to list. Filters add up. With `labels` a page looks at 10,000 metrics at most: it may hold fewer than its limit,
/// or none, and still name a next one.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetricList {
    /// The user whose metrics to list. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// Only those of this name.
    pub name: Option<String>,
    /// Only those with all of these labels.
    #[cfg_attr(test, ts(optional, type = "Record<string, string>"))]
    pub labels: Option<Labels>,
    /// Only those of this construct, those of its sessions included.
    pub construct_id: Option<String>,
    /// Only those of this session.
    pub session_id: Option<String>,
    /// Only those measured at or after this, in milliseconds since 1970-01-01 UTC.
    pub since: Option<i64>,
    /// Only those measured before this, in milliseconds since 1970-01-01 UTC.
    pub until: Option<i64>,
    /// By when they were measured; newest first by default.
    pub order: Option<Order>,
    /// Items per page: 1 to 1,000, 50 by default.
    pub limit: Option<i64>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// Which metrics to sum up, and over which times. Filters add up.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetricSummary {
    /// The user whose metrics they are. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// The metrics' name.
    pub name: String,
    /// Only those with all of these labels.
    #[cfg_attr(test, ts(optional, type = "Record<string, string>"))]
    pub labels: Option<Labels>,
    /// Only those of this construct, those of its sessions included.
    pub construct_id: Option<String>,
    /// Only those of this session.
    pub session_id: Option<String>,
    /// Only those measured at or after this, in milliseconds since 1970-01-01 UTC.
    pub since: Option<i64>,
    /// Only those measured before this, in milliseconds since 1970-01-01 UTC.
    pub until: Option<i64>,
    /// The length of a bucket, in milliseconds. Buckets are counted from `since`, else from 1970-01-01 UTC. Everything is one
    /// bucket by default.
    pub bucket_ms: Option<i64>,
}

/// What the metrics of a time come to. A percentile is the least value that so many percent of the values do not exceed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct MetricBucket {
    /// When the bucket begins, in milliseconds since 1970-01-01 UTC; of the only bucket, when its first metric was measured.
    pub at: i64,
    /// How many values there are, at least 1: a time without any has no bucket.
    pub count: i64,
    /// Their sum.
    pub sum: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// Their sum, divided by how many there are.
    pub mean: f64,
    /// The 50th percentile.
    pub p50: f64,
    /// The 90th percentile.
    pub p90: f64,
    /// The 99th percentile.
    pub p99: f64,
}

const COLUMNS: &str = "metric, user, construct, session, name, value, unit, labels, at";

fn read(row: &rusqlite::Row<'_>) -> Result<Metric> {
    Ok(Metric {
        id: row.get(0)?,
        user_id: UserId { user: row.get(1)? },
        construct_id: row.get(2)?,
        session_id: row.get(3)?,
        name: row.get(4)?,
        value: row.get(5)?,
        unit: row.get(6)?,
        labels: from_json("metric's labels", text(row, 7)?)?,
        at: row.get(8)?,
    })
}

/// Records a metric.
///
/// # Errors
/// `conflict` when its construct is removed.
pub fn record(tx: &Tx<'_>, new: &NewMetric) -> Result<Metric> {
    let id = insert(tx, new)?;
    let sql = format!("SELECT {COLUMNS} FROM metric WHERE metric = ?1");
    let mut statement = tx.prepare(&sql)?;
    let mut rows = statement.query([&id])?;
    rows.next()?
        .map_or_else(|| Err(Error::not_found("metric", &id)), read)
}

/// Records metrics, all or none, and gives their ids.
pub fn record_all(tx: &Tx<'_>, all: &RecordAll) -> Result<Vec<String>> {
    if all.metrics.len() > MAX_AT_ONCE {
        return Err(Error::invalid(format!(
            "at most {MAX_AT_ONCE} metrics are recorded at once"
        )));
    }
    all.metrics.iter().map(|new| insert(tx, new)).collect()
}

fn insert(tx: &Tx<'_>, new: &NewMetric) -> Result<String> {
    let (construct, session) = (new.construct_id.as_deref(), new.session_id.as_deref());
    let hook = hook(tx, new.user_id, construct, session)?;
    check_name("a metric", &new.name)?;
    let unit = new.unit.as_deref().unwrap_or_default();
    check_label("the unit", unit)?;
    if !new.value.is_finite() {
        return Err(Error::invalid("a metric's value is a finite number"));
    }
    let labels = match &new.labels {
        Some(labels) => to_json("the labels", labels)?,
        None => "{}".to_owned(),
    };
    check_label("the labels", &labels)?;
    let id = tx.uuid();
    tx.execute(
        "INSERT INTO metric (metric, user, construct, session, name, value, unit, labels, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        (
            &id,
            hook.user.user,
            hook.construct,
            hook.session,
            &new.name,
            // Zero has one sign only.
            new.value + 0.0,
            unit,
            labels,
            check_time(new.at.unwrap_or(tx.now_ms()))?,
        ),
    )?;
    Ok(id)
}

/// Lists a user's metrics by when they were measured, newest first unless asked otherwise.
pub fn list(view: &View<'_>, query: &MetricList) -> Result<Page<Metric>> {
    let labels = wanted(query.labels.as_ref())?;
    let asked = Asked {
        order: query.order,
        limit: query.limit,
        cursor: query.cursor.as_deref(),
    };
    listing(view, query)?.page(view, &asked, |row| {
        if labels.are_in(text(row, 7)?)? {
            read(row).map(Some)
        } else {
            Ok(None)
        }
    })
}

pub(super) fn listing(view: &View<'_>, query: &MetricList) -> Result<Listing> {
    let user = owner(view, query.user_id)?;
    let mut list = Listing::of("metric", COLUMNS, "at", "metric_by_time", user);
    list.lead("metric_by_session", "session", query.session_id.as_deref());
    list.lead(
        "metric_by_construct",
        "construct",
        query.construct_id.as_deref(),
    );
    list.lead("metric_by_name", "name", query.name.as_deref());
    list.within("at", query.since, query.until);
    if query.labels.is_some() {
        list.beside(&query.labels);
    }
    Ok(list)
}

fn wanted(labels: Option<&Labels>) -> Result<Fields> {
    Fields::wanted(&to_json(
        "the labels",
        &labels.cloned().unwrap_or_default(),
    )?)
}

/// Sums metrics of one name up, bucket by bucket, oldest first. Every figure is exact: nothing is estimated.
///
/// # Errors
/// `invalid_argument` for more than 1,000 buckets, for more than 1,000,000 metrics to look at, and when a bucket's sum is too
/// large for a number.
pub fn summary(view: &View<'_>, query: &MetricSummary) -> Result<Vec<MetricBucket>> {
    let labels = wanted(query.labels.as_ref())?;
    let length = query.bucket_ms.unwrap_or(1);
    if length < 1 {
        return Err(Error::invalid("a bucket is at least 1 ms long"));
    }
    let origin = check_time(query.since.unwrap_or(0))?;
    let metrics = MetricList {
        user_id: query.user_id,
        name: Some(query.name.clone()),
        construct_id: query.construct_id.clone(),
        session_id: query.session_id.clone(),
        since: query.since,
        until: query.until,
        ..MetricList::default()
    };
    let mut buckets = Vec::new();
    let mut values = Vec::new();
    let mut begun = None;
    let is_all = listing(view, &metrics)?.each(view, MAX_VALUES, &mut |row| {
        if !labels.are_in(text(row, 7)?)? {
            return Ok(());
        }
        let at: i64 = row.get(8)?;
        let begins = match query.bucket_ms {
            Some(_) => at - (at - origin).rem_euclid(length),
            None => begun.unwrap_or(at),
        };
        if let Some(before) = begun.replace(begins)
            && before != begins
        {
            close(&mut buckets, before, &mut values)?;
        }
        values.push(row.get(5)?);
        Ok(())
    })?;
    if !is_all {
        return Err(Error::invalid(format!(
            "a summary looks at {MAX_VALUES} metrics at most; ask for a shorter time"
        )));
    }
    if let Some(last) = begun {
        close(&mut buckets, last, &mut values)?;
    }
    Ok(buckets)
}

/// Sums a bucket's values up and forgets them.
fn close(buckets: &mut Vec<MetricBucket>, at: i64, values: &mut Vec<f64>) -> Result<()> {
    if buckets.len() == MAX_BUCKETS {
        return Err(Error::invalid(format!(
            "a summary has {MAX_BUCKETS} buckets at most; ask for longer ones"
        )));
    }
    values.sort_unstable_by(f64::total_cmp);
    let sum: f64 = values.iter().sum();
    if !sum.is_finite() {
        return Err(Error::invalid("the sum is too large for a number"));
    }
    let count = values.len();
    let rank = |percent: usize| {
        let rank = (count * percent).div_ceil(100).max(1);
        values.get(rank - 1).copied().unwrap_or_default()
    };
    #[allow(clippy::cast_precision_loss)] // at most a million
    let mean = sum / count as f64;
    buckets.push(MetricBucket {
        at,
        count: i64::try_from(count).unwrap_or(i64::MAX),
        sum,
        min: rank(0),
        max: rank(100),
        mean,
        p50: rank(50),
        p90: rank(90),
        p99: rank(99),
    });
    values.clear();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_by_nearest_rank() {
        let mut buckets = Vec::new();
        for count in [1, 2, 10, 100, 101] {
            let mut values: Vec<f64> = (1..=count).rev().map(f64::from).collect();
            close(&mut buckets, 0, &mut values).unwrap();
        }
        let ranks: Vec<_> = buckets.iter().map(|b| [b.p50, b.p90, b.p99]).collect();
        assert_eq!(
            ranks,
            [
                [1.0, 1.0, 1.0],
                [1.0, 2.0, 2.0],
                [5.0, 9.0, 10.0],
                [50.0, 90.0, 99.0],
                [51.0, 91.0, 100.0]
            ]
        );
    }
}
