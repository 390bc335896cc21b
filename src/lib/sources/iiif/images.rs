//! Images that are painted on canvases: resources, alternatives of a choice, parts and rotations of an image.

use serde_json::Value;

use super::painted_part::{PaintedImage, apply_own_url, settle_size, take};
use super::selecting::selectors_of;
use super::service;
use super::values::{
    all, described, has, id, kind, label, list, members_of, named, pixels, resolve, services_of,
    sources, split_fragment, types,
};
use crate::contracts::{ImageRef, Service};
use crate::iiif::QuotedRequest;
use crate::selectors::fragment;
use crate::sources::is_url;

/// What is painted on a canvas.
#[derive(Debug)]
pub struct Painted<'v> {
    /// Where it stands in the document.
    pub value: &'v Value,
    /// Number of image services of its resource.
    pub services: u64,
    /// The image, or why it cannot be used.
    pub image: Result<PaintedImage, Unusable<'v>>,
}

/// Why something that is painted cannot be used.
#[derive(Debug)]
pub enum Unusable<'v> {
    /// An image with a problem.
    Image(ImageProblem<'v>),
    /// Not an image: what it is.
    NoImage(String),
}

/// Why an image cannot be used.
#[derive(Debug)]
pub struct ImageProblem<'v> {
    /// Id of the image, if it has one.
    pub record: String,
    /// Where the problem stands.
    pub place: &'v Value,
    /// The member of that which is wrong; empty: all of it.
    pub field: &'static str,
    /// Problem of the reject.
    pub problem: String,
}

/// Members that hold the alternatives of a choice, and the members of a list.
const ITEMS: [&str; 4] = ["default", "item", "items", "members"];

/// Everything that a body of a painting annotation paints. `base` is the base of relative URLs.
pub fn painted<'v>(body: &'v Value, annotation: &Value, base: &str) -> Vec<Painted<'v>> {
    let on = Painting { annotation, base };
    let mut found = on.within(body, &[]);
    part_files(&mut found);
    found
}

fn is_several(body: &Value) -> bool {
    matches!(
        kind(body).as_str(),
        "choice" | "alternatives" | "list" | "composite"
    )
}

/// Whether a body is only named, and what it is stands in a document of its own.
pub fn is_reference(body: &Value) -> bool {
    let path = id(body).map(|id| id.split(['?', '#']).next().unwrap_or(id));
    let is_json = path.is_some_and(|path| path.ends_with(".json") && !path.ends_with("/info.json"));
    let is_bare = body.is_string() || (types(body).next().is_none() && !has(body, "service"));
    let is_choice = kind(body) == "choice" && path.is_some();
    let has_items = || !members_of(body, &ITEMS).is_empty();
    let selects = || !selectors_of(body).is_empty();
    // What selects a part of alternatives elsewhere is not carried there.
    (is_bare && is_json) || (is_choice && !has_items() && !selects())
}

/// The choices and specific resources in a body, which hold what it paints.
pub fn around_images(body: &Value) -> Vec<&Value> {
    let inner = match is_several(body) {
        true => members_of(body, &ITEMS),
        false => sources(body),
    };
    match inner.is_empty() {
        true => Vec::new(),
        false => std::iter::once(body)
            .chain(inner.into_iter().flat_map(around_images))
            .collect(),
    }
}

fn no_image(value: &Value, problem: String) -> Painted<'_> {
    Painted {
        value,
        services: 0,
        image: Err(Unusable::NoImage(problem)),
    }
}

/// What paints a body: the annotation, and the base of relative URLs.
struct Painting<'p> {
    annotation: &'p Value,
    base: &'p str,
}

impl Painting<'_> {
    /// What a body paints. `around` are the choices and specific resources that it stands in, the outermost first: what they
    /// select holds for each image in them.
    fn within<'v>(&self, body: &'v Value, around: &[&'v Value]) -> Vec<Painted<'v>> {
        let levels = [around, &[body]].concat();
        let (inner, nothing) = match is_several(body) {
            true => (members_of(body, &ITEMS), "body does not have an item"),
            false if is_specific(body) => {
                (sources(body), "specific resource does not have a source")
            }
            false if is_nil(body) => return Vec::new(),
            false => return vec![self.one(body, &levels)],
        };
        if inner.is_empty() {
            return vec![no_image(body, nothing.into())];
        }
        let own = label(&body["label"]).filter(|_| !is_several(body));
        let mut found = Vec::new();
        for inner in inner.into_iter().filter(|inner| !is_nil(inner)) {
            let is_several = is_several(inner);
            for mut painted in self.within(inner, &levels) {
                if let Ok(image) = &mut painted.image {
                    // What alternatives are called says more than what is around them.
                    image.label = match is_several {
                        true => image.label.take().or_else(|| own.clone()),
                        false => own.clone().or(image.label.take()),
                    };
                }
                found.push(painted);
            }
        }
        found
    }

    /// What one resource paints. `levels` are what stands around it, and the resource.
    fn one<'v>(&self, resource: &'v Value, levels: &[&'v Value]) -> Painted<'v> {
        if !is_image(resource) {
            let problem = match kind(resource).as_str() {
                "canvas" => "a canvas is painted on a canvas, which is not supported".into(),
                _ => format!("an image was expected: found {}", described(resource)),
            };
            return no_image(resource, problem);
        }
        Painted {
            value: resource,
            services: service::services(resource).published,
            image: self.image(resource, levels).map_err(Unusable::Image),
        }
    }
}

/// Where several files are alternatives of which the document says that they are one service's image, nothing but each file
/// itself returns its pixels.
fn part_files(painted: &mut [Painted]) {
    let named = |painted: &Painted| {
        let image = painted.image.as_ref().ok()?;
        Some((image.service_name()?, image.file()))
    };
    let all: Vec<_> = painted.iter().map(named).collect();
    for (painted, own) in painted.iter_mut().zip(&all) {
        let Some((service, Some(file))) = own else {
            continue;
        };
        let others = all.iter().flatten();
        let mut others = others.filter(|(other, _)| other == service);
        if others.all(|(_, other)| other.as_ref() == Some(file)) {
            continue;
        }
        let (place, record) = (painted.value, file.clone());
        let parted = painted.image.as_mut().map(PaintedImage::use_file);
        if let Ok(Err(problem)) = parted {
            painted.image = Err(Unusable::Image(ImageProblem {
                record,
                place,
                field: "",
                problem,
            }));
        }
    }
}

/// Whether a body is a part of something else, or is styled.
fn is_specific(body: &Value) -> bool {
    let is_given = |member: &str| !body[member].is_null();
    is_given("source") || is_given("full") || !sources(body).is_empty()
}

/// `rdf:nil` is the empty alternative of a choice.
fn is_nil(resource: &Value) -> bool {
    let nil = |text: &str| text == "rdf:nil" || text.ends_with("#nil");
    kind(resource) == "nil" || id(resource).is_some_and(nil)
}

/// Whether a resource is an image: by its type, else by its media type, else by having an image service or the URL of an
/// image. A plain URL counts, since in Presentation 2 only images are painted.
pub fn is_image(resource: &Value) -> bool {
    let url = id(resource).unwrap_or_default();
    if resource.is_string() {
        return is_url(url) || is_image_url(url);
    }
    if !resource.is_object() {
        return false;
    }
    let is_typed = types(resource).any(|name| {
        let kind = super::values::local_name(name).to_ascii_lowercase();
        IMAGES.contains(&kind.as_str()) || name.to_ascii_lowercase().starts_with("image/")
    });
    let kind = kind(resource);
    if is_typed || OTHERS.contains(&kind.as_str()) {
        return is_typed;
    }
    let format = format_of(resource).unwrap_or_default();
    if format.to_ascii_lowercase().starts_with("image/") || has_image_service(resource) {
        return true;
    }
    match (kind.as_str(), format) {
        ("", "") => has(resource, "service") || id(resource).is_some(),
        (_, "") => is_image_url(url),
        _ => false,
    }
}

/// The media type of a resource.
fn format_of(resource: &Value) -> Option<&str> {
    let mut texts = named(resource, &["format"]).filter_map(Value::as_str);
    texts.next().map(str::trim).filter(|text| !text.is_empty())
}

fn has_image_service(resource: &Value) -> bool {
    let described = services_of(resource).into_iter();
    described.filter(|s| service::is_image_service(s)).count() > 0
}

/// Types of images, by the vocabularies and by habit.
const IMAGES: &[&str] = &[
    "image",
    "stillimage",
    "imageobject",
    "picture",
    "photo",
    "photograph",
];

/// Types of what is not an image, whatever else is said of it.
const OTHERS: &[&str] = &[
    "annotation",
    "annotationcollection",
    "annotationpage",
    "audio",
    "canvas",
    "collection",
    "contentastext",
    "manifest",
    "model",
    "movingimage",
    "physicalobject",
    "range",
    "scene",
    "sound",
    "text",
    "textualbody",
    "timeline",
    "video",
];

/// Whether a URL requests an image by the Image API, or ends like the name of an image file.
pub fn is_image_url(url: &str) -> bool {
    const SUFFIXES: &[&str] = &[
        ".jpg", ".jpeg", ".jpe", ".png", ".tif", ".tiff", ".jp2", ".jpx", ".webp", ".gif", ".bmp",
        ".avif", ".jxl",
    ];
    let path = url
        .split(['?', '#'])
        .next()
        .unwrap_or(url)
        .to_ascii_lowercase();
    SUFFIXES.iter().any(|suffix| path.ends_with(suffix)) || QuotedRequest::parse(url).is_some()
}

impl Painting<'_> {
    fn image<'v>(
        &self,
        resource: &'v Value,
        levels: &[&'v Value],
    ) -> Result<PaintedImage, ImageProblem<'v>> {
        let base = self.base;
        let (own, fragment) = id(resource).map_or(("", None), split_fragment);
        let url = resolve(base, own).filter(|url| is_url(url));
        let services = service::services(resource);
        let service = services.best.and_then(|service| fetchable(service, base));
        // The description of a service stands for its image.
        let described = url
            .as_deref()
            .and_then(|url| url.strip_suffix("/info.json"));
        let service = service.or_else(|| described.map(Service::named));
        let url = url.clone().filter(|_| described.is_none());
        let format = format_of(resource);
        let image = ImageRef {
            width: pixels(&resource["width"]),
            height: pixels(&resource["height"]),
            whole: services.size,
            media_type: format.map(str::to_owned),
            url,
            service,
            ..ImageRef::default()
        };
        let mut found = PaintedImage::of(image, label(&resource["label"]));
        let record = || id(resource).unwrap_or("image without id").to_owned();
        let refuse = |(place, field, problem)| ImageProblem {
            record: record(),
            place,
            field,
            problem,
        };
        match fragment::unread_end(own).filter(|_| found.image.url.is_some()) {
            Some(end) if own.contains('#') => {
                let problem = format!("part of an image is not understood: {end}");
                return Err(refuse((resource, "id", problem)));
            }
            // Only the URL itself returns the part.
            Some(_) => found.image.service = None,
            None => apply_own_url(&mut found),
        }
        let own_pixels = settle_size(&mut found);
        take(&mut found, (fragment, own_pixels), levels, self.annotation).map_err(refuse)?;
        if found.image.url.is_none() && found.image.service.is_none() {
            return Err(refuse((resource, "id", without_url(own, &record()))));
        }
        Ok(found)
    }
}

/// The problem of an image that cannot be fetched.
fn without_url(id: &str, record: &str) -> String {
    let shown: String = record.chars().take(200).collect();
    match id.is_empty() || id.starts_with('#') {
        true => format!("URL of the image is missing: {shown}"),
        false => format!("image is not at an http or https URL: {shown}"),
    }
}

fn fetchable(service: Service, base: &str) -> Option<Service> {
    let id = resolve(base, &service.id).filter(|id| is_url(id))?;
    Some(Service { id, ..service })
}

/// Whether one of an annotation's bodies is evidently an image.
pub fn has_image(body: &Value) -> bool {
    all(body).into_iter().any(|body| match kind(body).as_str() {
        "choice" => ["default", "item", "items"]
            .iter()
            .any(|m| list(body, m).into_iter().any(has_image)),
        _ if !sources(body).is_empty() => sources(body).into_iter().any(has_image),
        _ => body.is_object() && is_image(body),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const BASE: &str = "https://a.example/m.json";

    fn one(body: Value) -> PaintedImage {
        let mut found = painted(&body, &Value::Null, BASE);
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
    fn sizes_are_those_of_the_service_and_not_of_a_smaller_copy() {
        let with = |id: &str, size: [u32; 2], described: Value| {
            let mut service = json!({"id": "https://a.example/i/1", "type": "ImageService3"});
            let all = described.as_object().cloned().unwrap_or_default();
            service.as_object_mut().unwrap().extend(all);
            one(
                json!({"id": format!("https://a.example/i/1/{id}/0/default.jpg"), "type": "Image",
                "width": size[0], "height": size[1], "service": [service]}),
            )
            .image
        };
        let full = json!({"width": 600, "height": 400});
        let cases = [
            ("full/max", [600, 400], json!({}), Some([600, 400]), None),
            // The size of the image beside the URL of a copy.
            ("full/300,", [600, 400], json!({}), Some([600, 400]), None),
            (
                "full/300,200",
                [300, 200],
                full.clone(),
                Some([600, 400]),
                None,
            ),
            ("full/300,", [300, 200], json!({}), None, None),
            ("full/,200", [300, 200], json!({}), None, None),
            ("full/!300,300", [300, 200], json!({}), None, None),
            (
                "10,20,100,60/max",
                [100, 60],
                full,
                Some([100, 60]),
                Some([600, 400]),
            ),
        ];
        for (id, size, described, declared, whole) in cases {
            let image = with(id, size, described);
            assert_eq!((image.declared(), image.whole), (declared, whole), "{id}");
        }
    }

    #[test]
    fn a_request_names_its_service_where_no_other_is_named() {
        let bare =
            |id: &str| one(json!({"id": format!("https://a.example/i/1/{id}"), "type": "Image"}));
        let service = |id: &str| bare(id).image.service.map(|s| (s.id, s.region));
        let base = || "https://a.example/i/1".to_owned();
        assert_eq!(service("full/max/0/default.jpg"), Some((base(), None)));
        assert_eq!(
            service("1,2,3,4/max/0/default.jpg"),
            Some((base(), Some([1, 2, 3, 4])))
        );
        assert_eq!(bare("full/max/90/default.jpg").rotation, Some(90.0));
        assert_eq!(service("full/max/!0/default.jpg"), None);
        assert_eq!(service("picture.jpg"), None);
    }

    #[test]
    fn parts_and_rotations_that_are_not_supported_are_refused() {
        let by = |selector: Value| json!({"type": "SpecificResource", "source": with_service("https://a.example/x.jpg"), "selector": selector});
        let cases = [
            (
                json!({"id": "https://a.example/x.jpg#xywh=1,2,3,4", "type": "Image"}),
                "image is a part of an image without image service: xywh=1,2,3,4",
            ),
            (
                with_service("https://a.example/i/1/5,5,90,90/max/90/default.jpg#xywh=1,2,3,4"),
                "image is a part of a copy that is turned, which is not supported: xywh=1,2,3,4",
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
            let found = painted(&body, &Value::Null, BASE);
            let Err(Unusable::Image(found)) = &found[0].image else {
                panic!("{body}: {:?}", found[0].image);
            };
            assert_eq!(found.problem, problem, "{body}");
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
            (json!({"id": "https://a.example/a.mp4", "type": "Video"}), 0),
            (json!({"id": "https://a.example/a.glb", "type": "Model"}), 0),
            (
                json!({"id": "https://a.example/a.mp3", "format": "audio/mp3"}),
                0,
            ),
            (json!(null), 0),
        ];
        for (body, n) in cases {
            let found = painted(&body, &Value::Null, BASE);
            let images = found.iter().filter(|p| p.image.is_ok()).count();
            assert_eq!(images, n, "{body}");
            // What is not an image is there too, with the reason.
            assert_eq!(
                found.is_empty(),
                body == json!({"@id": "rdf:nil"}),
                "{body}"
            );
        }
    }

    #[test]
    fn an_image_without_url_is_reported() {
        for id in ["data:image/png;base64,AAAA", "urn:x:1", ""] {
            let body = json!({"id": id, "type": "Image"});
            let found = painted(&body, &Value::Null, "m.json");
            let Err(Unusable::Image(problem)) = &found[0].image else {
                panic!("{id}: {:?}", found[0].image);
            };
            let wanted = match id {
                "" => "URL of the image is missing: ",
                _ => "image is not at an http or https URL: ",
            };
            assert!(problem.problem.starts_with(wanted), "{id}");
        }
    }
}
