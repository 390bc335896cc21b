//! Requests of the Image API: identifier, region, size, rotation, quality, format → a plan, or why there is none.

use super::info::{self, Facts};
use super::respond::{Asked, Body, Response, Site, json_response, not_modified, redirect, refused};
use super::{ids::Ids, tag};
use crate::iiif::resolve::{Limits, Plan};
use crate::iiif::{self, ImageRequest, Refusal, Size, Version};

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
    pub fn declared(&self, [width, height]: [u32; 2]) -> Limits {
        let most = self.side.filter(|_| !self.undeclared).map(|side| [side; 2]);
        Limits {
            most,
            area: Some(self.area),
            area_told: u64::from(width) * u64::from(height) > self.area,
            upscale: true,
            strict_within: self.strict_within,
        }
    }

    /// What an undeclared cap leaves of an answer. Sides asked for by number are cut one by one, which distorts;
    /// others keep their proportions: so do servers in the field.
    fn cut(&self, request: &ImageRequest, mut plan: Plan) -> Plan {
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
    let Some(at) = site.find(id, ids) else {
        return refused(404, &format!("no image is called `{id}`"));
    };
    let service = ids.service(version, id);
    if let [] | [""] = *rest {
        return redirect(&iiif::info_uri(&service));
    }
    let facts = match (site.facts)(at) {
        Ok(facts) => facts,
        Err(why) => return refused(404, &format!("`{id}` cannot be had any more: {why}")),
    };
    match *rest {
        ["info.json"] => information(site, version, &service, at, &facts, asked),
        [region, size, rotation, last] => {
            let segments = [region, size, rotation, last];
            let planned = plan(version, segments, facts.size, &site.cap);
            planned.map_or_else(refusal, |plan| {
                pixels(site, version, at, plan, &service, &facts, asked)
            })
        }
        _ => refused(
            400,
            "region/size/rotation/quality.format is needed after the identifier",
        ),
    }
}

fn plan(version: Version, segments: [&str; 4], size: [u32; 2], cap: &Cap) -> Result<Plan, Refusal> {
    let request = ImageRequest::parse(version, segments)?;
    let plan = request.resolve(version, size, &cap.declared(size))?;
    Ok(cap.cut(&request, plan))
}

fn pixels(
    site: &Site,
    version: Version,
    at: usize,
    plan: Plan,
    service: &str,
    facts: &Facts,
    asked: &Asked,
) -> Response {
    let canonical = plan.canonical(version, facts.size, &site.cap.declared(facts.size));
    let canonical = iiif::under(service, &canonical);
    let profile = info::level_2(version);
    let link = format!(r#"<{profile}>;rel="profile",<{canonical}>;rel="canonical""#);
    rendered(site, at, plan, facts, asked).with("link", link)
}

/// The answer that a plan leads to.
pub fn rendered(site: &Site, at: usize, plan: Plan, facts: &Facts, asked: &Asked) -> Response {
    // Both versions have one answer, so the key is the plan and not its spelling.
    let id = &site.catalogue.pictures[at].id;
    let key = format!("{}{} {plan:?}", key_start(id), facts.stamp);
    let etag = tag(&format!("{} {key}", env!("CARGO_PKG_VERSION")));
    let response = match not_modified(asked, &etag) {
        Some(response) => response,
        None => Response::new(200, Body::Picture { at, plan, key })
            .with("content-type", plan.format.media_type()),
    };
    response
        .with("cache-control", format!("public, max-age={}", site.max_age))
        .with("etag", etag)
}

/// What the keys of all answers about an image begin with.
pub fn key_start(id: &str) -> String {
    // Quoted: no id is the start of another's.
    format!("{id:?} ")
}

const LD_JSON_3: &str = r#"application/ld+json;profile="http://iiif.io/api/image/3/context.json""#;

fn information(
    site: &Site,
    version: Version,
    service: &str,
    at: usize,
    facts: &Facts,
    asked: &Asked,
) -> Response {
    let source = &site.catalogue.pictures[at].about.source;
    let document = info::info(
        version,
        service,
        facts,
        &site.cap.declared(facts.size),
        source,
    );
    let linked = asked.accept.contains("application/ld+json");
    let plain = asked.accept.contains("application/json");
    // 2.1 §5 answers JSON to those who do not ask for more, 3.0 §5.1 linked data to those who do not ask for less.
    let media_type = match version {
        Version::V2 if linked => "application/ld+json",
        Version::V2 => "application/json",
        Version::V3 if plain && !linked => "application/json",
        Version::V3 => LD_JSON_3,
    };
    let profile = info::level_2(version);
    json_response(&document, media_type, asked)
        .with("vary", "accept")
        .with("link", format!(r#"<{profile}>;rel="profile""#))
}

fn refusal(refusal: Refusal) -> Response {
    match refusal {
        Refusal::Invalid(why) => refused(400, &why),
        Refusal::Unsupported(why) => refused(501, &why),
    }
}
