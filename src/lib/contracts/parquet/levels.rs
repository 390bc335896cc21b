//! Columns of a row group: values, and the levels by which Parquet says where lists and rows begin and what is missing.
//!
//! Every group, list and value is optional, as `datasets` and pyarrow write them. A list adds two levels of definition, that it
//! is there and that it has an element, and one of repetition.

use ::parquet::data_type::DataType;
use ::parquet::errors::Result;
use ::parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};

/// The cells of one column.
pub struct Column<T: DataType> {
    /// The level of definition of a value that is there.
    full: i16,
    /// That of a list of a row that is empty.
    empty: i16,
    values: Vec<T::T>,
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
    /// Which list the next value continues: 0 begins a row.
    next: i16,
}

impl<T: DataType> Column<T> {
    /// A column of values at a depth of so many groups, within so many lists.
    pub fn new(groups: i16, lists: i16) -> Self {
        Column {
            full: groups + 2 * lists + 1,
            empty: groups + 1,
            values: Vec::new(),
            definitions: Vec::new(),
            repetitions: Vec::new(),
            next: 0,
        }
    }

    /// A column of the members of structs, of which a row has a list.
    pub fn of_structs() -> Self {
        Column {
            empty: 1,
            ..Column::new(1, 1)
        }
    }

    /// Adds a value.
    pub fn value(&mut self, value: T::T) {
        self.level(self.full);
        self.values.push(value);
    }

    /// Adds a cell whose group is there, and the value is not.
    pub fn none(&mut self) {
        self.level(self.full - 1);
    }

    /// Adds a list. `level` counts the lists around it: 0 is the list of a row.
    pub fn list<I>(
        &mut self,
        level: i16,
        items: impl IntoIterator<Item = I>,
        mut each: impl FnMut(&mut Self, I),
    ) {
        if level == 0 {
            self.next = 0;
        }
        let mut is_empty = true;
        for item in items {
            each(self, item);
            self.next = level + 1;
            is_empty = false;
        }
        if is_empty {
            self.level(self.empty + 2 * level);
        }
    }

    /// Adds the list of a row.
    pub fn values(&mut self, values: impl IntoIterator<Item = T::T>) {
        self.list(0, values, Self::value);
    }

    fn level(&mut self, definition: i16) {
        self.definitions.push(definition);
        self.repetitions.push(self.next);
    }
}

/// A column of any type, to be written.
pub trait Cells {
    /// Writes all cells and forgets them.
    ///
    /// # Errors
    /// The values do not fit the column.
    fn write(&mut self, writer: SerializedColumnWriter<'_>) -> Result<()>;
}

/// Writes what columns hold, in the order of the file, as a group of rows.
///
/// # Errors
/// The columns are not those of the file.
pub fn write_group(
    columns: Vec<&mut dyn Cells>,
    file: &mut SerializedFileWriter<Vec<u8>>,
) -> Result<()> {
    let mut group = file.next_row_group()?;
    for column in columns {
        if let Some(writer) = group.next_column()? {
            column.write(writer)?;
        }
    }
    group.close()?;
    Ok(())
}

impl<T: DataType> Cells for Column<T> {
    fn write(&mut self, mut writer: SerializedColumnWriter<'_>) -> Result<()> {
        writer.typed::<T>().write_batch(
            &self.values,
            Some(&self.definitions),
            Some(&self.repetitions),
        )?;
        self.values.clear();
        self.definitions.clear();
        self.repetitions.clear();
        writer.close()
    }
}

#[cfg(test)]
mod tests {
    use ::parquet::data_type::Int32Type;

    use super::*;

    #[test]
    fn levels_say_where_lists_begin() {
        let mut column: Column<Int32Type> = Column::new(1, 2);
        for row in [vec![vec![1, 2], vec![], vec![3]], vec![], vec![vec![4]]] {
            column.list(0, row, |column, inner| column.list(1, inner, Column::value));
        }
        let levels: Vec<(i16, i16)> = column
            .repetitions
            .iter()
            .copied()
            .zip(column.definitions.iter().copied())
            .collect();
        // As Arrow writes [[[1, 2], [], [3]], [], [[4]]] within an optional group.
        assert_eq!(levels, [(0, 6), (2, 6), (1, 4), (1, 6), (0, 2), (0, 6)]);
        assert_eq!(column.values, [1, 2, 3, 4]);
    }
}
