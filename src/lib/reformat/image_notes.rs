//! What people should know of single images and their boxes: for each kind a count and the first few. Pure.

use std::collections::BTreeSet;

use super::box_to_pixels::Mapping;
use super::place::{Placed, PlacedBox, unclear_flag};
use crate::contracts::{BorrowedImage, unread_points};
use crate::pixels::Header;

/// A count, and the first few in code-point order, whatever the order in which they came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Few {
    n: u64,
    first: BTreeSet<String>,
}

const FEW: usize = 3;

impl Few {
    /// Adds one.
    pub fn add(&mut self, text: &str) {
        self.n += 1;
        self.first.insert(text.to_owned());
        if self.first.len() > FEW {
            self.first.pop_last();
        }
    }

    fn join(&mut self, other: Few) {
        self.n += other.n;
        self.first.extend(other.first);
        while self.first.len() > FEW {
            self.first.pop_last();
        }
    }

    /// The note, if there is one.
    pub fn message(&self, what: &str) -> Option<String> {
        let first: Vec<&str> = self.first.iter().map(String::as_str).collect();
        let more = if self.n > FEW as u64 { "; …" } else { "" };
        (self.n > 0).then(|| format!("{what}: {} ({}{more})", self.n, first.join("; ")))
    }
}

/// A note with a count and the first few of some names.
pub fn first_few(what: &str, all: &[String]) -> String {
    let more = if all.len() > FEW { "; …" } else { "" };
    let few = all[..all.len().min(FEW)].join("; ");
    format!("{what}: {} ({few}{more})", all.len())
}

/// What becomes of images that lost all their boxes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emptied {
    /// They are written without boxes.
    Written,
    /// Some of them are, as `--negatives` says.
    SomeWritten,
    /// They are left out, or the format writes nothing of images without boxes.
    LeftOut,
}

impl Emptied {
    fn words(self) -> &'static str {
        match self {
            Emptied::Written => "written without boxes, because all were left out",
            Emptied::SomeWritten => {
                "without boxes, because all were left out; --negatives writes some of such images"
            }
            Emptied::LeftOut => "image left out, because all its boxes were left out",
        }
    }
}

/// More pixels are an error to Pillow: twice its `MAX_IMAGE_PIXELS`.
const MOST_OF_PILLOW: u64 = 2 * (1024 * 1024 * 1024 / 4 / 3);

/// Notes about images and boxes.
#[derive(Clone, Debug, Default)]
pub struct ImageNotes {
    resized: Few,
    stretched: Few,
    turned: Few,
    not_turned: Few,
    undecided: Few,
    deep: Few,
    large: Few,
    transparent: Few,
    cmyk: Few,
    unread: Few,
    unclear: Few,
    /// Images that were to be compared with others, and why they cannot.
    pub uncompared: Few,
    /// Images that lost all their boxes.
    pub emptied: Few,
    clipped: u64,
    flat: u64,
    equal: u64,
    of_other_text: u64,
    merged: u64,
    thin: u64,
    small: u64,
}

impl ImageNotes {
    /// Adds what is to be said of an image. `is_chosen`: whether the user says on which image boxes were drawn.
    pub fn of_image(
        &mut self,
        image: &BorrowedImage,
        header: &Header,
        mapping: Option<Mapping>,
        is_chosen: bool,
    ) {
        let (width, height) = (header.width, header.height);
        let id = &image.id;
        if let Some([w, h]) = image.image.declared()
            && (w, h) != (width, height)
        {
            let words = format!("{id}: {w} x {h} declared, {width} x {height} found");
            self.resized.add(&words);
        }
        if let (Some(mapping), Some(frame)) = (mapping, image.frame)
            && !mapping.fits
        {
            let (w, h) = (frame.width, frame.height);
            let words = format!("{id}: frame {w} x {h}, file {width} x {height}");
            self.stretched.add(&words);
        }
        if header.depth > 8 {
            self.deep.add(&format!("{id}: {} bits", header.depth));
        }
        if u64::from(width) * u64::from(height) > MOST_OF_PILLOW {
            self.large.add(&format!("{id}: {width} x {height}"));
        }
        // One colour of a GIF may be transparent: nothing that a reader would have to drop.
        let has_alpha = !["image/jpeg", "image/gif"].contains(&header.media_type);
        if matches!(header.channels, 2 | 4) && has_alpha {
            self.transparent.add(id);
        }
        if header.is_cmyk {
            self.cmyk.add(id);
        }
        if header.orientation != 1 && !image.localizations.is_empty() {
            let is_turned = mapping.is_some_and(|mapping| mapping.orientation != 1);
            let is_decided = mapping.is_none_or(|mapping| mapping.is_decided);
            let list = match (is_decided || is_chosen, is_turned) {
                (false, _) => &mut self.undecided,
                (true, true) => &mut self.turned,
                (true, false) => &mut self.not_turned,
            };
            list.add(&format!("{id}: orientation {}", header.orientation));
        }
    }

    /// Adds the boxes whose lines, points or flags cannot be read.
    pub fn of_attributes(&mut self, image: &str, boxes: &[PlacedBox]) {
        for b in boxes {
            if let Some(name) = unread_points(&b.attributes) {
                self.unread.add(&format!("{image}, box {}: {name}", b.id));
            }
            if let Some(name) = unclear_flag(&b.attributes) {
                self.unclear.add(&format!("{image}, box {}: {name}", b.id));
            }
        }
    }

    /// Adds what is to be said of the boxes of an image.
    pub fn of_boxes(&mut self, placed: &Placed) {
        self.clipped += u64::from(placed.clipped);
        self.flat += u64::from(placed.flat);
        self.equal += u64::from(placed.equal);
        self.of_other_text += u64::from(placed.of_other_text);
        self.merged += u64::from(placed.merged);
        self.thin += u64::from(placed.thin);
        self.small += placed.small.len() as u64;
    }

    /// Adds the notes about another image; boxes are not in them.
    pub fn join(&mut self, other: ImageNotes) {
        for (list, more) in [
            (&mut self.resized, other.resized),
            (&mut self.stretched, other.stretched),
            (&mut self.turned, other.turned),
            (&mut self.not_turned, other.not_turned),
            (&mut self.undecided, other.undecided),
            (&mut self.deep, other.deep),
            (&mut self.large, other.large),
            (&mut self.transparent, other.transparent),
            (&mut self.cmyk, other.cmyk),
            (&mut self.unread, other.unread),
            (&mut self.unclear, other.unclear),
            (&mut self.uncompared, other.uncompared),
            (&mut self.emptied, other.emptied),
        ] {
            list.join(more);
        }
    }

    /// The notes as texts. `has_copies`: whether image files are written.
    pub fn messages(&self, has_copies: bool, emptied: Emptied) -> Vec<String> {
        let not_turned = match has_copies {
            true => {
                "EXIF orientation that the boxes do not follow, removed from the copies in the output"
            }
            false => {
                "EXIF orientation that the boxes do not follow: they are on the pixels as stored"
            }
        };
        let lists = [
            (
                "size differs from the declared one, using the file's actual size",
                &self.resized,
            ),
            (
                "aspect ratios of frame and file differ, width and height are scaled separately",
                &self.stretched,
            ),
            (
                "boxes drawn on the image as rotated by EXIF, mapped to the stored pixels",
                &self.turned,
            ),
            (not_turned, &self.not_turned),
            (
                "EXIF orientation, and nothing shows whether boxes were drawn on the image as stored, as is assumed, or \
                 as turned; --exif-boxes stored|turned decides",
                &self.undecided,
            ),
            (
                "more than 8 bits per sample, which many trainers reduce or refuse; `recto-download --format jpg` \
                 writes 8",
                &self.deep,
            ),
            (
                "more than 179 million pixels, which Pillow, and with it most trainers, refuses to open; --tiles cuts them, \
                 `recto-download --longest-side` makes them smaller",
                &self.large,
            ),
            (
                "alpha channel, which trainers drop or refuse; `recto-download --format jpg` writes none",
                &self.transparent,
            ),
            (
                "CMYK, which trainers refuse or convert in different ways; `recto-download --format png` writes RGB",
                &self.cmyk,
            ),
            (
                "images that cannot be decoded, so that --near-duplicates compares them with none",
                &self.uncompared,
            ),
            (emptied.words(), &self.emptied),
        ];
        let lists = lists.into_iter().chain(self.of_unread());
        let messages = lists.filter_map(|(what, list)| list.message(what));
        messages.chain(self.box_messages()).collect()
    }

    /// What attributes of boxes cannot be read.
    fn of_unread(&self) -> [(&'static str, &Few); 2] {
        [
            (
                "`keypoints` that are no [x, y, visibility, …] or `baseline` that is no [[x, y], [x, y], …], left as they are",
                &self.unread,
            ),
            (
                "boxes whose `truncated`, `difficult`, `occluded`, `iscrowd` or `group_of` says neither yes (1, true, yes) nor no, \
                 written as not said",
                &self.unclear,
            ),
        ]
    }

    fn box_messages(&self) -> Vec<String> {
        let counts = [
            ("boxes clipped to their image", self.clipped),
            (
                "outlines that enclose nothing on their image, left out: their boxes are kept",
                self.flat,
            ),
            (
                "boxes that repeat the same box of the same class; --merge-equal makes them one",
                self.equal,
            ),
            (
                "boxes at the place of another of their class that has another text: formats without texts write them twice",
                self.of_other_text,
            ),
            ("boxes merged with an equal one", self.merged),
            (
                "boxes thinner than a pixel; --min-box 1 leaves them out",
                self.thin,
            ),
            ("boxes left out by --min-box", self.small),
        ];
        let counts = counts.iter().filter(|(_, n)| *n > 0);
        counts.map(|(what, n)| format!("{what}: {n}")).collect()
    }
}
