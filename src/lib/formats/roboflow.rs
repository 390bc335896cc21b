//! `roboflow`: the layout of Roboflow's COCO exports, which RF-DETR trains on: `train/`, `valid/` and `test/`, each with its
//! images and `_annotations.coco.json`.
//!
//! All is as in `coco` but for the categories. Their ids are from 0, and 0 is no class but the root, the supercategory of
//! all classes: trainers leave it out, since no box has it, or take it for the background.

use serde_json::{Value, json};

use super::coco::{self, Layout, roboflow_folder};
use super::contents::Contents;
use super::dataset::{Dataset, DatasetImage};
use super::file_names;
use super::format::{Format, FormatInfo, FormatOptions, Writer, Written};
use super::sink::Sink;
use crate::error::Error;

/// The format `roboflow`: RF-DETR's layout.
#[derive(Debug)]
pub struct Roboflow;

impl Format for Roboflow {
    fn info(&self) -> FormatInfo {
        FormatInfo {
            name: "roboflow",
            about: "COCO in RF-DETR's layout: train/, valid/ and test/, each with its images",
            is_detection: true,
            holds_images: true,
            has_picture_files: true,
            ..FormatInfo::default()
        }
    }

    fn conventions(&self, _: &FormatOptions) -> String {
        "bbox [x, y, width, height] in pixels of the file from the outer corner of its top-left pixel, decimals kept, clipped \
         to the image; categories from 0, which is the root and no class; classes from 1 in their order; outlines as in coco; \
         ASCII"
            .into()
    }

    fn contents(&self, dataset: &Dataset) -> Vec<Contents> {
        let about = "The images and boxes of each split, as COCO.";
        let boxes = Contents::plain(
            "annotations",
            about,
            "*/_annotations.coco.json",
            "application/json",
        );
        let files = Contents::images_in_splits(dataset);
        std::iter::once(boxes).chain(files).collect()
    }

    fn begin<'a>(
        &self,
        dataset: &'a Dataset,
        _: &'a FormatOptions,
        out: &mut dyn Sink,
    ) -> Result<Box<dyn Writer + 'a>, Error> {
        let layout = Layout::Apart(file_names::stems(dataset));
        Ok(Box::new(RoboflowWriter {
            dataset,
            coco: coco::begin(
                dataset,
                layout,
                categories(&dataset.classes),
                &FormatOptions::default(),
                out,
            )?,
        }))
    }

    fn split_names(&self, dataset: &Dataset) -> Vec<String> {
        let splits = dataset.splits.iter();
        splits
            .map(|split| roboflow_folder(split).to_owned())
            .collect()
    }
}

/// The root and the classes. The root has a name that no class has.
fn categories(classes: &[String]) -> Vec<Value> {
    let mut root = "objects".to_owned();
    while classes.contains(&root) {
        root.push('_');
    }
    let first = json!({ "id": 0, "name": root, "supercategory": "none" });
    let class =
        |(id, name): (usize, &String)| json!({ "id": id, "name": name, "supercategory": root });
    let classes = (1..).zip(classes).map(class);
    std::iter::once(first).chain(classes).collect()
}

struct RoboflowWriter<'a> {
    dataset: &'a Dataset,
    coco: Box<dyn Writer + 'a>,
}

impl Writer for RoboflowWriter<'_> {
    fn image(&mut self, image: &DatasetImage, out: &mut dyn Sink) -> Result<(), Error> {
        self.coco.image(image, out)
    }

    fn finish(self: Box<Self>, out: &mut dyn Sink) -> Written {
        self.coco.finish(out)?;
        let parts = self.dataset.parts("train");
        let has_images = |wanted: &str| {
            let mut parts = parts.iter().enumerate();
            parts.any(|(part, split)| {
                roboflow_folder(split) == wanted && self.dataset.facts_of(part).next().is_some()
            })
        };
        let lacking: Vec<&str> = ["train", "valid", "test"]
            .into_iter()
            .filter(|name| !has_images(name))
            .collect();
        Ok(match lacking.is_empty() {
            true => Vec::new(),
            false => vec![format!(
                "roboflow: there are no images for {}, which RF-DETR needs; --split train=0.8,val=0.1,test=0.1 splits them",
                lacking.join(" and ")
            )],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_has_a_name_of_its_own() {
        let found = categories(&["a".into(), "objects".into()]);
        let names: Vec<&str> = found.iter().filter_map(|c| c["name"].as_str()).collect();
        assert_eq!(names, ["objects_", "a", "objects"]);
        assert_eq!(
            found[2],
            json!({ "id": 2, "name": "objects", "supercategory": "objects_" })
        );
    }
}
