//! What a path leads to. Paths are read here and nowhere else; whatever depends on the path asks the route. Pure.
//!
//! An identifier is one segment, whose slashes are encoded. Proxies that cut off a prefix pass paths on decoded: where nothing else
//! can be meant, further segments belong to the identifier.

use percent_encoding::percent_decode_str;

use super::message::Query;
use crate::iiif::Version;

/// What a path leads to. Identifiers and names are decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// `/`: the grid of all images, or the collection.
    Index,
    /// `/view/ID`: the page of an image.
    View(String),
    /// `/assets/NAME`: a file of the pages.
    Asset(String),
    /// `/pages/images.json`: what the grid shows.
    ImageList,
    /// `/pages/classes.json`: what boxes can be called.
    ClassList,
    /// `/pages/boxes/ID.json`: the boxes on a thumbnail.
    ThumbnailBoxes(String),
    /// `/pages/image/ID.json`: what the page of an image shows.
    ImageDetails(String),
    /// Below `/iiif/presentation/2/` or `3/`.
    Presentation(Version, Vec<String>),
    /// `/iiif/activity/NAME`.
    Activity(String),
    /// `/iiif/preset.json`: all presets.
    PresetList,
    /// `/iiif/preset/NAME`: a preset, for all images.
    PresetImages(String),
    /// `/iiif/preset/NAME/ID`: a derivative.
    Preset {
        /// The preset.
        name: String,
        /// The image.
        id: String,
    },
    /// The service of an image, and what follows it: nothing, `info.json`, or region, size, rotation and quality.
    Image {
        /// The version of the Image API.
        version: Version,
        /// The image.
        id: String,
        /// The segments after the identifier.
        rest: Vec<String>,
        /// Whether it is the service of the smaller image (`/iiif/degraded/`).
        is_degraded: bool,
    },
    /// A service below `/auth/` but the probe service: `login`, `token`, `logout`.
    Login(String),
    /// `/auth/probe/ID`.
    Probe(String),
    /// `/review/ID`.
    Review(String),
    /// `/cache/ID`.
    Cache(String),
    /// `/health`.
    Health,
    /// `/metrics`.
    Metrics,
    /// Nothing.
    Nothing,
    /// The path is not percent-encoded UTF-8.
    Unreadable,
}

impl Route {
    /// What a path, still percent-encoded, leads to.
    pub fn of(path: &str) -> Self {
        let Some(segments) = decoded(path) else {
            return Route::Unreadable;
        };
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let json = |name: &str, route: fn(String) -> Route| {
            let id = name.strip_suffix(".json");
            id.map_or(Route::Nothing, |id| route(id.to_owned()))
        };
        match segments[..] {
            [""] => Route::Index,
            ["health"] => Route::Health,
            ["metrics"] => Route::Metrics,
            ["view", _, ..] => Route::View(segments[1..].join("/")),
            ["assets", name] => Route::Asset(name.to_owned()),
            ["pages", "images.json"] => Route::ImageList,
            ["pages", "classes.json"] => Route::ClassList,
            ["pages", "boxes", ref name @ ..] => json(&name.join("/"), Route::ThumbnailBoxes),
            ["pages", "image", ref name @ ..] => json(&name.join("/"), Route::ImageDetails),
            ["auth", "probe", ref id @ ..] => Route::Probe(id.join("/")),
            ["auth", ref service @ ..] => Route::Login(service.join("/")),
            ["review", ref id @ ..] => Route::Review(id.join("/")),
            ["cache", ref id @ ..] => Route::Cache(id.join("/")),
            ["iiif", ref rest @ ..] => below_iiif(rest),
            _ => Route::Nothing,
        }
    }

    /// The route to page n of its image, where a query has `page=n`: pages are further images.
    ///
    /// # Errors
    /// The value of `page` is not the number of a page.
    pub fn turned(mut self, query: &str) -> Result<Self, String> {
        let id = match &mut self {
            Route::View(id)
            | Route::Probe(id)
            | Route::Image { id, .. }
            | Route::Preset { id, .. } => id,
            _ => return Ok(self),
        };
        let query = Query::read(query);
        let Some(page) = query.find("page") else {
            return Ok(self);
        };
        let is_number = page.bytes().all(|b| b.is_ascii_digit());
        let number = page.parse().ok().filter(|n: &u32| is_number && *n > 0);
        match number.ok_or_else(|| format!("page={page}: pages are numbered from 1"))? {
            1 => {}
            number => id.push_str(&format!(";{number}")),
        }
        Ok(self)
    }

    /// Whether it leads to a document about one image or canvas: such a document is made in a moment.
    pub fn is_about_one(&self) -> bool {
        match self {
            Route::View(_)
            | Route::Asset(_)
            | Route::ThumbnailBoxes(_)
            | Route::ImageDetails(_) => true,
            Route::Presentation(_, rest) => rest.get(1).is_some_and(|part| part == "canvas"),
            _ => false,
        }
    }

    /// Whether it is the description of an image (`info.json`), or leads there.
    pub fn is_info(&self) -> bool {
        let Route::Image { rest, .. } = self else {
            return false;
        };
        rest.is_empty() || *rest == ["info.json"]
    }
}

fn below_iiif(segments: &[&str]) -> Route {
    let image = |version: &str, segments: &[&str], is_degraded| match version_of(version) {
        Some(version) => {
            let (id, rest) = segments.split_at(of_identifier(segments));
            Route::Image {
                version,
                id: id.join("/"),
                rest: owned(rest),
                is_degraded,
            }
        }
        None => Route::Nothing,
    };
    match *segments {
        ["presentation", version, ref rest @ ..] => match version_of(version) {
            Some(version) => {
                let (group, rest) = rest.split_at(of_group(rest));
                let group = (!group.is_empty()).then(|| group.join("/"));
                Route::Presentation(version, group.into_iter().chain(owned(rest)).collect())
            }
            None => Route::Nothing,
        },
        ["activity", name] => Route::Activity(name.to_owned()),
        ["preset.json"] => Route::PresetList,
        ["preset", name] => Route::PresetImages(name.to_owned()),
        ["preset", name, ref id @ ..] => Route::Preset {
            name: name.to_owned(),
            id: id.join("/"),
        },
        ["degraded", version, ref image_path @ ..] if !image_path.is_empty() => {
            image(version, image_path, true)
        }
        [version, ref image_path @ ..] if !image_path.is_empty() => {
            image(version, image_path, false)
        }
        _ => Route::Nothing,
    }
}

/// How many segments after the version are the identifier of an image: all before `info.json`, or before region, size, rotation
/// and quality; one, if neither follows.
fn of_identifier(segments: &[&str]) -> usize {
    match (segments.len(), segments.last()) {
        (2.., Some(&"info.json")) => segments.len() - 1,
        (6.., Some(last)) if last.contains('.') => segments.len() - 4,
        _ => 1,
    }
}

/// How many segments after the version are the name of a group: all before the first word that may follow it; one, if none does.
fn of_group(segments: &[&str]) -> usize {
    const WORDS: [&str; 4] = ["manifest.json", "canvas", "search", "search-1"];
    let found = segments.iter().skip(1).position(|s| WORDS.contains(s));
    let whole = segments.len().min(1);
    found.map_or(whole, |at| at + 1)
}

fn version_of(segment: &str) -> Option<Version> {
    match segment {
        "2" => Some(Version::V2),
        "3" => Some(Version::V3),
        _ => None,
    }
}

fn owned(segments: &[&str]) -> Vec<String> {
    segments.iter().map(|s| (*s).to_owned()).collect()
}

/// The segments of a path, each decoded on its own: an encoded slash belongs to its segment.
fn decoded(path: &str) -> Option<Vec<String>> {
    let decode = |segment: &str| {
        let text = percent_decode_str(segment).decode_utf8();
        text.ok().map(String::from)
    };
    path.strip_prefix('/')
        .unwrap_or(path)
        .split('/')
        .map(decode)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(id: &str, rest: &[&str]) -> Route {
        Route::Image {
            version: Version::V3,
            id: id.into(),
            rest: owned(rest),
            is_degraded: false,
        }
    }

    #[test]
    fn paths_are_read() {
        let cases = [
            ("/", Route::Index),
            ("/iiif/3/a%2Fb", image("a/b", &[])),
            ("/iiif/3/a/info.json", image("a", &["info.json"])),
            (
                "/iiif/3/a/full/max/0/default.jpg",
                image("a", &["full", "max", "0", "default.jpg"]),
            ),
            // As proxies pass them on that decode paths.
            ("/iiif/3/a/b/info.json", image("a/b", &["info.json"])),
            (
                "/iiif/3/a/b/c/full/max/0/default.jpg",
                image("a/b/c", &["full", "max", "0", "default.jpg"]),
            ),
            (
                "/iiif/3/info.json/info.json",
                image("info.json", &["info.json"]),
            ),
            ("/iiif/3/a/full/max/0", image("a", &["full", "max", "0"])),
            ("/iiif/3/a/", image("a", &[""])),
            (
                "/iiif/preset/Card/a/b",
                Route::Preset {
                    name: "Card".into(),
                    id: "a/b".into(),
                },
            ),
            ("/view/a/b", Route::View("a/b".into())),
            ("/view", Route::Nothing),
            ("/pages/boxes/a/b.json", Route::ThumbnailBoxes("a/b".into())),
            (
                "/iiif/presentation/3/a/b/canvas/1/annotations.json",
                Route::Presentation(
                    Version::V3,
                    owned(&["a/b", "canvas", "1", "annotations.json"]),
                ),
            ),
            (
                "/iiif/presentation/2/search/manifest.json",
                Route::Presentation(Version::V2, owned(&["search", "manifest.json"])),
            ),
            (
                "/iiif/presentation/3/collection.json",
                Route::Presentation(Version::V3, owned(&["collection.json"])),
            ),
            ("/iiif/4/a/info.json", Route::Nothing),
            ("/iiif/degraded/4/a", Route::Nothing),
            (
                "/iiif/presentation/2/g/manifest.json",
                Route::Presentation(Version::V2, owned(&["g", "manifest.json"])),
            ),
            ("/iiif/presentation/4/collection.json", Route::Nothing),
            ("/iiif", Route::Nothing),
            ("/auth/probe/a/b", Route::Probe("a/b".into())),
            ("/auth/login", Route::Login("login".into())),
            ("/review/a%2Fb", Route::Review("a/b".into())),
            ("/pages/image/a.json", Route::ImageDetails("a".into())),
            ("/pages/image/a", Route::Nothing),
            ("/assets/a/b", Route::Nothing),
            ("/view/%ff", Route::Unreadable),
            ("*", Route::Nothing),
        ];
        for (path, wanted) in cases {
            assert_eq!(Route::of(path), wanted, "{path}");
        }
    }

    #[test]
    fn a_page_in_the_query_becomes_part_of_the_id() {
        let cases = [
            ("/iiif/3/a/info.json", "page=2", "/iiif/3/a%3B2/info.json"),
            ("/iiif/2/a%2Fb", "x=1&page=12", "/iiif/2/a%2Fb%3B12"),
            (
                "/iiif/degraded/3/a/full/max/0/default.jpg",
                "page=3",
                "/iiif/degraded/3/a%3B3/full/max/0/default.jpg",
            ),
            ("/iiif/preset/Card/a", "page=2", "/iiif/preset/Card/a%3B2"),
            ("/view/a", "page=2", "/view/a%3B2"),
            ("/auth/probe/a", "page=2", "/auth/probe/a%3B2"),
            ("/iiif/3/a/info.json", "page=1", "/iiif/3/a/info.json"),
            ("/iiif/3/a/info.json", "", "/iiif/3/a/info.json"),
            ("/", "page=2", "/"),
        ];
        for (path, query, wanted) in cases {
            let turned = Route::of(path).turned(query);
            assert_eq!(turned, Ok(Route::of(wanted)), "{path}?{query}");
        }
        for page in ["0", "x", "+2", "-1", "", "99999999999"] {
            let turned = Route::of("/view/a").turned(&format!("page={page}"));
            assert!(turned.is_err(), "{page}");
        }
        assert!(Route::of("/").turned("page=x").is_ok());
    }
}
