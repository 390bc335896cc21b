//! Texts that annotations name instead of holding them: text resources of their own, and parts of them.

use std::collections::HashMap;

use serde_json::Value;

use super::hanging::Hanging;
use super::reader::Reader;
use super::values::{id, kind, list, texts, types};
use crate::contracts::Body;
use crate::sources::{
    ANNOTATIONS, Answer, DocumentRequest, Found, Placed, Referrer, TextResource, is_url,
};
use crate::summary::Reject;

/// The memo of requests for texts.
pub const MEMO: &str = "text";

/// The URL of the text that a body is, if it does not hold the text.
pub fn names_a_text<'v>(body: &'v Value, motivation: &[String]) -> Option<&'v str> {
    let source = match &body["source"] {
        Value::Null => body,
        source => source,
    };
    let url = id(source).filter(|url| is_url(url))?;
    let holds = ["value", "chars", "cnt:chars", "@value", "rdf:value"];
    if [body, source]
        .iter()
        .any(|v| v.is_object() && holds.iter().any(|m| !v[*m].is_null()))
    {
        return None;
    }
    let part_of_text = url
        .rsplit_once('#')
        .is_some_and(|(_, part)| part.starts_with("char="));
    let format = list(source, "format").into_iter().find_map(Value::as_str);
    let is_plain =
        format.is_some_and(|f| f.starts_with("text/plain") || f.starts_with("text/html"));
    let kind = kind(source);
    let is_text = types(source).next().is_some()
        && ["text", "textualbody", "contentastext", "fulltextresource"].contains(&kind.as_str())
        && (format.is_none() || is_plain);
    let transcribes = |m: &String| ["transcribing", "supplementing"].contains(&m.as_str());
    let is_text_file = motivation.iter().any(transcribes) && url.ends_with(".txt");
    (part_of_text || is_text || is_text_file || (is_plain && kind.is_empty())).then_some(url)
}

impl<'a> Reader<'a> {
    /// Follows the URL of a text.
    pub(super) fn follow_text(&mut self, url: String, on: Hanging) {
        let inherited =
            |of: fn(&Referrer) -> &Option<String>| self.from.and_then(|from| of(from).clone());
        let location = url.split('#').next().unwrap_or(&url).to_owned();
        let request = DocumentRequest {
            location,
            memo: MEMO.into(),
            from: Some(Referrer {
                document: self.name.to_owned(),
                role: ANNOTATIONS,
                manifest: on
                    .manifest
                    .map(str::to_owned)
                    .or_else(|| inherited(|f| &f.manifest)),
                canvas: on
                    .canvas
                    .map(str::to_owned)
                    .or_else(|| inherited(|f| &f.canvas)),
            }),
            ..DocumentRequest::default()
        };
        if !self.found.next.contains(&request) {
            self.found.next.push(request);
        }
    }
}

/// Reads a document that is a text: plain, HTML, or a JSON resource that holds it.
pub fn read(answer: &Answer, found: &mut Found) {
    let url = &answer.request.location;
    let bytes = &answer.bytes;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let refuse = |problem: &str| Reject::new(url, "document", "document", problem);
    let Ok(text) = std::str::from_utf8(bytes) else {
        return found.rejects.push(refuse("text is not UTF-8"));
    };
    let start = text.trim_start().to_ascii_lowercase();
    let resource = match start.as_bytes() {
        [b'{' | b'[', ..] => serde_json::from_str(text)
            .ok()
            .and_then(|v: Value| of_resource(&v)),
        _ => None,
    };
    let is_html = start.starts_with("<!doctype html") || start.starts_with("<html");
    if resource.is_none() && start.starts_with('<') && !is_html {
        return found.rejects.push(refuse("text was expected: found XML"));
    }
    let (text, language) = resource.unwrap_or((text.to_owned(), None));
    found.texts.push((
        url.clone(),
        TextResource {
            text,
            format: Some(if is_html { "text/html" } else { "text/plain" }.to_owned()),
            language,
        },
    ));
}

fn of_resource(value: &Value) -> Option<(String, Option<String>)> {
    let held = ["value", "chars", "cnt:chars", "rdf:value", "@value"];
    let text = held.iter().find_map(|member| match &value[*member] {
        Value::String(text) => Some(text.clone()),
        value => texts(value).into_iter().next(),
    })?;
    let language = ["language", "@language", "dc:language"]
        .iter()
        .flat_map(|member| list(value, member))
        .find_map(Value::as_str);
    Some((text, language.map(str::to_owned)))
}

/// Puts texts that were fetched in the place of their URLs. Returns the parts of texts that cannot be used.
pub fn fill(placed: &mut Placed, texts: &HashMap<String, TextResource>) -> Vec<Reject> {
    let mut rejects = Vec::new();
    for body in &mut placed.annotation.bodies {
        let url = body.value.clone();
        let (location, part) = url.split_once('#').unwrap_or((&url, ""));
        let Some(resource) = texts.get(location) else {
            continue;
        };
        match part_of(&resource.text, part) {
            Ok(text) => {
                put(body, resource, text);
                let attributes = &mut placed.annotation.attributes;
                attributes.insert("text_source".into(), url.into());
            }
            Err(problem) => rejects.push(Reject::new(
                &placed.document,
                &placed.annotation.id,
                "body",
                format!("{problem}: {url}"),
            )),
        }
    }
    rejects
}

fn put(body: &mut Body, resource: &TextResource, text: String) {
    body.value = text;
    body.label = None;
    body.format = resource.format.clone();
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
            "part of a text of {length} characters does not exist"
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
        let of = |motivation: &str, body: Value| {
            names_a_text(&body, &[motivation.to_owned()]).map(str::to_owned)
        };
        let followed = [
            json!({"id": "https://a/1", "type": "Text"}),
            json!({"id": "https://a/1#char=0,7"}),
            json!("https://a/1#char=0,7"),
            json!({"type": "SpecificResource", "source": "https://a/1#char=0,7"}),
            json!({"id": "https://a/1", "type": "TextualBody", "format": "text/plain"}),
            json!("https://a/1.txt"),
        ];
        for body in followed {
            assert!(of("transcribing", body.clone()).is_some(), "{body}");
        }
        let left = [
            json!("https://a/1"),
            json!("https://a/1.jpg"),
            json!({"id": "https://a/1", "type": "TextualBody", "value": "x"}),
            json!({"id": "https://a/1", "type": "Text", "format": "application/xml"}),
            json!({"id": "https://a/1", "type": "Image"}),
            json!({"id": "urn:x", "type": "Text"}),
        ];
        for body in left {
            assert_eq!(of("transcribing", body.clone()), None, "{body}");
        }
    }
}
