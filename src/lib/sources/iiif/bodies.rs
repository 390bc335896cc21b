//! What the bodies of annotations say: texts, tags, names of things, and what is said of these.

use serde_json::Value;

use super::texts::{is_other_xml, quoted, resource_of};
use super::values::{
    NAME, id, is_language_map, kind, label, language_of_texts, list, local_name, members_of,
    preference, spelled_as, texts,
};
use crate::contracts::Body;
use crate::sources::is_url;

/// Members that say what a text is.
pub const FORMAT: [&str; 2] = ["format", "dc:format"];
const LANGUAGE: [&str; 3] = ["language", "dc:language", "@language"];

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
    let is_textual = ["value", "chars", "cnt:chars"]
        .iter()
        .any(|m| matches!(&value[*m], Value::String(text) if text.trim().is_empty()));
    // A value that is there and cannot be read, as against a text that is empty.
    let is_unread = ["value", "chars", "cnt:chars"]
        .iter()
        .any(|m| !value[*m].is_null() && !value[*m].is_string());
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
    let source = match &value["source"] {
        Value::Null => &value["full"],
        source => source,
    };
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
    ["chars", "value", "cnt:chars", "rdf:value", "@value"]
        .iter()
        .map(|member| texts(&value[*member]))
        .find(|found| !found.is_empty())
        .unwrap_or_default()
}

/// The first text of some members of a body or of its source.
pub fn first_text(value: &Value, source: &Value, members: &[&str]) -> Option<String> {
    let held = [value, source].into_iter().filter(|v| v.is_object());
    let mut found = held.flat_map(|v| members.iter().flat_map(|m| list(v, m)));
    let text = found.find_map(|v| v.as_str().map(str::trim).filter(|text| !text.is_empty()));
    text.map(str::to_owned)
}

/// The language of the text that [`stated_texts`] takes, where it stands beside it.
fn language_of_value(value: &Value) -> Option<String> {
    let held = ["chars", "value", "cnt:chars", "rdf:value"].iter();
    let held = held.map(|member| &value[*member]);
    let language = held.into_iter().find(|v| !texts(v).is_empty());
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
    let given = list(value, "purpose").into_iter().find_map(Value::as_str);
    let given = given.map(plain_word).filter(|purpose| !purpose.is_empty());
    let tag = ["tag", "semantictag"].contains(&kind(value).as_str());
    given.or_else(|| tag.then(|| "tagging".into()))
}

/// A word of a vocabulary without the prefix or the IRI of that.
pub fn plain_word(text: &str) -> String {
    match text.trim() {
        text if is_url(text) => local_name(text).to_owned(),
        text => text
            .trim_start_matches("oa:")
            .trim_start_matches("sc:")
            .to_owned(),
    }
}

/// Whether a body holds more than texts and numbers.
pub fn is_structured(body: &Value) -> bool {
    body.as_object()
        .is_some_and(|members| members.values().any(|v| v.is_object() || v.is_array()))
}
