//! The groups of images and their canvases, found once: a request for one canvas of fifty thousand must not compare all of
//! them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::contracts::canvas::{fingerprint, is_same_canvas};
use crate::serve::image_record::ImageRecord;

/// All groups. A copy shares them with the original.
#[derive(Clone, Debug, Default)]
pub struct GroupIndex {
    groups: Arc<BTreeMap<String, Arc<IndexedGroup>>>,
}

/// A group: its images, and which of them share a canvas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexedGroup {
    /// Its name in the localizations.
    pub name: String,
    /// Positions of its images in the catalogue, ascending.
    pub images: Vec<usize>,
    /// The images of each canvas, in the order of the first ones; none is empty.
    pub canvases: Vec<Vec<usize>>,
    /// The canvas of each of `images`.
    canvas_of: Vec<usize>,
    /// Whether any canvas of the source has several images: otherwise no correction can join or part them.
    has_captures: bool,
}

/// Where an image stands in its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its position among the images of the group.
    pub among: usize,
    /// The position of its canvas.
    pub canvas: usize,
}

impl GroupIndex {
    /// Indexes all images.
    pub fn of(images: &[Arc<ImageRecord>]) -> Self {
        let mut members: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, image) in images.iter().enumerate() {
            members.entry(&image.about.group).or_default().push(at);
        }
        let index = |(name, of): (&str, Vec<usize>)| {
            let group = IndexedGroup::of(name, of, images);
            (name.to_owned(), Arc::new(group))
        };
        let groups = Arc::new(members.into_iter().map(index).collect());
        GroupIndex { groups }
    }

    /// All groups, sorted by name.
    pub fn all(&self) -> impl Iterator<Item = &IndexedGroup> {
        self.groups.values().map(|group| &**group)
    }

    /// The group of this name.
    pub fn find(&self, name: &str) -> Option<&IndexedGroup> {
        self.groups.get(name).map(|group| &**group)
    }

    /// Finds the canvases of a group again, after its images were changed.
    pub fn index_again(&mut self, name: &str, images: &[Arc<ImageRecord>]) {
        let Some(before) = self.find(name).filter(|group| group.has_captures) else {
            return;
        };
        let now = IndexedGroup::of(name, before.images.clone(), images);
        if now != *before {
            Arc::make_mut(&mut self.groups).insert(name.to_owned(), Arc::new(now));
        }
    }
}

impl IndexedGroup {
    /// The images at these positions, `members`, as a group.
    fn of(name: &str, members: Vec<usize>, images: &[Arc<ImageRecord>]) -> Self {
        let mut canvases: Vec<Vec<usize>> = Vec::new();
        let mut canvas_of = Vec::with_capacity(members.len());
        // Canvases by fingerprint: equal canvases have equal ones, and few others have.
        let mut alike: HashMap<u64, Vec<usize>> = HashMap::new();
        let (mut sources, mut has_captures) = (HashSet::new(), false);
        for at in &members {
            let source = images[*at].about.source.canvas.as_deref();
            has_captures |= source.is_some_and(|source| !sources.insert(source));
            let about = &images[*at].about;
            let candidates = alike.entry(fingerprint(about)).or_default();
            let holds = |n: &usize| is_same_canvas(&images[canvases[*n][0]].about, about);
            let canvas = match candidates.iter().copied().find(holds) {
                Some(canvas) => canvas,
                None => {
                    canvases.push(Vec::new());
                    // An image without a canvas shares none.
                    if about.source.canvas.is_some() {
                        candidates.push(canvases.len() - 1);
                    }
                    canvases.len() - 1
                }
            };
            canvases[canvas].push(*at);
            canvas_of.push(canvas);
        }
        IndexedGroup {
            name: name.to_owned(),
            images: members,
            canvases,
            canvas_of,
            has_captures,
        }
    }

    /// Where an image of the group stands in it; none for images of other groups.
    pub fn place(&self, at: usize) -> Option<Place> {
        let among = self.images.binary_search(&at).ok()?;
        let canvas = self.canvas_of[among];
        Some(Place { among, canvas })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::LocalizedImage;

    fn image(id: &str, canvas: Option<&str>, labels: &[&str]) -> Arc<ImageRecord> {
        let mut about = LocalizedImage {
            group: "g".into(),
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            ..LocalizedImage::default()
        };
        about.source.canvas = canvas.map(str::to_owned);
        Arc::new(ImageRecord::unmeasured(id, about))
    }

    #[test]
    fn images_of_one_canvas_stand_together_and_all_others_alone() {
        let mut images = vec![
            image("a", Some("c"), &[]),
            image("b", Some("d"), &[]),
            image("c", Some("c"), &[]),
            image("d", None, &[]),
            image("e", None, &[]),
            image("f", Some("c"), &["differs"]),
        ];
        let mut index = GroupIndex::of(&images);
        let canvases = |index: &GroupIndex| index.find("g").unwrap().canvases.clone();
        let apart = vec![vec![0, 2], vec![1], vec![3], vec![4], vec![5]];
        assert_eq!(canvases(&index), apart);
        let place = index.find("g").unwrap().place(4);
        let wanted = Place {
            among: 4,
            canvas: 3,
        };
        assert_eq!(place, Some(wanted));
        images[5] = image("f", Some("c"), &[]);
        index.index_again("g", &images);
        assert_eq!(canvases(&index)[0], [0, 2, 5]);
    }
}
