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

    /// The image, decoded and upright as its boxes were drawn.
    ///
    /// # Errors
    /// Its file cannot be read, or is not any more what it was when it was proven whole.
    pub fn get(&mut self) -> Result<&Crop, Error> {
        let crop = match self.crop.take() {
            Some(crop) => crop,
            None => {
                let fault = |cause| {
                    let what = format!("{}: cannot be decoded: {cause}", self.image.content);
                    Error::new(what).hint("if it was changed meanwhile, run the command again")
                };
                let crop = Crop::open(&self.image.read()?).map_err(fault)?;
                crop.upright(self.image.drawn_in)
            }
        };
        Ok(self.crop.insert(crop))
    }
}
