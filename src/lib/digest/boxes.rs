//! What the sources of boxes need from the disk before documents are read: the files of folders, the sizes of images, and
//! the files that `--images` and `--classes` name.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::error::Error;
use crate::exif_boxes::StoredSize;
use crate::files::Content;
use crate::image_names::is_image;
use crate::sources::boxes::model::BoxDocument;
use crate::sources::boxes::{
    self, Addresses, Boxes, BoxesOptions, KINDS, ListedFile, read_classes, read_image_list,
};
use crate::sources::is_url;
use crate::{files, stored_image};

/// Files that hold the names of classes, in a folder above labels.
const CLASS_FILES: [&str; 5] = [
    "data.yaml",
    "data.yml",
    "dataset.yaml",
    "classes.txt",
    "obj.names",
];

/// The source of boxes with this name.
///
/// # Errors
/// A folder or a file that an option names cannot be read, or is not what it should be.
pub fn source(
    kind: &str,
    inputs: &[String],
    options: &BoxesOptions,
    max_bytes: u64,
) -> Result<Boxes, Error> {
    let kind = KINDS
        .iter()
        .find(|name| **name == kind)
        .copied()
        .unwrap_or(KINDS[0]);
    let mut around = Surroundings::default();
    let has_classes = options.classes.is_some() || inputs.iter().any(|input| is_class_file(input));
    for input in inputs {
        around.input(kind, input, has_classes)?;
    }
    let (mut bases, mut addresses, mut lists) = (Vec::new(), Vec::new(), Vec::new());
    let mut named_files = HashSet::new();
    for images in &options.images {
        let path = Path::new(images);
        if is_url(images) {
            bases.push(images.clone());
        } else if path.is_dir() {
            around.files.extend(listed(path, "")?);
        } else {
            let list = read(path, "--images", read_image_list)?;
            let named: Vec<String> = list
                .addresses
                .iter()
                .map(|address| address.file.clone())
                .collect();
            let folder = files::folder_of(path);
            named_files.extend(named.iter().map(|file| files::real(&folder.join(file))));
            around.files.extend(measured(folder, "", named));
            addresses.extend(list.addresses.iter().cloned());
            lists.push(list);
        }
    }
    let classes = options.classes.as_deref();
    let classes = classes
        .map(|path| read(path, "--classes", read_classes))
        .transpose()?;
    Ok(Boxes {
        kind,
        inputs: std::mem::take(&mut around.documents),
        addresses: Addresses::of(bases, addresses, around.all_files(&named_files)),
        lists,
        classes,
        class_attribute: options.class_attribute.clone(),
        voc_inclusive: options.voc_inclusive,
        max_bytes,
    })
}

/// Reads a file that an option names.
fn read(
    path: &Path,
    option: &str,
    parse: fn(&str, &[u8]) -> Result<BoxDocument, String>,
) -> Result<BoxDocument, Error> {
    let name = path.display().to_string();
    let hint = match option {
        "--images" => {
            "--images takes the beginning of a URL, a folder of images, image_map.json, a table with the columns file and url, or a COCO file"
        }
        _ => "--classes takes data.yaml, or a file with the name of a class per line",
    };
    let bytes = files::read(path).map_err(|e| e.hint(hint))?;
    parse(&name, &bytes).map_err(|problem| Error::new(format!("{name}: {problem}")).hint(hint))
}

/// Documents and files around the inputs.
#[derive(Default)]
struct Surroundings {
    documents: Vec<String>,
    known: HashSet<String>,
    files: Vec<ListedFile>,
    /// Images in the folder that belongs to labels.
    beside: Vec<ListedFile>,
}

impl Surroundings {
    /// All files: of those beside labels only the ones that no list of `--images` has named.
    fn all_files(self, named: &HashSet<PathBuf>) -> Vec<ListedFile> {
        let is_new = |file: &ListedFile| !named.contains(&files::real(Path::new(&file.path)));
        let beside = self.beside.into_iter().filter(is_new);
        self.files.into_iter().chain(beside).collect()
    }

    /// Adds an input: a folder as its documents, in the order of their paths.
    fn input(&mut self, kind: &str, input: &str, has_classes: bool) -> Result<(), Error> {
        let path = Path::new(input);
        let folder = match path.is_dir() {
            true => path.to_owned(),
            // The settings of a set stand in its folder.
            false if kind == "yolo" && is_settings(input) && !is_url(input) => {
                files::folder_of(path).to_owned()
            }
            false => {
                let is_label = kind == "yolo" && !has_classes && path.is_file();
                let classes = is_label.then(|| class_file_above(path)).flatten();
                classes.into_iter().for_each(|file| self.add(file));
                self.add(input.to_owned());
                return Ok(());
            }
        };
        let all = files::files_below(&folder).map_err(|e| unreadable(&folder, e))?;
        let documents: Vec<&String> = all
            .iter()
            .filter(|path| boxes::is_document(kind, path))
            .collect();
        if documents.is_empty() {
            let what = format!(
                "{}: there are no {kind} annotation files in this folder",
                folder.display()
            );
            return Err(Error::usage(what));
        }
        let documents: Vec<String> = documents
            .into_iter()
            .map(|path| below(&folder, path))
            .collect();
        if kind == "yolo" && !has_classes && !documents.iter().any(|path| is_class_file(path)) {
            class_file_above(&folder)
                .into_iter()
                .for_each(|file| self.add(file));
        }
        documents
            .into_iter()
            .for_each(|document| self.add(document));
        if kind == "yolo" {
            let images = all.into_iter().filter(|path| is_image(path)).collect();
            self.files
                .extend(measured(&folder, &below(&folder, ""), images));
            if let Some(images) = images_beside(&folder) {
                self.beside.extend(listed(&images, &below(&images, ""))?);
            }
        }
        Ok(())
    }

    fn add(&mut self, document: String) {
        if self.known.insert(document.clone()) || document == "-" {
            self.documents.push(document);
        }
    }
}

fn is_class_file(path: &str) -> bool {
    CLASS_FILES.iter().any(|name| path.ends_with(name))
}

fn is_settings(input: &str) -> bool {
    let lower = input.to_lowercase();
    lower.ends_with(".yaml") || lower.ends_with(".yml")
}

fn below(folder: &Path, path: &str) -> String {
    let path = folder.join(path);
    // Without the `./` of a bare name, as people type it.
    let path = path.strip_prefix(".").map(Path::to_owned).unwrap_or(path);
    path.display().to_string()
}

/// The list of classes in one of the three folders above labels, as far as their path names them.
fn class_file_above(labels: &Path) -> Option<String> {
    let above = labels.ancestors().skip(1).take(3);
    let paths = above.flat_map(|folder| CLASS_FILES.iter().map(move |name| folder.join(name)));
    let found = paths.into_iter().find(|path| path.is_file())?;
    Some(found.display().to_string())
}

/// The folder `images` that belongs to a folder of labels.
fn images_beside(folder: &Path) -> Option<PathBuf> {
    let parts: Vec<_> = folder.components().collect();
    let at = parts
        .iter()
        .rposition(|part| part.as_os_str() == "labels")?;
    let mut images: PathBuf = parts[..at].iter().collect();
    images.push("images");
    images.extend(&parts[at + 1..]);
    images.is_dir().then_some(images)
}

/// The images below a folder with their sizes. `name` stands before their paths.
fn listed(folder: &Path, name: &str) -> Result<Vec<ListedFile>, Error> {
    let all = files::files_below(folder).map_err(|e| unreadable(folder, e))?;
    let images = all.into_iter().filter(|path| is_image(path)).collect();
    Ok(measured(folder, name, images))
}

fn measured(folder: &Path, name: &str, paths: Vec<String>) -> Vec<ListedFile> {
    let measure = |path: String| {
        let header = stored_image::measure(&Content::file(folder.join(&path))).ok();
        let file = header.map(|header| StoredSize {
            size: [header.width, header.height],
            orientation: header.orientation,
        });
        ListedFile {
            size: file.map(|file| file.size),
            shown: file.and_then(|file| file.shown_otherwise()),
            path: format!("{name}{path}"),
            below: path,
        }
    };
    paths.into_par_iter().map(measure).collect()
}

fn unreadable(folder: &Path, e: std::io::Error) -> Error {
    Error::new(format!("{}: folder cannot be read", folder.display())).because(e)
}
