//! Small tables that options name, as spreadsheets save them: in UTF-8 or UTF-16, with commas, semicolons or tabs. Pure.

use std::borrow::Cow;

use csv::StringRecord;

use crate::sources::table;

/// A table in UTF-8.
#[derive(Debug)]
pub struct OptionTable<'a> {
    text: Cow<'a, [u8]>,
    delimiter: u8,
}

impl<'a> OptionTable<'a> {
    /// A table whose cells are separated by the first character with which `fits` knows its first line; by commas if it is none.
    pub fn new(name: &str, bytes: &'a [u8], fits: impl Fn(&StringRecord) -> bool) -> Self {
        let mut table = OptionTable {
            text: table::decode(name, bytes, None).bytes,
            delimiter: b',',
        };
        // What Excel writes to say how to read it.
        if table.text.starts_with(b"sep=") {
            let end = table.text.iter().position(|b| *b == b'\n');
            let end = end.map_or(table.text.len(), |end| end + 1);
            table.text = Cow::Owned(table.text[end..].to_vec());
        }
        for delimiter in *b",;\t" {
            let first = table.reader_by(delimiter).records().next();
            if first.is_some_and(|row| row.is_ok_and(|row| fits(&row))) {
                table.delimiter = delimiter;
                break;
            }
        }
        table
    }

    /// Its lines, the first included.
    pub fn reader(&self) -> csv::Reader<&[u8]> {
        self.reader_by(self.delimiter)
    }

    fn reader_by(&self, delimiter: u8) -> csv::Reader<&[u8]> {
        csv::ReaderBuilder::new()
            .flexible(true)
            .has_headers(false)
            .delimiter(delimiter)
            .from_reader(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_as_spreadsheets_save_them() {
        let plain = "image,split\na,train\n";
        let wide = |text: &str| -> Vec<u8> {
            let units = text.encode_utf16().flat_map(u16::to_le_bytes);
            [0xff, 0xfe].into_iter().chain(units).collect()
        };
        let cases = [
            plain.as_bytes().to_vec(),
            plain.replace(',', ";").into_bytes(),
            format!("\u{feff}{plain}").into_bytes(),
            format!("sep=;\r\n{}", plain.replace(',', ";")).into_bytes(),
            wide(&plain.replace(',', "\t")),
        ];
        for bytes in cases {
            let table = OptionTable::new("t", &bytes, |row| row.len() == 2);
            let rows: Vec<StringRecord> = table.reader().records().map(Result::unwrap).collect();
            assert_eq!(
                rows,
                [vec!["image", "split"], vec!["a", "train"]],
                "{bytes:?}"
            );
        }
    }
}
