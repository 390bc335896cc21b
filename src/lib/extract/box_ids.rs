//! Ids of boxes: that of the annotation, if only one box has it; with `@` and a hash of the image's id if the annotation is
//! repeated on several images, as those of a canvas with a choice are; with `#2`, `#3`… for its further regions. The id of the
//! annotation itself is then in `attributes.annotation`.
//!
//! Only hashes of ids are held, 8 bytes an annotation.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::merged_image::MergedImage;
use super::observation::FoundBox;
use crate::contracts::canvas::id_on_image;
use crate::contracts::{BBox, Frame, Localization, LocalizedImage, Number, Painted};
use crate::values::hash;

/// The annotations of all images, while they are counted.
#[derive(Debug, Default)]
pub struct AnnotationCounts {
    /// A hash for each image that has boxes of the annotation.
    hashes: Vec<u64>,
}

impl AnnotationCounts {
    /// Counts the annotations of an image, by the hashes of their ids, each once.
    pub fn add(&mut self, annotations: impl IntoIterator<Item = u64>) {
        self.hashes.extend(annotations);
    }

    /// What is known when all images are counted.
    pub fn finish(mut self) -> BoxIds {
        self.hashes.sort_unstable();
        let mut repeated = Vec::new();
        for pair in self.hashes.windows(2) {
            if pair[0] == pair[1] && repeated.last() != Some(&pair[0]) {
                repeated.push(pair[0]);
            }
        }
        self.hashes.dedup();
        BoxIds {
            annotations: self.hashes,
            repeated,
            ambiguous: HashSet::new(),
            used: HashMap::new(),
        }
    }
}

/// Gives boxes their ids, image by image.
#[derive(Debug)]
pub struct BoxIds {
    /// Ids of annotations, sorted.
    annotations: Vec<u64>,
    /// Those that several images have, sorted.
    repeated: Vec<u64>,
    /// Ids of annotations on images that are the same for several of these images.
    ambiguous: HashSet<u64>,
    /// Of such ids: those that boxes have.
    used: HashMap<u64, BTreeSet<String>>,
}

impl BoxIds {
    /// Whether any annotation is on several images.
    pub fn has_repeated(&self) -> bool {
        !self.repeated.is_empty()
    }

    /// Of the annotations of an image, those that other images have too: the hashes of their ids on this image.
    pub fn on_image(&self, image: &str, annotations: &BTreeSet<&str>) -> Vec<u64> {
        let repeated = annotations.iter().filter(|id| self.is_repeated(id));
        repeated.map(|id| hash(&id_on_image(id, image))).collect()
    }

    /// Takes the hashes of all ids of annotations on images: those that appear twice are not unique.
    pub fn distinguish(&mut self, mut on_images: Vec<u64>) {
        on_images.sort_unstable();
        let twice = on_images.windows(2).filter(|pair| pair[0] == pair[1]);
        self.ambiguous = twice.map(|pair| pair[0]).collect();
    }

    /// Forgets which ids boxes have, to give them again from the first image on.
    pub fn restart(&mut self) {
        self.used.clear();
    }

    fn is_repeated(&self, annotation: &str) -> bool {
        self.repeated.binary_search(&hash(annotation)).is_ok()
    }

    /// The image with its boxes, which have ids now. Images come in their order.
    pub fn finish(&mut self, merged: MergedImage) -> LocalizedImage {
        let mut image = merged.image;
        image.labels.sort();
        image.labels.dedup();
        if image.painted == image.frame.and_then(filled) {
            image.painted = None;
        }
        let id = image.id.clone();
        let mut own = Used::default();
        let boxes = merged.boxes.into_iter();
        image.localizations = boxes
            .map(|found| self.localization(&id, found, &mut own))
            .collect();
        image.rejected &= image.localizations.is_empty() && image.labels.is_empty();
        image
    }

    fn localization(&mut self, image: &str, found: FoundBox, own: &mut Used) -> Localization {
        let id = self.unique(image, &found, own);
        let mut attributes = found.attributes;
        if let Some(baseline) = &found.shape.baseline {
            let points = baseline.iter().map(|point| point.map(Number));
            let points: Vec<[Number; 2]> = points.collect();
            attributes.insert("baseline".into(), serde_json::json!(points));
        }
        if id != found.annotation {
            attributes.insert("annotation".into(), found.annotation.into());
        }
        Localization {
            id,
            concept: found.concept,
            bbox: found.shape.bbox,
            polygon: found.shape.polygon,
            holes: found.shape.holes,
            attributes: attributes.into(),
        }
    }

    fn unique(&mut self, image: &str, found: &FoundBox, own: &mut Used) -> String {
        let stem = match self.is_repeated(&found.annotation) {
            true => id_on_image(&found.annotation, image),
            false => found.annotation.clone(),
        };
        let of_stem = hash(&stem);
        let used = match self.ambiguous.contains(&of_stem) {
            true => self.used.entry(of_stem).or_default(),
            false => &mut own.ids,
        };
        // An id that is made is never that of an annotation.
        let is_free = |id: &String, used: &BTreeSet<String>| {
            let is_made = *id != found.annotation;
            let is_given = is_made && self.annotations.binary_search(&hash(id)).is_ok();
            !is_given && !used.contains(id)
        };
        let numbered = |n: usize| match n {
            1 => stem.clone(),
            n => format!("{stem}#{n}"),
        };
        let mut id = numbered(found.region);
        if !is_free(&id, used) {
            // The source uses an id more than once. Tried numbers are remembered: some sources give all annotations one id.
            let next = own.next.entry(stem.clone()).or_insert(found.region + 1);
            id = numbered(*next);
            while !is_free(&id, used) {
                *next += 1;
                id = numbered(*next);
            }
        }
        used.insert(id.clone());
        id
    }
}

/// Ids that boxes of one image have.
#[derive(Default)]
struct Used {
    ids: BTreeSet<String>,
    /// Stem of an id → the next number to try.
    next: HashMap<String, usize>,
}

/// All of a canvas of a size, upright.
fn filled(frame: Frame) -> Option<Painted> {
    let area = BBox::try_from([0.0, 0.0, frame.width, frame.height]).ok()?;
    let rotation = 0.0;
    Some(Painted { area, rotation })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::BBox;
    use crate::selectors::Shape;

    fn image(id: &str, boxes: &[(&str, usize)]) -> MergedImage {
        let found = |(annotation, region): &(&str, usize)| FoundBox {
            annotation: (*annotation).into(),
            region: *region,
            concept: "c".into(),
            shape: Shape {
                bbox: BBox::try_from([0.0, 0.0, 1.0, 1.0]).unwrap(),
                polygon: None,
                holes: Vec::new(),
                baseline: None,
            },
            attributes: Default::default(),
        };
        MergedImage {
            image: LocalizedImage {
                id: id.into(),
                ..LocalizedImage::default()
            },
            boxes: boxes.iter().map(found).collect(),
            known: Default::default(),
        }
    }

    fn annotations(image: &MergedImage) -> BTreeSet<&str> {
        image.boxes.iter().map(|b| b.annotation.as_str()).collect()
    }

    fn ids(images: Vec<MergedImage>) -> Vec<Vec<String>> {
        let mut counts = AnnotationCounts::default();
        for image in &images {
            counts.add(annotations(image).into_iter().map(hash));
        }
        let mut ids = counts.finish();
        let on_images = images
            .iter()
            .flat_map(|image| ids.on_image(&image.image.id, &annotations(image)));
        ids.distinguish(on_images.collect());
        let finish = |image| {
            let image = ids.finish(image);
            image.localizations.into_iter().map(|l| l.id).collect()
        };
        images.into_iter().map(finish).collect()
    }

    #[test]
    fn ids_are_those_of_annotations_where_these_are_unique() {
        let on = |annotation: &str, image: &str| id_on_image(annotation, image);
        // (images with (annotation, region), ids)
        let cases = [
            (
                vec![image("i", &[("a", 1), ("b", 2)])],
                vec![vec!["a".to_owned(), "b#2".into()]],
            ),
            (
                vec![image("i", &[("a", 1), ("a", 1), ("a", 2)])],
                vec![vec!["a".into(), "a#2".into(), "a#3".into()]],
            ),
            // What is made never takes the id of an annotation, whichever comes first.
            (
                vec![image("i", &[("a", 1), ("a", 2)]), image("j", &[("a#2", 1)])],
                vec![vec!["a".into(), "a#3".into()], vec!["a#2".into()]],
            ),
            (
                vec![image("i", &[("a", 1)]), image("j", &[("a", 1), ("a", 2)])],
                vec![
                    vec![on("a", "i")],
                    vec![on("a", "j"), format!("{}#2", on("a", "j"))],
                ],
            ),
        ];
        for (images, wanted) in cases {
            assert_eq!(ids(images), wanted);
        }
    }

    #[test]
    fn images_whose_ids_have_one_hash_share_numbers() {
        // Two such texts are found quickly, since hashes in ids are short.
        let mut seen: HashMap<String, String> = HashMap::new();
        let (first, second) = (0..)
            .find_map(|n| {
                let image = format!("image {n}");
                let other = seen.insert(id_on_image("a", &image), image.clone());
                other.map(|other| (other, image))
            })
            .unwrap();
        let found = ids(vec![
            image(&first, &[("a", 1)]),
            image(&second, &[("a", 1)]),
        ]);
        let stem = id_on_image("a", &first);
        assert_eq!(found, [vec![stem.clone()], vec![format!("{stem}#2")]]);
    }
}
