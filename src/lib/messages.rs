//! Lines on standard error. A server says them on a thread of its own: a pipe that nobody reads costs lines, and no work.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::summary::counted;

/// The most messages that wait to be written; more are lost.
const MOST_WAITING: usize = 256;
/// How long the last messages may take when the program ends.
const LAST_MESSAGES: Duration = Duration::from_secs(1);

/// The way to the thread that writes, once there is one.
static QUEUE: OnceLock<Queue> = OnceLock::new();

/// Messages on their way.
#[derive(Debug)]
struct Queue {
    messages: SyncSender<Message>,
    /// How many found no place since the last that was written.
    lost: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Message {
    Lines(String),
    /// Tell when everything before is written.
    End(SyncSender<()>),
}

/// Prints a line to standard error, without what would change a terminal.
pub fn say(text: &str) {
    let lines = format!("{}\n", printable(text));
    match QUEUE.get() {
        Some(queue) => queue.put(lines),
        // A closed stderr is not a failure of the stage.
        None => drop(io::stderr().write_all(lines.as_bytes())),
    }
}

/// From now on nothing waits until a message is written, a panic neither.
///
/// # Errors
/// No thread can be started.
pub fn never_wait() -> io::Result<()> {
    let (queue, received) = Queue::new();
    let lost = queue.lost.clone();
    if QUEUE.set(queue).is_err() {
        return Ok(());
    }
    let thread = std::thread::Builder::new().name("messages".into());
    thread.spawn(move || write_all(&mut io::stderr(), &received, &lost))?;
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let trace = Backtrace::capture();
        let trace = match trace.status() {
            BacktraceStatus::Captured => format!("\n{trace}"),
            _ => String::new(),
        };
        say(&format!(
            "thread `{}` {panic}{trace}",
            thread.name().unwrap_or("without a name")
        ));
    }));
    Ok(())
}

/// Waits until all messages are written, but no longer than a second.
pub fn settle() {
    let (end, ended) = sync_channel(1);
    let Some(queue) = QUEUE.get() else { return };
    if queue.messages.try_send(Message::End(end)).is_ok() {
        let _ = ended.recv_timeout(LAST_MESSAGES);
    }
}

impl Queue {
    fn new() -> (Self, Receiver<Message>) {
        let (messages, received) = sync_channel(MOST_WAITING);
        let lost = Arc::default();
        (Queue { messages, lost }, received)
    }

    fn put(&self, lines: String) {
        if self.messages.try_send(Message::Lines(lines)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Writes messages until there is nobody who could send any. Where some were lost, the next says so.
fn write_all(out: &mut impl Write, received: &Receiver<Message>, lost: &AtomicU64) {
    while let Ok(message) = received.recv() {
        match message {
            Message::Lines(lines) => {
                let _ = out.write_all(lines.as_bytes());
                let lost = lost.swap(0, Ordering::Relaxed);
                if lost > 0 {
                    let were = counted(lost, "message was", "messages were");
                    let _ = writeln!(out, "{were} lost: those before were not read in time");
                }
            }
            Message::End(end) => drop(end.send(())),
        }
    }
}

/// A text without what would change a terminal: labels, URLs and messages of servers are other people's. Control characters
/// and those that reverse the direction of text are shown by their code.
fn printable(text: &str) -> std::borrow::Cow<'_, str> {
    let changes = |c: char| {
        c.is_control() && !matches!(c, '\n' | '\t')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(changes) {
        return text.into();
    }
    let shown = text.chars().map(|c| match changes(c) {
        true => c.escape_unicode().to_string(),
        false => c.to_string(),
    });
    shown.collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_do_not_reach_the_terminal() {
        assert_eq!(printable("a\n\tb žluť"), "a\n\tb žluť");
        assert_eq!(printable("a\u{1b}[31m\u{202e}"), "a\\u{1b}[31m\\u{202e}");
    }

    #[test]
    fn messages_that_nobody_takes_are_lost_and_counted() {
        let (queue, received) = Queue::new();
        for n in 0..MOST_WAITING + 3 {
            queue.put(format!("{n}\n"));
        }
        let lost = queue.lost.clone();
        drop(queue);
        let mut out = Vec::new();
        write_all(&mut out, &received, &lost);
        let said = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines.len(), MOST_WAITING + 1);
        assert_eq!(lines[0], "0");
        assert!(lines[1].starts_with("3 messages were lost"), "{}", lines[1]);
        assert_eq!(lines[MOST_WAITING], (MOST_WAITING - 1).to_string());
    }
}
