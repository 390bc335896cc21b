//! What annotations are about: targets, and the parts of targets that selectors choose.

use serde_json::Value;

use super::described::Rights;
use super::images::is_image_url;
use super::selecting::{
    has_empty_selector, image_api_region, selectors_of, unread, unread_member, value_of,
};
use super::service;
use super::values::{
    absolute, described, id, kind, label, list, members, members_of, pixels, resolve, spelled,
    spelled_as, split_fragment,
};
use crate::contracts::{BBox, ImageRef, Observation, Provenance, Region, Service, Space};
use crate::iiif::QuotedRequest;
use crate::selectors::{self, Part, Selection, fragment, svg};
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
    let (mut region, unused) = most_exact(&selectors_on(target, source))?;
    for named in [named, named_by_own_id(target, source)?] {
        let named = named.map(fragment::spatial).transpose()?.flatten();
        region.fragment = one_part(region.fragment.take(), named)?;
    }
    for resource in [target, source] {
        // A resource is no selector that another could refine.
        if let Some((name, _)) = spelled_as(resource, &["refinedBy"]).next() {
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
/// beside one that can be used.
fn most_exact<'v>(selectors: &[&'v Value]) -> Result<(Region, UnusedSelectors<'v>), String> {
    let mut best = Region::default();
    let (mut unused, mut problem) = (Vec::new(), None);
    for selector in selectors {
        let next = match region(selector) {
            Ok(next) => next.unwrap_or_default(),
            Err(reason) => {
                problem.get_or_insert(reason);
                continue;
            }
        };
        if are_apart(&best, &next) {
            let other = next.fragment.as_ref().or(next.svg.as_ref());
            let problem = format!(
                "several selectors select different parts, the first is used: {}",
                excerpt(other.map_or("", String::as_str))
            );
            unused.push((*selector, problem));
        }
        best = merged(best, next);
    }
    if best.fragment.is_some() || best.svg.is_some() {
        best.point = None;
    }
    match problem {
        // A time beside a selector that is not understood does not make it the whole.
        Some(problem) if best == Region::default() => Err(problem),
        _ => Ok((best, unused)),
    }
}

/// Whether two regions of one kind, boxes or drawings of areas, do not overlap.
fn are_apart(a: &Region, b: &Region) -> bool {
    let boxes = |region: &Region| {
        let without = |fragment, svg| Region {
            fragment,
            svg,
            ..Region::default()
        };
        [
            without(region.fragment.clone(), None),
            without(None, region.svg.clone()),
        ]
        .map(|region| match selectors::select(&region, None) {
            Ok(Selection::Part(shape) | Selection::Doubtful(shape, _)) => Some(shape.bbox),
            _ => None,
        })
    };
    let apart = |(a, b): (Option<BBox>, Option<BBox>)| match (a, b) {
        (Some(a), Some(b)) => {
            a.right() <= b.x || b.right() <= a.x || a.bottom() <= b.y || b.bottom() <= a.y
        }
        _ => false,
    };
    boxes(a).into_iter().zip(boxes(b)).any(apart)
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
fn region(selector: &Value) -> Result<Option<Region>, String> {
    let outer = plain_region(selector)?;
    // Selectors of times may refine too; they do not select a part of the image.
    let (inner, _) = most_exact(&spelled(selector, &["refinedBy"]))?;
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
    let is = |member: &str, wanted: &[&str]| match &selector[member] {
        Value::Null => true,
        Value::String(text) => wanted.contains(&text.trim()),
        value => wanted.contains(&value.to_string().as_str()),
    };
    kind(selector) != "imageapiselector"
        || (is("size", &["full", "max"]) && is("rotation", &["0", "0.0"]))
}

fn within(outer: &Region, inner: &Region) -> Result<Region, String> {
    let problem = "selector is refined by another (refinedBy) in a way that a box cannot express";
    match (&outer.fragment, &inner.fragment, &outer.svg, &inner.svg) {
        (Some(outer), Some(inner), None, None) => Ok(Region {
            fragment: Some(selectors::nested_fragment(outer, inner).ok_or(problem)?),
            ..Region::default()
        }),
        (Some(outer), _, None, Some(inner)) => match fragment::part(outer)? {
            Part::Pixels([x, y, ..]) => Ok(Region {
                svg: Some(moved(inner, [x, y])),
                ..Region::default()
            }),
            _ => Err(problem.into()),
        },
        _ => Err(problem.into()),
    }
}

/// A drawing moved to the right and down.
fn moved(drawing: &str, [x, y]: [f64; 2]) -> String {
    let drawing = svg::bare(drawing);
    format!(r#"<g transform="translate({x} {y})">{drawing}</g>"#)
}

fn plain_region(selector: &Value) -> Result<Option<Region>, String> {
    let unread = || unread(selector);
    let by_fragment = |text: &str| -> Result<Option<Region>, String> {
        let fragment = fragment::spatial(text)?;
        Ok(fragment.map(|fragment| Region {
            fragment: Some(fragment),
            ..Region::default()
        }))
    };
    let by_svg = |text: String| {
        Ok(Some(Region {
            svg: Some(text),
            ..Region::default()
        }))
    };
    let is_drawing = |text: &str| {
        text.trim_start()
            .trim_start_matches('\u{feff}')
            .starts_with('<')
    };
    match kind(selector).as_str() {
        "fragmentselector" => by_fragment(&value_of(selector).ok_or_else(unread)?),
        "svgselector" => by_svg(value_of(selector).ok_or("value of the SVG selector is missing")?),
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
            let (region, _) = most_exact(&alternatives)?;
            Ok(Some(region).filter(|region| *region != Region::default()))
        }
        other => match value_of(selector) {
            Some(text) if is_drawing(&text) => by_svg(text),
            Some(text) if other.is_empty() || fragment::spatial(&text).is_ok() => {
                by_fragment(&text)
            }
            _ if other.is_empty() => Err(unread()),
            _ => Err(format!(
                "selector does not select a part of an image: {other}"
            )),
        },
    }
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
