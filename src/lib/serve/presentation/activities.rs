//! Change Discovery 1.0 of a catalogue: an activity for each manifest, the one that changed last at the end. A manifest changes
//! with its images, their files and corrections of their boxes; one that is gone is deleted. Pure.

use serde_json::{Value, json};

use super::canvases::{self, Group};
use super::uris::Uris;
use crate::iiif::Version;
use crate::serve::image_record::ImageRecord;
use crate::serve::site::Site;
use crate::serve::web::message::{Request, Response, error_response, json_response};

const CONTEXT: &str = "http://iiif.io/api/discovery/1/context.json";
const MEDIA_TYPE: &str =
    r#"application/ld+json;profile="http://iiif.io/api/discovery/1/context.json""#;
/// The name of the stream.
const STREAM: &str = "all-changes";
/// Activities of a page.
const ON_A_PAGE: usize = 1000;

/// Answers what follows `/iiif/activity/`.
pub fn answer(site: &Site, uris: &Uris, name: &str, request: &Request) -> Response {
    let all = activities(site, uris);
    let page = name.strip_prefix("page-").and_then(|n| n.parse().ok());
    let document = match page {
        None if name == STREAM => Some(stream(&all, uris)),
        None => None,
        Some(n) => page_of(&all, n, uris),
    };
    match document {
        Some(document) => json_response(&document, MEDIA_TYPE, request),
        None => error_response(
            404,
            "no such document; /iiif/activity/all-changes links to all pages",
        ),
    }
}

/// What became of a manifest last: when, its URI, and the type of the activity.
type Activity = (jiff::Timestamp, String, &'static str);

/// The activities that a visitor may know of, in their order.
fn activities(site: &Site, uris: &Uris) -> Vec<Activity> {
    let memory = &site.catalogue.memory;
    let uri = |name: &str| uris.manifest(Version::V3, name);
    let of_group = |group: Group| {
        let visible = group.images();
        let visible = visible.filter(|image| site.can_list(image));
        let last = visible.map(changed).max()?;
        let seen = memory.changed.get(group.name).copied();
        Some((last.max(seen.unwrap_or(last)), uri(group.name), "Update"))
    };
    let of_gone = memory.gone.values().filter_map(|manifest| {
        let mut images = manifest.ruled();
        let is_visible = images.any(|image| site.permissions.can_list(image));
        let when = manifest.gone.filter(|_| is_visible)?;
        Some((when, uri(&manifest.manifest), "Delete"))
    });
    let of_groups = canvases::groups(site.catalogue).filter_map(of_group);
    let mut all: Vec<Activity> = of_groups.chain(of_gone).collect();
    all.sort();
    all
}

/// When an image changed last: its file, or what people said of it.
fn changed(image: &ImageRecord) -> jiff::Timestamp {
    let of_file = jiff::Timestamp::from_second(image.modified).unwrap_or_default();
    let boxes = image.about.localizations.iter();
    let of_boxes = boxes.flat_map(|found| {
        let times = ["created", "modified"].map(|name| found.attributes.get(name));
        times.into_iter().flatten().filter_map(Value::as_str)
    });
    let of_image = image.about.metadata.get("reviewed_at");
    let of_image = of_image.into_iter().flatten().map(String::as_str);
    let said = of_boxes.chain(of_image);
    let said = said.filter_map(|time| time.parse().ok());
    said.chain([of_file]).max().unwrap_or_default()
}

fn stream(all: &[Activity], uris: &Uris) -> Value {
    let mut document = json!({
        "@context": CONTEXT,
        "id": uri(uris, STREAM),
        "type": "OrderedCollection",
        "totalItems": all.len(),
    });
    let pages = all.len().div_ceil(ON_A_PAGE);
    for (member, n) in [("first", 1), ("last", pages)] {
        // Where there is nothing there is one empty page: a stream has a last one (section 2.3.1).
        document[member] = link(uris, n.max(1));
    }
    document
}

fn page_of(all: &[Activity], n: usize, uris: &Uris) -> Option<Value> {
    let pages = all.len().div_ceil(ON_A_PAGE).max(1);
    let start = n.checked_sub(1)?.checked_mul(ON_A_PAGE)?;
    if n > pages {
        return None;
    }
    let items = all.iter().skip(start).take(ON_A_PAGE);
    let items = items.map(|(time, manifest, kind)| {
        json!({"type": kind, "endTime": time.to_string(), "object": {"id": manifest, "type": "Manifest"}})
    });
    let mut page = json!({
        "@context": CONTEXT,
        "id": uri(uris, &format!("page-{n}")),
        "type": "OrderedCollectionPage",
        "partOf": {"id": uri(uris, STREAM), "type": "OrderedCollection"},
        "startIndex": start,
        "orderedItems": items.collect::<Vec<_>>(),
    });
    if n > 1 {
        page["prev"] = link(uris, n - 1);
    }
    if n < pages {
        page["next"] = link(uris, n + 1);
    }
    Some(page)
}

fn link(uris: &Uris, n: usize) -> Value {
    json!({"id": uri(uris, &format!("page-{n}")), "type": "OrderedCollectionPage"})
}

fn uri(uris: &Uris, name: &str) -> String {
    uris.page(&format!("/iiif/activity/{name}"))
}
