//! Pictures of every format, before everything that reads them: small ones, and with a limit on what they may take.

use std::path::Path;

use peak_alloc::PeakAlloc;
use recto::files::Content;
use recto::pixels;
use recto::pixels::source::{self, ImageSource};
use recto_testkit::mutation::{self, Random};
use recto_testkit::samples;

/// Counts what the tests of this program hold. They run side by side, which [`MOST`] leaves room for.
#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// Sound samples have some 50 by 60 pixels; damaged ones are read up to this many.
const MOST_PIXELS: u64 = 1 << 20;

/// The most that reading one may take, in bytes: an image of that many pixels of 16 bytes, as much again, and 64 MiB.
const MOST: usize = 128 << 20;

/// Calls everything that reads a file, and says whether it could be served.
fn is_read(bytes: &[u8], path: &Path) -> bool {
    std::fs::write(path, bytes).unwrap();
    // Decodes more than this test does: what its own limit allows.
    if let Err(flaw) = pixels::verify(bytes) {
        told::<()>(Err(format!("{flaw:?}")));
    }
    let before = ALLOCATED.current_usage();
    ALLOCATED.reset_peak_usage();
    told(pixels::measure_bytes(bytes));
    told(pixels::decode(bytes, MOST_PIXELS));
    let open = || Content::file(path.to_owned()).open().unwrap();
    told(source::inspect(&open(), 1));
    if let Some(pages) = told(source::inspect_pages(&open())) {
        for page in pages {
            told(page);
        }
    }
    let is_read = told(ImageSource::open(open(), 1, MOST_PIXELS)).is_some_and(|source| {
        let [width, height] = source.size();
        let corner = [0, 0, width.min(20), height.min(20)];
        told(source.region(corner)).is_some()
    });
    let took = ALLOCATED.peak_usage().saturating_sub(before);
    assert!(took < MOST, "it took {} MiB", took >> 20);
    is_read
}

/// What was read; a refusal has its words.
fn told<T>(read: Result<T, String>) -> Option<T> {
    read.map_err(|words| assert!(!words.trim().is_empty(), "refused without a word"))
        .ok()
}

fn damaged(name: &'static str, sound: Vec<Vec<u8>>, cases: u64) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("picture.{name}"));
    for bytes in &sound {
        assert!(is_read(bytes, &path), "{name} is not read as it is");
    }
    let make = move |random: &mut Random| {
        let bytes = random.choose(&sound).clone();
        mutation::bytes(&bytes, random)
    };
    let takes = move |bytes: &[u8]| {
        let _ = &folder;
        is_read(bytes, &path)
    };
    mutation::check(cases, make, takes).is_mixed();
}

fn samples_of(format: &str) -> Vec<Vec<u8>> {
    let all = samples::pictures().into_iter();
    let of_it = all.filter(|(name, _)| name.ends_with(format));
    of_it.map(|(_, bytes)| bytes).collect()
}

#[test]
fn jpeg() {
    damaged("jpg", samples_of("jpg"), 400);
}

#[test]
fn png() {
    damaged("png", samples_of("png"), 400);
}

#[test]
fn gif() {
    damaged("gif", samples_of("gif"), 400);
}

#[test]
fn webp() {
    damaged("webp", samples_of("webp"), 400);
}

#[test]
fn bmp() {
    damaged("bmp", samples_of("bmp"), 400);
}

#[test]
fn tiff() {
    damaged("tif", samples_of("tif"), 400);
}

#[test]
fn jpeg_2000() {
    let steps = include_bytes!("../serve/steps.jp2");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("picture.jp2");
    let takes = move |bytes: &[u8]| {
        let _ = &folder;
        is_read(bytes, &path)
    };
    mutation::check(200, |random| mutation::bytes(steps, random), takes).is_mixed();
}

#[test]
fn pdf() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("paper.pdf");
    let takes = move |bytes: &[u8]| {
        let _ = &folder;
        std::fs::write(&path, bytes).unwrap();
        let sizes = told(pixels::pdf_reader::sizes(&path));
        let first = sizes.and_then(|sizes| sizes.first().copied());
        // Pages that damage has made large are drawn in a process of their own in serve.
        let is_small = first.is_some_and(|size| size.iter().all(|side| *side < 500.0));
        is_small && told(pixels::pdf_reader::draw(&path, 1, 36, |_| {})).is_some()
    };
    mutation::check(
        200,
        |random| mutation::bytes(&samples::pdf(), random),
        takes,
    )
    .is_mixed();
}
