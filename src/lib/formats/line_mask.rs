//! A choice of the format `lines`.

/// What becomes of the pixels outside the outline of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LineMask {
    /// They become white
    #[default]
    White,
    /// They become black
    Black,
    /// They stay
    None,
}
