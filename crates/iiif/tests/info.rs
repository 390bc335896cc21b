//! `info.json` in the shapes that servers publish.

use recto_iiif::DocumentError;
use recto_iiif::info::{Info, TileSet};
use serde_json::{Value, json};

fn read(value: Value) -> Result<Info, DocumentError> {
    Info::parse(value.to_string().as_bytes())
}

#[test]
fn versions_levels_and_limits_in_the_shapes_that_are_out_there() {
    let cases = [
        (
            json!({"@context": "http://iiif.io/api/image/2/context.json", "width": 9, "height": 8, "profile": ["http://iiif.io/api/image/2/level2.json", {"maxWidth": 5}]}),
            (2, 2, 5, 5),
        ),
        (
            json!({"@context": "http://iiif.io/api/image/3/context.json", "width": 9, "height": 8, "profile": "level0", "maxWidth": 5, "maxHeight": 4}),
            (3, 0, 5, 4),
        ),
        (
            json!({"width": "9", "height": "8", "tile_width": 256, "scale_factors": [1, 2]}),
            (1, 1, u32::MAX, u32::MAX),
        ),
        (
            json!({"@context": "http://library.stanford.edu/iiif/image-api/1.1/context.json", "width": 9, "height": 8, "profile": "http://library.stanford.edu/iiif/image-api/1.1/compliance.html#level2"}),
            (1, 2, u32::MAX, u32::MAX),
        ),
        (
            json!({"id": "x", "type": "ImageService3", "width": 9.0, "height": 8, "profile": "level7"}),
            (3, 1, u32::MAX, u32::MAX),
        ),
        (
            json!({"width": 9, "height": 8, "profile": {"maxWidth": 7}}),
            (2, 1, 7, 7),
        ),
    ];
    for (value, wanted) in cases {
        let info = read(value.clone()).unwrap();
        assert_eq!(
            (
                info.version,
                info.level,
                info.limits.width,
                info.limits.height
            ),
            wanted,
            "{value}"
        );
        assert_eq!((info.width, info.height), (9, 8));
    }
}

#[test]
fn tiles_are_square_unless_they_say_otherwise() {
    let info = read(json!({"width": 9, "height": 8, "tiles": [{"width": 256, "scaleFactors": [1, 32]}, {"width": 0}, {"width": 512, "height": 100}]})).unwrap();
    let set = |width, height, scale_factors| TileSet {
        width,
        height,
        scale_factors,
    };
    assert_eq!(
        info.tiles,
        [set(256, 256, vec![1, 32]), set(512, 100, vec![])]
    );
}

#[test]
fn what_is_not_an_info_is_refused_with_a_reason() {
    let cases = [
        (
            "<html>",
            "an HTML or XML page was answered where info.json was expected",
        ),
        ("[]", "info.json is not a JSON object"),
        ("{\"height\":1}", "info.json: `width` is missing"),
        (
            "{\"width\":0,\"height\":1}",
            "info.json: `width` is 0, a number above 0 is needed",
        ),
    ];
    for (text, wanted) in cases {
        assert_eq!(
            Info::parse(text.as_bytes()).unwrap_err().to_string(),
            wanted,
            "{text}"
        );
    }
    assert!(
        Info::parse(b"{")
            .unwrap_err()
            .to_string()
            .starts_with("info.json is not valid JSON")
    );
}
