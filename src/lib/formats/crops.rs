//! `crops`: every box cut out of its image, in a folder of its class, as torchvision's ImageFolder and other classifiers read
//! them.
//!
//! A crop is the box with its margin, rounded outwards to whole pixels and clipped to the image; `--crop-square` widens its
//! shorter side, and what EXIF turns is cut out upright. What would lie outside the image is black. JPEGs are written as JPEG of quality 95, all else as PNG. Every
//! split has a folder for every class, even if it is empty but for a note, since readers number classes by folders.

use super::box_attributes::Others;
use super::contents::{Contents, Kind};
use super::dataset::{Dataset, DatasetBox, DatasetImage};
use super::format::{Decodes, Format, FormatInfo, FormatOptions, Writer, Written};
use super::lazy_crop::LazyCrop;
use super::sink::{Sink, put_rows};
use crate::error::Error;
use crate::files::{SafeName, hex_digest};
use crate::pixels::{Crop, upright_point};
use crate::summary::counted;

/// The format `crops`: a file per box, in class folders.
#[derive(Debug)]
pub struct Crops;

const TABLE: &str = "crops.csv";

impl Format for Crops {
    fn info(&self) -> FormatInfo {
        FormatInfo {
            name: "crops",
            about: "every box cut out, in a folder of its class per split, for classifiers",
            has_picture_files: true,
            decodes: Decodes::Boxes,
            leaves_out_labels: true,
            ..FormatInfo::default()
        }
    }

    fn conventions(&self, options: &FormatOptions) -> String {
        format!(
            "boxes with {} % of their sides around them, rounded outwards to whole pixels and clipped to the image{}, upright \
             where EXIF turns the image (x, y, w, h are on the stored pixels); classes \
             are folders, and crops.csv leads from files to classes, boxes and images",
            options.crop_margin * 100.0,
            match options.crop_square {
                true => ", made square, black outside the image",
                false => "",
            }
        )
    }

    fn contents(&self, _: &Dataset) -> Vec<Contents> {
        const COLUMNS: &[(&str, Kind)] = &[
            ("file", Kind::Text),
            ("class", Kind::Text),
            ("split", Kind::Text),
            ("group", Kind::Text),
            ("image", Kind::Text),
            ("x", Kind::Integer),
            ("y", Kind::Integer),
            ("w", Kind::Integer),
            ("h", Kind::Integer),
        ];
        let mut files = Contents::plain("files", "A picture per box.", "*.png", "");
        files.paths.push("*.jpg".into());
        files.media_types = vec!["image/jpeg", "image/png"];
        let about = "A row per box that was cut out.";
        vec![Contents::table(TABLE, "crops", about, COLUMNS), files]
    }

    fn begin<'a>(
        &self,
        dataset: &'a Dataset,
        options: &'a FormatOptions,
        out: &mut dyn Sink,
    ) -> Result<Box<dyn Writer + 'a>, Error> {
        let header = [
            "file",
            "class",
            "split",
            "group",
            "image",
            "box",
            "x",
            "y",
            "w",
            "h",
            "text",
            "attributes",
        ];
        put_rows(out, TABLE, [header])?;
        let folders = folders(&dataset.classes);
        let numbers = numbers(&folders);
        let is_other = numbers.iter().enumerate().any(|(id, number)| id != *number);
        let rows = folders.iter().zip(&dataset.classes).zip(&numbers);
        let rows = rows.enumerate().map(|(id, ((folder, class), number))| {
            [
                id.to_string(),
                folder.clone(),
                class.clone(),
                number.to_string(),
            ]
        });
        let header = ["id", "folder", "class", "imagefolder"].map(str::to_owned);
        put_rows(out, "classes.csv", std::iter::once(header).chain(rows))?;
        out.close("classes.csv")?;
        Ok(Box::new(CropWriter {
            dataset,
            options,
            folders,
            notes: is_other
                .then(|| OTHER_NUMBERS.to_owned())
                .into_iter()
                .collect(),
            crowds: 0,
            written: vec![vec![false; dataset.classes.len()]; dataset.parts("train").len()],
        }))
    }
}

/// What is said where readers number classes otherwise.
const OTHER_NUMBERS: &str = "crops: torchvision's ImageFolder numbers classes by their sorted folders, not as `id` in classes.csv \
                             and other formats do: its numbers are in the column `imagefolder`";

/// The number that ImageFolder gives each folder: its place among all, sorted by code points.
fn numbers(folders: &[String]) -> Vec<usize> {
    let mut sorted: Vec<&String> = folders.iter().collect();
    sorted.sort();
    let number = |folder| sorted.partition_point(|other| *other < folder);
    folders.iter().map(number).collect()
}

/// A folder for each class: readable, and two never the same, even where upper and lower case are.
fn folders(classes: &[String]) -> Vec<String> {
    let names: Vec<String> = classes
        .iter()
        .map(|class| SafeName::readable(class).as_str().to_owned())
        .collect();
    let is_shared = |name: &String| {
        let same = names
            .iter()
            .filter(|other| other.to_lowercase() == name.to_lowercase());
        same.count() > 1
    };
    let folder = |(name, class): (&String, &String)| match is_shared(name) || name != class {
        true => format!("{name}-{}", hex_digest(class.as_bytes(), 8)),
        false => name.clone(),
    };
    names.iter().zip(classes).map(folder).collect()
}

struct CropWriter<'a> {
    dataset: &'a Dataset,
    options: &'a FormatOptions,
    folders: Vec<String>,
    notes: Vec<String>,
    /// How many boxes stand for a crowd.
    crowds: u64,
    /// By split, then by class: whether the folder has a crop.
    written: Vec<Vec<bool>>,
}

impl Writer for CropWriter<'_> {
    fn image(&mut self, image: &DatasetImage, out: &mut dyn Sink) -> Result<(), Error> {
        if image.boxes.is_empty() {
            return Ok(());
        }
        let mut crop = LazyCrop::of(image);
        for labelled in &image.boxes {
            let file = self.file(image, labelled);
            if out.made(&file)?.is_none() {
                let cut = crop
                    .get()?
                    .cut(upright(region(labelled, image, self.options), image));
                let fault = |cause| Error::new(format!("{}: cannot be cut: {cause}", image.file));
                out.picture(&file, &cut.map_err(fault)?)?;
            }
            self.crowds += u64::from(labelled.flags.is_crowd);
            self.list(image, labelled, &file, out)?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>, out: &mut dyn Sink) -> Written {
        out.close(TABLE)?;
        let mut notes = self.notes;
        let parts = self.dataset.parts("train");
        let mut empty = 0;
        for (split, written) in parts.iter().zip(&self.written) {
            for (folder, _) in self.folders.iter().zip(written).filter(|(_, is)| !**is) {
                out.put(&format!("{split}/{folder}/.empty"), b"")?;
                empty += 1;
            }
        }
        if self.crowds > 0 {
            notes.push(format!(
                "crops: {} for a crowd (iscrowd, group_of) and cut out like all others",
                counted(self.crowds, "box is", "boxes are")
            ));
        }
        if empty > 0 {
            notes.push(format!(
                "crops: {} without a crop: ImageFolder needs allow_empty=True, and then numbers classes alike in every split",
                counted(empty, "folder is", "folders are")
            ));
        }
        Ok(notes)
    }
}

impl CropWriter<'_> {
    /// Where the crop of a box is.
    fn file(&self, image: &DatasetImage, b: &DatasetBox) -> String {
        let split = self.dataset.parts("train")[self.dataset.part(image)];
        let folder = &self.folders[b.class];
        let suffix = Crop::suffix(image.media_type);
        format!("{split}/{folder}/{}_{}.{suffix}", image.number, b.number)
    }

    /// Adds a crop to the table.
    fn list(
        &mut self,
        image: &DatasetImage,
        b: &DatasetBox,
        file: &str,
        out: &mut dyn Sink,
    ) -> Result<(), Error> {
        let part = self.dataset.part(image);
        let split = self.dataset.parts("train")[part];
        self.written[part][b.class] = true;
        let [x, y, w, h] = region(b, image, self.options).map(|v| v.to_string());
        let row = [
            file,
            &self.dataset.classes[b.class],
            split,
            &image.group,
            &image.id,
            &b.id,
            &x,
            &y,
            &w,
            &h,
            b.text().unwrap_or_default(),
            &Others::besides_text(b).json(),
        ];
        put_rows(out, TABLE, [row])
    }
}

/// A part of the stored image as it lies on the upright one.
fn upright([x, y, w, h]: [i64; 4], image: &DatasetImage) -> [i64; 4] {
    let size = [image.width, image.height].map(f64::from);
    let corner = |x: i64, y: i64| {
        let (point, _) = upright_point(image.drawn_in, [x as f64, y as f64], size);
        point.map(|side| side as i64)
    };
    let ([ax, ay], [cx, cy]) = (corner(x, y), corner(x + w, y + h));
    [ax.min(cx), ay.min(cy), (ax - cx).abs(), (ay - cy).abs()]
}

/// The part of an image that is cut out, in whole pixels; if it is to be square, a part of it may lie outside.
fn region(b: &DatasetBox, image: &DatasetImage, options: &FormatOptions) -> [i64; 4] {
    let [mx, my] = [b.bbox.width, b.bbox.height].map(|side| side * options.crop_margin);
    let ends = |from: f64, to: f64, most: u32| {
        let from = from.floor().max(0.0) as i64;
        let to = to.ceil().min(f64::from(most)) as i64;
        (from, to.max(from + 1))
    };
    let (left, right) = ends(b.bbox.x - mx, b.bbox.right() + mx, image.width);
    let (top, bottom) = ends(b.bbox.y - my, b.bbox.bottom() + my, image.height);
    let (w, h) = (right - left, bottom - top);
    match options.crop_square {
        false => [left, top, w, h],
        true => {
            let side = w.max(h);
            [left - (side - w) / 2, top - (side - h) / 2, side, side]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_have_folders_of_their_own() {
        let classes = ["a/b", "a_b", "A", "a", "ok", "CON", ".x"].map(str::to_owned);
        let folders = folders(&classes);
        let lower: std::collections::BTreeSet<String> =
            folders.iter().map(|folder| folder.to_lowercase()).collect();
        assert_eq!(lower.len(), classes.len(), "{folders:?}");
        assert_eq!(folders[4], "ok");
        assert!(
            folders
                .iter()
                .all(|folder| !folder.contains('/') && !folder.starts_with('.'))
        );
    }
}
