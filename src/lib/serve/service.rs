//! The shell between the core and the files: looks at them, renders what the core has planned, keeps what was
//! made, within the limits on memory and threads.

use std::collections::HashMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;

use super::apart::{self, Fault, Page};
use super::auth::sight::Sight;
use super::cache::Cache;
use super::catalogue::{self, Catalogue, MOST_PIXELS, Picture};
use super::documents;
use super::ids::Ids;
use super::info::Facts;
use super::lanes::{Busy, Lanes};
use super::metrics::{self, Metrics, Now};
use super::picture::{self, Cap};
use super::prepared::{self, Prepared};
use super::presets::Presets;
use super::respond::{self, Asked, Response, Site};
use super::store::counts::one;
use super::store::entry::Key;
use super::store::settings::Identity;
use super::store::{Store, disk};
use crate::files;
use crate::iiif::resolve::RenderPlan;
use crate::pixels::pdf;
use crate::pixels::source::{Look, Source};

/// Threads that render.
const THREADS: usize = 2;
/// For how long a page that took too long is not drawn again.
const REST: Duration = Duration::from_secs(300);
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
    /// The last look at each file, and the stamp that it had then.
    looks: Mutex<HashMap<usize, (u64, Facts)>>,
    /// The pages of each PDF in points, or why there are none, and the stamp that it had then.
    documents: Mutex<HashMap<PathBuf, Measured>>,
    /// Held while a PDF is measured: of the many who ask for its pages at once, one looks.
    measuring: Mutex<()>,
    /// Pages that took too long, and why nobody tries them again soon.
    slow: Mutex<HashMap<(usize, u64), String>>,
    lanes: Lanes,
    answers: Cache<String, Bytes>,
    pictures: Cache<(usize, u64), Arc<Source>>,
    /// What was made before anybody asked.
    pub prepared: Option<Prepared>,
    /// Derivatives with names.
    pub presets: Presets,
    /// What is kept beyond memory.
    pub store: Arc<Store>,
    /// What happened so far.
    pub metrics: Metrics,
}

/// Why a picture that was planned is not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// There is too much to do; later there may be less.
    Busy,
    /// A page takes too long, and why.
    Slow(String),
    /// The file cannot be rendered, and why.
    Failed(String),
}

impl From<Busy> for Trouble {
    fn from(_: Busy) -> Self {
        Trouble::Busy
    }
}

impl From<String> for Trouble {
    fn from(why: String) -> Self {
        Trouble::Failed(why)
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Slow(why) => Trouble::Slow(why),
            Fault::Broken(why) => Trouble::Failed(why),
        }
    }
}

/// `[width, height]` of all pages of a PDF, in points.
type Pages = Arc<Vec<[f64; 2]>>;

/// The stamp of a PDF, and its pages or why there are none.
type Measured = (u64, Result<Pages, String>);

impl Service {
    /// A service that has rendered nothing yet.
    pub fn new(
        catalogue: Catalogue,
        cap: Cap,
        max_age: u32,
        means: Means,
        store: Arc<Store>,
    ) -> Self {
        let kept = usize::try_from(means.memory / 4).unwrap_or(usize::MAX);
        Service {
            catalogue: RwLock::new(Arc::new(catalogue)),
            cap,
            max_age,
            looks: Mutex::default(),
            documents: Mutex::default(),
            measuring: Mutex::default(),
            slow: Mutex::default(),
            lanes: Lanes::new(means.memory / 2, THREADS, means.most_waiting, TURN),
            answers: Cache::new(kept),
            pictures: Cache::new(kept),
            prepared: None,
            presets: Presets::default(),
            store,
            metrics: Metrics::default(),
        }
    }

    /// What the core says to who sees so much.
    pub fn respond(&self, ids: &Ids, asked: &Asked, sight: &Sight, reviewed: bool) -> Response {
        match asked.path {
            "/health" => self.health(),
            "/metrics" => {
                let text = self.metrics.print(&self.now()) + &self.store.print();
                respond::text(text, metrics::CONTENT_TYPE)
            }
            _ => {
                let catalogue = self.catalogue();
                let site = Site {
                    catalogue: &catalogue,
                    sight,
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
        let path = &picture.path;
        let now = std::fs::metadata(path).map_err(|e| e.to_string())?;
        let seen = stamp(&now);
        let known = lock(&self.looks).get(&at).cloned();
        if let Some((_, facts)) = known.filter(|(before, _)| *before == seen) {
            return Ok(facts);
        }
        let header = match (self.pyramid_of(picture, &now), &picture.page) {
            (Some(pyramid), _) => catalogue::measure(&pyramid)?,
            (None, Some(page)) => self.look_at_page(path, page, seen)?,
            (None, None) => catalogue::measure(path)?,
        };
        let stamp = match self.store.settings.identity {
            Identity::File => seen,
            Identity::Content => tokio::task::block_in_place(|| stamp_of_bytes(path))?,
        };
        // What is drawn depends on more than the file.
        let stamp = stamp ^ picture.page.map_or(0, |page| u64::from(page.dpi) << 32);
        let facts = catalogue::facts(&header, stamp);
        lock(&self.looks).insert(at, (seen, facts.clone()));
        Ok(facts)
    }

    /// The bytes of a planned answer.
    pub async fn render(
        self: &Arc<Self>,
        at: usize,
        plan: RenderPlan,
        key: &str,
    ) -> Result<Bytes, Trouble> {
        let make = self.make(at, plan, key);
        let (bytes, kept) = self.answers.get(&key.to_owned(), make).await?;
        if kept {
            self.metrics.answers_kept.inc();
            self.store.memory.hit(bytes.len());
        }
        Ok(bytes)
    }

    /// The answer to a plan, if it was prepared.
    fn thumbnail(&self, at: usize, plan: &RenderPlan) -> Option<Bytes> {
        let prepared = self.prepared.as_ref()?;
        let catalogue = self.catalogue();
        let picture = &catalogue.pictures[at];
        let now = std::fs::metadata(&picture.path).ok()?;
        let size = self.facts(at).ok()?.size;
        let path = prepared.answer(&picture.id, &now, size, plan)?;
        let bytes = tokio::task::block_in_place(|| std::fs::read(path)).ok()?;
        self.metrics.prepared.inc();
        Some(bytes.into())
    }

    /// The size of a page in a file that bears a stamp. All pages are measured at once.
    fn look_at_page(&self, path: &Path, page: &Page, seen: u64) -> Result<Look, String> {
        let known = || {
            let known = lock(&self.documents).get(path).cloned();
            known.filter(|(before, _)| *before == seen)
        };
        let pages = match known() {
            Some((_, pages)) => pages,
            // `documents` stays unlocked: others ask for other documents meanwhile.
            None => tokio::task::block_in_place(|| {
                let _turn = lock(&self.measuring);
                if let Some((_, pages)) = known() {
                    return pages;
                }
                let pages = apart::sizes(path, page.patience).map(Arc::new);
                let pages = pages.map_err(String::from);
                lock(&self.documents).insert(path.to_owned(), (seen, pages.clone()));
                pages
            }),
        }?;
        let points = pages.get(page.number as usize - 1);
        let points = points.ok_or_else(|| format!("it has {} pages now", pages.len()))?;
        Ok(documents::look(pdf::pixels(*points, page.dpi)))
    }

    /// The pyramid of an image, where a sound one was made of the file as it is now.
    fn pyramid_of(&self, picture: &Picture, now: &Metadata) -> Option<PathBuf> {
        let pyramid = self.prepared.as_ref().map(|p| p.pyramid(&picture.id, now));
        let is_sound = |path: &PathBuf| {
            let look = catalogue::measure(path);
            look.is_ok_and(|look| look.size == picture.size)
        };
        pyramid.filter(|path| prepared::is_fresh(path, now) && is_sound(path))
    }

    /// An answer that is kept in whatever tier, or none; it is not made.
    pub async fn find(&self, at: usize, plan: &RenderPlan, key: &str) -> Option<Bytes> {
        if let Some(bytes) = self.thumbnail(at, plan) {
            return Some(bytes);
        }
        if let Some(bytes) = self.answers.peek(&key.to_owned()) {
            return Some(bytes);
        }
        let facts = self.facts(at).ok()?;
        self.store.get(&self.name(at, &facts, key)).await
    }

    /// The bytes of an answer that is not in memory, and how many there are.
    async fn make(
        self: &Arc<Self>,
        at: usize,
        plan: RenderPlan,
        key: &str,
    ) -> Result<(Bytes, usize), Trouble> {
        one(&self.store.memory.misses);
        if let Some(bytes) = self.thumbnail(at, &plan) {
            let size = bytes.len();
            return Ok((bytes, size));
        }
        let bytes = match self.store.is_empty() {
            true => self.work(at, plan, any).await?.map(|(bytes, _)| bytes),
            false => self.make_and_keep(at, plan, key).await?,
        };
        let bytes = bytes.ok_or_else(|| Trouble::Failed("nothing was rendered".into()))?;
        let size = bytes.len();
        Ok((bytes, size))
    }

    /// The same, kept beyond memory.
    async fn make_and_keep(
        self: &Arc<Self>,
        at: usize,
        plan: RenderPlan,
        key: &str,
    ) -> Result<Option<Bytes>, Trouble> {
        let facts = self.facts(at).map_err(Trouble::Failed)?;
        // What lies in its file as it is asked for needs no second place.
        let is_tiled = facts.cost == 0;
        if is_tiled && let Some((bytes, _)) = self.work(at, plan, stored).await? {
            return Ok(Some(bytes));
        }
        let name = self.name(at, &facts, key);
        if let Some(bytes) = self.store.get(&name).await {
            return Ok(Some(bytes));
        }
        let Some((bytes, _)) = self.work(at, plan, any).await? else {
            return Ok(None);
        };
        if self.is_as_it_was(at, &facts) {
            self.store.put(&name, &bytes);
        }
        Ok(Some(bytes))
    }

    /// Work on a picture, when there is leave for it.
    async fn work(
        self: &Arc<Self>,
        at: usize,
        plan: RenderPlan,
        work: fn(&Source, &RenderPlan) -> Made,
    ) -> Result<Option<(Bytes, bool)>, Trouble> {
        let picture = self.picture(at).await?;
        let cost = cost_of(&plan) + picture.cost(&plan);
        let leave = self.lanes.enter(cost).await?;
        let work = move || {
            let made = work(&picture, &plan);
            drop(leave);
            made
        };
        let made = off_thread(work).await?;
        if let Some((_, passed)) = made {
            self.metrics.answers_made.inc();
            self.metrics.passed.inc_by(passed.into());
        }
        Ok(made.map(|(bytes, passed)| (Bytes::from(bytes), passed)))
    }

    /// What an answer is kept under beyond memory. It holds the stamp of the file at this moment beside the one in
    /// the key: where they differ it is found by nobody.
    fn name(&self, at: usize, facts: &Facts, key: &str) -> Key {
        let picture = &self.catalogue().pictures[at];
        let text = format!("{} {key}", facts.stamp);
        self.store.key(&picture.id, &picture.path, &text)
    }

    /// Whether a file is the one that was looked at, and no change since could have gone unseen.
    fn is_as_it_was(&self, at: usize, facts: &Facts) -> bool {
        let path = &self.catalogue().pictures[at].path;
        let is_settled = std::fs::metadata(path).is_ok_and(|now| disk::is_settled(&now));
        is_settled && self.facts(at).is_ok_and(|now| now.stamp == facts.stamp)
    }

    /// Removes all that is kept of an image, in memory and beyond; how many answers there were beyond it. What is
    /// no longer in the catalogue may still be kept.
    pub async fn purge(&self, id: &str) -> Result<u64, String> {
        let catalogue = self.catalogue();
        let at = catalogue.find(id);
        let id = at.map_or(id, |at| &catalogue.pictures[at].id);
        let start = picture::key_start(id);
        self.answers.forget(|key| key.starts_with(&start));
        self.pictures.forget(|(of, _)| Some(*of) == at);
        self.store.purge(id).await
    }

    /// The picture behind an image, decoded if it is not here.
    async fn picture(self: &Arc<Self>, at: usize) -> Result<Arc<Source>, Trouble> {
        let facts = self.facts(at).map_err(Trouble::Failed)?;
        let make = async {
            let slow = lock(&self.slow).get(&(at, facts.stamp)).cloned();
            if let Some(why) = slow {
                return Err(Trouble::Slow(why));
            }
            let leave = self.lanes.enter(facts.cost).await?;
            let catalogue = self.catalogue();
            let picture = catalogue.pictures[at].clone();
            let now = std::fs::metadata(&picture.path).map_err(|e| e.to_string())?;
            let pyramid = self.pyramid_of(&picture, &now);
            let work = move || {
                let picture = match pyramid {
                    Some(path) => Source::open(&path, MOST_PIXELS).map_err(Fault::Broken),
                    None => picture.open(),
                };
                drop(leave);
                picture
            };
            let picture = off_thread(work).await;
            if let Err(Trouble::Slow(why)) = &picture {
                self.rest((at, facts.stamp), why);
            }
            let picture = picture?;
            self.metrics.opened.inc();
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

    /// Draws a page that took too long no more for a while.
    fn rest(self: &Arc<Self>, page: (usize, u64), why: &str) {
        lock(&self.slow).insert(page, why.to_owned());
        let service = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(REST).await;
            lock(&service.slow).remove(&page);
        });
    }
}

/// An answer, and whether it was handed on as it is stored.
type Made = Result<Option<(Vec<u8>, bool)>, String>;

/// The answer as it is stored, if it is.
fn stored(picture: &Source, plan: &RenderPlan) -> Made {
    Ok(picture.stored(plan).map(|bytes| (bytes, true)))
}

/// The answer as it is stored or else rendered.
fn any(picture: &Source, plan: &RenderPlan) -> Made {
    match stored(picture, plan)? {
        None => picture.render(plan).map(|bytes| Some((bytes, false))),
        made => Ok(made),
    }
}

/// Runs work where it keeps nobody from answering. It goes on to its end when the client goes away, and holds its
/// leave until then.
async fn off_thread<T: Send + 'static, E: Into<Trouble> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, Trouble> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(Into::into),
        Err(e) => Err(Trouble::Failed(format!("rendering broke off: {e}"))),
    }
}

/// About the bytes of memory that an answer takes: scaled, turned, encoded.
fn cost_of(plan: &RenderPlan) -> u64 {
    let area = |[w, h]: [u32; 2]| u64::from(w) * u64::from(h);
    match plan.rotation % 90.0 == 0.0 {
        true => area(plan.size) * 8,
        false => area(plan.size) * 8 + area(plan.rotated_size()) * 12,
    }
}

/// A thread that panicked left nothing half-done behind: entries are set in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Changes when the bytes of the file do.
fn stamp_of_bytes(path: &Path) -> Result<u64, String> {
    let digest = files::sha256_of_file(path).map_err(|e| e.to_string())?;
    Ok(u64::from_str_radix(&digest[..16], 16).unwrap_or_default())
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
