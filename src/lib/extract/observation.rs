//! Reads one observation: each region of each annotation becomes a box in the observation's frame, a label, or a reject.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::canvas_to_image::{self, Fitted, Spaces};
use super::concept;
use super::extracted::{ExtractRules, Extracted};
use super::options::Outside;
use crate::contracts::{
    Annotation, BBox, Frame, Observation, Polygon, Region, Space, keypoints_value, map_points,
};
use crate::selectors::{self, Doubt, Part, Selection, SelectorError, Shape, fragment};
use crate::sources::boxes::KINDS;
use crate::summary::Reject;
use crate::values::hash;

/// The boxes and labels of an observation, in its own frame.
pub struct Reading {
    /// The frame that the whole image fills.
    pub frame: Option<Frame>,
    /// Whether boxes are in pixels of the file, because no size is known.
    pub in_pixels: bool,
    /// The boxes.
    pub boxes: Vec<FoundBox>,
    /// Classes of the image as a whole.
    pub labels: Vec<String>,
    /// Whether a region could not be used.
    pub rejected: bool,
    /// The annotations of which at least one region was kept.
    pub kept: KnownAnnotations,
}

/// Ids of annotations, each with the fingerprints of what annotations of this id say.
pub type KnownAnnotations = BTreeMap<String, Vec<u64>>;

/// A box that does not have its final id yet.
#[derive(Debug, Serialize, Deserialize)]
pub struct FoundBox {
    /// Id of the annotation.
    pub annotation: String,
    /// Number of the region within the annotation, from 1, counted over all regions, kept or not.
    pub region: usize,
    /// The class.
    pub concept: String,
    /// Box and outline, in the frame of the reading.
    pub shape: Shape,
    /// All other statements of the annotation.
    pub attributes: BTreeMap<String, Value>,
}

/// Reads an observation. Annotations in `known` were taken from an earlier observation of the same image. `input` is what
/// rejects call the digest.
pub fn read(
    input: &str,
    observation: &Observation,
    known: &KnownAnnotations,
    rules: &ExtractRules,
    extracted: &mut Extracted,
) -> Reading {
    let spaces = Spaces::of(observation);
    let annotations = wanted(observation, &spaces, known, rules, extracted);
    let drawn_on: Vec<Space> = annotations
        .iter()
        .flat_map(|(_, annotation)| &annotation.regions)
        .filter(|region| !region.is_whole())
        .map(|region| region.frame)
        .collect();
    let mut reader = Reader {
        input,
        place: (&observation.source.manifest, &observation.source.canvas),
        has_own_boxes: KINDS.contains(&observation.source.kind.as_str()),
        rules,
        extracted,
        reading: Reading {
            frame: spaces.frame(&drawn_on),
            in_pixels: spaces.is_in_pixels(),
            boxes: Vec::new(),
            labels: Vec::new(),
            rejected: observation.rejected,
            kept: KnownAnnotations::new(),
        },
        spaces,
    };
    for (id, annotation) in &annotations {
        reader.annotation(id, annotation);
    }
    reader.reading
}

/// The annotations to read, with their ids. Those without id get one made from their position.
fn wanted<'a>(
    observation: &'a Observation,
    spaces: &Spaces,
    known: &KnownAnnotations,
    rules: &ExtractRules,
    extracted: &mut Extracted,
) -> Vec<(String, &'a Annotation)> {
    let mut seen: BTreeMap<&str, Vec<[u64; 2]>> = BTreeMap::new();
    let mut wanted = Vec::new();
    for (i, annotation) in observation.annotations.iter().enumerate() {
        let regions = annotation.regions.len() as u64;
        let id = match annotation.id.as_str() {
            "" => format!("{}#annotation-{}", observation.id, i + 1),
            id => id.to_owned(),
        };
        let twins = seen.entry(&annotation.id).or_default();
        let says = fingerprint(annotation, spaces);
        let statement = statement(annotation);
        let earlier = known.get(&id).map(Vec::as_slice).unwrap_or_default();
        if !has_motivation(annotation, &rules.motivations) {
            extracted.filtered += regions;
        } else if earlier.contains(&says) || twins.iter().any(|[twin, _]| *twin == says) {
            extracted.duplicates += regions;
        } else {
            // One annotation of several targets says the same of each.
            let is_other = |[_, twin]: &[u64; 2]| *twin != statement;
            if !earlier.is_empty() || twins.iter().any(is_other) {
                extracted.clashes.add(|| id.clone());
            }
            twins.push([says, statement]);
            wanted.push((id, annotation));
        }
    }
    wanted
}

/// The same number for annotations that say the same of the same regions, wherever they were listed.
fn fingerprint(annotation: &Annotation, spaces: &Spaces) -> u64 {
    let mut hasher = DefaultHasher::new();
    say(annotation, &["order", "annotation_page"], &mut hasher);
    let regions = annotation.regions.iter();
    regions.for_each(|r| place(r, spaces).hash(&mut hasher));
    hasher.finish()
}

/// The same number for annotations that say the same, of whatever regions and annotations.
fn statement(annotation: &Annotation) -> u64 {
    let mut hasher = DefaultHasher::new();
    say(
        annotation,
        &["order", "annotation_page", "about"],
        &mut hasher,
    );
    hasher.finish()
}

fn say(annotation: &Annotation, without: &[&str], hasher: &mut DefaultHasher) {
    let Annotation {
        motivation,
        bodies,
        attributes,
        ..
    } = annotation;
    // `Debug` of values without maps whose order could change.
    format!("{motivation:?}\n{bodies:?}").hash(hasher);
    let says = attributes.iter();
    let says = says.filter(|(name, _)| !without.contains(&name.as_str()));
    says.for_each(|(name, value)| format!("{name}={value}").hash(hasher));
}

/// Where a region is, in the same words for regions of canvases of different sizes.
fn place(region: &Region, spaces: &Spaces) -> String {
    let size = spaces.size(region.frame);
    let fragment = region.fragment.as_ref().filter(|_| region.svg.is_none());
    let bbox = fragment.and_then(|text| fragment::bbox(text, size).ok());
    match bbox.zip(size) {
        Some((b, size)) => {
            let (w, h) = (size.width, size.height);
            format!(
                "{:.3} {:.3} {:.3} {:.3}",
                b.x / w,
                b.y / h,
                b.width / w,
                b.height / h
            )
        }
        None => format!("{region:?}"),
    }
}

fn has_motivation(annotation: &Annotation, wanted: &[String]) -> bool {
    // Users copy prefixed names from documents: `oa:tagging`, `sc:painting`.
    let plain = |m: &str| m.rsplit([':', '#', '/']).next().map(str::to_lowercase);
    let is_wanted = |m: &String| wanted.iter().any(|w| plain(w) == plain(m));
    wanted.is_empty() || annotation.motivation.iter().any(is_wanted)
}

/// Whether a region is given in percent of what it is a part of.
fn is_share(region: &Region) -> bool {
    let fragment = region.fragment.as_deref().filter(|_| region.svg.is_none());
    let part = fragment.and_then(|text| fragment::part(text).ok());
    matches!(part, Some(Part::Percent(_)))
}

struct Reader<'a> {
    input: &'a str,
    /// Manifest and canvas of the image.
    place: (&'a Option<String>, &'a Option<String>),
    /// Whether a region has a box of its own beside its outline.
    has_own_boxes: bool,
    rules: &'a ExtractRules,
    spaces: Spaces,
    extracted: &'a mut Extracted,
    reading: Reading,
}

impl Reader<'_> {
    fn annotation(&mut self, id: &str, annotation: &Annotation) {
        if annotation.regions.is_empty() {
            self.extracted.read += 1;
            self.reject(id, "regions", "annotation does not have any region".into());
            return;
        }
        let mut is_kept = false;
        let concept = concept::concept(annotation, &self.rules.class_from);
        let attributes = concept::attributes(annotation);
        for (i, region) in annotation.regions.iter().enumerate() {
            let name = self.name_of_shared(id, i, region);
            let outcome = match &concept {
                Some(concept) => self.region(id, i, region, concept, &attributes),
                None => Err(("bodies".into(), no_class(annotation))),
            };
            match (outcome, name) {
                (Ok(()), name) => {
                    self.extracted.read += 1;
                    self.extracted.kept += 1;
                    is_kept = true;
                    self.extracted.shared.kept.extend(name);
                }
                (Err((field, problem)), Some(name))
                    if canvas_to_image::OUTSIDE_PART
                        .iter()
                        .any(|outside| problem.starts_with(outside)) =>
                {
                    let reject = Reject::new(self.input, id, &field, problem);
                    self.extracted.shared.outside.push((name, reject));
                }
                (Err((field, problem)), _) => {
                    self.extracted.read += 1;
                    self.reject(id, &field, problem);
                }
            }
        }
        if is_kept {
            let kept = self.reading.kept.entry(id.to_owned()).or_default();
            kept.push(fingerprint(annotation, &self.spaces));
        }
    }

    /// A hash of a unique name for a region of a canvas on which several images are placed, or of a service's image of which several
    /// parts may be used; none for other regions.
    fn name_of_shared(&self, id: &str, i: usize, region: &Region) -> Option<u64> {
        let (manifest, canvas) = self.place;
        let canvas = canvas.as_ref().filter(|_| region.frame == Space::Canvas);
        let is_shared = self.spaces.is_part_of(region.frame);
        is_shared.then(|| hash(&format!("{manifest:?}\n{canvas:?}\n{id}\n{i}")))
    }

    /// Keeps a region as a box or a label; the error is the field and the problem of a reject.
    fn region(
        &mut self,
        id: &str,
        i: usize,
        region: &Region,
        concept: &str,
        attributes: &BTreeMap<String, Value>,
    ) -> Result<(), (String, String)> {
        let field = |name: &str| format!("regions[{i}].{name}");
        let spaces = match is_share(region) {
            true => self.spaces.for_shares(),
            false => self.spaces.clone(),
        };
        let mut attributes = attributes.clone();
        if let (Some([x, y]), Some(_)) = (lone_point(region), self.rules.point_size) {
            attributes.insert("keypoints".into(), keypoints_value(&[[x, y, 2.0]]));
        }
        self.bring_points(&spaces, &mut attributes, region.frame);
        let selection = self.select(&spaces, region);
        let (shape, by) = match selection.map_err(|f| (field(f.field), f.problem))? {
            Selection::Whole => {
                self.extracted.labels += 1;
                self.reading.labels.push(concept.to_owned());
                return Ok(());
            }
            Selection::Part(shape) if region.svg.is_some() => {
                if shape.polygon.is_none() && shape.baseline.is_none() {
                    self.extracted.in_parts.add(|| id.to_owned());
                }
                (self.with_own_box(shape, region), "svg")
            }
            Selection::Part(shape) => {
                self.note_tiny(id, &spaces, &shape, region.frame);
                (shape, "fragment")
            }
            Selection::Doubtful(shape, doubt) => self.doubtful(id, region, shape, doubt),
            Selection::Line(line) => {
                let problem = "line, not an area: --line-height HEIGHT makes a band of it";
                let height = self.rules.line_height;
                let height = height.ok_or_else(|| (field("svg"), problem.to_owned()))?;
                let band = band(line, height).map_err(|problem| (field("svg"), problem))?;
                (band, "svg")
            }
        };
        let fitted = self
            .fit(&spaces, &shape, region.frame)
            .map_err(|problem| (field(by), problem))?;
        if fitted.clipped {
            let describe = || format!("{id}, box {}", canvas_to_image::numbers(&shape.bbox));
            self.extracted.clipped.add(describe);
        }
        self.reading.boxes.push(FoundBox {
            annotation: id.to_owned(),
            region: i + 1,
            concept: concept.to_owned(),
            shape: fitted.shape,
            attributes,
        });
        Ok(())
    }

    /// What a region selects; a point is a square around it, if it may be one.
    fn select(&self, spaces: &Spaces, region: &Region) -> Result<Selection, SelectorError> {
        let (Some([x, y]), Some(side)) = (lone_point(region), self.rules.point_size) else {
            return selectors::select(region, spaces.size(region.frame));
        };
        let bbox = BBox::try_from([x - side / 2.0, y - side / 2.0, side, side]);
        let bbox = bbox.map_err(|problem| SelectorError {
            field: "point",
            problem,
        })?;
        Ok(Selection::Part(Shape {
            bbox,
            polygon: None,
            holes: Vec::new(),
            baseline: None,
        }))
    }

    /// Brings lines and points among the attributes of a box into the frame of the image. Where that is not possible, it is
    /// not possible for the box either.
    fn bring_points(
        &self,
        spaces: &Spaces,
        attributes: &mut BTreeMap<String, Value>,
        space: Space,
    ) {
        if self.reading.in_pixels && space == Space::Image {
            return;
        }
        let way = self
            .reading
            .frame
            .and_then(|frame| spaces.way_to_frame(space, frame).ok());
        if let Some(way) = way {
            map_points(attributes, |point| {
                canvas_to_image::rounded_point(way(point))
            });
        }
    }

    /// Boxes from elsewhere state box and outline, and both are kept: the box may be larger than the part that is seen.
    fn with_own_box(&self, shape: Shape, region: &Region) -> Shape {
        let fragment = region.fragment.as_deref().filter(|_| self.has_own_boxes);
        let space = self.spaces.size(region.frame);
        let own = fragment.and_then(|text| selectors::fragment::bbox(text, space).ok());
        Shape {
            bbox: own.unwrap_or(shape.bbox),
            ..shape
        }
    }

    /// Notes a box within the first pixel of something larger: its numbers may be shares of width and height.
    fn note_tiny(&mut self, id: &str, spaces: &Spaces, shape: &Shape, space: Space) {
        const SMALLEST: f64 = 10.0;
        let is_larger = |size: Frame| size.width.min(size.height) >= SMALLEST;
        let BBox { x, y, .. } = shape.bbox;
        let is_within =
            x >= 0.0 && y >= 0.0 && shape.bbox.right() <= 1.0 && shape.bbox.bottom() <= 1.0;
        if is_within && spaces.size(space).is_some_and(is_larger) {
            self.extracted.tiny.add(|| id.to_owned());
        }
    }

    /// Notes that a part may be wrong; the part, and the member of the region that it was read from.
    fn doubtful(
        &mut self,
        id: &str,
        region: &Region,
        shape: Shape,
        doubt: Doubt,
    ) -> (Shape, &'static str) {
        let (occurrences, problem, by) = match doubt {
            Doubt::Fallback(problem) => (&mut self.extracted.fallbacks, problem, "fragment"),
            Doubt::NotScaled(problem) => (&mut self.extracted.not_scaled, problem, "svg"),
            Doubt::Apart(problem) => (&mut self.extracted.apart, problem, "svg"),
        };
        occurrences.add(|| format!("{id}, {problem}"));
        match by {
            "svg" => (self.with_own_box(shape, region), by),
            _ => (shape, by),
        }
    }

    fn fit(&self, spaces: &Spaces, shape: &Shape, space: Space) -> Result<Fitted, String> {
        // Without a frame `to_frame` reports why: it needs the same sizes.
        let unknown = Frame {
            width: 1.0,
            height: 1.0,
        };
        let frame = self.reading.frame.unwrap_or(unknown);
        let (fitted, particulars) = if self.reading.in_pixels && space == Space::Image {
            (
                canvas_to_image::fit_corner(shape)?,
                canvas_to_image::numbers(&shape.bbox),
            )
        } else {
            let brought = spaces.to_frame(shape, space, frame)?;
            let bbox = canvas_to_image::numbers(&brought.bbox);
            let particulars = format!("{bbox}, frame {} x {}", frame.width, frame.height);
            (spaces.fit(&brought, space, frame)?, particulars)
        };
        if fitted.clipped && self.rules.outside == Outside::Reject {
            return Err(format!("extends beyond the image: box {particulars}"));
        }
        Ok(Fitted {
            shape: canvas_to_image::rounded(&fitted.shape)?,
            ..fitted
        })
    }

    fn reject(&mut self, id: &str, field: &str, problem: String) {
        let reject = Reject::new(self.input, id, field, problem);
        self.extracted.rejects.push(reject);
        self.reading.rejected = true;
    }
}

/// The point of a region that has nothing else.
fn lone_point(region: &Region) -> Option<[f64; 2]> {
    let has_more = region.svg.is_some() || region.fragment.is_some();
    region.point.filter(|_| !has_more)
}

/// The band of a line of text: three quarters of its height above the baseline, a quarter below.
fn band(baseline: Vec<[f64; 2]>, height: f64) -> Result<Shape, String> {
    let above = baseline.iter().map(|[x, y]| [*x, y - 0.75 * height]);
    let below = baseline.iter().rev().map(|[x, y]| [*x, y + 0.25 * height]);
    let outline: Vec<[f64; 2]> = above.chain(below).collect();
    let bbox = BBox::around(outline.iter().copied());
    Ok(Shape {
        bbox: bbox.map_err(|_| "line is vertical or a point: no band can be made of it")?,
        polygon: Polygon::try_from(outline).ok(),
        holes: Vec::new(),
        baseline: Some(baseline),
    })
}

fn no_class(annotation: &Annotation) -> String {
    let motivation = match annotation.motivation.join(" ") {
        none if none.is_empty() => "none".into(),
        motivation => motivation,
    };
    format!(
        "no class found; --class-from constant:NAME sets one: {} bodies, motivation {motivation}",
        annotation.bodies.len()
    )
}
