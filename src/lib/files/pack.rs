//! Tar files that many files go into, one after the other, for file systems that bear only so many files.
//!
//! They have numbers, and only the last grows. What was added counts once it is committed; everything after that is cut off, now or
//! by the next program. Headers have no owner, no time and one mode.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::cache_file;
use super::paths::cannot_write;
use super::system::sync_folder;
use crate::error::Error;

/// Bytes of a block: headers are one, and files are filled up to whole ones.
const BLOCK: u64 = 512;
/// The two empty blocks at the end of a tar file.
const END: [u8; 1024] = [0; 1024];

/// Where a file is in a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// The name of the pack.
    pub pack: String,
    /// Where the bytes of the file begin in it.
    pub offset: u64,
}

/// A pack as it is known from what was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPack {
    /// Its name.
    pub name: String,
    /// Where the last file in it ends.
    pub end: u64,
}

/// The name of the pack with a number.
fn pack_name(number: u32) -> String {
    format!("images-{number:05}.tar")
}

/// The number of a pack that was made in its folder; none for one that came from elsewhere.
fn number_of(name: &str) -> Option<u32> {
    let number = name.strip_prefix("images-")?.strip_suffix(".tar")?;
    let number = number.parse().ok()?;
    (pack_name(number) == name).then_some(number)
}

/// Whether a pack has the name of one that was made in its folder.
pub fn is_numbered_pack(name: &str) -> bool {
    number_of(name).is_some()
}

/// Where a file that ends at a byte is filled up to.
fn filled(end: u64) -> u64 {
    end.next_multiple_of(BLOCK)
}

/// The header of a file, with a further one before it where its name does not fit.
///
/// # Errors
/// The name cannot be that of a file in a tar.
fn head(name: &str, length: u64) -> io::Result<Vec<u8>> {
    let mut header = tar::Header::new_ustar();
    header.set_size(length);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    if header.set_path(name).is_ok() {
        header.set_cksum();
        return Ok(header.as_bytes().to_vec());
    }
    let mut header = tar::Header::new_gnu();
    header.set_size(length);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    let mut bytes = Vec::new();
    // The bytes of the file follow later, and the end of the tar file too.
    tar::Builder::new(&mut bytes).append_data(&mut header, name, io::empty())?;
    bytes.truncate(bytes.len().saturating_sub(END.len()));
    Ok(bytes)
}

/// Adds files to the packs of a folder. When dropped it ends the last one, as far as it is committed.
#[derive(Debug)]
pub struct PackWriter {
    folder: PathBuf,
    /// The most bytes of a pack, unless a single file has more.
    most: u64,
    current: Option<Current>,
    /// The number of the next pack.
    next: u32,
    /// Where it is noted which packs were begun since the last commit.
    note: PathBuf,
    begun: Vec<u32>,
    /// Where the pack that grew at the last commit ended.
    before: Option<(u32, u64)>,
}

/// The pack that grows.
#[derive(Debug)]
struct Current {
    number: u32,
    file: File,
    end: u64,
}

impl PackWriter {
    /// For the packs of a folder, as they are known: what a program that was killed added after that is cut off. `work` is the
    /// folder for work in progress. Packs are to have `most` bytes at most.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn open(folder: &Path, work: &Path, most: u64, known: &[KnownPack]) -> Result<Self, Error> {
        let mut writer = PackWriter {
            folder: folder.to_owned(),
            most,
            current: None,
            next: 0,
            note: work.join("packs.txt"),
            begun: Vec::new(),
            before: None,
        };
        let numbered = known.iter();
        let numbered = numbered.filter_map(|pack| Some((number_of(&pack.name)?, pack.end)));
        let numbered: BTreeMap<u32, u64> = numbered.collect();
        for (number, end) in &numbered {
            let path = writer.path(*number);
            repair(&path, filled(*end)).map_err(|e| cannot_write(&path, e))?;
        }
        // In packs that were begun and are not known nothing was committed.
        let note = fs::read_to_string(&writer.note).unwrap_or_default();
        let begun = note.lines().filter_map(number_of);
        for number in begun.filter(|number| !numbered.contains_key(number)) {
            let path = writer.path(number);
            cache_file::remove(&path).map_err(|e| cannot_write(&path, e))?;
        }
        if let Some((&number, &end)) = numbered.last_key_value() {
            writer.next = number + 1;
            // One that is missing is not made again.
            let file = File::options().write(true).open(writer.path(number));
            writer.current = file.ok().map(|file| Current {
                number,
                file,
                end: filled(end),
            });
        }
        Ok(writer)
    }

    fn path(&self, number: u32) -> PathBuf {
        self.folder.join(pack_name(number))
    }

    /// Adds a file of `length` bytes, and says where its bytes are. It is not committed yet.
    ///
    /// # Errors
    /// Those of the disk, or it has another length.
    pub fn append(
        &mut self,
        name: &str,
        length: u64,
        content: &mut dyn Read,
    ) -> io::Result<Packed> {
        let head = head(name, length)?;
        let needed = filled(head.len() as u64 + length) + END.len() as u64;
        let is_full =
            |current: &Current| current.end > 0 && current.end.saturating_add(needed) > self.most;
        if self.current.as_ref().is_none_or(is_full) {
            self.begin()?;
        }
        let Some(current) = &mut self.current else {
            return Err(io::ErrorKind::NotFound.into());
        };
        self.before.get_or_insert((current.number, current.end));
        current.file.seek(SeekFrom::Start(current.end))?;
        current.file.write_all(&head)?;
        let written = io::copy(content, &mut current.file)?;
        if written != length {
            let what = format!("{name} has {written} bytes, {length} were expected");
            return Err(io::Error::other(what));
        }
        let offset = current.end + head.len() as u64;
        current.end = filled(offset + length);
        let rest = vec![0; (current.end - offset - length) as usize];
        current.file.write_all(&rest)?;
        Ok(Packed {
            pack: pack_name(current.number),
            offset,
        })
    }

    /// Ends the pack that grows, and begins the next.
    fn begin(&mut self) -> io::Result<()> {
        if let Some(mut current) = self.current.take() {
            self.before.get_or_insert((current.number, current.end));
            end(&mut current)?;
            current.file.sync_data()?;
        }
        // Files of others are left alone.
        while self.path(self.next).exists() {
            self.next += 1;
        }
        let number = self.next;
        self.next += 1;
        self.begun.push(number);
        let note: String = self.begun.iter().map(|n| pack_name(*n) + "\n").collect();
        cache_file::put(&self.note, &[note.as_bytes()])?;
        let file = File::create_new(self.path(number))?;
        self.current = Some(Current {
            number,
            file,
            end: 0,
        });
        Ok(())
    }

    /// Waits until what was added is on the disk.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn sync(&mut self) -> io::Result<()> {
        if let Some(current) = &self.current {
            current.file.sync_data()?;
        }
        match self.begun.is_empty() {
            true => Ok(()),
            false => sync_folder(&self.folder),
        }
    }

    /// What was added stays, also should the list of it be lost: then these packs are not known, and left alone.
    pub fn commit(&mut self) {
        if !self.begun.is_empty() {
            // If the note stays, nothing follows from it as long as the packs are known.
            let _ = cache_file::remove(&self.note);
        }
        self.begun.clear();
        self.before = None;
    }

    /// Cuts off what was added since the last commit.
    ///
    /// # Errors
    /// Those of the disk; then the next program does it.
    pub fn roll_back(&mut self) -> io::Result<()> {
        let (begun, before) = (std::mem::take(&mut self.begun), self.before.take());
        if !begun.is_empty() {
            self.current = None;
        }
        for number in &begun {
            cache_file::remove(&self.path(*number))?;
            self.next = self.next.min(*number);
        }
        let Some((number, end)) = before.filter(|(number, _)| !begun.contains(number)) else {
            return Ok(());
        };
        let file = File::options().write(true).open(self.path(number))?;
        file.set_len(end)?;
        self.current = Some(Current { number, file, end });
        Ok(())
    }
}

impl Drop for PackWriter {
    fn drop(&mut self) {
        // Of one that has no end readers see the end of the file, and the next program repairs it.
        let _ = self.roll_back();
        if let Some(current) = &mut self.current {
            let _ = end(current);
        }
    }
}

/// Writes the end of a pack, behind which nothing is.
fn end(current: &mut Current) -> io::Result<()> {
    current.file.seek(SeekFrom::Start(current.end))?;
    current.file.write_all(&END)?;
    current.file.set_len(current.end + END.len() as u64)
}

/// Cuts a pack off where its last file ends, unless only the end of the pack is there. One that is missing or shorter is left.
fn repair(path: &Path, end_of_files: u64) -> io::Result<()> {
    let found = match fs::metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?.len(),
    };
    if found < end_of_files || found == end_of_files + END.len() as u64 {
        return Ok(());
    }
    let mut current = Current {
        number: 0,
        file: File::options().write(true).open(path)?,
        end: end_of_files,
    };
    current.file.set_len(end_of_files)?;
    end(&mut current)?;
    current.file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names and bytes.
    type Files = Vec<(String, Vec<u8>)>;

    fn names(folder: &Path) -> Vec<(String, Files)> {
        let mut packs: Vec<PathBuf> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|suffix| suffix == "tar"))
            .collect();
        packs.sort();
        let of_pack = |path: PathBuf| {
            let length = fs::metadata(&path).unwrap().len();
            let mut tar = tar::Archive::new(File::open(&path).unwrap());
            let files = tar.entries().unwrap().map(|entry| {
                let mut entry = entry.unwrap();
                let name = entry.path().unwrap().display().to_string();
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).unwrap();
                (name, bytes)
            });
            let files = files.collect();
            assert_eq!(length % BLOCK, 0);
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                files,
            )
        };
        packs.into_iter().map(of_pack).collect()
    }

    fn added(writer: &mut PackWriter, name: &str, bytes: &[u8]) -> Packed {
        let packed = writer
            .append(name, bytes.len() as u64, &mut &*bytes)
            .unwrap();
        let path = writer.folder.join(&packed.pack);
        let found = super::super::Content::part(path, packed.offset, bytes.len() as u64);
        assert_eq!(found.read().unwrap(), bytes, "{name}");
        packed
    }

    #[test]
    fn a_new_pack_begins_before_one_is_too_large() {
        let folder = tempfile::tempdir().unwrap();
        let work = folder.path().join("work");
        let mut writer = PackWriter::open(folder.path(), &work, 6 << 10, &[]).unwrap();
        let long = format!("{}/é.jpg", "g".repeat(300));
        let files = [
            ("a/1.jpg", vec![1; 1000]),
            ("a/2.jpg", vec![]),
            (&*long, vec![3; 1024]),
            ("a/4.jpg", vec![4; 9000]),
            ("a/5.jpg", vec![5; 1]),
        ];
        for (name, bytes) in &files {
            added(&mut writer, name, bytes);
        }
        writer.sync().unwrap();
        writer.commit();
        drop(writer);
        let found = names(folder.path());
        let counts: Vec<(&str, usize)> = found.iter().map(|(n, f)| (&**n, f.len())).collect();
        assert_eq!(
            counts,
            [
                ("images-00000.tar", 3),
                ("images-00001.tar", 1),
                ("images-00002.tar", 1)
            ]
        );
        let all = found.into_iter().flat_map(|(_, files)| files);
        let wanted = files.map(|(name, bytes)| (name.to_owned(), bytes));
        assert!(all.eq(wanted));
    }

    #[test]
    fn what_was_not_committed_is_cut_off_wherever_it_ends() {
        for (cut, is_killed) in (0..8).flat_map(|cut| [(cut, true), (cut, false)]) {
            let folder = tempfile::tempdir().unwrap();
            let work = folder.path().join("work");
            fs::write(folder.path().join("images-00001.tar"), "somebody's").unwrap();
            let open =
                |known: &[KnownPack]| PackWriter::open(folder.path(), &work, 4096, known).unwrap();
            let mut writer = open(&[]);
            let first = added(&mut writer, "1.jpg", b"one");
            writer.sync().unwrap();
            writer.commit();
            let known = KnownPack {
                name: first.pack,
                end: first.offset + 3,
            };
            for n in 0..cut {
                added(&mut writer, &format!("{n}.png"), &[n; 600]);
            }
            let whole = fs::read(folder.path().join("images-00000.tar")).unwrap();
            match is_killed {
                // As a kill leaves it, in the middle of a file.
                true => {
                    drop(writer);
                    let half = &whole[..whole.len() - 100 * usize::from(cut > 0)];
                    fs::write(folder.path().join("images-00000.tar"), half).unwrap();
                }
                false => drop(writer),
            }
            let mut writer = open(&[known]);
            added(&mut writer, "2.jpg", b"two");
            writer.sync().unwrap();
            writer.commit();
            drop(writer);
            assert_eq!(
                fs::read(folder.path().join("images-00001.tar")).unwrap(),
                b"somebody's"
            );
            fs::remove_file(folder.path().join("images-00001.tar")).unwrap();
            let wanted = [("1.jpg", &b"one"[..]), ("2.jpg", b"two")];
            let wanted = wanted.map(|(name, bytes)| (name.to_owned(), bytes.to_vec()));
            let found = names(folder.path());
            assert_eq!(
                found,
                [("images-00000.tar".to_owned(), wanted.to_vec())],
                "{cut} {is_killed}"
            );
        }
    }
}
