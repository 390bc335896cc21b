//! The images in a folder and the folders below it.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::DirEntry;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::images::{Catalogue, Loaded};
use super::probe::{self, Probed, Prober};
use crate::contracts::LocalizedImage;
use crate::error::Error;
use crate::files::{self, Content};
use crate::summary::{Reject, counted};

/// The suffixes of files that are served.
const SUFFIXES: [&str; 26] = [
    "jpg", "jpeg", "jpe", "jfif", "jfi", "jif", "png", "apng", "tif", "tiff", "ptif", "ptiff",
    "btf", "tf8", "webp", "gif", "jp2", "jpg2", "j2k", "j2c", "jpc", "jpf", "jpx", "pdf", "bmp",
    "avif",
];
/// The suffixes of image files that are not read: of other types, of cameras, of slides.
const UNREAD: [&str; 84] = [
    "jls", "jph", "jhc", "jpm", "mj2", "jxs", "heic", "heics", "heif", "heifs", "hif", "avifs",
    "jxl", "jxr", "wdp", "hdp", "psd", "psb", "xcf", "mpo", "jps", "dng", "cr2", "cr3", "crw",
    "nef", "nrw", "arw", "sr2", "srw", "raf", "orf", "rw2", "pef", "iiq", "3fr", "dcr", "kdc",
    "mrw", "erf", "x3f", "dib", "pnm", "ppm", "pgm", "pbm", "pam", "pfm", "tga", "pcx", "ico",
    "cur", "icns", "dds", "exr", "hdr", "qoi", "sgi", "ras", "iff", "lbm", "xbm", "xpm", "bpg",
    "flif", "mng", "jng", "djvu", "djv", "svs", "ndpi", "mrxs", "scn", "bif", "czi", "vsi", "dcm",
    "dicom", "fits", "fts", "eps", "wmf", "emf", "svg",
];

/// Finds every image below a folder: its id is its path without suffix, its group the folder it is in. A PDF is a group
/// of its own. What looks like an image and is not served is a reject.
///
/// A link that leads out of the folder is left out unless `follows_links`: the user did not ask to serve what is
/// elsewhere.
///
/// # Errors
/// A folder cannot be read.
pub fn of_folder(root: &Path, follows_links: bool, prober: &Prober) -> Result<Loaded, Error> {
    let home = (!follows_links).then(|| Arc::from(files::real(root)));
    let mut walk = Walk::new(follows_links);
    walk.enter(root, "")?;
    walk.names.sort();
    walk.passed_over.sort();
    let mut loaded = Loaded::default();
    let reject = |name: &str, problem: String| {
        Reject::new(root.display().to_string(), name, "file", problem)
    };
    let passed_over = walk.passed_over.into_iter();
    loaded.rejects = passed_over.map(|(name, why)| reject(&name, why)).collect();
    let names = walk.names;
    let look = |name: &String| prober.probe(&Content::file(root.join(name)), home.as_deref());
    let probed: Vec<_> = names.par_iter().map(look).collect();
    let had = |name: &String| prober.known_id(&Content::file(root.join(name)));
    let has_pages = |at: usize| probed[at].as_ref().is_ok_and(Probed::has_pages);
    let ids = Ids::of(&names, had, has_pages);
    loaded.notes.extend(ids.note());
    let (mut images, mut full_names) = (Vec::new(), Vec::new());
    let mut animated = Vec::new();
    for (name, probed) in names.iter().zip(probed) {
        let found = probed.and_then(|probed| {
            let id = ids.of_file(name, probed.has_pages());
            let about = match probed.is_pdf {
                true => document(id, name),
                false => described(id, name, root),
            };
            let content = Content::file(root.join(name));
            let is_taken = |id: &str| ids.stems.contains_key(id) && !ids.is_page_of_held(id);
            let mut found = prober.records(about, content, home.clone(), &probed, is_taken)?;
            for image in &mut found {
                image.name = match image.page.map(|page| page.number()) {
                    None | Some(1) => name.clone(),
                    Some(number) => format!("{name};{number}"),
                };
            }
            probe::name_for_rules(&mut found, &[stem(name), name]);
            full_names.extend(probe::further_names(name, id, &found, images.len()));
            let oddity = probed.oddity.map(|found| format!("{name} holds {found}"));
            loaded.notes.extend(oddity);
            if probed.frames > 1 {
                animated.push((name.clone(), probed.frames));
            }
            Ok(found)
        });
        match found {
            Ok(found) => images.extend(found),
            Err(problem) => loaded.rejects.push(reject(name, problem)),
        }
    }
    loaded.notes.extend(probe::note_of_frames(&animated));
    loaded.catalogue = Catalogue::new(images, full_names);
    Ok(loaded)
}

/// How files are called by their names.
struct Ids<'a> {
    /// Names without suffix, and how many files have each.
    stems: HashMap<&'a str, u32>,
    /// What stands before `;` in names: a file of several pages of this name would have pages with such ids.
    marked: HashSet<&'a str>,
    /// Of these the files of several pages that had the id without suffix before the others came.
    held: HashSet<&'a str>,
    /// Of the names without suffix that several files have: the file whose id it was before the others came.
    first: HashMap<&'a str, &'a str>,
}

impl<'a> Ids<'a> {
    /// The ids of files. `had` tells the id that one had before, `has_pages` whether the file at a position has several pages.
    fn of<'p>(
        names: &'a [String],
        had: impl Fn(&'a String) -> Option<&'p str>,
        has_pages: impl Fn(usize) -> bool,
    ) -> Self {
        let mut stems: HashMap<&str, u32> = HashMap::new();
        for name in names {
            *stems.entry(stem(name)).or_default() += 1;
        }
        let marked = stems.keys().filter_map(|stem| stem.rsplit_once(';'));
        let marked: HashSet<&str> = marked.map(|(cover, _)| cover).collect();
        let covers = (0..).zip(names).filter(|(at, name)| {
            marked.contains(stem(name)) && had(name) == Some(stem(name)) && has_pages(*at)
        });
        let held = covers.map(|(_, name)| stem(name)).collect();
        let shared = names.iter().filter(|name| stems[stem(name)] > 1);
        let kept = shared.filter(|name| had(name) == Some(stem(name)));
        let first = kept.map(|name| (stem(name), name.as_str())).collect();
        Ids {
            stems,
            marked,
            held,
            first,
        }
    }

    /// Whether this is the id of a page of a file that had its ids before.
    fn is_page_of_held(&self, id: &str) -> bool {
        id.rsplit_once(';').is_some_and(|(cover, number)| {
            self.held.contains(cover) && number.bytes().all(|digit| digit.is_ascii_digit())
        })
    }

    /// The id of a file. Two files that differ only by suffix keep it in their ids, so that neither hides the other; but as
    /// long as the server runs, the one that was there first has its id without suffix still. A file of several pages keeps the
    /// suffix too beside one whose name looks like a page of it, and that one does if the pages were there first.
    fn of_file<'n>(&self, name: &'n str, has_pages: bool) -> &'n str {
        let stem = stem(name);
        let is_alone = self.stems[stem] == 1 || self.first.get(stem) == Some(&name);
        let gives_way = has_pages && self.marked.contains(stem) && !self.held.contains(stem);
        match is_alone && !gives_way && !self.is_page_of_held(stem) {
            true => stem,
            false => name,
        }
    }

    /// Says which names without suffix name no file, because several have them.
    fn note(&self) -> Option<String> {
        let shared = self.stems.iter().filter(|(_, count)| **count > 1);
        let mut shared: Vec<&str> = shared.map(|(stem, _)| *stem).collect();
        shared.sort_unstable();
        let first = shared.first()?;
        let others = match shared.len() - 1 {
            0 => String::new(),
            n => format!(" and {}", counted(n as u64, "other name", "other names")),
        };
        Some(format!(
            "several files are called `{first}`{others} but for their suffixes; the suffix is part of their ids"
        ))
    }
}

/// A walk through a folder.
struct Walk {
    follows_links: bool,
    /// Folders entered so far, links resolved: links may lead in circles.
    entered: HashSet<PathBuf>,
    /// Paths of image files, relative, with `/` between.
    names: Vec<String>,
    /// What looks like images and is not looked at, with the reason.
    passed_over: Vec<(String, String)>,
}

impl Walk {
    fn new(follows_links: bool) -> Self {
        Walk {
            follows_links,
            entered: HashSet::new(),
            names: Vec::new(),
            passed_over: Vec::new(),
        }
    }

    fn enter(&mut self, folder: &Path, prefix: &str) -> Result<(), Error> {
        if !self.entered.insert(files::real(folder)) {
            return Ok(());
        }
        let cannot = |e| Error::new(format!("{}: cannot be read", folder.display())).because(e);
        for entry in std::fs::read_dir(folder).map_err(cannot)? {
            self.visit(&entry.map_err(cannot)?, prefix)?;
        }
        Ok(())
    }

    fn visit(&mut self, entry: &DirEntry, prefix: &str) -> Result<(), Error> {
        let (raw, path) = (entry.file_name(), entry.path());
        let shown = format!("{prefix}{}", raw.to_string_lossy());
        if raw.as_encoded_bytes().starts_with(b".") {
            return Ok(());
        }
        let Ok(kind) = entry.file_type() else {
            self.pass_over(shown, "it cannot be looked at");
            return Ok(());
        };
        // A link is what it leads to; one that leads nowhere is no folder.
        let leads_to_folder = kind.is_symlink() && path.is_dir();
        let is_folder = kind.is_dir() || leads_to_folder;
        let suffix = suffix(&raw);
        let is_unread = is_unread(&suffix);
        if !is_folder && !SUFFIXES.contains(&&*suffix) && !is_unread {
            return Ok(());
        }
        let Some(name) = raw.to_str() else {
            self.pass_over(shown, "its name is not UTF-8, so that no URI can name it");
            return Ok(());
        };
        if leads_to_folder && !self.follows_links {
            self.pass_over(shown, "a link to a folder; --follow-links enters it");
        } else if is_folder {
            self.enter(&path, &format!("{prefix}{name}/"))?;
        } else if is_unread {
            let why =
                format!("files of type .{suffix} are not read; a copy as TIFF, PNG or JPEG is");
            self.pass_over(shown, &why);
        } else {
            self.names.push(format!("{prefix}{name}"));
        }
        Ok(())
    }

    fn pass_over(&mut self, name: String, why: &str) {
        self.passed_over.push((name, why.to_owned()));
    }
}

fn suffix(name: &OsStr) -> String {
    let suffix = Path::new(name).extension().unwrap_or_default();
    suffix.to_string_lossy().to_ascii_lowercase()
}

/// Whether a suffix is that of image files that are not read, or one to which a download added how large the image is
/// (`jpg_large`, `jpg:orig`).
fn is_unread(suffix: &str) -> bool {
    let mut parts = suffix.split(['_', ':', '!']);
    let is_longer =
        parts.next().is_some_and(|part| SUFFIXES.contains(&part)) && parts.next().is_some();
    is_longer || UNREAD.contains(&suffix)
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
