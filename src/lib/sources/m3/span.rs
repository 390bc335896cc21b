//! Which of the observations of a name a page holds.

use serde::{Deserialize, Serialize};

/// A range of the observations of a name, in the order of the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// How many observations come before it.
    pub offset: u64,
    /// How many observations are requested.
    pub limit: u64,
    /// How many observations the service reports in total.
    pub counted: Option<u64>,
    /// Whether it is the last planned range, whose answer leads to the rest.
    pub is_last: bool,
    /// The first observation of the previous page, to detect a service that returns the same page for ever.
    pub before: Option<String>,
}

impl Span {
    /// The range to request after `read` observations of this one were returned; none at the end.
    pub fn rest(&self, read: u64, first: Option<String>, page_size: u64) -> Option<Span> {
        let is_full = read >= self.limit;
        let reached = self.offset + read;
        let limit = match (is_full, self.is_last, self.counted) {
            _ if read == 0 => return None,
            (true, false, _) => return None,
            (true, true, _) => page_size,
            (false, _, Some(counted)) if reached >= counted => return None,
            // Fewer than requested, and not the end: the service has a limit. Continue after what was returned.
            (false, true, _) => page_size,
            (false, false, _) => self.limit - read,
        };
        Some(Span {
            offset: reached,
            limit,
            before: first,
            ..self.clone()
        })
    }
}

/// The count of observations that do not have an image for their boxes and are not requested.
pub const UNPICTURED: &str = "observations_without_picture";
