//! Files as they are found: tiled, turned, of many bits, of other colours.

use std::io::Write as _;

use image::{DynamicImage, Rgb, RgbImage};

use crate::running::{self, Serving};
use recto_testkit::Workdir;

/// Colours that tell every place apart, smooth enough for JPEG.
fn scene(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([
            (x * 255 / width) as u8,
            (y * 255 / height) as u8,
            ((x + y) % 64 * 2) as u8,
        ])
    })
}

fn jpeg(image: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut bytes, 92);
    encoder
        .encode(
            image.as_raw(),
            image.width() as u16,
            image.height() as u16,
            jpeg_encoder::ColorType::Rgb,
        )
        .unwrap();
    bytes
}

/// A level: its size and its tiles of 64 x 64, row by row, those at the edges filled up.
struct Level {
    size: [u32; 2],
    tiles: Vec<Vec<u8>>,
}

const TILE: u32 = 64;

fn level(image: &RgbImage, encode: impl Fn(&RgbImage) -> Vec<u8>) -> Level {
    let (w, h) = image.dimensions();
    let cells = (0..h.div_ceil(TILE)).flat_map(|y| (0..w.div_ceil(TILE)).map(move |x| (x, y)));
    let tile = |(column, row): (u32, u32)| {
        encode(&RgbImage::from_fn(TILE, TILE, |x, y| {
            *image.get_pixel((column * TILE + x).min(w - 1), (row * TILE + y).min(h - 1))
        }))
    };
    Level {
        size: [w, h],
        tiles: cells.map(tile).collect(),
    }
}

/// How a TIFF is written.
#[derive(Clone, Copy)]
struct Style {
    big: bool,
    /// Smaller copies hang below the first directory instead of following it.
    below: bool,
    compression: u64,
    photometric: u64,
    orientation: u64,
}

const PLAIN: Style = Style {
    big: false,
    below: false,
    compression: 7,
    photometric: 6,
    orientation: 1,
};

struct Writer {
    bytes: Vec<u8>,
    big: bool,
}

impl Writer {
    fn word(&mut self, value: u64) {
        let length = if self.big { 8 } else { 4 };
        self.bytes.extend_from_slice(&value.to_le_bytes()[..length]);
    }

    /// A directory; gives where it begins and where its link to the next one lies.
    fn directory(&mut self, tags: &[(u16, Vec<u64>)]) -> (usize, usize) {
        let word = if self.big { 8 } else { 4 };
        let entries: Vec<(u16, u64, u64)> = tags
            .iter()
            .map(|(tag, values)| match values[..] {
                [one] => (*tag, 1, one),
                _ => {
                    let at = self.bytes.len() as u64;
                    values.iter().for_each(|value| self.word(*value));
                    (*tag, values.len() as u64, at)
                }
            })
            .collect();
        let start = self.bytes.len();
        let count = entries.len() as u64;
        self.bytes
            .extend_from_slice(&count.to_le_bytes()[..if self.big { 8 } else { 2 }]);
        for (tag, count, value) in entries {
            self.bytes.extend_from_slice(&tag.to_le_bytes());
            // LONG, or LONG8 in a BigTIFF.
            self.bytes
                .extend_from_slice(&(if self.big { 16_u16 } else { 4 }).to_le_bytes());
            self.word(count);
            self.word(value);
        }
        let link = self.bytes.len();
        self.bytes.extend(vec![0; word]);
        (start, link)
    }

    fn link(&mut self, at: usize, to: usize) {
        let length = if self.big { 8 } else { 4 };
        self.bytes[at..at + length].copy_from_slice(&(to as u64).to_le_bytes()[..length]);
    }
}

fn tiff(levels: &[Level], style: Style) -> Vec<u8> {
    let header: &[u8] = match style.big {
        true => b"II\x2b\0\x08\0\0\0\0\0\0\0\0\0\0\0",
        false => b"II\x2a\0\0\0\0\0",
    };
    let mut writer = Writer {
        bytes: header.to_vec(),
        big: style.big,
    };
    let mut starts: Vec<u64> = Vec::new();
    let mut link = header.len() - if style.big { 8 } else { 4 };
    // The first comes last where it names the others.
    let order: Vec<usize> = match style.below {
        true => (1..levels.len()).chain([0]).collect(),
        false => (0..levels.len()).collect(),
    };
    for n in order {
        let Level {
            size: [w, h],
            tiles,
        } = &levels[n];
        let mut places = Vec::new();
        for tile in tiles {
            places.push(writer.bytes.len() as u64);
            writer.bytes.extend_from_slice(tile);
        }
        let lengths = tiles.iter().map(|tile| tile.len() as u64).collect();
        let mut tags = vec![
            (254, vec![u64::from(n > 0)]),
            (256, vec![u64::from(*w)]),
            (257, vec![u64::from(*h)]),
            (258, vec![8, 8, 8]),
            (259, vec![style.compression]),
            (262, vec![style.photometric]),
            (274, vec![style.orientation]),
            (277, vec![3]),
            (322, vec![u64::from(TILE)]),
            (323, vec![u64::from(TILE)]),
            (324, places),
            (325, lengths),
        ];
        if style.below && n == 0 {
            tags.push((330, starts.clone()));
        }
        let (start, next) = writer.directory(&tags);
        starts.push(start as u64);
        if !style.below || n == 0 {
            writer.link(link, start);
            link = next;
        }
    }
    writer.bytes
}

fn pyramid(style: Style) -> Vec<u8> {
    let full = scene(400, 300);
    let half = image::imageops::resize(&full, 200, 150, image::imageops::FilterType::Triangle);
    let quarter = image::imageops::resize(&full, 100, 75, image::imageops::FilterType::Triangle);
    tiff(
        &[full, half, quarter].map(|image| level(&image, jpeg)),
        style,
    )
}

fn serving(file: &str, bytes: Vec<u8>) -> (Workdir, Serving) {
    let work = Workdir::new();
    work.write(&format!("pictures/{file}"), bytes);
    let server = Serving::start(&work, &["pictures"]);
    (work, server)
}

fn count(server: &Serving, name: &str) -> u64 {
    let text = String::from_utf8(server.get("/metrics").body).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .unwrap();
    line.trim().parse().unwrap()
}

fn difference(a: &RgbImage, b: &RgbImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let apart = a
        .iter()
        .zip(b.iter())
        .map(|(a, b)| f64::from(a.abs_diff(*b)));
    apart.sum::<f64>() / a.len() as f64
}

#[test]
fn pyramids_are_read_by_tiles_in_every_layout() {
    for (big, below) in [(false, false), (false, true), (true, false), (true, true)] {
        let (_work, server) = serving(
            "a.tif",
            pyramid(Style {
                big,
                below,
                ..PLAIN
            }),
        );
        let info = server.json("/iiif/3/a/info.json");
        assert_eq!(
            (&info["width"], &info["tiles"][0]["width"]),
            (&400.into(), &64.into())
        );
        let whole = DynamicImage::from(scene(400, 300));
        for (region, size, [x, y, w, h]) in [
            ("full", "max", [0, 0, 400, 300]),
            ("30,40,200,100", "max", [30, 40, 200, 100]),
            ("30,40,200,100", "57,", [30, 40, 200, 100]),
            ("full", "90,", [0, 0, 400, 300]),
            ("384,256,16,44", "max", [384, 256, 16, 44]),
            ("256,128,128,128", "64,", [256, 128, 128, 128]),
        ] {
            let got = server
                .image(&format!("/iiif/3/a/{region}/{size}/0/default.png"))
                .to_rgb8();
            let part = whole.crop_imm(x, y, w, h);
            let wanted = part.resize_exact(
                got.width(),
                got.height(),
                image::imageops::FilterType::Triangle,
            );
            let apart = difference(&got, &wanted.to_rgb8());
            assert!(apart < 4.0, "{region}/{size}: {apart}");
        }
        let tones = server.image("/iiif/3/a/full/max/0/bitonal.png").to_luma8();
        assert!(tones.contains(&0) && tones.contains(&255));
    }
}

#[test]
fn parts_are_the_same_before_and_after_the_whole_was_seen() {
    let (_work, server) = serving("a.tif", pyramid(PLAIN));
    // The same pixels, asked for so that no answer is kept.
    let parts = |format: &str| {
        ["30,50,200,120/90,", "0,0,128,128/32,", "100,20,283,200/71,"]
            .map(|part| server.image(&format!("/iiif/3/a/{part}/0/default.{format}")))
    };
    let before = parts("png");
    for size in ["180,", "90,", "45,"] {
        server.image(&format!("/iiif/3/a/full/{size}/0/default.png"));
    }
    assert!(before == parts("tif"));
}

#[test]
fn stored_tiles_are_handed_on_as_they_are() {
    let file = pyramid(PLAIN);
    let (_work, server) = serving("a.tif", file.clone());
    let passed = || count(&server, "recto_answers_passed_through_total");
    // (request, whether it is a stored tile)
    let cases = [
        ("64,128,64,64/max/0/default.jpg", true),
        ("pct:0,0,16,21.3333/64,64/0/color.jpg", true),
        ("128,128,128,128/64,/0/default.jpg", true),
        ("64,128,64,64/max/0/default.png", false),
        ("64,128,64,64/max/0/gray.jpg", false),
        ("64,128,64,64/max/90/default.jpg", false),
        ("64,128,64,64/max/!0/default.jpg", false),
        ("65,128,64,64/max/0/default.jpg", false),
        ("64,128,64,63/max/0/default.jpg", false),
        ("384,256,64,64/max/0/default.jpg", false),
    ];
    for (request, is_stored) in cases {
        let before = passed();
        let got = server.get(&format!("/iiif/3/a/{request}"));
        assert_eq!(got.status, 200, "{request}");
        assert_eq!(passed() - before, u64::from(is_stored), "{request}");
        if is_stored {
            // All but the mark that says what its colours are.
            let scan = &got.body[got.body.len() - 200..];
            assert!(file.windows(scan.len()).any(|w| w == scan), "{request}");
            assert!(got.body.starts_with(b"\xff\xd8\xff\xe0"));
        }
    }
}

/// A JPEG with EXIF that says how to turn it, a comment, and something behind its end.
fn with_words(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let exif = [
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0",
        &[orientation][..],
        b"\0\0\0\0\0\0",
    ]
    .concat();
    let segment = |code: u8, body: &[u8]| {
        let length = (body.len() as u16 + 2).to_be_bytes();
        [&[0xFF, code], &length[..], body].concat()
    };
    let words = [segment(0xE1, &exif), segment(0xFE, b"taken at home")].concat();
    [&jpeg[..2], &words, &jpeg[2..], b"and more"].concat()
}

/// Adobe's mark of RGB.
fn adobe_0() -> Vec<u8> {
    [&[0xFF, 0xEE, 0, 14][..], b"Adobe\0\x64\0\0\0\0\0"].concat()
}

#[test]
fn all_of_a_jpeg_is_handed_on_as_it_is_and_without_words() {
    // Decoded whole, and indexed.
    for size in [[90, 61], [2300, 1900]] {
        let plain = jpeg(&scene(size[0], size[1]));
        let ask = |file: Vec<u8>, rest: &str| {
            let (_work, server) = serving("a.jpg", file);
            // Whether it was opened before or not.
            let path = format!("/iiif/3/a/{rest}");
            let first = server.get(&path).body;
            assert_eq!(server.get(&path).body, first);
            first
        };
        let as_it_is = [
            "full/max/0/default.jpg",
            "square/max/0/default.jpg",
            "full/max/0/color.jpg",
        ];
        for (rest, is_stored) in as_it_is.into_iter().zip([true, false, true]) {
            let body = ask(with_words(&plain, 1), rest);
            assert_eq!(body == plain, is_stored, "{size:?} {rest}");
        }
        for rest in [
            "full/max/0/gray.jpg",
            "full/max/!0/default.jpg",
            "full/max/180/default.jpg",
            "full/50,/0/default.jpg",
        ] {
            assert_ne!(ask(with_words(&plain, 1), rest), plain, "{size:?} {rest}");
        }
        // Turned by its EXIF: the words go, so the pixels are turned.
        let turned = ask(with_words(&plain, 6), as_it_is[0]);
        let turned = image::load_from_memory(&turned).unwrap();
        assert_eq!([turned.height(), turned.width()], size);
        let profile = moxcms::ColorProfile::new_display_p3().encode().unwrap();
        let wide = {
            let body = [b"ICC_PROFILE\0\x01\x01", &profile[..]].concat();
            let length = (body.len() as u16 + 2).to_be_bytes();
            [&plain[..2], &[0xFF, 0xE2], &length[..], &body, &plain[2..]].concat()
        };
        assert_ne!(ask(wide, as_it_is[0]), plain, "colours of its own");
        // Marks by which readers differ, and segments that not all of them know.
        for (odd, what) in [
            (adobe_0(), "JFIF and RGB"),
            (vec![0xFF, 0xF1, 0, 4, 1, 2], "an extension"),
        ] {
            let file = [&plain[..20], &odd, &plain[20..]].concat();
            let body = ask(file, as_it_is[0]);
            assert!(
                body != plain && recto::jpeg::check(&body).is_ok(),
                "{size:?} {what}"
            );
        }
    }
}

#[test]
fn an_image_that_is_cut_short_is_left_out_and_not_filled_up_with_grey() {
    let encoded = |format| {
        let mut file = std::io::Cursor::new(Vec::new());
        scene(90, 61).write_to(&mut file, format).unwrap();
        file.into_inner()
    };
    let half = |file: &[u8]| file[..file.len() / 2].to_vec();
    let (small, large) = (jpeg(&scene(90, 61)), jpeg(&scene(2300, 1900)));
    let png = encoded(image::ImageFormat::Png);
    let webp = encoded(image::ImageFormat::WebP);
    // (name, file, whether it can be shown)
    let cases = [
        ("half.jpg", half(&small), false),
        ("half-large.jpg", half(&large), false),
        ("half.png", half(&png), false),
        ("half.webp", half(&webp), false),
        ("last-row.png", png[..png.len() - 40].to_vec(), false),
        // Only the mark of the end is missing, or something stands behind it.
        ("mark.jpg", small[..small.len() - 2].to_vec(), true),
        ("mark-large.jpg", large[..large.len() - 2].to_vec(), true),
        ("more.png", [&png[..], b"and more"].concat(), true),
        ("more.webp", [&webp[..], b"and more"].concat(), true),
        ("whole.jpg", large.clone(), true),
    ];
    let work = Workdir::new();
    for (name, file, _) in &cases {
        work.write(&format!("pictures/{name}"), file);
    }
    let server = Serving::start(&work, &["pictures"]);
    let ask = |name: &str, rest: &str| server.get(&format!("/iiif/3/{name}/{rest}"));
    for (name, _, is_shown) in &cases {
        let status = if *is_shown { 200 } else { 404 };
        for rest in ["full/max/0/default.jpg", "0,0,32,32/16,/0/default.png"] {
            assert_eq!(ask(name, rest).status, status, "{name} {rest}");
        }
    }
    // One that is damaged later is not gone.
    work.write("pictures/whole.jpg", half(&large));
    let got = ask("whole", "full/max/0/default.jpg");
    let words = String::from_utf8_lossy(&got.body).into_owned();
    assert_eq!(got.status, 500, "{words}");
    let (_, _, err) = server.stop();
    for (name, _, _) in cases.iter().filter(|(.., is_shown)| !is_shown) {
        let why = "not an image that can be read: it is cut short: its end is missing";
        assert!(
            err.contains(&format!("left out {name}: {why}")),
            "{name}: {err}"
        );
    }
}

#[test]
fn tiles_of_plain_rgb_and_turned_files_are_read_too() {
    let raw = |image: &RgbImage| image.as_raw().clone();
    let full = scene(150, 100);
    let style = Style {
        compression: 1,
        photometric: 2,
        ..PLAIN
    };
    let (_work, server) = serving("a.tif", tiff(&[level(&full, raw)], style));
    let got = server
        .image("/iiif/3/a/10,20,100,70/max/0/default.png")
        .to_rgb8();
    assert_eq!(
        got,
        DynamicImage::from(full.clone())
            .crop_imm(10, 20, 100, 70)
            .to_rgb8()
    );
    let turned = Style {
        orientation: 6,
        ..style
    };
    let (_work, server) = serving("a.tif", tiff(&[level(&full, raw)], turned));
    assert_eq!(server.json("/iiif/3/a/info.json")["width"], 100);
    let got = server.image("/iiif/3/a/full/max/0/default.png").to_rgb8();
    assert_eq!(got, DynamicImage::from(full).rotate90().to_rgb8());
}

#[test]
fn what_a_tiff_lies_about_is_no_panic() {
    let file = pyramid(PLAIN);
    let (work, server) = serving("a.tif", file.clone());
    for cut in (8..file.len()).step_by(file.len() / 23) {
        work.write("pictures/a.tif", &file[..cut]);
        let got = server.get("/iiif/3/a/full/90,/0/default.jpg");
        assert!(
            [200, 404, 500].contains(&got.status),
            "{cut}: {}",
            got.status
        );
    }
    for at in (0..file.len()).rev().take(700) {
        let mut bent = file.clone();
        bent[at] ^= 0xff;
        work.write("pictures/a.tif", bent);
        let got = server.get("/iiif/3/a/0,0,64,64/max/0/default.jpg");
        assert!(
            [200, 400, 404, 500].contains(&got.status),
            "{at}: {}",
            got.status
        );
    }
    assert_eq!(server.get("/health").status, 200);
    let unknown = tiff(
        &[level(&scene(64, 64), jpeg)],
        Style {
            compression: 34_712,
            ..PLAIN
        },
    );
    work.write("pictures/z.tif", unknown);
    let server = Serving::start(&work, &["pictures"]);
    let (_, _, err) = server.stop();
    assert!(
        err.contains("its compression is not supported: compression tag 34712"),
        "{err}"
    );
}

/// An RGB image of 40 pixels in width, in strips of ten rows; what it says of itself stands before its pixels.
fn in_strips(height: u32, strips: &[&[u8]], lengths: &[u32]) -> Vec<u8> {
    const TAGS: u32 = 9;
    let lists = 8 + 2 + TAGS * 12 + 4;
    let count = strips.len() as u32;
    let mut places = Vec::new();
    let mut at = lists + 8 * count;
    for strip in strips {
        places.push(at);
        at += strip.len() as u32;
    }
    let tags = [
        (256, 1, 40),
        (257, 1, height),
        (258, 1, 8),
        (259, 1, 1),
        (262, 1, 2),
        (273, count, lists),
        (277, 1, 3),
        (278, 1, 10),
        (279, count, lists + 4 * count),
    ];
    let mut file = b"II\x2a\0\x08\0\0\0\x09\0".to_vec();
    for (tag, count, value) in tags {
        file.extend(u16::to_le_bytes(tag));
        file.extend(u16::to_le_bytes(4));
        file.extend(u32::to_le_bytes(count));
        file.extend(u32::to_le_bytes(value));
    }
    file.extend([0; 4]);
    let lists = places.iter().chain(lengths);
    lists.for_each(|number| file.extend(number.to_le_bytes()));
    strips.iter().for_each(|strip| file.extend(*strip));
    file
}

#[test]
fn a_tiff_that_is_cut_short_is_left_out_or_answered_with_words() {
    let strip: &[u8] = &[7; 1200];
    let whole = in_strips(30, &[strip; 3], &[1200; 3]);
    let end = whole.len();
    let short = in_strips(25, &[strip, strip, &strip[..600]], &[1200; 3]);
    // JPEG in strips, of whose kind another reader knows nothing.
    let mut jpeg = whole[..end / 2].to_vec();
    jpeg[54] = 7;
    // (name, file, what is said of it at the start; nothing if it is shown)
    let cases = [
        ("whole", whole.clone(), ""),
        // The length of the last strip is that of the others, although it has fewer rows.
        ("last", short.clone(), ""),
        (
            "last-cut",
            short[..short.len() - 1].to_vec(),
            "it is cut short: 1 of its 3 tiles or strips lie beyond its end",
        ),
        (
            "half",
            whole[..end / 2].to_vec(),
            "it is cut short: 2 of its 3 tiles or strips lie beyond its end",
        ),
        (
            "byte",
            whole[..end - 1].to_vec(),
            "it is cut short: 1 of its 3 tiles or strips lie beyond its end",
        ),
        (
            "jpeg",
            jpeg,
            "it is cut short: 2 of its 3 tiles or strips lie beyond its end",
        ),
        (
            "missing",
            in_strips(40, &[strip; 3], &[1200; 3]),
            "only 3 of its 4 tiles or strips are listed",
        ),
    ];
    let work = Workdir::new();
    for (name, file, _) in &cases {
        work.write(&format!("pictures/{name}.tif"), file);
    }
    let server = Serving::start(&work, &["pictures"]);
    for (name, _, why) in &cases {
        let got = server.get(&format!("/iiif/3/{name}/full/max/0/default.png"));
        assert_eq!(got.status, if why.is_empty() { 200 } else { 404 }, "{name}");
    }
    // One that is damaged later is not gone.
    work.write("pictures/whole.tif", &whole[..end / 2]);
    for path in ["info.json", "full/max/0/default.png"] {
        let got = server.get(&format!("/iiif/3/whole/{path}"));
        let words = String::from_utf8_lossy(&got.body).into_owned();
        assert_eq!(got.status, 500, "{path}: {words}");
        assert!(words.starts_with("`whole` cannot be shown: "), "{words}");
        assert!(words.contains("it is cut short: 2 of its 3"), "{words}");
    }
    std::fs::remove_file(work.path("pictures/whole.tif")).unwrap();
    assert_eq!(server.get("/iiif/3/whole/info.json").status, 404);
    let (_, _, err) = server.stop();
    for (name, _, why) in cases.iter().filter(|(.., why)| !why.is_empty()) {
        let line = format!("left out {name}.tif: not an image that can be read: {why}");
        assert!(err.contains(&line), "{line} is not in {err}");
    }
}

#[test]
fn colours_come_as_srgb_turned_upright_and_in_eight_bits() {
    let mut png = Vec::new();
    let mut info = png::Info::with_size(4, 4);
    info.color_type = png::ColorType::Rgb;
    info.icc_profile = Some(
        moxcms::ColorProfile::new_display_p3()
            .encode()
            .unwrap()
            .into(),
    );
    let encoder = png::Encoder::with_info(&mut png, info).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer
        .write_image_data(&[200, 100, 100].repeat(16))
        .unwrap();
    writer.finish().unwrap();
    let (work, server) = serving("wide.png", png);
    // Display P3 (200, 100, 100) is about sRGB (214, 93, 96).
    let [r, g, b] = server
        .image("/iiif/3/wide/full/max/0/default.png")
        .to_rgb8()
        .get_pixel(1, 1)
        .0;
    assert!(
        r.abs_diff(214) <= 2 && g.abs_diff(93) <= 2 && b.abs_diff(96) <= 2,
        "{r} {g} {b}"
    );

    let deep = image::ImageBuffer::<Rgb<u16>, _>::from_fn(3, 2, |x, _| {
        Rgb([x as u16 * 257 * 100, 65_535, 128])
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    DynamicImage::from(deep)
        .write_to(&mut bytes, image::ImageFormat::Tiff)
        .unwrap();
    work.write("pictures/deep.tif", bytes.into_inner());
    let mut exif = jpeg(&scene(64, 32));
    // Orientation 6 in an Exif segment of one entry.
    let segment =
        b"\xff\xe1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    exif.splice(2..2, segment.iter().copied());
    work.write("pictures/phone.jpg", exif);
    let server = Serving::start(&work, &["pictures"]);
    let got = server.image("/iiif/3/deep/full/max/0/default.png");
    assert_eq!(got.color(), image::ColorType::Rgb8);
    assert_eq!(got.to_rgb8().get_pixel(2, 1).0, [200, 255, 0]);
    let info = server.json("/iiif/3/phone/info.json");
    assert_eq!((&info["width"], &info["height"]), (&32.into(), &64.into()));
    let got = server
        .image("/iiif/3/phone/full/max/0/default.png")
        .to_rgb8();
    // The left end is on top now.
    assert!(got.get_pixel(16, 2).0[0] < 40 && got.get_pixel(16, 60).0[0] > 200);
}

/// Turned by quarters and mirrored, a JPEG keeps every coefficient: decoding it differs from turning what is decoded by
/// rounding only.
#[test]
fn quarter_turns_of_a_jpeg_lose_nothing() {
    let file = jpeg(&scene(320, 208));
    let (_work, server) = serving("a.jpg", file.clone());
    let whole = image::load_from_memory(&file).unwrap().to_rgb8();
    let quarters = |image: &RgbImage, n: u32| -> RgbImage {
        (0..n).fold(image.clone(), |image, _| image::imageops::rotate90(&image))
    };
    for (rotation, turns, mirror) in [
        ("90", 1, false),
        ("180", 2, false),
        ("270", 3, false),
        ("!0", 0, true),
        ("!90", 1, true),
    ] {
        let got = server
            .image(&format!("/iiif/3/a/full/max/{rotation}/default.jpg"))
            .to_rgb8();
        let start = if mirror {
            image::imageops::flip_horizontal(&whole)
        } else {
            whole.clone()
        };
        let wanted = quarters(&start, turns);
        assert_eq!(got.dimensions(), wanted.dimensions(), "{rotation}");
        let most = got
            .iter()
            .zip(wanted.iter())
            .map(|(a, b)| a.abs_diff(*b))
            .max();
        assert!(most <= Some(3), "{rotation}: {most:?}");
    }
    assert_eq!(count(&server, "recto_answers_passed_through_total"), 5);
}

/// So does one that EXIF turns, with and without a turn of the request.
#[test]
fn what_exif_turns_loses_nothing() {
    let file = jpeg(&scene(320, 208));
    let whole = image::load_from_memory(&file).unwrap();
    for orientation in 1..=8 {
        let (_work, server) = serving("a.jpg", with_words(&file, orientation));
        let mut upright = whole.clone();
        upright.apply_orientation(image::metadata::Orientation::from_exif(orientation).unwrap());
        let cases = [
            ("0", upright.clone()),
            ("90", upright.rotate90()),
            ("!0", upright.fliph()),
            ("!270", upright.fliph().rotate270()),
        ];
        for (rotation, wanted) in cases {
            let got = server.image(&format!("/iiif/3/a/full/max/{rotation}/default.jpg"));
            let [got, wanted] = [got, wanted].map(|image| image.to_rgb8());
            let what = format!("EXIF {orientation}, {rotation}");
            assert_eq!(got.dimensions(), wanted.dimensions(), "{what}");
            let differences = got.iter().zip(wanted.iter()).map(|(a, b)| a.abs_diff(*b));
            assert!(differences.max() <= Some(3), "{what}");
        }
        assert_eq!(count(&server, "recto_answers_passed_through_total"), 4);
    }
}

#[test]
fn images_in_a_tar_file_are_served_as_files_are() {
    let work = Workdir::new();
    let large = scene(3000, 2000);
    let tiff = recto_testkit::dataset::picture(300, 200, 3, image::ImageFormat::Tiff);
    let files = [
        ("a.jpg", jpeg(&large)),
        ("b.tif", tiff),
        ("c.png", running::picture(40, 30)),
    ];
    let mut tar = tar::Builder::new(Vec::new());
    let (mut here, mut packed) = (serde_json::Map::new(), serde_json::Map::new());
    let (mut images, mut at) = (Vec::new(), 0);
    for (name, bytes) in &files {
        work.write(&format!("files/{name}"), bytes);
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, name, &bytes[..]).unwrap();
        let entry = format!(
            "{name}#pack=all.tar&offset={}&length={}",
            at + 512,
            bytes.len()
        );
        at += 512 + bytes.len().next_multiple_of(512);
        here.insert((*name).to_owned(), format!("files/{name}").into());
        packed.insert((*name).to_owned(), entry.into());
        images.push(
            serde_json::json!({"id": name, "group": "g", "image": {}, "source": {"kind": "x"}}),
        );
    }
    work.write("all.tar", tar.into_inner().unwrap());
    let set =
        serde_json::json!({"contract": "recto/localizations", "version": 1, "images": images});
    work.write_json("set.json", &set);
    work.write_json("here.json", &here.into());
    work.write_json("packed.json", &packed.into());
    let [of_files, of_tar] = ["here.json", "packed.json"]
        .map(|map| Serving::start(&work, &["set.json", "--image-map", map]));
    for (name, _) in &files {
        let [a, b] =
            [&of_files, &of_tar].map(|server| server.json(&format!("/iiif/3/{name}/info.json")));
        assert_eq!(
            (&a["width"], &a["height"], &a["tiles"]),
            (&b["width"], &b["height"], &b["tiles"]),
            "{name}"
        );
        for request in [
            "full/max/0/default.png",
            "10,10,20,15/max/90/gray.jpg",
            "full/30,/0/default.jpg",
        ] {
            let path = format!("/iiif/3/{name}/{request}");
            let [a, b] = [&of_files, &of_tar].map(|server| server.get(&path));
            assert_eq!((a.status, b.status), (200, 200), "{path}");
            assert!(a.body == b.body, "{path} is another");
        }
    }
    drop((of_files, of_tar));
    work.write_json(
        "stored.json",
        &serde_json::json!({"a.jpg": "s3://bucket/a.jpg"}),
    );
    work.run("serve", &["set.json", "--image-map", "stored.json"])
        .exits(1)
        .says(&["s3://bucket/a.jpg is in an object store", "--image-map"]);
}

/// The most memory that a process took so far, in MiB.
#[cfg(target_os = "linux")]
fn peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kib = line.unwrap().trim().trim_end_matches(" kB");
    kib.parse::<u64>().unwrap() >> 10
}

#[test]
#[cfg(target_os = "linux")]
fn a_profile_that_inflates_to_more_than_any_profile_has_is_left_out() {
    const INFLATED: usize = 400 << 20;
    let mut profile = b"icc\0\0".to_vec();
    let mut deflate = flate2::write::ZlibEncoder::new(&mut profile, flate2::Compression::best());
    for _ in 0..INFLATED >> 20 {
        deflate.write_all(&[0; 1 << 20]).unwrap();
    }
    deflate.finish().unwrap();
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, 50, 40);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    writer
        .write_chunk(png::chunk::ChunkType(*b"iCCP"), &profile)
        .unwrap();
    writer.write_image_data(&[77; 50 * 40 * 3]).unwrap();
    writer.finish().unwrap();
    assert!(png.len() < 1 << 20);
    let (_work, server) = serving("a.png", png);
    let image = server.image("/iiif/3/a/full/max/0/default.png").into_rgb8();
    assert_eq!((image.dimensions(), image[(0, 0)].0), ((50, 40), [77; 3]));
    let peak = peak(server.child.id());
    assert!(peak < 200, "{peak} MiB");
}

#[test]
fn all_pages_of_a_tiff_are_served() {
    // If each page was looked for from the first on, this would take minutes.
    const PAGES: usize = 3000;
    let mut writer = Writer {
        bytes: b"II\x2a\0\0\0\0\0".to_vec(),
        big: false,
    };
    let (mut link, place) = (4, writer.bytes.len() as u64);
    writer.bytes.extend([9; 64]);
    for _ in 0..PAGES {
        let one = |tag: u16, value: u64| (tag, vec![value]);
        let tags = [
            one(256, 8),
            one(257, 8),
            one(258, 8),
            one(259, 1),
            one(262, 1),
            one(273, place),
            one(277, 1),
            one(278, 8),
            one(279, 64),
        ];
        let (start, next) = writer.directory(&tags);
        writer.link(link, start);
        link = next;
    }
    let (work, server) = serving("a.tif", writer.bytes);
    let list = server.json("/pages/images.json");
    assert_eq!(list["images"].as_array().map(Vec::len), Some(PAGES));
    let last = server.image(&format!("/iiif/3/a%3B{PAGES}/full/max/0/default.png"));
    assert_eq!(last.into_luma8()[(3, 3)].0, [9]);
    // Beside what is called like one of its pages it keeps its suffix, as a PDF does.
    work.write("pictures/a;2.png", crate::running::picture(20, 10));
    let server = Serving::start(&work, &["pictures"]);
    let width = |id: &str| server.json(&format!("/iiif/3/{id}/info.json"))["width"].clone();
    let widths = ["a;2", "a.tif", "a.tif;2"].map(width);
    assert_eq!(widths, [20, 8, 8].map(serde_json::Value::from));
}
