//! Merged images on the disk, in the order in which digests first name them. In memory are 30 bytes an image: a hash of its id
//! and its place in the file.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use rayon::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::merged_image::MergedImage;
use crate::error::Error;
use crate::files::{Scratch, Span};
use crate::values::hash;

/// Merged images.
#[derive(Debug)]
pub struct ImageStore {
    scratch: Scratch,
    spans: Vec<Span>,
    /// Hash of an id → number of the image.
    numbers: HashMap<u64, u32>,
    /// Ids whose hash another id had before.
    others: HashMap<String, u32>,
}

impl ImageStore {
    /// A store without images.
    pub fn new(scratch: Scratch) -> Self {
        ImageStore {
            scratch,
            spans: Vec::new(),
            numbers: HashMap::new(),
            others: HashMap::new(),
        }
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether an image may be there: if not, it is not.
    pub fn may_hold(&self, id: &str) -> bool {
        self.numbers.contains_key(&hash(id))
    }

    /// The image with an id, and its number.
    ///
    /// # Errors
    /// The temporary file cannot be read.
    pub fn find(&mut self, id: &str) -> Result<Option<(usize, MergedImage)>, Error> {
        let Some(number) = self.numbers.get(&hash(id)) else {
            return Ok(None);
        };
        let number = *self.others.get(id).unwrap_or(number) as usize;
        let found: MergedImage = self.get(number)?;
        Ok((found.image.id == id).then_some((number, found)))
    }

    /// Adds an image that is not there yet, as [`stored`] makes it.
    ///
    /// # Errors
    /// The temporary file cannot be written.
    pub fn add(&mut self, id: &str, image: &[u8]) -> Result<(), Error> {
        let number = u32::try_from(self.spans.len())
            .map_err(|_| Error::new("there are more images than can be numbered: 4,294,967,295"))?;
        match self.numbers.entry(hash(id)) {
            Entry::Vacant(free) => drop(free.insert(number)),
            Entry::Occupied(_) => drop(self.others.insert(id.to_owned(), number)),
        }
        self.spans.push(self.scratch.append(image)?);
        Ok(())
    }

    /// Puts an image in place of that with this number.
    ///
    /// # Errors
    /// The temporary file cannot be written.
    pub fn replace(&mut self, number: usize, image: &MergedImage) -> Result<(), Error> {
        self.spans[number] = self.scratch.append(&stored(image)?)?;
        Ok(())
    }

    /// The image with a number, or what of it a type holds.
    ///
    /// # Errors
    /// The temporary file cannot be read.
    pub fn get<T: DeserializeOwned>(&mut self, number: usize) -> Result<T, Error> {
        parse(&self.scratch.read(self.spans[number])?)
    }

    /// At most `most` images from the one with the number `first` on, or what of them a type holds.
    ///
    /// # Errors
    /// The temporary file cannot be read.
    pub fn some<T>(&mut self, first: usize, most: usize) -> Result<Vec<T>, Error>
    where
        T: DeserializeOwned + Send,
    {
        let numbers = first..self.len().min(first + most);
        let bytes = numbers.map(|number| self.scratch.read(self.spans[number]));
        let bytes: Result<Vec<Vec<u8>>, Error> = bytes.collect();
        bytes?.par_iter().map(|bytes| parse(bytes)).collect()
    }

    /// Forgets the ids: images can be found by number only.
    pub fn forget_ids(&mut self) {
        self.numbers = HashMap::new();
        self.others = HashMap::new();
    }
}

/// A value as it is stored.
///
/// # Errors
/// It cannot be represented.
pub fn stored<T: Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value)
        .map_err(|e| Error::new("an image cannot be written to a temporary file").because(e))
}

/// A value of what was stored.
///
/// # Errors
/// The temporary file was changed.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes)
        .map_err(|e| Error::new("an image cannot be read from a temporary file").because(e))
}
