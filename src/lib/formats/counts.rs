//! `counts`: how often each class occurs, per split: `counts.csv` for programs, `counts.md` for people, and `splits.csv`
//! with the numbers of images, images without boxes and groups.
//!
//! Rows are sorted by class name, by code point. Every class has a number in every column, 0 if it does not occur in a
//! split. `--total` adds the row `TOTAL` at the end.

use std::collections::BTreeSet;

use super::contents::{Contents, Kind};
use super::dataset::{Dataset, DatasetImage};
use super::facts::ImageFacts;
use super::format::{Format, FormatInfo, FormatOptions, Writer, Written};
use super::ranks;
use super::sink::{Sink, put_rows};
use crate::error::Error;

/// The format `counts`: how often each class occurs.
#[derive(Debug)]
pub struct Counts;

impl Format for Counts {
    fn info(&self) -> FormatInfo {
        FormatInfo {
            name: "counts",
            about: "how often each class occurs, per split: a CSV, and a table to read",
            single_file: Some("csv"),
            holds_ranks: true,
            ..FormatInfo::default()
        }
    }

    fn conventions(&self, _: &FormatOptions) -> String {
        "boxes per class, in each split and in total, and the images they are on; sorted by code point; \
         splits.csv counts images, images without boxes (negatives), boxes and groups"
            .into()
    }

    fn contents(&self, _: &Dataset) -> Vec<Contents> {
        let about = "Boxes and images of each class.";
        vec![Contents::table(
            "counts.csv",
            "counts",
            about,
            &[("concept", Kind::Text)],
        )]
    }

    fn begin<'a>(
        &self,
        dataset: &'a Dataset,
        options: &'a FormatOptions,
        out: &mut dyn Sink,
    ) -> Result<Box<dyn Writer + 'a>, Error> {
        let counts = classes(dataset, options.total);
        put_rows(out, "counts.csv", &counts)?;
        out.close("counts.csv")?;
        if !options.single {
            let splits = splits(dataset, options.total);
            let text = format!("{}\n{}", markdown(&counts), markdown(&splits));
            out.put("counts.md", text.as_bytes())?;
            put_rows(out, "splits.csv", &splits)?;
            out.close("splits.csv")?;
        }
        Ok(Box::new(Done))
    }
}

/// Everything is known before the first image.
struct Done;

impl Writer for Done {
    fn image(&mut self, _: &DatasetImage, _: &mut dyn Sink) -> Result<(), Error> {
        Ok(())
    }

    fn finish(self: Box<Self>, _: &mut dyn Sink) -> Written {
        Ok(Vec::new())
    }
}

type Row = Vec<String>;

const TOTAL: &str = "TOTAL";

/// A header, and a row per class: ranks, boxes in each split and in total, images.
fn classes(dataset: &Dataset, total: bool) -> Vec<Row> {
    let ranks = ranks::of(dataset);
    let parts = match dataset.splits.is_empty() {
        true => Vec::new(),
        false => dataset.parts(""),
    };
    let boxes: Vec<Vec<u64>> = (0..parts.len())
        .map(|part| dataset.boxes_per_class(dataset.facts_of(part)))
        .collect();
    let together = dataset.boxes_per_class(dataset.facts.iter());
    let images = images(dataset);
    let numbers = |class: usize| -> Vec<u64> {
        let splits = boxes.iter().map(|split| split[class]);
        splits.chain([together[class], images[class]]).collect()
    };
    let names = dataset.classes.iter().enumerate();
    let mut rows = vec![header(
        "concept",
        &ranks,
        parts.iter().copied(),
        &["total", "images"],
    )];
    rows.extend(names.map(|(class, name)| {
        let taxon = |rank: &&str| {
            ranks::taxon(dataset.lineage(class), rank)
                .unwrap_or_default()
                .to_owned()
        };
        let taxa = ranks.iter().map(taxon);
        std::iter::once(name.clone())
            .chain(taxa)
            .chain(texts(numbers(class)))
            .collect()
    }));
    if total {
        let sums = boxes.iter().map(|split| split.iter().sum());
        let images = dataset.count(|p| p.boxes() > 0);
        let sums = sums.chain([together.iter().sum(), images]);
        let blank = ranks.iter().map(|_| String::new());
        let name = std::iter::once(TOTAL.to_owned());
        rows.push(name.chain(blank).chain(texts(sums)).collect());
    }
    rows
}

/// A header, and a row per split.
fn splits(dataset: &Dataset, total: bool) -> Vec<Row> {
    let row = |name: &str, facts: &mut dyn Iterator<Item = ImageFacts>| -> Row {
        let (mut groups, mut numbers) = (BTreeSet::new(), [0; 4]);
        for facts in facts {
            let boxes = u64::from(facts.boxes());
            groups.insert(facts.group);
            numbers[0] += 1;
            numbers[1] += u64::from(boxes == 0);
            numbers[2] += boxes;
        }
        numbers[3] = groups.len() as u64;
        std::iter::once(name.to_owned())
            .chain(texts(numbers))
            .collect()
    };
    let mut rows = vec![header(
        "split",
        &[],
        [].into_iter(),
        &["images", "negatives", "boxes", "groups"],
    )];
    let parts = dataset.parts("all").into_iter().enumerate();
    rows.extend(parts.map(|(part, name)| row(name, &mut dataset.facts_of(part))));
    if total {
        rows.push(row(TOTAL, &mut dataset.facts.iter()));
    }
    rows
}

fn header<'a>(
    first: &str,
    ranks: &[&str],
    middle: impl Iterator<Item = &'a str>,
    last: &[&str],
) -> Row {
    let ranks = ranks.iter().map(|rank| format!("rank:{rank}"));
    let others = middle
        .map(str::to_owned)
        .chain(last.iter().map(|&name| name.to_owned()));
    std::iter::once(first.to_owned())
        .chain(ranks)
        .chain(others)
        .collect()
}

fn texts(numbers: impl IntoIterator<Item = u64>) -> impl Iterator<Item = String> {
    numbers.into_iter().map(|n| n.to_string())
}

/// Number of images with boxes of each class.
fn images(dataset: &Dataset) -> Vec<u64> {
    let mut counts = vec![0; dataset.classes.len()];
    for (class, _) in dataset.facts.iter().flat_map(|p| p.classes.iter()) {
        counts[class as usize] += 1;
    }
    counts
}

/// Columns are not made wider than this for a long name, which then moves what follows it.
const WIDEST: usize = 60;

/// A Markdown table with aligned columns: texts to the left, numbers to the right.
fn markdown(rows: &[Row]) -> String {
    let shown: Vec<Row> = rows
        .iter()
        .map(|row| row.iter().map(|cell| escape(cell)).collect())
        .collect();
    let columns = shown.first().map_or(0, Vec::len);
    let is_number = |column: usize| {
        let mut cells = shown[1..].iter().map(|row| &row[column]);
        column > 0 && cells.all(|cell| !cell.is_empty() && cell.bytes().all(|b| b.is_ascii_digit()))
    };
    let length = |column: usize| {
        let lengths = shown.iter().map(|row| row[column].chars().count());
        lengths.max().unwrap_or(0).clamp(3, WIDEST)
    };
    let widths: Vec<usize> = (0..columns).map(length).collect();
    let is_number: Vec<bool> = (0..columns).map(is_number).collect();
    let line = |row: &Row| -> String {
        let cell = |column: usize| {
            let text = &row[column];
            let space = " ".repeat(widths[column].saturating_sub(text.chars().count()));
            match is_number[column] {
                true => space + text,
                false => format!("{text}{space}"),
            }
        };
        format!(
            "| {} |\n",
            (0..columns).map(cell).collect::<Vec<_>>().join(" | ")
        )
    };
    let rule = |column: usize| match is_number[column] {
        true => format!("{}:", "-".repeat(widths[column] - 1)),
        false => "-".repeat(widths[column]),
    };
    let rule: Vec<String> = (0..columns).map(rule).collect();
    let body: String = shown.iter().skip(1).map(line).collect();
    let head = shown.first().map(line).unwrap_or_default();
    format!("{head}| {} |\n{body}", rule.join(" | "))
}

/// Text for a cell of a Markdown table.
fn escape(text: &str) -> String {
    let flat = text.replace(['\n', '\r'], " ");
    flat.replace('\\', "\\\\")
        .replace('|', "\\|")
        .replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_line_up_and_hold_any_name() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let rows = [
            row(["concept", "rank:genus", "total"]),
            row(["a|b\n<c>", "", "7"]),
            row(["žluť 鱼", "1", "1234"]),
        ];
        let wanted = "\
            | concept     | rank:genus | total |\n\
            | ----------- | ---------- | ----: |\n\
            | a\\|b &lt;c> |            |     7 |\n\
            | žluť 鱼      | 1          |  1234 |\n";
        assert_eq!(markdown(&rows), wanted);
    }
}
