//! `--dry-run`: how many requests, bytes and seconds a download takes per host, before any image is requested. Of public
//! hosts robots.txt is read: it may ask for a pace.
//!
//! Nobody knows a server's cap before asking, so requests are given from the fewest (each image in one answer) to
//! the most (regions of 1000 × 1000 pixels, the smallest cap met in practice).

use std::collections::{BTreeMap, BTreeSet, HashSet};

use futures::stream::{self, StreamExt};

use super::names::{self, OutputFolder, source_uri};
use super::network::Network;
use super::options::Options;
use super::service::grid;
use super::service::plan::output_size;
use super::state::input::Set;
use super::state::resume::Sorted;
use crate::contracts::LocalizedImage;
use crate::error::Error;
use crate::http::Archives;
use crate::iiif::info::Limits;
use crate::summary::{Summary, counted};

/// Bytes per pixel of a photographed page as JPEG, rounded up from manuscripts at quality 85 to 90.
const BYTES_PER_PIXEL: f64 = 0.25;
/// Assumed where no size is declared: 20 megapixels.
const USUAL: [u32; 2] = [5000, 4000];
/// The smallest cap met in practice.
const SMALLEST_CAP: Limits = Limits {
    width: 1000,
    height: 1000,
    area: u64::MAX,
};

/// The first line of the table.
const HEADER: &str = "host\timages\trequests\tbytes\tseconds\n";

/// What a host would be asked.
#[derive(Default)]
struct HostEstimate {
    /// Its name without a port.
    domain: String,
    /// Hashes of services, whose info.json is requested once.
    services: HashSet<u64>,
    images: u64,
    fewest_requests: u64,
    most_requests: u64,
    bytes: f64,
    /// Images without a declared size.
    guessed: u64,
    /// What is requested of it first.
    url: Option<String>,
}

/// What an image needs.
struct Needed {
    /// The host as it is shown: with its port where the URL has one.
    host: String,
    domain: String,
    url: Option<String>,
    /// A hash of its service.
    service: Option<u64>,
    /// Width and height in pixels; a guess where nothing is declared.
    size: [u32; 2],
    is_guessed: bool,
    bytes: f64,
}

/// Puts the estimate into the summary: a table with a line per host, for standard output, and notes.
///
/// # Errors
/// If the set or the user's table of archives cannot be read.
pub fn estimate(
    set: &Set,
    sorted: &Sorted,
    options: &Options,
    folder: &OutputFolder,
    summary: &mut Summary,
) -> Result<(), Error> {
    let mut hosts: BTreeMap<String, HostEstimate> = BTreeMap::new();
    let missing: Vec<u32> = sorted.missing.iter().map(|planned| planned.at).collect();
    let needed = |_, image: LocalizedImage| Needed::of(&image, options);
    set.visit(&missing, needed, |needed| {
        if !hosts.contains_key(&needed.host) {
            hosts.insert(needed.host.clone(), HostEstimate::default());
        }
        if let Some(estimate) = hosts.get_mut(&needed.host) {
            estimate.add(needed);
        }
        Ok(())
    })?;
    let delays = delays(&hosts, options, folder)?;
    let archives = Archives::open(options.http.archives.as_deref())?;
    let mut table = String::from(if options.json { "" } else { HEADER });
    for (host, estimate) in &hosts {
        let domain = &estimate.domain;
        if let Some((limit, why)) = archives.find(domain) {
            summary.notes.push(format!(
                "{host}: asks for at most {} at once and {} per second: {why}",
                limit.at_once, limit.per_second
            ));
        }
        let (per_second, note) = paced(pace(&archives, options, host, domain), delays.get(host));
        summary
            .notes
            .extend(note.map(|note| format!("{host}: {note}")));
        table += &estimate.line(host, per_second, options.json);
        summary.count("requests_fewest", estimate.fewest_requests);
        summary.count("requests_most", estimate.most_requests);
        summary.count("bytes", estimate.bytes as u64);
    }
    summary.output = table;
    let guessed = hosts.values().map(|estimate| estimate.guessed).sum();
    summary.notes.extend(note_of_guessed(guessed));
    summary.read = sorted.missing.len() as u64;
    summary.kept = summary.read;
    summary.filtered = (sorted.done.len() + sorted.left.len()) as u64;
    summary.notes.extend(note_of_finished(sorted, options));
    summary.done = "nothing was downloaded: --dry-run".into();
    Ok(())
}

fn note_of_guessed(guessed: u64) -> Option<String> {
    let images = counted(guessed, "image declares", "images declare");
    let [width, height] = USUAL;
    (guessed > 0).then(|| format!("{images} no size: {width} x {height} pixels assumed"))
}

/// The requests per second that a host allows this worker.
fn pace(archives: &Archives, options: &Options, host: &str, domain: &str) -> f64 {
    let mut shared = options.http.shared.iter();
    let is_it = |name: &str| match host == domain {
        // Its port is that of the scheme, whichever that is.
        true => name
            .rsplit_once(':')
            .is_some_and(|(shared, _)| shared == domain),
        false => name == host,
    };
    let workers = shared
        .find(|(name, _)| is_it(name))
        .map_or(1, |(_, (_, by))| *by);
    archives
        .limit_for(&options.http, domain, workers)
        .per_second
}

/// The requests per second that a host receives, 0 for no limit, with what its robots.txt says about that.
fn paced(limit: f64, delay: Option<&Result<f64, String>>) -> (f64, Option<String>) {
    match delay {
        None => (limit, None),
        Some(Err(why)) => (limit, Some(why.clone())),
        Some(Ok(delay)) => {
            let slowest = 1.0 / delay;
            let note = format!("its robots.txt asks for {delay} s between requests (Crawl-delay)");
            let per_second = if limit > 0.0 {
                limit.min(slowest)
            } else {
                slowest
            };
            (per_second, Some(note))
        }
    }
}

/// What the robots.txt of each public host says about the pace, or why nothing is requested of it. Hosts that ask for
/// nothing are left out.
fn delays(
    hosts: &BTreeMap<String, HostEstimate>,
    options: &Options,
    folder: &OutputFolder,
) -> Result<BTreeMap<String, Result<f64, String>>, Error> {
    let urls = hosts
        .iter()
        .filter_map(|(host, of)| Some((host, of.url.as_deref()?)));
    let urls: Vec<(&String, &str)> = urls.collect();
    if urls.is_empty() {
        return Ok(BTreeMap::new());
    }
    let network = Network::open(options, &BTreeSet::new(), folder)?;
    let client = &network.servers.client;
    let ask = |(host, url): (&String, &str)| {
        let (host, url) = (host.clone(), url.to_owned());
        async move {
            let delay = match client.crawl_delay(&url).await {
                Ok(delay) => Ok(delay?),
                Err(error) => Err(error.message),
            };
            Some((host, delay))
        }
    };
    let asked = stream::iter(urls)
        .map(ask)
        .buffer_unordered(usize::from(options.jobs));
    let delays: Vec<_> = network.block_on(asked.collect());
    Ok(delays.into_iter().flatten().collect())
}

fn note_of_finished(sorted: &Sorted, options: &Options) -> Option<String> {
    let refresh = match options.refresh {
        true => "; --refresh sends a request for each of them that came in one answer",
        false => "",
    };
    match sorted.done.len() {
        0 => None,
        n => {
            let images = counted(n as u64, "image is", "images are");
            Some(format!("{images} there already{refresh}"))
        }
    }
}

impl Needed {
    fn of(image: &LocalizedImage, options: &Options) -> Self {
        let size = image.reported_size();
        let full = size.unwrap_or(USUAL);
        let [width, height] = output_size(full, options.output().scaling);
        let service = image.image.service.as_ref();
        let (host, domain) = host(image, options);
        Needed {
            host,
            domain,
            url: source_uri(image).map(str::to_owned),
            service: service.map(|service| names::hash_of(&service.id)),
            size: full,
            is_guessed: size.is_none(),
            bytes: f64::from(width) * f64::from(height) * BYTES_PER_PIXEL,
        }
    }
}

impl HostEstimate {
    fn add(&mut self, needed: Needed) {
        self.images += 1;
        self.domain = needed.domain;
        self.url = self.url.take().or(needed.url);
        self.guessed += u64::from(needed.is_guessed);
        self.bytes += needed.bytes;
        let Some(service) = needed.service else {
            self.fewest_requests += 1;
            self.most_requests += 1;
            return;
        };
        let info = u64::from(self.services.insert(service));
        let [width, height] = needed.size;
        let tile = grid::fewest(width, height, &SMALLEST_CAP, true);
        self.fewest_requests += info + 1;
        self.most_requests += info + grid::count(needed.size, tile);
    }

    /// A line of the table, or one of JSON; `per_second` is the rate limit, 0 for none.
    fn line(&self, host: &str, per_second: f64, is_json: bool) -> String {
        if is_json {
            return self.object(host, per_second);
        }
        let (fewest, most) = (self.fewest_requests, self.most_requests);
        let [shortest, longest] = self.seconds(per_second);
        format!(
            "{host}\t{}\t{fewest}-{most}\t{:.0}\t{shortest}-{longest}\n",
            self.images, self.bytes,
        )
    }

    /// A line of JSON.
    fn object(&self, host: &str, per_second: f64) -> String {
        let object = serde_json::json!({
            "host": host,
            "images": self.images,
            "requests": [self.fewest_requests, self.most_requests],
            "bytes": self.bytes.round() as u64,
            "seconds": self.seconds(per_second).map(|seconds| seconds as u64),
            "requests_per_second": Some(per_second).filter(|limit| *limit > 0.0),
        });
        format!("{object}\n")
    }

    /// How long the fewest and the most requests take.
    fn seconds(&self, per_second: f64) -> [f64; 2] {
        let seconds = |requests: u64| match per_second > 0.0 {
            true => (requests as f64 / per_second).ceil(),
            false => 0.0,
        };
        [seconds(self.fewest_requests), seconds(self.most_requests)]
    }
}

/// The host that is really asked, after `--rewrite`: with its port where the URL has one, and without.
fn host(image: &LocalizedImage, options: &Options) -> (String, String) {
    let uri = source_uri(image).unwrap_or_default();
    let url = url::Url::parse(&options.http.rewritten(uri)).ok();
    let domain = url.as_ref().and_then(url::Url::host_str);
    // As hosts are told apart when they are asked.
    let domain = domain.unwrap_or("(no host)").trim_end_matches('.');
    let domain = domain.to_owned();
    match url.as_ref().and_then(url::Url::port) {
        Some(port) => (format!("{domain}:{port}"), domain),
        None => (domain.clone(), domain),
    }
}
