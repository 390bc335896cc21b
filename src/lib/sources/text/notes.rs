//! Notes about many files.

/// Makes one note of those that say the same of many files: the texts before `: ` are equal.
pub fn unite_notes(notes: &mut Vec<String>) {
    let mut united: Vec<(String, u64)> = Vec::new();
    for note in notes.drain(..) {
        let said = |note: &str| note.split(": ").next().map(str::to_owned);
        match united
            .iter_mut()
            .find(|(first, _)| said(first) == said(&note))
        {
            Some((_, count)) => *count += 1,
            None => united.push((note, 1)),
        }
    }
    notes.extend(
        united
            .into_iter()
            .map(|(first, count)| match (count, first.split_once(": ")) {
                (2.., Some((said, first))) => format!("{said}: {count} of them, first {first}"),
                _ => first,
            }),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_notes_become_one() {
        let mut notes = ["a: 1", "b", "a: 2: c", "a: 1"].map(str::to_owned).to_vec();
        unite_notes(&mut notes);
        assert_eq!(notes, ["a: 3 of them, first 1", "b"].map(str::to_owned));
    }
}
