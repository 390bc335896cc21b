//! `info.json` of an image, for both versions of the Image API: exactly what this server supports. Pure.

use serde_json::{Value, json};

use crate::contracts::Provenance;
use crate::iiif::resolve::ServerLimits;
use crate::iiif::{Format, Quality, Version};
use crate::pixels::encode::WRITABLE;
use crate::serve::image_record::FileFacts;

/// The URI of level 2 of the Image API, as in the `Link` header and in `profile` of 2.1.
pub fn level_2(version: Version) -> &'static str {
    match version {
        Version::V2 => "http://iiif.io/api/image/2/level2.json",
        Version::V3 => "http://iiif.io/api/image/3/level2.json",
    }
}

/// The URI of the compliance level of a service. A service that does not enlarge images reaches level 2 of 3.0, but only
/// level 1 of 2.1, where `w,h` must work for every size.
pub fn profile(version: Version, limits: &ServerLimits) -> &'static str {
    match (version, limits.upscale) {
        (Version::V2, false) => "http://iiif.io/api/image/2/level1.json",
        _ => level_2(version),
    }
}

/// The Image Information document (2.1 §5, 3.0 §5) of the service with this base URI.
pub fn info(
    version: Version,
    service: &str,
    facts: &FileFacts,
    limits: &ServerLimits,
    source: &Provenance,
) -> Value {
    match version {
        Version::V2 => info_2(service, facts, limits, source),
        Version::V3 => info_3(service, facts, limits, source),
    }
}

fn info_2(service: &str, facts: &FileFacts, limits: &ServerLimits, source: &Provenance) -> Value {
    let mut offered = json!({
        "formats": WRITABLE.map(Format::name),
        "qualities": Quality::ALL.map(Quality::name),
        "supports": [
            "baseUriRedirect", "canonicalLinkHeader", "cors", "jsonldMediaType", "mirroring", "profileLinkHeader",
            "regionByPct", "regionByPx", "regionSquare", "rotationArbitrary", "rotationBy90s", "sizeAboveFull",
            "sizeByConfinedWh", "sizeByDistortedWh", "sizeByForcedWh", "sizeByH", "sizeByPct", "sizeByW", "sizeByWh",
        ],
    });
    if !limits.upscale {
        offered["supports"] = offered["supports"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|feature| **feature != "sizeAboveFull")
            .cloned()
            .collect();
    }
    declare_limits(&mut offered, limits);
    let mut info = json!({
        "@context": "http://iiif.io/api/image/2/context.json",
        "@id": service,
        "protocol": "http://iiif.io/api/image",
        "width": facts.size[0],
        "height": facts.size[1],
        "sizes": sizes(facts, limits),
        "tiles": tiles(facts, limits),
        "profile": [profile(Version::V2, limits), offered],
    });
    if let Some(rights) = source.rights_uri() {
        info["license"] = json!(rights);
    }
    if let Some(words) = &source.attribution {
        info["attribution"] = json!(words);
    }
    info
}

fn info_3(service: &str, facts: &FileFacts, limits: &ServerLimits, source: &Provenance) -> Value {
    // Level 2 includes jpg, png and the quality `default` (compliance document 3.0 §4.4, §4.5).
    let formats = WRITABLE.map(Format::name);
    let qualities = Quality::ALL.map(Quality::name);
    let mut info = json!({
        "@context": "http://iiif.io/api/image/3/context.json",
        "id": service,
        "type": "ImageService3",
        "protocol": "http://iiif.io/api/image",
        "profile": "level2",
        "width": facts.size[0],
        "height": facts.size[1],
        "sizes": sizes(facts, limits),
        "tiles": tiles(facts, limits),
        "extraFormats": beside(&formats, &["jpg", "png"]),
        "extraQualities": beside(&qualities, &["default"]),
        "extraFeatures": ["canonicalLinkHeader", "mirroring", "profileLinkHeader", "rotationArbitrary", "sizeUpscaling"],
    });
    if !limits.upscale {
        info["extraFeatures"] = info["extraFeatures"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|feature| **feature != "sizeUpscaling")
            .cloned()
            .collect();
    }
    declare_limits(&mut info, limits);
    if let Some(rights) = source.rights_uri() {
        info["rights"] = json!(rights);
    }
    info
}

fn beside<'a>(all: &[&'a str], known: &[&str]) -> Vec<&'a str> {
    all.iter()
        .copied()
        .filter(|word| !known.contains(word))
        .collect()
}

fn declare_limits(place: &mut Value, limits: &ServerLimits) {
    if let Some([width, height]) = limits.max_size {
        place["maxWidth"] = width.into();
        place["maxHeight"] = height.into();
    }
    if let Some(area) = limits.max_area.filter(|_| limits.declares_area) {
        place["maxArea"] = area.into();
    }
}

/// The image halved again and again, from the smallest that fills a tile to the largest that may be requested.
fn sizes(facts: &FileFacts, limits: &ServerLimits) -> Vec<Value> {
    let halvings = factors(facts).into_iter().rev();
    let sizes = halvings.map(|factor| facts.size.map(|side| side.div_ceil(factor)));
    let allowed = sizes.filter(|size| limits.largest(*size, false) == *size);
    allowed
        .map(|[width, height]| json!({"width": width, "height": height}))
        .collect()
}

fn tiles(facts: &FileFacts, limits: &ServerLimits) -> Value {
    let tile = [facts.tile; 2];
    let [width, height] = limits.largest(tile, false);
    let side = width.min(height);
    json!([{"width": side, "height": side, "scaleFactors": factors(facts)}])
}

/// Powers of two until the image fits into a tile.
fn factors(facts: &FileFacts) -> Vec<u32> {
    let longest = facts.size[0].max(facts.size[1]);
    let enough = |factor: &u32| longest.div_ceil(*factor) > facts.tile / 2;
    let factors = std::iter::successors(Some(1_u32), |factor| factor.checked_mul(2));
    let factors: Vec<u32> = factors.take_while(enough).collect();
    if factors.is_empty() { vec![1] } else { factors }
}
