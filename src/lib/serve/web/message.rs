//! Messages as values: what a client asks for and what it gets. No clock, no disk, no pixels.

use std::io::Write as _;

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;

use super::packed::{TextWriter, WrittenText};
use crate::files;
use crate::http::header::{AsHeaderName, HeaderMap};
use crate::iiif::resolve::RenderPlan;
use crate::serve::image_record::Subject;

/// A request, as far as most answers depend on it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    /// `GET`, `HEAD`…
    pub method: &'a str,
    /// The text after `?`, empty if there is none.
    pub query: &'a str,
    /// `Accept`, empty if there is none.
    pub accept: &'a str,
    /// `If-None-Match`, empty if there is none.
    pub if_none_match: &'a str,
    /// `If-Modified-Since`, empty if there is none.
    pub if_modified_since: &'a str,
    /// `If-Match`, empty if there is none.
    pub if_match: &'a str,
    /// `If-Unmodified-Since`, empty if there is none.
    pub if_unmodified_since: &'a str,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Headers in addition to those of every response; names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Body,
}

/// The body of a response.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// No bytes.
    Empty,
    /// Text, sent as UTF-8.
    Text(String),
    /// A long text, kept in gzip and sent without, unless the client takes it so.
    Packed {
        /// The text in gzip; empty once these bytes travel beside the response.
        gzip: Vec<u8>,
        /// Its number of bytes without.
        length: u64,
    },
    /// An image that is still to be rendered.
    Image {
        /// The image.
        subject: Box<Subject>,
        /// How it is to be rendered.
        plan: RenderPlan,
        /// The key of the rendered bytes in caches: equal for equal bytes, and for no others.
        key: String,
    },
}

impl Body {
    /// Takes the bytes of a text out of it; there are none in others. A packed text stays marked as one.
    pub fn take_bytes(&mut self) -> Vec<u8> {
        match self {
            Body::Text(text) => {
                let bytes = std::mem::take(text).into_bytes();
                *self = Body::Empty;
                bytes
            }
            Body::Packed { gzip, .. } => std::mem::take(gzip),
            Body::Empty | Body::Image { .. } => Vec::new(),
        }
    }
}

impl Response {
    /// The number of bytes of the text without gzip, if its bytes are packed and are sent unpacked.
    pub fn unpacked_length(&self) -> Option<u64> {
        match self.body {
            Body::Packed { length, .. } => Some(length),
            _ => None,
        }
    }

    /// A response without headers of its own.
    pub fn new(status: u16, body: Body) -> Self {
        Response {
            status,
            headers: Vec::new(),
            body,
        }
    }

    /// The first value of a header, empty if it is missing.
    pub fn header(&self, name: &str) -> &str {
        let header = self.headers.iter().find(|(n, _)| *n == name);
        header.map_or("", |(_, value)| value)
    }

    /// Sets a header and removes its other values.
    pub fn set_header(&mut self, name: &'static str, value: &str) {
        self.headers.retain(|(n, _)| *n != name);
        self.headers.push((name, value.to_owned()));
    }

    /// Adds request headers to `Vary`: `names` are separated by commas.
    pub fn vary_by(&mut self, names: &str) {
        let names = match self.header("vary") {
            "" => names.to_owned(),
            before => format!("{before}, {names}"),
        };
        self.set_header("vary", &names);
    }

    /// The response with one more header.
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The response with another status.
    pub fn with_status(self, status: u16) -> Self {
        Response { status, ..self }
    }
}

/// A JSON document with its entity tag, or status 304 if the client has it already.
pub fn json_response(document: &impl Serialize, media_type: &str, request: &Request) -> Response {
    let Ok((text, hash)) = written(document, media_type) else {
        return error_response(500, "internal error");
    };
    let etag = format!("\"{}\"", &hash[..24]);
    if let Some(refused) = other_wanted(request, &etag, None) {
        return refused;
    }
    let response = not_modified(request, &etag).unwrap_or_else(|| {
        let body = match text {
            WrittenText::Plain(text) => Body::Text(text),
            WrittenText::Packed(gzip, length) => Body::Packed { gzip, length },
        };
        Response::new(200, body).with_header("content-type", media_type)
    });
    response
        .with_header("cache-control", "no-cache")
        .with_header("etag", etag)
}

/// A JSON document as text, and a hash of it and its media type.
fn written(document: &impl Serialize, media_type: &str) -> std::io::Result<(WrittenText, String)> {
    let mut text = TextWriter::new(&format!("{media_type} "));
    serde_json::to_writer_pretty(&mut text, document)?;
    text.write_all(b"\n")?;
    text.finish()
}

/// An object with one member more, which may be longer than what fits into memory as a value: [`OneByOne`].
pub struct WithLast<'a, T> {
    /// The object.
    pub object: &'a Value,
    /// The name of its last member.
    pub name: &'static str,
    /// The last member.
    pub last: T,
}

impl<T: Serialize> Serialize for WithLast<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.object.as_object().into_iter().flatten() {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry(self.name, &self.last)?;
        map.end()
    }
}

/// A list whose entries are made when they are written, one after the other.
pub struct OneByOne<F>(pub F);

impl<F: Fn() -> I, I: Iterator<Item: Serialize>> Serialize for OneByOne<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0())
    }
}

/// Status 304 if `If-None-Match` holds this entity tag (RFC 9110 §13.1.2).
pub fn not_modified(request: &Request, etag: &str) -> Option<Response> {
    let mut tags = request.if_none_match.split(',').map(str::trim);
    let matches = |tag: &str| tag == "*" || uncoded(tag.trim_start_matches("W/")) == uncoded(etag);
    tags.any(matches).then(|| Response::new(304, Body::Empty))
}

/// Status 412 if the client wants only another state than that of this entity tag, last written at `modified`, in seconds
/// since 1970 (RFC 9110 §13.1.1 and §13.1.4): whoever resumes a download must not get the rest of another file.
pub fn other_wanted(request: &Request, etag: &str, modified: Option<i64>) -> Option<Response> {
    let is_it = |tag: &str| tag == "*" || uncoded(tag) == uncoded(etag);
    let is_wanted = match request.if_match {
        "" => {
            let since = jiff::fmt::rfc2822::parse(request.if_unmodified_since).ok();
            let pair = since.zip(modified);
            pair.is_none_or(|(since, modified)| modified <= since.timestamp().as_second())
        }
        tags => tags.split(',').map(str::trim).any(is_it),
    };
    (!is_wanted).then(|| error_response(412, "the client wants another state of it"))
}

/// An entity tag without the content coding that its text was sent in.
fn uncoded(tag: &str) -> String {
    const CODED: [&str; 3] = ["-br\"", "-zstd\"", "-gzip\""];
    let start = CODED.iter().find_map(|end| tag.strip_suffix(end));
    start.map_or_else(|| tag.to_owned(), |start| format!("{start}\""))
}

/// A strong entity tag of a text that names everything an answer depends on.
pub fn entity_tag(text: &str) -> String {
    format!("\"{}\"", files::hex_digest(text.as_bytes(), 24))
}

/// Status 200 with a text that no cache may store.
pub fn uncached(text: String, media_type: &str) -> Response {
    Response::new(200, Body::Text(text))
        .with_header("content-type", media_type)
        .with_header("cache-control", "no-store")
}

/// Status 303.
pub fn redirect(to: &str) -> Response {
    Response::new(303, Body::Empty).with_header("location", to)
}

/// A status of 400 or more, with its reason as plain text.
pub fn error_response(status: u16, why: &str) -> Response {
    Response::new(status, Body::Text(format!("{why}\n")))
        .with_header("content-type", "text/plain; charset=utf-8")
}

/// The value of a request header, empty if it is missing or not text.
pub fn header_text(headers: &HeaderMap, name: impl AsHeaderName) -> &str {
    let value = headers.get(name);
    value.and_then(|v| v.to_str().ok()).unwrap_or_default()
}

/// The parameters of a query or a form: names and values, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `a=1&b=2`, percent-encoded, with `+` for blanks.
    pub fn read(text: &str) -> Self {
        let pairs = url::form_urlencoded::parse(text.as_bytes());
        Query(pairs.into_owned().collect())
    }

    /// The first value of a name, empty if it is missing.
    pub fn get(&self, name: &str) -> &str {
        self.find(name).unwrap_or_default()
    }

    /// The first value of a name.
    pub fn find(&self, name: &str) -> Option<&str> {
        let pair = self.0.iter().find(|(n, _)| n == name);
        pair.map(|(_, value)| value.as_str())
    }

    /// Sets a name to one value and removes its other values.
    pub fn set(&mut self, name: &str, value: &str) {
        self.0.retain(|(n, _)| n != name);
        self.0.push((name.to_owned(), value.to_owned()));
    }

    /// The names that are not among `known`, each once.
    pub fn unknown_names(&self, known: &[&str]) -> Vec<&str> {
        let mut unknown = Vec::new();
        for (name, _) in &self.0 {
            if !known.contains(&name.as_str()) && !unknown.contains(&name.as_str()) {
                unknown.push(name);
            }
        }
        unknown
    }
}

impl std::fmt::Display for Query {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.0);
        f.write_str(&query.finish())
    }
}
