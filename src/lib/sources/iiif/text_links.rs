//! Links to other documents about a canvas or image, and which of them are transcriptions.

use serde_json::Value;

use super::values::{id, kind, label, list, resolve, spelled_as, texts};
use crate::contracts::SeeAlso;
use crate::sources::text::TextKind;

/// What a link says about the document behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Declared {
    /// It is a transcription in this format.
    Kind(TextKind),
    /// It is XML of an unknown kind.
    Perhaps,
    /// It is something else.
    Other,
}

/// What a link says of itself, also with the prefixes of Dublin Core.
fn stated<'v>(link: &'v Value, member: &str) -> &'v Value {
    let spelled = spelled_as(link, std::slice::from_ref(&member)).next();
    spelled.map_or(&Value::Null, |(_, value)| value)
}

/// What other documents a resource links to by `seeAlso`, `rendering` and, before version 3, `related`.
pub fn links(resource: &Value, base: &str) -> Vec<SeeAlso> {
    let members = ["seeAlso", "rendering", "related"];
    let links = members.iter().flat_map(|m| list(resource, m));
    let text = |link: &Value, member: &str| texts(stated(link, member)).into_iter().next();
    let read = links.filter_map(|link| {
        let own = id(link)?;
        Some(SeeAlso {
            url: resolve(base, own).unwrap_or_else(|| own.to_owned()),
            format: text(link, "format"),
            profile: text(link, "profile"),
            label: label(&link["label"]),
        })
    });
    read.collect()
}

/// Whether a link that stands where pages of annotations stand leads to a transcription, or may.
pub fn is_text(link: &Value) -> bool {
    among_annotations(link) != Declared::Other
}

/// What such a link declares. Addresses of annotations may have any words in them: only a suffix counts.
pub fn among_annotations(link: &Value) -> Declared {
    let says = |member: &str| !texts(stated(link, member)).is_empty();
    let address = id(link).unwrap_or_default().to_ascii_lowercase();
    let path = unpacked(address.split(['?', '#']).next().unwrap_or_default());
    let is_file = [".xml", ".hocr"]
        .iter()
        .any(|suffix| path.ends_with(suffix));
    match is_file || says("format") || says("profile") {
        true => declared(link),
        false => Declared::Other,
    }
}

/// What a link declares, by its profile, format, label and address. Annotation pages are JSON and are none of them.
pub fn declared(link: &Value) -> Declared {
    let mut said = texts(stated(link, "profile"));
    said.extend(list(link, "label").into_iter().flat_map(all_texts));
    // A word that other texts have in another sense.
    let is_page = said.iter().any(|text| text.trim() == "PAGE");
    said.extend(texts(stated(link, "format")));
    let said = said.join("\n").to_ascii_lowercase();
    let address = id(link).unwrap_or_default().to_ascii_lowercase();
    let format = texts(stated(link, "format")).join(" ").to_ascii_lowercase();
    let path = address.split(['?', '#']).next().unwrap_or_default();
    let path = unpacked(path);
    let is_packed = ["gzip", "zstd"].iter().any(|word| format.contains(word));
    let is_xml =
        format.contains("xml") || ((format.is_empty() || is_packed) && path.ends_with(".xml"));
    let is_html = format.contains("html") || (format.is_empty() && path.ends_with("html"));
    let is_unsaid = format.is_empty()
        || is_packed
        || format.contains("octet-stream")
        || format.contains("alto");
    if !(is_xml || is_html || is_unsaid || format.contains("hocr")) || is_json(link, path) {
        return Declared::Other;
    }
    let kinds: [(TextKind, &[&str]); 3] = [
        (TextKind::Alto, &["alto"]),
        (TextKind::Hocr, &["hocr"]),
        (
            TextKind::Page,
            &[
                "pagexml",
                "page-xml",
                "page xml",
                "page_xml",
                "pagecontent",
                "prima.page",
                "page+xml",
                "primaresearch",
                "pcgts",
            ],
        ),
    ];
    if is_page && !is_html {
        return Declared::Kind(TextKind::Page);
    }
    // What is said counts before what an address happens to contain.
    for text in [&said, path] {
        let named = |(kind, words): &(TextKind, &[&str])| {
            words
                .iter()
                .any(|word| has_word(text, word))
                .then_some(*kind)
        };
        if let Some(kind) = kinds.iter().find_map(named) {
            return Declared::Kind(kind);
        }
    }
    let is_record = RECORDS
        .iter()
        .any(|word| has_word(&said, word) || has_word(&address, word));
    match is_xml && !is_record && !format.contains('+') {
        true => Declared::Perhaps,
        false => Declared::Other,
    }
}

/// The name of a file without what says that it is packed.
fn unpacked(path: &str) -> &str {
    let packed = [".gz", ".zst"]
        .iter()
        .find_map(|suffix| path.strip_suffix(suffix));
    packed.unwrap_or(path)
}

/// Words that stand for descriptions of objects.
const RECORDS: [&str; 16] = [
    "mets",
    "mods",
    "marc",
    "marcxml",
    "tei",
    "rdf",
    "edm",
    "ead",
    "lido",
    "oai",
    "oai_dc",
    "dc",
    "dublin",
    "metadata",
    "metadataprefix",
    "rss",
];

fn is_json(link: &Value, path: &str) -> bool {
    const PAGES: [&str; 4] = [
        "annotationpage",
        "annotationlist",
        "annotationcollection",
        "layer",
    ];
    let is_embedded = ["items", "resources", "body", "resource"]
        .iter()
        .any(|m| !link[*m].is_null());
    is_embedded
        || PAGES.contains(&kind(link).as_str())
            && !path.ends_with(".xml")
            && texts(stated(link, "format")).is_empty()
            && texts(stated(link, "profile")).is_empty()
}

/// All texts of a label, in all languages.
fn all_texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(all_texts).collect(),
        Value::Object(members) => members.values().flat_map(all_texts).collect(),
        _ => Vec::new(),
    }
}

/// Whether a text has a word, with no letter before or after it; a digit may follow: `alto3`.
fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphabetic)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pages_of_annotations_are_not_taken_for_transcriptions() {
        let cases = [
            (json!("https://a/alto/1"), false),
            (json!({"id": "https://a/1", "label": "ALTO"}), false),
            (
                json!({"id": "https://a/alto/1", "type": "AnnotationPage"}),
                false,
            ),
            (
                json!({"id": "https://a/alto/1", "format": "application/ld+json"}),
                false,
            ),
            (json!("https://a/1.xml"), true),
            (
                json!({"id": "https://a/1", "format": "application/xml"}),
                true,
            ),
            (
                json!({"id": "https://a/1.xml", "type": "AnnotationPage", "items": []}),
                false,
            ),
        ];
        for (link, wanted) in cases {
            assert_eq!(is_text(&link), wanted, "{link}");
        }
    }

    #[test]
    fn transcriptions_are_known_by_what_links_say() {
        let alto = Declared::Kind(TextKind::Alto);
        let (page, hocr) = (
            Declared::Kind(TextKind::Page),
            Declared::Kind(TextKind::Hocr),
        );
        let cases = [
            (
                json!({"id": "https://a/1", "format": "application/xml", "profile": "http://www.loc.gov/standards/alto/v3/alto.xsd"}),
                alto,
            ),
            (json!({"@id": "https://a/1", "label": "ALTO XML"}), alto),
            (
                json!({"id": "https://a/1", "format": "text/xml", "label": {"none": ["METS-ALTO XML"]}}),
                alto,
            ),
            (
                json!({"id": "https://a/1", "format": "text/xml", "label": [{"@value": "ALTO", "@language": "de"}]}),
                alto,
            ),
            (
                json!({"id": "https://a/1", "format": "application/xml+alto"}),
                alto,
            ),
            (json!({"id": "https://a/text/alto/1.xml"}), alto),
            (json!("https://a/alto/1.xml"), alto),
            (
                json!({"id": "https://a/1", "format": "text/vnd.hocr+html"}),
                hocr,
            ),
            (
                json!({"id": "https://a/1.html", "format": "text/html", "label": "hOCR data"}),
                hocr,
            ),
            (json!({"id": "https://a/1.hocr"}), hocr),
            (
                json!({"id": "https://a/1", "format": "text/html", "profile": "http://kba.cloud/hocr-spec/1.2/"}),
                hocr,
            ),
            (
                json!({"id": "https://a/1", "profile": "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"}),
                page,
            ),
            (
                json!({"id": "https://a/1", "format": "application/vnd.prima.page+xml", "label": "PAGE-XML"}),
                page,
            ),
            (
                json!({"id": "https://a/1", "format": "application/vnd.prima.page+xml"}),
                page,
            ),
            (
                json!({"id": "https://a/1", "label": {"en": ["PAGE"]}}),
                page,
            ),
            (
                json!({"id": "https://a/1", "format": "text/xml", "profile": "PAGE"}),
                page,
            ),
            (
                json!({"id": "https://a/1", "format": "application/gzip", "profile": "http://www.loc.gov/standards/alto/ns-v4#"}),
                alto,
            ),
            (
                json!({"id": "https://a/1", "format": "application/xml"}),
                Declared::Perhaps,
            ),
            (json!("https://a/1.xml"), Declared::Perhaps),
            (json!("https://a/1.xml.gz"), Declared::Perhaps),
            (
                json!({"id": "https://a/1", "format": "text/xml", "label": "METS/MODS"}),
                Declared::Other,
            ),
            (
                json!({"id": "https://a/1", "format": "application/rdf+xml"}),
                Declared::Other,
            ),
            (
                json!({"id": "https://a/1", "format": "text/html", "label": "Full record"}),
                Declared::Other,
            ),
            (
                json!({"id": "https://a/1.pdf", "format": "application/pdf", "label": "Palo Alto"}),
                Declared::Other,
            ),
            (
                json!({"id": "https://a/alto/1.json", "type": "AnnotationPage"}),
                Declared::Other,
            ),
            (
                json!({"id": "https://a/1", "format": "text/plain", "label": "ALTO as text"}),
                Declared::Other,
            ),
            (
                json!({"id": "https://a/contralto/1", "format": "text/html"}),
                Declared::Other,
            ),
            (
                json!({"id": "https://a/1", "format": "text/html", "label": "PAGE"}),
                Declared::Other,
            ),
            (json!(null), Declared::Other),
        ];
        for (link, wanted) in cases {
            assert_eq!(declared(&link), wanted, "{link}");
        }
    }
}
