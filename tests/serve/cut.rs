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
