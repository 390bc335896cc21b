//! Fetched documents on the disk: one file for the bytes, one for the headers.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::files;
use crate::http::Response;
use crate::sources::FetchFailure;

/// A folder of documents, named by a hash of URL and request body.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
}

/// A document as it was received.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CachedDocument {
    /// Its URL after redirects.
    pub final_url: String,
    /// The ETag header.
    pub etag: Option<String>,
    /// The Last-Modified header.
    pub last_modified: Option<String>,
    /// The Content-Type header.
    pub media_type: Option<String>,
    /// When it was fetched, or said to be the same, by the server's clock.
    pub fetched: Option<Timestamp>,
    /// The body.
    pub bytes: Vec<u8>,
}

/// The second file. The hash ties both files together: if they were written by different runs, there is no entry.
#[derive(Serialize, Deserialize)]
struct Meta {
    url: String,
    final_url: String,
    etag: Option<String>,
    last_modified: Option<String>,
    #[serde(default)]
    media_type: Option<String>,
    /// Seconds since 1970.
    #[serde(default)]
    fetched: Option<i64>,
    sha256: String,
}

impl CachedDocument {
    /// The document of a response.
    pub fn of(reply: Response) -> Self {
        CachedDocument {
            etag: reply.etag(),
            last_modified: reply.last_modified(),
            media_type: reply.header("content-type").map(str::to_owned),
            fetched: Timestamp::try_from(reply.time()).ok(),
            final_url: reply.url,
            bytes: reply.body.into(),
        }
    }
}

impl Cache {
    /// The cache in a folder, which is created with the first document.
    pub fn new(folder: &Path) -> Self {
        Cache {
            folder: folder.to_owned(),
        }
    }

    /// The document with this key, if it is there and undamaged.
    pub fn get(&self, url: &str) -> Option<CachedDocument> {
        let (body, meta) = self.paths(url);
        let meta: Meta = serde_json::from_slice(&files::read(&meta).ok()?).ok()?;
        let bytes = files::read(&body).ok()?;
        let is_whole = meta.url == url && meta.sha256 == files::hex_digest(&bytes, 64);
        is_whole.then_some(CachedDocument {
            final_url: meta.final_url,
            etag: meta.etag,
            last_modified: meta.last_modified,
            media_type: meta.media_type,
            fetched: meta.fetched.and_then(|s| Timestamp::from_second(s).ok()),
            bytes,
        })
    }

    /// Stores a document.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn put(&self, url: &str, entry: &CachedDocument) -> Result<(), Error> {
        let (body, _) = self.paths(url);
        files::write(&body, &entry.bytes)?;
        self.put_headers(url, entry)
    }

    /// Stores why a document could not be fetched, where nothing is stored of it yet.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn put_failure(&self, url: &str, failure: &FetchFailure) -> Result<(), Error> {
        let (body, _) = self.paths(url);
        match files::is_there(&body) {
            true => Ok(()),
            false => files::write_json(&body.with_extension("failure.json"), &(url, failure)),
        }
    }

    /// Why a document that is not stored could not be fetched, if that is known.
    pub fn failure(&self, url: &str) -> Option<FetchFailure> {
        let file = self.paths(url).0.with_extension("failure.json");
        let (about, failure): (String, FetchFailure) =
            serde_json::from_slice(&files::read(&file).ok()?).ok()?;
        (about == url).then_some(failure)
    }

    /// Stores what is known of a document whose bytes are stored.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn put_headers(&self, url: &str, entry: &CachedDocument) -> Result<(), Error> {
        let (_, meta) = self.paths(url);
        let about = Meta {
            url: url.to_owned(),
            final_url: entry.final_url.clone(),
            etag: entry.etag.clone(),
            last_modified: entry.last_modified.clone(),
            media_type: entry.media_type.clone(),
            fetched: entry.fetched.map(Timestamp::as_second),
            sha256: files::hex_digest(&entry.bytes, 64),
        };
        files::write_json(&meta, &about)
    }

    fn paths(&self, url: &str) -> (PathBuf, PathBuf) {
        let name = files::hex_digest(url.as_bytes(), 32);
        // 256 folders keep directory listings short, even with a million documents.
        let folder = self.folder.join(&name[..2]);
        (
            folder.join(format!("{name}.body")),
            folder.join(format!("{name}.json")),
        )
    }
}

#[cfg(test)]
mod tests {
    use recto_testkit::mutation::{self, Random};

    use super::*;

    #[test]
    fn a_document_is_found_again_unless_it_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path());
        let entry = CachedDocument {
            final_url: "b".into(),
            etag: Some("\"1\"".into()),
            last_modified: None,
            media_type: Some("application/json".into()),
            fetched: Timestamp::from_second(1_700_000_000).ok(),
            bytes: b"{}".into(),
        };
        assert_eq!(cache.get("a"), None);
        cache.put("a", &entry).unwrap();
        assert_eq!(cache.get("a"), Some(entry));
        std::fs::write(cache.paths("a").0, b"{").unwrap();
        assert_eq!(cache.get("a"), None);
    }

    #[test]
    fn damaged_headers_are_none_or_those_of_the_document() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path());
        let meta = Meta {
            media_type: None,
            fetched: None,
            url: "a".into(),
            final_url: "b".into(),
            etag: Some("\"1\"".into()),
            last_modified: None,
            sha256: files::hex_digest(b"{}", 64),
        };
        let (body, file) = cache.paths("a");
        files::write(&body, b"{}").unwrap();
        let sound = serde_json::to_value(&meta).unwrap();
        let make = move |random: &mut Random| mutation::json(&sound, random);
        let takes = move |bytes: &[u8]| {
            // What the folder of the test goes with.
            let _folder = &folder;
            std::fs::write(&file, bytes).unwrap();
            cache.get("a").is_some_and(|found| found.bytes == b"{}")
        };
        mutation::check(1000, make, takes).is_mixed();
    }
}
