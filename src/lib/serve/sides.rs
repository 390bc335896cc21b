//! The sides of a group: which images are one canvas, and what is said about it. Pure.
//!
//! Images of one canvas that share its frame, words and boxes are a choice on it: bands and lights of one side.
//! Images that differ in any of these get canvases of their own, so that reading the documents gives back what they
//! were made of.

use super::auth::sight::Sight;
use super::catalogue::{Catalogue, Picture};
use super::ids::{self, Ids};
use crate::contracts::Localization;
use crate::contracts::canvas::{annotation_of as name, is_same_canvas};
use crate::iiif::Version;

/// Images that are one canvas; never empty.
#[derive(Clone, Debug)]
pub struct Side<'a> {
    /// Its images, in the order of the catalogue.
    pub pictures: Vec<&'a Picture>,
}

/// A group of images by the name in its URIs.
#[derive(Debug)]
pub struct Group<'a> {
    /// Its name in the localizations.
    pub name: &'a str,
    /// Its images, in the order of the catalogue; never empty.
    pub pictures: Vec<&'a Picture>,
}

/// Every group, by name.
pub fn groups(catalogue: &Catalogue) -> Vec<Group<'_>> {
    let groups = catalogue.groups().into_iter();
    let pictures = |at: Vec<usize>| at.into_iter().map(|at| &catalogue.pictures[at]).collect();
    groups
        .map(|(name, at)| Group {
            name,
            pictures: pictures(at),
        })
        .collect()
}

/// The group of a name, or of the manifest that the name leads to.
pub fn group<'a>(catalogue: &'a Catalogue, name: &str, ids: &Ids) -> Option<Group<'a>> {
    let manifest = ids.manifest(Version::V3, name);
    groups(catalogue)
        .into_iter()
        .find(|group| group.name == name || group.name == manifest)
}

impl<'a> Group<'a> {
    /// Its sides, in the order in which each first occurs.
    pub fn sides(&self) -> Vec<Side<'a>> {
        let mut sides: Vec<Side> = Vec::new();
        for picture in &self.pictures {
            match sides.iter_mut().find(|side| side.shows(picture)) {
                Some(side) => side.pictures.push(picture),
                None => sides.push(Side {
                    pictures: vec![picture],
                }),
            }
        }
        sides
    }

    /// Its sides as far as a visitor sees them, each with its position among all: canvases keep their numbers.
    pub fn seen(&self, sight: &Sight) -> Vec<(usize, Side<'a>)> {
        let mut sides: Vec<_> = self.sides().into_iter().enumerate().collect();
        for (_, side) in &mut sides {
            side.pictures.retain(|p| sight.shows(&p.about));
        }
        sides.retain(|(_, side)| !side.pictures.is_empty());
        sides
    }

    /// What people call it.
    pub fn label(&self) -> &'a str {
        let labels = &self.pictures[0].about.source.labels;
        labels.manifest.as_deref().unwrap_or(self.name)
    }
}

impl<'a> Side<'a> {
    /// The first of its images, which speaks for all.
    pub fn first(&self) -> &'a Picture {
        self.pictures[0]
    }

    /// What people call it.
    pub fn label(&self) -> &'a str {
        let first = self.first();
        let labels = &first.about.source.labels;
        let label = labels.canvas.as_deref().or(labels.image.as_deref());
        label.unwrap_or(&first.id)
    }

    /// Boxes are in the frame, so the frame is the canvas.
    pub fn size(&self) -> [f64; 2] {
        let frame = self.first().about.frame;
        let frame = frame.map(|frame| [frame.width, frame.height]);
        frame.unwrap_or(self.first().size.map(f64::from))
    }

    fn shows(&self, picture: &Picture) -> bool {
        is_same_canvas(&self.first().about, &picture.about)
    }
}

/// Ids of annotations that are URIs stay; others become fragments of their page.
pub fn annotation_id(id: &str, page: &str) -> String {
    match id.split_once(':') {
        Some(("http" | "https" | "urn", _)) => id.to_owned(),
        _ => format!("{page}#{}", ids::segment(id)),
    }
}

/// The boxes of a side by the annotation they are regions of.
pub fn annotations<'a>(side: &Side<'a>) -> Vec<Vec<&'a Localization>> {
    let mut found: Vec<Vec<&Localization>> = Vec::new();
    for localization in &side.first().about.localizations {
        let same = |group: &Vec<&Localization>| {
            name(group[0]) == name(localization) && group[0].concept == localization.concept
        };
        match found.last_mut().filter(|group| same(group)) {
            Some(group) => group.push(localization),
            None => found.push(vec![localization]),
        }
    }
    found
}
