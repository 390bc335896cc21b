//! The list of classes of `--classes`: their order is that of colours and keys.

use std::path::Path;

use crate::error::Error;
use crate::files;
use crate::sources::boxes;

/// Reads the names of a `data.yaml`, of a text with a class per line, or of a COCO file, in their order.
///
/// # Errors
/// The file cannot be read, or is none of these.
pub fn read(path: &Path) -> Result<Vec<String>, Error> {
    let name = path.display().to_string();
    let document = boxes::read_classes(&name, &files::read(path)?)
        .map_err(|why| Error::new(format!("{name}: {why}")))?;
    let names: Vec<String> = document.classes.into_iter().map(|(_, name)| name).collect();
    match names.is_empty() {
        true => Err(Error::new(format!("{name}: no class in it"))
            .hint("--classes reads a data.yaml, a class per line, or a COCO file")),
        false => Ok(names),
    }
}
