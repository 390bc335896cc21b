//! What every kind of table is read into.

use serde_json::Value;

/// The non-empty cells of a row, each with the name of its column. A cell of a list has several values.
pub type Row = Vec<(String, Vec<String>)>;

/// A table: names of columns, and rows.
#[derive(Debug, Default)]
pub struct Rows {
    /// Names of the columns, in the order in which they are met.
    pub columns: Vec<String>,
    /// Each with its number: of the row below the header, in lists and JSON Lines of the line.
    pub rows: Vec<(usize, Result<Row, RowProblem>)>,
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

impl Rows {
    /// Makes the names of the columns known, in their order.
    pub fn name_columns(&mut self, row: &Row) {
        for (name, _) in row {
            if !self.columns.contains(name) {
                self.columns.push(name.clone());
            }
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
