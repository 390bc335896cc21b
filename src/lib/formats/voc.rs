//! `voc`: `VOCdevkit/VOC2012/{Annotations,JPEGImages,ImageSets/Main}`.
//!
//! Corners are whole numbers, rounded half up, inside the image, at least one pixel apart. By default they are
//! edges from 0 (`xmin = x`, `xmax = x + w`), which torchvision, datumaro, FiftyOne and supervision take as they
//! are; the convention of the devkit, first pixel 1 and `xmax` the last pixel, is an option. `source/annotation` names
//! the convention used. XML 1.0 cannot hold most control characters: they become U+FFFD.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::box_attributes::{Others, as_text};
use super::contents::Contents;
use super::dataset::{Dataset, DatasetBox, DatasetImage};
use super::facts::ImageFacts;
use super::file_names;
use super::format::{Format, FormatInfo, FormatOptions, Writer, Written};
use super::sink::{Sink, place_image};
use super::xml::{escape, is_xml};
use crate::contracts::{BBox, LineageStep};
use crate::error::Error;
use crate::files::SafeName;
use crate::summary::counted;
use crate::texts::Texts;

/// The format `voc`: Pascal VOC.
#[derive(Debug)]
pub struct Voc;

const ROOT: &str = "VOCdevkit/VOC2012";

/// Lists per class hold every image once per class; they are not written beyond this many lines.
const MOST_CLASS_LINES: usize = 5_000_000;

impl Format for Voc {
    fn info(&self) -> FormatInfo {
        FormatInfo {
            name: "voc",
            about: "Pascal VOC, an XML file per image below VOCdevkit/VOC2012",
            holds_ranks: true,
            is_detection: true,
            holds_images: true,
            has_picture_files: true,
            leaves_out_labels: true,
            ..FormatInfo::default()
        }
    }

    fn conventions(&self, options: &FormatOptions) -> String {
        let corners = if options.voc_inclusive {
            "corners as in the devkit: first pixel 1, xmax and ymax the last pixel"
        } else {
            "corners are edges from 0: xmin = x, xmax = x + width"
        };
        format!(
            "{corners}; whole numbers rounded half up, clipped to the image, at least one pixel; characters that \
             XML cannot hold are U+FFFD; sources.csv leads from file names to the source"
        )
    }

    fn contents(&self, dataset: &Dataset) -> Vec<Contents> {
        let plain = Contents::plain;
        let mut contents = vec![
            plain(
                "annotations",
                "An XML document per image.",
                "VOCdevkit/VOC2012/Annotations/*.xml",
                "application/xml",
            ),
            plain(
                "lists",
                "The images of each split.",
                "VOCdevkit/VOC2012/ImageSets/Main/*.txt",
                "text/plain",
            ),
            Contents::sources(),
        ];
        contents.extend(Contents::images(dataset, "VOCdevkit/VOC2012/JPEGImages/*"));
        contents
    }

    fn begin<'a>(
        &self,
        dataset: &'a Dataset,
        options: &'a FormatOptions,
        out: &mut dyn Sink,
    ) -> Result<Box<dyn Writer + 'a>, Error> {
        let stems = file_names::stems(dataset);
        write_lists(dataset, &listed(dataset, &stems), out)?;
        let notes = Vec::from_iter(write_label_map(dataset, out)?);
        file_names::begin_sources(out)?;
        Ok(Box::new(VocWriter {
            dataset,
            options,
            stems,
            passed_over: BTreeSet::new(),
            notes,
        }))
    }
}

struct VocWriter<'a> {
    dataset: &'a Dataset,
    options: &'a FormatOptions,
    stems: file_names::Names,
    /// Images, by their places, and classes of which all objects on them are difficult.
    passed_over: BTreeSet<(usize, u32)>,
    notes: Vec<String>,
}

impl Writer for VocWriter<'_> {
    fn image(&mut self, image: &DatasetImage, out: &mut dyn Sink) -> Result<(), Error> {
        let stem = &self.stems.of(&image.file);
        let (difficult, others): (Vec<&DatasetBox>, Vec<_>) =
            image.boxes.iter().partition(|b| is_difficult(b));
        let others: BTreeSet<usize> = others.iter().map(|b| b.class).collect();
        let alone = difficult.iter().filter(|b| !others.contains(&b.class));
        let alone = alone.map(|b| (image.index(), b.class as u32));
        self.passed_over.extend(alone);
        let file = format!("{stem}.{}", image.suffix());
        let xml = annotation(self.dataset, image, &file, self.options);
        out.put(&format!("{ROOT}/Annotations/{stem}.xml"), xml.as_bytes())?;
        let path = format!("{ROOT}/JPEGImages/{file}");
        file_names::add_source(image, &path, out)?;
        place_image(image, &path, self.dataset, out)
    }

    fn finish(self: Box<Self>, out: &mut dyn Sink) -> Written {
        out.close(file_names::SOURCES)?;
        let VocWriter {
            dataset,
            stems,
            passed_over,
            mut notes,
            ..
        } = *self;
        let stems = listed(dataset, &stems);
        notes.extend(write_class_lists(dataset, &stems, &passed_over, out)?);
        notes.extend(other_notes(dataset));
        Ok(notes)
    }
}

fn annotation(dataset: &Dataset, p: &DatasetImage, file: &str, options: &FormatOptions) -> String {
    let convention = if options.voc_inclusive {
        "inclusive1: first pixel 1, xmax and ymax the last pixel"
    } else {
        "edge0: xmin = x, xmax = x + width, from 0"
    };
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<annotation>\n  <folder>VOC2012</folder>\n  \
         <filename>{}</filename>\n  <source>\n    <database>{}</database>\n    \
         <annotation>{convention}</annotation>\n    <image>{}</image>\n    <uuid>{}</uuid>\n  </source>\n  \
         <size>\n    <width>{}</width>\n    <height>{}</height>\n    <depth>{}</depth>\n  </size>\n  \
         <segmented>0</segmented>\n",
        escape(file),
        escape(p.source.manifest.as_deref().unwrap_or(&p.group)),
        escape(&p.origin),
        escape(&p.id),
        p.width,
        p.height,
        p.channels
    );
    for b in &p.boxes {
        xml += &object(dataset, p, b, options);
    }
    xml += "</annotation>\n";
    xml
}

fn object(dataset: &Dataset, p: &DatasetImage, b: &DatasetBox, options: &FormatOptions) -> String {
    let [xmin, ymin, xmax, ymax] = corners(&b.bbox, p, options.voc_inclusive);
    let text = b.text().map_or(String::new(), |text| {
        format!("    <text>{}</text>\n", escape(text))
    });
    let pose = b.attributes.get("pose").and_then(|pose| pose.as_str());
    let [truncated, difficult, occluded] =
        [b.flags.is_truncated, is_difficult(b), b.flags.is_occluded].map(u8::from);
    format!(
        "  <object>\n    <name>{}</name>\n    <pose>{}</pose>\n    <truncated>{truncated}</truncated>\n    \
         <difficult>{difficult}</difficult>\n    <occluded>{occluded}</occluded>\n    <bndbox>\n      <xmin>{xmin}</xmin>\n      <ymin>{ymin}</ymin>\n      \
         <xmax>{xmax}</xmax>\n      <ymax>{ymax}</ymax>\n    </bndbox>\n    <uuid>{}</uuid>\n{text}{}{}  </object>\n",
        escape(&dataset.classes[b.class]),
        escape(pose.unwrap_or("Unspecified")),
        escape(&b.id),
        taxonomy(dataset.lineage(b.class)),
        attributes(b)
    )
}

/// Whether evaluations pass over a box. The devkit has no word for several things in one box.
fn is_difficult(b: &DatasetBox) -> bool {
    b.flags.is_difficult || b.flags.is_crowd
}

/// What is said of a box besides, as CVAT writes it. `rotation` is one of its own: readers would turn the box by it.
fn attributes(b: &DatasetBox) -> String {
    let others = Others::besides_flags(b);
    let others = others.iter().filter(|(name, _)| ***name != *"pose");
    let elements: String = others
        .map(|(name, value)| {
            let name = match &**name {
                "rotation" => "rotation_",
                name => name,
            };
            format!(
                "      <attribute><name>{}</name><value>{}</value></attribute>\n",
                escape(name),
                escape(&as_text(value))
            )
        })
        .collect();
    match elements.is_empty() {
        true => elements,
        false => format!("    <attributes>\n{elements}    </attributes>\n"),
    }
}

/// An element per rank, from the root down. If two taxa have one rank, the nearer one is used.
fn taxonomy(lineage: &[LineageStep]) -> String {
    let mut tags: Vec<(String, &str)> = Vec::new();
    for step in lineage {
        let Some(tag) = step.rank.as_deref().and_then(tag) else {
            continue;
        };
        match tags.iter_mut().find(|(known, _)| *known == tag) {
            Some((_, name)) => *name = &step.name,
            None => tags.push((tag, &step.name)),
        }
    }
    if tags.is_empty() {
        return String::new();
    }
    let elements: String = tags
        .iter()
        .map(|(tag, name)| format!("      <{tag}>{}</{tag}>\n", escape(name)))
        .collect();
    format!("    <taxonomy>\n{elements}    </taxonomy>\n")
}

/// A rank as the name of an element, with `_` for characters other than letters and digits; none for a rank without
/// letters.
fn tag(rank: &str) -> Option<String> {
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || "-.".contains(c) {
            c
        } else {
            '_'
        }
    };
    let tag: String = rank.trim().chars().map(safe).collect();
    let is_letter = |c: char| c.is_ascii_alphabetic();
    match tag.contains(is_letter) {
        true if tag.starts_with(is_letter) => Some(tag),
        true => Some(format!("_{tag}")),
        false => None,
    }
}

fn corners(b: &BBox, p: &DatasetImage, inclusive: bool) -> [u32; 4] {
    let (left, right) = whole(b.x, b.right(), p.width);
    let (top, bottom) = whole(b.y, b.bottom(), p.height);
    let first = u32::from(inclusive);
    [left + first, top + first, right, bottom]
}

/// Both ends of an interval rounded half up, inside `0..=most`, at least 1 apart.
fn whole(from: f64, to: f64, most: u32) -> (u32, u32) {
    let round = |v: f64| (v + 0.5).floor().clamp(0.0, f64::from(most)) as u32;
    match (round(from), round(to)) {
        (from, to) if to > from => (from, to),
        (from, _) if from < most => (from, from + 1),
        _ => (most - 1, most),
    }
}

/// The stem of every image, in their order.
fn listed(dataset: &Dataset, stems: &file_names::Names) -> Texts {
    let stems = dataset.facts.iter().map(|facts| stems.of(facts.file));
    stems.collect()
}

/// The lists of images: their names, and the images by their places. Without splits all are `train` and `trainval`, the names
/// that readers ask for first.
fn lists(dataset: &Dataset) -> Vec<(&str, Vec<usize>)> {
    let parts = dataset.parts("train").into_iter().enumerate();
    let mut lists: Vec<(&str, Vec<usize>)> = parts
        .map(|(part, name)| (name, places(dataset, |facts| facts.part() == part)))
        .collect();
    let names = dataset.parts("train");
    let of_both = places(dataset, |facts| {
        matches!(names[facts.part()], "train" | "val")
    });
    if !lists.iter().any(|(name, _)| *name == "trainval") && !of_both.is_empty() {
        lists.push(("trainval", of_both));
    }
    lists
}

/// `ImageSets/Main`: a list of stems per split.
fn write_lists(dataset: &Dataset, stems: &Texts, out: &mut dyn Sink) -> Result<(), Error> {
    for (name, images) in lists(dataset) {
        let text: String = images
            .iter()
            .map(|&at| format!("{}\n", stems.get(at as u32)))
            .collect();
        let path = format!("{ROOT}/ImageSets/Main/{name}.txt");
        out.put(&path, text.as_bytes())?;
    }
    Ok(())
}

fn places(dataset: &Dataset, is: impl Fn(ImageFacts) -> bool) -> Vec<usize> {
    let all = dataset.facts.iter().enumerate();
    all.filter(|(_, facts)| is(*facts))
        .map(|(at, _)| at)
        .collect()
}

/// `<class>_<list>.txt`: every stem of a list with 1, 0 or -1, for classes whose names are safe file names and whose lists are
/// not called like another.
fn write_class_lists(
    dataset: &Dataset,
    stems: &Texts,
    passed_over: &BTreeSet<(usize, u32)>,
    out: &mut dyn Sink,
) -> Result<Option<String>, Error> {
    let lines = dataset.classes.len().saturating_mul(dataset.facts.len());
    if lines > MOST_CLASS_LINES {
        return Ok(Some(
            "voc: no lists per class: they would list every image once per class".into(),
        ));
    }
    let lists = lists(dataset);
    let mut left_out = 0;
    let mut taken: BTreeSet<String> = lists
        .iter()
        .map(|(name, _)| format!("{name}.txt").to_lowercase())
        .collect();
    for (class, name) in dataset.classes.iter().enumerate() {
        let file = |list: &str| format!("{name}_{list}.txt");
        let fits = SafeName::readable(name).as_str() == name
            && lists
                .iter()
                .all(|(list, _)| !taken.contains(&file(list).to_lowercase()));
        if !fits {
            left_out += 1;
            continue;
        }
        for (list, images) in &lists {
            taken.insert(file(list).to_lowercase());
            let path = format!("{ROOT}/ImageSets/Main/{}", file(list));
            let sign = |at| sign(at, class as u32, dataset, passed_over);
            let lines = images
                .iter()
                .map(|&at| format!("{} {}\n", stems.get(at as u32), sign(at)));
            out.put(&path, lines.collect::<String>().as_bytes())?;
        }
    }
    Ok((left_out > 0).then(|| {
        let classes = counted(left_out, "class", "classes");
        format!(
            "voc: {classes} without a list of images: the name is not a safe file name, or is that of another list"
        )
    }))
}

/// What the list of a class says of an image: 1, the class is on it; 0, with difficult objects alone; -1, it is not.
fn sign(
    at: usize,
    class: u32,
    dataset: &Dataset,
    passed_over: &BTreeSet<(usize, u32)>,
) -> &'static str {
    match dataset.facts.get(at).has_class(class) {
        true if passed_over.contains(&(at, class)) => " 0",
        true => " 1",
        false => "-1",
    }
}

/// `labelmap.txt`, without which datumaro refuses classes that are not Pascal's twenty.
fn write_label_map(dataset: &Dataset, out: &mut dyn Sink) -> Result<Option<String>, Error> {
    let holds = |name: &String| !name.contains([':', '\n', '\r']) && !name.starts_with('#');
    if !dataset.classes.iter().all(holds) {
        let notes =
            "voc: no labelmap.txt: a class name contains a colon, a line end or a leading #";
        return Ok(Some(notes.into()));
    }
    let mut text = String::from("# label:color_rgb:parts:actions\nbackground:0,0,0::\n");
    for (i, name) in dataset.classes.iter().enumerate() {
        let [r, g, b] = colour(i + 1);
        let _ = writeln!(text, "{name}:{r},{g},{b}::");
    }
    out.put(&format!("{ROOT}/labelmap.txt"), text.as_bytes())?;
    Ok(None)
}

/// The colour of a class in the devkit: its bits distributed to red, green and blue, high bits first.
fn colour(class: usize) -> [u8; 3] {
    let channel = |c: usize| {
        (0..8).fold(0u8, |value, i| {
            let bit = (class >> (3 * i + c)) & 1;
            value | ((bit as u8) << (7 - i))
        })
    };
    [channel(0), channel(1), channel(2)]
}

fn other_notes(dataset: &Dataset) -> Vec<String> {
    let not_jpeg = dataset.count(|p| p.media_type != "image/jpeg");
    let broken = dataset
        .classes
        .iter()
        .filter(|name| !name.chars().all(is_xml))
        .count();
    let mut notes = Vec::new();
    if let n @ 1.. = dataset.outlines() {
        let left_out = counted(n, "outline", "outlines");
        notes.push(format!(
            "voc: {left_out} left out, only boxes are written; -f coco writes them"
        ));
    }
    if not_jpeg > 0 {
        notes.push(format!(
            "voc: {} not JPEG, with the original suffix; torchvision reads only .jpg",
            counted(not_jpeg, "image is", "images are")
        ));
    }
    if broken > 0 {
        notes.push(format!(
            "voc: {} characters that XML cannot hold; they were replaced by U+FFFD",
            counted(broken as u64, "class name contains", "class names contain")
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_become_elements_and_never_break_them() {
        let step = |(rank, name): (&str, &str)| LineageStep {
            rank: Some(rank.to_owned()),
            name: name.to_owned(),
        };
        let given = [
            ("", "a"),
            ("genus", "first"),
            ("species group", "<b>"),
            ("2nd", "c"),
            ("--", "d"),
            ("genus", "second"),
        ];
        let xml = taxonomy(&given.map(step));
        let lines: Vec<&str> = xml.lines().map(str::trim).collect();
        let wanted = [
            "<taxonomy>",
            "<genus>second</genus>",
            "<species_group>&lt;b&gt;</species_group>",
            "<_2nd>c</_2nd>",
            "</taxonomy>",
        ];
        assert_eq!(lines, wanted);
        assert_eq!(taxonomy(&[step(("", "a"))]), "");
    }

    #[test]
    fn corners_are_whole_inside_and_a_pixel_apart() {
        let cases = [
            (0.0, 10.0, (0, 10)),
            (0.5, 1.49, (1, 2)),
            (2.49, 3.5, (2, 4)),
            (9.9, 10.0, (9, 10)),
            (4.1, 4.2, (4, 5)),
        ];
        for (from, to, wanted) in cases {
            assert_eq!(whole(from, to, 10), wanted, "{from}..{to}");
        }
    }

    #[test]
    fn colours_are_those_of_the_devkit() {
        let cases = [
            (1, [128, 0, 0]),
            (2, [0, 128, 0]),
            (3, [128, 128, 0]),
            (8, [64, 0, 0]),
        ];
        for (class, wanted) in cases {
            assert_eq!(colour(class), wanted, "{class}");
        }
    }
}
