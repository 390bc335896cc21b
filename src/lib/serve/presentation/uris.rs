//! The URIs of everything that is served: absolute, below one base.
//!
//! An image or group whose name is such a URI already, because it was harvested from this server, keeps it: a set that
//! was downloaded from here and is served again has the same URIs.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::iiif::Version;

/// The characters to encode: all but the unreserved ones of RFC 3986. An identifier is one segment, so its slashes are
/// encoded too. The colon stays: it occurs in identifiers such as `bucket:version:key` and is legal in a segment.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':');

/// Makes URIs below a base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uris {
    base: String,
}

impl Uris {
    /// URIs below a base such as `http://host`: everything before `/iiif`.
    pub fn below(base: &str) -> Self {
        let base = base.trim_end_matches('/').to_owned();
        Uris { base }
    }

    /// The image service of an identifier.
    pub fn service(&self, version: Version, id: &str) -> String {
        let (base, number) = (&self.base, number(version));
        format!("{base}/iiif/{number}/{}", self.segment_of(id))
    }

    /// An identifier as a segment of a path, encoded.
    pub fn segment_of(&self, id: &str) -> String {
        let own = self.own("/iiif/3/", id, "");
        own.map_or_else(|| segment(id), str::to_owned)
    }

    /// The image service of the degraded image of an identifier.
    pub fn degraded(&self, version: Version, id: &str) -> String {
        let service = self.service(version, id);
        let segment = service.rsplit('/').next().unwrap_or_default();
        format!("{}/iiif/degraded/{}/{segment}", self.base, number(version))
    }

    /// The probe service of an identifier.
    pub fn probe(&self, id: &str) -> String {
        let service = self.service(Version::V3, id);
        let segment = service.rsplit('/').next().unwrap_or_default();
        format!("{}/auth/probe/{segment}", self.base)
    }

    /// The collection of all manifests.
    pub fn collection(&self, version: Version) -> String {
        format!("{}/collection.json", self.presentation(version))
    }

    /// The manifest of a group.
    pub fn manifest(&self, version: Version, group: &str) -> String {
        format!("{}/manifest.json", self.group(version, group))
    }

    /// The canvas at a position of a group; positions count from 0, the numbers in URIs from 1.
    pub fn canvas(&self, version: Version, group: &str, at: usize) -> String {
        format!("{}/canvas/{}", self.group(version, group), at + 1)
    }

    /// The annotations of a canvas.
    pub fn annotations(&self, canvas: &str) -> String {
        format!("{canvas}/annotations.json")
    }

    /// The search service of a group, Content Search 2.0.
    pub fn search(&self, group: &str) -> String {
        format!("{}/search", self.group(Version::V3, group))
    }

    /// The search service of a group, Content Search 1.0, that finds canvases of this version.
    pub fn search_1(&self, version: Version, group: &str) -> String {
        let group = self.group(version, group);
        match version {
            Version::V2 => format!("{group}/search"),
            Version::V3 => format!("{group}/search-1"),
        }
    }

    /// A path below the base.
    pub fn page(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// What all paths begin with, encoded, without `/` at its end; empty: nothing.
    pub fn prefix(&self) -> String {
        let url = url::Url::parse(&self.base).ok();
        let path = url.as_ref().map_or("", |url| url.path());
        // In a header it would begin something else.
        path.trim_end_matches('/').replace(';', "%3B")
    }

    fn group(&self, version: Version, group: &str) -> String {
        let own = self.own("/iiif/presentation/3/", group, "/manifest.json");
        let segment = match own {
            Some(segment) => segment.to_owned(),
            // An empty segment would be lost where a proxy merges slashes.
            None if is_blank(group) => format!("{group}{BLANK}"),
            None => segment(group),
        };
        format!("{}/{segment}", self.presentation(version))
    }

    fn presentation(&self, version: Version) -> String {
        format!("{}/iiif/presentation/{}", self.base, number(version))
    }

    /// If a name is a URI of this server, the segment between `before` and `after`, still encoded.
    fn own<'a>(&self, before: &str, name: &'a str, after: &str) -> Option<&'a str> {
        let rest = name.strip_prefix(&*self.base)?.strip_prefix(before)?;
        let segment = rest.strip_suffix(after)?;
        (!segment.is_empty() && !segment.contains(['/', '?', '#'])).then_some(segment)
    }
}

/// What stands in paths for images without a group.
const BLANK: char = '_';

/// Whether a group has no name, or one that could be taken for that.
fn is_blank(group: &str) -> bool {
    group.chars().all(|c| c == BLANK)
}

/// The name of the group that a decoded segment of a path stands for.
pub fn group_of(segment: &str) -> &str {
    match is_blank(segment) {
        true => segment.strip_suffix(BLANK).unwrap_or_default(),
        false => segment,
    }
}

fn number(version: Version) -> u8 {
    match version {
        Version::V2 => 2,
        Version::V3 => 3,
    }
}

/// A text as one segment of a path, encoded.
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// The path of a preset of an image, relative to the base; `segment` is the encoded identifier.
pub fn preset_path(name: &str, segment: &str) -> String {
    format!("iiif/preset/{}/{segment}", self::segment(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_has_a_segment_of_its_own() {
        let uris = Uris::below("http://a.example");
        for (group, wanted) in [
            ("", "_"),
            ("_", "__"),
            ("__", "___"),
            ("_a", "_a"),
            ("a/b", "a%2Fb"),
        ] {
            let manifest = uris.manifest(Version::V3, group);
            let end = format!("/iiif/presentation/3/{wanted}/manifest.json");
            assert!(manifest.ends_with(&end), "{manifest}");
            if is_blank(group) {
                assert_eq!(group_of(wanted), group);
            }
        }
        // As they were before.
        assert_eq!(group_of(""), "");
    }

    #[test]
    fn names_that_are_uris_of_this_server_stay() {
        let uris = Uris::below("http://a.example/b/");
        let service = uris.service(Version::V3, "x y/z");
        assert_eq!(service, "http://a.example/b/iiif/3/x%20y%2Fz");
        assert_eq!(uris.service(Version::V3, &service), service);
        let second = uris.service(Version::V2, &service);
        assert_eq!(second, "http://a.example/b/iiif/2/x%20y%2Fz");
        let manifest = uris.manifest(Version::V3, "MS 1");
        assert_eq!(uris.manifest(Version::V3, &manifest), manifest);
        let elsewhere = "http://other.example/iiif/3/x";
        assert!(
            uris.service(Version::V3, elsewhere)
                .ends_with("/iiif/3/http:%2F%2Fother.example%2Fiiif%2F3%2Fx")
        );
        let deeper = "http://a.example/b/iiif/3/x/y";
        assert!(uris.service(Version::V3, deeper).ends_with("%2Fx%2Fy"));
    }
}
