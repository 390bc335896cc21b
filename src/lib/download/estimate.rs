//! `--dry-run`: how many requests, bytes and seconds a download takes per host, before anything is asked.
//!
//! Nobody knows a server's cap before asking, so requests are given from the fewest (each image in one answer) to
//! the most (regions of 1000 × 1000 pixels, the smallest cap met in practice).

use std::collections::{BTreeMap, BTreeSet};

use super::again::Sorted;
use super::{Options, cover};
use crate::contracts::LocalizedImage;
use crate::error::Error;
use crate::http::Archives;
use crate::iiif::info::Limits;
use crate::summary::Summary;

/// Bytes per pixel of a photographed page as JPEG, rounded up from manuscripts at quality 85 to 90.
const BYTES_PER_PIXEL: f64 = 0.25;
/// Assumed where no size is declared: 20 megapixels.
const USUAL: [u32; 2] = [5000, 4000];

#[derive(Default)]
struct Sum<'a> {
    /// Services, whose info.json is asked for once.
    services: BTreeSet<&'a str>,
    images: u64,
    fewest: u64,
    most: u64,
    bytes: f64,
    guessed: u64,
}

/// Prints the estimate to standard output.
pub fn print(sorted: &Sorted, options: &Options, summary: &mut Summary) -> Result<(), Error> {
    let mut hosts: BTreeMap<String, Sum> = BTreeMap::new();
    let images = &sorted.missing;
    for &image in images {
        let host = host(image, options);
        add(hosts.entry(host).or_default(), image, options.max_width);
    }
    let archives = Archives::open(options.http.archives.as_deref())?;
    let mut text = String::from("host\timages\trequests\tbytes\tseconds\n");
    for (host, sum) in &hosts {
        let rate = archives.most(&options.http, host).rate;
        let seconds = |requests: u64| match rate > 0.0 {
            true => (requests as f64 / rate).ceil(),
            false => 0.0,
        };
        if let Some((most, why)) = archives.find(host) {
            summary.notes.push(format!(
                "{host}: {} at once and {} a second are asked for: {why}",
                most.at_once, most.rate
            ));
        }
        text += &format!(
            "{host}\t{}\t{}-{}\t{:.0}\t{}-{}\n",
            sum.images,
            sum.fewest,
            sum.most,
            sum.bytes,
            seconds(sum.fewest),
            seconds(sum.most)
        );
        summary.count("requests_fewest", sum.fewest);
        summary.count("requests_most", sum.most);
        summary.count("bytes", sum.bytes as u64);
    }
    crate::files::write("-".as_ref(), text.as_bytes())?;
    let guessed: u64 = hosts.values().map(|sum| sum.guessed).sum();
    if guessed > 0 {
        summary.notes.push(format!(
            "{guessed} images declare no size: {} x {} assumed",
            USUAL[0], USUAL[1]
        ));
    }
    summary.read = images.len() as u64;
    summary.kept = summary.read;
    summary.filtered = (sorted.done.len() + sorted.left.len()) as u64;
    if !sorted.done.is_empty() {
        let asked = match options.refresh {
            true => ": --refresh asks for each of them that came in one answer",
            false => "",
        };
        let words = format!("{} images are there already{asked}", sorted.done.len());
        summary.notes.push(words);
    }
    summary.done = "nothing was fetched: --dry-run".into();
    Ok(())
}

fn add<'a>(sum: &mut Sum<'a>, image: &'a LocalizedImage, max_width: Option<u32>) {
    let size = image.reported_size();
    let full = size.unwrap_or(USUAL);
    let size_out = super::plan::shrunk(full, max_width);
    sum.images += 1;
    sum.guessed += u64::from(size.is_none());
    sum.bytes += f64::from(size_out[0]) * f64::from(size_out[1]) * BYTES_PER_PIXEL;
    let Some(service) = &image.image.service else {
        sum.fewest += 1;
        sum.most += 1;
        return;
    };
    let info = u64::from(sum.services.insert(&service.id));
    let capped = Limits {
        width: 1000,
        height: 1000,
        area: u64::MAX,
    };
    let tile = cover::fewest(full[0], full[1], &capped, true);
    sum.fewest += info + 1;
    sum.most += info + cover::count(full, tile);
}

/// The host that is really asked: after `--rewrite`.
fn host(image: &LocalizedImage, options: &Options) -> String {
    let uri = image
        .image
        .service
        .as_ref()
        .map(|s| s.id.as_str())
        .or(image.image.url.as_deref())
        .unwrap_or_default();
    url::Url::parse(&options.http.rewritten(uri))
        .ok()
        .and_then(|u| u.host_str().map(str::to_owned))
        .unwrap_or_else(|| "(no host)".into())
}
