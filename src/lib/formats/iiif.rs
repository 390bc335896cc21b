//! `iiif`: annotation pages of IIIF Presentation 3, to publish beside the manifests of an archive.
//!
//! Annotations are on canvases, in their units, and a page holds those of one image. Classes are tags, texts supplement what is
//! seen. A box is a media fragment, in whole numbers where units are no larger than pixels, since few viewers read decimals;
//! an outline is an SVG path, filled by the even-odd rule, with its box for viewers that draw none. Attributes without a place in
//! Web Annotation are in a member `attributes`, as `recto-serve` writes them.
//!
//! Annotations of a canvas are those of all its captures: nothing that viewers follow says of which they are. What several
//! captures have is written once, and where they differ that is told.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::ascii_json;
use super::box_attributes::Others;
use super::contents::{Contents, Kind};
use super::dataset::{Dataset, DatasetBox, DatasetImage};
use super::file_names;
use super::format::{Format, FormatInfo, FormatOptions, Writer, Written};
use super::on_canvas::OnCanvas;
use super::outline::Outline;
use super::sink::{Sink, put_rows};
use crate::error::Error;
use crate::files::hash_number;
use crate::summary::counted;

/// The format `iiif`: annotation pages.
#[derive(Debug)]
pub struct Iiif;

const TABLE: &str = "pages.csv";

impl Format for Iiif {
    fn info(&self) -> FormatInfo {
        FormatInfo {
            name: "iiif",
            about: "annotation pages of IIIF Presentation 3 for the archive's canvases, and pages.csv",
            ..FormatInfo::default()
        }
    }

    fn conventions(&self, _: &FormatOptions) -> String {
        "xywh and SVG in units of the canvas, from 0; rounded to whole units where these are no larger than pixels of the file, \
         to thousandths elsewhere; ids below --iiif-base, else below the canvas; images that are on no canvas are left out; ASCII"
            .into()
    }

    fn contents(&self, _: &Dataset) -> Vec<Contents> {
        const COLUMNS: &[(&str, Kind)] = &[
            ("manifest", Kind::Text),
            ("canvas", Kind::Text),
            ("page", Kind::Text),
            ("annotations", Kind::Integer),
        ];
        let about = "The annotations of an image.";
        vec![
            Contents::plain("pages", about, "annotations/*.json", "application/ld+json"),
            Contents::table(TABLE, "list", "The pages and their canvases.", COLUMNS),
        ]
    }

    fn begin<'a>(
        &self,
        dataset: &'a Dataset,
        options: &'a FormatOptions,
        out: &mut dyn Sink,
    ) -> Result<Box<dyn Writer + 'a>, Error> {
        put_rows(out, TABLE, [["manifest", "canvas", "page", "annotations"]])?;
        Ok(Box::new(PageWriter {
            dataset,
            base: options
                .iiif_base
                .as_deref()
                .map(|base| base.trim_end_matches('/')),
            stems: file_names::stems(dataset),
            written: HashMap::new(),
            canvases: HashMap::new(),
            differing: HashSet::new(),
            pointed: 0,
            elsewhere: 0,
            same: 0,
        }))
    }
}

struct PageWriter<'a> {
    dataset: &'a Dataset,
    base: Option<&'a str>,
    stems: file_names::Names,
    /// What annotations say of which part of which canvas → all that they say, as hashes.
    written: HashMap<u64, u64>,
    /// How many annotations each canvas has, by its hash.
    canvases: HashMap<u64, usize>,
    /// Canvases whose captures do not have the same annotations.
    differing: HashSet<u64>,
    /// How many boxes have a line or points.
    pointed: u64,
    /// How many images are on no canvas.
    elsewhere: u64,
    /// How many images have the annotations of another on their canvas.
    same: u64,
}

impl Writer for PageWriter<'_> {
    fn image(&mut self, image: &DatasetImage, out: &mut dyn Sink) -> Result<(), Error> {
        let Some(on) = &image.on_canvas else {
            self.elsewhere += 1;
            return Ok(());
        };
        let tags = image.labels.iter().map(|label| whole(on, label));
        let boxes = image
            .boxes
            .iter()
            .map(|b| annotation(self.dataset, image, on, b));
        let items: Vec<Value> = tags.chain(boxes).collect();
        let Some(mut items) = self.new_on(&on.canvas, items) else {
            return Ok(());
        };
        for b in &image.boxes {
            let has = |name| u64::from(b.attributes.contains_key(name));
            self.pointed += has("baseline").max(has("keypoints"));
        }
        let path = format!("annotations/{}.json", self.stems.of(&image.file));
        let id = match self.base {
            Some(base) => format!("{base}/{path}"),
            None => format!("{}/{path}", on.canvas),
        };
        for (n, item) in (1..).zip(&mut items) {
            item["id"] = format!("{id}#{n}").into();
        }
        let n = items.len().to_string();
        const CONTEXT: &str = "http://iiif.io/api/presentation/3/context.json";
        const GRANULARITY: &str = "http://iiif.io/api/extension/text-granularity/context.json";
        let context = match image.boxes.iter().any(|b| granularity(b).is_some()) {
            // The context of the API is the last.
            true => json!([GRANULARITY, CONTEXT]),
            false => json!(CONTEXT),
        };
        let page =
            json!({ "@context": context, "id": id, "type": "AnnotationPage", "items": items });
        out.put(&path, &ascii_json::pretty(&page))?;
        let manifest = image.source.manifest.as_deref().unwrap_or_default();
        put_rows(out, TABLE, [[manifest, &on.canvas, &path, &n]])
    }

    fn finish(self: Box<Self>, out: &mut dyn Sink) -> Written {
        out.close(TABLE)?;
        let mut notes = Vec::new();
        if self.elsewhere > 0 {
            notes.push(format!(
                "iiif: {} left out: a part of an image, or on no canvas with a size",
                counted(self.elsewhere, "image", "images")
            ));
        }
        if self.pointed > 0 {
            let boxes = counted(self.pointed, "box has", "boxes have");
            notes.push(format!(
                "iiif: {boxes} a line or points, which are left out"
            ));
        }
        if let n @ 1.. = self.differing.len() as u64 {
            notes.push(format!(
                "iiif: {} captures with different annotations: the pages have those of all, each box once, as the first capture \
                 has it, and who reads them has them on every capture",
                counted(n, "canvas has", "canvases have")
            ));
        }
        if self.same > 0 {
            notes.push(format!(
                "iiif: {} the same annotations as another of its canvas, and no page",
                counted(self.same, "image has", "images have")
            ));
        }
        if self.base.is_none() && !self.canvases.is_empty() {
            notes.push(
                "iiif: ids of pages begin with those of their canvases; --iiif-base URL says where you publish them instead"
                    .into(),
            );
        }
        Ok(notes)
    }
}

impl PageWriter<'_> {
    /// The annotations of a capture that no earlier one of its canvas has; none if the canvas needs no page for them.
    fn new_on(&mut self, canvas: &str, items: Vec<Value>) -> Option<Vec<Value>> {
        let hash = |says: &Value| hash_number(says.to_string().as_bytes());
        let about = hash(&json!(canvas));
        let Some(known) = self.canvases.get(&about).copied() else {
            self.canvases.insert(about, items.len());
            for item in &items {
                self.written.insert(place_on(canvas, item), hash(item));
            }
            return Some(items);
        };
        let given = items.len();
        let hashed = items
            .into_iter()
            .map(|item| (place_on(canvas, &item), hash(&item), item));
        let (old, new): (Vec<_>, Vec<_>) =
            hashed.partition(|(place, ..)| self.written.contains_key(place));
        let differs = |(place, all, _): &(u64, u64, Value)| self.written[place] != *all;
        if !new.is_empty() || given != known || old.iter().any(differs) {
            self.differing.insert(about);
        } else {
            self.same += 1;
        }
        if new.is_empty() {
            return None;
        }
        self.canvases.insert(about, known + new.len());
        let keys = new.iter().map(|(place, all, _)| (*place, *all));
        self.written.extend(keys);
        Some(new.into_iter().map(|(.., item)| item).collect())
    }
}

/// A number made of what an annotation says of which part of a canvas.
fn place_on(canvas: &str, item: &Value) -> u64 {
    let says = json!([canvas, item["body"], item["target"]]).to_string();
    hash_number(says.as_bytes())
}

fn tag(value: &str) -> Value {
    json!({ "type": "TextualBody", "purpose": "tagging", "value": value, "format": "text/plain" })
}

/// What is said of all of an image.
fn whole(on: &OnCanvas, label: &str) -> Value {
    json!({ "id": "", "type": "Annotation", "motivation": "tagging", "body": tag(label), "target": on.canvas })
}

fn annotation(dataset: &Dataset, image: &DatasetImage, on: &OnCanvas, b: &DatasetBox) -> Value {
    let class = tag(&dataset.classes[b.class]);
    let (motivation, body) = match b.text() {
        None => (json!("tagging"), class),
        Some(text) => {
            let mut text = json!({ "type": "TextualBody", "purpose": "supplementing", "value": text, "format": "text/plain" });
            let language = b
                .attributes
                .get("language")
                .and_then(|language| language.as_str());
            if let Some(language) = language {
                text["language"] = json!(language);
            }
            (json!(["tagging", "supplementing"]), json!([class, text]))
        }
    };
    let size = [image.width, image.height];
    let is_whole = on.scale(size) >= 1.0;
    let fragment = fragment(on.bbox(&b.bbox, size), is_whole);
    let target = match &b.outline {
        None => json!(format!("{}#{fragment}", on.canvas)),
        Some(outline) => json!({
            "type": "SpecificResource", "source": { "id": on.canvas, "type": "Canvas" },
            "selector": [
                { "type": "FragmentSelector", "conformsTo": "http://www.w3.org/TR/media-frags/", "value": fragment },
                { "type": "SvgSelector", "value": svg(outline, on, size) },
            ],
        }),
    };
    let mut annotation = json!({ "id": "", "type": "Annotation", "motivation": motivation, "body": body, "target": target });
    if let Some(granularity) = granularity(b) {
        annotation["textGranularity"] = granularity.into();
    }
    if let Some(sure) = b.attributes.get("confidence") {
        annotation["confidence"] = sure.to_json().into_owned();
    }
    let mut others = Others::of(b, has_place).object();
    if granularity(b).is_some() {
        others.shift_remove("granularity");
    }
    if !others.is_empty() {
        annotation["attributes"] = others.into();
    }
    annotation
}

/// What annotations have members for, or say of themselves: a page is not what the source published.
fn has_place(name: &str) -> bool {
    const PLACED: [&str; 12] = [
        "annotation",
        "baseline",
        "body",
        "confidence",
        "created",
        "creator",
        "format",
        "generator",
        "language",
        "modified",
        "motivation",
        "tags",
    ];
    name == "text" || name.ends_with("keypoints") || PLACED.contains(&name)
}

/// The unit of text that a box is, where it is one of the Text Granularity Extension.
fn granularity<'a>(b: &'a DatasetBox) -> Option<&'a str> {
    const LEVELS: [&str; 6] = ["page", "block", "paragraph", "line", "word", "glyph"];
    let level = b.attributes.get("granularity")?.as_str()?;
    LEVELS.contains(&level).then_some(level)
}

/// A box as a media fragment. Both ends are rounded, so that neighbours stay neighbours.
fn fragment([x, y, width, height]: [f64; 4], is_whole: bool) -> String {
    let round = |v: f64| if is_whole { v.round() } else { thousandths(v) };
    let side = |from: f64, length: f64| {
        let least = if is_whole { 1.0 } else { 0.001 };
        let (from, to) = (round(from), round(from + length));
        (from, thousandths((to - from).max(least)))
    };
    let ((x, width), (y, height)) = (side(x, width), side(y, height));
    format!("xywh={x},{y},{width},{height}")
}

fn thousandths(v: f64) -> f64 {
    (v * 1000.0).round() / 1000.0
}

/// An outline as a path, in units of the canvas.
fn svg(outline: &Outline, on: &OnCanvas, size: [u32; 2]) -> String {
    let ring = |points: &[[f64; 2]]| {
        let point = |point: &[f64; 2]| {
            let [x, y] = on.point(*point, size).map(thousandths);
            format!("{x},{y}")
        };
        let points: Vec<String> = points.iter().map(point).collect();
        format!("M{}Z", points.join("L"))
    };
    let path: String = outline
        .disjoint()
        .rings()
        .map(|polygon| ring(polygon.points()))
        .collect();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\"><path fill-rule=\"evenodd\" d=\"{path}\"/></svg>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_rounded_and_no_box_is_empty() {
        let cases = [
            ([1.4, 2.6, 3.0, 0.2], true, "xywh=1,3,3,1"),
            ([0.0, 0.0, 10.5, 7.49], true, "xywh=0,0,11,7"),
            ([1.25, 2.0, 0.1234, 3.0], false, "xywh=1.25,2,0.123,3"),
            ([1.0, 2.0, 0.0001, 3.0], false, "xywh=1,2,0.001,3"),
        ];
        for (given, is_whole, wanted) in cases {
            assert_eq!(fragment(given, is_whole), wanted);
        }
    }
}
