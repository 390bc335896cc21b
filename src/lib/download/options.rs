//! Options of `recto-download`, and those that decide what file an image becomes.

use std::path::PathBuf;
use std::time::Duration;

use super::crops::Margin;
use super::names::{OutputFolder, Template};
use super::service::plan::Scaling;
use super::state::journal::Access;
use crate::contracts::LocalizedImage;
use crate::files;
use crate::http::{self, Kind};
use crate::pixels::row_writers::Encoding;
use crate::report::Common;
use crate::workers::{Shard, ShardChoice};

/// Options of `recto-download`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The images to download, as written by `recto-extract` (`-`: standard input)
    pub localizations: PathBuf,
    /// The folder for the images; created if it is missing. It may be one of an object store, such as s3://BUCKET/FOLDER
    pub output_dir: PathBuf,
    /// Images to download at the same time
    #[arg(short, long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: u16,
    /// Download part I of N of the set, I from 0 to N-1: for N workers, each with its own folder and lists. LOCALIZATIONS is a
    /// folder by `recto-shard plan`, whose shards are downloaded to OUTPUT_DIR/shard-*; of a file, each worker takes images by
    /// the hash of their ids, and the rate limit of each host is divided among the workers. auto: I and N are read from the
    /// variables of Slurm, Kubernetes, AWS Batch, PBS or Grid Engine, and N from RECTO_SHARDS where the scheduler does not set it
    #[arg(long, value_name = "I/N|auto")]
    pub shard: Option<ShardChoice>,
    /// Stop before TIME (RFC 3339, or seconds since 1970 as in SLURM_JOB_END_TIME) or before LENGTH (90m, 2h) is over. What is
    /// finished by then is published, and the exit code is 75 if something is left
    #[arg(long, value_name = "TIME|LENGTH", value_parser = deadline)]
    pub deadline: Option<Deadline>,
    /// Download everything again; without it only what is missing
    #[arg(short, long)]
    pub overwrite: bool,
    /// First check every finished file by its SHA-256; one that differs is moved to `.recto/altered` and downloaded again
    #[arg(long, conflicts_with = "overwrite")]
    pub verify: bool,
    /// Ask servers which finished files have changed, by ETag and date, and download those again
    #[arg(long)]
    pub refresh: bool,
    /// With --refresh, do not keep the old bytes of changed files in `.recto/versions`
    #[arg(long, requires = "refresh")]
    pub forget: bool,
    /// Write to FILE which bytes the images have: URL, ETag, size, SHA-256 and perceptual hash of each [default FILE: recto.lock]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "recto.lock", conflicts_with = "shard")]
    pub lock: Option<PathBuf>,
    /// Publish only images that are byte for byte those of FILE, which --lock wrote; others are failures, and listed in
    /// --changes [default FILE: recto.lock]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "recto.lock",
        conflicts_with_all = ["shard", "refresh", "lock"])]
    pub locked: Option<PathBuf>,
    /// Of the images that failed before, try only those of this kind again, such as server or timeout (repeatable)
    #[arg(long, value_name = "KIND", value_parser = kinds())]
    pub retry_failed: Vec<String>,
    /// Whether JPEG regions are joined without decoding them
    #[arg(long, value_enum, default_value_t = Lossless::Prefer)]
    pub lossless: Lossless,
    /// Which regions are requested of a service
    #[arg(long, value_enum, default_value_t = Tiles::Fewest)]
    pub tiles: Tiles,
    /// Download only the parts of images that have boxes, each as an image of its own, from image services; FILE lists
    /// these images with their boxes, for recto-reformat in place of LOCALIZATIONS [default FILE: regions.json]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "regions.json")]
    pub regions: Option<PathBuf>,
    /// Pixels to add around each box, or a share of its sides such as 10%
    #[arg(long, value_name = "N|N%", default_value = "0", requires = "regions")]
    pub margin: Margin,
    /// Name files by fields in braces, such as '{plate}_{frag}_{side}': keys of the metadata, label, canvas, image,
    /// manifest, file (of the URL), group, id; a hash is added where several images would have the same name
    #[arg(long, value_name = "TEMPLATE")]
    pub name: Option<Template>,
    /// Put images into tar files instead of files of their own, for file systems that limit the number of files; each image
    /// is a WebDataset sample. The journal and the image map say where each is, and all stages can read them
    #[arg(long, value_enum, value_name = "FORM", conflicts_with = "prune")]
    pub pack: Option<PackForm>,
    /// The most bytes of a tar file, unless one image has more
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = http::size, requires = "pack")]
    pub pack_size: u64,
    /// With OUTPUT_DIR in an object store, the folder for work in progress [default: .recto-* in the working directory]
    #[arg(long, value_name = "DIR")]
    pub scratch: Option<PathBuf>,
    /// With OUTPUT_DIR in an object store, take over the lock left by a run that was killed on another machine
    #[arg(long)]
    pub break_lock: bool,
    /// What to do with files whose images are no longer in the set
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Orphans::Count)]
    pub orphans: Orphans,
    /// Move files that are no longer in the set or, with --refresh, no longer at the server to `.recto/pruned`, and leave
    /// them out of the image map
    #[arg(long)]
    pub prune: bool,
    /// With --refresh or --locked, list what is new, changed, gone or unknown in FILE
    #[arg(long, value_name = "FILE", default_value = "changes.csv")]
    pub changes: PathBuf,
    /// Leave out images whose file has this SHA-256, or is shared by N or more images of the set: a placeholder (repeatable)
    #[arg(long, value_name = "SHA256|N", value_parser = placeholder)]
    pub drop_placeholder: Vec<Placeholder>,
    /// The largest file accepted, such as 500MB; TIFF may be eight times as large
    #[arg(long, value_name = "SIZE", default_value = "2GB", value_parser = http::size)]
    pub max_bytes: u64,
    /// Keep files of types that recto cannot decode in `.recto/unread`
    #[arg(long)]
    pub keep_unread: bool,
    /// Scale wider images down to this width in pixels
    #[arg(long, value_name = "W", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_width: Option<u32>,
    /// Scale images down to this length of their longer side in pixels
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub longest_side: Option<u32>,
    /// Scale images down to this length of their shorter side in pixels
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub shortest_side: Option<u32>,
    /// Leave out images with a side shorter than this, in pixels
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub min_size: u32,
    /// File type of the images
    #[arg(long, value_enum, default_value_t = Format::Keep)]
    pub format: Format,
    /// Write the map from image ids to file paths to FILE
    #[arg(long, value_name = "FILE", default_value = "image_map.json")]
    pub image_map: PathBuf,
    /// List images that could not be downloaded in FILE
    #[arg(long, value_name = "FILE", default_value = "failures.csv")]
    pub failures: PathBuf,
    /// Write the paths of the images, one per line, to FILE (downloaded_images.txt of VGG's tool)
    #[arg(long, value_name = "FILE")]
    pub downloaded_images: Option<PathBuf>,
    /// Print how many requests, bytes and seconds this takes per host, and download nothing; of public hosts only robots.txt
    /// is requested
    #[arg(long)]
    pub dry_run: bool,
    /// With --dry-run, print a line of JSON for each host
    #[arg(long, requires = "dry_run")]
    pub json: bool,
    /// Options of every stage
    #[command(flatten)]
    pub common: Common,
    /// Keys of names that images of several shards would have, where a shard of a plan is downloaded.
    #[arg(skip)]
    pub shared_names: Vec<u64>,
    /// Whether what a server did not have in an earlier run is not asked for again: a worker is started until all is done.
    #[arg(skip)]
    pub leaves_missing: bool,
    /// The folder that `recto-shard merge --move` moved what this worker had to.
    #[arg(skip)]
    pub merged: Option<PathBuf>,
    /// Network options
    #[command(flatten)]
    pub http: http::Options,
}

/// What becomes of files of images that are no longer in the set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Orphans {
    /// Report their number
    #[default]
    Count,
    /// List them
    List,
    /// Move them to `.recto/orphans`
    Move,
}

/// What images are packed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum PackForm {
    /// Tar files, images-00000.tar and so on
    Tar,
}

/// How images are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// Each in a file of its own.
    Files,
    /// In packs, which the journal writes with its lines.
    Packs,
    /// Each in a file of an object store.
    Objects,
}

/// When a run ends at the latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// At this time.
    At(jiff::Timestamp),
    /// So long after it began.
    After(Duration),
}

fn deadline(text: &str) -> Result<Deadline, String> {
    let seconds = text.parse().ok().filter(|seconds| *seconds > 1_000_000_000);
    let at = seconds.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    if let Some(at) = at.or_else(|| text.parse().ok()) {
        return Ok(Deadline::At(at));
    }
    let length = http::length(text).map(Deadline::After);
    length.map_err(|_| {
        format!(
            "`{text}` is neither a time (RFC 3339 or seconds since 1970) nor a length such as 90m"
        )
    })
}

/// What shows that a file is a placeholder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placeholder {
    /// Its SHA-256 begins so, in lower-case hex.
    Hash(String),
    /// So many images have it in common.
    Shared(u64),
}

fn placeholder(text: &str) -> Result<Placeholder, String> {
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match text.parse() {
        _ if text.len() >= 16 && is_hex => Ok(Placeholder::Hash(text.to_ascii_lowercase())),
        Ok(n) if n >= 2 => Ok(Placeholder::Shared(n)),
        _ => Err(format!(
            "`{text}` is neither a SHA-256 (16 digits or more) nor a number from 2 on"
        )),
    }
}

/// Which regions cover an image that the server does not give whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Tiles {
    /// The fewest that the server accepts
    #[default]
    Fewest,
    /// The tiles that info.json lists: those that caches and static servers have
    Canonical,
}

/// Whether regions are joined without loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Lossless {
    /// Where possible; other regions are decoded and re-encoded
    #[default]
    Prefer,
    /// Always; an image for which that is not possible is a failure
    Require,
    /// Never; regions are decoded and re-encoded
    Off,
}

/// The file type of downloaded images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Bytes as the server sends them; joined regions become a JPEG, or a TIFF of them where a JPEG cannot hold them
    Keep,
    /// JPEG
    Jpg,
    /// PNG
    Png,
    /// TIFF, uncompressed
    Tif,
}

fn kinds() -> clap::builder::PossibleValuesParser {
    Kind::ALL.iter().map(|kind| kind.name()).into()
}

impl Options {
    /// Whether a list of changes is written.
    pub fn lists_changes(&self) -> bool {
        self.refresh || self.locked.is_some()
    }

    /// The part of a file that is downloaded, by the hash of ids.
    pub fn part(&self) -> Option<Shard> {
        match self.shard {
            Some(ShardChoice::Part(shard)) => Some(shard),
            Some(ShardChoice::Auto) | None => None,
        }
    }

    /// How images are kept.
    pub fn keeping(&self) -> Keeping {
        match self.pack {
            Some(PackForm::Tar) => Keeping::Packs,
            None if files::is_in_store(&self.output_dir) => Keeping::Objects,
            None => Keeping::Files,
        }
    }

    /// How the journal is opened.
    pub fn access(&self) -> Access {
        Access {
            pack_size: self.pack_size,
            breaks_lock: self.break_lock,
        }
    }

    /// The output folder.
    pub fn folder(&self) -> OutputFolder {
        OutputFolder::anywhere(self.output_dir.clone(), self.scratch.as_deref())
    }

    /// Those that decide what file an image becomes.
    pub fn output(&self) -> OutputOptions {
        OutputOptions {
            restarts: self.overwrite,
            format: self.format,
            scaling: Scaling {
                max_width: self.max_width,
                longest_side: self.longest_side,
                shortest_side: self.shortest_side,
            },
            tiles: self.tiles,
            lossless: self.lossless,
        }
    }
}

/// What file an image becomes.
#[derive(Clone, Copy, Debug)]
pub struct OutputOptions {
    /// Whether nothing that an earlier run began is resumed.
    pub restarts: bool,
    /// The file type.
    pub format: Format,
    /// How far they are scaled down.
    pub scaling: Scaling,
    /// Which regions are requested of a service.
    pub tiles: Tiles,
    /// Whether regions are joined without loss.
    pub lossless: Lossless,
}

impl OutputOptions {
    /// What is requested for an image: a text that changes when other requests would be sent or another file written.
    pub fn request_for(&self, image: &LocalizedImage) -> String {
        let source = match (&image.image.service, &image.image.url) {
            (Some(service), _) => service.name(),
            (None, url) => url.clone().unwrap_or_default(),
        };
        // The same file has another signature tomorrow.
        http::for_journal(&format!(
            "{source} format={}{}",
            self.format.name(),
            self.scaling.name()
        ))
    }

    /// The file type to request of a service; none: its usual one. PNG where PNG or TIFF is wanted, so that no loss is
    /// added on the way.
    pub fn server_format(&self) -> Option<&'static str> {
        match self.format {
            Format::Keep => None,
            Format::Jpg => Some("jpg"),
            Format::Png | Format::Tif => Some("png"),
        }
    }
}

impl Format {
    /// The word for `--format`.
    fn name(self) -> &'static str {
        match self {
            Format::Keep => "keep",
            Format::Jpg => "jpg",
            Format::Png => "png",
            Format::Tif => "tif",
        }
    }

    /// How files of this type are encoded; none where bytes are kept.
    pub fn encoding(self) -> Option<Encoding> {
        match self {
            Format::Keep => None,
            Format::Jpg => Some(Encoding::Jpeg),
            Format::Png => Some(Encoding::Png),
            Format::Tif => Some(Encoding::Tiff),
        }
    }
}
