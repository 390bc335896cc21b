//! Files of documents that would be one image: found as one and the same file of `--images` by the last parts of their names,
//! or of one name and different sizes. At most one of them is it, and the boxes of the others must not be put on its image.

use std::collections::HashMap;

use super::addresses::{self, Addressed, Addresses};
use super::model::{BoxDocument, GivenImage};
use crate::image_names::{parts, stem};

/// Who was found as what.
#[derive(Default)]
pub struct Rivals {
    in_run: HashMap<String, BestTwo>,
    /// Document → the same for its images.
    in_document: HashMap<String, HashMap<String, BestTwo>>,
    /// Id of an image and name of the file → how large it is.
    sizes: HashMap<(String, String), Sizes>,
}

/// The sizes of files that have one name and would be one image.
#[derive(Default)]
struct Sizes {
    /// Width and height, with the number of the document that says so.
    pixels: Option<(usize, [u32; 2])>,
    /// Length, with the number of the document that says so.
    bytes: Option<(usize, u64)>,
    /// Two that differ, as a text.
    differ: Option<String>,
}

impl Sizes {
    /// Adds a file. Other documents may be about a reduced copy; names alone, without `is_found`, may be those of several
    /// images, which `extract` tells by their shapes.
    fn add(&mut self, document: usize, image: &GivenImage, is_found: bool) {
        if let Some(size) = image.size {
            let known = self.pixels.replace((document, size));
            let other = known.and_then(|(from, known)| match from == document {
                true => (known != size).then(|| addresses::two_sizes(known, size)),
                false if is_found => addresses::differ(known, size),
                false => None,
            });
            self.differ = self.differ.take().or(other);
        }
        if let Some(bytes) = image.bytes {
            let known = self.bytes.replace((document, bytes));
            let other =
                known.filter(|(from, known)| *known != bytes && (is_found || *from == document));
            let other = other.map(|(_, known)| format!("{known} and {bytes} bytes"));
            self.differ = self.differ.take().or(other);
        }
    }
}

/// The file whose name agrees furthest, and the best that has another name: each with how many parts agree.
#[derive(Default)]
pub struct BestTwo {
    best: Option<(usize, String)>,
    other: Option<(usize, String)>,
}

impl BestTwo {
    /// Adds a file by its name as it is [`compared`].
    pub fn add(&mut self, agreement: usize, name: &str) {
        let own = (agreement, name.to_owned());
        match &self.best {
            Some((most, best)) if best == name => {
                self.best = Some((agreement.max(*most), own.1));
            }
            Some((most, _)) if agreement <= *most => {
                let is_better = |(most, _): &(usize, String)| agreement > *most;
                if self.other.as_ref().is_none_or(is_better) {
                    self.other = Some(own);
                }
            }
            _ => self.other = self.best.replace(own),
        }
    }

    /// The best that has another name than this.
    pub fn beside(&self, name: &str) -> Option<&(usize, String)> {
        let best = self.best.as_ref().filter(|(_, best)| best != name);
        best.or(self.other.as_ref())
    }
}

impl Rivals {
    /// All that images of documents were found as. `lists` are the documents that hold images for others.
    pub fn of(documents: &[BoxDocument], lists: &[BoxDocument], addresses: &Addresses) -> Self {
        let mut rivals = Rivals::default();
        for (number, document) in documents.iter().enumerate() {
            for image in &document.images {
                let (Some(name), Ok(addressed)) = (name_of(image), addresses.of_image(image))
                else {
                    continue;
                };
                rivals.measure(number, image, &addressed, &name);
                for (found, agreement) in addressed.found_as {
                    let of_document = rivals.in_document.entry(document.name.clone());
                    let here = of_document.or_default().entry(found.clone()).or_default();
                    here.add(agreement, &name);
                    let in_run = rivals.in_run.entry(found).or_default();
                    in_run.add(agreement, &name);
                }
            }
        }
        let images = lists.iter().enumerate();
        let images = images.flat_map(|(n, list)| list.images.iter().map(move |image| (n, image)));
        for (number, image) in images {
            if let (Some(name), Ok(addressed)) = (name_of(image), addresses.of_image(image)) {
                rivals.measure(documents.len() + number, image, &addressed, &name);
            }
        }
        rivals
    }

    /// Adds the size of an image of the document with this number.
    fn measure(&mut self, number: usize, image: &GivenImage, addressed: &Addressed, name: &str) {
        if image.size.is_none() && image.bytes.is_none() {
            return;
        }
        let key = (addressed.id.clone(), name.to_owned());
        let is_found = !addressed.found_as.is_empty();
        let sizes = self.sizes.entry(key).or_default();
        sizes.add(number, image, is_found);
    }

    /// Why an image of a document may not be the one that it was found as: the name of another file agrees further, or in
    /// the same document as far, or a file of the same name has another size.
    ///
    /// # Errors
    /// The problem of a reject.
    pub fn refuse(
        &self,
        document: &str,
        image: &GivenImage,
        addressed: &Addressed,
    ) -> Result<(), String> {
        let Some(name) = name_of(image) else {
            return Ok(());
        };
        for (found, agreement) in &addressed.found_as {
            let here = self.in_document.get(document).and_then(|d| d.get(found));
            let here = here.and_then(|both| both.beside(&name));
            let anywhere = self.in_run.get(found).and_then(|both| both.beside(&name));
            let rival = here.filter(|(most, _)| most >= agreement);
            let rival = rival.or(anywhere.filter(|(most, _)| most > agreement));
            if let Some((_, rival)) = rival {
                return Err(problem(rival, image.names.first().map_or("", |name| name)));
            }
        }
        let sizes = self.sizes.get(&(addressed.id.clone(), name));
        match sizes.and_then(|sizes| sizes.differ.as_ref()) {
            Some(differ) => Err(format!(
                "several files of different size have this name: {}, {differ}; folders in their names tell them apart, or a run for each \
                 folder with its own --images",
                image.names.first().map_or("", |name| name)
            )),
            None => Ok(()),
        }
    }
}

/// The name of an image's file as it is compared; none if the image has an id, which tells it from others.
fn name_of(image: &GivenImage) -> Option<String> {
    compared(image.names.first().filter(|_| image.id.is_none())?)
}

/// The problem of a file that is not what it was found as.
pub fn problem(rival: &str, name: &str) -> String {
    format!("image of this file name may be that of another record: {rival}, {name}")
}

/// A file name as it is compared: in any case, with or without suffix.
pub fn compared(name: &str) -> Option<String> {
    let mut parts = parts(&name.to_lowercase());
    let last = parts.pop()?;
    parts.push(stem(&last).to_owned());
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_with_another_name_is_found_in_any_order() {
        let claims = [(1, "b/x"), (2, "a/x"), (1, "c/x"), (2, "a/x")];
        for first in 0..claims.len() {
            let mut both = BestTwo::default();
            for (agreement, name) in claims.iter().cycle().skip(first).take(claims.len()) {
                both.add(*agreement, name);
            }
            let beside = |name: &str| both.beside(name).map(|(most, _)| *most);
            assert_eq!((beside("b/x"), beside("a/x")), (Some(2), Some(1)));
        }
    }
}
