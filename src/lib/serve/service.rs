//! The shell between the core and the files: looks at them, renders what the core has planned, keeps what was
//! made, within the limits on memory and threads.

use std::collections::HashMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;

use super::cache::Cache;
use super::catalogue::{self, Catalogue, MOST_PIXELS, Picture};
use super::ids::Ids;
use super::info::Facts;
use super::lanes::{Busy, Lanes};
use super::metrics::{Metrics, Now, add};
use super::picture::Cap;
use super::prepared::Prepared;
use super::presets::Presets;
use super::respond::{self, Asked, Response, Site};
use crate::files;
use crate::iiif::resolve::Plan;
use crate::pixels::source::Source;

/// Threads that render.
const THREADS: usize = 2;
/// How long a request may wait for its turn.
const TURN: Duration = Duration::from_secs(30);

/// What there is to work with.
#[derive(Clone, Copy, Debug)]
pub struct Means {
    /// Bytes of memory: a quarter each for answers and pictures kept, the rest for work.
    pub memory: u64,
    /// Requests that may wait in each lane.
    pub most_waiting: usize,
}

/// What every request needs.
pub struct Service {
    /// Replaced as a whole when a box is corrected.
    catalogue: RwLock<Arc<Catalogue>>,
    cap: Cap,
    max_age: u32,
    /// The last look at each file.
    looks: Mutex<HashMap<usize, Facts>>,
    lanes: Lanes,
    answers: Cache<String, Bytes>,
    pictures: Cache<(usize, u64), Arc<Source>>,
    /// What was made before anybody asked.
    pub prepared: Option<Prepared>,
    /// Derivatives with names.
    pub presets: Presets,
    /// What happened so far.
    pub metrics: Metrics,
}

/// Why a picture that was planned is not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// There is too much to do; later there may be less.
    Busy,
    /// The file cannot be rendered, and why.
    Failed(String),
}

impl From<Busy> for Trouble {
    fn from(_: Busy) -> Self {
        Trouble::Busy
    }
}

impl Service {
    /// A service that has rendered nothing yet.
    pub fn new(catalogue: Catalogue, cap: Cap, max_age: u32, means: Means) -> Self {
        let kept = usize::try_from(means.memory / 4).unwrap_or(usize::MAX);
        Service {
            catalogue: RwLock::new(Arc::new(catalogue)),
            cap,
            max_age,
            looks: Mutex::default(),
            lanes: Lanes::new(means.memory / 2, THREADS, means.most_waiting, TURN),
            answers: Cache::new(kept),
            pictures: Cache::new(kept),
            prepared: None,
            presets: Presets::default(),
            metrics: Metrics::default(),
        }
    }

    /// What the core says.
    pub fn respond(&self, ids: &Ids, asked: &Asked, reviewed: bool) -> Response {
        match asked.path {
            "/health" => self.health(),
            "/metrics" => {
                respond::text(self.metrics.print(&self.now()), "text/plain; version=0.0.4")
            }
            _ => {
                let catalogue = self.catalogue();
                let site = Site {
                    catalogue: &catalogue,
                    reviewed,
                    presets: &self.presets,
                    cap: self.cap,
                    max_age: self.max_age,
                    facts: &|at| self.facts(at),
                };
                respond::respond(&site, ids, asked)
            }
        }
    }

    /// What there is to serve, as it is now.
    pub fn catalogue(&self) -> Arc<Catalogue> {
        let held = self
            .catalogue
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        held.clone()
    }

    /// Serves a corrected catalogue from now on.
    pub fn correct(&self, catalogue: Catalogue) {
        let mut held = self
            .catalogue
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *held = Arc::new(catalogue);
    }

    fn health(&self) -> Response {
        let images = self.catalogue().pictures.len();
        let version = env!("CARGO_PKG_VERSION");
        let health = serde_json::json!({"status": "ok", "images": images, "version": version});
        respond::text(format!("{health}\n"), "application/json")
    }

    fn now(&self) -> Now {
        Now {
            images: self.catalogue().pictures.len(),
            answer_bytes: self.answers.bytes(),
            picture_bytes: self.pictures.bytes(),
            waiting: self.lanes.waiting(),
        }
    }

    /// The file of an image as it is now; read anew only if it changed.
    fn facts(&self, at: usize) -> Result<Facts, String> {
        let catalogue = self.catalogue();
        let picture = &catalogue.pictures[at];
        let now = std::fs::metadata(&picture.path).map_err(|e| e.to_string())?;
        let stamp = stamp(&now);
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(facts) = looks.get(&at).filter(|facts| facts.stamp == stamp) {
            return Ok(facts.clone());
        }
        let header = catalogue::measure(&self.file_of(picture, &now))?;
        let facts = catalogue::facts(&header, stamp);
        looks.insert(at, facts.clone());
        Ok(facts)
    }

    /// The bytes of a planned answer.
    pub async fn render(
        self: &Arc<Self>,
        at: usize,
        plan: Plan,
        key: &str,
    ) -> Result<Bytes, Trouble> {
        let make = async {
            if let Some(bytes) = self.thumbnail(at, &plan) {
                let size = bytes.len();
                return Ok((bytes, size));
            }
            let picture = self.picture(at).await?;
            let leave = self
                .lanes
                .enter(cost_of(&plan) + picture.cost(&plan))
                .await?;
            let work = move || {
                let made = match picture.stored(&plan) {
                    Some(bytes) => Ok((bytes, true)),
                    None => picture.render(&plan).map(|bytes| (bytes, false)),
                };
                drop(leave);
                made
            };
            let (bytes, passed) = off_thread(work).await?;
            add(&self.metrics.passed, passed.into());
            let bytes = Bytes::from(bytes);
            let size = bytes.len();
            Ok::<_, Trouble>((bytes, size))
        };
        let (bytes, kept) = self.answers.get(&key.to_owned(), make).await?;
        let count = match kept {
            true => &self.metrics.answers_kept,
            false => &self.metrics.answers_made,
        };
        add(count, 1);
        Ok(bytes)
    }

    /// The answer to a plan, if it was prepared.
    fn thumbnail(&self, at: usize, plan: &Plan) -> Option<Bytes> {
        let prepared = self.prepared.as_ref()?;
        let catalogue = self.catalogue();
        let picture = &catalogue.pictures[at];
        let now = std::fs::metadata(&picture.path).ok()?;
        let size = self.facts(at).ok()?.size;
        let path = prepared.answer(&picture.id, &now, size, plan)?;
        let bytes = std::fs::read(path).ok()?;
        add(&self.metrics.prepared, 1);
        Some(bytes.into())
    }

    /// The file that an image is read from: its pyramid, where a sound one was made of the file as it is now.
    fn file_of(&self, picture: &Picture, now: &Metadata) -> PathBuf {
        let pyramid = self.prepared.as_ref().map(|p| p.pyramid(&picture.id, now));
        let is_sound = |path: &PathBuf| {
            let look = catalogue::measure(path);
            look.is_ok_and(|look| look.size == picture.size)
        };
        let pyramid = pyramid.filter(|path| files::is_there(path) && is_sound(path));
        pyramid.unwrap_or_else(|| picture.path.clone())
    }

    /// The picture behind an image, decoded if it is not here.
    async fn picture(self: &Arc<Self>, at: usize) -> Result<Arc<Source>, Trouble> {
        let facts = self.facts(at).map_err(Trouble::Failed)?;
        let make = async {
            let leave = self.lanes.enter(facts.cost).await?;
            let catalogue = self.catalogue();
            let picture = &catalogue.pictures[at];
            let now = std::fs::metadata(&picture.path);
            let path = now.map(|now| self.file_of(picture, &now));
            let path = path.map_err(|e| Trouble::Failed(e.to_string()))?;
            let work = move || {
                let picture = Source::open(&path, MOST_PIXELS);
                drop(leave);
                picture
            };
            let picture = off_thread(work).await?;
            add(&self.metrics.opened, 1);
            // Written while it was read: neither the old picture nor the new.
            if self.facts(at).map(|facts| facts.stamp) != Ok(facts.stamp) {
                return Err(Trouble::Busy);
            }
            let bytes = picture.bytes();
            Ok((Arc::new(picture), bytes))
        };
        let made = self.pictures.get(&(at, facts.stamp), make).await;
        made.map(|(picture, _)| picture)
    }
}

/// Runs work where it keeps nobody from answering. It goes on to its end when the client goes away, and holds its
/// leave until then.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, Trouble> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|e| Err(format!("rendering broke off: {e}")))
        .map_err(Trouble::Failed)
}

/// About the bytes of memory that an answer takes: scaled, turned, encoded.
fn cost_of(plan: &Plan) -> u64 {
    let [w, h] = plan.size.map(u64::from);
    let copies = if plan.turn % 90.0 == 0.0 { 8 } else { 20 };
    w * h * copies
}

/// Changes when the file does.
fn stamp(file: &Metadata) -> u64 {
    let facts = format!(
        "{} {} {} {} {}",
        file.len(),
        file.mtime(),
        file.mtime_nsec(),
        file.ino(),
        file.ctime_nsec()
    );
    let digest = files::hex_digest(facts.as_bytes(), 16);
    // 16 hexadecimal digits are 64 bits.
    u64::from_str_radix(&digest, 16).unwrap_or_default()
}
