//! What the bodies of annotations say: texts, tags, names of things, and what is said of these.

use serde_json::Value;

use super::texts::{is_other_xml, quoted, resource_of};
use super::values::{
    FORMAT, LANGUAGE, NAME, first_text, id, is_language_map, kind, label, language_of_texts,
    local_name, members_of, named, preference, sources, spelled, spelled_as, texts,
};
use crate::contracts::Body;
use crate::sources::is_url;

/// Members that hold a text, with any prefix.
const TEXT: [&str; 3] = ["chars", "value", "@value"];

/// The bodies that a body consists of: those of a list; of a choice one (Web Annotation 3.2.7), in the language in which labels
/// are read.
pub fn each_body(value: &Value) -> Vec<&Value> {
    let inner: Vec<&Value> = match value {
        Value::Array(values) => values.iter().collect(),
        _ if is_choice(value) => members_of(value, &["default", "item", "items"]),
        _ => Vec::new(),
    };
    let language = |body: &&Value| {
        let stated = first_text(body, &Value::Null, &LANGUAGE);
        preference(&language_of_value(body).or(stated).unwrap_or_default())
    };
    let inner = match kind(value).as_str() {
        "choice" => inner.into_iter().min_by_key(language).into_iter().collect(),
        _ => inner,
    };
    match inner.is_empty() {
        true => vec![value],
        false => inner.into_iter().flat_map(each_body).collect(),
    }
}

fn is_choice(value: &Value) -> bool {
    matches!(kind(value).as_str(), "choice" | "list" | "composite")
}

/// A body of which nothing is kept, with the reason.
pub fn unread(value: &Value) -> Option<(&Value, String)> {
    let is_empty = match value {
        Value::String(text) => text.trim().is_empty(),
        Value::Object(members) => members.is_empty() || !is_structured(value),
        _ => true,
    };
    let is_blank = |held: &Value| held.as_str().is_some_and(|text| text.trim().is_empty());
    let is_textual = named(value, &["value", "chars"]).any(is_blank);
    // A value that is there and cannot be read, as against a text that is empty.
    let is_unread = named(value, &["value", "chars"]).any(|held| !held.is_string());
    let problem = || format!("body without content: {}", super::values::described(value));
    ((is_empty || is_unread) && !is_textual && body(value).is_empty()).then(|| (value, problem()))
}

/// What a body says: texts, tags, or names of things. A value may have any of the shapes in which labels are published.
pub fn body(value: &Value) -> Vec<Body> {
    match value {
        Value::String(_) | Value::Number(_) | Value::Bool(_) => {
            return texts(value)
                .iter()
                .filter_map(|text| text_body(text, None))
                .collect();
        }
        Value::Object(_) if is_language_map(value) => {
            let made = Body {
                language: language_of_texts(value).map(str::to_owned),
                ..Body::default()
            };
            let texts = texts(value);
            let bodies = texts
                .iter()
                .filter_map(|text| text_body(text, Some(made.clone())));
            return bodies.collect();
        }
        Value::Object(_) if !is_choice(value) => {}
        _ => return Vec::new(),
    }
    let source = sources(value).into_iter().next().unwrap_or(&Value::Null);
    let mut stated = stated_texts(value);
    if stated.is_empty() {
        stated = stated_texts(source);
    }
    let name = |value| spelled_as(value, &NAME).find_map(|(_, name)| label(name));
    let named = name(value).or_else(|| name(source));
    // What a text is called is not what it says: a label stands for the value where that is the name of a thing, or nothing.
    let is_concept = [value, source].iter().any(|v| kind(v) == "concept");
    let is_text = stated.iter().any(|text| !is_blank(text) && !is_url(text));
    let is_text = is_text && !is_concept;
    let named = named.filter(|_| !is_text);
    if stated.is_empty() {
        let name = id(source).or_else(|| id(value).filter(|id| !id.starts_with("_:")));
        let name = quoted(value).or_else(|| name.map(str::to_owned));
        stated.extend(name.or_else(|| named.clone()));
    }
    let made = |text: &String| Body {
        purpose: purpose(value),
        label: named.clone().filter(|label| label != text),
        format: first_text(value, source, &FORMAT),
        language: language_of_value(value).or_else(|| first_text(value, source, &LANGUAGE)),
        ..Body::default()
    };
    stated
        .iter()
        .filter_map(|text| text_body(text, Some(made(text))))
        .collect()
}

/// The format of a body that holds XML, which is not read as a text; none if it is something else.
pub fn held_xml(value: &Value) -> Option<String> {
    let source = resource_of(value);
    let texts = [value, source].into_iter().flat_map(stated_texts);
    let mut texts = texts.filter(|text| text.trim_start_matches('\u{feff}').starts_with('<'));
    let text = texts.next()?.to_ascii_lowercase();
    match first_text(value, source, &FORMAT) {
        Some(format) => is_other_xml(&format).then_some(format),
        None => (text.starts_with("<?xml") && !text.contains("<html")).then(|| "XML".into()),
    }
}

/// Whether a text says nothing but markup.
fn is_blank(text: &str) -> bool {
    let mut is_in_tag = false;
    let text = text.replace("&nbsp;", " ");
    !text.chars().any(|c| {
        let is_markup = is_in_tag || c == '<';
        is_in_tag = is_markup && c != '>';
        !is_markup && !c.is_whitespace()
    })
}

/// What the texts in bodies are called.
pub fn names_of_texts(bodies: &[&Value]) -> Option<String> {
    let texts = bodies
        .iter()
        .filter(|body| stated_texts(body).iter().any(|text| !is_blank(text)));
    let mut names = texts.flat_map(|body| spelled_as(body, &NAME));
    names.find_map(|(_, name)| label(name))
}

/// The texts that a body consists of, in one language.
fn stated_texts(value: &Value) -> Vec<String> {
    if !value.is_object() {
        return Vec::new();
    }
    named(value, &TEXT)
        .map(texts)
        .find(|found| !found.is_empty())
        .unwrap_or_default()
}

/// The language of the text that [`stated_texts`] takes, where it stands beside it.
fn language_of_value(value: &Value) -> Option<String> {
    let language = named(value, &["chars", "value"]).find(|v| !texts(v).is_empty());
    language.and_then(language_of_texts).map(str::to_owned)
}

fn text_body(text: &str, made: Option<Body>) -> Option<Body> {
    let value = text.trim().to_owned();
    (!value.is_empty()).then(|| Body {
        value,
        ..made.unwrap_or_default()
    })
}

fn purpose(value: &Value) -> Option<String> {
    let given = spelled(value, &["purpose"]).into_iter().find_map(word);
    let given = given.map(plain_word).filter(|purpose| !purpose.is_empty());
    let tag = ["tag", "semantictag"].contains(&kind(value).as_str());
    given.or_else(|| tag.then(|| "tagging".into()))
}

/// A word of a vocabulary as it is written: as a text or as the id of a thing.
pub fn word(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| id(value))
}

/// A word of a vocabulary without the prefix or the IRI of that; those of motivations in small letters.
pub fn plain_word(text: &str) -> String {
    let word = match text.trim() {
        text if is_url(text) => local_name(text),
        text => text.trim_start_matches("oa:").trim_start_matches("sc:"),
    };
    let small = word.to_ascii_lowercase();
    match MOTIVATIONS.contains(&small.as_str()) {
        true => small,
        false => word.to_owned(),
    }
}

/// Motivations of Web Annotation and IIIF.
const MOTIVATIONS: [&str; 17] = [
    "assessing",
    "bookmarking",
    "classifying",
    "commenting",
    "contentstate",
    "describing",
    "editing",
    "highlighting",
    "identifying",
    "linking",
    "moderating",
    "painting",
    "questioning",
    "replying",
    "supplementing",
    "tagging",
    "transcribing",
];

/// Whether a body holds more than texts and numbers.
pub fn is_structured(body: &Value) -> bool {
    body.as_object()
        .is_some_and(|members| members.values().any(|v| v.is_object() || v.is_array()))
}
