//! `tf`: TFRecord shards of `tf.train.Example` in the layout of the TF Object Detection API, and `label_map.pbtxt`.
//!
//! Corners are relative to the image, 32-bit floats within [0, 1], edges from 0; class ids from 1, since 0 is the
//! background. JPEG and PNG are embedded unchanged, anything else as PNG, since few readers decode other formats;
//! `image/key/sha256` is that of the embedded bytes. Keys are sorted, so that every run gives the same bytes.

mod wire;

use crate::error::Error;
use crate::files::hex_digest;
use crate::formats::box_attributes::Others;
use crate::formats::contents::Contents;
use crate::formats::dataset::{Dataset, DatasetBox, DatasetImage, Flags};
use crate::formats::file_names;
use crate::formats::format::{Decodes, Format, FormatInfo, FormatOptions, Writer, Written};
use crate::formats::shards::Shards;
use crate::formats::sink::{Sink, cannot};
use crate::pixels;
use crate::summary::counted;
use wire::{Feature, bytes, example, floats, ints, write_record};

/// The format `tf`: TFRecord shards for the TF Object Detection API.
#[derive(Debug)]
pub struct Tf;

/// Maximum pixels of an image that is transcoded: 2^30, 4 GB as RGBA.
const MOST_PIXELS: u64 = 1 << 30;

/// Protocol buffers end at 2 GiB; the rest of the message fits beside the image.
const MOST_BYTES: usize = (1 << 31) - (1 << 26);

impl Format for Tf {
    fn info(&self) -> FormatInfo {
        FormatInfo {
            name: "tf",
            about: "TFRecord shards for the TF Object Detection API, and label_map.pbtxt",
            is_detection: true,
            holds_images: true,
            decodes: Decodes::RareTypes,
            ..FormatInfo::default()
        }
    }

    fn conventions(&self, _: &FormatOptions) -> String {
        "xmin, xmax, ymin, ymax relative to the image, 32-bit floats within 0..1, edges from 0; class labels from \
         1 as in label_map.pbtxt; source_id is the image's number; images other than JPEG and PNG are embedded as \
         PNG; image/object/attributes is a JSON object for each box; sources.csv leads from numbers to the source"
            .into()
    }

    fn contents(&self, _: &Dataset) -> Vec<Contents> {
        let plain = Contents::plain;
        vec![
            plain(
                "examples",
                "A tf.train.Example per image.",
                "*.tfrecord",
                "application/octet-stream",
            ),
            plain(
                "labels",
                "Names and ids of the classes.",
                "label_map.pbtxt",
                "text/plain",
            ),
            Contents::sources(),
        ]
    }

    fn begin<'a>(
        &self,
        dataset: &'a Dataset,
        options: &'a FormatOptions,
        out: &mut dyn Sink,
    ) -> Result<Box<dyn Writer + 'a>, Error> {
        out.put("label_map.pbtxt", label_map(&dataset.classes).as_bytes())?;
        file_names::begin_sources(out)?;
        let mut splits = Vec::new();
        for (part, split) in dataset.parts("data").into_iter().enumerate() {
            let sizes = dataset.facts_of(part).map(|p| p.bytes);
            let shards = Shards::new(sizes, options.shard_bytes);
            if shards.is_empty() {
                out.put(&path(split, &shards), b"")?;
            }
            splits.push((split, shards));
        }
        Ok(Box::new(TfWriter {
            dataset,
            splits,
            transcoded: 0,
        }))
    }
}

struct TfWriter<'a> {
    dataset: &'a Dataset,
    splits: Vec<(&'a str, Shards)>,
    transcoded: u64,
}

impl Writer for TfWriter<'_> {
    fn image(&mut self, image: &DatasetImage, out: &mut dyn Sink) -> Result<(), Error> {
        let (bytes, format) = embedded(image)?;
        self.transcoded += u64::from(!is_native(image));
        let message = example(features(self.dataset, image, &bytes, format));
        let (split, shards) = &mut self.splits[self.dataset.part(image)];
        let path = path(split, shards);
        let mut record = Vec::new();
        write_record(&mut record, &message).map_err(cannot(&path))?;
        out.append(&path, &record)?;
        if shards.is_last() {
            out.close(&path)?;
        }
        shards.add();
        file_names::add_source(image, &image.file, out)
    }

    fn finish(self: Box<Self>, out: &mut dyn Sink) -> Written {
        out.close(file_names::SOURCES)?;
        let mut notes = Vec::new();
        if self.transcoded > 0 {
            notes.push(format!(
                "tf: {} embedded as PNG: TensorFlow decodes JPEG and PNG",
                counted(self.transcoded, "image is", "images are")
            ));
        }
        for (n, one, many) in [
            (self.dataset.outlines(), "outline", "outlines"),
            (self.dataset.texts(), "text", "texts"),
        ] {
            if n > 0 {
                let left_out = counted(n, one, many);
                notes.push(format!(
                    "tf: {left_out} left out, only boxes are written; -f coco writes them"
                ));
            }
        }
        Ok(notes)
    }
}

/// The file of the next image.
fn path(split: &str, shards: &Shards) -> String {
    format!(
        "{split}-{:05}-of-{:05}.tfrecord",
        shards.current(),
        shards.count()
    )
}

fn is_native(picture: &DatasetImage) -> bool {
    ["image/jpeg", "image/png"].contains(&picture.media_type)
}

/// The bytes to embed, and the name of their format in TensorFlow.
fn embedded(picture: &DatasetImage) -> Result<(Vec<u8>, &'static str), Error> {
    let stored = picture.read()?;
    let (image, format) = match picture.media_type {
        "image/jpeg" => (stored, "jpeg"),
        "image/png" => (stored, "png"),
        _ => (as_png(picture, &stored)?, "png"),
    };
    if image.len() > MOST_BYTES {
        let what = format!(
            "{}: {} bytes, a TensorFlow example holds at most 2 GiB",
            picture.file,
            image.len()
        );
        return Err(Error::new(what).hint("download with --max-width, or choose another --format"));
    }
    Ok((image, format))
}

fn as_png(picture: &DatasetImage, stored: &[u8]) -> Result<Vec<u8>, Error> {
    let fault =
        |cause: String| {
            Error::new(format!("{}: cannot be converted to PNG: {cause}", picture.file)).hint(
            "remove the file and run `recto-download` again, or use `recto-download --format png`",
        )
        };
    let image = pixels::decode(stored, MOST_PIXELS).map_err(fault)?;
    let profile = pixels::icc_of(stored, &image);
    pixels::to_png_with(&pixels::to_eight_bit(&image), profile.as_deref()).map_err(fault)
}

fn features<'a>(
    dataset: &'a Dataset,
    p: &'a DatasetImage<'a>,
    image: &'a [u8],
    format: &'a str,
) -> Vec<(&'static str, Feature)> {
    let flags = |is: fn(&Flags) -> bool| ints(p.boxes.iter().map(|b| i64::from(is(&b.flags))));
    let all =
        |value: fn(&DatasetBox, &DatasetImage) -> f32| floats(p.boxes.iter().map(|b| value(b, p)));
    let text = |text: &str| bytes([text.as_bytes()]);
    let class = |b: &DatasetBox| dataset.classes[b.class].as_bytes();
    vec![
        ("image/channels", ints([i64::from(p.channels)])),
        (
            "image/class/text",
            bytes(p.labels.iter().map(String::as_bytes)),
        ),
        ("image/encoded", bytes([image])),
        ("image/filename", text(&p.file)),
        ("image/format", text(format)),
        ("image/height", ints([i64::from(p.height)])),
        ("image/key/sha256", text(&hex_digest(image, 64))),
        ("image/object/area", all(|b, _| area(b))),
        (
            "image/object/attributes",
            bytes(attributes(p).iter().map(String::as_bytes)),
        ),
        (
            "image/object/bbox/xmax",
            all(|b, p| relative(b.bbox.right(), p.width)),
        ),
        (
            "image/object/bbox/xmin",
            all(|b, p| relative(b.bbox.x, p.width)),
        ),
        (
            "image/object/bbox/ymax",
            all(|b, p| relative(b.bbox.bottom(), p.height)),
        ),
        (
            "image/object/bbox/ymin",
            all(|b, p| relative(b.bbox.y, p.height)),
        ),
        (
            "image/object/class/label",
            ints(p.boxes.iter().map(|b| b.class as i64 + 1)),
        ),
        ("image/object/class/text", bytes(p.boxes.iter().map(class))),
        ("image/object/difficult", flags(|f| f.is_difficult)),
        ("image/object/group_of", flags(|f| f.is_crowd)),
        ("image/object/is_crowd", flags(|f| f.is_crowd)),
        ("image/object/occluded", flags(|f| f.is_occluded)),
        ("image/object/truncated", flags(|f| f.is_truncated)),
        ("image/object/view", bytes(p.boxes.iter().map(pose))),
        ("image/object/weight", floats(p.boxes.iter().map(|_| 1.0))),
        ("image/source_id", text(&p.number.to_string())),
        ("image/source_uuid", text(&p.id)),
        ("image/width", ints([i64::from(p.width)])),
    ]
}

/// All that is said of each box besides.
fn attributes(p: &DatasetImage) -> Vec<String> {
    let others = p.boxes.iter().map(Others::besides_flags);
    others.map(|others| others.json()).collect()
}

/// The pose, as VOC names it: what the converters of TensorFlow's Object Detection API write.
fn pose<'a>(b: &'a DatasetBox) -> &'a [u8] {
    let pose = b.attributes.get("pose").and_then(|pose| pose.as_str());
    pose.unwrap_or("Unspecified").as_bytes()
}

fn area(b: &DatasetBox) -> f32 {
    match &b.outline {
        Some(outline) => outline.area() as f32,
        None => (b.bbox.width * b.bbox.height) as f32,
    }
}

/// Clamped, since rounding to 32 bits can exceed 1, which readers refuse.
fn relative(v: f64, side: u32) -> f32 {
    ((v / f64::from(side)) as f32).clamp(0.0, 1.0)
}

/// Only `name` and `id`: a common reader has a regular expression for exactly these two.
fn label_map(classes: &[String]) -> String {
    classes
        .iter()
        .enumerate()
        .map(|(i, name)| format!("item {{\n  name: '{}'\n  id: {}\n}}\n", escape(name), i + 1))
        .collect()
}

/// C escapes of the text format of protocol buffers; UTF-8 stays as it is.
fn escape(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\\' => "\\\\".into(),
            '\'' => "\\'".into(),
            '"' => "\\\"".into(),
            '\n' => "\\n".into(),
            '\r' => "\\r".into(),
            '\t' => "\\t".into(),
            c if c.is_ascii_control() => format!("\\{:03o}", u32::from(c)),
            c => c.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_for_the_text_format() {
        assert_eq!(escape("a'b\\c\"\n\u{1}é"), "a\\'b\\\\c\\\"\\n\\001é");
    }
}
