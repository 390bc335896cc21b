//! The rows of a group, column by column.

use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type};
use parquet::errors::Result;
use parquet::file::writer::SerializedFileWriter;

use crate::contracts::parquet::levels::{Cells, Column, write_group};
use crate::formats::hf::row::Row;

/// Rows that are held until they are a group.
pub struct RowGroup {
    rows: usize,
    bytes: usize,
    pixels: Column<ByteArrayType>,
    name: Column<ByteArrayType>,
    /// Number, width and height of each image.
    sizes: [Column<Int32Type>; 3],
    /// Source, origin, group, rights and attribution of each image.
    said: [Column<ByteArrayType>; 5],
    labels: Column<ByteArrayType>,
    id: Column<Int32Type>,
    bbox: Column<DoubleType>,
    area: Column<DoubleType>,
    iscrowd: Column<BoolType>,
    text: Column<ByteArrayType>,
    category: Column<Int64Type>,
    label: Column<ByteArrayType>,
    attributes: Column<ByteArrayType>,
    rings: Column<DoubleType>,
}

impl Default for RowGroup {
    fn default() -> Self {
        RowGroup {
            rows: 0,
            bytes: 0,
            pixels: Column::new(1, 0),
            name: Column::new(1, 0),
            sizes: std::array::from_fn(|_| Column::new(0, 0)),
            said: std::array::from_fn(|_| Column::new(0, 0)),
            labels: Column::new(0, 1),
            id: Column::new(1, 1),
            bbox: Column::new(1, 2),
            area: Column::new(1, 1),
            iscrowd: Column::new(1, 1),
            text: Column::new(1, 1),
            category: Column::new(1, 1),
            label: Column::new(1, 1),
            attributes: Column::new(1, 1),
            rings: Column::new(1, 3),
        }
    }
}

impl RowGroup {
    /// About how many bytes its rows take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Adds a row: the bytes and the name of an image, and what is said of it.
    pub fn add(&mut self, pixels: Option<Vec<u8>>, name: &str, row: &Row) {
        let objects = &row.objects;
        let points = objects.rings.iter().flatten().flatten().map(Vec::len);
        self.rows += 1;
        self.bytes += 500 + 150 * objects.id.len() + 12 * points.sum::<usize>();
        self.bytes += pixels.as_ref().map_or(0, Vec::len);
        match pixels {
            Some(pixels) => self.pixels.value(pixels.into()),
            None => self.pixels.none(),
        }
        self.name.value(name.into());
        let sizes = [row.image_id, row.width, row.height];
        for (column, n) in self.sizes.iter_mut().zip(sizes) {
            column.value(n as i32);
        }
        let said = [
            &row.source,
            &row.origin,
            &row.group,
            &row.rights,
            &row.attribution,
        ];
        for (column, text) in self.said.iter_mut().zip(said) {
            column.value(text.as_ref().into());
        }
        self.labels.values(texts(row.labels.unwrap_or_default()));
        self.id.values(objects.id.iter().map(|&id| id as i32));
        self.bbox.list(0, &objects.bbox, |column, bbox| {
            column.list(1, *bbox, Column::value);
        });
        self.area.values(objects.area.iter().copied());
        self.iscrowd.values(objects.iscrowd.iter().copied());
        self.text.values(texts(&objects.text));
        self.category
            .values(objects.category.iter().map(|&class| class as i64));
        self.label.values(texts(&objects.label));
        self.bytes += objects.attributes.iter().map(String::len).sum::<usize>();
        let attributes = objects.attributes.iter();
        self.attributes
            .values(attributes.map(|json| ByteArray::from(json.as_str())));
        self.rings
            .list(0, objects.rings.iter().flatten(), |column, rings| {
                column.list(1, rings, |column, ring| {
                    column.list(2, ring.iter().copied(), Column::value);
                });
            });
    }

    /// Writes all rows as a group and forgets them.
    ///
    /// # Errors
    /// The columns are not those of the file.
    pub fn write(&mut self, file: &mut SerializedFileWriter<Vec<u8>>) -> Result<()> {
        write_group(self.columns(), file)?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }

    /// In the order of the file: that of [`ROW`](crate::formats::hf::features::ROW), after the image.
    fn columns(&mut self) -> Vec<&mut dyn Cells> {
        let mut columns: Vec<&mut dyn Cells> = vec![&mut self.pixels, &mut self.name];
        columns.extend(self.sizes.iter_mut().map(|column| column as &mut dyn Cells));
        columns.extend(self.said.iter_mut().map(|column| column as &mut dyn Cells));
        columns.extend([
            &mut self.id as &mut dyn Cells,
            &mut self.bbox,
            &mut self.area,
            &mut self.iscrowd,
            &mut self.text,
            &mut self.category,
            &mut self.label,
            &mut self.attributes,
            &mut self.rings,
            &mut self.labels,
        ]);
        columns
    }
}

fn texts<T: AsRef<str>>(texts: &[T]) -> impl Iterator<Item = ByteArray> {
    texts.iter().map(|text| ByteArray::from(text.as_ref()))
}
