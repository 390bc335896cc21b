//! What annotations are about: targets, and the parts of targets that selectors choose.

use serde_json::Value;

use super::service;
use super::values::{all, id, kind, label, list, pixels, resolve, split_fragment, xywh};
use crate::contracts::{ImageRef, Observation, Provenance, Region, Service, Space};
use crate::iiif::QuotedRequest;
use crate::selectors;

/// All targets of an annotation: one, several, or several in a list.
pub fn targets(value: &Value) -> Vec<&Value> {
    let named = ["target", "on"].iter().flat_map(|m| list(value, m));
    named
        .flat_map(|target| match kind(target).as_str() {
            "list" | "composite" | "independents" | "choice" => list(target, "items"),
            _ => vec![target],
        })
        .collect()
}

/// Parts of one resource that an annotation is about.
pub struct TargetPart {
    /// Id of the resource.
    pub target: String,
    /// Which parts of it.
    pub regions: Vec<Region>,
    /// The resource itself, if it is an image.
    pub image: Option<Observation>,
}

/// Reads a target; none if it does not have an id. `document` is the base of relative URLs.
///
/// # Errors
/// A selector cannot be used.
pub fn part(target: &Value, document: &str) -> Result<Option<TargetPart>, String> {
    let resource = ["full", "source"]
        .iter()
        .map(|m| &target[*m])
        .find(|r| !r.is_null());
    let resource = resource
        .and_then(|r| all(r).into_iter().next())
        .unwrap_or(target);
    let Some(whole) = id(resource).or_else(|| id(target)) else {
        return Ok(None);
    };
    let (base, fragment) = split_fragment(whole);
    let selectors: Vec<&Value> = [target, resource]
        .into_iter()
        .filter(|v| v.is_object())
        .flat_map(|v| list(v, "selector"))
        .collect();
    let mut regions = regions(&selectors)?;
    if regions.is_empty() {
        regions.push(Region {
            fragment: fragment.and_then(xywh).map(str::to_owned),
            ..Region::default()
        });
    }
    let image = image(target, resource, base, document);
    let frame = if image.is_some() {
        Space::Image
    } else {
        Space::Canvas
    };
    regions.iter_mut().for_each(|region| region.frame = frame);
    let target = match &image {
        Some(image) => image.id.clone(),
        None => base.to_owned(),
    };
    Ok(Some(TargetPart {
        target,
        regions,
        image,
    }))
}

/// The regions of selectors. Selectors of different kinds side by side describe the same region.
fn regions(selectors: &[&Value]) -> Result<Vec<Region>, String> {
    let mut regions: Vec<Region> = Vec::new();
    for selector in selectors {
        let Some(region) = region(selector)? else {
            continue;
        };
        match regions
            .last_mut()
            .filter(|last| are_compatible(last, &region))
        {
            Some(last) => *last = merged(std::mem::take(last), region),
            None => regions.push(region),
        }
    }
    Ok(regions)
}

fn are_compatible(a: &Region, b: &Region) -> bool {
    !(a.fragment.is_some() && b.fragment.is_some()
        || a.svg.is_some() && b.svg.is_some()
        || a.point.is_some()
        || b.point.is_some())
}

fn merged(a: Region, b: Region) -> Region {
    Region {
        frame: a.frame,
        fragment: a.fragment.or(b.fragment),
        svg: a.svg.or(b.svg),
        point: a.point.or(b.point),
    }
}

/// The region that a selector selects. A selector that refines it selects within that region, in its coordinates (Web
/// Annotation §4.2.9).
fn region(selector: &Value) -> Result<Option<Region>, String> {
    let outer = plain_region(selector)?;
    let mut inner = Vec::new();
    for refining in list(selector, "refinedBy") {
        // Selectors of times and styles may refine too; they do not select a part of the image.
        inner.extend(region(refining)?);
    }
    match (outer, inner.pop()) {
        (outer, None) => Ok(outer),
        (None, inner) => Ok(inner),
        (Some(outer), Some(inner)) => within(&outer, &inner).map(Some),
    }
}

fn within(outer: &Region, inner: &Region) -> Result<Region, String> {
    let fragment = match (&outer.fragment, &inner.fragment, &outer.svg, &inner.svg) {
        (Some(outer), Some(inner), None, None) => selectors::nested_fragment(outer, inner),
        _ => None,
    };
    let fragment = fragment
        .ok_or("selector is refined by another (refinedBy) in a way that a box cannot express")?;
    Ok(Region {
        fragment: Some(fragment),
        ..Region::default()
    })
}

fn plain_region(selector: &Value) -> Result<Option<Region>, String> {
    let text = || {
        ["value", "chars", "cnt:chars"]
            .iter()
            .find_map(|m| selector[*m].as_str())
    };
    let number = |member: &str| match &selector[member] {
        Value::String(text) => text.trim().parse().ok(),
        value => value.as_f64(),
    };
    let made = match kind(selector).as_str() {
        "fragmentselector" => Region {
            fragment: text().and_then(xywh).map(str::to_owned),
            ..Region::default()
        },
        "svgselector" => Region {
            svg: Some(
                text()
                    .ok_or("value of the SVG selector is missing")?
                    .to_owned(),
            ),
            ..Region::default()
        },
        "pointselector" => match (number("x"), number("y")) {
            (Some(x), Some(y)) => Region {
                point: Some([x, y]),
                ..Region::default()
            },
            _ => return Ok(None),
        },
        "imageapiselector" => Region {
            fragment: selector["region"].as_str().and_then(as_fragment),
            ..Region::default()
        },
        "choice" => return choice(selector),
        "" if selector.is_string() => Region {
            fragment: selector.as_str().and_then(xywh).map(str::to_owned),
            ..Region::default()
        },
        "" if text().is_some_and(|t| t.trim_start().starts_with('<')) => Region {
            svg: text().map(str::to_owned),
            ..Region::default()
        },
        "" => Region {
            fragment: text().and_then(xywh).map(str::to_owned),
            ..Region::default()
        },
        other => {
            return Err(format!(
                "selector does not select a part of an image: {other}"
            ));
        }
    };
    // Times (`t=3`) and empty values do not select a part: the region is the whole image.
    Ok((made != Region::default()).then_some(made))
}

/// A Choice of selectors in Open Annotation: a box as default, and its outline.
fn choice(selector: &Value) -> Result<Option<Region>, String> {
    let alternatives: Vec<&Value> = ["default", "item", "items"]
        .iter()
        .flat_map(|m| list(selector, m))
        .collect();
    let mut whole: Option<Region> = None;
    for alternative in alternatives {
        let next = region(alternative)?;
        whole = match (whole, next) {
            (Some(a), Some(b)) => Some(merged(a, b)),
            (a, b) => a.or(b),
        };
    }
    Ok(whole)
}

fn as_fragment(region: &str) -> Option<String> {
    match region.strip_prefix("pct:") {
        Some(share) => Some(format!("xywh=percent:{share}")),
        None => region.contains(',').then(|| format!("xywh={region}")),
    }
}

/// The image, if the target is one: an image service, or an image resource with or without a service.
fn image(target: &Value, resource: &Value, base: &str, document: &str) -> Option<Observation> {
    let services = [resource, target]
        .into_iter()
        .find_map(|v| service::services(v).best);
    let is_image = |v: &Value| kind(v) == "image";
    let service = match services {
        Some(service) => Some(service),
        None if resource.is_object() && kind(resource).starts_with("imageservice") => {
            service::described(resource)
        }
        None if !(is_image(resource) || is_image(target)) => return None,
        None => service_of_request(base),
    };
    let url = service.is_none().then(|| resolve(document, base)).flatten();
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
    Some(Observation {
        group: source
            .manifest
            .clone()
            .unwrap_or_else(|| document.to_owned()),
        id: name,
        image: ImageRef {
            url,
            service,
            width: pixels(&resource["width"]),
            height: pixels(&resource["height"]),
            media_type: None,
            sha256: None,
            names: Vec::new(),
        },
        source,
        ..Observation::default()
    })
}

/// The service behind a URL that requests a whole image by the Image API.
fn service_of_request(url: &str) -> Option<Service> {
    let asked = QuotedRequest::parse(url).filter(|a| a.region == "full" && a.is_full_size())?;
    Some(Service {
        id: asked.base.to_owned(),
        version: 2,
        level: None,
        region: None,
    })
}
