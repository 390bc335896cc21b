//! An image while observations of it are merged. Their metadata is united, and their boxes share the first frame.

use serde::{Deserialize, Serialize};

use super::canvas_to_image::{self, Spaces};
use super::extracted::Extracted;
use super::observation::{FoundBox, KnownAnnotations, Reading};
use crate::contracts::{
    Frame, ImageRef, LocalizedImage, Metadata, Observation, Painted, Provenance, map_points,
};
use crate::summary::Reject;

/// An image, and its boxes before they have ids.
#[derive(Debug, Serialize, Deserialize)]
pub struct MergedImage {
    /// The image without boxes.
    pub image: LocalizedImage,
    /// Its boxes.
    pub boxes: Vec<FoundBox>,
    /// The annotations that were taken already.
    pub known: KnownAnnotations,
}

impl MergedImage {
    /// An image without boxes, as the first observation describes it.
    pub fn of(id: &str, observation: &Observation) -> Self {
        let image = LocalizedImage {
            id: id.to_owned(),
            image: ImageRef {
                names: Vec::new(),
                ..observation.image.clone()
            },
            source: observation.source.clone(),
            group: observation.group.clone(),
            metadata: observation.metadata.clone(),
            painted: painted(observation),
            ..LocalizedImage::default()
        };
        MergedImage {
            image,
            boxes: Vec::new(),
            known: KnownAnnotations::new(),
        }
    }

    /// Adds the metadata of another observation of the image. Where they disagree, the first one is used.
    pub fn unite(&mut self, other: &Observation, extracted: &mut Extracted) {
        unite_address(&mut self.image.image, &other.image);
        unite_source(&mut self.image.source, &other.source);
        self.image.painted = self.image.painted.or_else(|| painted(other));
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
    pub fn take(&mut self, input: &str, reading: Reading, extracted: &mut Extracted) {
        for (id, says) in reading.kept {
            self.known.entry(id).or_default().extend(says);
        }
        self.image.labels.extend(reading.labels);
        self.image.rejected |= reading.rejected;
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
                let inside = self.clipped(input, reading.boxes, frame, extracted);
                return self.boxes.extend(inside);
            }
            Some(frame) => {
                let before = std::mem::take(&mut self.boxes);
                self.boxes = self.clipped(input, before, frame, extracted);
            }
            None if mixes => {
                const MIXED: &str = "other boxes of the image are in another frame, and the size of the image is not known";
                return self.leave_out(input, &reading.boxes, MIXED, extracted);
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
                let (sx, sy) = (to.width / from.width, to.height / from.height);
                map_points(&mut found.attributes, |[x, y]| {
                    canvas_to_image::rounded_point([x * sx, y * sy])
                });
            }
            self.boxes.push(found);
        }
    }

    /// Clips boxes that were drawn on an image of unknown size to the size that another observation gives.
    fn clipped(
        &mut self,
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
                None => self.leave_out(input, &[found], "outside the image", extracted),
            }
        }
        inside
    }

    /// Rejects boxes that were kept before: boxes in pixels of a file of unknown size cannot be brought into the frame of
    /// other boxes.
    fn leave_out(
        &mut self,
        input: &str,
        boxes: &[FoundBox],
        problem: &str,
        extracted: &mut Extracted,
    ) {
        self.image.rejected |= !boxes.is_empty();
        extracted.kept -= boxes.len() as u64;
        extracted.rejects.extend(boxes.iter().map(|found| {
            let field = format!("regions[{}]", found.region - 1);
            Reject::new(input, &found.annotation, &field, problem)
        }));
    }

    /// Whether a frame has the declared size of the image, which is assumed to be that of the file.
    fn is_in_pixels(&self, frame: Frame) -> bool {
        let image = &self.image.image;
        let size = image.declared().map(|size| size.map(f64::from));
        size == Some([frame.width, frame.height])
    }
}

/// Where an image lies on its canvas, if it was found on one.
fn painted(observation: &Observation) -> Option<Painted> {
    let is_known = observation.source.kind == "iiif" && observation.canvas.is_some();
    is_known.then(|| Spaces::of(observation).placed()).flatten()
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
