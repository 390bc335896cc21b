//! One image from wherever it is to its place on the disk: fetched, checked, made what was asked for, published,
//! journalled.

use std::io::{BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use super::check::{blocking, look_at};
use super::hosts::Memory;
use super::join::{self, Joined};
use super::names;
use super::pack::Pack;
use super::plan;
use super::service::{self, Got, Wanted, Whole};
use super::stitch::Mosaic;
use super::{Lossless, Tiles};
use crate::contracts::{Download, LocalizedImage};
use crate::files::Part;
use crate::http::{Ask, Count, Http, Kind, Saved, Trouble};
use crate::jpeg::WriteError;
use crate::pixels::row_writers::{Decoded, Encoding, JPEG_LONGEST, Rows, Shrunk, write};
use crate::pixels::{self, Header, Sound};
use crate::progress::Parts;

/// The file type wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Bytes as the server sends them; where regions must be joined a JPEG, or a TIFF of them where no JPEG holds them
    Keep,
    /// JPEG
    Jpg,
    /// PNG
    Png,
    /// TIFF, uncompressed
    Tif,
}

/// How images are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// Go on with nothing that an earlier run began.
    pub anew: bool,
    /// The file type.
    pub format: Format,
    /// Widest result.
    pub max_width: Option<u32>,
    /// How services are asked.
    pub tiles: Tiles,
    /// How regions are joined.
    pub lossless: Lossless,
}

/// The largest answer taken.
const MOST_BYTES: u64 = 16 << 30;
/// The largest picture decoded in memory to be encoded anew.
const MOST_PIXELS: u64 = 400_000_000;

/// Where things are.
#[derive(Clone, Debug)]
pub struct Places {
    /// The output folder.
    pub folder: PathBuf,
    /// The folder in it for work under way.
    pub hidden: PathBuf,
}

/// An image that has its final name, not yet journalled: `when` is empty.
pub async fn fetch(
    http: &Http,
    memory: &Memory,
    places: &Places,
    wish: Wish,
    image: &LocalizedImage,
    parts: &Parts,
) -> Result<Download, Trouble> {
    let count = Count::default();
    let outcome = fetch_counted(http, memory, places, wish, image, parts, &count).await;
    let attempts = count.get();
    match outcome {
        Ok(mut download) => {
            let said = count.overridden();
            let note = said.map(|said| format!("kept although its owner reserves it ({said})"));
            download.notes.extend(note);
            Ok(Download {
                attempts,
                ..download
            })
        }
        Err(trouble) => Err(Trouble {
            attempts,
            ..trouble
        }),
    }
}

async fn fetch_counted(
    http: &Http,
    memory: &Memory,
    places: &Places,
    wish: Wish,
    image: &LocalizedImage,
    parts: &Parts,
    count: &Count,
) -> Result<Download, Trouble> {
    let asked = asked(image, wish);
    let work = places.hidden.join(names::work(&image.id, &asked));
    let part = Part::new(work.with_extension("part"));
    let job = Job {
        places,
        wish,
        image,
        asked,
        work,
        part,
    };
    match (&image.image.service, &image.image.url) {
        (Some(service), _) => {
            let wanted = Wanted {
                service,
                max_width: wish.max_width,
                is_canonical: wish.tiles == Tiles::Canonical,
                format: wish.server_format(),
                declared: image.image.declared(),
                most: MOST_BYTES,
                part: &job.part,
                parts,
                count: count.clone(),
            };
            let pack = job.work.with_extension("pack");
            let resumed = match wish.anew {
                true => None,
                false => resumed(pack.clone(), job.asked.clone()).await,
            };
            let new_pack = |plan: plan::Plan| {
                // Before the regions are asked for, not when they are there.
                if let Some(why) = job.cannot_be_lossless(&plan)
                    && wish.lossless == Lossless::Require
                {
                    return Err(required(why));
                }
                Pack::create(&pack, &job.asked, plan).map_err(service::disk)
            };
            match service::fetch(http, memory, &wanted, resumed, &new_pack).await? {
                Got::Whole(whole) => job.whole(whole).await,
                Got::Regions { pack, notes } => job.regions(pack, notes).await,
            }
        }
        (None, Some(url)) => {
            let ask = Ask::image(url, MOST_BYTES).counted(count);
            let check = async |_: &Saved| {
                let declared = image.image.sha256.clone();
                let keep = job.keeper();
                look_at(&job.part, move |sound| {
                    is_the_one(&sound, declared.as_deref())?;
                    keep(&sound)?;
                    Ok(sound)
                })
                .await
            };
            let (saved, sound) = http.save(&ask, &job.part, check).await?;
            let whole = Whole {
                uri: url.clone(),
                saved,
                sound,
                notes: Vec::new(),
            };
            job.whole(whole).await.map(|download| Download {
                method: download.method.replace("whole", "bytes"),
                ..download
            })
        }
        (None, None) => Err(trouble(
            Kind::Unsupported,
            "the image has neither a service nor a URL".into(),
        )),
    }
}

/// The regions of an earlier run, read off the network's thread: there may be gigabytes of them.
async fn resumed(pack: PathBuf, asked: String) -> Option<Pack> {
    let resume = move || Pack::resume(&pack, &asked);
    // Whatever keeps them from being read, they are asked for again.
    tokio::task::spawn_blocking(resume).await.ok().flatten()
}

/// Removes a pack off the network's thread: it may be of gigabytes.
async fn discarded(pack: std::sync::Arc<Pack>) {
    // What is left is removed at the end of the run.
    let _ = tokio::task::spawn_blocking(move || pack.discard()).await;
}

/// Whether a file is the one that the source told of.
fn is_the_one(sound: &Sound, declared: Option<&str>) -> Result<(), (Kind, String)> {
    match declared.filter(|sha256| !sha256.eq_ignore_ascii_case(&sound.sha256)) {
        None => Ok(()),
        Some(sha256) => Err((
            Kind::Checksum,
            format!(
                "another file than the source tells of: SHA-256 {}, {sha256} declared",
                sound.sha256
            ),
        )),
    }
}

/// What is asked for, in a form that changes when another request would be made or another file be written.
pub fn asked(image: &LocalizedImage, wish: Wish) -> String {
    let place = match (&image.image.service, &image.image.url) {
        (Some(service), _) => service.name(),
        (None, url) => url.clone().unwrap_or_default(),
    };
    let width = wish
        .max_width
        .map(|w| format!(" max-width={w}"))
        .unwrap_or_default();
    format!("{place} format={}{width}", wish.format.name())
}

impl Format {
    /// The word for `--format`.
    pub fn name(self) -> &'static str {
        match self {
            Format::Keep => "keep",
            Format::Jpg => "jpg",
            Format::Png => "png",
            Format::Tif => "tif",
        }
    }

    fn encoding(self) -> Option<Encoding> {
        match self {
            Format::Keep => None,
            Format::Jpg => Some(Encoding::Jpeg),
            Format::Png => Some(Encoding::Png),
            Format::Tif => Some(Encoding::Tiff),
        }
    }
}

impl Wish {
    /// What to ask a service for: PNG where PNG or TIFF is wanted, so that no loss is added on the way.
    fn server_format(self) -> Option<&'static str> {
        match self.format {
            Format::Keep => None,
            Format::Jpg => Some("jpg"),
            Format::Png | Format::Tif => Some("png"),
        }
    }
}

struct Job<'a> {
    places: &'a Places,
    wish: Wish,
    image: &'a LocalizedImage,
    asked: String,
    work: PathBuf,
    part: Part,
}

impl Wish {
    /// What an answer is to be encoded as, and its size; none where it is what is wanted.
    fn other(self, header: &Header) -> Option<(Encoding, [u32; 2])> {
        let stored = [header.width, header.height];
        let size = plan::shrunk(stored, self.max_width);
        let wanted = self.format.encoding();
        let target = wanted.filter(|e| e.media_type() != header.media_type);
        let same = || match header.media_type {
            "image/png" => Encoding::Png,
            "image/tiff" => Encoding::Tiff,
            _ => Encoding::Jpeg,
        };
        (target.is_some() || size != stored).then(|| (target.unwrap_or_else(same), size))
    }
}

impl Job<'_> {
    /// Gives an answer its name where it is what is wanted, on the thread that looked at it.
    fn keeper(&self) -> impl FnOnce(&Sound) -> Result<(), (Kind, String)> + Send + use<> {
        let (wish, part) = (self.wish, self.part.clone());
        let (folder, stem) = (self.places.folder.clone(), names::stem(self.image));
        move |sound| match wish.other(&sound.header) {
            None => part
                .publish(&folder.join(named(&stem, sound)))
                .map_err(|e| (Kind::Disk, e.line())),
            Some(_) => Ok(()),
        }
    }

    /// One answer: kept as it is, or encoded anew where another type or size was asked for.
    async fn whole(&self, whole: Whole) -> Result<Download, Trouble> {
        let header = &whole.sound.header;
        let other = self.wish.other(header);
        if other.is_some() && self.wish.lossless == Lossless::Require {
            return Err(required(
                "another file type or size is wanted than was answered",
            ));
        }
        let Some((encoding, size)) = other else {
            let download = self.entry("whole", &whole.uri, &whole.sound, 1, whole.notes);
            let download = Download {
                etag: text(&whole.saved, "etag"),
                last_modified: text(&whole.saved, "last-modified"),
                ..download
            };
            return self.publish(&self.part, download).await;
        };
        let (part, orientation) = (self.part.clone(), header.orientation);
        let mut notes = whole.notes;
        notes.extend(lost(header));
        let output = Part::new(self.work.with_extension("out"));
        let sound = encode(output.path().to_owned(), move |to| {
            let bytes = part.read().map_err(std::io::Error::other)?;
            let image = pixels::decode(&bytes, MOST_PIXELS).map_err(std::io::Error::other)?;
            // Turned pixels would lie under other boxes: the turn stays a word of the file.
            let rows = Decoded::new(image)
                .with_icc_of(&bytes)
                .with_orientation(orientation);
            write_sized(rows, size, encoding, to)
        })
        .await?;
        let download = self.entry("encoded", &whole.uri, &sound, 1, notes);
        let download = self.publish(&output, download).await?;
        self.part.discard();
        Ok(download)
    }

    /// Regions: joined as they are where they go together, else decoded and encoded anew, band by band.
    async fn regions(&self, pack: Pack, mut notes: Vec<String>) -> Result<Download, Trouble> {
        let pack = std::sync::Arc::new(pack);
        if let Some(why) = self.cannot_be_lossless(pack.plan()) {
            if self.wish.lossless == Lossless::Require {
                return Err(required(why));
            }
            return self.encoded(pack, notes).await;
        }
        let output = Part::new(self.work.with_extension("out"));
        let may_be_tiff = self.wish.format != Format::Jpg;
        match joined(output.path().to_owned(), pack.clone(), may_be_tiff).await? {
            Ok((how, sound)) => {
                let plan = pack.plan();
                let regions = super::cover::count(plan.size, plan.tile) as u32;
                let method = match how {
                    Joined::Jpeg => "joined",
                    Joined::Coefficients => "joined-coefficients",
                    Joined::Tiff => "tiled",
                };
                let entry = self.entry(method, &plan.service, &sound, regions, notes);
                let download = self.publish(&output, entry).await?;
                discarded(pack).await;
                Ok(download)
            }
            Err(why) if self.wish.lossless == Lossless::Require => {
                let message = format!("--lossless require: the regions do not go together: {why}");
                Err(trouble(Kind::Unsupported, message))
            }
            Err(why) => {
                notes.push(format!("regions decoded and encoded anew: {why}"));
                self.encoded(pack, notes).await
            }
        }
    }

    /// Why the user's wish, or what the server gives, asks for encoding anew; none when regions may be joined.
    fn cannot_be_lossless(&self, plan: &super::plan::Plan) -> Option<&'static str> {
        let shrinks = plan::shrunk(plan.size, self.wish.max_width) != plan.size;
        match self.wish.format {
            _ if self.wish.lossless == Lossless::Off => Some("--lossless off"),
            Format::Png | Format::Tif => Some("only JPEG regions are joined without decoding them"),
            _ if shrinks => Some("a smaller picture is wanted than the regions make"),
            _ if plan.dialect.format != "jpg" => Some("the server gives no JPEG"),
            Format::Jpg if !join::fits_jpeg(plan.size) => {
                Some("the picture is too large for a JPEG")
            }
            _ => None,
        }
    }

    async fn encoded(
        &self,
        pack: std::sync::Arc<Pack>,
        mut notes: Vec<String>,
    ) -> Result<Download, Trouble> {
        let plan = pack.plan().clone();
        let target = plan::shrunk(plan.size, self.wish.max_width);
        let usual = if plan.dialect.format == "png" {
            Encoding::Png
        } else {
            Encoding::Jpeg
        };
        let mut encoding = self.wish.format.encoding().unwrap_or(usual);
        if encoding == Encoding::Jpeg && target[0].max(target[1]) > JPEG_LONGEST {
            encoding = Encoding::Tiff;
            notes.push(format!(
                "{} x {} pixels do not fit a JPEG: written as TIFF",
                target[0], target[1]
            ));
        }
        let regions = super::cover::count(plan.size, plan.tile) as u32;
        notes.extend(pack.lost());
        let output = Part::new(self.work.with_extension("out"));
        let path = output.path().to_owned();
        let held = pack.clone();
        let sound = encode(path, move |to| {
            write_sized(Mosaic::new(&held)?, target, encoding, to)
        })
        .await?;
        let download = self.entry("stitched", &plan.service, &sound, regions, notes);
        let download = self.publish(&output, download).await?;
        discarded(pack).await;
        Ok(download)
    }

    fn entry(
        &self,
        method: &str,
        uri: &str,
        sound: &Sound,
        regions: u32,
        notes: Vec<String>,
    ) -> Download {
        let path = named(&names::stem(self.image), sound);
        Download {
            recto: Download::NAME.into(),
            id: self.image.id.clone(),
            path,
            uri: uri.into(),
            bytes: sound.bytes,
            sha256: sound.sha256.clone(),
            width: sound.header.width,
            height: sound.header.height,
            media_type: sound.header.media_type.into(),
            method: method.into(),
            regions,
            notes,
            asked: self.asked.clone(),
            ..Download::default()
        }
    }

    /// Waits for the disk beside the async workers: many images wait together.
    async fn publish(&self, part: &Part, download: Download) -> Result<Download, Trouble> {
        if part.is_published() {
            return Ok(download);
        }
        let (part, target) = (part.clone(), self.places.folder.join(&download.path));
        let published = tokio::task::spawn_blocking(move || part.publish(&target)).await;
        let words = match published {
            Ok(Ok(())) => return Ok(download),
            Ok(Err(e)) => e.line(),
            Err(e) => e.to_string(),
        };
        Err(trouble(Kind::Disk, words))
    }
}

/// The path of an image in the output folder.
fn named(stem: &str, sound: &Sound) -> String {
    format!("{stem}.{}", sound.header.suffix())
}

/// Why an image is not had with `--lossless require`.
fn required(why: &str) -> Trouble {
    trouble(Kind::Unsupported, format!("--lossless require: {why}"))
}

/// The note about what a picture loses when it is encoded anew.
pub fn lost(header: &pixels::Header) -> Option<String> {
    let lost = header.lost_in_eight_bits();
    lost.map(|lost| format!("{ENCODED_ANEW}: {lost}"))
}

/// How that note begins.
pub const ENCODED_ANEW: &str = "encoded anew";

/// Writes a picture to a file off the async workers, and looks at what was written.
async fn encode(
    path: PathBuf,
    write: impl FnOnce(&mut BufWriter<Watched>) -> std::io::Result<()> + Send + 'static,
) -> Result<Sound, Trouble> {
    let work = move || written_to(&path, write).and_then(|()| measure_written(&path));
    blocking(work)
        .await
        .map_err(|(kind, message)| trouble(kind, message))
}

/// Writes a file.
fn written_to(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<Watched>) -> std::io::Result<()>,
) -> Result<(), (Kind, String)> {
    let name = path.display().to_string();
    let disk = |e: std::io::Error| (Kind::Disk, format!("{name}: cannot be written: {e}"));
    let file = Part::new(path.to_owned())
        .open(false, "", None)
        .map_err(disk)?;
    let mut out = BufWriter::with_capacity(1 << 18, Watched { file, fault: None });
    let written = write(&mut out).and_then(|()| out.flush());
    // Encoders wrap what the disk says beyond recognition; what it said itself tells the two apart.
    match (out.get_mut().fault.take(), written) {
        (Some(fault), _) => Err(disk(fault)),
        (None, Err(e)) => Err((Kind::Unsupported, e.to_string())),
        (None, Ok(())) => Ok(()),
    }
}

/// Joins the regions of a pack off the async workers; the inner error is why they do not go together.
async fn joined(
    path: PathBuf,
    pack: std::sync::Arc<Pack>,
    may_be_tiff: bool,
) -> Result<Result<(Joined, Sound), String>, Trouble> {
    let work = move || {
        let mut refusal = None;
        let mut how = Joined::Jpeg;
        written_to(&path, |out| match join::join(&pack, may_be_tiff, out) {
            Ok(joined) => {
                how = joined;
                Ok(())
            }
            Err(WriteError::Join(why)) => {
                refusal = Some(why.to_string());
                Ok(())
            }
            Err(WriteError::Output(e)) => Err(e),
        })?;
        Ok(match refusal {
            Some(why) => Err(why),
            None => Ok((how, measure_written(&path)?)),
        })
    };
    blocking(work)
        .await
        .map_err(|(kind, message)| trouble(kind, message))
}

/// A file that remembers what went wrong with it.
struct Watched {
    file: std::fs::File,
    fault: Option<std::io::Error>,
}

impl Watched {
    fn watch<T>(&mut self, outcome: std::io::Result<T>) -> std::io::Result<T> {
        outcome.map_err(|e| {
            let copy = std::io::Error::from(e.kind());
            self.fault.get_or_insert(e);
            copy
        })
    }
}

impl Write for Watched {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let outcome = self.file.write(bytes);
        self.watch(outcome)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        let outcome = self.file.flush();
        self.watch(outcome)
    }
}

impl Seek for Watched {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        let outcome = self.file.seek(to);
        self.watch(outcome)
    }
}

/// What was written: no need to decode our own bytes again.
fn measure_written(path: &Path) -> Result<Sound, (Kind, String)> {
    let disk = |e: String| (Kind::Disk, e);
    let header = pixels::measure(path).map_err(|e| disk(e.to_string()))?;
    let mut file = std::fs::File::open(path).map_err(|e| disk(e.to_string()))?;
    let (sha256, bytes) = crate::files::sha256(&mut file).map_err(|e| disk(e.to_string()))?;
    Ok(Sound {
        header,
        bytes,
        sha256,
    })
}

fn write_sized(
    mut rows: impl Rows,
    [width, height]: [u32; 2],
    encoding: Encoding,
    out: &mut BufWriter<Watched>,
) -> std::io::Result<()> {
    if (rows.width(), rows.height()) == (width, height) {
        return write(&mut rows, encoding, out);
    }
    write(&mut Shrunk::new(rows, width, height), encoding, out)
}

fn text(saved: &Saved, name: &str) -> Option<String> {
    saved.header(name).map(str::to_owned)
}

fn trouble(kind: Kind, message: String) -> Trouble {
    Trouble {
        kind,
        status: None,
        attempts: 0,
        message,
    }
}
