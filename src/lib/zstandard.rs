//! Zstandard (RFC 8878) as it is really written: frames one after the other, as by `cat a.zst b.zst` and `pzstd`, skippable frames
//! between them, and the checksum of what each holds, which is verified when it is read.

use std::io::{self, BufRead, Read, Write};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use ruzstd::encoding::{CompressionLevel, FrameCompressor};

/// How a frame begins (§3.1.1).
const FRAME: u32 = 0xfd2f_b528;
/// How a skippable frame begins (§3.1.2): any of sixteen numbers from this on.
const SKIPPABLE: u32 = 0x184d_2a50;

/// Whether bytes begin as Zstandard does, with a frame or with a skippable one.
pub fn is_zstandard(start: &[u8]) -> bool {
    let Some(magic) = start.first_chunk::<4>() else {
        return false;
    };
    let magic = u32::from_le_bytes(*magic);
    magic == FRAME || magic & 0xffff_fff0 == SKIPPABLE
}

/// What the frames of a stream hold, down to its last byte. A frame whose checksum is another, one that is cut off, and anything
/// else behind a frame is an error.
pub struct Decoder<R> {
    source: R,
    frame: FrameDecoder,
    is_within: bool,
}

impl<R: BufRead> Decoder<R> {
    /// Of a stream.
    pub fn new(source: R) -> Self {
        Decoder {
            source,
            frame: FrameDecoder::new(),
            is_within: false,
        }
    }

    /// Begins the next frame; whether there is one.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.frame.init(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut skipped = (&mut self.source).take(length.into());
                    if io::copy(&mut skipped, &mut io::sink())? < length.into() {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(e) => return Err(damaged(e)),
            }
        }
        Ok(false)
    }

    /// Verifies a frame of which everything was read.
    fn end(&self) -> io::Result<()> {
        match self.frame.get_checksum_from_data() {
            Some(checksum) if self.frame.get_calculated_checksum() != Some(checksum) => Err(
                damaged("its bytes are not those of which the checksum was made"),
            ),
            _ => Ok(()),
        }
    }
}

impl<R: BufRead> Read for Decoder<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.is_within && !self.begin()? {
                return Ok(0);
            }
            self.is_within = true;
            while self.frame.can_collect() < bytes.len() && !self.frame.is_finished() {
                let more = bytes.len() - self.frame.can_collect();
                let more = BlockDecodingStrategy::UptoBytes(more);
                let decoded = self.frame.decode_blocks(&mut self.source, more);
                decoded.map_err(damaged)?;
            }
            match self.frame.read(bytes)? {
                0 => {
                    self.end()?;
                    self.is_within = false;
                }
                n => return Ok(n),
            }
        }
    }
}

fn damaged(e: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, e)
}

/// Compresses a stream to one frame with a checksum.
///
/// # Errors
/// It cannot be read or written.
pub fn compress(mut all: impl Read, out: &mut dyn Write) -> io::Result<()> {
    // The compressor panics on errors: they are kept from it.
    let (mut unread, mut unwritten) = (None, None);
    let mut compressor = FrameCompressor::new(CompressionLevel::Fastest);
    compressor.set_source(Source {
        from: &mut all,
        error: &mut unread,
    });
    compressor.set_drain(Drain {
        to: out,
        error: &mut unwritten,
    });
    compressor.compress();
    drop(compressor);
    unread.or(unwritten).map_or(Ok(()), Err)
}

/// A stream that ends at its first error.
struct Source<'a> {
    from: &'a mut dyn Read,
    error: &'a mut Option<io::Error>,
}

impl Read for Source<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.from.read(bytes) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    *self.error = Some(e);
                    return Ok(0);
                }
                read => return read,
            }
        }
    }
}

/// Takes everything, and writes until the first error.
struct Drain<'a> {
    to: &'a mut dyn Write,
    error: &'a mut Option<io::Error>,
}

impl Write for Drain<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.error.is_none() {
            *self.error = self.to.write_all(bytes).err();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(plain: &[u8]) -> Vec<u8> {
        let mut packed = Vec::new();
        compress(plain, &mut packed).unwrap();
        packed
    }

    fn unpacked(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut plain = Vec::new();
        Decoder::new(bytes).read_to_end(&mut plain)?;
        Ok(plain)
    }

    #[test]
    fn frames_follow_one_another_and_what_is_skippable_is_skipped() {
        let text: Vec<u8> = (0..300_000u32)
            .flat_map(|n| (n / 7).to_le_bytes())
            .collect();
        let (one, other) = (packed(&text), packed(b"and more"));
        let skippable = [
            &0x184d_2a5fu32.to_le_bytes()[..],
            &3u32.to_le_bytes(),
            b"xyz",
        ]
        .concat();
        let all = [&skippable[..], &one, &skippable, &other, &packed(b"")].concat();
        assert!(is_zstandard(&all) && is_zstandard(&one));
        assert!(!is_zstandard(b"{\"a\"") && !is_zstandard(b"(\xb5"));
        assert_eq!(unpacked(&all).unwrap(), [&text[..], b"and more"].concat());
        assert_eq!(unpacked(b"").unwrap(), b"");
        for bad in [
            [&one[..], b"x"].concat(),
            [&one[..], b"garbage"].concat(),
            one[..one.len() - 1].to_vec(),
            skippable[..skippable.len() - 1].to_vec(),
        ] {
            assert!(unpacked(&bad).is_err());
        }
    }

    #[test]
    fn every_flipped_bit_behind_the_head_is_found() {
        let text: String = (0..200)
            .map(|n| format!("https://a.example/{n}\n"))
            .collect();
        let packed = packed(text.as_bytes());
        // The descriptor of a frame says whether it has a checksum; nothing tells of a flip there.
        for at in 5..packed.len() {
            let mut flipped = packed.clone();
            flipped[at] ^= 1;
            let same = unpacked(&flipped).is_ok_and(|plain| plain == text.as_bytes());
            assert!(same || unpacked(&flipped).is_err(), "{at}");
        }
    }

    #[test]
    fn what_cannot_be_read_or_written_is_an_error_and_no_panic() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let kind = |outcome: io::Result<()>| outcome.unwrap_err().kind();
        assert_eq!(
            kind(compress(&b"x"[..], &mut Full)),
            io::ErrorKind::StorageFull
        );
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::ConnectionReset.into())
            }
        }
        let outcome = compress(Broken, &mut Vec::new());
        assert_eq!(kind(outcome), io::ErrorKind::ConnectionReset);
    }
}
