//! `hf`: an image folder as Hugging Face's `datasets` reads it: a folder per split with `metadata.jsonl`, named in the front
//! matter of `README.md`.
//!
//! Boxes are `[x, y, width, height]` in pixels, as in COCO; `category` is the number of a class, from 0, and `label` its name:
//! `datasets` makes no class labels of JSON. Every split has a folder, and the front matter names it: words such as `test` in
//! file names would make splits otherwise. Columns have one type in all splits, whatever texts and labels there are: `datasets`
//! guesses types, so that texts which are dates end with a blank, and the labels of an image are one text.

pub(super) mod features;
pub(super) mod row;
pub(super) mod split_names;

use serde::Serialize;

use super::ascii_json;
use super::box_attributes::JOIN;
use super::contents::{Contents, Kind, Place};
use super::dataset::{Dataset, DatasetImage};
use super::file_names;
use super::format::{Format, FormatInfo, FormatOptions, Writer, Written};
use super::sink::{Sink, cannot, place_image};
use crate::error::Error;
use crate::summary::counted;
use row::Row;

/// The format `hf`: Hugging Face's image folder.
#[derive(Debug)]
pub struct Hf;

impl Format for Hf {
    fn info(&self) -> FormatInfo {
        FormatInfo {
            name: "hf",
            about: "Hugging Face's image folder: images and metadata.jsonl per split",
            is_detection: true,
            holds_images: true,
            has_picture_files: true,
            ..FormatInfo::default()
        }
    }

    fn conventions(&self, _: &FormatOptions) -> String {
        "objects.bbox [x, y, width, height] in pixels of the file from the outer corner of its top-left pixel, decimals kept, \
         clipped to the image; objects.category from 0 in the order of the classes, objects.label their names; objects.area of \
         the outline where there is one, else of the box; objects.attributes a JSON object for each box; labels of an image \
         joined by ` | `; texts that are dates end with a blank; ASCII"
            .into()
    }

    fn contents(&self, dataset: &Dataset) -> Vec<Contents> {
        let mut images = Contents::plain(
            "images",
            "A line per image, with its boxes.",
            "*/metadata.jsonl",
            "application/jsonlines",
        );
        images = images.with(&features::members(
            &[
                ("file_name", Kind::Text, Place::Column("file_name")),
                (
                    "split",
                    Kind::Text,
                    Place::Path("([^/]*)(?:/metadata[.]jsonl)?"),
                ),
            ],
            Kind::Boxes,
        ));
        let files = Contents::images_in_splits(dataset);
        std::iter::once(images).chain(files).collect()
    }

    fn begin<'a>(
        &self,
        dataset: &'a Dataset,
        _: &'a FormatOptions,
        out: &mut dyn Sink,
    ) -> Result<Box<dyn Writer + 'a>, Error> {
        let folders = split_names::names(dataset);
        for folder in &folders {
            out.append(&format!("{folder}/metadata.jsonl"), b"")?;
        }
        Ok(Box::new(HfWriter {
            dataset,
            stems: file_names::stems(dataset),
            folders,
            line: Vec::new(),
            dates: 0,
        }))
    }

    fn split_names(&self, dataset: &Dataset) -> Vec<String> {
        split_names::names(dataset)
    }

    fn front_matter(&self, dataset: &Dataset) -> Option<String> {
        let yaml = features::data_files(dataset, |_, folder| format!("{folder}/**"));
        Some(yaml + "---\n\n")
    }
}

struct HfWriter<'a> {
    dataset: &'a Dataset,
    stems: file_names::Names,
    folders: Vec<String>,
    line: Vec<u8>,
    /// How many texts are dates.
    dates: u64,
}

#[derive(Serialize)]
struct Line<'a> {
    file_name: &'a str,
    /// What the image is labelled with as a whole.
    labels: &'a str,
    #[serde(flatten)]
    row: Row<'a>,
}

impl Writer for HfWriter<'_> {
    fn image(&mut self, image: &DatasetImage, out: &mut dyn Sink) -> Result<(), Error> {
        let folder = &self.folders[self.dataset.part(image)];
        let file = format!("{}.{}", self.stems.of(&image.file), image.suffix());
        let mut row = Row::of(image, self.dataset);
        // `datasets` guesses types from the first lines, and lists of nothing have none.
        row.objects.rings = None;
        row.labels = None;
        // A list of nothing has no type: a text has one.
        let mut labels = image.labels.join(JOIN).into();
        let texts = row.texts_mut().chain([&mut labels]);
        for text in texts.filter(|text| is_date(text)) {
            text.to_mut().push(' ');
            self.dates += 1;
        }
        let line = Line {
            file_name: &file,
            labels: &labels,
            row,
        };
        let path = format!("{folder}/metadata.jsonl");
        self.line.clear();
        ascii_json::write(&mut self.line, &line).map_err(cannot(&path))?;
        self.line.push(b'\n');
        out.append(&path, &self.line)?;
        place_image(image, &format!("{folder}/{file}"), self.dataset, out)
    }

    fn finish(self: Box<Self>, out: &mut dyn Sink) -> Written {
        let mut notes: Vec<String> = split_names::note("hf", self.dataset).into_iter().collect();
        if let n @ 1.. = self.dataset.outlines() {
            notes.push(format!(
                "hf: {} left out, only boxes are written; -f parquet writes them",
                counted(n, "outline", "outlines")
            ));
        }
        if self.dates > 0 {
            let dates = counted(self.dates, "text is a date", "texts are dates");
            notes.push(format!(
                "hf: {dates}, written with a blank at the end: `datasets` would read a time; -f parquet writes them as they are"
            ));
        }
        for (part, folder) in self.folders.iter().enumerate() {
            out.close(&format!("{folder}/metadata.jsonl"))?;
            let mut facts = self.dataset.facts_of(part).peekable();
            if facts.peek().is_some() && facts.all(|p| p.boxes() == 0) && self.folders.len() > 1 {
                notes.push(format!(
                    "hf: {folder} has no box: `datasets` takes its empty lists for lists of nothing and refuses to load it \
                     with splits that have boxes; --stratify class or another --seed may help"
                ));
            }
        }
        Ok(notes)
    }
}

/// Whether `datasets`, by way of Arrow, may read a text as a time: it begins with `2019-08-01`, and nothing follows or an hour.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some((day, rest)) = bytes.split_at_checked(10) else {
        return false;
    };
    let is_day = day
        .iter()
        .zip(b"0000-00-00")
        .all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            dash => byte == dash,
        });
    let is_hour = |rest: &[u8]| match rest {
        [b'T' | b' ', hour @ ..] => hour.first().is_some_and(u8::is_ascii_digit),
        _ => false,
    };
    is_day && (rest.is_empty() || is_hour(rest)) && !text.ends_with(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_arrow_takes_for_a_time_is_a_date() {
        let cases = [
            ("2019-08-01", true),
            ("1885-01-02T12", true),
            ("2019-08-01 12:00Z", true),
            ("2019-08-01T12:00:00+02:00", true),
            ("2019-08-01 ", false),
            ("2019-08-01 a", false),
            ("2019-08", false),
            ("1885", false),
            ("dive 2019-08-01", false),
            ("äöü-08-01", false),
            ("", false),
        ];
        for (text, wanted) in cases {
            assert_eq!(is_date(text), wanted, "{text:?}");
        }
    }
}
