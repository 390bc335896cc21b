//! Text for XML in ASCII.

use std::fmt::Write as _;

/// Text of an element, with characters replaced that XML 1.0 cannot hold. Carriage returns are references, since readers
/// would normalize them, and so is what is not ASCII, for readers that open files in the encoding of their system.
pub fn escape(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut xml, c| {
            match c {
                '&' => xml.push_str("&amp;"),
                '<' => xml.push_str("&lt;"),
                '>' => xml.push_str("&gt;"),
                '"' => xml.push_str("&quot;"),
                '\r' => xml.push_str("&#13;"),
                c if is_xml(c) && c.is_ascii() => xml.push(c),
                c => {
                    let c = if is_xml(c) { c } else { '\u{fffd}' };
                    let _ = write!(xml, "&#{};", u32::from(c));
                }
            }
            xml
        })
}

/// The value of an attribute, between double quotes: there, readers make spaces of line breaks and tabs too.
pub fn attribute(text: &str) -> String {
    escape(text).replace('\n', "&#10;").replace('\t', "&#9;")
}

/// Whether XML 1.0 can hold a character (section 2.2).
pub fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_hold_is_replaced() {
        assert_eq!(
            escape("a & <b> \"c\"\r\n\u{1}\u{e9}"),
            "a &amp; &lt;b&gt; &quot;c&quot;&#13;\n&#65533;&#233;"
        );
        assert_eq!(attribute("a\n\tb"), "a&#10;&#9;b");
    }
}
