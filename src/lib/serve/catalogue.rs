//! What there is to serve, made once at the start. Requests are looked up here; none is ever joined to a path.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::contracts::{self, Frame, ImageMap, LocalizedImage};
use crate::error::Error;
use crate::files;
use crate::pixels::pdf;
use crate::pixels::source::{self, Look, Source};
use crate::serve::image::info::Facts;
use crate::serve::image::pdf as documents;
use crate::serve::image::pdf::Settings;
use crate::serve::image::pdf_worker as apart;
use crate::serve::image::pdf_worker::{Fault, Page};
use crate::summary::Reject;

/// The largest picture that is decoded: half a gigapixel, 1.5 GB in colour.
pub const MOST_PIXELS: u64 = 1 << 29;

/// The side of tiles of pictures that have none of their own.
const TILE: u32 = 512;

/// Suffixes of files that are taken for images.
const SUFFIXES: [&str; 12] = [
    "jpg", "jpeg", "png", "tif", "tiff", "webp", "gif", "jp2", "j2k", "jpf", "jpx", "pdf",
];

/// A file to serve.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// The identifier in its URIs, not encoded.
    pub id: String,
    /// Where its bytes are.
    pub path: PathBuf,
    /// Which part of it, where it is a PDF.
    pub page: Option<Page>,
    /// `[width, height]` in pixels, upright.
    pub size: [u32; 2],
    /// What is known of it: labels, group, boxes.
    pub about: LocalizedImage,
}

impl Picture {
    /// What the header of its file says; of a page, what it said at the start.
    pub fn look(&self) -> Result<Look, String> {
        match self.page {
            Some(_) => Ok(documents::look(self.size)),
            None => measure(&self.path),
        }
    }

    /// Its pixels.
    pub fn open(&self) -> Result<Source, Fault> {
        match self.page {
            Some(page) => {
                let (size, bytes) = apart::draw(&self.path, page)?;
                Source::of_rgb(size, bytes).map_err(Fault::Broken)
            }
            None => Source::open(&self.path, MOST_PIXELS).map_err(Fault::Broken),
        }
    }
}

/// Everything there is to serve.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalogue {
    /// In the order of the localizations, or by name.
    pub pictures: Vec<Picture>,
    by_name: HashMap<String, usize>,
}

/// A catalogue and what is missing from it.
#[derive(Debug, Default)]
pub struct Taken {
    /// What there is.
    pub catalogue: Catalogue,
    /// Files that cannot be served, records of a foreign list that cannot be used.
    pub rejects: Vec<Reject>,
    /// Images of the localizations that the image map does not hold: `recto-download` has said why.
    pub absent: u64,
}

impl Catalogue {
    /// A catalogue of pictures and further names for them, by position. The first who has a name keeps it.
    pub fn new(pictures: Vec<Picture>, further: impl IntoIterator<Item = (String, usize)>) -> Self {
        let mut by_name = HashMap::new();
        let ids = pictures
            .iter()
            .enumerate()
            .map(|(at, p)| (p.id.clone(), at));
        for (name, at) in ids.collect::<Vec<_>>().into_iter().chain(further) {
            by_name.entry(name).or_insert(at);
        }
        Catalogue { pictures, by_name }
    }

    /// The position of the picture with a name.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// Groups in order of their names, each with the positions of its pictures.
    pub fn groups(&self) -> BTreeMap<&str, Vec<usize>> {
        let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, picture) in self.pictures.iter().enumerate() {
            groups.entry(&picture.about.group).or_default().push(at);
        }
        groups
    }
}

/// Takes every image below a folder: its id is its path without suffix, its group the folder it lies in. A PDF is a
/// group of its own.
///
/// A link that leads out of the folder is left out unless `follows_links`: what lies elsewhere was not given to be served.
pub fn of_folder(root: &Path, settings: &Settings, follows_links: bool) -> Result<Taken, Error> {
    let home = files::real(root);
    // Folders that are links are not entered: only the file itself can lead out.
    let leads_out = |path: &Path| path.is_symlink() && !files::real(path).starts_with(&home);
    let strays = |path: &Path| !follows_links && leads_out(path);
    let mut names = Vec::new();
    walk(root, "", &mut names)?;
    names.sort();
    let mut taken = Taken::default();
    let (mut pictures, mut full_names) = (Vec::new(), Vec::new());
    let mut stems: HashMap<&str, u32> = HashMap::new();
    for name in &names {
        *stems.entry(stem(name)).or_default() += 1;
    }
    let is_taken = |id: &str| stems.contains_key(id);
    let marked = stems.keys().filter_map(|stem| stem.rsplit_once(';'));
    let marked: HashSet<&str> = marked.map(|(cover, _)| cover).collect();
    for name in &names {
        let path = root.join(name);
        if strays(&path) {
            let problem = "leads out of the folder; --follow-links serves it all the same";
            taken.rejects.push(reject(root, name, problem.into()));
            continue;
        }
        let is_pdf = pdf::is_pdf(&path);
        // Two files that differ by suffix only keep it: neither may take the other's place. So does a PDF beside an
        // image that is called as if it were a page of it.
        let is_alone = stems[stem(name)] == 1 && !(is_pdf && marked.contains(stem(name)));
        let id = if is_alone { stem(name) } else { name };
        let found = match is_pdf {
            true => documents::pages(&document(id, name), &path, settings, is_taken),
            false => picture(id, path, described(id, name, root)).map(|picture| vec![picture]),
        };
        match found {
            Ok(found) => {
                full_names.extend(also(name, id, &found, pictures.len()));
                pictures.extend(found);
            }
            Err(problem) => taken.rejects.push(reject(root, name, problem)),
        }
    }
    taken.catalogue = Catalogue::new(pictures, full_names);
    Ok(taken)
}

/// Takes the images of a `localizations.json` that an `image_map.json` holds.
pub fn of_localizations(
    localizations: &Path,
    map: &Path,
    settings: &Settings,
) -> Result<Taken, Error> {
    let read = contracts::read::<contracts::Localizations>(localizations)?;
    let paths: ImageMap = contracts::read_image_map(map)?;
    let mut taken = Taken {
        rejects: read.rejects,
        ..Taken::default()
    };
    let (mut pictures, mut further) = (Vec::new(), Vec::new());
    let ids: HashSet<String> = read.images.iter().map(|about| about.id.clone()).collect();
    for about in read.images {
        let Some(path) = paths.get(&about.id) else {
            taken.absent += 1;
            continue;
        };
        let id = about.id.clone();
        let path = files::folder_of(map).join(path);
        let found = match pdf::is_pdf(&path) {
            true => documents::pages(&about, &path, settings, |id| ids.contains(id)),
            false => picture(&id, path, about).map(|picture| vec![picture]),
        };
        match found {
            Ok(found) => {
                further.extend(also(&id, &id, &found, pictures.len()));
                pictures.extend(found);
            }
            Err(problem) => taken.rejects.push(reject(map, &id, problem)),
        }
    }
    taken.catalogue = Catalogue::new(pictures, further);
    Ok(taken)
}

/// Names of image files, relative, `/` between. Links to folders are not followed: they may lead in circles.
fn walk(folder: &Path, prefix: &str, names: &mut Vec<String>) -> Result<(), Error> {
    let cannot = |e| Error::new(format!("{}: cannot be read", folder.display())).because(e);
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let Ok(name) = entry.file_name().into_string() else {
            continue; // no URI names it
        };
        let kind = entry.file_type().map_err(cannot)?;
        if name.starts_with('.') {
            continue;
        } else if kind.is_dir() {
            walk(&entry.path(), &format!("{prefix}{name}/"), names)?;
        } else if is_image_name(&name) {
            names.push(format!("{prefix}{name}"));
        }
    }
    Ok(())
}

fn is_image_name(name: &str) -> bool {
    let suffix = name
        .rsplit_once('.')
        .map(|(_, suffix)| suffix.to_ascii_lowercase());
    suffix.is_some_and(|suffix| SUFFIXES.contains(&suffix.as_str()))
}

fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

fn described(id: &str, name: &str, root: &Path) -> LocalizedImage {
    let root = root.file_name().unwrap_or_default().to_string_lossy();
    let group = name.rsplit_once('/').map_or(&*root, |(folder, _)| folder);
    let mut about = LocalizedImage {
        id: id.to_owned(),
        group: if group.is_empty() {
            "images".into()
        } else {
            group.to_owned()
        },
        ..LocalizedImage::default()
    };
    about.source.labels.canvas = id.rsplit('/').next().map(str::to_owned);
    about
}

/// A PDF in a folder: its pages are a group of their own.
fn document(id: &str, name: &str) -> LocalizedImage {
    let mut about = LocalizedImage {
        id: id.to_owned(),
        group: name.to_owned(),
        ..LocalizedImage::default()
    };
    let label = stem(name).rsplit('/').next().map(str::to_owned);
    about.source.labels.manifest = label.clone();
    about.source.labels.canvas = label;
    about
}

/// Other names of what was found in a file, which begins at a position: by its full name, and pages by number.
fn also(name: &str, id: &str, found: &[Picture], start: usize) -> Vec<(String, usize)> {
    let mut names = vec![(name.to_owned(), start)];
    for (at, picture) in found.iter().enumerate() {
        let Some(page) = picture.page else { continue };
        for cover in [name, id] {
            names.push((format!("{cover};{}", page.number), start + at));
        }
    }
    names
}

fn picture(id: &str, path: PathBuf, mut about: LocalizedImage) -> Result<Picture, String> {
    let size = measure(&path)?.size;
    about.frame = about
        .frame
        .or_else(|| Frame::try_from(size.map(f64::from)).ok());
    Ok(Picture {
        id: id.to_owned(),
        path,
        page: None,
        size,
        about,
    })
}

/// The header of a file that can be served. What claims too many pixels is refused here and never decoded.
pub fn measure(path: &Path) -> Result<Look, String> {
    let look = source::look(path).map_err(|e| format!("not an image that can be read: {e}"))?;
    let [width, height] = look.size;
    match u64::from(width) * u64::from(height) > MOST_PIXELS {
        true => Err(format!(
            "picture is too large: {width} x {height}, the limit is {MOST_PIXELS} pixels"
        )),
        false => Ok(look),
    }
}

/// What the Image API needs to know of a file.
pub fn facts(look: &Look, stamp: u64) -> Facts {
    let [width, height] = look.size.map(u64::from);
    Facts {
        size: look.size,
        stamp,
        tile: look.tile.unwrap_or(TILE),
        cost: match look.tile {
            Some(_) => 0,
            // Read, but not decoded: about half a byte to the pixel.
            None if look.by_parts => width * height / 2,
            // Decoded, then turned or brought to eight bits.
            None => width * height * u64::from(look.channels) * 2,
        },
    }
}

fn reject(input: &Path, record: &str, problem: String) -> Reject {
    Reject::new(input.display().to_string(), record, "file", problem)
}
