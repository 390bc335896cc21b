//! Images that are painted on canvases: resources, alternatives of a choice, parts and rotations of an image.

use serde_json::Value;

use super::service;
use super::values::{all, id, kind, label, list, pixels, resolve, split_fragment, xywh};
use crate::contracts::{ImageRef, Service};
use crate::iiif::QuotedRequest;
use crate::sources::is_url;

/// One image that is painted on a canvas.
#[derive(Debug)]
pub struct Painted {
    /// Number of image services of its resource.
    pub services: u64,
    /// The image, or why it cannot be used.
    pub image: Result<PaintedImage, ImageProblem>,
}

/// An image that can be downloaded.
#[derive(Debug, Default)]
pub struct PaintedImage {
    /// Where its pixels are.
    pub image: ImageRef,
    /// Its own label, such as the spectral band.
    pub label: Option<String>,
    /// Clockwise rotation in degrees; none for 0.
    pub rotation: Option<f64>,
}

/// Why an image cannot be used.
#[derive(Debug)]
pub struct ImageProblem {
    /// Id of the image, if it has one.
    pub record: String,
    /// The member that is wrong.
    pub field: &'static str,
    /// Problem of the reject.
    pub problem: String,
}

/// All images in the body of a painting annotation. Sound, video, text and models are skipped. `base` is the base of
/// relative URLs.
pub fn painted(body: &Value, base: &str) -> Vec<Painted> {
    all(body)
        .into_iter()
        .flat_map(|body| one_body(body, base))
        .collect()
}

fn one_body(body: &Value, base: &str) -> Vec<Painted> {
    match kind(body).as_str() {
        "choice" | "alternatives" | "list" | "composite" => ["default", "item", "items", "members"]
            .iter()
            .flat_map(|member| painted(&body[*member], base))
            .collect(),
        _ if !source(body).is_null() => specific(body, base),
        _ if is_image(body) => vec![Painted {
            services: service::services(body).published,
            image: image(body, &Value::Null, base),
        }],
        _ => Vec::new(),
    }
}

/// The resource that a specific resource is a part of: `source`, in Open Annotation `full`.
fn source(body: &Value) -> &Value {
    match &body["source"] {
        Value::Null => &body["full"],
        source => source,
    }
}

fn specific(body: &Value, base: &str) -> Vec<Painted> {
    let own = label(&body["label"]);
    let sources = all(source(body));
    let mut found: Vec<Painted> = sources
        .into_iter()
        .flat_map(|source| match is_choice(source) {
            true => one_body(source, base),
            false if is_image(source) => vec![Painted {
                services: service::services(source).published,
                image: image(source, &body["selector"], base),
            }],
            false => Vec::new(),
        })
        .collect();
    for image in found.iter_mut().filter_map(|p| p.image.as_mut().ok()) {
        image.label = own.clone().or(image.label.take());
    }
    found
}

fn is_choice(value: &Value) -> bool {
    kind(value) == "choice"
}

/// Whether a resource is an image: by type, else by media type, else by having a service. A plain URL counts, since in
/// Presentation 2 only images are painted; `rdf:nil` is the empty alternative of a choice.
fn is_image(resource: &Value) -> bool {
    let nil = |text: &str| text == "rdf:nil" || text.ends_with("#nil");
    if id(resource).is_some_and(nil) {
        return false;
    }
    match kind(resource).as_str() {
        "" => match resource["format"].as_str() {
            Some(format) if !format.is_empty() => format.starts_with("image/"),
            _ => resource.is_string() || !resource["service"].is_null() || id(resource).is_some(),
        },
        "nil" => false,
        kind => kind == "image" || kind == "stillimage" || kind == "imageobject",
    }
}

fn image(resource: &Value, selector: &Value, base: &str) -> Result<PaintedImage, ImageProblem> {
    let (own, fragment) = id(resource).map_or(("", None), split_fragment);
    let url = resolve(base, own).filter(|url| is_url(url));
    let service = service::services(resource)
        .best
        .and_then(|service| fetchable(service, base));
    let mut found = PaintedImage {
        image: ImageRef {
            width: pixels(&resource["width"]),
            height: pixels(&resource["height"]),
            media_type: resource["format"]
                .as_str()
                .filter(|f| !f.is_empty())
                .map(str::to_owned),
            sha256: None,
            names: Vec::new(),
            url,
            service,
        },
        label: label(&resource["label"]),
        rotation: None,
    };
    let record = || id(resource).unwrap_or("image without id").to_owned();
    let refuse = |(field, problem)| ImageProblem {
        record: record(),
        field,
        problem,
    };
    apply_own_url(&mut found);
    if let Some(part) = fragment.and_then(xywh) {
        if found
            .image
            .service
            .as_ref()
            .is_some_and(|s| s.region.is_some())
        {
            return Err(refuse((
                "id",
                format!("image is a part of a part of an image: {part}"),
            )));
        }
        take_part(&mut found, &as_image_api_region(part), "id").map_err(refuse)?;
    }
    all(selector)
        .into_iter()
        .try_for_each(|s| apply_selector(&mut found, s))
        .map_err(refuse)?;
    if found.image.url.is_none() && found.image.service.is_none() {
        let shown: String = record().chars().take(200).collect();
        return Err(refuse((
            "id",
            format!("URL of the image is missing: {shown}"),
        )));
    }
    Ok(found)
}

fn fetchable(service: Service, base: &str) -> Option<Service> {
    let id = resolve(base, &service.id).filter(|id| is_url(id))?;
    Some(Service { id, ..service })
}

/// A resource id that is itself an Image API request may select a part of the image, or rotate it.
fn apply_own_url(found: &mut PaintedImage) {
    let Some(asked) = found.image.url.as_deref().and_then(QuotedRequest::parse) else {
        return;
    };
    let Some(service) = &mut found.image.service else {
        return;
    };
    let part = part_of(asked.region, None);
    match (part, asked.rotation.parse::<f64>()) {
        (Ok(part), Ok(turn)) => {
            service.region = part;
            found.rotation = Some(turn).filter(|t| *t != 0.0);
        }
        // Percentages of an image of unknown size, or mirroring: only the URL itself returns the right pixels.
        _ => found.image.service = None,
    }
}

type FieldProblem = (&'static str, String);

fn apply_selector(found: &mut PaintedImage, selector: &Value) -> Result<(), FieldProblem> {
    let region = match kind(selector).as_str() {
        "imageapiselector" => selector["region"].as_str().map(str::to_owned),
        "fragmentselector" => selector["value"]
            .as_str()
            .and_then(xywh)
            .map(as_image_api_region),
        _ => None,
    };
    if !selector["refinedBy"].is_null() {
        let problem = "image is a part of a part of an image (refinedBy)";
        return Err(("selector.refinedBy", problem.into()));
    }
    if let Some(region) = region.filter(|r| r != "full") {
        take_part(found, &region, "selector.region")?;
    }
    let rotation = match &selector["rotation"] {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    if let Some(text) = rotation {
        if text.trim_start().starts_with('!') {
            let problem = format!("image is painted mirrored, which is not supported: {text}");
            return Err(("selector.rotation", problem));
        }
        let turn: f64 = text.trim().parse().map_err(|_| {
            (
                "selector.rotation",
                format!("rotation is not a number of degrees: {text}"),
            )
        })?;
        found.rotation = Some(turn).filter(|t| *t != 0.0);
    }
    Ok(())
}

/// Makes the image a part of its service's image.
fn take_part(
    found: &mut PaintedImage,
    region: &str,
    field: &'static str,
) -> Result<(), FieldProblem> {
    let whole = found.image.width.zip(found.image.height);
    let part = part_of(region, whole).map_err(|problem| (field, problem))?;
    let Some(service) = &mut found.image.service else {
        let problem = format!("image is a part of an image without image service: {region}");
        return Err((field, problem));
    };
    service.region = part;
    if let Some([_, _, width, height]) = part {
        (found.image.width, found.image.height) = (Some(width), Some(height));
    }
    Ok(())
}

/// `xywh=percent:1,2,3,4` in the syntax of the Image API: `pct:1,2,3,4`.
fn as_image_api_region(xywh: &str) -> String {
    let numbers = xywh.trim_start_matches("xywh=");
    match numbers.split_once(':') {
        Some(("percent", numbers)) => format!("pct:{numbers}"),
        Some((_, numbers)) => numbers.to_owned(),
        None => numbers.to_owned(),
    }
}

/// A region of the Image API, `[x, y, width, height]` in pixels; none for the whole image. `whole` is the size in pixels.
fn part_of(region: &str, whole: Option<(u32, u32)>) -> Result<Option<[u32; 4]>, String> {
    if region == "full" {
        return Ok(None);
    }
    let unclear = || format!("region cannot be converted to pixels: {region}");
    let numbers = |text: &str| -> Option<[f64; 4]> {
        let numbers: Result<Vec<f64>, _> = text.split(',').map(|n| n.trim().parse()).collect();
        numbers.ok()?.try_into().ok()
    };
    let [x, y, width, height] = match (region.strip_prefix("pct:"), whole) {
        (Some(share), Some((w, h))) => {
            let [x, y, width, height] = numbers(share).ok_or_else(unclear)?;
            let (w, h) = (f64::from(w) / 100.0, f64::from(h) / 100.0);
            [x * w, y * h, width * w, height * h]
        }
        (Some(_), None) => return Err(unclear()),
        (None, Some((w, h))) if region == "square" => {
            let side = w.min(h);
            [(w - side) / 2, (h - side) / 2, side, side].map(f64::from)
        }
        (None, _) => numbers(region).ok_or_else(unclear)?,
    };
    let usable = [x, y, width, height].iter().all(|n| (0.0..4e9).contains(n))
        && width >= 0.5
        && height >= 0.5;
    if !usable {
        return Err(unclear());
    }
    Ok(Some([x, y, width, height].map(|n| n.round() as u32)))
}

/// Whether one of an annotation's bodies is an image.
pub fn has_image(body: &Value) -> bool {
    all(body).into_iter().any(|body| match kind(body).as_str() {
        "choice" => ["default", "item", "items"]
            .iter()
            .any(|m| list(body, m).into_iter().any(has_image)),
        _ if !source(body).is_null() => has_image(source(body)),
        kind => kind == "image" || (kind.is_empty() && is_image(body) && !body.is_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const BASE: &str = "https://a.example/m.json";

    fn one(body: Value) -> PaintedImage {
        let mut found = painted(&body, BASE);
        assert_eq!(found.len(), 1, "{body}");
        found.remove(0).image.unwrap()
    }

    fn with_service(id: &str) -> Value {
        json!({"@id": id, "@type": "dctypes:Image", "width": 400, "height": "200",
               "service": {"@id": "https://a.example/i/1", "profile": "http://iiif.io/api/image/2/level1.json"}})
    }

    #[test]
    fn a_part_of_a_service_is_found_wherever_it_is_named() {
        let by = |selector: Value| json!({"type": "SpecificResource", "source": with_service("https://a.example/x.jpg"), "selector": selector});
        let cases = [
            (
                with_service("https://a.example/i/1/full/full/0/default.jpg"),
                None,
            ),
            (
                with_service("https://a.example/i/1/full/!100,100/0/native.jpg"),
                None,
            ),
            (
                with_service("https://a.example/i/1/1,2,30,40/full/0/default.jpg"),
                Some([1, 2, 30, 40]),
            ),
            (
                by(json!({"type": "ImageApiSelector", "region": "1,2,30,40"})),
                Some([1, 2, 30, 40]),
            ),
            (
                by(json!({"@type": "iiif:ImageApiSelector", "region": "pct:50,50,25,50"})),
                Some([200, 100, 100, 100]),
            ),
            (
                by(json!({"type": "ImageApiSelector", "region": "square"})),
                Some([100, 0, 200, 200]),
            ),
            (
                by(json!({"type": "FragmentSelector", "value": "xywh=pixel:1,2,3,4"})),
                Some([1, 2, 3, 4]),
            ),
            (
                by(json!({"type": "ImageApiSelector", "rotation": "90"})),
                None,
            ),
            (
                with_service("https://a.example/i/1/full/max/0/default.jpg#xywh=1,2,30,40"),
                Some([1, 2, 30, 40]),
            ),
            (
                with_service("https://a.example/x.jpg#xywh=percent:50,50,25,50"),
                Some([200, 100, 100, 100]),
            ),
        ];
        for (body, region) in cases {
            assert_eq!(
                one(body.clone()).image.service.unwrap().region,
                region,
                "{body}"
            );
        }
        assert_eq!(
            one(by(json!({"type": "ImageApiSelector", "rotation": "90"}))).rotation,
            Some(90.0)
        );
    }

    #[test]
    fn parts_and_rotations_that_are_not_supported_are_refused() {
        let by = |selector: Value| json!({"type": "SpecificResource", "source": with_service("https://a.example/x.jpg"), "selector": selector});
        let cases = [
            (
                json!({"id": "https://a.example/x.jpg#xywh=1,2,3,4", "type": "Image"}),
                "image is a part of an image without image service: 1,2,3,4",
            ),
            (
                with_service("https://a.example/i/1/5,5,90,90/max/0/default.jpg#xywh=1,2,3,4"),
                "image is a part of a part of an image: xywh=1,2,3,4",
            ),
            (
                by(
                    json!({"type": "ImageApiSelector", "region": "1,2,3,4", "refinedBy": {"type": "FragmentSelector", "value": "xywh=1,1,1,1"}}),
                ),
                "image is a part of a part of an image (refinedBy)",
            ),
            (
                by(json!({"type": "ImageApiSelector", "rotation": "!0"})),
                "image is painted mirrored, which is not supported: !0",
            ),
        ];
        for (body, problem) in cases {
            let found = painted(&body, BASE);
            assert_eq!(
                found[0].image.as_ref().unwrap_err().problem,
                problem,
                "{body}"
            );
        }
    }

    #[test]
    fn a_part_that_only_the_url_can_say_keeps_the_url() {
        let image = one(with_service(
            "https://a.example/i/1/pct:1,2,30,40/full/0/default.jpg",
        ))
        .image;
        assert!(image.service.is_none() && image.url.is_some());
    }

    #[test]
    fn each_alternative_of_a_choice_is_an_image_and_nil_is_none() {
        let item = |n: u8| json!({"@id": format!("https://a.example/{n}.jpg"), "@type": "dctypes:Image", "label": format!("band {n}")});
        let cases = [
            (
                json!({"@type": "oa:Choice", "default": item(1), "item": item(2)}),
                2,
            ),
            (
                json!({"@type": "oa:Choice", "default": item(1), "item": [item(2), "rdf:nil"]}),
                2,
            ),
            (
                json!({"@type": "oa:Choice", "default": item(1), "item": {"@id": "rdf:nil"}}),
                1,
            ),
            (
                json!({"type": "Choice", "items": [item(1), item(2), item(3)]}),
                3,
            ),
            (json!([item(1), {"type": "TextualBody", "value": "x"}]), 1),
            (json!({"id": "https://a.example/a.mp4", "type": "Video"}), 0),
            (json!({"id": "https://a.example/a.glb", "type": "Model"}), 0),
            (
                json!({"id": "https://a.example/a.mp3", "format": "audio/mp3"}),
                0,
            ),
            (json!(null), 0),
        ];
        for (body, n) in cases {
            assert_eq!(painted(&body, BASE).len(), n, "{body}");
        }
    }

    #[test]
    fn an_image_without_url_is_reported() {
        for id in ["data:image/png;base64,AAAA", "urn:x:1", ""] {
            let found = painted(&json!({"id": id, "type": "Image"}), "m.json");
            let problem = found[0].image.as_ref().unwrap_err();
            assert!(
                problem.problem.starts_with("URL of the image is missing: "),
                "{id}"
            );
        }
    }
}
