//! `--regions`, the shell: asks services for the sizes of their images, crops, and writes the set of crops.

use std::collections::BTreeMap;
use std::path::Path;

use futures::stream::{self, StreamExt};
use serde::Serialize;

use super::crop;
use crate::contracts::{self, BBox, Failure, Localizations, LocalizedImage};
use crate::download::failures::failure;
use crate::download::names::{Naming, OutputFolder, source_uri};
use crate::download::network::{Network, Servers};
use crate::download::options::Options;
use crate::download::service::auth;
use crate::download::state::index::Index;
use crate::download::state::input::Set;
use crate::download::state::settled::Lookup;
use crate::error::Error;
use crate::files;
use crate::http::{self, RequestLog, host_of};
use crate::progress::{Progress, Reporter};
use crate::signals::Signals;
use crate::summary::{Reject, Summary, counted};

/// Where sizes are saved for later runs.
const SIZES: &str = "sizes.json";
/// Services asked at the same time; each host has limits of its own.
const AT_ONCE: usize = 32;
/// After so many answers sizes are saved, so that an interrupted run need not ask for all of them again.
const SAVED_EVERY: usize = 100;

/// What was cropped.
#[derive(Default)]
pub struct CroppedSet {
    /// Boxes and images without a region.
    pub failures: Vec<Failure>,
    /// Records of a list of m3-download that cannot be used.
    pub unusable: Vec<Reject>,
    /// The network, where servers were asked.
    pub network: Option<Network>,
}

/// Width and height in pixels of the image of each service.
type Sizes = BTreeMap<String, [u32; 2]>;

/// Writes the regions of all boxes to `file`.
///
/// # Errors
/// If the set cannot be read or has no boxes; if a signal ended the run; those of the disk.
pub fn write_crops(
    options: &Options,
    file: &Path,
    folder: &OutputFolder,
) -> Result<CroppedSet, Error> {
    let set = read(options)?;
    let (known, network) = ask_missing(options, folder, &set.images)?;
    let (images, failures) = known.crop(&set.images, options);
    let found = Localizations {
        taxonomy: set.taxonomy,
        ..Localizations::new(images)
    };
    files::write_json(file, &found)?;
    Ok(CroppedSet {
        failures,
        unusable: set.rejects,
        network,
    })
}

/// The images that have boxes.
fn read(options: &Options) -> Result<Localizations, Error> {
    let mut set: Localizations = contracts::read(&options.localizations)?;
    set.images.retain(|image| !image.localizations.is_empty());
    if set.images.is_empty() {
        let what = format!("{}: no image has a box", options.localizations.display());
        return Err(Error::new(what).hint("without --regions whole images are downloaded"));
    }
    Ok(set)
}

/// The regions of all boxes as far as they are known before a server is asked, for an estimate.
///
/// # Errors
/// If the set cannot be read or has no boxes.
pub fn expected(
    options: &Options,
    folder: &OutputFolder,
    index: &Index,
    summary: &mut Summary,
) -> Result<Set, Error> {
    let set = read(options)?;
    let mut known = Known {
        sizes: saved(&folder.work.join(SIZES)),
        failed: BTreeMap::new(),
    };
    let (mut guessed, mut likely) = (0, Sizes::new());
    for image in &set.images {
        if let (Some(service), None) = (&image.image.service, known.size(image)) {
            guessed += u64::from(image.image.declared().is_none());
            let [width, height] = likely_size(image);
            // The service's image is at least as large as any of its parts requires.
            let known = likely.entry(service.id.clone()).or_default();
            *known = [known[0].max(width), known[1].max(height)];
        }
    }
    known.sizes.extend(likely);
    match guessed {
        0 => {}
        n => summary.notes.push(counted(
            n,
            "image declares no size: guessed from its boxes",
            "images declare no size: guessed from their boxes",
        )),
    }
    let (images, failures) = known.crop(&set.images, options);
    if let Some(first) = failures.first() {
        summary.notes.push(format!(
            "boxes or images without a region: {}, the first: {}",
            failures.len(),
            first.message
        ));
    }
    Ok(Set {
        unusable: set.rejects,
        ..Set::of(images, index, &Lookup::new(options, folder))
    })
}

/// The size of a service's image in pixels, as far as the source says: the declared one, that of the coordinate space of
/// its boxes, or what its boxes reach.
fn likely_size(image: &LocalizedImage) -> [u32; 2] {
    let region = image.image.service.as_ref().and_then(|s| s.region);
    let reach = |end: fn(&BBox) -> f64| {
        let ends = image.localizations.iter().map(|l| end(&l.bbox));
        ends.fold(1.0, f64::max).ceil() as u32
    };
    let [width, height] = (image.reported_size())
        .unwrap_or_else(|| [reach(|b| b.x + b.width), reach(|b| b.y + b.height)]);
    match region {
        Some([x, y, ..]) => [x.saturating_add(width), y.saturating_add(height)],
        None => [width, height],
    }
}

/// What is known about the services of a set.
struct Known {
    sizes: Sizes,
    /// Services that did not say.
    failed: BTreeMap<String, http::Error>,
}

/// Asks the services whose sizes no earlier run has saved.
fn ask_missing(
    options: &Options,
    folder: &OutputFolder,
    images: &[LocalizedImage],
) -> Result<(Known, Option<Network>), Error> {
    let file = folder.work.join(SIZES);
    let before = saved(&file);
    let mut known = Known {
        sizes: match options.overwrite || options.refresh {
            true => Sizes::new(),
            false => before.clone(),
        },
        failed: BTreeMap::new(),
    };
    let is_missing = |i: &&LocalizedImage| i.image.service.is_some() && known.size(i).is_none();
    let missing: Vec<&LocalizedImage> = images.iter().filter(is_missing).collect();
    if missing.is_empty() {
        return Ok((known, None));
    }
    let hosts = images
        .iter()
        .filter_map(|image| host_of(&options.http.rewritten(source_uri(image)?)));
    let network = Network::open(options, &hosts.collect(), folder)?;
    let services = services_of(&missing);
    let survey = Survey {
        servers: &network.servers,
        options,
        services: &services,
        file: &file,
    };
    let stopped = network.block_on(survey.run(&mut known));
    // A service that does not answer now says nothing of the regions that were downloaded: they stay in the set.
    known
        .failed
        .retain(|service, _| !before.contains_key(service));
    for (service, size) in before {
        known.sizes.entry(service).or_insert(size);
    }
    files::write_json(&file, &known.sizes)?;
    match stopped {
        None => Ok((known, Some(network))),
        Some(signal) => Err(Error::interrupted(format!("stopped by {signal}"))
            .hint("run the same command again to resume")),
    }
}

impl Known {
    fn size(&self, image: &LocalizedImage) -> Option<[u32; 2]> {
        let service = image.image.service.as_ref()?;
        self.sizes.get(&service.id).copied()
    }

    /// The regions of all images in the order of their ids, and boxes and images without one.
    fn crop(
        &self,
        images: &[LocalizedImage],
        options: &Options,
    ) -> (Vec<LocalizedImage>, Vec<Failure>) {
        let mut regions: BTreeMap<String, LocalizedImage> = BTreeMap::new();
        let mut failures = Vec::new();
        for image in images {
            if let Some(error) = self.failed.get(source_uri(image).unwrap_or_default()) {
                failures.push(failure(image, &Naming::default(), error.clone()));
                continue;
            }
            // Without a service there is no size, and the core says so.
            let size = self.size(image).unwrap_or_default();
            let crops = crop(image, size, options.margin);
            crops
                .images
                .into_iter()
                .for_each(|region| add(&mut regions, region));
            failures.extend(crops.rejects.into_iter().map(|(id, why)| {
                failure(
                    image,
                    &Naming::default(),
                    http::Error::unsupported(format!("box {id}: {why}")),
                )
            }));
        }
        (regions.into_values().collect(), failures)
    }
}

/// Images of one service that share a region share its file.
fn add(images: &mut BTreeMap<String, LocalizedImage>, region: LocalizedImage) {
    let Some(known) = images.get_mut(&region.id) else {
        images.insert(region.id.clone(), region);
        return;
    };
    for found in region.localizations {
        if known.localizations.iter().all(|l| l.id != found.id) {
            known.localizations.push(found);
        }
    }
    for label in region.labels {
        if !known.labels.contains(&label) {
            known.labels.push(label);
        }
    }
}

/// The sizes that earlier runs saved. If they cannot be read, services are asked again.
fn saved(path: &Path) -> Sizes {
    let bytes = std::fs::read(path).ok();
    bytes
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

/// The services of images, each with the size that the source declares of its image. Of a part of an image the source
/// declares the size of the part.
fn services_of(images: &[&LocalizedImage]) -> BTreeMap<String, Option<[u32; 2]>> {
    let service = |image: &&LocalizedImage| {
        let service = image.image.service.as_ref()?;
        let declared = image.image.declared();
        Some((
            service.id.clone(),
            declared.filter(|_| service.region.is_none()),
        ))
    };
    images.iter().filter_map(service).collect()
}

/// Services while they are asked for the sizes of their images.
struct Survey<'a> {
    servers: &'a Servers,
    options: &'a Options,
    /// By id, each with the size that the source declares.
    services: &'a BTreeMap<String, Option<[u32; 2]>>,
    /// Where sizes are saved.
    file: &'a Path,
}

impl Survey<'_> {
    /// Asks all services; returns the signal that ended it early.
    async fn run(&self, known: &mut Known) -> Option<&'static str> {
        let mut signals = Signals::listen();
        let common = &self.options.common;
        let (style, quiet) = (common.progress, common.quiet);
        let client = &self.servers.client;
        let start = self.progress(0, 0);
        let mut reporter = Reporter::start(style, quiet, "download", "sizes", &start);
        let asked = stream::iter(self.services).map(|(service, declared)| async {
            (service.clone(), self.size_of(service, *declared).await)
        });
        let mut answers = std::pin::pin!(asked.buffer_unordered(AT_ONCE));
        let mut done = 0;
        let stopped = loop {
            let next = tokio::select! {
                biased;
                signal = signals.next() => break Some(signal),
                next = answers.next() => next,
            };
            match next {
                None => break None,
                Some((service, Ok(size))) => drop(known.sizes.insert(service, size)),
                Some((service, Err(error))) => drop(known.failed.insert(service, error)),
            }
            done += 1;
            if done % SAVED_EVERY == 0 {
                save(self.file, &known.sizes).await;
            }
            let progress = self.progress(done, known.failed.len());
            reporter.tick(client.elapsed(), &progress);
        };
        reporter.end(client.elapsed(), &self.progress(done, known.failed.len()));
        stopped
    }

    /// Asks a service for the size of its image in pixels.
    async fn size_of(
        &self,
        service: &str,
        declared: Option<[u32; 2]>,
    ) -> Result<[u32; 2], http::Error> {
        let log = RequestLog::default();
        let client = &self.servers.client;
        let admission = self.servers.admissions.of(client, service, &log).await;
        let size = admission.and_then(|admission| {
            auth::check_size(client, &admission, service, declared)?;
            Ok([admission.info.width, admission.info.height])
        });
        size.map_err(|error| error.with_attempts(log.requests()))
    }

    fn progress(&self, done: usize, failed: usize) -> Progress {
        let (requests, bytes) = self.servers.client.spent();
        Progress {
            total: self.services.len() as u64,
            finished: (done - failed) as u64,
            failed: failed as u64,
            requests,
            bytes,
            waiting: self.servers.client.waiting(),
            ..Progress::default()
        }
    }
}

/// Saves the sizes so far. An error is reported at the end, when they are saved again.
async fn save(file: &Path, sizes: &impl Serialize) {
    if let Ok(bytes) = files::to_json(sizes, &file.display().to_string()) {
        let file = file.to_owned();
        let _ = tokio::task::spawn_blocking(move || files::write(&file, &bytes)).await;
    }
}
