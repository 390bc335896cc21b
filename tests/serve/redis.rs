//! As much of a Redis server as a cache needs, on loopback: it can go away, come back, say nothing, and be damaged.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mood {
    Well,
    /// Connections are taken and closed at once.
    Gone,
    /// Commands are read and not answered.
    Silent,
    /// What is to be written is refused: out of memory.
    Full,
}

#[derive(Clone)]
pub struct Redis {
    pub address: String,
    state: Arc<Mutex<State>>,
}

struct State {
    mood: Mood,
    held: BTreeMap<String, Vec<u8>>,
    /// Every command, words of bytes as text.
    heard: Vec<Vec<String>>,
    open: Vec<TcpStream>,
}

impl Redis {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let state = State {
            mood: Mood::Well,
            held: BTreeMap::new(),
            heard: Vec::new(),
            open: Vec::new(),
        };
        let redis = Redis {
            address: listener.local_addr().unwrap().to_string(),
            state: Arc::new(Mutex::new(state)),
        };
        let takes = redis.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, redis) = (stream.unwrap(), takes.clone());
                if redis.is(Mood::Gone) {
                    continue;
                }
                let other = stream.try_clone().unwrap();
                redis.state.lock().unwrap().open.push(other);
                std::thread::spawn(move || redis.talk(stream));
            }
        });
        redis
    }

    pub fn feel(&self, mood: Mood) {
        let mut state = self.state.lock().unwrap();
        state.mood = mood;
        if mood == Mood::Gone {
            for stream in state.open.drain(..) {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }

    /// Keys and values.
    pub fn held(&self) -> BTreeMap<String, Vec<u8>> {
        self.state.lock().unwrap().held.clone()
    }

    pub fn put(&self, key: &str, value: &[u8]) {
        let mut state = self.state.lock().unwrap();
        state.held.insert(key.to_owned(), value.to_vec());
    }

    /// Commands of a name, with their words.
    pub fn heard(&self, name: &str) -> Vec<Vec<String>> {
        let heard = self.state.lock().unwrap().heard.clone();
        let is_meant = |words: &Vec<String>| words[0].eq_ignore_ascii_case(name);
        heard.into_iter().filter(is_meant).collect()
    }

    fn is(&self, mood: Mood) -> bool {
        self.state.lock().unwrap().mood == mood
    }

    fn talk(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut writer = stream;
        while let Some(words) = command(&mut reader) {
            let answer = self.answer(&words);
            if !self.is(Mood::Silent) && writer.write_all(&answer).is_err() {
                return;
            }
        }
    }

    fn answer(&self, words: &[Vec<u8>]) -> Vec<u8> {
        let text = |at: usize| String::from_utf8_lossy(&words[at]).into_owned();
        let mut state = self.state.lock().unwrap();
        state.heard.push((0..words.len()).map(text).collect());
        match text(0).to_uppercase().as_str() {
            "GET" => state
                .held
                .get(&text(1))
                .map_or(b"$-1\r\n".to_vec(), |value| bulk(value)),
            "SET" if state.mood == Mood::Full => {
                b"-OOM command not allowed when used memory > 'maxmemory'.\r\n".to_vec()
            }
            "SET" => {
                state.held.insert(text(1), words[2].clone());
                b"+OK\r\n".to_vec()
            }
            "SCAN" => {
                let start = text(3).replace('\\', "");
                let start = start.trim_end_matches('*');
                let found: Vec<&String> = state
                    .held
                    .keys()
                    .filter(|key| key.starts_with(start))
                    .collect();
                let head = format!("*2\r\n$1\r\n0\r\n*{}\r\n", found.len());
                let keys = found.iter().flat_map(|key| bulk(key.as_bytes()));
                head.into_bytes().into_iter().chain(keys).collect()
            }
            "UNLINK" => {
                let gone = (1..words.len()).filter(|at| state.held.remove(&text(*at)).is_some());
                format!(":{}\r\n", gone.count()).into_bytes()
            }
            _ => b"+OK\r\n".to_vec(),
        }
    }
}

fn bulk(bytes: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

fn command(reader: &mut impl BufRead) -> Option<Vec<Vec<u8>>> {
    let words = number(reader, '*')?;
    (0..words)
        .map(|_| {
            let mut word = vec![0; number(reader, '$')? + 2];
            reader.read_exact(&mut word).ok()?;
            word.truncate(word.len() - 2);
            Some(word)
        })
        .collect()
}

fn number(reader: &mut impl BufRead, kind: char) -> Option<usize> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    line.trim_end().strip_prefix(kind)?.parse().ok()
}
