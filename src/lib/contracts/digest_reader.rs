//! A `digest.json` whose images are read when they are needed, several times if need be, and never all at once.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::digest::{Digest, Observation};
use super::elements::each_element;
use super::envelope::{parse, read};
use super::set_input::SetFile;
use crate::error::Error;

/// The list of a digest that is long.
const LIST: &str = "observations";

/// A digest: its images, and everything else.
#[derive(Debug)]
pub struct DigestReader {
    /// The digest without its images.
    pub about: Digest,
    /// Number of images that have neither a URL nor a service.
    pub without_address: u64,
    images: Images,
}

#[derive(Debug)]
enum Images {
    /// In a file, from which they can be read again and again.
    File(SetFile, PathBuf),
    /// In memory, for what can be read once, and for what is no plain `digest.json`.
    Held(Vec<Observation>),
}

/// What is looked at before images are read: whether they have an address.
#[derive(Deserialize)]
struct Probe {
    image: ProbedAddress,
}

#[derive(Deserialize)]
struct ProbedAddress {
    #[serde(default)]
    url: Option<IgnoredAny>,
    #[serde(default)]
    service: Option<IgnoredAny>,
}

impl DigestReader {
    /// The digest in a file.
    ///
    /// # Errors
    /// The file cannot be read or is not a digest.
    pub fn open(path: &Path) -> Result<Self, Error> {
        match DigestReader::streamed(path) {
            Some(reader) => Ok(reader),
            None => Ok(DigestReader::held(read(path)?)),
        }
    }

    /// A digest in memory.
    pub fn held(mut digest: Digest) -> Self {
        let images = std::mem::take(&mut digest.observations);
        let has_address = |o: &&Observation| o.image.url.is_some() || o.image.service.is_some();
        DigestReader {
            without_address: images.len() as u64 - images.iter().filter(has_address).count() as u64,
            about: digest,
            images: Images::Held(images),
        }
    }

    fn streamed(path: &Path) -> Option<Self> {
        let (set, mut without_address) = (SetFile::open(path)?, 0);
        let envelope = each_element(&set, LIST, |elements| {
            let count: Option<u64> = elements
                .into_par_iter()
                .map(|(_, element)| {
                    let Probe { image } = serde_json::from_slice(element).ok()?;
                    Some(u64::from(image.url.is_none() && image.service.is_none()))
                })
                .sum();
            without_address += count?;
            Some(())
        })?;
        let about: Digest = parse(&envelope, "").ok()?;
        about.observations.is_empty().then(|| DigestReader {
            about,
            without_address,
            images: Images::File(set, path.to_owned()),
        })
    }

    /// Calls `visit` with all images, in their order, some at a time.
    ///
    /// # Errors
    /// Those of `visit`; and an image cannot be read: the message names line, column and member.
    pub fn each(
        &self,
        mut visit: impl FnMut(Vec<Observation>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (set, path) = match &self.images {
            Images::File(set, path) => (set, path),
            Images::Held(images) => {
                let mut chunks = images.chunks(HELD_AT_ONCE);
                return chunks.try_for_each(|images| visit(images.to_vec()));
            }
        };
        let mut stopped = None;
        let read_all = each_element(set, LIST, |elements| {
            for elements in elements.chunks(HELD_AT_ONCE) {
                let images = elements
                    .par_iter()
                    .map(|(_, element)| serde_json::from_slice(element).ok());
                let images: Option<Vec<Observation>> = images.collect();
                stopped = visit(images?).err();
                if stopped.is_some() {
                    return None;
                }
            }
            Some(())
        });
        match (stopped, read_all) {
            (Some(error), _) => Err(error),
            (None, Some(_)) => Ok(()),
            // Slower, but it can say where the fault is.
            (None, None) => Err(read::<Digest>(path).err().unwrap_or_else(|| {
                Error::new(format!("{}: changed while it was read", path.display()))
            })),
        }
    }
}

/// Images that are in memory at a time.
const HELD_AT_ONCE: usize = 4096;
