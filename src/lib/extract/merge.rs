//! The core: observations of the same image are merged into one. Their metadata is united, their boxes share the first
//! frame, and every box gets a unique id.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::canvas_to_image;
use super::extracted::{ExtractRules, Extracted};
use super::matching::{self, AddressedImages, has_address};
use super::observation::{self, FoundBox, KnownAnnotations, Reading};
use crate::contracts::canvas::id_on_image;
use crate::contracts::{
    Digest, Frame, ImageRef, Localization, LocalizedImage, Metadata, Number, Observation,
    Provenance,
};
use crate::summary::Reject;

/// Merges digests, in order, into images with boxes. `digests` are pairs of name and digest.
pub fn extract(digests: &[(String, Digest)], rules: &ExtractRules) -> Extracted {
    let mut extracted = Extracted::default();
    let mut images = Images::default();
    for (_, digest) in digests {
        for (concept, taxon) in &digest.taxonomy {
            let taxonomy = &mut extracted.taxonomy;
            taxonomy
                .entry(concept.clone())
                .or_insert_with(|| taxon.clone());
        }
    }
    let addressed = AddressedImages::of(digests);
    // Those without address come last: the images that they are about are then known.
    let mut nameless = Vec::new();
    for (number, (input, digest)) in digests.iter().enumerate() {
        for (i, observation) in digest.observations.iter().enumerate() {
            match missing_address(observation) {
                None if has_address(observation) => {
                    let id = addressed.id_of(observation);
                    images.add(id, input, observation, rules, &mut extracted);
                }
                None => nameless.push((number, observation)),
                Some((field, problem)) => {
                    extracted.read += 1;
                    let record = match observation.id.trim() {
                        "" => format!("observation {}", i + 1),
                        id => id.to_owned(),
                    };
                    let reject = Reject::new(input, record, field, problem);
                    extracted.rejects.push(reject);
                }
            }
        }
    }
    for (number, observation, about) in matching::find_all(&addressed, digests, &nameless) {
        let input = &digests[number].0;
        match about {
            Ok((about, space)) => about.into_iter().for_each(|image| {
                let placed = matching::placed(observation, image, space);
                let id = addressed.id_of(image);
                images.add(id, input, &placed, rules, &mut extracted);
            }),
            Err(problem) => {
                extracted.read += 1;
                let reject = Reject::new(input, &observation.id, "image", problem);
                extracted.rejects.push(reject);
            }
        }
    }
    extracted.settle_shared();
    extracted.images = images.name();
    extracted
}

/// Why no image can be downloaded for an observation: field and problem of the reject.
fn missing_address(observation: &Observation) -> Option<(&'static str, &'static str)> {
    let image = &observation.image;
    if observation.id.trim().is_empty() {
        Some(("id", "id of the observation is missing"))
    } else if !has_address(observation) && image.names.is_empty() {
        Some(("image", "image has neither url nor service"))
    } else {
        None
    }
}

#[derive(Default)]
struct Images {
    entries: Vec<MergedImage>,
    /// Where in `entries` an id is.
    places: HashMap<String, usize>,
}

struct MergedImage {
    image: LocalizedImage,
    boxes: Vec<FoundBox>,
    /// The annotations that were taken already.
    known: KnownAnnotations,
}

impl Images {
    /// Adds an observation of the image with this id.
    fn add(
        &mut self,
        id: &str,
        input: &str,
        observation: &Observation,
        rules: &ExtractRules,
        extracted: &mut Extracted,
    ) {
        let next = self.entries.len();
        let place = *self.places.entry(id.to_owned()).or_insert(next);
        if place == next {
            self.entries.push(MergedImage::of(id, observation));
        }
        let entry = &mut self.entries[place];
        let reading = observation::read(input, observation, &entry.known, rules, extracted);
        if place != next {
            extracted.folded += 1;
            entry.unite(observation, extracted);
        }
        entry.take(input, reading, extracted);
    }

    /// Gives every box its id: that of the annotation, if only one box has it; with `@` and a hash of the image's id
    /// if the annotation is repeated on several images, as those of a canvas with a choice are; with `#2`, `#3`…
    /// for its further regions. The id of the annotation itself is then in `attributes.annotation`.
    fn name(self) -> Vec<LocalizedImage> {
        let mut images_of: BTreeMap<String, u32> = BTreeMap::new();
        for entry in &self.entries {
            let ids: BTreeSet<&str> = entry.boxes.iter().map(|b| b.annotation.as_str()).collect();
            for id in ids {
                *images_of.entry(id.to_owned()).or_default() += 1;
            }
        }
        let mut names = BoxIds {
            images_of,
            taken: BTreeSet::new(),
            next: BTreeMap::new(),
        };
        let finish = |entry: MergedImage| entry.finish(&mut names);
        self.entries.into_iter().map(finish).collect()
    }
}

impl MergedImage {
    fn of(id: &str, observation: &Observation) -> Self {
        let image = LocalizedImage {
            id: id.to_owned(),
            image: ImageRef {
                names: Vec::new(),
                ..observation.image.clone()
            },
            source: observation.source.clone(),
            group: observation.group.clone(),
            metadata: observation.metadata.clone(),
            ..LocalizedImage::default()
        };
        MergedImage {
            image,
            boxes: Vec::new(),
            known: KnownAnnotations::new(),
        }
    }

    /// Adds the metadata of another observation of the image. Where they disagree, the first one is used.
    fn unite(&mut self, other: &Observation, extracted: &mut Extracted) {
        unite_address(&mut self.image.image, &other.image);
        unite_source(&mut self.image.source, &other.source);
        unite_metadata(&mut self.image.metadata, &other.metadata);
        let group = &mut self.image.group;
        if group.is_empty() {
            group.clone_from(&other.group);
        } else if !other.group.is_empty() && *group != other.group {
            let describe = || format!("{}, {} and {}", other.id, group, other.group);
            extracted.regrouped.add(describe);
        }
    }

    /// Adds boxes and labels, in the frame of the first observation that has one.
    fn take(&mut self, input: &str, reading: Reading, extracted: &mut Extracted) {
        for (id, says) in reading.kept {
            self.known.entry(id).or_default().extend(says);
        }
        self.image.labels.extend(reading.labels);
        if reading.in_pixels && reading.boxes.is_empty() {
            return;
        }
        if reading.in_pixels && self.image.frame.is_none() {
            self.image.in_pixels = true;
            return self.boxes.extend(reading.boxes);
        }
        let (mixes, frame) = match reading.in_pixels {
            true => (true, self.image.frame),
            false => (self.image.in_pixels, reading.frame),
        };
        match frame.filter(|frame| mixes && self.is_in_pixels(*frame)) {
            Some(frame) if reading.in_pixels => {
                return self
                    .boxes
                    .extend(clipped(input, reading.boxes, frame, extracted));
            }
            Some(frame) => {
                let before = std::mem::take(&mut self.boxes);
                self.boxes = clipped(input, before, frame, extracted);
            }
            None if mixes => {
                const MIXED: &str = "other boxes of the image are in another frame, and the size of the image is not known";
                return leave_out(input, &reading.boxes, MIXED, extracted);
            }
            None => {}
        }
        let (Some(to), Some(from)) = (self.image.frame.or(reading.frame), reading.frame) else {
            return;
        };
        self.image.in_pixels = false;
        self.image.frame = Some(to);
        if disagree(from, to) {
            extracted
                .misshapen
                .add(|| format!("{}, {} and {}", self.image.id, size(to), size(from)));
        }
        for mut found in reading.boxes {
            if from != to {
                found.shape = canvas_to_image::rescale(&found.shape, from, to);
            }
            self.boxes.push(found);
        }
    }

    /// Whether a frame has the declared size of the image, which is assumed to be that of the file.
    fn is_in_pixels(&self, frame: Frame) -> bool {
        let image = &self.image.image;
        let size = image.declared().map(|size| size.map(f64::from));
        size == Some([frame.width, frame.height])
    }

    fn finish(self, names: &mut BoxIds) -> LocalizedImage {
        let mut image = self.image;
        image.labels.sort();
        image.labels.dedup();
        let id = image.id.clone();
        let name = |found| names.localization(&id, found);
        image.localizations = self.boxes.into_iter().map(name).collect();
        image
    }
}

/// Clips boxes that were drawn on an image of unknown size to the size that another observation gives.
fn clipped(
    input: &str,
    boxes: Vec<FoundBox>,
    frame: Frame,
    extracted: &mut Extracted,
) -> Vec<FoundBox> {
    let mut inside = Vec::new();
    for mut found in boxes {
        match canvas_to_image::fit(&found.shape, frame) {
            Some(fitted) => {
                found.shape = fitted.shape;
                inside.push(found);
            }
            None => leave_out(input, &[found], "outside the image", extracted),
        }
    }
    inside
}

/// Rejects boxes that were kept before: boxes in pixels of a file of unknown size cannot be brought into the frame of
/// other boxes.
fn leave_out(input: &str, boxes: &[FoundBox], problem: &str, extracted: &mut Extracted) {
    extracted.kept -= boxes.len() as u64;
    extracted.rejects.extend(boxes.iter().map(|found| {
        let field = format!("regions[{}]", found.region - 1);
        Reject::new(input, &found.annotation, &field, problem)
    }));
}

/// Whether the aspect ratios of two frames differ by more than rounding: they cannot show the same image. A frame of
/// percentages has no shape of its own.
fn disagree(a: Frame, b: Frame) -> bool {
    const MOST: f64 = 0.01;
    if [a, b].contains(&Frame::PERCENT) {
        return false;
    }
    let ratio = (a.width * b.height) / (a.height * b.width);
    (ratio - 1.0).abs() > MOST
}

fn size(frame: Frame) -> String {
    format!("{} x {}", frame.width, frame.height)
}

fn unite_address(image: &mut ImageRef, other: &ImageRef) {
    fill(&mut image.url, &other.url);
    fill(&mut image.service, &other.service);
    fill(&mut image.media_type, &other.media_type);
    fill(&mut image.sha256, &other.sha256);
    // Both from one observation: a width and a height that do not belong together are not a size. Boxes from elsewhere may
    // be drawn on a reduced copy.
    let has_address = other.url.is_some() || other.service.is_some();
    if has_address && image.width.is_none() && image.height.is_none() {
        (image.width, image.height) = (other.width, other.height);
    }
}

fn unite_source(source: &mut Provenance, other: &Provenance) {
    fill(&mut source.manifest, &other.manifest);
    fill(&mut source.canvas, &other.canvas);
    fill(&mut source.labels.manifest, &other.labels.manifest);
    fill(&mut source.labels.canvas, &other.labels.canvas);
    fill(&mut source.labels.image, &other.labels.image);
    fill(&mut source.rights, &other.rights);
    fill(&mut source.attribution, &other.attribution);
}

fn unite_metadata(metadata: &mut Metadata, other: &Metadata) {
    for (key, values) in other {
        let known = metadata.entry(key.clone()).or_default();
        for value in values {
            if !known.contains(value) {
                known.push(value.clone());
            }
        }
    }
}

fn fill<T: Clone>(member: &mut Option<T>, other: &Option<T>) {
    if member.is_none() {
        member.clone_from(other);
    }
}

struct BoxIds {
    /// Annotation → number of images that have boxes from it.
    images_of: BTreeMap<String, u32>,
    taken: BTreeSet<String>,
    /// Stem of an id → the next number to try.
    next: BTreeMap<String, usize>,
}

impl BoxIds {
    fn localization(&mut self, image: &str, found: FoundBox) -> Localization {
        let id = self.unique(image, &found);
        let mut attributes = found.attributes;
        if let Some(baseline) = &found.shape.baseline {
            let points = baseline.iter().map(|point| point.map(Number));
            let points: Vec<[Number; 2]> = points.collect();
            attributes.insert("baseline".into(), serde_json::json!(points));
        }
        if id != found.annotation {
            attributes.insert("annotation".into(), found.annotation.into());
        }
        Localization {
            id,
            concept: found.concept,
            bbox: found.shape.bbox,
            polygon: found.shape.polygon,
            holes: found.shape.holes,
            attributes,
        }
    }

    fn unique(&mut self, image: &str, found: &FoundBox) -> String {
        let shared = self
            .images_of
            .get(&found.annotation)
            .is_some_and(|n| *n > 1);
        let stem = match shared {
            true => id_on_image(&found.annotation, image),
            false => found.annotation.clone(),
        };
        let numbered = |n: usize| match n {
            1 => stem.clone(),
            n => format!("{stem}#{n}"),
        };
        if self.taken.insert(numbered(found.region)) {
            return numbered(found.region);
        }
        // The source uses an id more than once. Tried numbers are remembered: some sources give all annotations one id.
        let next = self.next.entry(stem.clone()).or_insert(found.region + 1);
        while !self.taken.insert(numbered(*next)) {
            *next += 1;
        }
        numbered(*next)
    }
}
