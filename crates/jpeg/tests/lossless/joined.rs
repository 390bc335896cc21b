//! Tiles joined: what comes out decodes to what went in.

use std::io::Cursor;

use proptest::prelude::*;
use recto_jpeg::index::{HuffmanTables, Index, Window};
use recto_jpeg::{Grid, JoinError, Plan, SymbolCounts, check, tiled};

use crate::fixtures::*;

fn shapes() -> Vec<(&'static str, Shape)> {
    let shape = Shape::default();
    let sampled = |h, v| Shape {
        sampling: [h, v],
        ..shape
    };
    let coloured = |colours| Shape { colours, ..shape };
    vec![
        ("4:4:4", shape),
        ("4:2:2", sampled(2, 1)),
        ("4:4:0", sampled(1, 2)),
        ("4:2:0", sampled(2, 2)),
        ("4:1:1", sampled(4, 1)),
        ("grey", coloured(Colours::Grey)),
        ("CMYK", coloured(Colours::Cmyk)),
        ("YCCK", coloured(Colours::Ycck)),
    ]
}

type Change = fn(Shape) -> Shape;

fn coded() -> Vec<(&'static str, Change)> {
    vec![
        ("plain", |shape| shape),
        ("restarts", |shape| Shape {
            restart: 5,
            ..shape
        }),
        ("a scan to each component", |shape| Shape {
            optimized: true,
            ..shape
        }),
        ("progressive", |shape| Shape {
            progressive: true,
            ..shape
        }),
        ("progressive, optimised", |shape| Shape {
            progressive: true,
            optimized: true,
            ..shape
        }),
        ("fine", |shape| Shape {
            quality: 100,
            ..shape
        }),
    ]
}

/// Every pixel is the same, but for those whose chroma a decoder mixes with that of the next tile.
fn assert_same(joined: &Picture, mosaic: &Picture, grid: &Grid, shape: &Shape, name: &str) {
    assert_eq!(joined.size, mosaic.size, "{name}");
    if shape.sampling == [1, 1] || shape.channels() != 3 {
        assert!(joined == mosaic, "{name}: pixels differ");
        return;
    }
    let reach = 2 * u32::from(shape.sampling[0].max(shape.sampling[1]));
    let mut compared = 0;
    for (_, at, size) in cells(grid) {
        let inside = |side: usize| at[side] + reach..(at[side] + size[side]).saturating_sub(reach);
        for (y, x) in inside(1).flat_map(|y| inside(0).map(move |x| (y, x))) {
            assert_eq!(
                joined.pixel([x, y]),
                mosaic.pixel([x, y]),
                "{name}: {x},{y}"
            );
            compared += 1;
        }
    }
    assert!(compared > 0, "{name}");
}

#[test]
fn joined_tiles_decode_to_the_pixels_of_the_tiles() {
    let grid = Grid::even([203, 141], [64, 64]).unwrap();
    let mut joined_shapes = 0;
    for (sampling, shape) in shapes() {
        for (coding, change) in coded() {
            let (name, shape) = (format!("{sampling}, {coding}"), change(shape));
            let picture = Picture::drawn(grid.size(), shape.channels(), 7);
            let all = tiles(&picture, &grid, |_| shape);
            // The same coefficients: the judge does not read all scans of one component right.
            let plainly = tiles(&picture, &grid, |_| shape.plain());
            let joined = join(&grid, &all).unwrap_or_else(|e| panic!("{name}: {e}"));
            let info = check(&joined).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!([info.width, info.height], grid.size(), "{name}");
            assert!(!info.progressive && info.scans == 1, "{name}");
            assert_same(
                &decode(&joined),
                &mosaic(&grid, &plainly),
                &grid,
                &shape,
                &name,
            );
            joined_shapes += 1;
        }
    }
    assert_eq!(joined_shapes, 48);
}

#[test]
fn however_tiles_are_coded_the_joined_file_is_the_same() {
    let grid = Grid::even([203, 141], [64, 64]).unwrap();
    let picture = Picture::drawn(grid.size(), 3, 3);
    let shape = Shape {
        sampling: [2, 1],
        ..Shape::default()
    };
    let plain = join(&grid, &tiles(&picture, &grid, |_| shape)).unwrap();
    for (name, change) in &coded()[1..5] {
        let other = join(&grid, &tiles(&picture, &grid, |_| change(shape))).unwrap();
        assert!(other == plain, "{name}");
    }
    let mixed = |i: usize| coded()[i % 5].1(shape);
    let other = join(&grid, &tiles(&picture, &grid, mixed)).unwrap();
    assert_same(
        &decode(&other),
        &decode(&plain),
        &grid,
        &Shape::default(),
        "mixed",
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_grid_of_whole_mcus_is_joined(
        columns in prop::collection::vec(1u32..5, 0..4),
        rows in prop::collection::vec(1u32..4, 0..4),
        last in [1u32..70, 1u32..70],
        kind in 0usize..8,
        coding in 0usize..6,
        seed: u32,
    ) {
        let shape = coded()[coding].1(shapes()[kind].1);
        let mcu = shape.mcu();
        let sides = |counts: Vec<u32>, side: usize| -> Vec<u32> {
            counts.iter().map(|n| n * mcu[side]).chain([last[side]]).collect()
        };
        let grid = Grid::new(sides(columns, 0), sides(rows, 1)).unwrap();
        let picture = Picture::drawn(grid.size(), shape.channels(), seed % 1000);
        let joined = join(&grid, &tiles(&picture, &grid, |_| shape)).unwrap();
        check(&joined).unwrap();
        let plainly = tiles(&picture, &grid, |_| shape.plain());
        // Elsewhere decoders smooth chroma over the seams, and such tiles are all seams.
        if shape.sampling == [1, 1] || shape.colours == Colours::Grey {
            prop_assert!(decode(&joined) == mosaic(&grid, &plainly));
        }
    }
}

#[test]
fn what_does_not_go_together_is_refused_in_words() {
    let grid = Grid::even([128, 64], [64, 64]).unwrap();
    let shape = Shape::default();
    let picture = Picture::drawn(grid.size(), 3, 1);
    let good = tiles(&picture, &grid, |_| shape);
    let second = |tile: Vec<u8>| [good[0].clone(), tile];
    let other = |change: Shape| change.encode(&picture.crop([64, 0], [64, 64]));
    let grey = Picture::drawn([64, 64], 1, 1);
    let icc = segment(0xE2, b"ICC_PROFILE\0\x01\x01profile");
    let cases = [
        (
            second(other(Shape {
                sampling: [2, 1],
                ..shape
            })),
            "sampling differs: 2x1,1x1,1x1 instead of 1x1,1x1,1x1",
        ),
        (
            second(other(Shape {
                quality: 60,
                ..shape
            })),
            "quantization tables differ: component 1",
        ),
        (
            second(shape.encode(&picture.crop([0, 0], [48, 64]))),
            "size differs: 48 x 64 pixels instead of 64 x 64",
        ),
        (
            second(
                Shape {
                    colours: Colours::Grey,
                    ..shape
                }
                .encode(&grey),
            ),
            "components differ: 1 instead of 3",
        ),
        (
            second(rewritten(&good[1], |code, bytes| {
                (code != 0xE0).then(|| bytes.to_vec())
            })),
            "colour marks differ: JFIF or Adobe",
        ),
        (
            second(rewritten(&good[1], |code, bytes| {
                Some([if code == 0xC0 { &icc } else { &[][..] }, bytes].concat())
            })),
            "colour profiles differ",
        ),
        (
            second(good[1][..good[1].len() / 2].to_vec()),
            "damaged JPEG: a scan ends after",
        ),
        (second(b"\x89PNG\r\n\x1a\n".to_vec()), "not a JPEG"),
    ];
    for (tiles, words) in &cases {
        let found = join(&grid, tiles).map(|_| words).unwrap_err();
        assert!(found.to_string().starts_with(words), "{found}, not {words}");
        assert_eq!(
            found.may_be_tiff(),
            words.starts_with("quantization"),
            "{found}"
        );
    }
}

#[test]
fn tiles_that_end_within_an_mcu_are_refused_unless_they_are_the_last() {
    for (sampling, tile, words) in [
        (
            [2, 2],
            [1000, 16],
            "tiles 1000 pixels wide, which is not a multiple of 16",
        ),
        (
            [2, 2],
            [16, 24],
            "tiles 24 pixels high, which is not a multiple of 16",
        ),
        (
            [1, 1],
            [16, 12],
            "tiles 12 pixels high, which is not a multiple of 8",
        ),
    ] {
        let grid = Grid::new(vec![tile[0], 8], vec![tile[1], 8]).unwrap();
        let shape = Shape {
            sampling,
            ..Shape::default()
        };
        let first = shape.encode(&Picture::drawn(tile, 3, 1));
        let found = Plan::new(grid, &first, &SymbolCounts::default()).unwrap_err();
        assert_eq!(found, JoinError::Incompatible(words.into()));
    }
    let grid = Grid::even([1000, 12], [1000, 12]).unwrap();
    let one = tiles(&Picture::drawn([1000, 12], 3, 1), &grid, |_| {
        Shape::default()
    });
    assert!(decode(&join(&grid, &one).unwrap()) == decode(&one[0]));
}

#[test]
fn a_picture_larger_than_a_jpeg_is_left_to_tiff() {
    let grid = Grid::even([70_000, 8], [64, 8]).unwrap();
    let first = Shape::default().encode(&Picture::drawn([64, 8], 3, 1));
    let found = Plan::new(grid, &first, &SymbolCounts::default()).unwrap_err();
    assert!(
        matches!(found, JoinError::TooLarge(_)) && found.may_be_tiff(),
        "{found}"
    );
    assert!(Grid::even([0, 8], [64, 8]).is_err());
    assert!(Grid::new(vec![u32::MAX, 1], vec![1]).is_err());
}

#[test]
fn the_colour_profile_stays_and_other_metadata_goes() {
    let grid = Grid::even([128, 64], [64, 64]).unwrap();
    let profile: Vec<u8> = (0..70_000u32).map(|n| (n % 251) as u8).collect();
    let extra = |bytes: &[u8]| {
        let part =
            |n: u8, part: &[u8]| segment(0xE2, &[&b"ICC_PROFILE\0"[..], &[n, 2], part].concat());
        let added = [
            segment(0xE1, b"Exif\0\0II*\0"),
            // Parts may come in any order.
            part(2, &profile[40_000..]),
            part(1, &profile[..40_000]),
            segment(0xFE, b"a comment"),
            segment(0xED, b"Photoshop 3.0\0"),
        ];
        let at = segments(bytes)[0].1.end;
        [&bytes[..at], &added.concat(), &bytes[at..]].concat()
    };
    let picture = Picture::drawn(grid.size(), 3, 1);
    let plain = tiles(&picture, &grid, |_| Shape::default());
    let rich: Vec<_> = plain.iter().map(|tile| extra(tile)).collect();
    assert!(check(&rich[0]).unwrap().exif);
    let joined = join(&grid, &rich).unwrap();
    let info = check(&joined).unwrap();
    assert_eq!(info.icc.as_deref(), Some(&profile[..]));
    assert!(info.jfif && !info.exif);
    let codes: Vec<u8> = segments(&joined).iter().map(|(code, _)| *code).collect();
    assert_eq!(
        codes,
        [
            0xE0, 0xE2, 0xE2, 0xDB, 0xDB, 0xC0, 0xC4, 0xC4, 0xC4, 0xC4, 0xDA
        ]
    );
    assert!(decode(&joined) == mosaic(&grid, &plain));
    // Adobe's mark tells CMYK from YCCK.
    for (colours, transform) in [(Colours::Cmyk, 0), (Colours::Ycck, 2)] {
        let shape = Shape {
            colours,
            ..Shape::default()
        };
        let tiles = tiles(&Picture::drawn(grid.size(), 4, 1), &grid, |_| shape);
        assert_eq!(
            check(&join(&grid, &tiles).unwrap()).unwrap().adobe,
            Some(transform)
        );
    }
}

#[test]
fn wide_quantization_tables_stay_as_they_are() {
    let grid = Grid::even([128, 64], [64, 64]).unwrap();
    let wide = |bytes: &[u8]| {
        rewritten(bytes, |code, segment_bytes| {
            let table = &segment_bytes[4..];
            Some(match code {
                0xDB => {
                    let steps = table[1..]
                        .iter()
                        .flat_map(|&step| [u8::from(step > 15), step]);
                    segment(0xDB, &[vec![0x10 | table[0]], steps.collect()].concat())
                }
                _ => segment_bytes.to_vec(),
            })
        })
    };
    let plain = tiles(&Picture::drawn(grid.size(), 3, 1), &grid, |_| {
        Shape::default()
    });
    let tiles: Vec<_> = plain.iter().map(|tile| wide(tile)).collect();
    let joined = join(&grid, &tiles).unwrap();
    let found = segments(&joined);
    let table = &joined[found
        .iter()
        .find(|(code, _)| *code == 0xDB)
        .unwrap()
        .1
        .clone()];
    assert_eq!((table[4] >> 4, table.len()), (1, 2 + 2 + 1 + 128));
    assert!(
        found.iter().any(|(code, _)| *code == 0xC1),
        "baseline has none of 16 bits"
    );
}

/// The tiles of a TIFF in its own order: offset, length; with tags by number.
fn directory(file: &[u8]) -> std::collections::BTreeMap<u16, Vec<u64>> {
    let word = |at: usize, size: usize| {
        let mut bytes = [0; 8];
        bytes[..size].copy_from_slice(&file[at..at + size]);
        u64::from_le_bytes(bytes)
    };
    assert_eq!(&file[..8], b"II\x2B\0\x08\0\0\0");
    let at = word(8, 8) as usize;
    let entry = |i: u64| {
        let at = at + 8 + 20 * i as usize;
        let size = [0, 1, 1, 2, 4, 8, 1, 1][word(at + 2, 2).min(7) as usize];
        let size = if word(at + 2, 2) == 16 { 8 } else { size };
        let count = word(at + 4, 8) as usize;
        let values = if size * count <= 8 {
            at + 12
        } else {
            word(at + 12, 8) as usize
        };
        (
            word(at, 2) as u16,
            (0..count).map(|k| word(values + k * size, size)).collect(),
        )
    };
    (0..word(at, 8)).map(entry).collect()
}

#[test]
fn a_tiff_holds_the_tiles_at_their_full_size() {
    let grid = Grid::even([203, 141], [64, 64]).unwrap();
    for (sampling, shape) in shapes() {
        for (coding, change) in coded() {
            let (name, shape) = (format!("{sampling}, {coding}"), change(shape));
            let picture = Picture::drawn(grid.size(), shape.channels(), 7);
            // Tables of their own, all of them.
            let quality = |n: usize| 80 + n as u8;
            let own = |shape: Shape| {
                tiles(&picture, &grid, |n| Shape {
                    quality: quality(n),
                    ..shape
                })
            };
            let (tiles, plainly) = (own(shape), own(shape.plain()));
            let plan = tiled::TiffPlan::new(grid.clone(), &tiles[0]);
            if shape.channels() == 4 {
                assert_eq!(
                    plan.unwrap_err().to_string(),
                    "four components, which a TIFF cannot hold",
                    "{name}"
                );
                continue;
            }
            let plan = plan.unwrap();
            let mut writer = tiled::TiffWriter::new(&plan, Cursor::new(Vec::new())).unwrap();
            for ((cell, ..), bytes) in cells(&grid).into_iter().zip(&tiles) {
                writer
                    .tile(&plan.tile(cell, bytes).unwrap())
                    .map_err(refusal)
                    .unwrap();
            }
            let file = writer.finish().map_err(refusal).unwrap().into_inner();
            let tags = directory(&file);
            assert_eq!(
                (&tags[&256], &tags[&257]),
                (&vec![203], &vec![141]),
                "{name}"
            );
            assert_eq!(
                (&tags[&322], &tags[&323], &tags[&259]),
                (&vec![64], &vec![64], &vec![7]),
                "{name}"
            );
            for (n, ((_, _, size), plain)) in cells(&grid).into_iter().zip(&plainly).enumerate() {
                let (at, length) = (tags[&324][n] as usize, tags[&325][n] as usize);
                let stored = &file[at..at + length];
                let info = check(stored).unwrap();
                assert_eq!([info.width, info.height], [64, 64], "{name}, tile {n}");
                assert!(
                    !info.jfif && !info.progressive && info.scans == 1,
                    "{name}, tile {n}"
                );
                // Elsewhere decoders smooth chroma into what the tile is padded with.
                if shape.sampling == [1, 1] || size == [64, 64] || shape.channels() == 1 {
                    let whole = decode(stored).crop([0, 0], size);
                    assert!(whole == decode(plain), "{name}, tile {n}");
                }
            }
        }
    }
}

#[test]
fn tiles_that_a_tiff_cannot_hold_are_refused() {
    let first = |size: [u32; 2], sampling| {
        Shape {
            sampling,
            ..Shape::default()
        }
        .encode(&Picture::drawn(size, 3, 1))
    };
    let grid = Grid::even([200, 200], [72, 72]).unwrap();
    let found = tiled::TiffPlan::new(grid, &first([72, 72], [1, 1])).unwrap_err();
    assert_eq!(
        found.to_string(),
        "tiles of 72 x 72 pixels; in a TIFF 72 must be a multiple of 16"
    );
    let grid = Grid::even([200, 200], [48, 48]).unwrap();
    let found = tiled::TiffPlan::new(grid, &first([48, 48], [4, 1])).unwrap_err();
    assert_eq!(
        found.to_string(),
        "tiles of 48 x 48 pixels; in a TIFF 48 must be a multiple of 32"
    );
    let grid = Grid::new(vec![64, 32, 64], vec![64]).unwrap();
    let found = tiled::TiffPlan::new(grid, &first([64, 64], [1, 1])).unwrap_err();
    assert_eq!(
        found.to_string(),
        "tiles of several sizes; in a TIFF all have the same"
    );
    // One tile of any size is padded.
    let grid = Grid::even([50, 30], [64, 64]).unwrap();
    let tile = first([50, 30], [2, 2]);
    let plan = tiled::TiffPlan::new(grid, &tile).unwrap();
    let mut writer = tiled::TiffWriter::new(&plan, Cursor::new(Vec::new())).unwrap();
    writer
        .tile(&plan.tile([0, 0], &tile).unwrap())
        .map_err(refusal)
        .unwrap();
    let file = writer.finish().map_err(refusal).unwrap().into_inner();
    assert_eq!(directory(&file)[&322], [64]);
    assert_eq!(directory(&file)[&323], [32]);
}

#[test]
fn a_crop_is_padded_to_the_size_that_a_jpeg_can_have() {
    let bytes = Shape::default().encode(&Picture::drawn([40, 24], 3, 1));
    let index = Index::read(&bytes).unwrap();
    let window = Window {
        from: [3, 1],
        to: [5, 3],
    };
    let crop = |padded| index.crop(&bytes, window, padded, HuffmanTables::Standard);
    for (padded, size) in [
        (None, [16, 16]),
        (Some([4, 2]), [32, 16]),
        // Never smaller than the window.
        (Some([1, 9]), [16, 72]),
    ] {
        let info = check(&crop(padded).unwrap()).unwrap();
        assert_eq!([info.width, info.height], size, "{padded:?}");
    }
    for padded in [[8192, 1], [1, u32::MAX]] {
        let found = crop(Some(padded)).unwrap_err();
        assert!(matches!(found, JoinError::TooLarge(_)), "{found}");
    }
}

#[test]
fn a_tile_with_other_mcus_than_the_plan_does_not_go_into_a_tiff() {
    let of = |shape: Shape| shape.encode(&Picture::drawn([48, 48], 3, 1));
    let plan = Grid::even([48, 48], [48, 48])
        .and_then(|grid| tiled::TiffPlan::new(grid, &of(Shape::default())))
        .unwrap();
    // Of several scans, so that it must be re-encoded; 48 is not a multiple of its MCU.
    let other = of(Shape {
        sampling: [4, 1],
        progressive: true,
        ..Shape::default()
    });
    let found = plan.tile([0, 0], &other).unwrap_err().to_string();
    assert!(found.starts_with("sampling differs: "), "{found}");
}
