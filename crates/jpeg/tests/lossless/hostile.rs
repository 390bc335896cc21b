//! Bytes that mean harm or nothing: no panic, no file that is not a JPEG.

use std::io::Cursor;

use proptest::prelude::*;
use recto_jpeg::index::Index;
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

/// A grey JPEG of four blocks in a row. Each DC difference is that of the list, with eleven bits; there is nothing else.
fn of_dc_differences(differences: [i32; 4]) -> Vec<u8> {
    let mut jpeg = vec![0xFF, 0xD8];
    let quantization = [&[0][..], &[1; 64]].concat();
    // One code of one bit: differences of eleven bits, and the end of a block.
    let table = |class: u8, symbol: u8| [&[class, 1][..], &[0; 15], &[symbol]].concat();
    let parts: [(u8, Vec<u8>); 5] = [
        (0xDB, quantization),
        (0xC0, vec![8, 0, 8, 0, 32, 1, 1, 0x11, 0]),
        (0xC4, table(0x00, 11)),
        (0xC4, table(0x10, 0)),
        (0xDA, vec![1, 1, 0, 0, 63, 0]),
    ];
    for (marker, body) in parts {
        jpeg.extend([0xFF, marker, 0, body.len() as u8 + 2]);
        jpeg.extend(body);
    }
    let mut bits = String::new();
    for difference in differences {
        // Negative ones are written one lower (F.1.2.1.1).
        let value = if difference < 0 {
            difference + 2047
        } else {
            difference
        };
        bits += &format!("0{value:011b}0");
    }
    while !bits.len().is_multiple_of(8) {
        bits.push('1');
    }
    for byte in bits.as_bytes().chunks(8) {
        let byte = u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap();
        jpeg.push(byte);
        if byte == 0xFF {
            jpeg.push(0);
        }
    }
    jpeg.extend([0xFF, 0xD9]);
    jpeg
}

#[test]
fn blocks_that_no_pixels_can_have_are_told_before_any_is_cut_out() {
    let sound = of_dc_differences([1024, -1500, 1100, -1024]);
    let index = Index::read(&sound).unwrap();
    assert!(index.crop_part(&sound, [8, 0, 24, 8]).is_ok());
    let beyond = of_dc_differences([1024, 1024, -2047, -2047]);
    let told = Index::read(&beyond).unwrap_err().to_string();
    assert!(told.contains("DC coefficients beyond the range"), "{told}");
}
