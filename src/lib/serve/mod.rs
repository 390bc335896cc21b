//! `serve`: a folder of images or a finished set over IIIF, and as pages for people.
//!
//! [`web`] receives a request and its router calls a handler: [`image`] renders, [`presentation`] describes, [`pages`]
//! are for people, [`review`] takes corrections. [`auth`] decides first what the visitor may see, and [`cache`] keeps
//! what was rendered.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

use self::image::link;
use self::image::pdf_worker;
use self::image::prepare::{self, PrepareJob};
use self::image::prepared::Prepared;
use self::image::preset::Presets;
use self::image::renderer::{RenderLimits, Renderer};
use crate::error::Error;
use crate::files;
use crate::messages;
use crate::report::{Common, Stage};
use crate::summary::{Summary, counted};
use auth::SharedAuth;
use cache::{TieredCache, purge};
use catalogue::{Catalogue, Loaded, Prober, SharedCatalogue};
use config::Config;
use image_record::ImageRecord;
use load::{authorization, idle_rules, load};
use presentation::uris::Uris;
use rescan::{MOST_TOLD, Rescan};
use review::classes;
use review::file::ReviewFile;
use site::Classes;
use web::access_log::AccessLog;
use web::base_url::BaseUrl;
use web::documents::Documents;
use web::request_class::RequestClasses;
use web::router::Router;
use web::server::{Server, ServerSettings};

pub use options::Options;

pub mod auth;
pub mod cache;
pub mod catalogue;
pub mod config;
pub mod image;
pub mod image_record;
pub mod load;
pub mod notice;
pub mod options;
pub mod pages;
pub mod presentation;
pub mod rescan;
pub mod review;
pub mod site;
pub mod web;

/// Threads that talk to clients.
const THREADS: usize = 2;

/// Serves until Ctrl-C or SIGTERM, or does what `--prepare`, `--url`, `--purge` or `--hash-token` asks for instead.
///
/// # Errors
/// Why the stage could not finish, with the summary of what it had done by then.
pub fn serve(options: &Options) -> Result<Summary, Error> {
    serve_announced(options, |_| Ok(()))
}

/// The same, with a function that is called with the address once the server listens there; an error of it ends the
/// server.
///
/// # Errors
/// Why the stage could not finish, with the summary of what it had done by then.
pub fn serve_announced(
    options: &Options,
    announce: impl FnOnce(SocketAddr) -> Result<(), Error>,
) -> Result<Summary, Error> {
    Error::with_summary(|summary| stage(options, announce, summary))
}

impl Stage for Options {
    const NAME: &'static str = "serve";

    const IS_SERVER: bool = true;

    fn common(&self) -> &Common {
        &self.common
    }

    fn run(&self) -> Result<Summary, Error> {
        match self.worker.is_worker() {
            true => pdf_worker::run(&self.worker).map(|()| Summary::default()),
            false => serve_announced(self, print_address),
        }
    }
}

/// Prints one line at once: scripts wait for it and read the port from it.
fn print_address(address: SocketAddr) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    let printed = writeln!(out, "listening on http://{address}").and_then(|()| out.flush());
    match printed {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::new("standard output: cannot be written").because(e))
        }
        _ => Ok(()),
    }
}

fn stage(
    options: &Options,
    announce: impl FnOnce(SocketAddr) -> Result<(), Error>,
    summary: &mut Summary,
) -> Result<(), Error> {
    if options.hash_token {
        return hash_token(summary);
    }
    options.refuse_overwriting()?;
    let config = match &options.config {
        Some(path) => config::read(path)?,
        None => Config::default(),
    };
    let presets = Presets::with_configured(&config.presets).map_err(Error::usage)?;
    let cache = Arc::new(TieredCache::open(&config.cache, options.common.quiet)?);
    let prober = Prober::new(config.pdf, options.most_cost())
        .with_boxes_on(options.exif_boxes.unwrap_or_default());
    if !options.purge.is_empty() {
        let catalogue = load(options, &prober)?.catalogue;
        let purged = purge::all(&cache, &catalogue, &options.purge);
        summary.done = runtime()?.block_on(purged)?;
        return Ok(());
    }
    let auth = authorization(options, config.auth, None)?.map(Arc::new);
    let mut loaded = load(options, &prober)?;
    if let Some(id) = &options.urls.url {
        return list_urls(options, id, &presets, &loaded, summary);
    }
    summarize(options, &loaded, summary)?;
    let prepared = options.prepared(&config.prepare);
    if options.prepare {
        return prepare_all(options, loaded.catalogue, prepared, summary);
    }
    let classes = class_list(options, &loaded)?;
    let reviews = reviews(options, &mut loaded.catalogue, summary)?;
    summary.notes.extend(undecided(options, &loaded.catalogue));
    rescan::remember(options, &mut loaded.catalogue)?;
    summary
        .notes
        .extend(idle_rules(auth.as_deref(), &loaded.catalogue));
    report_start(options, summary)?;
    let prepared = prepared.folder().is_dir().then_some(prepared);
    let auth = Arc::new(SharedAuth::new(auth));
    let renderer = Arc::new(renderer(options, loaded.catalogue, prepared, cache));
    let rescan = Rescan {
        options: options.clone(),
        pdf: config.pdf,
        renderer: renderer.clone(),
        reviews: reviews.clone(),
        auth: auth.clone(),
        fixed: config.fixed,
        told: Arc::new(Mutex::new(rescan::lines(
            &summary.rejects.iter().collect::<Vec<_>>(),
        ))),
    };
    let router = Router {
        request_classes: RequestClasses::new(config.requests),
        ..router(options, renderer, presets, classes, reviews, auth)
    };
    let runtime = runtime()?;
    let ended = runtime.block_on(run(options, router, rescan, announce));
    // Rendering for clients that are gone need not end.
    runtime.shutdown_background();
    summary.done = format!("stopped; served {}", counts(summary));
    ended
}

/// The file of reviews, whose corrections are applied to the catalogue; none: corrections are not accepted.
fn reviews(
    options: &Options,
    catalogue: &mut Catalogue,
    summary: &mut Summary,
) -> Result<Option<Arc<Mutex<ReviewFile>>>, Error> {
    let file = options.review.as_deref();
    let file = file.map(|file| ReviewFile::open(file, catalogue, summary));
    Ok(file.transpose()?.map(|file| Arc::new(Mutex::new(file))))
}

/// What boxes can be called.
fn class_list(options: &Options, loaded: &Loaded) -> Result<Classes, Error> {
    let listed = options.classes.as_deref().map(classes::read).transpose()?;
    let listed = listed.unwrap_or_default();
    Ok(Classes::of(&listed, &loaded.taxonomy, &loaded.catalogue))
}

fn router(
    options: &Options,
    renderer: Arc<Renderer>,
    presets: Presets,
    classes: Classes,
    reviews: Option<Arc<Mutex<ReviewFile>>>,
    auth: Arc<SharedAuth>,
) -> Router {
    let of_documents = usize::try_from((options.memory << 20) / 16).unwrap_or(usize::MAX);
    let memory = renderer.memory.clone();
    let key_of = |file: &Mutex<ReviewFile>| {
        let file = file.lock().unwrap_or_else(PoisonError::into_inner);
        file.key().to_owned()
    };
    let review_key = reviews.as_deref().map(key_of);
    Router {
        catalogue: renderer.catalogue.clone(),
        renderer,
        presets: Arc::new(presets),
        classes: Arc::new(classes),
        documents: Documents::new(of_documents, options.queue as usize, memory),
        cap: options.cap(),
        max_age: options.max_age,
        reviews,
        review_key,
        auth,
        request_classes: RequestClasses::default(),
        base_url: BaseUrl {
            configured: options.base_url.clone(),
            prefix: options.path_prefix.clone(),
            address: options.listen.addresses()[0],
            own: options.own_hosts(),
        },
        body_timeout: Duration::from_secs(options.client_timeout),
    }
}

fn renderer(
    options: &Options,
    catalogue: Catalogue,
    prepared: Option<Prepared>,
    cache: Arc<TieredCache>,
) -> Renderer {
    let limits = RenderLimits {
        memory: options.memory << 20,
        most_waiting: options.queue as usize,
        file_timeout: Duration::from_secs(options.file_timeout),
        most_cost: options.most_cost(),
    };
    let catalogue = Arc::new(SharedCatalogue::new(catalogue));
    Renderer::new(catalogue, limits, prepared, cache)
}

fn prepare_all(
    options: &Options,
    catalogue: Catalogue,
    prepared: Prepared,
    summary: &mut Summary,
) -> Result<(), Error> {
    let job = PrepareJob {
        images: catalogue.images,
        prepared,
        pyramids: options.pyramids,
        memory: options.memory << 19,
        quiet: options.common.quiet,
    };
    prepare::prepare(job, summary)
}

/// Listens, announces the address, and serves until Ctrl-C or SIGTERM.
async fn run(
    options: &Options,
    mut router: Router,
    rescan: Rescan,
    announce: impl FnOnce(SocketAddr) -> Result<(), Error>,
) -> Result<(), Error> {
    let lost = router.renderer.metrics.log_lines_lost.clone();
    let log = (options.access_log.as_deref()).map(|path| AccessLog::open(path, lost));
    let log = log.transpose()?.map(Arc::new);
    let settings = ServerSettings {
        client_timeout: Duration::from_secs(options.client_timeout),
        most_connections: most_connections(options, files::most_open()),
        access_log: log.clone(),
    };
    let server = Server::bind(&options.listen)?;
    router.base_url.address = server.address();
    // Signals are handled before the address is announced: a script may stop the server as soon as it reads it.
    let stop = stop_signal()?;
    let hangup = handle(SignalKind::hangup())?;
    announce(server.address())?;
    tokio::spawn(router.renderer.cache.clone().evict());
    tokio::spawn(rescan.run(hangup, log));
    server.run(router, settings, stop).await;
    Ok(())
}

fn handle(kind: SignalKind) -> Result<Signal, Error> {
    signal(kind).map_err(|e| Error::new("signals cannot be handled").because(e))
}

/// Completes at Ctrl-C or SIGTERM; both are handled from the call on.
fn stop_signal() -> Result<impl Future<Output = ()>, Error> {
    let mut interrupt = handle(SignalKind::interrupt())?;
    let mut terminate = handle(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

fn runtime() -> Result<Runtime, Error> {
    Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()
        .map_err(no_threads)
}

fn no_threads(e: std::io::Error) -> Error {
    Error::new("threads cannot be started").because(e)
}

/// The limit on connections for which there are enough files. A quarter of the files is kept for images: without them no
/// answer is of use.
fn most_connections(options: &Options, files: usize) -> usize {
    let (wanted, most) = (options.max_connections as usize, files - files / 4);
    if most < wanted && !options.common.quiet {
        notice::print(&format!(
            "--max-connections is {wanted}, the limit is {most}: the system allows {files} open files (ulimit -n)"
        ));
    }
    wanted.min(most)
}

/// Reads a token from standard input; its hash for the configuration is the output.
fn hash_token(summary: &mut Summary) -> Result<(), Error> {
    let mut token = String::new();
    let read = std::io::stdin().read_to_string(&mut token);
    read.map_err(|e| Error::new("standard input: cannot be read").because(e))?;
    let hash = auth::accounts::hash(token.trim_end_matches(['\r', '\n']))?;
    summary.output = format!("{hash}\n");
    summary.done = "hash made".into();
    Ok(())
}

/// A note of the images of which nothing shows where their boxes are.
fn undecided(options: &Options, catalogue: &Catalogue) -> Option<String> {
    const MOST_NAMED: usize = 3;
    let is_open = |image: &&Arc<ImageRecord>| {
        !image.is_decided && !image.about.localizations.is_empty() && options.exif_boxes.is_none()
    };
    let open: Vec<&Arc<ImageRecord>> = catalogue.images.iter().filter(is_open).collect();
    let named =
        |image: &&Arc<ImageRecord>| format!("{}: orientation {}", image.id, image.orientation);
    let named: Vec<String> = open.iter().take(MOST_NAMED).map(named).collect();
    let more = if open.len() > MOST_NAMED { "; …" } else { "" };
    (!open.is_empty()).then(|| {
        format!(
            "EXIF orientation, and nothing shows whether boxes were drawn on the image as stored, as is assumed, or as turned; \
             --exif-boxes stored|turned decides, the same here and for recto-reformat: {} ({}{more})",
            open.len(),
            named.join("; ")
        )
    })
}

/// A wrong folder is reported before the first request.
fn refuse_nothing(options: &Options, loaded: &Loaded) -> Result<(), Error> {
    if !loaded.catalogue.images.is_empty() {
        return Ok(());
    }
    let source = options.source.as_deref().unwrap_or(Path::new("."));
    let error = Error::new(format!("{}: no image to serve", source.display()));
    Err(match (loaded.rejects.first(), loaded.absent) {
        (Some(reject), _) => error.hint(format!(
            "{} left out, the first: {}: {}",
            counted(loaded.rejects.len() as u64, "image", "images"),
            reject.record,
            reject.problem
        )),
        (None, 0) => error.hint(
            "name a folder that holds JPEG, PNG, TIFF, GIF, WebP or PDF files, or a localizations.json with its --image-map",
        ),
        (None, absent) => error.hint(missing_from_map(absent)),
    })
}

fn missing_from_map(n: u64) -> String {
    let images = counted(n, "image is", "images are");
    format!("{images} not in the image map; run `recto-download` to get them")
}

/// Counts what there is to serve; there has to be something.
fn summarize(options: &Options, loaded: &Loaded, summary: &mut Summary) -> Result<(), Error> {
    summary.kept = loaded.catalogue.images.len() as u64;
    summary.rejects = loaded.rejects.clone().into();
    summary.read = summary.kept + summary.rejects.len() as u64;
    summary.filtered = loaded.absent;
    summary.count("images", summary.kept);
    summary.count("manifests", loaded.catalogue.count_groups() as u64);
    summary.notes.extend(loaded.notes.iter().cloned());
    if loaded.absent > 0 {
        summary.notes.push(missing_from_map(loaded.absent));
    }
    refuse_nothing(options, loaded)
}

/// Reports what is served and what is left out before the work starts: whoever waits for an image that is left out
/// should know at once. From then on nothing waits for who reads messages.
fn report_start(options: &Options, summary: &Summary) -> Result<(), Error> {
    messages::never_wait().map_err(no_threads)?;
    if options.common.quiet {
        return Ok(());
    }
    let lines = summary.rejects.iter().take(MOST_TOLD);
    let lines = lines.map(|r| format!("\n  left out {}: {}", r.record, r.problem));
    let mut left_out: String = lines.collect();
    let further = summary.rejects.len().saturating_sub(MOST_TOLD) as u64;
    if further > 0 {
        let files = counted(further, "other", "others");
        left_out.push_str(&format!("\n  and {files}; --report lists all"));
    }
    let notes = summary.notes.iter().map(|note| format!("\n  {note}"));
    let notes: String = notes.collect();
    notice::print(&format!("{}{left_out}{notes}", counts(summary)));
    Ok(())
}

fn counts(summary: &Summary) -> String {
    let count = |kind| summary.counts.get(kind).copied().unwrap_or_default();
    format!(
        "{} in {}",
        counted(count("images"), "image", "images"),
        counted(count("manifests"), "manifest", "manifests")
    )
}

/// The URLs of `--url`, one per line, are the output.
fn list_urls(
    options: &Options,
    id: &str,
    presets: &Presets,
    loaded: &Loaded,
    summary: &mut Summary,
) -> Result<(), Error> {
    let base = options.base_url.clone();
    let uris = Uris::below(&base.unwrap_or_else(|| format!("http://{}", options.listen)));
    let Some(at) = loaded.catalogue.find(id) else {
        let error = Error::new(format!("no image is called `{id}`"));
        return Err(match loaded.rejects.iter().find(|r| r.record == id) {
            Some(reject) => error.hint(format!("it was left out: {}", reject.problem)),
            None => error,
        });
    };
    let image = &loaded.catalogue.images[at];
    let urls = link::urls(&options.urls, &uris, image, presets, &options.cap())?;
    (summary.read, summary.kept) = (1, 1);
    summary.done = format!("{} of `{id}`", counted(urls.len() as u64, "URL", "URLs"));
    summary.output = format!("{}\n", urls.join("\n"));
    Ok(())
}
