//! TIFFs of every kind that recto reads, small and written tag by tag, for tests that damage them.

use image::ImageFormat;

use super::dataset::picture;

/// Their width and height in pixels; tiles have sides of [`TILE`].
const SIZE: [u32; 2] = [40, 30];
const TILE: u32 = 16;

/// One directory: what its samples are, and its strips or tiles.
#[derive(Clone)]
struct Kind {
    name: &'static str,
    bits: u32,
    samples: u32,
    /// 1: as it is, 2 to 4: CCITT, 5: LZW, 7: JPEG, 32773: PackBits.
    compression: u32,
    /// 0: white is 0, 1: black is 0, 2: RGB, 3: palette, 5: CMYK, 6: YCbCr.
    photometric: u32,
    /// Further tags with their values.
    tags: Vec<(u16, Vec<u32>)>,
    parts: Vec<Vec<u8>>,
    tiled: bool,
}

/// The name and bytes of each.
pub fn tiffs() -> Vec<(&'static str, Vec<u8>)> {
    let kinds = [uncompressed(), compressed(), tiled()].concat();
    let file = |kind: &Kind| (kind.name, written(&[kind, kind]));
    kinds.iter().map(file).collect()
}

/// One strip of noise.
fn plain(name: &'static str, bits: u32, samples: u32, photometric: u32) -> Kind {
    Kind {
        name,
        bits,
        samples,
        compression: 1,
        photometric,
        tags: vec![],
        parts: vec![noise(SIZE[0] * bits * samples / 8 * SIZE[1])],
        tiled: false,
    }
}

fn uncompressed() -> Vec<Kind> {
    let with = |kind: Kind, tag, values| Kind {
        tags: vec![(tag, values)],
        ..kind
    };
    let colours = |count: u32, step: u32| (0..3 * count).map(|n| n * step).collect::<Vec<u32>>();
    let planes = Kind {
        parts: vec![noise(SIZE[0] * SIZE[1]); 3],
        ..plain("RGB in planes", 8, 3, 2)
    };
    vec![
        plain("RGB", 8, 3, 2),
        with(planes, 284, vec![2]),
        with(plain("palette", 8, 1, 3), 320, colours(256, 85)),
        with(plain("palette of 16", 4, 1, 3), 320, colours(16, 1365)),
        plain("CMYK", 8, 4, 5),
        with(plain("YCbCr", 8, 3, 6), 530, vec![1, 1]),
        plain("16 bits", 16, 1, 1),
        with(plain("fractions", 32, 1, 1), 339, vec![3]),
        with(plain("signed", 8, 1, 1), 339, vec![2]),
        with(plain("one bit", 1, 1, 0), 266, vec![2]),
    ]
}

fn compressed() -> Vec<Kind> {
    let fax = |name, compression, strip| Kind {
        compression,
        parts: vec![strip],
        ..plain(name, 1, 1, 0)
    };
    let grey = |name, compression, strip| Kind {
        compression,
        parts: vec![strip],
        ..plain(name, 8, 1, 1)
    };
    let lines = SIZE[1] as usize;
    // Runs of 40 equal bytes.
    let runs = (0..SIZE[1] as u8).flat_map(|n| [(-39_i8) as u8, n * 8]);
    vec![
        // Lines of 40 white pixels: 00101001, in group 3 after the end of the line before.
        fax("RLE", 2, [0x29].repeat(lines)),
        fax("group 3", 3, [0x00, 0x12, 0x90].repeat(lines)),
        // As the line above, 30 times, and the end.
        fax(
            "group 4",
            4,
            vec![0xff, 0xff, 0xff, 0xfc, 0x00, 0x40, 0x04, 0x00],
        ),
        grey("PackBits", 32773, runs.collect()),
        grey("LZW", 5, lzw(&noise(SIZE[0] * SIZE[1]))),
    ]
}

fn tiled() -> Vec<Kind> {
    let count = SIZE.map(|side| side.div_ceil(TILE)).iter().product::<u32>();
    let kind = |name, compression, photometric, tile: &dyn Fn(u32) -> Vec<u8>| Kind {
        compression,
        parts: (0..count).map(tile).collect(),
        tiled: true,
        ..plain(name, 8, 3, photometric)
    };
    vec![
        kind("RGB tiles", 1, 2, &|_| noise(TILE * TILE * 3)),
        kind("JPEG tiles", 7, 6, &|n| {
            picture(TILE, TILE, n, ImageFormat::Jpeg)
        }),
    ]
}

fn noise(length: u32) -> Vec<u8> {
    (0..length)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

/// LZW of TIFF with nothing but literals: codes of nine bits, begun again before they would get longer.
fn lzw(bytes: &[u8]) -> Vec<u8> {
    const CLEAR: u16 = 256;
    const END: u16 = 257;
    let mut codes = Vec::new();
    for part in bytes.chunks(200) {
        codes.push(CLEAR);
        codes.extend(part.iter().copied().map(u16::from));
    }
    codes.push(END);
    let bits: Vec<u8> = codes
        .iter()
        .flat_map(|code| (0..9).rev().map(move |bit| (code >> bit & 1) as u8))
        .collect();
    let byte = |bits: &[u8]| (0..8).fold(0, |byte, n| byte << 1 | bits.get(n).unwrap_or(&0));
    bits.chunks(8).map(byte).collect()
}

/// A file of such directories, one after the other, in little-endian order.
fn written(kinds: &[&Kind]) -> Vec<u8> {
    let mut file = b"II\x2a\0\0\0\0\0".to_vec();
    let mut link = 4;
    for kind in kinds {
        let mut places = Vec::new();
        for part in &kind.parts {
            places.push(file.len() as u32);
            file.extend(part);
        }
        let lengths = kind.parts.iter().map(|part| part.len() as u32).collect();
        let [width, height] = SIZE.map(|side| vec![side]);
        let mut tags = vec![
            (256, width),
            (257, height.clone()),
            (258, vec![kind.bits; kind.samples as usize]),
            (259, vec![kind.compression]),
            (262, vec![kind.photometric]),
            (277, vec![kind.samples]),
        ];
        tags.extend(match kind.tiled {
            true => vec![
                (322, vec![TILE]),
                (323, vec![TILE]),
                (324, places),
                (325, lengths),
            ],
            false => vec![(273, places), (278, height), (279, lengths)],
        });
        tags.extend(kind.tags.iter().cloned());
        tags.sort();
        let start = directory(&mut file, &tags);
        file[link..link + 4].copy_from_slice(&start.to_le_bytes());
        link = file.len() - 4;
    }
    file
}

/// Writes a directory, and before it the values that do not fit into its entries. Returns where it begins.
fn directory(file: &mut Vec<u8>, tags: &[(u16, Vec<u32>)]) -> u32 {
    let mut entries = Vec::new();
    for (tag, values) in tags {
        // SHORT where all fit, as ColorMap and BitsPerSample have to be; else LONG.
        let is_short = values.iter().all(|value| *value <= 0xffff) && ![273, 324].contains(tag);
        let value = |value: &u32| match is_short {
            true => (*value as u16).to_le_bytes().to_vec(),
            false => value.to_le_bytes().to_vec(),
        };
        let mut bytes: Vec<u8> = values.iter().flat_map(value).collect();
        if bytes.len() > 4 {
            let place = file.len() as u32;
            file.extend(bytes);
            bytes = place.to_le_bytes().to_vec();
        }
        bytes.resize(4, 0);
        entries.extend(tag.to_le_bytes());
        entries.extend(if is_short { 3_u16 } else { 4 }.to_le_bytes());
        entries.extend((values.len() as u32).to_le_bytes());
        entries.extend(bytes);
    }
    let start = file.len() as u32;
    file.extend((tags.len() as u16).to_le_bytes());
    file.extend(entries);
    file.extend([0; 4]);
    start
}
