//! URIs of image services: built from a base URI, and compared with one.

use crate::request::{Region, Rotation, Size};

/// `{base}/{region}/{size}/{rotation}/{quality}.{format}` (2.1 §2.1, 3.0 §2.1).
///
/// The base is kept verbatim, see [`append_path`]. Quality and format are texts, so that words of other versions
/// (`native` of 1.x) and of extensions can be requested.
///
/// ```
/// use recto_iiif::{Region, Rotation, Size, image_uri};
///
/// let uri = image_uri(
///     "https://a.example/iiif/p%2F1",
///     Region::Full,
///     Size::Width(600),
///     Rotation::default(),
///     "default",
///     "jpg",
/// );
/// assert_eq!(uri, "https://a.example/iiif/p%2F1/full/600,/0/default.jpg");
/// ```
pub fn image_uri(
    base: &str,
    region: Region,
    size: Size,
    rotation: Rotation,
    quality: &str,
    format: &str,
) -> String {
    append_path(
        base,
        &format!("{region}/{size}/{rotation}/{quality}.{format}"),
    )
}

/// `{base}/info.json` (2.1 §2.2, 3.0 §2.2), the base verbatim: see [`append_path`].
pub fn info_uri(base: &str) -> String {
    append_path(base, "info.json")
}

/// Appends a path to the base URI of a service, with exactly one slash between the two.
///
/// Nothing is encoded or decoded: a server knows its image only by the very spelling that it published. Where the
/// base carries the image in a query, as `iipsrv.fcgi?IIIF=/a.tif` does, the path belongs to the value of that
/// parameter; other parameters stay behind it.
///
/// ```
/// use recto_iiif::append_path;
///
/// let base = "https://a.example/iipsrv.fcgi?IIIF=/a.tif&token=1";
/// assert_eq!(
///     append_path(base, "info.json"),
///     "https://a.example/iipsrv.fcgi?IIIF=/a.tif/info.json&token=1"
/// );
/// ```
pub fn append_path(base: &str, path: &str) -> String {
    let (head, tail) = base.split_at(end_of_id(base));
    format!("{}/{path}{tail}", head.trim_end_matches('/'))
}

/// Where the part of a base URI ends that names the image, in bytes.
fn end_of_id(base: &str) -> usize {
    let Some(query) = base.find('?').map(|at| at + 1) else {
        return base.len();
    };
    let mut start = query;
    for parameter in base[query..].split('&') {
        let name = parameter.split('=').next().unwrap_or_default();
        if name.eq_ignore_ascii_case("iiif") {
            return start + parameter.len();
        }
        start += parameter.len() + 1;
    }
    base.len()
}

/// Whether the URI that a server answered with names another image service than the one requested.
///
/// Servers of IIIF Authentication 1.0 give a degraded copy, at an address of its own, to those who are not
/// authorized (Authentication 1.0 §3.3). The same service under another scheme, host or path prefix, with other
/// percent-encoding, or with `/info.json` behind it, is not another service; nor is an empty `answered`.
pub fn is_other_service(requested: &str, answered: &str) -> bool {
    let (requested, answered) = (path(requested), path(answered));
    let is_end = |long: &str, short: &str| {
        let before = long.strip_suffix(short);
        before.is_some_and(|b| b.is_empty() || b.ends_with('/') || short.starts_with('/'))
    };
    !answered.is_empty() && !is_end(&requested, &answered) && !is_end(&answered, &requested)
}

/// Whether the URI of an answer lies below the base URI of a service, as opposed to that of another service to which
/// the request was redirected. Scheme and host are not compared.
pub fn is_below_service(service: &str, answered: &str) -> bool {
    path(answered).contains(&format!("{}/", path(service)))
}

/// `host` or `host:port` of a URI, without user information. None where the URI has no `://`.
pub fn host_of(uri: &str) -> Option<&str> {
    let rest = &uri[uri.find("://")? + 3..];
    let host = rest.split(['/', '?', '#']).next()?;
    Some(host.rsplit_once('@').map_or(host, |(_, host)| host))
}

/// The path of a service, percent-decoded, without `/info.json` and slashes at its end.
fn path(uri: &str) -> String {
    let path = match uri.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("", |at| &rest[at..]),
        None => uri,
    };
    let path = path.trim_end_matches('/');
    let path = path.strip_suffix("/info.json").unwrap_or(path);
    percent_encoding::percent_decode_str(path.trim_end_matches('/'))
        .decode_utf8_lossy()
        .into_owned()
}
