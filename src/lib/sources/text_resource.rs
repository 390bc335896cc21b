//! Texts in documents of their own, and how they come into the annotations that name them.

use serde::{Deserialize, Serialize};

use crate::contracts::{Annotation, Body};
use crate::error::Error;

/// A text in a document of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextResource {
    /// The text.
    pub text: String,
    /// Its media type, if it is known.
    pub format: Option<String>,
    /// Its language, as the source writes it.
    pub language: Option<String>,
}

/// Puts texts in the place of the URLs that bodies have for them; `text_of` finds a text by its URL. Returns why parts of
/// texts cannot be used.
///
/// # Errors
/// Those of `text_of`.
pub fn fill(
    annotation: &mut Annotation,
    mut text_of: impl FnMut(&str) -> Result<Option<TextResource>, Error>,
) -> Result<Vec<String>, Error> {
    let mut problems = Vec::new();
    for body in &mut annotation.bodies {
        let url = body.value.clone();
        let (location, part) = url.split_once('#').unwrap_or((&url, ""));
        let Some(resource) = text_of(location)? else {
            continue;
        };
        match part_of(&resource.text, part) {
            Ok(text) => {
                put(body, resource, text);
                let attributes = &mut annotation.attributes;
                attributes.insert("text_source".into(), url.into());
            }
            Err(problem) => problems.push(format!("{problem}: {url}")),
        }
    }
    Ok(problems)
}

fn put(body: &mut Body, resource: TextResource, text: String) {
    body.value = text;
    body.label = None;
    body.format = resource.format;
    body.language = body.language.take().or(resource.language);
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
}
