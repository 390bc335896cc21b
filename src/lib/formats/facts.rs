//! The facts about the images of a set that are held for all of them at once: some forty bytes for an image, its path, and two
//! bytes for each class on it.

use crate::contracts::MappedFile;
use crate::texts::Texts;

/// The facts about all images.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    entries: Vec<FactsOfImage>,
    /// How many boxes of each image have what, and how often each class occurs on it, one image after the other.
    counts: Vec<u8>,
    files: Texts,
    /// What the image map says of each path, where that is more.
    mapped: Option<Texts>,
    media_types: Vec<&'static str>,
    /// The class that each number in `counts` stands for; none: it is left out. Empty: itself.
    classes: Vec<Option<u32>>,
}

#[derive(Clone, Copy, Debug)]
struct FactsOfImage {
    bytes: u64,
    size: [u32; 2],
    file: u32,
    group: u32,
    boxes_before: u32,
    counts: u32,
    /// [`u16::MAX`]: none.
    split: u16,
    media_type: u8,
    channels: u8,
    depth: u8,
    orientation: u8,
}

/// The facts about an image.
#[derive(Clone, Copy, Debug)]
pub struct ImageFacts<'a> {
    /// Path below the image root, `/` as separator, as in `image_map.json`.
    pub file: &'a str,
    /// Index into the groups of the dataset.
    pub group: u32,
    /// Index into its splits, if there are any.
    pub split: Option<u16>,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// Width and height of the file in pixels.
    pub size: [u32; 2],
    /// Colour channels of the file.
    pub channels: u8,
    /// Bits per sample of the file.
    pub depth: u8,
    /// EXIF orientation of the file, 1 to 8.
    pub orientation: u8,
    /// Media type by content.
    pub media_type: &'static str,
    /// Number of boxes on the images before this one.
    pub boxes_before: u32,
    /// How many boxes have an outline.
    pub outlines: u32,
    /// How many boxes have a text.
    pub texts: u32,
    /// How many boxes have a line or points.
    pub pointed: u32,
    /// How many boxes have attributes of which no format but those that keep all makes anything.
    pub attributed: u32,
    /// How often each class occurs.
    pub classes: ClassCounts<'a>,
}

/// How often each class occurs on an image.
#[derive(Clone, Copy, Debug)]
pub struct ClassCounts<'a> {
    kinds: u32,
    bytes: &'a [u8],
    classes: &'a [Option<u32>],
}

/// An image to be added.
#[derive(Clone, Debug, Default)]
pub struct NewFacts {
    /// The number of its path.
    pub file: u32,
    /// Index into the groups.
    pub group: u32,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// Width and height of the file in pixels.
    pub size: [u32; 2],
    /// Colour channels of the file.
    pub channels: u8,
    /// Bits per sample of the file.
    pub depth: u8,
    /// EXIF orientation of the file, 1 to 8.
    pub orientation: u8,
    /// Media type by content.
    pub media_type: &'static str,
    /// How many boxes have an outline, a text, a line or points, and further attributes.
    pub shapes: [u32; 4],
    /// How often each class occurs, by number.
    pub classes: Vec<(u32, u32)>,
}

impl Facts {
    /// Adds an image.
    pub fn push(&mut self, new: &NewFacts) {
        let counts = self.counts.len() as u32;
        // Most images have no shapes, and most classes on them a single box.
        let has_shapes = new.shapes != [0; 4];
        put_number(
            &mut self.counts,
            flagged(new.classes.len() as u32, has_shapes),
        );
        for number in new.shapes.into_iter().filter(|_| has_shapes) {
            put_number(&mut self.counts, number);
        }
        for &(class, n) in &new.classes {
            put_number(&mut self.counts, flagged(class, n != 1));
            if n != 1 {
                put_number(&mut self.counts, n);
            }
        }
        let known = self
            .media_types
            .iter()
            .position(|known| *known == new.media_type);
        let media_type = known.unwrap_or_else(|| {
            self.media_types.push(new.media_type);
            self.media_types.len() - 1
        });
        self.entries.push(FactsOfImage {
            bytes: new.bytes,
            size: new.size,
            file: new.file,
            group: new.group,
            boxes_before: 0,
            counts,
            split: u16::MAX,
            media_type: media_type as u8,
            channels: new.channels,
            depth: new.depth,
            orientation: new.orientation,
        });
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The facts about the image at a place, below [`Facts::len`].
    pub fn get(&self, at: usize) -> ImageFacts<'_> {
        let entry = &self.entries[at];
        let mut bytes = &self.counts[entry.counts as usize..];
        let (kinds, has_shapes) = unflagged(take_number(&mut bytes));
        let [outlines, texts, pointed, attributed] = match has_shapes {
            true => [(); 4].map(|()| take_number(&mut bytes)),
            false => [0; 4],
        };
        ImageFacts {
            file: self.files.get(entry.file),
            group: entry.group,
            split: (entry.split != u16::MAX).then_some(entry.split),
            bytes: entry.bytes,
            size: entry.size,
            channels: entry.channels,
            depth: entry.depth,
            orientation: entry.orientation,
            media_type: self.media_types[usize::from(entry.media_type)],
            boxes_before: entry.boxes_before,
            outlines,
            texts,
            pointed,
            attributed,
            classes: ClassCounts {
                kinds,
                bytes,
                classes: &self.classes,
            },
        }
    }

    /// The facts about all images, in order.
    pub fn iter(&self) -> impl Iterator<Item = ImageFacts<'_>> + Clone {
        (0..self.len()).map(|at| self.get(at))
    }

    /// The path of an image.
    pub fn file(&self, at: usize) -> &str {
        self.files.get(self.entries[at].file)
    }

    /// The number of the path of an image.
    pub fn file_number(&self, at: usize) -> u32 {
        self.entries[at].file
    }

    /// Sets what the image map says of the paths, by number.
    pub fn set_files(&mut self, entries: Texts) {
        let all = || (0..entries.len() as u32).map(|n| MappedFile::parse(entries.get(n)));
        let is_more = |(file, n): (MappedFile, u32)| file.path() != entries.get(n);
        match all().zip(0..).any(is_more) {
            true => {
                self.files = all().map(|file| file.path()).collect();
                self.mapped = Some(entries);
            }
            false => self.files = entries,
        }
    }

    /// What the image map says of the path of an image.
    pub fn entry(&self, at: usize) -> &str {
        let files = self.mapped.as_ref().unwrap_or(&self.files);
        files.get(self.file_number(at))
    }

    /// Whether images are in packs.
    pub fn are_packed(&self) -> bool {
        self.mapped.is_some()
    }

    /// Gives each image another path, in their order.
    pub fn rename(&mut self, files: Texts) {
        self.files = files;
        self.mapped = None;
        for (entry, file) in self.entries.iter_mut().zip(0..) {
            entry.file = file;
        }
    }

    /// Says what class each number stands for, and which are left out.
    pub fn set_classes(&mut self, classes: Vec<Option<u32>>) {
        self.classes = classes;
    }

    /// Sets the group and split of an image.
    pub fn set_place(&mut self, at: usize, group: u32, split: Option<u16>) {
        let entry = &mut self.entries[at];
        (entry.group, entry.split) = (group, split.unwrap_or(u16::MAX));
    }

    /// Keeps the images at some places, in this order, and counts the boxes before each.
    pub fn arrange(&mut self, order: &[u32]) {
        rearrange(&mut self.entries, order);
        let mut boxes = 0;
        for at in 0..self.len() {
            self.entries[at].boxes_before = boxes;
            boxes += self.get(at).boxes();
        }
    }
}

/// Puts the items at some places in this order and drops the others, without holding any twice.
fn rearrange<T: Copy>(items: &mut Vec<T>, order: &[u32]) {
    let mut is_kept = vec![false; items.len()];
    for &from in order {
        is_kept[from as usize] = true;
    }
    let dropped = (0..items.len() as u32).filter(|from| !is_kept[*from as usize]);
    let dropped: Vec<u32> = dropped.collect();
    let from = |at: usize| match at.checked_sub(order.len()) {
        None => order[at] as usize,
        Some(at) => dropped[at] as usize,
    };
    let mut is_done = is_kept;
    is_done.fill(false);
    for start in 0..items.len() {
        let (first, mut at) = (items[start], start);
        while !is_done[at] {
            is_done[at] = true;
            let next = from(at);
            items[at] = if next == start { first } else { items[next] };
            at = next;
        }
    }
    items.truncate(order.len());
}

impl<'a> ImageFacts<'a> {
    /// Number of its boxes.
    pub fn boxes(&self) -> u32 {
        self.classes.iter().map(|(_, n)| n).sum()
    }

    /// Whether a class occurs on it.
    pub fn has_class(&self, class: u32) -> bool {
        self.classes.iter().any(|(found, _)| found == class)
    }

    /// The index of its split, 0 without splits.
    pub fn part(&self) -> usize {
        self.split.map_or(0, usize::from)
    }
}

impl<'a> ClassCounts<'a> {
    /// Each class that occurs, and how often.
    pub fn iter(self) -> impl Iterator<Item = (u32, u32)> + 'a {
        let mut bytes = self.bytes;
        let pairs = (0..self.kinds).map(move |_| {
            let (class, is_counted) = unflagged(take_number(&mut bytes));
            let n = if is_counted {
                take_number(&mut bytes)
            } else {
                1
            };
            (class, n)
        });
        pairs.filter_map(move |(class, n)| match self.classes {
            [] => Some((class, n)),
            classes => Some((classes[class as usize]?, n)),
        })
    }
}

/// A number below 2^31, and whether something is true.
fn flagged(number: u32, is: bool) -> u32 {
    number << 1 | u32::from(is)
}

fn unflagged(flagged: u32) -> (u32, bool) {
    (flagged >> 1, flagged & 1 == 1)
}

/// Numbers in as few bytes as they need: seven bits in each, the lowest first.
fn put_number(bytes: &mut Vec<u8>, mut number: u32) {
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take_number(bytes: &mut &[u8]) -> u32 {
    let (mut number, mut shift) = (0, 0);
    while let Some((&byte, rest)) = bytes.split_first() {
        *bytes = rest;
        number |= u32::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 || shift > 28 {
            break;
        }
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn facts_come_back_as_they_were_told_and_in_the_order_asked_for(
            images in proptest::collection::vec(
                (any::<[u32; 4]>(), proptest::collection::vec((0u32..300, 0u32..100_000), 0..5)), 0..20),
            keys in proptest::collection::vec(any::<u32>(), 20),
            most in 0usize..25,
        ) {
            let mut facts = Facts::default();
            facts.set_files((0..images.len()).map(|n| n.to_string()).collect());
            for ((shapes, classes), file) in images.iter().zip(0..) {
                facts.push(&NewFacts { file, shapes: *shapes, classes: classes.clone(), media_type: "image/png", ..NewFacts::default() });
            }
            let mut order: Vec<u32> = (0..images.len() as u32).collect();
            order.sort_by_key(|at| keys[*at as usize]);
            order.truncate(most);
            // Odd classes are left out.
            facts.set_classes((0..300).map(|class| (class % 2 == 0).then_some(class / 2)).collect());
            facts.arrange(&order);
            let found: Vec<String> = facts.iter().map(|f| f.file.to_owned()).collect();
            prop_assert_eq!(found, order.iter().map(u32::to_string).collect::<Vec<_>>());
            let mut before = 0;
            for (found, at) in facts.iter().zip(&order) {
                let (shapes, classes) = &images[*at as usize];
                prop_assert_eq!([found.outlines, found.texts, found.pointed, found.attributed], *shapes);
                let wanted = classes.iter().filter(|(class, _)| class % 2 == 0).map(|(class, n)| (class / 2, *n));
                prop_assert_eq!(found.classes.iter().collect::<Vec<_>>(), wanted.collect::<Vec<_>>());
                prop_assert_eq!(found.boxes_before, before);
                before += found.boxes();
            }
        }
    }
}
