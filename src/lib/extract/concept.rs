//! The class of an annotation's boxes, by the rules of `--class-from`, and their attributes. Contracts store the class
//! as `concept`.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::str::FromStr;

use serde_json::Value;

use super::html;
use crate::contracts::{Annotation, Body, Region};

/// Where the class of a box comes from: the values of `--class-from`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClassFrom {
    /// A tag, else a label, else `text` for transcriptions, else the motivation.
    Auto,
    /// The first tag.
    Tag,
    /// The first label: of a body with a label, or one whose purpose is to classify or identify.
    Label,
    /// The text of the first body with text.
    Text,
    /// The motivation, of several the first in the alphabet: their order means nothing.
    Motivation,
    /// Always this name.
    Constant(String),
}

impl FromStr for ClassFrom {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "auto" => Ok(ClassFrom::Auto),
            "tag" => Ok(ClassFrom::Tag),
            "label" => Ok(ClassFrom::Label),
            "text" => Ok(ClassFrom::Text),
            "motivation" => Ok(ClassFrom::Motivation),
            _ => match text.split_once(':') {
                Some(("constant", name)) if !name.trim().is_empty() => {
                    Ok(ClassFrom::Constant(html::one_line(name, false)))
                }
                _ => Err("expected auto, tag, label, text, motivation or constant:NAME".into()),
            },
        }
    }
}

/// The class of an annotation, by the first rule that gives one.
pub fn concept(annotation: &Annotation, rules: &[ClassFrom]) -> Option<String> {
    rules.iter().find_map(|rule| by(annotation, rule))
}

fn by(annotation: &Annotation, rule: &ClassFrom) -> Option<String> {
    match rule {
        ClassFrom::Tag => tags(annotation).into_iter().next(),
        ClassFrom::Label => {
            let mut labels = annotation.bodies.iter().filter(|b| is_label(b, annotation));
            labels.find_map(name)
        }
        ClassFrom::Text => texts(annotation).find_map(name),
        ClassFrom::Motivation => motivations(annotation).min(),
        ClassFrom::Constant(name) => Some(name.clone()),
        ClassFrom::Auto => by(annotation, &ClassFrom::Tag)
            .or_else(|| by(annotation, &ClassFrom::Label))
            .or_else(|| is_transcription(annotation).then(|| "text".to_owned()))
            .or_else(|| by_motivation(annotation)),
    }
}

/// The class of an annotation that has neither a tag nor a label nor a text: its motivation, where that is a name for something.
fn by_motivation(annotation: &Annotation) -> Option<String> {
    // That something is tagged is no name for it.
    const NO_NAMES: [&str; 3] = ["tagging", "classifying", "identifying"];
    let named = motivations(annotation).filter(|m| !NO_NAMES.contains(&m.as_str()));
    let motivation = named.min()?;
    if !TRANSCRIBING.contains(&motivation.as_str()) {
        return Some(motivation);
    }
    // A text that could not be had or read, or is in a file of its own: its place is that of a text all the same.
    let is_link = annotation.bodies.iter().any(|body| is_link(&body.value));
    let is_data = motivation == "painting" || annotation.attributes.contains_key("body");
    let is_part = !annotation.regions.iter().all(Region::is_whole);
    match (is_link, is_part) {
        (_, true) if is_link || !is_data => Some("text".into()),
        (true, false) => None,
        _ => Some(motivation),
    }
}

fn motivations(annotation: &Annotation) -> impl Iterator<Item = String> {
    let names = annotation
        .motivation
        .iter()
        .map(|m| html::one_line(m, false));
    names.filter(|name| !name.is_empty())
}

/// The attributes of a box: `text` (without markup; with it in `html`), texts of other purposes and languages, `tags`, `links`,
/// `language`, `motivation`, and all
/// others that the source gives.
pub fn attributes(annotation: &Annotation) -> BTreeMap<String, Value> {
    let mut attributes = annotation.attributes.clone();
    let said = Said::of(annotation);
    let markup = said.main.iter().filter(|body| html::is_html(body));
    let markup: Vec<&str> = markup.map(|body| body.value.as_str()).collect();
    let mut put = |key: &str, value: Value| attributes.insert(key.to_owned(), value);
    if !said.main.is_empty() {
        put("text", joined(&said.main).into());
    }
    for (key, bodies) in &said.others {
        put(key, joined(bodies).into());
    }
    if !markup.is_empty() {
        put("html", markup.join("\n").into());
    }
    let languages = said.main.iter().copied().chain(&annotation.bodies);
    if let Some(language) = languages.into_iter().find_map(|b| b.language.clone()) {
        put("language", language.into());
    }
    let tags = tags(annotation);
    if !tags.is_empty() {
        put("tags", tags.into());
    }
    let links: Vec<&str> = annotation
        .bodies
        .iter()
        .map(|b| b.value.as_str())
        .filter(|value| is_link(value))
        .collect();
    if !links.is_empty() {
        put("links", links.into());
    }
    // Motivations do not contain spaces.
    if !annotation.motivation.is_empty() {
        put("motivation", annotation.motivation.join(" ").into());
    }
    attributes
}

fn tags(annotation: &Annotation) -> Vec<String> {
    let bodies = annotation.bodies.iter().filter(|b| is_tag(b, annotation));
    let mut seen: HashSet<String> = HashSet::new();
    let tags = bodies.filter_map(name);
    tags.filter(|tag| seen.insert(tag.clone())).collect()
}

fn is_tag(body: &Body, annotation: &Annotation) -> bool {
    serves(body, annotation, &["tagging"])
}

fn is_label(body: &Body, annotation: &Annotation) -> bool {
    let named = body.label.is_some() && !is_tag(body, annotation);
    named || serves(body, annotation, &["classifying", "identifying", "label"])
}

/// Whether the purpose of a body is one of `purposes`. A body without purpose has that of the motivation, but only if all
/// motivations agree: with `commenting` and `tagging`, it is not known which body is the tag. Beside a body that says that it
/// is the tag, one that does not is none.
fn serves(body: &Body, annotation: &Annotation, purposes: &[&str]) -> bool {
    match &body.purpose {
        Some(purpose) => purposes.contains(&purpose.as_str()),
        None => {
            let motivation = &annotation.motivation;
            let says = |purpose: &String| purposes.contains(&purpose.as_str());
            let mut others = annotation.bodies.iter();
            !motivation.is_empty()
                && motivation.iter().all(says)
                && !others.any(|other| other.purpose.as_ref().is_some_and(says))
        }
    }
}

/// Bodies with text that are neither tags nor labels nor links.
fn texts(annotation: &Annotation) -> impl Iterator<Item = &Body> {
    annotation.bodies.iter().filter(|body| {
        let names = is_tag(body, annotation) || is_label(body, annotation);
        !names && !is_link(&body.value) && !body.value.trim().is_empty()
    })
}

/// The texts of an annotation.
struct Said<'a> {
    /// The text: what is written there, if somebody transcribed it, and in one language.
    main: Vec<&'a Body>,
    /// Texts of another purpose by its name, such as `commenting`, and those in another language with that at the end: `text_en`.
    others: BTreeMap<String, Vec<&'a Body>>,
}

impl<'a> Said<'a> {
    fn of(annotation: &'a Annotation) -> Self {
        let is_transcribed = is_transcription(annotation);
        let (mut main, mut others): (Vec<&Body>, BTreeMap<String, Vec<&Body>>) = Default::default();
        // The language in which each purpose begins.
        let mut firsts: BTreeMap<&str, String> = BTreeMap::new();
        for body in texts(annotation) {
            let is_main = !is_transcribed || transcribes(body, annotation);
            let purpose = body
                .purpose
                .as_deref()
                .filter(|_| !is_main)
                .unwrap_or("text");
            let language = body.language.as_deref().map(str::to_lowercase);
            let is_other =
                |language: &String| firsts.get(purpose).is_some_and(|first| first != language);
            match language {
                Some(language) if is_other(&language) => {
                    let key = format!("{purpose}_{language}");
                    others.entry(key).or_default().push(body);
                    continue;
                }
                Some(language) => drop(firsts.entry(purpose).or_insert(language)),
                None => {}
            }
            match is_main {
                true => main.push(body),
                false => others.entry(purpose.to_owned()).or_default().push(body),
            }
        }
        Said { main, others }
    }
}

/// Texts without markup, each once, on lines of their own.
fn joined(bodies: &[&Body]) -> String {
    let mut words: Vec<Cow<str>> = Vec::new();
    for text in bodies.iter().copied().map(html::text) {
        if !words.contains(&text) {
            words.push(text);
        }
    }
    words.join("\n")
}

/// Motivations and purposes of what is written on the image.
const TRANSCRIBING: [&str; 3] = ["painting", "supplementing", "transcribing"];

/// Whether the annotation transcribes text on the image, and is not a text about the image.
fn is_transcription(annotation: &Annotation) -> bool {
    texts(annotation).any(|body| transcribes(body, annotation))
}

/// Whether a body is a text on the image.
fn transcribes(body: &Body, annotation: &Annotation) -> bool {
    let mut motivations = annotation.motivation.iter();
    match &body.purpose {
        Some(purpose) => TRANSCRIBING.contains(&purpose.as_str()),
        None => motivations.any(|m| TRANSCRIBING.contains(&m.as_str())),
    }
}

fn is_link(value: &str) -> bool {
    let value = value.trim();
    let is_url = value.starts_with("http://") || value.starts_with("https://");
    is_url && !value.contains(char::is_whitespace)
}

/// The label or text of a body on one line; none if it is empty.
fn name(body: &Body) -> Option<String> {
    let format = html::format(body);
    let is_html = matches!(
        format.as_deref(),
        Some("text/html" | "application/xhtml+xml")
    );
    let label = body
        .label
        .as_deref()
        .map(|label| html::one_line(label, is_html));
    let name = label
        .filter(|label| !label.is_empty())
        .unwrap_or_else(|| match format.as_deref() {
            // Declared not to be HTML.
            Some("text/plain") => html::collapsed(&body.value),
            _ => html::one_line(&body.value, is_html),
        });
    Some(name).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(purpose: &str, value: &str, label: &str) -> Body {
        let some = |s: &str| Some(s.to_owned()).filter(|s| !s.is_empty());
        Body {
            purpose: some(purpose),
            value: value.into(),
            label: some(label),
            ..Body::default()
        }
    }

    fn annotation(motivation: &[&str], bodies: &[Body]) -> Annotation {
        Annotation {
            motivation: motivation.iter().map(|m| m.to_string()).collect(),
            bodies: bodies.to_vec(),
            ..Annotation::default()
        }
    }

    #[test]
    fn each_rule_finds_its_concept() {
        use ClassFrom::{Auto, Constant, Label, Motivation, Tag, Text};
        let tagged = annotation(
            &["commenting"],
            &[
                body("", "<p>a  hand</p>", ""),
                body("tagging", "Aleph ", ""),
            ],
        );
        let tagging = annotation(&["tagging"], &[body("", "Bet", "")]);
        let named = annotation(
            &["identifying"],
            &[body("", "https://example.org/gimel", "Gimel")],
        );
        let classed = annotation(&["linking"], &[body("classifying", "Dalet", "")]);
        let line = annotation(&["supplementing"], &[body("", "in the beginning", "")]);
        let mixed = annotation(&["commenting", "tagging"], &[body("", "words", "")]);
        let bare = annotation(&["highlighting"], &[]);
        let nothing = annotation(&[], &[body("", "words", "")]);
        let place = |motivation: &str| Annotation {
            regions: vec![Region {
                fragment: Some("xywh=1,2,3,4".into()),
                ..Region::default()
            }],
            ..annotation(&[motivation], &[])
        };
        let (unread, painted) = (place("transcribing"), place("painting"));
        let mut data = place("supplementing");
        data.attributes
            .insert("body".into(), "of control points".into());
        let cases = [
            (&tagged, Auto, Some("Aleph")),
            (&tagged, Tag, Some("Aleph")),
            (&tagged, Text, Some("a hand")),
            (&tagged, Motivation, Some("commenting")),
            (&tagged, Label, None),
            (&tagging, Auto, Some("Bet")),
            (&tagging, Text, None),
            (&named, Auto, Some("Gimel")),
            (&named, Label, Some("Gimel")),
            (&classed, Auto, Some("Dalet")),
            (&line, Auto, Some("text")),
            (&line, Text, Some("in the beginning")),
            (&mixed, Auto, Some("commenting")),
            (&bare, Auto, Some("highlighting")),
            (&unread, Auto, Some("text")),
            (&painted, Auto, Some("painting")),
            (&data, Auto, Some("supplementing")),
            (&nothing, Auto, None),
            (&nothing, Constant("letter".into()), Some("letter")),
        ];
        for (annotation, rule, wanted) in cases {
            let found = concept(annotation, std::slice::from_ref(&rule));
            assert_eq!(found.as_deref(), wanted, "{rule:?} of {annotation:?}");
        }
        let chain = [Label, Motivation];
        assert_eq!(concept(&tagged, &chain).as_deref(), Some("commenting"));
    }

    #[test]
    fn rules_are_read_as_users_type_them() {
        let cases = [
            ("auto", Some(ClassFrom::Auto)),
            ("Tag", Some(ClassFrom::Tag)),
            (
                "constant:Lamed, tall",
                Some(ClassFrom::Constant("Lamed, tall".into())),
            ),
            ("constant:", None),
            ("constant", None),
            ("colour", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(text.parse().ok(), wanted, "{text}");
        }
    }

    #[test]
    fn concepts_are_plain_and_on_one_line() {
        let cases = [
            ("  two \n words ", false, "two words"),
            ("<p>al<b>ph</b>a</p><p>bet</p>", false, "alpha bet"),
            ("<style>p{}</style>x<br/>y<!-- z -->", false, "x y"),
            ("a &lt; b &amp; c", true, "a < b & c"),
            ("Caf&eacute;&nbsp;noir", true, "Café noir"),
            ("R&D", true, "R&D"),
            ("a &amp; b", false, "a &amp; b"),
            ("1 < 2 > 0", false, "1 < 2 > 0"),
        ];
        for (text, is_html, wanted) in cases {
            assert_eq!(html::one_line(text, is_html), wanted, "{text}");
        }
    }

    #[test]
    fn a_box_keeps_the_attributes_of_its_annotation() {
        let mut said = annotation(
            &["commenting", "tagging"],
            &[
                body("commenting", "first", ""),
                body("commenting", "second", ""),
                body("tagging", "a", ""),
                body("tagging", "a", ""),
                body("tagging", "b", ""),
                body("linking", "https://example.org/c", ""),
            ],
        );
        said.bodies[1].language = Some("he".into());
        said.attributes.insert("confidence".into(), 0.5.into());
        let found = serde_json::to_value(attributes(&said)).unwrap();
        let wanted = serde_json::json!({
            "confidence": 0.5,
            "language": "he",
            "links": ["https://example.org/c"],
            "motivation": "commenting tagging",
            "tags": ["a", "b"],
            "text": "first\nsecond",
        });
        assert_eq!(found, wanted);
    }
}
