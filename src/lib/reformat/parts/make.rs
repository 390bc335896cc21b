//! `--shard`: what one worker makes of its images, in a folder beside the set: pictures that are cut, copied or linked, as files of
//! the set, and a list of them with their hashes. All else costs little and is left to `--from-shards`.

use std::path::Path;

use super::made::{PartImage, Source};
use super::mark::PartMark;
use super::place;
use super::share;
use crate::contracts::DatasetEntry;
use crate::error::Error;
use crate::files::{self, Content, Folder, WrittenFile};
use crate::formats::{Cut, DatasetImage, Format, Sink, Writer};
use crate::reformat::assemble::Assembled;
use crate::reformat::options::Options;
use crate::reformat::output::Placing;
use crate::reformat::publish::Set;
use crate::reformat::write::Share;
use crate::summary::{Summary, counted};
use crate::workers::Shard;

/// Which part is to be made, if only one is; refuses what cannot be made in parts.
///
/// # Errors
/// There is nothing to divide, or a scheduler does not say which worker this is.
pub fn shard(
    options: &Options,
    formats: &[&'static dyn Format],
    single: bool,
) -> Result<Option<Shard>, Error> {
    let option = match (options.shard, options.from_shards) {
        (None, false) => return Ok(None),
        (None, true) => "--from-shards",
        (Some(_), _) => "--shard",
    };
    match undivided(options, formats, single) {
        Some((what, hint)) => Err(Error::usage(format!("{option}: {what}")).hint(hint)),
        None => {
            let shard = options.shard.map(|choice| choice.resolved(None));
            shard.transpose()
        }
    }
}

/// Why a set cannot be made in parts, and what helps.
fn undivided(
    options: &Options,
    formats: &[&'static dyn Format],
    single: bool,
) -> Option<(String, &'static str)> {
    if single {
        let hint = "name a folder with -o, or leave the option out";
        return Some(("a single file is not made in parts".into(), hint));
    }
    if files::is_dash(&options.localizations) {
        let what =
            "every worker reads the set, and so does the last step: standard input is read once";
        return Some((what.into(), "name a file"));
    }
    let is_cut = options.tiles.tiles.is_some();
    let mut formats_divided = formats
        .iter()
        .filter(|format| is_divided(options, **format) || is_cut && holds_tiles(**format));
    if formats_divided.next().is_some() {
        return None;
    }
    let names: Vec<&str> = formats.iter().map(|format| format.name()).collect();
    let names = names.join(", ");
    let what = match options.images {
        Some(Placing::None) => {
            format!("with --images none there is nothing of {names} that workers could make")
        }
        _ => format!("{names}: has no pictures in files of their own, which is what workers make"),
    };
    Some((
        what,
        "write the set with the same command without this option",
    ))
}

/// Whether workers make something of a format.
fn is_divided(options: &Options, format: &dyn Format) -> bool {
    let info = format.info();
    info.has_picture_files && (!info.holds_images || options.placing(format) != Placing::None)
}

/// Whether a format holds images within other files.
fn holds_tiles(format: &dyn Format) -> bool {
    let info = format.info();
    info.holds_images && !info.has_picture_files
}

/// Makes a part.
///
/// # Errors
/// An image cannot be read, or the part cannot be written.
pub fn make(
    set: &Set,
    mut assembled: Assembled,
    shard: Shard,
    summary: &mut Summary,
) -> Result<(), Error> {
    let options = set.options;
    let mark = PartMark::of(options, &assembled, shard)?;
    let folder =
        place::folder_of_parts(&options.output).join(place::part_name(shard.index, shard.count));
    files::may_replace(&folder, place::MARK, || Ok(Box::new(|_| true)))?;
    assembled.dataset.placed = options.images != Some(Placing::None);
    let share = Share {
        images: share::images_of(shard, &assembled),
        cuts: true,
    };
    let mut out = PartFolder::create(&folder)?;
    let made = write(set, &assembled, &share, &mut out)?;
    out.publish(&mark)?;
    // What is said of the whole set, the last step says.
    *summary = Summary {
        kept: share.images.len() as u64,
        read: share.images.len() as u64,
        ..Summary::default()
    };
    summary.count("pictures", made);
    summary.done = format!(
        "part {}/{}: {} of {}, {} in {}",
        shard.index,
        shard.count,
        share.images.len(),
        counted(mark.set_images, "image", "images"),
        counted(made, "picture", "pictures"),
        folder.display()
    );
    let help = "when all parts are made, the same command with --from-shards instead of --shard writes the set";
    summary.hint = Some(help.into());
    Ok(())
}

/// Has the formats make their pictures; how many there are.
fn write(
    set: &Set,
    assembled: &Assembled,
    share: &Share,
    out: &mut PartFolder,
) -> Result<u64, Error> {
    let format_options = set.format_options();
    let mut writers: Vec<(&dyn Format, Box<dyn Writer + '_>)> = Vec::new();
    let divided = set
        .formats
        .iter()
        .filter(|format| is_divided(set.options, **format));
    for format in divided {
        writers.push((
            *format,
            format.begin(&assembled.dataset, &format_options, out)?,
        ));
    }
    let map_folder = files::folder_of(&set.options.image_map);
    let keeps_tiles = set.formats.iter().any(|format| holds_tiles(*format));
    let mut made = 0;
    set.images
        .each(assembled, share, map_folder, |mut image: DatasetImage| {
            out.begin(&mut image)?;
            if let (true, Some(Cut::Bytes(tile))) = (keeps_tiles, &image.cut) {
                out.go_below("", Placing::None);
                out.picture(&PartImage::tile(&image), tile)?;
            }
            for (format, writer) in &mut writers {
                out.go_below(set.below(*format), set.options.placing(*format));
                writer.image(&image, out)?;
            }
            made += out.end(&image)?;
            Ok(())
        })?;
    Ok(made)
}

/// The folder of a part. Only pictures are put into it: what formats write beside them, the last step writes.
#[derive(Debug)]
struct PartFolder {
    folder: Folder,
    placing: Placing,
    below: String,
    /// Where the image comes from, and the one before it.
    source: Option<Source>,
    /// The pictures of the image.
    files: Vec<DatasetEntry>,
}

impl PartFolder {
    fn create(target: &Path) -> Result<Self, Error> {
        let mut folder = Folder::create(target)?;
        folder.append(PartImage::FILE, b"")?;
        Ok(PartFolder {
            folder,
            placing: Placing::None,
            below: String::new(),
            source: None,
            files: Vec::new(),
        })
    }

    fn go_below(&mut self, folder: &str, placing: Placing) {
        self.below = match folder {
            "" => String::new(),
            folder => format!("{folder}/"),
        };
        self.placing = placing;
    }

    /// Begins with an image: its file is hashed, once for all.
    fn begin(&mut self, image: &mut DatasetImage) -> Result<(), Error> {
        let is_same = |source: &&Source| source.content == image.content;
        if self.source.as_ref().filter(is_same).is_none() {
            self.source = Some(Source::of(image)?);
        }
        image.sha256 = self.source.as_ref().map(|source| source.sha256);
        Ok(())
    }

    /// Ends with an image; how many pictures were made of it.
    fn end(&mut self, image: &DatasetImage) -> Result<u64, Error> {
        let Some(source) = &self.source else {
            return Ok(0);
        };
        let files = std::mem::take(&mut self.files);
        let made = files.len() as u64;
        let line = PartImage::of(image, source, files);
        let mut line = serde_json::to_vec(&line)
            .map_err(|e| files::cannot_write(Path::new(PartImage::FILE), e.into()))?;
        line.push(b'\n');
        self.folder.append(PartImage::FILE, &line)?;
        Ok(made)
    }

    fn publish(mut self, mark: &PartMark) -> Result<(), Error> {
        self.folder.close(PartImage::FILE)?;
        self.folder
            .put(place::MARK, &files::to_json(mark, place::MARK)?)?;
        self.folder.publish()
    }

    fn place(&self, path: &str) -> String {
        format!("{}/{}{path}", PartImage::PICTURES, self.below)
    }

    fn note(&mut self, path: &str, written: &WrittenFile) {
        self.files.push(DatasetEntry {
            path: format!("{}{path}", self.below),
            bytes: written.bytes,
            sha256: files::hex(&written.sha256),
        });
    }
}

impl Sink for PartFolder {
    fn is_csv_safe(&self) -> bool {
        false
    }

    fn append(&mut self, _: &str, _: &[u8]) -> Result<(), Error> {
        Ok(())
    }

    fn close(&mut self, _: &str) -> Result<(), Error> {
        Ok(())
    }

    fn keep(&mut self, _: &str, _: &[u8]) -> Result<(), Error> {
        Ok(())
    }

    fn append_kept(&mut self, _: &str) -> Result<(), Error> {
        Ok(())
    }

    fn image(
        &mut self,
        path: &str,
        source: &Content,
        sha256: Option<[u8; 32]>,
    ) -> Result<(), Error> {
        let place = self.place(path);
        let written = self.placing.put(&mut self.folder, &place, source, sha256)?;
        if let Some(written) = written {
            self.note(path, &written);
        }
        Ok(())
    }

    fn picture(&mut self, path: &str, bytes: &[u8]) -> Result<(), Error> {
        let written = self.folder.put(&self.place(path), bytes)?;
        self.note(path, &written);
        Ok(())
    }
}
