//! Walks the elements of an XML document, in bounded memory: namespaces do not matter, entities of a document type are never
//! expanded.

use std::borrow::Cow;

use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use crate::values::excerpt;

/// How deep elements may be nested: transcriptions reach about a dozen levels.
pub const MAX_DEPTH: usize = 256;

/// What is done with the parts of a document, in their order.
pub trait Visitor {
    /// An element begins.
    ///
    /// # Errors
    /// The document cannot be used at all.
    fn open(&mut self, element: &Element) -> Result<(), String>;
    /// Text within the innermost element, or a part of it.
    fn text(&mut self, text: &str);
    /// Something within the innermost element cannot be read.
    fn unreadable(&mut self, problem: String);
    /// An element ends; its name without prefix.
    fn close(&mut self, name: &str);
}

/// An element, with names that have no prefix.
pub struct Element<'a> {
    /// Its name.
    pub name: &'a str,
    attributes: Vec<(String, String)>,
}

impl Element<'_> {
    /// The first of some attributes that is there and not empty.
    pub fn get(&self, names: &[&str]) -> Option<&str> {
        let named = |name: &&str| self.attributes.iter().find(|(n, _)| n == name);
        let values = names.iter().filter_map(named).map(|(_, v)| v.trim());
        values.into_iter().find(|value| !value.is_empty())
    }
}

/// Walks a document.
///
/// # Errors
/// It is not well-formed, it is nested too deeply, or the visitor gives up.
pub fn walk(text: &str, visitor: &mut dyn Visitor) -> Result<(), String> {
    let mut reader = Reader::from_str(text);
    // Stray ampersands are frequent in recognized text, and harmless.
    reader.config_mut().allow_dangling_amp = true;
    let mut depth = 0_usize;
    loop {
        let at = reader.buffer_position();
        let event = reader.read_event();
        match event.map_err(|e| format!("not well-formed XML: {}, {e}", place(text, at)))? {
            Event::Start(element) => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(format!(
                        "XML is nested too deeply: the limit is {MAX_DEPTH}, {}",
                        place(text, at)
                    ));
                }
                open(&element, visitor)?;
            }
            Event::Empty(element) => {
                open(&element, visitor)?;
                visitor.close(element.local_name().as_ref());
            }
            Event::End(element) => {
                depth = depth.saturating_sub(1);
                visitor.close(element.local_name().as_ref());
            }
            Event::Text(text) => visitor.text(&text.xml10_content()),
            Event::CData(text) => visitor.text(&text.xml10_content()),
            Event::GeneralRef(name) => match resolve(name.as_ref()) {
                Ok(text) => visitor.text(&text),
                Err(problem) => visitor.unreadable(problem),
            },
            Event::Eof if depth > 0 => {
                return Err(format!(
                    "not well-formed XML: the document ends within {depth} open elements"
                ));
            }
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

/// The name of the first element, without prefix; none if there is none near the start.
pub fn root(text: &str) -> Option<String> {
    const NEAR: usize = 1000; // comments, declarations and processing instructions
    let mut reader = Reader::from_str(text);
    for _ in 0..NEAR {
        match reader.read_event().ok()? {
            Event::Start(element) | Event::Empty(element) => {
                return Some(element.local_name().as_ref().to_owned());
            }
            Event::Eof => return None,
            _ => {}
        }
    }
    None
}

fn open(start: &BytesStart, visitor: &mut dyn Visitor) -> Result<(), String> {
    let mut attributes = Vec::new();
    let mut problem = None;
    for attribute in start.attributes().with_checks(false) {
        let attribute = match attribute {
            Ok(attribute) => attribute,
            Err(e) => {
                problem = Some(format!("attribute cannot be read: {e}"));
                break;
            }
        };
        let name = attribute.key.local_name().as_ref().to_owned();
        let value = match attribute.normalized_value(XmlVersion::Implicit1_0) {
            Ok(value) => value.into_owned(),
            Err(_) if is_stray(&attribute.value) => attribute.value.into_owned(),
            Err(e) => {
                problem = Some(format!("attribute cannot be read: {name}, {e}"));
                continue;
            }
        };
        attributes.push((name, value));
    }
    let name = start.local_name();
    let element = Element {
        name: name.as_ref(),
        attributes,
    };
    visitor.open(&element)?;
    if let Some(problem) = problem {
        visitor.unreadable(problem);
    }
    Ok(())
}

/// Whether no `&` of a text begins a reference.
fn is_stray(text: &str) -> bool {
    let mut after = text.split('&').skip(1);
    after.all(|after| {
        let name = after.split(';').next().unwrap_or_default();
        name.len() == after.len() || name.contains(char::is_whitespace) || name.is_empty()
    })
}

/// The text of a reference: `amp`, `#233`, `eacute`.
fn resolve(name: &str) -> Result<Cow<'static, str>, String> {
    let whole = format!("&{name};");
    let read = unescape(&whole).map(Cow::into_owned);
    read.map(Cow::from)
        .map_err(|_| format!("entity is not known: {}", excerpt(&whole)))
}

/// Where a byte of a text is, for people.
fn place(text: &str, at: u64) -> String {
    let at = usize::try_from(at).unwrap_or(usize::MAX).min(text.len());
    let lines = text.as_bytes()[..at].iter().filter(|b| **b == b'\n');
    format!("line {}", lines.count() + 1)
}
