//! Bytes that mean harm or nothing: no panic, no file that is not a JPEG.

use std::io::Cursor;

use proptest::prelude::*;
use recto_jpeg::{Grid, SymbolCounts, check, tiled};

use crate::fixtures::*;

const SIZE: [u32; 2] = [48, 32];

/// Does everything that can be done with a tile. What comes out passes the check.
fn use_as_tile(bytes: &[u8]) {
    let grid = Grid::even(SIZE, SIZE).unwrap();
    if let Ok(joined) = join(&grid, &[bytes.to_vec()]) {
        check(&joined).unwrap();
    }
    let _ = SymbolCounts::of(bytes);
    let Ok(plan) = tiled::TiffPlan::new(grid, bytes) else {
        return;
    };
    let Ok(tile) = plan.tile([0, 0], bytes) else {
        return;
    };
    let mut writer = tiled::TiffWriter::new(&plan, Cursor::new(Vec::new())).unwrap();
    writer.tile(&tile).map_err(refusal).unwrap();
    writer.finish().map_err(refusal).unwrap();
}

fn shape(kind: usize) -> Shape {
    Shape {
        sampling: [[1, 1], [2, 2], [2, 1]][kind % 3],
        progressive: kind & 4 != 0,
        optimized: kind & 8 != 0,
        restart: if kind & 24 == 16 { 2 } else { 0 },
        ..Shape::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn changed_bytes_make_nothing_panic(
        kind in 0usize..32,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let shape = shape(kind);
        let mut bytes = shape.encode(&Picture::drawn(SIZE, 3, 2));
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _ = check(&bytes);
        use_as_tile(&bytes);
    }

    #[test]
    fn any_bytes_make_nothing_panic(tail in prop::collection::vec(any::<u8>(), 0..600), kind in 0usize..32) {
        let _ = check(&tail);
        let whole = shape(kind).encode(&Picture::drawn(SIZE, 3, 2));
        let scan = segments(&whole).last().unwrap().1.end;
        for start in [2, 20, scan] {
            let bytes = [&whole[..start], &tail, &[0xFF, 0xD9]].concat();
            let _ = check(&bytes);
            use_as_tile(&bytes);
        }
    }
}

#[test]
fn a_flipped_bit_in_the_scan_is_often_found_out_and_never_fatal() {
    let bytes = shape(0).encode(&Picture::drawn(SIZE, 3, 2));
    let scan = segments(&bytes).last().unwrap().1.end;
    let (mut found, mut tried) = (0, 0);
    for at in scan..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            found += usize::from(check(&changed).is_err());
            tried += 1;
        }
    }
    // Most flips change a value and nothing else: syntax cannot tell.
    assert!(found * 10 > tried, "{found} of {tried}");
}
