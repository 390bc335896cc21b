//! Fetched documents on the disk: one file for the bytes, one for what the server said of them.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::files;
use crate::http::Response;

/// A folder of documents, named by a hash of their URLs.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
}

/// A document as it was answered.
#[derive(Debug, PartialEq)]
pub struct Entry {
    /// Where it came from in the end.
    pub final_url: String,
    /// Its version, in the server's words.
    pub etag: Option<String>,
    /// Its date, in the server's words.
    pub last_modified: Option<String>,
    /// The document.
    pub bytes: Vec<u8>,
}

/// What stands beside the bytes. The hash ties the two files together: whichever was written by another run than
/// its neighbour makes no entry.
#[derive(Serialize, Deserialize)]
struct Meta {
    url: String,
    final_url: String,
    etag: Option<String>,
    last_modified: Option<String>,
    sha256: String,
}

impl Entry {
    /// The entry of an answer.
    pub fn of(reply: &Response) -> Self {
        Entry {
            final_url: reply.url.clone(),
            etag: reply.header("etag").map(str::to_owned),
            last_modified: reply.header("last-modified").map(str::to_owned),
            bytes: reply.body.to_vec(),
        }
    }
}

impl Cache {
    /// The cache in a folder, which is made when the first document is put there.
    pub fn new(folder: &Path) -> Self {
        Cache {
            folder: folder.to_owned(),
        }
    }

    /// The entry of a URL, if it is there and whole.
    pub fn get(&self, url: &str) -> Option<Entry> {
        let (body, meta) = self.paths(url);
        let meta: Meta = serde_json::from_slice(&files::read(&meta).ok()?).ok()?;
        let bytes = files::read(&body).ok()?;
        let is_whole = meta.url == url && meta.sha256 == files::hex_digest(&bytes, 64);
        is_whole.then_some(Entry {
            final_url: meta.final_url,
            etag: meta.etag,
            last_modified: meta.last_modified,
            bytes,
        })
    }

    /// Keeps an entry.
    pub fn put(&self, url: &str, entry: &Entry) -> Result<(), Error> {
        let (body, meta) = self.paths(url);
        let about = Meta {
            url: url.to_owned(),
            final_url: entry.final_url.clone(),
            etag: entry.etag.clone(),
            last_modified: entry.last_modified.clone(),
            sha256: files::hex_digest(&entry.bytes, 64),
        };
        files::write(&body, &entry.bytes)?;
        files::write_json(&meta, &about)
    }

    fn paths(&self, url: &str) -> (PathBuf, PathBuf) {
        let name = files::hex_digest(url.as_bytes(), 32);
        // Folders of 256 keep listings short in harvests of a million documents.
        let folder = self.folder.join(&name[..2]);
        (
            folder.join(format!("{name}.body")),
            folder.join(format!("{name}.json")),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_comes_back_and_a_damaged_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path());
        let entry = Entry {
            final_url: "b".into(),
            etag: Some("\"1\"".into()),
            last_modified: None,
            bytes: b"{}".into(),
        };
        assert_eq!(cache.get("a"), None);
        cache.put("a", &entry).unwrap();
        assert_eq!(cache.get("a"), Some(entry));
        std::fs::write(cache.paths("a").0, b"{").unwrap();
        assert_eq!(cache.get("a"), None);
    }
}
