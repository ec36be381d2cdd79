//! A table's rows, a slice of the primary key at a time.

use rusqlite::types::Value;
use rusqlite::{Row, params_from_iter};

use crate::database::rows::key_columns;
use crate::error::Result;
use crate::store::View;

/// Rows of one slice.
pub const SLICE_ROWS: usize = 1000;

/// Where a walk through a table is.
#[derive(Debug, Clone, Default)]
pub struct Walk {
    /// The key of the last row that was passed; none at the start.
    after: Option<Vec<Value>>,
}

/// A slice of a table's rows.
pub struct Slice {
    /// The condition that a row named `child` is in it, `1` for all.
    condition: String,
    bounds: Vec<Value>,
    /// How many rows it has.
    pub rows: u64,
    /// Where the next one begins; none after the last.
    pub next: Option<Walk>,
}

impl Walk {
    /// The next slice of a table that has a primary key, of so many rows.
    pub fn slice(&self, view: &View<'_>, table: &str, slice_rows: usize) -> Result<Slice> {
        let key = key_columns(view.connection(), table)?;
        let columns = |prefix: &str| {
            let names: Vec<_> = key
                .iter()
                .map(|name| format!("{prefix}\"{name}\""))
                .collect();
            names.join(", ")
        };
        let marks = |from: usize| {
            let marks: Vec<_> = (from..from + key.len()).map(|n| format!("?{n}")).collect();
            marks.join(", ")
        };
        let begins = |prefix: &str| match &self.after {
            Some(_) => format!("({}) > ({})", columns(prefix), marks(1)),
            None => "1".to_owned(),
        };
        let mut bounds = self.after.clone().unwrap_or_default();
        let mut last = view.prepare(&format!(
            "SELECT {0} FROM \"{table}\" WHERE {1} ORDER BY {0} LIMIT 1 OFFSET {2}",
            columns(""),
            begins(""),
            slice_rows - 1
        ))?;
        let mut found = last.query(params_from_iter(&bounds))?;
        let end = found
            .next()?
            .map(|row| values(row, key.len()))
            .transpose()?;
        let mut condition = begins("child.");
        if let Some(end) = &end {
            let ends = format!(
                " AND ({}) <= ({})",
                columns("child."),
                marks(bounds.len() + 1)
            );
            condition.push_str(&ends);
            bounds.extend(end.iter().cloned());
        }
        let mut slice = Slice {
            condition,
            bounds,
            rows: slice_rows as u64,
            next: end.map(|end| Self { after: Some(end) }),
        };
        if slice.next.is_none() {
            slice.rows = 0;
            let count = format!("SELECT count(*) FROM \"{table}\" AS child WHERE");
            let mut rows = 0;
            slice.query(view, &count, "1", &mut |row| {
                rows = row.get(0)?;
                Ok(())
            })?;
            slice.rows = rows;
        }
        Ok(slice)
    }
}

impl Slice {
    /// Runs `select … WHERE` over the slice's rows, named `child`, that fulfil a condition, with `rest` behind it in the
    /// condition; hands each row to `take`.
    pub fn query(
        &self,
        view: &View<'_>,
        select: &str,
        rest: &str,
        take: &mut dyn FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut statement = view.prepare(&format!("{select} {} AND {rest}", self.condition))?;
        let mut rows = statement.query(params_from_iter(&self.bounds))?;
        while let Some(row) = rows.next()? {
            take(row)?;
        }
        Ok(())
    }
}

fn values(row: &Row<'_>, count: usize) -> Result<Vec<Value>> {
    (0..count).map(|index| Ok(row.get(index)?)).collect()
}
