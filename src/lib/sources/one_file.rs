//! Images of a service that are one file under several ids: they become one image, since on each alone the boxes of the others
//! would be background.

use std::collections::HashMap;

use super::source::Found;
use crate::contracts::{ImageRef, Observation};
use crate::summary::counted;

/// Unites images with one URL or one checksum: the first has the boxes and the metadata of all. Those whose declared sizes differ
/// stay, and are told.
pub fn unite(found: &mut Found) {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut images: Vec<Observation> = Vec::new();
    let (mut united, mut differ) = (Vec::new(), Vec::new());
    for image in std::mem::take(&mut found.observations) {
        let keys = keys(&image.image);
        let known = keys.iter().find_map(|key| places.get(key)).copied();
        let same = known.filter(|at| may_be_one(&images[*at].image, &image.image));
        let at = same.unwrap_or(images.len());
        for key in keys {
            places.entry(key).or_insert(at);
        }
        if let Some(known) = known {
            let pair = format!("{}, {}", images[known].id, image.id);
            match same {
                Some(_) => united.push(pair),
                None => differ.push(pair),
            }
        }
        match same {
            Some(at) => add(&mut images[at], image),
            None => images.push(image),
        }
    }
    found.observations = images;
    let told = [
        (united, "they are one image, with the boxes of both"),
        (differ, "their sizes differ, so they stay two images"),
    ];
    for (pairs, what) in told {
        if let Some(first) = pairs.first() {
            let images = counted(pairs.len() as u64, "image has", "images have");
            let note =
                format!("{images} the URL or the checksum of another: {what}, first: {first}");
            found.notes.push(note);
        }
    }
}

/// What tells a file from others.
fn keys(image: &ImageRef) -> Vec<String> {
    let checksum = image.sha256.as_ref().map(|hash| format!("sha256:{hash}"));
    image.url.clone().into_iter().chain(checksum).collect()
}

fn may_be_one(a: &ImageRef, b: &ImageRef) -> bool {
    let sizes = a.declared().zip(b.declared());
    sizes.is_none_or(|(a, b)| a == b)
}

/// Adds what is said of an image to what was said of it before.
fn add(image: &mut Observation, other: Observation) {
    if image.image.declared().is_none() {
        (image.image.width, image.image.height) = (other.image.width, other.image.height);
    }
    image.rejected |= other.rejected;
    for (key, values) in other.metadata {
        let known = image.metadata.entry(key).or_default();
        for value in values {
            if !known.contains(&value) {
                known.push(value);
            }
        }
    }
    for annotation in other.annotations {
        if !image.annotations.contains(&annotation) {
            image.annotations.push(annotation);
        }
    }
    image.annotations.sort_by(|a, b| a.id.cmp(&b.id));
}
