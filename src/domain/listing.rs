//! Lists that are put together from the filters asked for, ordered by a time and then by a key.

use std::fmt::Debug;

use rusqlite::Row;
use rusqlite::types::{Value, ValueRef};
use uuid::Uuid;

use super::page::{self, Cursor, Order, Page};
use crate::error::{Error, Result};
use crate::id::UserId;
use crate::store::View;

/// Records that one page looks at when it has filters that SQL does not see.
pub(super) const MAX_LOOKS: usize = 10_000;

/// What stands in a cursor behind a key that is a number; no UUIDv7 has it there.
const NUMBERED: i64 = 0;

/// Which page of a list is asked for.
pub(super) struct Asked<'a> {
    pub order: Option<Order>,
    pub limit: Option<i64>,
    pub cursor: Option<&'a str>,
}

/// One user's records of a table, with the filters asked for so far.
pub(super) struct Listing {
    table: &'static str,
    columns: &'static str,
    by: &'static str,
    /// The index to read by. SQLite, which counts nothing here, would take another that begins alike.
    index: &'static str,
    has_lead: bool,
    conditions: String,
    values: Vec<Value>,
    /// The filters that SQL does not see.
    beside: String,
}

impl Listing {
    /// All records of a user, read by an index of the user and the column `by` to order by. The first of the `columns` is
    /// the record's key, a UUID or a number.
    pub fn of(
        table: &'static str,
        columns: &'static str,
        by: &'static str,
        index: &'static str,
        user: UserId,
    ) -> Self {
        Self {
            table,
            columns,
            by,
            index,
            has_lead: false,
            conditions: "user = ?1".to_owned(),
            values: vec![user.user.into()],
            beside: String::new(),
        }
    }

    /// Only records that a condition holds for. Each `?` in it stands for the value; without one nothing is asked.
    pub fn only(&mut self, condition: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.values.push(value);
            let parameter = format!("?{}", self.values.len());
            self.conditions.push_str(" AND ");
            self.conditions
                .push_str(&condition.replace('?', &parameter));
        }
    }

    /// Like [`only`](Self::only), for a text.
    pub fn text(&mut self, condition: &str, value: Option<&str>) {
        self.only(condition, value.map(|text| text.to_owned().into()));
    }

    /// Only records at a time of this column: at or after `since`, and before `until`.
    pub fn within(&mut self, column: &str, since: Option<i64>, until: Option<i64>) {
        self.only(&format!("{column} >= ?"), since.map(Value::Integer));
        self.only(&format!("{column} < ?"), until.map(Value::Integer));
    }

    /// Only records whose column is this text, read by an index that begins with it. The first one that is asked leads.
    pub fn lead(&mut self, index: &'static str, column: &str, value: Option<&str>) {
        if value.is_some() && !self.has_lead {
            self.index = index;
            self.has_lead = true;
        }
        self.text(&format!("{column} = ?"), value);
    }

    /// Only records whose column is one of these texts; a single one may lead.
    pub fn one_of(&mut self, index: &'static str, column: &str, named: Option<&[String]>) {
        match named {
            Some([one]) => self.lead(index, column, Some(one)),
            Some(several) => {
                let texts = serde_json::Value::from(several).to_string();
                let condition = format!("{column} IN (SELECT value FROM json_each(?))");
                self.text(&condition, Some(&texts));
            }
            None => {}
        }
    }

    /// Names filters that SQL does not see: the cursor then belongs to them too, and a page looks at so many records only.
    pub fn beside(&mut self, filters: &dyn Debug) {
        self.beside = format!("{filters:?}");
    }

    /// Reads a page. `read` gives none for what is filtered out.
    pub fn page<T>(
        self,
        view: &View<'_>,
        asked: &Asked<'_>,
        mut read: impl FnMut(&Row<'_>) -> Result<Option<T>>,
    ) -> Result<Page<T>> {
        let mut items = Vec::new();
        let next_cursor = self.scan(view, asked, &mut |row| {
            let item = read(row)?;
            let is_taken = item.is_some();
            items.extend(item);
            Ok(is_taken)
        })?;
        Ok(Page { items, next_cursor })
    }

    /// Shows all records to `take`, oldest first, if there are at most so many; gives whether it did.
    pub fn each(
        mut self,
        view: &View<'_>,
        most: usize,
        take: &mut dyn FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<bool> {
        let sql = self.finish(Order::Oldest, None, most + 1);
        let mut statement = view.prepare(&sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(self.values))?;
        for _ in 0..most {
            match rows.next()? {
                Some(row) => take(row)?,
                None => return Ok(true),
            }
        }
        Ok(rows.next()?.is_none())
    }

    /// Shows records to `take`, which says whether it took one, until the page is full; gives where the next page begins.
    fn scan(
        mut self,
        view: &View<'_>,
        asked: &Asked<'_>,
        take: &mut dyn FnMut(&Row<'_>) -> Result<bool>,
    ) -> Result<Option<String>> {
        let limit = page::limit(asked.limit)?;
        let order = asked.order.unwrap_or_default();
        let looks = if self.beside.is_empty() {
            limit
        } else {
            MAX_LOOKS
        };
        let list = format!(
            "{} {} {} {:?} {} {order:?}",
            self.table, self.by, self.conditions, self.values, self.beside
        );
        let place = Cursor::decode(&list, asked.cursor)?;
        let sql = self.finish(order, place, looks + 1);
        let mut statement = view.prepare(&sql)?;
        let by = statement.column_count() - 1;
        let mut rows = statement.query(rusqlite::params_from_iter(self.values))?;
        let (mut looked, mut taken, mut place) = (0, 0, [0; 3]);
        while let Some(row) = rows.next()? {
            if looked == looks || taken == limit {
                return Ok(Some(Cursor::encode(&list, &place)));
            }
            looked += 1;
            let [high, low] = match row.get_ref(0)? {
                ValueRef::Integer(number) => [number, NUMBERED],
                id => numbers_of(parse_id(id.as_str().map_err(rusqlite::Error::from)?)?),
            };
            place = [row.get(by)?, high, low];
            taken += usize::from(take(row)?);
        }
        Ok(None)
    }

    /// The whole statement, from a place on.
    fn finish(&mut self, order: Order, place: Option<[i64; 3]>, looks: usize) -> String {
        let (direction, beyond, start, first) = match order {
            Order::Newest => ("DESC", "<", i64::MAX, "~"),
            Order::Oldest => ("ASC", ">", i64::MIN, ""),
        };
        let (at, key) = match place {
            Some([at, number, NUMBERED]) => (at, Value::Integer(number)),
            Some([at, high, low]) => (at, Value::Text(id_of([high, low]).to_string())),
            None => (start, Value::Text(first.to_owned())),
        };
        let next = self.values.len() + 1;
        self.values.extend([Value::Integer(at), key]);
        self.values
            .push(Value::Integer(i64::try_from(looks).unwrap_or(i64::MAX)));
        let Self {
            table,
            columns,
            by,
            index,
            conditions,
            ..
        } = self;
        let column = columns.split(',').next().unwrap_or_default();
        format!(
            "SELECT {columns}, {by} FROM {table} INDEXED BY {index}
             WHERE {conditions} AND ({by}, {column}) {beyond} (?{next}, ?{})
             ORDER BY {by} {direction}, {column} {direction} LIMIT ?{}",
            next + 1,
            next + 2
        )
    }
}

/// Reads a record's id as it is stored.
pub(super) fn parse_id(id: &str) -> Result<Uuid> {
    Uuid::parse_str(id)
        .map_err(|error| Error::corrupt("a stored id is not a UUID").caused_by(error))
}

/// An id as the numbers of a cursor.
pub(super) fn numbers_of(id: Uuid) -> [i64; 2] {
    let (high, low) = id.as_u64_pair();
    [high.cast_signed(), low.cast_signed()]
}

/// The id that a cursor's numbers stand for.
pub(super) fn id_of([high, low]: [i64; 2]) -> Uuid {
    Uuid::from_u64_pair(high.cast_unsigned(), low.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use serde_json::{Value as Filters, json};

    use super::super::{artifacts, constructs, links, metrics, sessions, timeline};
    use super::*;
    use crate::disk::memory::MemoryDisk;
    use crate::disk::ready;
    use crate::host::ManualHost;
    use crate::store::{Caller, Options, Store};

    fn plan(view: &View<'_>, sql: &str) -> Result<String> {
        let mut statement = view.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
        let mut rows = statement.raw_query();
        let mut steps = Vec::new();
        while let Some(row) = rows.next()? {
            steps.push(row.get::<_, String>(3)?);
        }
        Ok(steps.join("; "))
    }

    fn args<T: serde::de::DeserializeOwned>(json: Filters) -> T {
        serde_json::from_value(json).unwrap()
    }

    type List = fn(&View<'_>, Filters) -> Result<Listing>;

    #[allow(clippy::too_many_lines, reason = "a table")]
    fn cases() -> Vec<(List, Filters, &'static str)> {
        vec![
            (constructs_of, json!({}), "construct_by_update"),
            (
                constructs_of,
                json!({ "by": "created" }),
                "construct_by_creation",
            ),
            (
                constructs_of,
                json!({ "updatedSince": 5 }),
                "construct_by_update",
            ),
            (
                constructs_of,
                json!({ "status": "ready" }),
                "construct_by_status",
            ),
            (
                constructs_of,
                json!({ "type": "agent" }),
                "construct_by_type",
            ),
            (
                constructs_of,
                json!({ "contexts": ["work"] }),
                "construct_by_context",
            ),
            (
                constructs_of,
                json!({ "name": "n", "metadata": {} }),
                "construct_by_update",
            ),
            (sessions_of, json!({}), "session_by_update"),
            (
                sessions_of,
                json!({ "status": "active" }),
                "session_by_status",
            ),
            (
                sessions_of,
                json!({ "constructId": "c", "status": "active" }),
                "session_by_construct",
            ),
            (links_of, json!({}), "construct_link_by_creation"),
            (
                links_of,
                json!({ "from": "c", "kinds": ["x"] }),
                "construct_link_by_source",
            ),
            (
                links_of,
                json!({ "to": "c", "kinds": ["x", "y"] }),
                "construct_link_by_target",
            ),
            (
                artifacts_of,
                json!({ "namePrefix": "n" }),
                "artifact_by_creation",
            ),
            (artifacts_of, json!({ "kind": "plan" }), "artifact_by_kind"),
            (
                artifacts_of,
                json!({ "constructId": "c", "kind": "plan" }),
                "artifact_by_construct",
            ),
            (
                artifacts_of,
                json!({ "constructId": "c", "sessionId": "s" }),
                "artifact_by_session",
            ),
            (
                timeline_of,
                json!({ "since": 1, "until": 5 }),
                "timeline_event_by_time",
            ),
            (
                timeline_of,
                json!({ "kinds": ["k"] }),
                "timeline_event_by_kind",
            ),
            (
                timeline_of,
                json!({ "kinds": ["k", "l"] }),
                "timeline_event_by_time",
            ),
            (
                timeline_of,
                json!({ "constructId": "c", "kinds": ["k"] }),
                "timeline_event_by_construct",
            ),
            (
                timeline_of,
                json!({ "constructId": "c", "sessionId": "s" }),
                "timeline_event_by_session",
            ),
            (metrics_of, json!({}), "metric_by_time"),
            (
                metrics_of,
                json!({ "name": "n", "since": 1 }),
                "metric_by_name",
            ),
            (
                metrics_of,
                json!({ "name": "n", "constructId": "c" }),
                "metric_by_construct",
            ),
            (
                metrics_of,
                json!({ "name": "n", "sessionId": "s" }),
                "metric_by_session",
            ),
        ]
    }

    #[test]
    fn every_list_and_walk_is_read_by_an_index_in_its_order() {
        let host = Rc::new(ManualHost::new(1));
        let disk = Rc::new(MemoryDisk::default());
        let mut store = ready(Store::open(disk, host, Options::default())).unwrap();
        for (list, filters, index) in cases() {
            for order in [Order::Newest, Order::Oldest] {
                let mut asked = filters.clone();
                asked["userId"] = "us01".into();
                let told = store.read(Caller::default(), |view| {
                    let sql = list(view, asked.clone())?.finish(order, None, 51);
                    plan(view, &sql)
                });
                let told = told.unwrap();
                let is_read = format!("USING INDEX {index} ");
                assert!(told.contains(&is_read), "{filters}: {told}");
                assert!(!told.contains("TEMP B-TREE"), "{filters}: {told}");
            }
        }
        for (here, there, index) in [
            ("source", "target", "COVERING INDEX construct_link_by_ends"),
            ("target", "source", "INDEX construct_link_by_target"),
        ] {
            let sql = links::steps_sql(here, there);
            let told = store.read(Caller::default(), |view| plan(view, &sql));
            let told = told.unwrap();
            assert!(told.contains(&format!("SEARCH l USING {index}")), "{told}");
            assert!(told.contains("SEARCH c USING PRIMARY KEY"), "{told}");
        }
    }

    fn constructs_of(view: &View<'_>, query: Filters) -> Result<Listing> {
        constructs::listing(view, &args(query))
    }

    fn sessions_of(view: &View<'_>, query: Filters) -> Result<Listing> {
        sessions::listing(view, &args(query))
    }

    fn links_of(view: &View<'_>, query: Filters) -> Result<Listing> {
        links::listing(view, &args(query))
    }

    fn artifacts_of(view: &View<'_>, query: Filters) -> Result<Listing> {
        artifacts::listing(view, &args(query))
    }

    fn timeline_of(view: &View<'_>, query: Filters) -> Result<Listing> {
        timeline::listing(view, &args(query))
    }

    fn metrics_of(view: &View<'_>, query: Filters) -> Result<Listing> {
        metrics::listing(view, &args(query))
    }
}
