//! What a cell names: an image file, an image service, or a part of a service's image.

use super::options::TableOptions;
use crate::contracts::{ImageRef, Service};
use crate::iiif::QuotedRequest;
use crate::sources::is_url;
use crate::values;

/// The images that the values of a cell name, each with its id, or why one cannot be used.
pub fn of_cell(
    values: &[String],
    options: &TableOptions,
) -> Vec<Result<(String, ImageRef), String>> {
    let parts = values.iter().flat_map(|value| match &options.split_cell {
        Some(separator) => value.split(separator.as_str()).collect::<Vec<_>>(),
        None => vec![value.as_str()],
    });
    let named = parts.map(values::trimmed).filter(|part| !part.is_empty());
    named.map(|part| of_text(part, options)).collect()
}

/// The id and the image that a text names.
fn of_text(text: &str, options: &TableOptions) -> Result<(String, ImageRef), String> {
    let prefix = options.service_prefix.as_deref();
    if let Some(prefix) = prefix.filter(|_| options.id_column.is_some()) {
        let base = format!(
            "{}/{}",
            prefix.trim_end_matches('/'),
            text.trim_start_matches('/')
        );
        return Ok(whole_service(&base, options));
    }
    if !is_url(text) {
        return Err(format!("cell is not a URL: {text}"));
    }
    if has_several(text) {
        return Err(format!(
            "cell holds several URLs, which --split-cell TEXT takes apart: {text}"
        ));
    }
    let request = QuotedRequest::parse(text);
    match text.trim_end_matches('/').strip_suffix("/info.json") {
        Some(base) => Ok(whole_service(base, options)),
        None if options.service_column.is_some() => {
            let base = request.map_or(text, |request| request.base);
            Ok(whole_service(base, options))
        }
        None => Ok(request
            .and_then(|request| requested(text, request, options))
            .unwrap_or_else(|| file(text))),
    }
}

/// Whether another URL follows, behind what separates texts. One in the query of a URL does not.
fn has_several(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower.match_indices("http").skip(1).any(|(at, _)| {
        let before = text[..at].trim_end_matches(' ');
        let is_apart = before.len() < at || before.ends_with(['|', ';', ',', '\t', '\n', '\r']);
        is_apart && is_url(&text[at..])
    })
}

fn file(url: &str) -> (String, ImageRef) {
    let image = ImageRef {
        url: Some(url.to_owned()),
        ..ImageRef::default()
    };
    (url.to_owned(), image)
}

fn whole_service(base: &str, options: &TableOptions) -> (String, ImageRef) {
    let id = base.trim_end_matches('/').to_owned();
    let service = Service {
        id: id.clone(),
        version: options.service_version.unwrap_or(2),
        level: None,
        region: None,
    };
    let image = ImageRef {
        service: Some(service),
        ..ImageRef::default()
    };
    (id, image)
}

/// The service behind an image request, with the part that is requested. None if only the URL itself gives the right
/// pixels: a part in per cent, whose size is not known, other than its own colours, rotated or mirrored.
fn requested(
    url: &str,
    request: QuotedRequest,
    options: &TableOptions,
) -> Option<(String, ImageRef)> {
    let quality = url.split(['?', '#']).next()?.rsplit('/').next()?;
    let is_own = ["default.", "native.", "color."]
        .iter()
        .any(|own| quality.starts_with(own));
    let is_upright = request.rotation.parse() == Ok(0.0);
    if !is_own || !is_upright || url.contains(['?', '#']) {
        return None;
    }
    let region = match request.region {
        "full" => None,
        part => Some(pixels(part)?),
    };
    let version = match options.service_version {
        Some(version) => version,
        None if request.size.starts_with('^') => 3,
        None if quality.starts_with("native.") => 1,
        None => 2,
    };
    let service = Service {
        id: request.base.trim_end_matches('/').to_owned(),
        version,
        level: None,
        region,
    };
    let image = ImageRef {
        url: Some(url.to_owned()),
        service: Some(service.clone()),
        ..ImageRef::default()
    };
    Some((service.name(), image))
}

/// `x,y,w,h` in pixels, not empty.
fn pixels(region: &str) -> Option<[u32; 4]> {
    let numbers: Result<Vec<u32>, _> = region.split(',').map(str::parse).collect();
    let part: [u32; 4] = numbers.ok()?.try_into().ok()?;
    (part[2] > 0 && part[3] > 0).then_some(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_requests_are_services_if_these_have_the_same_pixels() {
        let cases = [
            ("full/max/0/default.jpg", Some((2, None))),
            ("full/full/0/native.jpg", Some((1, None))),
            ("full/!300,300/0/default.jpg", Some((2, None))),
            ("full/^max/0/default.jpg", Some((3, None))),
            (
                "10,20,30,40/max/0/default.jpg",
                Some((2, Some([10, 20, 30, 40]))),
            ),
            ("10,20,0,40/max/0/default.jpg", None),
            ("pct:10,20,30,40/max/0/default.jpg", None),
            ("square/max/0/default.jpg", None),
            ("full/max/90/default.jpg", None),
            ("full/max/!0/default.jpg", None),
            ("full/max/0/gray.jpg", None),
            ("full/max/0/default.jpg?v=1", None),
        ];
        for (request, wanted) in cases {
            let url = format!("https://a.example/i/p%2F1/{request}");
            let (id, image) = of_text(&url, &TableOptions::default()).unwrap();
            assert_eq!(image.url.as_deref(), Some(&*url), "{request}");
            let seen = image.service.map(|s| {
                assert_eq!(s.id, "https://a.example/i/p%2F1", "{request}");
                assert_eq!(s.name(), id, "{request}");
                (s.version, s.region)
            });
            assert_eq!(seen, wanted, "{request}");
        }
    }

    #[test]
    fn a_cell_with_several_urls_is_not_one_url() {
        let several = [
            "https://a/1.jpg|https://a/2.jpg",
            "https://a/1.jpg; http://a/2.jpg",
            "https://a/1.jpg https://a/2.jpg",
            "https://a/1.jpg,HTTPS://a/2.jpg",
        ];
        for text in several {
            let problem = of_text(text, &TableOptions::default()).unwrap_err();
            assert!(problem.contains("--split-cell"), "{problem}");
        }
        for one in [
            "https://a/x?url=https://b/1.jpg",
            "https://web.archive.org/web/2020/https://b/1.jpg",
            "https://a/http-guide;1.jpg",
        ] {
            assert!(of_text(one, &TableOptions::default()).is_ok(), "{one}");
        }
    }
}
