//! Hands the dataset to its formats and publishes what they write.

use std::path::{Path, PathBuf};

use super::assemble::Assembled;
use super::card;
use super::counts::part_count;
use super::croissant;
use super::description::{self, Made};
use super::file_clashes;
use super::image_tables::ImageTables;
use super::near_duplicates;
use super::options::Options;
use super::output::{DatasetFolder, MARKER, Placing, SingleFile};
use super::owners::Owners;
use super::parts::found;
use super::release::{self, Release};
use super::similar_images::AlikePair;
use super::split::options::NearDuplicates;
use super::tiles;
use super::write::{Images, Share};
use crate::annotation_files::AnnotationFiles;
use crate::error::Error;
use crate::formats::{
    Dataset, DatasetImage, Format, FormatInfo, FormatOptions, Sink, Told, Writer, pretty_ascii_json,
};
use crate::summary::{Summary, counted};
use crate::texts::Texts;
use crate::{contracts, files, report};

/// What is published.
pub struct Set<'a> {
    /// The choices of the user.
    pub options: &'a Options,
    /// The formats, each once.
    pub formats: Vec<&'static dyn Format>,
    /// Whether the output is a single file.
    pub single: bool,
    /// Where images and boxes come from.
    pub images: Images<'a>,
    /// Images that look alike, if they were to be found.
    pub alike: Vec<AlikePair>,
}

const REJECTS: &str = "rejects.csv";

impl Set<'_> {
    /// Writes the dataset, its description and the rejects.
    ///
    /// # Errors
    /// An image cannot be read, or the output cannot be written.
    pub fn publish(&self, mut assembled: Assembled, summary: &mut Summary) -> Result<(), Error> {
        let options = self.format_options();
        assembled.dataset.told = self.told(summary);
        summary.notes.extend(self.note_points(&assembled.dataset));
        summary
            .notes
            .extend(self.note_attributes(&assembled.dataset));
        summary.notes.extend(self.note_labels(&assembled.dataset));
        let lacks_val = self.note_val(&assembled.dataset, summary);
        match self.single {
            true => self.publish_file(&mut assembled, &options, summary)?,
            false => self.publish_folder(&mut assembled, &options, summary)?,
        }
        let hints = lacks_val.into_iter().chain(summary.hint.take());
        summary.hint = hints.reduce(|a, b| format!("{a}; {b}"));
        let dataset = &assembled.dataset;
        let total = part_count(dataset.facts.iter());
        let names: Vec<&str> = self.formats.iter().map(|format| format.name()).collect();
        summary.done = format!(
            "{} with {} of {} in {} ({})",
            counted(total.images, "image", "images"),
            counted(total.boxes, "box", "boxes"),
            counted(dataset.classes.len() as u64, "class", "classes"),
            self.options.output.display(),
            names.join(", ")
        );
        Ok(())
    }

    /// What a report tells beside the dataset itself.
    fn told(&self, summary: &Summary) -> Told {
        const FIRST: usize = 20;
        let is_looked_for = self.options.splits.near_duplicates != NearDuplicates::Off;
        let first = self.alike.iter().take(FIRST);
        Told {
            rejects: summary.reasons(),
            alike: is_looked_for.then_some(self.alike.len() as u64),
            alike_first: first
                .map(|pair| pair.files.clone().map(String::from))
                .collect(),
        }
    }

    /// All images. Tiles are not cut where workers have cut them.
    fn share(&self, assembled: &Assembled) -> Share {
        Share {
            images: 0..assembled.records.len(),
            cuts: !self.options.from_shards,
        }
    }

    /// What formats are told.
    pub fn format_options(&self) -> FormatOptions {
        let options = self.options;
        FormatOptions {
            supercategory: options.classes.supercategory.clone(),
            total: options.total,
            single: self.single,
            voc_inclusive: options.voc_inclusive,
            no_val: options.no_val,
            crop_margin: options.crop_margin,
            crop_square: options.crop_square,
            rectify: options.rectify,
            line_mask: options.line_mask,
            keypoints: options.keypoints.map_or(0, usize::from),
            shard_bytes: options.shard_mb * 1_000_000,
            iiif_base: options.iiif_base.clone(),
            sheet_images: options.sheet_images as usize,
        }
    }

    fn publish_file(
        &self,
        assembled: &mut Assembled,
        options: &FormatOptions,
        summary: &mut Summary,
    ) -> Result<(), Error> {
        let output = &self.options.output;
        let map_folder = files::folder_of(&self.options.image_map);
        let folder = match rebased(&assembled.dataset, map_folder, files::folder_of(output)) {
            Some((folder, names)) => {
                assembled.dataset.facts.rename(names);
                folder
            }
            None => {
                summary.notes.push(
                    match assembled.dataset.facts.are_packed() {
                        true => NAMES_ONLY,
                        false => {
                            "paths are relative to the folder of the image map: not all images are below the folder of \
                             the output"
                        }
                    }
                    .into(),
                );
                map_folder.to_owned()
            }
        };
        let mut out = SingleFile::create(output, self.options.common.csv_safe);
        for format in &self.formats {
            let mut writer = format.begin(&assembled.dataset, options, &mut out)?;
            let all = self.share(assembled);
            self.images.each(assembled, &all, &folder, |image| {
                writer.image(&image, &mut out)
            })?;
            summary.notes.extend(writer.finish(&mut out)?);
        }
        let rejects = self.options.rejects.clone();
        let rejects = rejects.unwrap_or_else(|| self.beside(REJECTS));
        self.put_alike_beside(assembled, summary)?;
        report::write_rejects(&rejects, &summary.rejects, &self.options.common)?;
        out.publish()?;
        summary.hint = where_rejects_are(summary, &rejects);
        Ok(())
    }

    /// Begins the folder, with what workers have made if they have.
    fn begin_folder(&self, assembled: &Assembled) -> Result<DatasetFolder, Error> {
        let common = &self.options.common;
        let own = [common.report.as_deref(), self.options.rejects.as_deref()];
        let own: Vec<&Path> = own.into_iter().flatten().collect();
        let mut out = DatasetFolder::create(&self.options.output, &own, common.csv_safe)?;
        if self.options.from_shards {
            out.take_from(found::find(self.options, assembled)?);
        }
        Ok(out)
    }

    fn publish_folder(
        &self,
        assembled: &mut Assembled,
        options: &FormatOptions,
        summary: &mut Summary,
    ) -> Result<(), Error> {
        let mut out = self.begin_folder(assembled)?;
        assembled.dataset.placed = self.options.images != Some(Placing::None);
        if assembled.dataset.facts.are_packed() && !assembled.dataset.placed {
            summary.notes.push(NAMES_ONLY.into());
        }
        let clashes = file_clashes::note(&assembled.dataset, &self.plain_formats());
        summary.notes.extend(clashes);
        let stems = file_clashes::note_stems(&assembled.dataset, &self.plain_formats());
        summary.notes.extend(stems);
        let (notes, owners) = self.write_formats(assembled, options, &mut out)?;
        assembled.owners = owners;
        summary.notes.extend(notes);
        out.go_below("", Placing::None);
        self.put_tables(assembled, &mut out, summary)?;
        let rejects = match &self.options.rejects {
            Some(path) => path.clone(),
            None => {
                let bytes = report::rejects_csv(&summary.rejects, &self.options.common)?;
                out.put(REJECTS, &bytes)?;
                self.options.output.join(REJECTS)
            }
        };
        let made = Made {
            options: self.options,
            formats: &self.formats,
            format_options: options,
            assembled,
            summary,
            inputs: description::inputs(self.options)?,
            release: self.release(assembled, &mut out)?,
        };
        self.put_cards(&made, &mut out)?;
        if !self.options.no_croissant {
            self.put_croissants(&made, &mut out)?;
        }
        description::put(&made, &mut out)?;
        if self.options.rejects.is_some() {
            report::write_rejects(&rejects, &summary.rejects, &self.options.common)?;
        }
        out.publish()?;
        if self.options.from_shards {
            let removed = found::remove(self.options);
            summary.notes.extend(removed.err().map(|e| e.line()));
        }
        summary.hint = where_rejects_are(summary, &rejects);
        Ok(())
    }

    /// Which version of the set this is, by the files that were written.
    fn release(&self, assembled: &Assembled, out: &mut DatasetFolder) -> Result<Release, Error> {
        let Some(path) = &self.options.previous else {
            return Ok(Release::default());
        };
        let path = match path.is_dir() {
            true => path.join(MARKER),
            false => path.clone(),
        };
        let before: contracts::DatasetFile = contracts::read(&path)?;
        let sha256 = files::sha256_of_file(&path)
            .map_err(|e| Error::new(format!("{}: cannot be read", path.display())).because(e))?;
        let names: Vec<&str> = self.formats.iter().map(|format| format.name()).collect();
        let both = release::Both {
            before: AnnotationFiles::of(files::folder_of(&path), &before.format),
            after: AnnotationFiles::of(out.built_in(), &names.join(",")),
        };
        let images = |source: &contracts::DatasetSource| {
            let key = (source.rights.clone(), source.attribution.clone());
            assembled.owners.get(&key).map_or(0, |owned| owned.images)
        };
        let seen = release::Seen::none_of(&before, &assembled.dataset.classes, both);
        let mut seen = seen.with_sources(&before, images);
        out.each_written(|file| seen.take(file))?;
        Ok(release::after(&before, sha256, &seen))
    }

    /// Writes the tables beside the formats: of tiles, and of images that look alike.
    fn put_tables(
        &self,
        assembled: &Assembled,
        out: &mut DatasetFolder,
        summary: &mut Summary,
    ) -> Result<(), Error> {
        if let Some(rules) = self.images.tiles {
            tiles::table::put(assembled, out)?;
            summary.notes.extend(tiles::table::notes(assembled, &rules));
        }
        if !self.alike.is_empty() {
            const PATH: &str = "near-duplicates.csv";
            let rows = near_duplicates::rows(&self.alike, assembled);
            out.put(PATH, &files::to_csv(PATH, &near_duplicates::HEADER, rows)?)?;
            summary.notes.push(self.note_alike(assembled, PATH));
        }
        Ok(())
    }

    fn note_alike(&self, assembled: &Assembled, table: &str) -> String {
        let rule = self.options.splits.near_duplicates;
        near_duplicates::note(&self.alike, rule, assembled, table)
    }

    /// Writes the table of images that look alike beside a single file, if they were looked for.
    fn put_alike_beside(&self, assembled: &Assembled, summary: &mut Summary) -> Result<(), Error> {
        if self.options.splits.near_duplicates == NearDuplicates::Off {
            return Ok(());
        }
        let path = self.beside("near-duplicates.csv");
        let rows = near_duplicates::rows(&self.alike, assembled);
        let is_safe = self.options.common.csv_safe;
        files::write_csv(&path, &near_duplicates::HEADER, rows, is_safe)?;
        if !self.alike.is_empty() {
            let note = self.note_alike(assembled, &path.display().to_string());
            summary.notes.push(note);
        }
        Ok(())
    }

    /// A file beside the single file that is written.
    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.options.output.clone().into_os_string();
        name.push(format!(".{suffix}"));
        PathBuf::from(name)
    }

    /// The formats, for those that only ask what they are.
    fn plain_formats(&self) -> Vec<&dyn Format> {
        self.formats
            .iter()
            .map(|format| *format as &dyn Format)
            .collect()
    }

    /// Writes `README.md`, and one for each of several formats whose tools read it.
    fn put_cards(&self, made: &Made, out: &mut DatasetFolder) -> Result<(), Error> {
        let dataset = &made.assembled.dataset;
        let card = card::card(made);
        for format in &self.formats {
            let front = format.front_matter(dataset);
            if let (Some(front), false) = (front, self.formats.len() == 1) {
                out.go_below(format.name(), Placing::None);
                out.put(card::README, (front + &card).as_bytes())?;
            }
        }
        out.go_below("", Placing::None);
        let front = match self.formats[..] {
            [format] => format.front_matter(dataset),
            _ => None,
        };
        out.put(card::README, (front.unwrap_or_default() + &card).as_bytes())?;
        Ok(())
    }

    /// Writes `croissant.json` beside the files of every format.
    fn put_croissants(&self, made: &Made, out: &mut DatasetFolder) -> Result<(), Error> {
        for format in &self.formats {
            let below = self.below(*format);
            let prefix = match below {
                "" => String::new(),
                folder => format!("{folder}/"),
            };
            let contents = format.contents(&made.assembled.dataset);
            let mut named = Vec::new();
            out.each_written(|file| {
                let path = file.path.strip_prefix(&prefix);
                if let Some(path) = path.filter(|path| croissant::is_named(&contents, path)) {
                    named.push((path.to_owned(), file.clone()));
                }
                Ok(())
            })?;
            let croissant = croissant::croissant(made, *format, &contents, &named);
            out.go_below(below, Placing::None);
            out.put(croissant::CROISSANT, &pretty_ascii_json(&croissant))?;
        }
        out.go_below("", Placing::None);
        Ok(())
    }

    /// The folder of a format: there is one for each if there are several.
    pub fn below(&self, format: &dyn Format) -> &'static str {
        match self.formats.len() {
            1 => "",
            _ => format.name(),
        }
    }

    /// Writes all formats in one pass over the images, each into a folder of its name if there are several.
    fn write_formats(
        &self,
        assembled: &Assembled,
        options: &FormatOptions,
        out: &mut DatasetFolder,
    ) -> Result<(Vec<String>, Owners), Error> {
        out.go_below("", Placing::None);
        let mut tables = ImageTables::begin(assembled, out)?;
        let mut writers: Vec<Box<dyn Writer + '_>> = Vec::new();
        for format in &self.formats {
            out.go_below(self.below(*format), self.options.placing(*format));
            writers.push(format.begin(&assembled.dataset, options, out)?);
        }
        let folder = files::folder_of(&self.options.image_map);
        let all = self.share(assembled);
        self.images
            .each(assembled, &all, folder, |mut image: DatasetImage| {
                out.go_to(&mut image)?;
                for (format, writer) in self.formats.iter().zip(&mut writers) {
                    out.go_below(self.below(*format), self.options.placing(*format));
                    writer.image(&image, out)?;
                }
                out.go_below("", Placing::None);
                tables.add(&image, out)
            })?;
        out.go_below("", Placing::None);
        let owners = tables.finish(out)?;
        let mut notes = Vec::new();
        for (format, writer) in self.formats.iter().zip(writers) {
            out.go_below(self.below(*format), self.options.placing(*format));
            notes.extend(writer.finish(out)?);
        }
        Ok((notes, owners))
    }

    /// Says which formats leave out lines and points.
    fn note_points(&self, dataset: &Dataset) -> Option<String> {
        let silent = self.named(|info| info.is_detection && !info.holds_points)?;
        let pointed = counted(dataset.pointed(), "box has", "boxes have");
        (dataset.pointed() > 0).then(|| {
            format!(
                "{silent}: {pointed} a line or points, which are left out; -f coco writes them as attributes, and as keypoints \
                 with --keypoints N"
            )
        })
    }

    /// Says which formats leave out attributes of boxes.
    fn note_attributes(&self, dataset: &Dataset) -> Option<String> {
        let silent = self.named(|info| info.leaves_out_attributes)?;
        let boxes = counted(dataset.attributed(), "box has", "boxes have");
        (dataset.attributed() > 0).then(|| {
            format!("{silent}: {boxes} further attributes, which are left out; -f coco and -f csv write them")
        })
    }

    /// Says which formats leave out what images are labelled with as a whole.
    fn note_labels(&self, dataset: &Dataset) -> Option<String> {
        let silent = self.named(|info| info.leaves_out_labels)?;
        let images = counted(dataset.labelled, "image has", "images have");
        (dataset.labelled > 0).then(|| {
            format!("{silent}: {images} labels as a whole, which are left out; -f coco and -f csv write them")
        })
    }

    /// The names of the formats for which something is true, if there are any.
    fn named(&self, is: impl Fn(&FormatInfo) -> bool) -> Option<String> {
        let formats = self.formats.iter().map(|format| format.info());
        let names: Vec<&str> = formats.filter(is).map(|info| info.name).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    /// Says that a format that needs images for validation has none; gives what helps.
    fn note_val(&self, dataset: &Dataset, summary: &mut Summary) -> Option<String> {
        let needs = self.formats.iter().find(|format| format.info().needs_val);
        let is_val = |name: &&String| {
            let known = ["val", "valid", "validation", "dev"];
            known.contains(&name.to_lowercase().as_str())
        };
        let place = dataset.splits.iter().position(|name| is_val(&name));
        let has_val = place.is_some_and(|part| dataset.facts_of(part).next().is_some());
        let format = needs.filter(|_| !has_val)?;
        let name = format.name();
        if self.options.no_val {
            summary.notes.push(format!(
                "{name}: data.yaml names the training images for validation (--no-val): metrics will be those of what was learnt"
            ));
            return None;
        }
        summary.is_incomplete = true;
        summary.notes.push(format!(
            "{name}: there are no images for validation, which its trainers need: data.yaml has no `val`, and they will refuse it"
        ));
        Some(format!(
            "`recto-reformat {} -f {name} -o {} --split train=0.8,val=0.1,test=0.1` splits the images; --no-val names those for \
             training",
            contracts::quoted_path(&self.options.localizations),
            contracts::quoted_path(&self.options.output)
        ))
    }
}

/// What is said of annotations without images, where these are in packs.
const NAMES_ONLY: &str = "images are in tar files (--pack) or in an object store: their paths are names there, and no files here";

/// The folder of a single file, and the paths of the images relative to it; none if not all images are below it.
fn rebased(dataset: &Dataset, from: &Path, to: &Path) -> Option<(PathBuf, Texts)> {
    let to = to.canonicalize().ok()?;
    let below = |file: &str| {
        let path = from.join(file).canonicalize().ok()?;
        let file = path.strip_prefix(&to).ok()?.to_str()?;
        Some(file.replace(std::path::MAIN_SEPARATOR, "/"))
    };
    let names: Option<Texts> = dataset
        .facts
        .iter()
        .map(|facts| below(facts.file))
        .collect();
    Some((to.clone(), names?))
}

fn where_rejects_are(summary: &Summary, path: &Path) -> Option<String> {
    (!summary.rejects.is_empty()).then(|| format!("{} lists what was left out", path.display()))
}
