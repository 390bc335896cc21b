//! `--refresh`: asks servers what has changed since an image was downloaded: by ETag and date, by its length, by the size that
//! `info.json` declares, by one region of an image that was joined.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use super::index::{Index, Slot};
use super::input::Set;
use super::resume::Planned;
use crate::contracts::{Change, Download, LocalizedImage};
use crate::download::names::{OutputFolder, source_uri};
use crate::error::Error;
use crate::files;
use crate::http::header::{HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use crate::http::{
    AnswerHead, Client, Kind, Request, RequestLog, id_without_secrets, validators, without_secrets,
};
use crate::iiif::{self, QuotedRequest, info::Info};
use crate::summary::counted;

/// What servers say about images that were downloaded before.
#[derive(Debug, Default)]
pub struct Refreshed {
    /// Images whose files stay: unchanged, gone, or not checked.
    pub there: Vec<Slot>,
    /// Those that are to be downloaded again: their numbers in the set, and their ids.
    pub changed: BTreeMap<u32, String>,
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
pub struct AskedImage {
    /// The number of the image in the set.
    at: u32,
    since: Since,
    slot: Slot,
    entry: Download,
}

/// An image that was downloaded before.
pub struct Before {
    slot: Slot,
    entry: Download,
    /// Further URLs that a download would try.
    others: Vec<String>,
}

/// What the journal says of an image that was downloaded before; none where it has none.
pub fn known(index: &Index, image: &LocalizedImage) -> Option<Before> {
    let slot = index.find(&image.id)?;
    let mut entry = index.entry(slot)?;
    // The journal has URLs without passwords and signatures, and yesterday's signatures are of no use.
    if entry.method == "bytes" {
        let urls = image.image.url.iter().chain(&image.image.fallbacks);
        let taken = urls.clone().find(|url| without_secrets(url) == entry.uri);
        if let Some(url) = taken.or(urls.clone().next()) {
            entry.uri.clone_from(url);
        }
    }
    let others = image.image.url.iter().chain(&image.image.fallbacks);
    let others = others.filter(|url| **url != entry.uri).cloned().collect();
    Some(Before {
        slot,
        entry,
        others,
    })
}

/// Asks the server of an image that was downloaded before. `at` is its number in the set.
pub async fn ask(
    client: &Client,
    at: u32,
    Before {
        slot,
        entry,
        others,
    }: Before,
    log: RequestLog,
) -> AskedImage {
    let mut since = since(client, &entry, &log).await;
    // What another URL still gives is not gone.
    for url in others.iter().filter(|_| since == Since::Gone) {
        let request = Request::image(url, MAX_REGION).logged(&log);
        if client.head_of_answer(&request).await.is_ok() {
            since = Since::Unknown;
            break;
        }
    }
    AskedImage {
        at,
        since,
        slot,
        entry,
    }
}

impl Refreshed {
    /// From what servers said, in any order. `new` are the images that were never downloaded.
    pub fn of(mut asked: Vec<AskedImage>, index: &Index, new: Vec<Change>) -> Self {
        asked.sort_by(|a, b| index.id(a.slot).cmp(index.id(b.slot)));
        let mut refreshed = Refreshed::default();
        refreshed.note(&asked, index);
        for AskedImage {
            at,
            since,
            slot,
            entry,
        } in asked
        {
            match since {
                Since::Changed => drop(refreshed.changed.insert(at, entry.id.clone())),
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
        let new = new.into_iter();
        refreshed
            .changes
            .extend(new.map(|change| (change.id.clone(), change)));
        refreshed
    }

    /// Says how many are what, and which.
    fn note(&mut self, all: &[AskedImage], index: &Index) {
        let count = |kind: Since| all.iter().filter(|asked| asked.since == kind).count();
        let [same, changed, gone, unknown] =
            [Since::Same, Since::Changed, Since::Gone, Since::Unknown].map(count);
        self.notes.push(format!(
            "--refresh: {same} unchanged, {changed} changed, {gone} gone from the server, {unknown} could not be checked (no ETag or date, or no answer)"
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

/// What `changes.csv` says of images that were never downloaded.
///
/// # Errors
/// The set cannot be read any more.
pub fn new(set: &Set, missing: &[Planned]) -> Result<Vec<Change>, Error> {
    let missing: Vec<u32> = missing.iter().map(|planned| planned.at).collect();
    let change = |_, image: LocalizedImage| Change {
        url: without_secrets(source_uri(&image).unwrap_or_default()).into_owned(),
        id: image.id,
        change: "new".into(),
        ..Change::default()
    };
    let mut new = Vec::new();
    set.visit(&missing, change, |change| {
        new.push(change);
        Ok(())
    })?;
    Ok(new)
}

/// Whether a file has changed since it was downloaded.
async fn since(client: &Client, entry: &Download, log: &RequestLog) -> Since {
    match &entry.region {
        Some(region) => {
            let known = Known {
                sha256: Some(&region.sha256),
                ..Known::of(&region.uri, &region.etag, &region.last_modified)
            };
            match has_size(client, entry, region.size, log).await {
                Since::Same => compare(client, &known, log).await,
                // A server may have lost its descriptions and still have its images.
                Since::Gone => match compare(client, &known, log).await {
                    Since::Gone => Since::Gone,
                    _ => Since::Unknown,
                },
                other => other,
            }
        }
        None => {
            let is_as_received = matches!(&*entry.method, "bytes" | "whole");
            let known = Known {
                length: is_as_received.then_some(entry.bytes),
                ..Known::of(&entry.uri, &entry.etag, &entry.last_modified)
            };
            match known.etag.or(known.last_modified).is_some() {
                true => compare(client, &known, log).await,
                false => match by_length(client, &known, log).await {
                    Since::Unknown => by_service(client, entry, log).await,
                    said => said,
                },
            }
        }
    }
}

/// Whether the service of an image that came in one answer, in its full size, declares another size now.
async fn by_service(client: &Client, entry: &Download, log: &RequestLog) -> Since {
    let request = QuotedRequest::parse(&entry.uri);
    let request = request.filter(|request| request.region == "full" && request.is_full_size());
    let was_declared = !entry
        .notes
        .iter()
        .any(|note| note.starts_with("info.json declares"));
    match request.filter(|_| entry.method == "whole" && was_declared) {
        Some(request) => {
            let of_service = Download {
                uri: request.base.to_owned(),
                ..Download::default()
            };
            match has_size(client, &of_service, [entry.width, entry.height], log).await {
                Since::Changed => Since::Changed,
                _ => Since::Unknown,
            }
        }
        None => Since::Unknown,
    }
}

/// What is known of something that was downloaded before.
struct Known<'a> {
    uri: &'a str,
    etag: Option<&'a str>,
    last_modified: Option<&'a str>,
    /// How many bytes were answered, where they were kept as they were.
    length: Option<u64>,
    /// Of its bytes, where few enough of them are to be requested again.
    sha256: Option<&'a str>,
}

impl<'a> Known<'a> {
    /// Journals of earlier versions have validators that are none, too.
    fn of(uri: &'a str, etag: &'a Option<String>, last_modified: &'a Option<String>) -> Self {
        let known = |text: &'a Option<String>, proves: fn(&str) -> bool| {
            text.as_deref().filter(|text| proves(text))
        };
        Known {
            uri,
            etag: known(etag, validators::is_etag),
            last_modified: known(last_modified, validators::is_date),
            length: None,
            sha256: None,
        }
    }

    /// Whether an answer has another length, which is a change whatever its ETag and date say.
    fn is_of_another_length(&self, head: &AnswerHead) -> bool {
        matches!((head.length, self.length), (Some(now), Some(before)) if now != before)
    }
}

/// Whether `info.json` still declares the size of an image that was joined.
async fn has_size(client: &Client, entry: &Download, size: [u32; 2], log: &RequestLog) -> Since {
    let request = Request::small_document(iiif::info_uri(&entry.uri)).logged(log);
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
        return match client.head_of_answer(&request).await {
            Ok(head) if head.status == 304 => Since::Same,
            Ok(head) if known.is_of_another_length(&head) => Since::Changed,
            Ok(head) if is_same(known, &head.headers) => Since::Same,
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

/// Whether an answer is what is known already, although its server does not answer conditions: by its ETag, else by its date.
fn is_same(known: &Known<'_>, headers: &HeaderMap) -> bool {
    match (known.etag, validators::etag(headers)) {
        (Some(before), Some(now)) => {
            before.trim_start_matches("W/") == now.trim_start_matches("W/")
        }
        (None, None) => {
            let date = validators::last_modified(headers);
            known.last_modified.is_some() && known.last_modified == date
        }
        _ => false,
    }
}

/// Without anything that would prove that nothing changed: whether it is still there, and as long as before.
async fn by_length(client: &Client, known: &Known<'_>, log: &RequestLog) -> Since {
    let request = Request::image(known.uri, MAX_REGION).logged(log);
    match client.head_of_answer(&request).await {
        Ok(head) if known.is_of_another_length(&head) => Since::Changed,
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

/// Adds the hashes of what was downloaded again; `failed` are the ids of what could not be: what is new among them is not had, and
/// of the rest it is not known whether it changed. What has the same bytes as before has not changed. Says how many are new.
pub fn complete(
    changes: &mut BTreeMap<String, Change>,
    index: &Index,
    failed: &HashSet<String>,
) -> Option<String> {
    for change in changes.values_mut() {
        if change.change == Since::Changed.name() && failed.contains(&change.id) {
            change.change = Since::Unknown.name().into();
        }
        let is_fetched =
            matches!(&*change.change, "new" | "changed") && !failed.contains(&change.id);
        let slot = index.find(&change.id).filter(|_| is_fetched);
        if let Some(entry) = slot.and_then(|slot| index.entry(slot)) {
            (change.path, change.new_sha256) = (entry.path, entry.sha256);
        }
    }
    changes.retain(|id, change| change.change != "new" || !failed.contains(id));
    let is_same =
        |change: &Change| change.old_sha256 == change.new_sha256 && !change.new_sha256.is_empty();
    changes.retain(|_, change| !is_same(change));
    let is_new = |change: &&Change| change.change == "new" && !change.new_sha256.is_empty();
    let new = changes.values().filter(is_new).count() as u64;
    (new > 0).then(|| {
        format!(
            "--refresh: {}",
            counted(new, "image is new", "images are new")
        )
    })
}

/// What servers said has changed, until `changes.csv` tells of it: a run that is killed meanwhile has already downloaded some of
/// that, and the next one would find it unchanged.
const CHANGES: &str = "changes.json";

/// Adds what a run that was killed found changed, and writes all of it down until [`forget`].
///
/// # Errors
/// Those of the disk.
pub fn remember(
    folder: &OutputFolder,
    changes: &mut BTreeMap<String, Change>,
) -> Result<(), Error> {
    let path = folder.work.join(CHANGES);
    let before: BTreeMap<String, Change> = match files::is_there(&path) {
        // One that cannot be read was cut off, before anything was downloaded.
        true => serde_json::from_slice(&files::read(&path)?).unwrap_or_default(),
        false => BTreeMap::new(),
    };
    let had = |change: &Change| matches!(&*change.change, "new" | "changed");
    for (id, earlier) in before.into_iter().filter(|(_, earlier)| had(earlier)) {
        let change = changes.entry(id).or_insert_with(|| earlier.clone());
        if had(change) || change.change == Since::Unknown.name() {
            *change = Change {
                url: std::mem::take(&mut change.url),
                ..earlier
            };
        }
    }
    match changes.is_empty() {
        true => Ok(()),
        false => files::write_json(&path, changes),
    }
}

/// Forgets what `changes.csv` tells now.
pub fn forget(folder: &OutputFolder) {
    // If it stays, the next list repeats it.
    let _ = files::cache_file::remove(&folder.work.join(CHANGES));
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
