//! Texts that are HTML, declared or not, as plain text.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::contracts::Body;

/// Whether the text of a body is HTML: declared, or evident from elements that HTML has. A text that is declared to be
/// something else is not.
pub fn is_html(body: &Body) -> bool {
    match format(body).as_deref() {
        Some("text/html" | "application/xhtml+xml") => true,
        Some(_) => false,
        None => ELEMENT.is_match(&body.value),
    }
}

/// The media type that is declared for a body, in lower case, without parameters such as `charset`.
pub fn format(body: &Body) -> Option<String> {
    let format = body.format.as_deref()?.split(';').next()?;
    Some(format.trim().to_ascii_lowercase())
}

/// The text of a body. HTML loses its markup: what is a line of its own there ends with a line end, references such as
/// `&amp;` are resolved.
pub fn text(body: &Body) -> Cow<'_, str> {
    if !is_html(body) {
        return Cow::Borrowed(&body.value);
    }
    // Line ends of the source mean nothing in HTML, but for those of preformatted text.
    let visible = INVISIBLE.replace_all(&body.value, "");
    let broken = PREFORMATTED.replace_all(&visible, |found: &Captures| {
        LINE_END.replace_all(&found[0], "<br>").into_owned()
    });
    let source = collapsed(&broken);
    let broken = BLOCK.replace_all(&source, "\n");
    let bare = TAG.replace_all(&broken, "");
    let read = resolved(&bare);
    let lines = read.split('\n').map(collapsed);
    let lines: Vec<String> = lines.filter(|line| !line.is_empty()).collect();
    Cow::Owned(lines.join("\n"))
}

/// A text on one line, without HTML. Many names are HTML without being declared as such, so tags are always removed;
/// references such as `&amp;` are resolved only if HTML is declared or evident.
pub fn one_line(text: &str, is_html: bool) -> String {
    if !is_html && !TAG.is_match(text) {
        return collapsed(text);
    }
    let mut text = Cow::Borrowed(text);
    for (pattern, instead) in [(&INVISIBLE, ""), (&BLOCK, " "), (&TAG, "")] {
        text = Cow::Owned(pattern.replace_all(&text, instead).into_owned());
    }
    collapsed(&resolved(&text))
}

/// A text with every white space a single blank, and none around it.
pub fn collapsed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Each character reference as its character; what is not a known reference stays.
fn resolved(text: &str) -> Cow<'_, str> {
    REFERENCE.replace_all(text, |found: &Captures| {
        let reference = &found[0];
        match quick_xml::escape::unescape(reference) {
            Ok(read) => read.into_owned(),
            Err(_) => reference.to_owned(),
        }
    })
}

static INVISIBLE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?is)<!--.*?-->|<(script|style)\b.*?</(script|style)\s*>"));
static PREFORMATTED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?is)<(pre|textarea|listing)\b[^>]*>.*?</(pre|textarea|listing)\s*>")
});
static LINE_END: LazyLock<Regex> = LazyLock::new(|| pattern(r"\r\n?|\n"));
static BLOCK: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)</?(p|div|br|hr|li|ul|ol|dl|dt|dd|h[1-6]|tr|td|th|table|section|blockquote|pre)\b[^>]*>",
    )
});
static TAG: LazyLock<Regex> = LazyLock::new(|| pattern(r"</?[a-zA-Z][^>]*>"));
static ELEMENT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)</?(a|b|blockquote|br|div|em|font|h[1-6]|hr|i|img|li|ol|p|pre|s|small|span|strong|sub|sup|table|td|tr|u|ul)(\s[^>]*)?/?>",
    )
});
static REFERENCE: LazyLock<Regex> = LazyLock::new(|| pattern(r"&#?[0-9a-zA-Z]+;"));

fn pattern(text: &str) -> Regex {
    // The patterns above are constant, and a test uses each.
    Regex::new(text).expect("a pattern of this file is a regular expression")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_becomes_text_with_its_line_ends() {
        let cases = [
            (
                None,
                "in <b>principio</b> &amp; erat",
                "in principio & erat",
            ),
            (None, "<p>one</p>\n<p>two<br/>three</p>", "one\ntwo\nthree"),
            (None, "one<br>two\nthree", "one\ntwo three"),
            (
                Some("text/html; charset=utf-8"),
                "<pre>one\n  two\r\nthree</pre> four\nfive",
                "one\ntwo\nthree\nfour five",
            ),
            (Some("Text/HTML;charset=utf-8"), "a&amp;b", "a&b"),
            (Some("text/plain; charset=utf-8"), "<b>x</b>", "<b>x</b>"),
            (
                Some("text/html"),
                "a &lt;b&gt; &nosuch; & c&#x2019;",
                "a <b> &nosuch; & c\u{2019}",
            ),
            (None, "<!-- note --><i>x</i><script>y</script>", "x"),
            // Not HTML: marks of editors, declared text, ampersands.
            (None, "a <gap> b\nc", "a <gap> b\nc"),
            (None, "x < b > y &amp; z", "x < b > y &amp; z"),
            (Some("text/plain"), "<b>x</b>", "<b>x</b>"),
        ];
        for (format, value, wanted) in cases {
            let body = Body {
                value: value.into(),
                format: format.map(str::to_owned),
                ..Body::default()
            };
            assert_eq!(text(&body), wanted, "{value}");
        }
    }
}
