//! Files that a download or a copy left unfinished: left out and told at the start, by the parts that are not there.

use crate::running::Serving;
use recto_testkit::Workdir;

const JP2: &[u8] = include_bytes!("steps.jp2");
/// Where its code stream begins.
const STREAM: usize = 85;

fn encoded(format: image::ImageFormat) -> Vec<u8> {
    let noise = |x: u32, y: u32| (x.wrapping_mul(97) ^ y.wrapping_mul(61)) as u8;
    let image = image::RgbImage::from_fn(90, 61, |x, y| {
        image::Rgb([noise(x, y), noise(y, x), x as u8])
    });
    let mut file = std::io::Cursor::new(Vec::new());
    image.write_to(&mut file, format).unwrap();
    file.into_inner()
}

/// `file`, of which `kept` tenths are there.
fn part(file: &[u8], kept: usize) -> Vec<u8> {
    file[..file.len() * kept / 10].to_vec()
}

#[test]
fn a_file_without_all_its_parts_is_left_out_and_one_without_the_mark_of_its_end_is_shown() {
    let (gif, bmp) = (
        encoded(image::ImageFormat::Gif),
        encoded(image::ImageFormat::Bmp),
    );
    let stream = &JP2[STREAM..];
    // A box of length 0 reaches to the end of its file, a tile part of length 0 to that of the code stream.
    let open = [&JP2[..STREAM - 8], &[0; 4], &JP2[STREAM - 4..]].concat();
    let mut last = stream.to_vec();
    let tile_part = last
        .windows(4)
        .position(|four| four == [0xff, 0x90, 0, 10])
        .unwrap();
    last[tile_part + 6..tile_part + 10].fill(0);
    let without_mark = |file: &[u8], mark: usize| file[..file.len() - mark].to_vec();
    let and_more = |file: &[u8]| [file, b"\r\nand more"].concat();
    // (name, file, whether it is shown)
    let cases = [
        ("half.gif", part(&gif, 5), false),
        ("half.bmp", part(&bmp, 5), false),
        ("row.bmp", without_mark(&bmp, 1), false),
        ("half.jp2", part(JP2, 5), false),
        ("most.jp2", part(JP2, 9), false),
        ("open-half.jp2", part(&open, 5), false),
        ("half.j2k", part(stream, 5), false),
        ("start.j2k", stream[..150].to_vec(), false),
        ("last-half.j2k", part(&last, 5), false),
        ("last-mark.j2k", without_mark(&last, 2), false),
        ("mark.gif", without_mark(&gif, 1), true),
        ("mark.jp2", without_mark(JP2, 2), true),
        ("more.gif", and_more(&gif), true),
        ("more.bmp", and_more(&bmp), true),
        ("more.jp2", and_more(JP2), true),
        ("open.jp2", open.clone(), true),
        ("whole.j2k", stream.to_vec(), true),
        ("last.j2k", last.clone(), true),
    ];
    let work = Workdir::new();
    for (name, file, _) in &cases {
        work.write(&format!("pictures/{name}"), file);
    }
    let server = Serving::start(&work, &["pictures"]);
    for (name, _, is_shown) in &cases {
        let status = if *is_shown { 200 } else { 404 };
        let got = server.get(&format!("/iiif/3/{name}/full/max/0/default.png"));
        assert_eq!(got.status, status, "{name}");
    }
    let (_, _, said) = server.stop();
    for (name, _, _) in cases.iter().filter(|(.., is_shown)| !is_shown) {
        let why = "not an image that can be read: it is cut short: its end is missing";
        assert!(
            said.contains(&format!("left out {name}: {why}")),
            "{name}: {said}"
        );
    }
}
