//! Lists that are put together from the filters asked for, ordered by a time and then by id.

use std::fmt::Debug;

use rusqlite::Row;
use rusqlite::types::Value;
use uuid::Uuid;

use super::contexts;
use super::page::{self, Cursor, Order, Page};
use crate::error::{Error, Result};
use crate::id::UserId;
use crate::store::View;

/// Records that one page looks at when it has filters that SQL does not see.
pub(super) const MAX_LOOKS: usize = 10_000;

/// Which page of a list is asked for.
pub(super) struct Asked<'a> {
    pub order: Option<Order>,
    pub limit: Option<i64>,
    pub cursor: Option<&'a str>,
}

/// One user's records of a table, with the filters asked for so far.
pub(super) struct Listing {
    id: &'static str,
    by: &'static str,
    sql: String,
    values: Vec<Value>,
    /// Whether it is read by an index that begins with another column than the user.
    is_under: bool,
    /// The filters that SQL does not see.
    beside: String,
}

impl Listing {
    /// All records of a user. The first of the `columns` is the record's id, a UUID; `by` is the column to order by.
    pub fn of(columns: &'static str, table: &str, by: &'static str, user: UserId) -> Self {
        Self {
            id: columns.split(',').next().unwrap_or_default(),
            by,
            sql: format!("SELECT {columns}, {by} FROM {table} WHERE +user = ?1"),
            values: vec![user.user.into()],
            is_under: false,
            beside: String::new(),
        }
    }

    /// Only records that a condition holds for. Each `?` in it stands for the value; without one nothing is asked.
    pub fn only(&mut self, condition: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.values.push(value);
            let parameter = format!("?{}", self.values.len());
            self.sql.push_str(" AND ");
            self.sql.push_str(&condition.replace('?', &parameter));
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

    /// Only records that hang on another, by whose index they are read. What is asked first decides.
    pub fn under(&mut self, column: &str, id: Option<&str>) {
        let plus = if self.is_under { "+" } else { "" };
        self.is_under |= id.is_some();
        self.text(&format!("{plus}{column} = ?"), id);
    }

    /// Only records in one of these contexts.
    pub fn in_contexts(&mut self, named: Option<&[String]>) {
        if named.is_some() {
            let (condition, value) = contexts::filter(named, "?");
            self.only(&condition, value.map(Value::Text));
        }
    }

    /// Only records whose column is one of these texts.
    pub fn one_of(&mut self, column: &str, named: Option<&[String]>) {
        match named {
            Some([one]) => self.text(&format!("{column} = ?"), Some(one)),
            Some(several) => {
                let texts = serde_json::Value::from(several).to_string();
                // Not by an index: the order would have to be made from all that it finds.
                let condition = format!("+{column} IN (SELECT value FROM json_each(?))");
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
        let list = format!("{} {:?} {} {order:?}", self.sql, self.values, self.beside);
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
            let id = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
            let [high, low] = numbers_of(parse_id(id)?);
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
        let (at, id) = match place {
            Some([at, high, low]) => (at, id_of([high, low]).to_string()),
            None => (start, first.to_owned()),
        };
        if !self.is_under {
            self.sql = self.sql.replacen("+user", "user", 1);
        }
        let (key, by, next) = (self.id, self.by, self.values.len() + 1);
        self.values.extend([Value::Integer(at), Value::Text(id)]);
        self.values
            .push(Value::Integer(i64::try_from(looks).unwrap_or(i64::MAX)));
        format!(
            "{} AND ({by}, {key}) {beyond} (?{next}, ?{}) ORDER BY {by} {direction}, {key} {direction} LIMIT ?{}",
            self.sql,
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
