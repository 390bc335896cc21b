//! `alto`, `page`: an XML file beside each image with its regions, lines and words, as tools for text recognition read them.
//!
//! They differ in their files, which are in `alto_xml` and `page_xml`. `sources.csv` leads from the names of files to the source.

use super::alto_xml::{self, LostInAlto};
use super::box_attributes::is_further;
use super::contents::Contents;
use super::dataset::{Dataset, DatasetBox, DatasetImage};
use super::file_names;
use super::format::{Format, FormatInfo, FormatOptions, Writer, Written};
use super::page_xml;
use super::sink::{Sink, place_image};
use super::xml::is_xml;
use crate::error::Error;
use crate::summary::counted;

/// The formats of transcriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transcription {
    /// ALTO 4.
    Alto,
    /// PAGE 2019.
    Page,
}

impl Format for Transcription {
    fn info(&self) -> FormatInfo {
        let (name, about) = match self {
            Transcription::Alto => (
                "alto",
                "ALTO 4, an XML file beside each image: regions, lines, words and their text",
            ),
            Transcription::Page => (
                "page",
                "PAGE 2019, an XML file beside each image: regions, lines, words and their text",
            ),
        };
        FormatInfo {
            name,
            about,
            holds_images: true,
            has_picture_files: true,
            holds_points: true,
            leaves_out_labels: true,
            ..FormatInfo::default()
        }
    }

    fn conventions(&self, _: &FormatOptions) -> String {
        let numbers = match self {
            Transcription::Alto => {
                "HPOS, VPOS, WIDTH, HEIGHT and points in pixels of the file, three decimals; classes are tags"
            }
            Transcription::Page => {
                "points in whole pixels of the file, rounded half up; classes are types"
            }
        };
        format!(
            "{numbers}; granularity, parent and order of boxes make the tree; the order of the file is the reading order; \
             sources.csv leads from file names to the source; ASCII"
        )
    }

    fn contents(&self, dataset: &Dataset) -> Vec<Contents> {
        let about = "A page per image: regions, lines and words.";
        let pages = Contents::plain("pages", about, "*/*.xml", "application/xml");
        let images = Contents::images_in_splits(dataset);
        let all = [Contents::sources(), pages].into_iter();
        all.chain(images).collect()
    }

    fn begin<'a>(
        &self,
        dataset: &'a Dataset,
        _: &'a FormatOptions,
        out: &mut dyn Sink,
    ) -> Result<Box<dyn Writer + 'a>, Error> {
        file_names::begin_sources(out)?;
        Ok(Box::new(TranscriptionWriter {
            format: *self,
            dataset,
            stems: file_names::stems(dataset),
            lost: LostInAlto::default(),
            attributed: 0,
            holed: 0,
            unwritable: 0,
        }))
    }
}

impl Transcription {
    /// Whether a box has attributes of which neither an element nor the class says anything.
    fn lacks(self, b: &DatasetBox) -> bool {
        let written: &[&str] = match self {
            Transcription::Alto => &["element", "subs_content", "subs_type", "type", "types"],
            Transcription::Page => &[
                "alternatives",
                "custom",
                "element",
                "text_direction",
                "type",
            ],
        };
        let mut names = b.attributes.keys();
        names.any(|name| is_further(name) && !written.contains(&&**name))
    }
}

struct TranscriptionWriter<'a> {
    format: Transcription,
    dataset: &'a Dataset,
    stems: file_names::Names,
    lost: LostInAlto,
    /// How many boxes have attributes that are left out.
    attributed: u64,
    /// How many outlines have holes.
    holed: u64,
    /// How many texts have characters that XML cannot hold.
    unwritable: u64,
}

impl Writer for TranscriptionWriter<'_> {
    fn image(&mut self, image: &DatasetImage, out: &mut dyn Sink) -> Result<(), Error> {
        let split = self.dataset.parts("pages")[self.dataset.part(image)];
        let stem = &self.stems.of(&image.file);
        let file = format!("{stem}.{}", image.suffix());
        let path = format!("{split}/{file}");
        file_names::add_source(image, &path, out)?;
        place_image(image, &path, self.dataset, out)?;
        let attributed = image.boxes.iter().filter(|b| self.format.lacks(b));
        self.attributed += attributed.count() as u64;
        let holed = |b: &&DatasetBox| b.outline.as_ref().is_some_and(|o| !o.is_plain());
        self.holed += image.boxes.iter().filter(holed).count() as u64;
        let texts = image.boxes.iter().filter_map(DatasetBox::text);
        self.unwritable += texts.filter(|text| !text.chars().all(is_xml)).count() as u64;
        let classes = &self.dataset.classes;
        let xml = match self.format {
            Transcription::Alto => alto_xml::document(image, classes, &file, &mut self.lost),
            Transcription::Page => page_xml::document(image, classes, &file),
        };
        out.put(&format!("{split}/{stem}.xml"), xml.as_bytes())
    }

    fn finish(self: Box<Self>, out: &mut dyn Sink) -> Written {
        out.close(file_names::SOURCES)?;
        let lost = &self.lost;
        let left_out = [
            (
                self.attributed,
                "box has",
                "boxes have",
                "further attributes, which are left out; -f coco and -f csv write them",
            ),
            (
                self.holed,
                "outline has",
                "outlines have",
                "holes, which are left out",
            ),
            (
                self.unwritable,
                "text has",
                "texts have",
                "control characters, which XML cannot hold: U+FFFD stands for each",
            ),
            (
                lost.glyphs,
                "glyph is",
                "glyphs are",
                "not one character, which ALTO wants, and left out",
            ),
            (
                lost.languages,
                "language is",
                "languages are",
                "not a language tag, and left out",
            ),
            (
                lost.lines,
                "line has",
                "lines have",
                "a text that is not that of its words: ALTO has the words; -f page writes both",
            ),
            (
                lost.regions,
                "region has",
                "regions have",
                "a text that is not that of its lines, and left out, since ALTO has texts of words only; -f page writes it",
            ),
            (
                lost.borders,
                "border of a page is",
                "borders of pages are",
                "left out; -f page writes it",
            ),
        ];
        let told = left_out.iter().filter(|(n, ..)| *n > 0);
        let name = self.format.name();
        let notes =
            told.map(|(n, one, many, what)| format!("{name}: {} {what}", counted(*n, one, many)));
        Ok(notes.collect())
    }
}
