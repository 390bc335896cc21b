//! Finds the downloaded files and reads their headers.

use std::path::Path;

use super::tiles::cut::TileRules;
use crate::contracts::MappedFile;
use crate::error::Error;
use crate::files::{self, Content};
use crate::pixels;
use crate::stored_image;

/// A file that was downloaded.
#[derive(Clone, Debug)]
pub struct ImageFile {
    /// Where it is.
    pub content: Content,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its header: size in pixels, channels, orientation.
    pub header: pixels::Header,
}

impl ImageFile {
    /// The grid on which tiles that are cut as these rules say begin, if that is possible without decoding the file.
    pub fn lossless_grid(&self, rules: &TileRules) -> Option<[u32; 2]> {
        let is_jpeg = self.header.media_type == "image/jpeg";
        let grid = is_jpeg.then(|| pixels::lossless_grid(|most| self.content.start(most)));
        let size = [self.header.width, self.header.height];
        grid.flatten().filter(|grid| rules.begins_on(*grid, size))
    }
}

/// Reads the header of the file that the image map, which is in `folder`, names for an image.
///
/// # Errors
/// The problem of a reject: there is no such file below the folder, or it is not an image.
pub fn measure(folder: &Path, file: &str) -> Result<ImageFile, String> {
    let file = MappedFile::parse(file);
    below(file.path())?;
    file.pack.map_or(Ok(""), |(pack, ..)| below(pack))?;
    let content = file.content(folder);
    let fault = |e: Error| format!("file cannot be used: {}", e.what());
    Ok(ImageFile {
        header: stored_image::measure(&content).map_err(fault)?,
        bytes: content.length().unwrap_or_default(),
        content,
    })
}

/// The problem of files outside the folder of the image map.
pub const ELSEWHERE: &str = "absolute path is not below the folder of the image map";

/// A path of the image map if it is relative to the map's folder, and inside.
fn below(file: &str) -> Result<&str, String> {
    if Path::new(file).is_absolute() {
        return Err(format!("{ELSEWHERE}: {file}"));
    }
    match files::is_path_within(file) {
        true => Ok(file),
        false => Err(format!("path leaves the folder of the image map: {file}")),
    }
}

/// An absolute path of the image map relative to the map's folder, if it is below. m3-download writes absolute paths if its
/// output folder was given as one.
pub fn relative(folder: &Path, file: &str) -> Option<String> {
    let is_absolute = Path::new(file).is_absolute();
    is_absolute.then(|| relative_to(folder, Path::new(file)))?
}

fn relative_to(folder: &Path, file: &Path) -> Option<String> {
    let as_given = std::path::absolute(folder).ok();
    // The same folder may have two names, such as a link to it.
    let real = || Some((folder.canonicalize().ok()?, file.canonicalize().ok()?));
    let relative = (as_given.as_deref())
        .and_then(|folder| file.strip_prefix(folder).ok().map(Path::to_owned))
        .or_else(|| {
            real().and_then(|(folder, file)| Some(file.strip_prefix(folder).ok()?.to_owned()))
        })?;
    Some(relative.to_str()?.replace(std::path::MAIN_SEPARATOR, "/"))
}
