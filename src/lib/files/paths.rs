//! Paths: which of them are files, what lies beside what, and what must not be overwritten.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::store::{is_in_store, is_there_in_store};
use crate::error::Error;

/// Whether there is a file of this name, on the disk or in an object store.
pub fn is_there(path: &Path) -> bool {
    match is_in_store(path) {
        true => is_there_in_store(path).unwrap_or(false),
        false => path.is_file(),
    }
}

/// Whether a path, as a file names it, stays in the folder that it is relative to.
pub fn is_path_within(path: &str) -> bool {
    let is_name = |part: Component| matches!(part, Component::Normal(_));
    !path.is_empty() && Path::new(path).components().all(is_name)
}

/// Whether a path stands for standard input or output: `-`, and the names that the system has for the output, which may be a file.
pub fn is_dash(path: &Path) -> bool {
    let names = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];
    names.iter().any(|name| path.as_os_str() == *name)
}

/// Whether a path is a device or pipe, such as `/dev/stdout`: written to, never replaced.
pub fn is_device(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| !meta.is_file() && !meta.is_dir())
}

/// The folder that a file lies in; `.` for a name without folder, and for a file in an object store: what belongs to it here
/// is in the working directory.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        _ if is_in_store(path) => Path::new("."),
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The path to one folder (`to`) from another as a prefix for paths: `../images/`, or nothing.
///
/// # Errors
/// One of them cannot be made.
pub fn path_between(to: &Path, from: &Path) -> Result<String, Error> {
    let absolute = |path: &Path| {
        fs::create_dir_all(path)
            .and_then(|()| path.canonicalize())
            .map_err(|e| cannot_write(path, e))
    };
    let (to, from) = (absolute(to)?, absolute(from)?);
    let shared = to
        .components()
        .zip(from.components())
        .take_while(|(a, b)| a == b)
        .count();
    let up = from.components().skip(shared).map(|_| "..".to_owned());
    let down = to
        .components()
        .skip(shared)
        .map(|part| part.as_os_str().to_string_lossy().into_owned());
    Ok(up.chain(down).map(|part| part + "/").collect())
}

/// The path with all links resolved. If the file does not exist, only its folder is resolved.
pub fn real(path: &Path) -> PathBuf {
    if is_in_store(path) {
        return path.to_owned();
    }
    let name = path.file_name();
    let beside = || Some(fs::canonicalize(folder_of(path)).ok()?.join(name?));
    fs::canonicalize(path)
        .ok()
        .or_else(beside)
        .unwrap_or_else(|| path.to_owned())
}

/// Where what is written under a path will be: where its symbolic link leads, so that what is replaced is not the link. The path
/// has no slash at its end, and a name.
///
/// # Errors
/// The link leads nowhere.
pub fn landing(path: &Path) -> Result<PathBuf, Error> {
    if is_in_store(path) {
        return Ok(path.to_owned());
    }
    let plain: PathBuf = path.components().collect();
    match plain.is_symlink() || plain.file_name().is_none() {
        true => fs::canonicalize(&plain).map_err(|e| cannot_write(path, e)),
        false => Ok(plain),
    }
}

/// The same for what lies beside an output; of a link that leads nowhere the path itself.
pub fn landing_or_path(path: &Path) -> PathBuf {
    landing(path).unwrap_or_else(|_| path.to_owned())
}

/// Refuses to overwrite an input and to write two outputs into one file. `outputs` are the options that name files,
/// with the files.
///
/// # Errors
/// A usage error that names the option.
pub fn refuse_overwriting<'a>(
    inputs: impl IntoIterator<Item = &'a PathBuf>,
    outputs: &[(&str, Option<&Path>)],
) -> Result<(), Error> {
    let is_file = |path: &Path| !is_dash(path) && !is_device(path);
    // Standard input may be a file.
    let stdin = PathBuf::from("/dev/stdin");
    let named = |path: &'a PathBuf| {
        if is_dash(path) {
            stdin.clone()
        } else {
            path.clone()
        }
    };
    let inputs = inputs.into_iter().map(named).filter(|path| is_file(path));
    let mut taken: Vec<(PathBuf, Option<&str>)> = inputs.map(|path| (real(&path), None)).collect();
    refuse_two_on_stdout(outputs)?;
    for (option, path) in outputs {
        let Some(path) = path.filter(|path| is_file(path)) else {
            continue;
        };
        let place = real(path);
        match taken.iter().find(|(other, _)| *other == place) {
            Some((_, None)) => {
                let what = format!("{}: is an input, and would be overwritten", path.display());
                let hint = format!("name another file with {option}");
                return Err(Error::usage(what).hint(hint));
            }
            Some((_, Some(other))) => {
                let what = format!("{other} and {option} name the same file");
                return Err(Error::usage(what));
            }
            None => taken.push((place, Some(option))),
        }
    }
    Ok(())
}

/// Refuses to write two outputs to standard output, where nothing would tell them apart.
fn refuse_two_on_stdout(outputs: &[(&str, Option<&Path>)]) -> Result<(), Error> {
    let mut on_stdout = outputs.iter().filter(|(_, path)| path.is_some_and(is_dash));
    match (on_stdout.next(), on_stdout.next()) {
        (Some((one, _)), Some((other, _))) => {
            let what = format!("{one} and {other} both write to standard output");
            Err(Error::usage(what).hint("name a file with one of them"))
        }
        _ => Ok(()),
    }
}

/// The error for a file that cannot be written, with a hint for the frequent causes.
pub fn cannot_write(path: &Path, e: io::Error) -> Error {
    let hint = match e.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Some("free some space on the disk and run the same command again".to_owned())
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            Some("choose a folder that you may write to".to_owned())
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            let file = path.ancestors().find(|above| above.is_file());
            file.map(|file| format!("{} is a file, a folder is needed there", file.display()))
        }
        _ => None,
    };
    let error = Error::new(format!("{}: cannot be written", path.display())).because(e);
    match leads_nowhere(path).or(hint) {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// The hint for a path on whose way a symbolic link leads nowhere.
fn leads_nowhere(path: &Path) -> Option<String> {
    // With a slash at its end a link is what it leads to.
    let plain: PathBuf = path.components().collect();
    let mut on_the_way = plain.ancestors();
    let link = on_the_way.find(|above| above.is_symlink() && !above.exists())?;
    let to = fs::read_link(link).ok()?;
    Some(format!(
        "{} is a link to {}, which is not there: make that, or remove the link",
        link.display(),
        to.display()
    ))
}
