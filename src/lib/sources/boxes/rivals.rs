//! Files of documents that were found as one and the same file of `--images`, by the last parts of their names: at most one
//! of them is it, and the boxes of the others must not be put on its image.

use std::collections::HashMap;

use super::addresses::{Addressed, Addresses};
use super::model::{BoxDocument, GivenImage};
use crate::image_names::{parts, stem};

/// Who was found as what.
#[derive(Default)]
pub struct Rivals {
    in_run: HashMap<String, BestTwo>,
    /// Document → the same for its images.
    in_document: HashMap<String, HashMap<String, BestTwo>>,
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
    /// All that images of documents were found as.
    pub fn of(documents: &[BoxDocument], addresses: &Addresses) -> Self {
        let mut rivals = Rivals::default();
        for document in documents {
            for image in &document.images {
                let (Some(name), Ok(addressed)) = (name_of(image), addresses.of_image(image))
                else {
                    continue;
                };
                for (found, agreement) in addressed.found_as {
                    let of_document = rivals.in_document.entry(document.name.clone());
                    let here = of_document.or_default().entry(found.clone()).or_default();
                    here.add(agreement, &name);
                    let in_run = rivals.in_run.entry(found).or_default();
                    in_run.add(agreement, &name);
                }
            }
        }
        rivals
    }

    /// Why an image of a document may not be the one that it was found as: the name of another file agrees further, or in
    /// the same document as far.
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
        Ok(())
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
