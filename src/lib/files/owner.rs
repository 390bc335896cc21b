//! Whose temporary files are: a mark in their names tells processes apart, also those of other containers and machines that
//! share a folder, where numbers of processes are not unique.

use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use super::hash::hex_digest;

/// After this time what a process elsewhere began counts as left behind: nobody here can see whether it runs.
const LONG_AGO: Duration = Duration::from_secs(7 * 86_400);

/// The mark of this process: its number, and a hash of the machine and the namespace in which it counts.
pub fn mark() -> String {
    format!("{}-{}", std::process::id(), machine())
}

/// Whether a process with this mark has ended, so that its temporary files are left behind. `path` is one of them. A
/// process of another machine or container, and one without a machine in its mark, is taken to run for a week.
pub fn is_gone(mark: &str, path: &Path) -> bool {
    let (number, home) = mark.split_once('-').unwrap_or((mark, ""));
    let Ok(number) = number.parse::<u32>() else {
        return false;
    };
    let running = Path::new("/proc");
    if home == machine() && running.join("self").exists() {
        return has_ended(&running.join(number.to_string()));
    }
    let written = path.metadata().and_then(|file| file.modified());
    let age = written.map(|then| SystemTime::now().duration_since(then).unwrap_or_default());
    age.is_ok_and(|age| age > LONG_AGO)
}

/// Whether a process has ended, going by its folder in `/proc`: one that nobody has waited for, as in a container without an init, is
/// listed there and runs no more.
fn has_ended(process: &Path) -> bool {
    let Ok(state) = std::fs::read_to_string(process.join("stat")) else {
        return !process.exists();
    };
    // `NUMBER (NAME) STATE …`; a name may have parentheses too.
    let state = state.rsplit_once(')').map(|(_, rest)| rest.trim_start());
    state.is_some_and(|state| state.starts_with(['Z', 'X']))
}

/// A hash of what makes numbers of processes unique: the boot of the machine and the namespace.
fn machine() -> &'static str {
    static MACHINE: OnceLock<String> = OnceLock::new();
    MACHINE.get_or_init(|| {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        let all = [
            read("/proc/sys/kernel/random/boot_id"),
            read("/proc/sys/kernel/hostname"),
            namespace.to_string_lossy().into_owned(),
        ];
        hex_digest(all.concat().as_bytes(), 8)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_that_ended_and_that_nobody_waited_for_is_gone() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let mark = format!("{}-{}", child.id(), machine());
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..500 {
            if is_gone(&mark, folder.path()) {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(is_gone(&mark, folder.path()));
        child.wait().unwrap();
    }

    #[test]
    fn processes_elsewhere_are_not_taken_for_gone() {
        let folder = tempfile::tempdir().unwrap();
        let home = machine();
        let cases = [
            (mark(), false),
            (format!("4194303-{home}"), cfg!(target_os = "linux")),
            ("4194303-0badcafe".into(), false),
            ("4194303".into(), false),
            ("old".into(), false),
        ];
        for (mark, wanted) in cases {
            assert_eq!(is_gone(&mark, folder.path()), wanted, "{mark}");
        }
    }
}
