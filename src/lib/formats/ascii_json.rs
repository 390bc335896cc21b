//! JSON in ASCII: everything else is escaped, for readers that open files in the encoding of their system.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

/// Writes a value as compact JSON in ASCII.
///
/// # Errors
/// The value has a form that JSON does not, or cannot be written.
pub fn write(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut serializer = Serializer::with_formatter(out, Ascii(CompactFormatter));
    value.serialize(&mut serializer).map_err(io::Error::from)
}

/// A value as JSON in ASCII, indented, with a line break at its end.
pub fn pretty(value: &Value) -> Vec<u8> {
    let mut text = escaped(&format!("{value:#}")).into_bytes();
    text.push(b'\n');
    text
}

/// A text as a double-quoted scalar of YAML in ASCII. As in JSON, but for characters beyond 16 bits: YAML has no pairs.
pub fn yaml_scalar(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    let escape = |c: char| match c {
        '\u{10000}'.. => format!("\\U{:08x}", u32::from(c)),
        c => escaped(c.encode_utf8(&mut [0; 4])),
    };
    quoted.chars().map(escape).collect()
}

/// Text within a JSON string, or all of a JSON text, with everything but ASCII escaped.
fn escaped(text: &str) -> String {
    let mut ascii = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{7f}' => ascii.push_str("\\u007f"),
            c if c.is_ascii() => ascii.push(c),
            c => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    ascii.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    ascii
}

struct Ascii(CompactFormatter);

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        match fragment.is_ascii() {
            true => self.0.write_string_fragment(out, fragment),
            false => out.write_all(escaped(fragment).as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ascii_is_escaped_and_comes_back() {
        let text = "a\"\u{5d0}\u{1f409}\\\n\u{2028}";
        let mut bytes = Vec::new();
        write(&mut bytes, &text).unwrap();
        assert_eq!(bytes, br#""a\"\u05d0\ud83d\udc09\\\n\u2028""#);
        let yaml = r#""a\"\u05d0\U0001f409\\\n\u2028""#;
        assert_eq!(yaml_scalar(text), yaml);
        assert_eq!(serde_json::from_slice::<String>(&bytes).unwrap(), text);
    }
}
