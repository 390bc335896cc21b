//! A small generator of mutated inputs. A run is determined by its seed; a failing one is printed, and
//! `RECTO_SEED=n` repeats it alone.

use serde_json::{Map, Value, json};

/// SplitMix64.
pub struct Random(u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub fn choose<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// Runs a check with seeds 0 to `runs`. The environment variable `RECTO_SEED` names the first seed, and alone the only
/// one; `RECTO_CASES` says how many there are.
pub fn with_seeds(runs: u64, check: impl Fn(&mut Random)) {
    let number = |name| {
        let text = std::env::var(name).ok();
        text.map(|text| text.parse::<u64>().expect("a number"))
    };
    let first = number("RECTO_SEED");
    let cases = number("RECTO_CASES").unwrap_or(if first.is_some() { 1 } else { runs });
    for seed in (first.unwrap_or(0)..).take(cases as usize) {
        let _told = OnPanic(seed);
        check(&mut Random(seed));
    }
}

struct OnPanic(u64);

impl Drop for OnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("to repeat: RECTO_SEED={}", self.0);
        }
    }
}

const CHUNKS: [&str; 34] = [
    "",
    "0",
    "-1",
    "00",
    "1.",
    ".5",
    "1e9",
    "1e400",
    "4294967295",
    "4294967296",
    "18446744073709551616",
    "0.0000000000000000000000001",
    "NaN",
    "inf",
    "pct:",
    "^",
    "!",
    ",",
    "/",
    "%2F",
    "%",
    "#",
    "?",
    "://",
    "\"",
    "{",
    "[",
    "]",
    "}",
    ":",
    "null",
    "\u{feff}",
    "\u{fffd}",
    "é",
];

/// A text with one to four mutations of its bytes: flipped, replaced, inserted, cut, repeated.
pub fn bytes(text: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = text.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        let end = (at + 1 + random.below(12)).min(bytes.len());
        match random.below(6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = random.next() as u8,
            2 => drop(bytes.drain(at..end)),
            3 => bytes.truncate(at),
            4 => {
                let again = bytes[at..end].repeat(1 + random.below(40));
                bytes.splice(at..at, again);
            }
            _ => {
                let chunk = random.choose(&CHUNKS).repeat(1 + random.below(3));
                bytes.splice(at..at, chunk.into_bytes());
            }
        }
    }
    bytes
}

/// A text with mutations, invalid UTF-8 replaced.
pub fn text(text: &str, random: &mut Random) -> String {
    String::from_utf8_lossy(&bytes(text.as_bytes(), random)).into_owned()
}

/// A document with one to three of its values removed or replaced by others of every kind.
pub fn document(value: &Value, random: &mut Random) -> Value {
    let mut value = value.clone();
    for _ in 0..=random.below(3) {
        replace(random, &mut value);
    }
    value
}

fn replace(random: &mut Random, value: &mut Value) {
    let deeper = random.below(5) > 0;
    match value {
        Value::Array(items) if deeper && !items.is_empty() => {
            let at = random.below(items.len());
            match random.below(8) {
                0 => drop(items.remove(at)),
                1 => items.push(items[at].clone()),
                _ => replace(random, &mut items[at]),
            }
        }
        Value::Object(members) if deeper && !members.is_empty() => {
            let names: Vec<String> = members.keys().cloned().collect();
            let name = random.choose(&names);
            match random.below(8) {
                0 => drop(members.remove(name)),
                1 => drop(members.insert(random.choose(&names).clone(), other(random))),
                _ => replace(random, &mut members[name.as_str()]),
            }
        }
        Value::String(string) if random.below(2) == 0 => *string = text(string, random),
        value => *value = other(random),
    }
}

fn other(random: &mut Random) -> Value {
    match random.below(12) {
        0 => Value::Null,
        1 => json!(random.below(2) == 0),
        2 => json!(*random.choose(&[0_u64, 1, 200, 65_536, 1 << 32, u64::MAX])),
        3 => json!(*random.choose(&[-1_i64, i64::MIN])),
        4 => json!(*random.choose(&[0.5, -0.0, 1e9, 1e300, f64::MIN_POSITIVE])),
        5 => json!(random.next().to_string()),
        6 => json!(*random.choose(&CHUNKS)),
        7 => json!("x".repeat(random.below(5_000))),
        8 => json!([]),
        9 => json!({}),
        10 => nested(random),
        _ => service(random),
    }
}

fn service(random: &mut Random) -> Value {
    json!({"@id": random.choose(&CHUNKS), "profile": "http://iiif.io/api/auth/1/login", "label": [random.next()],
        "type": "AuthProbeService2", "service": ["x"]})
}

fn nested(random: &mut Random) -> Value {
    let in_lists = random.below(2) == 0;
    (0..random.below(300)).fold(Value::Null, |inner, _| match in_lists {
        true => Value::Array(vec![inner]),
        false => Value::Object(Map::from_iter([("service".to_owned(), inner)])),
    })
}
