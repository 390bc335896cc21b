//! Which documents were read, for `--lock` and `--locked`: put aside on the disk, in memory are 32 bytes of each.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::contracts::{LockHead, LockedDocument, read_locked_documents};
use crate::error::Error;
use crate::files::{self, Scratch, Span};

/// The documents of a run, as they are read.
#[derive(Debug)]
pub struct DocumentLog {
    scratch: Scratch,
    rows: Vec<Row>,
    /// Those that could not be read, by numbers made of their names, and whether their server does not have them.
    failed: HashMap<u64, bool>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    /// A number made of its name.
    name: u64,
    /// The number in the worklist of the document that it was read for, from 1; 0 for what is read before.
    number: u32,
    span: Span,
}

impl DocumentLog {
    /// A log beside an output.
    pub fn beside(output: &Path) -> Self {
        DocumentLog {
            scratch: Scratch::beside(output),
            rows: Vec::new(),
            failed: HashMap::new(),
        }
    }

    /// Notes a document that could not be read.
    pub fn note_failure(&mut self, document: &LockedDocument, status: Option<u16>) {
        let is_gone = matches!(status, Some(404 | 410));
        self.failed.insert(name_of(document), is_gone);
    }

    /// Whether the archive does not have a document any more that was not read: its server says so, or everything was read and
    /// nothing named it. Where something could not be read just now, that may have named it.
    pub fn is_gone(&self, document: &LockedDocument) -> bool {
        match self.failed.get(&name_of(document)) {
            Some(is_gone) => *is_gone,
            None => self.failed.values().all(|is_gone| *is_gone),
        }
    }

    /// Notes a document that was read for the one with this number in the worklist; none: before all of them.
    ///
    /// # Errors
    /// The temporary file cannot be written.
    pub fn note(&mut self, number: Option<usize>, document: &LockedDocument) -> Result<(), Error> {
        let bytes = serde_json::to_vec(document)
            .map_err(|e| Error::new("a document cannot be noted for the lock").because(e))?;
        self.rows.push(Row {
            name: name_of(document),
            number: number.map_or(0, |number| number as u32 + 1),
            span: self.scratch.append(&bytes)?,
        });
        Ok(())
    }

    /// Those that led to the result, each once, in the order of documents: which these are and in which order, the worklist
    /// says. What else was read, before a limit was reached, depends on which answer came first.
    pub fn in_order(mut self, order: &[usize]) -> Self {
        let numbers = order.iter().map(|number| *number as u32 + 1);
        let places: HashMap<u32, u32> = numbers.zip(1..).chain([(0, 0)]).collect();
        let place = |row: &Row| places.get(&row.number).copied();
        self.rows.retain(|row| place(row).is_some());
        // The pages of a stream of activities come one after the other.
        self.rows.sort_by_key(place);
        let mut seen = HashSet::with_capacity(self.rows.len());
        self.rows.retain(|row| seen.insert(row.name));
        self
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Gives all to `take`, in their order.
    ///
    /// # Errors
    /// The temporary file cannot be read, or `take` fails.
    pub fn each(
        &mut self,
        mut take: impl FnMut(LockedDocument) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for row in &self.rows {
            let bytes = self.scratch.read(row.span)?;
            take(serde_json::from_slice(&bytes).map_err(|e| {
                Error::new("a document cannot be read from a temporary file").because(e)
            })?)?;
        }
        Ok(())
    }
}

/// What a lock says of documents: their hashes, by numbers made of their names.
#[derive(Debug, Default)]
pub struct LockedDocuments {
    hashes: HashMap<u64, [u8; 32]>,
    /// Whether a part of the lock is of the digest that is written; else all parts count.
    is_of_one: bool,
}

/// What a document is, held against a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// The same bytes.
    Same,
    /// Other bytes; those of the lock have this hash.
    Changed([u8; 32]),
    /// The lock does not have it.
    New,
}

impl LockedDocuments {
    /// Those of a digest: of the part with its name, else of all parts.
    ///
    /// # Errors
    /// The lock cannot be read, or has no documents.
    pub fn read(path: &Path, output: &str) -> Result<Self, Error> {
        let mut all = LockedDocuments::default();
        let mut of_one = LockedDocuments {
            is_of_one: true,
            ..LockedDocuments::default()
        };
        read_locked_documents(path, |head, document| {
            let hash = files::sha256_of_hex(&document.sha256);
            let name = name_of(&document);
            if head.output == output {
                of_one.hashes.insert(name, hash);
            }
            all.hashes.insert(name, hash);
            Ok(())
        })?;
        match (of_one.hashes.is_empty(), all.hashes.is_empty()) {
            (false, _) => Ok(of_one),
            (true, false) => Ok(all),
            (true, true) => Err(Error::new(format!(
                "{}: it does not have any documents, only images",
                path.display()
            ))
            .hint("`recto-digest --lock` adds those of a digest")),
        }
    }

    /// Whether a line of the lock counts.
    pub fn has_part(&self, head: &LockHead, output: &str) -> bool {
        !self.is_of_one || head.output == output
    }

    /// What a document is.
    pub fn judge(&self, document: &LockedDocument) -> Judged {
        match self.hashes.get(&name_of(document)) {
            None => Judged::New,
            Some(hash) if *hash == files::sha256_of_hex(&document.sha256) => Judged::Same,
            Some(hash) => Judged::Changed(*hash),
        }
    }
}

/// A number made of the name of a document.
pub fn name_of(document: &LockedDocument) -> u64 {
    files::hash_number(document.name().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_in_the_order_of_the_worklist_whoever_answered_first() {
        let document = |url: &str| LockedDocument {
            url: url.into(),
            ..LockedDocument::default()
        };
        let read = [
            (Some(2), "c"),
            (Some(0), "a"),
            (Some(4), "beyond the limit"),
            (None, "stream"),
            (Some(1), "b"),
            (Some(1), "page of b"),
            (Some(3), "a"),
        ];
        let mut log = DocumentLog::beside(Path::new("-"));
        for (number, url) in read {
            log.note(number, &document(url)).unwrap();
        }
        let mut log = log.in_order(&[0, 3, 1, 2]);
        let mut urls = Vec::new();
        log.each(|document| {
            urls.push(document.url);
            Ok(())
        })
        .unwrap();
        assert_eq!(urls, ["stream", "a", "b", "page of b", "c"]);
        assert_eq!(log.len(), 5);
    }
}
