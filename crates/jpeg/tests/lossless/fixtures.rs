//! Pictures, and JPEGs of them in every shape that the encoder has.

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use recto_jpeg::{Grid, JoinError, Plan, Stitcher, SymbolCounts, WriteError};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// How a JPEG is made.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub colours: Colours,
    pub sampling: [u8; 2],
    pub progressive: bool,
    /// Huffman tables of its own, and a scan to each component; the encoder cannot have restarts with it.
    pub optimized: bool,
    pub restart: u16,
    pub quality: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    Grey,
    Rgb,
    Cmyk,
    Ycck,
}

impl Default for Shape {
    fn default() -> Self {
        Shape {
            colours: Colours::Rgb,
            sampling: [1, 1],
            progressive: false,
            optimized: false,
            restart: 0,
            quality: 85,
        }
    }
}

impl Shape {
    pub fn channels(&self) -> usize {
        match self.colours {
            Colours::Grey => 1,
            Colours::Rgb => 3,
            Colours::Cmyk | Colours::Ycck => 4,
        }
    }

    /// Size of an MCU in pixels.
    pub fn mcu(&self) -> [u32; 2] {
        match self.colours {
            Colours::Grey => [8, 8],
            _ => self.sampling.map(|n| 8 * u32::from(n)),
        }
    }

    /// The same coefficients in one scan.
    pub fn plain(self) -> Shape {
        Shape {
            progressive: false,
            optimized: false,
            restart: 0,
            ..self
        }
    }

    pub fn encode(&self, picture: &Picture) -> Vec<u8> {
        let mut out = Vec::new();
        let mut encoder = Encoder::new(&mut out, self.quality);
        let [h, v] = self.sampling;
        encoder.set_sampling_factor(SamplingFactor::from_factors(h, v).unwrap());
        encoder.set_optimized_huffman_tables(self.optimized);
        encoder.set_progressive(self.progressive);
        if self.restart > 0 {
            encoder.set_restart_interval(self.restart);
        }
        let kind = match self.colours {
            Colours::Grey => ColorType::Luma,
            Colours::Rgb => ColorType::Rgb,
            Colours::Cmyk => ColorType::Cmyk,
            Colours::Ycck => ColorType::CmykAsYcck,
        };
        let [width, height] = picture.size.map(|n| n as u16);
        encoder
            .encode(&picture.samples, width, height, kind)
            .unwrap();
        out
    }
}

/// Samples, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    pub size: [u32; 2],
    pub channels: usize,
    pub samples: Vec<u8>,
}

impl Picture {
    /// Waves with grain and edges: coefficients of every kind. The same for the same arguments.
    pub fn drawn(size: [u32; 2], channels: usize, seed: u32) -> Picture {
        let mut samples = Vec::new();
        let mut grain = seed.wrapping_mul(2_654_435_769) | 1;
        for (y, x) in (0..size[1]).flat_map(|y| (0..size[0]).map(move |x| (y, x))) {
            for channel in 0..channels as u32 {
                grain ^= grain << 13;
                grain ^= grain >> 17;
                grain ^= grain << 5;
                let wave =
                    ((x * (channel + 2) + seed) as f32 / 23.0).sin() * (y as f32 / 31.0).cos();
                let edge = if (x / 19 + y / 13) % 5 == channel {
                    70.0
                } else {
                    0.0
                };
                let rough = if (x / 64 + y / 64) % 3 == 0 { 60 } else { 6 };
                samples.push((110.0 + 60.0 * wave + edge) as u8 ^ (grain % rough) as u8);
            }
        }
        Picture {
            size,
            channels,
            samples,
        }
    }

    pub fn crop(&self, at: [u32; 2], size: [u32; 2]) -> Picture {
        let line = self.size[0] as usize * self.channels;
        let rows = (at[1]..at[1] + size[1]).map(|y| {
            let from = y as usize * line + at[0] as usize * self.channels;
            &self.samples[from..from + size[0] as usize * self.channels]
        });
        Picture {
            size,
            channels: self.channels,
            samples: rows.flatten().copied().collect(),
        }
    }

    pub fn paste(&mut self, at: [u32; 2], tile: &Picture) {
        let (line, width) = (
            self.size[0] as usize * self.channels,
            tile.size[0] as usize * tile.channels,
        );
        for (y, row) in tile.samples.chunks_exact(width).enumerate() {
            let from = (at[1] as usize + y) * line + at[0] as usize * self.channels;
            self.samples[from..from + width].copy_from_slice(row);
        }
    }

    pub fn pixel(&self, [x, y]: [u32; 2]) -> &[u8] {
        let at = (y as usize * self.size[0] as usize + x as usize) * self.channels;
        &self.samples[at..at + self.channels]
    }
}

/// Decodes without turning YCbCr into other colours.
pub fn decode(bytes: &[u8]) -> Picture {
    let mut decoder = JpegDecoder::new(ZCursor::new(bytes));
    decoder.decode_headers().unwrap();
    let colours = decoder.input_colorspace().unwrap();
    let options = DecoderOptions::default().jpeg_set_out_colorspace(match colours {
        ColorSpace::YCCK => ColorSpace::RGB,
        other => other,
    });
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let samples = decoder.decode().unwrap();
    let (width, height) = decoder.dimensions().unwrap();
    Picture {
        size: [width as u32, height as u32],
        channels: samples.len() / (width * height),
        samples,
    }
}

/// The cells of a grid with their places, row by row.
pub fn cells(grid: &Grid) -> Vec<([usize; 2], [u32; 2], [u32; 2])> {
    let [columns, rows] = grid.count();
    let mut found = Vec::new();
    let mut y = 0;
    for row in 0..rows {
        let mut x = 0;
        for column in 0..columns {
            let size = grid.cell([column, row]).unwrap();
            found.push(([column, row], [x, y], size));
            x += size[0];
        }
        y += grid.cell([0, row]).unwrap()[1];
    }
    found
}

/// The tiles of a picture, row by row.
pub fn tiles(picture: &Picture, grid: &Grid, shape: impl Fn(usize) -> Shape) -> Vec<Vec<u8>> {
    let all = cells(grid).into_iter().enumerate();
    all.map(|(i, (_, at, size))| shape(i).encode(&picture.crop(at, size)))
        .collect()
}

/// The tiles decoded one by one.
pub fn mosaic(grid: &Grid, tiles: &[Vec<u8>]) -> Picture {
    let channels = decode(&tiles[0]).channels;
    let size = grid.size();
    let mut all = Picture {
        size,
        channels,
        samples: vec![0; size[0] as usize * size[1] as usize * channels],
    };
    for ((_, at, _), bytes) in cells(grid).into_iter().zip(tiles) {
        all.paste(at, &decode(bytes));
    }
    all
}

/// The tiles joined.
pub fn join(grid: &Grid, tiles: &[Vec<u8>]) -> Result<Vec<u8>, JoinError> {
    let columns = grid.count()[0];
    let read = |[column, row]: [usize; 2]| &tiles[row * columns + column];
    let mut counts = SymbolCounts::default();
    for cell in grid.sample() {
        counts.add(&SymbolCounts::of(read(cell))?);
    }
    let plan = Plan::new(grid.clone(), read([0, 0]), &counts)?;
    let mut out = plan.header();
    let mut stitcher = Stitcher::new(&plan);
    for row in 0..grid.count()[1] {
        let cells = (0..columns).map(|column| [column, row]);
        let band: Vec<_> = cells
            .map(|cell| plan.tile(cell, read(cell)))
            .collect::<Result<_, _>>()?;
        stitcher.band(&band, &mut out).map_err(refusal)?;
    }
    stitcher.finish(&mut out).map_err(refusal)?;
    Ok(out)
}

pub fn refusal(error: WriteError) -> JoinError {
    match error {
        WriteError::Join(error) => error,
        WriteError::Output(error) => panic!("memory is full: {error}"),
    }
}

/// The marker segments before the first scan's bits: code, and where each lies.
pub fn segments(bytes: &[u8]) -> Vec<(u8, std::ops::Range<usize>)> {
    let (mut at, mut found) = (2, Vec::new());
    loop {
        let code = bytes[at + 1];
        let length = usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
        found.push((code, at..at + 2 + length));
        at += 2 + length;
        if code == 0xDA {
            return found;
        }
    }
}

/// A JPEG with its header segments rewritten; `None` leaves one out.
pub fn rewritten(bytes: &[u8], each: impl Fn(u8, &[u8]) -> Option<Vec<u8>>) -> Vec<u8> {
    let all = segments(bytes);
    let end = all.last().unwrap().1.end;
    let mut out = bytes[..2].to_vec();
    for (code, range) in all {
        out.extend(each(code, &bytes[range]).unwrap_or_default());
    }
    out.extend_from_slice(&bytes[end..]);
    out
}

/// A marker segment.
pub fn segment(code: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u16 + 2).to_be_bytes();
    [&[0xFF, code], &length[..], body].concat()
}
