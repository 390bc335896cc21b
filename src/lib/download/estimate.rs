//! `--dry-run`: how many requests, bytes and seconds a download takes per host, before anything is requested.
//!
//! Nobody knows a server's cap before asking, so requests are given from the fewest (each image in one answer) to
//! the most (regions of 1000 × 1000 pixels, the smallest cap met in practice).

use std::collections::{BTreeMap, BTreeSet};

use super::names::source_uri;
use super::options::Options;
use super::service::grid;
use super::service::plan::output_size;
use super::state::resume::Sorted;
use crate::contracts::LocalizedImage;
use crate::error::Error;
use crate::http::Archives;
use crate::iiif::info::Limits;
use crate::summary::Summary;

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

/// What a host would be asked.
#[derive(Default)]
struct HostEstimate<'a> {
    /// Services, whose info.json is requested once.
    services: BTreeSet<&'a str>,
    images: u64,
    fewest_requests: u64,
    most_requests: u64,
    bytes: f64,
    /// Images without a declared size.
    guessed: u64,
}

/// Puts the estimate into the summary: a table with a line per host, for standard output, and notes.
///
/// # Errors
/// If the user's table of archives cannot be read.
pub fn estimate(sorted: &Sorted, options: &Options, summary: &mut Summary) -> Result<(), Error> {
    let mut hosts: BTreeMap<String, HostEstimate> = BTreeMap::new();
    for &image in &sorted.missing {
        let estimate = hosts.entry(host(image, options)).or_default();
        estimate.add(image, options.max_width);
    }
    let archives = Archives::open(options.http.archives.as_deref())?;
    let mut table = String::from("host\timages\trequests\tbytes\tseconds\n");
    for (host, estimate) in &hosts {
        if let Some((limit, why)) = archives.find(host) {
            summary.notes.push(format!(
                "{host}: asks for at most {} at once and {} per second: {why}",
                limit.at_once, limit.per_second
            ));
        }
        table += &estimate.line(host, archives.limit_for(&options.http, host).per_second);
        summary.count("requests_fewest", estimate.fewest_requests);
        summary.count("requests_most", estimate.most_requests);
        summary.count("bytes", estimate.bytes as u64);
    }
    summary.output = table;
    let guessed: u64 = hosts.values().map(|estimate| estimate.guessed).sum();
    if guessed > 0 {
        summary.notes.push(format!(
            "{guessed} image{} no size: {} x {} pixels assumed",
            if guessed == 1 {
                " declares"
            } else {
                "s declare"
            },
            USUAL[0],
            USUAL[1]
        ));
    }
    summary.read = sorted.missing.len() as u64;
    summary.kept = summary.read;
    summary.filtered = (sorted.done.len() + sorted.left.len()) as u64;
    summary.notes.extend(note_of_finished(sorted, options));
    summary.done = "nothing was downloaded: --dry-run".into();
    Ok(())
}

fn note_of_finished(sorted: &Sorted, options: &Options) -> Option<String> {
    let refresh = match options.refresh {
        true => "; --refresh sends a request for each of them that came in one answer",
        false => "",
    };
    match sorted.done.len() {
        0 => None,
        1 => Some(format!("1 image is there already{refresh}")),
        n => Some(format!("{n} images are there already{refresh}")),
    }
}

impl<'a> HostEstimate<'a> {
    fn add(&mut self, image: &'a LocalizedImage, max_width: Option<u32>) {
        let size = image.reported_size();
        let full = size.unwrap_or(USUAL);
        let [width, height] = output_size(full, max_width);
        self.images += 1;
        self.guessed += u64::from(size.is_none());
        self.bytes += f64::from(width) * f64::from(height) * BYTES_PER_PIXEL;
        let Some(service) = &image.image.service else {
            self.fewest_requests += 1;
            self.most_requests += 1;
            return;
        };
        let info = u64::from(self.services.insert(&service.id));
        let tile = grid::fewest(full[0], full[1], &SMALLEST_CAP, true);
        self.fewest_requests += info + 1;
        self.most_requests += info + grid::count(full, tile);
    }

    /// A line of the table; `per_second` is the rate limit, 0 for none.
    fn line(&self, host: &str, per_second: f64) -> String {
        let (fewest, most) = (self.fewest_requests, self.most_requests);
        let seconds = |requests: u64| match per_second > 0.0 {
            true => (requests as f64 / per_second).ceil(),
            false => 0.0,
        };
        format!(
            "{host}\t{}\t{fewest}-{most}\t{:.0}\t{}-{}\n",
            self.images,
            self.bytes,
            seconds(fewest),
            seconds(most)
        )
    }
}

/// The host that is really asked: after `--rewrite`.
fn host(image: &LocalizedImage, options: &Options) -> String {
    let uri = source_uri(image).unwrap_or_default();
    url::Url::parse(&options.http.rewritten(uri))
        .ok()
        .and_then(|u| u.host_str().map(str::to_owned))
        .unwrap_or_else(|| "(no host)".into())
}
