//! `sheet`: a contact sheet, one PNG of thumbnails with their boxes, to look at before training.

use super::contents::Contents;
use super::dataset::{Dataset, DatasetBox, DatasetImage};
use super::format::{Format, FormatInfo, FormatOptions, Writer, Written};
use super::samples::choose;
use super::sink::Sink;
use crate::contracts::Text;
use crate::error::Error;
use crate::pixels;
use crate::pixels::contact_sheet::{self, Cell};
use crate::summary::counted;

/// The format `sheet`: a contact sheet.
#[derive(Debug)]
pub struct Sheet;

const PATH: &str = "sheet.png";

impl Format for Sheet {
    fn info(&self) -> FormatInfo {
        FormatInfo {
            name: "sheet",
            about: "a contact sheet PNG with the boxes drawn, to look at",
            single_file: Some("png"),
            ..FormatInfo::default()
        }
    }

    fn conventions(&self, options: &FormatOptions) -> String {
        format!(
            "up to {} images, evenly from those with boxes, thumbnails with boxes in a colour per class",
            options.sheet_images
        )
    }

    fn contents(&self, _: &Dataset) -> Vec<Contents> {
        let about = "Some images with their boxes.";
        vec![Contents::plain("sheet", about, "sheet.png", "image/png")]
    }

    fn begin<'a>(
        &self,
        dataset: &'a Dataset,
        options: &'a FormatOptions,
        _: &mut dyn Sink,
    ) -> Result<Box<dyn Writer + 'a>, Error> {
        Ok(Box::new(SheetWriter {
            dataset,
            chosen: choose(dataset, options.sheet_images),
            cells: Vec::new(),
            notes: Vec::new(),
        }))
    }
}

struct SheetWriter<'a> {
    dataset: &'a Dataset,
    /// Places of the images that are shown, in order.
    chosen: Vec<usize>,
    cells: Vec<Cell>,
    notes: Vec<String>,
}

impl Writer for SheetWriter<'_> {
    fn image(&mut self, image: &DatasetImage, _: &mut dyn Sink) -> Result<(), Error> {
        if self.chosen.binary_search(&image.index()).is_ok() {
            let side = contact_sheet::side(self.chosen.len());
            match cell(image, side) {
                Ok(cell) => self.cells.push(cell),
                Err(cause) => {
                    let note = format!("sheet: {} is left out: {cause}", image.file);
                    self.notes.push(note);
                }
            }
        }
        Ok(())
    }

    fn finish(self: Box<Self>, out: &mut dyn Sink) -> Written {
        let sheet = contact_sheet::sheet(&self.cells, &self.dataset.classes);
        let png = pixels::to_png(&sheet.into())
            .map_err(|cause| Error::new(format!("{PATH}: cannot be encoded: {cause}")))?;
        out.put(PATH, &png)?;
        let mut notes = self.notes;
        let all = self.dataset.facts.len();
        if self.chosen.len() < all {
            notes.push(format!(
                "sheet: {} of {} shown; --sheet-images N shows more",
                self.chosen.len(),
                counted(all as u64, "image", "images")
            ));
        }
        Ok(notes)
    }
}

/// Maximum pixels of an image that is drawn: 2^30.
const MOST_PIXELS: u64 = 1 << 30;

fn cell(picture: &DatasetImage, side: u32) -> Result<Cell, String> {
    let bytes = picture.read().map_err(|e| e.to_string())?;
    let thumbnail = contact_sheet::thumbnail(&bytes, side, MOST_PIXELS)?;
    let labelled = |b: &DatasetBox| (b.class, [b.bbox.x, b.bbox.y, b.bbox.width, b.bbox.height]);
    Ok(Cell {
        thumbnail,
        size: [picture.width, picture.height],
        caption: caption(picture),
        boxes: picture.boxes.iter().map(labelled).collect(),
    })
}

/// The label of the image, else its path.
fn caption(picture: &DatasetImage) -> String {
    let labels = &picture.source.labels;
    let words: Vec<&str> = [&labels.canvas, &labels.image]
        .into_iter()
        .flatten()
        .map(Text::as_str)
        .collect();
    if words.is_empty() {
        picture.file.to_string()
    } else {
        words.join(", ")
    }
}
