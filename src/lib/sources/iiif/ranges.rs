//! Ranges: the annotations in them, canvases that stand nowhere else, and the parts of canvases that they mark, which
//! are told.

use serde_json::Value;

use super::hanging::Hanging;
use super::range_members::{NAMED, is_only_named, target};
use super::reader::Reader;
use super::targets::{self, TargetPart};
use super::values::{absolute, has, id, kind, members, members_of, size, spelled, split_fragment};
use crate::contracts::{BBox, Frame};
use crate::image_names::far;
use crate::selectors::{self, Selection};

impl<'a> Reader<'a> {
    /// The annotations of the ranges of a manifest; parts that they name are counted and told.
    pub(super) fn structures(&mut self, manifest: &'a Value, on: Hanging) {
        for range in members(manifest, "structures") {
            let is_range = |member: &&str| has(range, member);
            match kind(range) == "range" || RANGE.iter().any(is_range) {
                true => self.range(range, on),
                false => self.not_a(range, "a range"),
            }
        }
    }

    /// The annotations of a range, of the ranges in it and of the canvases that it names, and the parts of these.
    fn range(&mut self, range: &'a Value, on: Hanging) {
        self.annotations_on(range, on);
        for inner in members_of(range, &NAMED) {
            if kind(inner) == "range" {
                self.range(inner, on);
                continue;
            }
            self.named_canvas(inner, on);
            self.marked(inner);
        }
    }

    /// The annotations of a canvas, or of a part of one, where a range names it.
    fn named_canvas(&mut self, named: &'a Value, on: Hanging) {
        for canvas in std::iter::once(named).chain(spelled(named, &targets::SOURCE)) {
            // It is read where its images are.
            if self.canvases.in_ranges.holds(canvas) {
                continue;
            }
            let named = id(canvas).map(|id| absolute(&self.base, id));
            let on = Hanging {
                canvas: named.as_deref(),
                ..on
            };
            self.annotations_on(canvas, on);
        }
    }

    /// Whether a range names a part of a canvas, which is counted and told: whether it marks what is there, or where a chapter begins,
    /// is not said.
    fn marked(&mut self, named: &Value) -> bool {
        let target = target(named);
        // Ids of canvases may end like fragments.
        let whole = id(named).filter(|id| split_fragment(id).1.is_some());
        let whole = whole.map(|id| far(&absolute(&self.base, id)));
        let is_canvas = whole.is_some_and(|name| self.canvases.get(&name).is_some());
        if is_canvas || targets::name(&target, &self.base).is_none() {
            return false;
        }
        let part = targets::part(&target, &self.base);
        if part.is_ok_and(|part| part.region.is_whole() || self.is_all(&part)) {
            return false;
        }
        self.found.count("parts_of_ranges", 1);
        let note =
            "ranges name parts of canvases, as newspapers mark articles: no boxes are made of them"
                .to_owned();
        if !self.found.notes.contains(&note) {
            self.found.notes.push(note);
        }
        true
    }

    /// Whether a part is all of its canvas, where that is known.
    fn is_all(&self, part: &TargetPart) -> bool {
        let Some((_, canvas)) = self.canvases.get(&far(&part.target)) else {
            return false;
        };
        let frame = size(&canvas["width"]).zip(size(&canvas["height"]));
        let frame = frame.map(|(width, height)| Frame { width, height });
        let all = frame.map(|Frame { width, height }| BBox {
            x: 0.0,
            y: 0.0,
            width,
            height,
        });
        match selectors::select(&part.region, frame) {
            Ok(Selection::Part(shape)) => Some(shape.bbox) == all,
            _ => false,
        }
    }

    /// Reads a range that is a document of its own: canvases may be embedded in it.
    pub(super) fn lone_range(&mut self, range: &'a Value) {
        let object = self.surroundings(range);
        let (manifest, mut seen) = (object.manifest.clone(), Vec::new());
        let on = Hanging {
            manifest: manifest.as_deref(),
            ..Hanging::default()
        };
        for canvas in members_of(range, &NAMED) {
            match kind(canvas).as_str() {
                "range" => self.lone_range(canvas),
                _ if is_only_named(canvas) => {
                    if !self.marked(canvas) {
                        let problem = "canvas of a range is only named: its manifest holds it";
                        self.not_used(canvas, problem);
                    }
                    self.named_canvas(canvas, on);
                }
                _ => self.canvas_of(canvas, &object, &mut seen),
            }
        }
        self.annotations_on(range, on);
    }
}

/// Members of which ranges have at least one.
const RANGE: [&str; 7] = [
    "items",
    "canvases",
    "ranges",
    "members",
    "annotations",
    "otherContent",
    "contentLayer",
];
