//! `yolo`: Ultralytics' detection layout, `images/<split>`, `labels/<split>`, `data.yaml`.
//!
//! A line is `class cx cy w h`, relative to the image, classes from 0, ten decimals (six err by pixels on large
//! scans). Boxes are clipped before, since one value beyond 1 drops the whole image. Only detection rows: an
//! image with boxes and outlines mixed would be dropped as corrupt. `data.yaml` has no `path`, so that the
//! set can be moved; without it the tools take the file's own folder.

use super::{
    Choices, Dataset, Format, Head, Labelled, Picture, Sink, Written, counted, names, put,
};

/// The format.
#[derive(Debug)]
pub struct Yolo;

impl Format for Yolo {
    fn head(&self) -> Head {
        Head {
            name: "yolo",
            about: "Ultralytics' images/, labels/ and data.yaml, detection rows",
            ..Head::default()
        }
    }

    fn conventions(&self, _: &Choices) -> String {
        "class cx cy w h relative to the image, classes from 0 in the order of data.yaml, ten decimals, clipped \
         to the image; an image without boxes has an empty label file; outlines are left out; sources.csv leads \
         from file names to the source"
            .into()
    }

    fn write(&self, dataset: &Dataset, _: &Choices, out: &mut dyn Sink) -> Written {
        let stems = names::stems(dataset);
        let folder = |p: &Picture| split_name(p.split.as_deref().unwrap_or("train")).to_owned();
        let stem = |p: &Picture| stems[p.number as usize - 1].as_str();
        let file = |p: &Picture| format!("images/{}/{}.{}", folder(p), stem(p), p.suffix());
        put(out, "data.yaml", &data_yaml(dataset))?;
        names::write_sources(dataset, |_, p| file(p), out)?;
        for p in &dataset.images {
            p.place(&file(p), dataset, out)?;
            let path = format!("labels/{}/{}.txt", folder(p), stem(p));
            let lines: String = p.boxes.iter().map(|b| line(p, b)).collect();
            put(out, &path, &lines)?;
        }
        Ok(news(dataset))
    }
}

/// Ultralytics knows `train`, `val` and `test`.
fn split_name(split: &str) -> &str {
    match split.to_ascii_lowercase().as_str() {
        "validation" | "valid" | "dev" => "val",
        "training" => "train",
        "testing" => "test",
        _ => split,
    }
}

fn line(p: &Picture, b: &Labelled) -> String {
    let (width, height) = (f64::from(p.width), f64::from(p.height));
    let centre = (
        b.bbox.x + b.bbox.width / 2.0,
        b.bbox.y + b.bbox.height / 2.0,
    );
    format!(
        "{} {:.10} {:.10} {:.10} {:.10}\n",
        b.class,
        centre.0 / width,
        centre.1 / height,
        b.bbox.width / width,
        b.bbox.height / height
    )
}

/// JSON is YAML: every name is a quoted scalar, so that `no`, `1e3` and `a: b` stay names.
fn data_yaml(dataset: &Dataset) -> String {
    let parts = dataset.parts("train");
    let filled: Vec<&str> = parts
        .iter()
        .filter(|(_, images)| !images.is_empty())
        .map(|(split, _)| split_name(split))
        .collect();
    let mut yaml = String::new();
    for needed in ["train", "val"] {
        match filled.iter().find(|&&split| split == needed) {
            Some(split) => yaml += &format!("{needed}: images/{split}\n"),
            None => {
                let instead = filled.first().unwrap_or(&"train");
                yaml += &format!(
                    "# no image is in {needed}, and the key is required: it names {instead}\n"
                );
                yaml += &format!("{needed}: images/{instead}\n");
            }
        }
    }
    for other in filled.iter().filter(|s| !["train", "val"].contains(s)) {
        yaml += &format!("{other}: images/{other}\n");
    }
    yaml += &format!("nc: {}\nnames:\n", dataset.classes.len());
    for name in &dataset.classes {
        yaml += &format!("  - {}\n", yaml_scalar(name));
    }
    if dataset.classes.is_empty() {
        yaml = yaml.replace("names:\n", "names: []\n");
    }
    yaml
}

/// A double-quoted scalar. JSON leaves a few characters raw that YAML 1.2 does not count as printable or reads as
/// line ends.
fn yaml_scalar(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    json.chars()
        .map(|c| match c {
            '\u{7f}'..='\u{9f}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{feff}'
            | '\u{fffe}'
            | '\u{ffff}' => {
                format!("\\u{:04x}", u32::from(c))
            }
            c => c.to_string(),
        })
        .collect()
}

fn news(dataset: &Dataset) -> Vec<String> {
    let outlines = dataset
        .images
        .iter()
        .flat_map(|p| &p.boxes)
        .filter(|b| b.polygon.is_some())
        .count();
    let strange = dataset
        .images
        .iter()
        .filter(|p| p.media_type == "image/gif")
        .count();
    let mut news = Vec::new();
    if outlines > 0 {
        news.push(format!(
            "yolo: {} left out, boxes only",
            counted(outlines, "outline", "outlines")
        ));
    }
    if strange > 0 {
        news.push(format!(
            "yolo: {} GIF, which Ultralytics does not read",
            counted(strange, "image is", "images are")
        ));
    }
    news
}
