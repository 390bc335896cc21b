//! `parquet`: images and boxes in the types of Hugging Face's `datasets`, in shards.
//!
//! A row per image: `image` is `{bytes, path}`, `objects` a struct of lists, one entry a box; boxes are `[x, y, width, height]` in
//! pixels, as in COCO. The metadata of each file, key `huggingface`, names the types: `datasets` decodes images and knows the
//! names of classes by it. Rows are held until their group is full, so that memory depends on the group and not on the set.
//! Images are not compressed a second time; all else is, with Snappy. Nothing in a file changes from run to run.

mod rows;

use std::sync::Arc;

use parquet::basic::Compression;
use parquet::errors::Result as ParquetResult;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::{ColumnPath, Type};
use serde_json::{Value, json};

use super::contents::{Contents, Kind, Place};
use super::dataset::{Dataset, DatasetImage};
use super::file_names;
use super::format::{Format, FormatInfo, FormatOptions, Writer, Written};
use super::hf::features::{self, Columns, Feature};
use super::hf::row::Row;
use super::hf::split_names;
use super::shards::Shards;
use super::sink::{Sink, cannot};
use crate::error::Error;
use rows::RowGroup;

/// The format `parquet`: typed for Hugging Face's `datasets`.
#[derive(Debug)]
pub struct Parquet;

/// Rows with so many bytes together are a row group.
const GROUP_BYTES: usize = 1 << 24;

/// A page of Parquet ends at 2 GiB; the other images of its group fit beside this one.
const MOST_BYTES: usize = (1 << 31) - (1 << 26);

impl Format for Parquet {
    fn info(&self) -> FormatInfo {
        FormatInfo {
            name: "parquet",
            about: "Parquet shards in the types of Hugging Face's datasets: images, boxes, outlines, class names",
            is_detection: true,
            holds_images: true,
            ..FormatInfo::default()
        }
    }

    fn conventions(&self, _: &FormatOptions) -> String {
        "objects.bbox [x, y, width, height] in pixels of the file from the outer corner of its top-left pixel, decimals kept, \
         clipped to the image; objects.category from 0 in the order of the classes, objects.label their names; objects.rings \
         are outlines x1 y1 x2 y2 …, what an odd number of them encloses; objects.area of the outline where there is one, else \
         of the box; objects.attributes a JSON object for each box; image.bytes are those of the file, null with --images none"
            .into()
    }

    fn contents(&self, dataset: &Dataset) -> Vec<Contents> {
        let path = format!("{FOLDER}/*.parquet");
        let about = "A row per image, with its boxes.";
        let shards = Contents::plain("images", about, &path, "application/x-parquet");
        let mut own = vec![(
            "split",
            Kind::Text,
            Place::Path("(?:data/)?([^/]*?)(?:-[0-9]+-of-[0-9]+[.]parquet)?$"),
        )];
        if dataset.placed {
            own.push(("image", Kind::Image, Place::Within("image", "bytes")));
        }
        vec![shards.with(&features::members(&own, Kind::BoxRows))]
    }

    fn begin<'a>(
        &self,
        dataset: &'a Dataset,
        options: &'a FormatOptions,
        out: &mut dyn Sink,
    ) -> Result<Box<dyn Writer + 'a>, Error> {
        let columns = columns();
        let features = to_json(&columns, &dataset.classes);
        let metadata = json!({ "info": { "features": features } });
        let schema = schema(&columns).map_err(|e| cannot(FOLDER)(std::io::Error::other(e)))?;
        let properties = Arc::new(properties(metadata.to_string()));
        let mut writer = ParquetWriter {
            dataset,
            stems: file_names::stems(dataset),
            splits: Vec::new(),
        };
        for (part, split) in split_names::names(dataset).into_iter().enumerate() {
            let bytes = |bytes| if dataset.placed { bytes } else { 0 };
            let sizes = dataset.facts_of(part).map(|p| bytes(p.bytes));
            let mut split = SplitWriter {
                split,
                shards: Shards::new(sizes, options.shard_bytes),
                schema: schema.clone(),
                properties: properties.clone(),
                group: RowGroup::default(),
                file: None,
            };
            if split.shards.is_empty() {
                split.finish(out)?;
            }
            writer.splits.push(split);
        }
        Ok(Box::new(writer))
    }

    fn split_names(&self, dataset: &Dataset) -> Vec<String> {
        split_names::names(dataset)
    }

    fn front_matter(&self, dataset: &Dataset) -> Option<String> {
        let pattern = |_, split: &str| format!("{FOLDER}/{split}-*");
        Some(features::front_matter(dataset, &columns(), pattern))
    }
}

const FOLDER: &str = "data";

/// The picture, then what is said of it.
fn columns() -> Vec<(&'static str, Feature)> {
    let image = ("image", Feature::Image);
    std::iter::once(image)
        .chain(features::ROW.iter().copied())
        .collect()
}

/// Columns as JSON, as it stands in the metadata of Parquet files. Lists are called `Sequence`: `List` is not known to
/// `datasets` before version 4.
fn to_json(columns: &[(&str, Feature)], classes: &[String]) -> Value {
    let column = |(name, feature): &(&str, Feature)| ((*name).to_owned(), one(feature, classes));
    Value::Object(columns.iter().map(column).collect())
}

fn one(feature: &Feature, classes: &[String]) -> Value {
    match feature.of(classes) {
        Feature::Image => json!({ "_type": "Image" }),
        Feature::Value(dtype) => json!({ "dtype": dtype, "_type": "Value" }),
        Feature::Class => json!({ "names": classes, "_type": "ClassLabel" }),
        Feature::List(inner) => json!({ "feature": one(inner, classes), "_type": "Sequence" }),
        Feature::Struct(members) => to_json(members, classes),
    }
}

fn schema(columns: &[(&str, Feature)]) -> ParquetResult<Arc<Type>> {
    let fields: String = columns.iter().map(|(name, f)| field(name, f)).collect();
    parse_message_type(&format!("message schema {{ {fields} }}")).map(Arc::new)
}

fn field(name: &str, feature: &Feature) -> String {
    let members =
        |members: Columns| -> String { members.iter().map(|(n, f)| field(n, f)).collect() };
    match feature {
        Feature::Image => format!(
            "optional group {name} {{ optional binary bytes; optional binary path (STRING); }} "
        ),
        Feature::Value("int32") => format!("optional int32 {name}; "),
        Feature::Value("float64") => format!("optional double {name}; "),
        Feature::Value("bool") => format!("optional boolean {name}; "),
        Feature::Value(_) => format!("optional binary {name} (STRING); "),
        Feature::Class => format!("optional int64 {name}; "),
        Feature::List(inner) => format!(
            "optional group {name} (LIST) {{ repeated group list {{ {}}} }} ",
            field("element", inner)
        ),
        Feature::Struct(inner) => format!("optional group {name} {{ {}}} ", members(inner)),
    }
}

/// No names of versions, no dates: files are the same on every run.
fn properties(metadata: String) -> WriterProperties {
    let pixels = ColumnPath::from(vec!["image".to_owned(), "bytes".to_owned()]);
    WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by("recto".into())
        .set_key_value_metadata(Some(vec![KeyValue::new("huggingface".into(), metadata)]))
        .set_column_compression(pixels.clone(), Compression::UNCOMPRESSED)
        .set_column_dictionary_enabled(pixels.clone(), false)
        .set_column_statistics_enabled(pixels, EnabledStatistics::None)
        .build()
}

struct ParquetWriter<'a> {
    dataset: &'a Dataset,
    stems: file_names::Names,
    splits: Vec<SplitWriter>,
}

/// The files of a split. One is open at a time.
struct SplitWriter {
    split: String,
    shards: Shards,
    schema: Arc<Type>,
    properties: Arc<WriterProperties>,
    group: RowGroup,
    file: Option<SerializedFileWriter<Vec<u8>>>,
}

impl Writer for ParquetWriter<'_> {
    fn image(&mut self, image: &DatasetImage, out: &mut dyn Sink) -> Result<(), Error> {
        let split = &mut self.splits[self.dataset.part(image)];
        let bytes = match self.dataset.placed {
            true => Some(pixels(image)?),
            false => None,
        };
        let name = match self.dataset.placed {
            true => format!("{}.{}", self.stems.of(&image.file), image.suffix()),
            false => image.file.to_string(),
        };
        split.group.add(bytes, &name, &Row::of(image, self.dataset));
        if split.group.bytes() >= GROUP_BYTES {
            split.write_group(out)?;
        }
        if split.shards.is_last() {
            split.finish(out)?;
        }
        split.shards.add();
        Ok(())
    }

    fn finish(self: Box<Self>, _: &mut dyn Sink) -> Written {
        Ok(split_names::note("parquet", self.dataset)
            .into_iter()
            .collect())
    }
}

fn pixels(image: &DatasetImage) -> Result<Vec<u8>, Error> {
    let bytes = image.read()?;
    if bytes.len() > MOST_BYTES {
        let what = format!(
            "{}: {} bytes, a value in Parquet holds at most 2 GiB",
            image.file,
            bytes.len()
        );
        return Err(Error::new(what).hint("--images none writes names in place of images"));
    }
    Ok(bytes)
}

impl SplitWriter {
    fn path(&self) -> String {
        let (at, of) = (self.shards.current(), self.shards.count());
        format!("{FOLDER}/{}-{at:05}-of-{of:05}.parquet", self.split)
    }

    /// Writes the rows that are held as a group.
    fn write_group(&mut self, out: &mut dyn Sink) -> Result<(), Error> {
        let path = self.path();
        let fault = |e| cannot(&path)(std::io::Error::other(e));
        let mut file = match self.file.take() {
            Some(file) => file,
            None => {
                SerializedFileWriter::new(Vec::new(), self.schema.clone(), self.properties.clone())
                    .map_err(fault)?
            }
        };
        if !self.group.is_empty() {
            self.group.write(&mut file).map_err(fault)?;
        }
        file.flush().map_err(cannot(&path))?;
        out.append(&path, &std::mem::take(file.inner_mut()))?;
        self.file = Some(file);
        Ok(())
    }

    /// Writes what is held, and the end of the file.
    fn finish(&mut self, out: &mut dyn Sink) -> Result<(), Error> {
        self.write_group(out)?;
        let path = self.path();
        if let Some(file) = self.file.take() {
            let end = file.into_inner();
            let end = end.map_err(|e| cannot(&path)(std::io::Error::other(e)))?;
            out.append(&path, &end)?;
        }
        out.close(&path)
    }
}
