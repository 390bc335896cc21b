//! Files with pages, PDFs above all: every page is served as an image. `NAME` is page 1, the cover; `NAME;2` is page 2.

use std::fs::File;
use std::num::NonZeroU16;
use std::time::Duration;

use serde::Deserialize;

use super::pdf_worker::{self, PdfPage};
use crate::contracts::{ImageRef, LocalizedImage};
use crate::corrections;
use crate::pixels::pdf;
use crate::serve::image_record::{ImageRecord, Page, PageLook};

/// The table `[pdf]` of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PdfSettings {
    /// Resolution in pixels per inch.
    pub dpi: NonZeroU16,
    /// Seconds that reading a file or drawing a page may take.
    #[serde(alias = "patience")]
    pub timeout: NonZeroU16,
}

impl Default for PdfSettings {
    fn default() -> Self {
        let number = |n| NonZeroU16::new(n).unwrap_or(NonZeroU16::MIN);
        PdfSettings {
            dpi: number(200),
            timeout: number(30),
        }
    }
}

impl PdfSettings {
    /// A page, to be drawn as the settings say.
    pub fn page(&self, number: u32) -> PdfPage {
        PdfPage {
            number,
            dpi: u32::from(self.dpi.get()),
            timeout: self.timeout(),
        }
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(u64::from(self.timeout.get()))
    }
}

/// `[width, height]` in pixels of every page of a PDF.
///
/// # Errors
/// The file cannot be read in time.
pub fn sizes(file: File, settings: &PdfSettings) -> Result<Vec<[u32; 2]>, String> {
    let points = pdf_worker::sizes(file, settings.timeout()).map_err(String::from)?;
    let dpi = u32::from(settings.dpi.get());
    Ok(points.into_iter().map(|p| pdf::pixels(p, dpi)).collect())
}

/// The pages of a PDF or TIFF as images. `cover` is the first, still without its page; the others share its group, metadata and
/// rights. `is_taken` tells which ids belong to other images.
///
/// # Errors
/// The id of a page is taken.
pub fn pages(
    cover: &ImageRecord,
    looks: &[PageLook],
    page: impl Fn(u32) -> Page,
    is_taken: impl Fn(&str) -> bool,
) -> Result<Vec<ImageRecord>, String> {
    let image = |(number, look): (u32, &PageLook)| {
        let about = match number {
            1 => cover.about.clone(),
            _ => further(&cover.about, number),
        };
        match number > 1 && is_taken(&about.id) {
            true => Err(format!(
                "id is taken: page {number} of the file would be `{}`",
                about.id
            )),
            false => Ok(record(about, cover, page(number), look)),
        }
    };
    (1..).zip(looks).map(image).collect()
}

fn record(about: LocalizedImage, cover: &ImageRecord, page: Page, look: &PageLook) -> ImageRecord {
    ImageRecord {
        id: about.id.clone(),
        name: about.id.clone(),
        page: Some(page),
        size: look.size,
        orientation: look.orientation,
        about,
        ..cover.clone()
    }
}

/// The description of a further page: only what it shares with the cover.
fn further(cover: &LocalizedImage, number: u32) -> LocalizedImage {
    let mut about = LocalizedImage {
        id: page_id(&cover.id, number),
        group: cover.group.clone(),
        metadata: cover.metadata.clone(),
        source: cover.source.clone(),
        image: ImageRef::default(),
        ..LocalizedImage::default()
    };
    // How far the review is was said of the cover alone.
    about
        .metadata
        .retain(|key, _| !corrections::STATE.contains(&key.as_str()));
    about.source.canvas = None;
    let labels = &mut about.source.labels;
    let name = labels.canvas.take().or(labels.image.take());
    let name = name.unwrap_or_else(|| cover.id.clone());
    labels.canvas = Some(format!("{name}, page {number}"));
    about
}

/// The id of a page; page 1 has the id of the document. If that is a URI, the semicolon is encoded, as in any URI.
pub fn page_id(cover: &str, number: u32) -> String {
    match number {
        0 | 1 => cover.to_owned(),
        _ if cover.contains("://") => format!("{cover}%3B{number}"),
        _ => format!("{cover};{number}"),
    }
}
