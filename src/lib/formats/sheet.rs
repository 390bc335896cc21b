//! `sheet`: a contact sheet, one PNG of thumbnails with their boxes, to look at before training.

use super::dataset::{Dataset, DatasetBox, DatasetImage};
use super::format::{Format, FormatInfo, FormatOptions, Written};
use super::sink::{Sink, cannot};
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

    fn write(&self, dataset: &Dataset, options: &FormatOptions, out: &mut dyn Sink) -> Written {
        let chosen = choose(dataset, options.sheet_images);
        let mut cells = Vec::new();
        let mut notes = Vec::new();
        for picture in &chosen {
            match cell(dataset, picture, contact_sheet::side(chosen.len())) {
                Ok(cell) => cells.push(cell),
                Err(cause) => notes.push(format!("sheet: {} is left out: {cause}", picture.file)),
            }
        }
        let sheet = contact_sheet::sheet(&cells, &dataset.classes);
        let png = pixels::to_png(&sheet.into())
            .map_err(|cause| Error::new(format!("{PATH}: cannot be encoded: {cause}")))?;
        out.file(PATH)?.write_all(&png).map_err(cannot(PATH))?;
        if chosen.len() < dataset.images.len() {
            notes.push(format!(
                "sheet: {} of {} shown; --sheet-images N shows more",
                chosen.len(),
                counted(dataset.images.len() as u64, "image", "images")
            ));
        }
        Ok(notes)
    }
}

/// Up to `most` images, evenly over the dataset, those with boxes first.
fn choose(dataset: &Dataset, most: usize) -> Vec<&DatasetImage> {
    let (with, without): (Vec<&DatasetImage>, Vec<&DatasetImage>) =
        dataset.images.iter().partition(|p| !p.boxes.is_empty());
    let mut chosen = evenly(&with, most);
    chosen.extend(evenly(&without, most - chosen.len()));
    chosen.sort_by_key(|p| p.number);
    chosen
}

fn evenly<'a>(pictures: &[&'a DatasetImage], most: usize) -> Vec<&'a DatasetImage> {
    let n = pictures.len().min(most);
    (0..n).map(|i| pictures[i * pictures.len() / n]).collect()
}

/// Maximum pixels of an image that is drawn: 2^30.
const MOST_PIXELS: u64 = 1 << 30;

fn cell(dataset: &Dataset, picture: &DatasetImage, side: u32) -> Result<Cell, String> {
    let bytes = picture.read().map_err(|e| e.to_string())?;
    let thumbnail = contact_sheet::thumbnail(&bytes, side, MOST_PIXELS)?;
    let labelled = |b: &DatasetBox| (b.class, dataset.classes[b.class].clone(), b.bbox);
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
        .map(String::as_str)
        .collect();
    if words.is_empty() {
        picture.file.clone()
    } else {
        words.join(", ")
    }
}
