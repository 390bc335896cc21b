//! The options of `recto-serve`.

use std::path::{Path, PathBuf};

use super::image::cap::Cap;
use super::image::link::UrlOptions;
use super::image::pdf_worker::WorkerOptions;
use super::image::prepared::{self, PrepareSettings, Prepared};
use super::web::host::OwnHosts;
use super::web::listen::ListenAddress;
use crate::error::Error;
use crate::exif_boxes::ExifBoxes;
use crate::files;
use crate::report::Common;

/// What to serve, and where.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// A folder of images and PDFs, or a localizations.json whose images are in --image-map
    #[arg(
        value_name = "DIR|LOCALIZATIONS",
        required_unless_present_any = ["hash_token", "pdf", "decode"]
    )]
    pub source: Option<PathBuf>,
    /// The files of the images of LOCALIZATIONS [default: image_map.json]
    #[arg(long, value_name = "FILE")]
    pub image_map: Option<PathBuf>,
    /// Serve images that are links to files outside DIR, and enter folders that are links
    #[arg(long)]
    pub follow_links: bool,
    /// A configuration file, TOML: permissions, caches, presets, resolution of PDFs
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Read a token from standard input, print its hash for [[auth.accounts]] of the configuration, and exit
    #[arg(long)]
    pub hash_token: bool,
    /// Address to listen on; port 0: any free port
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080", value_parser = ListenAddress::parse)]
    pub listen: ListenAddress,
    /// The start of all URIs that are served [default: http:// and the Host of the request]
    #[arg(long, value_name = "URL", value_parser = base_url)]
    pub base_url: Option<String>,
    /// Prefix of all paths, such as /api/iiif, for a proxy that forwards paths unchanged
    #[arg(long, value_name = "PATH", default_value = "", value_parser = path_prefix, hide_default_value = true)]
    pub path_prefix: String,
    /// Answer to this host too, and take corrections from its pages; `*`: any host; may be repeated. Without --base-url, a
    /// server that only this machine can reach answers to addresses, `localhost` and names without a dot
    #[arg(long, value_name = "HOST")]
    pub allow_host: Vec<String>,
    /// The longest side of an answer in pixels, declared in info.json
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_size: Option<u32>,
    /// Do not declare --max-size, and answer larger requests with a smaller image, as some hosts do: to rehearse a
    /// download
    #[arg(long, requires = "max_size")]
    pub undeclared_limit: bool,
    /// The most pixels of an answer, declared in info.json; larger images can be requested in parts or smaller
    #[arg(long, value_name = "N", default_value_t = 100_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub max_pixels: u64,
    /// Enlarge no image; info.json does not offer it
    #[arg(long)]
    pub no_upscale: bool,
    /// Refuse `!w,h` larger than the region unless `^` stands before it, as the official validator of Image API 3.0
    /// does; the specification answers at the size of the region
    #[arg(long)]
    pub strict_within: bool,
    /// Roughly how much memory to use: a quarter each for cached answers and decoded images, an eighth for answers being
    /// sent, the rest for work, of which a quarter is reserved for tiles
    #[arg(long, value_name = "MIB", default_value_t = 2048, value_parser = clap::value_parser!(u64).range(64..))]
    pub memory: u64,
    /// The most tiles that wait to be rendered, and also the most large images; further requests are answered with 503
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..))]
    pub queue: u32,
    /// For how many seconds browsers may show an image again without asking whether it changed
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    pub max_age: u32,
    /// The most open connections; for a new one, the connection that has been idle for longest is closed. The limit is
    /// lower if the system allows fewer open files
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections: u32,
    /// Close the connection to a client that neither sends nor receives anything for this many seconds
    #[arg(long, alias = "patience", value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    pub client_timeout: u64,
    /// Let people draw, move, rename and delete boxes in the browser. Every correction is appended to FILE as a line;
    /// corrections that are in FILE already are applied at the start
    #[arg(long, value_name = "FILE")]
    pub review: Option<PathBuf>,
    /// The classes of boxes, in the order of their keys and colours: a data.yaml, a class per line, or a COCO file; those of
    /// the set and of its taxonomy follow
    #[arg(long, value_name = "FILE")]
    pub classes: Option<PathBuf>,
    /// On which image boxes were drawn, where the file has an EXIF orientation and its size does not show that: on the
    /// image as stored, or as rotated by EXIF, as with recto-reformat [default: stored, and a note]
    #[arg(long, value_name = "IMAGE", value_enum)]
    pub exif_boxes: Option<ExifBoxes>,
    /// Let --review take corrections from everybody who can reach a server without `[auth]` that listens beyond this machine
    #[arg(long, requires = "review")]
    pub review_by_anyone: bool,
    /// Remove everything that the caches of --config hold for an image, and exit; may be repeated
    #[arg(long, value_name = "ID", requires = "config")]
    pub purge: Vec<String>,
    /// How many seconds a file may take to be opened; then requests for it are answered with 503, and others go on
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub file_timeout: u64,
    /// Look for new, changed and removed files, once in this many seconds; SIGHUP does it at once
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "10", value_parser = clap::value_parser!(u64).range(1..))]
    pub watch: Option<u64>,
    /// Remember in FILE what is served, so that Change Discovery also reports what changed or disappeared while no server
    /// was running. Without it, only changes since the start are known
    #[arg(long, value_name = "FILE")]
    pub served: Option<PathBuf>,
    /// Append a line of JSON for every answer to FILE; `-` is standard output. SIGHUP opens FILE again
    #[arg(long, value_name = "FILE")]
    pub access_log: Option<PathBuf>,
    /// Make thumbnails of all images, and exit; thumbnails that are up to date are kept
    #[arg(long)]
    pub prepare: bool,
    /// With --prepare: also make tiled TIFFs with smaller copies, which are then served in place of the images
    #[arg(long, requires = "prepare")]
    pub pyramids: bool,
    /// The folder of prepared files [default: beside the source, `pictures.prepared` for `pictures`]
    #[arg(long, value_name = "FOLDER", alias = "out")]
    pub prepared: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)] // A comment would stand in --help.
    pub common: Common,
    #[command(flatten)]
    #[allow(missing_docs)] // A comment would stand in --help.
    pub worker: WorkerOptions,
    #[command(flatten)]
    #[allow(missing_docs)] // A comment would stand in --help.
    pub urls: UrlOptions,
}

fn base_url(text: &str) -> Result<String, String> {
    match url::Url::parse(text) {
        Ok(url)
            if ["http", "https"].contains(&url.scheme())
                && url.query().is_none()
                && url.fragment().is_none() =>
        {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err(format!(
            "`{text}` is not a URL such as https://images.example"
        )),
    }
}

/// A path without a slash at its end.
fn path_prefix(text: &str) -> Result<String, String> {
    let path = text.trim_end_matches('/');
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/-._~".contains(c);
    match path.is_empty()
        || path.starts_with('/') && !path.contains("//") && path.chars().all(is_plain)
    {
        true => Ok(path.to_owned()),
        false => Err(format!("`{text}` is not a path such as /api/iiif")),
    }
}

impl Options {
    /// The limits on the size of answers.
    pub fn cap(&self) -> Cap {
        Cap {
            side: self.max_size,
            undeclared: self.undeclared_limit,
            area: self.max_pixels,
            no_upscale: self.no_upscale,
            strict_within: self.strict_within,
        }
    }

    /// The most bytes of memory that decoding one image may take: all of `--memory`, since such work is done alone.
    pub fn most_cost(&self) -> u64 {
        // A server with little memory serves usual photographs all the same.
        const LEAST: u64 = 512 << 20;
        (self.memory << 20).max(LEAST)
    }

    /// The hosts that the server answers to.
    pub fn own_hosts(&self) -> OwnHosts {
        let base = self
            .base_url
            .as_deref()
            .and_then(|base| url::Url::parse(base).ok());
        let base = base.and_then(|base| base.host_str().map(str::to_owned));
        let mut names = self.allow_host.clone();
        names.extend(base);
        names.push(self.listen.host().to_owned());
        OwnHosts { names }
    }

    /// Refuses corrections from everybody beyond this machine, unless that is said twice.
    ///
    /// # Errors
    /// A usage error.
    pub fn refuse_open_review(&self, has_rules: bool) -> Result<(), Error> {
        let is_open = self.review.is_some() && !has_rules && !self.listen.is_loopback();
        match is_open && !self.review_by_anyone {
            true => Err(Error::usage(format!(
                "--review with --listen {} lets everybody who can reach this server change boxes",
                self.listen
            ))
            .hint("write rules about who may review into [auth] of --config, or add --review-by-anyone")),
            false => Ok(()),
        }
    }

    /// The prepared files: in the folder of the options, of the settings, or beside the source.
    pub fn prepared(&self, settings: &PrepareSettings) -> Prepared {
        let named = self.prepared.clone().or_else(|| settings.folder.clone());
        // Without a source nothing is served, and that has been reported before.
        let source = self.source.as_deref().unwrap_or(Path::new("."));
        let folder = named.unwrap_or_else(|| prepared::beside(source));
        Prepared::in_folder(folder, &settings.thumbnails)
    }

    /// Refuses outputs that would overwrite inputs.
    ///
    /// # Errors
    /// An option for an output names an input.
    pub fn refuse_overwriting(&self) -> Result<(), Error> {
        let inputs = [&self.source, &self.image_map, &self.config, &self.classes];
        let outputs = [
            ("--review", self.review.as_deref()),
            ("--served", self.served.as_deref()),
            ("--access-log", self.access_log.as_deref()),
            ("--report", self.common.report.as_deref()),
        ];
        files::refuse_overwriting(inputs.into_iter().flatten(), &outputs)
    }
}
