//! Why a JPEG is not accepted, why tiles cannot be joined, why a joined picture was not written.

use std::{fmt, io};

/// Why a JPEG is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JpegError {
    /// It does not begin with SOI (`FF D8`).
    NotJpeg,
    /// A kind of JPEG that this crate does not read, such as arithmetic coding or 12-bit samples; another decoder
    /// may. Nothing is known about whether it is complete.
    Unsupported(String),
    /// It is cut short or damaged: where, and how.
    Damaged(String),
}

/// Why tiles cannot be joined without decoding them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinError {
    /// A tile is not a complete JPEG of a supported kind.
    Jpeg(JpegError),
    /// A tile's quantization tables are not those of the first tile. A tiled TIFF can hold both.
    Quantization(String),
    /// The picture is larger than a JPEG can be. A tiled TIFF can be.
    TooLarge(String),
    /// Something else differs: sizes, sampling factors, colours, the order of tiles.
    Incompatible(String),
}

/// Why a joined picture was not written.
#[derive(Debug)]
pub enum WriteError {
    /// The tiles cannot be joined; what was written so far is not a complete picture.
    Join(JoinError),
    /// Writing to the output failed.
    Output(io::Error),
}

impl JoinError {
    /// Whether the same tiles may still be joined into a tiled TIFF ([`tiled`](crate::tiled)).
    pub fn may_be_tiff(&self) -> bool {
        matches!(self, JoinError::Quantization(_) | JoinError::TooLarge(_))
    }
}

impl fmt::Display for JpegError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JpegError::NotJpeg => f.write_str("not a JPEG"),
            JpegError::Unsupported(what) => write!(f, "unsupported JPEG: {what}"),
            JpegError::Damaged(what) => write!(f, "damaged JPEG: {what}"),
        }
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JoinError::Jpeg(error) => error.fmt(f),
            JoinError::Quantization(what) => write!(f, "quantization tables differ: {what}"),
            JoinError::TooLarge(what) => write!(f, "too large for a JPEG: {what}"),
            JoinError::Incompatible(what) => f.write_str(what),
        }
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WriteError::Join(error) => error.fmt(f),
            WriteError::Output(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for JpegError {}
// `Display` shows what lies below already: no `source`, so that reports do not say it twice.
impl std::error::Error for JoinError {}
impl std::error::Error for WriteError {}

impl From<JpegError> for JoinError {
    fn from(error: JpegError) -> Self {
        JoinError::Jpeg(error)
    }
}

impl From<JoinError> for WriteError {
    fn from(error: JoinError) -> Self {
        WriteError::Join(error)
    }
}

impl From<JpegError> for WriteError {
    fn from(error: JpegError) -> Self {
        WriteError::Join(error.into())
    }
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        WriteError::Output(error)
    }
}

/// A [`JpegError::Damaged`] with this description.
pub fn damaged(what: impl Into<String>) -> JpegError {
    JpegError::Damaged(what.into())
}

/// A [`JpegError::Unsupported`] with this description.
pub fn unsupported(what: impl Into<String>) -> JpegError {
    JpegError::Unsupported(what.into())
}
