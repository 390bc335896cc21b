//! The images of a `localizations.json` one by one, without their boxes.

use std::path::Path;

use rayon::prelude::*;
use serde::Deserialize;

use super::elements::each_element;
use super::envelope::{parse, read};
use super::geometry::Frame;
use super::image_ref::{ImageRef, Metadata, Provenance};
use super::localizations::{Localizations, LocalizedImage};
use crate::error::Error;
use crate::files;
use crate::summary::Reject;

/// An image without its boxes, which are skipped while parsing; and without metadata, where nothing needs them.
#[derive(Deserialize)]
struct Unboxed {
    id: String,
    image: ImageRef,
    source: Provenance,
    group: String,
    #[serde(default)]
    frame: Option<Frame>,
}

/// Metadata of an image.
#[derive(Deserialize)]
struct Described {
    #[serde(default)]
    metadata: Metadata,
}

impl From<Unboxed> for LocalizedImage {
    fn from(image: Unboxed) -> Self {
        LocalizedImage {
            id: image.id,
            image: image.image,
            source: image.source,
            group: image.group,
            frame: image.frame,
            ..LocalizedImage::default()
        }
    }
}

/// Calls `make` for each image, with its metadata if these are needed, and returns the results in the order of the file, with the records of a file by
/// m3-download that cannot be used.
///
/// The fast way reads only files that are a valid `localizations.json` down to the last byte. Anything else is read
/// again by [`read`], which can report what is wrong.
///
/// # Errors
/// The file cannot be read or is not a `localizations.json`.
pub fn each_image<T: Send>(
    path: &Path,
    with_metadata: bool,
    make: impl Fn(LocalizedImage) -> T + Sync,
) -> Result<(Vec<T>, Vec<Reject>), Error> {
    if !files::is_dash(path)
        && let Some(made) = streamed(path, with_metadata, &make)
    {
        return Ok((made, Vec::new()));
    }
    let localizations: Localizations = read(path)?;
    let made = localizations.images.into_par_iter().map(&make).collect();
    Ok((made, localizations.rejects))
}

/// The results for all images; none if the file is not a valid `localizations.json`.
fn streamed<T: Send>(
    path: &Path,
    with_metadata: bool,
    make: &(impl Fn(LocalizedImage) -> T + Sync),
) -> Option<Vec<T>> {
    let mut made = Vec::new();
    let envelope = each_element(path, "images", |elements| {
        let parsed: Option<Vec<T>> = elements
            .into_par_iter()
            .map(|(_, element)| {
                let image: Unboxed = serde_json::from_slice(element).ok()?;
                let mut image = LocalizedImage::from(image);
                if with_metadata {
                    let described: Described = serde_json::from_slice(element).ok()?;
                    image.metadata = described.metadata;
                }
                Some(make(image))
            })
            .collect();
        made.extend(parsed?);
        Some(())
    })?;
    let envelope = parse::<Localizations>(&envelope, "");
    envelope
        .is_ok_and(|set| set.images.is_empty())
        .then_some(made)
}
