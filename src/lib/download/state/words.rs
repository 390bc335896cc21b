//! Words of messages by which a later run knows what became of an image: `failures.csv` keeps a failure as its class and its
//! message. What writes the words and what looks for them stand together, and lists of older versions have them too.

/// The message of an image that has fewer pixels than `--min-size` demands.
pub fn too_small([width, height]: [u32; 2], least: u32) -> String {
    format!("it has {width} x {height} pixels, {}", min_size(least))
}

/// Whether a message is [`too_small`] by this `--min-size`.
pub fn is_too_small(message: &str, least: u32) -> bool {
    message.ends_with(&min_size(least))
}

fn min_size(least: u32) -> String {
    format!("--min-size is {least}")
}

/// The message of a file that could not be decoded and is kept at `path`, relative to the folder for work in progress.
pub fn kept_unread(message: &str, path: &str) -> String {
    format!("{message}{KEPT}.recto/{path}")
}

/// Whether a message is one of [`kept_unread`].
pub fn is_kept_unread(message: &str) -> bool {
    message.contains(KEPT)
}

const KEPT: &str = "; kept as ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_run_knows_what_an_earlier_one_wrote() {
        let message = too_small([640, 80], 100);
        assert!(is_too_small(&message, 100));
        assert!(!is_too_small(&message, 10) && !is_too_small(&message, 1000));
        let message = kept_unread("AVIF, a file type that is not supported", "unread/a.avif");
        assert!(is_kept_unread(&message));
        // As versions before this one wrote them.
        assert!(is_too_small("it has 4 x 3 pixels, --min-size is 8", 8));
        assert!(is_kept_unread(
            "HEIC, a file type that is not supported; kept as .recto/unread/a.heic"
        ));
    }
}
