//! Items while they are read: a tree that becomes a list of [`Item`]s with positions, texts, languages and reading order.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::page::{Granularity, Item, ItemProblem, TextPage};
use crate::contracts::{BBox, Polygon};
use crate::values::excerpt;

/// The largest number of items of a file: the fullest pages of newspapers have some ten thousand words, books of a thousand
/// pages in one hOCR file some hundred thousand.
const MAX_ITEMS: usize = 1_000_000;

/// An item while it is read.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What the format calls it.
    pub element: String,
    /// Its id, if it has one.
    pub id: Option<String>,
    /// How much of the page it is.
    pub granularity: Granularity,
    /// Its class.
    pub class: String,
    /// Its box `[x, y, width, height]` as the file states it, or why it cannot be read.
    pub bbox: Option<Result<[f64; 4], String>>,
    /// Its outline; empty if there is none.
    pub outline: Vec<[f64; 2]>,
    /// Its baseline; empty if there is none.
    pub baseline: Vec<[f64; 2]>,
    /// Its own text; none if it follows from what it contains.
    pub text: Option<String>,
    /// From 0 to 1.
    pub confidence: Option<f64>,
    /// Its language; none if it is that of what contains it.
    pub language: Option<String>,
    /// Its place among its siblings, if the file states one.
    pub index: Option<i64>,
    /// What else the file says.
    pub attributes: BTreeMap<&'static str, Value>,
    /// Why it cannot be used: field and problem.
    pub problem: Option<(&'static str, String)>,
    /// What of it is left out, while the rest is kept: fields and problems.
    pub lost: Vec<(&'static str, String)>,
    parent: Option<usize>,
}

impl Draft {
    /// An item of which nothing is known yet.
    pub fn new(element: &str, granularity: Granularity, class: &str) -> Self {
        Draft {
            element: element.to_owned(),
            id: None,
            granularity,
            class: class.to_owned(),
            bbox: None,
            outline: Vec::new(),
            baseline: Vec::new(),
            text: None,
            confidence: None,
            language: None,
            index: None,
            attributes: BTreeMap::new(),
            problem: None,
            lost: Vec::new(),
            parent: None,
        }
    }

    /// Remembers the first problem.
    pub fn fail(&mut self, field: &'static str, problem: String) {
        self.problem.get_or_insert((field, problem));
    }

    /// Remembers that a part of it is left out: an outline, a baseline.
    pub fn lose(&mut self, field: &'static str, problem: &str) {
        let problem = format!("{field} is left out: {problem}");
        self.lost.push((field, problem));
    }

    /// Whether the file says anywhere where it is.
    pub fn is_placed(&self) -> bool {
        self.bbox.is_some() || !self.outline.is_empty()
    }
}

/// All items of a page while they are read.
#[derive(Debug, Default)]
pub struct Drafts {
    drafts: Vec<Draft>,
    open: Vec<usize>,
    /// Id of an item → its place in the reading order that the file states.
    pub ranks: HashMap<String, i64>,
    /// The language of what does not state one.
    pub language: Option<String>,
}

impl Drafts {
    /// Adds an item within the innermost open one, and opens it.
    ///
    /// # Errors
    /// There are too many.
    pub fn open(&mut self, mut draft: Draft) -> Result<(), String> {
        if self.drafts.len() >= MAX_ITEMS {
            return Err(format!("too many items: the limit is {MAX_ITEMS}"));
        }
        draft.parent = self.open.last().copied();
        self.open.push(self.drafts.len());
        self.drafts.push(draft);
        Ok(())
    }

    /// Adds an element that is listed and not read, since nothing is known of such elements, and opens it.
    ///
    /// # Errors
    /// There are too many.
    pub fn list(&mut self, element: &str, id: Option<&str>) -> Result<(), String> {
        let mut draft = Draft::new(element, Granularity::Block, "block");
        draft.id = id.map(str::to_owned);
        draft.fail(
            "element",
            format!("element is not read: {}", excerpt(element)),
        );
        self.open(draft)
    }

    /// Closes the innermost open item.
    pub fn close(&mut self) {
        self.open.pop();
    }

    /// The innermost open item.
    pub fn current(&mut self) -> Option<&mut Draft> {
        self.open.last().map(|n| &mut self.drafts[*n])
    }

    /// The innermost open item of a granularity.
    pub fn current_of(&mut self, granularity: Granularity) -> Option<&mut Draft> {
        let drafts = &mut self.drafts;
        let found = self.open.iter().rev();
        let found = found
            .copied()
            .find(|n| drafts[*n].granularity == granularity);
        found.map(|n| &mut drafts[n])
    }

    /// Completes the items, and puts them and their problems on the page.
    pub fn finish(mut self, page: &mut TextPage) {
        self.number();
        self.inherit_languages();
        self.join_texts();
        let orders = self.orders();
        let is_frame = self.frames();
        // Where what lies within a frame hangs instead.
        let mut holder: Vec<Option<usize>> = Vec::with_capacity(self.drafts.len());
        let ids: Vec<String> = self.drafts.iter().filter_map(|d| d.id.clone()).collect();
        for (n, draft) in self.drafts.into_iter().enumerate() {
            let above = draft.parent.and_then(|parent| holder[parent]);
            if is_frame[n] {
                holder.push(above);
                continue;
            }
            holder.push(Some(n));
            let parent = above.map(|n| ids[n].clone());
            complete(draft, orders[n], parent, page);
        }
    }

    /// Gives an id to those without: the element and its number.
    fn number(&mut self) {
        let mut counts: HashMap<String, usize> = HashMap::new();
        for draft in &mut self.drafts {
            let count = counts.entry(draft.element.clone()).or_default();
            *count += 1;
            let made = || format!("{}-{count}", draft.element);
            draft.id.get_or_insert_with(made);
        }
    }

    fn inherit_languages(&mut self) {
        for n in 0..self.drafts.len() {
            let above = self.drafts[n].parent;
            let inherited = match above {
                Some(parent) => self.drafts[parent].language.clone(),
                None => self.language.clone(),
            };
            let draft = &mut self.drafts[n];
            draft.language = draft.language.take().or(inherited);
        }
    }

    /// The children of each item, and those of the page, in reading order.
    fn children(&self) -> (Vec<Vec<usize>>, Vec<usize>) {
        let mut children = vec![Vec::new(); self.drafts.len()];
        let mut roots = Vec::new();
        for (n, draft) in self.drafts.iter().enumerate() {
            match draft.parent {
                Some(parent) => children[parent].push(n),
                None => roots.push(n),
            }
        }
        let place = |n: &usize| {
            let draft = &self.drafts[*n];
            let ranked = draft.id.as_ref().and_then(|id| self.ranks.get(id));
            ranked.copied().or(draft.index).unwrap_or(i64::MAX)
        };
        // Stable: what has no place follows in the order of the file.
        children.iter_mut().for_each(|c| c.sort_by_key(place));
        roots.sort_by_key(place);
        (children, roots)
    }

    /// Gives a text to items without, from the finer parts that they contain: blocks within blocks keep their texts to
    /// themselves, so that no text is repeated for every level of nesting. What is contained has a larger number.
    fn join_texts(&mut self) {
        let (children, _) = self.children();
        for (n, inside) in children.into_iter().enumerate().rev() {
            let draft = &self.drafts[n];
            let between = match draft.granularity {
                Granularity::Page | Granularity::Block | Granularity::Paragraph => "\n",
                Granularity::Line => " ",
                Granularity::Word | Granularity::Glyph => "",
            };
            if draft.text.is_some() || inside.is_empty() {
                continue;
            }
            let parts = inside.iter().map(|n| &self.drafts[*n]);
            let finer = parts.filter(|part| part.granularity > draft.granularity);
            let texts = finer.filter_map(|part| part.text.as_deref());
            let texts: Vec<&str> = texts.filter(|text| !text.is_empty()).collect();
            if !texts.is_empty() {
                self.drafts[n].text = Some(texts.join(between));
            }
        }
    }

    /// The number of each item among those of its granularity, counted from 1 in reading order.
    fn orders(&self) -> Vec<usize> {
        let (children, roots) = self.children();
        let mut sequence = Vec::with_capacity(self.drafts.len());
        let mut stack: Vec<usize> = roots.into_iter().rev().collect();
        while let Some(n) = stack.pop() {
            sequence.push(n);
            stack.extend(children[n].iter().rev());
        }
        self.read_across_blocks(&mut sequence);
        let mut counts: BTreeMap<Granularity, usize> = BTreeMap::new();
        let mut orders = vec![0; self.drafts.len()];
        for n in sequence {
            let count = counts.entry(self.drafts[n].granularity).or_default();
            *count += 1;
            orders[n] = *count;
        }
        orders
    }

    /// Brings lines, words and glyphs into the order that the file states for them, if it does: it may go from one block to
    /// another and back. What has no place of its own has that of what contains it.
    fn read_across_blocks(&self, sequence: &mut [usize]) {
        let own = |draft: &Draft| draft.id.as_ref().and_then(|id| self.ranks.get(id)).copied();
        let is_finer = |draft: &Draft| draft.granularity >= Granularity::Line;
        if self.ranks.is_empty()
            || !self
                .drafts
                .iter()
                .any(|draft| is_finer(draft) && own(draft).is_some())
        {
            return;
        }
        let mut ranks: Vec<i64> = Vec::with_capacity(self.drafts.len());
        for draft in &self.drafts {
            let above = draft.parent.map(|parent| ranks[parent]);
            ranks.push(own(draft).or(above).unwrap_or(i64::MAX));
        }
        // Stable: blocks keep their order, and what has one place the order in which it stands.
        sequence.sort_by_key(|n| match is_finer(&self.drafts[*n]) {
            true => ranks[*n],
            false => i64::MIN,
        });
    }

    /// Which items only hold others together: they have no place on the page, and something that they contain has one.
    fn frames(&self) -> Vec<bool> {
        let mut holds_placed = vec![false; self.drafts.len()];
        for (n, draft) in self.drafts.iter().enumerate().rev() {
            if let Some(parent) = draft.parent {
                holds_placed[parent] |= holds_placed[n] || draft.is_placed();
            }
        }
        let is_frame = |(draft, holds): (&Draft, bool)| {
            let says_nothing = draft.problem.is_none() && draft.lost.is_empty();
            holds && !draft.is_placed() && draft.baseline.is_empty() && says_nothing
        };
        self.drafts.iter().zip(holds_placed).map(is_frame).collect()
    }
}

/// Puts an item on the page, or why it cannot be used, and what of it is left out.
fn complete(mut draft: Draft, order: usize, parent: Option<String>, page: &mut TextPage) {
    let id = draft.id.clone().unwrap_or_default();
    let placed = place(&mut draft);
    let mut problems = std::mem::take(&mut draft.lost);
    match placed {
        Ok((bbox, polygon)) => page.items.push(Item {
            id: id.clone(),
            element: draft.element,
            granularity: draft.granularity,
            class: draft.class,
            bbox,
            polygon,
            baseline: draft.baseline,
            text: draft.text.filter(|text| !text.trim().is_empty()),
            confidence: draft.confidence,
            language: draft.language,
            order,
            parent,
            attributes: draft.attributes,
        }),
        // Nothing is left of it: one problem is enough.
        Err(problem) => problems = vec![problem],
    }
    let problem = |(field, problem)| ItemProblem {
        item: id.clone(),
        granularity: draft.granularity,
        field,
        problem,
    };
    page.problems.extend(problems.into_iter().map(problem));
}

/// Box and outline of an item.
type Place = (Option<BBox>, Option<Polygon>);

/// Where an item is: its outline, else its box, else its baseline alone. A box that encloses nothing does not matter beside an
/// outline, but numbers that cannot be read do, and an outline or a baseline of too few points is lost.
fn place(draft: &mut Draft) -> Result<Place, (&'static str, String)> {
    if let Some(problem) = draft.problem.take() {
        return Err(problem);
    }
    if let [_] = draft.baseline[..] {
        draft.baseline.clear();
        draft.lose("baseline", "it has 1 point, at least 2 are needed");
    }
    let numbers = draft.bbox.take();
    let unreadable = numbers.as_ref().and_then(|numbers| numbers.clone().err());
    let stated = numbers.map(|numbers| numbers.and_then(BBox::try_from));
    let drawn = (!draft.outline.is_empty()).then(|| {
        let polygon = Polygon::try_from(draft.outline.clone())?;
        let bbox = BBox::around(draft.outline.iter().copied())?;
        Ok::<_, String>((bbox, polygon))
    });
    let place = match (&drawn, &stated) {
        (Some(Ok((bbox, polygon))), _) => (Some(*bbox), Some(polygon.clone())),
        (_, Some(Ok(bbox))) => (Some(*bbox), None),
        _ if draft.baseline.len() > 1 => (None, None),
        (Some(Err(problem)), _) => return Err(("outline", problem.clone())),
        (None, Some(Err(problem))) => return Err(("position", problem.clone())),
        (None, None) => return Err(("position", "position is missing".into())),
    };
    if let Some(problem) = unreadable {
        draft.lose("position", &problem);
    }
    if let Some(Err(problem)) = drawn {
        draft.lose("outline", &problem);
    }
    Ok(place)
}
