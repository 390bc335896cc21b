//! `--prepare`: makes thumbnails, and with `--pyramids` pyramids, of all images.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rayon::prelude::*;

use super::prepared::{self, Prepared};
use crate::error::Error;
use crate::files::{self, Atomic};
use crate::iiif::resolve::RenderPlan;
use crate::iiif::{Format, Quality};
use crate::pixels::pyramid::{self, PyramidError};
use crate::pixels::source::ImageSource;
use crate::serve::image_record::{FileFacts, ImageRecord};
use crate::signals::Signals;
use crate::summary::{Reject, Summary, counted};

/// What is to be prepared.
pub struct PrepareJob {
    /// The images.
    pub images: Vec<Arc<ImageRecord>>,
    /// The folder for prepared files.
    pub prepared: Prepared,
    /// Whether pyramids are made too.
    pub pyramids: bool,
    /// Bytes of memory for images that are prepared at the same time; larger ones are prepared one by one.
    pub memory: u64,
    /// Whether the progress bar is hidden.
    pub quiet: bool,
}

/// What has been prepared so far.
#[derive(Default)]
struct Preparation {
    thumbnails: AtomicU64,
    pyramids: AtomicU64,
    /// Images that were prepared already.
    unchanged: AtomicU64,
    rejects: Mutex<Vec<Reject>>,
    /// Why the run must end: the folder cannot be written.
    failure: Mutex<Option<Error>>,
    stop: AtomicBool,
}

/// Makes what is missing, until all is done or the program is asked to stop.
///
/// # Errors
/// The folder cannot be written, or the program was asked to stop.
pub fn prepare(job: PrepareJob, summary: &mut Summary) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::new("threads cannot be started").because(e))?;
    let made = Arc::new(Preparation::default());
    let total = job.images.len() as u64;
    let folder = job.prepared.folder().display().to_string();
    let stopped = runtime.block_on(async {
        let mut signals = Signals::listen();
        let working = made.clone();
        let mut work = tokio::task::spawn_blocking(move || working.all(&job));
        tokio::select! {
            _ = &mut work => None,
            signal = signals.next() => {
                made.stop.store(true, Ordering::Relaxed);
                let _ = work.await;
                Some(signal)
            }
        }
    });
    let take =
        |mutex: &Mutex<Option<Error>>| mutex.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(error) = take(&made.failure) {
        return Err(error);
    }
    if let Some(signal) = stopped {
        let what = format!("stopped by {signal}; the images prepared so far are in {folder}");
        return Err(Error::interrupted(what).hint("run the same command again to continue"));
    }
    made.report(total, &folder, summary);
    Ok(())
}

impl Preparation {
    fn report(&self, total: u64, folder: &str, summary: &mut Summary) {
        let rejects = self.rejects.lock();
        let mut rejects = rejects.unwrap_or_else(PoisonError::into_inner).clone();
        rejects.sort();
        let count = |n: &AtomicU64| n.load(Ordering::Relaxed);
        summary.kept = total - rejects.len() as u64;
        summary.rejects.extend(rejects);
        summary.read = summary.kept + summary.rejects.len() as u64;
        summary.count("thumbnails", count(&self.thumbnails));
        summary.count("pyramids", count(&self.pyramids));
        summary.done = format!(
            "{} prepared in {folder}: {} and {} made, {} already prepared",
            counted(summary.kept, "image", "images"),
            counted(count(&self.thumbnails), "thumbnail", "thumbnails"),
            counted(count(&self.pyramids), "pyramid", "pyramids"),
            counted(count(&self.unchanged), "image", "images"),
        );
    }

    fn all(&self, job: &PrepareJob) {
        let bar = progress(job.quiet, job.images.len() as u64);
        let cost = |image: &&Arc<ImageRecord>| {
            let look = image.look();
            look.map_or(0, |look| FileFacts::new(&look, 0, 0, 0).cost)
        };
        let threads = rayon::current_num_threads() as u64;
        let is_small = |image: &&Arc<ImageRecord>| cost(image) <= job.memory / threads.max(1);
        let (small, large): (Vec<&Arc<ImageRecord>>, Vec<&Arc<ImageRecord>>) =
            job.images.iter().partition(is_small);
        small
            .par_iter()
            .for_each(|image| self.one(job, image, &bar));
        large.iter().for_each(|image| self.one(job, image, &bar));
        bar.finish_and_clear();
    }

    fn one(&self, job: &PrepareJob, image: &ImageRecord, bar: &ProgressBar) {
        if self.stop.load(Ordering::Relaxed) {
            return;
        }
        match self.make(job, image) {
            Ok(()) => {}
            Err(PrepareError::Image(why)) => {
                let problem = format!("cannot be prepared: {why}");
                let reject = Reject::new(image.content.to_string(), &image.id, "file", problem);
                self.rejects
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(reject);
            }
            Err(PrepareError::Folder(error)) => {
                // If one file cannot be written, none can.
                self.stop.store(true, Ordering::Relaxed);
                let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
                failure.get_or_insert(error);
            }
        }
        bar.inc(1);
    }

    fn make(&self, job: &PrepareJob, image: &ImageRecord) -> Result<(), PrepareError> {
        let now =
            std::fs::metadata(image.path()).map_err(|e| PrepareError::Image(e.to_string()))?;
        let place = |size| job.prepared.thumbnail(&image.id, &now, size);
        let sizes = job.prepared.sizes(image.size).into_iter();
        let missing: Vec<[u32; 2]> = sizes
            .filter(|size| !prepared::is_fresh(&place(*size), &now))
            .collect();
        let pyramid = job.prepared.pyramid(&image.id, &now);
        let wants_pyramid = job.pyramids && !prepared::is_fresh(&pyramid, &now);
        if missing.is_empty() && !wants_pyramid {
            self.unchanged.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        let source = image
            .open()
            .map_err(|fault| PrepareError::Image(fault.into()))?;
        for size in missing {
            let bytes = source
                .render(&whole(image.size, size))
                .map_err(PrepareError::Image)?;
            files::write(&place(size), &bytes).map_err(PrepareError::Folder)?;
            self.thumbnails.fetch_add(1, Ordering::Relaxed);
        }
        // JPEG tiles cannot be transparent.
        if wants_pyramid && !source.is_pyramid() && !source.is_transparent() {
            write_pyramid(&source, &pyramid)?;
            self.pyramids.fetch_add(1, Ordering::Relaxed);
        }
        job.prepared.remove_outdated(&image.id, &now);
        Ok(())
    }
}

/// Why something was not made.
enum PrepareError {
    /// The image cannot be read.
    Image(String),
    /// The folder cannot be written.
    Folder(Error),
}

fn write_pyramid(source: &ImageSource, to: &Path) -> Result<(), PrepareError> {
    let file = Atomic::create(to).map_err(PrepareError::Folder)?;
    let file = pyramid::write(source, file).map_err(|failure| match failure {
        PyramidError::Source(why) => PrepareError::Image(why),
        PyramidError::Output(e) => PrepareError::Folder(files::cannot_write(to, e)),
    })?;
    file.publish().map_err(PrepareError::Folder)
}

/// The plan for the whole image in another size.
fn whole([w, h]: [u32; 2], size: [u32; 2]) -> RenderPlan {
    RenderPlan {
        region: [0, 0, w, h],
        size,
        mirror: false,
        rotation: 0.0,
        quality: Quality::Default,
        format: Format::Jpg,
        background: None,
    }
}

fn progress(quiet: bool, total: u64) -> ProgressBar {
    let target = match quiet {
        true => ProgressDrawTarget::hidden(),
        false => ProgressDrawTarget::stderr(),
    };
    let style =
        ProgressStyle::with_template("prepare {bar:30} {pos}/{len} images, {per_sec}, {eta} left");
    let bar = ProgressBar::with_draw_target(Some(total), target);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
