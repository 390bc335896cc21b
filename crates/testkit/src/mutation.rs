//! Damaged inputs for parsers of foreign bytes, from a seed.
//!
//! [`check`] runs a parser on sound inputs that were changed at random: it may refuse them with a message, and must
//! neither panic nor hang. A failure names the seed and shows the input. `RECTO_SEED=n` repeats that case alone,
//! `RECTO_CASES=n` says how many seeds are tried, from `RECTO_SEED` or from 0 on.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, Once, PoisonError, mpsc};
use std::time::Duration;

use serde_json::{Map, Value, json};

/// The longest that one case takes on a machine that is busy with other things; sound ones take milliseconds.
const HANGS: Duration = Duration::from_secs(60);

/// How much of an input a message shows, in bytes.
const SHOWN: usize = 4000;

/// The same numbers for the same seed: SplitMix64.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The numbers of a seed.
    pub fn of(seed: u64) -> Self {
        Random(seed)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.number() % end as u64) as usize
    }

    /// One of some.
    pub fn choose<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// Whether something happens that happens once in `times`.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

/// Which cases a test runs, by the environment and the number that it runs by itself.
fn seeds(cases: u64) -> impl Iterator<Item = u64> {
    let number = |name: &str| {
        let text = std::env::var(name).ok()?;
        Some(
            text.parse::<u64>()
                .unwrap_or_else(|e| panic!("{name}={text}: {e}")),
        )
    };
    let first = number("RECTO_SEED");
    let cases = number("RECTO_CASES").unwrap_or(if first.is_some() { 1 } else { cases });
    let first = first.unwrap_or(0);
    first..first.saturating_add(cases)
}

/// Runs a check once for each of the seeds 0 to `cases`, with the numbers of that seed.
///
/// # Panics
/// When the check does; the seed is printed.
pub fn with_seeds(cases: u64, check: impl Fn(&mut Random)) {
    struct OnPanic(u64);

    impl Drop for OnPanic {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("to repeat: RECTO_SEED={}", self.0);
            }
        }
    }

    for seed in seeds(cases) {
        let _printed = OnPanic(seed);
        check(&mut Random::of(seed));
    }
}

/// Panics so far, those that a program catches too: none of them may be left to what catches it.
static PANICS: Mutex<Panics> = Mutex::new(Panics {
    of_workers: BTreeMap::new(),
    of_program: 0,
});

struct Panics {
    /// On the thread of a [`check`], by its name.
    of_workers: BTreeMap<String, u64>,
    /// On threads that a program started, for whichever check.
    of_program: u64,
}

impl Panics {
    /// Panics that concern the check whose worker has this name.
    fn concerning(worker: &str) -> u64 {
        let panics = PANICS.lock().unwrap_or_else(PoisonError::into_inner);
        panics.of_workers.get(worker).unwrap_or(&0) + panics.of_program
    }
}

/// Counts panics from now on. Those of other tests of this binary, which may panic on purpose, do not count: the test
/// harness names its threads after the tests. Threads of the program have no name, or one that tokio gives them.
fn count_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let thread = std::thread::current();
            let mut panics = PANICS.lock().unwrap_or_else(PoisonError::into_inner);
            match thread.name() {
                Some(name) if name.starts_with(WORKER) => {
                    *panics.of_workers.entry(name.to_owned()).or_default() += 1;
                }
                Some(name) if !name.starts_with("tokio") => {}
                _ => panics.of_program += 1,
            }
            drop(panics);
            before(panic);
        }));
    });
}

/// How the names of threads of [`check`] begin; a number follows.
const WORKER: &str = "damaged inputs ";

/// Makes inputs from the seeds 0 to `cases` and gives each to a parser, which says whether it took the input. Returns how
/// many were taken and how many refused.
///
/// # Panics
/// When the parser or a thread that it started panics, or when one input takes a minute. A thread that another check
/// started meanwhile counts too: the message shows the thread.
pub fn check(
    cases: u64,
    make: impl Fn(&mut Random) -> Vec<u8> + Send + 'static,
    mut takes: impl FnMut(&[u8]) -> bool + Send + 'static,
) -> Outcome {
    count_panics();
    let (tell, told) = mpsc::channel();
    static WORKERS: AtomicUsize = AtomicUsize::new(0);
    let name = format!("{WORKER}{}", WORKERS.fetch_add(1, Ordering::Relaxed));
    // A thread of its own, which is left behind when it hangs.
    let worker = std::thread::Builder::new().name(name.clone());
    let worker = worker.spawn(move || {
        let mut outcome = Outcome::default();
        for seed in seeds(cases) {
            let input = make(&mut Random::of(seed));
            let case = format!("RECTO_SEED={seed}: {}", shown(&input));
            tell.send(case.clone()).expect("the test waits");
            let before = Panics::concerning(&name);
            let took = catch_unwind(AssertUnwindSafe(|| takes(&input)));
            let panics = Panics::concerning(&name) - before;
            match took {
                Ok(took) if panics == 0 => match took {
                    true => outcome.taken += 1,
                    false => outcome.refused += 1,
                },
                Ok(_) => panic!("a thread panics meanwhile: {case}"),
                Err(panic) => {
                    eprintln!("{case}");
                    resume_unwind(panic);
                }
            }
        }
        outcome
    });
    let worker = worker.expect("a thread can be started");
    let mut last = String::new();
    loop {
        match told.recv_timeout(HANGS) {
            Ok(case) => last = case,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("no end after {HANGS:?}: {last}"),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        }
    }
    worker.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// What became of the inputs of [`check`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Inputs that the parser took, damaged as they are.
    pub taken: u64,
    /// Inputs that it refused.
    pub refused: u64,
}

impl Outcome {
    /// Fails unless some inputs were taken and some refused: a test all of whose inputs share a fate tests little. A run
    /// of few cases is let pass.
    #[track_caller]
    pub fn is_mixed(self) {
        let is_mixed = self.taken > 0 && self.refused > 0;
        assert!(is_mixed || self.taken + self.refused < 50, "{self:?}");
    }
}

/// The start of an input, as a literal of Rust.
fn shown(input: &[u8]) -> String {
    let start = &input[..input.len().min(SHOWN)];
    let more = if start.len() < input.len() { "…" } else { "" };
    format!("{} bytes: b\"{}\"{more}", input.len(), start.escape_ascii())
}

/// What parsers trip over, in texts.
const CHUNKS: [&str; 46] = [
    "",
    "0",
    "-1",
    "00",
    "1.",
    ".5",
    "1e9",
    "1e400",
    "4294967296",
    "18446744073709551616",
    "NaN",
    "inf",
    "null",
    "true",
    "%",
    "%2F",
    "%00",
    "#",
    "?",
    "/",
    "//",
    "../",
    "\\",
    "://",
    "http://",
    "@",
    ":",
    ";",
    ",",
    "\t",
    "\"",
    "'",
    "=",
    "*",
    "$",
    "[",
    "]",
    "{",
    "}",
    "<",
    "&",
    "\0",
    "\r",
    "\n",
    "\u{feff}",
    "ü\u{301}\u{202e}",
];

/// Bytes with one to four changes: a bit or a byte of another value, a number of the file format at its limit, a part
/// cut out, doubled, moved or put in, the end lost.
pub fn bytes(sound: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = sound.to_vec();
    for _ in 0..=random.below(4) {
        change(&mut bytes, random);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let longest = if random.once_in(4) {
        bytes.len().max(1)
    } else {
        16
    };
    let end = (at + 1 + random.below(longest)).min(bytes.len());
    match random.below(9) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        1 if at < bytes.len() => bytes[at] = random.number() as u8,
        2 => {
            let limits = [
                0_u32,
                1,
                0x7fff,
                0xffff,
                0x1_0000,
                0x7fff_ffff,
                0x8000_0000,
                u32::MAX,
            ];
            let number = random.choose(&limits).to_be_bytes();
            let number = &number[*random.choose(&[0, 2])..];
            let end = (at + number.len()).min(bytes.len());
            bytes[at..end].copy_from_slice(&number[..end - at]);
        }
        3 => drop(bytes.drain(at..end)),
        4 => bytes.truncate(at),
        5 => {
            let again = bytes[at..end].repeat(1 + random.below(8));
            bytes.splice(at..at, again);
        }
        6 => {
            let moved: Vec<u8> = bytes.drain(at..end).collect();
            let to = random.below(bytes.len() + 1);
            bytes.splice(to..to, moved);
        }
        _ => {
            let chunk = random.choose(&CHUNKS).repeat(1 + random.below(3));
            bytes.splice(at..at, chunk.into_bytes());
        }
    }
}

/// A text with the changes of [`bytes`], or with lines moved, doubled and lost, or in an encoding that nobody expects.
pub fn text(sound: &str, random: &mut Random) -> Vec<u8> {
    let mut text = sound.to_owned();
    if random.once_in(2) {
        text = with_other_lines(&text, random);
    }
    match random.below(12) {
        0 => encoded(&text, random),
        1 => text.into_bytes(),
        _ => bytes(text.as_bytes(), random),
    }
}

fn with_other_lines(text: &str, random: &mut Random) -> String {
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    for _ in 0..=random.below(3) {
        let (a, b) = (random.below(lines.len()), random.below(lines.len()));
        match random.below(4) {
            0 => lines.swap(a, b),
            1 => lines.insert(a, lines[b]),
            2 if lines.len() > 1 => drop(lines.remove(a)),
            _ => lines.insert(a, "\n"),
        }
    }
    lines.concat()
}

fn encoded(text: &str, random: &mut Random) -> Vec<u8> {
    let marked = format!("\u{feff}{text}");
    let units = marked.encode_utf16();
    match random.below(6) {
        0 => units.flat_map(u16::to_le_bytes).collect(),
        1 => units.flat_map(u16::to_be_bytes).collect(),
        2 => text
            .chars()
            .map(|c| u8::try_from(u32::from(c)).unwrap_or(0xe9))
            .collect(),
        3 => marked.into_bytes(),
        4 => text.replace('\n', "\r\n").into_bytes(),
        _ => text.replace('\n', "\r").into_bytes(),
    }
}

/// Stands before text that [`print`] writes as it is, since no value of JSON holds it.
const RAW: char = '\u{1}';

/// A JSON document with one to three of its values replaced by others of every kind, removed or doubled; now and then with
/// a member that stands twice, and with the changes of [`bytes`] in its text.
pub fn json(sound: &Value, random: &mut Random) -> Vec<u8> {
    let mut value = sound.clone();
    for _ in 0..=random.below(3) {
        replace(&mut value, random);
    }
    let mut text = String::new();
    print(&value, random, &mut text);
    match random.once_in(5) {
        true => bytes(text.as_bytes(), random),
        false => text.into_bytes(),
    }
}

fn replace(value: &mut Value, random: &mut Random) {
    let goes_deeper = !random.once_in(6);
    match value {
        Value::Array(items) if goes_deeper && !items.is_empty() => {
            let at = random.below(items.len());
            match random.below(10) {
                0 => drop(items.remove(at)),
                1 => items.push(items[at].clone()),
                2 => items.insert(at, other(random)),
                _ => replace(&mut items[at], random),
            }
        }
        Value::Object(members) if goes_deeper && !members.is_empty() => {
            let names: Vec<String> = members.keys().cloned().collect();
            let name = random.choose(&names);
            match random.below(10) {
                0 => drop(members.remove(name)),
                // The value of another member.
                1 => drop(members.insert(name.clone(), members[random.choose(&names)].clone())),
                2 => drop(members.insert(random.choose(&CHUNKS).to_string(), other(random))),
                _ => replace(&mut members[name.as_str()], random),
            }
        }
        Value::String(string) if random.once_in(2) => {
            *string = String::from_utf8_lossy(&bytes(string.as_bytes(), random)).into_owned();
        }
        Value::Number(_) if random.once_in(2) => *value = number(random),
        value => *value = other(random),
    }
}

fn number(random: &mut Random) -> Value {
    const RAW_NUMBERS: [&str; 5] = [
        "1e400",
        "-1e400",
        "18446744073709551616",
        "0.00000000000000000000001",
        "1E+2",
    ];
    match random.below(6) {
        0 => json!(*random.choose(&[0_u64, 1, 200, 65_536, 1 << 32, 1 << 53, u64::MAX])),
        1 => json!(*random.choose(&[-1_i64, -1000, i64::MIN])),
        2 => json!(*random.choose(&[0.5, -0.0, 1e9, 1e18, 1e300, f64::MIN_POSITIVE])),
        3 => Value::String(format!("{RAW}{}", random.choose(&RAW_NUMBERS))),
        4 => json!(random.below(1000).to_string()),
        _ => json!(random.below(1000)),
    }
}

/// A value of any kind.
fn other(random: &mut Random) -> Value {
    match random.below(13) {
        0 => Value::Null,
        1 => json!(random.once_in(2)),
        2 | 3 => number(random),
        4 | 5 => json!(*random.choose(&CHUNKS)),
        6 => json!(random.choose(&CHUNKS).repeat(random.below(2000))),
        7 => json!([]),
        8 => json!({}),
        9 => nested(random),
        10 => Value::String(format!("{RAW}\"\\ud800\"")),
        11 => json!([random.below(9), "x", null, { "a": 1 }]),
        _ => {
            json!({ "@id": "x", "id": "http://a.example/b", "type": ["Image", "Manifest"], "@value": 1, "none": ["y"] })
        }
    }
}

/// Deeper than documents go, and sometimes deeper than parsers do.
fn nested(random: &mut Random) -> Value {
    let depth = *random.choose(&[5, 60, 120, 130, 5000]);
    let (open, close) =
        *random.choose(&[("[", "]"), ("{\"items\":[", "]}"), ("{\"service\":", "}")]);
    Value::String(format!(
        "{RAW}{}1{}",
        open.repeat(depth),
        close.repeat(depth)
    ))
}

/// JSON, in which now and then a member stands twice.
fn print(value: &Value, random: &mut Random, text: &mut String) {
    match value {
        Value::String(string) if string.starts_with(RAW) => {
            text.push_str(&string[RAW.len_utf8()..])
        }
        Value::Array(items) => {
            text.push('[');
            for (i, item) in items.iter().enumerate() {
                text.push_str(if i > 0 { "," } else { "" });
                print(item, random, text);
            }
            text.push(']');
        }
        Value::Object(members) => print_members(members, random, text),
        value => text.push_str(&value.to_string()),
    }
}

fn print_members(members: &Map<String, Value>, random: &mut Random, text: &mut String) {
    text.push('{');
    for (i, (name, value)) in members.iter().enumerate() {
        text.push_str(if i > 0 { "," } else { "" });
        let name = Value::from(name.as_str()).to_string();
        text.push_str(&format!("{name}:"));
        print(value, random, text);
        if random.once_in(150) {
            text.push_str(&format!(",{name}:"));
            print(&other(random), random, text);
        }
    }
    text.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_input_every_time() {
        let document = json!({ "a": [1, "two", null], "b": { "c": 3.5, "d": true } });
        for seed in 0..200 {
            let twice = [0, 1].map(|_| json(&document, &mut Random::of(seed)));
            assert_eq!(twice[0], twice[1]);
            let twice = [0, 1].map(|_| text("one\ntwo\n", &mut Random::of(seed)));
            assert_eq!(twice[0], twice[1]);
        }
    }

    #[test]
    fn a_panic_and_a_refusal_are_told_apart() {
        let byte = |random: &mut Random| vec![random.below(4) as u8];
        let outcome = check(100, byte, |input| input[0] > 1);
        outcome.is_mixed();
        let fails = catch_unwind(|| check(100, byte, |input| input[0] / input[0] == 1));
        assert!(fails.is_err());
        // Beside a case: the thread of another test, and one that the program started.
        let beside = |name: Option<&'static str>| {
            let takes = move |_: &[u8]| {
                let thread = std::thread::Builder::new();
                let thread = match name {
                    Some(name) => thread.name(name.into()),
                    None => thread,
                };
                let thread = thread.spawn(|| panic!("on purpose")).unwrap();
                thread.join().is_err()
            };
            catch_unwind(|| check(1, byte, takes))
        };
        assert_eq!(beside(Some("another::tests::panics")).unwrap().taken, 1);
        assert!(beside(None).is_err());
    }
}
