//! `counts`: how often each class occurs, per split: `counts.csv` for programs, `counts.md` for people, and `splits.csv`
//! with the numbers of images, images without boxes and groups.
//!
//! Rows are sorted by class name, by code point. Every class has a number in every column, 0 if it does not occur in a
//! split. `--total` adds the row `TOTAL` at the end.

use super::dataset::{Dataset, DatasetImage};
use super::format::{Format, FormatInfo, FormatOptions, Written};
use super::ranks;
use super::sink::{Sink, put, put_rows};

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
        }
    }

    fn conventions(&self, _: &FormatOptions) -> String {
        "boxes per class, in each split and in total, and the images they are on; sorted by code point; \
         splits.csv counts images, images without boxes (negatives), boxes and groups"
            .into()
    }

    fn write(&self, dataset: &Dataset, options: &FormatOptions, out: &mut dyn Sink) -> Written {
        let counts = classes(dataset, options.total);
        put_rows(out, "counts.csv", &counts, options.csv_safe)?;
        if !options.single {
            let splits = splits(dataset, options.total);
            let text = format!("{}\n{}", markdown(&counts), markdown(&splits));
            put(out, "counts.md", &text)?;
            put_rows(out, "splits.csv", &splits, options.csv_safe)?;
        }
        Ok(Vec::new())
    }
}

type Row = Vec<String>;

const TOTAL: &str = "TOTAL";

/// A header, and a row per class: ranks, boxes in each split and in total, images.
fn classes(dataset: &Dataset, total: bool) -> Vec<Row> {
    let ranks = ranks::of(dataset);
    let parts: Vec<(&str, Vec<&DatasetImage>)> = match dataset.splits.is_empty() {
        true => Vec::new(),
        false => dataset.parts(""),
    };
    let all: Vec<&DatasetImage> = dataset.images.iter().collect();
    let boxes: Vec<Vec<u64>> = parts
        .iter()
        .map(|(_, pictures)| boxes(dataset, pictures))
        .collect();
    let (together, images) = (self::boxes(dataset, &all), images(dataset));
    let numbers = |class: usize| -> Vec<u64> {
        let splits = boxes.iter().map(|split| split[class]);
        splits.chain([together[class], images[class]]).collect()
    };
    let names = dataset.classes.iter().enumerate();
    let mut rows = vec![header(
        "concept",
        &ranks,
        parts.iter().map(|(name, _)| *name),
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
        let images = dataset
            .images
            .iter()
            .filter(|p| !p.boxes.is_empty())
            .count() as u64;
        let sums = sums.chain([together.iter().sum(), images]);
        let blank = ranks.iter().map(|_| String::new());
        let name = std::iter::once(TOTAL.to_owned());
        rows.push(name.chain(blank).chain(texts(sums)).collect());
    }
    rows
}

/// A header, and a row per split.
fn splits(dataset: &Dataset, total: bool) -> Vec<Row> {
    let row = |name: &str, pictures: &[&DatasetImage]| -> Row {
        let groups: std::collections::BTreeSet<&str> =
            pictures.iter().map(|p| p.group.as_str()).collect();
        let negatives = pictures.iter().filter(|p| p.boxes.is_empty()).count();
        let boxes: usize = pictures.iter().map(|p| p.boxes.len()).sum();
        let numbers = [pictures.len(), negatives, boxes, groups.len()].map(|n| n as u64);
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
    rows.extend(
        dataset
            .parts("all")
            .iter()
            .map(|(name, pictures)| row(name, pictures)),
    );
    if total {
        let all: Vec<&DatasetImage> = dataset.images.iter().collect();
        rows.push(row(TOTAL, &all));
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

/// Number of boxes of each class on some images.
fn boxes(dataset: &Dataset, pictures: &[&DatasetImage]) -> Vec<u64> {
    let mut counts = vec![0; dataset.classes.len()];
    for labelled in pictures.iter().flat_map(|p| &p.boxes) {
        counts[labelled.class] += 1;
    }
    counts
}

/// Number of images with boxes of each class.
fn images(dataset: &Dataset) -> Vec<u64> {
    let mut counts = vec![0; dataset.classes.len()];
    for picture in &dataset.images {
        let classes: std::collections::BTreeSet<usize> =
            picture.boxes.iter().map(|b| b.class).collect();
        for class in classes {
            counts[class] += 1;
        }
    }
    counts
}

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
    let width = |column: usize| {
        shown
            .iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
            .max(3)
    };
    let line = |row: &Row| -> String {
        let cell = |column: usize| match is_number(column) {
            true => format!("{:>1$}", row[column], width(column)),
            false => format!("{:<1$}", row[column], width(column)),
        };
        format!(
            "| {} |\n",
            (0..columns).map(cell).collect::<Vec<_>>().join(" | ")
        )
    };
    let rule = |column: usize| match is_number(column) {
        true => format!("{}:", "-".repeat(width(column) - 1)),
        false => "-".repeat(width(column)),
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
