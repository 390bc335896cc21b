//! Files that were cut short: left out at the start with the reason, where their image is not all there.

use recto_testkit::Workdir;

use crate::running::Serving;

/// A file name, its bytes, and whether its image is all there.
type Case = (&'static str, Vec<u8>, bool);

/// What is whole is shown, what is not is left out and told at the start. The first is cut later.
fn is_told(cases: &[Case]) {
    let work = Workdir::new();
    for (name, file, _) in cases {
        work.write(&format!("pictures/{name}"), file);
    }
    let server = Serving::start(&work, &["pictures"]);
    let ask = |name: &str| {
        let id = name.split('.').next().unwrap();
        server.get(&format!("/iiif/3/{id}/full/max/0/default.png"))
    };
    for (name, _, is_whole) in cases {
        let got = ask(name);
        let words = String::from_utf8_lossy(&got.body).into_owned();
        let status = if *is_whole { 200 } else { 404 };
        assert_eq!(got.status, status, "{name}: {words}");
    }
    let (name, file, _) = &cases[0];
    work.write(&format!("pictures/{name}"), &file[..file.len() * 2 / 3]);
    assert_eq!(ask(name).status, 500, "{name} is damaged, not gone");
    let (_, _, err) = server.stop();
    let why = "not an image that can be read: it is cut short: its end is missing";
    for (name, _, is_whole) in cases {
        let is_left_out = err.contains(&format!("left out {name}: {why}"));
        assert_eq!(is_left_out, !is_whole, "{name}: {err}");
    }
}

#[test]
fn a_jpeg_2000_is_whole_if_all_its_tile_parts_are_there() {
    // Its box of the code stream, that stream, and its only tile part, with its length and how many parts there are.
    const BOX: usize = 77;
    const STREAM: usize = 85;
    const PART: usize = 201;
    let whole = include_bytes!("steps.jp2").to_vec();
    let with = |at: usize, new: &[u8]| {
        let mut file = whole.clone();
        file[at..at + new.len()].copy_from_slice(new);
        file
    };
    let less = |file: &[u8], bytes: usize| file[..file.len() - bytes].to_vec();
    let to_end = with(BOX, &[0; 4]);
    let open = with(PART + 6, &[0; 4]);
    let uncounted = with(PART + 11, &[0]);
    let two = with(PART + 11, &[2]);
    is_told(&[
        ("whole.jp2", whole.clone(), true),
        ("stream.j2k", whole[STREAM..].to_vec(), true),
        (
            "more.jp2",
            [&whole[..], b"\0\0\0\x0cxml <a/>"].concat(),
            true,
        ),
        ("head.jp2", whole[..240].to_vec(), false),
        ("head-stream.j2k", whole[STREAM..240].to_vec(), false),
        ("half.jp2", less(&whole, 240), false),
        ("half-stream.j2k", less(&whole[STREAM..], 240), false),
        ("byte.jp2", less(&whole, 3), false),
        // Only the mark of the end is missing, of which one byte may be there.
        ("mark.jp2", less(&whole, 2), true),
        ("half-mark.jp2", less(&whole, 1), true),
        ("mark-stream.j2k", less(&whole[STREAM..], 2), true),
        // A box that reaches to the end.
        ("to-end.jp2", to_end.clone(), true),
        ("to-end-mark.jp2", less(&to_end, 2), true),
        ("to-end-half.jp2", less(&to_end, 240), false),
        // A tile part that reaches to the mark: only that tells that it is all there.
        ("open.jp2", open.clone(), true),
        ("open-mark.jp2", less(&open, 2), false),
        ("open-half.jp2", less(&open, 240), false),
        // How many parts there are is not said, or there is another.
        ("uncounted.jp2", uncounted.clone(), true),
        ("uncounted-mark.jp2", less(&uncounted, 2), false),
        ("two-mark.jp2", less(&two, 2), false),
    ]);
}

/// A grey BMP of 8 x 2 pixels, coded in this way.
fn bmp(coding: u32, pixels: &[u8]) -> Vec<u8> {
    let mut file = b"BM\0\0\0\0\0\0\0\0".to_vec();
    for number in [54 + 1024, 40, 8, 2, 8 << 16 | 1, coding, 0, 0, 0, 0, 0] {
        file.extend(u32::to_le_bytes(number));
    }
    file.extend((0..=255).flat_map(|grey| [grey, grey, grey, 0]));
    file.extend(pixels);
    file
}

fn encoded(format: image::ImageFormat) -> Vec<u8> {
    let scene =
        image::RgbImage::from_fn(90, 61, |x, y| image::Rgb([x as u8, y as u8, (x * y) as u8]));
    let mut file = std::io::Cursor::new(Vec::new());
    scene.write_to(&mut file, format).unwrap();
    file.into_inner()
}

#[test]
fn a_gif_is_whole_if_its_first_image_is_there() {
    let whole = encoded(image::ImageFormat::Gif);
    let open = &whole[..whole.len() - 1];
    is_told(&[
        ("whole.gif", whole.clone(), true),
        ("more.gif", [&whole[..], b"and more"].concat(), true),
        ("mark.gif", open.to_vec(), true),
        ("second.gif", [open, b"\x2c\0\0\0\0\x5a"].concat(), true),
        ("half.gif", whole[..whole.len() / 2].to_vec(), false),
        ("row.gif", whole[..whole.len() - 60].to_vec(), false),
    ]);
}

#[test]
fn a_bmp_is_whole_if_its_last_row_is_there() {
    let whole = encoded(image::ImageFormat::Bmp);
    // A run, the end of a row, three pixels as they are, four pixels on, the end.
    let runs = [8, 200, 0, 0, 0, 3, 10, 20, 30, 0, 0, 2, 4, 0, 1, 90, 0, 1];
    // A row on, a run, and the end of the last row, which ends the file.
    let rows = [0, 2, 0, 1, 8, 7, 0, 0];
    let less = |file: &[u8], bytes: usize| file[..file.len() - bytes].to_vec();
    is_told(&[
        ("whole.bmp", whole.clone(), true),
        ("more.bmp", [&whole[..], b"and more"].concat(), true),
        ("half.bmp", less(&whole, whole.len() / 2), false),
        ("byte.bmp", less(&whole, 1), false),
        ("runs.bmp", bmp(1, &runs), true),
        ("runs-mark.bmp", bmp(1, &less(&runs, 2)), false),
        ("runs-half.bmp", bmp(1, &less(&runs, 9)), false),
        ("rows.bmp", bmp(1, &rows), true),
        ("rows-half.bmp", bmp(1, &less(&rows, 2)), false),
    ]);
}

#[test]
#[cfg(feature = "avif")]
fn an_avif_is_whole_if_all_that_it_shows_is_there() {
    let file = |name: &str| {
        let root = env!("CARGO_MANIFEST_DIR");
        std::fs::read(format!("{root}/tests/serve/avif/{name}.avif")).unwrap()
    };
    let [plain, tiles, clear] = ["plain", "tiles", "clear"].map(file);
    let less = |file: &[u8], bytes: usize| file[..file.len() - bytes].to_vec();
    is_told(&[
        ("plain.avif", plain.clone(), true),
        ("more.avif", [&plain[..], b"\0\0\0\x08free"].concat(), true),
        ("plain-byte.avif", less(&plain, 1), false),
        ("tiles.avif", tiles.clone(), true),
        ("tiles-last.avif", less(&tiles, 400), false),
        ("clear.avif", clear.clone(), true),
        ("clear-half.avif", less(&clear, clear.len() / 3), false),
    ]);
}
