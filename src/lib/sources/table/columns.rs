//! Which columns of a table mean what, and what to say where that is not clear.

use super::options::TableOptions;
use super::rows::{LIST, Rows};
use crate::error::Error;
use crate::sources::is_url;
use crate::values;

/// Columns with the group of an image, if none is named.
const GROUPS: &[&str] = &["group", "manuscript", "manifest", "dive", "video_sequence"];

/// Names of the columns with a meaning.
#[derive(Debug)]
pub struct Columns {
    /// The image.
    pub image: String,
    /// Its group.
    pub group: Option<String>,
    /// Its label.
    pub label: Option<String>,
    /// The columns that may tell groups apart, if no column of groups is used.
    others: Option<Vec<String>>,
}

impl Columns {
    /// The columns that the options name, or that are used without being named.
    ///
    /// # Errors
    /// No column with the images is named, or a column does not exist or is there twice.
    pub fn of(options: &TableOptions, name: &str, table: &Rows<'_>) -> Result<Self, Error> {
        let find = |option: &str, column: &str| find(name, table, option, column);
        let optional = |option: &str, column: &Option<String>, defaults: &[&str]| match column {
            Some(column) => find(option, column).map(Some),
            None => defaults
                .iter()
                .find(|d| table.columns.iter().any(|c| c == *d))
                .map(|column| find(option, column))
                .transpose(),
        };
        let image = match options.naming_column() {
            Some((option, column)) => find(option, column)?,
            None if options.id_column.is_some() && !table.is_list && of_urls(table).is_empty() => {
                let what = format!("{name}: --id-column holds ids only; what holds the images?");
                return Err(Error::usage(what).hint(
                    "with --service-prefix URL they are identifiers of an image server; --url-column or --url-template names the images otherwise",
                ));
            }
            None if table.is_list => LIST.to_owned(),
            None => return Err(unnamed(name, table)),
        };
        for (option, column) in options.other_columns() {
            find(option, column)?;
        }
        let group = optional("--group-column", &options.group_column, GROUPS)?;
        let others = table
            .columns
            .iter()
            .filter(|c| **c != image && !c.is_empty());
        let others = group.is_none().then(|| others.cloned().collect());
        Ok(Columns {
            image,
            label: optional("--label-column", &options.label_column, &["label"])?,
            group,
            others,
        })
    }

    /// A note that no column is used for groups, and what follows from that; none where one is, or with a single image.
    pub fn without_groups(&self, name: &str, images: u64) -> Option<String> {
        let others = self.others.as_ref().filter(|_| images > 1)?;
        let own = format!(
            "{name}: no column for groups, so recto-reformat --split treats every image as a group of its own"
        );
        Some(match others.is_empty() {
            true => own,
            false => format!(
                "{own}; --group-column COLUMN makes groups of one of {}",
                listed(others)
            ),
        })
    }
}

fn find(name: &str, table: &Rows<'_>, option: &str, column: &str) -> Result<String, Error> {
    match table.columns.iter().filter(|c| *c == column).count() {
        1 => Ok(column.to_owned()),
        0 => {
            let error = Error::usage(format!("{name}: column `{column}` does not exist"));
            let all = format!("choose a column with {option}: {}", listed(&table.columns));
            let of_urls = of_urls(table);
            Err(
                error.hint(match option == "--url-column" && !of_urls.is_empty() {
                    true => format!("{all}; there are URLs with {of_urls}"),
                    false => all,
                }),
            )
        }
        n => Err(
            Error::usage(format!("{name}: there are {n} columns `{column}`")).hint(format!(
                "rename them in the first line, so that {option} names one of them"
            )),
        ),
    }
}

/// No column is named that holds the images: lists all, and those first that hold URLs.
fn unnamed(name: &str, table: &Rows<'_>) -> Error {
    Error::usage(format!("{name}: the column with the images is not given")).hint(suggestion(table))
}

fn suggestion(table: &Rows<'_>) -> String {
    let columns = listed(&table.columns);
    let of_urls = of_urls(table);
    match of_urls.is_empty() {
        false => format!(
            "set it with {of_urls} (--service-column if they are base URLs of image services); the columns are {columns}"
        ),
        true => format!(
            "no column holds URLs: set the column of identifiers with --id-column and --service-prefix URL; the columns are {columns}"
        ),
    }
}

/// The option with each column that holds URLs, as it is typed.
fn of_urls(table: &Rows<'_>) -> String {
    let columns = table
        .columns
        .iter()
        .filter(|column| holds_urls(table, column));
    let options = columns.map(|column| format!("--url-column {}", quoted(column)));
    options.collect::<Vec<_>>().join(" or ")
}

/// Whether most cells of a column are URLs, as far as its first rows show.
fn holds_urls(table: &Rows<'_>, column: &str) -> bool {
    let good = table.first.iter().filter_map(|(_, row)| row.as_ref().ok());
    let cells = good
        .filter_map(|row| row.iter().find(|(c, _)| c == column))
        .filter_map(|(_, values)| values.first());
    let (urls, others): (Vec<&String>, Vec<&String>) =
        cells.partition(|cell| is_url(values::trimmed(cell)));
    urls.len() > others.len()
}

/// A name as it is typed in a shell.
fn quoted(column: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "._-".contains(c);
    match !column.is_empty() && column.chars().all(is_plain) {
        true => column.to_owned(),
        false => format!("'{}'", column.replace('\'', r"'\''")),
    }
}

/// The names of the first columns.
fn listed(columns: &[String]) -> String {
    const MOST: usize = 60;
    let first = columns.iter().take(MOST).map(String::as_str);
    let mut names = first.collect::<Vec<_>>().join(", ");
    if columns.len() > MOST {
        names += &format!(" and {} more", columns.len() - MOST);
    }
    names
}
