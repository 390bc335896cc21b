//! `lines`: every line of text cut out, with its text beside it, as trainers of text recognition read them.
//!
//! `NAME.png` and `NAME.gt.txt` are for Tesseract, kraken and OCR-D; `gt.txt` in each split (name, tab, text) for TrOCR and its
//! relatives, `SPLIT.txt` (path, tab, text) and `characters.txt` for PaddleOCR, `SPLIT.files` (paths, for `ketos train -f path -t`) for kraken. What is a line, `text_tree` says. A crop is the
//! box rounded outwards to whole pixels; what is outside the outline is painted over. With `--rectify` columns follow the
//! baseline, so that a curved line becomes straight. Lines without a text, or with the text of several, are left out. What EXIF
//! turns is cut out upright: a text is read from left to right, whatever way its pixels are stored.

use std::collections::{BTreeMap, BTreeSet};

use super::box_attributes::Others;
use super::contents::{Contents, Kind};
use super::dataset::{Dataset, DatasetBox, DatasetImage};
use super::file_names;
use super::format::{Decodes, Format, FormatInfo, FormatOptions, Writer, Written};
use super::lazy_crop::LazyCrop;
use super::line_mask::LineMask;
use super::outline::Outline;
use super::sink::{Sink, put_rows};
use super::text_tree::Level;
use crate::contracts;
use crate::error::Error;
use crate::pixels::{Crop, LineShape, upright_point};
use crate::stored_image;
use crate::summary::counted;

/// The format `lines`: a picture and a text per line.
#[derive(Debug)]
pub struct Lines;

const TABLE: &str = "lines.csv";

impl Format for Lines {
    fn info(&self) -> FormatInfo {
        FormatInfo {
            name: "lines",
            about: "every line of text cut out, with its text, for text recognition",
            has_picture_files: true,
            decodes: Decodes::Boxes,
            leaves_out_labels: true,
            ..FormatInfo::default()
        }
    }

    fn conventions(&self, options: &FormatOptions) -> String {
        let outside = match options.line_mask {
            LineMask::White => "white outside the outline",
            LineMask::Black => "black outside the outline",
            LineMask::None => "all pixels of the box",
        };
        let way = match options.rectify {
            true => ", straightened along the baseline",
            false => "",
        };
        format!(
            "lines with text, the box rounded outwards to whole pixels, {outside}{way}, upright where EXIF turns the image (x, y, w, h are on the \
             stored pixels); NAME.gt.txt is the text of NAME.png, \
             gt.txt and SPLIT.txt list names and texts with a tab between, SPLIT.files paths alone, characters.txt has all characters but \
             the blank, which PaddleOCR's use_space_char adds; lines.csv leads to boxes and images"
        )
    }

    fn contents(&self, _: &Dataset) -> Vec<Contents> {
        const COLUMNS: &[(&str, Kind)] = &[
            ("file", Kind::Text),
            ("split", Kind::Text),
            ("group", Kind::Text),
            ("class", Kind::Text),
            ("image", Kind::Text),
            ("language", Kind::Text),
            ("text", Kind::Text),
        ];
        let pictures = Contents::plain("files", "A picture per line.", "*.png", "image/png");
        let about = "The text of each line, and lists of them.";
        let texts = Contents::plain("texts", about, "*.txt", "text/plain");
        let about = "A row per line.";
        vec![
            Contents::table(TABLE, "lines", about, COLUMNS),
            pictures,
            texts,
        ]
    }

    fn begin<'a>(
        &self,
        dataset: &'a Dataset,
        options: &'a FormatOptions,
        out: &mut dyn Sink,
    ) -> Result<Box<dyn Writer + 'a>, Error> {
        let header = [
            "file",
            "split",
            "group",
            "class",
            "image",
            "box",
            "x",
            "y",
            "w",
            "h",
            "width",
            "height",
            "language",
            "text",
            "attributes",
        ];
        put_rows(out, TABLE, [header])?;
        for split in dataset.parts("train") {
            out.append(&format!("{split}.txt"), b"")?;
            out.append(&format!("{split}/gt.txt"), b"")?;
            out.append(&format!("{split}.files"), b"")?;
        }
        Ok(Box::new(LineWriter {
            dataset,
            options,
            stems: file_names::stems(dataset),
            characters: BTreeMap::new(),
            textless: 0,
            several: 0,
            partly: 0,
            deep: 0,
            written: 0,
            notes: Vec::new(),
        }))
    }
}

struct LineWriter<'a> {
    dataset: &'a Dataset,
    options: &'a FormatOptions,
    stems: file_names::Names,
    /// Characters of all texts, and the splits in which they are, by number.
    characters: BTreeMap<char, BTreeSet<usize>>,
    /// How many lines have no text.
    textless: u64,
    /// How many boxes, of which nothing says that they are one line, have a text of several.
    several: u64,
    /// How many lines are cut off by the edge of the image, with texts that may say more than is seen.
    partly: u64,
    /// How many images with lines have more than 8 bits per sample.
    deep: u64,
    written: u64,
    notes: Vec<String>,
}

impl Writer for LineWriter<'_> {
    fn image(&mut self, image: &DatasetImage, out: &mut dyn Sink) -> Result<(), Error> {
        let lines = image.boxes.iter().filter(|b| Level::of(b) == Level::Line);
        let (lines, textless): (Vec<&DatasetBox>, Vec<_>) =
            lines.partition(|b| b.text().is_some_and(|text| !text.trim().is_empty()));
        self.textless += textless.len() as u64;
        let (several, lines): (Vec<&DatasetBox>, Vec<_>) =
            lines.into_iter().partition(|b| has_several_lines(b));
        self.several += several.len() as u64;
        let is_partly = |b: &&&DatasetBox| b.flags.is_truncated;
        self.partly += lines.iter().filter(is_partly).count() as u64;
        if lines.is_empty() {
            return Ok(());
        }
        let depth = self.dataset.facts.get(image.index()).depth;
        self.deep += u64::from(depth > 8);
        let mut crop = LazyCrop::of(image);
        for line in lines {
            let file = self.file(image, line);
            let size = match out.made(&file)? {
                Some(made) => {
                    let header = stored_image::measure(&made)?;
                    Some([header.width, header.height])
                }
                None => self.cut(crop.get()?, image, line, (&file, out))?,
            };
            if let Some(size) = size {
                self.list(image, line, size, out)?;
            }
        }
        Ok(())
    }

    fn finish(self: Box<Self>, out: &mut dyn Sink) -> Written {
        out.close(TABLE)?;
        for split in self.dataset.parts("train") {
            out.close(&format!("{split}.txt"))?;
            out.close(&format!("{split}/gt.txt"))?;
            out.close(&format!("{split}.files"))?;
        }
        // PaddleOCR adds the blank itself, where `use_space_char` says so.
        let characters = self.characters.keys().filter(|c| !c.is_control());
        let characters = characters.filter(|c| **c != ' ');
        let list: String = characters.flat_map(|c| [*c, '\n']).collect();
        out.put("characters.txt", list.as_bytes())?;
        let unlearnt = unlearnt(self.dataset, &self.characters);
        let mut notes = self.notes;
        notes.extend(unlearnt);
        if self.textless > 0 {
            let left_out = counted(
                self.textless,
                "line without text is",
                "lines without text are",
            );
            notes.push(format!("lines: {left_out} left out"));
        }
        if self.several > 0 {
            let several = counted(
                self.several,
                "box with a text of several lines is",
                "boxes with a text of several lines are",
            );
            notes.push(format!("lines: {several} left out"));
        }
        if self.partly > 0 {
            let partly = counted(self.partly, "line is", "lines are");
            notes.push(format!(
                "lines: {partly} cut off by the edge of the image, or called truncated by the source, and may have more text than can be seen"
            ));
        }
        if self.deep > 0 {
            let deep = counted(self.deep, "image has", "images have");
            notes.push(format!(
                "lines: {deep} more than 8 bits per sample, of which the lines keep 8"
            ));
        }
        if self.written == 0 {
            notes.push(
                "lines: there are no lines with text: these are boxes with `granularity` line, or with a text or a baseline"
                    .into(),
            );
        }
        Ok(notes)
    }
}

impl LineWriter<'_> {
    /// Where the picture of a line is.
    fn file(&self, image: &DatasetImage, b: &DatasetBox) -> String {
        let split = self.dataset.parts("train")[self.dataset.part(image)];
        format!("{split}/{}.png", self.name(image, b))
    }

    fn name(&self, image: &DatasetImage, b: &DatasetBox) -> String {
        format!("{}_{}", self.stems.of(&image.file), b.number)
    }

    /// Writes the picture of a line; its size in pixels, or none if it cannot be cut.
    fn cut(
        &mut self,
        crop: &Crop,
        image: &DatasetImage,
        b: &DatasetBox,
        (file, out): (&str, &mut dyn Sink),
    ) -> Result<Option<[u32; 2]>, Error> {
        let outside = match self.options.line_mask {
            LineMask::White => Some([255; 3]),
            LineMask::Black => Some([0; 3]),
            LineMask::None => None,
        };
        match crop.line(&shape(b, image), outside, self.options.rectify) {
            Ok((png, size)) => out.picture(file, &png).map(|()| Some(size)),
            Err(cause) => {
                self.notes.push(format!(
                    "lines: {}, {}: left out: {cause}",
                    image.file, b.id
                ));
                Ok(None)
            }
        }
    }

    /// Writes the text of a line, and both into the lists.
    fn list(
        &mut self,
        image: &DatasetImage,
        b: &DatasetBox,
        size: [u32; 2],
        out: &mut dyn Sink,
    ) -> Result<(), Error> {
        let part = self.dataset.part(image);
        let split = self.dataset.parts("train")[part];
        let name = self.name(image, b);
        // Lists have a line for each.
        let text = one_line(b.text().unwrap_or_default());
        for c in text.chars() {
            self.characters.entry(c).or_default().insert(part);
        }
        self.written += 1;
        let file = format!("{split}/{name}.png");
        out.put(
            &format!("{split}/{name}.gt.txt"),
            format!("{text}\n").as_bytes(),
        )?;
        out.append(
            &format!("{split}/gt.txt"),
            format!("{name}.png\t{text}\n").as_bytes(),
        )?;
        out.append(
            &format!("{split}.txt"),
            format!("{file}\t{text}\n").as_bytes(),
        )?;
        out.append(&format!("{split}.files"), format!("{file}\n").as_bytes())?;
        let sides = [b.bbox.x, b.bbox.y, b.bbox.width, b.bbox.height];
        let [x, y, w, h] = sides.map(|v| ((v * 1000.0).round() / 1000.0).to_string());
        let [width, height] = size.map(|side| side.to_string());
        let language = b.attributes.get("language").and_then(|v| v.as_str());
        let row = [
            file.as_str(),
            split,
            &image.group,
            &self.dataset.classes[b.class],
            &image.id,
            &b.id,
            &x,
            &y,
            &w,
            &h,
            &width,
            &height,
            language.unwrap_or_default(),
            &text,
            &Others::besides_text(b).json(),
        ];
        put_rows(out, TABLE, [row])
    }
}

/// A note about characters that no line for training has, where other lines have them.
fn unlearnt(dataset: &Dataset, characters: &BTreeMap<char, BTreeSet<usize>>) -> Option<String> {
    const FEW: usize = 10;
    let is_train = |name: &&String| ["train", "training"].contains(&name.to_lowercase().as_str());
    let train = dataset.splits.iter().position(|name| is_train(&name))?;
    let unlearnt = characters
        .iter()
        .filter(|(_, parts)| !parts.contains(&train));
    let unlearnt: Vec<(&char, &BTreeSet<usize>)> = unlearnt.collect();
    let first: Vec<String> = (unlearnt.iter().take(FEW))
        .map(|(c, parts)| {
            let splits: Vec<&str> = parts
                .iter()
                .map(|at| dataset.splits[*at].as_str())
                .collect();
            format!("`{c}` (U+{:04X}) in {}", **c as u32, splits.join(" and "))
        })
        .collect();
    let more = if unlearnt.len() > FEW { "; …" } else { "" };
    (!unlearnt.is_empty()).then(|| {
        format!(
            "lines: characters in no line of {}, which cannot be learnt: {} ({}{more})",
            dataset.splits[train],
            unlearnt.len(),
            first.join("; ")
        )
    })
}

/// Whether the text of a box has a line end between words, and nothing says that the box is one line.
fn has_several_lines(b: &DatasetBox) -> bool {
    let granularity = b.attributes.get("granularity").and_then(|v| v.as_str());
    if granularity == Some("line") {
        return false;
    }
    let text = b.text().unwrap_or_default().trim();
    text.contains([
        '\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}',
    ])
}

/// A line on the upright image.
fn shape(b: &DatasetBox, image: &DatasetImage) -> LineShape {
    let size = [image.width, image.height].map(f64::from);
    let upright = |point: &[f64; 2]| upright_point(image.drawn_in, *point, size).0;
    let [a, c] = [[b.bbox.x, b.bbox.y], [b.bbox.right(), b.bbox.bottom()]].map(|p| upright(&p));
    let disjoint = b.outline.as_ref().map(Outline::disjoint);
    let rings = disjoint.iter().flat_map(|outline| outline.rings());
    LineShape {
        bbox: [
            a[0].min(c[0]),
            a[1].min(c[1]),
            (a[0] - c[0]).abs(),
            (a[1] - c[1]).abs(),
        ],
        rings: rings
            .map(|ring| ring.points().iter().map(upright).collect())
            .collect(),
        baseline: contracts::baseline(&b.attributes)
            .unwrap_or_default()
            .iter()
            .map(upright)
            .collect(),
    }
}

/// A text on one line: tabs and line ends are blanks.
fn one_line(text: &str) -> String {
    let is_end = |c: char| {
        matches!(
            c,
            '\t' | '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}'
        )
    };
    let parts = text.split(is_end).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(" ").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_line() {
        let cases = [
            ("a b", "a b"),
            (" a\r\nb\tc\n", "a b c"),
            ("\u{2028}א\u{85}ב", "א ב"),
        ];
        for (text, wanted) in cases {
            assert_eq!(one_line(text), wanted, "{text:?}");
        }
    }
}
