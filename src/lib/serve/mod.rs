//! `serve`: a folder of images or a finished set over IIIF, and as pages for people.
//!
//! The shell: options, listener, limits on work, graceful stop. What is answered is decided in [`respond`].

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

use crate::error::Error;
use crate::files;
use crate::report::{Common, Stage};
use crate::summary::Summary;
use auth::Auth;
use cache::Store;
use catalogue::{Catalogue, Taken};
use config::Config;
use image::api::Cap;
use image::prepare::Order;
use image::prepared::Prepared;
use image::preset::Presets;
use image::renderer::{Means, Service};
use image::{link, pdf as documents, pdf_worker as apart, prepare, prepared};
use presentation::uris::Ids;
use review::file::Reviews;
use web::server as listen;
use web::server::Door;

pub mod auth;
pub mod cache;
pub mod catalogue;
pub mod config;
pub mod image;
pub mod pages;
pub mod presentation;
pub mod review;
pub mod web;

/// Threads that talk to clients.
const THREADS: usize = 2;

/// What to serve, and where.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// A folder of images and PDFs, or a localizations.json whose images --image-map holds
    #[arg(
        value_name = "DIR|LOCALIZATIONS",
        required_unless_present_any = ["hash_token", "pdf"]
    )]
    pub source: Option<PathBuf>,
    /// Where the images of LOCALIZATIONS are [default: image_map.json]
    #[arg(long, value_name = "FILE")]
    pub image_map: Option<PathBuf>,
    /// Serve images to which links lead out of DIR
    #[arg(long)]
    pub follow_links: bool,
    /// A configuration file, TOML: who may see what, where answers are kept, presets, how PDFs are
    /// drawn
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Read a token from standard input, print its hash for [[auth.accounts]] of the configuration, and end
    #[arg(long)]
    pub hash_token: bool,
    /// Address to listen on; port 0: any free port
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// What ids begin with, where it is not http:// and the Host asked for
    #[arg(long, value_name = "URL", value_parser = base_url)]
    pub base_url: Option<String>,
    /// Answer at most N pixels a side, and say so in info.json
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_size: Option<u32>,
    /// Keep --max-size a secret and answer larger requests with a smaller picture, as some hosting does: to
    /// rehearse a download
    #[arg(long, requires = "max_size")]
    pub undeclared_limit: bool,
    /// The most pixels of an answer, said in info.json; larger pictures are had in parts or smaller
    #[arg(long, value_name = "N", default_value_t = 100_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub max_pixels: u64,
    /// Refuse `!w,h` above the region unless `^` stands before it, as the official validator of Image API 3.0
    /// has it; the specification answers at the size of the region
    #[arg(long)]
    pub strict_within: bool,
    /// About how much memory to use: a quarter each for answers and pictures kept, half for work, of which a
    /// quarter is for tiles alone
    #[arg(long, value_name = "MIB", default_value_t = 2048, value_parser = clap::value_parser!(u64).range(64..))]
    pub memory: u64,
    /// Tiles, and apart from them large pictures, that may wait for their turn; more are answered 503
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..))]
    pub queue: u32,
    /// For how many seconds browsers may show a picture without asking whether it changed
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    pub max_age: u32,
    /// Connections open at once; for one more, the one is ended that has waited longest for a request. Fewer where
    /// the system does not let so many files be open
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections: u32,
    /// Leave a client that neither sends nor takes anything for so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    pub patience: u64,
    /// Let boxes be drawn, moved, renamed and deleted in the browser; every correction is a line appended to FILE,
    /// and those that are there already are made at the start
    #[arg(long, value_name = "FILE")]
    pub review: Option<PathBuf>,
    /// Remove everything that the cache of --config keeps of an image, and serve nothing; may be given again
    #[arg(long, value_name = "ID", requires = "config")]
    pub purge: Vec<String>,
    /// Append a line of JSON for every answer to FILE
    #[arg(long, value_name = "FILE")]
    pub access_log: Option<PathBuf>,
    /// Make thumbnails of all images, and serve nothing; what is there and fresh is not made again
    #[arg(long)]
    pub prepare: bool,
    /// With --prepare: make tiled TIFFs with smaller copies too, which are then served in place of the images
    #[arg(long, requires = "prepare")]
    pub pyramids: bool,
    /// Where what is prepared lies [default: beside the source, `pictures.prepared` for `pictures`]
    #[arg(long, value_name = "FOLDER", visible_alias = "out")]
    pub prepared: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)] // A comment would stand in --help.
    pub common: Common,
    #[command(flatten)]
    #[allow(missing_docs)] // A comment would stand in --help.
    pub apart: apart::Order,
    #[command(flatten)]
    #[allow(missing_docs)] // A comment would stand in --help.
    pub wanted: link::Wanted,
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

/// Serves until it is told to stop.
///
/// # Errors
/// Why the stage could not finish, with the summary of what it had done by then.
pub fn serve(options: &Options) -> Result<Summary, Error> {
    Error::with_summary(|summary| stage(options, summary))
}

impl Stage for Options {
    const NAME: &'static str = "serve";

    fn common(&self) -> &Common {
        &self.common
    }

    fn run(&self) -> Result<Summary, Error> {
        serve(self)
    }
}

fn stage(options: &Options, summary: &mut Summary) -> Result<(), Error> {
    if let Some(path) = &options.apart.pdf {
        return apart::obey(path, &options.apart);
    }
    if options.hash_token {
        summary.done = "hash made".into();
        return hash_token();
    }
    refuse_overwriting(options)?;
    let config = match &options.config {
        Some(path) => config::read(path)?,
        None => Config::default(),
    };
    let presets = Presets::with(&config.presets).map_err(Error::usage)?;
    let store = Arc::new(Store::open(&config.cache, options.common.quiet)?);
    if !options.purge.is_empty() {
        let catalogue = take(options, &config.pdf)?.catalogue;
        let purged = cache::purge::all(&store, &catalogue, &options.purge);
        summary.done = runtime()?.block_on(purged)?;
        return Ok(());
    }
    let auth = authorization(options, config.auth)?;
    let mut taken = take(options, &config.pdf)?;
    if let Some(id) = &options.wanted.url {
        return print_urls(options, id, &presets, &taken, summary);
    }
    account(&taken, summary);
    refuse_nothing(options, &taken, summary)?;
    let prepared = prepared_for(options, &config.prepare);
    if options.prepare {
        let order = Order {
            pictures: taken.catalogue.pictures,
            prepared,
            pyramids: options.pyramids,
            memory: options.memory << 19,
            quiet: options.common.quiet,
        };
        return prepare::prepare(order, summary);
    }
    let reviews = (options.review.as_deref())
        .map(|file| Reviews::open(file, &mut taken.catalogue, summary))
        .transpose()?;
    if !options.common.quiet {
        // Before the work, not after it: who waits for a picture that is left out should know now.
        let left_out = summary
            .rejects
            .iter()
            .map(|r| format!("\n  left out {}: {}", r.record, r.problem));
        let _ = writeln!(
            std::io::stderr(),
            "serve: {}{}",
            counts(summary),
            left_out.collect::<String>()
        );
    }
    let runtime = runtime()?;
    let outcome = runtime.block_on(open(
        options,
        (presets, prepared),
        taken.catalogue,
        store,
        reviews,
        auth,
    ));
    // Renders that nobody waits for any more need not end.
    runtime.shutdown_background();
    summary.done = format!("stopped; served {}", counts(summary));
    outcome
}

fn refuse_overwriting(options: &Options) -> Result<(), Error> {
    let inputs = [&options.source, &options.image_map, &options.config];
    let outputs = [
        ("--review", options.review.as_deref()),
        ("--access-log", options.access_log.as_deref()),
        ("--report", options.common.report.as_deref()),
    ];
    files::refuse_overwriting(inputs.into_iter().flatten(), &outputs)
}

/// Prints the URLs that `--url` asks for.
fn print_urls(
    options: &Options,
    id: &str,
    presets: &Presets,
    taken: &Taken,
    summary: &mut Summary,
) -> Result<(), Error> {
    let base = options.base_url.clone();
    let ids = Ids::below(&base.unwrap_or_else(|| format!("http://{}", options.listen)));
    let Some(at) = taken.catalogue.find(id) else {
        let error = Error::new(format!("no image is called `{id}`"));
        return Err(match taken.rejects.iter().find(|r| r.record == id) {
            Some(reject) => error.hint(format!("it was left out: {}", reject.problem)),
            None => error,
        });
    };
    let (picture, wanted, cap) = (&taken.catalogue.pictures[at], &options.wanted, cap(options));
    let size = picture.size;
    let urls = match &wanted.preset {
        _ if wanted.info => link::info(&ids, id),
        _ if wanted.manifest => link::manifest(&ids, &picture.about.group),
        None => link::image(wanted, &ids, id, size, &cap).map_err(Error::new)?,
        Some(name) => {
            let found = presets.find(name).ok_or_else(|| {
                let names: Vec<&str> = presets.names().collect();
                let error = Error::new(format!("no preset is called `{name}`"));
                error.hint(format!("there are {}", names.join(", ")))
            })?;
            link::preset(found, &ids, id, size, &cap)
        }
    };
    (summary.read, summary.kept) = (1, 1);
    summary.done = format!("{} URLs of `{id}`", urls.len());
    files::write(Path::new("-"), format!("{}\n", urls.join("\n")).as_bytes())
}

fn prepared_for(options: &Options, settings: &prepared::Settings) -> Prepared {
    let named = options.prepared.clone().or_else(|| settings.folder.clone());
    // Without a source nothing is served; `take` has said so before.
    let source = options.source.as_deref().unwrap_or(Path::new("."));
    let folder = named.unwrap_or_else(|| prepared::beside(source));
    Prepared::in_folder(folder, &settings.thumbnails)
}

fn runtime() -> Result<Runtime, Error> {
    Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()
        .map_err(|e| Error::new("threads cannot be started").because(e))
}

fn authorization(
    options: &Options,
    settings: Option<auth::settings::Settings>,
) -> Result<Option<Auth>, Error> {
    let Some((settings, path)) = settings.zip(options.config.as_deref()) else {
        return Ok(None);
    };
    if options.review.is_some() && !settings.lets_review() {
        return Err(Error::new(format!(
            "{}: --review is given, but nobody may correct anything",
            path.display()
        ))
        .hint("a rule with may = \"review\" says who may"));
    }
    Auth::open(settings, files::folder_of(path)).map(Some)
}

/// Reads a token from standard input and prints what the configuration holds of it.
fn hash_token() -> Result<(), Error> {
    let mut token = String::new();
    let read = std::io::stdin().read_to_string(&mut token);
    read.map_err(|e| Error::new("standard input: cannot be read").because(e))?;
    let hash = auth::accounts::hash(token.trim_end_matches(['\r', '\n']))?;
    let written = writeln!(std::io::stdout(), "{hash}");
    written.map_err(|e| Error::new("standard output: cannot be written").because(e))
}

fn take(options: &Options, pdf: &documents::Settings) -> Result<Taken, Error> {
    let Some(source) = &options.source else {
        return Err(Error::usage("a folder or a localizations.json is needed"));
    };
    if !source.exists() && !files::is_dash(source) {
        let what = format!("{}: no such file or folder", source.display());
        return Err(
            Error::new(what).hint("name a folder of images, or what `recto-extract` writes")
        );
    }
    if !source.is_dir() {
        let default = Path::new("image_map.json");
        return catalogue::of_localizations(
            source,
            options.image_map.as_deref().unwrap_or(default),
            pdf,
        );
    }
    match &options.image_map {
        Some(_) => Err(Error::usage(
            "--image-map goes with a localizations.json, not with a folder",
        )),
        None => catalogue::of_folder(source, pdf, options.follow_links),
    }
}

/// Whoever names the wrong folder should know before the first request.
fn refuse_nothing(options: &Options, taken: &Taken, summary: &Summary) -> Result<(), Error> {
    if !taken.catalogue.pictures.is_empty() {
        return Ok(());
    }
    let source = options.source.as_deref().unwrap_or(Path::new("."));
    let error = Error::new(format!("{}: no image to serve", source.display()));
    Err(match (taken.rejects.first(), taken.absent) {
        (Some(reject), _) => error.hint(format!(
            "{} images are left out, the first: {}: {}",
            summary.rejects.len(),
            reject.record,
            reject.problem
        )),
        (None, 0) => error.hint(
            "name a folder that holds JPEG, PNG, TIFF, GIF, WebP or PDF files, or a localizations.json with its --image-map",
        ),
        (None, absent) => error.hint(format!(
            "{absent} images are not in the image map; `recto-download` fetches them"
        )),
    })
}

fn account(taken: &Taken, summary: &mut Summary) {
    summary.kept = taken.catalogue.pictures.len() as u64;
    summary.rejects = taken.rejects.clone();
    summary.read = summary.kept + summary.rejects.len() as u64;
    summary.filtered = taken.absent;
    summary.count("images", summary.kept);
    summary.count("manifests", taken.catalogue.groups().len() as u64);
    if taken.absent > 0 {
        let note = format!(
            "{} images are not in the image map; `recto-download` fetches them",
            taken.absent
        );
        summary.notes.push(note);
    }
}

fn counts(summary: &Summary) -> String {
    let count = |kind| summary.counts.get(kind).copied().unwrap_or_default();
    format!(
        "{} images in {} manifests",
        count("images"),
        count("manifests")
    )
}

async fn open(
    options: &Options,
    made: (Presets, Prepared),
    catalogue: Catalogue,
    store: Arc<Store>,
    reviews: Option<Reviews>,
    auth: Option<Auth>,
) -> Result<(), Error> {
    let log = (options.access_log.as_deref())
        .map(files::open_to_append)
        .transpose()?;
    let cannot = |e: std::io::Error| {
        let in_use = e.kind() == std::io::ErrorKind::AddrInUse;
        let error = Error::new(format!("{}: cannot listen there", options.listen)).because(e);
        if in_use {
            error.hint("--listen 127.0.0.1:0 takes any free port")
        } else {
            error
        }
    };
    let listener = bound(options.listen).map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    // Listened for before the line is out: a script may stop the server as soon as it reads it.
    let stopped = told_to_stop()?;
    announce(address)?;
    tokio::spawn(store.clone().look_after());
    let mut door = door(options, made, catalogue, store, address, log);
    door.reviews = reviews.map(Mutex::new);
    door.auth = auth;
    listen::listen(door, listener, stopped).await;
    Ok(())
}

/// Connections that the system may hold for us until they are taken; it may be bound to fewer. Those beyond knock again
/// after a second.
const KNOCKING: u32 = 4096;

fn bound(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address.is_ipv4() {
        true => TcpSocket::new_v4(),
        false => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(KNOCKING)
}

fn door(
    options: &Options,
    (presets, prepared): (Presets, Prepared),
    catalogue: Catalogue,
    store: Arc<Store>,
    address: SocketAddr,
    log: Option<File>,
) -> Door {
    let means = Means {
        memory: options.memory << 20,
        most_waiting: options.queue as usize,
    };
    let mut service = Service::new(catalogue, cap(options), options.max_age, means, store);
    service.presets = presets;
    service.prepared = prepared.folder().is_dir().then_some(prepared);
    Door {
        service: Arc::new(service),
        base_url: options.base_url.clone(),
        address,
        patience: Duration::from_secs(options.patience),
        most_connections: most_connections(options, files::most_open()),
        log: log.map(Mutex::new),
        reviews: None,
        auth: None,
    }
}

/// Connections for which there are files. Pictures need some too, and they come first: without them no answer is of use.
fn most_connections(options: &Options, files: usize) -> usize {
    let (wanted, most) = (options.max_connections as usize, files - files / 4);
    if most < wanted && !options.common.quiet {
        let _ = writeln!(
            std::io::stderr(),
            "serve: at most {most} connections at once: the system lets a process open {files} files (ulimit -n)"
        );
    }
    wanted.min(most)
}

fn cap(options: &Options) -> Cap {
    Cap {
        side: options.max_size,
        undeclared: options.undeclared_limit,
        area: options.max_pixels,
        strict_within: options.strict_within,
    }
}

/// A strong entity tag made of what an answer depends on.
fn tag(text: &str) -> String {
    format!("\"{}\"", files::hex_digest(text.as_bytes(), 24))
}

/// One line, at once: scripts wait for it and read the port from it.
fn announce(address: SocketAddr) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    let said = writeln!(out, "listening on http://{address}").and_then(|()| out.flush());
    match said {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::new("standard output: cannot be written").because(e))
        }
        _ => Ok(()),
    }
}

/// Ends at Ctrl-C or SIGTERM; both are heard from the call on.
fn told_to_stop() -> Result<impl Future<Output = ()>, Error> {
    let hear = |kind| signal(kind).map_err(|e| Error::new("signals cannot be heard").because(e));
    let (mut interrupt, mut terminate) = (
        hear(SignalKind::interrupt())?,
        hear(SignalKind::terminate())?,
    );
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
