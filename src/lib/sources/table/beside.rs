//! What further columns of a row say about its images. Of lists beside a list of images each image has its own: what stands for
//! one image is never taken for another.

use super::options::{TableOptions, UrlTemplate};
use super::rows::Row;
use crate::contracts::ImageRef;
use crate::sources::is_url;
use crate::values::trimmed;

/// The values of a column in a row, without blanks around them.
struct Cell {
    values: Vec<String>,
    /// Whether some are empty, so that those after them are of other images than their places say.
    has_gaps: bool,
}

/// The values of a column; each is taken apart at a separator.
fn cell(row: &Row, column: &str, separator: Option<&str>) -> Cell {
    let found = row.iter().find(|(name, _)| name == column);
    let all = found.map(|(_, values)| &values[..]).unwrap_or_default();
    let parts = all.iter().flat_map(|value| match separator {
        Some(separator) => value.split(separator).map(trimmed).collect(),
        None => vec![trimmed(value)],
    });
    let parts: Vec<&str> = parts.collect();
    let values = parts.iter().filter(|part| !part.is_empty());
    let values: Vec<String> = values.map(|part| (*part).to_owned()).collect();
    Cell {
        has_gaps: values.len() < parts.len(),
        values,
    }
}

/// How the values of a column are shared among the images of a row.
#[derive(Debug, PartialEq, Eq)]
enum Shared {
    /// There are none.
    None,
    /// One is there for all.
    One(String),
    /// Each image has its own.
    Each(Vec<String>),
    /// Several, and not as many as images.
    Unequal(usize),
}

fn shared(cell: Cell, images: usize) -> Shared {
    let count = cell.values.len();
    match count {
        0 => Shared::None,
        1 => Shared::One(cell.values.into_iter().next().unwrap_or_default()),
        _ if count == images && !cell.has_gaps => Shared::Each(cell.values),
        _ => Shared::Unequal(count),
    }
}

/// The values of a column of texts, in which a separator counts only where it gives each of several images its own.
fn texts(row: &Row, column: &str, images: usize, separator: Option<&str>) -> Shared {
    let apart = separator.map(|_| shared(cell(row, column, separator), images));
    match apart {
        Some(each @ Shared::Each(_)) => each,
        _ => shared(cell(row, column, None), images),
    }
}

/// The text that each of the images of a row has in a column; none where they have one for all, or none.
pub fn of_each(
    row: &Row,
    column: &str,
    images: usize,
    options: &TableOptions,
) -> Option<Vec<String>> {
    match texts(row, column, images, options.split_cell.as_deref()) {
        Shared::Each(texts) => Some(texts),
        _ => None,
    }
}

/// The URLs that a template makes of a row: as many as the lists in its columns have values.
///
/// # Errors
/// The problem of the reject: the lists are not of one length.
pub fn of_template(
    template: &UrlTemplate,
    row: &Row,
    options: &TableOptions,
) -> Result<Vec<String>, String> {
    let separator = options.split_cell.as_deref();
    let cells: Vec<(&str, Cell)> = template
        .columns()
        .map(|column| (column, cell(row, column, separator)))
        .collect();
    let counts = cells.iter().map(|(_, cell)| cell.values.len());
    let count = counts.max().unwrap_or(1).max(1);
    let is_even = |cell: &Cell| match cell.values.len() {
        0 | 1 => true,
        found => found == count && !cell.has_gaps,
    };
    if !cells.iter().all(|(_, cell)| is_even(cell)) {
        return Err("lists in the columns of --url-template are not of one length".into());
    }
    let urls = (0..count).filter_map(|n| {
        template.fill(|column| {
            let (_, cell) = cells.iter().find(|(name, _)| *name == column)?;
            cell.values.get(n).or(cell.values.first()).cloned()
        })
    });
    Ok(urls.collect())
}

/// What further columns say about the images of a row.
pub struct More {
    id: Shared,
    sha256: Shared,
    /// Of each image, in the order in which they are tried.
    fallbacks: Vec<Vec<String>>,
}

impl More {
    /// Of a row with so many images; the error is the column, and what is wrong in it.
    pub fn of<'a>(
        row: &Row,
        options: &'a TableOptions,
        images: usize,
        fallbacks: Vec<Vec<String>>,
    ) -> Result<Self, (&'a str, String)> {
        let separator = options.split_cell.as_deref();
        let unequal = |what: &str, count: usize| {
            let of = match images {
                1 => "one image".to_owned(),
                images => format!("{images} images"),
            };
            format!("cell has {count} {what} for {of}")
        };
        let id = match options.own_ids() {
            None => Shared::None,
            Some(column) => match texts(row, column, images, separator) {
                Shared::None => {
                    let problem = "cell is empty: it should hold the id of the image";
                    return Err((column, problem.to_owned()));
                }
                Shared::Unequal(count) => return Err((column, unequal("ids", count))),
                id => id,
            },
        };
        let sha256 = match options.sha256_column.as_deref() {
            None => Shared::None,
            Some(column) => {
                let cell = cell(row, column, separator);
                let is_one = |text: &&String| {
                    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
                };
                if let Some(text) = cell.values.iter().find(|text| !is_one(text)) {
                    let problem = format!("not a SHA-256 of 64 hexadecimal digits: {text}");
                    return Err((column, problem));
                }
                match shared(cell, images) {
                    Shared::One(_) if images > 1 => return Err((column, unequal("SHA-256", 1))),
                    Shared::Unequal(count) => return Err((column, unequal("SHA-256", count))),
                    sha256 => sha256,
                }
            }
        };
        Ok(More {
            id,
            sha256,
            fallbacks,
        })
    }

    /// An image of the row, the `n`th from 0, with its id. `before` are images of other rows to which that id belongs too.
    pub fn complete(
        &self,
        n: usize,
        before: usize,
        id: String,
        image: ImageRef,
    ) -> (String, ImageRef) {
        let id = match (&self.id, before + n) {
            (Shared::Each(own), _) => own[n].clone(),
            (Shared::One(own), 0) => own.clone(),
            (Shared::One(own), n) => format!("{own}/{n}"),
            _ => id,
        };
        let sha256 = match &self.sha256 {
            Shared::Each(all) => Some(&all[n]),
            Shared::One(one) => Some(one),
            _ => None,
        };
        let image = ImageRef {
            sha256: sha256
                .map(|text| text.to_ascii_lowercase())
                .or(image.sha256),
            fallbacks: self.fallbacks.get(n).cloned().unwrap_or_default(),
            ..image
        };
        (id, image)
    }
}

/// The further URLs of each of the images of a row, and notes on what is left out. What is not a URL costs no image that has one.
/// One image has all of them; several have their own where a list has one for each, and none where that is not known.
pub fn fallbacks(
    row: &Row,
    options: &TableOptions,
    images: usize,
) -> (Vec<Vec<String>>, Vec<String>) {
    let mut all = vec![Vec::new(); images.max(1)];
    let mut notes = Vec::new();
    for column in &options.fallback_column {
        let mut cell = cell(row, column, options.split_cell.as_deref());
        let are_urls = cell.values.iter().all(|text| is_url(text));
        if !are_urls {
            notes.push(format!("column {column}: what is not a URL is left out"));
            // Places count in a list that stands beside several images.
            if images > 1 {
                continue;
            }
            cell.values.retain(|text| is_url(text));
        }
        if images <= 1 {
            all[0].append(&mut cell.values);
            continue;
        }
        match shared(cell, images) {
            Shared::None => {}
            Shared::Each(urls) => {
                let pairs = all.iter_mut().zip(urls);
                pairs.for_each(|(of_image, url)| of_image.push(url));
            }
            Shared::One(_) | Shared::Unequal(_) => notes.push(format!(
                "column {column}: left out where it has not as many URLs as its row has images"
            )),
        }
    }
    (all, notes)
}
