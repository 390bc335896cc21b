//! Content Search 2.0 within a group: concepts and text of boxes, labels, metadata; and the terms for completion. Pure.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::annotation;
use super::canvases::{self, Canvas, Group};
use super::uris::{self, Uris};
use crate::iiif::Version;
use crate::serve::site::Site;
use crate::serve::web::message::Query;

const CONTEXT: &str = "http://iiif.io/api/search/2/context.json";
/// The number of annotations on a page of results.
const PAGE: usize = 100;

/// A page of the annotations that contain all words of `q` (§3.3); the first page unless `page` is given.
pub fn search(site: &Site, group: &str, query: &Query, uris: &Uris) -> Option<Value> {
    let group = canvases::group(site.catalogue, group, uris)?;
    let canvases = group.visible(site.permissions);
    if canvases.is_empty() {
        return None;
    }
    let words = words(query.get("q"));
    let found = match words.is_empty() {
        true => Vec::new(),
        false => matches(&group, &canvases, &words, query.get("motivation"), uris),
    };
    let service = uris.search(group.name);
    let number = query.get("page").parse::<usize>().unwrap_or(1).max(1);
    let uri = |number: usize| {
        let mut query = query.clone();
        query.set("page", &number.to_string());
        format!("{service}?{query}")
    };
    let pages = found.len().div_ceil(PAGE).max(1);
    let mut page = json!({
        "@context": CONTEXT,
        "id": uri(number),
        "type": "AnnotationPage",
    });
    let ignored = query.unknown_names(&["q", "motivation", "page"]);
    if !ignored.is_empty() {
        page["ignored"] = json!(ignored);
    }
    if pages > 1 {
        page["partOf"] = json!({
            "id": format!("{service}?q={}", uris::segment(query.get("q"))),
            "type": "AnnotationCollection",
            "total": found.len(),
            "first": {"id": uri(1), "type": "AnnotationPage"},
            "last": {"id": uri(pages), "type": "AnnotationPage"},
        });
        page["startIndex"] = json!((number - 1).saturating_mul(PAGE));
    }
    if number < pages {
        page["next"] = json!({"id": uri(number + 1), "type": "AnnotationPage"});
    }
    if number > 1 && number <= pages {
        page["prev"] = json!({"id": uri(number - 1), "type": "AnnotationPage"});
    }
    let items = found
        .into_iter()
        .skip((number - 1).saturating_mul(PAGE))
        .take(PAGE);
    page["items"] = items.collect();
    Some(page)
}

/// The concepts that begin with `q`, with the number of their occurrences (§4).
pub fn terms(site: &Site, group: &str, query: &Query, uris: &Uris) -> Option<Value> {
    let group = canvases::group(site.catalogue, group, uris)?;
    let canvases = group.visible(site.permissions);
    if canvases.is_empty() {
        return None;
    }
    let start = query.get("q").to_lowercase();
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for (_, canvas) in &canvases {
        let about = &canvas.first().about;
        let boxes = about.localizations.iter().map(|l| &l.concept);
        for concept in about.labels.iter().chain(boxes) {
            if concept.to_lowercase().starts_with(&start) {
                *counts.entry(concept).or_default() += 1;
            }
        }
    }
    let term =
        |(value, total): (&str, u64)| json!({"type": "Term", "value": value, "total": total});
    Some(json!({
        "@context": CONTEXT,
        "id": format!("{}/terms?{query}", uris.search(group.name)),
        "type": "TermPage",
        "items": counts.into_iter().map(term).collect::<Vec<_>>(),
    }))
}

/// The annotations of these motivations (all if empty) that contain all words, with metadata as descriptions.
fn matches(
    group: &Group,
    canvases: &[(usize, Canvas)],
    words: &[String],
    motivation: &str,
    uris: &Uris,
) -> Vec<Value> {
    let wanted: Vec<&str> = motivation.split_whitespace().collect();
    let is_wanted = |annotation: &Value| {
        let stated = &annotation["motivation"];
        let has = |m: &&str| {
            stated == m
                || stated
                    .as_array()
                    .is_some_and(|all| all.iter().any(|s| s == m))
        };
        wanted.is_empty() || wanted.iter().any(has)
    };
    let found = canvases.iter().flat_map(|(n, canvas)| {
        let uri = uris.canvas(Version::V3, group.name, *n);
        let annotations = annotation::all(canvas, &uri, uris).into_iter();
        let annotations =
            annotations.filter(|annotation| contains_all(&text_of(annotation), words));
        let metadata = canvas.first().about.metadata.iter().enumerate();
        let descriptions = metadata.filter_map(|(at, (key, values))| {
            let text = format!("{key}: {}", values.join("; "));
            contains_all(&text, words).then(|| {
                json!({
                    "id": format!("{}#metadata-{}", uris.annotations(&uri), at + 1),
                    "type": "Annotation",
                    "motivation": "describing",
                    "body": {"type": "TextualBody", "purpose": "describing", "value": text},
                    "target": uri,
                })
            })
        });
        annotations.chain(descriptions).collect::<Vec<_>>()
    });
    found.filter(is_wanted).collect()
}

/// The text of all bodies of an annotation.
fn text_of(annotation: &Value) -> String {
    let bodies = annotation["body"].as_array().into_iter().flatten();
    let words: Vec<&str> = bodies.filter_map(|body| body["value"].as_str()).collect();
    words.join("\n")
}

fn contains_all(text: &str, words: &[String]) -> bool {
    let text = text.to_lowercase();
    words.iter().all(|word| text.contains(word))
}

/// The words of a query, separated by blanks (§3.3.2); text between quotes counts as one word.
fn words(q: &str) -> Vec<String> {
    let parts = q.split('"').enumerate();
    let words = parts.flat_map(|(n, part)| match n % 2 {
        0 => part.split_whitespace().map(str::to_lowercase).collect(),
        _ => vec![part.trim().to_lowercase()],
    });
    words.filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_separated_by_blanks_and_kept_together_by_quotes() {
        assert_eq!(words(r#"Aleph  "dead Sea" x"#), ["aleph", "dead sea", "x"]);
        assert!(words(" \"\" ").is_empty());
    }
}
