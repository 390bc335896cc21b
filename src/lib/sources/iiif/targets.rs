//! What annotations are about: targets, and the parts of targets that selectors choose.

use serde_json::Value;

use super::described::Rights;
use super::images::is_image_url;
use super::selecting::{
    has_empty_selector, image_api_member, image_api_region, refining, refining_as, selectors_of,
    unread, unread_member, values_of,
};
use super::service;
use super::values::{
    absolute, described, id, kind, label, list, members, members_of, pixels, resolve, spelled,
    split_fragment,
};
use crate::contracts::{ImageRef, Observation, Provenance, Region, Service, Space};
use crate::iiif::QuotedRequest;
use crate::selectors::svg::{self, Outline};
use crate::selectors::{self, Part, Shape, are_apart, bounds, fragment, is_far};
use crate::sources::is_url;
use crate::values::excerpt;

/// All targets of an annotation: one, several, or several in a list.
pub fn targets(value: &Value) -> Vec<&Value> {
    spelled(value, &["target", "on"])
        .into_iter()
        .flat_map(|target| match kind(target).as_str() {
            // What is selected of several is not all of each.
            "list" | "composite" | "independents" | "choice" if !selects(target) => {
                members(target, "items")
            }
            _ => vec![target],
        })
        .collect()
}

fn selects(target: &Value) -> bool {
    !selectors_of(target).is_empty() || unread_member(target, &READ).is_some()
}

/// The manifests that a target says it is a part of.
pub fn manifests_of(target: &Value) -> Vec<&Value> {
    let mut found = Vec::new();
    if !target.is_object() {
        return found;
    }
    for around in ["partOf", "within"].iter().flat_map(|m| list(target, m)) {
        match kind(around).as_str() {
            "manifest" => found.push(around),
            // Mirador and SimpleAnnotationServer name the manifest of a canvas by its id alone.
            "" if is_url(id(around).unwrap_or_default()) => found.push(around),
            _ => found.extend(manifests_of(around)),
        }
    }
    for resource in spelled(target, &SOURCE) {
        found.extend(manifests_of(resource));
    }
    found
}

/// The part of one resource that an annotation is about.
pub struct TargetPart<'v> {
    /// Id of the resource.
    pub target: String,
    /// The id as it is written, where that is another one: a canvas may have the id of a request for an image.
    pub named: Option<String>,
    /// Which part of it.
    pub region: Region,
    /// The resource itself, if it is an image.
    pub image: Option<Observation>,
    /// Selectors that are not used, with the reason.
    pub unused: Vec<(&'v Value, String)>,
}

/// Reads a target. `document` is the base of relative URLs.
///
/// # Errors
/// It does not have an id, or it is not known which part it selects.
pub fn part<'v>(target: &'v Value, document: &str) -> Result<TargetPart<'v>, String> {
    let resources = spelled(target, &SOURCE);
    let (resource, others) = match resources.split_first() {
        Some((first, others)) => (*first, others),
        None => (target, &[][..]),
    };
    let whole = id(resource).or_else(|| id(target));
    let whole =
        whole.ok_or_else(|| format!("target does not have an id: {}", described(target)))?;
    let (base, named) = split_fragment(whole);
    let (mut region, mut unused) = selected(target, resource, named)?;
    let several = "target has several sources, the first is used";
    let others = others.iter().filter(|other| id(other) != Some(whole));
    unused.extend(others.map(|other| (*other, several.to_owned())));
    let image = image(target, resource, base, document);
    if image.is_some() {
        if let Some(end) = fragment::unread_end(base) {
            return Err(format!("part of an image is not understood: {end}"));
        }
        region.frame = Space::Image;
    }
    let named = absolute(document, base);
    let target = image.as_ref().map_or(&named, |image| &image.id).clone();
    Ok(TargetPart {
        named: Some(named).filter(|named| *named != target),
        target,
        region,
        image,
        unused,
    })
}

/// The id of the resource that a target is or is a part of, also where it is not known which part. `document` is the base of
/// relative URLs.
pub fn name(target: &Value, document: &str) -> Option<String> {
    let resources = spelled(target, &SOURCE).into_iter();
    let whole = resources.chain([target]).find_map(id)?;
    Some(absolute(document, split_fragment(whole).0))
}

/// Members that name what a specific resource is a part of, now and in Open Annotation.
pub const SOURCE: [&str; 2] = ["full", "source"];

/// Members of a target in which selectors and sources are read.
const READ: [&str; 3] = ["selector", "full", "source"];

/// The part of a resource that the selectors of a target and of its source select, and a fragment of its id. The source may
/// be the target itself.
///
/// # Errors
/// It is not known which part that is.
pub fn selected<'v>(
    target: &'v Value,
    source: &'v Value,
    named: Option<&str>,
) -> Result<(Region, UnusedSelectors<'v>), String> {
    let unknown = |name: &str| format!("target selects a part in an unknown way: {name}");
    let mut unused = Vec::new();
    let mut region = most_exact(&selectors_on(target, source), &mut unused)?;
    for named in [named, named_by_own_id(target, source)?] {
        let named = named.map(fragment::spatial).transpose()?.flatten();
        region.fragment = one_part(region.fragment.take(), named)?;
    }
    for resource in [target, source] {
        // A resource is no selector that another could refine.
        if let Some((name, _)) = refining_as(resource).next() {
            return Err(unknown(name));
        }
        if region != Region::default() {
            continue;
        }
        if let Some(name) = unread_member(resource, &READ) {
            return Err(unknown(name));
        }
        if has_empty_selector(resource) {
            return Err("selector is empty".into());
        }
    }
    Ok((region, unused))
}

/// All selectors of a target and its source, which may be the target itself.
fn selectors_on<'v>(target: &'v Value, source: &'v Value) -> Vec<&'v Value> {
    let is_same = std::ptr::eq(target, source);
    let values = [Some(target), Some(source).filter(|_| !is_same)];
    values
        .into_iter()
        .flatten()
        .flat_map(selectors_of)
        .collect()
}

/// The part that the id of a specific resource names, beside its source.
///
/// # Errors
/// It may be a part of something else.
fn named_by_own_id<'v>(target: &'v Value, source: &Value) -> Result<Option<&'v str>, String> {
    if std::ptr::eq(target, source) || !target.is_object() {
        return Ok(None);
    }
    let Some((own, Some(named))) = id(target).map(split_fragment) else {
        return Ok(None);
    };
    match id(source).is_none_or(|source| split_fragment(source).0 == own) {
        true => Ok(Some(named)),
        false => Err("target selects a part in an unknown way: id".into()),
    }
}

/// The box of a selector, or that of a fragment of the target's id. Many write the same in both; whether a selector
/// selects within the fragment or within the whole is not known where they differ.
fn one_part(selected: Option<String>, named: Option<String>) -> Result<Option<String>, String> {
    match (selected, named) {
        (Some(selected), Some(named)) if fragment::part(&selected)? != fragment::part(&named)? => {
            Err(format!(
                "target has a fragment and a selector that differ: {named}, {selected}"
            ))
        }
        (selected, named) => Ok(selected.or(named)),
    }
}

/// What a selector could not be used for, and which.
pub type UnusedSelectors<'v> = Vec<(&'v Value, String)>;

/// The region of several selectors of one target. They select the same (Web Annotation 4.2), so one of each kind is used: the
/// outline, and the box for where the outline cannot be read; a point only alone. Selectors of other kinds are no loss
/// beside one that can be used; one that selects another part is noted.
fn most_exact<'v>(
    selectors: &[&'v Value],
    unused: &mut UnusedSelectors<'v>,
) -> Result<Region, String> {
    let (mut best, mut problem) = (Region::default(), None);
    for selector in selectors {
        let noted = unused.len();
        match region(selector, unused) {
            Ok(next) => best = united(best, next.unwrap_or_default(), selector, unused),
            Err(reason) => {
                unused.truncate(noted);
                problem.get_or_insert(reason);
            }
        }
    }
    if best.fragment.is_some() || best.svg.is_some() {
        best.point = None;
    }
    match problem {
        // A time beside a selector that is not understood does not make it the whole.
        Some(problem) if best == Region::default() => Err(problem),
        _ => Ok(best),
    }
}

/// A region and what a selector selects beside it, which is noted if it is another part.
fn united<'v>(
    best: Region,
    next: Region,
    selector: &'v Value,
    unused: &mut UnusedSelectors<'v>,
) -> Region {
    unused.extend(difference(&best, &next).map(|problem| (selector, problem)));
    merged(best, next)
}

/// How two regions select different parts, as far as that can be told without the size of what they are parts of: boxes in one unit,
/// drawings, points. `extract`, which knows the size, compares boxes with drawings.
fn difference(a: &Region, b: &Region) -> Option<String> {
    let [first, other] = [a, b].map(|region| {
        let text = region.fragment.as_deref();
        text.and_then(|text| fragment::part(text).ok())
    });
    let boxes_differ = match (first, other) {
        (Some(Part::Pixels(a)), Some(Part::Pixels(b)))
        | (Some(Part::Percent(a)), Some(Part::Percent(b))) => are_apart(a, b),
        _ => false,
    };
    let both = a.svg.as_deref().zip(b.svg.as_deref());
    let drawn = |text: &str| Some(svg::read(text, None).ok()?.outline);
    let drawings_differ = match both.map_or((None, None), |(a, b)| (drawn(a), drawn(b))) {
        (Some(Outline::Area(a)), Some(Outline::Area(b))) => are_apart(a.bbox.into(), b.bbox.into()),
        (Some(Outline::Line(a)), Some(Outline::Line(b))) => {
            let lines = bounds(&a).zip(bounds(&b));
            lines.is_some_and(|(a, b)| are_apart(a, b))
        }
        _ => false,
    };
    let point = |[x, y]: [f64; 2]| format!("point {x},{y}");
    let several = |text: String| {
        let text = excerpt(&text);
        format!("several selectors select different parts, the first is used: {text}")
    };
    match (a.point, b.point) {
        _ if boxes_differ => b.fragment.clone().map(several),
        _ if drawings_differ => b.svg.clone().map(several),
        (Some(a), Some(b)) => is_far(&[b], [a[0], a[1], 1.0, 1.0]).then(|| several(point(b))),
        (Some(own), None) if first.is_none() => outside(own, other),
        (None, Some(own)) => outside(own, first),
        _ => None,
    }
}

/// The problem of a point that lies far from the box beside it.
fn outside([x, y]: [f64; 2], beside: Option<Part>) -> Option<String> {
    let Some(Part::Pixels(numbers)) = beside else {
        return None;
    };
    let problem = || format!("point lies outside of the part that is selected beside it: {x},{y}");
    is_far(&[[x, y]], numbers).then(problem)
}

/// The first of each kind, but for drawings of an area and of its baseline, which belong together.
fn merged(a: Region, b: Region) -> Region {
    let svg = match (&a.svg, &b.svg) {
        (Some(first), Some(other)) => Some(svg::beside(first, other)),
        _ => None,
    };
    Region {
        frame: a.frame,
        fragment: a.fragment.or(b.fragment),
        svg: svg.or(a.svg).or(b.svg),
        point: a.point.or(b.point),
    }
}

/// The region that a selector selects; none for all of the resource. A selector that refines it selects within that region,
/// in its coordinates (Web Annotation 4.2.9).
fn region<'v>(
    selector: &'v Value,
    unused: &mut UnusedSelectors<'v>,
) -> Result<Option<Region>, String> {
    let outer = plain_region(selector, unused)?;
    // Selectors of times may refine too; they do not select a part of the image.
    let inner = most_exact(&refining(selector), unused)?;
    if inner != Region::default() && !is_one_to_one(selector) {
        return Err("selector refines a part of a scaled or rotated image".into());
    }
    match (
        outer,
        Some(inner).filter(|inner| *inner != Region::default()),
    ) {
        (outer, None) => Ok(outer),
        (None, inner) => Ok(inner),
        (Some(outer), Some(inner)) => within(&outer, &inner).map(Some),
    }
}

/// Whether what refines a selector is in the pixels of the image itself, and not of a scaled or turned one.
fn is_one_to_one(selector: &Value) -> bool {
    let is = |member: &str, wanted: &[&str]| match image_api_member(selector, member) {
        Ok(text) => text.is_none_or(|text| wanted.contains(&text.as_str())),
        Err(_) => false,
    };
    kind(selector) != "imageapiselector"
        || (is("size", &["full", "max"]) && is("rotation", &["0", "0.0"]))
}

fn within(outer: &Region, inner: &Region) -> Result<Region, String> {
    let problem = "selector is refined by another (refinedBy) in a way that a box cannot express";
    let reaches_out = |inner: &str| {
        let inner = excerpt(inner);
        Err(format!(
            "selector is refined by what is not within it (refinedBy): {inner}"
        ))
    };
    match (&outer.fragment, &inner.fragment, &outer.svg, &inner.svg) {
        (Some(outer), Some(inner), None, None) => {
            let nested = selectors::nested_fragment(outer, inner).ok_or(problem)?;
            match (fragment::part(outer)?, fragment::part(&nested)?) {
                (Part::Pixels(whole), Part::Pixels(part))
                | (Part::Percent(whole), Part::Percent(part))
                    if !holds(whole, part) =>
                {
                    reaches_out(inner)
                }
                _ => Ok(Region {
                    fragment: Some(nested),
                    ..Region::default()
                }),
            }
        }
        (Some(outer), _, None, Some(inner)) => match fragment::part(outer)? {
            Part::Pixels(whole) => {
                let drawing = moved(inner, [whole[0], whole[1]]);
                match svg::read(&drawing, None).map(|drawn| drawn.outline) {
                    Ok(Outline::Area(Shape { bbox: b, .. }))
                        if !holds(whole, [b.x, b.y, b.width, b.height]) =>
                    {
                        reaches_out(inner)
                    }
                    _ => Ok(Region {
                        svg: Some(drawing),
                        ..Region::default()
                    }),
                }
            }
            _ => Err(problem.into()),
        },
        _ => Err(problem.into()),
    }
}

/// Whether a part lies within another, `[x, y, width, height]` in one unit. Numbers are rounded.
fn holds([x, y, width, height]: [f64; 4], part: [f64; 4]) -> bool {
    const SLACK: f64 = 1.0;
    let [px, py, pw, ph] = part;
    px >= x - SLACK
        && py >= y - SLACK
        && px + pw <= x + width + SLACK
        && py + ph <= y + height + SLACK
}

/// A drawing moved to the right and down.
fn moved(drawing: &str, [x, y]: [f64; 2]) -> String {
    let drawing = svg::bare(drawing);
    format!(r#"<g transform="translate({x} {y})">{drawing}</g>"#)
}

fn plain_region<'v>(
    selector: &'v Value,
    unused: &mut UnusedSelectors<'v>,
) -> Result<Option<Region>, String> {
    let unread = || unread(selector);
    let values = values_of(selector);
    match kind(selector).as_str() {
        "fragmentselector" if values.is_empty() => Err(unread()),
        "fragmentselector" => by_values(selector, by_fragment, unused),
        "svgselector" if values.is_empty() => Err("value of the SVG selector is missing".into()),
        "svgselector" => by_values(selector, by_svg, unused),
        "pointselector" => point(selector),
        "imageapiselector" => match image_api_region(selector)? {
            None => Ok(None),
            Some(region) => by_fragment(&region),
        },
        "choice" => {
            let alternatives = members_of(selector, &["default", "item", "items"]);
            if alternatives.is_empty() {
                return Err(unread());
            }
            let region = most_exact(&alternatives, unused)?;
            Ok(Some(region).filter(|region| *region != Region::default()))
        }
        other => match values.first() {
            Some(text)
                if is_drawing(text) || other.is_empty() || fragment::spatial(text).is_ok() =>
            {
                by_values(selector, by_any, unused)
            }
            _ if other.is_empty() => Err(unread()),
            _ => Err(format!(
                "selector does not select a part of an image: {other}"
            )),
        },
    }
}

/// What all values of a selector select together: most have one, and several select the same.
fn by_values<'v>(
    selector: &'v Value,
    read: fn(&str) -> Result<Option<Region>, String>,
    unused: &mut UnusedSelectors<'v>,
) -> Result<Option<Region>, String> {
    let mut best: Option<Region> = None;
    for value in values_of(selector) {
        best = match (best, read(&value)?) {
            (Some(best), Some(next)) => Some(united(best, next, selector, unused)),
            (best, next) => best.or(next),
        };
    }
    Ok(best)
}

fn by_fragment(text: &str) -> Result<Option<Region>, String> {
    let fragment = fragment::spatial(text)?;
    Ok(fragment.map(|fragment| Region {
        fragment: Some(fragment),
        ..Region::default()
    }))
}

fn by_svg(text: &str) -> Result<Option<Region>, String> {
    Ok(Some(Region {
        svg: Some(text.to_owned()),
        ..Region::default()
    }))
}

fn by_any(text: &str) -> Result<Option<Region>, String> {
    match is_drawing(text) {
        true => by_svg(text),
        false => by_fragment(text),
    }
}

fn is_drawing(text: &str) -> bool {
    let text = text.trim_start().trim_start_matches('\u{feff}');
    text.starts_with('<')
}

/// A point. One of a time only (`t`) selects all of the image.
fn point(selector: &Value) -> Result<Option<Region>, String> {
    let number = |member: &str| match &selector[member] {
        Value::String(text) => text.trim().parse().ok(),
        value => value.as_f64(),
    };
    match (number("x"), number("y")) {
        (Some(x), Some(y)) => Ok(Some(Region {
            point: Some([x, y]),
            ..Region::default()
        })),
        (None, None) if number("t").is_some() => Ok(None),
        _ => Err("point does not have two numbers".into()),
    }
}

/// The image, if the target is one: an image service, or an image resource with or without a service.
fn image(target: &Value, resource: &Value, base: &str, document: &str) -> Option<Observation> {
    let service = service_of(target, resource, base)?;
    let url = service.is_none().then(|| resolve(document, base)).flatten();
    let url = url.filter(|url| is_url(url));
    let name = service
        .as_ref()
        .map(|s| s.id.clone())
        .or_else(|| url.clone())?;
    let part_of = |kinds: &str| {
        list(resource, "partOf")
            .into_iter()
            .find(|p| kind(p) == kinds)
    };
    let canvas = part_of("canvas");
    let manifest = canvas.and_then(|c| {
        list(c, "partOf")
            .into_iter()
            .find(|p| kind(p) == "manifest")
    });
    let mut source = Provenance {
        kind: "iiif".into(),
        ..Provenance::default()
    };
    source.manifest = manifest.and_then(|m| id(m)).map(str::to_owned);
    source.canvas = canvas.and_then(|c| id(c)).map(str::to_owned);
    source.labels.manifest = manifest.and_then(|m| label(&m["label"]));
    source.labels.canvas = canvas.and_then(|c| label(&c["label"]));
    source.labels.image = label(&resource["label"]);
    let stated = Rights::of(resource).or(Rights::of(target));
    (source.rights, source.attribution) = (stated.rights, stated.attribution);
    Some(Observation {
        group: source
            .manifest
            .clone()
            .unwrap_or_else(|| document.to_owned()),
        id: name,
        image: ImageRef {
            fallbacks: Vec::new(),
            url,
            service,
            width: pixels(&resource["width"]),
            height: pixels(&resource["height"]),
            ..ImageRef::default()
        },
        source,
        ..Observation::default()
    })
}

/// The image service of a target, if it has one; none if the target is no image.
fn service_of(target: &Value, resource: &Value, base: &str) -> Option<Option<Service>> {
    let mut services = [resource, target].into_iter();
    let services = services.find_map(|v| service::services(v).best);
    let is_image = |v: &Value| {
        let format = v["format"].as_str().unwrap_or_default().trim();
        kind(v) == "image" || format.to_ascii_lowercase().starts_with("image/")
    };
    // The description of a service stands for its image.
    let described = base.strip_suffix("/info.json").filter(|id| is_url(id));
    match services {
        Some(service) => Some(Some(service)),
        None if resource.is_object() && kind(resource).starts_with("imageservice") => {
            Some(service::described(resource))
        }
        None if described.is_some() => Some(described.map(Service::named)),
        None if is_image(resource) || is_image(target) || is_image_url(base) => {
            Some(service_of_request(base))
        }
        None => None,
    }
}

/// The service behind a URL that requests a whole image by the Image API.
fn service_of_request(url: &str) -> Option<Service> {
    let asked = QuotedRequest::parse(url).filter(|a| a.region == "full" && a.is_full_size())?;
    Some(Service::of_request(&asked))
}
