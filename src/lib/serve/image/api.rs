//! Requests of the Image API: identifier, region, size, rotation, quality and format become a plan, or the reason why
//! there is none.

use super::cap::Cap;
use super::{file_name, info};
use crate::iiif::resolve::{RenderPlan, ServerLimits};
use crate::iiif::{self, ImageRequest, Refusal, Version};
use crate::serve::auth::permissions;
use crate::serve::auth::rules::Access;
use crate::serve::cache::entry::GENERATION;
use crate::serve::image_record::{FileError, FileFacts, Subject};
use crate::serve::presentation::uris::Uris;
use crate::serve::site::Site;
use crate::serve::web::accept;
use crate::serve::web::message::{
    Body, Request, Response, entity_tag, error_response, json_response, not_modified, other_wanted,
    redirect,
};

/// Why no pixels are sent to a visitor who may see none.
pub const NOT_FOR_YOU: &str = "this image is not open to everybody";
/// Why no more pixels are sent to a visitor who may see a degraded image.
pub const ONLY_SMALL: &str = "only a smaller version of this image is open to everybody";

const JSON: &str = "application/json";
const LD_JSON: &str = "application/ld+json";

/// Answers what follows `/iiif/2/ID` or `/iiif/3/ID`: `info.json`, or region, size, rotation and quality.format.
pub fn answer(
    site: &Site,
    uris: &Uris,
    version: Version,
    id: &str,
    rest: &[&str],
    request: &Request,
) -> Response {
    let service = ImageService {
        site,
        uris,
        request,
        version,
        id,
        uri: uris.service(version, id),
        reduced_to: None,
    };
    service.answer(rest)
}

/// Answers what follows `/iiif/degraded/2/ID` or `/iiif/degraded/3/ID`: a smaller image, for visitors who may not see
/// the whole.
pub fn degraded(
    site: &Site,
    uris: &Uris,
    version: Version,
    id: &str,
    rest: &[&str],
    request: &Request,
) -> Response {
    if site.permissions.degraded.is_none() {
        return error_response(404, "this server has no degraded images");
    }
    let service = ImageService {
        site,
        uris,
        request,
        version,
        id,
        uri: uris.degraded(version, id),
        reduced_to: site.permissions.degraded,
    };
    service.answer(rest)
}

/// Status 404 for an identifier that is unknown or hidden.
pub fn not_found(id: &str) -> Response {
    error_response(404, &format!("no image is called `{id}`"))
}

/// Status 404 for an image whose file is missing now, 500 for one whose file is broken, 503 for one whose file does not answer.
pub fn unavailable(id: &str, why: &FileError) -> Response {
    match why {
        FileError::Gone(why) => {
            error_response(404, &format!("`{id}` is no longer available: {why}"))
        }
        FileError::Broken(why) => error_response(500, &format!("`{id}` cannot be shown: {why}")),
        FileError::Late(why) => error_response(503, &format!("`{id}` is not available now: {why}"))
            .with_header("retry-after", "10"),
    }
}

/// An image service, and the request to it.
struct ImageService<'a> {
    site: &'a Site<'a>,
    uris: &'a Uris,
    request: &'a Request<'a>,
    version: Version,
    /// The identifier, as it was requested.
    id: &'a str,
    /// Its base URI.
    uri: String,
    /// The longest side in pixels of a degraded image; none: the image as it is.
    reduced_to: Option<u32>,
}

/// An image as its service shows it.
struct Shown {
    at: usize,
    facts: FileFacts,
    /// `[width, height]` in pixels that the service declares.
    size: [u32; 2],
    limits: ServerLimits,
}

impl ImageService<'_> {
    fn answer(&self, rest: &[&str]) -> Response {
        let (site, id) = (self.site, self.id);
        let Some(at) = site.find(id, self.uris) else {
            return not_found(id);
        };
        if let [] | [""] = *rest {
            return redirect(&iiif::info_uri(&self.uri));
        }
        let access = site.access(at);
        if rest != ["info.json"] && access < Access::Degraded {
            return site.permissions.refuse(NOT_FOR_YOU);
        }
        let facts = match &site.file {
            Ok(facts) => facts.clone(),
            Err(why) => return unavailable(id, why),
        };
        let shown = self.shown(at, facts);
        match *rest {
            ["info.json"] => self.information(&shown),
            [region, size, rotation, last] => {
                self.image(&shown, access, [region, size, rotation, last])
            }
            _ => error_response(
                400,
                "the identifier must be followed by region/size/rotation/quality.format",
            ),
        }
    }

    fn shown(&self, at: usize, facts: FileFacts) -> Shown {
        let size = (self.reduced_to).map_or(facts.size, |side| reduced(facts.size, side));
        let limits = ServerLimits {
            upscale: self.reduced_to.is_none() && !self.site.cap.no_upscale,
            ..self.site.cap.declared(size)
        };
        Shown {
            at,
            facts,
            size,
            limits,
        }
    }

    /// Region, size, rotation and quality.format of a request, as far as this visitor may see the image.
    fn image(&self, shown: &Shown, access: Access, words: [&str; 4]) -> Response {
        let request = ImageRequest::parse(self.version, words);
        let plan = request.and_then(|request| shown.plan(self.version, &request, &self.site.cap));
        let plan = match plan {
            Ok(plan) => plan,
            Err(refusal) => return error_response(refusal.status(), refusal.message()),
        };
        let is_limited = self.reduced_to.is_none() && access < Access::Full;
        match self.site.permissions.degraded.filter(|_| is_limited) {
            Some(most) if !shown.is_coarse(&plan, most) => self.degraded(shown, &plan, words),
            most => self.pixels(shown, plan, most),
        }
    }

    /// A visitor who may see the degraded image is sent to it for the whole, and gets no part of the image.
    fn degraded(
        &self,
        shown: &Shown,
        plan: &RenderPlan,
        [_, _, rotation, last]: [&str; 4],
    ) -> Response {
        if plan.region != [0, 0, shown.size[0], shown.size[1]] {
            return self.site.permissions.refuse(ONLY_SMALL);
        }
        let degraded = self.uris.degraded(self.version, self.id);
        redirect(&format!("{degraded}/full/max/{rotation}/{last}"))
    }

    /// The pixels of a plan. For a visitor who may see no more than `most` pixels per side, and in the degraded service, all
    /// regions and sizes are made from the reduced image: many small parts of the whole would add up to it.
    fn pixels(&self, shown: &Shown, plan: RenderPlan, most: Option<u32>) -> Response {
        let canonical = plan.canonical(self.version, shown.size, &shown.limits);
        let canonical = iiif::append_path(&self.uri, &canonical);
        let profile = info::profile(self.version, &shown.limits);
        let link = format!(r#"<{profile}>;rel="profile",<{canonical}>;rel="canonical""#);
        let reduced = match most {
            Some(most) => Some(reduced(shown.size, most)),
            None => self.reduced_to.map(|_| shown.size),
        };
        let plan = match reduced {
            Some(size) => RenderPlan {
                region: within(plan.region, shown.size, size),
                ..plan
            },
            None => plan,
        };
        let subject = Subject {
            image: self.site.catalogue.images[shown.at].clone(),
            facts: shown.facts.clone(),
            // An image that is small enough is as it is.
            reduced: reduced.filter(|size| *size != shown.facts.size),
        };
        rendered(self.site, subject, plan, self.request).with_header("link", link)
    }

    fn information(&self, shown: &Shown) -> Response {
        let (version, limits) = (self.version, &shown.limits);
        let image = &self.site.catalogue.images[shown.at];
        let ruled = self.site.catalogue.ruled(image);
        let (permissions, is_whole) = (self.site.permissions, self.reduced_to.is_none());
        let is_old = version == Version::V2;
        // Who may see a lower tier is sent to the description of that (1.0 §3.2); 2.0 has its probe service for it.
        if is_old && is_whole && permissions.sees_degraded(ruled) {
            let degraded = iiif::info_uri(&self.uris.degraded(version, self.id));
            return redirect(&degraded).with_status(302);
        }
        let facts = FileFacts {
            size: shown.size,
            ..shown.facts.clone()
        };
        let mut document = info::info(version, &self.uri, &facts, limits, &image.about.source);
        let mut services = permissions.auth_services(ruled, version, self.uris);
        let is_restricted = !services.is_empty();
        if !is_whole {
            // The degraded service needs no log-in. Viewers that know 1.0 were sent to it, and find there where to log in for the
            // whole (1.0 §4).
            services.retain(|service| is_old && permissions::is_of_1(service));
        }
        if !services.is_empty() {
            document["service"] = services.into();
            if !is_old {
                permissions::add_context(&mut document);
            }
        }
        let profile = info::profile(version, limits);
        let response = json_response(&document, self.info_type(), self.request)
            .with_header("vary", "accept")
            .with_header("link", format!(r#"<{profile}>;rel="profile""#));
        // Viewers that know Authorization 1.0 offer to log in when this is refused (1.0 §4.2); 2.0, which belongs to version
        // 3, has a probe service for that.
        let is_refused = permissions.access(ruled) < Access::Degraded;
        match is_old && is_whole && is_restricted && is_refused {
            true => {
                let mut refused = permissions.refuse(NOT_FOR_YOU);
                refused.body = Body::Text(format!("{document:#}\n"));
                refused.set_header("content-type", self.info_type());
                refused
            }
            false => response,
        }
    }

    /// The media type of `info.json`: 2.1 §5 answers JSON to clients that do not ask for more, 3.0 §5.1 JSON-LD to
    /// clients that do not ask for less.
    fn info_type(&self) -> &'static str {
        let (first, second) = match self.version {
            Version::V2 => (JSON, LD_JSON),
            Version::V3 => (LD_JSON, JSON),
        };
        let wanted = accept::preferred(self.request.accept, &[first, second]);
        match (self.version, if wanted == Some(1) { second } else { first }) {
            (Version::V3, LD_JSON) => {
                r#"application/ld+json;profile="http://iiif.io/api/image/3/context.json""#
            }
            (_, media_type) => media_type,
        }
    }
}

/// `[width, height]` reduced so that no side has more than `side` pixels.
fn reduced(size: [u32; 2], side: u32) -> [u32; 2] {
    let longest = u64::from(size[0].max(size[1]).max(1));
    match longest <= u64::from(side) {
        true => size,
        // At most `side`, which is 32 bits wide.
        false => size.map(|n| ((u64::from(n) * u64::from(side) / longest) as u32).max(1)),
    }
}

impl Shown {
    fn plan(
        &self,
        version: Version,
        request: &ImageRequest,
        cap: &Cap,
    ) -> Result<RenderPlan, Refusal> {
        let plan = request.resolve(version, self.size, &self.limits)?;
        Ok(cap.cut(request, plan))
    }

    /// Whether a plan shows no more detail than an image with a longest side of `most` pixels would.
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
}

/// The pixels of an image of size `to` that a region of the same image in size `from` covers.
fn within([x, y, w, h]: [u32; 4], from: [u32; 2], to: [u32; 2]) -> [u32; 4] {
    // At most `to`, which is 32 bits wide.
    let down =
        |n: u32, axis: usize| (u64::from(n) * u64::from(to[axis]) / u64::from(from[axis])) as u32;
    let up = |n: u32, axis: usize| {
        (u64::from(n) * u64::from(to[axis])).div_ceil(u64::from(from[axis])) as u32
    };
    let (left, top) = (down(x, 0).min(to[0] - 1), down(y, 1).min(to[1] - 1));
    let (right, bottom) = (up(x + w, 0), up(y + h, 1));
    let span = |start: u32, end: u32| end.saturating_sub(start).max(1);
    [left, top, span(left, right), span(top, bottom)]
}

/// The rendered image of a plan, for a visitor who may see it.
pub fn rendered(site: &Site, subject: Subject, plan: RenderPlan, request: &Request) -> Response {
    // Both versions of the API share one answer, so the key holds the plan and not the words of the request.
    let image = subject.image.clone();
    let reduced = match subject.reduced {
        Some([w, h]) => format!(" reduced to {w} x {h}"),
        None => String::new(),
    };
    let key = format!(
        "{}{} {plan:?}{reduced}",
        key_start(&image.id),
        subject.facts.stamp
    );
    let etag = entity_tag(&format!("{} {GENERATION} {key}", env!("CARGO_PKG_VERSION")));
    let date = file_name::date(subject.facts.modified);
    let name = file_name::disposition(&image.id, plan.format.name());
    let same = || not_modified(request, &etag).or_else(|| unmodified(request, &date));
    let response = match other_wanted(request, &etag, Some(subject.facts.modified)).or_else(same) {
        Some(response) => response,
        None => {
            let subject = Box::new(subject);
            Response::new(200, Body::Image { subject, plan, key })
                .with_header("content-type", plan.format.media_type())
                .with_header("content-disposition", name)
                .with_header("accept-ranges", "bytes")
        }
    };
    let ruled = site.catalogue.ruled(&image);
    let cache_control = match site.permissions.vary_by_visitor(ruled) {
        true => "private, no-cache".to_owned(),
        false => format!("public, max-age={}", site.max_age),
    };
    response
        .with_header("cache-control", cache_control)
        .with_header("etag", etag)
        .with_header("last-modified", date)
}

/// Status 304 if the client has the image of exactly this date, and sends no entity tag (RFC 9110 §13.1.3). A file may be
/// replaced by an older one, so an earlier date is another one.
fn unmodified(request: &Request, date: &str) -> Option<Response> {
    let is_same = request.if_none_match.is_empty() && request.if_modified_since == date;
    is_same.then(|| Response::new(304, Body::Empty))
}

/// The start of the cache keys of all answers about an image.
pub fn key_start(id: &str) -> String {
    // Quoted, so that no id is the start of another one.
    format!("{id:?} ")
}
