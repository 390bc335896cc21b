//! Images when all digests are merged: with ids for their boxes, and corrected.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use rayon::prelude::*;
use serde::Deserialize;

use super::box_ids::{AnnotationCounts, BoxIds};
use super::extracted::Extracted;
use super::image_store::ImageStore;
use super::merged_image::MergedImage;
use crate::contracts::LocalizedImage;
use crate::corrections::{self, ImageIndex, LocatedCorrection};
use crate::error::Error;
use crate::values::hash;

/// Images that are in memory at a time.
const AT_ONCE: usize = 4096;

/// Merged images, made into what is published one after the other.
#[derive(Debug)]
pub struct FinishedImages {
    store: ImageStore,
    ids: BoxIds,
    /// Number of an image → the image with its corrections, for all images of a group of which one is corrected.
    corrected: BTreeMap<usize, LocalizedImage>,
}

/// What decides the ids of boxes.
#[derive(Deserialize)]
struct Named {
    image: Id,
    boxes: Vec<OfAnnotation>,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

#[derive(Deserialize)]
struct OfAnnotation {
    annotation: String,
}

#[derive(Deserialize)]
struct Grouped {
    image: Group,
}

#[derive(Deserialize)]
struct Group {
    group: String,
}

impl Named {
    fn annotations(&self) -> BTreeSet<&str> {
        self.boxes.iter().map(|b| b.annotation.as_str()).collect()
    }
}

impl FinishedImages {
    /// Images whose boxes get their ids, and are corrected in the order of `given`.
    ///
    /// # Errors
    /// The temporary file cannot be read.
    pub fn of(
        mut store: ImageStore,
        given: &[LocatedCorrection],
        extracted: &mut Extracted,
    ) -> Result<Self, Error> {
        let groups = corrected_groups(&mut store, given)?;
        store.forget_ids();
        let ids = ids(&mut store)?;
        let mut images = FinishedImages {
            store,
            ids,
            corrected: BTreeMap::new(),
        };
        if !given.is_empty() {
            images.correct(&groups, given, extracted)?;
        }
        Ok(images)
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.store.len()
    }

    /// Calls `visit` with all images in their order, some at a time.
    ///
    /// # Errors
    /// Those of `visit`, and the temporary file cannot be read.
    pub fn each(
        &mut self,
        mut visit: impl FnMut(Vec<LocalizedImage>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.ids.restart();
        for first in firsts(&self.store) {
            let merged: Vec<MergedImage> = self.store.some(first, AT_ONCE)?;
            let mut images: Vec<LocalizedImage> = merged
                .into_iter()
                .map(|image| self.ids.finish(image))
                .collect();
            for (number, image) in self.corrected.range(first..first + images.len()) {
                images[number - first].clone_from(image);
            }
            visit(images)?;
        }
        Ok(())
    }

    fn correct(
        &mut self,
        groups: &HashSet<String>,
        given: &[LocatedCorrection],
        extracted: &mut Extracted,
    ) -> Result<(), Error> {
        let (mut number, mut numbers, mut touched) = (0, Vec::new(), Vec::new());
        self.each(|images| {
            for image in images {
                if groups.contains(&image.group) {
                    numbers.push(number);
                    touched.push(image);
                }
                number += 1;
            }
            Ok(())
        })?;
        let mut index = ImageIndex::of(touched.iter().map(|image| (&*image.id, image)));
        let (applied, rejects) = corrections::apply_all(given, &mut touched, &mut index);
        extracted.corrected(given.len() as u64, applied, rejects);
        self.corrected = numbers.into_iter().zip(touched).collect();
        Ok(())
    }
}

/// The groups of the images that corrections are about.
fn corrected_groups(
    store: &mut ImageStore,
    given: &[LocatedCorrection],
) -> Result<HashSet<String>, Error> {
    let ids: HashSet<&str> = given.iter().map(|g| g.correction.image.as_str()).collect();
    let mut groups = HashSet::new();
    for id in ids {
        if let Some((number, _)) = store.find(id)? {
            groups.insert(store.get::<Grouped>(number)?.image.group);
        }
    }
    Ok(groups)
}

fn ids(store: &mut ImageStore) -> Result<BoxIds, Error> {
    let mut counts = AnnotationCounts::default();
    for first in firsts(store) {
        let named: Vec<Named> = store.some(first, AT_ONCE)?;
        let hashes: Vec<Vec<u64>> = named
            .par_iter()
            .map(|named| named.annotations().into_iter().map(hash).collect())
            .collect();
        counts.add(hashes.into_iter().flatten());
    }
    let mut ids = counts.finish();
    if ids.has_repeated() {
        let mut on_images = Vec::new();
        for first in firsts(store) {
            let named: Vec<Named> = store.some(first, AT_ONCE)?;
            let of_image = |named: &Named| ids.on_image(&named.image.id, &named.annotations());
            let hashes: Vec<Vec<u64>> = named.par_iter().map(of_image).collect();
            on_images.extend(hashes.into_iter().flatten());
        }
        ids.distinguish(on_images);
    }
    Ok(ids)
}

/// The number of the first image of each chunk.
fn firsts(store: &ImageStore) -> impl Iterator<Item = usize> + use<> {
    (0..store.len()).step_by(AT_ONCE)
}
