//! Writes images row by row, for `download`: memory holds a band and never the whole image.

use std::cell::RefCell;
use std::io::{self, Seek, Write};

use image::DynamicImage;
use jpeg_encoder::{EncodingError, ImageBuffer, JpegColorType, SamplingFactor};

use super::icc::icc;

/// Longest side of a JPEG that is written, in pixels: the limit of libjpeg and so of most readers (the format itself
/// allows 65,535).
pub const JPEG_LONGEST: u32 = 65_500;

/// Quality of JPEGs that have to be re-encoded. Above it, files grow but do not get more similar to tiles that were
/// JPEGs already.
pub const JPEG_QUALITY: u8 = 95;

/// An image that provides its rows from top to bottom, each once.
pub trait Rows {
    /// Width in pixels.
    fn width(&self) -> u32;
    /// Height in pixels.
    fn height(&self) -> u32;
    /// Samples of 8 bits per pixel: 1 grey, 3 RGB.
    fn channels(&self) -> u8;
    /// ICC profile of the samples.
    fn icc(&self) -> Option<&[u8]> {
        None
    }
    /// EXIF orientation of the rows, 1 to 8; 1 if they are upright.
    fn orientation(&self) -> u8 {
        1
    }
    /// Fills `row` (width × channels bytes) with the next row.
    ///
    /// # Errors
    /// The row cannot be read.
    fn next_row(&mut self, row: &mut [u8]) -> io::Result<()>;
}

/// A file type that recto writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Baseline JPEG, 4:4:4, quality [`JPEG_QUALITY`].
    Jpeg,
    /// PNG, 8 bits.
    Png,
    /// TIFF in uncompressed strips; BigTIFF above 4 GB.
    Tiff,
}

impl Encoding {
    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Encoding::Jpeg => "image/jpeg",
            Encoding::Png => "image/png",
            Encoding::Tiff => "image/tiff",
        }
    }
}

/// Writes an image.
///
/// # Errors
/// Errors of the rows and of the output are returned unchanged; a JPEG cannot have sides above [`JPEG_LONGEST`].
pub fn write(
    rows: &mut dyn Rows,
    encoding: Encoding,
    out: &mut (impl Write + Seek),
) -> io::Result<()> {
    match encoding {
        Encoding::Jpeg => write_jpeg(rows, out),
        Encoding::Png => write_png(rows, out),
        Encoding::Tiff => write_tiff(rows, out),
    }
}

fn write_jpeg(rows: &mut dyn Rows, out: &mut impl Write) -> io::Result<()> {
    let too_large = || io::Error::other(format!("a JPEG side is at most {JPEG_LONGEST} pixels"));
    let side = |n: u32| {
        u16::try_from(n)
            .ok()
            .filter(|_| n <= JPEG_LONGEST)
            .ok_or_else(too_large)
    };
    let (width, height) = (side(rows.width())?, side(rows.height())?);
    let mut encoder = jpeg_encoder::Encoder::new(&mut *out, JPEG_QUALITY);
    encoder.set_sampling_factor(SamplingFactor::F_1_1);
    if let Some(icc) = rows.icc() {
        encoder.add_icc_profile(icc).map_err(io::Error::other)?;
    }
    if let Some(exif) = exif(rows) {
        let segment = [b"Exif\0\0", &exif[..]].concat();
        encoder
            .add_app_segment(1, segment)
            .map_err(io::Error::other)?;
    }
    let state = RefCell::new(Pulled {
        row: vec![0; usize::from(width) * usize::from(rows.channels())],
        next: 0,
        rows,
        error: None,
    });
    let encoded = encoder.encode_image(Pull {
        state: &state,
        width,
        height,
    });
    match (state.into_inner().error, encoded) {
        (Some(error), _) | (None, Err(EncodingError::IoError(error))) => Err(error),
        (None, Err(error)) => Err(io::Error::other(error)),
        (None, Ok(())) => Ok(()),
    }
}

struct Pulled<'a> {
    rows: &'a mut dyn Rows,
    row: Vec<u8>,
    next: u16,
    error: Option<io::Error>,
}

/// Rows for the encoder, which pulls them and cannot receive errors.
struct Pull<'a, 'b> {
    state: &'a RefCell<Pulled<'b>>,
    width: u16,
    height: u16,
}

impl ImageBuffer for Pull<'_, '_> {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        match self.state.borrow().rows.channels() {
            1 => JpegColorType::Luma,
            _ => JpegColorType::Ycbcr,
        }
    }
    fn width(&self) -> u16 {
        self.width
    }
    fn height(&self) -> u16 {
        self.height
    }
    fn fill_buffers(&self, y: u16, buffers: &mut [Vec<u8>; 4]) {
        let state = &mut *self.state.borrow_mut();
        // The encoder asks for the last row again, to fill the last blocks.
        if state.error.is_none() && y == state.next {
            state.error = state.rows.next_row(&mut state.row).err();
            state.next += 1;
        }
        if state.rows.channels() == 1 {
            buffers[0].extend_from_slice(&state.row);
            return;
        }
        for pixel in state.row.chunks_exact(3) {
            let (y, cb, cr) = jpeg_encoder::rgb_to_ycbcr(pixel[0], pixel[1], pixel[2]);
            buffers[0].push(y);
            buffers[1].push(cb);
            buffers[2].push(cr);
        }
    }
}

fn write_png(rows: &mut dyn Rows, out: &mut impl Write) -> io::Result<()> {
    let mut info = png::Info::with_size(rows.width(), rows.height());
    info.color_type = if rows.channels() == 1 {
        png::ColorType::Grayscale
    } else {
        png::ColorType::Rgb
    };
    info.bit_depth = png::BitDepth::Eight;
    info.icc_profile = rows.icc().map(|icc| icc.to_vec().into());
    info.exif_metadata = exif(rows).map(Into::into);
    let mut encoder = png::Encoder::with_info(out, info).map_err(io::Error::other)?;
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().map_err(io::Error::other)?;
    let mut stream = writer.stream_writer().map_err(io::Error::other)?;
    each_row(rows, |row| stream.write_all(row))?;
    stream.finish().map_err(io::Error::other)
}

fn write_tiff(rows: &mut dyn Rows, out: &mut (impl Write + Seek)) -> io::Result<()> {
    let bytes = u64::from(rows.width()) * u64::from(rows.height()) * u64::from(rows.channels());
    const CLASSIC: u64 = (1 << 32) - (1 << 24);
    match bytes > CLASSIC {
        true => write_strips(
            rows,
            tiff::encoder::TiffEncoder::new_big(out).map_err(io::Error::other)?,
        ),
        false => write_strips(
            rows,
            tiff::encoder::TiffEncoder::new(out).map_err(io::Error::other)?,
        ),
    }
}

fn write_strips<W: Write + Seek, K: tiff::encoder::TiffKind>(
    rows: &mut dyn Rows,
    encoder: tiff::encoder::TiffEncoder<W, K>,
) -> io::Result<()> {
    match rows.channels() {
        1 => write_strips_as::<W, K, tiff::encoder::colortype::Gray8>(rows, encoder),
        _ => write_strips_as::<W, K, tiff::encoder::colortype::RGB8>(rows, encoder),
    }
}

fn write_strips_as<W: Write + Seek, K: tiff::encoder::TiffKind, C>(
    rows: &mut dyn Rows,
    mut encoder: tiff::encoder::TiffEncoder<W, K>,
) -> io::Result<()>
where
    C: tiff::encoder::colortype::ColorType<Inner = u8>,
{
    const ROWS: u32 = 16;
    let (width, height) = (rows.width(), rows.height());
    let mut image = encoder
        .new_image::<C>(width, height)
        .map_err(io::Error::other)?;
    image.rows_per_strip(ROWS).map_err(io::Error::other)?;
    if let Some(icc) = rows.icc() {
        image
            .encoder()
            .write_tag(tiff::tags::Tag::IccProfile, icc)
            .map_err(io::Error::other)?;
    }
    if rows.orientation() != 1 {
        image
            .encoder()
            .write_tag(tiff::tags::Tag::Orientation, u16::from(rows.orientation()))
            .map_err(io::Error::other)?;
    }
    let length = width as usize * usize::from(rows.channels());
    let mut strip = vec![0; length * ROWS as usize];
    for top in (0..height).step_by(ROWS as usize) {
        let strip = &mut strip[..length * ROWS.min(height - top) as usize];
        strip
            .chunks_exact_mut(length)
            .try_for_each(|row| rows.next_row(row))?;
        image.write_strip(strip).map_err(io::Error::other)?;
    }
    image.finish().map_err(io::Error::other)
}

/// EXIF with only the orientation; none if that is 1.
fn exif(rows: &dyn Rows) -> Option<Vec<u8>> {
    let orientation = rows.orientation();
    (orientation != 1).then(|| {
        let mut exif = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
        exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
        exif
    })
}

fn each_row(rows: &mut dyn Rows, mut to: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut row = vec![0; rows.width() as usize * usize::from(rows.channels())];
    for _ in 0..rows.height() {
        rows.next_row(&mut row)?;
        to(&row)?;
    }
    Ok(())
}

/// The rows of a decoded image: 8 bits, grey or RGB, without alpha.
pub struct Decoded {
    samples: Vec<u8>,
    width: u32,
    height: u32,
    channels: u8,
    icc: Option<Vec<u8>>,
    orientation: u8,
    next: usize,
}

impl Decoded {
    /// Adds the ICC profile of the file that it was decoded from.
    pub fn with_icc_of(self, bytes: &[u8]) -> Self {
        Decoded {
            icc: icc(bytes, self.channels),
            ..self
        }
    }

    /// Sets the EXIF orientation.
    pub fn with_orientation(self, orientation: u8) -> Self {
        Decoded {
            orientation,
            ..self
        }
    }

    /// The rows of a decoded image.
    pub fn new(image: DynamicImage) -> Self {
        let (width, height) = (image.width(), image.height());
        let (channels, samples) = match image.color().has_color() {
            true => (3, image.into_rgb8().into_raw()),
            false => (1, image.into_luma8().into_raw()),
        };
        Decoded {
            samples,
            width,
            height,
            channels,
            icc: None,
            orientation: 1,
            next: 0,
        }
    }
}

impl Rows for Decoded {
    fn icc(&self) -> Option<&[u8]> {
        self.icc.as_deref()
    }
    fn orientation(&self) -> u8 {
        self.orientation
    }
    fn width(&self) -> u32 {
        self.width
    }
    fn height(&self) -> u32 {
        self.height
    }
    fn channels(&self) -> u8 {
        self.channels
    }
    fn next_row(&mut self, row: &mut [u8]) -> io::Result<()> {
        let from = self
            .samples
            .get(self.next..self.next + row.len())
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        row.copy_from_slice(from);
        self.next += row.len();
        Ok(())
    }
}

/// An image reduced while it is read: each pixel is the mean of the area that it covers. Holds one row.
pub struct Shrunk<R> {
    rows: R,
    width: u32,
    height: u32,
    done: u32,
    read: u32,
    source: Vec<u8>,
    sums: Vec<f32>,
    columns: Vec<Span>,
}

/// The source columns that one target column covers: the first, and the share of each.
struct Span {
    first: usize,
    shares: Vec<f32>,
}

impl<R: Rows> Shrunk<R> {
    /// Reduces `rows` to `width` × `height`, neither larger than before.
    pub fn new(rows: R, width: u32, height: u32) -> Self {
        let samples = usize::from(rows.channels());
        let columns = (0..width).map(|x| span(x, width, rows.width())).collect();
        Shrunk {
            source: vec![0; rows.width() as usize * samples],
            sums: vec![0.0; width as usize * samples],
            rows,
            width,
            height,
            done: 0,
            read: 0,
            columns,
        }
    }

    fn add(&mut self, share: f32) {
        let channels = usize::from(self.rows.channels());
        for (span, sums) in self
            .columns
            .iter()
            .zip(self.sums.chunks_exact_mut(channels))
        {
            for (i, weight) in span.shares.iter().enumerate() {
                let pixel = &self.source[(span.first + i) * channels..][..channels];
                sums.iter_mut()
                    .zip(pixel)
                    .for_each(|(sum, &v)| *sum += share * weight * f32::from(v));
            }
        }
    }
}

fn span(index: u32, parts: u32, whole: u32) -> Span {
    let ratio = f64::from(whole) / f64::from(parts);
    let (from, to) = (f64::from(index) * ratio, f64::from(index + 1) * ratio);
    let (first, last) = (from.floor() as u32, (to.ceil() as u32).min(whole));
    let share = |i: u32| (f64::from(i + 1).min(to) - f64::from(i).max(from)).max(0.0) / ratio;
    Span {
        first: first as usize,
        shares: (first..last).map(|i| share(i) as f32).collect(),
    }
}

impl<R: Rows> Rows for Shrunk<R> {
    fn width(&self) -> u32 {
        self.width
    }
    fn height(&self) -> u32 {
        self.height
    }
    fn channels(&self) -> u8 {
        self.rows.channels()
    }
    fn icc(&self) -> Option<&[u8]> {
        self.rows.icc()
    }
    fn orientation(&self) -> u8 {
        self.rows.orientation()
    }
    fn next_row(&mut self, row: &mut [u8]) -> io::Result<()> {
        let span = span(self.done, self.height, self.rows.height());
        self.sums.fill(0.0);
        for (i, &share) in span.shares.iter().enumerate() {
            // A source row that belongs to two target rows is read once and used twice.
            while self.read <= (span.first + i) as u32 {
                self.rows.next_row(&mut self.source)?;
                self.read += 1;
            }
            self.add(share);
        }
        row.iter_mut()
            .zip(&self.sums)
            .for_each(|(v, sum)| *v = sum.round().clamp(0.0, 255.0) as u8);
        self.done += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn picture(width: u32, height: u32, grey: bool) -> DynamicImage {
        let value = |x: u32, y: u32| (x * 255 / width) as u8 / 2 + (y * 255 / height) as u8 / 2;
        match grey {
            true => {
                image::GrayImage::from_fn(width, height, |x, y| image::Luma([value(x, y)])).into()
            }
            false => image::RgbImage::from_fn(width, height, |x, y| {
                image::Rgb([value(x, y), x as u8 / 2, 90])
            })
            .into(),
        }
    }

    #[test]
    fn png_and_tiff_hold_the_very_pixels_and_jpeg_nearly() {
        for (grey, encoding, most) in [
            (false, Encoding::Png, 0),
            (true, Encoding::Png, 0),
            (false, Encoding::Tiff, 0),
            (true, Encoding::Tiff, 0),
            (false, Encoding::Jpeg, 4),
            (true, Encoding::Jpeg, 4),
        ] {
            let image = picture(203, 77, grey);
            let mut out = Cursor::new(Vec::new());
            write(&mut Decoded::new(image.clone()), encoding, &mut out).unwrap();
            let back = super::super::decode(out.get_ref(), 1 << 20).unwrap();
            assert_eq!(back.color().has_color(), !grey, "{encoding:?}");
            let (a, b) = (image.into_rgb8(), back.into_rgb8());
            assert_eq!(a.dimensions(), b.dimensions());
            let worst = a
                .iter()
                .zip(b.iter())
                .map(|(a, b)| a.abs_diff(*b))
                .max()
                .unwrap();
            assert!(worst <= most, "{encoding:?} grey {grey}: {worst}");
        }
    }

    #[test]
    fn shrinking_keeps_the_mean_of_every_area() {
        let image = image::GrayImage::from_fn(7, 5, |x, y| image::Luma([(x * 30 + y * 10) as u8]));
        let total: f64 = image.iter().map(|&v| f64::from(v)).sum::<f64>() / 35.0;
        let mut small = Shrunk::new(Decoded::new(image.into()), 3, 2);
        let (mut sum, mut row) = (0.0, [0; 3]);
        for _ in 0..2 {
            small.next_row(&mut row).unwrap();
            sum += row.iter().map(|&v| f64::from(v)).sum::<f64>();
        }
        assert!((sum / 6.0 - total).abs() < 1.0, "{} {total}", sum / 6.0);
    }

    #[test]
    fn an_error_of_the_rows_is_the_error_of_the_writer() {
        struct Broken;
        impl Rows for Broken {
            fn width(&self) -> u32 {
                4
            }
            fn height(&self) -> u32 {
                4
            }
            fn channels(&self) -> u8 {
                3
            }
            fn next_row(&mut self, _: &mut [u8]) -> io::Result<()> {
                Err(io::Error::other("tile 3 is gone"))
            }
        }
        for encoding in [Encoding::Jpeg, Encoding::Png, Encoding::Tiff] {
            let error = write(&mut Broken, encoding, &mut Cursor::new(Vec::new())).unwrap_err();
            assert!(
                error.to_string().contains("tile 3 is gone"),
                "{encoding:?}: {error}"
            );
        }
    }
}
