//! How a server that runs for months gives memory back. A decoded image is one large buffer. glibc keeps such buffers in heaps,
//! one for each thread, once any as large was freed, and hands these back only from their end: memory grows with the days. With a
//! fixed size from which buffers are mapped by themselves, each goes back when it is freed. glibc reads that size where a
//! program starts (mallopt(3), `MALLOC_MMAP_THRESHOLD_`), so that the program starts itself anew, in the same process.

/// Starts the program anew with that size, unless somebody has set one; returns where that is done, or cannot be.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn give_back_large_buffers() {
    use std::os::unix::process::CommandExt;

    let is_set = |name: &str| std::env::var_os(name).is_some();
    if is_set(THRESHOLD) || is_set("GLIBC_TUNABLES") {
        return;
    }
    let mut arguments = std::env::args_os();
    let name = arguments.next();
    // Under its own path, which `ps` and the like show.
    let Ok(program) = std::env::current_exe() else {
        return;
    };
    let mut command = std::process::Command::new(program);
    command.args(arguments).env(THRESHOLD, MAPPED.to_string());
    if let Some(name) = name {
        command.arg0(name);
    }
    // It returns only if that failed. The server works without it.
    let _ = command.exec();
}

/// What glibc reads the size from.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const THRESHOLD: &str = "MALLOC_MMAP_THRESHOLD_";

/// The least bytes of a buffer that is mapped by itself.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const MAPPED: usize = 1 << 20;

/// Other C libraries give memory back by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn give_back_large_buffers() {}
