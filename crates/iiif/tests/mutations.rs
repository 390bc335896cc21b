//! Mutated inputs: nothing panics, and what parses prints to what parses to the same.

mod mutate;

use mutate::{Random, with_seeds};
use recto_iiif::authorization::{AccessControl, ProbeResult};
use recto_iiif::info::{Info, compliance_level, version_of_uri};
use recto_iiif::resolve::{ServerLimits, fit, rotated_size};
use recto_iiif::{
    Format, ImageRequest, QuotedRequest, Version, append_path, host_of, is_below_service,
    is_other_service,
};
use serde_json::{Value, json};

const REQUESTS: [&str; 14] = [
    "full/full/0/default.jpg",
    "full/max/0/default.webp",
    "square/150,/90/gray.png",
    "125,15,120,140/,150/22.5/color.tif",
    "pct:41.6,7.5,40,70/pct:50/!0/bitonal.gif",
    "full/225,100/180/default.jp2",
    "full/!225,100/!180/default.pdf",
    "full/^max/360/default.jpg",
    "0,0,4294967295,4294967295/^4294967295,/45/default.png",
    "1,1,1,1/^,4294967295/0.001/default.tif",
    "full/^pct:120/0/default.jpg",
    "full/^360,360/0/default.jpg",
    "pct:99.99,99.99,0.01,0.01/max/0/default.jpg",
    "full/^!360,360/0/default.jpg",
];

const SIDES: [u32; 8] = [0, 1, 2, 200, 300, 65_536, u32::MAX - 1, u32::MAX];

#[test]
fn image_requests_are_parsed_printed_and_resolved() {
    with_seeds(20_000, |random| {
        let path = random.choose(&REQUESTS);
        // Some are taken as they are.
        let path = match random.below(8) {
            0 => (*path).to_owned(),
            _ => mutate::text(path, random),
        };
        let segments: Vec<&str> = path.splitn(4, '/').collect();
        let Ok(segments) = segments.try_into() else {
            return;
        };
        for version in [Version::V2, Version::V3] {
            let Ok(request) = ImageRequest::parse(version, segments) else {
                continue;
            };
            assert_eq!(parse(version, &request.to_string()), request, "{path}");
            check_plan(random, version, &request);
        }
    });
}

fn check_plan(random: &mut Random, version: Version, request: &ImageRequest) {
    let image = [*random.choose(&SIDES), *random.choose(&SIDES)];
    let limits = limits(random);
    let Ok(plan) = request.resolve(version, image, &limits) else {
        return;
    };
    let [x, y, w, h] = plan.region;
    let ends = [u64::from(x) + u64::from(w), u64::from(y) + u64::from(h)];
    assert!(w > 0 && h > 0 && ends[0] <= image[0].into() && ends[1] <= image[1].into());
    let [width, height] = plan.size;
    assert!(width > 0 && height > 0);
    assert!(
        limits
            .max_size
            .is_none_or(|most| width <= most[0] && height <= most[1])
    );
    let area = u64::from(width) * u64::from(height);
    assert!(limits.max_area.is_none_or(|most| area <= most));
    assert!(plan.rotated_size().into_iter().max() <= Some(plan.format.max_side()));

    let canonical = plan.canonical(version, image, &limits);
    let again = parse(version, &canonical).resolve(version, image, &limits);
    assert_eq!(again, Ok(plan), "{request} of {image:?} is {canonical}");
}

fn parse(version: Version, path: &str) -> ImageRequest {
    let segments: Vec<&str> = path.split('/').collect();
    ImageRequest::parse(version, segments.try_into().unwrap()).unwrap()
}

fn limits(random: &mut Random) -> ServerLimits {
    let some = |random: &mut Random| random.below(2) == 0;
    ServerLimits {
        max_size: some(random).then(|| [*random.choose(&SIDES), *random.choose(&SIDES)]),
        max_area: some(random)
            .then(|| u64::from(*random.choose(&SIDES)) * u64::from(*random.choose(&SIDES))),
        declares_area: some(random),
        upscale: some(random),
        strict_within: some(random),
        formats: &Format::ALL,
    }
}

#[test]
fn sizes_of_every_kind_are_fitted_and_rotated() {
    with_seeds(20_000, |random| {
        let size = |random: &mut Random| [*random.choose(&SIDES), *random.choose(&SIDES)];
        let (a, b) = (size(random), size(random));
        let limits = limits(random);
        for enlarge in [false, true] {
            fit(a, b, enlarge);
            limits.largest(a, enlarge);
        }
        rotated_size(a, f64::from_bits(random.next()));
    });
}

#[test]
fn uris_are_split_compared_and_built() {
    let uris = [
        "https://a.example/iiif/1/1,2,3,4/full/0/native.jpg?x=1",
        "https://me:pass@a.example:81/i/a%2Fb%20c/full/max/!90/default.jpg",
        "http://a.example/i.fcgi?IIIF=/p/x.tif&k=1",
        "http://a.example/i/ä b/info.json#xywh=1,2,3,4",
    ];
    with_seeds(20_000, |random| {
        let uri = *random.choose(&uris);
        let uri = mutate::text(uri, random);
        let other = mutate::text(&uri, random);
        if let Some(request) = QuotedRequest::parse(&uri) {
            let QuotedRequest {
                base,
                region,
                size,
                rotation,
                quality,
                format,
            } = request;
            let printed = format!("{base}/{region}/{size}/{rotation}/{quality}.{format}");
            assert_eq!(QuotedRequest::parse(&printed), Some(request), "{uri}");
            request.is_full_size();
        }
        assert!(!is_other_service(&uri, &uri), "{uri}");
        is_other_service(&uri, &other);
        is_below_service(&uri, &other);
        host_of(&uri);
        assert!(append_path(&uri, "info.json").contains("/info.json"));
        compliance_level(&uri);
        version_of_uri(&uri);
    });
}

fn infos() -> [Value; 7] {
    let two = "http://iiif.io/api/image/2";
    [
        json!({"@context": format!("{two}/context.json"), "@id": "https://a.example/1", "protocol": "http://iiif.io/api/image",
            "width": 6000, "height": 4000, "profile": [format!("{two}/level2.json")]}),
        json!({"@context": format!("{two}/context.json"), "@id": "https://a.example/1", "width": 6000, "height": 4000,
            "sizes": [{"width": 150, "height": 100}, {"width": 600, "height": 400}],
            "tiles": [{"width": 512, "scaleFactors": [1, 2, 4, 8, 16]}, {"width": 512, "height": 100, "scaleFactors": [1]}],
            "profile": [format!("{two}/level2.json"), {"formats": ["gif", "pdf"], "qualities": ["color", "gray"],
                "maxWidth": 3000, "maxArea": 4_000_000, "supports": ["canonicalLinkHeader"]}],
            "service": {"@id": "https://a.example/in", "profile": "http://iiif.io/api/auth/1/login"}}),
        json!({"@context": ["http://example.org/x.json", "http://iiif.io/api/image/3/context.json"], "id": "https://a.example/1",
            "type": "ImageService3", "protocol": "http://iiif.io/api/image", "profile": "level1", "width": 6000, "height": 4000,
            "maxWidth": 3000, "maxHeight": 2000, "maxArea": 4_000_000, "sizes": [{"width": 150, "height": 100}],
            "tiles": [{"width": 1024, "height": 2048, "scaleFactors": [8, 16]}], "extraFormats": ["png"],
            "extraQualities": ["gray"], "extraFeatures": ["rotationArbitrary"], "preferredFormats": ["png"]}),
        json!({"@context": "http://library.stanford.edu/iiif/image-api/1.1/context.json", "@id": "https://a.example/1",
            "width": 6000, "height": 4000, "scale_factors": [1, 2, 4], "tile_width": 1024, "tile_height": 1024,
            "formats": ["jpg", "png"], "qualities": ["native", "grey"],
            "profile": "http://library.stanford.edu/iiif/image-api/1.1/compliance.html#level0"}),
        json!({"identifier": "1", "width": "6000", "height": " 4000 ", "scale_factors": ["1"], "tile_width": "256"}),
        json!({"width": 6000.0, "height": 4e3, "profile": {"maxWidth": "300"}, "tiles": {"width": 256}, "sizes": null}),
        json!({"@type": "ImageService2", "width": 1, "height": 1, "profile": [[], {}, "level9"], "tiles": [{"width": 0}]}),
    ]
}

#[test]
fn infos_are_read_or_refused() {
    let infos = infos();
    for info in &infos {
        Info::parse(info.to_string().as_bytes()).unwrap();
    }
    with_seeds(10_000, |random| {
        let info = mutate::document(random.choose(&infos), random);
        AccessControl::of(&info);
        let mut bytes = info.to_string().into_bytes();
        if random.below(2) == 0 {
            bytes = mutate::bytes(&bytes, random);
        }
        let Ok(info) = Info::parse(&bytes) else {
            return;
        };
        assert!(info.width > 0 && info.height > 0 && info.level <= 2);
        assert!((1..=3).contains(&info.version));
        let tiles = info.tiles.iter();
        assert!(
            tiles
                .clone()
                .all(|tile| tile.width > 0 && tile.height > 0 && !tile.scale_factors.contains(&0))
        );
        info.limits.and(&info.limits).allow(info.width, info.height);
    });
}

#[test]
fn access_control_is_read_from_anything() {
    let auth = |name: &str| format!("http://iiif.io/api/auth/{name}");
    let resources = [
        json!({"service": {"@id": "https://a.example/in", "profile": auth("1/login"), "label": {"@value": "Log in"},
            "service": [{"@id": "https://a.example/token", "profile": auth("1/token")}]}}),
        json!({"service": [{"@id": "https://a.example/in", "profile": [auth("0/login/clickthrough")]}, {"profile": auth("1/external")}]}),
        json!({"service": [{"id": "https://p.example:81/probe", "type": "AuthProbeService2", "service": [
            {"id": "https://a.example/in", "type": "AuthAccessService2", "profile": "active",
             "label": {"de": ["Anmelden"], "en": ["Log  in"]}, "heading": ["Log in", 1],
             "service": [{"id": "https://a.example/token", "type": "AuthAccessTokenService2"}]},
            {"type": "AuthAccessService2", "profile": "kiosk"}]}]}),
    ];
    with_seeds(10_000, |random| {
        let resource = mutate::document(random.choose(&resources), random);
        if let Some(access) = AccessControl::of(&resource) {
            assert!([1, 2].contains(&access.version));
            assert!(!access.instructions().is_empty());
        }
    });
}

#[test]
fn answers_of_probe_services_are_read_or_refused() {
    let answers = [
        json!({"@context": "http://iiif.io/api/auth/2/context.json", "type": "AuthProbeResult2", "status": 200}),
        json!({"status": 302, "location": {"id": "https://b.example/x", "type": "Image"}}),
        json!({"status": "401", "heading": {"en": ["No"]}, "note": {"none": ["Members only"]},
            "substitute": [{"id": "https://b.example/small", "type": "Image"}]}),
    ];
    with_seeds(10_000, |random| {
        let answer = mutate::document(random.choose(&answers), random).to_string();
        let answer = match random.below(2) {
            0 => answer.into_bytes(),
            _ => mutate::bytes(answer.as_bytes(), random),
        };
        if let Ok(ProbeResult::Refused { status, .. }) = ProbeResult::parse(&answer) {
            assert!(!(200..400).contains(&status));
        }
    });
}
