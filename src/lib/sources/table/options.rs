//! The options of the source `table`.

use std::fmt;
use std::str::FromStr;

use encoding_rs::Encoding;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Options of the source `table`.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Source table")]
pub struct TableOptions {
    /// Column with identifiers of a IIIF image server, with --service-prefix; otherwise with ids of the images, which stay
    /// the same when their URLs change
    #[arg(long, value_name = "COLUMN")]
    pub id_column: Option<String>,
    /// URL to put before the identifiers to get the base URLs of image services
    #[arg(long, value_name = "URL", requires = "id_column")]
    pub service_prefix: Option<String>,
    /// Column with the base URLs of IIIF image services
    #[arg(long, value_name = "COLUMN", conflicts_with = "service_prefix")]
    pub service_column: Option<String>,
    /// Column with URLs of image files. The URL of an info.json, or of an image request for a whole image or a part in
    /// pixels, is a service. A member of a member is written image.url. Not needed for a list of URLs, one per line
    #[arg(long, value_name = "COLUMN", conflicts_with_all = ["service_prefix", "service_column"])]
    pub url_column: Option<String>,
    /// URL of the image file with columns in braces, such as 'https://host/{photo_id}/medium.{extension}'
    #[arg(long, value_name = "TEMPLATE", conflicts_with_all = ["service_prefix", "service_column", "url_column"])]
    pub url_template: Option<UrlTemplate>,
    /// Column with another URL of the same image, tried where the first cannot be downloaded (repeatable, in this order)
    #[arg(long, value_name = "COLUMN")]
    pub fallback_column: Vec<String>,
    /// Column with the SHA-256 of the image file
    #[arg(long, value_name = "COLUMN")]
    pub sha256_column: Option<String>,
    /// Column with the group of the image; images of one group never go to different splits
    /// [default: the first that exists of group, manuscript, manifest, dive, video_sequence; else recto-reformat --split treats every image
    /// as a group of its own]
    #[arg(long, value_name = "COLUMN")]
    pub group_column: Option<String>,
    /// Column with the label of the image [default: label, if it exists]
    #[arg(long, value_name = "COLUMN")]
    pub label_column: Option<String>,
    /// Version of the Image API of the services [default: 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=3))]
    pub service_version: Option<u8>,
    /// Character between the cells of a row, or tab [default: the most frequent in the first line of comma, semicolon,
    /// tab and |]
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter)]
    pub delimiter: Option<u8>,
    /// Encoding of the text, such as windows-1252 [default: by the byte-order mark, else UTF-8, else windows-1252 if no
    /// character of the table is UTF-8]
    #[arg(long, value_name = "NAME", value_parser = encoding)]
    pub encoding: Option<&'static Encoding>,
    /// Decimal mark of numbers in CSV; numbers with a comma are written with a point in the digest [default: comma if the
    /// cells are separated by semicolons, else point]
    #[arg(long, value_enum, value_name = "MARK")]
    pub decimal: Option<Decimal>,
    /// Text between several images in one cell, such as '|' or '; ', and between their ids, hashes, labels, groups and further
    /// URLs
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub split_cell: Option<String>,
}

/// A decimal mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Decimal {
    /// 1234.5
    Point,
    /// 1234,5 and 1.234,5
    Comma,
}

impl TableOptions {
    /// The first of these options on the command line, as users type it.
    pub fn given(&self) -> Option<&'static str> {
        self.typed().first().map(|(name, _)| *name)
    }

    /// These options of the command line, with their values as users type them.
    pub fn typed(&self) -> Vec<(&'static str, String)> {
        let text = |option: &Option<String>| option.clone();
        let decimal = self.decimal.as_ref();
        let decimal = decimal.and_then(clap::ValueEnum::to_possible_value);
        let delimiter = self.delimiter.map(|byte| match byte {
            b'\t' => "tab".to_owned(),
            byte => char::from(byte).to_string(),
        });
        let before = [
            ("--id-column", text(&self.id_column)),
            ("--service-prefix", text(&self.service_prefix)),
            ("--service-column", text(&self.service_column)),
            ("--url-column", text(&self.url_column)),
            (
                "--url-template",
                self.url_template.as_ref().map(ToString::to_string),
            ),
        ];
        let fallbacks = self.fallback_column.iter();
        let fallbacks = fallbacks.map(|column| ("--fallback-column", Some(column.clone())));
        let after = [
            ("--sha256-column", text(&self.sha256_column)),
            ("--group-column", text(&self.group_column)),
            ("--label-column", text(&self.label_column)),
            (
                "--service-version",
                self.service_version.map(|n| n.to_string()),
            ),
            ("--delimiter", delimiter),
            (
                "--encoding",
                self.encoding.map(|encoding| encoding.name().to_owned()),
            ),
            (
                "--decimal",
                decimal.map(|value| value.get_name().to_owned()),
            ),
            ("--split-cell", text(&self.split_cell)),
        ];
        let all = before.into_iter().chain(fallbacks).chain(after);
        all.filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }

    /// The option and the column that name the images; none if no such option was given. Of a template it is the first
    /// column that it names.
    pub fn naming_column(&self) -> Option<(&'static str, &str)> {
        let identifiers = self
            .id_column
            .as_ref()
            .filter(|_| self.service_prefix.is_some());
        let template = self.url_template.as_ref().and_then(UrlTemplate::first);
        let columns = [
            ("--id-column", identifiers.map(String::as_str)),
            ("--service-column", self.service_column.as_deref()),
            ("--url-column", self.url_column.as_deref()),
            ("--url-template", template),
        ];
        columns
            .into_iter()
            .find_map(|(option, column)| Some((option, column?)))
    }

    /// The column with the ids of the images, where it does not name the images too.
    pub fn own_ids(&self) -> Option<&str> {
        let column = self.id_column.as_deref();
        column.filter(|_| self.service_prefix.is_none())
    }

    /// Options that name a column besides those that name the image, its label and its group, with the column.
    pub fn other_columns(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let template = self.url_template.iter().flat_map(UrlTemplate::columns);
        let fallbacks = self.fallback_column.iter();
        template
            .map(|column| ("--url-template", column))
            .chain(self.own_ids().map(|column| ("--id-column", column)))
            .chain(
                self.sha256_column
                    .as_deref()
                    .map(|column| ("--sha256-column", column)),
            )
            .chain(fallbacks.map(|column| ("--fallback-column", &**column)))
    }
}

/// A URL with columns in braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlTemplate(Vec<(String, Option<String>)>);

impl FromStr for UrlTemplate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            let field = after
                .split_once('}')
                .filter(|(column, _)| !column.is_empty());
            let (column, after) =
                field.ok_or_else(|| format!("`{text}`: a column is missing in braces"))?;
            parts.push((before.to_owned(), Some(column.to_owned())));
            rest = after;
        }
        if parts.is_empty() {
            return Err(format!("`{text}` names no column in braces"));
        }
        parts.push((rest.to_owned(), None));
        Ok(UrlTemplate(parts))
    }
}

impl fmt::Display for UrlTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(before, column)| match column {
            Some(column) => write!(f, "{before}{{{column}}}"),
            None => f.write_str(before),
        })
    }
}

impl UrlTemplate {
    /// Its columns, in their order.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|(_, column)| column.as_deref())
    }

    fn first(&self) -> Option<&str> {
        self.columns().next()
    }

    /// The URL with the values that `value_of` gives of columns, escaped as parts of a path; none where one is empty.
    pub fn fill(&self, value_of: impl Fn(&str) -> Option<String>) -> Option<String> {
        let mut url = String::new();
        for (before, column) in &self.0 {
            url += before;
            if let Some(column) = column {
                let value =
                    value_of(column).filter(|value| !crate::values::trimmed(value).is_empty())?;
                // Slashes in a value are those of a path.
                const KEPT: &AsciiSet = &NON_ALPHANUMERIC
                    .remove(b'-')
                    .remove(b'_')
                    .remove(b'.')
                    .remove(b'~')
                    .remove(b'/')
                    .remove(b'%');
                url += &utf8_percent_encode(crate::values::trimmed(&value), KEPT).to_string();
            }
        }
        Some(url)
    }
}

/// Parses `--delimiter`.
///
/// # Errors
/// It is not one ASCII character, or one that cells begin or end with.
fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        _ if text == "tab" || text == "\\t" => Ok(b'\t'),
        [b'"' | b'\n' | b'\r'] => Err("quotes and line ends do not separate cells".into()),
        [one] if one.is_ascii() => Ok(*one),
        _ => Err("one ASCII character is needed, or tab".into()),
    }
}

/// Parses `--encoding`.
///
/// # Errors
/// There is no such encoding.
fn encoding(text: &str) -> Result<&'static Encoding, String> {
    Encoding::for_label_no_replacement(text.as_bytes()).ok_or_else(|| {
        "not an encoding of the WHATWG, such as utf-8, utf-16le, windows-1252 or shift_jis".into()
    })
}
