//! What files say of themselves: which directories of a TIFF are pages, and whether colours are multiplied by their opacity.

use super::running::Serving;
use recto_testkit::Workdir;

/// A directory to be written.
#[derive(Clone)]
struct Page {
    tags: Vec<(u16, Vec<u32>)>,
    /// Its strips or tiles.
    pieces: Vec<Vec<u8>>,
    /// What hangs below it.
    below: Vec<Page>,
}

const SIDE: u32 = 64;

impl Page {
    /// RGB of 8 bits in one colour: in tiles, or in one strip.
    fn of([w, h]: [u32; 2], colour: [u8; 3], is_tiled: bool) -> Self {
        let mut tags = vec![
            (256, vec![w]),
            (257, vec![h]),
            (258, vec![8, 8, 8]),
            (259, vec![1]),
            (262, vec![2]),
            (277, vec![3]),
        ];
        let (count, pixels) = match is_tiled {
            true => (w.div_ceil(SIDE) * h.div_ceil(SIDE), SIDE * SIDE),
            false => (1, w * h),
        };
        tags.extend(match is_tiled {
            true => vec![(322, vec![SIDE]), (323, vec![SIDE])],
            false => vec![(278, vec![h])],
        });
        Page {
            tags,
            pieces: vec![colour.repeat(pixels as usize); count as usize],
            below: vec![],
        }
    }

    /// With other tags, which replace those of the same number.
    fn with(mut self, tags: &[(u16, &[u32])]) -> Self {
        for (tag, values) in tags {
            self.tags.retain(|(other, _)| other != tag);
            self.tags.push((*tag, values.to_vec()));
        }
        self
    }

    fn above(self, below: &[Page]) -> Self {
        let below = below.to_vec();
        Page { below, ..self }
    }

    /// Adds it to a file: where its directory begins, and where the link to the next one lies.
    fn write(&self, bytes: &mut Vec<u8>) -> (u32, usize) {
        let below: Vec<u32> = self.below.iter().map(|page| page.write(bytes).0).collect();
        let mut tags = self.tags.clone();
        if !below.is_empty() {
            tags.push((330, below));
        }
        let [places, lengths] = match tags.iter().any(|(tag, _)| *tag == 322) {
            true => [324, 325],
            false => [273, 279],
        };
        let mut starts = Vec::new();
        for piece in &self.pieces {
            starts.push(bytes.len() as u32);
            bytes.extend(piece);
        }
        tags.push((places, starts));
        let all = self.pieces.iter().map(|piece| piece.len() as u32);
        tags.push((lengths, all.collect()));
        tags.sort_unstable();
        let entries: Vec<Vec<u8>> = tags
            .iter()
            .map(|(tag, values)| entry(*tag, values, bytes))
            .collect();
        let start = bytes.len() as u32;
        bytes.extend((entries.len() as u16).to_le_bytes());
        bytes.extend(entries.concat());
        let link = bytes.len();
        bytes.extend([0; 4]);
        (start, link)
    }
}

/// An entry of a directory; values that have no room in it are added to the file.
fn entry(tag: u16, values: &[u32], bytes: &mut Vec<u8>) -> Vec<u8> {
    let (kind, size): (u16, usize) = match tag {
        // A name, and GDAL's value for nothing.
        285 | 42_113 => (2, 1),
        273 | 279 | 324 | 325 | 330 => (4, 4),
        _ => (3, 2),
    };
    let stored = values
        .iter()
        .flat_map(|value| value.to_le_bytes()[..size].to_vec());
    let mut stored: Vec<u8> = stored.collect();
    if stored.len() > 4 {
        let at = bytes.len() as u32;
        bytes.extend(stored);
        stored = at.to_le_bytes().to_vec();
    }
    stored.resize(4, 0);
    let count = values.len() as u32;
    let parts = [
        &tag.to_le_bytes()[..],
        &kind.to_le_bytes(),
        &count.to_le_bytes(),
    ];
    [&parts.concat()[..], &stored].concat()
}

/// A file of directories that follow each other.
fn tiff(pages: &[Page]) -> Vec<u8> {
    let mut bytes = b"II\x2a\0\0\0\0\0".to_vec();
    let mut link = 4;
    for page in pages {
        let (start, next) = page.write(&mut bytes);
        bytes[link..link + 4].copy_from_slice(&start.to_le_bytes());
        link = next;
    }
    bytes
}

const RED: [u8; 3] = [200, 30, 30];
const BLUE: [u8; 3] = [30, 30, 200];
const FULL: [u32; 2] = [340, 260];
const HALF: [u32; 2] = [170, 130];
const THIRD: [u32; 2] = [113, 87];
const QUARTER: [u32; 2] = [85, 65];

/// Name, directories, sizes of the pages as they are shown, and the colour of the first one in half its size: that of its smaller
/// copy, if it has one.
type Case = (&'static str, Vec<Page>, Vec<[u32; 2]>, [u8; 3]);

/// Of two directories, the second of which is smaller and of another colour.
fn pairs() -> Vec<Case> {
    let pair = |size, is_tiled, first: &[(u16, &[u32])], second: &[(u16, &[u32])]| {
        vec![
            Page::of(FULL, RED, is_tiled).with(first),
            Page::of(size, BLUE, is_tiled).with(second),
        ]
    };
    let numbered = |size, is_tiled, kind: u32| {
        let first: [(u16, &[u32]); 2] = [(254, &[kind]), (297, &[0, 2])];
        pair(size, is_tiled, &first, &[(254, &[kind]), (297, &[1, 2])])
    };
    let second = |tags: &[(u16, &[u32])]| pair(HALF, true, &[], tags);
    let alike = |is_tiled| {
        let tags: [(u16, &[u32]); 2] = [(254, &[2]), (297, &[0, 6])];
        pair(HALF, is_tiled, &tags, &tags)
    };
    let two = |size| vec![FULL, size];
    vec![
        ("marked", numbered(HALF, true, 2), two(HALF), RED),
        ("strips", numbered(HALF, false, 2), two(HALF), RED),
        ("third", numbered(THIRD, true, 2), two(THIRD), RED),
        ("quarter", numbered(QUARTER, true, 2), two(QUARTER), RED),
        ("numbered", numbered(HALF, true, 0), two(HALF), RED),
        ("named", second(&[(285, &[0x32, 0])]), two(HALF), RED),
        ("older", second(&[(255, &[3])]), two(HALF), RED),
        ("silent", pair(HALF, false, &[], &[]), two(HALF), RED),
        ("odd", pair(THIRD, true, &[], &[]), two(THIRD), RED),
        ("copy", second(&[(254, &[1])]), vec![FULL], BLUE),
        (
            "numbered-copy",
            second(&[(254, &[1]), (297, &[0, 1])]),
            vec![FULL],
            BLUE,
        ),
        ("older-copy", second(&[(255, &[2])]), vec![FULL], BLUE),
        // Levels of a pyramid whose writer did not mark them, or marked them all as the one page.
        ("silent-copy", second(&[]), vec![FULL], BLUE),
        ("alike", alike(true), vec![FULL], BLUE),
        ("alike-strips", alike(false), vec![FULL], RED),
    ]
}

/// With a preview before the image or above it, and others.
fn previews() -> Vec<Case> {
    let image = || Page::of(FULL, RED, true);
    let preview = || Page::of(QUARTER, BLUE, false).with(&[(254, &[1])]);
    let turned = preview().with(&[(274, &[6])]).above(&[image()]);
    let half = Page::of(HALF, BLUE, true);
    vec![
        ("before", vec![preview(), image()], vec![FULL], RED),
        ("above", vec![preview().above(&[image()])], vec![FULL], RED),
        ("turned", vec![turned], vec![[260, 340]], RED),
        (
            "above-both",
            vec![preview().above(&[half.clone().with(&[(254, &[1])]), image()])],
            vec![FULL],
            BLUE,
        ),
        (
            "above-each",
            vec![preview().above(&[image()]), preview().above(&[image()])],
            vec![FULL, FULL],
            RED,
        ),
        // A slide: levels in tiles with a thumbnail in strips among them.
        (
            "slide",
            vec![
                image(),
                Page::of(THIRD, BLUE, false),
                half,
                Page::of(QUARTER, BLUE, true),
            ],
            vec![FULL],
            BLUE,
        ),
    ]
}

#[test]
fn a_smaller_directory_is_a_copy_only_if_the_file_says_so() {
    let work = Workdir::new();
    let cases = [pairs(), previews()].concat();
    for (name, pages, ..) in &cases {
        work.write(&format!("pictures/{name}.tif"), tiff(pages));
    }
    let server = Serving::start(&work, &["pictures"]);
    for (name, _, sizes, of_half) in cases {
        for (n, size) in sizes.iter().enumerate() {
            let id = if n == 0 {
                name.into()
            } else {
                format!("{name}%3B{}", n + 1)
            };
            let info = server.json(&format!("/iiif/3/{id}/info.json"));
            assert_eq!(
                [&info["width"], &info["height"]],
                [size[0], size[1]],
                "{id}"
            );
        }
        let beyond = format!("/iiif/3/{name}%3B{}/info.json", sizes.len() + 1);
        assert_eq!(server.get(&beyond).status, 404, "{beyond}");
        let colour = |size: String| {
            let path = format!("/iiif/3/{name}/full/{size}/0/default.png");
            server.image(&path).into_rgb8()[(20, 20)].0
        };
        assert_eq!(colour("max".into()), RED, "{name}");
        assert_eq!(
            colour(format!("{},", sizes[0][0] / 2)),
            of_half,
            "{name} in half its size"
        );
    }
}

const STORED: [u8; 4] = [60, 40, 100, 128];
const DIVIDED: [u8; 4] = [120, 80, 199, 128];
const SIZE: [u32; 2] = [100, 70];

/// An image of pixels that are all the same, of so many bits each: in tiles or one strip, samples together or in planes.
fn plain(samples: &[u8], bits: u32, is_tiled: bool, is_planar: bool) -> Page {
    let (count, pixels) = match is_tiled {
        true => (4, SIDE * SIDE),
        false => (1, SIZE[0] * SIZE[1]),
    };
    let piece = |samples: &[u8]| {
        // 16 bits are the same byte twice.
        let wide = samples.iter().flat_map(|v| vec![*v; bits as usize / 8]);
        let pixel: Vec<u8> = wide.collect();
        vec![pixel.repeat(pixels as usize); count]
    };
    let pieces = match is_planar {
        true => samples.iter().flat_map(|v| piece(&[*v])).collect(),
        false => piece(samples),
    };
    let tags: [(u16, &[u32]); 3] = [
        (258, &vec![bits; samples.len()]),
        (277, &[samples.len() as u32]),
        (284, &[if is_planar { 2 } else { 1 }]),
    ];
    let page = Page::of(SIZE, RED, is_tiled).with(&tags);
    Page { pieces, ..page }
}

/// Files with opacity, and what their pixels are.
fn clear() -> Vec<(String, Page, [u8; 4])> {
    let mut all = Vec::new();
    for n in 0..8 {
        let (bits, is_tiled, is_planar) = (8 << (n & 1), n & 2 > 0, n & 4 > 0);
        let mut add = |name: &str, samples: &[u8], photometric: u32, opacity: u32, wanted| {
            let page = plain(samples, bits, is_tiled, is_planar);
            let page = page.with(&[(262, &[photometric]), (338, &[opacity])]);
            all.push((format!("{name}-{n}"), page, wanted));
        };
        add("colours", &STORED, 2, 1, DIVIDED);
        add("apart", &STORED, 2, 2, STORED);
        add("grey", &[60, 128], 1, 1, [120, 120, 120, 128]);
    }
    // What the number of a colour stands for is not multiplied.
    let colours = STORED[..3]
        .iter()
        .flat_map(|v| vec![u32::from(*v) * 257; 256]);
    let colours: Vec<u32> = colours.collect();
    let tags: [(u16, &[u32]); 3] = [(262, &[3]), (320, &colours), (338, &[1])];
    let palette = plain(&[5, 128], 8, false, false).with(&tags);
    all.push(("palette".into(), palette, STORED));
    all
}

#[test]
fn colours_multiplied_by_their_opacity_are_shown_as_they_are() {
    let work = Workdir::new();
    for (name, page, _) in clear() {
        work.write(&format!("pictures/{name}.tif"), tiff(&[page]));
    }
    // Written by OpenJPEG, of the same pixels; the type of the opacity was changed to 2.
    work.write("pictures/jp2.jp2", include_bytes!("multiplied.jp2"));
    let names = clear().into_iter().map(|(name, _, pixel)| (name, pixel));
    let server = Serving::start(&work, &["pictures"]);
    for (name, pixel) in names.chain([("jp2".into(), DIVIDED)]) {
        let shown = |format: &str| {
            let image = server.image(&format!("/iiif/3/{name}/full/max/0/default.{format}"));
            image.into_rgba8()[(70, 66)].0
        };
        assert_eq!(shown("png"), pixel, "{name}");
        let [.., opacity] = pixel.map(u32::from);
        let found = shown("jpg");
        for n in 0..3 {
            let on_white = (u32::from(pixel[n]) * opacity + 255 * (255 - opacity)) / 255;
            assert!(
                u32::from(found[n]).abs_diff(on_white) <= 4,
                "{name}: {found:?}"
            );
        }
    }
}

#[test]
fn colour_maps_of_8_bits_are_read_as_such() {
    let map = |step: u32| -> Vec<u32> {
        let all = STORED[..3].iter();
        all.flat_map(|v| vec![u32::from(*v) * step; 256]).collect()
    };
    let mut dark = vec![0; 768];
    dark[5] = 60;
    // Name, colour map, and the colour of its number 5. One value that is not black may be a very dark one of 16 bits.
    let cases = [
        ("wide", map(257), [60, 40, 100]),
        ("narrow", map(1), [60, 40, 100]),
        ("dark", dark, [0, 0, 0]),
    ];
    let work = Workdir::new();
    for (name, map, _) in &cases {
        for is_tiled in [false, true] {
            let page = plain(&[5], 8, is_tiled, false).with(&[(262, &[3]), (320, map)]);
            work.write(&format!("pictures/{name}-{is_tiled}.tif"), tiff(&[page]));
        }
    }
    let server = Serving::start(&work, &["pictures"]);
    for (name, _, wanted) in cases {
        for is_tiled in [false, true] {
            let path = format!("/iiif/3/{name}-{is_tiled}/full/max/0/default.png");
            let pixel = server.image(&path).into_rgb8()[(70, 66)].0;
            assert_eq!(pixel, wanted, "{path}");
        }
    }
}

#[test]
fn fractions_that_stand_for_nothing_are_black_and_stretch_nothing() {
    // In each row nothing, and the values from 0 to 100.
    let row = |nothing: f32| [nothing, 0.0, 50.0, 100.0];
    let cases = [
        ("least", f32::MIN, "-3.4028235e+38"),
        ("long", f32::MIN, "-3.40282346638528859812e+38"),
        ("most", 1e30, "1e30"),
        ("nan", f32::NAN, "nan"),
        ("within", 50.0, "7"),
    ];
    let work = Workdir::new();
    for (name, nothing, text) in cases {
        let text: Vec<u32> = text.bytes().chain([0]).map(u32::from).collect();
        let page = Page::of([4, 2], RED, false).with(&[
            (258, &[32]),
            (262, &[1]),
            (277, &[1]),
            (339, &[3]),
            (42_113, &text),
        ]);
        let rows = [row(nothing); 2].concat();
        let pieces = vec![rows.iter().flat_map(|v| v.to_le_bytes()).collect()];
        let page = Page { pieces, ..page };
        work.write(&format!("pictures/{name}.tif"), tiff(&[page]));
    }
    let server = Serving::start(&work, &["pictures"]);
    for (name, ..) in cases {
        let image = server.image(&format!("/iiif/3/{name}/full/max/0/default.png"));
        let first = if name == "within" { 128 } else { 0 };
        let found = &image.into_luma8().into_raw()[..4];
        assert_eq!(found, [first, 0, 128, 255], "{name}");
    }
}
