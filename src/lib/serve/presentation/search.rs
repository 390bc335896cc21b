//! Content Search 2.0 and 1.0 within a group: concepts and text of boxes, labels, metadata; and the terms for completion. Only the
//! annotations of the page that is asked for are made. Pure.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::annotation;
use super::canvases::{self, Canvas, Group};
pub use super::scan::Flavour;
use super::scan::{self, Found, Wanted, scan};
use super::uris::{self, Uris};
use crate::iiif::Version;
use crate::serve::site::Site;
use crate::serve::web::message::Query;

const CONTEXT: &str = "http://iiif.io/api/search/2/context.json";
const CONTEXT_1: &str = "http://iiif.io/api/search/1/context.json";
/// The number of annotations on a page of results.
const PAGE: usize = 100;

/// What was found, and which page of it is asked for.
struct Results {
    /// How many annotations were found.
    total: usize,
    /// Those of the page.
    items: Vec<Value>,
    service: String,
    query: Query,
    /// The number of the page, from 1.
    number: usize,
}

/// A page of the annotations that contain all words of `q`; the first page unless `page` is given. A parameter that is
/// empty or missing restricts nothing (2.0 §4.1.1, 1.0 §3.2.1).
pub fn search(
    site: &Site,
    group: &str,
    flavour: Flavour,
    query: &Query,
    uris: &Uris,
) -> Option<Value> {
    let group = canvases::group(site.catalogue, group, uris)?;
    let canvases = group.visible(site.permissions);
    if canvases.is_empty() {
        return None;
    }
    let number = query.get("page").parse::<usize>().unwrap_or(1).max(1);
    let found = scan(&canvases, flavour, &Wanted::of(query));
    let on_page = found.iter().skip((number - 1).saturating_mul(PAGE));
    let on_page: Vec<Found> = on_page.take(PAGE).copied().collect();
    let results = Results {
        total: found.len(),
        items: made(&on_page, &group, &canvases, flavour, uris),
        service: service(&group, flavour, uris),
        query: query.clone(),
        number,
    };
    Some(match flavour {
        Flavour::Second => results.second(),
        Flavour::First(_) => results.first(),
    })
}

fn service(group: &Group, flavour: Flavour, uris: &Uris) -> String {
    match flavour {
        Flavour::Second => uris.search(group.name),
        Flavour::First(version) => uris.search_1(version, group.name),
    }
}

impl Results {
    fn uri(&self, number: usize) -> String {
        let mut query = self.query.clone();
        query.set("page", &number.to_string());
        format!("{}?{query}", self.service)
    }

    fn pages(&self) -> usize {
        self.total.div_ceil(PAGE).max(1)
    }

    fn start(&self) -> usize {
        (self.number - 1).saturating_mul(PAGE)
    }

    fn ignored(&self) -> Vec<&str> {
        self.query.unknown_names(&["q", "motivation", "page"])
    }

    fn before(&self) -> Option<String> {
        let is_there = self.number > 1 && self.number <= self.pages();
        is_there.then(|| self.uri(self.number - 1))
    }

    fn after(&self) -> Option<String> {
        (self.number < self.pages()).then(|| self.uri(self.number + 1))
    }

    fn second(self) -> Value {
        let page = |uri: String| json!({"id": uri, "type": "AnnotationPage"});
        let mut document = json!({
            "@context": CONTEXT,
            "id": self.uri(self.number),
            "type": "AnnotationPage",
        });
        if !self.ignored().is_empty() {
            document["ignored"] = json!(self.ignored());
        }
        if self.pages() > 1 {
            document["partOf"] = json!({
                "id": format!("{}?q={}", self.service, uris::segment(self.query.get("q"))),
                "type": "AnnotationCollection",
                "total": self.total,
                "first": page(self.uri(1)),
                "last": page(self.uri(self.pages())),
            });
            document["startIndex"] = json!(self.start());
        }
        if let Some(uri) = self.after() {
            document["next"] = page(uri);
        }
        if let Some(uri) = self.before() {
            document["prev"] = page(uri);
        }
        document["items"] = self.items.into();
        document
    }

    fn first(self) -> Value {
        let mut layer = json!({"@type": "sc:Layer", "total": self.total});
        if !self.ignored().is_empty() {
            layer["ignored"] = json!(self.ignored());
        }
        if self.pages() > 1 {
            layer["first"] = json!(self.uri(1));
            layer["last"] = json!(self.uri(self.pages()));
        }
        let mut document = json!({
            "@context": ["http://iiif.io/api/presentation/2/context.json", CONTEXT_1],
            "@id": self.uri(self.number),
            "@type": "sc:AnnotationList",
            "within": layer,
            "startIndex": self.start(),
        });
        if let Some(uri) = self.after() {
            document["next"] = json!(uri);
        }
        if let Some(uri) = self.before() {
            document["prev"] = json!(uri);
        }
        document["resources"] = self.items.into();
        document
    }
}

/// The services of a manifest for search: of the versions that viewers know.
pub fn services(version: Version, group: &str, uris: &Uris) -> Vec<Value> {
    let first = uris.search_1(version, group);
    let mut old = json!({
        "@context": CONTEXT_1,
        "@id": first,
        "@type": "SearchService1",
        "profile": "http://iiif.io/api/search/1/search",
        "service": {
            "@id": format!("{first}/terms"),
            "@type": "AutoCompleteService1",
            "profile": "http://iiif.io/api/search/1/autocomplete",
        },
    });
    match version {
        Version::V2 => {
            // 2.1 tells services by their profiles only.
            let members = |value: &mut Value| value.as_object_mut().and_then(|o| o.remove("@type"));
            members(&mut old);
            members(&mut old["service"]);
            vec![old]
        }
        Version::V3 => {
            let second = uris.search(group);
            let new = json!({
                "id": second,
                "type": "SearchService2",
                "service": [{"id": format!("{second}/terms"), "type": "AutoCompleteService2"}],
            });
            vec![new, old]
        }
    }
}

/// The concepts that begin with `q`, with the number of their occurrences (2.0 §4, 1.0 §4).
pub fn terms(
    site: &Site,
    group: &str,
    flavour: Flavour,
    query: &Query,
    uris: &Uris,
) -> Option<Value> {
    let group = canvases::group(site.catalogue, group, uris)?;
    let canvases = group.visible(site.permissions);
    if canvases.is_empty() {
        return None;
    }
    let start = scan::folded(query.get("q"));
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for (_, canvas) in &canvases {
        let about = &canvas.first().about;
        let boxes = about.localizations.iter().map(|l| &l.concept);
        for concept in about.labels.iter().chain(boxes) {
            *counts.entry(concept).or_default() += 1;
        }
    }
    counts.retain(|concept, _| scan::folded(concept).starts_with(&start));
    let service = service(&group, flavour, uris);
    let id = format!("{service}/terms?{query}");
    let counts = counts.into_iter();
    let mut document = match flavour {
        Flavour::Second => {
            let term = |(value, total)| json!({"type": "Term", "value": value, "total": total});
            let terms: Vec<Value> = counts.map(term).collect();
            json!({"@context": CONTEXT, "id": id, "type": "TermPage", "items": terms})
        }
        Flavour::First(_) => {
            let term = |(value, count): (&str, u64)| {
                let url = format!("{service}?q={}", uris::segment(value));
                json!({"match": value, "url": url, "count": count})
            };
            let terms: Vec<Value> = counts.map(term).collect();
            json!({"@context": CONTEXT_1, "@id": id, "@type": "search:TermList", "terms": terms})
        }
    };
    let ignored = query.unknown_names(&["q"]);
    if !ignored.is_empty() {
        document["ignored"] = json!(ignored);
    }
    Some(document)
}

/// The annotations that were found, as JSON.
fn made(
    found: &[Found],
    group: &Group,
    canvases: &[(usize, Canvas)],
    flavour: Flavour,
    uris: &Uris,
) -> Vec<Value> {
    let version = match flavour {
        Flavour::Second => Version::V3,
        Flavour::First(version) => version,
    };
    let of_canvas = |found: &[Found]| {
        let (n, canvas) = &canvases[found[0].canvas];
        let uri = uris.canvas(version, group.name, *n);
        let uri_3 = uris.canvas(Version::V3, group.name, *n);
        let mut all = match flavour {
            Flavour::Second => annotation::all(canvas, &uri, uris),
            Flavour::First(_) => annotation::all_2(canvas, &uri, &uri_3, uris),
        };
        all.extend(descriptions(
            canvas,
            flavour,
            &uri,
            &uris.annotations(&uri_3),
        ));
        let taken = found.iter().map(|found| all[found.nth].take());
        taken.collect::<Vec<_>>()
    };
    let of_each = found.chunk_by(|a, b| a.canvas == b.canvas);
    of_each.flat_map(of_canvas).collect()
}

/// The metadata of a canvas as annotations of the page with this URI.
fn descriptions(canvas: &Canvas, flavour: Flavour, uri: &str, page: &str) -> Vec<Value> {
    let metadata = canvas.first().about.metadata.iter().enumerate();
    let description = |(at, (key, values)): (usize, (&String, &Vec<String>))| {
        let text = scan::described(key, values);
        let id = format!("{page}#metadata-{}", at + 1);
        match flavour {
            Flavour::Second => json!({
                "id": id,
                "type": "Annotation",
                "motivation": "describing",
                "body": {"type": "TextualBody", "purpose": "describing", "value": text},
                "target": uri,
            }),
            Flavour::First(_) => json!({
                "@id": id,
                "@type": "oa:Annotation",
                "motivation": "oa:describing",
                "resource": {"@type": "cnt:ContentAsText", "format": "text/plain", "chars": text},
                "on": uri,
            }),
        }
    };
    metadata.map(description).collect()
}
