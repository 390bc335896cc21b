//! What there is to serve, read once at the start. Requests are looked up here; no part of a request ever becomes a path.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use super::image::pdf::{self, PdfSettings};
use super::image_record::{ImageRecord, measure};
use crate::contracts::{self, Frame, ImageMap, LocalizedImage};
use crate::error::Error;
use crate::files;
use crate::pixels::pdf::is_pdf;
use crate::summary::Reject;

/// The suffixes of image files.
const SUFFIXES: [&str; 12] = [
    "jpg", "jpeg", "png", "tif", "tiff", "webp", "gif", "jp2", "j2k", "jpf", "jpx", "pdf",
];

/// Everything there is to serve.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalogue {
    /// The images, in the order of the localizations, or sorted by name.
    pub images: Vec<ImageRecord>,
    by_name: HashMap<String, usize>,
}

/// A catalogue that was read, and what is missing from it.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The catalogue.
    pub catalogue: Catalogue,
    /// Files that cannot be served, and records that cannot be used.
    pub rejects: Vec<Reject>,
    /// The number of images of the localizations that are missing from the image map; `recto-download` reports why.
    pub absent: u64,
    /// The names of the taxonomy of the localizations, and of the steps that lead to them.
    pub taxonomy: Vec<String>,
}

impl Catalogue {
    /// A catalogue of images, and further names for them by position. The first image with a name keeps it.
    pub fn new(
        images: Vec<ImageRecord>,
        further: impl IntoIterator<Item = (String, usize)>,
    ) -> Self {
        let mut by_name = HashMap::new();
        let ids = images.iter().enumerate().map(|(at, p)| (p.id.clone(), at));
        for (name, at) in ids.collect::<Vec<_>>().into_iter().chain(further) {
            by_name.entry(name).or_insert(at);
        }
        Catalogue { images, by_name }
    }

    /// The position of the image with this name.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The groups, sorted by name, each with the positions of its images.
    pub fn groups(&self) -> BTreeMap<&str, Vec<usize>> {
        let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, image) in self.images.iter().enumerate() {
            groups.entry(&image.about.group).or_default().push(at);
        }
        groups
    }
}

/// The catalogue that everybody reads, and that a correction replaces as a whole.
#[derive(Debug, Default)]
pub struct SharedCatalogue(RwLock<Arc<Catalogue>>);

impl SharedCatalogue {
    /// A shared catalogue.
    pub fn new(catalogue: Catalogue) -> Self {
        SharedCatalogue(RwLock::new(Arc::new(catalogue)))
    }

    /// The catalogue as it is now.
    pub fn get(&self) -> Arc<Catalogue> {
        let current = self.0.read().unwrap_or_else(PoisonError::into_inner);
        current.clone()
    }

    /// Replaces the catalogue.
    pub fn replace(&self, catalogue: Catalogue) {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(catalogue);
    }
}

/// Finds every image below a folder: its id is its path without suffix, its group the folder it is in. A PDF is a group
/// of its own.
///
/// A link that leads out of the folder is left out unless `follows_links`: the user did not ask to serve what is
/// elsewhere.
///
/// # Errors
/// A folder cannot be read.
pub fn of_folder(
    root: &Path,
    settings: &PdfSettings,
    follows_links: bool,
) -> Result<Loaded, Error> {
    let home = files::real(root);
    // Links to folders are not followed, so only the file itself can lead out.
    let leads_out = |path: &Path| path.is_symlink() && !files::real(path).starts_with(&home);
    let strays = |path: &Path| !follows_links && leads_out(path);
    let mut names = Vec::new();
    walk(root, "", &mut names)?;
    names.sort();
    let mut loaded = Loaded::default();
    let (mut images, mut full_names) = (Vec::new(), Vec::new());
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
            let problem = "link leads out of the folder; --follow-links serves it";
            loaded.rejects.push(reject(root, name, problem.into()));
            continue;
        }
        let is_pdf = is_pdf(&path);
        // Two files that differ only by suffix keep it in their ids, so that neither hides the other. So does a PDF beside
        // an image whose name looks like a page of it.
        let is_alone = stems[stem(name)] == 1 && !(is_pdf && marked.contains(stem(name)));
        let id = if is_alone { stem(name) } else { name };
        let found = match is_pdf {
            true => pdf::pages(&document(id, name), &path, settings, is_taken),
            false => record(id, path, described(id, name, root)).map(|image| vec![image]),
        };
        match found {
            Ok(found) => {
                full_names.extend(further_names(name, id, &found, images.len()));
                images.extend(found);
            }
            Err(problem) => loaded.rejects.push(reject(root, name, problem)),
        }
    }
    loaded.catalogue = Catalogue::new(images, full_names);
    Ok(loaded)
}

/// The images of a `localizations.json` that an `image_map.json` holds.
///
/// # Errors
/// A file cannot be read.
pub fn of_localizations(
    localizations: &Path,
    map: &Path,
    settings: &PdfSettings,
) -> Result<Loaded, Error> {
    let read = contracts::read::<contracts::Localizations>(localizations)?;
    let paths: ImageMap = contracts::read_image_map(map)?;
    let steps = read.taxonomy.values().flat_map(|taxon| &taxon.lineage);
    let steps = steps.map(|step| step.name.clone());
    let mut loaded = Loaded {
        taxonomy: read.taxonomy.keys().cloned().chain(steps).collect(),
        rejects: read.rejects,
        ..Loaded::default()
    };
    let (mut images, mut further) = (Vec::new(), Vec::new());
    let ids: HashSet<String> = read.images.iter().map(|about| about.id.clone()).collect();
    for about in read.images {
        let Some(path) = paths.get(&about.id) else {
            loaded.absent += 1;
            continue;
        };
        let id = about.id.clone();
        let path = files::folder_of(map).join(path);
        let found = match is_pdf(&path) {
            true => pdf::pages(&about, &path, settings, |id| ids.contains(id)),
            false => record(&id, path, about).map(|image| vec![image]),
        };
        match found {
            Ok(found) => {
                further.extend(further_names(&id, &id, &found, images.len()));
                images.extend(found);
            }
            Err(problem) => loaded.rejects.push(reject(map, &id, problem)),
        }
    }
    loaded.catalogue = Catalogue::new(images, further);
    Ok(loaded)
}

/// The paths of image files, relative, with `/` between. Links to folders are not followed: they may lead in circles.
fn walk(folder: &Path, prefix: &str, names: &mut Vec<String>) -> Result<(), Error> {
    let cannot = |e| Error::new(format!("{}: cannot be read", folder.display())).because(e);
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let Ok(name) = entry.file_name().into_string() else {
            continue; // Not UTF-8: no URI could name it.
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

/// The description of a PDF in a folder: its pages are a group of their own.
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

/// Further names of the images found in a file, the first at position `start`: the full name, and pages by number.
fn further_names(
    name: &str,
    id: &str,
    found: &[ImageRecord],
    start: usize,
) -> Vec<(String, usize)> {
    let mut names = vec![(name.to_owned(), start)];
    for (at, image) in found.iter().enumerate() {
        let Some(page) = image.page else { continue };
        for cover in [name, id] {
            names.push((format!("{cover};{}", page.number), start + at));
        }
    }
    names
}

fn record(id: &str, path: PathBuf, mut about: LocalizedImage) -> Result<ImageRecord, String> {
    let size = measure(&path)?.size;
    let pixels = Frame::try_from(size.map(f64::from)).ok();
    if let Some(pixels) = pixels {
        about.resolve_percent(pixels);
    }
    about.frame = about.frame.or(pixels);
    Ok(ImageRecord {
        id: id.to_owned(),
        path,
        page: None,
        size,
        about,
    })
}

fn reject(input: &Path, record: &str, problem: String) -> Reject {
    Reject::new(input.display().to_string(), record, "file", problem)
}
