//! Where the records of a CSV file begin and end.
//!
//! A quote that is not closed would make the rest of the table one cell, up to the next quote that happens to be there. A
//! record with such a quote is one line, and the next line begins a record of its own.

use std::ops::Range;

use crate::sources::is_url;

/// The records of a text. Empty lines are no records.
#[derive(Clone)]
pub struct Records<'a> {
    text: &'a [u8],
    at: usize,
    delimiter: u8,
    /// Number of columns; 0 as long as the header is not read.
    pub columns: usize,
    /// Where line ends are counted up to, and how many there are.
    counted: (usize, usize),
}

/// A record.
#[derive(Debug, PartialEq)]
pub struct Record {
    /// Its bytes, without the line end.
    pub bytes: Range<usize>,
    /// The number of its line, if it has a quote that is not closed.
    pub unclosed: Option<usize>,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// At the start of a cell.
    Start,
    /// In a cell that does not begin with a quote, or after a closing quote and something behind it.
    Plain,
    /// Within quotes.
    Quoted,
    /// After a quote within quotes: it closes the cell, or it stands for a quote.
    Quote,
    /// After blanks behind a closing quote.
    Blanks,
}

impl<'a> Records<'a> {
    /// The records of a text from its beginning.
    pub fn new(text: &'a [u8], delimiter: u8) -> Self {
        Records {
            text,
            at: 0,
            delimiter,
            columns: 0,
            counted: (0, 0),
        }
    }

    /// The end of the record that begins here. None if it has a quote that is not closed; or is closed on another line only by a
    /// quote within a cell, or behind lines that are rows themselves.
    fn end(&self, start: usize) -> Option<usize> {
        // `lines`: how often a line ends in the cell that begins at `cell`.
        let (mut state, mut cell, mut lines) = (State::Start, start, 0);
        for (at, byte) in self.text.iter().enumerate().skip(start) {
            let is_end = matches!(byte, b'\n' | b'\r');
            let is_over = is_end || *byte == self.delimiter;
            state = match state {
                State::Quoted if *byte == b'"' => State::Quote,
                State::Quoted => {
                    lines += usize::from(is_end);
                    State::Quoted
                }
                State::Quote if *byte == b'"' => State::Quoted,
                _ if is_over => {
                    if lines > 0 && self.has_rows(cell..at, cell == start) {
                        return None;
                    }
                    if is_end {
                        return Some(at);
                    }
                    (cell, lines) = (at + 1, 0);
                    State::Start
                }
                State::Start if *byte == b'"' => State::Quoted,
                State::Quote | State::Blanks if *byte == b' ' => State::Blanks,
                State::Quote | State::Blanks if lines > 0 => return None,
                _ => State::Plain,
            };
        }
        let is_closed = state != State::Quoted
            && !(lines > 0 && self.has_rows(cell..self.text.len(), cell == start));
        is_closed.then_some(self.text.len())
    }

    /// Whether a cell of several lines has rows in it: tabs where these separate cells, since texts do not hold them; else a line
    /// with as many cells as there are columns, and a URL among them. Where the first line of a later cell has as many, it is
    /// no rest of a row, and the cell is a list of such lines.
    fn has_rows(&self, cell: Range<usize>, is_first: bool) -> bool {
        let cell = &self.text[cell];
        if self.delimiter == b'\t' {
            return cell.contains(&b'\t');
        }
        let mut lines = cell.split(|b| b"\r\n".contains(b));
        let cells_of = |line: &[u8]| line.split(|b| *b == self.delimiter).count();
        let is_whole = |line: &[u8]| cells_of(line) == self.columns;
        if lines.next().is_some_and(is_whole) && !is_first {
            return false;
        }
        lines.any(|line| {
            let cells: Vec<&[u8]> = line.split(|b| *b == self.delimiter).collect();
            let is_of_url = |cell: &&[u8]| std::str::from_utf8(cell).is_ok_and(is_url);
            cells.len() > 1 && cells.len() == self.columns && cells.iter().any(is_of_url)
        })
    }

    fn line_end(&self, start: usize) -> usize {
        let end = self.text[start..].iter().position(|b| b"\r\n".contains(b));
        end.map_or(self.text.len(), |n| start + n)
    }

    /// The number of the line that begins here, from 1.
    fn line_number(&mut self, at: usize) -> usize {
        let (from, ends) = self.counted;
        let between = &self.text[from..at];
        let returns = |at: usize| between.get(at + 1) != Some(&b'\n');
        let ends = ends
            + memchr::memchr_iter(b'\n', between).count()
            + memchr::memchr_iter(b'\r', between)
                .filter(|at| returns(*at))
                .count();
        self.counted = (at, ends);
        ends + 1
    }
}

impl Iterator for Records<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        let rest = &self.text[self.at..];
        let start = self.at + rest.iter().position(|b| !b"\r\n".contains(b))?;
        let end = self.end(start);
        self.at = end.unwrap_or_else(|| self.line_end(start));
        let unclosed = end.is_none().then(|| self.line_number(start));
        Some(Record {
            bytes: start..self.at,
            unclosed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The records of a text, those with an unclosed quote marked by the number of their line.
    fn records(text: &str, delimiter: u8, columns: usize) -> Vec<(Option<usize>, &str)> {
        let mut records = Records::new(text.as_bytes(), delimiter);
        records.columns = columns;
        records.map(|r| (r.unclosed, &text[r.bytes])).collect()
    }

    #[test]
    fn a_quote_that_is_not_closed_ends_with_its_line() {
        let cases: [(&str, &[Option<usize>]); 12] = [
            // A list of lines that look like rows, and the rest of a row before such lines.
            (
                "1,\"https://a/2, y\nhttps://a/3, z\n\"\n3,z\n",
                &[None, None],
            ),
            (
                "\"https://a/1,x\nhttps://a/2,y\n3,5\"\n",
                &[Some(1), None, None],
            ),
            ("1,\"x\n2,y\n3,z\n", &[Some(1), None, None]),
            ("1,\"x\n2,\"y\"\n3,z\n", &[Some(1), None, None]),
            ("1,x\r\n2,y\r\n\r\n3,\"z", &[None, None, Some(4)]),
            ("1,\"x\ny\"\n2,\"z\n", &[None, Some(3)]),
            ("1,\"x \"\"q\"\"\n y\"\n2,z\n", &[None, None]),
            ("1,\"x\" y\n2,5\" disk\n", &[None, None]),
            ("1,\"x\ry\"\r2,\"z\r", &[None, Some(3)]),
            ("1,\"x\ny\"  \n2,z", &[None, None]),
            ("1,\"x\n2,y 5\" wide\n", &[Some(1), None]),
            ("1,\"x\nhttps://a/2.jpg,y\n3,5\"\n", &[Some(1), None, None]),
        ];
        for (text, wanted) in cases {
            let seen: Vec<_> = records(text, b',', 2).into_iter().map(|r| r.0).collect();
            assert_eq!(seen, wanted, "{text:?}");
        }
        let tabs = "1\t\"x\n2\ty\n3\t5\"\n";
        assert_eq!(records(tabs, b'\t', 2).len(), 3);
        let prose = "1,\"x\na, b\n\"\n";
        assert_eq!(records(prose, b',', 2).len(), 1, "commas are in texts too");
    }
}
