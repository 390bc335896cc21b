//! The options of the source `table`.

use encoding_rs::Encoding;

/// Options of the source `table`.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Source table")]
pub struct TableOptions {
    /// Column with identifiers of a IIIF image server; needs --service-prefix
    #[arg(long, value_name = "COLUMN", requires = "service_prefix")]
    pub id_column: Option<String>,
    /// URL to put before the identifiers to get the base URLs of image services
    #[arg(long, value_name = "URL", requires = "id_column")]
    pub service_prefix: Option<String>,
    /// Column with the base URLs of IIIF image services
    #[arg(long, value_name = "COLUMN", conflicts_with = "id_column")]
    pub service_column: Option<String>,
    /// Column with URLs of image files. The URL of an info.json, or of an image request for a whole image or a part in
    /// pixels, is a service. A member of a member is written image.url. Not needed for a list of URLs, one per line
    #[arg(long, value_name = "COLUMN", conflicts_with_all = ["id_column", "service_column"])]
    pub url_column: Option<String>,
    /// Column with the group of the image; images of one group never go to different splits
    /// [default: the first that exists of group, manuscript, manifest, dive, video_sequence; else the file name]
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
    /// Text between several images in one cell, such as '|' or '; '
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
        let options = [
            (self.id_column.is_some(), "--id-column"),
            (self.service_prefix.is_some(), "--service-prefix"),
            (self.service_column.is_some(), "--service-column"),
            (self.url_column.is_some(), "--url-column"),
            (self.group_column.is_some(), "--group-column"),
            (self.label_column.is_some(), "--label-column"),
            (self.service_version.is_some(), "--service-version"),
            (self.delimiter.is_some(), "--delimiter"),
            (self.encoding.is_some(), "--encoding"),
            (self.decimal.is_some(), "--decimal"),
            (self.split_cell.is_some(), "--split-cell"),
        ];
        options
            .into_iter()
            .find(|(given, _)| *given)
            .map(|(_, name)| name)
    }

    /// The option and the column that name the images; none if no such option was given.
    pub fn naming_column(&self) -> Option<(&'static str, &str)> {
        let columns = [
            ("--id-column", &self.id_column),
            ("--service-column", &self.service_column),
            ("--url-column", &self.url_column),
        ];
        columns
            .into_iter()
            .find_map(|(option, column)| Some((option, column.as_deref()?)))
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
