//! Which annotations of a group contain what is searched for: their texts are looked through without making the annotations,
//! since making those of fifty thousand canvases takes a hundred times as long. Pure.

use memchr::memmem::Finder;
use unicode_normalization::UnicodeNormalization as _;

use super::annotation::{self, TAGGING};
use super::canvases::{self, Canvas};
use crate::iiif::Version;
use crate::serve::web::message::Query;

/// The form of the answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// Content Search 2.0, with Web Annotations.
    Second,
    /// Content Search 1.0, with Open Annotations of the canvases of this version of the Presentation API.
    First(Version),
}

/// The motivation of what belongs to a canvas itself.
const PAINTING: &str = "painting";
/// Stands for every motivation but that one (1.0 §3.2.1).
const NON_PAINTING: &str = "non-painting";

/// What is searched for.
#[derive(Debug)]
pub struct Wanted {
    /// [`folded`]; an annotation has all of them.
    words: Vec<Finder<'static>>,
    /// An annotation has one of them; none: any will do.
    motivations: Vec<String>,
}

/// An annotation that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The position of its canvas among those that were looked through.
    pub canvas: usize,
    /// Its position among the annotations of the canvas: labels, then boxes, then metadata.
    pub nth: usize,
}

/// The annotations of canvases that are wanted, in their order.
pub fn scan(canvases: &[(usize, Canvas)], flavour: Flavour, wanted: &Wanted) -> Vec<Found> {
    let mut found = Vec::new();
    let mut text = String::new();
    for (canvas, (_, of)) in canvases.iter().enumerate() {
        each(of, flavour, &mut text, |nth, why, text| {
            if wanted.is(why, text) {
                found.push(Found { canvas, nth });
            }
        });
    }
    found
}

/// Tells position, motivations and text of each annotation of a canvas, in the order in which they are made. `text` is used
/// again for each, since allocating would take most of the time.
fn each(
    canvas: &Canvas,
    flavour: Flavour,
    text: &mut String,
    mut look: impl FnMut(usize, &[&str], &mut String),
) {
    let (mut nth, mut why) = (0, Vec::new());
    let mut tell = |why: &[&str], text: &mut String| {
        look(nth, why, text);
        nth += 1;
    };
    let about = &canvas.first().about;
    for label in &about.labels {
        join(text, [label.as_str()]);
        tell(&[TAGGING], text);
    }
    match flavour {
        Flavour::Second => {
            for boxes in canvases::annotations(canvas) {
                why.clear();
                why.extend(annotation::motivations(&boxes[0]));
                join(text, annotation::texts(&boxes[0]));
                tell(&why, text);
            }
        }
        Flavour::First(_) => {
            for found in &about.localizations {
                join(text, annotation::texts_2(found));
                tell(annotation::motivations_2(found), text);
            }
        }
    }
    for (key, values) in &about.metadata {
        join(text, [described(key, values).as_str()]);
        tell(&["describing"], text);
    }
}

/// An entry of metadata as the text of an annotation.
pub fn described(key: &str, values: &[String]) -> String {
    format!("{key}: {}", values.join("; "))
}

/// Replaces a text with others, a line each.
fn join<'a>(text: &mut String, parts: impl IntoIterator<Item = &'a str>) {
    text.clear();
    for (n, part) in parts.into_iter().enumerate() {
        if n > 0 {
            text.push('\n');
        }
        text.push_str(part);
    }
}

impl Wanted {
    /// What a query asks for.
    pub fn of(query: &Query) -> Self {
        let words = words(query.get("q"));
        let finder = |word: &String| Finder::new(word).into_owned();
        let motivations = query.get("motivation").split_whitespace();
        Wanted {
            words: words.iter().map(finder).collect(),
            motivations: motivations.map(|word| bare(word).to_owned()).collect(),
        }
    }

    /// Whether an annotation with these motivations and this text is wanted; the text becomes [`folded`].
    fn is(&self, why: &[&str], text: &mut String) -> bool {
        let is_meant = |wanted: &String| match wanted.as_str() {
            NON_PAINTING => why.iter().any(|why| bare(why) != PAINTING),
            wanted => why.iter().any(|why| bare(why) == wanted),
        };
        if !self.motivations.is_empty() && !self.motivations.iter().any(is_meant) {
            return false;
        }
        match text.is_ascii() {
            true => text.make_ascii_lowercase(),
            false => *text = folded(text),
        }
        let mut words = self.words.iter();
        words.all(|word| word.find(text.as_bytes()).is_some())
    }
}

/// A motivation without its prefix: Open Annotation has one.
fn bare(motivation: &str) -> &str {
    motivation.rsplit(':').next().unwrap_or_default()
}

/// A text as it is compared: in lower case, each letter in one code point if there is one. Some systems write accents after
/// their letters.
pub fn folded(text: &str) -> String {
    let lower = text.to_lowercase();
    match unicode_normalization::is_nfc(&lower) {
        true => lower,
        false => lower.nfc().collect(),
    }
}

/// The words of a query, separated by blanks (§3.3.2); text between quotes counts as one word.
fn words(q: &str) -> Vec<String> {
    let parts = q.split('"').enumerate();
    let words = parts.flat_map(|(n, part)| match n % 2 {
        0 => part.split_whitespace().map(folded).collect(),
        _ => vec![folded(part.trim())],
    });
    words.filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::{Localization, LocalizedImage};
    use crate::serve::image_record::ImageRecord;
    use crate::serve::presentation::uris::Uris;
    use serde_json::{Value, json};

    #[test]
    fn words_are_separated_by_blanks_and_kept_together_by_quotes() {
        assert_eq!(words(r#"Aleph  "dead Sea" x"#), ["aleph", "dead sea", "x"]);
        assert!(words(" \"\" ").is_empty());
        assert_eq!(words("CAFE\u{301}"), words("caf\u{e9}"));
    }

    /// Motivations and text of an annotation that was made.
    fn of_made(annotation: &Value) -> (Vec<String>, String) {
        let list = |value: &Value| match value {
            Value::Array(all) => all.clone(),
            Value::Null => Vec::new(),
            one => vec![one.clone()],
        };
        let why = list(&annotation["motivation"]);
        let why = why
            .iter()
            .map(|word| bare(word.as_str().unwrap()).to_owned());
        let bodies = [&annotation["body"], &annotation["resource"]].map(list);
        let texts = bodies.iter().flatten();
        let texts = texts.filter_map(|body| body["value"].as_str().or(body["chars"].as_str()));
        (why.collect(), texts.collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn what_is_looked_through_is_what_is_made() {
        let boxes = json!([
            {"id": "plain", "concept": "aleph", "bbox": [1, 1, 2, 2]},
            {"id": "a", "concept": "bet", "bbox": [1, 1, 2, 2], "attributes": {"annotation": "x", "text": "TWO words"}},
            {"id": "b", "concept": "bet", "bbox": [5, 5, 2, 2], "attributes": {"annotation": "x", "text": "TWO words"}},
            {"id": "c", "concept": "gimel", "bbox": [5, 5, 2, 2], "attributes": {"annotation": "x", "text": 7}},
            {"id": "d", "concept": "dalet", "bbox": [5, 5, 2, 2], "attributes": {
                "motivation": " commenting  oa:linking ", "tags": ["dalet", "damaged", 3], "links": ["http://x.example/"],
                "body": [{"type": "TextualBody", "value": "kept"}, {"chars": "old"}, {"type": "Image"}, 4]}},
            {"id": "e", "concept": "", "bbox": [5, 5, 2, 2], "attributes": {"motivation": " "}},
        ]);
        let localizations: Vec<Localization> = serde_json::from_value(boxes).unwrap();
        let mut about = LocalizedImage {
            labels: ["whole".to_owned(), "page".to_owned()]
                .into_iter()
                .collect(),
            localizations,
            ..LocalizedImage::default()
        };
        let values = vec!["recto".to_owned(), "left".to_owned()];
        about.metadata.insert("Side".into(), values);
        let record = ImageRecord::unmeasured("i", about);
        let canvas = Canvas {
            images: vec![&record],
        };
        let uris = Uris::below("http://x.example");
        let made = [
            (Flavour::Second, annotation::all(&canvas, "c", &uris), 8),
            (
                Flavour::First(Version::V2),
                annotation::all_2(&canvas, "c", "c", &uris),
                9,
            ),
        ];
        for (flavour, made, with_metadata) in made {
            let mut looked = Vec::new();
            each(&canvas, flavour, &mut String::new(), |nth, why, text| {
                assert_eq!(nth, looked.len());
                let why: Vec<String> = why.iter().map(|word| bare(word).to_owned()).collect();
                looked.push((why, text.clone()));
            });
            assert_eq!(looked.len(), with_metadata);
            let made: Vec<_> = made.iter().map(of_made).collect();
            assert_eq!(looked[..made.len()], made, "{flavour:?}");
            let described = (
                vec!["describing".to_owned()],
                "Side: recto; left".to_owned(),
            );
            assert_eq!(looked[made.len()..], [described]);
        }
    }
}
