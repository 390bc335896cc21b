//! The renderer: reads image files, renders plans and caches the results, within limits on memory and threads.

use std::collections::HashMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::admission::{Admission, Busy, Permit};
use super::api;
use super::file_looks::FileLooks;
use super::held_memory::{HeldMemory, Share};
use super::pdf_worker::{self, PdfError, PdfPage};
use super::prepared::{self, Prepared};
use crate::files::{self, Content, into_file};
use crate::iiif::resolve::RenderPlan;
use crate::iiif::{Format, Quality};
use crate::pixels::Window;
use crate::pixels::pdf;
use crate::pixels::source::{ImageSource, SourceInfo};
use crate::serve::cache::counts::one;
use crate::serve::cache::entry::CacheKey;
use crate::serve::cache::memory::Cache;
use crate::serve::cache::settings::Identity;
use crate::serve::cache::{TieredCache, disk};
use crate::serve::catalogue::{Catalogue, SharedCatalogue};
use crate::serve::image_record::{
    FileError, FileFacts, ImageRecord, MOST_PIXELS, Page, Subject, measure, measure_pages,
    open_within, page_look, stamp,
};
use crate::serve::web::metrics::{Metrics, Now};
use crate::summary::counted;

/// The number of threads that render.
const THREADS: usize = 2;
/// For how long a file that took too long is not read again.
const SLOW_FILE_PAUSE: Duration = Duration::from_secs(300);
/// How long a request may wait for admission.
const ADMISSION_TIMEOUT: Duration = Duration::from_secs(30);
/// A file that is read and decoded may take this many times longer than one that is only looked at.
const DECODING: u32 = 12;

/// The limits of a renderer.
#[derive(Clone, Copy, Debug)]
pub struct RenderLimits {
    /// Bytes of memory: a quarter for cached answers, an eighth for answers on their way, a quarter for decoded images,
    /// the rest for work.
    pub memory: u64,
    /// The most requests that wait in each queue.
    pub most_waiting: usize,
    /// How long a file may take to be opened and looked at.
    pub file_timeout: Duration,
    /// The most bytes of memory that decoding one image may take.
    pub most_cost: u64,
}

/// The renderer and everything it remembers.
pub struct Renderer {
    /// The images.
    pub catalogue: Arc<SharedCatalogue>,
    /// What is known about files.
    looks: Arc<FileLooks>,
    /// The sizes of the pages of each PDF, with the stamp that the file had when it was read.
    documents: Mutex<HashMap<PathBuf, Measured>>,
    /// Held while a PDF is measured: of many requests for its pages at once, one measures it.
    measuring: Mutex<()>,
    /// Files that took too long, by id and stamp, with the reason; they are not read again soon.
    slow: Mutex<HashMap<(String, u64), String>>,
    admission: Admission,
    most_cost: u64,
    /// The memory of all answers, cached or on their way.
    pub memory: Arc<HeldMemory>,
    answers: Arc<Cache<String, Bytes>>,
    /// The memory of opened images: those that are cached, and those that requests hold while they wait for their turn.
    opened: Arc<HeldMemory>,
    sources: Arc<Cache<SourceKey, Arc<Opened>>>,
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
    /// Reading the file or drawing a page of a PDF takes too long.
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

impl From<FileError> for RenderError {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Gone(why) | FileError::Broken(why) => RenderError::Failed(why),
            FileError::Late(why) => RenderError::Slow(why),
        }
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

/// An opened image, and its share of their memory.
#[derive(Debug)]
struct Opened {
    source: ImageSource,
    _share: Option<Share>,
}

impl std::ops::Deref for Opened {
    type Target = ImageSource;

    fn deref(&self) -> &ImageSource {
        &self.source
    }
}

/// The id of an image, the stamp of its file, and the size that it is reduced to.
type SourceKey = (String, u64, Option<[u32; 2]>);

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
        let eighth = usize::try_from(limits.memory / 8).unwrap_or(usize::MAX);
        let of_work = limits.memory / 8 * 3;
        Renderer {
            catalogue,
            looks: FileLooks::new(limits.file_timeout),
            documents: Mutex::default(),
            measuring: Mutex::default(),
            slow: Mutex::default(),
            admission: Admission::new(of_work, THREADS, limits.most_waiting, ADMISSION_TIMEOUT),
            most_cost: limits.most_cost,
            memory: HeldMemory::new(eighth.saturating_mul(3), ADMISSION_TIMEOUT),
            answers: Arc::new(Cache::new(eighth.saturating_mul(2))),
            opened: HeldMemory::new(eighth.saturating_mul(2), ADMISSION_TIMEOUT),
            sources: Arc::new(Cache::new(eighth.saturating_mul(2))),
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
            sent_bytes: self.memory.used().saturating_sub(self.answers.bytes()),
            picture_bytes: self.sources.bytes(),
            waiting: self.admission.waiting(),
        };
        self.metrics.print(&now) + &self.cache.metrics()
    }

    /// The facts of the file of an image as it is now. The file is read again only if it changed.
    ///
    /// # Errors
    /// The file cannot be read, is no longer an image, or does not answer in time.
    pub async fn facts(self: &Arc<Self>, image: &Arc<ImageRecord>) -> Result<FileFacts, FileError> {
        match self.looks.recent(&image.id) {
            Some(facts) => Ok(facts),
            None => self.facts_now(image).await,
        }
    }

    async fn facts_now(self: &Arc<Self>, image: &Arc<ImageRecord>) -> Result<FileFacts, FileError> {
        let (renderer, of) = (self.clone(), image.clone());
        let look = move || renderer.look(&of);
        self.looks.look(&image.id, image.disk, look).await
    }

    /// Looks at the file of an image. It may have to wait for the file.
    fn look(&self, image: &Arc<ImageRecord>) -> Result<FileFacts, FileError> {
        let now = std::fs::metadata(image.path()).map_err(|e| e.to_string())?;
        let seen = stamp(&now);
        if let Some(facts) = self.looks.unchanged(&image.id, seen) {
            return Ok(facts);
        }
        let file = image.file()?;
        let header = match (self.pyramid_of(image, &now), image.page) {
            (Some(pyramid), _) => measure(&open_within(&Content::file(pyramid), None)?, None)
                .map_err(FileError::Broken)?,
            (None, Some(Page::Pdf(page))) => self.measure_page(image, page, seen)?,
            (None, page) => measure(&file, page).map_err(|why| match has_page(&file, page) {
                true => FileError::Broken(why),
                false => FileError::Gone(why),
            })?,
        };
        let state = match self.cache.settings.identity {
            Identity::File => seen,
            Identity::Content => stamp_of_bytes(&file)?,
        };
        // A drawn page depends on its resolution too.
        let state = match image.page {
            Some(Page::Pdf(page)) => state ^ u64::from(page.dpi) << 32,
            _ => state,
        };
        let facts = FileFacts::new(&header, state, file.length(), now.mtime());
        self.looks.learn(&image.id, seen, &facts);
        self.correct(image, &facts, seen);
        Ok(facts)
    }

    /// Corrects the catalogue after a file was found to have changed, so that all documents tell its size.
    fn correct(&self, image: &ImageRecord, facts: &FileFacts, seen: u64) {
        if image.stamp == seen {
            return;
        }
        let corrected = self.catalogue.change(|catalogue| {
            let at = catalogue.find(&image.id).ok_or(())?;
            let held = &catalogue.images[at];
            if held.content != image.content || held.stamp == seen {
                return Err(());
            }
            let mut catalogue = catalogue.clone();
            catalogue.images[at] = Arc::new(held.measured(facts, seen));
            catalogue.index_again([image.about.group.as_str()]);
            Ok((catalogue, ()))
        });
        // The image may be gone, or corrected by somebody else already.
        let _ = corrected;
    }

    /// Looks at the files of the images at these positions, so that the catalogue tells their present sizes. If they do not answer in time,
    /// the sizes stay as they were known. What took long is not done again soon.
    pub async fn look_at_all(self: &Arc<Self>, catalogue: Arc<Catalogue>, positions: Vec<usize>) {
        let Some(first) = positions.first().map(|at| catalogue.images[*at].clone()) else {
            return;
        };
        let renderer = self.clone();
        let work = move || {
            for image in positions.iter().map(|at| &catalogue.images[*at]) {
                let now = std::fs::metadata(image.path());
                if now.is_ok_and(|now| stamp(&now) != image.stamp) {
                    // One that is gone or broken keeps its size.
                    let _ = renderer.look(image);
                }
            }
        };
        self.looks.now_and_then(&first.id, first.disk, work).await;
    }

    /// Forgets what is known about images that are not in the catalogue any more.
    pub fn forget_gone(&self) {
        let catalogue = self.catalogue.get();
        self.looks.keep_only(|id| catalogue.find(id).is_some());
        self.sources.forget(|(id, ..)| catalogue.find(id).is_none());
    }

    /// The rendered bytes of a plan, from a cache if possible. `key` is the key of the plan in caches.
    ///
    /// # Errors
    /// The plan cannot be rendered now.
    pub async fn render(
        self: &Arc<Self>,
        subject: &Subject,
        plan: RenderPlan,
        key: &str,
    ) -> Result<Bytes, RenderError> {
        let make = self.make(subject, plan, key);
        let (bytes, is_cached) = self.answers.get(&key.to_owned(), make).await?;
        if is_cached {
            self.metrics.answers_kept.inc();
            self.cache.memory.hit(bytes.len());
        }
        Ok(bytes)
    }

    /// The answer to a plan, if it was prepared.
    async fn prepared_answer(&self, subject: &Subject, plan: &RenderPlan) -> Option<Vec<u8>> {
        let prepared = self.prepared.as_ref()?;
        // What is prepared was made from all pixels.
        if subject.reduced.is_some() || !prepared.is_for(subject.facts.size, plan) {
            return None;
        }
        let (prepared, image, size) = (prepared.clone(), subject.image.clone(), plan.size);
        let read = move || {
            let gone = |e: std::io::Error| FileError::Gone(e.to_string());
            let now = std::fs::metadata(image.path()).map_err(gone)?;
            let path = prepared.answer(&image.id, &now, size);
            path.map(std::fs::read).transpose().map_err(gone)
        };
        let disk = subject.image.disk;
        let bytes = self.looks.within_limit(disk, read).await.ok()??;
        self.metrics.prepared.inc();
        Some(bytes)
    }

    /// The header of a page of a PDF with this stamp. All its pages are measured at once.
    fn measure_page(
        &self,
        image: &ImageRecord,
        page: PdfPage,
        seen: u64,
    ) -> Result<SourceInfo, FileError> {
        let path = image.path();
        let known = || {
            let known = lock(&self.documents).get(path).cloned();
            known.filter(|(before, _)| *before == seen)
        };
        // `documents` is not locked meanwhile: other requests need other documents.
        let measured = || {
            let _turn = lock(&self.measuring);
            if let Some((_, pages)) = known() {
                return pages;
            }
            let pages = image.file().and_then(|file| {
                let pages =
                    pdf_worker::sizes(into_file(file).map_err(|e| e.to_string())?, page.timeout)
                        .map(Arc::new);
                pages.map_err(String::from)
            });
            lock(&self.documents).insert(path.to_owned(), (seen, pages.clone()));
            pages
        };
        let pages = known().map_or_else(measured, |(_, pages)| pages);
        let pages = pages.map_err(FileError::Broken)?;
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
            let look = open_within(&Content::file(path.clone()), None)
                .and_then(|file| measure(&file, None));
            look.is_ok_and(|look| look.size == image.size)
        };
        pyramid.filter(|path| prepared::is_fresh(path, now) && is_sound(path))
    }

    /// The answer to a plan if it was prepared or is cached in any tier; nothing is rendered.
    pub async fn cached(&self, subject: &Subject, plan: &RenderPlan, key: &str) -> Option<Bytes> {
        if let Some(bytes) = self.answers.peek(&key.to_owned()) {
            return Some(bytes);
        }
        let share = self.share(plan).await.ok()?;
        if let Some(bytes) = self.prepared_answer(subject, plan).await {
            return Some(share.of(bytes));
        }
        let bytes = self.cache.get(&self.tier_key(subject, key)).await;
        bytes.map(|bytes| share.of(bytes))
    }

    /// A share of the memory of answers, for the answer to a plan.
    async fn share(&self, plan: &RenderPlan) -> Result<Share, Busy> {
        let answers = self.answers.clone();
        let bytes = usize::try_from(most_bytes(plan)).unwrap_or(usize::MAX);
        self.memory.share(bytes, move |n| answers.evict(n)).await
    }

    /// The answer to a plan that is not in memory, and its length in bytes.
    async fn make(
        self: &Arc<Self>,
        subject: &Subject,
        plan: RenderPlan,
        key: &str,
    ) -> Result<(Bytes, usize), RenderError> {
        one(&self.cache.memory.misses);
        // Before the work, so that nothing waits for memory that holds some already.
        let share = self.share(&plan).await?;
        let bytes = match self.prepared_answer(subject, &plan).await {
            Some(bytes) => Some(Bytes::from(bytes)),
            None if self.cache.is_empty() => self.work(subject, plan, stored_or_rendered).await?,
            None => self.make_in_tiers(subject, plan, key).await?,
        };
        let bytes = bytes.ok_or_else(|| RenderError::Failed("nothing was rendered".into()))?;
        let size = bytes.len();
        Ok((share.of(bytes), size))
    }

    /// The same, with the tiers of the cache below memory.
    async fn make_in_tiers(
        self: &Arc<Self>,
        subject: &Subject,
        plan: RenderPlan,
        key: &str,
    ) -> Result<Option<Bytes>, RenderError> {
        // A tile that is stored in its file as requested needs no second copy.
        let is_tiled = subject.facts.cost == 0;
        if is_tiled && let Some(bytes) = self.work(subject, plan, stored).await? {
            return Ok(Some(bytes));
        }
        let name = self.tier_key(subject, key);
        if let Some(bytes) = self.cache.get(&name).await {
            return Ok(Some(bytes));
        }
        let Some(bytes) = self.work(subject, plan, stored_or_rendered).await? else {
            return Ok(None);
        };
        if self.is_unchanged(subject).await {
            self.cache.put(&name, &bytes);
        }
        Ok(Some(bytes))
    }

    /// Does some work on an image, once it is admitted.
    async fn work(
        self: &Arc<Self>,
        subject: &Subject,
        plan: RenderPlan,
        work: fn(&ImageSource, &RenderPlan) -> Made,
    ) -> Result<Option<Bytes>, RenderError> {
        let source = self.source(subject).await?;
        let cost = cost_of(&plan) + source.cost(&plan);
        let permit = self.admission.enter(cost).await?;
        // What is in memory waits for no file: it is only slow.
        let limit = source.reads_file().then(|| self.reading_limit(subject));
        let made = self
            .off_thread(subject, permit, limit, move || work(&source, &plan))
            .await?;
        if let Some((_, passed)) = made {
            self.metrics.answers_made.inc();
            self.metrics.passed.inc_by(passed.into());
        }
        Ok(made.map(|(bytes, _)| Bytes::from(bytes)))
    }

    /// The key of an answer in the tiers below memory. It holds the present stamp of the file in addition to the one in
    /// `key`: if they differ, no request will find the answer.
    fn tier_key(&self, subject: &Subject, key: &str) -> CacheKey {
        let image = &subject.image;
        let text = format!("{} {key}", subject.facts.stamp);
        self.cache.key(&image.id, image.path(), &text)
    }

    /// Whether a file still has these facts, and no later change could have gone unnoticed.
    async fn is_unchanged(self: &Arc<Self>, subject: &Subject) -> bool {
        let path = subject.image.path().to_owned();
        let look = move || Ok(std::fs::metadata(path).is_ok_and(|now| disk::is_settled(&now)));
        let disk = subject.image.disk;
        let is_settled = self.looks.within_limit(disk, look).await == Ok(true);
        let now = || self.facts_now(&subject.image);
        is_settled
            && now()
                .await
                .is_ok_and(|now| now.stamp == subject.facts.stamp)
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
        self.sources.forget(|(of, ..)| of == id);
        self.cache.purge(id).await
    }

    /// The pixels of an image, decoded or reduced if they are not in memory.
    async fn source(self: &Arc<Self>, subject: &Subject) -> Result<Arc<Opened>, RenderError> {
        let key = |reduced| (subject.image.id.clone(), subject.facts.stamp, reduced);
        let unreduced = key(None);
        let whole = self.sources.get(&unreduced, self.opened(subject));
        let Some(size) = subject.reduced else {
            return whole.await.map(|(source, _)| source);
        };
        let make = async {
            let (whole, _) = whole.await?;
            let plan = whole_as_png(subject.facts.size, size);
            let permit = self
                .admission
                .enter(cost_of(&plan) + whole.cost(&plan))
                .await?;
            let limit = whole.reads_file().then(|| self.reading_limit(subject));
            let reduce = move || ImageSource::of_png(&whole.render(&plan)?);
            let source = self.off_thread(subject, permit, limit, reduce).await?;
            let bytes = source.bytes();
            let _share = None;
            Ok((Arc::new(Opened { source, _share }), bytes))
        };
        let made = self.sources.get(&key(Some(size)), make).await;
        made.map(|(source, _)| source)
    }

    async fn opened(
        self: &Arc<Self>,
        subject: &Subject,
    ) -> Result<(Arc<Opened>, usize), RenderError> {
        let state = (subject.image.id.clone(), subject.facts.stamp);
        if let Some(why) = lock(&self.slow).get(&state).cloned() {
            return Err(RenderError::Slow(why));
        }
        if subject.facts.cost > self.most_cost {
            let cost = subject.facts.cost >> 20;
            let why = format!("decoding it takes {cost} MiB of memory, more than --memory allows");
            return Err(RenderError::Failed(why));
        }
        // Before the work, so that nothing waits for memory that holds some already.
        let share = {
            let sources = self.sources.clone();
            let bytes = usize::try_from(subject.facts.held).unwrap_or(usize::MAX);
            let evict = move |n| sources.evict(n);
            self.opened.share(bytes, evict).await?
        };
        let permit = self.admission.enter(subject.facts.cost).await?;
        let (renderer, image) = (self.clone(), subject.image.clone());
        let open = move || renderer.open(&image);
        let limit = Some(self.reading_limit(subject));
        let source = self.off_thread(subject, permit, limit, open).await?;
        self.metrics.opened.inc();
        // The file was written while it was read, so the pixels may be a mixture of the old image and the new one.
        let now = self.facts_now(&subject.image).await;
        if now.map(|facts| facts.stamp) != Ok(subject.facts.stamp) {
            return Err(RenderError::Busy);
        }
        let bytes = source.bytes();
        let _share = Some(share.resized(bytes));
        Ok((Arc::new(Opened { source, _share }), bytes))
    }

    /// Opens the file of an image, or its pyramid.
    fn open(&self, image: &ImageRecord) -> Result<ImageSource, PdfError> {
        let now = std::fs::metadata(image.path()).map_err(|e| PdfError::Broken(e.to_string()))?;
        match self.pyramid_of(image, &now) {
            Some(path) => open_within(&Content::file(path), None)
                .and_then(|file| ImageSource::open(file, 1, MOST_PIXELS))
                .map_err(PdfError::Broken),
            None => image.open(),
        }
    }

    /// Refuses to read a file again for a while, because it took too long.
    fn pause(self: &Arc<Self>, file: (String, u64), why: &str) {
        lock(&self.slow).insert(file.clone(), why.to_owned());
        let renderer = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(SLOW_FILE_PAUSE).await;
            lock(&renderer.slow).remove(&file);
        });
    }

    /// How long reading and decoding an image may take.
    fn reading_limit(&self, subject: &Subject) -> Duration {
        let limit = self.looks.timeout() * DECODING;
        match subject.image.page {
            // Pages of PDF have a limit of their own.
            Some(Page::Pdf(page)) => limit.max(page.timeout * 2),
            _ => limit,
        }
    }

    /// Runs work on a thread for blocking work. It runs to its end even if the client disconnects, and holds its permit
    /// until then. If it takes longer than a limit, because its file does not answer, only its memory stays taken.
    async fn off_thread<T: Send + 'static, E: Into<RenderError> + Send + 'static>(
        self: &Arc<Self>,
        subject: &Subject,
        permit: Permit,
        limit: Option<Duration>,
        work: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<T, RenderError> {
        let limit = limit.unwrap_or(Duration::MAX);
        let (send, receive) = oneshot::channel();
        tokio::spawn(async move {
            let mut work = tokio::task::spawn_blocking(work);
            // Whoever waits may have gone.
            match tokio::time::timeout(limit, &mut work).await {
                Ok(done) => {
                    drop(permit);
                    let _ = send.send(Some(done));
                }
                Err(_) => {
                    let memory = permit.without_thread();
                    let _ = send.send(None);
                    let _ = work.await;
                    drop(memory);
                }
            }
        });
        let done = match receive.await {
            Ok(Some(Ok(done))) => done.map_err(Into::into),
            // The decoder broke off; the reason stands on standard error and is of no use to clients.
            Ok(Some(Err(_))) => Err(RenderError::Failed("the image could not be decoded".into())),
            _ => Err(RenderError::from(FileError::late())),
        };
        if let Err(RenderError::Slow(why)) = &done {
            self.pause((subject.image.id.clone(), subject.facts.stamp), why);
        }
        done
    }
}

/// The plan for the whole of an image in another size, without loss.
fn whole_as_png([w, h]: [u32; 2], size: [u32; 2]) -> RenderPlan {
    RenderPlan {
        region: [0, 0, w, h],
        size,
        mirror: false,
        rotation: 0.0,
        quality: Quality::Default,
        format: Format::Png,
        background: None,
    }
}

/// The most bytes that the answer to a plan takes, roughly: coded images take less than their pixels.
fn most_bytes(plan: &RenderPlan) -> u64 {
    const HEAD: u64 = 16 << 10;
    let [w, h] = plan.rotated_size().map(u64::from);
    let of_pixel = match plan.format {
        Format::Jpg => 1,
        _ => 4,
    };
    w * h * of_pixel + HEAD
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

/// Whether a file has a page still; one without pages counts as having it.
fn has_page(file: &Window, page: Option<Page>) -> bool {
    let Some(number) = page.map(|page| page.number()) else {
        return true;
    };
    let pages = measure_pages(file);
    pages.is_err() || pages.is_ok_and(|mut pages| pages.nth(number as usize - 1).is_some())
}

/// A number that changes when the bytes of the file do.
fn stamp_of_bytes(file: &Window) -> Result<u64, String> {
    let hashed = files::sha256(&mut file.again());
    let (digest, _) = hashed.map_err(|e| e.to_string())?;
    Ok(u64::from_str_radix(&digest[..16], 16).unwrap_or_default())
}
