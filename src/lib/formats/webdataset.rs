//! `webdataset`: tar shards, the image and the JSON of a sample beside each other under one key.
//!
//! The key is the file name up to its first dot, so keys have none. The JSON says of an image and its boxes what the format
//! `parquet` says. Headers have no owner, no time and one mode, so that every run gives the same bytes.

use super::ascii_json;
use super::contents::{Contents, suffixes};
use super::dataset::{Dataset, DatasetImage};
use super::file_names;
use super::format::{Format, FormatInfo, FormatOptions, Writer, Written};
use super::hf::features::{self, Feature};
use super::hf::row::Row;
use super::hf::split_names;
use super::shards::Shards;
use super::sink::{Sink, cannot};
use crate::error::Error;

/// The format `webdataset`: tar shards.
#[derive(Debug)]
pub struct WebDataset;

impl Format for WebDataset {
    fn info(&self) -> FormatInfo {
        FormatInfo {
            name: "webdataset",
            about: "tar shards, an image and a JSON per sample, as webdataset and datasets stream them",
            is_detection: true,
            holds_images: true,
            ..FormatInfo::default()
        }
    }

    fn conventions(&self, _: &FormatOptions) -> String {
        "objects.bbox in KEY.json is [x, y, width, height] in pixels of the file from the outer corner of its top-left pixel, \
         decimals kept, clipped to the image; objects.category from 0 in the order of the classes, objects.label their names; \
         objects.rings are outlines x1 y1 x2 y2 …, what an odd number of them encloses; objects.area of the outline where there \
         is one, else of the box; objects.attributes a JSON object for each box; ASCII"
            .into()
    }

    fn contents(&self, _: &Dataset) -> Vec<Contents> {
        let about = "An image and a JSON document per sample.";
        vec![Contents::plain(
            "samples",
            about,
            "*.tar",
            "application/x-tar",
        )]
    }

    fn begin<'a>(
        &self,
        dataset: &'a Dataset,
        options: &'a FormatOptions,
        out: &mut dyn Sink,
    ) -> Result<Box<dyn Writer + 'a>, Error> {
        let mut splits = Vec::new();
        for (part, split) in split_names::own_names(dataset).into_iter().enumerate() {
            let sizes = dataset.facts_of(part).map(|p| p.bytes);
            let shards = Shards::new(sizes, options.shard_bytes);
            if shards.is_empty() {
                out.put(&path(&split, &shards), &END)?;
            }
            splits.push((split, shards));
        }
        Ok(Box::new(TarWriter {
            dataset,
            keys: file_names::keys(dataset),
            splits,
        }))
    }

    fn split_names(&self, dataset: &Dataset) -> Vec<String> {
        split_names::own_names(dataset)
    }

    fn front_matter(&self, dataset: &Dataset) -> Option<String> {
        let mut columns: Vec<(&str, Feature)> = Vec::new();
        if dataset.placed {
            columns.extend(suffixes(dataset).into_iter().map(|s| (s, Feature::Image)));
        }
        columns.extend([
            ("json", Feature::Struct(features::ROW)),
            ("__key__", Feature::Value("string")),
            ("__url__", Feature::Value("string")),
        ]);
        let own = split_names::own_names(dataset);
        let pattern = |part: usize, _: &str| format!("{}-*.tar", own[part]);
        Some(features::front_matter(dataset, &columns, pattern))
    }
}

/// The two empty blocks at the end of a tar file.
const END: [u8; 1024] = [0; 1024];

/// The file of the next image.
fn path(split: &str, shards: &Shards) -> String {
    format!("{split}-{:06}.tar", shards.current())
}

struct TarWriter<'a> {
    dataset: &'a Dataset,
    keys: file_names::Names,
    splits: Vec<(String, Shards)>,
}

impl Writer for TarWriter<'_> {
    fn image(&mut self, image: &DatasetImage, out: &mut dyn Sink) -> Result<(), Error> {
        let (split, shards) = &mut self.splits[self.dataset.part(image)];
        let path = path(split, shards);
        let key = &self.keys.of(&image.file);
        let mut entries = Vec::new();
        if self.dataset.placed {
            let bytes = image.read()?;
            add(&mut entries, &format!("{key}.{}", image.suffix()), &bytes)
                .map_err(cannot(&path))?;
        }
        let mut json = Vec::new();
        ascii_json::write(&mut json, &Row::of(image, self.dataset)).map_err(cannot(&path))?;
        add(&mut entries, &format!("{key}.json"), &json).map_err(cannot(&path))?;
        if shards.is_last() {
            entries.extend_from_slice(&END);
        }
        out.append(&path, &entries)?;
        if shards.is_last() {
            out.close(&path)?;
        }
        shards.add();
        Ok(())
    }

    fn finish(self: Box<Self>, _: &mut dyn Sink) -> Written {
        let suffixes: Vec<&str> = suffixes(self.dataset).into_iter().collect();
        let renamed = split_names::note("webdataset", self.dataset);
        let mut notes: Vec<String> = renamed.into_iter().collect();
        if suffixes.len() > 1 && self.dataset.placed {
            notes.push(format!(
                "webdataset: images are of several types: name them all where you read one, as in `decode(\"pil\").to_tuple(\"{}\", \
                 \"json\")`",
                suffixes.join(";")
            ));
        }
        Ok(notes)
    }
}

/// Adds a file to a tar file: header, bytes, zeros up to the next block.
fn add(tar: &mut Vec<u8>, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_path(name)?;
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_cksum();
    tar.extend_from_slice(header.as_bytes());
    tar.extend_from_slice(bytes);
    tar.resize(tar.len().next_multiple_of(512), 0);
    Ok(())
}
