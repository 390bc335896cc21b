//! AVIFs are shown as their writer meant them: colours, opacity, tiles, turned. The files in `avif/` were encoded by libavif
//! from the pictures that are drawn here.

use recto_testkit::Workdir;
use serde_json::json;

use super::running::Serving;

/// Red grows to the right, green down, blue differs between quarters; 64 by 48 pixels.
fn quarters(x: u32, y: u32) -> [u8; 4] {
    let blue = if (x < 32) == (y < 24) { 200 } else { 60 };
    [
        (40 + x * 3).min(255) as u8,
        (30 + y * 4).min(255) as u8,
        blue,
        255,
    ]
}

fn opaque_above([x, y]: [u32; 2]) -> [u8; 4] {
    let [red, green, blue, _] = quarters(x, y);
    [red, green, blue, if y < 24 { 255 } else { (x * 4) as u8 }]
}

fn half_opaque_below([x, y]: [u32; 2]) -> [u8; 4] {
    let [red, green, blue, _] = quarters(x, y);
    [red, green, blue, if y < 24 { 255 } else { 128 + x as u8 }]
}

type Drawn = fn([u32; 2]) -> [u8; 4];

#[test]
fn avifs_are_shown_as_they_are_meant() {
    // File, its size as shown, what it shows at a pixel, and by how much its coding changes colours on average.
    let cases: [(&str, [u32; 2], Drawn, f64); 8] = [
        ("lossless", [64, 48], |[x, y]| quarters(x, y), 0.0),
        ("plain", [64, 48], |[x, y]| quarters(x, y), 6.0),
        ("clear", [64, 48], opaque_above, 1.0),
        // Its colours are stored multiplied by their opacity.
        ("multiplied", [64, 48], half_opaque_below, 1.0),
        (
            "grey",
            [64, 48],
            |[x, _]| [(x * 4) as u8, (x * 4) as u8, (x * 4) as u8, 255],
            1.0,
        ),
        // A quarter against the clock.
        ("turned", [48, 64], |[x, y]| quarters(63 - y, x), 6.0),
        // A quarter with the clock, then top and bottom exchanged.
        ("mirrored", [48, 64], |[x, y]| quarters(63 - y, 47 - x), 6.0),
        // Four tiles.
        (
            "tiles",
            [256, 160],
            |[x, y]| [x as u8, y as u8, 90, 255],
            1.0,
        ),
    ];
    let work = Workdir::new();
    for (name, ..) in cases {
        let file = format!(
            "{}/tests/serve/avif/{name}.avif",
            env!("CARGO_MANIFEST_DIR")
        );
        work.write(
            &format!("pictures/{name}.avif"),
            std::fs::read(file).unwrap(),
        );
    }
    let server = Serving::start(&work, &["pictures"]);
    for (name, [width, height], drawn, most) in cases {
        let info = server.json(&format!("/iiif/3/{name}/info.json"));
        assert_eq!(
            [&info["width"], &info["height"]],
            [&json!(width), &json!(height)],
            "{name}"
        );
        let image = server
            .image(&format!("/iiif/3/{name}/full/max/0/default.png"))
            .to_rgba8();
        assert_eq!(image.dimensions(), (width, height), "{name}");
        let apart = |(x, y, pixel): (u32, u32, &image::Rgba<u8>)| {
            let numbers = pixel.0.into_iter().zip(drawn([x, y]));
            numbers.map(|(a, b)| f64::from(a.abs_diff(b))).sum::<f64>()
        };
        let apart = image.enumerate_pixels().map(apart).sum::<f64>();
        let apart = apart / f64::from(width * height * 4);
        assert!(
            apart <= most,
            "{name}: colours are {apart:.2} apart on average"
        );
    }
}

#[test]
fn what_an_avif_does_not_hold_is_said() {
    let file = format!("{}/tests/serve/avif/tiles.avif", env!("CARGO_MANIFEST_DIR"));
    let sound = std::fs::read(file).unwrap();
    let with = |from: &[u8], to: &[u8]| {
        let at = sound
            .windows(from.len())
            .position(|part| part == from)
            .unwrap();
        [&sound[..at], to, &sound[at + from.len()..]].concat()
    };
    let work = Workdir::new();
    work.write("pictures/sound.avif", &sound)
        .write("pictures/cut.avif", &sound[..sound.len() / 2])
        .write(
            "pictures/huge.avif",
            with(&[0, 0, 1, 0, 0, 0, 0, 160], &[0, 1, 0, 0, 0, 1, 0, 0]),
        )
        .write("pictures/kind.avif", with(b"grid", b"iovl"))
        .write("pictures/shown.heic", &sound);
    let server = Serving::start(&work, &["pictures"]);
    assert_eq!(
        server.get("/iiif/3/sound/full/max/0/default.jpg").status,
        200
    );
    for (name, status, words) in [
        ("cut", 404, ""),
        ("kind", 404, ""),
        ("huge", 404, ""),
        ("shown", 404, ""),
    ] {
        let answer = server.get(&format!("/iiif/3/{name}/full/max/0/default.jpg"));
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status, status, "{name}: {said}");
        assert!(said.contains(words), "{name}: {said}");
    }
    let (_, _, said) = server.stop();
    for words in [
        "left out cut.avif: not an image that can be read: it is cut short: its end is missing",
        "files of type .heic are not read; a copy as TIFF, PNG or JPEG is",
        "AVIFs whose image is of the kind `iovl` are not decoded",
        "image is too large: 65536 x 65536",
    ] {
        assert!(said.contains(words), "{said}");
    }
}
