//! Image services as manifests describe them.

use serde_json::Value;

use super::values::{all, id, kind, list, local_name, pixels, services_of, spelled_as};
use crate::contracts::Service;

/// The image services of a resource.
#[derive(Debug, Default)]
pub struct Services {
    /// Number of Image API services directly on the resource. An image offered as version 2 and 3 counts as two.
    pub published: u64,
    /// The one to use: the highest version.
    pub best: Option<Service>,
    /// The size of its image in pixels, if the resource describes the service that far.
    pub size: Option<[u32; 2]>,
}

/// Reads `service`, also by its other names: an object, array, plain id or nested service.
pub fn services(resource: &Value) -> Services {
    let direct: Vec<Service> = services_of(resource)
        .into_iter()
        .filter_map(described)
        .collect();
    let published = direct.len() as u64;
    let fallback = || {
        services_of(resource)
            .into_iter()
            .find_map(undescribed)
            .into_iter()
            .collect()
    };
    let usable: Vec<Service> = if direct.is_empty() {
        fallback()
    } else {
        direct
    };
    // The first of the highest version.
    let best = usable.into_iter().rev().max_by_key(|s| s.version);
    let of_best = |value: &&Value| id(value).map(base).as_ref() == best.as_ref().map(|s| &s.id);
    let described = services_of(resource).into_iter().filter(of_best);
    let size = described.filter_map(|v| Some([pixels(&v["width"])?, pixels(&v["height"])?]));
    Services {
        published,
        size: size.into_iter().next(),
        best,
    }
}

/// A service from its description, also from `info.json`; none if it is not marked as an image service.
pub fn described(value: &Value) -> Option<Service> {
    let version = version(value)?;
    Some(Service {
        id: base(id(value)?),
        version,
        level: level(value),
        region: None,
    })
}

/// A service without type and profile that must be an image service: a plain id, a service inside another, or one that
/// lists tiles.
fn undescribed(value: &Value) -> Option<Service> {
    if let Some(nested) = services_of(value).into_iter().find_map(described) {
        return Some(nested);
    }
    let sized = ["tiles", "sizes", "scale_factors", "tile_width"]
        .iter()
        .any(|m| !value[*m].is_null());
    let plain = value.is_string() || sized || only_names_itself(value);
    let base = base(id(value).filter(|_| plain)?);
    Some(Service {
        id: base,
        version: 2,
        level: None,
        region: None,
    })
}

fn only_names_itself(value: &Value) -> bool {
    value.as_object().is_some_and(|members| members.len() == 1)
}

/// A service id without `/info.json` and slashes at its end. Nothing else is changed.
pub fn base(id: &str) -> String {
    let id = id.trim().trim_end_matches('/');
    id.strip_suffix("/info.json")
        .unwrap_or(id)
        .trim_end_matches('/')
        .to_owned()
}

/// The major version by type, else by context, else by profile. If they disagree, the type is right.
fn version(value: &Value) -> Option<u8> {
    let by_type = kind(value);
    let by_type = by_type
        .strip_prefix("imageservice")
        .map(|n| n.parse().ok().filter(|n| (1..=3).contains(n)));
    let words = |member| all(&value[member]).into_iter().filter_map(Value::as_str);
    let by_words = || {
        let contexts = words("@context").chain(words("context"));
        let profiles = profiles(value, &["profile", "conformsTo", "implements"]);
        contexts.chain(profiles).find_map(version_of_uri)
    };
    match by_type {
        Some(Some(version)) => Some(version),
        Some(None) => by_words().or(Some(2)),
        None => by_words().or_else(|| short_profile(value)),
    }
}

/// What a service says by members of these names; `profile` is `doap:implements` in JSON-LD.
fn profiles<'v, 'n>(
    value: &'v Value,
    names: &'n [&'n str],
) -> impl Iterator<Item = &'v str> + use<'v, 'n> {
    let held = spelled_as(value, names);
    held.flat_map(|(_, held)| all(held)).filter_map(id)
}

/// `level1` alone shows only that it is an image service.
fn short_profile(value: &Value) -> Option<u8> {
    let protocol = value["protocol"]
        .as_str()
        .is_some_and(|p| p.contains("iiif.io/api/image"));
    let short = list(value, "profile")
        .into_iter()
        .filter_map(Value::as_str)
        .any(|p| p.len() == 6 && p.starts_with("level"));
    (protocol || short).then_some(2)
}

/// The version that a context or profile of the Image API names.
fn version_of_uri(uri: &str) -> Option<u8> {
    let after = |mark: &str| uri.split_once(mark).map(|(_, rest)| rest);
    if let Some(rest) = after("/api/image/") {
        return rest
            .chars()
            .next()?
            .to_digit(10)
            .map(|n| n.clamp(1, 3) as u8);
    }
    // `library.stanford.edu/iiif/image-api/1.1/…`, the home of version 1.
    after("image-api").map(|_| 1)
}

/// The compliance level: the last `level` and digit. There is no level above 2.
fn level(value: &Value) -> Option<u8> {
    let mut texts = profiles(value, &["profile", "implements"]);
    let digit = |text: &str| level_digit(text.rsplit("level").next()?, text);
    texts.find_map(digit)
}

fn level_digit(rest: &str, whole: &str) -> Option<u8> {
    let digit = rest.chars().next()?.to_digit(10)?;
    (whole.contains("level") && digit <= 2).then_some(digit as u8)
}

/// Whether a value is the description of an image service.
pub fn is_image_service(value: &Value) -> bool {
    local_name(&kind(value)).starts_with("imageservice") || version(value).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn version_and_level_are_found_however_they_are_spelt() {
        let cases = [
            (
                json!({"id": "x", "type": "ImageService3", "profile": "level2"}),
                Some((3, Some(2))),
            ),
            (
                json!({"@id": "x", "@context": "http://iiif.io/api/image/2/context.json", "profile": "level1"}),
                Some((2, Some(1))),
            ),
            (
                json!({"@id": "x", "profile": ["http://iiif.io/api/image/2/level0.json", {}]}),
                Some((2, Some(0))),
            ),
            (
                json!({"@id": "x", "profile": "http://library.stanford.edu/iiif/image-api/1.1/compliance.html#level2"}),
                Some((1, Some(2))),
            ),
            (
                json!({"@id": "x", "dcterms:conformsTo": "http://library.stanford.edu/iiif/image-api/1.1/conformance.html#level1"}),
                Some((1, None)),
            ),
            (
                json!({"@id": "x", "http://usefulinc.com/ns/doap#implements": [{"@id": "http://iiif.io/api/image/2/level1.json"}]}),
                Some((2, Some(1))),
            ),
            (
                json!({"@id": "x", "profile": "http;//iiif.io/api/image/2/profiles/level3.json"}),
                Some((2, None)),
            ),
            (json!({"@id": "x", "profile": "level1"}), Some((2, Some(1)))),
            (
                json!({"@id": "x", "profile": "http://iiif.io/api/auth/1/login"}),
                None,
            ),
            (
                json!({"@id": "x", "@context": "http://iiif.io/api/annex/services/physdim/1/context.json", "profile": "http://iiif.io/api/annex/services/physdim"}),
                None,
            ),
            (json!({"type": "ImageService2"}), None),
        ];
        for (value, wanted) in cases {
            assert_eq!(
                described(&value).map(|s| (s.version, s.level)),
                wanted,
                "{value}"
            );
        }
    }

    #[test]
    fn the_highest_of_two_services_is_used_and_both_are_counted() {
        let two = json!({"service": [{"id": "a2", "type": "ImageService2"}, {"id": "a3", "type": "ImageService3"}]});
        let found = services(&two);
        assert_eq!(
            (found.published, found.best.unwrap().id.as_str()),
            (2, "a3")
        );
    }

    #[test]
    fn a_service_without_type_is_used() {
        let cases = [
            (json!({"service": "https://a/iiif/1"}), "https://a/iiif/1"),
            (
                json!({"service": {"@id": "https://a/iiif/1"}}),
                "https://a/iiif/1",
            ),
            (
                json!({"service": {"@id": "auth", "profile": "x", "service": {"@id": "b", "type": "ImageService2"}}}),
                "b",
            ),
        ];
        for (resource, wanted) in cases {
            assert_eq!(services(&resource).best.unwrap().id, wanted, "{resource}");
        }
    }

    #[test]
    fn only_the_ends_of_a_service_id_are_stripped() {
        let cases = [
            ("https://a/i%252F1/", "https://a/i%252F1"),
            ("https://a/ark:/1/info.json", "https://a/ark:/1"),
            (
                "https://a/f.fcgi?IIIF=/x.tif",
                "https://a/f.fcgi?IIIF=/x.tif",
            ),
        ];
        for (id, wanted) in cases {
            assert_eq!(base(id), wanted);
        }
    }
}
