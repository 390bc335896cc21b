//! XML as formats write it: ASCII, so that readers need not know the encoding.

use std::fmt::Write as _;

/// Text for XML in ASCII, with characters replaced that XML 1.0 cannot hold. Carriage returns are references, since readers
/// would normalize them, and so is what is not ASCII, for readers that open files in the encoding of their system.
pub fn escape(text: &str) -> String {
    escaped(text, |_| false)
}

/// The same for the value of an attribute, where readers make blanks of tabs and line ends.
pub fn escape_value(text: &str) -> String {
    escaped(text, |c| matches!(c, '\t' | '\n'))
}

fn escaped(text: &str, is_special: impl Fn(char) -> bool) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut xml, c| {
            match c {
                '&' => xml.push_str("&amp;"),
                '<' => xml.push_str("&lt;"),
                '>' => xml.push_str("&gt;"),
                '"' => xml.push_str("&quot;"),
                '\r' => xml.push_str("&#13;"),
                c if is_xml(c) && c.is_ascii() && !is_special(c) => xml.push(c),
                c => {
                    let c = if is_xml(c) { c } else { '\u{fffd}' };
                    let _ = write!(xml, "&#{};", u32::from(c));
                }
            }
            xml
        })
}

/// XML 1.0, section 2.2.
pub fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_survives_xml_but_for_what_it_cannot_hold() {
        let text = "a & <b> \"c\"\r\n\u{1}é";
        assert_eq!(
            escape(text),
            "a &amp; &lt;b&gt; &quot;c&quot;&#13;\n&#65533;&#233;"
        );
        assert_eq!(
            escape_value(text),
            "a &amp; &lt;b&gt; &quot;c&quot;&#13;&#10;&#65533;&#233;"
        );
    }
}
