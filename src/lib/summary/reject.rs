//! A record that was left out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A record that was left out, and why. One row of `rejects.csv`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Reject {
    /// The file or URL that holds the record.
    pub input: String,
    /// The record in it: an id, or a position such as `row 12`.
    pub record: String,
    /// The member of the record that is wrong.
    pub field: String,
    /// What is wrong: what was found and what was expected. Begins with a reason that is the same for similar rejects;
    /// the details follow after `: `.
    pub problem: String,
    /// Whether the same command may get the record later: a server failed, a budget was used up. Not written.
    #[serde(skip)]
    pub may_pass: bool,
}

impl Reject {
    /// A reject. The arguments are the fields.
    pub fn new(
        input: impl Into<String>,
        record: impl Into<String>,
        field: &str,
        problem: impl Into<String>,
    ) -> Self {
        Reject {
            input: input.into(),
            record: record.into(),
            field: field.into(),
            problem: problem.into(),
            may_pass: false,
        }
    }

    /// The same of a record that the same command may get later, if that is so.
    pub fn temporary(self, may_pass: bool) -> Self {
        Reject { may_pass, ..self }
    }

    /// The reason without details: the text of the problem before the first `: `.
    pub fn reason(&self) -> &str {
        self.problem.split(": ").next().unwrap_or(&self.problem)
    }
}
