//! The rows of a group of images, column by column.

use std::io;

use ::parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type,
};
use ::parquet::errors::Result;
use ::parquet::file::writer::SerializedFileWriter;

use super::levels::{Cells, Column, write_group};
use crate::contracts::{LocalizedImage, Polygon};

/// The columns, in the order in which they are written; docs/contracts.md explains them.
pub const SCHEMA: &str = "message images {
    optional binary id (STRING);
    optional binary url (STRING);
    optional binary service (STRING);
    optional binary service_region (STRING);
    optional binary media_type (STRING);
    optional binary sha256 (STRING);
    optional binary group (STRING);
    optional binary source (STRING);
    optional binary manifest (STRING);
    optional binary canvas (STRING);
    optional binary manifest_label (STRING);
    optional binary canvas_label (STRING);
    optional binary image_label (STRING);
    optional binary rights (STRING);
    optional binary attribution (STRING);
    optional binary metadata (STRING);
    optional int32 service_version;
    optional int64 width;
    optional int64 height;
    optional double frame_width;
    optional double frame_height;
    optional boolean in_pixels;
    optional boolean rejected;
    optional group labels (LIST) { repeated group list { optional binary element (STRING); } }
    optional group boxes (LIST) { repeated group list { optional group element {
        optional binary id (STRING);
        optional binary concept (STRING);
        optional binary polygon (STRING);
        optional binary holes (STRING);
        optional binary attributes (STRING);
        optional double x;
        optional double y;
        optional double width;
        optional double height;
    } } }
}";

/// A group is full with so many bytes, about.
const GROUP_BYTES: usize = 1 << 24;
/// What a row and a box take beside their texts, in bytes.
const ROW: usize = 200;
const BOX: usize = 120;

type Texts = Column<ByteArrayType>;

/// Rows that are held until they are a group.
pub struct Rows {
    count: usize,
    bytes: usize,
    texts: [Texts; 16],
    version: Column<Int32Type>,
    sides: [Column<Int64Type>; 2],
    frame: [Column<DoubleType>; 2],
    in_pixels: Column<BoolType>,
    rejected: Column<BoolType>,
    labels: Texts,
    box_texts: [Texts; 5],
    box_numbers: [Column<DoubleType>; 4],
}

impl Default for Rows {
    fn default() -> Self {
        Rows {
            count: 0,
            bytes: 0,
            texts: std::array::from_fn(|_| Column::new(0, 0)),
            version: Column::new(0, 0),
            sides: std::array::from_fn(|_| Column::new(0, 0)),
            frame: std::array::from_fn(|_| Column::new(0, 0)),
            in_pixels: Column::new(0, 0),
            rejected: Column::new(0, 0),
            labels: Column::new(0, 1),
            box_texts: std::array::from_fn(|_| Column::of_structs()),
            box_numbers: std::array::from_fn(|_| Column::of_structs()),
        }
    }
}

impl Rows {
    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether the rows are enough for a group.
    pub fn is_group(&self) -> bool {
        self.bytes >= GROUP_BYTES
    }

    /// Adds an image.
    ///
    /// # Errors
    /// What it holds cannot be represented in JSON.
    pub fn add(&mut self, image: &LocalizedImage) -> io::Result<()> {
        let (at, source, labels) = (&image.image, &image.source, &image.source.labels);
        let service = at.service.as_ref();
        let region = service.and_then(|service| service.region);
        let region = region.map(|[x, y, w, h]| format!("{x},{y},{w},{h}"));
        let metadata = serde_json::to_string(&image.metadata)?;
        let texts = [
            Some(&*image.id),
            at.url.as_deref(),
            service.map(|service| &*service.id),
            region.as_deref(),
            at.media_type.as_deref(),
            at.sha256.as_deref(),
            Some(&*image.group),
            Some(&*source.kind),
            source.manifest.as_deref(),
            source.canvas.as_deref(),
            labels.manifest.as_deref(),
            labels.canvas.as_deref(),
            labels.image.as_deref(),
            source.rights.as_deref(),
            source.attribution.as_deref(),
            Some(&*metadata),
        ];
        self.count += 1;
        self.bytes += ROW + texts.iter().flatten().map(|text| text.len()).sum::<usize>();
        for (column, text) in self.texts.iter_mut().zip(texts) {
            cell(column, text.map(ByteArray::from));
        }
        let version = service.map(|service| i32::from(service.version));
        cell(&mut self.version, version);
        cell(&mut self.sides[0], at.width.map(i64::from));
        cell(&mut self.sides[1], at.height.map(i64::from));
        let frame = image.frame;
        cell(&mut self.frame[0], frame.map(|frame| frame.width));
        cell(&mut self.frame[1], frame.map(|frame| frame.height));
        self.in_pixels.value(image.in_pixels);
        self.rejected.value(image.rejected);
        self.labels
            .values(image.labels.iter().map(|label| ByteArray::from(&**label)));
        self.add_boxes(image)
    }

    fn add_boxes(&mut self, image: &LocalizedImage) -> io::Result<()> {
        let (mut texts, mut numbers) = (Vec::new(), Vec::new());
        for found in &image.localizations {
            let ring = |ring: &Polygon| serde_json::to_string(ring);
            let polygon = found.polygon.as_ref().map(ring).transpose()?;
            let holes = (!found.holes.is_empty()).then(|| serde_json::to_string(&found.holes));
            let own = [
                Some(found.id.clone()),
                Some(found.concept.clone()),
                polygon,
                holes.transpose()?,
                Some(serde_json::to_string(&found.attributes)?),
            ];
            self.bytes += BOX + own.iter().flatten().map(String::len).sum::<usize>();
            texts.push(own);
            let of = &found.bbox;
            numbers.push([of.x, of.y, of.width, of.height]);
        }
        for (n, column) in self.box_texts.iter_mut().enumerate() {
            column.list(0, &texts, |column, own| {
                cell(column, own[n].as_deref().map(ByteArray::from));
            });
        }
        for (n, column) in self.box_numbers.iter_mut().enumerate() {
            column.list(0, &numbers, |column, own| column.value(own[n]));
        }
        Ok(())
    }

    /// Writes all rows as a group and forgets them.
    ///
    /// # Errors
    /// The columns are not those of the file.
    pub fn write(&mut self, file: &mut SerializedFileWriter<Vec<u8>>) -> Result<()> {
        write_group(self.columns(), file)?;
        (self.count, self.bytes) = (0, 0);
        Ok(())
    }

    /// In the order of [`SCHEMA`].
    fn columns(&mut self) -> Vec<&mut dyn Cells> {
        let mut columns: Vec<&mut dyn Cells> = Vec::new();
        columns.extend(self.texts.iter_mut().map(|column| column as &mut dyn Cells));
        columns.push(&mut self.version);
        columns.extend(self.sides.iter_mut().map(|column| column as &mut dyn Cells));
        columns.extend(self.frame.iter_mut().map(|column| column as &mut dyn Cells));
        columns.push(&mut self.in_pixels);
        columns.push(&mut self.rejected);
        columns.push(&mut self.labels);
        columns.extend(
            self.box_texts
                .iter_mut()
                .map(|column| column as &mut dyn Cells),
        );
        columns.extend(
            self.box_numbers
                .iter_mut()
                .map(|column| column as &mut dyn Cells),
        );
        columns
    }
}

/// A value, or a cell without one.
fn cell<T: DataType>(column: &mut Column<T>, value: Option<T::T>) {
    match value {
        Some(value) => column.value(value),
        None => column.none(),
    }
}
