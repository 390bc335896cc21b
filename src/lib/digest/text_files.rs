//! Transcriptions in local files: each file is matched to an image by its name, and its items become annotations.
//!
//! Files are read twice, so that no more than one is in memory: first to learn which image each is of, since two files for
//! one image contradict each other, then for what they hold.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::images::Images;
use crate::contracts::{Frame, Observation};
use crate::error::Error;
use crate::files;
use crate::iiif::QuotedRequest;
use crate::sources::boxes;
use crate::sources::text::{self, Granularity, Names, TextKind, TextPage};
use crate::sources::{TextChoice, TextOptions};
use crate::summary::{Reject, Summary, counted};

/// Adds what the files say to the images that they are of. Images of unknown size take that of their page.
///
/// # Errors
/// A file or folder on the command line does not exist or cannot be read.
pub fn add(
    options: &TextOptions,
    is_limited: bool,
    images: &mut Images,
    summary: &mut Summary,
) -> Result<(), Error> {
    if options.text_files.is_empty() {
        return Ok(());
    }
    let mut reading = Reading::default();
    let mut observations = images.outlines()?;
    let mut names = names(&observations);
    for table in tables(&options.text_files) {
        let note = name_by_table(&table, &observations, &mut names)?;
        reading.notes.extend(note);
    }
    for file in files_of(&options.text_files)? {
        reading.match_file(&file, &names, &observations);
    }
    if is_limited {
        let n = reading.unmatched.len() as u64;
        let files = counted(n, "file does", "files do");
        let note = format!("{files} not match any image; --limit leaves images out");
        reading.notes.extend((n > 0).then_some(note));
    } else {
        reading.rejects.append(&mut reading.unmatched);
    }
    for (images, found) in std::mem::take(&mut reading.found) {
        reading.choose(&images, found, options.choice());
    }
    for (file, pages) in std::mem::take(&mut reading.chosen) {
        reading.annotate(&file, &pages, &options.text_granularity, &mut observations);
        for number in pages.into_values().flatten() {
            let Observation {
                annotations,
                canvas,
                ..
            } = &mut observations[number];
            images.annotate_image(number, &std::mem::take(annotations), *canvas)?;
        }
    }
    for number in std::mem::take(&mut reading.lost) {
        images.reject_annotations(number);
    }
    reading.tell(summary);
    Ok(())
}

/// A file that may be a transcription.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct TextPath {
    path: PathBuf,
    /// What ids of annotations begin with: its path below the folder on the command line.
    name: String,
    /// Whether it was named itself.
    is_named: bool,
}

/// The files on the command line and those below its folders, each once.
fn files_of(paths: &[PathBuf]) -> Result<BTreeSet<TextPath>, Error> {
    let mut all = BTreeSet::new();
    for path in paths {
        if !path.is_dir() {
            if !files::is_there(path) {
                let shown = path.display();
                return Err(Error::usage(format!("{shown}: no such file or folder")));
            }
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            all.insert(TextPath {
                path: path.clone(),
                name: name.into_owned(),
                is_named: true,
            });
            continue;
        }
        let below = files::files_below(path)
            .map_err(|e| Error::new(format!("{}: cannot be read", path.display())).because(e))?;
        all.extend(below.into_iter().map(|name| TextPath {
            path: path.join(&name),
            name,
            is_named: false,
        }));
    }
    Ok(all)
}

/// The tables that lead from the files of a set to its images: `recto-reformat` writes them beside transcriptions.
fn tables(paths: &[PathBuf]) -> BTreeSet<PathBuf> {
    // The files of a split are in a folder below, and pages of it may be named one by one.
    let folders = paths.iter().flat_map(|path| path.ancestors().take(3));
    let tables = folders.map(|folder| folder.join(SOURCES));
    tables.filter(|table| table.is_file()).collect()
}

const SOURCES: &str = "sources.csv";

/// Adds the names of a table of files and images, where these are in the digest; a note if it is no such table.
fn name_by_table(
    table: &Path,
    observations: &[Observation],
    names: &mut Names,
) -> Result<Option<String>, Error> {
    let shown = table.display().to_string();
    let list = match boxes::read_image_list(&shown, &files::read(table)?) {
        Ok(list) => list,
        Err(why) => return Ok(Some(format!("{shown} is not used: {why}"))),
    };
    let numbers = observations.iter().enumerate();
    let numbers: HashMap<&str, usize> = numbers.map(|(n, o)| (o.id.as_str(), n)).collect();
    for address in list.addresses {
        if let Some(&number) = numbers.get(address.image.as_str()) {
            names.add(0, &text::stem(&address.file), number);
        }
    }
    Ok(None)
}

/// The names of images by which files find them: those of their files and services, then labels, then ids of canvases.
fn names(observations: &[Observation]) -> Names {
    let mut names = Names::default();
    for (n, observation) in observations.iter().enumerate() {
        let image = &observation.image;
        // The last word of a request to a service is that of every other.
        let base = |url: &String| match QuotedRequest::parse(url) {
            Some(request) => request.base.to_owned(),
            None => url.clone(),
        };
        let service = image.service.as_ref().map(|service| service.id.clone());
        let addresses = service.into_iter().chain(image.url.as_ref().map(base));
        addresses.for_each(|address| names.add(0, &text::stem(&address), n));
        let labels = &observation.source.labels;
        for label in [&labels.canvas, &labels.image].into_iter().flatten() {
            names.add(1, &text::words(label), n);
        }
        if let Some(canvas) = &observation.source.canvas {
            names.add(2, &text::stem(canvas), n);
        }
    }
    names
}

/// A page of a file that is of some images.
struct FoundPage {
    file: TextPath,
    page: usize,
    kind: TextKind,
}

#[derive(Default)]
struct Reading {
    /// Numbers of the images of one canvas → the pages that are of it.
    found: BTreeMap<Vec<usize>, Vec<FoundPage>>,
    /// File → its pages that are read, each with the images that it is of.
    chosen: BTreeMap<TextPath, BTreeMap<usize, Vec<usize>>>,
    unmatched: Vec<Reject>,
    /// Numbers of images of whose transcription something cannot be used.
    lost: BTreeSet<usize>,
    rejects: Vec<Reject>,
    notes: Vec<String>,
    others: Vec<String>,
    unchosen: u64,
    files: u64,
    annotations: u64,
}

impl Reading {
    fn match_file(&mut self, file: &TextPath, names: &Names, observations: &[Observation]) {
        let shown = file.path.display().to_string();
        let reject = |problem: String| Reject::new(&shown, "document", "document", problem);
        let bytes = match read(file) {
            Ok(None) => return self.others.push(shown),
            Ok(Some(bytes)) => Ok(bytes),
            Err(problem) => Err(problem),
        };
        let read = match bytes.and_then(|bytes| text::read(&bytes)) {
            Ok(read) => read,
            Err(problem) => {
                let named = names.find(&[text::stem(&file.name)]);
                let is_one = is_one(&named, observations) == Some(true);
                self.lost.extend(named.into_iter().filter(|_| is_one));
                return self.rejects.push(reject(problem));
            }
        };
        self.notes
            .extend(read.notes.iter().map(|note| format!("{note}: {shown}")));
        let is_only = read.pages.len() == 1;
        for (number, page) in read.pages.iter().enumerate() {
            let of_file = is_only.then(|| text::stem(&file.name));
            let of_image = page.image_file.as_deref().map(text::stem);
            let tried: Vec<String> = of_file.into_iter().chain(of_image).collect();
            let images = names.find(&tried);
            self.compare_names(&shown, page, &images, names);
            match is_one(&images, observations) {
                None => self.unmatched.push(nameless(&shown, page, number, &tried)),
                Some(false) => self
                    .rejects
                    .push(ambiguous(&shown, page, &images, observations)),
                Some(true) => self.found.entry(images).or_default().push(FoundPage {
                    file: file.clone(),
                    page: number,
                    kind: read.kind,
                }),
            }
        }
    }

    /// Notes that a file has the name of one image and names another.
    fn compare_names(&mut self, shown: &str, page: &TextPage, images: &[usize], names: &Names) {
        let Some(file) = &page.image_file else {
            return;
        };
        let named = names.find(&[text::stem(file)]);
        if !named.is_empty() && !named.iter().any(|image| images.contains(image)) {
            self.notes.push(format!(
                "transcription named like one image says that it is of another; its own name counts: {shown}, {file}"
            ));
        }
    }

    /// Of the pages for one canvas, those of the preferred kind are read; there must be only one.
    fn choose(&mut self, images: &[usize], found: Vec<FoundPage>, choice: TextChoice) {
        let kinds: Vec<TextKind> = found.iter().map(|page| page.kind).collect();
        let kind = choice.among(&kinds).or(TextChoice::Auto.among(&kinds));
        let (wanted, others): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|page| Some(page.kind) == kind);
        self.unchosen += others.len() as u64;
        if let [only] = wanted.as_slice() {
            let pages = self.chosen.entry(only.file.clone()).or_default();
            pages.insert(only.page, images.to_vec());
            return;
        }
        self.lost.extend(images);
        let files: Vec<&str> = wanted.iter().map(|page| page.file.name.as_str()).collect();
        let files = files.join(", ");
        for page in &wanted {
            let is_one_file = wanted.iter().all(|other| other.file == page.file);
            let problem = match is_one_file {
                true => format!(
                    "several pages of a file are of one image: {}",
                    page.file.name
                ),
                false => format!("several files are named like one image: {files}"),
            };
            let shown = page.file.path.display().to_string();
            self.rejects
                .push(Reject::new(shown, &page.file.name, "name", problem));
        }
    }

    fn annotate(
        &mut self,
        file: &TextPath,
        pages: &BTreeMap<usize, Vec<usize>>,
        granularity: &[Granularity],
        observations: &mut [Observation],
    ) {
        let shown = file.path.display().to_string();
        let read = files::read(&file.path).ok();
        let Some(Ok(mut read)) = read.map(|bytes| text::read(&bytes)) else {
            let problem = "the file changed while it was read";
            self.rejects
                .push(Reject::new(shown, "document", "document", problem));
            return;
        };
        for (number, images) in pages {
            let Some(page) = read.pages.get_mut(*number) else {
                continue;
            };
            page.keep(granularity);
            self.annotations += (page.items.len() + page.problems.len()) as u64;
            if !page.problems.is_empty() {
                self.lost.extend(images);
            }
            for problem in &page.problems {
                let (item, field) = (problem.item.as_str(), problem.field);
                self.rejects
                    .push(Reject::new(&shown, item, field, &*problem.problem));
            }
            for image in images {
                match put(page, &mut observations[*image], &file.name) {
                    Ok(assumed) => {
                        let note = |assumed| format!("{assumed}: {shown}");
                        self.notes.extend(assumed.map(note));
                    }
                    Err(problem) => {
                        self.lost.insert(*image);
                        let image = &observations[*image].id;
                        self.rejects
                            .push(Reject::new(&shown, image, "page", problem));
                    }
                }
            }
        }
        self.files += 1;
    }

    fn tell(self, summary: &mut Summary) {
        let mut notes = self.notes;
        text::unite_notes(&mut notes);
        if self.unchosen > 0 {
            let files = counted(self.unchosen, "file", "files");
            notes.push(format!(
                "{files} not read: the image has a transcription in another format, --text chooses"
            ));
        }
        if let Some(first) = self.others.first() {
            let files = counted(self.others.len() as u64, "file", "files");
            notes.push(format!(
                "{files} not read: not ALTO, PAGE or hOCR, first {first}"
            ));
        }
        summary.notes.extend(notes);
        summary.count("text_files", self.files);
        summary.count("annotations", self.annotations);
        summary.rejects.extend(self.rejects);
    }
}

/// The bytes of a file; none if it is something else that lies beside transcriptions: pictures, METS, notes.
///
/// # Errors
/// It cannot be read, or has the name of a transcription and the contents of none.
fn read(file: &TextPath) -> Result<Option<Vec<u8>>, String> {
    const SUFFIXES: [&str; 6] = ["xml", "alto", "hocr", "html", "htm", "xhtml"];
    let start = files::start(&file.path, text::START as u64);
    let suffix = file.path.extension().unwrap_or_default().to_string_lossy();
    let is_named_so = SUFFIXES.contains(&suffix.to_ascii_lowercase().as_str());
    let is_other = text::kind_of(&start).is_none() && (!is_named_so || text::is_markup(&start));
    if is_other && !file.is_named {
        return Ok(None);
    }
    let size = std::fs::metadata(&file.path).map_or(0, |meta| meta.len());
    if size > text::MAX_BYTES as u64 {
        let limit = text::MAX_BYTES;
        return Err(format!(
            "file is too large: {size} bytes, the limit is {limit}"
        ));
    }
    files::read(&file.path).map(Some).map_err(|e| e.to_string())
}

/// Whether all of some images lie on one canvas; none if there is no image.
fn is_one(images: &[usize], observations: &[Observation]) -> Option<bool> {
    let canvas = |n: &usize| {
        let observation = &observations[*n];
        let canvas = observation.source.canvas.as_ref();
        canvas.unwrap_or(&observation.id)
    };
    let id = |n: &usize| &observations[*n].id;
    let first = images.first()?;
    let is_one = images.iter().all(|n| canvas(n) == canvas(first))
        || images.iter().all(|n| id(n) == id(first));
    Some(is_one)
}

fn page_name(page: &TextPage, number: usize) -> String {
    let named = page.image_file.clone().or_else(|| page.id.clone());
    named.unwrap_or_else(|| format!("page {}", number + 1))
}

fn nameless(shown: &str, page: &TextPage, number: usize, tried: &[String]) -> Reject {
    let problem = match tried {
        [] => "image is not named: the file has several pages".to_owned(),
        tried => format!("no image has this name: {}", tried.join(", ")),
    };
    Reject::new(shown, page_name(page, number), "name", problem)
}

fn ambiguous(
    shown: &str,
    page: &TextPage,
    images: &[usize],
    observations: &[Observation],
) -> Reject {
    const SHOWN: usize = 3;
    let ids = images
        .iter()
        .take(SHOWN)
        .map(|n| observations[*n].id.as_str());
    let ids: Vec<&str> = ids.collect();
    let problem = format!(
        "several images have this name: {} images, {}",
        images.len(),
        ids.join(", ")
    );
    Reject::new(shown, page_name(page, 0), "name", problem)
}

/// Puts the items of a page on an image; says what was assumed.
///
/// # Errors
/// The page is not one of this image.
fn put(
    page: &TextPage,
    observation: &mut Observation,
    file: &str,
) -> Result<Option<&'static str>, String> {
    let image = &observation.image;
    let part = image.service.as_ref().and_then(|service| service.region);
    let is_whole = part.is_none();
    let size = match is_whole {
        true => image.declared(),
        // Coordinates of an image are those of all of its service's.
        false => image.whole,
    };
    let declared = size.and_then(|size| Frame::try_from(size.map(f64::from)).ok());
    let fit = text::fit(page, observation.canvas, declared, part)?;
    if is_whole
        && observation.canvas.is_none()
        && declared.is_none()
        && observation.placement.is_none()
    {
        observation.canvas = page.size;
    }
    let annotations = text::annotations(page, &fit, file);
    observation.annotations.extend(annotations);
    Ok(fit.assumed)
}
