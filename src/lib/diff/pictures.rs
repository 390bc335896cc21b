//! Whether two files are the same picture.

use std::path::Path;

use super::record::Record;
use crate::contracts::Changed;
use crate::files::Content;
use crate::stored_image::fingerprint;

/// What has changed between the files of two records, which lie in these folders; none if nothing has. With `rehash` the files
/// are read although hashes of them are known.
pub fn compare(
    (a, below): (&Record, Option<&Path>),
    (b, other): (&Record, Option<&Path>),
    rehash: bool,
) -> Option<Changed> {
    match (a.is_missing, b.is_missing) {
        (false, false) => {}
        (true, true) => return None,
        (false, true) => return Some(Changed::Missing),
        (true, false) => return Some(Changed::New),
    }
    let files = file(a, below).zip(file(b, other));
    let is_read = rehash && files.is_some();
    if let (Some(from), Some(to), false) = (&a.sha256, &b.sha256, is_read) {
        if from == to {
            return None;
        }
    } else if a.path.is_none() || b.path.is_none() {
        return None;
    }
    let Some((a, b)) = files else {
        // Of what is only declared, nothing but that it is not the same.
        return Some(Changed::Picture);
    };
    if is_same(&a, &b) {
        return None;
    }
    Some(match (fingerprint(&a), fingerprint(&b)) {
        (Ok(a), Ok(b)) if a.is_same_picture(&b) => Changed::Bytes,
        (Err(_), Err(_)) => Changed::Contents,
        _ => Changed::Picture,
    })
}

fn file(record: &Record, folder: Option<&Path>) -> Option<Content> {
    record.content(folder?)
}

fn is_same(a: &Content, b: &Content) -> bool {
    let length = |content: &Content| content.length().ok();
    let sum = |content: &Content| content.sha256().ok();
    length(a).is_some() && length(a) == length(b) && sum(a) == sum(b)
}
