//! What tiles must have in common to become one picture.

use crate::coefficients::Coefficients;
use crate::error::{JoinError, JpegError};
use crate::markers::{Quantization, Reader, is_single_scan, open};

/// What a decoder needs to know about a picture besides its size and its Huffman tables.
#[derive(Clone, Debug)]
pub struct Format {
    /// Ids and sampling factors (horizontal, vertical) of the components.
    pub components: Vec<(u8, [u32; 2])>,
    /// The quantization table of each component.
    pub quantization: Vec<Quantization>,
    /// The unit and the pixel density, if there is a JFIF segment.
    pub jfif: Option<[u8; 5]>,
    /// The colour transform, if there is an Adobe segment.
    pub adobe: Option<u8>,
    /// The ICC profile.
    pub icc: Option<Vec<u8>>,
}

/// What the components mean, by the conventions of libjpeg: T.81 itself does not define it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Colour {
    /// One component.
    Grey,
    /// Three components: luma and two of chroma.
    YCbCr,
    /// Three components: red, green, blue.
    Rgb,
    /// Four components: inks.
    Cmyk,
    /// Four components: CMYK whose first three inks are stored as luma and chroma.
    Ycck,
    /// Two components, for which there is no convention.
    Unknown,
}

impl Format {
    /// The format of a JPEG, of whose scans only those are read that define it.
    pub fn read(bytes: &[u8]) -> Result<Format, JpegError> {
        let (mut reader, scan) = open(bytes)?;
        if !is_single_scan(reader.frame()?, &scan) {
            // Later scans may be of other components and bring their tables.
            Coefficients::read(&mut reader, scan)?;
        }
        Format::of(&reader)
    }

    /// The format of a JPEG of whose every component a scan was read.
    pub fn of(reader: &Reader) -> Result<Format, JpegError> {
        let (frame, segments) = (reader.frame()?, reader.app_segments());
        let tables = (0..frame.components.len()).filter_map(|i| reader.quantization(i).copied());
        Ok(Format {
            components: frame
                .components
                .iter()
                .map(|c| (c.id, c.sampling))
                .collect(),
            quantization: tables.collect(),
            jfif: segments.jfif,
            adobe: segments.adobe,
            icc: segments.icc(),
        })
    }

    /// `[width, height]` of an MCU in pixels.
    pub fn mcu(&self) -> [u32; 2] {
        let most = |side: usize| {
            self.components
                .iter()
                .map(|(_, factors)| factors[side])
                .max()
        };
        [0, 1].map(|side| 8 * most(side).unwrap_or(1))
    }

    /// What the components mean.
    pub fn colour(&self) -> Colour {
        let ids: Vec<u8> = self.components.iter().map(|(id, _)| *id).collect();
        match (&ids[..], self.jfif, self.adobe) {
            ([_], ..) => Colour::Grey,
            ([_, _, _], None, Some(0)) => Colour::Rgb,
            (b"RGB", None, None) => Colour::Rgb,
            ([_, _, _], ..) => Colour::YCbCr,
            ([_, _, _, _], _, None | Some(0)) => Colour::Cmyk,
            ([_, _, _, _], ..) => Colour::Ycck,
            _ => Colour::Unknown,
        }
    }

    /// Which of two pairs of Huffman tables each component uses: chroma has its own pair.
    pub fn table_numbers(&self) -> [usize; 4] {
        match self.colour() {
            Colour::YCbCr | Colour::Ycck => [0, 1, 1, 0],
            _ => [0; 4],
        }
    }

    /// Fails with what differs if a tile of this format cannot be part of the picture.
    pub fn check_compatible(&self, tile: &Format) -> Result<(), JoinError> {
        let incompatible = |what: String| Err(JoinError::Incompatible(what));
        if self.components.len() != tile.components.len() {
            let (ours, others) = (self.components.len(), tile.components.len());
            return incompatible(format!("components differ: {others} instead of {ours}"));
        }
        if self.components != tile.components {
            return incompatible(format!(
                "sampling differs: {} instead of {}",
                factors(tile),
                factors(self)
            ));
        }
        if (self.jfif.is_some(), self.adobe) != (tile.jfif.is_some(), tile.adobe) {
            return incompatible("colour marks differ: JFIF or Adobe".into());
        }
        if self.icc != tile.icc {
            return incompatible("colour profiles differ".into());
        }
        match (0..self.quantization.len()).find(|&i| self.quantization[i] != tile.quantization[i]) {
            Some(i) => Err(JoinError::Quantization(format!("component {}", i + 1))),
            None => Ok(()),
        }
    }
}

fn factors(format: &Format) -> String {
    let factors = format
        .components
        .iter()
        .map(|(_, [h, v])| format!("{h}x{v}"));
    factors.collect::<Vec<_>>().join(",")
}
