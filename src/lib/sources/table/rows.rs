//! What every kind of table is read into.

use serde_json::Value;

/// The non-empty cells of a row, each with the name of its column. A cell of a list has several values.
pub type Row = Vec<(String, Vec<String>)>;

/// A row with its place.
pub type PlacedRow = (Place, Result<Row, RowProblem>);

/// Where a row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its number: of the row below the header, in lists and JSON Lines of the line.
    pub number: usize,
    /// Whether it is of the same list as the row before, and their id stands around that list.
    pub shares_id: bool,
}

impl From<usize> for Place {
    fn from(number: usize) -> Self {
        Place {
            number,
            shares_id: false,
        }
    }
}

/// A table: names of columns, and rows, which are read when they are needed.
pub struct Rows<'a> {
    /// Names of the columns, in the order in which they are met.
    pub columns: Vec<String>,
    /// The first rows, which show what the columns hold.
    pub first: Vec<PlacedRow>,
    /// The rows after them.
    pub(super) rest: Box<dyn Iterator<Item = PlacedRow> + 'a>,
    /// Whether there is only one column, without a name: a list.
    pub is_list: bool,
    /// Notes for the report.
    pub notes: Vec<String>,
}

/// Why a row cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub struct RowProblem {
    /// The column, if the problem is that of one cell.
    pub column: Option<String>,
    /// The problem of the reject.
    pub problem: String,
}

impl From<String> for RowProblem {
    fn from(problem: String) -> Self {
        RowProblem {
            column: None,
            problem,
        }
    }
}

/// The name of the column of a list, in which columns have no names.
pub const LIST: &str = "url";

/// How many rows are looked at to find what columns hold.
const FIRST: usize = 100;

impl<'a> Rows<'a> {
    /// A table with these rows.
    pub fn new(columns: Vec<String>, mut rows: impl Iterator<Item = PlacedRow> + 'a) -> Self {
        Rows {
            columns,
            first: rows.by_ref().take(FIRST).collect(),
            rest: Box::new(rows),
            is_list: false,
            notes: Vec::new(),
        }
    }

    /// All rows, in their order.
    pub fn into_rows(self) -> impl Iterator<Item = PlacedRow> + 'a {
        self.first.into_iter().chain(self.rest)
    }
}

/// Makes the names of a row's columns known, in their order.
pub fn name_columns(columns: &mut Vec<String>, row: &Row) {
    for (name, _) in row {
        if !columns.contains(name) {
            columns.push(name.clone());
        }
    }
}

/// The cells of a JSON object. A member of an object in it is a column of its own: `image.url`.
pub fn cells(object: serde_json::Map<String, Value>) -> Row {
    let mut row = Row::new();
    for (name, value) in object {
        flatten(name, value, &mut row);
    }
    row
}

fn flatten(name: String, value: Value, row: &mut Row) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (member, value) in members {
                flatten(format!("{name}.{member}"), value, row);
            }
        }
        Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_object) => {
            for item in items {
                flatten(name.clone(), item, row);
            }
        }
        value => match row.iter_mut().find(|(column, _)| *column == name) {
            Some((_, all)) => all.extend(values(value)),
            None => row.push((name, values(value))),
        },
    }
}

/// A JSON value as texts. Objects within lists of other things stay JSON.
fn values(value: Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::String(text) if text.trim().is_empty() => Vec::new(),
        Value::String(text) => vec![text],
        Value::Array(all) => all.into_iter().flat_map(values).collect(),
        other => vec![other.to_string()],
    }
}
