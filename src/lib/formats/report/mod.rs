//! `report`: one HTML file to look at a set: what is in it, where boxes lie, how splits differ, what was left out.
//!
//! It needs nothing from elsewhere, and no script. Every chart is a table or has one beside it. Of boxes only counts are held, and
//! of the images a few thumbnails.

mod counts;
mod html;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::contents::Contents;
use super::dataset::{Dataset, DatasetImage};
use super::format::{Format, FormatInfo, FormatOptions, Writer, Written};
use super::samples::choose;
use super::sink::Sink;
use super::xml::escape;
use crate::error::Error;
use crate::pixels::contact_sheet;
use crate::summary::counted;
use counts::{BoxCounts, CELLS, SHAPES, SIZES, by_doubling};

/// The format `report`: a page of HTML.
#[derive(Debug)]
pub struct Report;

const PATH: &str = "report.html";

/// Rows of a table, at most.
const MOST_ROWS: usize = 100;

/// Classes whose common occurrence is counted, at most.
const MOST_TOGETHER: usize = 12;

/// Longest side of a thumbnail in pixels.
const SIDE: u32 = 360;

/// Boxes drawn on a thumbnail, at most.
const MOST_DRAWN: usize = 300;

/// Maximum pixels of an image that is drawn: 2^30.
const MOST_PIXELS: u64 = 1 << 30;

impl Format for Report {
    fn info(&self) -> FormatInfo {
        FormatInfo {
            name: "report",
            about: "one HTML file that shows what is in the set, to look at before training",
            single_file: Some("html"),
            ..FormatInfo::default()
        }
    }

    fn conventions(&self, options: &FormatOptions) -> String {
        format!(
            "counts of boxes by class, split, size, shape and place; up to {} images as thumbnails with boxes in a colour per \
             class; sizes are square roots of areas, in pixels of the file",
            options.sheet_images
        )
    }

    fn contents(&self, _: &Dataset) -> Vec<Contents> {
        let about = "What is in the set, to look at.";
        vec![Contents::plain("report", about, PATH, "text/html")]
    }

    fn begin<'a>(
        &self,
        dataset: &'a Dataset,
        options: &'a FormatOptions,
        _: &mut dyn Sink,
    ) -> Result<Box<dyn Writer + 'a>, Error> {
        Ok(Box::new(ReportWriter {
            dataset,
            chosen: choose(dataset, options.sheet_images),
            boxes: BoxCounts::default(),
            samples: String::new(),
            notes: Vec::new(),
        }))
    }
}

struct ReportWriter<'a> {
    dataset: &'a Dataset,
    /// Places of the images that are shown, in order.
    chosen: Vec<usize>,
    boxes: BoxCounts,
    samples: String,
    notes: Vec<String>,
}

impl Writer for ReportWriter<'_> {
    fn image(&mut self, image: &DatasetImage, _: &mut dyn Sink) -> Result<(), Error> {
        self.boxes.add(image);
        if self.chosen.binary_search(&image.index()).is_ok() {
            match sample(image, &self.dataset.classes) {
                Ok(figure) => self.samples.push_str(&figure),
                Err(cause) => {
                    let note = format!("report: {} is not shown: {cause}", image.file);
                    self.notes.push(note);
                }
            }
        }
        Ok(())
    }

    fn finish(self: Box<Self>, out: &mut dyn Sink) -> Written {
        let sections = [
            classes(self.dataset),
            splits(self.dataset),
            worst(self.dataset),
            sizes(&self.boxes),
            shapes(&self.boxes),
            places(&self.boxes),
            per_image(self.dataset),
            groups(self.dataset),
            together(self.dataset),
            rejects(self.dataset),
            alike(self.dataset),
            html::section(
                "samples",
                "Samples",
                &format!(
                    "{} of {}, evenly over the set, those with boxes first; names appear when the pointer rests on a box",
                    self.chosen.len(),
                    counted(self.dataset.facts.len() as u64, "image", "images")
                ),
                true,
                &format!("<div class=\"samples\">\n{}</div>\n", self.samples),
            ),
        ];
        let facts = &self.dataset.facts;
        let boxes: u64 = facts.iter().map(|f| u64::from(f.boxes())).sum();
        let all = format!(
            "{}, {} of {}, {}",
            counted(facts.len() as u64, "image", "images"),
            counted(boxes, "box", "boxes"),
            counted(self.dataset.classes.len() as u64, "class", "classes"),
            counted(self.dataset.groups.len() as u64, "group", "groups")
        );
        let page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>Training set</title>\n\
             <style>{}</style>\n</head>\n<body>\n<header>\n<h1>Training set</h1>\n<p>{all}</p>\n<nav aria-label=\"Sections\">\
             <a href=\"#classes\">Classes</a><a href=\"#splits\">Splits</a><a href=\"#sizes\">Boxes</a>\
             <a href=\"#rejects\">Left out</a><a href=\"#samples\">Samples</a></nav>\n</header>\n<main>\n{}</main>\n</body>\n</html>\n",
            html::STYLE,
            sections.concat()
        );
        out.put(PATH, page.as_bytes())?;
        Ok(self.notes)
    }
}

/// Boxes of each class, in all and in each split.
fn classes(dataset: &Dataset) -> String {
    let all = dataset.boxes_per_class(dataset.facts.iter());
    let parts: Vec<Vec<u64>> = (0..dataset.splits.len())
        .map(|part| dataset.boxes_per_class(dataset.facts_of(part)))
        .collect();
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by_key(|class| (std::cmp::Reverse(all[*class]), *class));
    let row = |class: &usize| {
        let mut numbers = vec![all[*class]];
        numbers.extend(parts.iter().map(|part| part[*class]));
        (dataset.classes[*class].clone(), numbers)
    };
    let rows: Vec<(String, Vec<u64>)> = order.iter().take(MOST_ROWS).map(row).collect();
    let mut headings = vec!["Class", "Boxes"];
    headings.extend(dataset.splits.iter().map(String::as_str));
    let about = match order.len() > MOST_ROWS {
        true => format!("the {MOST_ROWS} most frequent of {}", order.len()),
        false => "the most frequent first".into(),
    };
    html::section(
        "classes",
        "Classes",
        &about,
        true,
        &html::bars(&headings, &rows),
    )
}

/// Images, boxes and groups of each split.
fn splits(dataset: &Dataset) -> String {
    let parts = dataset.parts("all images");
    let rows: Vec<(String, Vec<u64>)> = parts
        .iter()
        .enumerate()
        .map(|(part, name)| {
            let facts = || dataset.facts_of(part);
            let boxes = facts().map(|f| u64::from(f.boxes())).sum();
            let empty = facts().filter(|f| f.boxes() == 0).count() as u64;
            let groups: std::collections::BTreeSet<u32> = facts().map(|f| f.group).collect();
            let images = facts().count() as u64;
            (
                (*name).to_owned(),
                vec![images, boxes, empty, groups.len() as u64],
            )
        })
        .collect();
    let headings = ["Split", "Images", "Boxes", "Without boxes", "Groups"];
    let inside = html::bars(&headings, &rows);
    html::section(
        "splits",
        "Splits",
        "what each holds; a group that is divided counts in each of its splits",
        false,
        &inside,
    )
}

/// The classes whose share of boxes differs most between a split and the whole set.
fn worst(dataset: &Dataset) -> String {
    let all = dataset.boxes_per_class(dataset.facts.iter());
    let total: u64 = all.iter().sum();
    let mut found: Vec<(f64, Vec<String>)> = Vec::new();
    for (part, name) in dataset.splits.iter().enumerate() {
        let own = dataset.boxes_per_class(dataset.facts_of(part));
        let boxes: u64 = own.iter().sum();
        for class in (0..all.len()).filter(|class| all[*class] > 0) {
            let expected = all[class] as f64 / total as f64 * boxes as f64;
            let off = (own[class] as f64 - expected).abs() / expected.max(1.0).sqrt();
            let row = vec![
                dataset.classes[class].clone(),
                name.clone(),
                own[class].to_string(),
                format!("{expected:.1}"),
                match own[class] {
                    0 => "not in this split".into(),
                    _ => String::from("—"),
                },
            ];
            found.push((off, row));
        }
    }
    // Stable: equal ones stay in the order of splits and classes.
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    let rows: Vec<Vec<String>> = found.into_iter().take(15).map(|(_, row)| row).collect();
    let about = "the classes whose boxes a split has too many or too few of, the furthest off first; --stratify class helps";
    let headings = ["Class", "Split", "Boxes", "In proportion", "Note"];
    html::section(
        "worst",
        "Furthest from proportion",
        about,
        false,
        &html::table(&headings, &rows),
    )
}

fn sizes(boxes: &BoxCounts) -> String {
    let name = |bin: usize| match bin {
        0 => format!("below {}", SIZES[0]),
        bin if bin == SIZES.len() => format!("{} and more", SIZES[bin - 1]),
        bin => format!("{} to {}", SIZES[bin - 1], SIZES[bin]),
    };
    let rows: Vec<(String, Vec<u64>)> = boxes
        .sizes
        .iter()
        .enumerate()
        .map(|(bin, n)| (name(bin), vec![*n]))
        .collect();
    let about = format!(
        "square root of the area, in pixels; COCO calls those below 32 small and from 96 large; {} cut off by an edge",
        counted(boxes.truncated, "box is", "boxes are")
    );
    html::section(
        "sizes",
        "Sizes of boxes",
        &about,
        false,
        &html::bars(&["Pixels", "Boxes"], &rows),
    )
}

fn shapes(boxes: &BoxCounts) -> String {
    let bins = SHAPES.iter().zip(boxes.shapes);
    let rows: Vec<(String, Vec<u64>)> = bins
        .map(|((_, name), n)| ((*name).to_owned(), vec![n]))
        .collect();
    let inside = html::bars(&["Shape", "Boxes"], &rows);
    html::section(
        "shapes",
        "Shapes of boxes",
        "width by height",
        false,
        &inside,
    )
}

fn places(boxes: &BoxCounts) -> String {
    let label = "Where the centres of boxes lie in their images, the more the stronger";
    let inside = html::map(&boxes.cells, CELLS, label);
    html::section(
        "places",
        "Positions",
        "centres of boxes in their images",
        false,
        &inside,
    )
}

fn per_image(dataset: &Dataset) -> String {
    let bins = by_doubling(dataset.facts.iter().map(|f| u64::from(f.boxes())));
    let rows: Vec<(String, Vec<u64>)> = bins.into_iter().map(|(name, n)| (name, vec![n])).collect();
    let inside = html::bars(&["Boxes", "Images"], &rows);
    html::section(
        "per-image",
        "Boxes on an image",
        "images by their number of boxes",
        false,
        &inside,
    )
}

fn groups(dataset: &Dataset) -> String {
    let mut images = vec![0u64; dataset.groups.len()];
    for facts in dataset.facts.iter() {
        images[facts.group as usize] += 1;
    }
    let bins = by_doubling(images.iter().copied());
    let rows: Vec<(String, Vec<u64>)> = bins.into_iter().map(|(name, n)| (name, vec![n])).collect();
    let mut order: Vec<usize> = (0..images.len()).collect();
    order.sort_by_key(|group| (std::cmp::Reverse(images[*group]), *group));
    let largest = order
        .iter()
        .take(10)
        .map(|group| (dataset.groups[*group].clone(), vec![images[*group]]));
    let largest: Vec<(String, Vec<u64>)> = largest.collect();
    let inside = html::bars(&["Images", "Groups"], &rows)
        + "<p>The largest:</p>\n"
        + &html::bars(&["Group", "Images"], &largest);
    html::section(
        "groups",
        "Images of a group",
        "groups by their number of images",
        false,
        &inside,
    )
}

/// How many images two classes are on together.
fn together(dataset: &Dataset) -> String {
    let mut images = vec![0u64; dataset.classes.len()];
    for (class, _) in dataset.facts.iter().flat_map(|f| f.classes.iter()) {
        images[class as usize] += 1;
    }
    let mut order: Vec<usize> = (0..images.len())
        .filter(|class| images[*class] > 0)
        .collect();
    order.sort_by_key(|class| (std::cmp::Reverse(images[*class]), *class));
    order.truncate(MOST_TOGETHER);
    let place = |class: u32| order.iter().position(|known| *known == class as usize);
    let mut counts = vec![vec![0u64; order.len()]; order.len()];
    for facts in dataset.facts.iter() {
        let found: Vec<usize> = facts
            .classes
            .iter()
            .filter_map(|(class, _)| place(class))
            .collect();
        for (a, b) in found
            .iter()
            .flat_map(|a| found.iter().map(move |b| (*a, *b)))
        {
            counts[a][b] += 1;
        }
    }
    let names = || order.iter().map(|class| dataset.classes[*class].clone());
    let rows: Vec<Vec<String>> = names()
        .zip(&counts)
        .map(|(name, row)| {
            std::iter::once(name)
                .chain(row.iter().map(u64::to_string))
                .collect()
        })
        .collect();
    let headings: Vec<String> = std::iter::once("Class".to_owned()).chain(names()).collect();
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    let about = "images on which two classes occur together; of one class with itself, all of its images; the most frequent classes";
    html::section(
        "together",
        "Classes together",
        about,
        true,
        &html::table(&headings, &rows),
    )
}

fn rejects(dataset: &Dataset) -> String {
    let rows = dataset
        .told
        .rejects
        .iter()
        .map(|(reason, n)| (reason.clone(), vec![*n]));
    let rows: Vec<(String, Vec<u64>)> = rows.collect();
    let about = "images and boxes that could not be used, by reason; rejects.csv lists them";
    html::section(
        "rejects",
        "Left out",
        about,
        false,
        &html::bars(&["Reason", "Records"], &rows),
    )
}

fn alike(dataset: &Dataset) -> String {
    let told = &dataset.told;
    let Some(count) = told.alike else {
        let about = "not looked for: --near-duplicates report does";
        return html::section("alike", "Images that look alike", about, false, "");
    };
    let shown = told.alike_first.len();
    let about = format!(
        "{}, of which {shown} are here",
        counted(count, "pair", "pairs")
    );
    let rows: Vec<Vec<String>> = told.alike_first.iter().map(|pair| pair.to_vec()).collect();
    html::section(
        "alike",
        "Images that look alike",
        &about,
        false,
        &html::table(&["Image", "And"], &rows),
    )
}

/// An image with its boxes over it.
fn sample(image: &DatasetImage, classes: &[String]) -> Result<String, String> {
    let bytes = image.read().map_err(|e| e.to_string())?;
    let jpeg = contact_sheet::jpeg_thumbnail(&bytes, SIDE, MOST_PIXELS)?;
    let (width, height) = (image.width, image.height);
    let mut figure = format!(
        "<figure><svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">\n\
         <image width=\"{width}\" height=\"{height}\" preserveAspectRatio=\"none\" href=\"data:image/jpeg;base64,{}\"/>\n",
        escape(&format!(
            "{}, {}",
            image.file,
            counted(image.boxes.len() as u64, "box", "boxes")
        )),
        STANDARD.encode(jpeg)
    );
    for b in image.boxes.iter().take(MOST_DRAWN) {
        let [x, y, w, h] =
            [b.bbox.x, b.bbox.y, b.bbox.width, b.bbox.height].map(|v| (v * 100.0).round() / 100.0);
        figure += &format!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" stroke=\"{}\"><title>{}</title></rect>\n",
            contact_sheet::css_colour(b.class),
            escape(&classes[b.class])
        );
    }
    let split = image
        .split
        .as_deref()
        .map_or(String::new(), |split| format!(", {split}"));
    let mut found: Vec<usize> = image.boxes.iter().map(|b| b.class).collect();
    found.sort_unstable();
    found.dedup();
    let keys = found.iter().take(12).map(|class| {
        format!(
            " <span class=\"key\" style=\"background:{}\"></span><bdi>{}</bdi>",
            contact_sheet::css_colour(*class),
            escape(&classes[*class])
        )
    });
    let keys: String = keys.collect();
    let hidden = found.len().saturating_sub(12);
    let more = if hidden > 0 {
        format!(" and {hidden} more")
    } else {
        String::new()
    };
    figure += &format!(
        "</svg><figcaption><bdi>{}</bdi>{}<br>{keys}{more}</figcaption></figure>\n",
        escape(&image.file),
        escape(&split)
    );
    Ok(figure)
}
