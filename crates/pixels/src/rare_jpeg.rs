//! JPEGs of kinds that decoders leave out: arithmetic, lossless and hierarchical coding, other than 8 bits per sample, JPEG-LS.

/// A JPEG that is not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RareJpeg {
    /// Width and height in pixels.
    pub size: [u16; 2],
    /// Colour channels.
    pub channels: u8,
    /// Bits per sample.
    pub depth: u8,
    /// How it is coded, in words.
    pub coding: &'static str,
    /// Whether it is kept as it is, proven by its markers: usual readers decode it.
    pub is_kept: bool,
}

impl RareJpeg {
    /// Reads the frame header. None of a JPEG that is decoded, and of what is none.
    pub fn of(head: &[u8]) -> Option<Self> {
        let (marker, body) = frame(head)?;
        Self::of_frame(marker, body)
    }

    fn of_frame(marker: u8, body: &[u8]) -> Option<Self> {
        let [depth, y1, y0, x1, x0, channels, ..] = *body else {
            return None;
        };
        let (coding, is_kept) = match marker {
            0xC0..=0xC2 if depth == 8 => return None,
            0xC0..=0xC2 => ("more than 8 bits per sample", false),
            0xC3 => ("lossless coding", false),
            0xC5..=0xC7 | 0xCD..=0xCF => ("hierarchical coding", false),
            0xCB => ("lossless arithmetic coding", false),
            0xF7 => ("JPEG-LS", false),
            // Sequential and progressive.
            _ => ("arithmetic coding", depth == 8),
        };
        let size = [[x1, x0], [y1, y0]].map(u16::from_be_bytes);
        (!size.contains(&0) && (1..=4).contains(&channels)).then_some(RareJpeg {
            size,
            channels,
            depth,
            coding,
            is_kept,
        })
    }
}

/// The frame header of a JPEG (ITU-T T.81 table B.1): its marker, and what is in it. None if it is not in these first bytes.
fn frame(head: &[u8]) -> Option<(u8, &[u8])> {
    let mut rest = head.strip_prefix(&[0xFF, 0xD8])?;
    loop {
        // Fill bytes.
        while let [0xFF, 0xFF, ..] = rest {
            rest = &rest[1..];
        }
        let [0xFF, marker, high, low, ..] = *rest else {
            return None;
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let body = rest.get(4..2 + length)?;
        match marker {
            // A frame header; these three are other segments.
            0xC0..=0xCF | 0xF7 if ![0xC4, 0xC8, 0xCC].contains(&marker) => {
                return Some((marker, body));
            }
            0xDA => return None,
            _ => rest = rest.get(2 + length..)?,
        }
    }
}

/// Whether a JPEG is in four inks, by its first bytes: it has four components.
pub fn is_cmyk(head: &[u8]) -> bool {
    matches!(frame(head), Some((_, [_, _, _, _, _, 4, ..])))
}
