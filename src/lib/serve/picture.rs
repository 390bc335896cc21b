//! Requests of the Image API: identifier, region, size, rotation, quality, format → a plan, or why there is none.

use serde_json::json;

use super::auth::rules::May;
use super::auth::sight;
use super::info::{self, Facts};
use super::respond::{Asked, Body, Response, Site, json_response, not_modified, redirect, refused};
use super::store::GENERATION;
use super::{ids::Ids, tag};
use crate::iiif::resolve::{RenderPlan, ServerLimits};
use crate::iiif::{self, ImageRequest, Refusal, Size, Version};
use crate::pixels::encode::WRITABLE;

/// How answers are limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cap {
    /// The most pixels a side of an answer has; none: no cap.
    pub side: Option<u32>,
    /// The side is not told, and larger requests get a smaller picture instead of an error, as some hosting does.
    pub undeclared: bool,
    /// The most pixels of an answer.
    pub area: u64,
    /// `!w,h` above the region is an error, as the official validator has it.
    pub strict_within: bool,
}

impl Cap {
    /// What requests for an image of this size are judged by. The most pixels are told only where the image itself
    /// has more: it is no limit that anyone else would meet.
    pub fn declared(&self, [width, height]: [u32; 2]) -> ServerLimits {
        let max_size = self.side.filter(|_| !self.undeclared).map(|side| [side; 2]);
        ServerLimits {
            max_size,
            max_area: Some(self.area),
            formats: &WRITABLE,
            declares_area: u64::from(width) * u64::from(height) > self.area,
            upscale: true,
            strict_within: self.strict_within,
        }
    }

    /// What an undeclared cap leaves of an answer. Sides asked for by number are cut one by one, which distorts;
    /// others keep their proportions: so do servers in the field.
    fn cut(&self, request: &ImageRequest, mut plan: RenderPlan) -> RenderPlan {
        let Some(side) = self.side.filter(|_| self.undeclared) else {
            return plan;
        };
        let [w, h] = plan.size;
        let scale = f64::from(side) / f64::from(w.max(h));
        let shrunk = |n: u32| ((f64::from(n) * scale).round() as u32).max(1);
        plan.size = match request.size {
            _ if w <= side && h <= side => [w, h],
            Size::Exact(..) => [w.min(side), h.min(side)],
            _ => [shrunk(w), shrunk(h)],
        };
        plan
    }
}

/// Answers what stands after `/iiif/2/ID` or `/iiif/3/ID`.
pub fn answer(
    site: &Site,
    ids: &Ids,
    version: Version,
    id: &str,
    rest: &[&str],
    asked: &Asked,
) -> Response {
    image(
        site,
        ids,
        version,
        [id, &ids.service(version, id)],
        rest,
        asked,
        None,
    )
}

/// Answers what stands after `/iiif/degraded/2/ID` or `/iiif/degraded/3/ID`: an image that has no more pixels a side
/// than those may see who may not see all.
pub fn degraded(
    site: &Site,
    ids: &Ids,
    version: Version,
    id: &str,
    rest: &[&str],
    asked: &Asked,
) -> Response {
    let service = ids.degraded(version, id);
    match site.sight.degraded {
        None => refused(404, "no images are degraded here"),
        side => image(site, ids, version, [id, &service], rest, asked, side),
    }
}

/// An image as one of its services shows it.
struct Shown<'a> {
    version: Version,
    service: &'a str,
    at: usize,
    /// The file.
    facts: Facts,
    /// `[width, height]` that the service says it has.
    size: [u32; 2],
    limits: ServerLimits,
}

fn image(
    site: &Site,
    ids: &Ids,
    version: Version,
    [id, service]: [&str; 2],
    rest: &[&str],
    asked: &Asked,
    side: Option<u32>,
) -> Response {
    let Some(at) = site.find(id, ids) else {
        return refused(404, &format!("no image is called `{id}`"));
    };
    if let [] | [""] = *rest {
        return redirect(&iiif::info_uri(service));
    }
    let may = site.sight.may(&site.catalogue.pictures[at].about);
    if rest != ["info.json"] && may < May::Degraded {
        return site.sight.refuse("this image is not shown to everybody");
    }
    let facts = match (site.facts)(at) {
        Ok(facts) => facts,
        Err(why) => return refused(404, &format!("`{id}` cannot be had any more: {why}")),
    };
    let size = side.map_or(facts.size, |side| reduced(facts.size, side));
    let shown = Shown {
        version,
        service,
        at,
        size,
        limits: ServerLimits {
            upscale: side.is_none(),
            ..site.cap.declared(size)
        },
        facts,
    };
    match *rest {
        ["info.json"] => information(site, ids, &shown, asked),
        [region, size, rotation, last] => {
            let request = ImageRequest::parse(version, [region, size, rotation, last]);
            let plan = request.and_then(|request| shown.plan(&request, &site.cap));
            let plan = match plan {
                Ok(plan) => plan,
                Err(why) => return refusal(why),
            };
            match site
                .sight
                .degraded
                .filter(|_| side.is_none() && may < May::Full)
            {
                Some(most) if !shown.is_coarse(&plan, most) => {
                    small(site, &ids.degraded(version, id), &shown, &plan, rest)
                }
                _ => pixels(site, &shown, plan, asked),
            }
        }
        _ => refused(
            400,
            "region/size/rotation/quality.format is needed after the identifier",
        ),
    }
}

/// What is left of a size when no side may have more pixels than this.
fn reduced(size: [u32; 2], side: u32) -> [u32; 2] {
    let longest = u64::from(size[0].max(size[1]).max(1));
    match longest <= u64::from(side) {
        true => size,
        // At most `side`, which is 32 bits wide.
        false => size.map(|n| ((u64::from(n) * u64::from(side) / longest) as u32).max(1)),
    }
}

impl Shown<'_> {
    fn plan(&self, request: &ImageRequest, cap: &Cap) -> Result<RenderPlan, Refusal> {
        let plan = request.resolve(self.version, self.size, &self.limits)?;
        Ok(cap.cut(request, plan))
    }

    /// Whether a plan shows no more than an image of `most` pixels a side would.
    fn is_coarse(&self, plan: &RenderPlan, most: u32) -> bool {
        let longest = u64::from(self.size[0].max(self.size[1]));
        let most = u64::from(most);
        let [_, _, w, h] = plan.region;
        let is_coarse = |(size, region): (u32, u32)| {
            longest <= most || u64::from(size) <= (u64::from(region) * most).div_ceil(longest)
        };
        [(plan.size[0], w), (plan.size[1], h)]
            .into_iter()
            .all(is_coarse)
    }

    /// A plan in pixels of the file.
    fn lifted(&self, plan: RenderPlan) -> RenderPlan {
        let lift = |n: u32, axis: usize| {
            let (from, to) = (u64::from(self.size[axis]), u64::from(self.facts.size[axis]));
            // At most `to`, which is 32 bits wide.
            ((u64::from(n) * to + from / 2) / from) as u32
        };
        let [x, y, w, h] = plan.region;
        let (left, top) = (lift(x, 0), lift(y, 1));
        let (right, bottom) = (lift(x + w, 0), lift(y + h, 1));
        let region = [left, top, (right - left).max(1), (bottom - top).max(1)];
        RenderPlan { region, ..plan }
    }
}

/// The whole image is had smaller; a part of it, or more of it, only by those who may see all.
fn small(site: &Site, degraded: &str, shown: &Shown, plan: &RenderPlan, rest: &[&str]) -> Response {
    let is_whole = plan.region == [0, 0, shown.size[0], shown.size[1]];
    match rest {
        [_, _, rotation, last] if is_whole => {
            redirect(&format!("{degraded}/full/max/{rotation}/{last}"))
        }
        _ => site.sight.refuse("this image is shown small"),
    }
}

fn pixels(site: &Site, shown: &Shown, plan: RenderPlan, asked: &Asked) -> Response {
    let canonical = plan.canonical(shown.version, shown.size, &shown.limits);
    let canonical = iiif::append_path(shown.service, &canonical);
    let (at, plan) = (shown.at, shown.lifted(plan));
    let profile = info::profile(shown.version, &shown.limits);
    let link = format!(r#"<{profile}>;rel="profile",<{canonical}>;rel="canonical""#);
    rendered(site, at, plan, &shown.facts, asked).with("link", link)
}

/// The answer that a plan leads to, for those who may see it.
pub fn rendered(
    site: &Site,
    at: usize,
    plan: RenderPlan,
    facts: &Facts,
    asked: &Asked,
) -> Response {
    // Both versions have one answer, so the key is the plan and not its spelling.
    let id = &site.catalogue.pictures[at].id;
    let key = format!("{}{} {plan:?}", key_start(id), facts.stamp);
    let etag = tag(&format!("{} {GENERATION} {key}", env!("CARGO_PKG_VERSION")));
    let response = match not_modified(asked, &etag) {
        Some(response) => response,
        None => Response::new(200, Body::Picture { at, plan, key })
            .with("content-type", plan.format.media_type()),
    };
    let kept = match site.sight.depends(&site.catalogue.pictures[at].about) {
        true => "private, no-cache".to_owned(),
        false => format!("public, max-age={}", site.max_age),
    };
    response.with("cache-control", kept).with("etag", etag)
}

/// What the keys of all answers about an image begin with.
pub fn key_start(id: &str) -> String {
    // Quoted: no id is the start of another's.
    format!("{id:?} ")
}

const LD_JSON_3: &str = r#"application/ld+json;profile="http://iiif.io/api/image/3/context.json""#;

fn information(site: &Site, ids: &Ids, shown: &Shown, asked: &Asked) -> Response {
    let about = &site.catalogue.pictures[shown.at].about;
    let facts = Facts {
        size: shown.size,
        ..shown.facts.clone()
    };
    let version = shown.version;
    let mut document = info::info(version, shown.service, &facts, &shown.limits, &about.source);
    // The degraded service is open to all who are told of it, and needs none.
    let probe = site.sight.service(about, version, ids);
    if let Some(probe) = probe.filter(|_| shown.limits.upscale) {
        document["service"] = json!([probe]);
        if version == Version::V3 {
            sight::with_context(&mut document);
        }
    }
    let linked = asked.accept.contains("application/ld+json");
    let plain = asked.accept.contains("application/json");
    // 2.1 §5 answers JSON to those who do not ask for more, 3.0 §5.1 linked data to those who do not ask for less.
    let media_type = match version {
        Version::V2 if linked => "application/ld+json",
        Version::V2 => "application/json",
        Version::V3 if plain && !linked => "application/json",
        Version::V3 => LD_JSON_3,
    };
    let profile = info::profile(version, &shown.limits);
    json_response(&document, media_type, asked)
        .with("vary", "accept")
        .with("link", format!(r#"<{profile}>;rel="profile""#))
}

fn refusal(refusal: Refusal) -> Response {
    refused(refusal.status(), refusal.message())
}
