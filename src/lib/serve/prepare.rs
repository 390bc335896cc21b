//! `--prepare`: makes thumbnails, and pyramids where they are asked for, of everything there is to serve.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rayon::prelude::*;

use super::catalogue::{self, Picture};
use super::prepared::{self, Prepared};
use crate::error::Error;
use crate::files::{self, Atomic};
use crate::iiif::resolve::RenderPlan;
use crate::iiif::{Format, Quality};
use crate::pixels::pyramid::{self, Failure};
use crate::pixels::source::Source;
use crate::signals::Signals;
use crate::summary::{Reject, Summary};

/// What is to be made.
pub struct Order {
    /// Of what.
    pub pictures: Vec<Picture>,
    /// Where.
    pub prepared: Prepared,
    /// Pyramids too.
    pub pyramids: bool,
    /// Bytes that pictures side by side may take; larger ones are made one by one.
    pub memory: u64,
    /// No progress bar.
    pub quiet: bool,
}

/// What was made.
#[derive(Default)]
struct Made {
    thumbnails: AtomicU64,
    pyramids: AtomicU64,
    /// Images of which nothing was missing.
    fresh: AtomicU64,
    rejects: Mutex<Vec<Reject>>,
    /// What ends the run: the folder cannot be written.
    failure: Mutex<Option<Error>>,
    stop: AtomicBool,
}

/// Makes what is missing, until it is done or somebody wants it to stop.
pub fn prepare(order: Order, summary: &mut Summary) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::new("threads cannot be started").because(e))?;
    let made = Arc::new(Made::default());
    let total = order.pictures.len() as u64;
    let folder = order.prepared.folder().display().to_string();
    let stopped = runtime.block_on(async {
        let mut signals = Signals::listen();
        let working = made.clone();
        let mut work = tokio::task::spawn_blocking(move || working.all(&order));
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
        let what = format!("stopped by {signal}; what is prepared so far is in {folder}");
        return Err(Error::interrupted(what).hint("the same command goes on"));
    }
    let mut rejects = made
        .rejects
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    rejects.sort();
    let count = |n: &AtomicU64| n.load(Ordering::Relaxed);
    summary.kept = total - rejects.len() as u64;
    summary.rejects.extend(rejects);
    summary.read = summary.kept + summary.rejects.len() as u64;
    summary.count("thumbnails", count(&made.thumbnails));
    summary.count("pyramids", count(&made.pyramids));
    summary.done = format!(
        "{} images prepared in {folder}: {} thumbnails and {} pyramids made, {} images were done",
        summary.kept,
        count(&made.thumbnails),
        count(&made.pyramids),
        count(&made.fresh)
    );
    Ok(())
}

impl Made {
    fn all(&self, order: &Order) {
        let bar = progress(order.quiet, order.pictures.len() as u64);
        let cost = |picture: &&Picture| {
            let look = picture.look();
            look.map_or(0, |look| catalogue::facts(&look, 0).cost)
        };
        let threads = rayon::current_num_threads() as u64;
        let is_small = |picture: &&Picture| cost(picture) <= order.memory / threads.max(1);
        let (small, large): (Vec<&Picture>, Vec<&Picture>) =
            order.pictures.iter().partition(is_small);
        small
            .par_iter()
            .for_each(|picture| self.one(order, picture, &bar));
        large
            .iter()
            .for_each(|picture| self.one(order, picture, &bar));
        bar.finish_and_clear();
    }

    fn one(&self, order: &Order, picture: &Picture, bar: &ProgressBar) {
        if self.stop.load(Ordering::Relaxed) {
            return;
        }
        match self.make(order, picture) {
            Ok(()) => {}
            Err(Trouble::Picture(why)) => {
                let problem = format!("cannot be prepared: {why}");
                let reject = Reject::new(
                    picture.path.display().to_string(),
                    &picture.id,
                    "file",
                    problem,
                );
                self.rejects
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(reject);
            }
            Err(Trouble::Folder(error)) => {
                // What one file cannot have, none can.
                self.stop.store(true, Ordering::Relaxed);
                let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
                failure.get_or_insert(error);
            }
        }
        bar.inc(1);
    }

    fn make(&self, order: &Order, picture: &Picture) -> Result<(), Trouble> {
        let now = std::fs::metadata(&picture.path).map_err(|e| Trouble::Picture(e.to_string()))?;
        let place = |size| order.prepared.thumbnail(&picture.id, &now, size);
        let sizes = order.prepared.sizes(picture.size).into_iter();
        let missing: Vec<[u32; 2]> = sizes
            .filter(|size| !prepared::is_fresh(&place(*size), &now))
            .collect();
        let pyramid = order.prepared.pyramid(&picture.id, &now);
        let wants_pyramid = order.pyramids && !prepared::is_fresh(&pyramid, &now);
        if missing.is_empty() && !wants_pyramid {
            self.fresh.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        let source = picture
            .open()
            .map_err(|fault| Trouble::Picture(fault.into()))?;
        for size in missing {
            let bytes = source
                .render(&whole(picture.size, size))
                .map_err(Trouble::Picture)?;
            files::write(&place(size), &bytes).map_err(Trouble::Folder)?;
            self.thumbnails.fetch_add(1, Ordering::Relaxed);
        }
        // JPEG tiles know no transparency.
        if wants_pyramid && !source.is_pyramid() && !source.is_transparent() {
            write_pyramid(&source, &pyramid)?;
            self.pyramids.fetch_add(1, Ordering::Relaxed);
        }
        order.prepared.forget(&picture.id, &now);
        Ok(())
    }
}

/// Why something was not made.
enum Trouble {
    Picture(String),
    Folder(Error),
}

fn write_pyramid(source: &Source, to: &Path) -> Result<(), Trouble> {
    let file = Atomic::create(to).map_err(Trouble::Folder)?;
    let file = pyramid::write(source, file).map_err(|failure| match failure {
        Failure::Source(why) => Trouble::Picture(why),
        Failure::Output(e) => Trouble::Folder(files::cannot_write(to, e)),
    })?;
    file.publish().map_err(Trouble::Folder)
}

/// All of an image in another size.
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
