//! What a row of a set for Hugging Face says of an image and its boxes, besides the pixels.

use std::borrow::Cow;

use serde::Serialize;

use crate::formats::box_attributes::Others;
use crate::formats::dataset::{Dataset, DatasetBox, DatasetImage};
use crate::formats::outline::Outline;

/// An image and its boxes, as `datasets` gets them: a column for each member.
#[derive(Debug, Serialize)]
pub struct Row<'a> {
    pub image_id: u32,
    pub width: u32,
    pub height: u32,
    pub source: Cow<'a, str>,
    pub origin: Cow<'a, str>,
    pub group: Cow<'a, str>,
    pub rights: Cow<'a, str>,
    pub attribution: Cow<'a, str>,
    pub objects: Objects<'a>,
    /// The classes of the image as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<&'a [String]>,
}

/// The boxes of an image, a list for each thing that is said of them.
#[derive(Debug, Serialize)]
pub struct Objects<'a> {
    pub id: Vec<u32>,
    pub bbox: Vec<[f64; 4]>,
    pub area: Vec<f64>,
    pub iscrowd: Vec<bool>,
    pub text: Vec<Cow<'a, str>>,
    pub category: Vec<usize>,
    pub label: Vec<Cow<'a, str>>,
    /// All that is said besides, of each box a JSON object.
    pub attributes: Vec<String>,
    /// The rings of each outline as `x1 y1 x2 y2 …`, filled by the even-odd rule; none of a box without outline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rings: Option<Vec<Vec<Vec<f64>>>>,
}

impl<'a> Row<'a> {
    /// The row of an image.
    pub fn of(image: &'a DatasetImage<'a>, dataset: &'a Dataset) -> Self {
        Row {
            image_id: image.number,
            width: image.width,
            height: image.height,
            source: image.id.as_str().into(),
            origin: image.origin.as_str().into(),
            group: image.group.as_str().into(),
            rights: image.source.rights.as_deref().unwrap_or_default().into(),
            attribution: (image.source.attribution.as_deref())
                .unwrap_or_default()
                .into(),
            objects: Objects::of(image, dataset),
            labels: Some(&image.labels),
        }
    }

    /// Every text that a source may have written as it likes, of the image and of its boxes.
    pub fn texts_mut(&mut self) -> impl Iterator<Item = &mut Cow<'a, str>> {
        let of_image = [
            &mut self.source,
            &mut self.origin,
            &mut self.group,
            &mut self.rights,
            &mut self.attribution,
        ];
        let objects = &mut self.objects;
        let of_boxes = objects.text.iter_mut().chain(&mut objects.label);
        of_image.into_iter().chain(of_boxes)
    }
}

impl<'a> Objects<'a> {
    fn of(image: &'a DatasetImage<'a>, dataset: &'a Dataset) -> Self {
        let boxes = || image.boxes.iter();
        Objects {
            id: boxes().map(|b| b.number).collect(),
            bbox: boxes()
                .map(|b| [b.bbox.x, b.bbox.y, b.bbox.width, b.bbox.height])
                .collect(),
            area: boxes().map(area).collect(),
            iscrowd: boxes().map(|b| b.flags.is_crowd).collect(),
            text: boxes()
                .map(|b| b.text().unwrap_or_default().into())
                .collect(),
            category: boxes().map(|b| b.class).collect(),
            label: boxes()
                .map(|b| dataset.classes[b.class].as_str().into())
                .collect(),
            attributes: boxes().map(|b| Others::besides_text(b).json()).collect(),
            rings: Some(boxes().map(rings).collect()),
        }
    }
}

fn area(b: &DatasetBox) -> f64 {
    match &b.outline {
        Some(outline) => outline.area(),
        None => b.bbox.width * b.bbox.height,
    }
}

fn rings(b: &DatasetBox) -> Vec<Vec<f64>> {
    let disjoint = b.outline.as_ref().map(Outline::disjoint);
    let rings = disjoint.iter().flat_map(|outline| outline.rings());
    rings
        .map(|ring| ring.points().iter().flatten().copied().collect())
        .collect()
}
