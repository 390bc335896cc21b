//! Takes passwords, keys and signatures out of the addresses of an image, as lists and the journal of a download do: what enters a
//! set is passed on. Pure.

use crate::contracts::{BorrowedImage, Text};
use crate::http::{shared_id, without_secrets};

/// Takes secrets out of everything that an image brings into a set: ids, its addresses, where it was found, and metadata.
pub fn remove(image: &mut BorrowedImage) {
    clean_id(&mut image.id);
    clean_id(&mut image.group);
    image.image.url.iter_mut().for_each(clean);
    if let Some(service) = &mut image.image.service {
        clean(&mut service.id);
    }
    let source = &mut image.source;
    let found = [&mut source.manifest, &mut source.canvas];
    found.into_iter().flatten().for_each(clean_id);
    image.metadata.values_mut().flatten().for_each(clean);
    for localization in &mut image.localizations {
        clean_id(&mut localization.id);
    }
}

/// Only after one of these a URL has secrets.
fn may_have(text: &str) -> bool {
    text.contains(['?', '@']) && text.contains("://")
}

fn clean(text: &mut Text) {
    if may_have(text) {
        let clean = without_secrets(text).into_owned();
        if clean != *text.as_str() {
            *text = clean.into();
        }
    }
}

fn clean_id(text: &mut Text) {
    if may_have(text) {
        *text = clean_name(text).into();
    }
}

/// An id without secrets. One that has none stays as it is.
pub fn clean_name(id: &str) -> String {
    shared_id(id).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_secrets_are_taken_out() {
        let cases = [
            ("https://u:p@h/a.jpg?w=3", "https://…@h/a.jpg?w=3"),
            ("https://h/a.jpg?token=abc", "https://h/a.jpg?token=…"),
            ("a?key=3", "a?key=3"),
            ("https://h/a.jpg?w=3", "https://h/a.jpg?w=3"),
        ];
        for (given, wanted) in cases {
            let mut image = BorrowedImage {
                id: given.into(),
                group: given.into(),
                ..BorrowedImage::default()
            };
            image.image.url = Some(given.into());
            image.source.manifest = Some(given.into());
            image.metadata.insert("seen".into(), vec![given.into()]);
            remove(&mut image);
            assert_eq!(image.id, *wanted);
            assert_eq!(image.group, *wanted);
            assert_eq!(image.image.url.as_deref(), Some(wanted));
            assert_eq!(image.source.manifest.as_deref(), Some(wanted));
            assert_eq!(image.metadata["seen"][0], *wanted);
        }
    }
}
