//! What came of a comparison.

use crate::summary::Summary;

/// What came of a comparison.
#[derive(Debug, Default)]
pub struct Compared {
    /// What is printed.
    pub summary: Summary,
    /// Whether the two are not the same.
    pub differs: bool,
}
