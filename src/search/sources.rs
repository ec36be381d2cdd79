//! What is searched: for each kind of record the SQL that gives its texts.

use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, Rows};
use serde::{Deserialize, Serialize};

use crate::database::schema::{RecordKey, group};
use crate::domain::packed::chunks;
use crate::error::{Error, Result};
use crate::id::{ConversationId, MessageId};
use crate::store::View;

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum SearchKind {
    /// What a message says.
    Messages,
    /// What its author thought on the way.
    Reasoning,
    /// A conversation's title.
    Conversations,
    /// What was learnt.
    Learnings,
    /// A construct's name, and the text `description` among its fields.
    Constructs,
    /// A session's name.
    Sessions,
    /// An artifact's name.
    Artifacts,
    /// What charts and the graphs below them say: outcomes, realities, steps, entities and what was observed of them.
    Charts,
}

impl SearchKind {
    const ALL: [Self; 8] = [
        Self::Messages,
        Self::Reasoning,
        Self::Conversations,
        Self::Learnings,
        Self::Constructs,
        Self::Sessions,
        Self::Artifacts,
        Self::Charts,
    ];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::Reasoning => "reasoning",
            Self::Conversations => "conversations",
            Self::Learnings => "learnings",
            Self::Constructs => "constructs",
            Self::Sessions => "sessions",
            Self::Artifacts => "artifacts",
            Self::Charts => "charts",
        }
    }

    /// Reads its name.
    pub fn parse(name: &str) -> Result<Self> {
        let kind = Self::ALL.into_iter().find(|kind| kind.as_str() == name);
        kind.ok_or_else(|| Error::corrupt("the search index holds an unknown kind"))
    }
}

/// A kind of record whose texts are searched. Every statement is bound to the columns of the record's key, as `?1` and on.
pub struct Source {
    /// Its table.
    table: &'static str,
    /// The columns of its key.
    key: &'static str,
    /// How an id is made of them.
    record: RecordKey,
    /// One row: whether its text is settled, the user, the conversation it is in, the construct, its own context (none where
    /// the conversation's or the construct's counts), the role, the time. No row for what is not to be found.
    head: &'static str,
    /// One row: the title of what it is or is in.
    title: &'static str,
    /// Its texts by kind: each as rows that follow one another.
    texts: &'static [(SearchKind, &'static str)],
}

/// The texts of a message's parts of one kind. Chunks of another say nothing.
macro_rules! texts_of {
    ($kind:literal) => {
        chunks!(
            concat!(
                "iif((SELECT p.kind FROM part AS p
                      WHERE p.user = ?1 AND p.conversation = ?2 AND p.message = ?3 AND p.part = chunk.part) = '", $kind, "', text, NULL), seq"
            ),
            "0"
        )
    };
}

/// All sources, in the order in which an index is built.
pub const SOURCES: &[Source] = &[
    Source {
        table: "conversation",
        key: "user, conversation",
        record: RecordKey::Conversation,
        head: "SELECT 1, c.user, c.conversation, s.construct, NULL, NULL, c.created_at
               FROM conversation AS c LEFT JOIN session AS s ON s.session = c.session
               WHERE c.user = ?1 AND c.conversation = ?2",
        title: CONVERSATION_TITLE,
        texts: &[(SearchKind::Conversations, CONVERSATION_TITLE)],
    },
    Source {
        table: "message",
        key: "user, conversation, message",
        record: RecordKey::Message,
        head: "SELECT m.status <> 'streaming', m.user, m.conversation, s.construct, NULL, m.role, m.created_at
               FROM message AS m
               JOIN conversation AS c ON c.user = m.user AND c.conversation = m.conversation
               LEFT JOIN session AS s ON s.session = c.session
               WHERE m.user = ?1 AND m.conversation = ?2 AND m.message = ?3",
        title: CONVERSATION_TITLE,
        texts: &[
            (
                SearchKind::Messages,
                texts_of!("text"),
            ),
            (
                SearchKind::Reasoning,
                texts_of!("reasoning"),
            ),
        ],
    },
    Source {
        table: "learning",
        key: "learning",
        record: RecordKey::Text,
        head: "SELECT 1, user, NULL, NULL, context, NULL, created_at FROM learning WHERE learning = ?1",
        title: "SELECT category FROM learning WHERE learning = ?1 AND category IS NOT NULL",
        texts: &[(
            SearchKind::Learnings,
            "SELECT text FROM learning WHERE learning = ?1",
        )],
    },
    Source {
        table: "construct",
        key: "construct",
        record: RecordKey::Text,
        head: "SELECT 1, user, NULL, construct, NULL, NULL, created_at
               FROM construct WHERE construct = ?1 AND deleted_at IS NULL",
        title: "SELECT name FROM construct WHERE construct = ?1",
        texts: &[(
            SearchKind::Constructs,
            "SELECT name || char(10) FROM construct WHERE construct = ?1
             UNION ALL
             SELECT json_extract(metadata, '$.description') FROM construct
             WHERE construct = ?1 AND json_type(metadata, '$.description') = 'text'",
        )],
    },
    Source {
        table: "session",
        key: "session",
        record: RecordKey::Text,
        head: "SELECT 1, user, NULL, construct, NULL, NULL, created_at FROM session WHERE session = ?1",
        title: "SELECT name FROM session WHERE session = ?1",
        texts: &[(
            SearchKind::Sessions,
            "SELECT name FROM session WHERE session = ?1",
        )],
    },
    Source {
        table: "artifact",
        key: "artifact",
        record: RecordKey::Text,
        head: "SELECT 1, user, NULL, construct, NULL, NULL, created_at FROM artifact WHERE artifact = ?1",
        title: "SELECT name FROM artifact WHERE artifact = ?1",
        texts: &[(
            SearchKind::Artifacts,
            "SELECT name FROM artifact WHERE artifact = ?1",
        )],
    },
    Source {
        table: "entity",
        key: "id",
        record: RecordKey::Text,
        head: "SELECT 1, user, NULL, NULL, context, NULL, created_at FROM entity WHERE id = ?1",
        title: "SELECT name FROM entity WHERE id = ?1",
        // Names that number a chart's parts, such as `chart_7_action_2`, say nothing that a person would look for.
        texts: &[(
            SearchKind::Charts,
            "SELECT name || char(10), 0 FROM entity
             WHERE id = ?1 AND (chart IS NULL OR substr(name, 1, length(chart) + 1) <> chart || '_')
             UNION ALL
             SELECT text || char(10), seq FROM observation WHERE entity = ?1
             ORDER BY 2",
        )],
    },
];

/// Whether rows of a table may change what is found.
pub fn is_searched(table: &str) -> bool {
    let group_of_it = group(table);
    group_of_it.is_some() && SOURCES.iter().any(|it| group(it.table) == group_of_it)
}

const CONVERSATION_TITLE: &str =
    "SELECT title FROM conversation WHERE user = ?1 AND conversation = ?2";

/// A record's id. The order keeps what belongs to one user together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordId {
    /// The numbers it is made of; none for a text of its own.
    numbers: Vec<i64>,
    text: String,
}

impl RecordId {
    /// Reads an id as a record's row spells it.
    pub fn new(text: &str) -> Self {
        let numbers = if let Ok(id) = text.parse::<MessageId>() {
            vec![id.user, id.conversation, id.message]
        } else if let Ok(id) = text.parse::<ConversationId>() {
            vec![id.user, id.conversation]
        } else {
            Vec::new()
        };
        Self {
            numbers,
            text: text.to_owned(),
        }
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Binds the columns of its key to a statement that uses some or all of them, and runs it.
    fn query<'s>(&self, statement: &'s mut CachedStatement<'_>) -> Result<Rows<'s>> {
        let count = statement.parameter_count();
        if self.numbers.is_empty() {
            statement.raw_bind_parameter(1, &self.text)?;
        }
        for (number, place) in self.numbers.iter().zip(1..=count) {
            statement.raw_bind_parameter(place, number)?;
        }
        Ok(statement.raw_query())
    }
}

/// What a record's texts have in common.
#[derive(Debug, Clone)]
pub struct Head {
    /// Its texts are there; those of a message that streams are still coming.
    pub is_settled: bool,
    pub user: i64,
    pub conversation: Option<i64>,
    pub construct: Option<String>,
    pub context: Option<String>,
    pub role: Option<String>,
    pub at: i64,
}

/// Bytes of a text that are one document; a longer one is several, so that memory stays bounded.
pub const PIECE_BYTES: usize = 256 << 10;

/// Bytes at the end of a piece that the next one begins with, so that a phrase across the cut is found.
const OVERLAP_BYTES: usize = 512;

/// Bytes at the end of a piece in which a space is looked for to cut at.
const CUT_BYTES: usize = 256;

impl Source {
    /// The sources of records with such an id.
    pub fn of(id: &RecordId) -> impl Iterator<Item = &'static Self> {
        let depth = id.numbers.len();
        SOURCES.iter().filter(move |source| source.depth() == depth)
    }

    /// The source whose records have texts of this kind.
    pub fn with(kind: SearchKind) -> Option<&'static Self> {
        let has = |source: &&Self| source.texts.iter().any(|(has, _)| *has == kind);
        SOURCES.iter().find(has)
    }

    const fn depth(&self) -> usize {
        match self.record {
            RecordKey::Message => 3,
            RecordKey::Conversation => 2,
            _ => 0,
        }
    }

    /// What is known of a record; none when it is not there, or not to be found.
    pub fn head(&self, view: &View<'_>, id: &RecordId) -> Result<Option<Head>> {
        let mut statement = view.prepare(self.head)?;
        let mut rows = id.query(&mut statement)?;
        let row = rows.next()?;
        row.map(|row| {
            Ok(Head {
                is_settled: row.get(0)?,
                user: row.get(1)?,
                conversation: row.get(2)?,
                construct: row.get(3)?,
                context: row.get(4)?,
                role: row.get(5)?,
                at: row.get(6)?,
            })
        })
        .transpose()
    }

    /// The title to show with a record.
    pub fn title(&self, view: &View<'_>, id: &RecordId) -> Result<Option<String>> {
        let mut statement = view.prepare(self.title)?;
        let mut rows = id.query(&mut statement)?;
        rows.next()?.map(|row| Ok(row.get(0)?)).transpose()
    }

    /// The kinds of texts its records have.
    pub fn kinds(&self) -> impl Iterator<Item = SearchKind> {
        self.texts.iter().map(|(kind, _)| *kind)
    }

    /// Gives a record's text of one kind piece by piece, with the piece's number, until `take` says false. A text without
    /// anything in it has no piece.
    pub fn pieces(
        &self,
        view: &View<'_>,
        id: &RecordId,
        kind: SearchKind,
        take: &mut dyn FnMut(i64, &str) -> Result<bool>,
    ) -> Result<()> {
        let Some((_, sql)) = self.texts.iter().find(|(has, _)| *has == kind) else {
            return Ok(());
        };
        let mut statement = view.prepare(sql)?;
        let mut rows = id.query(&mut statement)?;
        let mut text = String::new();
        let mut piece = 0;
        while let Some(row) = rows.next()? {
            match row.get_ref(0)? {
                ValueRef::Null => continue,
                value => text.push_str(value.as_str().map_err(rusqlite::Error::from)?),
            }
            while text.len() > PIECE_BYTES + OVERLAP_BYTES {
                let end = cut_before(&text, PIECE_BYTES);
                if !take(piece, text.get(..end).unwrap_or_default())? {
                    return Ok(());
                }
                piece += 1;
                text.drain(..cut_before(&text, end - OVERLAP_BYTES));
            }
        }
        let text = text.trim_end();
        if !text.is_empty() {
            take(piece, text)?;
        }
        Ok(())
    }

    /// The ids of up to `limit` records after `after`, in the order of their keys; `""` is before all.
    pub fn ids(&self, view: &View<'_>, after: &str, limit: usize) -> Result<Vec<RecordId>> {
        let Self { table, key, .. } = self;
        let mut statement = view.prepare(&format!(
            "SELECT {key} FROM {table} WHERE {} ORDER BY {key} LIMIT {limit}",
            self.behind()
        ))?;
        let mut rows = self.query_behind(&mut statement, after)?;
        let mut ids = Vec::new();
        while let Some(row) = rows.next()? {
            let id = self.record.id(|column| row.get_ref(column).ok());
            let id = id.ok_or_else(|| Error::corrupt(format!("a record of {table} has no id")))?;
            ids.push(RecordId::new(&id));
        }
        Ok(ids)
    }

    /// How many records come after `after`.
    pub fn count_after(&self, view: &View<'_>, after: &str) -> Result<u64> {
        let sql = format!(
            "SELECT count(*) FROM {} WHERE {}",
            self.table,
            self.behind()
        );
        let mut statement = view.prepare(&sql)?;
        let mut rows = self.query_behind(&mut statement, after)?;
        let row = rows.next()?;
        row.map_or(Ok(0), |row| Ok(row.get(0)?))
    }

    /// The condition that a key comes after the one that is bound.
    fn behind(&self) -> String {
        let marks = match self.depth() {
            3 => "?1, ?2, ?3",
            2 => "?1, ?2",
            _ => "?1",
        };
        format!("({}) > ({marks})", self.key)
    }

    fn query_behind<'s>(
        &self,
        statement: &'s mut CachedStatement<'_>,
        after: &str,
    ) -> Result<Rows<'s>> {
        let after = RecordId::new(after);
        if self.depth() == 0 {
            statement.raw_bind_parameter(1, &after.text)?;
        }
        for place in 0..self.depth() {
            let number = after.numbers.get(place).copied().unwrap_or(0);
            statement.raw_bind_parameter(place + 1, number)?;
        }
        Ok(statement.raw_query())
    }
}

/// Where to cut a text at or shortly before `end`: behind a space if there is one near.
fn cut_before(text: &str, end: usize) -> usize {
    let end = text.floor_char_boundary(end);
    let near = text.floor_char_boundary(end.saturating_sub(CUT_BYTES));
    let tail = text.get(near..end).unwrap_or_default();
    tail.rfind(char::is_whitespace).map_or(end, |space| {
        let width = tail
            .get(space..)
            .and_then(|rest| rest.chars().next())
            .map_or(1, char::len_utf8);
        near + space + width
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_one_user_lie_together_and_in_the_order_of_their_numbers() {
        let mut ids: Vec<_> = [
            "us02-co01",
            "us01-co10-ms02",
            "us01-co02",
            "us01-co10-ms01",
            "us01-co10",
        ]
        .into_iter()
        .map(RecordId::new)
        .collect();
        ids.sort_unstable();
        let sorted: Vec<_> = ids.iter().map(RecordId::as_str).collect();
        assert_eq!(
            sorted,
            [
                "us01-co02",
                "us01-co10",
                "us01-co10-ms01",
                "us01-co10-ms02",
                "us02-co01"
            ]
        );
    }

    #[test]
    fn what_no_text_is_made_of_is_not_looked_at() {
        let searched = [
            "conversation",
            "chunk",
            "learning_tag",
            "observation",
            "session",
        ];
        let not = [
            "job",
            "metric",
            "timeline_event",
            "construct_link",
            "counter",
            "setting",
        ];
        assert!(searched.into_iter().all(is_searched));
        assert!(!not.into_iter().any(is_searched));
    }

    #[test]
    fn a_text_is_cut_behind_a_space_or_else_between_characters() {
        assert_eq!(cut_before("one two three", 9), 8);
        assert_eq!(cut_before("字字字字", 7), 6);
        assert_eq!(cut_before("", 7), 0);
    }
}
