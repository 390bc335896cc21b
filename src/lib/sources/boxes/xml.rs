//! Small XML documents as trees of elements. Attributes are not read: VOC has none.

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::{Map, Value};

use crate::sources::text::markup_text;

/// The deepest nesting that is read.
const MOST_DEPTH: usize = 50;

/// An element.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Element {
    /// Its name, without prefix.
    pub name: String,
    /// Its own text.
    pub text: String,
    /// Its elements, in order.
    pub children: Vec<Element>,
}

impl Element {
    /// The first element in it with this name.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of the first element in it with this name, trimmed.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.trim())
    }

    /// Its elements as an object, their texts as values; those that repeat as lists.
    pub fn to_json(&self) -> Value {
        if self.children.is_empty() {
            return Value::from(self.text.trim());
        }
        let mut members = Map::new();
        for child in &self.children {
            let value = child.to_json();
            match members.get_mut(&child.name) {
                None => drop(members.insert(child.name.clone(), value)),
                Some(Value::Array(items)) => items.push(value),
                Some(one) => *one = Value::Array(vec![one.take(), value]),
            }
        }
        Value::Object(members)
    }
}

/// Reads a document.
///
/// # Errors
/// It is not well-formed, not in the encoding that it states (XML 1.0, section 4.3.3), nested too deeply, or has entities of its own.
pub fn read(bytes: &[u8]) -> Result<Element, String> {
    let (text, is_damaged) = markup_text(bytes);
    if is_damaged {
        return Err("document is not in the encoding that it states, or not UTF-8".into());
    }
    let mut reader = Reader::from_str(&text);
    let mut open = vec![Element::default()];
    loop {
        let at = reader.buffer_position();
        let wrong = |what: String| format!("document is not well-formed XML: byte {at}, {what}");
        match reader.read_event().map_err(|e| wrong(e.to_string()))? {
            Event::Start(start) => {
                open.push(named(start.local_name().as_ref()));
                if open.len() > MOST_DEPTH {
                    return Err("document is nested too deeply".into());
                }
            }
            Event::Empty(empty) => put(&mut open, named(empty.local_name().as_ref())),
            Event::End(_) => {
                let done = open.pop().unwrap_or_default();
                put(&mut open, done);
            }
            Event::Text(text) => add(&mut open, &text),
            Event::CData(text) => add(&mut open, &text),
            Event::GeneralRef(reference) => {
                let name = format!("&{};", &*reference);
                let resolved = quick_xml::escape::unescape(&name);
                add(&mut open, &resolved.map_err(|e| wrong(e.to_string()))?);
            }
            Event::Eof if open.len() > 1 => return Err(wrong("an element is not closed".into())),
            Event::Eof => break,
            _ => {}
        }
    }
    let root = open
        .pop()
        .and_then(|document| document.children.into_iter().next());
    root.ok_or_else(|| "document does not have any element".into())
}

fn named(name: &str) -> Element {
    Element {
        name: name.to_owned(),
        ..Element::default()
    }
}

fn put(open: &mut [Element], done: Element) {
    if let Some(parent) = open.last_mut() {
        parent.children.push(done);
    }
}

fn add(open: &mut [Element], text: &str) {
    if let Some(parent) = open.last_mut() {
        parent.text.push_str(text);
    }
}
