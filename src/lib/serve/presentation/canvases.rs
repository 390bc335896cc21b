//! The canvases of a group: which images share a canvas, and which boxes are one annotation. Pure.
//!
//! Images with the same canvas, frame, metadata and boxes are alternatives (a `Choice`) on one canvas: bands and captures
//! of the same side. Images that differ in any of these get canvases of their own, so that whoever reads the documents
//! gets back what they were made from.

use super::uris::{self, Uris};
use crate::contracts::Localization;
use crate::contracts::canvas::annotation_of;
use crate::iiif::Version;
use crate::serve::auth::permissions::Permissions;
use crate::serve::catalogue::{Catalogue, IndexedGroup};
use crate::serve::image_record::ImageRecord;

/// The images of one canvas; never empty.
#[derive(Clone, Debug)]
pub struct Canvas<'a> {
    /// The images, in the order of the catalogue.
    pub images: Vec<&'a ImageRecord>,
}

/// A group of images: a manifest.
#[derive(Clone, Copy, Debug)]
pub struct Group<'a> {
    catalogue: &'a Catalogue,
    index: &'a IndexedGroup,
    /// Its name in the localizations.
    pub name: &'a str,
}

/// All groups, sorted by name.
pub fn groups(catalogue: &Catalogue) -> impl Iterator<Item = Group<'_>> {
    let groups = catalogue.groups();
    groups.map(|index| Group::new(catalogue, index))
}

/// The group that a decoded segment of a path stands for: that of this name, or the one whose name is the URI of the manifest.
pub fn group<'a>(catalogue: &'a Catalogue, segment: &str, uris: &Uris) -> Option<Group<'a>> {
    let name = uris::group_of(segment);
    let by_uri = || catalogue.group(&uris.manifest(Version::V3, name));
    let index = catalogue.group(name).or_else(by_uri)?;
    Some(Group::new(catalogue, index))
}

impl<'a> Group<'a> {
    fn new(catalogue: &'a Catalogue, index: &'a IndexedGroup) -> Self {
        Group {
            catalogue,
            index,
            name: &index.name,
        }
    }

    /// Its images, in the order of the catalogue; there is at least one.
    pub fn images(&self) -> impl Iterator<Item = &'a ImageRecord> {
        let catalogue = self.catalogue;
        let positions = self.index.images.iter();
        positions.map(|at| &*catalogue.images[*at])
    }

    /// Positions of its images in the catalogue, ascending.
    pub fn positions(&self) -> Vec<usize> {
        self.index.images.clone()
    }

    /// The canvases that a visitor may know of, each with its position among all: canvases keep their numbers.
    pub fn visible(&self, permissions: &Permissions) -> Vec<(usize, Canvas<'a>)> {
        let numbers = 0..self.index.canvases.len();
        let canvas = |n| Some((n, self.canvas(n, permissions)?));
        numbers.filter_map(canvas).collect()
    }

    /// The canvas at a position, with the images that a visitor may know of; none if there is no such image.
    pub fn canvas(&self, n: usize, permissions: &Permissions) -> Option<Canvas<'a>> {
        let positions = self.index.canvases.get(n)?.iter();
        let images = positions.map(|at| &*self.catalogue.images[*at]);
        let listed = images.filter(|image| permissions.can_list(self.catalogue.ruled(image)));
        let images: Vec<&ImageRecord> = listed.collect();
        (!images.is_empty()).then_some(Canvas { images })
    }

    /// Its label for people.
    pub fn label(&self) -> &'a str {
        let first = &self.catalogue.images[self.index.images[0]];
        let labels = &first.about.source.labels;
        labels.manifest.as_deref().unwrap_or(self.name)
    }
}

impl<'a> Canvas<'a> {
    /// The first of its images. All have the same metadata and boxes.
    pub fn first(&self) -> &'a ImageRecord {
        self.images[0]
    }

    /// Its label for people.
    pub fn label(&self) -> &'a str {
        let first = self.first();
        let labels = &first.about.source.labels;
        let label = labels.canvas.as_deref().or(labels.image.as_deref());
        label.unwrap_or(&first.id)
    }

    /// `[width, height]` of the canvas: the frame, since boxes are in its coordinates.
    pub fn size(&self) -> [f64; 2] {
        self.first().shown_size()
    }
}

/// The URI of an annotation: its id if that is a URI, else a fragment of its page.
pub fn annotation_id(id: &str, page: &str) -> String {
    match id.split_once(':') {
        Some(("http" | "https" | "urn", _)) => id.to_owned(),
        _ => format!("{page}#{}", uris::segment(id)),
    }
}

/// The boxes of a canvas, grouped by the annotation that they are regions of.
pub fn annotations<'a>(canvas: &Canvas<'a>) -> impl Iterator<Item = &'a [Localization]> {
    let boxes = &canvas.first().about.localizations;
    boxes.chunk_by(|a, b| annotation_of(a) == annotation_of(b) && a.concept == b.concept)
}
