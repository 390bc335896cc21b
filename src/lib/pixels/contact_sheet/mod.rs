//! Contact sheets: thumbnails in a grid, with boxes, names and captions.

mod letters;

use std::collections::HashMap;

use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};

use super::decode::decode;
use crate::contracts::BBox;

/// One image of a sheet.
#[derive(Debug)]
pub struct Cell {
    /// The image, reduced to [`side`].
    pub thumbnail: RgbImage,
    /// Width and height of the original image in pixels, the space of its boxes.
    pub size: [u32; 2],
    /// The text below it.
    pub caption: String,
    /// Index of the class, and the box in pixels of the original image.
    pub boxes: Vec<(usize, BBox)>,
}

/// Longest side of a thumbnail in pixels: larger if there are few.
pub fn side(pictures: usize) -> u32 {
    if pictures <= 6 { 640 } else { 320 }
}

/// Up to this many boxes, each has its name beside it; above, only boxes that are wide enough.
const MOST_TAGS: usize = 24;

const MARGIN: u32 = 8;
/// Height of a line of captions in pixels: letters of 7 dots at double size, and space.
const LINE: u32 = 20;
const BACKGROUND: Rgb<u8> = Rgb([24, 24, 28]);
const INK: Rgb<u8> = Rgb([235, 235, 235]);
/// Maximum lines of the legend; the last one counts the classes that do not fit.
const MOST_LEGEND_LINES: u32 = 12;

/// Decodes an image of at most `most_pixels` and reduces it to `side`.
///
/// # Errors
/// The image has more pixels, is damaged, or is not supported.
pub fn thumbnail(bytes: &[u8], side: u32, most_pixels: u64) -> Result<RgbImage, String> {
    let image = decode(bytes, most_pixels)?;
    if image.width() <= side && image.height() <= side {
        return Ok(image.to_rgb8());
    }
    Ok(image.thumbnail(side, side).to_rgb8())
}

/// A thumbnail as a small JPEG.
///
/// # Errors
/// As [`thumbnail`].
pub fn jpeg_thumbnail(bytes: &[u8], side: u32, most_pixels: u64) -> Result<Vec<u8>, String> {
    let image = thumbnail(bytes, side, most_pixels)?;
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 75)
        .encode_image(&image)
        .map_err(|e| e.to_string())?;
    Ok(jpeg)
}

/// The colour of a class in style sheets.
pub fn css_colour(class: usize) -> String {
    let Rgb([r, g, b]) = colour(class);
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// Draws images in an approximately square grid, above a legend of the classes.
pub fn sheet(cells: &[Cell], classes: &[String]) -> RgbImage {
    let mut names = ClassTags::new(told_apart(classes));
    let columns = (1..=8).find(|c| c * c >= cells.len()).unwrap_or(8);
    let side = side(cells.len());
    let legend = legend(
        &names.of_length(LONGEST_IN_LEGEND),
        columns as u32 * (side + MARGIN) - MARGIN,
    );
    let rows: Vec<&[Cell]> = cells.chunks(columns).collect();
    let high = |row: &[Cell]| {
        row.iter()
            .map(|cell| cell.thumbnail.height())
            .max()
            .unwrap_or(0)
    };
    let pictures: u32 = rows.iter().map(|row| high(row) + LINE + MARGIN).sum();
    let width = MARGIN + columns as u32 * (side + MARGIN);
    let height = MARGIN + pictures + legend.len() as u32 * LINE + MARGIN;
    let mut sheet = RgbImage::from_pixel(width, height, BACKGROUND);
    let mut captions = captions(cells, letters_in(side, 2)).into_iter();
    let mut top = MARGIN;
    for row in rows {
        let room = [side, high(row)];
        for (column, cell) in row.iter().enumerate() {
            let left = MARGIN + column as u32 * (side + MARGIN);
            let caption = captions.next().unwrap_or_default();
            draw_cell(&mut sheet, [left, top], room, (cell, &caption), &mut names);
        }
        top += room[1] + LINE + MARGIN;
    }
    for (i, line) in legend.iter().enumerate() {
        let y = top + i as u32 * LINE;
        let mut x = MARGIN;
        for (colour, text) in line {
            write(&mut sheet, [x, y], text, 2, *colour);
            x += text_width(text, 2) + 2 * MARGIN;
        }
    }
    sheet
}

type Line = Vec<(Rgb<u8>, String)>;

fn legend(classes: &[String], width: u32) -> Vec<Line> {
    let mut lines: Vec<Line> = vec![Vec::new()];
    let mut x = 0;
    for (class, name) in classes.iter().enumerate() {
        let step = text_width(name, 2) + 2 * MARGIN;
        if x > 0 && x + step > width {
            if lines.len() as u32 == MOST_LEGEND_LINES {
                lines.push(vec![(INK, format!("and {} more", classes.len() - class))]);
                return lines;
            }
            lines.push(Vec::new());
            x = 0;
        }
        if let Some(line) = lines.last_mut() {
            line.push((colour(class), name.clone()));
        }
        x += step;
    }
    lines
}

fn draw_cell(
    sheet: &mut RgbImage,
    [left, top]: [u32; 2],
    room: [u32; 2],
    (cell, caption): (&Cell, &str),
    names: &mut ClassTags,
) {
    let (width, height) = cell.thumbnail.dimensions();
    let [left, top] = [
        left + room[0].saturating_sub(width) / 2,
        top + room[1].saturating_sub(height) / 2,
    ];
    image::imageops::replace(sheet, &cell.thumbnail, left.into(), top.into());
    let scale = [
        f64::from(width) / f64::from(cell.size[0]),
        f64::from(height) / f64::from(cell.size[1]),
    ];
    let placed: Vec<(usize, [u32; 4])> = cell
        .boxes
        .iter()
        .map(|(class, b)| {
            let b = b.scale(scale[0], scale[1]);
            // Boxes are inside the image: no number is negative.
            let end = |v: f64, side: u32| (v.round() as u32).min(side.saturating_sub(1));
            let corners = [
                left + end(b.x, width),
                top + end(b.y, height),
                left + end(b.right(), width),
                top + end(b.bottom(), height),
            ];
            (*class, corners)
        })
        .collect();
    for (class, corners) in &placed {
        outline(sheet, *corners, colour(*class));
    }
    let crowded = placed.len() > MOST_TAGS;
    for (class, corners) in &placed {
        let wide = corners[2] - corners[0];
        let fits = text_width(&names.whole[*class], 1) + 2 <= wide;
        if fits || !crowded {
            let most = letters_in(wide, 1).max(SHORTEST_TAG);
            let name = &names.of_length(most)[*class];
            tag(sheet, *corners, name, colour(*class), left + width);
        }
    }
    let centre = left + width / 2;
    let begin = centre.saturating_sub(text_width(caption, 2) / 2);
    write(sheet, [begin, top + height + 3], caption, 2, INK);
}

/// Draws the name above its box, or inside if there is no space above, left of the right `edge` of the image.
fn tag(sheet: &mut RgbImage, [left, top, ..]: [u32; 4], text: &str, paper: Rgb<u8>, edge: u32) {
    let high = letters::HEIGHT + 2;
    let left = left.min(edge.saturating_sub(text_width(text, 1) + 2));
    let y = if top > high + MARGIN { top - high } else { top };
    fill(sheet, [left, y], [text_width(text, 1) + 2, high], paper);
    write(sheet, [left + 1, y + 1], text, 1, ink_on(paper));
}

/// Letters of a name beside a box, where the box is narrower.
const SHORTEST_TAG: usize = 8;
/// The most letters of a name in the legend.
const LONGEST_IN_LEGEND: usize = 40;

/// The names of classes, in as many letters as there is room for.
struct ClassTags {
    whole: Vec<String>,
    /// Those of at most so many letters.
    short: HashMap<usize, Vec<String>>,
}

impl ClassTags {
    fn new(whole: Vec<String>) -> Self {
        ClassTags {
            whole,
            short: HashMap::new(),
        }
    }

    fn of_length(&mut self, most: usize) -> &[String] {
        let whole = &self.whole;
        let short = self.short.entry(most);
        short.or_insert_with(|| short_apart(whole, most))
    }
}

/// Names of at most so many letters, no two alike: where what is left out is what differs, the number of the class stands in its
/// place.
fn short_apart(names: &[String], most: usize) -> Vec<String> {
    let short: Vec<String> = names.iter().map(|name| shortened(name, most)).collect();
    let mut uses: HashMap<&String, u32> = HashMap::new();
    for name in &short {
        *uses.entry(name).or_default() += 1;
    }
    let apart = |(at, name): (usize, &String)| match uses.get(name) {
        Some(1) => name.clone(),
        _ => {
            let number = format!("..#{}", at + 1);
            let kept = name.chars().take(most.saturating_sub(number.len()));
            kept.collect::<String>() + &number
        }
    };
    short.iter().enumerate().map(apart).collect()
}

/// The captions in at most so many letters: without what all begin with, where they would be alike with it.
fn captions(cells: &[Cell], most: usize) -> Vec<String> {
    let whole: Vec<String> = cells.iter().map(|cell| plain(&cell.caption)).collect();
    let short: Vec<String> = whole.iter().map(|text| shortened(text, most)).collect();
    let are_apart = |texts: &[String]| {
        let mut sorted: Vec<&String> = texts.iter().collect();
        sorted.sort();
        sorted.windows(2).all(|pair| pair[0] != pair[1])
    };
    if are_apart(&short) {
        return short;
    }
    let first = whole.first().map_or("", String::as_str);
    let common = |text: &String| {
        let pairs = first.chars().zip(text.chars());
        pairs.take_while(|(a, b)| a == b).count()
    };
    let shared = whole.iter().map(common).min().unwrap_or(0);
    // From what differs on, with what follows as far as there is room.
    let room = most.saturating_sub(4);
    let later = whole.iter().map(|text| {
        let rest: String = text.chars().skip(shared).take(room).collect();
        let is_all = text.chars().count() <= shared + room;
        format!("..{rest}{}", if is_all { "" } else { ".." })
    });
    let later: Vec<String> = later.collect();
    match are_apart(&later) {
        true => later,
        false => short_apart(&whole, most),
    }
}

/// How many letters of a size there are room for.
fn letters_in(width: u32, size: u32) -> usize {
    (width / (size * (letters::WIDTH + 1))) as usize
}

/// The names of classes in letters that can be drawn, no two alike: Latin letters without their marks where that is
/// enough.
fn told_apart(classes: &[String]) -> Vec<String> {
    let simple: Vec<String> = classes.iter().map(|name| plain(name)).collect();
    let mut uses: HashMap<&String, u32> = HashMap::new();
    for name in &simple {
        *uses.entry(name).or_default() += 1;
    }
    let name = |(simple, class): (&String, &String)| match uses.get(simple) {
        Some(1) => simple.clone(),
        _ => drawn(class, |_| false),
    };
    simple.iter().zip(classes).map(name).collect()
}

/// A text in letters that can be drawn: Latin letters lose their marks, and of other scripts the code points are shown.
fn plain(text: &str) -> String {
    drawn(
        text,
        |c| matches!(c, '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' | '\u{2010}'..='\u{2026}'),
    )
}

/// A text with what is not ASCII transliterated where that is allowed, else as code points: `[05D0 05DC]`.
fn drawn(text: &str, is_transliterated: impl Fn(char) -> bool) -> String {
    let (mut drawn, mut is_open) = (String::new(), false);
    for c in text.chars() {
        let is_code = !c.is_ascii() && !is_transliterated(c);
        drawn.push_str(match (is_open, is_code) {
            (false, true) => "[",
            (true, true) => " ",
            (true, false) => "]",
            (false, false) => "",
        });
        is_open = is_code;
        match c {
            c if is_code => drawn.push_str(&format!("{:04X}", u32::from(c))),
            c if c.is_ascii_control() => drawn.push(' '),
            c => drawn.push_str(deunicode::deunicode_char(c).unwrap_or("?")),
        }
    }
    if is_open {
        drawn.push(']');
    }
    drawn
}

/// A text of at most so many letters: what is left out is in its middle, since names differ at their ends.
fn shortened(text: &str, most: usize) -> String {
    let n = text.chars().count();
    if n <= most {
        return text.to_owned();
    }
    let kept = most.saturating_sub(2);
    let end = kept / 2;
    let first: String = text.chars().take(kept - end).collect();
    let last: String = text.chars().skip(n - end).collect();
    format!("{first}..{last}")
}

/// A colour per class, different from its neighbours: steps of the golden angle around the colour circle.
fn colour(class: usize) -> Rgb<u8> {
    let hue = (class as f64 * 137.507_764) % 360.0 / 60.0;
    let channel = |offset: f64| {
        let distance = ((hue + offset) % 6.0 - 3.0).abs() - 1.0;
        (90.0 + 165.0 * distance.clamp(0.0, 1.0)).round() as u8
    };
    Rgb([channel(0.0), channel(4.0), channel(2.0)])
}

fn ink_on(Rgb([r, g, b]): Rgb<u8>) -> Rgb<u8> {
    let light = 299 * u32::from(r) + 587 * u32::from(g) + 114 * u32::from(b);
    if light > 140_000 { BACKGROUND } else { INK }
}

fn outline(sheet: &mut RgbImage, [left, top, right, bottom]: [u32; 4], colour: Rgb<u8>) {
    let (width, height) = (right - left + 1, bottom - top + 1);
    fill(sheet, [left, top], [width, 1], colour);
    fill(sheet, [left, bottom], [width, 1], colour);
    fill(sheet, [left, top], [1, height], colour);
    fill(sheet, [right, top], [1, height], colour);
}

fn fill(sheet: &mut RgbImage, [left, top]: [u32; 2], [width, height]: [u32; 2], colour: Rgb<u8>) {
    for y in top..(top + height).min(sheet.height()) {
        for x in left..(left + width).min(sheet.width()) {
            sheet.put_pixel(x, y, colour);
        }
    }
}

fn text_width(text: &str, size: u32) -> u32 {
    text.chars().count() as u32 * (letters::WIDTH + 1) * size
}

fn write(sheet: &mut RgbImage, [left, top]: [u32; 2], text: &str, size: u32, ink: Rgb<u8>) {
    for (i, c) in text.chars().enumerate() {
        let left = left + i as u32 * (letters::WIDTH + 1) * size;
        for (row, bits) in letters::glyph(c).into_iter().enumerate() {
            for column in (0..letters::WIDTH).filter(|c| bits >> (letters::WIDTH - 1 - c) & 1 == 1)
            {
                let corner = [left + column * size, top + row as u32 * size];
                fill(sheet, corner, [size, size], ink);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_box_is_drawn_where_it_is_in_the_colour_of_its_class() {
        let cell = Cell {
            thumbnail: RgbImage::new(100, 50),
            size: [200, 100],
            caption: "a".into(),
            boxes: vec![(1, BBox::try_from([100.0, 40.0, 60.0, 40.0]).unwrap())],
        };
        let sheet = sheet(&[cell], &["a".into(), "b".into()]);
        // The picture is centred in its cell; a box corner is half as far in as in the picture.
        let at = |x: u32, y: u32| *sheet.get_pixel(MARGIN + 270 + x, MARGIN + y);
        for (x, y) in [(50, 40), (80, 40), (80, 21), (65, 40)] {
            assert_eq!(at(x, y), colour(1), "{x}, {y}");
        }
        assert_eq!(at(49, 30), Rgb([0, 0, 0]));
        assert_eq!(at(65, 30), Rgb([0, 0, 0]));
    }

    #[test]
    fn no_two_classes_look_alike() {
        let cases: [(&[&str], &[&str]); 4] = [
            (
                &["tet \u{5d8}", "tav \u{5ea}"],
                &["tet [05D8]", "tav [05EA]"],
            ),
            (&["é", "f"], &["e", "f"]),
            (&["é", "e"], &["[00E9]", "e"]),
            (&["אב-x"], &["[05D0 05D1]-x"]),
        ];
        for (classes, wanted) in cases {
            let classes: Vec<String> = classes.iter().map(|&class| class.to_owned()).collect();
            assert_eq!(told_apart(&classes), wanted);
        }
        let long = |end: &str| shortened(&format!("a very long name of a class {end}"), 16);
        assert_ne!(long("one"), long("two"));
        // What differs is in the middle.
        let names = [
            "[05E9 05DC 05D5 05DD]",
            "[05E9 05DE 05D5 05DD]",
            "x",
            "[05E9 05D0 05D9 05DD]",
        ];
        let names: Vec<String> = names.map(str::to_owned).into();
        for most in [8, 12, 16, 40] {
            let tags = short_apart(&names, most);
            let different: HashSet<&String> = tags.iter().collect();
            assert_eq!(different.len(), 4, "{tags:?}");
            assert!(
                tags.iter().all(|tag| tag.chars().count() <= most),
                "{tags:?}"
            );
        }
    }

    #[test]
    fn captions_keep_what_differs() {
        let cell = |caption: &str| Cell {
            thumbnail: RgbImage::new(1, 1),
            size: [1, 1],
            caption: caption.into(),
            boxes: Vec::new(),
        };
        let long = |n: u32| {
            cell(&format!(
                "a-long-beginning-of-all-names/page-{n:04}/of-the-same-ending.jpg"
            ))
        };
        let found = captions(&[long(1), long(12)], 20);
        assert_ne!(found[0], found[1]);
        assert!(found[0].contains("01"), "{found:?}");
        assert_eq!(captions(&[cell("a"), cell("b")], 20), ["a", "b"]);
        assert_eq!(captions(&[long(1)], 20).len(), 1);
    }

    #[test]
    fn neighbouring_classes_have_colours_apart() {
        let far = |a: Rgb<u8>, b: Rgb<u8>| (0..3).map(|i| a[i].abs_diff(b[i]) as u32).sum::<u32>();
        for class in 0..200 {
            assert!(far(colour(class), colour(class + 1)) > 100, "{class}");
        }
    }
}
