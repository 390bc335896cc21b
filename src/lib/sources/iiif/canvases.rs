//! Which canvas painting annotations are about, where they stand at one canvas of a manifest and name another one: pages that
//! several canvases share, and annotations that stand among those of a neighbour.
//!
//! Targets are often wrong: copied from another canvas, or in another spelling. An annotation leaves the canvas at which it
//! stands only where another one there names that canvas, so that the names in this place can be believed.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::range_members::InRanges;
use super::values::{absolute, has, id, members, members_of, spelled, split_fragment};
use crate::image_names::far;

/// The most bytes that a text of a manifest may take in all, when each of its canvases has it.
pub const MOST_REPEATED: usize = 64 << 20;

/// The canvases of a manifest: in `items` since Presentation 3, in sequences before and in its drafts.
pub fn canvases_of(manifest: &Value) -> impl Iterator<Item = &Value> {
    let sequences = members(manifest, "sequences").into_iter();
    let in_sequences = sequences.flat_map(|sequence| members_of(sequence, &["canvases", "items"]));
    let canvases = members_of(manifest, &["items", "canvases"]).into_iter();
    canvases.chain(in_sequences)
}

/// The canvases of a manifest by their names.
#[derive(Default)]
pub struct Canvases<'v> {
    by_name: HashMap<String, (usize, &'v Value)>,
    /// By the pages that several of them name.
    by_page: HashMap<&'v str, Vec<&'v Value>>,
    count: usize,
    /// Those pages that are followed.
    pub followed: HashSet<&'v str>,
    /// What ranges of the manifest say of them.
    pub in_ranges: InRanges<'v>,
    /// Painting annotations that name another canvas than the one at which they stand, with that name.
    pub elsewhere: Vec<(&'v Value, String)>,
}

impl<'v> Canvases<'v> {
    /// Those of a manifest, without those whose id several have.
    pub fn of(manifest: &'v Value, base: &str) -> Self {
        Canvases {
            in_ranges: InRanges::of(manifest, canvases_of(manifest), base, MOST_REPEATED),
            ..Canvases::among(canvases_of(manifest), base)
        }
    }

    /// Some canvases, without those whose id several have.
    pub fn among(canvases: impl Iterator<Item = &'v Value>, base: &str) -> Self {
        let mut found = Canvases::default();
        let mut several = HashSet::new();
        for (number, canvas) in canvases.enumerate() {
            found.count += 1;
            let Some(name) = id(canvas).filter(|_| canvas.is_object()) else {
                continue;
            };
            let name = far(&absolute(base, name));
            if found
                .by_name
                .insert(name.clone(), (number + 1, canvas))
                .is_some()
            {
                several.insert(name);
                continue;
            }
            let pages = members(canvas, "items").into_iter();
            for page in pages.filter(|page| is_reference(page)).filter_map(id) {
                let named_by = found.by_page.entry(page).or_default();
                if named_by
                    .last()
                    .is_none_or(|last| !std::ptr::eq(*last, canvas))
                {
                    named_by.push(canvas);
                }
            }
        }
        found.by_name.retain(|name, _| !several.contains(name));
        found.by_page.retain(|_, canvases| canvases.len() > 1);
        found
    }

    /// The canvases that name a page, where these are several.
    pub fn that_share(&self, page: &Value) -> Option<(&'v str, &[&'v Value])> {
        let (name, canvases) = self.by_page.get_key_value(id(page)?)?;
        Some((name, canvases))
    }

    /// The number, counted from 1, and the canvas of a name, as [`Canvases::named_by`] returns it.
    pub fn get(&self, name: &str) -> Option<(usize, &'v Value)> {
        self.by_name.get(name).copied()
    }

    /// The number of a canvas, counted from 1, and how many there are.
    pub fn position(&self, id: &str) -> Option<(usize, usize)> {
        let (number, _) = self.by_name.get(&far(id))?;
        Some((*number, self.count))
    }

    /// The canvas that a painting annotation names, as it is called here; none if it is not one of these.
    pub fn named_by(&self, annotation: &Value, base: &str) -> Option<String> {
        let target = spelled(annotation, &["target", "on"]).into_iter().next()?;
        let resource = spelled(target, &["full", "source"]).into_iter().next();
        let whole = id(resource.unwrap_or(target))?;
        let whole = far(&absolute(base, whole));
        if self.by_name.contains_key(&whole) {
            return Some(whole);
        }
        let name = far(split_fragment(&whole).0);
        self.by_name.contains_key(&name).then_some(name)
    }

    /// Which of some annotations that stand at a canvas are about another one, by its name. All of them stay where none names
    /// the canvas itself.
    pub fn of_others(
        &self,
        annotations: &[&'v Value],
        own: &str,
        base: &str,
    ) -> Vec<Option<String>> {
        let own = far(own);
        let named: Vec<_> = annotations
            .iter()
            .map(|annotation| self.named_by(annotation, base))
            .collect();
        let is_believed = named.iter().flatten().any(|name| *name == own);
        let of_other = |name: Option<String>| name.filter(|name| is_believed && *name != own);
        named.into_iter().map(of_other).collect()
    }
}

/// Whether what stands where a page of annotations is expected only names one.
fn is_reference(page: &Value) -> bool {
    page.is_string() || !has(page, "items") && !has(page, "resources") && !has(page, "body")
}
