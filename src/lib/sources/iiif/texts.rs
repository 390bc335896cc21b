//! Texts that annotations name instead of holding them: text resources of their own, and parts of them.

use std::collections::HashMap;

use serde_json::Value;

use super::hanging::Hanging;
use super::reader::Reader;
use super::selecting::refining;
use super::values::{
    FORMAT, LANGUAGE, described, first_text, id, kind, named, sources, spelled, texts, types,
};
use crate::contracts::Body;
use crate::sources::text::stated_text;
use crate::sources::{
    Answer, BODY_TEXT, DocumentRequest, FetchedText, Placed, Referrer, TextResource, is_url,
};
use crate::summary::{Reject, counted};

/// The memo of requests for texts: a document may be asked for as something else too.
const MEMO: &str = "text";

/// Members that hold a text.
const HELD: [&str; 3] = ["value", "chars", "@value"];

/// The URL of the text that a body is, with the part of it, if it does not hold the text.
///
/// # Errors
/// It is not known which part of the text the body is.
pub fn named_text(body: &Value, motivation: &[String]) -> Result<Option<String>, String> {
    let source = resource_of(body);
    let Some(url) = id(source).filter(|url| is_url(url)) else {
        return Ok(None);
    };
    if holds_text(body) {
        return Ok(None);
    }
    let selectors: Vec<&Value> = [body, source]
        .into_iter()
        .filter(|v| v.is_object())
        .flat_map(|v| spelled(v, &["selector"]))
        .collect();
    let is_transcription = motivation
        .iter()
        .any(|m| TRANSCRIBING.contains(&m.as_str()));
    let range = selectors.iter().find_map(|selector| characters(selector));
    let (location, part) = url.split_once('#').unwrap_or((url, ""));
    let is_text = range.is_some()
        || part.starts_with("char=")
        || is_text_resource(source)
        || (is_transcription && (location.ends_with(".txt") || is_text(source)));
    match (is_text, range) {
        (false, _) => Ok(None),
        (true, Some(range)) if part.is_empty() => Ok(Some(format!("{location}#{range}"))),
        (true, None) if selectors.is_empty() => Ok(Some(url.to_owned())),
        (true, _) => {
            let selector = selectors.first().map_or("none".into(), |s| described(s));
            Err(format!("part of a text is not understood: {selector}"))
        }
    }
}

/// What a body is a part of, or the body itself.
pub fn resource_of(body: &Value) -> &Value {
    sources(body).into_iter().next().unwrap_or(body)
}

/// Whether a body says its text itself, or quotes it.
pub fn holds_text(body: &Value) -> bool {
    let holds = |v: &Value| named(v, &HELD).next().is_some();
    holds(body) || holds(resource_of(body)) || quoted(body).is_some()
}

/// Motivations of annotations whose bodies are the text on the image.
const TRANSCRIBING: [&str; 2] = ["transcribing", "supplementing"];

/// Whether a resource says that it is a text, in whatever format.
fn is_text(source: &Value) -> bool {
    let is_typed = types(source).next().is_some() && TEXTS.contains(&kind(source).as_str());
    let format = first_text(source, &Value::Null, &FORMAT);
    is_typed || (format.is_some_and(|f| f.starts_with("text/")) && kind(source).is_empty())
}

const TEXTS: [&str; 4] = ["text", "textualbody", "contentastext", "fulltextresource"];

/// Whether a resource says that it is a text, in a format that is read.
fn is_text_resource(source: &Value) -> bool {
    let format = first_text(source, &Value::Null, &FORMAT);
    let format = format.map(|format| format.to_ascii_lowercase());
    let is_plain = format
        .as_deref()
        .is_some_and(|f| f.starts_with("text/plain") || f.starts_with("text/html"));
    let kind = kind(source);
    let is_typed = types(source).next().is_some() && TEXTS.contains(&kind.as_str());
    (is_typed && (format.is_none() || is_plain)) || (is_plain && kind.is_empty())
}

/// The text that a body selects by quoting it (Web Annotation 4.2.4).
pub fn quoted(body: &Value) -> Option<String> {
    if !body.is_object() {
        return None;
    }
    let selectors = spelled(body, &["selector"]).into_iter();
    let mut quotes = selectors.filter(|s| s.is_object() && kind(s) == "textquoteselector");
    let exact = quotes.find_map(|quote| texts(&quote["exact"]).into_iter().next());
    exact.filter(|_| !sources(body).is_empty())
}

/// The range of characters that a selector of texts selects, as a fragment (RFC 5147, Web Annotation 4.2.1 and 4.2.5).
fn characters(selector: &Value) -> Option<String> {
    if !selector.is_object() || !refining(selector).is_empty() {
        return None;
    }
    match kind(selector).as_str() {
        "textpositionselector" => {
            let (start, end) = (selector["start"].as_u64()?, selector["end"].as_u64()?);
            Some(format!("char={start},{end}"))
        }
        "fragmentselector" => {
            let value = selector["value"].as_str()?.trim().trim_start_matches('#');
            value.starts_with("char=").then(|| value.to_owned())
        }
        _ => None,
    }
}

impl<'a> Reader<'a> {
    /// Follows the URL of a text.
    pub(super) fn follow_text(&mut self, url: &str, on: Hanging) {
        let inherited =
            |of: fn(&Referrer) -> &Option<String>| self.from.and_then(|from| of(from).clone());
        let location = url.split('#').next().unwrap_or(url).to_owned();
        let request = DocumentRequest {
            location,
            memo: MEMO.into(),
            from: Some(Referrer {
                document: self.name.to_owned(),
                role: BODY_TEXT,
                manifest: on
                    .manifest
                    .map(str::to_owned)
                    .or_else(|| inherited(|f| &f.manifest)),
                canvas: on
                    .canvas
                    .map(str::to_owned)
                    .or_else(|| inherited(|f| &f.canvas)),
                ..Referrer::default()
            }),
            ..DocumentRequest::default()
        };
        if !self.found.next.contains(&request) {
            self.found.next.push(request);
        }
    }
}

/// Whether texts of a media type are words to read, and not the source of a program or of a typesetter.
pub fn is_read_as_text(media_type: &str) -> bool {
    const OTHERS: [&str; 8] = [
        "rtf",
        "vtt",
        "srt",
        "subrip",
        "tex",
        "latex",
        "javascript",
        "pdf",
    ];
    let name = media_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let subtype = name.rsplit('/').next().unwrap_or_default();
    !OTHERS.contains(&subtype.trim_start_matches("x-"))
}

/// Whether a media type is that of XML which is no text to read, but for HTML and formulas.
pub fn is_other_xml(media_type: &str) -> bool {
    let name = media_type.split(';').next().unwrap_or_default().trim();
    let name = name.to_ascii_lowercase();
    let subtype = name.rsplit('/').next().unwrap_or_default();
    let is_read = ["xhtml+xml", "mathml+xml"].contains(&subtype);
    (subtype == "xml" || subtype.ends_with("+xml")) && !is_read
}

/// What a text is the source of, by its first characters.
fn source_of(text: &str) -> Option<&'static str> {
    let kinds = [
        ("%pdf-", "a PDF"),
        ("{\\rtf", "a document in RTF"),
        ("webvtt", "subtitles in WebVTT"),
        ("\\documentclass", "the source of a document in LaTeX"),
        ("%!ps", "a document in PostScript"),
    ];
    let start = text.trim_start_matches('\u{feff}').trim_start();
    let is_start = |mark: &str| {
        start
            .get(..mark.len())
            .is_some_and(|s| s.eq_ignore_ascii_case(mark))
    };
    kinds
        .iter()
        .find(|(mark, _)| is_start(mark))
        .map(|(_, what)| *what)
}

/// Reads a document that is a text: plain, HTML, or a JSON resource that holds it.
///
/// # Errors
/// The problem: it is something else, or not in the encoding that it states.
pub fn read(answer: &Answer) -> FetchedText {
    let media_type = answer.media_type.as_deref().map(str::to_ascii_lowercase);
    let is_stated = |kind: &str| media_type.as_deref().is_some_and(|m| m.starts_with(kind));
    let (text, is_damaged) = stated_text(&answer.bytes, answer.media_type.as_deref());
    if let Some(what) = source_of(&text) {
        return Err(format!("text was expected: found {what}"));
    }
    if let Some(other) = media_type
        .as_deref()
        .filter(|media_type| !is_read_as_text(media_type))
    {
        return Err(format!("text was expected: found {other}"));
    }
    if is_damaged {
        return Err("text is not in the encoding that it states, or not UTF-8".into());
    }
    let start = text.trim_start().to_ascii_lowercase();
    if start.is_empty() {
        return Err("text is empty".into());
    }
    if (start.starts_with(['{', '[']) || start.starts_with('"') && is_stated("application/json"))
        && let Ok(value) = serde_json::from_str::<Value>(&text)
    {
        if let Some(resource) = of_resource(&value) {
            return Ok(resource);
        }
        // What is said to be plain text is one, whatever it looks like.
        let is_structure =
            value.as_object().is_some_and(|members| !members.is_empty()) || value.is_array();
        if is_structure && !is_stated("text/plain") {
            return Err(format!(
                "text was expected: found JSON without a text, {}",
                described(&value)
            ));
        }
    }
    let is_html = is_stated("text/html")
        || is_stated("application/xhtml")
        || start.starts_with("<!doctype html")
        || start.starts_with("<html");
    if start.starts_with('<') && !is_html && !is_stated("text/plain") {
        return Err("text was expected: found XML".into());
    }
    Ok(TextResource {
        text: text.into_owned(),
        format: Some(if is_html { "text/html" } else { "text/plain" }.to_owned()),
        ..TextResource::default()
    })
}

fn of_resource(value: &Value) -> Option<TextResource> {
    if let Value::String(text) = value {
        return Some(TextResource {
            text: text.clone(),
            ..TextResource::default()
        });
    }
    // Several, of which one is a text: as bodies of annotations are written.
    if let Value::Array(values) = value {
        let texts: Vec<TextResource> = values.iter().filter_map(of_resource).collect();
        return Some(texts).filter(|texts| texts.len() == 1)?.pop();
    }
    let text = named(value, &HELD).find_map(|held| match held {
        Value::String(text) => Some(text.clone()),
        value => texts(value).into_iter().next(),
    })?;
    let said = |members: &[&str]| first_text(value, &Value::Null, members);
    Some(TextResource {
        text,
        format: said(&FORMAT),
        language: said(&LANGUAGE),
        direction: said(&["textDirection"]),
    })
}

/// Puts texts that were fetched in the place of their URLs. Where a text cannot be used, its URL stays as a link. Returns what
/// is lost: the record is the text, the field where the body stands.
pub fn fill(placed: &mut Placed, texts: &HashMap<String, FetchedText>) -> Vec<Reject> {
    let mut rejects = Vec::new();
    let annotation = &mut placed.annotation;
    for body in &mut annotation.bodies {
        let url = body.value.clone();
        let (location, part) = url.split_once('#').unwrap_or((&url, ""));
        let (Some(place), Some(fetched)) = (placed.texts.get(&url), texts.get(location)) else {
            continue;
        };
        let fetched = fetched.as_ref().map_err(String::clone);
        match fetched.and_then(|resource| Ok((resource, part_of(&resource.text, part)?))) {
            Ok((resource, text)) => {
                put(body, resource, text);
                let attributes = &mut annotation.attributes;
                if let Some(direction) = &resource.direction {
                    let entry = attributes.entry("text_direction".into());
                    entry.or_insert_with(|| direction.as_str().into());
                }
                attributes.insert("text_source".into(), url.into());
            }
            Err(problem) => {
                body.purpose = Some("linking".into());
                let field = if place.is_empty() { "body" } else { place };
                let joint = if problem.contains(": ") { "," } else { ":" };
                let problem = format!("{problem}{joint} body of {}", annotation.id);
                rejects.push(Reject::new(&placed.document, url, field, problem));
            }
        }
    }
    rejects
}

/// Puts a text in the place of its URL.
pub fn put(body: &mut Body, resource: &TextResource, text: String) {
    body.value = text;
    body.label = None;
    if resource.format.is_some() {
        body.format.clone_from(&resource.format);
    }
    if body.language.is_none() {
        body.language.clone_from(&resource.language);
    }
}

/// The part of a text that a fragment selects (RFC 5147, section 2.1.1): `char=start,end` between characters, from 0. All of
/// it without a fragment.
fn part_of(text: &str, fragment: &str) -> Result<String, String> {
    let Some(range) = fragment.strip_prefix("char=") else {
        return match fragment.is_empty() {
            true => Ok(text.trim().to_owned()),
            false => Err("part of a text is not understood".into()),
        };
    };
    // Checks of length follow after `;`.
    let range = range.split(';').next().unwrap_or(range);
    let (start, end) = range.split_once(',').unwrap_or((range, range));
    let number = |text: &str, missing: usize| match text.trim() {
        "" => Ok(missing),
        digits => digits.parse::<usize>(),
    };
    let length = text.chars().count();
    match (number(start, 0), number(end, length)) {
        (Ok(start), Ok(end)) if start < end && end <= length => {
            let part: String = text.chars().skip(start).take(end - start).collect();
            Ok(part.trim().to_owned())
        }
        (Ok(_), Ok(_)) => Err(format!(
            "part of a text of {} does not exist",
            counted(length as u64, "character", "characters")
        )),
        _ => Err("part of a text is not understood".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn parts_of_texts_are_counted_in_characters() {
        let text = "\u{5d0}\u{5d1} in principio";
        let cases = [
            ("", Ok(text)),
            ("char=0,2", Ok("\u{5d0}\u{5d1}")),
            ("char=3,", Ok("in principio")),
            ("char=,2", Ok("\u{5d0}\u{5d1}")),
            ("char=3,5;length=14,UTF-8", Ok("in")),
            (
                "char=3,99",
                Err("part of a text of 15 characters does not exist"),
            ),
            ("line=1", Err("part of a text is not understood")),
            ("char=a,b", Err("part of a text is not understood")),
        ];
        for (fragment, wanted) in cases {
            let wanted = wanted.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(part_of(text, fragment), wanted, "{fragment}");
        }
    }

    #[test]
    fn only_texts_are_followed_and_not_links() {
        let of = |motivation: &str, body: Value| named_text(&body, &[motivation.to_owned()]);
        let followed = [
            json!({"id": "https://a/1", "type": "Text"}),
            json!({"id": "https://a/1#char=0,7"}),
            json!("https://a/1#char=0,7"),
            json!({"type": "SpecificResource", "source": "https://a/1#char=0,7"}),
            json!({"id": "https://a/1", "type": "TextualBody", "format": "text/plain"}),
            json!("https://a/1.txt"),
            // Not read, and therefore listed where it should be the text.
            json!({"id": "https://a/1", "type": "Text", "format": "application/xml"}),
        ];
        for body in followed {
            let named = of("transcribing", body.clone()).unwrap();
            assert!(named.is_some(), "{body}");
        }
        let left = [
            json!("https://a/1"),
            json!("https://a/1.jpg"),
            json!({"id": "https://a/1", "type": "TextualBody", "value": "x"}),
            json!({"id": "https://a/1", "type": "Image"}),
            json!({"id": "urn:x", "type": "Text"}),
        ];
        for body in left {
            assert_eq!(of("transcribing", body.clone()), Ok(None), "{body}");
        }
        let tei = json!({"id": "https://a/1", "type": "Text", "format": "application/tei+xml"});
        assert_eq!(of("describing", tei), Ok(None));
        let part = |selector: Value| json!({"type": "SpecificResource", "source": "https://a/1.txt", "selector": selector});
        let cases = [
            (
                json!({"type": "TextPositionSelector", "start": 3, "end": 7}),
                Ok(Some("https://a/1.txt#char=3,7")),
            ),
            (
                json!({"type": "FragmentSelector", "value": "char=3,7"}),
                Ok(Some("https://a/1.txt#char=3,7")),
            ),
            // It says the text itself.
            (
                json!({"type": "TextQuoteSelector", "exact": "in principio"}),
                Ok(None),
            ),
            (
                json!({"type": "XPathSelector", "value": "//p"}),
                Err("part of a text is not understood: an object of the type XPathSelector"),
            ),
            (
                json!({"type": "TextPositionSelector", "start": 3}),
                Err("part of a text is not understood: an object of the type TextPositionSelector"),
            ),
        ];
        for (selector, wanted) in cases {
            let found = of("transcribing", part(selector.clone()));
            let wanted = wanted
                .map(|url| url.map(str::to_owned))
                .map_err(str::to_owned);
            assert_eq!(found, wanted, "{selector}");
        }
    }
}
