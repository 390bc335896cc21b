//! Which image is downloaded next: each host has a queue of its own, and an image is started when its host can be asked.
//! So the order of a set does not matter, and no host waits for another. What happens to one image is `fetch`.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::stream::{self, FuturesUnordered, Stream, StreamExt};
use tokio::time::Instant;

use super::state::resume::{Origins, Planned};
use crate::http::{Client, Host, Place, Turn};

/// Images that are started and have not ended, in all: most of them wait for a retry.
const MAX_OPEN: usize = 1024;
/// The same for one host, so that others have room.
const MAX_OPEN_PER_HOST: usize = 256;

/// The images of one host.
struct Queue {
    /// None for images without a URL that can be requested: they end at once.
    host: Option<Arc<Host>>,
    /// Their numbers in the set.
    images: VecDeque<u32>,
    open: usize,
    /// Whether it is among those to be looked at, or has a time to be.
    is_listed: bool,
}

/// An image in progress: the number of its queue, and what came of it.
type Running<'a, T> = Pin<Box<dyn Future<Output = (usize, T)> + 'a>>;

/// The queues of a run.
struct Queues<'a, T, Job> {
    client: &'a Client,
    is_closed: &'a AtomicBool,
    job: Job,
    queues: Vec<Queue>,
    /// Queues by the number of their host.
    by_host: HashMap<usize, usize>,
    /// Queues to be looked at.
    listed: VecDeque<usize>,
    /// Queues whose hosts can be asked later.
    later: BinaryHeap<Reverse<(Instant, usize)>>,
    running: FuturesUnordered<Running<'a, T>>,
    left: usize,
}

/// Starts `job` for each image when its host can be asked, with its number in the set and the place at its host; the stream
/// yields what came of them, as they end. Once `is_closed` is set, no further image is started.
pub fn schedule<'a, T: 'a, Job, Done>(
    client: &'a Client,
    images: &[Planned],
    origins: &Origins,
    is_closed: &'a AtomicBool,
    job: Job,
) -> impl Stream<Item = T> + use<'a, T, Job, Done>
where
    Job: Fn(u32, Option<Place>) -> Done + 'a,
    Done: Future<Output = T> + 'a,
{
    let queues = queues_of(client, images, origins);
    let host_numbers = queues.iter().enumerate();
    let by_host = host_numbers
        .filter_map(|(at, queue)| Some((queue.host.as_ref()?.number, at)))
        .collect();
    let queues = Queues {
        client,
        is_closed,
        job,
        listed: (0..queues.len()).collect(),
        left: queues.iter().map(|queue| queue.images.len()).sum(),
        queues,
        by_host,
        later: BinaryHeap::new(),
        running: FuturesUnordered::new(),
    };
    stream::unfold(queues, |mut queues| async {
        let ended = queues.next().await?;
        Some((ended, queues))
    })
}

/// The images by the host that is asked first for them, hosts in the order in which they come.
fn queues_of(client: &Client, images: &[Planned], origins: &Origins) -> Vec<Queue> {
    let mut by_origin: Vec<Option<usize>> = vec![None; origins.names().len()];
    let mut queues: Vec<Queue> = Vec::new();
    let mut by_number: HashMap<Option<usize>, usize> = HashMap::new();
    for image in images {
        let origin = image.origin as usize;
        let at = *by_origin[origin].get_or_insert_with(|| {
            let host = client.host(&origins.names()[origin]);
            // http and https, or two spellings, may be one host.
            let number = host.as_ref().map(|host| host.number);
            *by_number.entry(number).or_insert_with(|| {
                queues.push(Queue {
                    host,
                    images: VecDeque::new(),
                    open: 0,
                    is_listed: true,
                });
                queues.len() - 1
            })
        });
        queues[at].images.push_back(image.at);
    }
    queues
}

/// What a queue waits for.
enum Event<T> {
    Ended((usize, T)),
    /// Hosts that may be asked again; none: any.
    Freed(Option<Vec<usize>>),
    Due,
}

impl<'a, T: 'a, Job, Done> Queues<'a, T, Job>
where
    Job: Fn(u32, Option<Place>) -> Done + 'a,
    Done: Future<Output = T> + 'a,
{
    /// What came of the next image that ends; none when all have.
    async fn next(&mut self) -> Option<T> {
        loop {
            self.start();
            if self.running.is_empty() && (self.left == 0 || self.is_closed()) {
                return None;
            }
            let due = self.later.peek().map(|Reverse((due, _))| *due);
            let due = due.filter(|_| !self.is_closed());
            let client = self.client;
            let event = tokio::select! {
                biased;
                Some(ended) = self.running.next() => Event::Ended(ended),
                freed = client.freed() => Event::Freed(freed),
                () = until(due) => Event::Due,
            };
            match event {
                Event::Ended((at, outcome)) => {
                    self.queues[at].open -= 1;
                    self.list(at);
                    return Some(outcome);
                }
                Event::Freed(Some(hosts)) => {
                    for host in hosts {
                        if let Some(at) = self.by_host.get(&host) {
                            self.list(*at);
                        }
                    }
                }
                Event::Freed(None) => (0..self.queues.len()).for_each(|at| self.list(at)),
                Event::Due => self.list_due(),
            }
        }
    }

    fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    /// Has a queue looked at, unless it will be.
    fn list(&mut self, at: usize) {
        let queue = &mut self.queues[at];
        if !queue.is_listed && !queue.images.is_empty() {
            queue.is_listed = true;
            self.listed.push_back(at);
        }
    }

    fn list_due(&mut self) {
        let now = Instant::now();
        while let Some(Reverse((due, at))) = self.later.peek().copied() {
            if due > now {
                break;
            }
            self.later.pop();
            // Its mark is that of the time; now it is looked at.
            self.listed.push_back(at);
        }
    }

    /// Starts images of the queues that are listed, in turns, as long as their hosts can be asked.
    fn start(&mut self) {
        if self.is_closed() {
            return;
        }
        while self.running.len() < MAX_OPEN {
            let Some(at) = self.listed.pop_front() else {
                break;
            };
            let queue = &mut self.queues[at];
            queue.is_listed = false;
            if queue.images.is_empty() || queue.open >= MAX_OPEN_PER_HOST {
                continue;
            }
            let now = Instant::now();
            let turn = match &queue.host {
                // All that are left fail at once.
                _ if self.client.is_over_budget() => Turn::Go,
                None => Turn::Go,
                Some(host) => host.pacing().wants(now),
            };
            match turn {
                Turn::Go | Turn::Stopped(_) => self.start_one(at),
                Turn::Wait(due) => {
                    queue.is_listed = true;
                    self.later.push(Reverse((due, at)));
                }
                Turn::Full => {}
            }
        }
    }

    fn start_one(&mut self, at: usize) {
        let queue = &mut self.queues[at];
        let Some((image, is_sample)) = queue.take() else {
            return;
        };
        queue.open += 1;
        self.left -= 1;
        let place = queue.host.as_ref().map(|host| Place::at(host, false));
        let place = match is_sample {
            true => place.map(Place::of_sample),
            false => place,
        };
        let done = (self.job)(image, place);
        self.running.push(Box::pin(async move { (at, done.await) }));
        self.list(at);
    }
}

impl Queue {
    /// The next image: the first one, or one from anywhere where many in a row were refused, which is a sample then.
    fn take(&mut self) -> Option<(u32, bool)> {
        let sample = self.host.as_ref();
        let sample = sample.and_then(|host| host.pacing().wants_sample());
        match sample {
            None => Some((self.images.pop_front()?, false)),
            Some(n) => {
                // Multiples of the golden ratio lie evenly between 0 and 1, however many there are.
                let share = (f64::from(n + 1) * 0.618_033_988_749_895).fract();
                let at = (share * self.images.len() as f64) as usize;
                Some((self.images.remove(at)?, true))
            }
        }
    }
}

/// Waits until then; for ever where there is no time.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
