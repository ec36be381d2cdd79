//! Searching: which rows of the index match, in which order, and what is shown of them.

use rusqlite::Statement;
use serde::{Deserialize, Serialize};

use super::index::{label, newest_doc, rows_of, state};
use super::snippet::{self, Snippet};
use super::sources::{RecordId, SearchKind, Source};
use super::terms::{self, Term};
use crate::domain::messages::Role;
use crate::domain::page::{self, Cursor};
use crate::domain::{conversations, owner};
use crate::error::{Error, Result};
use crate::id::{ConversationId, UserId};
use crate::store::View;

/// What to search for, and where. Filters add up.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SearchQuery {
    /// What a person typed: words that must all be there, `"phrases"`, beginnings `word*`, and `-` before what must not be
    /// there. Everything else is text. Without anything that must be there, nothing is found.
    pub text: String,
    /// The user whose records to search. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// Only those in one of these contexts.
    pub contexts: Option<Vec<String>>,
    /// Only texts of these kinds.
    pub r#in: Option<Vec<SearchKind>>,
    /// Only messages in one of these voices.
    pub roles: Option<Vec<Role>>,
    /// Only what is in this conversation.
    pub conversation_id: Option<ConversationId>,
    /// Only what belongs to this construct.
    pub construct_id: Option<String>,
    /// Only what was created at or after this, in milliseconds since 1970-01-01 UTC.
    pub since: Option<i64>,
    /// Only what was created before this, in milliseconds since 1970-01-01 UTC.
    pub until: Option<i64>,
    /// Hits per page: 1 to 1,000, 50 by default.
    pub limit: Option<i64>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// A text that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct SearchHit {
    /// What kind of text it is.
    pub kind: SearchKind,
    /// The record it belongs to.
    pub id: String,
    /// The conversation it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    /// The construct it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub construct_id: Option<String>,
    /// The title of the conversation it is in, or its own name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The context it is in; none, `""`, for an artifact that belongs to no construct.
    pub context: String,
    /// The voice of a message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// When it was created, in milliseconds since 1970-01-01 UTC.
    pub at: i64,
    /// How well it matches: more is better. It depends on the text and the query alone.
    pub score: i64,
    /// The text around what was found.
    pub snippet: Snippet,
}

/// A page of hits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct SearchPage {
    /// The hits, best first: of very common words the newest 2,000 are ranked, then the 2,000 before them, and so on.
    pub items: Vec<SearchHit>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// Whether everything was searched. False while the index is being built.
    pub complete: bool,
}

/// Hits that are ranked together: the newest, then those before them.
const BAND: usize = 2000;

/// Rows of the index that match, as they are ranked: better ones first, of equals the newer.
type Ranked = [i64; 2];

/// The rank of a row.
const fn rank(doc: i64, score: i64) -> Ranked {
    [-score, -doc]
}

/// A row that matches and passes the filters.
struct Match {
    rank: Ranked,
    at: i64,
    record: String,
    kind: String,
    piece: i64,
    role: Option<String>,
    conversation: Option<i64>,
    construct: Option<String>,
    context: Option<String>,
}

/// A search as the index is asked for it.
struct Search {
    expression: String,
    /// Phrases of the expression that are labels, and say nothing of how well a text matches.
    labels: usize,
    user: UserId,
    contexts: Option<String>,
    since: i64,
    until: i64,
}

/// Searches what a user's records say.
///
/// # Errors
/// `invalid_argument` for a query of more than 4 KiB or 64 terms, and for a cursor of another search, or of one from before
/// the index was built anew; `not_found` for a conversation that is not the user's.
pub fn query(view: &View<'_>, query: &SearchQuery) -> Result<SearchPage> {
    let owner = owner(view, query.user_id)?;
    let limit = page::limit(query.limit)?;
    let terms = terms::parse(&query.text)?;
    let state = state(view)?;
    let mut found = SearchPage {
        items: Vec::new(),
        next_cursor: None,
        complete: state.is_complete(view)?,
    };
    let labels = labels(view, owner, query)?;
    let list = format!(
        "search {} {owner} {labels:?} {:?} {:?} {:?} {:?}",
        state.generation, query.text, query.contexts, query.since, query.until
    );
    let cursor = Cursor::decode::<4>(&list, query.cursor.as_deref())?;
    let Some(expression) = terms::expression(&labels, &terms) else {
        return Ok(found);
    };
    let search = Search {
        expression,
        labels: labels.iter().map(Vec::len).sum(),
        user: owner,
        contexts: query
            .contexts
            .as_ref()
            .map(|names| serde_json::Value::from(names.as_slice()).to_string()),
        since: query.since.unwrap_or(i64::MIN),
        until: query.until.unwrap_or(i64::MAX),
    };
    let Some((bottom, newest)) = search.bounds(view)? else {
        return Ok(found);
    };
    let (mut high, mut low, mut after) = match cursor {
        Some([high, low, score, doc]) => (high, low, Some([score, doc])),
        None => (newest, bottom, None),
    };
    let mut matches = Vec::new();
    let mut filters = view.prepare(FILTERS)?;
    loop {
        let (band, rest) = search.band(view, low, high)?;
        // The band keeps its lower end, so that the next page ranks the same rows; those that are added lie above its upper.
        low = rest.map_or(low, |rest| rest + 1);
        let behind = band
            .iter()
            .filter(|rank| after.is_none_or(|after| **rank > after));
        for rank in behind {
            if let Some(hit) = search.pass(view, &mut filters, *rank, &band)? {
                matches.push((high, low, hit));
            }
            if matches.len() > limit {
                break;
            }
        }
        if matches.len() > limit || low <= bottom {
            break;
        }
        (high, low, after) = (low - 1, bottom, None);
    }
    let page = page::cut(matches, limit, |(high, low, last)| {
        let [score, doc] = last.rank;
        Cursor::encode(&list, &[*high, *low, score, doc])
    });
    found.next_cursor = page.next_cursor;
    for (_, _, hit) in page.items {
        found.items.push(show(view, owner, hit, &terms)?);
    }
    Ok(found)
}

/// The labels that a text must have: one of each group.
fn labels(view: &View<'_>, owner: UserId, query: &SearchQuery) -> Result<Vec<Vec<String>>> {
    let mut labels = Vec::new();
    if let Some(kinds) = &query.r#in {
        labels.push(
            kinds
                .iter()
                .map(|kind| label::kind(kind.as_str()))
                .collect(),
        );
    }
    if let Some(roles) = &query.roles {
        labels.push(
            roles
                .iter()
                .map(|role| label::role(role.as_str()))
                .collect(),
        );
    }
    if let Some(id) = query.conversation_id {
        if id.owner() != owner {
            return Err(Error::not_found("conversation", id));
        }
        conversations::get(view, id)?;
        labels.push(vec![label::conversation(id.conversation)]);
    }
    if let Some(id) = &query.construct_id {
        labels.push(vec![label::construct(id)]);
    }
    if labels.iter().any(Vec::is_empty) {
        return Err(Error::invalid("a list to choose from names nothing"));
    }
    Ok(labels)
}

impl Search {
    /// The first and the last row that may match; none when there is none.
    fn bounds(&self, view: &View<'_>) -> Result<Option<(i64, i64)>> {
        let (first, last) = rows_of(self.user.user);
        if (self.since, self.until) == (i64::MIN, i64::MAX) {
            return Ok(newest_doc(view, first, last)?.map(|newest| (first, newest)));
        }
        let sql =
            "SELECT min(doc), max(doc) FROM search_doc WHERE user = ?1 AND at >= ?2 AND at < ?3";
        let mut statement = view.prepare(sql)?;
        let (first, last): (Option<i64>, Option<i64>) = statement
            .query_row((self.user.user, self.since, self.until), |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        Ok(first.zip(last))
    }

    /// The newest matches from `low` to `high`, in the order of their ranks, and where those begin that are too many.
    fn band(&self, view: &View<'_>, low: i64, high: i64) -> Result<(Vec<Ranked>, Option<i64>)> {
        let mut statement = view.prepare(MATCHES)?;
        let mut rows = statement.query((&self.expression, self.labels, low, high, BAND + 1))?;
        let mut band: Vec<Ranked> = Vec::new();
        let mut rest = None;
        while let Some(row) = rows.next()? {
            let doc = row.get(0)?;
            if band.len() == BAND {
                rest = Some(doc);
                break;
            }
            band.push(rank(doc, row.get(1)?));
        }
        band.sort_unstable();
        Ok((band, rest))
    }

    /// A row of the band, if it passes the filters and no better piece of its text is in the band.
    fn pass(
        &self,
        view: &View<'_>,
        filters: &mut Statement<'_>,
        rank: Ranked,
        band: &[Ranked],
    ) -> Result<Option<Match>> {
        let [_, doc] = rank;
        let mut rows =
            filters.query((-doc, self.user.user, self.since, self.until, &self.contexts))?;
        let Some(row) = rows.next()? else {
            return Ok(None);
        };
        let hit = Match {
            rank,
            at: row.get(0)?,
            record: row.get(1)?,
            kind: row.get(2)?,
            piece: row.get(3)?,
            role: row.get(4)?,
            conversation: row.get(5)?,
            construct: row.get(6)?,
            context: row.get(7)?,
        };
        let is_in_pieces: bool = row.get(8)?;
        if is_in_pieces {
            let better = band.iter().take_while(|other| **other < rank);
            let pieces = pieces_of(view, &hit)?;
            for [_, other] in better {
                if pieces.contains(&-other) {
                    return Ok(None);
                }
            }
        }
        Ok(Some(hit))
    }
}

/// The rows that the text of a match is in.
fn pieces_of(view: &View<'_>, hit: &Match) -> Result<Vec<i64>> {
    let sql = "SELECT doc FROM search_doc WHERE record = ?1 AND kind = ?2";
    let mut statement = view.prepare(sql)?;
    let docs = statement.query_map((&hit.record, &hit.kind), |row| row.get(0))?;
    Ok(docs.collect::<rusqlite::Result<_>>()?)
}

/// Rows that match, newest first, with their scores. Nothing else is looked up for rows that are not shown.
pub const MATCHES: &str = "
    SELECT rowid, search_score(search_text, ?2) FROM search_text
    WHERE search_text MATCH ?1 AND rowid BETWEEN ?3 AND ?4 ORDER BY rowid DESC LIMIT ?5";

/// What is known of a row, if it passes the filters.
pub const FILTERS: &str = "
    SELECT d.at, d.record, d.kind, d.piece, d.role, d.conversation, d.construct,
           coalesce(c.context, k.context, d.context),
           EXISTS (SELECT 1 FROM search_doc AS more WHERE more.record = d.record AND more.kind = d.kind AND more.piece = 1)
    FROM search_doc AS d
    LEFT JOIN conversation AS c ON c.user = d.user AND c.conversation = d.conversation
    LEFT JOIN construct AS k ON k.construct = d.construct
    WHERE d.doc = ?1 AND d.user = ?2 AND d.at >= ?3 AND d.at < ?4 AND c.deleted_at IS NULL
      AND (?5 IS NULL OR coalesce(c.context, k.context, d.context) IN (SELECT value FROM json_each(?5)))";

/// What is shown of a match.
fn show(view: &View<'_>, owner: UserId, hit: Match, terms: &[Term]) -> Result<SearchHit> {
    let kind = SearchKind::parse(&hit.kind)?;
    let id = RecordId::new(&hit.record);
    let source = Source::with(kind)
        .ok_or_else(|| Error::corrupt("the search index holds a kind without a source"))?;
    let mut shown = snippet::cut("", terms);
    source.pieces(view, &id, kind, &mut |piece, text| {
        if piece == hit.piece {
            shown = snippet::cut(text, terms);
        }
        Ok(piece < hit.piece)
    })?;
    let conversation_id = hit.conversation.map(|conversation| ConversationId {
        user: owner.user,
        conversation,
    });
    Ok(SearchHit {
        kind,
        title: source.title(view, &id)?.filter(|title| !title.is_empty()),
        id: hit.record,
        conversation_id,
        construct_id: hit.construct,
        context: hit.context.unwrap_or_default(),
        role: hit.role.as_deref().map(Role::parse).transpose()?,
        at: hit.at,
        score: -hit.rank[0],
        snippet: shown,
    })
}
