//! The core: observations of the same image are merged into one. Images are read some at a time and put aside: memory does not
//! grow with what they hold.

use rayon::prelude::*;

use super::extracted::{ExtractRules, Extracted};
use super::image_store::{ImageStore, stored};
use super::matching::{self, AddressedImages, NamelessImage, has_address};
use super::merged_image::MergedImage;
use super::observation::{self, KnownAnnotations};
use crate::contracts::{DigestReader, Observation};
use crate::error::Error;
use crate::summary::Reject;

/// Merges digests, in order, into images with boxes, which are added to `images`. `digests` are pairs of name and digest.
///
/// # Errors
/// A digest cannot be read, or the temporary file of `images` cannot be written.
pub fn extract(
    digests: &[(String, DigestReader)],
    rules: &ExtractRules,
    images: &mut ImageStore,
) -> Result<Extracted, Error> {
    let mut extracted = Extracted::default();
    for (_, digest) in digests {
        for (concept, taxon) in &digest.about.taxonomy {
            let taxonomy = &mut extracted.taxonomy;
            taxonomy
                .entry(concept.clone())
                .or_insert_with(|| taxon.clone());
        }
    }
    let addressed = AddressedImages::of(digests)?;
    let mut merge = Merge {
        rules,
        images,
        extracted: &mut extracted,
    };
    for (input, digest) in digests {
        let mut read = 0;
        digest.each(|observations| {
            let first = read;
            read += observations.len();
            merge.addressed(input, &addressed, first, observations)
        })?;
    }
    // Those without address come last: the images that they are about are then known.
    if digests.iter().any(|(_, digest)| digest.without_address > 0) {
        merge.nameless(digests, &addressed)?;
    }
    extracted.settle_shared();
    Ok(extracted)
}

struct Merge<'a> {
    rules: &'a ExtractRules,
    images: &'a mut ImageStore,
    extracted: &'a mut Extracted,
}

/// What becomes of an observation, as far as it does not depend on others.
enum Prepared {
    /// Nothing.
    Reject(Reject),
    /// It waits for the images that it may be about.
    Nameless,
    /// It may be of an image that another observation named.
    Known(String, Box<Observation>),
    /// The image with this id, as it is stored, if no observation before it named it.
    New(String, Box<Observation>, Vec<u8>, Box<Extracted>),
}

impl Merge<'_> {
    /// Merges observations with addresses. `first` is how many of the digest came before.
    fn addressed(
        &mut self,
        input: &str,
        addressed: &AddressedImages,
        first: usize,
        observations: Vec<Observation>,
    ) -> Result<(), Error> {
        let (images, rules) = (&*self.images, self.rules);
        let prepare = |(i, mut observation): (usize, Observation)| {
            if let Some((field, problem)) = missing_address(&observation) {
                let record = match observation.id.trim() {
                    "" => format!("observation {}", first + i + 1),
                    id => id.to_owned(),
                };
                return Ok(Prepared::Reject(Reject::new(input, record, field, problem)));
            }
            if !has_address(&observation) {
                return Ok(Prepared::Nameless);
            }
            let id = addressed.id_of(&observation).to_owned();
            if let Some([width, height]) = addressed.size_of_copy(&observation) {
                let image = &mut observation.image;
                (image.width, image.height) = (Some(width), Some(height));
            }
            let observation = Box::new(observation);
            if images.may_hold(&id) {
                return Ok(Prepared::Known(id, observation));
            }
            let mut extracted = Box::<Extracted>::default();
            let image = first_of(&id, input, &observation, rules, &mut extracted);
            Ok(Prepared::New(id, observation, stored(&image)?, extracted))
        };
        let prepared: Result<Vec<Prepared>, Error> = observations
            .into_par_iter()
            .enumerate()
            .map(prepare)
            .collect();
        for prepared in prepared? {
            match prepared {
                Prepared::Reject(reject) => {
                    self.extracted.read += 1;
                    self.extracted.rejects.push(reject);
                }
                Prepared::Nameless => {}
                Prepared::New(id, _, image, extracted) if !self.images.may_hold(&id) => {
                    self.extracted.absorb(*extracted);
                    self.images.add(&id, &image)?;
                }
                Prepared::New(id, observation, ..) | Prepared::Known(id, observation) => {
                    self.add(&id, input, &observation)?;
                }
            }
        }
        Ok(())
    }

    /// Merges observations without addresses into the images that they are about.
    fn nameless(
        &mut self,
        digests: &[(String, DigestReader)],
        addressed: &AddressedImages,
    ) -> Result<(), Error> {
        let mut all = Vec::new();
        for (number, (_, digest)) in digests.iter().enumerate() {
            digest.each(|observations| {
                let nameless = observations.into_par_iter().filter(is_nameless);
                all.par_extend(nameless.map(|observation| NamelessImage::of(number, observation)));
                Ok(())
            })?;
        }
        let mut about = matching::find_all(addressed, &all).into_iter();
        for (input, digest) in digests {
            digest.each(|observations| {
                for observation in observations.iter().filter(|o| is_nameless(o)) {
                    match about.next() {
                        Some(found) if observation.is_mark() => {
                            let images = found.map(|(images, _)| images);
                            self.mark(addressed, &images.unwrap_or_default())?;
                        }
                        Some(Ok((images, space))) => {
                            for number in images {
                                let image = addressed.get(number);
                                let placed = matching::placed(observation, image, space);
                                self.add(addressed.id_of(image), input, &placed)?;
                            }
                        }
                        Some(Err(problem)) => {
                            self.extracted.read += 1;
                            let reject = Reject::new(input, &observation.id, "image", problem);
                            self.extracted.rejects.push(reject);
                            self.mark(addressed, &addressed.whole_of(observation))?;
                        }
                        None => {
                            return Err(Error::new(format!("{input}: changed while it was read")));
                        }
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Marks images as annotated, where nothing of that can be used.
    fn mark(&mut self, addressed: &AddressedImages, images: &[usize]) -> Result<(), Error> {
        for number in images {
            let id = addressed.id_of(addressed.get(*number));
            if let Some((number, mut image)) = self.images.find(id)? {
                image.image.rejected = true;
                self.images.replace(number, &image)?;
            }
        }
        Ok(())
    }

    /// Adds an observation of the image with this id.
    fn add(&mut self, id: &str, input: &str, observation: &Observation) -> Result<(), Error> {
        let (rules, extracted) = (self.rules, &mut *self.extracted);
        let Some((number, mut image)) = self.images.find(id)? else {
            let image = first_of(id, input, observation, rules, extracted);
            return self.images.add(id, &stored(&image)?);
        };
        let reading = observation::read(input, observation, &image.known, rules, extracted);
        extracted.folded += 1;
        image.unite(observation, extracted);
        image.take(input, reading, extracted);
        self.images.replace(number, &image)
    }
}

/// The image of an observation that is the first of it.
fn first_of(
    id: &str,
    input: &str,
    observation: &Observation,
    rules: &ExtractRules,
    extracted: &mut Extracted,
) -> MergedImage {
    let mut image = MergedImage::of(id, observation);
    let none = KnownAnnotations::new();
    let reading = observation::read(input, observation, &none, rules, extracted);
    image.take(input, reading, extracted);
    image
}

fn is_nameless(observation: &Observation) -> bool {
    missing_address(observation).is_none() && !has_address(observation)
}

/// Why no image can be downloaded for an observation: field and problem of the reject.
fn missing_address(observation: &Observation) -> Option<(&'static str, &'static str)> {
    let image = &observation.image;
    if observation.id.trim().is_empty() {
        Some(("id", "id of the observation is missing"))
    } else if !has_address(observation) && image.names.is_empty() {
        Some(("image", "image has neither url nor service"))
    } else {
        None
    }
}
