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
        None => is_evident(&body.value),
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
    let is_xml = format(body).as_deref() == Some("application/xhtml+xml");
    Cow::Owned(shown(&body.value, is_xml))
}

/// A text on one line, without HTML. Many names are HTML without being declared as such; references such as `&amp;` are
/// resolved only if HTML is declared or evident.
pub fn one_line(text: &str, is_html: bool) -> String {
    match is_html || is_evident(text) {
        true => collapsed(&shown(text, false)),
        false => collapsed(text),
    }
}

/// A text with every white space a single blank, and none around it.
pub fn collapsed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a text has elements of HTML, and all are closed that must be: editors write brackets too, `dom<i>nus`.
fn is_evident(text: &str) -> bool {
    let mut open: Vec<String> = Vec::new();
    // Nobody writes these in a text that is not HTML.
    let mut has_elements = ["&nbsp;", "&shy;"]
        .iter()
        .any(|reference| text.contains(reference));
    for token in TOKEN.captures_iter(text) {
        let Some(name) = token
            .name("name")
            .map(|name| name.as_str().to_ascii_lowercase())
        else {
            continue;
        };
        has_elements |= ELEMENTS.contains(&name.as_str());
        let is_left_open = |other: &String| *other == name;
        if !MUST_CLOSE.contains(&name.as_str()) || token[0].ends_with("/>") {
            continue;
        }
        match token[0].starts_with("</") {
            false => open.push(name),
            true => match open.iter().rposition(is_left_open) {
                Some(at) => drop(open.remove(at)),
                None => return false,
            },
        }
    }
    has_elements && open.is_empty()
}

/// What a reader of HTML sees, in lines. White space of the source means nothing, but for that of preformatted text.
fn shown(source: &str, is_xml: bool) -> String {
    let mut page = Page::default();
    let (mut at, mut preformatted) = (0, 0_usize);
    while let Some(token) = TOKEN.captures_at(source, at) {
        let (whole, is_end) = (token.get_match(), token[0].starts_with("</"));
        page.write(&resolved(&source[at..whole.start()]), preformatted > 0);
        at = whole.end();
        if let Some(data) = token.name("data").filter(|_| is_xml) {
            page.write(data.as_str(), preformatted > 0);
        }
        let Some(name) = token
            .name("name")
            .map(|name| name.as_str().to_ascii_lowercase())
        else {
            continue;
        };
        let name = name.as_str();
        if !is_end && is_hidden(name, &token[0]) {
            at = end_of(name, source, at);
            continue;
        }
        if BLOCKS.contains(&name) {
            page.break_line();
        }
        if PREFORMATTED.contains(&name) {
            preformatted = match is_end {
                true => preformatted.saturating_sub(1),
                false => preformatted + 1,
            };
            // A line end behind the tag belongs to it (HTML 13.1.2.5).
            if !is_end && let Some(end) = LINE_END.find_at(source, at).filter(|e| e.start() == at) {
                at = end.end();
            }
        }
    }
    page.write(&resolved(&source[at..]), preformatted > 0);
    page.text()
}

/// Lines of text, and whether they are kept as they are.
#[derive(Default)]
struct Page {
    lines: Vec<(String, bool)>,
    line: (String, bool),
}

impl Page {
    fn write(&mut self, text: &str, is_preformatted: bool) {
        if !is_preformatted {
            return self.line.0.push_str(text);
        }
        for (n, part) in LINE_END.split(text).enumerate() {
            if n > 0 {
                self.break_line();
            }
            self.line.0.push_str(part);
            self.line.1 = true;
        }
    }

    fn break_line(&mut self) {
        self.lines.push(std::mem::take(&mut self.line));
    }

    fn text(mut self) -> String {
        self.break_line();
        let lines = self
            .lines
            .into_iter()
            .filter_map(|(line, is_preformatted)| match is_preformatted {
                true => Some(line.trim_end().to_owned()),
                false => Some(collapsed(&line)).filter(|line| !line.is_empty()),
            });
        let lines: Vec<String> = lines.collect();
        lines.join("\n").trim_matches('\n').to_owned()
    }
}

/// Whether an element is not shown.
fn is_hidden(name: &str, tag: &str) -> bool {
    let is_void = VOID.contains(&name) || tag.ends_with("/>");
    INVISIBLE.contains(&name) || (!is_void && HIDDEN.is_match(tag))
}

/// Where an element ends that begins before `at`; at the end of the text if it is not closed, but for one of a document's
/// head, which then ends at once.
fn end_of(name: &str, source: &str, at: usize) -> usize {
    let (mut depth, mut end) = (1_usize, at);
    let is_raw = ["script", "style", "title"].contains(&name);
    while let Some(token) = TOKEN.captures_at(source, end) {
        end = token.get_match().end();
        let is_same = token
            .name("name")
            .is_some_and(|other| other.as_str().eq_ignore_ascii_case(name));
        match (is_same, token[0].starts_with("</")) {
            (true, true) => depth -= 1,
            (true, false) if !is_raw => depth += 1,
            _ => {}
        }
        if depth == 0 {
            return end;
        }
    }
    match INVISIBLE.contains(&name) && name != "head" {
        true => source.len(),
        false => at,
    }
}

/// Each character reference as its character; what is not a known reference stays.
fn resolved(text: &str) -> Cow<'_, str> {
    REFERENCE.replace_all(text, |found: &Captures| {
        let reference = &found[0];
        if let Some(character) = of_windows(reference) {
            return character.to_string();
        }
        match quick_xml::escape::unescape(reference) {
            Ok(read) => read.into_owned(),
            Err(_) => reference.to_owned(),
        }
    })
}

/// The character of a number between 128 and 159, which means Windows-1252 in HTML (13.2.5.80).
fn of_windows(reference: &str) -> Option<char> {
    let number = reference.strip_prefix("&#")?.strip_suffix(';')?;
    let number = match number.strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => number.parse(),
    };
    let at = usize::try_from(number.ok()?.checked_sub(0x80)?).ok()?;
    WINDOWS.chars().nth(at)
}

/// The characters from 128 to 159 of Windows-1252; those that it does not have are as in Unicode.
const WINDOWS: &str = "\u{20ac}\u{81}\u{201a}\u{192}\u{201e}\u{2026}\u{2020}\u{2021}\u{2c6}\u{2030}\u{160}\u{2039}\u{152}\u{8d}\u{17d}\u{8f}\
    \u{90}\u{2018}\u{2019}\u{201c}\u{201d}\u{2022}\u{2013}\u{2014}\u{2dc}\u{2122}\u{161}\u{203a}\u{153}\u{9d}\u{17e}\u{178}";

/// Elements that stand on lines of their own.
const BLOCKS: [&str; 43] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "br",
    "caption",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "figcaption",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "html",
    // Of TEI: texts without a format have it.
    "lb",
    "li",
    "listing",
    "main",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "summary",
    "table",
    "tbody",
    "td",
    "textarea",
    "tfoot",
    "th",
    "tr",
    "ul",
];
/// Elements that are no part of what is read.
const INVISIBLE: [&str; 5] = ["head", "script", "style", "template", "title"];
/// Elements whose white space is kept.
const PREFORMATTED: [&str; 3] = ["listing", "pre", "textarea"];
/// Elements without content.
const VOID: [&str; 7] = ["br", "hr", "img", "input", "link", "meta", "wbr"];
/// Elements by which a text is known to be HTML.
const ELEMENTS: [&str; 57] = [
    "a",
    "abbr",
    "article",
    "b",
    "blockquote",
    "br",
    "center",
    "cite",
    "code",
    "dd",
    "del",
    "details",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "font",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "mark",
    "ol",
    "p",
    "pre",
    "q",
    "ruby",
    "s",
    "samp",
    "script",
    "section",
    "small",
    "span",
    "strike",
    "strong",
    "style",
    "sub",
    "summary",
    "sup",
    "table",
    "td",
    "template",
    "tt",
    "u",
    "ul",
    "var",
];
/// Those of them that do not end by themselves.
const MUST_CLOSE: [&str; 49] = [
    "a",
    "abbr",
    "article",
    "b",
    "blockquote",
    "center",
    "cite",
    "code",
    "del",
    "details",
    "dfn",
    "div",
    "dl",
    "em",
    "figcaption",
    "figure",
    "font",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "i",
    "ins",
    "kbd",
    "mark",
    "ol",
    "pre",
    "q",
    "ruby",
    "s",
    "samp",
    "script",
    "section",
    "small",
    "span",
    "strike",
    "strong",
    "style",
    "sub",
    "summary",
    "sup",
    "table",
    "template",
    "tt",
    "u",
    "ul",
    "var",
];

static TOKEN: LazyLock<Regex> = LazyLock::new(|| {
    let comment = r"<!--.*?-->";
    let data = r"<!\[CDATA\[(?<data>.*?)\]\]>";
    let declaration = r"<![a-zA-Z][^>]*>|<\?[^>]*>";
    let tag = r#"</?(?<name>[a-zA-Z][-_.:a-zA-Z0-9]*)(?:[\s/](?:"[^"]*"|'[^']*'|[^>"'])*)?>"#;
    pattern(&format!("(?s){comment}|{data}|{declaration}|{tag}"))
});
static HIDDEN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"(?i)\shidden(?:[\s=/>]|$)|\sstyle\s*=\s*["'][^"']*display\s*:\s*none"#)
});
static LINE_END: LazyLock<Regex> = LazyLock::new(|| pattern(r"\r\n?|\n"));
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
                "one\n  two\nthree\nfour five",
            ),
            (Some("Text/HTML;charset=utf-8"), "a&amp;b", "a&b"),
            (Some("text/plain; charset=utf-8"), "<b>x</b>", "<b>x</b>"),
            (
                Some("text/html"),
                "a &lt;b&gt; &nosuch; & c&#x2019;",
                "a <b> &nosuch; & c\u{2019}",
            ),
            (
                Some("text/html"),
                "a &#150; &#132;b&#x93; 5 &#128; &#159; &#160;&#233;",
                "a \u{2013} \u{201e}b\u{201c} 5 \u{20ac} \u{178} \u{e9}",
            ),
            (
                None,
                "<p>In <hi rend='b'>principio</hi><lb/>erat</p>",
                "In principio\nerat",
            ),
            (None, "<!-- note --><i>x</i><script>y</script>", "x"),
            (
                Some("text/html"),
                "<!DOCTYPE html>\n<html><head><title>Page 5</title></head><body><p>one</p></body></html>",
                "one",
            ),
            (
                Some("text/html"),
                "<?xml version='1.0'?><p>one</p><![CDATA[two]]>",
                "one",
            ),
            (
                Some("application/xhtml+xml"),
                "<p>one <![CDATA[& two]]></p>",
                "one & two",
            ),
            (
                Some("text/html"),
                "<p>a</p><template>t</template><div hidden><div>h</div></div><p style='display: none'>d</p>b",
                "a\nb",
            ),
            (
                Some("text/html"),
                "<pre>\nl1\n  l2\n\nl4\n</pre>",
                "l1\n  l2\n\nl4",
            ),
            (Some("text/html"), "<a title='x > y'>one</a>", "one"),
            (Some("text/html"), "<title>not closed", ""),
            // Marks of editors that look like elements.
            (None, "dom<i>nus et a<u>ctor", "dom<i>nus et a<u>ctor"),
            (None, "if a <b then c> d", "if a <b then c> d"),
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
