//! `--regions`, the shell: asks services how large their images are, cuts, and writes what was cut.

use std::collections::BTreeMap;
use std::path::Path;

use futures::stream::{self, StreamExt};
use serde::Serialize;

use super::again::Way;
use super::fetch::Places;
use super::finished::Finished;
use super::gather::Set;
use super::regions;
use super::{Net, Options, access, failure, uri_of};
use crate::contracts::{self, BBox, Failure, Localizations, LocalizedImage};
use crate::error::Error;
use crate::files;
use crate::http::{Count, Kind, Trouble};
use crate::progress::{Progress, Standing};
use crate::signals::Signals;
use crate::summary::{Reject, Summary};

/// Where sizes are kept for later runs.
const SIZES: &str = "sizes.json";
/// Questions on their way at one time; each host has its own limits.
const AT_ONCE: usize = 32;
/// After so many answers they are kept, so that a run that is killed need not ask all again.
const KEPT_EVERY: usize = 100;

/// What was cut.
#[derive(Default)]
pub(super) struct Parts {
    /// Boxes and images without a region.
    pub failures: Vec<Failure>,
    /// Records of a list of m3-download that cannot be used.
    pub unusable: Vec<Reject>,
    /// What has learnt of the servers, where they were asked.
    pub net: Option<Net>,
}

/// Size of the image of each service.
type Sizes = BTreeMap<String, [u32; 2]>;

/// Writes the regions of all boxes to `file`.
pub(super) fn cut(options: &Options, file: &Path, places: &Places) -> Result<Parts, Error> {
    let set = read(options)?;
    let known = Known::of(options, places, &set.images)?;
    let (images, failures) = known.cut(&set.images, options);
    let found = Localizations {
        taxonomy: set.taxonomy,
        ..Localizations::new(images)
    };
    files::write_json(file, &found)?;
    Ok(Parts {
        failures,
        unusable: set.rejects,
        net: known.net,
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
pub(super) fn foreseen(
    options: &Options,
    places: &Places,
    finished: &Finished,
    summary: &mut Summary,
) -> Result<Set, Error> {
    let set = read(options)?;
    let mut known = Known {
        sizes: remembered(&places.hidden.join(SIZES)),
        lost: BTreeMap::new(),
        net: None,
    };
    let (mut guessed, mut likely) = (0, Sizes::new());
    for image in &set.images {
        if let (Some(service), None) = (&image.image.service, known.size(image)) {
            guessed += u64::from(image.image.declared().is_none());
            let [width, height] = likely_size(image);
            // Each of its parts tells of as much as it reaches.
            let known = likely.entry(service.id.clone()).or_default();
            *known = [known[0].max(width), known[1].max(height)];
        }
    }
    known.sizes.extend(likely);
    if guessed > 0 {
        let note = format!("{guessed} images declare no size: guessed from their boxes");
        summary.notes.push(note);
    }
    let (images, failures) = known.cut(&set.images, options);
    if let Some(first) = failures.first() {
        let count = failures.len();
        summary.notes.push(format!(
            "{count} boxes or images have no region, the first: {}",
            first.message
        ));
    }
    Ok(Set {
        unusable: set.rejects,
        ..Set::of(images, finished, &Way::new(options, &places.folder))
    })
}

/// The size of a service's image as far as the source tells: declared, that of the space of its boxes, or at least as
/// much as its boxes reach.
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

/// What is known of the services of a set.
struct Known {
    sizes: Sizes,
    /// Services that did not say.
    lost: BTreeMap<String, Trouble>,
    net: Option<Net>,
}

impl Known {
    /// Asks for what no earlier run was told.
    fn of(options: &Options, places: &Places, images: &[LocalizedImage]) -> Result<Self, Error> {
        let file = places.hidden.join(SIZES);
        let mut known = Known {
            sizes: match options.overwrite || options.refresh {
                true => Sizes::new(),
                false => remembered(&file),
            },
            lost: BTreeMap::new(),
            net: None,
        };
        let is_asked = |i: &&LocalizedImage| i.image.service.is_some() && known.size(i).is_none();
        let asked: Vec<&LocalizedImage> = images.iter().filter(is_asked).collect();
        if asked.is_empty() {
            return Ok(known);
        }
        let hosts = images.iter().filter_map(|image| {
            let uri = options.http.rewritten(uri_of(image)?);
            crate::http::host_of(&uri)
        });
        let net = Net::new(options, &hosts.collect(), places)?;
        let stopped = measure(options, &net, &asked, &file, &mut known);
        files::write_json(&file, &known.sizes)?;
        known.net = Some(net);
        match stopped {
            None => Ok(known),
            Some(signal) => Err(Error::interrupted(format!("stopped by {signal}"))
                .hint("run the same command again to go on")),
        }
    }

    fn size(&self, image: &LocalizedImage) -> Option<[u32; 2]> {
        let service = image.image.service.as_ref()?;
        self.sizes.get(&service.id).copied()
    }

    /// The regions of all images in the order of their ids, and what has none.
    fn cut(
        &self,
        images: &[LocalizedImage],
        options: &Options,
    ) -> (Vec<LocalizedImage>, Vec<Failure>) {
        let mut regions: BTreeMap<String, LocalizedImage> = BTreeMap::new();
        let mut failures = Vec::new();
        for image in images {
            if let Some(trouble) = self.lost.get(uri_of(image).unwrap_or_default()) {
                failures.push(failure(image, trouble.clone()));
                continue;
            }
            // Without a service there is nothing to ask, and the core says so.
            let size = self.size(image).unwrap_or_default();
            let cut = regions::cut(image, size, options.margin);
            cut.images
                .into_iter()
                .for_each(|region| add(&mut regions, region));
            let rejects = cut.rejects.into_iter();
            failures.extend(rejects.map(|(id, why)| failure(image, without_region(&id, &why))));
        }
        (regions.into_values().collect(), failures)
    }
}

fn without_region(id: &str, why: &str) -> Trouble {
    Trouble {
        kind: Kind::Unsupported,
        status: None,
        attempts: 0,
        message: format!("box {id}: {why}"),
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

/// What an earlier run was told. What cannot be read is asked again.
fn remembered(path: &Path) -> Sizes {
    let bytes = std::fs::read(path).ok();
    bytes
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

/// Asks services for their sizes; gives the signal that ended it early.
fn measure(
    options: &Options,
    net: &Net,
    images: &[&LocalizedImage],
    file: &Path,
    known: &mut Known,
) -> Option<&'static str> {
    let mut services: BTreeMap<&str, Option<[u32; 2]>> = BTreeMap::new();
    for image in images {
        let declared = image.image.declared();
        // Of a part of an image the source declares the size of the part.
        let whole = image
            .image
            .service
            .as_ref()
            .is_some_and(|s| s.region.is_none());
        services.insert(
            uri_of(image).unwrap_or_default(),
            declared.filter(|_| whole),
        );
    }
    let (http, memory) = (&net.http, &net.memory);
    let standing = |done: usize, lost: usize| {
        let (requests, bytes) = http.spent();
        Standing {
            total: services.len() as u64,
            finished: done as u64,
            failed: lost as u64,
            requests,
            bytes,
            waiting: http.waiting(),
            ..Standing::default()
        }
    };
    let ask = |(service, declared): (&str, Option<[u32; 2]>)| {
        let service = service.to_owned();
        async move {
            let count = Count::default();
            let admission = access::admission(http, memory, &service, &count).await;
            let found = admission.and_then(|admission| {
                access::is_whole(http, &admission, &service, declared)?;
                Ok([admission.info.width, admission.info.height])
            });
            let found = found.map_err(|trouble| Trouble {
                attempts: count.get(),
                ..trouble
            });
            (service, found)
        }
    };
    net.runtime.block_on(async {
        let mut signals = Signals::listen();
        let (style, quiet) = (options.progress, options.common.quiet);
        let mut progress = Progress::start(style, quiet, "download", "sizes", &standing(0, 0));
        let asked: Vec<(&str, Option<[u32; 2]>)> = services.iter().map(|(s, d)| (*s, *d)).collect();
        let mut answers = stream::iter(asked).map(ask).buffer_unordered(AT_ONCE);
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
                Some((service, Err(trouble))) => drop(known.lost.insert(service, trouble)),
            }
            done += 1;
            if done % KEPT_EVERY == 0 {
                keep(file, &known.sizes).await;
            }
            let lost = known.lost.len();
            progress.tick(http.elapsed(), &standing(done - lost, lost));
        };
        let lost = known.lost.len();
        progress.end(http.elapsed(), &standing(done - lost, lost));
        stopped
    })
}

/// Writes down the sizes so far. What cannot be kept now is told at the end.
async fn keep(file: &Path, sizes: &impl Serialize) {
    if let Ok(bytes) = files::to_json(sizes, &file.display().to_string()) {
        let file = file.to_owned();
        let _ = tokio::task::spawn_blocking(move || files::write(&file, &bytes)).await;
    }
}
