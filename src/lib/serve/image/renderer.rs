//! The renderer: reads image files, renders plans and caches the results, within limits on memory and threads.

use std::collections::HashMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::admission::{Admission, Busy};
use super::api;
use super::pdf_worker::{self, PdfError, PdfPage};
use super::prepared::{self, Prepared};
use crate::files;
use crate::iiif::resolve::RenderPlan;
use crate::pixels::pdf;
use crate::pixels::source::{ImageSource, SourceInfo};
use crate::serve::cache::counts::one;
use crate::serve::cache::entry::CacheKey;
use crate::serve::cache::memory::Cache;
use crate::serve::cache::settings::Identity;
use crate::serve::cache::{TieredCache, disk};
use crate::serve::catalogue::SharedCatalogue;
use crate::serve::image_record::{FileFacts, ImageRecord, MOST_PIXELS, measure, page_look};
use crate::serve::web::metrics::{Metrics, Now};
use crate::summary::counted;

/// The number of threads that render.
const THREADS: usize = 2;
/// For how long a page that took too long is not drawn again.
const SLOW_PAGE_PAUSE: Duration = Duration::from_secs(300);
/// How long a request may wait for admission.
const ADMISSION_TIMEOUT: Duration = Duration::from_secs(30);

/// The limits of a renderer.
#[derive(Clone, Copy, Debug)]
pub struct RenderLimits {
    /// Bytes of memory: a quarter for cached answers, a quarter for decoded images, the rest for work.
    pub memory: u64,
    /// The most requests that wait in each queue.
    pub most_waiting: usize,
}

/// The renderer and everything it remembers.
pub struct Renderer {
    /// The images.
    pub catalogue: Arc<SharedCatalogue>,
    /// The facts of each file by position, with the stamp that the file had when it was read.
    facts: Mutex<HashMap<usize, (u64, FileFacts)>>,
    /// The sizes of the pages of each PDF, with the stamp that the file had when it was read.
    documents: Mutex<HashMap<PathBuf, Measured>>,
    /// Held while a PDF is measured: of many requests for its pages at once, one measures it.
    measuring: Mutex<()>,
    /// Pages that took too long, by position and stamp, with the reason; they are not drawn again soon.
    slow_pages: Mutex<HashMap<(usize, u64), String>>,
    admission: Admission,
    answers: Cache<String, Bytes>,
    sources: Cache<(usize, u64), Arc<ImageSource>>,
    /// The prepared files, if there are any.
    pub prepared: Option<Prepared>,
    /// The tiers of the cache below memory.
    pub cache: Arc<TieredCache>,
    /// What happened so far.
    pub metrics: Metrics,
}

/// Why a plan was not rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RenderError {
    /// There is too much to do; a later request may succeed.
    Busy,
    /// Drawing a page of a PDF takes too long.
    Slow(String),
    /// The file cannot be rendered.
    Failed(String),
}

impl From<Busy> for RenderError {
    fn from(_: Busy) -> Self {
        RenderError::Busy
    }
}

impl From<String> for RenderError {
    fn from(why: String) -> Self {
        RenderError::Failed(why)
    }
}

impl From<PdfError> for RenderError {
    fn from(error: PdfError) -> Self {
        match error {
            PdfError::TimedOut(why) => RenderError::Slow(why),
            PdfError::Broken(why) => RenderError::Failed(why),
        }
    }
}

/// `[width, height]` in points of all pages of a PDF.
type Pages = Arc<Vec<[f64; 2]>>;

/// The stamp of a PDF, and its pages or why they cannot be read.
type Measured = (u64, Result<Pages, String>);

impl Renderer {
    /// A renderer of the images of a catalogue, with nothing in memory yet.
    pub fn new(
        catalogue: Arc<SharedCatalogue>,
        limits: RenderLimits,
        prepared: Option<Prepared>,
        cache: Arc<TieredCache>,
    ) -> Self {
        let quarter = usize::try_from(limits.memory / 4).unwrap_or(usize::MAX);
        Renderer {
            catalogue,
            facts: Mutex::default(),
            documents: Mutex::default(),
            measuring: Mutex::default(),
            slow_pages: Mutex::default(),
            admission: Admission::new(
                limits.memory / 2,
                THREADS,
                limits.most_waiting,
                ADMISSION_TIMEOUT,
            ),
            answers: Cache::new(quarter),
            sources: Cache::new(quarter),
            prepared,
            cache,
            metrics: Metrics::default(),
        }
    }

    /// Metrics of rendering and of all caches in the text format of Prometheus.
    pub fn metrics_text(&self) -> String {
        let now = Now {
            images: self.catalogue.get().images.len(),
            answer_bytes: self.answers.bytes(),
            picture_bytes: self.sources.bytes(),
            waiting: self.admission.waiting(),
        };
        self.metrics.print(&now) + &self.cache.metrics()
    }

    /// The facts of the file of an image as it is now. The file is read again only if it changed.
    ///
    /// # Errors
    /// The file cannot be read, or is no longer an image.
    pub fn facts(&self, at: usize) -> Result<FileFacts, String> {
        let catalogue = self.catalogue.get();
        let image = &catalogue.images[at];
        let path = &image.path;
        let now = std::fs::metadata(path).map_err(|e| e.to_string())?;
        let seen = stamp(&now);
        let known = lock(&self.facts).get(&at).cloned();
        if let Some((_, facts)) = known.filter(|(before, _)| *before == seen) {
            return Ok(facts);
        }
        let header = match (self.pyramid_of(image, &now), &image.page) {
            (Some(pyramid), _) => measure(&pyramid)?,
            (None, Some(page)) => self.measure_page(path, page, seen)?,
            (None, None) => measure(path)?,
        };
        let stamp = match self.cache.settings.identity {
            Identity::File => seen,
            Identity::Content => tokio::task::block_in_place(|| stamp_of_bytes(path))?,
        };
        // A drawn page depends on its resolution too.
        let stamp = stamp ^ image.page.map_or(0, |page| u64::from(page.dpi) << 32);
        let facts = FileFacts::new(&header, stamp);
        lock(&self.facts).insert(at, (seen, facts.clone()));
        Ok(facts)
    }

    /// The rendered bytes of a plan, from a cache if possible. `key` is the key of the plan in caches.
    ///
    /// # Errors
    /// The plan cannot be rendered now.
    pub async fn render(
        self: &Arc<Self>,
        at: usize,
        plan: RenderPlan,
        key: &str,
    ) -> Result<Bytes, RenderError> {
        let make = self.make(at, plan, key);
        let (bytes, is_cached) = self.answers.get(&key.to_owned(), make).await?;
        if is_cached {
            self.metrics.answers_kept.inc();
            self.cache.memory.hit(bytes.len());
        }
        Ok(bytes)
    }

    /// The answer to a plan, if it was prepared.
    fn prepared_answer(&self, at: usize, plan: &RenderPlan) -> Option<Bytes> {
        let prepared = self.prepared.as_ref()?;
        let catalogue = self.catalogue.get();
        let image = &catalogue.images[at];
        let now = std::fs::metadata(&image.path).ok()?;
        let size = self.facts(at).ok()?.size;
        let path = prepared.answer(&image.id, &now, size, plan)?;
        let bytes = tokio::task::block_in_place(|| std::fs::read(path)).ok()?;
        self.metrics.prepared.inc();
        Some(bytes.into())
    }

    /// The header of a page of a PDF with this stamp. All its pages are measured at once.
    fn measure_page(&self, path: &Path, page: &PdfPage, seen: u64) -> Result<SourceInfo, String> {
        let known = || {
            let known = lock(&self.documents).get(path).cloned();
            known.filter(|(before, _)| *before == seen)
        };
        let pages = match known() {
            Some((_, pages)) => pages,
            // `documents` is not locked meanwhile: other requests need other documents.
            None => tokio::task::block_in_place(|| {
                let _turn = lock(&self.measuring);
                if let Some((_, pages)) = known() {
                    return pages;
                }
                let pages = pdf_worker::sizes(path, page.timeout).map(Arc::new);
                let pages = pages.map_err(String::from);
                lock(&self.documents).insert(path.to_owned(), (seen, pages.clone()));
                pages
            }),
        }?;
        let points = pages.get(page.number as usize - 1);
        let points = points.ok_or_else(|| {
            format!(
                "the file has only {} now",
                counted(pages.len() as u64, "page", "pages")
            )
        })?;
        Ok(page_look(pdf::pixels(*points, page.dpi)))
    }

    /// The path of the pyramid of an image, if one was made from the present state of its file.
    fn pyramid_of(&self, image: &ImageRecord, now: &Metadata) -> Option<PathBuf> {
        let pyramid = self.prepared.as_ref().map(|p| p.pyramid(&image.id, now));
        let is_sound = |path: &PathBuf| {
            let look = measure(path);
            look.is_ok_and(|look| look.size == image.size)
        };
        pyramid.filter(|path| prepared::is_fresh(path, now) && is_sound(path))
    }

    /// The answer to a plan if it was prepared or is cached in any tier; nothing is rendered.
    pub async fn cached(&self, at: usize, plan: &RenderPlan, key: &str) -> Option<Bytes> {
        if let Some(bytes) = self.prepared_answer(at, plan) {
            return Some(bytes);
        }
        if let Some(bytes) = self.answers.peek(&key.to_owned()) {
            return Some(bytes);
        }
        let facts = self.facts(at).ok()?;
        self.cache.get(&self.tier_key(at, &facts, key)).await
    }

    /// The answer to a plan that is not in memory, and its length in bytes.
    async fn make(
        self: &Arc<Self>,
        at: usize,
        plan: RenderPlan,
        key: &str,
    ) -> Result<(Bytes, usize), RenderError> {
        one(&self.cache.memory.misses);
        if let Some(bytes) = self.prepared_answer(at, &plan) {
            let size = bytes.len();
            return Ok((bytes, size));
        }
        let bytes = match self.cache.is_empty() {
            true => self.work(at, plan, stored_or_rendered).await?,
            false => self.make_in_tiers(at, plan, key).await?,
        };
        let bytes = bytes.ok_or_else(|| RenderError::Failed("nothing was rendered".into()))?;
        let size = bytes.len();
        Ok((bytes, size))
    }

    /// The same, with the tiers of the cache below memory.
    async fn make_in_tiers(
        self: &Arc<Self>,
        at: usize,
        plan: RenderPlan,
        key: &str,
    ) -> Result<Option<Bytes>, RenderError> {
        let facts = self.facts(at).map_err(RenderError::Failed)?;
        // A tile that is stored in its file as requested needs no second copy.
        let is_tiled = facts.cost == 0;
        if is_tiled && let Some(bytes) = self.work(at, plan, stored).await? {
            return Ok(Some(bytes));
        }
        let name = self.tier_key(at, &facts, key);
        if let Some(bytes) = self.cache.get(&name).await {
            return Ok(Some(bytes));
        }
        let Some(bytes) = self.work(at, plan, stored_or_rendered).await? else {
            return Ok(None);
        };
        if self.is_unchanged(at, &facts) {
            self.cache.put(&name, &bytes);
        }
        Ok(Some(bytes))
    }

    /// Does some work on an image, once it is admitted.
    async fn work(
        self: &Arc<Self>,
        at: usize,
        plan: RenderPlan,
        work: fn(&ImageSource, &RenderPlan) -> Made,
    ) -> Result<Option<Bytes>, RenderError> {
        let source = self.source(at).await?;
        let cost = cost_of(&plan) + source.cost(&plan);
        let permit = self.admission.enter(cost).await?;
        let work = move || {
            let made = work(&source, &plan);
            drop(permit);
            made
        };
        let made = off_thread(work).await?;
        if let Some((_, passed)) = made {
            self.metrics.answers_made.inc();
            self.metrics.passed.inc_by(passed.into());
        }
        Ok(made.map(|(bytes, _)| Bytes::from(bytes)))
    }

    /// The key of an answer in the tiers below memory. It holds the present stamp of the file in addition to the one in
    /// `key`: if they differ, no request will find the answer.
    fn tier_key(&self, at: usize, facts: &FileFacts, key: &str) -> CacheKey {
        let image = &self.catalogue.get().images[at];
        let text = format!("{} {key}", facts.stamp);
        self.cache.key(&image.id, &image.path, &text)
    }

    /// Whether a file still has these facts, and no later change could have gone unnoticed.
    fn is_unchanged(&self, at: usize, facts: &FileFacts) -> bool {
        let path = &self.catalogue.get().images[at].path;
        let is_settled = std::fs::metadata(path).is_ok_and(|now| disk::is_settled(&now));
        is_settled && self.facts(at).is_ok_and(|now| now.stamp == facts.stamp)
    }

    /// Removes everything that is cached about an image, and returns the number of answers in the tiers below memory. An
    /// image that is no longer in the catalogue may still be cached.
    ///
    /// # Errors
    /// A tier could not be purged.
    pub async fn purge(&self, id: &str) -> Result<u64, String> {
        let catalogue = self.catalogue.get();
        let at = catalogue.find(id);
        let id = at.map_or(id, |at| &catalogue.images[at].id);
        let start = api::key_start(id);
        self.answers.forget(|key| key.starts_with(&start));
        self.sources.forget(|(of, _)| Some(*of) == at);
        self.cache.purge(id).await
    }

    /// The pixels of an image, decoded if they are not in memory.
    async fn source(self: &Arc<Self>, at: usize) -> Result<Arc<ImageSource>, RenderError> {
        let facts = self.facts(at).map_err(RenderError::Failed)?;
        let make = async {
            let slow = lock(&self.slow_pages).get(&(at, facts.stamp)).cloned();
            if let Some(why) = slow {
                return Err(RenderError::Slow(why));
            }
            let permit = self.admission.enter(facts.cost).await?;
            let catalogue = self.catalogue.get();
            let image = catalogue.images[at].clone();
            let now = std::fs::metadata(&image.path).map_err(|e| e.to_string())?;
            let pyramid = self.pyramid_of(&image, &now);
            let work = move || {
                let source = match pyramid {
                    Some(path) => ImageSource::open(&path, MOST_PIXELS).map_err(PdfError::Broken),
                    None => image.open(),
                };
                drop(permit);
                source
            };
            let source = off_thread(work).await;
            if let Err(RenderError::Slow(why)) = &source {
                self.pause((at, facts.stamp), why);
            }
            let source = source?;
            self.metrics.opened.inc();
            // The file was written while it was read, so the pixels may be a mixture of the old image and the new one.
            if self.facts(at).map(|facts| facts.stamp) != Ok(facts.stamp) {
                return Err(RenderError::Busy);
            }
            let bytes = source.bytes();
            Ok((Arc::new(source), bytes))
        };
        let made = self.sources.get(&(at, facts.stamp), make).await;
        made.map(|(source, _)| source)
    }

    /// Refuses to draw a page again for a while, because it took too long.
    fn pause(self: &Arc<Self>, page: (usize, u64), why: &str) {
        lock(&self.slow_pages).insert(page, why.to_owned());
        let renderer = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(SLOW_PAGE_PAUSE).await;
            lock(&renderer.slow_pages).remove(&page);
        });
    }
}

/// Some bytes, if there are any, and whether they are sent exactly as they are stored.
type Made = Result<Option<(Vec<u8>, bool)>, String>;

/// The tile of a plan, if the file stores it as requested.
fn stored(source: &ImageSource, plan: &RenderPlan) -> Made {
    Ok(source.stored(plan).map(|bytes| (bytes, true)))
}

/// The stored tile of a plan, or else its rendered image.
fn stored_or_rendered(source: &ImageSource, plan: &RenderPlan) -> Made {
    match stored(source, plan)? {
        None => source.render(plan).map(|bytes| Some((bytes, false))),
        made => Ok(made),
    }
}

/// Runs work on a thread for blocking work. It runs to its end even if the client disconnects, and holds its permit until
/// then.
async fn off_thread<T: Send + 'static, E: Into<RenderError> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, RenderError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(Into::into),
        Err(e) => Err(RenderError::Failed(format!("rendering failed: {e}"))),
    }
}

/// Roughly the bytes of memory that scaling, turning and encoding take.
fn cost_of(plan: &RenderPlan) -> u64 {
    let area = |[w, h]: [u32; 2]| u64::from(w) * u64::from(h);
    match plan.rotation % 90.0 == 0.0 {
        true => area(plan.size) * 8,
        false => area(plan.size) * 8 + area(plan.rotated_size()) * 12,
    }
}

/// Locks a mutex even if a thread panicked while it held it: entries are set in one step, so none is half-done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A number that changes when the bytes of the file do.
fn stamp_of_bytes(path: &Path) -> Result<u64, String> {
    let digest = files::sha256_of_file(path).map_err(|e| e.to_string())?;
    Ok(u64::from_str_radix(&digest[..16], 16).unwrap_or_default())
}

/// A number that changes when the file is changed or replaced.
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
