//! `sheet`: a contact sheet, one PNG of thumbnails with their boxes, to look at before training on anything.

use super::{Choices, Dataset, Format, Head, Picture, Sink, Written, cannot, counted};
use crate::error::Error;
use crate::pixels;
use crate::pixels::draw::{self, Cell};

/// The format.
#[derive(Debug)]
pub struct Sheet;

const PATH: &str = "sheet.png";

impl Format for Sheet {
    fn head(&self) -> Head {
        Head {
            name: "sheet",
            about: "a contact sheet PNG with the boxes drawn, to look at",
            single_file: Some("png"),
            ..Head::default()
        }
    }

    fn conventions(&self, choices: &Choices) -> String {
        format!(
            "up to {} images, evenly from those with boxes, thumbnails with boxes in a colour per class",
            choices.sheet_images
        )
    }

    fn write(&self, dataset: &Dataset, choices: &Choices, out: &mut dyn Sink) -> Written {
        let chosen = choose(dataset, choices.sheet_images);
        let mut cells = Vec::new();
        let mut news = Vec::new();
        for picture in &chosen {
            match cell(dataset, picture, draw::side(chosen.len())) {
                Ok(cell) => cells.push(cell),
                Err(cause) => news.push(format!("sheet: {} is left out: {cause}", picture.file)),
            }
        }
        let sheet = draw::sheet(&cells, &dataset.classes);
        let png = pixels::to_png(&sheet.into())
            .map_err(|cause| Error::new(format!("{PATH}: cannot be encoded: {cause}")))?;
        out.file(PATH)?.write_all(&png).map_err(cannot(PATH))?;
        if chosen.len() < dataset.images.len() {
            news.push(format!(
                "sheet: {} of {} shown; --sheet-images shows more",
                chosen.len(),
                counted(dataset.images.len(), "image", "images")
            ));
        }
        Ok(news)
    }
}

/// Up to `most` pictures, evenly over the dataset, those with boxes first.
fn choose(dataset: &Dataset, most: usize) -> Vec<&Picture> {
    let (with, without): (Vec<&Picture>, Vec<&Picture>) =
        dataset.images.iter().partition(|p| !p.boxes.is_empty());
    let mut chosen = evenly(&with, most);
    chosen.extend(evenly(&without, most - chosen.len()));
    chosen.sort_by_key(|p| p.number);
    chosen
}

fn evenly<'a>(pictures: &[&'a Picture], most: usize) -> Vec<&'a Picture> {
    let n = pictures.len().min(most);
    (0..n).map(|i| pictures[i * pictures.len() / n]).collect()
}

/// Most pixels of an image that is drawn: 2^30.
const MOST_PIXELS: u64 = 1 << 30;

fn cell(dataset: &Dataset, picture: &Picture, side: u32) -> Result<Cell, String> {
    let bytes = picture.read().map_err(|e| e.to_string())?;
    let thumbnail = draw::thumbnail(&bytes, side, MOST_PIXELS)?;
    let labelled = |b: &super::Labelled| (b.class, dataset.classes[b.class].clone(), b.bbox);
    Ok(Cell {
        thumbnail,
        size: [picture.width, picture.height],
        caption: caption(picture),
        boxes: picture.boxes.iter().map(labelled).collect(),
    })
}

/// What people call it, else its path.
fn caption(picture: &Picture) -> String {
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
