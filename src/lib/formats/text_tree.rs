//! The boxes of an image as ALTO and PAGE hold them: regions with lines, lines with words, words with glyphs, in reading order.
//!
//! What a box is, its attribute `granularity` says; without it, a box with a baseline or a text is a line, any other a region.
//! `parent` names the box that contains it, `order` its place. What is in no box that could hold it is put into a holder.

use std::collections::{HashMap, HashSet};

use super::dataset::DatasetBox;
use crate::contracts::{self, BBox, Named};

/// What a part of a text is, coarse to fine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The border of the page.
    Border,
    /// A region; it may hold regions.
    Region,
    /// A line.
    Line,
    /// A word.
    Word,
    /// A character.
    Glyph,
}

impl Level {
    /// What a box is.
    pub fn of(b: &DatasetBox) -> Self {
        let stated = b.attributes.get("granularity").and_then(|v| v.as_str());
        match stated {
            Some("page") => Level::Border,
            Some("block" | "paragraph") => Level::Region,
            Some("line") => Level::Line,
            Some("word") => Level::Word,
            Some("glyph") => Level::Glyph,
            _ if b.text().is_some() || contracts::baseline(&b.attributes).is_some() => Level::Line,
            _ => Level::Region,
        }
    }

    fn above(self) -> Option<Level> {
        match self {
            Level::Border | Level::Region => None,
            Level::Line => Some(Level::Region),
            Level::Word => Some(Level::Line),
            Level::Glyph => Some(Level::Word),
        }
    }

    fn prefix(self) -> &'static str {
        match self {
            Level::Border => "border",
            Level::Region => "r",
            Level::Line => "l",
            Level::Word => "w",
            Level::Glyph => "g",
        }
    }
}

/// A box with what it holds.
#[derive(Debug)]
pub struct Node<'a> {
    /// The box; none for a holder.
    pub labelled: Option<&'a DatasetBox<'a>>,
    /// What it is.
    pub level: Level,
    /// Its id in the file: a name for XML, unique.
    pub id: String,
    /// Where it is: the box, or that around all it holds.
    pub bbox: BBox,
    /// What it holds, in reading order.
    pub children: Vec<Node<'a>>,
}

impl Node<'_> {
    /// Its text.
    pub fn text(&self) -> Option<&str> {
        self.labelled.and_then(DatasetBox::text)
    }

    /// An attribute that is a text.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.labelled?.attributes.get(name)?.as_str()
    }

    /// How sure the recognition is, 0 to 1.
    pub fn confidence(&self) -> Option<f64> {
        let confidence = self.labelled?.attributes.value("confidence")?.as_f64()?;
        (0.0..=1.0).contains(&confidence).then_some(confidence)
    }

    /// The line that it stands on.
    pub fn baseline(&self) -> Option<Vec<[f64; 2]>> {
        contracts::baseline(&self.labelled?.attributes)
    }

    /// Its children of a level.
    pub fn children_of(&self, level: Level) -> impl Iterator<Item = &Self> {
        self.children
            .iter()
            .filter(move |child| child.level == level)
    }
}

/// The boxes of an image as trees, in reading order.
pub fn trees<'a>(boxes: &'a [DatasetBox<'a>]) -> Vec<Node<'a>> {
    let levels: Vec<Level> = boxes.iter().map(Level::of).collect();
    let parents = parents(boxes, &levels);
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); boxes.len()];
    let mut roots = Vec::new();
    for (at, parent) in parents.iter().enumerate() {
        match parent {
            Some(parent) => children[*parent].push(at),
            None => roots.push(at),
        }
    }
    let mut building = Building {
        boxes,
        levels: &levels,
        children,
        ids: HashSet::new(),
    };
    building.nodes(roots, Level::Region)
}

/// The id by which others name a box.
fn annotation<'a>(b: &'a DatasetBox) -> &'a str {
    let stated = b.attributes.get("annotation").and_then(|v| v.as_str());
    stated.unwrap_or(&b.id)
}

/// The coarser box that contains each, if there is one. Regions may be in regions.
fn parents(boxes: &[DatasetBox], levels: &[Level]) -> Vec<Option<usize>> {
    let by_id: HashMap<&str, usize> = boxes.iter().map(annotation).zip(0..).collect();
    let stated = |at: usize| {
        let parent = boxes[at].attributes.get("parent")?.as_str()?;
        by_id.get(parent).copied()
    };
    let may_hold = |outer: usize, inner: usize| {
        let is_region = |at: usize| levels[at] == Level::Region;
        levels[outer] != Level::Border
            && (levels[outer] < levels[inner] || is_region(outer) && is_region(inner))
    };
    (0..boxes.len())
        .map(|at| {
            // Ids that contain each other end the search.
            let mut seen = HashSet::from([at]);
            let mut found = None;
            let mut outer = stated(at);
            while let Some(here) = outer {
                if !seen.insert(here) {
                    return None;
                }
                if found.is_none() && may_hold(here, at) {
                    found = Some(here);
                }
                outer = stated(here);
            }
            found
        })
        .collect()
}

struct Building<'a, 'b> {
    boxes: &'a [DatasetBox<'a>],
    levels: &'b [Level],
    children: Vec<Vec<usize>>,
    ids: HashSet<String>,
}

impl<'a> Building<'a, '_> {
    /// Boxes as nodes, in reading order. What is finer than `level` is put into holders, neighbours into one.
    fn nodes(&mut self, mut boxes: Vec<usize>, level: Level) -> Vec<Node<'a>> {
        boxes.sort_by_key(|at| (self.levels[*at] == Level::Border, self.order(*at)));
        let mut nodes: Vec<Node<'a>> = Vec::with_capacity(boxes.len());
        for at in boxes {
            let node = self.node(at);
            match nodes.last_mut().filter(|last| last.labelled.is_none()) {
                Some(holder) if node.level > level => put(holder, self.held(node, level)),
                _ => {
                    let held = self.held(node, level);
                    nodes.push(held);
                }
            }
        }
        nodes
    }

    fn order(&self, at: usize) -> u64 {
        let order = self.boxes[at].attributes.value("order");
        order.and_then(|v| v.as_u64()).unwrap_or(u64::MAX)
    }

    fn node(&mut self, at: usize) -> Node<'a> {
        let labelled = &self.boxes[at];
        let level = self.levels[at];
        let id = self.id(annotation(labelled), level);
        let inside = std::mem::take(&mut self.children[at]);
        let next = match level {
            // A region may hold regions beside lines.
            Level::Region => Level::Line,
            Level::Line => Level::Word,
            _ => Level::Glyph,
        };
        let children = self.nodes(inside, next);
        Node {
            labelled: Some(labelled),
            level,
            id,
            bbox: labelled.bbox,
            children,
        }
    }

    /// A node that may stand at a level: itself, or a holder with it inside.
    fn held(&mut self, node: Node<'a>, level: Level) -> Node<'a> {
        let mut node = node;
        while node.level > level {
            let Some(above) = node.level.above() else {
                return node;
            };
            node = Node {
                labelled: None,
                level: above,
                id: self.id("", above),
                bbox: node.bbox,
                children: vec![node],
            };
        }
        node
    }

    /// The id that the source gave, if it is a name in XML and not taken, else a number.
    fn id(&mut self, annotation: &str, level: Level) -> String {
        let own = annotation.rsplit('#').next().unwrap_or_default();
        let mut id = own.to_owned();
        let mut n = self.ids.len();
        while !is_name(&id) || self.ids.contains(&id) {
            n += 1;
            id = format!("{}{n}", level.prefix());
        }
        self.ids.insert(id.clone());
        id
    }
}

/// Puts what a second holder holds into a first.
fn put<'a>(holder: &mut Node<'a>, other: Node<'a>) {
    let corners = |b: &BBox| [[b.x, b.y], [b.right(), b.bottom()]];
    let all = corners(&holder.bbox)
        .into_iter()
        .chain(corners(&other.bbox));
    holder.bbox = BBox::around(all).unwrap_or(holder.bbox);
    for child in other.children {
        match (holder.children.last_mut(), child.labelled) {
            (Some(last), None) if last.labelled.is_none() => put(last, child),
            _ => holder.children.push(child),
        }
    }
}

/// Whether a text is a name in XML, of ASCII and without colons. Names with `_` in front are those of the page and of holders.
fn is_name(text: &str) -> bool {
    let is_first = |c: char| c.is_ascii_alphabetic() || c == '_';
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.len() < 200
        && text
            .chars()
            .all(|c| is_first(c) || c.is_ascii_digit() || matches!(c, '-' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::dataset::Flags;
    use serde_json::json;

    fn boxed(id: &str, x: f64, attributes: serde_json::Value) -> DatasetBox<'static> {
        DatasetBox {
            number: 1,
            id: id.to_owned().into(),
            class: 0,
            bbox: BBox::try_from([x, 0.0, 10.0, 10.0]).unwrap(),
            outline: None,
            flags: Flags::default(),
            attributes: (attributes.as_object().unwrap().iter())
                .map(|(name, value)| (name.clone().into(), value.clone().into()))
                .collect(),
        }
    }

    fn shown(nodes: &[Node]) -> String {
        let one = |node: &Node| {
            let inside = shown(&node.children);
            let mark = if node.labelled.is_none() { "+" } else { "" };
            match inside.is_empty() {
                true => format!("{mark}{}", node.id),
                false => format!("{mark}{}({inside})", node.id),
            }
        };
        nodes.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn boxes_become_trees_in_reading_order() {
        let part = |granularity: &str, parent: &str, order: u32| json!({ "granularity": granularity, "parent": parent, "order": order });
        let cases = [
            (
                vec![
                    boxed("f#l2", 0.0, part("line", "f#r", 2)),
                    boxed("f#w", 0.0, part("word", "f#l1", 1)),
                    boxed("f#r", 0.0, json!({ "granularity": "block" })),
                    boxed("f#l1", 0.0, part("line", "f#r", 1)),
                ],
                "r(l1(w) l2)",
            ),
            // A line alone, words alone, a glyph in a region.
            (
                vec![
                    boxed("a", 0.0, json!({ "text": "x" })),
                    boxed("b", 50.0, json!({ "text": "y" })),
                    boxed("c", 90.0, json!({})),
                ],
                "+r2(a b) c",
            ),
            (
                vec![
                    boxed("a", 0.0, part("word", "", 1)),
                    boxed("b", 50.0, part("word", "", 2)),
                ],
                "+r3(+l2(a b))",
            ),
            (
                vec![
                    boxed("r", 0.0, json!({ "granularity": "block" })),
                    boxed("g", 0.0, part("glyph", "r", 1)),
                ],
                "r(+l3(+w2(g)))",
            ),
            // The name of the page.
            (vec![boxed("_page", 0.0, json!({}))], "r"),
            // Boxes that contain each other, names that are none, a name twice.
            (
                vec![
                    boxed("a", 0.0, part("block", "b", 1)),
                    boxed("b", 0.0, part("block", "a", 2)),
                    boxed("1 x", 0.0, json!({ "order": 3 })),
                    boxed("f#a", 0.0, json!({ "order": 4 })),
                ],
                "a b r3 r4",
            ),
        ];
        for (boxes, wanted) in cases {
            let found = trees(&boxes);
            let ids = shown(&found);
            // Numbers of holders are not what matters.
            let bare = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "");
            assert_eq!(bare(&ids), bare(wanted), "{ids}");
        }
        let pair = [
            boxed("a", 0.0, json!({ "text": "x" })),
            boxed("b", 50.0, json!({ "text": "y" })),
        ];
        let held = &trees(&pair)[0];
        assert_eq!((held.bbox.x, held.bbox.width), (0.0, 60.0));
    }
}
