//! Contact sheets: thumbnails in a grid, with boxes, names and captions.

mod fonts;
mod ink;
mod line;
mod names;

use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};

use self::fonts::Fonts;
use self::line::{Line, line};
use self::names::{ClassNames, captions};
use super::decode::decode;

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
    pub boxes: Vec<(usize, [f64; 4])>,
}

/// Longest side of a thumbnail in pixels: larger if there are few.
pub fn side(pictures: usize) -> u32 {
    if pictures <= 6 { 640 } else { 320 }
}

/// Up to this many boxes, each has its name beside it; above, only boxes that are wide enough.
const MOST_TAGS: usize = 24;

const MARGIN: u32 = 8;
/// Height of a line of captions in pixels, with space.
const LINE: u32 = 22;
/// The em of captions and the legend in pixels.
const CAPTION: u32 = 15;
/// The em of names beside boxes in pixels.
const TAG: u32 = 11;
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

/// Draws images in an approximately square grid, above a legend of the classes. Letters that the fonts within the program do not have
/// come from those of this machine.
pub fn sheet(cells: &[Cell], classes: &[String]) -> RgbImage {
    let texts = cells.iter().map(|cell| cell.caption.as_str());
    let fonts = Fonts::for_texts(texts.chain(classes.iter().map(String::as_str)));
    sheet_with(&fonts, cells, classes)
}

fn sheet_with(fonts: &Fonts, cells: &[Cell], classes: &[String]) -> RgbImage {
    let mut names = ClassNames::new(fonts, classes);
    let columns = (1..=8).find(|c| c * c >= cells.len()).unwrap_or(8);
    let side = side(cells.len());
    let whole = columns as u32 * (side + MARGIN) - MARGIN;
    let legend = legend(fonts, &mut names, classes.len(), whole);
    let rows: Vec<&[Cell]> = cells.chunks(columns).collect();
    let high = |row: &[Cell]| {
        row.iter()
            .map(|cell| cell.thumbnail.height())
            .max()
            .unwrap_or(0)
    };
    let pictures: u32 = rows.iter().map(|row| high(row) + LINE + MARGIN).sum();
    let height = MARGIN + pictures + legend.len() as u32 * LINE + MARGIN;
    let mut sheet = RgbImage::from_pixel(MARGIN + whole + MARGIN, height, BACKGROUND);
    let texts: Vec<&str> = cells.iter().map(|cell| cell.caption.as_str()).collect();
    let mut captions = captions(fonts, &texts, ems(side, CAPTION)).into_iter();
    let mut top = MARGIN;
    for row in rows {
        let room = [side, high(row)];
        for (column, cell) in row.iter().enumerate() {
            let left = MARGIN + column as u32 * (side + MARGIN);
            let caption = captions.next().unwrap_or_default();
            let place = [left, top];
            draw_cell(&mut sheet, fonts, place, room, (cell, &caption), &mut names);
        }
        top += room[1] + LINE + MARGIN;
    }
    for (i, entries) in legend.iter().enumerate() {
        let y = top + i as u32 * LINE;
        let mut x = MARGIN;
        for (colour, line) in entries {
            ink::write(&mut sheet, fonts, [x, y], line, CAPTION, *colour);
            x += ink::width(line, CAPTION) + 2 * MARGIN;
        }
    }
    sheet
}

/// How many ems of a size fit into pixels.
fn ems(pixels: u32, em: u32) -> f32 {
    pixels as f32 / em as f32
}

type Entries = Vec<(Rgb<u8>, Line)>;

fn legend(fonts: &Fonts, names: &mut ClassNames, classes: usize, width: u32) -> Vec<Entries> {
    let mut lines: Vec<Entries> = vec![Vec::new()];
    let mut x = 0;
    for class in 0..classes {
        let name = names.within(fonts, class, LONGEST_IN_LEGEND);
        let step = ink::width(&name, CAPTION) + 2 * MARGIN;
        if x > 0 && x + step > width {
            if lines.len() as u32 == MOST_LEGEND_LINES {
                let more = line(fonts, &format!("and {} more", classes - class), false);
                lines.push(vec![(INK, more)]);
                return lines;
            }
            lines.push(Vec::new());
            x = 0;
        }
        if let Some(entries) = lines.last_mut() {
            entries.push((colour(class), name));
        }
        x += step;
    }
    lines
}

fn draw_cell(
    sheet: &mut RgbImage,
    fonts: &Fonts,
    [left, top]: [u32; 2],
    room: [u32; 2],
    (cell, caption): (&Cell, &Line),
    names: &mut ClassNames,
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
            let [x, y, w, h] = *b;
            // Boxes are inside the image: no number is negative.
            let end = |v: f64, side: u32| (v.round() as u32).min(side.saturating_sub(1));
            let corners = [
                left + end(x * scale[0], width),
                top + end(y * scale[1], height),
                left + end((x + w) * scale[0], width),
                top + end((y + h) * scale[1], height),
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
        let fits = names.width(*class) <= ems(wide.saturating_sub(2), TAG);
        if fits || !crowded {
            let most = ems(wide.saturating_sub(2), TAG).max(SHORTEST_TAG);
            let name = names.within(fonts, *class, most);
            tag(sheet, fonts, *corners, &name, colour(*class), left + width);
        }
    }
    let centre = left + width / 2;
    let begin = centre.saturating_sub(ink::width(caption, CAPTION) / 2);
    let place = [begin, top + height + 2];
    ink::write(sheet, fonts, place, caption, CAPTION, INK);
}

/// Draws the name above its box, or inside if there is no space above, left of the right `edge` of the image.
fn tag(
    sheet: &mut RgbImage,
    fonts: &Fonts,
    [left, top, ..]: [u32; 4],
    name: &Line,
    paper: Rgb<u8>,
    edge: u32,
) {
    let size = [ink::width(name, TAG) + 2, ink::height(TAG)];
    let left = left.min(edge.saturating_sub(size[0]));
    let y = if top > size[1] + MARGIN {
        top - size[1]
    } else {
        top
    };
    fill(sheet, [left, y], size, paper);
    ink::write(sheet, fonts, [left + 1, y], name, TAG, ink_on(paper));
}

/// Ems of a name beside a box, where the box is narrower.
const SHORTEST_TAG: f32 = 4.5;
/// The most ems of a name in the legend.
const LONGEST_IN_LEGEND: f32 = 26.0;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_is_drawn_where_it_is_in_the_colour_of_its_class() {
        let cell = Cell {
            thumbnail: RgbImage::new(100, 50),
            size: [200, 100],
            caption: "a".into(),
            boxes: vec![(1, [100.0, 40.0, 60.0, 40.0])],
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

    /// The picture of a box with a name, without the fonts of this machine.
    fn picture(classes: &[&str]) -> RgbImage {
        let cell = Cell {
            thumbnail: RgbImage::new(200, 50),
            size: [200, 50],
            caption: String::new(),
            boxes: vec![(0, [10.0, 30.0, 180.0, 15.0])],
        };
        let classes: Vec<String> = classes.iter().map(|&class| class.to_owned()).collect();
        sheet_with(&Fonts::within(), &[cell], &classes)
    }

    #[test]
    fn letters_of_many_scripts_are_drawn() {
        let names = [
            "letter",
            "ΑΓάπη",
            "Жизнь",
            "שָׁלוֹם",
            "سلام",
            "क्षत्रिय",
            "\u{6f22}\u{5b57}",
            "\u{10900}",
            "éàç",
        ];
        let pictures: Vec<RgbImage> = names.iter().map(|name| picture(&[name])).collect();
        for (at, one) in pictures.iter().enumerate() {
            assert_ne!(*one, picture(&[""]), "{}", names[at]);
            for (other, two) in pictures.iter().enumerate().skip(at + 1) {
                assert_ne!(one, two, "{} and {}", names[at], names[other]);
            }
        }
        // Letters are joined, and their order is that of the script.
        let width = |text| line(&Fonts::within(), text, false).width;
        assert!(width("سلام") < 0.9 * ["س", "ل", "ا", "م"].map(width).iter().sum::<f32>());
        let first = |text| match line(&Fonts::within(), text, false).marks.first() {
            Some(line::Mark::Glyph { glyph, .. }) => Some(*glyph),
            _ => None,
        };
        assert_eq!(first("אבג"), first("ג"));
        assert_ne!(first("कि"), first("क"));
    }

    #[test]
    fn neighbouring_classes_have_colours_apart() {
        let far = |a: Rgb<u8>, b: Rgb<u8>| (0..3).map(|i| a[i].abs_diff(b[i]) as u32).sum::<u32>();
        for class in 0..200 {
            assert!(far(colour(class), colour(class + 1)) > 100, "{class}");
        }
    }
}
