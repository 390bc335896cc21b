//! Damaged JPEGs before every public function that reads bytes: none panics, hangs, or allocates beyond what its
//! documentation states, and what is accepted is decoded by a decoder of somebody else.
//!
//! Damage comes from a small generator. A failure names its seed:
//!
//! ```text
//! RECTO_SEED=1234 cargo test -p recto-jpeg --test mutations
//! ```
//!
//! repeats that case alone; `RECTO_CASES` is how many seeds follow from there.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use peak_alloc::PeakAlloc;
use recto_jpeg::index::{HuffmanTables, Index, Window, is_indexable};
use recto_jpeg::tiled::{TiffPlan, TiffWriter};
use recto_jpeg::{Grid, Plan, Stitcher, SymbolCounts, check, strip_metadata};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;

#[allow(dead_code, reason = "the other tests use the rest")]
#[path = "lossless/fixtures.rs"]
mod fixtures;

use fixtures::{Colours, Picture, Shape, join, rewritten, segment, segments};

/// In a process of its own, so that nothing else allocates meanwhile.
#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

const SIZE: [u32; 2] = [48, 32];
const CASES: u64 = 2500;
/// A call takes milliseconds. This is how long it may take on a machine that is busy with other things.
const HANGS: Duration = Duration::from_secs(60);

#[test]
fn damaged_jpegs_are_refused_or_sound_and_cost_little() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>());
    let number = |name: &str| number(name).transpose().expect("a number");
    let first = number("RECTO_SEED");
    let cases = number("RECTO_CASES").unwrap_or(if first.is_some() { 1 } else { CASES });
    let sound = samples();
    for (name, bytes) in &sound[..sound.len() - 1] {
        check(bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    let (tell, told) = mpsc::channel();
    let worker = thread::spawn(move || {
        let mut accepted = BTreeMap::new();
        // The shared tables are made at the first use and stay: they are not counted.
        for (_, bytes) in &sound {
            each_function(bytes, &sound[0].1, &mut |_, call| {
                call();
            });
        }
        for seed in (first.unwrap_or(1)..).take(cases as usize) {
            let mut random = Random(seed);
            let (sample, bytes) = &sound[random.below(sound.len())];
            let bytes = mutated(bytes, &mut random);
            each_function(&bytes, &sound[0].1, &mut |function, call| {
                let case = format!("RECTO_SEED={seed}: {function} of a changed `{sample}`");
                tell.send(case.clone()).unwrap();
                let before = ALLOCATED.current_usage();
                ALLOCATED.reset_peak_usage();
                let found = catch_unwind(AssertUnwindSafe(call));
                // The other thread may have freed a message meanwhile.
                let used = ALLOCATED.peak_usage().saturating_sub(before);
                let found = found.unwrap_or_else(|_| panic!("{case} panics"));
                let most = most_memory(function, bytes.len());
                assert!(
                    used <= most,
                    "{case} allocates {used} bytes, more than {most}"
                );
                *accepted.entry(function).or_insert(0) += u64::from(found.is_some());
            });
        }
        accepted
    });
    let mut last = String::new();
    loop {
        match told.recv_timeout(HANGS) {
            Ok(case) => last = case,
            Err(RecvTimeoutError::Timeout) => panic!("{last} hangs"),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    let accepted = worker.join().unwrap_or_else(|_| panic!("failed at {last}"));
    if first.is_none() {
        // Both happens often enough for the test to mean something.
        for (function, accepted) in &accepted {
            let share = accepted * 100 / cases;
            assert!((3..=90).contains(&share), "{function} accepts {share} %");
        }
        assert_eq!(accepted.len(), 9, "{accepted:?}");
    }
}

/// The most that a function may allocate at once, as its documentation states it, and something for tables.
fn most_memory(function: &str, bytes: usize) -> usize {
    const TABLES: usize = 1 << 20;
    TABLES
        + bytes
            * match function {
                // A bit per coefficient, and the parts of the ICC profile twice.
                "check" => 64 + 3,
                "strip_metadata" | "is_indexable" => 4,
                // 128 bytes per block and the same bits, for at most 8 blocks per byte.
                _ => 8 * (128 + 8) + 64,
            }
}

type Call<'a> = &'a mut dyn FnMut() -> Option<()>;

/// Hands every public function that reads bytes to `each`, to be called; it tells whether the bytes were accepted. What
/// it returns is held against [`check`] and the other decoder.
fn each_function(bytes: &[u8], sound: &[u8], each: &mut dyn FnMut(&'static str, Call)) {
    let mut info = None;
    each("check", &mut || {
        info = check(bytes).ok();
        info.as_ref().map(|_| ())
    });
    // Outside of what is measured: the other decoder has its own needs.
    // Where bytes belong to no segment, decoders differ in what they pass over.
    if let Some(info) = info.as_ref().filter(|info| info.stray_bytes == 0) {
        assert_decodes(bytes, [info.width, info.height], &NOT_READ_ELSEWHERE);
    }
    each("SymbolCounts::of", &mut || {
        SymbolCounts::of(bytes).ok().map(|_| ())
    });
    let mut made = None;
    each("Plan::new", &mut || {
        let grid = Grid::even(SIZE, SIZE).unwrap();
        made = join(&grid, &[bytes.to_vec()]).ok();
        made.as_ref().map(|_| ())
    });
    assert_sound(made.take(), SIZE);
    each("Plan::tile", &mut || {
        let grid = Grid::even([SIZE[0] * 2, SIZE[1]], SIZE).unwrap();
        made = beside(&grid, sound, bytes);
        made.as_ref().map(|_| ())
    });
    assert_sound(made.take(), [SIZE[0] * 2, SIZE[1]]);
    each("TiffPlan::tile", &mut || {
        made = in_tiff(bytes, bytes);
        made.as_ref().map(|_| ())
    });
    assert_sound(made.take(), SIZE);
    each("TiffPlan::tile of a sound plan", &mut || {
        made = in_tiff(sound, bytes);
        made.as_ref().map(|_| ())
    });
    assert_sound(made.take(), SIZE);
    each("strip_metadata", &mut || {
        made = strip_metadata(bytes);
        made.as_ref().map(|_| ())
    });
    if let (Some(stripped), Some(info)) = (made.take(), &info) {
        let found = check(&stripped).unwrap();
        assert_eq!([found.width, found.height], [info.width, info.height]);
        assert_decodes(&stripped, [info.width, info.height], &NOT_READ_ELSEWHERE);
    }
    each("Index::read", &mut || {
        let index = Index::read(bytes).ok()?;
        let [columns, rows] = index.mcus();
        let window = Window {
            from: [columns / 2, rows / 2],
            to: [columns, rows],
        };
        index.coefficients(bytes, window).ok()?;
        index
            .crop(bytes, window, None, HuffmanTables::Standard)
            .ok()?;
        made = index
            .crop(bytes, window, Some([columns, rows]), HuffmanTables::Optimal)
            .ok();
        made.as_ref().map(|_| ())
    });
    if let Some(cropped) = made.take() {
        check(&cropped).unwrap();
    }
    // The index of one file used for another.
    let other = Index::read(sound).unwrap();
    let window = Window {
        from: [0, 0],
        to: other.mcus(),
    };
    each("Index::crop", &mut || {
        made = other.crop(bytes, window, None, HuffmanTables::Optimal).ok();
        let _ = is_indexable(bytes);
        made.as_ref().map(|_| ())
    });
    assert_sound(made.take(), SIZE);
}

/// What this crate wrote passes its own check and is decoded elsewhere.
fn assert_sound(made: Option<Vec<u8>>, size: [u32; 2]) {
    let Some(made) = made else { return };
    let info = check(&made).unwrap();
    assert_eq!([info.width, info.height], size);
    assert_decodes(&made, size, &[UNKNOWN_COLOURS]);
}

/// What zune-jpeg does not read although libjpeg does, in its words: an unknown colour transform in an Adobe segment.
const UNKNOWN_COLOURS: &str = "Unknown Adobe colorspace";

/// The same in files that are not written here: those that rely on the standard Huffman tables, give their height after
/// the scan, have quantization tables between scans, fields of sequential scans unset, segments without use, or up to
/// four unused bytes after a scan.
const NOT_READ_ELSEWHERE: [&str; 8] = [
    "Marker missing where expected",
    UNKNOWN_COLOURS,
    "No DC table",
    "No AC table",
    "height is set to zero",
    "No quantization table",
    "Error parsing SOS Segment",
    "Parsing of the following header",
];

/// Fails unless zune-jpeg decodes the JPEG to this size, or names one of these reasons.
fn assert_decodes(bytes: &[u8], size: [u32; 2], reasons: &[&str]) {
    let mut decoder = JpegDecoder::new(ZCursor::new(bytes));
    if let Err(error) = decoder.decode() {
        let error = format!("{error:?}");
        let is_known = reasons.iter().any(|words| error.contains(words));
        assert!(is_known, "accepted, but zune-jpeg says: {error}");
        return;
    }
    let (width, height) = decoder.dimensions().unwrap();
    assert_eq!([width as u32, height as u32], size);
}

/// A sound tile and another one, joined.
fn beside(grid: &Grid, sound: &[u8], bytes: &[u8]) -> Option<Vec<u8>> {
    let plan = Plan::new(grid.clone(), sound, &SymbolCounts::default()).unwrap();
    let tiles = [
        plan.tile([0, 0], sound).unwrap(),
        plan.tile([1, 0], bytes).ok()?,
    ];
    let mut out = plan.header();
    let mut stitcher = Stitcher::new(&plan);
    stitcher.band(&tiles, &mut out).ok()?;
    stitcher.finish(&mut out).unwrap();
    Some(out)
}

/// A tile as a TIFF holds it that was planned by another.
fn in_tiff(first: &[u8], bytes: &[u8]) -> Option<Vec<u8>> {
    let plan = TiffPlan::new(Grid::even(SIZE, SIZE).unwrap(), first).ok()?;
    let tile = plan.tile([0, 0], bytes).ok()?;
    let mut writer = TiffWriter::new(&plan, Cursor::new(Vec::new())).unwrap();
    writer.tile(&tile).unwrap();
    let file = writer.finish().unwrap().into_inner();
    // The first tile follows the header of 16 bytes; what comes after its end marker is not part of it.
    Some(file[16..].to_vec())
}

/// Sound JPEGs of [`SIZE`] with their names. The first is plain; the last is of a kind that is not supported.
fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let plain = Shape::default();
    let half = Shape {
        sampling: [2, 2],
        ..plain
    };
    let of = |shape: Shape| shape.encode(&Picture::drawn(SIZE, shape.channels(), 2));
    let coloured = |colours| of(Shape { colours, ..plain });
    let progressive = |shape| {
        of(Shape {
            progressive: true,
            ..shape
        })
    };
    let optimized = Shape {
        optimized: true,
        ..half
    };
    let restart = |shape| {
        of(Shape {
            restart: 3,
            ..shape
        })
    };
    vec![
        ("baseline", of(plain)),
        ("4:2:0", of(half)),
        ("restart intervals", restart(plain)),
        ("4:2:0 with restart intervals", restart(half)),
        ("one scan per component", of(optimized)),
        ("progressive", progressive(plain)),
        ("progressive 4:2:0", progressive(half)),
        ("progressive with optimal tables", progressive(optimized)),
        ("grey", coloured(Colours::Grey)),
        ("CMYK", coloured(Colours::Cmyk)),
        ("YCCK", coloured(Colours::Ycck)),
        ("EXIF, ICC and comments", with_metadata(&of(half))),
        ("height after the scan", with_late_height(&of(plain))),
        ("no Huffman tables", without(0xC4, &of(plain))),
        ("arithmetic coding", as_arithmetic(&of(plain))),
    ]
}

fn with_metadata(bytes: &[u8]) -> Vec<u8> {
    let metadata = [
        segment(0xE1, b"Exif\0\0MM\0*\0\0\0\x08\0\0"),
        segment(0xE2, b"ICC_PROFILE\0\x02\x02and the rest"),
        segment(0xE2, b"ICC_PROFILE\0\x01\x02a profile "),
        segment(0xED, b"Photoshop 3.0\0"),
        segment(0xFE, b"a comment"),
    ];
    let end = segments(bytes)[0].1.end;
    [&bytes[..end], &metadata.concat(), &bytes[end..]].concat()
}

fn with_late_height(bytes: &[u8]) -> Vec<u8> {
    let unknown = rewritten(bytes, |code, segment| {
        let mut segment = segment.to_vec();
        if code == 0xC0 {
            segment[5..7].fill(0);
        }
        Some(segment)
    });
    let (scans, end) = unknown.split_at(unknown.len() - 2);
    let height = segment(0xDC, &(SIZE[1] as u16).to_be_bytes());
    [scans, &height, end].concat()
}

fn without(code: u8, bytes: &[u8]) -> Vec<u8> {
    rewritten(bytes, |found, segment| {
        (found != code).then(|| segment.to_vec())
    })
}

fn as_arithmetic(bytes: &[u8]) -> Vec<u8> {
    rewritten(bytes, |code, bytes| match code {
        0xC0 => Some(segment(0xC9, &bytes[4..])),
        // Conditioning instead of Huffman tables (DAC).
        0xC4 => Some(segment(0xCC, &[0x00, 0x10])),
        _ => Some(bytes.to_vec()),
    })
}

/// A copy with one to four changes.
fn mutated(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..1 + random.below(4) {
        mutate(&mut bytes, random);
    }
    bytes
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    const NOTABLE: [u8; 8] = [0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF, 0xD0, 0xD9];
    let length = bytes.len();
    if length == 0 {
        return;
    }
    // Half of the changes are made where headers are.
    let at = match random.below(2) {
        0 => random.below(length.min(700)),
        _ => random.below(length),
    };
    let parts = parts(bytes);
    let [a, b] = [(); 2].map(|()| parts[random.below(parts.len())].clone());
    match random.below(12) {
        0 | 1 => bytes[at] ^= 1 << random.below(8),
        2 => bytes[at] = NOTABLE[random.below(NOTABLE.len())],
        3 => bytes[at] = random.next() as u8,
        4 => {
            let end = (at + 2).min(length);
            bytes[at..end].fill(NOTABLE[random.below(NOTABLE.len())]);
        }
        5 => bytes.truncate(at),
        6 => drop(bytes.drain(at..(at + 1 + random.below(64)).min(length))),
        7 => {
            let inserted: Vec<u8> = (0..1 + random.below(16))
                .map(|_| random.next() as u8)
                .collect();
            bytes.splice(at..at, inserted);
        }
        8 => {
            let copied = bytes[at..(at + 1 + random.below(200)).min(length)].to_vec();
            let to = random.below(length);
            bytes.splice(to..to, copied);
        }
        // Whole segments: doubled, removed, exchanged.
        9 => {
            let copied = bytes[a].to_vec();
            bytes.splice(b.start..b.start, copied);
        }
        10 => drop(bytes.drain(a)),
        _ => {
            let (first, second) = if a.start < b.start { (a, b) } else { (b, a) };
            if first.end <= second.start {
                let between = &bytes[first.end..second.start];
                let exchanged = [&bytes[second.clone()], between, &bytes[first.clone()]].concat();
                bytes.splice(first.start..second.end, exchanged);
            }
        }
    }
}

/// From each marker to the next one, and what is after the last: never empty.
fn parts(bytes: &[u8]) -> Vec<Range<usize>> {
    let is_marker = |at: &usize| bytes[*at] == 0xFF && !matches!(bytes[*at + 1], 0 | 0xFF);
    let markers = (0..bytes.len().saturating_sub(1)).filter(is_marker);
    let starts: Vec<usize> = markers.chain([bytes.len()]).collect();
    let ends = starts.iter().skip(1).copied().chain([bytes.len()]);
    let from_to = starts.iter().zip(ends);
    from_to.map(|(&start, end)| start..end).collect()
}

/// Deterministic random numbers (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    /// From 0 to `end`, which is not included; 0 if that is 0.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}
