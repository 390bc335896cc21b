//! One image from a IIIF image service, complete and in full resolution: the whole image where the server gives it,
//! otherwise the fewest regions that it accepts, otherwise the tiles that it advertises.
//!
//! What a server declares is a hint. An answer of another size than requested is never used: it is requested once more,
//! and if it is smaller again, that is the cap of the host, found once for all images.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, StreamExt};
use tokio::time::timeout;

pub mod auth;
pub mod decode;
mod edges;
pub mod grid;
pub mod limits;
pub mod lossless;
pub mod plan;
pub mod region_store;
pub mod verify;
mod whole;

use super::network::Servers;
use crate::contracts::Service;
use crate::files::Part;
use crate::http::{Error, Kind, Request, RequestLog, Response, SavedResponse, without_secrets};
use crate::iiif;
use crate::iiif::authorization::AccessControl;
use crate::iiif::info::{Info, Limits};
use crate::pixels::{self, VerifiedFile};
use crate::progress::RegionCounter;
use grid::{Rect, cells};
use plan::{Dialect, RegionPlan, Sample, Scaling, dialects, fingerprint, output_size, part};
use region_store::RegionStore;
use verify::{max_region_bytes, size_of, verify};

/// What is wanted of a service.
pub struct Wanted<'a> {
    /// The service.
    pub service: &'a Service,
    /// How far the image is scaled down.
    pub scaling: Scaling,
    /// Whether only what `info.json` lists is requested.
    pub is_canonical: bool,
    /// The file type to request where the server has it; none: the server's usual one.
    pub format: Option<&'static str>,
    /// Size of the service's image as the source declares it.
    pub declared: Option<[u32; 2]>,
    /// The most bytes of one answer.
    pub max_bytes: u64,
    /// Where an answer that is the whole image goes.
    pub part: &'a Part,
    /// Makes the store for an image that is covered with regions.
    pub new_store: &'a dyn Fn(RegionPlan) -> Result<RegionStore, Error>,
    /// Counts the regions.
    pub regions: &'a RegionCounter,
    /// What is noted of the region that a later run asks about.
    pub sampled: &'a Mutex<Sample>,
    /// Counts the requests.
    pub log: RequestLog,
}

/// An image that was fetched.
pub enum Fetched {
    /// One answer, as it came.
    Whole(Whole),
    /// All regions of the image.
    Regions {
        /// Where they are.
        store: RegionStore,
        /// What was adjusted.
        notes: Vec<String>,
    },
}

/// One answer that is the image requested.
pub struct Whole {
    /// What the journal calls this way to get an image: `whole` from a service, `bytes` from a plain URL.
    pub method: &'static str,
    /// The URI requested.
    pub uri: String,
    /// The answer; its body is in the part file.
    pub saved: SavedResponse,
    /// What its body is.
    pub sound: VerifiedFile,
    /// What was adjusted.
    pub notes: Vec<String>,
}

/// The size of regions first tried on a server that refuses the whole image without saying why, in pixels.
const CAUTIOUS: u32 = 1024;
/// The sizes of regions tried last, in pixels.
const SMALL: [u32; 2] = [512, 256];
/// An image of more regions than this is a mistake in its `info.json`, or too much to request of a server.
const MAX_REGIONS: u64 = 100_000;
/// How often a cap may turn out smaller than thought.
const MAX_LESSONS: u32 = 4;
/// The smallest side of regions that is worth requesting, in pixels.
const LEAST: u32 = 64;

/// Fetches an image; `resumed` holds the regions of an earlier run.
///
/// # Errors
/// The last one met, after every way to request the image has failed.
pub async fn fetch(
    servers: &Servers,
    wanted: &Wanted<'_>,
    resumed: Option<RegionStore>,
) -> Result<Fetched, Error> {
    let (client, service) = (&servers.client, &wanted.service.id);
    let admission = servers.admissions.of(client, service, &wanted.log).await?;
    if wanted.service.region.is_none() {
        auth::check_size(client, &admission, service, wanted.declared)?;
    }
    let info = admission.info;
    let (origin, size) = part(wanted.service, [info.width, info.height])?;
    let mut fetch = ServiceFetch {
        servers,
        wanted,
        fingerprint: fingerprint(&info),
        info,
        base: admission.base,
        access: admission.access,
        origin,
        size,
        target: output_size(size, wanted.scaling),
        notes: Vec::new(),
        whole_error: None,
        cap: Limits::NONE,
        size_retries: None,
        named_by: None,
        other_size: Mutex::default(),
    };
    fetch.believe_sizes();
    lock(wanted.sampled).size = [fetch.info.width, fetch.info.height];
    let fetched = fetch.run(resumed).await;
    fetched.map_err(|error| match &fetch.access {
        // A login that info.json asks for is also that of the images.
        Some(access) if error.status.is_some_and(|s| s == 401 || s == 403) => {
            auth::with_login(client, service, access, error)
        }
        _ => error,
    })
}

/// One image on its way from a service that grants access.
struct ServiceFetch<'a> {
    servers: &'a Servers,
    wanted: &'a Wanted<'a>,
    info: Info,
    /// Base URI of the service to request the image of: the one wanted, or the one that stands in for it.
    base: String,
    /// The [`fingerprint`] of the info.json as it was read.
    fingerprint: String,
    /// Its authorization services.
    access: Option<AccessControl>,
    /// Where the image lies in the service's image, in pixels.
    origin: [u32; 2],
    /// Its size at full scale, in pixels.
    size: [u32; 2],
    /// The size of the resulting file, in pixels.
    target: [u32; 2],
    notes: Vec<String>,
    /// Why the server did not give the whole image, where that may be because of its size.
    whole_error: Option<Error>,
    /// The cap that answers for this image have shown; the host's is changed when a region proves it.
    cap: Limits,
    /// How often a region at which the server fails is requested again.
    size_retries: Option<u32>,
    /// The size by which regions are named, where that is another ([`RegionPlan::named_by`]).
    named_by: Option<[u32; 2]>,
    /// The size of the last region that was not of the size requested.
    other_size: Mutex<Option<[u32; 2]>>,
}

impl ServiceFetch<'_> {
    /// The ways to get the image, one after the other.
    async fn run(&mut self, resumed: Option<RegionStore>) -> Result<Fetched, Error> {
        let error = match self.run_as_declared(resumed).await {
            Err(error) if may_go_another_way(&error) => error,
            outcome => return outcome,
        };
        // Also those that have only files have to have the whole image (Image API 3.0, section 5), though many do not.
        if self.info.level > 0 || self.info.tiles.is_empty() || !self.is_all() {
            return Err(error);
        }
        match self.whole().await {
            Ok(Some(whole)) => Ok(Fetched::Whole(whole)),
            _ => Err(error),
        }
    }

    async fn run_as_declared(&mut self, resumed: Option<RegionStore>) -> Result<Fetched, Error> {
        if let Some(store) = resumed.filter(|store| self.is_of_this_image(store.plan())) {
            match self.remaining_regions(store).await {
                // The server no longer answers as it did when the store was begun.
                Err(error) if error.kind == Kind::WrongSize => {}
                outcome => return outcome,
            }
        }
        let host = self.servers.known.host(&self.wanted.service.id);
        let may_be_whole = self.may_be_whole();
        // One image finds out for all others how large answers may be. If it takes long, the others go on.
        let longest = Duration::from_secs_f64(self.servers.client.options().timeout / 4.0);
        let probing = match may_be_whole && host.known().is_new() {
            true => timeout(longest, host.probing.lock()).await.ok(),
            false => None,
        };
        // Another image may have found out meanwhile.
        let probing = probing.filter(|_| host.known().is_new());
        let is_tried = may_be_whole && host.may_give(self.target);
        if is_tried && let Some(whole) = self.whole_if_given().await? {
            return Ok(Fetched::Whole(whole));
        }
        let store = self.first_region().await?;
        drop(probing);
        // What was believed may have been contradicted while this image waited for its turn.
        let is_given_now = may_be_whole && !is_tried && host.known().may_give(self.target);
        if is_given_now && let Some(whole) = self.whole_if_given().await? {
            store.discard();
            return Ok(Fetched::Whole(whole));
        }
        let plan = store.plan().clone();
        let error = match self.remaining_regions(store).await {
            Err(error) if may_be_off(&error) => error,
            outcome => return outcome,
        };
        let is_off = self.is_off(&plan).await;
        if !is_off && error.kind != Kind::WrongSize {
            return Err(error);
        }
        // A server may begin to answer smaller than before, or one of several that stand behind one name: then regions are
        // smaller from now on.
        let found = lock(&self.other_size).take();
        if let Some([width, height]) = found.filter(|[w, h]| !is_off && (*w).min(*h) >= LEAST) {
            let side = width.max(height);
            self.cap = self.cap.and(&Limits {
                width: side,
                height: side,
                area: u64::MAX,
            });
        }
        let store = self.first_region().await?;
        if !is_off && store.plan().tile == plan.tile {
            store.discard();
            return Err(error);
        }
        self.remaining_regions(store).await
    }

    /// Whether regions requested by a plan of an earlier run are regions of the image as it is now.
    fn is_of_this_image(&self, plan: &RegionPlan) -> bool {
        plan.info == self.fingerprint && plan.service == self.base
    }

    /// Whether the image is all of the service's image.
    fn is_all(&self) -> bool {
        self.size == [self.info.width, self.info.height]
    }

    /// Finds the form of URI and the region size that the server accepts, by fetching the first region.
    async fn first_region(&mut self) -> Result<RegionStore, Error> {
        let mut last = None;
        for (tile, dialect) in self.ways() {
            let error = match self.try_way(tile, dialect).await {
                Ok((plan, cell, body)) => {
                    let store = (self.wanted.new_store)(plan)?;
                    add(&store, cell, body)?;
                    return Ok(store);
                }
                Err(error) => error,
            };
            // An overloaded host is not helped by other requests.
            if self.is_barred(&error) || error.status == Some(503) || !may_go_another_way(&error) {
                return Err(error);
            }
            // The server failed at one region after all retries: other ways are tried once each.
            if error.kind == Kind::Server {
                self.size_retries = Some(0);
            }
            last = Some(error);
        }
        let last = last.unwrap_or_else(|| {
            Error::unsupported(match self.is_all() {
                true => "the service offers neither the whole image nor tiles at full scale",
                false => "the service offers only its own tiles, no other regions",
            })
        });
        // Where the server does not support regions, the reason is why it did not give the whole image.
        match self.whole_error.take().filter(|_| is_refusal(&last)) {
            Some(error) => Err(Error {
                message: format!("{}; regions: {}", error.message, last.message),
                ..error
            }),
            None => Err(last),
        }
    }

    /// Region sizes to try with forms of URI: the largest regions first, then the advertised tiles, then small regions.
    fn ways(&self) -> Vec<(Option<[u32; 2]>, Dialect)> {
        let info = &self.info;
        let advertised = info
            .tiles
            .iter()
            .filter(|set| set.scale_factors.is_empty() || set.scale_factors.contains(&1));
        let advertised = advertised
            .map(|set| [set.width, set.height])
            .max_by_key(|[w, h]| u64::from(*w) * u64::from(*h));
        let only_tiles = self.wanted.is_canonical && advertised.is_some();
        // Image files made beforehand, of which no part can be requested.
        let has_no_parts = info.level == 0 && info.tiles.is_empty() && !info.sizes.is_empty();
        let has_free = info.level >= 1 && !only_tiles || advertised.is_none() && !has_no_parts;
        let free = has_free.then_some(None);
        let tiles = advertised.filter(|_| self.is_all()).map(Some);
        // A server that refuses large regions without saying why may give small ones.
        let has_small = info.level >= 1 && advertised.is_none();
        let small = SMALL.into_iter().filter(|_| has_small);
        let small = small.map(|side| Some([side, side]));
        let ways = free.into_iter().chain(tiles).chain(small);
        ways.flat_map(|tile| {
            dialects(info, self.wanted.format)
                .into_iter()
                .map(move |dialect| (tile, dialect))
        })
        .collect()
    }

    /// The first region, of the largest size that the server accepts in this way, with the plan it belongs to.
    async fn try_way(
        &mut self,
        advertised: Option<[u32; 2]>,
        dialect: Dialect,
    ) -> Result<(RegionPlan, Rect, Bytes), Error> {
        for _ in 0..MAX_LESSONS {
            let plan = self.plan(advertised, &dialect)?;
            let Some(first) = cells(plan.origin, plan.size, plan.tile).next() else {
                break;
            };
            let (reply, found) = self.ask_twice(&plan, first).await?;
            if found == [first.width, first.height] {
                self.note_sample(&plan, first, &reply);
                if self.cap != Limits::NONE {
                    let service = &self.wanted.service.id;
                    self.servers.known.lower(service, &self.cap).await;
                }
                return Ok((plan, first, reply.body));
            }
            let is_smaller = found[0] < first.width || found[1] < first.height;
            if advertised.is_some() || !is_smaller || found[0].min(found[1]) < LEAST {
                return Err(wrong_size(&plan.uri(first), first, found));
            }
            self.learn_from_region(first, found);
        }
        Err(Error::wrong_size(
            "for every region size tried, the server sent a smaller image",
        ))
    }

    fn plan(&self, advertised: Option<[u32; 2]>, dialect: &Dialect) -> Result<RegionPlan, Error> {
        let plan = RegionPlan {
            service: self.base.clone(),
            origin: self.origin,
            size: self.size,
            tile: advertised.unwrap_or_else(|| self.region_size()),
            dialect: dialect.clone(),
            whole: self.is_all(),
            has_open_edges: advertised.is_none() && self.info.level >= 1,
            named_by: self.named_by,
            info: self.fingerprint.clone(),
        };
        if grid::count(plan.size, plan.tile) > MAX_REGIONS {
            let (size, tile) = (plan.size, plan.tile);
            return Err(Error::info(format!(
                "{} x {} pixels in regions of {} x {} are more than {MAX_REGIONS} requests",
                size[0], size[1], tile[0], tile[1]
            )));
        }
        Ok(plan)
    }

    fn learn_from_region(&mut self, requested: Rect, found: [u32; 2]) {
        let side = found[0].max(found[1]);
        let area = u64::from(found[0]) * u64::from(found[1]);
        // A square answered smaller on both sides may mean a limit on the area as well as one on the sides.
        self.cap = self.cap.and(&Limits {
            width: side,
            height: side,
            area: area.max(u64::from(LEAST).pow(2)),
        });
        self.notes.push(format!(
            "requested a region of {} x {}, answered {} x {}",
            requested.width, requested.height, found[0], found[1]
        ));
    }

    fn region_size(&self) -> [u32; 2] {
        let known = self.servers.known.host(&self.wanted.service.id).cap();
        let limits = self.info.limits.and(&known).and(&self.cap);
        let limits = match limits.allow(self.size[0], self.size[1]) {
            // The whole image was refused without a declared limit.
            true => limits.and(&Limits {
                width: CAUTIOUS,
                height: CAUTIOUS,
                area: u64::MAX,
            }),
            false => limits,
        };
        // Where PNG is requested the pixels are re-encoded in any case.
        let is_joined = self.wanted.format != Some("png");
        grid::fewest(self.size[0], self.size[1], &limits, is_joined)
    }

    /// Fetches every region of the plan that the store does not have.
    async fn remaining_regions(&mut self, store: RegionStore) -> Result<Fetched, Error> {
        let plan = store.plan();
        let missing: Vec<Rect> = cells(plan.origin, plan.size, plan.tile)
            .filter(|&cell| !store.holds(cell))
            .collect();
        let all = grid::count(plan.size, plan.tile);
        let counted = self.wanted.regions.image(all);
        counted.add_resumed(all.saturating_sub(missing.len() as u64));
        let (fetch, store_ref, counted_ref) = (&*self, &store, &counted);
        let one = |cell: Rect| async move {
            let body = fetch.region(store_ref.plan(), cell).await?;
            add(store_ref, cell, body)?;
            counted_ref.add_fetched();
            Ok::<(), Error>(())
        };
        let in_flight = usize::from(self.servers.client.options().per_host());
        let mut answers = stream::iter(missing).map(one).buffer_unordered(in_flight);
        let mut first = None;
        // A region that fails does not cost those in flight: the store keeps them for the next run.
        while let Some(answer) = answers.next().await {
            if let Err(error) = answer {
                let is_final = matches!(
                    error.kind,
                    Kind::Disk | Kind::WrongSize | Kind::Network | Kind::Protocol
                );
                first.get_or_insert(error);
                if is_final {
                    break;
                }
            }
        }
        drop(answers);
        drop(counted);
        if let Some(error) = first {
            return Err(error);
        }
        let dialect = store.plan().dialect.clone();
        self.note_format(&dialect);
        Ok(Fetched::Regions {
            store,
            notes: std::mem::take(&mut self.notes),
        })
    }

    /// A region in its full size, verified.
    async fn region(&self, plan: &RegionPlan, cell: Rect) -> Result<Bytes, Error> {
        let uri = plan.uri(cell);
        let check = async |reply: &Response| {
            self.check_origin(&reply.url)?;
            let found = size_of(reply.body.clone(), [cell.width, cell.height]).await?;
            match found == [cell.width, cell.height] {
                true => Ok(()),
                false => {
                    *lock(&self.other_size) = Some(found);
                    Err(wrong_size(&uri, cell, found))
                }
            }
        };
        let request = Request::image(&uri, max_region_bytes(cell)).logged(&self.wanted.log);
        let client = &self.servers.client;
        let mut reply = client.get_checked(&request, check).await;
        if reply.as_ref().is_err_and(|e| e.kind == Kind::WrongSize) {
            // Once more: an accident passes, a rule of the server does not.
            reply = client.get_checked(&request, check).await;
        }
        let reply = reply?;
        self.note_sample(plan, cell, &reply);
        Ok(reply.body)
    }

    /// Notes by what a later run sees whether the image has changed.
    fn note_sample(&self, plan: &RegionPlan, cell: Rect, reply: &Response) {
        if plan.sample() == Some(cell) {
            let mut sampled = lock(self.wanted.sampled);
            sampled.etag = reply.etag();
            sampled.last_modified = reply.last_modified();
            let is_redirected = reply.url != plan.uri(cell);
            sampled.redirected_to = is_redirected.then(|| without_secrets(&reply.url).into_owned());
        }
    }

    /// Requests a region, and once more if it is not of the size requested.
    async fn ask_twice(
        &self,
        plan: &RegionPlan,
        cell: Rect,
    ) -> Result<(Response, [u32; 2]), Error> {
        let uri = plan.uri(cell);
        let first = self.ask(&uri, cell).await?;
        if first.1 == [cell.width, cell.height] {
            Ok(first)
        } else {
            self.ask(&uri, cell).await
        }
    }

    /// A complete image of whatever size, in the part file.
    async fn save(
        &self,
        uri: &str,
        size_retries: Option<u32>,
    ) -> Result<(SavedResponse, VerifiedFile), Error> {
        let request = Request {
            size_retries,
            ..Request::image(uri, self.wanted.max_bytes).logged(&self.wanted.log)
        };
        let part = self.wanted.part;
        let check = async |saved: &SavedResponse| {
            self.check_origin(&saved.url)?;
            verify(part, Ok).await
        };
        self.servers.client.save(&request, part, check).await
    }

    /// A complete image of whatever size, in memory, with its size.
    async fn ask(&self, uri: &str, cell: Rect) -> Result<(Response, [u32; 2]), Error> {
        let found = Mutex::new([0, 0]);
        let check = async |reply: &Response| {
            self.check_origin(&reply.url)?;
            let size = size_of(reply.body.clone(), [cell.width, cell.height]).await?;
            *found.lock().unwrap_or_else(PoisonError::into_inner) = size;
            Ok(())
        };
        let request = Request {
            size_retries: self.size_retries,
            ..Request::image(uri, max_region_bytes(cell)).logged(&self.wanted.log)
        };
        let reply = self.servers.client.get_checked(&request, check).await?;
        Ok((
            reply,
            found.into_inner().unwrap_or_else(PoisonError::into_inner),
        ))
    }

    /// Whether an answer is of the service requested, rather than of a substitute that a redirect leads to.
    fn check_origin(&self, answered: &str) -> Result<(), Error> {
        match &self.access {
            Some(access)
                if access.version == 1 && !iiif::is_below_service(&self.base, answered) =>
            {
                let client = &self.servers.client;
                Err(auth::substitute(client, &self.base, access, answered))
            }
            _ => Ok(()),
        }
    }

    /// Whether access is refused, which no other way of requesting changes.
    fn is_barred(&self, error: &Error) -> bool {
        self.access.is_some() && error.kind == Kind::Forbidden && error.status != Some(403)
    }
}

fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the server does not give what was requested, and may give something else.
fn is_refusal(error: &Error) -> bool {
    matches!(
        error.kind,
        Kind::NotFound | Kind::Status | Kind::Unsupported
    )
}

/// Whether a region that failed in this way may succeed in another size or by another URI.
fn may_go_another_way(error: &Error) -> bool {
    is_refusal(error) || matches!(error.kind, Kind::WrongSize | Kind::Forbidden | Kind::Server)
}

/// Whether regions may have failed in this way because `info.json` declares a pixel or two too much.
fn may_be_off(error: &Error) -> bool {
    may_go_another_way(error) && error.status != Some(503)
}

fn wrong_size(uri: &str, requested: Rect, found: [u32; 2]) -> Error {
    let message = format!(
        "{uri}: requested {} x {} pixels, answered {} x {}",
        requested.width, requested.height, found[0], found[1]
    );
    Error::wrong_size(message).with_status(200)
}

/// Adds a region to the store. A short write to a local file is not worth a thread.
fn add(store: &RegionStore, cell: Rect, body: Bytes) -> Result<(), Error> {
    let channels = pixels::measure_bytes(&body).map_or(3, |header| header.channels);
    let added = store.add(cell, channels, &body);
    added.map_err(|e| Error::disk(e.to_string()))
}
