//! The canvases of a group: which images share a canvas, and which boxes are one annotation. Pure.
//!
//! Images with the same canvas, frame, metadata and boxes are alternatives (a `Choice`) on one canvas: bands and captures
//! of the same side. Images that differ in any of these get canvases of their own, so that whoever reads the documents
//! gets back what they were made from.

use super::uris::{self, Uris};
use crate::contracts::Localization;
use crate::contracts::canvas::{annotation_of, is_same_canvas};
use crate::iiif::Version;
use crate::serve::auth::permissions::Permissions;
use crate::serve::catalogue::Catalogue;
use crate::serve::image_record::ImageRecord;

/// The images of one canvas; never empty.
#[derive(Clone, Debug)]
pub struct Canvas<'a> {
    /// The images, in the order of the catalogue.
    pub images: Vec<&'a ImageRecord>,
}

/// A group of images: a manifest.
#[derive(Debug)]
pub struct Group<'a> {
    /// Its name in the localizations.
    pub name: &'a str,
    /// The images, in the order of the catalogue; never empty.
    pub images: Vec<&'a ImageRecord>,
}

/// All groups, sorted by name.
pub fn groups(catalogue: &Catalogue) -> Vec<Group<'_>> {
    let groups = catalogue.groups().into_iter();
    let images = |at: Vec<usize>| at.into_iter().map(|at| &catalogue.images[at]).collect();
    groups
        .map(|(name, at)| Group {
            name,
            images: images(at),
        })
        .collect()
}

/// The group of this name, or the group whose name is the URI of the manifest.
pub fn group<'a>(catalogue: &'a Catalogue, name: &str, uris: &Uris) -> Option<Group<'a>> {
    let manifest = uris.manifest(Version::V3, name);
    groups(catalogue)
        .into_iter()
        .find(|group| group.name == name || group.name == manifest)
}

impl<'a> Group<'a> {
    /// Its canvases, in the order of their first images.
    pub fn canvases(&self) -> Vec<Canvas<'a>> {
        let mut canvases: Vec<Canvas> = Vec::new();
        for image in &self.images {
            match canvases.iter_mut().find(|canvas| canvas.holds(image)) {
                Some(canvas) => canvas.images.push(image),
                None => canvases.push(Canvas {
                    images: vec![image],
                }),
            }
        }
        canvases
    }

    /// The canvases that a visitor may know of, each with its position among all: canvases keep their numbers.
    pub fn visible(&self, permissions: &Permissions) -> Vec<(usize, Canvas<'a>)> {
        let mut canvases: Vec<_> = self.canvases().into_iter().enumerate().collect();
        for (_, canvas) in &mut canvases {
            canvas
                .images
                .retain(|image| permissions.can_list(&image.about));
        }
        canvases.retain(|(_, canvas)| !canvas.images.is_empty());
        canvases
    }

    /// Its label for people.
    pub fn label(&self) -> &'a str {
        let labels = &self.images[0].about.source.labels;
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
        let frame = self.first().about.frame;
        let frame = frame.map(|frame| [frame.width, frame.height]);
        frame.unwrap_or(self.first().size.map(f64::from))
    }

    fn holds(&self, image: &ImageRecord) -> bool {
        is_same_canvas(&self.first().about, &image.about)
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
pub fn annotations<'a>(canvas: &Canvas<'a>) -> Vec<Vec<&'a Localization>> {
    let mut found: Vec<Vec<&Localization>> = Vec::new();
    for localization in &canvas.first().about.localizations {
        let same = |group: &Vec<&Localization>| {
            annotation_of(group[0]) == annotation_of(localization)
                && group[0].concept == localization.concept
        };
        match found.last_mut().filter(|group| same(group)) {
            Some(group) => group.push(localization),
            None => found.push(vec![localization]),
        }
    }
    found
}
