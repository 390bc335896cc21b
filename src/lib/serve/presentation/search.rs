//! Content Search 2.0 within a group: concepts and words of boxes, labels, metadata; and the terms there are. Pure.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::annotation;
use super::canvases as sides;
use super::canvases::{Group, Side};
use super::uris::Ids;
use crate::iiif::Version;
use crate::serve::web::router::{Query, Site};

const CONTEXT: &str = "http://iiif.io/api/search/2/context.json";
/// Annotations on a page of results.
const PAGE: usize = 100;

/// The annotations that hold all words of `q` (§3.3): a page of them, the first where none is named.
pub fn search(site: &Site, group: &str, query: &Query, ids: &Ids) -> Option<Value> {
    let group = sides::group(site.catalogue, group, ids)?;
    let sides = group.seen(site.sight);
    if sides.is_empty() {
        return None;
    }
    let words = words(query.get("q"));
    let found = match words.is_empty() {
        true => Vec::new(),
        false => matches(&group, &sides, &words, query.get("motivation"), ids),
    };
    let service = ids.search(group.name);
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
    let ignored = query.names_beside(&["q", "motivation", "page"]);
    if !ignored.is_empty() {
        page["ignored"] = json!(ignored);
    }
    if pages > 1 {
        page["partOf"] = json!({
            "id": format!("{service}?q={}", super::uris::segment(query.get("q"))),
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

/// The concepts that begin with `q` and how often each occurs (§4).
pub fn terms(site: &Site, group: &str, query: &Query, ids: &Ids) -> Option<Value> {
    let group = sides::group(site.catalogue, group, ids)?;
    let sides = group.seen(site.sight);
    if sides.is_empty() {
        return None;
    }
    let start = query.get("q").to_lowercase();
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for (_, side) in &sides {
        let about = &side.first().about;
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
        "id": format!("{}/terms?{query}", ids.search(group.name)),
        "type": "TermPage",
        "items": counts.into_iter().map(term).collect::<Vec<_>>(),
    }))
}

fn matches(
    group: &Group,
    sides: &[(usize, Side)],
    words: &[String],
    motivation: &str,
    ids: &Ids,
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
    let found = sides.iter().flat_map(|(n, side)| {
        let canvas = ids.canvas(Version::V3, group.name, *n);
        let said = annotation::all(side, &canvas, ids).into_iter();
        let said = said.filter(|annotation| holds(&spoken(annotation), words));
        let metadata = side.first().about.metadata.iter().enumerate();
        let told = metadata.filter_map(|(at, (key, values))| {
            let text = format!("{key}: {}", values.join("; "));
            holds(&text, words).then(|| {
                json!({
                    "id": format!("{}#metadata-{}", ids.annotations(&canvas), at + 1),
                    "type": "Annotation",
                    "motivation": "describing",
                    "body": {"type": "TextualBody", "purpose": "describing", "value": text},
                    "target": canvas,
                })
            })
        });
        said.chain(told).collect::<Vec<_>>()
    });
    found.filter(is_wanted).collect()
}

/// All words of the bodies of an annotation.
fn spoken(annotation: &Value) -> String {
    let bodies = annotation["body"].as_array().into_iter().flatten();
    let words: Vec<&str> = bodies.filter_map(|body| body["value"].as_str()).collect();
    words.join("\n")
}

fn holds(text: &str, words: &[String]) -> bool {
    let text = text.to_lowercase();
    words.iter().all(|word| text.contains(word))
}

/// Words, or what stands between quotes as one (§3.3.2: terms separated by blanks).
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
    fn words_are_told_apart_by_blanks_and_kept_together_by_quotes() {
        assert_eq!(words(r#"Aleph  "dead Sea" x"#), ["aleph", "dead sea", "x"]);
        assert!(words(" \"\" ").is_empty());
    }
}
