//! A server that runs, what it answers, and what it is given to serve.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use recto_testkit::Workdir;

/// The longest that an answer takes; tests fail then, and do not hang.
const LONGEST: Duration = Duration::from_secs(60);

/// A running server; killed if the test did not stop it.
pub struct Serving {
    pub child: Child,
    out: BufReader<ChildStdout>,
    pub address: String,
}

pub struct Got {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Serving {
    pub fn start(work: &Workdir, args: &[&str]) -> Self {
        let mut command = work.command("serve", args);
        command.args([
            "--listen",
            "127.0.0.1:0",
            "--allow-host",
            "pictures.example",
        ]);
        Serving::of(command)
    }

    /// The server that a command starts.
    pub fn of(command: Command) -> Self {
        Serving::telling(command, Stdio::piped())
    }

    /// The same, with its messages going elsewhere.
    pub fn telling(mut command: Command, messages: Stdio) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(messages)
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let address = line
            .trim_end()
            .strip_prefix("listening on http://")
            .expect(&line)
            .to_owned();
        Serving {
            child,
            out,
            address,
        }
    }

    pub fn ask(&self, method: &str, path: &str, headers: &str) -> Got {
        self.ask_with(method, path, headers, b"")
    }

    pub fn ask_with(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Got {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(LONGEST)).unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: pictures.example\r\nconnection: close\r\n{headers}\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        // A server that has heard enough may close before the end.
        let _ = stream.write_all(body);
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.lines();
        let status = lines
            .next()
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        let headers = lines
            .filter_map(|l| l.split_once(": "))
            .map(|(n, v)| (n.to_lowercase(), v.into()))
            .collect();
        Got {
            status,
            headers,
            body: bytes[end + 4..].to_vec(),
        }
    }

    pub fn get(&self, path: &str) -> Got {
        self.ask("GET", path, "")
    }

    pub fn json(&self, path: &str) -> Value {
        let got = self.get(path);
        assert_eq!(
            got.status,
            200,
            "{path}: {}",
            String::from_utf8_lossy(&got.body)
        );
        serde_json::from_slice(&got.body).unwrap()
    }

    pub fn image(&self, path: &str) -> image::DynamicImage {
        let got = self.get(path);
        assert_eq!(
            got.status,
            200,
            "{path}: {}",
            String::from_utf8_lossy(&got.body)
        );
        image::load_from_memory(&got.body).unwrap()
    }

    /// SIGTERM; gives exit code, the rest of stdout, stderr unless the test reads that itself.
    pub fn stop(mut self) -> (i32, String, String) {
        let killed = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(killed.success());
        let (mut out, mut err) = (String::new(), String::new());
        self.out.read_to_string(&mut out).unwrap();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut err).unwrap();
        }
        (self.child.wait().unwrap().code().unwrap(), out, err)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Red grows to the right, green down.
pub fn picture(width: u32, height: u32) -> Vec<u8> {
    let image = image::RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([(x % 256) as u8, (y % 256) as u8, 90])
    });
    let mut png = std::io::Cursor::new(Vec::new());
    image.write_to(&mut png, image::ImageFormat::Png).unwrap();
    png.into_inner()
}

pub fn folder() -> Workdir {
    let work = Workdir::new();
    work.write("pictures/a.png", picture(200, 100))
        .write("pictures/in b/c.png", picture(1600, 1200));
    work
}

/// Makes `set.json` and its image map of a file in the folder that is known by its address alone, without size and boxes. Returns the
/// id of the image, as paths have it.
pub fn set_of_address(work: &Workdir, url: &str, file: &str) -> String {
    work.write("images.csv", format!("id,url\na,{url}\n"));
    let table = "table images.csv --url-column url -o digest.json";
    let table: Vec<&str> = table.split(' ').collect();
    work.run("digest", &table).exits(0);
    work.run("extract", &["digest.json", "-o", "set.json"])
        .exits(0);
    let id = work.json("set.json")["images"][0]["id"].clone();
    let id = id.as_str().unwrap();
    work.write_json("image_map.json", &json!({id: file}));
    id.replace(':', "%3A").replace('/', "%2F")
}

pub fn set() -> Workdir {
    let work = folder();
    let image = |id: &str, band: &str, boxes: Value| {
        json!({"id": id, "image": {}, "group": "MS 1", "frame": [400, 200], "localizations": boxes, "labels": [],
            "metadata": {"Side": ["recto"]},
            "source": {"kind": "x", "canvas": "r", "rights": "http://rights.example/", "attribution": "Someone",
                "labels": {"manifest": "Manuscript 1", "canvas": "Recto", "image": band}}})
    };
    let boxes = json!([
        {"id": "l1", "concept": "aleph", "bbox": [10, 20.5, 30, 40], "attributes": {"text": "A"}},
        {"id": "http://x.example/l2", "concept": "bet", "bbox": [0, 0, 9, 9], "polygon": [[0, 0], [9, 0], [9, 9]]},
    ]);
    let images = [
        image("n", "NIR", boxes.clone()),
        image("c", "Colour", boxes),
        image("other", "NIR", json!([])),
        image("gone", "NIR", json!([])),
    ];
    work.write_json(
        "set.json",
        &json!({"contract": "recto/localizations", "version": 1, "images": images}),
    );
    work.write_json(
        "image_map.json",
        &json!({"n": "pictures/a.png", "c": "pictures/a.png", "other": "pictures/in b/c.png"}),
    );
    work
}
