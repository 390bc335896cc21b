//! An image of which parts are cut out, decoded when the first part is asked for: what workers have cut needs no pixels.

use super::dataset::DatasetImage;
use crate::error::Error;
use crate::pixels::Crop;

/// An image that is decoded when it is needed.
#[derive(Debug)]
pub struct LazyCrop<'a> {
    image: &'a DatasetImage<'a>,
    crop: Option<Crop>,
}

impl<'a> LazyCrop<'a> {
    /// Not decoded yet.
    pub fn of(image: &'a DatasetImage<'a>) -> Self {
        LazyCrop { image, crop: None }
    }

    /// The image, decoded and upright as its boxes were drawn; or why that cannot be done.
    ///
    /// # Errors
    /// Its file cannot be read.
    pub fn get(&mut self) -> Result<Result<&Crop, String>, Error> {
        let crop = match self.crop.take() {
            Some(crop) => crop,
            None => match Crop::open(&self.image.read()?) {
                Ok(crop) => crop.upright(self.image.drawn_in),
                Err(cause) => return Ok(Err(cause)),
            },
        };
        Ok(Ok(self.crop.insert(crop)))
    }
}
