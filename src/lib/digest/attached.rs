//! The annotations of an image, each once, in whatever lists they come.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::contracts::{Annotation, Observation};

/// The annotations of an image so far: where those with one hash stand. A page has ten thousand words, which come in lists.
#[derive(Debug, Default)]
pub struct Attached {
    places: HashMap<u64, Vec<usize>>,
}

impl Attached {
    /// Adds annotations to the image, except those that it has already, since one list may be reached in two ways. Returns how
    /// many those are.
    pub fn add(&mut self, observation: &mut Observation, annotations: Vec<Annotation>) -> u64 {
        let all = &mut observation.annotations;
        if self.places.is_empty() && !annotations.is_empty() {
            for (place, annotation) in all.iter().enumerate() {
                let places = self.places.entry(hash_of(annotation));
                places.or_default().push(place);
            }
        }
        let mut folded = 0;
        for annotation in annotations {
            let places = self.places.entry(hash_of(&annotation)).or_default();
            match places.iter().any(|place| all[*place] == annotation) {
                true => folded += 1,
                false => {
                    places.push(all.len());
                    all.push(annotation);
                }
            }
        }
        folded
    }
}

/// Differs for almost all annotations that differ, also where a document gives one id to many.
fn hash_of(annotation: &Annotation) -> u64 {
    let mut hasher = DefaultHasher::new();
    annotation.id.hash(&mut hasher);
    let order = annotation.attributes.get("order");
    order.map(ToString::to_string).hash(&mut hasher);
    for body in &annotation.bodies {
        body.value.hash(&mut hasher);
    }
    for region in &annotation.regions {
        (&region.fragment, &region.svg).hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Some documents give one id to all.
    #[test]
    fn annotations_are_attached_once_in_whatever_lists_they_come() {
        let annotation = |id: &str, text: &str, order: u32| Annotation {
            id: id.into(),
            bodies: vec![crate::contracts::Body {
                value: text.into(),
                ..Default::default()
            }],
            attributes: [("order".to_owned(), order.into())].into(),
            ..Annotation::default()
        };
        let mut image = Observation::default();
        image.annotations.push(annotation("w", "a", 1));
        let mut attached = Attached::default();
        let lists = [
            vec![annotation("w", "a", 1), annotation("w", "b", 1)],
            vec![annotation("w", "a", 2), annotation("w", "b", 1)],
            vec![annotation("x", "a", 1)],
        ];
        let folded = lists.map(|list| attached.add(&mut image, list));
        assert_eq!((folded, image.annotations.len()), ([1, 1, 0], 4));
    }
}
