//! PDFs as they are served: every page is an image of its own. `NAME` is the cover, page 1; `NAME;2` is page 2.

use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::pdf_worker as apart;
use super::pdf_worker::Page;
use crate::contracts::{Frame, ImageRef, LocalizedImage};
use crate::pixels::pdf;
use crate::pixels::source::Look;
use crate::serve::catalogue::Picture;
use crate::serve::presentation::uris as ids;
use crate::serve::web::router::Query;

/// The table `[pdf]` of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Pixels to an inch of paper.
    pub dpi: NonZeroU16,
    /// Seconds that reading a file or drawing a page may take.
    pub patience: NonZeroU16,
}

impl Default for Settings {
    fn default() -> Self {
        let number = |n| NonZeroU16::new(n).unwrap_or(NonZeroU16::MIN);
        Settings {
            dpi: number(200),
            patience: number(30),
        }
    }
}

impl Settings {
    fn page(&self, number: u32) -> Page {
        Page {
            number,
            dpi: u32::from(self.dpi.get()),
            patience: self.patience(),
        }
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(u64::from(self.patience.get()))
    }
}

/// The pages of a file as images, of which the first is the one that something is known about. What they share is
/// their group, their metadata, their rights. `is_taken` says which ids are others'.
pub fn pages(
    cover: &LocalizedImage,
    path: &Path,
    settings: &Settings,
    is_taken: impl Fn(&str) -> bool,
) -> Result<Vec<Picture>, String> {
    let sizes = apart::sizes(path, settings.patience()).map_err(String::from)?;
    let picture = |(number, points)| {
        let page = settings.page(number);
        let about = match number {
            1 => cover.clone(),
            _ => further(cover, number),
        };
        match number > 1 && is_taken(&about.id) {
            true => Err(format!(
                "id is taken: its page {number} would be `{}`",
                about.id
            )),
            false => Ok(picture(about, path.to_owned(), page, points)),
        }
    };
    (1..).zip(sizes).map(picture).collect()
}

fn picture(mut about: LocalizedImage, path: PathBuf, page: Page, points: [f64; 2]) -> Picture {
    let size = pdf::pixels(points, page.dpi);
    let own = || Frame::try_from(size.map(f64::from)).ok();
    about.frame = about.frame.or_else(own);
    Picture {
        id: about.id.clone(),
        path,
        page: Some(page),
        size,
        about,
    }
}

/// What is known of a further page: nothing but what it shares with the cover.
fn further(cover: &LocalizedImage, number: u32) -> LocalizedImage {
    let mut about = LocalizedImage {
        id: page_id(&cover.id, number),
        group: cover.group.clone(),
        metadata: cover.metadata.clone(),
        source: cover.source.clone(),
        image: ImageRef::default(),
        ..LocalizedImage::default()
    };
    about.source.canvas = None;
    let labels = &mut about.source.labels;
    let name = labels.canvas.take().or(labels.image.take());
    let name = name.unwrap_or_else(|| cover.id.clone());
    labels.canvas = Some(format!("{name}, page {number}"));
    about
}

/// The id of a page; the cover's is the document's. In what is a URI already the mark is encoded, as it is in URIs.
pub fn page_id(cover: &str, number: u32) -> String {
    match number {
        0 | 1 => cover.to_owned(),
        _ if cover.contains("://") => format!("{cover}%3B{number}"),
        _ => format!("{cover};{number}"),
    }
}

/// What the header of an image file would say, of a page of `[width, height]` pixels.
pub fn look(size: [u32; 2]) -> Look {
    Look {
        size,
        // Cost is twice that.
        channels: pdf::BYTES_TO_A_PIXEL / 2,
        tile: None,
        by_parts: false,
    }
}

/// The path of page n where `?page=n` asks for it: n stands behind the identifier, and all goes on as if it had been
/// asked for in that way. None where the path is no image's, or is asked for as it stands; the error says what is
/// no number of a page.
pub fn path_of_page(path: &str, query: &str) -> Result<Option<String>, String> {
    let query = Query::read(query);
    let mut segments: Vec<&str> = path.split('/').collect();
    let at = match segments[..] {
        ["", "view", _] => 2,
        ["", "iiif", "2" | "3", _, ..] | ["", "auth", "probe", _] => 3,
        ["", "iiif", "degraded", "2" | "3", _, ..] | ["", "iiif", "preset", _, _] => 4,
        _ => return Ok(None),
    };
    let Some(said) = query.find("page") else {
        return Ok(None);
    };
    let is_number = said.bytes().all(|b| b.is_ascii_digit());
    let number = said.parse().ok().filter(|n: &u32| is_number && *n > 0);
    let number = number.ok_or_else(|| format!("page={said}: pages are numbered from 1"))?;
    if number == 1 {
        return Ok(None);
    }
    let id = format!("{}{}", segments[at], ids::segment(&format!(";{number}")));
    segments[at] = &id;
    Ok(Some(segments.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_asked_for_by_query_is_asked_for_by_its_id() {
        let cases = [
            (
                "/iiif/3/a/info.json",
                "page=2",
                Ok(Some("/iiif/3/a%3B2/info.json")),
            ),
            (
                "/iiif/2/a%2Fb",
                "x=1&page=12",
                Ok(Some("/iiif/2/a%2Fb%3B12")),
            ),
            (
                "/iiif/degraded/3/a/full/max/0/default.jpg",
                "page=3",
                Ok(Some("/iiif/degraded/3/a%3B3/full/max/0/default.jpg")),
            ),
            (
                "/iiif/preset/Card/a",
                "page=2",
                Ok(Some("/iiif/preset/Card/a%3B2")),
            ),
            ("/view/a", "page=2", Ok(Some("/view/a%3B2"))),
            ("/auth/probe/a", "page=2", Ok(Some("/auth/probe/a%3B2"))),
            ("/iiif/3/a/info.json", "page=1", Ok(None)),
            ("/iiif/3/a/info.json", "pages=2", Ok(None)),
            ("/iiif/3/a/info.json", "", Ok(None)),
            ("/iiif/presentation/3/a/manifest.json", "page=2", Ok(None)),
            ("/", "page=x", Ok(None)),
            (
                "/iiif/3/a",
                "page=0",
                Err("page=0: pages are numbered from 1"),
            ),
            (
                "/iiif/3/a",
                "page=",
                Err("page=: pages are numbered from 1"),
            ),
            (
                "/iiif/3/a",
                "page=%2B2",
                Err("page=+2: pages are numbered from 1"),
            ),
            (
                "/iiif/3/a",
                "page=-1",
                Err("page=-1: pages are numbered from 1"),
            ),
            (
                "/iiif/3/a",
                "page=99999999999",
                Err("page=99999999999: pages are numbered from 1"),
            ),
        ];
        for (path, query, wanted) in cases {
            let found = path_of_page(path, query);
            let found = found.as_ref().map(Option::as_deref);
            assert_eq!(found.map_err(String::as_str), wanted, "{path}?{query}");
        }
    }
}
