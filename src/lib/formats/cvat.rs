//! `cvat`: `annotations.xml` of CVAT for images 1.1, beside `images/`.
//!
//! Boxes and points are in pixels at edges, from 0. A box with an outline is a polygon. Attributes are declared for every
//! label, since CVAT refuses those that are not. Those that only some boxes have are texts: a checkbox would say false of all
//! others, and numbers need bounds and steps.

use std::fmt::Write as _;

use super::box_attributes::{self, as_text};
use super::bridges::{bridge_note, bridged};
use super::contents::Contents;
use super::dataset::{Dataset, DatasetBox, DatasetImage};
use super::file_names;
use super::format::{Format, FormatInfo, FormatOptions, Writer, Written};
use super::sink::{Sink, place_image};
use super::xml::{attribute, escape};
use super::yolo_rows::one_ring;
use crate::error::Error;

/// The format `cvat`: CVAT for images.
#[derive(Debug)]
pub struct Cvat;

const PATH: &str = "annotations.xml";

/// Name, kind and usual value of the attributes that all boxes have.
const ATTRIBUTES: [(&str, &str, &str); 5] = [
    ("uuid", "text", ""),
    ("text", "text", ""),
    ("truncated", "checkbox", "false"),
    ("difficult", "checkbox", "false"),
    ("group_of", "checkbox", "false"),
];

impl Format for Cvat {
    fn info(&self) -> FormatInfo {
        FormatInfo {
            name: "cvat",
            about: "CVAT for images 1.1: annotations.xml with boxes and polygons, beside images/",
            is_detection: true,
            holds_images: true,
            has_picture_files: true,
            ..FormatInfo::default()
        }
    }

    fn conventions(&self, _: &FormatOptions) -> String {
        "xtl, ytl, xbr, ybr and points in pixels of the file, edges from 0, decimals kept, clipped to the image; a box with an \
         outline is a polygon, parts and holes joined by lines to and fro; ids of images from 0; \
         other attributes of boxes are texts, declared for every label; characters that XML cannot hold \
         are U+FFFD; sources.csv leads from file names to the source"
            .into()
    }

    fn contents(&self, dataset: &Dataset) -> Vec<Contents> {
        let about = "The images and their boxes.";
        let boxes = Contents::plain("annotations", about, PATH, "application/xml");
        let files = Contents::images(dataset, "images/*");
        [boxes, Contents::sources()]
            .into_iter()
            .chain(files)
            .collect()
    }

    fn begin<'a>(
        &self,
        dataset: &'a Dataset,
        _: &'a FormatOptions,
        out: &mut dyn Sink,
    ) -> Result<Box<dyn Writer + 'a>, Error> {
        let others = box_attributes::names(dataset, &ATTRIBUTES.map(|(name, ..)| name));
        out.append(PATH, head(dataset, &others).as_bytes())?;
        file_names::begin_sources(out)?;
        Ok(Box::new(CvatWriter {
            dataset,
            others,
            stems: file_names::stems(dataset),
            bridged: 0,
        }))
    }
}

/// The attributes that some boxes have, and what they are called here.
type Attributes<'a> = Vec<(&'a str, String)>;

struct CvatWriter<'a> {
    dataset: &'a Dataset,
    others: Attributes<'a>,
    stems: file_names::Names,
    bridged: u64,
}

impl Writer for CvatWriter<'_> {
    fn image(&mut self, image: &DatasetImage, out: &mut dyn Sink) -> Result<(), Error> {
        let file = format!("{}.{}", self.stems.of(&image.file), image.suffix());
        let subset = match &image.split {
            Some(split) => format!(" subset=\"{}\"", attribute(split)),
            None => String::new(),
        };
        let mut xml = format!(
            "  <image id=\"{}\" name=\"{}\"{subset} width=\"{}\" height=\"{}\">\n",
            image.index(),
            attribute(&file),
            image.width,
            image.height
        );
        for b in &image.boxes {
            xml += &shape(self.dataset, &self.others, b);
        }
        for label in &image.labels {
            let label = attribute(label);
            let _ = writeln!(xml, "    <tag label=\"{label}\" source=\"manual\"></tag>");
        }
        xml += "  </image>\n";
        self.bridged += bridged(image);
        out.append(PATH, xml.as_bytes())?;
        let path = format!("images/{file}");
        file_names::add_source(image, &path, out)?;
        place_image(image, &path, self.dataset, out)
    }

    fn finish(self: Box<Self>, out: &mut dyn Sink) -> Written {
        out.append(PATH, b"</annotations>\n")?;
        out.close(PATH)?;
        out.close(file_names::SOURCES)?;
        Ok(bridge_note("cvat", self.bridged))
    }
}

fn head(dataset: &Dataset, others: &Attributes) -> String {
    let others = others.iter().map(|(_, name)| (name.as_str(), "text", ""));
    let attributes: String = ATTRIBUTES
        .into_iter()
        .chain(others)
        .map(|(name, kind, usual)| {
            let values = if kind == "checkbox" { "false" } else { "" };
            let name = escape(name);
            format!(
                "          <attribute><name>{name}</name><mutable>False</mutable><input_type>{kind}</input_type>\
                 <default_value>{usual}</default_value><values>{values}</values></attribute>\n"
            )
        })
        .collect();
    let of_images = dataset.labels.iter();
    let of_images = of_images.filter(|label| !dataset.classes.contains(label));
    let labels: String = (dataset.classes.iter().chain(of_images))
        .map(|class| {
            format!(
                "        <label>\n          <name>{}</name>\n          <type>any</type>\n          <attributes>\n{attributes}\
                 \x20         </attributes>\n        </label>\n",
                escape(class)
            )
        })
        .collect();
    let task = |name: &str, images: usize, more: &str| {
        format!(
            "<task>\n      <name>{name}</name>\n      <size>{images}</size>\n      <mode>annotation</mode>\n      \
             <overlap>0</overlap>\n{more}    </task>\n"
        )
    };
    let labels = format!("      <labels>\n{labels}      </labels>\n");
    let whole = "Training set";
    // A task has no subsets: with splits the set is a project of several tasks.
    let meta = match dataset.splits.is_empty() {
        true => task(whole, dataset.facts.len(), &labels),
        false => {
            let parts = dataset.splits.iter().enumerate().map(|(part, split)| {
                let subset = format!("      <subset>{}</subset>\n", escape(split));
                task(&escape(split), dataset.facts_of(part).count(), &subset)
            });
            let tasks: String = parts.collect();
            format!(
                "<project>\n      <name>{whole}</name>\n{labels}      <tasks>\n    {tasks}      </tasks>\n    </project>\n"
            )
        }
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<annotations>\n  <version>1.1</version>\n  <meta>\n    {meta}  </meta>\n"
    )
}

fn shape(dataset: &Dataset, others: &Attributes, b: &DatasetBox) -> String {
    let (tag, place) = match &b.outline {
        Some(outline) => {
            let points = one_ring(outline).into_iter();
            let points: Vec<String> = points.map(|[x, y]| format!("{x},{y}")).collect();
            ("polygon", format!("points=\"{}\"", points.join(";")))
        }
        None => (
            "box",
            format!(
                "xtl=\"{}\" ytl=\"{}\" xbr=\"{}\" ybr=\"{}\"",
                b.bbox.x,
                b.bbox.y,
                b.bbox.right(),
                b.bbox.bottom()
            ),
        ),
    };
    let flags =
        [b.flags.is_truncated, b.flags.is_difficult, b.flags.is_crowd].map(|is| is.to_string());
    let own = [b.id.to_string(), b.text().unwrap_or_default().to_owned()];
    let own = own.into_iter().chain(flags);
    let names = ATTRIBUTES.iter().map(|(name, ..)| *name);
    let others = others.iter().filter_map(|(key, name)| {
        let value = b.attributes.get(key)?;
        Some((name.as_str(), as_text(value)))
    });
    let attributes: String = names
        .zip(own)
        .chain(others)
        .map(|(name, value)| {
            format!(
                "      <attribute name=\"{}\">{}</attribute>\n",
                attribute(name),
                escape(&value)
            )
        })
        .collect();
    format!(
        "    <{tag} label=\"{}\" source=\"manual\" occluded=\"{}\" {place} z_order=\"0\">\n{attributes}    </{tag}>\n",
        attribute(&dataset.classes[b.class]),
        u8::from(b.flags.is_occluded)
    )
}
