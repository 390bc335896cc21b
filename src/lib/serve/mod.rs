//! `serve`: a folder of images or a finished set over IIIF, Image API 2.1 and 3.0, Presentation API 3.0.
//!
//! The shell: options, listener, limits on work, graceful stop. What is answered is decided in [`respond`].

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, oneshot};

use crate::iiif::resolve::Plan;
use crate::pixels::render::Picture;
use crate::report::{self, Error, Report};
use cache::Cache;
use catalogue::{Catalogue, MOST_PIXELS, Taken};
use ids::Ids;
use respond::{Asked, Body, Cap, Response};

pub mod cache;
pub mod catalogue;
pub mod ids;
pub mod presentation;
pub mod respond;

/// Pictures rendered at once: each may hold a decoded source and its answer.
const JOBS: usize = 2;
/// Decoded sources kept for their next tile.
const CACHE_BYTES: usize = 512 << 20;
/// How long answers on their way may take after a request to stop.
const PATIENCE: Duration = Duration::from_secs(10);

/// What to serve, and where.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// A folder of images, or a localizations.json whose images --image-map holds
    #[arg(value_name = "DIR|LOCALIZATIONS")]
    pub source: PathBuf,
    /// Where the images of LOCALIZATIONS are [default: image_map.json]
    #[arg(long, value_name = "FILE")]
    pub image_map: Option<PathBuf>,
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
    #[command(flatten)]
    #[allow(missing_docs)]
    pub common: report::Common,
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
pub fn run(options: Options) -> ExitCode {
    options
        .common
        .conclude("serve", |report| serve(&options, report))
}

fn serve(options: &Options, report: &mut Report) -> Result<(), Error> {
    let taken = take(options)?;
    account(&taken, report);
    if !options.common.quiet {
        // Before the work, not after it: who waits for a picture that is left out should know now.
        let left_out = report
            .rejects
            .iter()
            .map(|r| format!("\n  left out {}: {}", r.record, r.problem));
        let _ = writeln!(
            std::io::stderr(),
            "serve: {}{}",
            counts(report),
            left_out.collect::<String>()
        );
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(JOBS)
        .enable_all()
        .build()
        .map_err(|e| Error::new("threads cannot be started").because(e))?;
    let outcome = runtime.block_on(listen(options, taken.catalogue));
    // Renders that nobody waits for any more need not end.
    runtime.shutdown_background();
    report.done = format!("stopped; served {}", counts(report));
    outcome
}

fn take(options: &Options) -> Result<Taken, Error> {
    let source = &options.source;
    if !source.is_dir() {
        let default = Path::new("image_map.json");
        return catalogue::of_localizations(
            source,
            options.image_map.as_deref().unwrap_or(default),
        );
    }
    match &options.image_map {
        Some(_) => Err(Error::usage(
            "--image-map goes with a localizations.json, not with a folder",
        )),
        None => catalogue::of_folder(source),
    }
}

fn account(taken: &Taken, report: &mut Report) {
    report.kept = taken.catalogue.pictures.len() as u64;
    report.rejects = taken.rejects.clone();
    report.read = report.kept + report.rejects.len() as u64;
    report.filtered = taken.absent;
    report.count("images", report.kept);
    report.count("manifests", taken.catalogue.groups().len() as u64);
    if taken.absent > 0 {
        let note = format!(
            "{} images are not in the image map; `recto-download` fetches them",
            taken.absent
        );
        report.notes.push(note);
    }
}

fn counts(report: &Report) -> String {
    let count = |kind| report.counts.get(kind).copied().unwrap_or_default();
    format!(
        "{} images in {} manifests",
        count("images"),
        count("manifests")
    )
}

/// What every request needs.
struct Service {
    catalogue: Catalogue,
    cap: Cap,
    base_url: Option<String>,
    address: SocketAddr,
    jobs: Semaphore,
    cache: Cache,
}

async fn listen(options: &Options, catalogue: Catalogue) -> Result<(), Error> {
    let cannot = |e: std::io::Error| {
        let in_use = e.kind() == std::io::ErrorKind::AddrInUse;
        let error = Error::new(format!("{}: cannot listen there", options.listen)).because(e);
        if in_use {
            error.hint("--listen 127.0.0.1:0 takes any free port")
        } else {
            error
        }
    };
    let listener = TcpListener::bind(options.listen).await.map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    let service = Arc::new(Service {
        catalogue,
        cap: Cap {
            side: options.max_size,
            undeclared: options.undeclared_limit,
        },
        base_url: options.base_url.clone(),
        address,
        jobs: Semaphore::new(JOBS),
        cache: Cache::new(CACHE_BYTES),
    });
    let (stop, stopping) = oneshot::channel();
    let router = axum::Router::new().fallback(answer).with_state(service);
    let server = axum::serve(listener, router).with_graceful_shutdown(async {
        // An error means that the sender is gone, which is a stop too.
        let _ = stopping.await;
    });
    let server = tokio::spawn(server.into_future());
    // Listened for before the line is out: a script may stop the server as soon as it reads it.
    let stopped = told_to_stop()?;
    announce(address)?;
    stopped.await;
    let _ = stop.send(());
    // Clients that never finish reading do not keep it from stopping.
    let _ = tokio::time::timeout(PATIENCE, server).await;
    Ok(())
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

async fn answer(State(service): State<Arc<Service>>, request: Request) -> axum::response::Response {
    let response = service.respond(&request);
    // Its body is not wanted, and is not to be kept while a picture is rendered.
    drop(request);
    let bytes = match response.body {
        Body::Empty => Ok(Vec::new()),
        Body::Text(ref text) => Ok(text.clone().into_bytes()),
        Body::Picture(at, plan) => service.render(at, plan).await,
    };
    match bytes {
        Ok(bytes) => message(&response, bytes),
        Err(why) => {
            let response = respond::refused(500, &why);
            message(&response, why.into_bytes())
        }
    }
}

impl Service {
    fn respond(&self, request: &Request) -> Response {
        let text = |name| {
            let value = request.headers().get(name);
            value.and_then(|v: &HeaderValue| v.to_str().ok())
        };
        let base = match (&self.base_url, text(header::HOST)) {
            (Some(base), _) => base.clone(),
            (None, Some(host)) => format!("http://{host}"),
            (None, None) => format!("http://{}", self.address),
        };
        let asked = Asked {
            method: request.method().as_str(),
            path: request.uri().path(),
            accept: text(header::ACCEPT).unwrap_or_default(),
        };
        respond::respond(&self.catalogue, &self.cap, &Ids::below(&base), &asked)
    }

    /// Renders off the threads that answer, at most [`JOBS`] at a time.
    async fn render(self: &Arc<Self>, at: usize, plan: Plan) -> Result<Vec<u8>, String> {
        // Never closed, so this cannot fail.
        let _permit = self.jobs.acquire().await.expect("jobs are never closed");
        let service = self.clone();
        let work = move || {
            let path = &service.catalogue.pictures[at].path;
            let picture = service.cache.get(at, || Picture::open(path, MOST_PIXELS))?;
            if picture.size() != service.catalogue.pictures[at].size {
                return Err("the file changed since the server was started".to_owned());
            }
            picture.render(&plan)
        };
        tokio::task::spawn_blocking(work)
            .await
            .unwrap_or_else(|e| Err(format!("rendering broke off: {e}")))
    }
}

fn message(response: &Response, bytes: Vec<u8>) -> axum::response::Response {
    let mut message = axum::response::Response::new(bytes.into());
    *message.status_mut() =
        StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = message.headers_mut();
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    for (name, value) in &response.headers {
        // Values hold URIs of encoded ids and fixed words; a Host with odd bytes loses the header, not the answer.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    message
}
