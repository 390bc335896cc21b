//! Looks at a file before it is served: whether it can be, and how large its image or its pages are.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use super::images::Catalogue;
use crate::contracts::LocalizedImage;
use crate::exif_boxes::ExifBoxes;
use crate::files::{Content, into_file};
use crate::pixels;
use crate::pixels::pdf::is_pdf;
use crate::pixels::source::{SourceInfo, start_of};
use crate::pixels::{Window, guarded};
use crate::serve::image::pdf::{self, PdfSettings};
use crate::serve::image_record::{
    FileFacts, ImageRecord, Page, PageLook, measure_pages, open_within, stamp,
};
use crate::summary::counted;

/// Looks at files before they are served.
#[derive(Debug)]
pub struct Prober {
    /// How pages of PDF are drawn.
    settings: PdfSettings,
    /// The most bytes of memory that decoding an image may take.
    most_cost: u64,
    /// On which image boxes were drawn where nothing shows it.
    exif: ExifBoxes,
    /// What is known from an earlier look: files that did not change are not opened again.
    known: HashMap<Content, Vec<Arc<ImageRecord>>>,
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probed {
    /// The state of the file.
    pub stamp: u64,
    /// When it was last written, in seconds since 1970.
    pub modified: i64,
    /// The number of the disk that it lies on.
    pub disk: u64,
    /// Whether it is a PDF.
    pub is_pdf: bool,
    /// Its image, or each of its pages.
    pub looks: Vec<PageLook>,
    /// How many frames it has: of several only the first is served.
    pub frames: u32,
    /// Its type, if that is not the one that its name tells.
    pub oddity: Option<&'static str>,
}

impl Probed {
    /// Whether its pages have ids of their own.
    pub fn has_pages(&self) -> bool {
        self.is_pdf || self.looks.len() > 1
    }
}

impl Prober {
    /// A prober that knows no file. Images that take more than `most_cost` bytes of memory to decode are not served.
    pub fn new(settings: PdfSettings, most_cost: u64) -> Self {
        Prober {
            settings,
            most_cost,
            exif: ExifBoxes::default(),
            known: HashMap::new(),
        }
    }

    /// The same for sets whose boxes were drawn on this image where nothing shows it.
    pub fn with_boxes_on(self, exif: ExifBoxes) -> Self {
        Prober { exif, ..self }
    }

    /// A prober that knows the files of a catalogue.
    pub fn knowing(self, catalogue: &Catalogue) -> Self {
        let mut known: HashMap<Content, Vec<Arc<ImageRecord>>> = HashMap::new();
        for image in &catalogue.images {
            let of_file = known.entry(image.content.clone()).or_default();
            of_file.push(image.clone());
        }
        Prober { known, ..self }
    }

    /// Looks at a file, which must lie in the folder `home`, if one is given.
    ///
    /// # Errors
    /// Why it cannot be served.
    pub fn probe(&self, content: &Content, home: Option<&Path>) -> Result<Probed, String> {
        // A file that breaks a decoder must not keep others from being served.
        let unreadable = |why| format!("not an image that can be read: {why}");
        guarded(unreadable, || self.look(content, home))
    }

    fn look(&self, content: &Content, home: Option<&Path>) -> Result<Probed, String> {
        let file = open_within(content, home)?;
        let now = file.metadata().map_err(|e| e.to_string())?;
        let stamp = stamp(&now);
        if let Some(probed) = self.known(content, stamp) {
            return Ok(probed);
        }
        let start = start_of::<16>(&file)?;
        let path = content.path();
        let is_pdf = is_pdf(path, &start);
        let frames = pixels::frames(&file, &start);
        let looks = match is_pdf {
            true => {
                let file = into_file(file).map_err(|e| e.to_string())?;
                let sizes = pdf::sizes(file, &self.settings)?.into_iter();
                let upright = |size| PageLook {
                    size,
                    orientation: 1,
                };
                sizes.map(upright).collect()
            }
            false => {
                let looks = self.looks(&file)?;
                pixels::check_end(&file, &start)?;
                looks
            }
        };
        Ok(Probed {
            stamp,
            modified: now.mtime(),
            disk: now.dev(),
            is_pdf,
            looks,
            frames,
            // A part has no name that would tell its type.
            oddity: content.whole_file().and_then(|path| oddity(path, &start)),
        })
    }

    /// The id of the image in a file, or of its first page, from an earlier look.
    pub fn known_id(&self, content: &Content) -> Option<&str> {
        let records = self.known.get(content)?;
        records.first().map(|record| record.id.as_str())
    }

    /// What was found at a path, if the file has the same stamp still.
    fn known(&self, content: &Content, stamp: u64) -> Option<Probed> {
        let records = self.known.get(content)?;
        let is_same = records.iter().all(|record| record.stamp == stamp);
        is_same.then(|| Probed {
            stamp,
            modified: records[0].modified,
            disk: records[0].disk,
            is_pdf: matches!(records[0].page, Some(Page::Pdf(_))),
            looks: (records.iter())
                .map(|record| PageLook {
                    size: record.size,
                    orientation: record.orientation,
                })
                .collect(),
            // What is odd was told when it was looked at.
            frames: 1,
            oddity: None,
        })
    }

    fn looks(&self, file: &Window) -> Result<Vec<PageLook>, String> {
        let mut pages = measure_pages(file)?.map(|look| self.page_look(&look?));
        let mut looks = vec![pages.next().ok_or("it has no image")??];
        // A page that cannot be read ends the list: those before it are served.
        looks.extend(pages.map_while(Result::ok));
        Ok(looks)
    }

    fn page_look(&self, look: &SourceInfo) -> Result<PageLook, String> {
        let facts = FileFacts::new(look, 0, 0, 0);
        match facts.cost > self.most_cost {
            true => Err(format!(
                "decoding it takes {} MiB of memory, the limit is {}; --memory sets it",
                facts.cost >> 20,
                self.most_cost >> 20
            )),
            false => Ok(PageLook {
                size: facts.size,
                orientation: facts.orientation,
            }),
        }
    }

    /// The image in a file, or one for each of its pages. `cover` describes the first; `is_taken` tells which ids belong to
    /// other images.
    ///
    /// # Errors
    /// The id of a page belongs to another image.
    pub fn records(
        &self,
        cover: LocalizedImage,
        content: Content,
        home: Option<Arc<Path>>,
        probed: &Probed,
        is_taken: impl Fn(&str) -> bool,
    ) -> Result<Vec<ImageRecord>, String> {
        let first = probed.looks[0];
        let image = ImageRecord {
            id: cover.id.clone(),
            name: cover.id.clone(),
            names: Vec::new(),
            content,
            home,
            page: None,
            size: first.size,
            orientation: first.orientation,
            stamp: probed.stamp,
            modified: probed.modified,
            disk: probed.disk,
            about: cover,
            turn: None,
            exif: self.exif,
            is_decided: true,
        };
        let page = |number| Page::Pdf(self.settings.page(number));
        let mut images = match (probed.is_pdf, probed.looks.len()) {
            (true, _) => pdf::pages(&image, &probed.looks, page, is_taken)?,
            (false, 1) => vec![image],
            (false, _) => pdf::pages(&image, &probed.looks, Page::Tiff, is_taken)?,
        };
        for image in &mut images {
            image.place_boxes();
        }
        Ok(images)
    }
}

/// The type of a file by its first bytes, if its name tells another one.
fn oddity(path: &Path, start: &[u8]) -> Option<&'static str> {
    let suffix = path.extension()?.to_string_lossy().to_ascii_lowercase();
    let told = match &*suffix {
        "jpg" | "jpeg" | "jpe" | "jfif" => "image/jpeg",
        "png" => "image/png",
        "tif" | "tiff" => "image/tiff",
        "webp" => "image/webp",
        "gif" => "image/gif",
        _ => "",
    };
    pixels::sniff(start).filter(|found| *found != told)
}

/// A note of the files with several frames, each with their number.
pub fn note_of_frames(files: &[(String, u32)]) -> Option<String> {
    const MOST_NAMED: usize = 3;
    let named = files.iter().take(MOST_NAMED);
    let named: Vec<String> = named.map(|(name, n)| format!("{name}: {n}")).collect();
    let more = if files.len() > MOST_NAMED {
        "; …"
    } else {
        ""
    };
    (!files.is_empty()).then(|| {
        format!(
            "{} several frames, of which the first is served ({}{more})",
            counted(files.len() as u64, "file has", "files have"),
            named.join("; ")
        )
    })
}

/// Gives the images found in a file the names by which rules know them: those of the file, and pages by number.
pub fn name_for_rules(found: &mut [ImageRecord], of_file: &[&str]) {
    for image in found {
        // The first page is the file.
        let pages = image.page.iter().filter(|page| page.number() > 1);
        let pages = pages.flat_map(|page| {
            let number = page.number();
            of_file.iter().map(move |name| format!("{name};{number}"))
        });
        let names = of_file.iter().map(|name| (*name).to_owned()).chain(pages);
        image.names = names.filter(|name| *name != image.id).collect();
    }
}

/// Further names of the images found in a file, the first at position `start`: the full name, and pages by number.
pub fn further_names(
    name: &str,
    id: &str,
    found: &[ImageRecord],
    start: usize,
) -> Vec<(String, usize)> {
    let mut names = vec![(name.to_owned(), start)];
    for (at, image) in found.iter().enumerate() {
        let Some(page) = image.page else { continue };
        for cover in [name, id] {
            names.push((format!("{cover};{}", page.number()), start + at));
        }
    }
    names
}
