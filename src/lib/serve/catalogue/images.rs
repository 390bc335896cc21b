//! The images, and how they are found by name, by group and by canvas.

use std::collections::HashMap;
use std::sync::Arc;

use super::groups::{GroupIndex, IndexedGroup};
use super::served::ServedMemory;
use crate::serve::auth::rules::RuledImage;
use crate::serve::image_record::ImageRecord;
use crate::summary::Reject;

/// Everything there is to serve. A copy shares the images with the original.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// The images, in the order of the localizations, or sorted by name.
    pub images: Vec<Arc<ImageRecord>>,
    /// A number that is different after every change: documents that were made before are outdated then.
    pub generation: u64,
    /// What became of manifests that were served before.
    pub memory: Arc<ServedMemory>,
    by_name: Arc<HashMap<String, usize>>,
    groups: GroupIndex,
}

/// A catalogue that was read, and what is missing from it.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The catalogue.
    pub catalogue: Catalogue,
    /// Files that cannot be served, and records that cannot be used.
    pub rejects: Vec<Reject>,
    /// What is served although something about it is odd.
    pub notes: Vec<String>,
    /// The number of images of the localizations that are missing from the image map; `recto-download` reports why.
    pub absent: u64,
    /// The names of the taxonomy of the localizations, and of the steps that lead to them.
    pub taxonomy: Vec<String>,
}

impl Catalogue {
    /// A catalogue of images, and further names for them by position. The first image with a name keeps it.
    pub fn new(
        images: Vec<ImageRecord>,
        further: impl IntoIterator<Item = (String, usize)>,
    ) -> Self {
        let mut by_name = HashMap::new();
        let ids = images.iter().enumerate().map(|(at, p)| (p.id.clone(), at));
        for (name, at) in ids.collect::<Vec<_>>().into_iter().chain(further) {
            by_name.entry(name).or_insert(at);
        }
        let images: Vec<Arc<ImageRecord>> = images.into_iter().map(Arc::new).collect();
        Catalogue {
            groups: GroupIndex::of(&images),
            generation: 0,
            memory: Arc::default(),
            by_name: Arc::new(by_name),
            images,
        }
    }

    /// The position of the image with this name.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// What rules are asked about an image of the catalogue.
    pub fn ruled<'a>(&'a self, image: &'a ImageRecord) -> RuledImage<'a> {
        RuledImage {
            about: &image.about,
            cover: self.cover(image).map(|cover| &cover.about),
            names: &image.names,
            concepts: &[],
        }
    }

    /// The first page of the file that an image is a further page of.
    fn cover(&self, image: &ImageRecord) -> Option<&ImageRecord> {
        let before = image.page?.number().checked_sub(1).filter(|n| *n > 0)?;
        // Pages stand one after the other.
        let at = self.find(&image.id)?.checked_sub(before as usize)?;
        self.images.get(at).map(|cover| &**cover)
    }

    /// The groups, sorted by name.
    pub fn groups(&self) -> impl Iterator<Item = &IndexedGroup> {
        self.groups.all()
    }

    /// The number of groups.
    pub fn count_groups(&self) -> usize {
        self.groups.all().count()
    }

    /// The group of this name.
    pub fn group(&self, name: &str) -> Option<&IndexedGroup> {
        self.groups.find(name)
    }

    /// The positions of all images on the canvas of the image at a position, itself among them.
    pub fn captures(&self, at: usize) -> &[usize] {
        let group = self.group(&self.images[at].about.group);
        let place = group.and_then(|group| Some(&group.canvases[group.place(at)?.canvas]));
        place.map_or(&[], Vec::as_slice)
    }

    /// Indexes the groups again whose images were changed: those of the given names.
    pub fn index_again<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) {
        for name in names {
            self.groups.index_again(name, &self.images);
        }
    }
}
