//! Records put aside on the disk, found by their ids or by what is the same in them.

use std::path::Path;

use super::record::Record;
use crate::error::Error;
use crate::files::{self, Scratch, Span};

/// Records in a temporary file.
#[derive(Debug)]
pub struct Store {
    scratch: Scratch,
    rows: Vec<Row>,
    /// Numbers made of ids, each with the row of its record, sorted by [`Store::sort`].
    by_id: Vec<(u64, u32)>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    span: Span,
    is_taken: bool,
}

impl Store {
    /// Without records.
    pub fn new() -> Self {
        Store {
            // Two things are compared, and nothing is written beside them.
            scratch: Scratch::beside(Path::new("-")),
            rows: Vec::new(),
            by_id: Vec::new(),
        }
    }

    /// Puts records aside.
    ///
    /// # Errors
    /// The temporary file cannot be written.
    pub fn add(&mut self, records: &[Record]) -> Result<(), Error> {
        for record in records {
            let bytes = serde_json::to_vec(record).map_err(|e| {
                Error::new("a record cannot be written to a temporary file").because(e)
            })?;
            let row = u32::try_from(self.rows.len())
                .map_err(|_| Error::new("there are more images than can be compared"))?;
            self.by_id
                .push((files::hash_number(record.id.as_bytes()), row));
            self.rows.push(Row {
                span: self.scratch.append(&bytes)?,
                is_taken: false,
            });
        }
        Ok(())
    }

    /// After all are there: makes ids findable.
    pub fn sort(&mut self) {
        self.by_id.sort_unstable();
    }

    /// Takes the record with an id: of several the first that is not taken.
    ///
    /// # Errors
    /// The temporary file cannot be read.
    pub fn take(&mut self, id: &str) -> Result<Option<Record>, Error> {
        let number = files::hash_number(id.as_bytes());
        let mut at = self.by_id.partition_point(|(other, _)| *other < number);
        while let Some(&(_, row)) = self.by_id.get(at).filter(|(other, _)| *other == number) {
            if !self.rows[row as usize].is_taken {
                let record = self.get(row)?;
                if record.id == id {
                    self.rows[row as usize].is_taken = true;
                    return Ok(Some(record));
                }
            }
            at += 1;
        }
        Ok(None)
    }

    /// The rows that nobody has taken, in their order.
    pub fn left(&self) -> Vec<u32> {
        let rows = self.rows.iter().zip(0..);
        let left = rows.filter(|(row, _)| !row.is_taken);
        left.map(|(_, number)| number).collect()
    }

    /// The record of a row.
    ///
    /// # Errors
    /// The temporary file cannot be read.
    pub fn get(&mut self, row: u32) -> Result<Record, Error> {
        let bytes = self.scratch.read(self.rows[row as usize].span)?;
        serde_json::from_slice(&bytes)
            .map_err(|e| Error::new("a record cannot be read from a temporary file").because(e))
    }
}
