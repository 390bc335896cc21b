//! Reads again what there is to serve: at SIGHUP, and with `--watch` every few seconds. Files that did not change are not
//! opened.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::signal::unix::Signal;

use super::auth::SharedAuth;
use super::catalogue::{self, Catalogue, Prober};
use super::config;
use super::image::pdf::PdfSettings;
use super::image::preset::Presets;
use super::image::renderer::Renderer;
use super::load::{authorization, idle_rules, load};
use super::notice;
use super::options::Options;
use super::review::file::ReviewFile;
use super::web::access_log::AccessLog;
use crate::error::Error;
use crate::summary::{Reject, counted};

/// The most files and corrections that are named at once; a longer list hides more than it tells.
pub const MOST_TOLD: usize = 100;

/// What is needed to read everything again.
#[derive(Clone)]
pub struct Rescan {
    /// Where the images are.
    pub options: Options,
    /// How pages of PDF are drawn.
    pub pdf: PdfSettings,
    /// What serves them.
    pub renderer: Arc<Renderer>,
    /// The corrections, which are applied again.
    pub reviews: Option<Arc<Mutex<ReviewFile>>>,
    /// Who may see what, which is read again at SIGHUP.
    pub auth: Arc<SharedAuth>,
    /// The tables of the configuration that hold as they were at the start.
    pub fixed: toml::Table,
    /// What was left out when it was last read, in lines: only what is new is told.
    pub told: Arc<Mutex<BTreeSet<String>>>,
}

/// What is left out and why, in lines.
pub fn lines<'a>(rejects: impl IntoIterator<Item = &'a Reject>) -> BTreeSet<String> {
    let line = |reject: &Reject| format!("left out {}: {}", reject.record, reject.problem);
    rejects.into_iter().map(line).collect()
}

impl Rescan {
    /// Reads everything again whenever it is time to, for ever. The access log is opened again at SIGHUP, since it may have
    /// been moved away.
    pub async fn run(self, mut hangup: Signal, log: Option<Arc<AccessLog>>) {
        let interval = self.options.watch.map(Duration::from_secs);
        loop {
            let pause = async {
                match interval {
                    Some(interval) => tokio::time::sleep(interval).await,
                    None => std::future::pending().await,
                }
            };
            let is_told = tokio::select! {
                _ = hangup.recv() => true,
                () = pause => false,
            };
            if let Some(log) = log.as_ref().filter(|_| is_told) {
                log.reopen();
            }
            let rescan = self.clone();
            // It waits for files. If one of them hangs, so does this, and nothing else.
            let done = tokio::task::spawn_blocking(move || rescan.read_again(is_told)).await;
            if let Ok(Err(e)) = done {
                notice::print(&format!("what is served stays as it was: {}", reason(&e)));
            }
        }
    }

    /// Reads everything again and replaces the catalogue if anything changed.
    fn read_again(&self, is_told: bool) -> Result<(), Error> {
        if is_told && let Err(e) = self.read_rules() {
            notice::print(&format!("who may see what stays as it was: {}", reason(&e)));
        }
        let prober = Prober::new(self.pdf, self.options.most_cost());
        let prober = prober
            .with_boxes_on(self.options.exif_boxes.unwrap_or_default())
            .knowing(&self.renderer.catalogue.get());
        let loaded = load(&self.options, &prober)?;
        let mut rejects = loaded.rejects;
        let mut catalogue = loaded.catalogue;
        let held = self.reviews.as_ref();
        // Held until the catalogue is replaced: no correction is lost.
        let mut held = held.map(|file| file.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(file) = &mut held {
            rejects.extend(file.apply_again(&mut catalogue)?);
        }
        let images = catalogue.images.len() as u64;
        let changed =
            self.renderer
                .catalogue
                .change(|before| match before.images == catalogue.images {
                    true => Err(()),
                    false => {
                        catalogue.remember(before, jiff::Timestamp::now());
                        Ok((catalogue, ()))
                    }
                });
        drop(held);
        if changed.is_ok() {
            self.renderer.forget_gone();
            if let Some(path) = &self.options.served {
                catalogue::write_served(path, &self.renderer.catalogue.get())?;
            }
        }
        let mut news = self.news(&rejects);
        if is_told {
            let idle = idle_rules(self.auth.get().as_deref(), &self.renderer.catalogue.get());
            news.extend(idle.iter().map(|note| format!("\n  {note}")));
        }
        if (changed.is_ok() || is_told || !news.is_empty()) && !self.options.common.quiet {
            notice::print(&format!(
                "read again: {}, {} left out{news}",
                counted(images, "image", "images"),
                rejects.len()
            ));
        }
        Ok(())
    }

    /// Reads the configuration again: its rules hold from now on. What of the rest has changed is told by its name.
    fn read_rules(&self) -> Result<(), Error> {
        let Some(path) = &self.options.config else {
            return Ok(());
        };
        let config = config::read(path)?;
        Presets::with_configured(&config.presets).map_err(Error::usage)?;
        let other = config.other_tables(&self.fixed);
        let before = self.auth.get();
        if before.is_some() && config.auth.is_none() {
            // A file that an editor has just begun to write has none either.
            let why = format!("{}: there is no [auth] any more", path.display());
            return Err(Error::new(why).hint("restart the server to open everything to everybody"));
        }
        let auth = authorization(&self.options, config.auth, before.as_deref())?;
        self.auth.replace(auth);
        if !self.options.common.quiet {
            let name = path.display();
            let rest = match &other[..] {
                [] => String::new(),
                other => format!(
                    "; {} changed there too and stay as at the start: restart the server for that",
                    other.join(", ")
                ),
            };
            notice::print(&format!("[auth] of {name} read again{rest}"));
        }
        Ok(())
    }

    /// What was not left out before, each with its reason, in lines.
    fn news(&self, rejects: &[Reject]) -> String {
        let now = lines(rejects);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let new: Vec<&String> = now.difference(&told).collect();
        let listed = new.iter().take(MOST_TOLD).map(|line| format!("\n  {line}"));
        let mut news: String = listed.collect();
        let further = new.len().saturating_sub(MOST_TOLD) as u64;
        if further > 0 {
            news += &format!("\n  and {}", counted(further, "other", "others"));
        }
        *told = now;
        news
    }
}

/// Finds out what became of what `--served` remembers, and writes what is served now.
///
/// # Errors
/// The file cannot be read or written, or is something else.
pub fn remember(options: &Options, catalogue: &mut Catalogue) -> Result<(), Error> {
    let Some(path) = &options.served else {
        return Ok(());
    };
    if path.exists() && !path.is_file() {
        let what = format!("{}: not a regular file", path.display());
        return Err(Error::new(what).hint("--served writes a file and reads it again"));
    }
    let served = catalogue::read_served(path)?;
    catalogue.remember_all(served, jiff::Timestamp::now());
    catalogue::write_served(path, catalogue)
}

/// An error with its hint, as the reason of a sentence.
fn reason(error: &Error) -> String {
    let text = error.to_string();
    text.strip_prefix("error: ").unwrap_or(&text).to_owned()
}
