//! Values in all the forms in which they are published: ids, types, texts, numbers. Null is treated as absent.

use serde_json::Value;
use url::Url;

use crate::selectors::fragment;
use crate::sources::is_url;
use crate::values::excerpt;

/// The id of a resource, or the text of a reference, without white space around it.
pub fn id(value: &Value) -> Option<&str> {
    let id = match value {
        Value::String(text) => Some(text.as_str()),
        value => value["@id"].as_str().or_else(|| value["id"].as_str()),
    };
    id.map(str::trim).filter(|id| !id.is_empty())
}

/// The type of a resource in lower case and without prefix: `sc:Manifest`, `Manifest` and the URI are `manifest`. Of
/// several types the first that this source knows, else the first.
pub fn kind(value: &Value) -> String {
    let kinds: Vec<String> = types(value).map(name_of_type).collect();
    let known = kinds.iter().find(|kind| KNOWN.contains(&kind.as_str()));
    let kind = known.or(kinds.first());
    kind.cloned().unwrap_or_default()
}

/// The types of a resource as they are written.
pub fn types(value: &Value) -> impl Iterator<Item = &str> {
    let members = [&value["@type"], &value["type"]];
    members.into_iter().flat_map(all).filter_map(Value::as_str)
}

fn name_of_type(text: &str) -> String {
    let name = local_name(text).to_ascii_lowercase();
    // LDP containers hold annotations (Web Annotation Protocol 4).
    match name.as_str() {
        "basiccontainer" | "directcontainer" | "indirectcontainer" => "annotationcollection".into(),
        _ => name,
    }
}

/// Types that decide what a resource is, of the Presentation API, its extensions and the Web Annotation model.
const KNOWN: &[&str] = &[
    "annotation",
    "annotationcollection",
    "annotationlist",
    "annotationpage",
    "canvas",
    "choice",
    "collection",
    "collectionpage",
    "composite",
    "curation",
    "fragmentselector",
    "image",
    "imageapiselector",
    "layer",
    "list",
    "manifest",
    "orderedcollection",
    "orderedcollectionpage",
    "pointselector",
    "range",
    "sequence",
    "specificresource",
    "svgselector",
    "tag",
    "textualbody",
];

/// Members that name a thing, of IIIF and of other vocabularies.
pub const NAME: [&str; 3] = ["label", "prefLabel", "name"];

/// A name without its prefix: the part after the last `:`, `#` or `/`.
pub fn local_name(name: &str) -> &str {
    name.trim()
        .rsplit([':', '#', '/'])
        .next()
        .unwrap_or_default()
}

/// One or many, as a list: nothing for null, the elements of an array, else the value itself.
pub fn all(value: &Value) -> Vec<&Value> {
    match without_wrapper(value) {
        Value::Null => Vec::new(),
        Value::Array(values) => values.iter().filter(|v| !v.is_null()).collect(),
        value => vec![value],
    }
}

/// Everything that stands in a member of a resource: as [`list`], but an element of an array may be null.
pub fn members<'a>(value: &'a Value, member: &str) -> Vec<&'a Value> {
    match without_wrapper(held(value, member)) {
        Value::Null => Vec::new(),
        Value::Array(values) => values.iter().collect(),
        value => vec![value],
    }
}

/// What a list of JSON-LD holds that is written as an object (JSON-LD 1.1, section 4.3).
fn without_wrapper(value: &Value) -> &Value {
    let held = ["@list", "@set"].iter().map(|name| &value[*name]);
    held.into_iter()
        .find(|held| !held.is_null())
        .unwrap_or(value)
}

/// Everything that stands in one of some members.
pub fn members_of<'a>(value: &'a Value, names: &[&str]) -> Vec<&'a Value> {
    names.iter().flat_map(|name| members(value, name)).collect()
}

/// Members of a resource that have one of these names, in this order, whatever their vocabulary: `selector` also as
/// `hasSelector`, `oa:hasSelector` or by its IRI (the names of Open Annotation and of JSON-LD that is not compacted).
pub fn spelled_as<'a, 'n>(
    value: &'a Value,
    names: &'n [&'n str],
) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a, 'n> {
    names.iter().flat_map(move |name| {
        let members = value.as_object().into_iter().flatten();
        let alike = members.filter(|(member, value)| !value.is_null() && is_spelled(member, name));
        alike.map(|(member, value)| (member.as_str(), value))
    })
}

/// Everything that stands in such members, as a list.
pub fn spelled<'a>(value: &'a Value, names: &[&str]) -> Vec<&'a Value> {
    let members = spelled_as(value, names);
    let each = |(_, value): (_, &'a Value)| match value {
        Value::Array(values) => values.iter().collect(),
        value => vec![value],
    };
    members.flat_map(each).collect()
}

/// What stands in members of a resource that have one of these names, in this order, with any prefix or as IRIs: `dc:format`,
/// `dcterms:format`. Null is none.
pub fn named<'a, 'n>(
    value: &'a Value,
    names: &'n [&'n str],
) -> impl Iterator<Item = &'a Value> + use<'a, 'n> {
    names.iter().flat_map(move |name| {
        let members = value.as_object().into_iter().flatten();
        let alike = members.filter(|(member, held)| !held.is_null() && local_name(member) == *name);
        alike.map(|(_, held)| held)
    })
}

/// Members that say in which format a text is, and in which language.
pub const FORMAT: [&str; 1] = ["format"];
pub const LANGUAGE: [&str; 2] = ["language", "@language"];

/// The first text of some members of a body or of its source.
pub fn first_text(value: &Value, source: &Value, members: &[&str]) -> Option<String> {
    let held = [value, source].into_iter().flat_map(|v| named(v, members));
    let texts = held.flat_map(all).filter_map(|v| match &v["@value"] {
        Value::String(text) => Some(text.trim()),
        _ => v.as_str().map(str::trim),
    });
    let mut texts = texts.filter(|text| !text.is_empty());
    texts.next().map(str::to_owned)
}

/// What a specific resource is a part of: `source`, in Open Annotation `full`, `hasSource`. What is not called one may have a
/// `dcterms:source`, which is something else.
pub fn sources(value: &Value) -> Vec<&Value> {
    let is_specific = kind(value) == "specificresource";
    let is_source =
        |name: &str| is_specific || SOURCE.contains(&name) || local_name(name) == "hasSource";
    let held = spelled_as(value, &SOURCE).filter(|(name, _)| is_source(name));
    let mut held: Vec<_> = held.collect();
    held.sort_by_key(|(name, _)| !SOURCE.contains(name));
    let each = held
        .into_iter()
        .flat_map(|(_, held)| match without_wrapper(held) {
            Value::Array(values) => values.iter().collect(),
            held => vec![held],
        });
    each.collect()
}

/// Members that name what a specific resource is a part of, now and in Open Annotation.
const SOURCE: [&str; 2] = ["source", "full"];

/// What stands in all members that hold the services of a resource.
pub fn services_of(resource: &Value) -> Vec<&Value> {
    let members = resource.as_object().into_iter().flatten();
    let held = members.filter(|(name, _)| is_called(name, "service"));
    held.flat_map(|(_, held)| all(held)).collect()
}

/// Whether a member has a name, without prefix, and without the `has` of ontologies.
pub fn is_spelled(member: &str, name: &str) -> bool {
    let own = local_name(member);
    let is_capital = |rest: &str| rest.starts_with(|c: char| c.is_ascii_uppercase());
    let bare = own.strip_prefix("has").filter(|rest| is_capital(rest));
    own == name || bare.is_some_and(|bare| bare.eq_ignore_ascii_case(name))
}

/// Whether anything stands in a member. An empty list is there, null is not.
pub fn has(value: &Value, member: &str) -> bool {
    !held(value, member).is_null()
}

/// What stands in a member, also by the name that it has in JSON-LD; null if nothing does.
fn held<'a>(value: &'a Value, name: &str) -> &'a Value {
    let own = &value[name];
    if !own.is_null() || !JSON_LD.iter().any(|(known, _)| *known == name) {
        return own;
    }
    let mut members = value.as_object().into_iter().flatten();
    let other = members.find(|(member, held)| !held.is_null() && is_called(member, name));
    other.map_or(own, |(_, held)| held)
}

/// Whether a member is one of IIIF by its name, its name with a prefix, or that of JSON-LD with a prefix or as an IRI.
pub fn is_called(member: &str, name: &str) -> bool {
    let own = local_name(member);
    own == name || JSON_LD.contains(&(name, own))
}

/// Members that hold resources of IIIF, and the names of their properties in JSON-LD that the context of the Presentation API
/// has not made short: `images` is `sc:hasImageAnnotations`. Version 3 has its own names for them. Services stand under other
/// names, too.
const JSON_LD: [(&str, &str); 18] = [
    ("annotations", "annotations"),
    ("canvases", "hasCanvases"),
    ("collections", "hasCollections"),
    ("contentLayer", "hasContentLayer"),
    ("hasAnnotations", "hasAnnotations"),
    ("images", "hasImageAnnotations"),
    ("items", "items"),
    ("manifests", "hasManifests"),
    ("members", "hasParts"),
    ("metadata", "metadataLabels"),
    ("otherContent", "hasLists"),
    ("partOf", "isPartOf"),
    ("ranges", "hasRanges"),
    ("sequences", "hasSequences"),
    ("service", "has_service"),
    ("service", "services"),
    ("service", "Service"),
    ("structures", "hasRanges"),
];

/// The member of a resource as a list.
pub fn list<'a>(value: &'a Value, member: &str) -> Vec<&'a Value> {
    all(held(value, member))
}

/// A label: the first non-empty text, with white space collapsed.
pub fn label(value: &Value) -> Option<String> {
    texts(value)
        .iter()
        .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "))
        .find(|text| !text.is_empty())
}

/// All texts of a value in one language: English if present, else without language, else the first language.
pub fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::String(text) if text.trim().is_empty() => Vec::new(),
        Value::String(text) => vec![text.trim().to_owned()],
        Value::Bool(_) | Value::Number(_) => vec![value.to_string()],
        Value::Array(values) => texts_of_list(values),
        Value::Object(_) => texts_of_object(value),
    }
}

fn texts_of_list(values: &[Value]) -> Vec<String> {
    let language = |v: &Value| v["@language"].as_str().map(str::to_owned);
    let tagged = !values.is_empty() && values.iter().all(|v| language(v).is_some());
    let best = values
        .iter()
        .filter_map(language)
        .min_by_key(|language| preference(language));
    values
        .iter()
        .filter(|v| !tagged || language(v) == best)
        .flat_map(texts)
        .collect()
}

/// The language of the texts that [`texts`] returns, where the value states it: in a list, an object or a language map.
pub fn language_of_texts(value: &Value) -> Option<&str> {
    let best = |languages: Vec<&'_ str>| -> Option<usize> {
        let languages = languages.into_iter().enumerate();
        let best = languages.min_by_key(|(_, language)| preference(language));
        best.map(|(at, _)| at)
    };
    match value {
        Value::Array(values) => {
            let languages: Option<Vec<&str>> =
                values.iter().map(|v| v["@language"].as_str()).collect();
            let languages = languages?;
            languages.get(best(languages.clone())?).copied()
        }
        Value::Object(_) if !value["@value"].is_null() => value["@language"].as_str(),
        Value::Object(map) => {
            let words = map.iter().filter(|(_, words)| !texts(words).is_empty());
            let languages: Vec<&str> = words.map(|(language, _)| language.as_str()).collect();
            let is_language = |name: &&str| !matches!(*name, "none" | "@none" | "und" | "");
            let is_map = languages.iter().all(|name| is_tag(name));
            let best = *languages.get(best(languages.clone())?)?;
            Some(best).filter(|_| is_map).filter(is_language)
        }
        _ => None,
    }
}

/// Whether a name may be a language tag (BCP 47), or a word that stands where one does.
fn is_tag(name: &str) -> bool {
    let first = name.split('-').next().unwrap_or_default();
    let is_code = (2..=3).contains(&first.len()) && first.bytes().all(|b| b.is_ascii_alphabetic());
    is_code || matches!(name, "none" | "@none" | "")
}

/// Whether a value is a text in several languages and nothing else: `{"en": ["dog"]}`. What has an `id` is not.
pub fn is_language_map(value: &Value) -> bool {
    let is_text = |value: &Value| value.is_string();
    let are_texts = |value: &Value| {
        is_text(value) || value.as_array().is_some_and(|all| all.iter().all(is_text))
    };
    value.as_object().is_some_and(|map| {
        let mut members = map.iter();
        !map.is_empty()
            && members.all(|(name, value)| is_tag(name) && name != "id" && are_texts(value))
    })
}

fn texts_of_object(value: &Value) -> Vec<String> {
    if !value["@value"].is_null() {
        return texts(&value["@value"]);
    }
    // What has a name is a thing, and no text in several languages.
    let mut named = spelled_as(value, &NAME).map(|(_, name)| texts(name));
    if let Some(named) = named.find(|name| !name.is_empty()) {
        return named;
    }
    let has_id = value["@id"].is_string() || id(value).is_some_and(is_url);
    if has_id || (value["id"].is_string() && value["type"].is_string()) {
        return id(value).map(str::to_owned).into_iter().collect();
    }
    let Some(map) = value.as_object() else {
        return Vec::new();
    };
    map.iter()
        .filter(|(language, _)| *language != "@language" && *language != "@type")
        .map(|(language, words)| (preference(language), texts(words)))
        .filter(|(_, words)| !words.is_empty())
        .min_by_key(|(preference, _)| *preference)
        .map(|(_, words)| words)
        .unwrap_or_default()
}

/// How far down a language is among those in which texts are read: English, none, others.
pub fn preference(language: &str) -> u8 {
    match language {
        "en" => 0,
        l if l.starts_with("en-") => 1,
        // `@none` is the spelling in drafts of Presentation 3.
        "none" | "@none" | "und" | "" => 2,
        _ => 3,
    }
}

/// A number above 0, which may be written as a text.
pub fn size(value: &Value) -> Option<f64> {
    let number = match value {
        Value::String(text) => text.trim().trim_end_matches("px").trim().parse().ok(),
        value => value.as_f64(),
    };
    number.filter(|n: &f64| n.is_finite() && *n > 0.0)
}

/// A number of pixels, at least 1.
pub fn pixels(value: &Value) -> Option<u32> {
    let n = size(value)?.round();
    (1.0..=f64::from(u32::MAX)).contains(&n).then_some(n as u32)
}

/// A reference as an absolute location. Absolute URLs stay exactly as they are, since ids are compared as texts and
/// parsing would change escapes. Relative ones are resolved against a URL, or against the folder of a file.
pub fn resolve(base: &str, reference: &str) -> Option<String> {
    let reference = reference.trim();
    // An empty one, or a fragment alone, names the document itself.
    if reference.is_empty() || reference.starts_with('#') {
        return None;
    }
    if is_url(reference) {
        return Some(reference.to_owned());
    }
    if is_url(base) {
        let url = Url::parse(base).ok()?.join(reference).ok()?;
        return is_url(url.as_str()).then(|| url.into());
    }
    // Other schemes (`urn:`, `info:`, `data:`) cannot be read.
    let has_scheme = Url::parse(reference).is_ok();
    if has_scheme || base == "-" {
        return None;
    }
    let folder = base.rsplit_once('/').map_or("", |(folder, _)| folder);
    let name = reference.split('#').next().unwrap_or(reference);
    match folder {
        "" => Some(name.to_owned()),
        folder => Some(format!("{folder}/{name}")),
    }
}

/// An id as a URL, if it is the path of one and its document is at a URL; any other stays as it is written, names without a
/// slash too, which documents in several places use for one thing.
pub fn absolute(base: &str, id: &str) -> String {
    let is_relative = id.contains('/') && !is_url(id) && Url::parse(id).is_err();
    let resolved = resolve(base, id).filter(|url| is_relative && is_url(url));
    resolved.unwrap_or_else(|| id.to_owned())
}

/// Splits a media fragment (`#xywh=…`, `#t=…`, four bare numbers) from an id. Other fragments belong to the id: canvases have them.
pub fn split_fragment(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once('#') {
        Some((id, fragment)) if fragment::is_media_fragment(fragment) => (id, Some(fragment)),
        _ => (text, None),
    }
}

/// Resources of a type: the value itself, or those that it is part of.
pub fn within<'a>(value: &'a Value, wanted: &str) -> Vec<&'a Value> {
    if kind(value) == wanted {
        return vec![value];
    }
    let around = ["source", "partOf", "within"]
        .iter()
        .flat_map(|m| list(value, m));
    around.flat_map(|v| within(v, wanted)).collect()
}

/// What stands in a list or page of annotations, whatever it is.
pub fn annotations_of(page: &Value) -> Vec<&Value> {
    if !page.is_object() {
        return Vec::new();
    }
    members_of(page, &HELD)
}

/// Members that hold the annotations of a page or list. What a list holds is called `hasAnnotations` in JSON-LD.
pub const HELD: [&str; 5] = [
    "resources",
    "items",
    "contains",
    "ldp:contains",
    "hasAnnotations",
];

/// What a value is, in messages: `a text`, `a list`, `a Scene`.
pub fn described(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) | Value::Number(_) => format!("the value {value}"),
        Value::String(text) => format!("the text {}", excerpt(text)),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => match types(value).next() {
            Some(name) => format!("an object of the type {}", excerpt(name)),
            None => "an object without type".into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn labels_are_read_in_every_shape() {
        let cases = [
            (json!("  Leaf\n 1 "), Some("Leaf 1")),
            (json!({"@value": "Leaf", "@language": "de"}), Some("Leaf")),
            (json!(["", "Leaf"]), Some("Leaf")),
            (
                json!([{"@value": "Blatt", "@language": "de"}, {"@value": "Leaf", "@language": "en"}]),
                Some("Leaf"),
            ),
            (json!({"de": ["Blatt"], "en": ["Leaf"]}), Some("Leaf")),
            (json!({"de": ["Blatt"], "none": ["Leaf"]}), Some("Leaf")),
            (json!({"de": ["Blatt"], "@none": ["Leaf"]}), Some("Leaf")),
            (json!({"de": ["Blatt"], "en-GB": ["Leaf"]}), Some("Leaf")),
            (json!({"de": ["Leaf"], "fr": ["Feuille"]}), Some("Leaf")),
            (json!({"en": "Leaf"}), Some("Leaf")),
            (json!({"en": [], "de": ["Leaf"]}), Some("Leaf")),
            (
                json!({"id": "https://a/1", "label": {"de": ["Blatt"], "en": ["Leaf"]}}),
                Some("Leaf"),
            ),
            (
                json!([{"name": "Leaf", "href": "https://a/1"}]),
                Some("Leaf"),
            ),
            (json!({"id": "https://a/1"}), Some("https://a/1")),
            (json!({"id": "daun"}), Some("daun")),
            (json!(7), Some("7")),
            (json!(null), None),
            (json!({}), None),
            (json!([]), None),
        ];
        for (value, wanted) in cases {
            assert_eq!(label(&value).as_deref(), wanted, "{value}");
        }
    }

    #[test]
    fn the_language_is_that_of_the_texts_that_are_taken() {
        let cases = [
            (
                json!([{"@value": "Hund", "@language": "de"}, {"@value": "dog", "@language": "en"}]),
                Some("en"),
            ),
            (json!([{"@value": "Hund", "@language": "de"}, "dog"]), None),
            (json!({"@value": "canis", "@language": "la"}), Some("la")),
            (json!({"de": ["Hund"], "la": []}), Some("de")),
            (json!({"de": ["Hund"], "en-GB": ["dog"]}), Some("en-GB")),
            (json!({"none": ["dog"]}), None),
            (json!({"id": "https://a/1", "label": "dog"}), None),
            (json!("dog"), None),
        ];
        for (value, wanted) in cases {
            assert_eq!(language_of_texts(&value), wanted, "{value}");
        }
    }

    #[test]
    fn references_are_resolved_and_absolute_ones_left_alone() {
        let cases = [
            (
                "https://a.example/x/c.json",
                "m.json",
                Some("https://a.example/x/m.json"),
            ),
            (
                "https://a.example/c.json",
                "http://b.example/%252F/ä b",
                Some("http://b.example/%252F/ä b"),
            ),
            ("https://a.example/c.json", "file:///etc/passwd", None),
            (
                "https://a.example/c.json",
                "/etc/passwd",
                Some("https://a.example/etc/passwd"),
            ),
            ("folder/c.json", "m.json#x", Some("folder/m.json")),
            ("c.json", "m.json", Some("m.json")),
            ("https://a.example/c.json", "", None),
            ("https://a.example/c.json", "#x", None),
            ("c.json", "urn:x:1", None),
            ("-", "m.json", None),
        ];
        for (base, reference, wanted) in cases {
            assert_eq!(
                resolve(base, reference).as_deref(),
                wanted,
                "{base} {reference}"
            );
        }
    }

    #[test]
    fn relative_ids_are_urls_where_their_document_has_one() {
        let at = "https://a.example/x/m.json";
        let cases = [
            (at, "/canvas/1", "https://a.example/canvas/1"),
            (at, "canvas/1", "https://a.example/x/canvas/1"),
            (at, "canvas-1", "canvas-1"),
            (at, "HTTPS://A.example/c", "HTTPS://A.example/c"),
            (at, "urn:uuid:1", "urn:uuid:1"),
            (at, "#c", "#c"),
            (at, "", ""),
            ("folder/m.json", "canvas/1", "canvas/1"),
        ];
        for (base, id, wanted) in cases {
            assert_eq!(absolute(base, id), wanted, "{base} {id}");
        }
    }

    #[test]
    fn only_media_fragments_are_split_off() {
        let cases = [
            (
                "https://a/c#xywh=1,2,3,4",
                ("https://a/c", Some("xywh=1,2,3,4")),
            ),
            ("https://a/c#1", ("https://a/c#1", None)),
            (
                "https://a/c#1#xywh=1,2,3,4",
                ("https://a/c#1", Some("xywh=1,2,3,4")),
            ),
            ("https://a/c#t=3", ("https://a/c", Some("t=3"))),
            ("https://a/c#1,2,3,4", ("https://a/c", Some("1,2,3,4"))),
        ];
        for (text, wanted) in cases {
            assert_eq!(split_fragment(text), wanted, "{text}");
        }
    }
}
