//! `--refresh`: asks servers what has changed since an image was downloaded: by ETag and date, by the size that `info.json`
//! declares, by one region of an image that was joined.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use super::index::{Index, Slot};
use crate::contracts::{Change, Download, LocalizedImage};
use crate::download::names::source_uri;
use crate::error::Error;
use crate::files;
use crate::http::header::{HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use crate::http::{Client, Kind, Request, RequestLog, id_without_secrets, without_secrets};
use crate::iiif::{self, info::Info};

/// What servers say about images that were downloaded before.
#[derive(Debug, Default)]
pub struct Refreshed {
    /// Images whose files stay: unchanged, gone, or not checked.
    pub there: Vec<Slot>,
    /// Ids of those that are to be downloaded again.
    pub changed: HashSet<String>,
    /// Those that are no longer at the server.
    pub gone: Vec<Slot>,
    /// All that are not the same, by id.
    pub changes: BTreeMap<String, Change>,
    /// Notes for the user.
    pub notes: Vec<String>,
}

/// What a server says about one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Since {
    /// It has not changed.
    Same,
    /// It has changed, or nothing proves that it has not.
    Changed,
    /// It is not there any more.
    Gone,
    /// The server did not say.
    Unknown,
}

impl Since {
    /// The word in `changes.csv`.
    fn name(self) -> &'static str {
        match self {
            Since::Same => "same",
            Since::Changed => "changed",
            Since::Gone => "gone",
            Since::Unknown => "unknown",
        }
    }
}

/// What a server said about an image, and what the journal says.
pub struct Asked {
    since: Since,
    slot: Slot,
    entry: Download,
}

/// Asks the server of an image that was downloaded before; none where the journal has no such image.
pub async fn ask(
    client: &Client,
    index: &Index,
    image: &LocalizedImage,
    log: RequestLog,
) -> Option<Asked> {
    let slot = index.find(&image.id)?;
    let mut entry = index.entry(slot)?;
    // The journal has URLs without passwords and signatures, and yesterday's signatures are of no use.
    if let Some(url) = image.image.url.as_ref().filter(|_| entry.method == "bytes") {
        entry.uri.clone_from(url);
    }
    let since = since(client, &entry, &log).await;
    Some(Asked { since, slot, entry })
}

impl Refreshed {
    /// From what servers said, in any order. `new` are the images that were never downloaded.
    pub fn of(mut asked: Vec<Asked>, index: &Index, new: &[&LocalizedImage]) -> Self {
        asked.sort_by(|a, b| index.id(a.slot).cmp(index.id(b.slot)));
        let mut refreshed = Refreshed::default();
        refreshed.note(&asked, index, new.len());
        for Asked { since, slot, entry } in asked {
            match since {
                Since::Changed => drop(refreshed.changed.insert(entry.id.clone())),
                _ => refreshed.there.push(slot),
            }
            if since == Since::Gone {
                refreshed.gone.push(slot);
            }
            if since != Since::Same {
                let change = Change {
                    id: entry.id.clone(),
                    url: without_secrets(&entry.uri).into_owned(),
                    change: since.name().into(),
                    path: entry.path,
                    old_sha256: entry.sha256,
                    new_sha256: String::new(),
                };
                refreshed.changes.insert(entry.id, change);
            }
        }
        refreshed.add_new(new);
        refreshed
    }

    fn add_new(&mut self, new: &[&LocalizedImage]) {
        for image in new {
            let change = Change {
                id: image.id.clone(),
                url: without_secrets(source_uri(image).unwrap_or_default()).into_owned(),
                change: "new".into(),
                ..Change::default()
            };
            self.changes.insert(image.id.clone(), change);
        }
    }

    /// Says how many are what, and which.
    fn note(&mut self, all: &[Asked], index: &Index, new: usize) {
        let count = |kind: Since| all.iter().filter(|asked| asked.since == kind).count();
        let [same, changed, gone, unknown] =
            [Since::Same, Since::Changed, Since::Gone, Since::Unknown].map(count);
        self.notes.push(format!(
            "--refresh: {same} unchanged, {changed} changed, {gone} gone from the server, {unknown} could not be checked (no ETag or date, or no answer); {new} new"
        ));
        let list = [
            (Since::Changed, "changed"),
            (Since::Gone, "gone from the server"),
            (Since::Unknown, "could not be checked"),
        ];
        for (kind, what) in list {
            let of_kind = all.iter().filter(|asked| asked.since == kind);
            let ids: Vec<String> = of_kind
                .map(|asked| id_without_secrets(index.id(asked.slot)))
                .collect();
            let listed = list_of(&ids).map(|ids| format!("--refresh: {what}: {ids}"));
            self.notes.extend(listed);
        }
    }
}

/// Whether a file has changed since it was downloaded.
async fn since(client: &Client, entry: &Download, log: &RequestLog) -> Since {
    match &entry.region {
        Some(region) => {
            let known = Known {
                uri: &region.uri,
                etag: region.etag.as_deref(),
                last_modified: region.last_modified.as_deref(),
                sha256: Some(&region.sha256),
            };
            match has_size(client, entry, region.size, log).await {
                Since::Same => compare(client, &known, log).await,
                other => other,
            }
        }
        None => {
            let known = Known {
                uri: &entry.uri,
                etag: entry.etag.as_deref(),
                last_modified: entry.last_modified.as_deref(),
                sha256: None,
            };
            let length = (entry.method == "bytes").then_some(entry.bytes);
            match known.etag.or(known.last_modified).is_some() {
                true => compare(client, &known, log).await,
                false => by_length(client, &known, length, log).await,
            }
        }
    }
}

/// What is known of something that was downloaded before.
struct Known<'a> {
    uri: &'a str,
    etag: Option<&'a str>,
    last_modified: Option<&'a str>,
    /// Of its bytes, where few enough of them are to be requested again.
    sha256: Option<&'a str>,
}

/// Whether `info.json` still declares the size of an image that was joined.
async fn has_size(client: &Client, entry: &Download, size: [u32; 2], log: &RequestLog) -> Since {
    let request = Request::document(iiif::info_uri(&entry.uri)).logged(log);
    match client.get(&request).await {
        Ok(reply) => match Info::parse(&reply.body) {
            Ok(info) if [info.width, info.height] == size => Since::Same,
            Ok(_) => Since::Changed,
            Err(_) => Since::Unknown,
        },
        Err(error) if error.kind == Kind::NotFound => Since::Gone,
        Err(_) => Since::Unknown,
    }
}

/// Asks by ETag and date; where that does not say, by the bytes.
async fn compare(client: &Client, known: &Known<'_>, log: &RequestLog) -> Since {
    let mut headers = HeaderMap::new();
    let tags = [
        (IF_NONE_MATCH, known.etag),
        (IF_MODIFIED_SINCE, known.last_modified),
    ];
    for (name, tag) in tags {
        if let Some(Ok(tag)) = tag.map(HeaderValue::from_str) {
            headers.insert(name, tag);
        }
    }
    let request = Request {
        headers,
        ..Request::image(known.uri, MAX_REGION).logged(log)
    };
    let Some(sha256) = known.sha256 else {
        return match client.status_and_length(&request).await {
            Ok((304, _)) => Since::Same,
            Ok(_) => Since::Changed,
            Err(error) => unanswered(&error),
        };
    };
    match client.get(&request).await {
        Ok(reply) if reply.status == 304 => Since::Same,
        Ok(reply) if files::hex_digest(&reply.body, 64) == sha256 => Since::Same,
        Ok(_) => Since::Changed,
        Err(error) => unanswered(&error),
    }
}

/// Without anything that would prove that nothing changed: whether it is still there, and as long as before.
async fn by_length(
    client: &Client,
    known: &Known<'_>,
    length: Option<u64>,
    log: &RequestLog,
) -> Since {
    let request = Request::image(known.uri, MAX_REGION).logged(log);
    match client.status_and_length(&request).await {
        Ok((_, Some(now))) if length.is_some_and(|length| length != now) => Since::Changed,
        Ok(_) => Since::Unknown,
        Err(error) => unanswered(&error),
    }
}

/// More bytes than a region has.
const MAX_REGION: u64 = 256 << 20;

fn unanswered(error: &crate::http::Error) -> Since {
    match error.kind {
        Kind::NotFound => Since::Gone,
        _ => Since::Unknown,
    }
}

/// Some ids for people to read, and how many more there are.
fn list_of(ids: &[String]) -> Option<String> {
    const SHOWN: usize = 20;
    let shown = ids[..ids.len().min(SHOWN)].join(", ");
    match ids.len() {
        0 => None,
        1..=SHOWN => Some(shown),
        all => Some(format!("{shown} and {} more", all - SHOWN)),
    }
}

/// Adds the hashes of what was downloaded again; `failed` are the ids of what could not be.
pub fn complete(changes: &mut BTreeMap<String, Change>, index: &Index, failed: &HashSet<&str>) {
    for change in changes.values_mut() {
        let is_fetched =
            matches!(&*change.change, "new" | "changed") && !failed.contains(&*change.id);
        let slot = index.find(&change.id).filter(|_| is_fetched);
        if let Some(entry) = slot.and_then(|slot| index.entry(slot)) {
            (change.path, change.new_sha256) = (entry.path, entry.sha256);
        }
    }
}

/// Writes `changes.csv`.
///
/// # Errors
/// Those of the disk.
pub fn write_changes(
    path: &Path,
    changes: &BTreeMap<String, Change>,
    is_safe: bool,
) -> Result<(), Error> {
    let shown = |change: &Change| Change {
        id: id_without_secrets(&change.id),
        ..change.clone()
    };
    files::write_csv(path, &Change::HEADER, changes.values().map(shown), is_safe)
}
