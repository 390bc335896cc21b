//! One image from a IIIF image service, whole and pixel-true: the whole image where the server gives it, else the
//! fewest regions it honours, else the tiles it advertises.
//!
//! What a server declares is a hint. An answer of another size than was asked for is never used: it is asked for
//! once more, and when it stays small it teaches the cap of that host, once for all images.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, StreamExt};
use tokio::time::timeout;

use super::access;
use super::check::{look_at, region_bytes, size_of};
use super::cover::{self, Rect, cells};
use super::hosts::Memory;
use super::pack::Pack;
use super::plan::{Dialect, Plan, dialects, fits, may_be_whole, part, said, shrunk, whole_uri};
use crate::contracts::Service;
use crate::files::Part;
use crate::http::{Ask, Count, Http, Kind, Reply, Saved, Trouble};
use crate::iiif;
use crate::iiif::authorization::AccessControl;
use crate::iiif::info::{Info, Limits};
use crate::pixels::{self, Sound};
use crate::progress::Parts;

/// What is wanted of a service.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// The service.
    pub service: &'a Service,
    /// Widest result, if it may be smaller than the image.
    pub max_width: Option<u32>,
    /// Whether only what info.json lists is asked for.
    pub is_canonical: bool,
    /// The file type to ask for where the server has it; none: the server's usual.
    pub format: Option<&'static str>,
    /// Size of the service's image as the source declares it.
    pub declared: Option<[u32; 2]>,
    /// Most bytes of one answer.
    pub most: u64,
    /// Where an answer that is the whole picture goes.
    pub part: &'a Part,
    /// Where regions are counted.
    pub parts: &'a Parts,
    /// Counts the requests.
    pub count: Count,
}

/// An image that was had.
pub enum Got {
    /// One answer, as it came.
    Whole(Whole),
    /// Regions in a pack, all of them.
    Regions {
        /// They are in here.
        pack: Pack,
        /// What was learnt on the way.
        notes: Vec<String>,
    },
}

/// One answer that is the picture asked for.
pub struct Whole {
    /// The URI asked.
    pub uri: String,
    /// The answer; its body is in the part file.
    pub saved: Saved,
    /// What its body is.
    pub sound: Sound,
    /// What was learnt on the way.
    pub notes: Vec<String>,
}

/// The size of regions first tried on a server that refuses the whole image without saying why.
const CAUTIOUS: u32 = 1024;
/// The sizes of regions tried last.
const SMALL: [u32; 2] = [512, 256];
/// An image in more regions than this is a lie of its info.json, or not to be had with decency.
const MOST_REGIONS: u64 = 100_000;
/// How often a cap may turn out smaller than thought.
const LESSONS: u32 = 4;
/// A server that gives less than this is not worth asking.
const LEAST: u32 = 64;

/// Fetches an image; `pack_at` makes the pack when regions are needed.
pub async fn fetch(
    http: &Http,
    memory: &Memory,
    wanted: &Wanted<'_>,
    resumed: Option<Pack>,
    pack_at: &(dyn Fn(Plan) -> Result<Pack, Trouble> + Sync),
) -> Result<Got, Trouble> {
    let mut course = Course {
        http,
        memory,
        wanted,
        base: wanted.service.id.clone(),
        gate: None,
        notes: Vec::new(),
        trouble_with_whole: None,
        cap: Limits::NONE,
        patience: None,
    };
    let got = course.run(resumed, pack_at).await;
    got.map_err(|trouble| match &course.gate {
        // What info.json said of a door holds for the pictures behind it.
        Some(gate) if trouble.status.is_some_and(|s| s == 401 || s == 403) => {
            access::barred(http, &wanted.service.id, gate, trouble)
        }
        _ => trouble,
    })
}

/// One image's way through the ladder.
struct Course<'a> {
    http: &'a Http,
    memory: &'a Memory,
    wanted: &'a Wanted<'a>,
    /// The service that is asked for pictures: the one wanted, or the one that stands in for it.
    base: String,
    /// What stands before it.
    gate: Option<AccessControl>,
    notes: Vec<String>,
    /// What kept the server from giving the whole picture, where that may be its size.
    trouble_with_whole: Option<Trouble>,
    /// What this image's answers have taught; the host learns it when a region proves it.
    cap: Limits,
    /// How often a region is asked for again that the server fails at.
    patience: Option<u32>,
}

impl Course<'_> {
    async fn run(
        &mut self,
        resumed: Option<Pack>,
        pack_at: &(dyn Fn(Plan) -> Result<Pack, Trouble> + Sync),
    ) -> Result<Got, Trouble> {
        let info = self.info().await?;
        let (origin, size) = part(self.wanted.service, [info.width, info.height])?;
        if let Some(pack) = resumed
            .filter(|pack| pack.plan().info == said(&info) && pack.plan().service == self.base)
        {
            match self.complete(pack).await {
                // The server no longer answers as it did when the pack was begun.
                Err(trouble) if trouble.kind == Kind::WrongSize => {}
                outcome => return outcome,
            }
        }
        let target = shrunk(size, self.wanted.max_width);
        let host = self.memory.host(&self.wanted.service.id);
        let listed = size == target && size == [info.width, info.height];
        let is_listed = listed && info.sizes.contains(&size);
        let possible = (!self.wanted.is_canonical || is_listed || info.tiles.is_empty())
            && info.limits.allow(target[0], target[1])
            && may_be_whole(&info, size, target);
        // An image that takes its time, or that its server fails at, keeps the others for so long only.
        let patience = Duration::from_secs_f64(self.http.options().timeout / 4.0);
        let lesson = match possible && host.known().is_new() {
            true => timeout(patience, host.lesson.lock()).await.ok(),
            false => None,
        };
        // Another image may have settled it meanwhile.
        let lesson = lesson.filter(|_| host.known().is_new());
        if possible && host.known().may_give(target) {
            match self.whole(&info, origin, size, target).await? {
                Some(whole) => {
                    host.learn(|known| known.gave(target));
                    return Ok(Got::Whole(whole));
                }
                None if self.cap == Limits::NONE => host.learn(|known| known.refused(target)),
                None => {}
            }
        }
        let pack = self.first_region(&info, origin, size, pack_at).await?;
        drop(lesson);
        self.complete(pack).await
    }

    async fn info(&mut self) -> Result<Info, Trouble> {
        let service = &self.wanted.service.id;
        let count = &self.wanted.count;
        let admission = access::admission(self.http, self.memory, service, count).await?;
        if self.wanted.service.region.is_none() {
            access::is_whole(self.http, &admission, service, self.wanted.declared)?;
        }
        self.base = admission.base;
        self.gate = admission.gate;
        Ok(admission.info)
    }

    /// Why an answer is not the picture asked for, although it is one: it is another service's.
    fn strayed(&self, answered: &str) -> Result<(), (Kind, String)> {
        match &self.gate {
            Some(gate) if gate.version == 1 && !iiif::is_below_service(&self.base, answered) => {
                let trouble = access::lesser(self.http, &self.base, gate, answered);
                Err((trouble.kind, trouble.message))
            }
            _ => Ok(()),
        }
    }

    /// Trouble that no other words help against.
    fn is_barred(&self, trouble: &Trouble) -> bool {
        self.gate.is_some() && trouble.kind == Kind::Forbidden && trouble.status != Some(403)
    }

    /// Asks for the picture in one answer; none when the server does not give it that way.
    async fn whole(
        &mut self,
        info: &Info,
        origin: [u32; 2],
        size: [u32; 2],
        target: [u32; 2],
    ) -> Result<Option<Whole>, Trouble> {
        let part = (size != [info.width, info.height]).then(|| Rect {
            x: origin[0],
            y: origin[1],
            width: size[0],
            height: size[1],
        });
        let mut small = None;
        let has_regions = info.level >= 1 || !info.tiles.is_empty();
        let known = self.memory.host(&self.wanted.service.id).known();
        let is_probe = has_regions && !known.has_given(target);
        let patience = is_probe.then_some(1);
        for dialect in dialects(info, self.wanted.format)
            .into_iter()
            .filter(|d| d.both_sides == (info.version >= 3))
        {
            let uri = whole_uri(
                &self.base,
                part,
                (target != size).then_some(target),
                &dialect,
            );
            for _ in 0..2 {
                let (saved, sound) = match self.save(&uri, patience).await {
                    Ok(answer) => answer,
                    Err(trouble) if self.is_barred(&trouble) => return Err(trouble),
                    Err(trouble) if refused(&trouble) => break,
                    Err(trouble) if trouble.kind.may_be_size() => {
                        self.note_refusal(target, trouble);
                        break;
                    }
                    Err(trouble) => return Err(trouble),
                };
                let found = [sound.header.width, sound.header.height];
                if fits(found, target, size) {
                    self.note_format(&dialect);
                    let notes = std::mem::take(&mut self.notes);
                    return Ok(Some(Whole {
                        uri,
                        saved,
                        sound,
                        notes,
                    }));
                }
                self.wanted.part.discard();
                if found[0] > target[0] || found[1] > target[1] {
                    return Err(larger_than_declared(&uri, target, found));
                }
                // Twice the same: not a slip, but what this server does.
                if small == Some(found) {
                    self.learn_from_whole(target, found);
                    return Ok(None);
                }
                small = Some(found);
            }
            if small.is_some() {
                break;
            }
        }
        Ok(None)
    }

    fn note_refusal(&mut self, target: [u32; 2], trouble: Trouble) {
        self.notes.push(format!(
            "asked for {} x {} at once: {}; covered by regions instead",
            target[0], target[1], trouble.message
        ));
        self.trouble_with_whole = Some(trouble);
    }

    /// Notes that another file type was taken than the one wanted.
    fn note_format(&mut self, taken: &Dialect) {
        if let Some(wanted) = self.wanted.format.filter(|wanted| *wanted != taken.format) {
            let taken = &taken.format;
            let note = format!(
                "the server gives no {wanted}: made from {taken}, which may have lost something"
            );
            self.notes.push(note);
        }
    }

    fn learn_from_whole(&mut self, asked: [u32; 2], found: [u32; 2]) {
        let side = found[0].max(found[1]).max(LEAST);
        self.cap = self.cap.and(&Limits {
            width: side,
            height: side,
            area: u64::MAX,
        });
        self.notes.push(format!(
            "asked for {} x {}, answered {} x {} with status 200: covered by regions instead",
            asked[0], asked[1], found[0], found[1]
        ));
    }

    /// Finds the words and the region size that the server honours, by fetching the first region.
    async fn first_region(
        &mut self,
        info: &Info,
        origin: [u32; 2],
        size: [u32; 2],
        pack_at: &(dyn Fn(Plan) -> Result<Pack, Trouble> + Sync),
    ) -> Result<Pack, Trouble> {
        let mut last = None;
        for (tile, dialect) in self.ways(info, size) {
            match self
                .try_way(info, origin, size, tile, dialect, pack_at)
                .await
            {
                Ok(pack) => return pack,
                // A host under strain is not helped by other words.
                Err(trouble) if self.is_barred(&trouble) || trouble.status == Some(503) => {
                    return Err(trouble);
                }
                Err(trouble)
                    if refused(&trouble)
                        || matches!(
                            trouble.kind,
                            Kind::WrongSize | Kind::Forbidden | Kind::Server
                        ) =>
                {
                    // It failed at one region with all patience: other words for it are tried once each.
                    if trouble.kind == Kind::Server {
                        self.patience = Some(0);
                    }
                    last = Some(trouble)
                }
                Err(trouble) => return Err(trouble),
            }
        }
        let last = last.unwrap_or_else(|| Trouble {
            kind: Kind::Unsupported,
            status: None,
            attempts: 0,
            message: match size == [info.width, info.height] {
                true => "the service offers neither the whole image nor tiles at full scale".into(),
                false => "the service offers no parts of its image but its own tiles".into(),
            },
        });
        // A server that does not know regions says nothing of why the picture is not to be had.
        match self.trouble_with_whole.take().filter(|_| refused(&last)) {
            Some(trouble) => Err(Trouble {
                message: format!("{}; regions: {}", trouble.message, last.message),
                ..trouble
            }),
            None => Err(last),
        }
    }

    /// Region sizes to try with the words to try them in: the largest regions first, advertised tiles after.
    fn ways(&self, info: &Info, size: [u32; 2]) -> Vec<(Option<[u32; 2]>, Dialect)> {
        let advertised = info
            .tiles
            .iter()
            .filter(|set| set.scale_factors.is_empty() || set.scale_factors.contains(&1));
        let advertised = advertised
            .map(|set| [set.width, set.height])
            .max_by_key(|[w, h]| u64::from(*w) * u64::from(*h));
        let is_bound = self.wanted.is_canonical && advertised.is_some();
        // Files made beforehand, of which none is a part.
        let has_no_parts = info.level == 0 && info.tiles.is_empty() && !info.sizes.is_empty();
        let has_free = info.level >= 1 && !is_bound || advertised.is_none() && !has_no_parts;
        let free = has_free.then_some(None);
        let tiles = advertised
            .filter(|_| size == [info.width, info.height])
            .map(Some);
        // A server that refuses large regions without a word may give small ones.
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

    /// A pack with its first region, or why there is none although the server honours these words; the outer error is
    /// for those that it does not honour.
    async fn try_way(
        &mut self,
        info: &Info,
        origin: [u32; 2],
        size: [u32; 2],
        advertised: Option<[u32; 2]>,
        dialect: Dialect,
        pack_at: &(dyn Fn(Plan) -> Result<Pack, Trouble> + Sync),
    ) -> Result<Result<Pack, Trouble>, Trouble> {
        for _ in 0..LESSONS {
            let tile = advertised.unwrap_or_else(|| self.region_size(info, size));
            let plan = Plan {
                service: self.base.clone(),
                origin,
                size,
                tile,
                dialect: dialect.clone(),
                whole: size == [info.width, info.height],
                info: said(info),
            };
            if cover::count(size, tile) > MOST_REGIONS {
                let message = format!(
                    "{} x {} pixels in regions of {} x {} are more than {MOST_REGIONS} requests",
                    size[0], size[1], tile[0], tile[1]
                );
                return Err(Trouble {
                    kind: Kind::Info,
                    status: None,
                    attempts: 0,
                    message,
                });
            }
            let Some(first) = cells(origin, size, tile).next() else {
                break;
            };
            let (reply, found) = self.ask_twice(&plan, first).await?;
            if found == [first.width, first.height] {
                if self.cap != Limits::NONE {
                    let service = &self.wanted.service.id;
                    self.memory.lower(service, &self.cap).await;
                }
                let pack = match pack_at(plan) {
                    Ok(pack) => add(&pack, first, reply.body).await.map(|()| pack),
                    Err(trouble) => Err(trouble),
                };
                return Ok(pack);
            }
            let area = u64::from(found[0]) * u64::from(found[1]);
            let smaller = found[0] < first.width || found[1] < first.height;
            if advertised.is_some() || !smaller || found[0].min(found[1]) < LEAST {
                return Err(wrong_size(&plan.uri(first), first, found));
            }
            let side = found[0].max(found[1]);
            // A square answered smaller on both sides tells of a limit on the area as well as on a side.
            self.cap = self.cap.and(&Limits {
                width: side,
                height: side,
                area: area.max(u64::from(LEAST).pow(2)),
            });
            self.notes.push(format!(
                "asked for a region of {} x {}, answered {} x {}",
                first.width, first.height, found[0], found[1]
            ));
        }
        Err(Trouble {
            kind: Kind::WrongSize,
            status: None,
            attempts: 0,
            message: "every region size tried was answered smaller".into(),
        })
    }

    fn region_size(&self, info: &Info, size: [u32; 2]) -> [u32; 2] {
        let learnt = self.memory.host(&self.wanted.service.id).cap();
        let limits = info.limits.and(&learnt).and(&self.cap);
        let limits = match limits.allow(size[0], size[1]) {
            // Refused whole for no stated reason.
            true => limits.and(&Limits {
                width: CAUTIOUS,
                height: CAUTIOUS,
                area: u64::MAX,
            }),
            false => limits,
        };
        // PNG is asked for where the pixels are written anew in any case.
        let is_joined = self.wanted.format != Some("png");
        cover::fewest(size[0], size[1], &limits, is_joined)
    }

    /// Fetches every region that the pack lacks.
    async fn complete(&mut self, pack: Pack) -> Result<Got, Trouble> {
        let plan = pack.plan().clone();
        let missing: Vec<Rect> = cells(plan.origin, plan.size, plan.tile)
            .filter(|&cell| !pack.holds(cell))
            .collect();
        let all = cover::count(plan.size, plan.tile);
        let counted = self.wanted.parts.one(all);
        counted.had_before(all.saturating_sub(missing.len() as u64));
        let (course, pack_ref, plan_ref, counted) = (&*self, &pack, &plan, &counted);
        let fetch = |cell: Rect| async move {
            let uri = plan_ref.uri(cell);
            let right = async |reply: &Reply| {
                course.strayed(&reply.url)?;
                let found = size_of(reply.body.clone(), [cell.width, cell.height]).await?;
                if found == [cell.width, cell.height] {
                    Ok(())
                } else {
                    Err((Kind::WrongSize, wrong_size(&uri, cell, found).message))
                }
            };
            let ask = Ask::image(&uri, region_bytes(cell)).counted(&course.wanted.count);
            let mut reply = course.http.get_checked(&ask, right).await;
            if reply.as_ref().is_err_and(|t| t.kind == Kind::WrongSize) {
                // Once more: a slip passes, a rule does not.
                reply = course.http.get_checked(&ask, right).await;
            }
            add(pack_ref, cell, reply?.body).await?;
            counted.had();
            Ok::<(), Trouble>(())
        };
        let in_flight = usize::from(self.http.options().per_host());
        let mut answers = stream::iter(missing).map(fetch).buffer_unordered(in_flight);
        let mut first = None;
        // One region that cannot be had does not cost those under way: they are in the pack for the next run.
        while let Some(answer) = answers.next().await {
            if let Err(trouble) = answer {
                let grave = matches!(trouble.kind, Kind::Disk | Kind::WrongSize | Kind::Network);
                first.get_or_insert(trouble);
                if grave {
                    break;
                }
            }
        }
        drop(answers);
        if let Some(trouble) = first {
            return Err(trouble);
        }
        self.note_format(&plan.dialect);
        Ok(Got::Regions {
            pack,
            notes: std::mem::take(&mut self.notes),
        })
    }

    async fn ask_twice(&mut self, plan: &Plan, cell: Rect) -> Result<(Reply, [u32; 2]), Trouble> {
        let uri = plan.uri(cell);
        let first = self.ask(&uri, cell).await?;
        if first.1 == [cell.width, cell.height] {
            Ok(first)
        } else {
            self.ask(&uri, cell).await
        }
    }

    /// A complete picture, of whatever size, in the part file.
    async fn save(&self, uri: &str, patience: Option<u32>) -> Result<(Saved, Sound), Trouble> {
        let ask = Ask {
            patience,
            ..Ask::image(uri, self.wanted.most).counted(&self.wanted.count)
        };
        let part = self.wanted.part;
        let look = async |saved: &Saved| {
            self.strayed(&saved.url)?;
            look_at(part, Ok).await
        };
        self.http.save(&ask, part, look).await
    }

    /// A complete picture, of whatever size, in memory.
    async fn ask(&mut self, uri: &str, cell: Rect) -> Result<(Reply, [u32; 2]), Trouble> {
        let found = Mutex::new([0, 0]);
        let check = async |reply: &Reply| {
            self.strayed(&reply.url)?;
            *found.lock().unwrap_or_else(PoisonError::into_inner) =
                size_of(reply.body.clone(), [cell.width, cell.height]).await?;
            Ok(())
        };
        let ask = Ask {
            patience: self.patience,
            ..Ask::image(uri, region_bytes(cell)).counted(&self.wanted.count)
        };
        let reply = self.http.get_checked(&ask, check).await;
        Ok((
            reply?,
            found.into_inner().unwrap_or_else(PoisonError::into_inner),
        ))
    }
}

/// Trouble that another way of asking may avoid.
fn refused(trouble: &Trouble) -> bool {
    matches!(
        trouble.kind,
        Kind::NotFound | Kind::Status | Kind::Unsupported
    )
}

fn larger_than_declared(uri: &str, declared: [u32; 2], found: [u32; 2]) -> Trouble {
    let message = format!(
        "{uri}: info.json makes it {} x {} pixels, the answer has {} x {}: boxes and regions cannot be trusted",
        declared[0], declared[1], found[0], found[1]
    );
    Trouble {
        kind: Kind::Info,
        status: Some(200),
        attempts: 0,
        message,
    }
}

fn wrong_size(uri: &str, asked: Rect, found: [u32; 2]) -> Trouble {
    let message = format!(
        "{uri}: asked for {} x {} pixels, answered {} x {}",
        asked.width, asked.height, found[0], found[1]
    );
    Trouble {
        kind: Kind::WrongSize,
        status: Some(200),
        attempts: 0,
        message,
    }
}

/// Trouble with the disk.
pub fn disk(e: std::io::Error) -> Trouble {
    Trouble {
        kind: Kind::Disk,
        status: None,
        attempts: 0,
        message: e.to_string(),
    }
}

async fn add(pack: &Pack, cell: Rect, body: Bytes) -> Result<(), Trouble> {
    // A short append to a local file; not worth a thread.
    let channels = pixels::measure_bytes(&body).map_or(3, |header| header.channels);
    pack.add(cell, channels, &body).map_err(disk)
}
