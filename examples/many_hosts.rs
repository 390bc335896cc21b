//! How long a set of 500 hosts takes from one, four and twenty workers, in virtual time: nothing is sent and nobody waits, but
//! plan, queues, pace, retries and permission are those of `recto-shard plan` and `recto-download`.
//!
//! ```sh
//! cargo run --release --example many_hosts [IMAGES]
//! ```
//!
//! Hosts differ as archives do: a few have most of the images; most allow what recto allows itself, some allow less and say so
//! with 429, some fail now and then, one is down. Their answers are drawn from a seed, so that every run gives the same table.
//! What is not simulated: bytes, disks and processors.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use futures::{FutureExt, StreamExt};
use recto::contracts::{self, ImageRef, Localizations, LocalizedImage, Provenance, ShardPlan};
use recto::download::schedule::schedule;
use recto::download::state::resume::{Origins, Planned};
use recto::http::{Answers, Client, Request, RequestLog};
use recto::{Stage, download, shard};
use tokio::time::Instant;

const HOSTS: usize = 500;
const IMAGES: usize = 100_000;
const WORKERS: [usize; 3] = [1, 4, 20];
const JOBS: u16 = 256;
/// Requests per second that recto sends to a host, and requests in flight.
const RATE: f64 = 10.0;
const AT_ONCE: f64 = 4.0;

/// A host, as it answers.
struct Host {
    name: String,
    images: usize,
    /// Mean time until an answer begins.
    latency: Duration,
    /// Requests per second that it allows; more are answered with 429.
    allows: Option<f64>,
    /// The share of requests that it fails to answer.
    fails: f64,
    is_down: bool,
    asked: Mutex<Asked>,
}

#[derive(Default)]
struct Asked {
    requests: u64,
    refused: u64,
    /// Requests that it may still take now, and when that was.
    allowance: Option<(f64, Instant)>,
    /// When requests came within the last second.
    recent: Vec<Instant>,
    most: usize,
}

/// Numbers between 0 and 1 that look random and are the same in every run (SplitMix64).
fn random(seed: u64) -> f64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) as f64 / u64::MAX as f64
}

fn hosts(images: usize) -> Vec<Host> {
    // The n-th host has a share of 1/n, as collections have it.
    let sum: f64 = (1..=HOSTS).map(|n| 1.0 / n as f64).sum();
    let host = |n: usize| {
        let draw = |what: u64| random(n as u64 * 16 + what);
        Host {
            name: format!("archive-{n:03}.example"),
            images: (images as f64 / sum / (n + 1) as f64).ceil() as usize,
            // From 30 ms to 2 s, most below 300 ms.
            latency: Duration::from_secs_f64(0.03 * 66f64.powf(draw(1) * draw(2))),
            allows: match draw(3) {
                share if share < 0.05 => Some(2.0),
                share if share < 0.15 => Some(5.0),
                _ => None,
            },
            fails: if draw(4) < 0.2 { 0.02 } else { 0.0 },
            is_down: n == HOSTS / 2,
            asked: Mutex::default(),
        }
    };
    (0..HOSTS).map(host).collect()
}

impl Host {
    /// The least time in which it can give its images.
    fn least(&self) -> Duration {
        let rate = self.allows.unwrap_or(RATE).min(RATE);
        let rate = rate.min(AT_ONCE / self.latency.as_secs_f64());
        match self.is_down {
            true => Duration::ZERO,
            false => Duration::from_secs_f64(self.images as f64 / rate),
        }
    }

    /// Takes a request: the status, and when the answer begins.
    fn take(&self, path: &str) -> (u16, Duration) {
        let now = Instant::now();
        let mut asked = self.asked.lock().unwrap();
        asked.requests += 1;
        let second = Duration::from_secs(1);
        asked.recent.retain(|then| now - *then < second);
        asked.recent.push(now);
        asked.most = asked.most.max(asked.recent.len());
        let draw = random(asked.requests.wrapping_mul(31) ^ self.images as u64);
        let latency = self.latency.mul_f64(0.5 + draw);
        if self.is_down {
            return (503, latency);
        }
        if path == "/robots.txt" || path.starts_with("/.well-known") {
            return (404, latency);
        }
        if let Some(allows) = self.allows {
            let (left, then) = asked.allowance.unwrap_or((allows, now));
            let left = (left + allows * (now - then).as_secs_f64()).min(allows);
            let is_allowed = left >= 1.0;
            asked.allowance = Some((if is_allowed { left - 1.0 } else { left }, now));
            if !is_allowed {
                asked.refused += 1;
                return (429, latency);
            }
        }
        let fails = random(asked.requests ^ 0x5eed) < self.fails;
        (if fails { 503 } else { 200 }, latency)
    }
}

/// What answers in place of the hosts.
fn answers(hosts: &Arc<HashMap<String, Host>>) -> Answers {
    let hosts = hosts.clone();
    Arc::new(move |url| {
        let host = &hosts[url.host_str().unwrap()];
        let (status, latency) = host.take(url.path());
        async move {
            tokio::time::sleep(latency).await;
            let mut answer = ::http::Response::builder().status(status);
            if status == 429 {
                answer = answer.header("retry-after", "2");
            }
            answer.body(Bytes::from_static(b"an image")).unwrap()
        }
        .boxed()
    })
}

fn localizations(hosts: &[Host]) -> Localizations {
    let mut images = Vec::new();
    for host in hosts {
        for n in 0..host.images {
            let url = format!("https://{}/{n}.jpg", host.name);
            images.push(LocalizedImage {
                id: url.clone(),
                group: format!("book {}", n / 50),
                image: ImageRef {
                    url: Some(url),
                    ..ImageRef::default()
                },
                source: Provenance {
                    kind: "table".into(),
                    ..Provenance::default()
                },
                ..LocalizedImage::default()
            });
        }
    }
    Localizations::new(images)
}

/// One worker, as `recto-download` works through its images, without disks.
async fn work(images: Vec<LocalizedImage>, client: Client) -> (u64, u64) {
    let mut origins = Origins::default();
    let planned = |(at, image): (usize, &LocalizedImage)| {
        let url = image.image.url.as_deref().unwrap();
        let origin = url.rsplit_once('/').unwrap().0;
        Planned {
            at: at as u32,
            origin: origins.number(origin),
        }
    };
    let planned: Vec<Planned> = images.iter().enumerate().map(planned).collect();
    let (images, client) = (&images, &client);
    let never = AtomicBool::new(false);
    let job = |at: u32, place| async move {
        let url = images[at as usize].image.url.clone().unwrap();
        let log = RequestLog::of(None, place);
        let request = Request {
            url: url.clone(),
            identity: true,
            max_bytes: 1 << 20,
            log: log.clone(),
            ..Request::default()
        };
        match client.get(&request).await {
            Ok(_) => {
                client.succeeded(&url, &log);
                true
            }
            Err(error) => {
                client.failed(&url, &log, &error);
                false
            }
        }
    };
    let mut ended = std::pin::pin!(schedule(client, &planned, &origins, &never, job));
    let (mut done, mut failed) = (0, 0);
    while let Some(is_done) = ended.next().await {
        *(if is_done { &mut done } else { &mut failed }) += 1;
    }
    (done, failed)
}

fn options(plan: &ShardPlan, shard: usize) -> download::Options {
    let jobs = JOBS.to_string();
    let call = [
        "set.json",
        "images",
        "--contact",
        "me@example.org",
        "-j",
        &jobs,
    ];
    let mut options = download::Options::parse(call).unwrap();
    options.http.shared = plan.sharing(shard);
    options
}

/// Plans for so many workers, and lets them work side by side.
fn simulate(images: usize, workers: usize, folder: &Path) -> String {
    let hosts = hosts(images);
    let set = folder.join("set.json");
    std::fs::write(&set, serde_json::to_vec(&localizations(&hosts)).unwrap()).unwrap();
    let plan = folder.join(format!("plan-{workers}"));
    let count = workers.to_string();
    let call = [
        "plan".as_ref(),
        set.as_os_str(),
        "-n".as_ref(),
        count.as_ref(),
        "-o".as_ref(),
        plan.as_os_str(),
        "-q".as_ref(),
    ];
    shard(&shard::Options::parse(call).unwrap()).unwrap();
    let read: ShardPlan = contracts::read(&plan.join(ShardPlan::FILE)).unwrap();
    let by_name = hosts.into_iter().map(|host| (host.name.clone(), host));
    let hosts: Arc<HashMap<String, Host>> = Arc::new(by_name.collect());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let (took, ended) = runtime.block_on(async {
        let start = Instant::now();
        let run = |shard: usize| {
            let options = options(&read, shard);
            let part = std::fs::read(plan.join(&read.shards[shard].file)).unwrap();
            let part: Localizations = contracts::parse_set(part, "a part").unwrap();
            let mut client = Client::new(&options.http, &Default::default()).unwrap();
            client.for_images(JOBS);
            client.simulate(answers(&hosts));
            work(part.images, client)
        };
        let ended = join_all((0..workers).map(run)).await;
        (start.elapsed(), ended)
    });
    let done: u64 = ended.iter().map(|(done, _)| done).sum();
    let failed: u64 = ended.iter().map(|(_, failed)| failed).sum();
    let asked = |of: fn(&Asked) -> u64| -> u64 {
        hosts
            .values()
            .map(|host| of(&host.asked.lock().unwrap()))
            .sum()
    };
    let most = hosts
        .values()
        .map(|host| host.asked.lock().unwrap().most)
        .max();
    let bound = hosts.values().map(Host::least).max().unwrap();
    let minutes = |time: Duration| time.as_secs_f64() / 60.0;
    format!(
        "| {workers} | {:.1} | {:.1} | {:.2} | {} | {} | {done} | {failed} | {} |",
        minutes(took),
        minutes(bound),
        took.as_secs_f64() / bound.as_secs_f64(),
        asked(|asked| asked.requests),
        asked(|asked| asked.refused),
        most.unwrap_or_default(),
    )
}

fn main() {
    let images = std::env::args()
        .nth(1)
        .map_or(IMAGES, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    println!(
        "| workers | minutes | bound by the slowest host | times the bound | requests | refused (429) | images | failed | most a second to a host |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for workers in WORKERS {
        println!("{}", simulate(images, workers, folder.path()));
    }
}
