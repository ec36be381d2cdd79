//! Gives drafts their places: every message behind its parent, one path active.

use std::collections::{BTreeSet, HashMap};

use super::fields::{Draft, Head};
use super::value::{Object, Value};
use super::{Conversation, Format, Message, Report};
use crate::error::Result;

/// A place in a tree. One without a message is passed over: its children belong to what is above it.
pub(super) struct Node {
    pub id: Option<String>,
    pub parent: Option<String>,
    pub children: Vec<String>,
    pub draft: Option<Draft>,
    /// The fields that said where it is: kept if the tree does not say the same.
    pub links: Object,
}

impl Node {
    /// A message that says nothing of its place.
    pub fn alone(draft: Draft) -> Self {
        Self {
            id: draft.source_id.clone(),
            parent: None,
            children: Vec::new(),
            draft: Some(draft),
            links: Object::default(),
        }
    }
}

/// A conversation of messages that name their parents, their children or both. Broken links and circles are cut and noted. Without a current
/// message, the path ends with the last one.
pub(super) fn build(
    format: Format,
    head: Head,
    nodes: Vec<Node>,
    current: Option<&str>,
    report: &mut Report,
) -> Result<Conversation> {
    let places = places(&nodes, report);
    let (parents, children) = links(&nodes, &places, report);
    let odd = odd(&nodes, &places, &parents);
    let roots = (0..nodes.len()).filter(|index| parents.get(*index) == Some(&None));
    let mut walk = Walk {
        done: vec![false; nodes.len()],
        odd,
        current: current.and_then(|id| places.get(id)).copied(),
        nodes: nodes.into_iter().map(Some).collect(),
        children,
        placed: Vec::new(),
        leaf: None,
    };
    for root in roots {
        walk.descend(root);
    }
    // What no root leads to hangs in a circle.
    for index in 0..walk.done.len() {
        if walk.done.get(index) == Some(&false) {
            let node = walk.nodes.get(index).and_then(Option::as_ref);
            let id = node.and_then(|node| node.id.clone()).unwrap_or_default();
            report.note(id, "its parents form a circle, which is cut here");
            walk.descend(index);
        }
    }
    if let (Some(id), None) = (current, walk.current) {
        report.note(
            id,
            "the current message is missing; the last one stands for it",
        );
    }
    let leaf = walk.leaf.or(walk.placed.len().checked_sub(1));
    finish(format, head, walk.placed, leaf, report)
}

/// A conversation of messages that follow one another.
pub(super) fn chain(
    format: Format,
    head: Head,
    drafts: Vec<Draft>,
    report: &mut Report,
) -> Result<Conversation> {
    let leaf = drafts.len().checked_sub(1);
    let placed = drafts.into_iter().enumerate();
    let placed = placed.map(|(index, draft)| (draft, index.checked_sub(1)));
    finish(format, head, placed.collect(), leaf, report)
}

fn places(nodes: &[Node], report: &mut Report) -> HashMap<String, usize> {
    let mut places = HashMap::new();
    for (index, id) in nodes.iter().enumerate() {
        let Some(id) = &id.id else { continue };
        if places.contains_key(id.as_str()) {
            report.note(id, "another message has the same id");
        } else {
            places.insert(id.clone(), index);
        }
    }
    places
}

/// Each node's parent, and its children in the order they are listed.
fn links(
    nodes: &[Node],
    places: &HashMap<String, usize>,
    report: &mut Report,
) -> (Vec<Option<usize>>, HashMap<usize, Vec<usize>>) {
    let mut listed: HashMap<usize, usize> = HashMap::new();
    let mut order: Vec<usize> = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        for child in node.children.iter().filter_map(|id| places.get(id)) {
            listed.entry(*child).or_insert(index);
            order.push(*child);
        }
    }
    order.extend(0..nodes.len());
    let mut parents = vec![None; nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        let named = node.parent.as_ref().and_then(|id| places.get(id));
        let parent = named.or_else(|| listed.get(&index)).copied();
        if let (Some(id), None) = (&node.parent, named) {
            let place = node.id.clone().unwrap_or_default();
            report.note(place, format!("its parent `{id}` is missing"));
        }
        if let Some(place) = parents.get_mut(index) {
            *place = parent;
        }
    }
    let mut children: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut seen = vec![false; nodes.len()];
    for index in order {
        let is_first = seen
            .get_mut(index)
            .is_some_and(|seen| !std::mem::replace(seen, true));
        if let (true, Some(Some(parent))) = (is_first, parents.get(index)) {
            children.entry(*parent).or_default().push(index);
        }
    }
    (parents, children)
}

/// Whether each node lists children that are not there, or are another's.
fn odd(nodes: &[Node], places: &HashMap<String, usize>, parents: &[Option<usize>]) -> Vec<bool> {
    let nodes = nodes.iter().enumerate();
    let odd = nodes.map(|(index, node)| {
        let is_own = |id: &String| {
            let place = places.get(id);
            place.and_then(|place| parents.get(*place)) == Some(&Some(index))
        };
        !node.children.iter().all(is_own)
    });
    odd.collect()
}

struct Walk {
    done: Vec<bool>,
    odd: Vec<bool>,
    nodes: Vec<Option<Node>>,
    children: HashMap<usize, Vec<usize>>,
    current: Option<usize>,
    placed: Vec<(Draft, Option<usize>)>,
    leaf: Option<usize>,
}

impl Walk {
    fn descend(&mut self, root: usize) {
        let mut waiting = vec![(root, None)];
        while let Some((index, above)) = waiting.pop() {
            let is_done = self.done.get_mut(index);
            let Some(node) = self.nodes.get_mut(index).and_then(Option::take) else {
                continue;
            };
            if let Some(is_done) = is_done {
                *is_done = true;
            }
            let is_odd = self.odd.get(index) == Some(&true);
            let place = self.place(node, above, is_odd);
            if self.current == Some(index) {
                self.leaf = place;
            }
            let below = self.children.remove(&index).unwrap_or_default();
            waiting.extend(below.into_iter().rev().map(|child| (child, place)));
        }
    }

    fn place(&mut self, node: Node, above: Option<usize>, is_odd: bool) -> Option<usize> {
        let Some(mut draft) = node.draft else {
            return above;
        };
        let parent = above.and_then(|above| self.placed.get(above));
        let parent = parent.and_then(|(draft, _)| draft.source_id.as_deref());
        if is_odd || node.parent.as_deref() != parent || draft.source_id != node.id {
            draft.raw.put_left("node", node.links);
        }
        self.placed.push((draft, above));
        Some(self.placed.len() - 1)
    }
}

fn finish(
    format: Format,
    head: Head,
    placed: Vec<(Draft, Option<usize>)>,
    leaf: Option<usize>,
    report: &mut Report,
) -> Result<Conversation> {
    let mut raw: BTreeSet<String> = head.raw.0.iter().map(|(key, _)| key.clone()).collect();
    let mut messages = Vec::with_capacity(placed.len());
    for (draft, parent) in placed {
        let keys = draft.raw.0.iter();
        raw.extend(keys.map(|(key, _)| format!("messages.{key}")));
        report.parts += draft.parts.len();
        messages.push(Message {
            source_id: draft.source_id,
            parent,
            role: draft.role,
            author: draft.author,
            model: draft.model,
            status: draft.status,
            hidden: draft.hidden,
            created_at: draft.created_at,
            updated_at: draft.updated_at,
            parts: draft.parts,
            metadata: under(format, draft.raw).to_metadata()?,
        });
    }
    report.messages = messages.len();
    report.raw = raw.into_iter().collect();
    Ok(Conversation {
        source_id: head.source_id,
        title: head.title,
        created_at: head.created_at,
        updated_at: head.updated_at,
        archived: head.archived,
        metadata: under(format, head.raw).to_metadata()?,
        messages,
        leaf,
    })
}

fn under(format: Format, raw: Object) -> Object {
    let mut object = Object::default();
    object.put_left(format.name(), raw);
    object
}

/// Texts of a list; none if it holds anything else, which is then left where it is.
pub(super) fn take_links(object: &mut Object, key: &str, links: &mut Object) -> Vec<String> {
    let Some(list) = object.take_list(key) else {
        return Vec::new();
    };
    let ids = list.iter().filter_map(Value::as_text);
    let ids = ids.map(str::to_owned).collect();
    links.put(key, Value::List(list));
    ids
}

/// The text that names a parent.
pub(super) fn take_link(object: &mut Object, key: &str, links: &mut Object) -> Option<String> {
    let id = object.take_text(key)?;
    links.put(key, Value::Text(id.clone()));
    Some(id)
}
