//! The URIs of everything served, absolute, from one base.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::iiif::Version;

/// All but what RFC 3986 calls unreserved: an identifier is one segment, so its slashes are encoded too. The colon
/// stands in identifiers such as `bucket:version:key` and is legal in a segment.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':');

/// Makes URIs below a base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ids {
    base: String,
}

impl Ids {
    /// URIs below `http://host` or whatever lies before `/iiif`.
    pub fn below(base: &str) -> Self {
        let base = base.trim_end_matches('/').to_owned();
        Ids { base }
    }

    /// The image service of an identifier.
    pub fn service(&self, version: Version, id: &str) -> String {
        let version = match version {
            Version::V2 => 2,
            Version::V3 => 3,
        };
        format!("{}/iiif/{version}/{}", self.base, segment(id))
    }

    /// The collection of all manifests.
    pub fn collection(&self) -> String {
        format!("{}/iiif/presentation/3/collection.json", self.base)
    }

    /// The manifest of a group.
    pub fn manifest(&self, group: &str) -> String {
        format!(
            "{}/iiif/presentation/3/{}/manifest.json",
            self.base,
            segment(group)
        )
    }

    /// The canvas at a position (from 0) in a group; numbered from 1.
    pub fn canvas(&self, group: &str, at: usize) -> String {
        format!(
            "{}/iiif/presentation/3/{}/canvas/{}",
            self.base,
            segment(group),
            at + 1
        )
    }
}

/// A text as one segment of a path.
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}
