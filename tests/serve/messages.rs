//! Messages on standard error that nobody reads.

use std::time::Duration;

use crate::robust::signal;
use crate::running::{Serving, folder, picture};
use recto_testkit::wait_until;

/// Fills a pipe that nobody reads, so that whoever writes to it waits.
fn fill(pipe: &std::io::PipeWriter) {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    let flags = fcntl_getfl(pipe).unwrap();
    fcntl_setfl(pipe, flags | OFlags::NONBLOCK).unwrap();
    // By single bytes at the end: a short message must not find place.
    for bytes in [&[b'.'; 4096][..], b"."] {
        while rustix::io::write(pipe, bytes).is_ok() {}
    }
    fcntl_setfl(pipe, flags).unwrap();
}

#[test]
fn messages_that_nobody_reads_hold_nothing_up() {
    let work = folder();
    let (unread, pipe) = std::io::pipe().unwrap();
    let mut command = work.command("serve", &["pictures", "--listen", "127.0.0.1:0"]);
    command.args(["--allow-host", "pictures.example"]);
    let server = Serving::telling(command, pipe.try_clone().unwrap().into());
    fill(&pipe);
    for name in ["x", "y", "z"] {
        work.write(&format!("pictures/{name}.png"), picture(9, 9));
        signal(&server, "-HUP");
        let path = format!("/iiif/3/{name}/info.json");
        wait_until(|| server.get(&path).status == 200);
    }
    let (told, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || told.send(server.stop().0));
    let code = ended.recv_timeout(Duration::from_secs(60));
    drop(unread);
    assert_eq!(code, Ok(0));
}
