//! What documents hold, put aside until all are read: memory grows with the number of documents, not with what they hold.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::files::{Scratch, Span};

/// Values in a temporary file.
#[derive(Debug)]
pub struct Spool {
    scratch: Scratch,
    buffer: Vec<u8>,
}

/// A list of values in a [`Spool`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    span: Span,
    /// How many values there are.
    pub values: usize,
}

/// The most values that are read back in one go.
const CHUNK: usize = 256;

impl Spool {
    /// A spool beside an output.
    pub fn beside(output: &Path) -> Self {
        Spool {
            scratch: Scratch::beside(output),
            buffer: Vec::new(),
        }
    }

    /// Puts values aside, in lists that are each read back in one go.
    ///
    /// # Errors
    /// The temporary file cannot be written.
    pub fn put_all<T: Serialize>(&mut self, values: &[T]) -> Result<Vec<Stored>, Error> {
        let lists = values.chunks(CHUNK);
        lists.map(|list| self.put(list)).collect()
    }

    /// Puts one list of values aside.
    ///
    /// # Errors
    /// The temporary file cannot be written.
    pub fn put<T: Serialize>(&mut self, values: &[T]) -> Result<Stored, Error> {
        self.buffer.clear();
        serde_json::to_writer(&mut self.buffer, values)
            .map_err(|e| Error::new("a value cannot be written to a temporary file").because(e))?;
        Ok(Stored {
            span: self.scratch.append(&self.buffer)?,
            values: values.len(),
        })
    }

    /// A list of values that was put aside.
    ///
    /// # Errors
    /// The temporary file cannot be read.
    pub fn get<T: DeserializeOwned>(&mut self, stored: Stored) -> Result<Vec<T>, Error> {
        let bytes = self.scratch.read(stored.span)?;
        serde_json::from_slice(&bytes)
            .map_err(|e| Error::new("a value cannot be read from a temporary file").because(e))
    }
}
