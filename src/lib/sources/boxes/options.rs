//! Options of the sources of boxes.

use std::path::PathBuf;

/// Names of the sources of boxes.
pub const KINDS: &[&str] = &["coco", "yolo", "voc", "via", "labelstudio"];

/// Options of the sources `coco`, `yolo`, `voc`, `via` and `labelstudio`.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Sources coco, yolo, voc, via and labelstudio")]
pub struct BoxesOptions {
    /// Where the images are: the URL to which file names are added; a folder of image files, which gives their sizes; or a
    /// list that has the image for each file name: image_map.json of recto-download, another map or table of files and
    /// their URLs, or a COCO file. Without this option images are known by name only, and recto-extract finds them by name
    /// in other digests (repeatable)
    #[arg(long, value_name = "URL|FOLDER|FILE")]
    pub images: Vec<String>,
    /// Names of classes by number: data.yaml, or a class per line, the first with number 0 [default: data.yaml, classes.txt
    /// or obj.names beside or above the labels; categories of COCO]
    #[arg(long, value_name = "FILE")]
    pub classes: Option<PathBuf>,
    /// Attribute of the regions that is their class (via) [default: the only one, else class, label, concept, category, type
    /// or name]
    #[arg(long, value_name = "NAME")]
    pub class_attribute: Option<String>,
    /// Corners are counted as in the devkit of VOC: the first pixel is 1, xmax and ymax are the last (voc) [default: edges
    /// from 0, unless the file says otherwise]
    #[arg(long)]
    pub voc_inclusive: bool,
}

impl BoxesOptions {
    /// The first of these options on the command line that the source of this name does not have, as users type it.
    pub fn foreign_to(&self, source: &str) -> Option<&'static str> {
        let is_of_boxes = KINDS.contains(&source);
        let options = [
            (!self.images.is_empty() && !is_of_boxes, "--images"),
            (
                self.classes.is_some() && !["coco", "yolo"].contains(&source),
                "--classes",
            ),
            (
                self.class_attribute.is_some() && source != "via",
                "--class-attribute",
            ),
            (self.voc_inclusive && source != "voc", "--voc-inclusive"),
        ];
        options
            .into_iter()
            .find(|(is_foreign, _)| *is_foreign)
            .map(|(_, name)| name)
    }

    /// These options of the command line, with their values as users type them; those without a value have an empty one.
    pub fn typed(&self) -> Vec<(&'static str, String)> {
        let images = self.images.iter();
        let images = images.map(|images| ("--images", Some(images.clone())));
        let classes = self.classes.as_ref();
        let after = [
            ("--classes", classes.map(|path| path.display().to_string())),
            ("--class-attribute", self.class_attribute.clone()),
            ("--voc-inclusive", self.voc_inclusive.then(String::new)),
        ];
        let all = images.chain(after);
        all.filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }
}
