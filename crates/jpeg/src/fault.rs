//! Why a JPEG is not read, and why tiles are not joined.

use std::fmt;

/// What is wrong with a JPEG.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It does not begin as a JPEG does.
    NotJpeg,
    /// A kind of JPEG that is not read here; another decoder may.
    Unsupported(String),
    /// It is cut short or damaged: where, and how.
    Damaged(String),
}

/// Why tiles are not joined without decoding them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A tile is no whole JPEG of a kind that is read here.
    Fault(Fault),
    /// A tile's quantization tables are not those of the first. A tiled TIFF takes them all the same.
    Quantization(String),
    /// The picture is larger than a JPEG can be. A tiled TIFF can.
    TooLarge(String),
    /// Something else does not go together.
    Misfit(String),
}

impl Refusal {
    /// Whether the same tiles may go into a tiled TIFF.
    pub fn may_be_tiff(&self) -> bool {
        matches!(self, Refusal::Quantization(_) | Refusal::TooLarge(_))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::NotJpeg => f.write_str("no JPEG"),
            Fault::Unsupported(what) => write!(f, "a JPEG of a rare kind: {what}"),
            Fault::Damaged(what) => write!(f, "a damaged JPEG: {what}"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Fault(fault) => fault.fmt(f),
            Refusal::Quantization(what) => write!(f, "quantization tables differ: {what}"),
            Refusal::TooLarge(what) => write!(f, "too large for a JPEG: {what}"),
            Refusal::Misfit(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Fault {}
impl std::error::Error for Refusal {}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Refusal::Fault(fault)
    }
}

/// A [`Fault::Damaged`] in words.
pub fn damaged(what: impl Into<String>) -> Fault {
    Fault::Damaged(what.into())
}
