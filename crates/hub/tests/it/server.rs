//! A hub on this machine: the two routes of the real one, and the faults that a network has.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use sha1::Sha1;
use sha2::{Digest, Sha256};

/// What happens to one answer.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// The connection is cut after so many bytes of the body.
    Cut(usize),
    /// The body ends after so many bytes, and `Content-Length` says so.
    Short(usize),
    /// So many bytes too many.
    Long(usize),
    /// One bit of the body is wrong.
    Flipped,
    /// Another status, with these headers.
    Status(u16, &'static str),
    /// `Range` is ignored: 200 with everything.
    Whole,
    /// 206 with this `Content-Range`.
    ContentRange(&'static str),
    /// 302 to this address.
    Redirect(String),
    /// Neither `Content-Length` nor anything else says where the body ends: after so many bytes.
    Unmarked(usize),
}

/// A file of the repository.
#[derive(Debug, Clone)]
pub(crate) struct Blob {
    pub(crate) content: Vec<u8>,
    pub(crate) lfs: bool,
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) range: Option<String>,
    pub(crate) authorization: Option<String>,
}

#[derive(Default)]
pub(crate) struct Site {
    pub(crate) commit: String,
    pub(crate) files: BTreeMap<String, Blob>,
    /// Replaces the description of the model.
    pub(crate) description: Option<String>,
    /// What happens to the next answers for a file or, under `api`, for the description.
    pub(crate) faults: HashMap<String, VecDeque<Fault>>,
    pub(crate) asked: Vec<Asked>,
}

/// The server, which lives as long as the test process.
#[derive(Clone)]
pub(crate) struct Hub {
    pub(crate) endpoint: String,
    pub(crate) site: Arc<Mutex<Site>>,
}

pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

impl Hub {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let site = Arc::new(Mutex::new(Site { commit: COMMIT.to_owned(), ..Site::default() }));
        let hub = Self { endpoint, site };
        let served = hub.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let hub = served.clone();
                thread::spawn(move || hub.answer(stream.unwrap()));
            }
        });
        hub
    }

    /// One with the files of a small model: weights that take several reads, in LFS; the rest plain.
    pub(crate) fn with_model() -> Self {
        let hub = Self::start();
        let weights: Vec<u8> =
            (0..300_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        hub.put("model.safetensors", weights, true);
        hub.put("tokenizer.json", b"{\"version\": \"1.0\"}".repeat(400), false);
        hub.put("config.json", *b"{\"model_type\": \"bert\"}\n", false);
        hub.put("modules.json", *b"[]", false);
        hub.put("1_Pooling/config.json", *b"{}", false);
        hub.put("README.md", *b"# A model", false);
        hub.put("onnx/model.onnx", [7; 1000], true);
        hub
    }

    pub(crate) fn put(&self, path: &str, content: impl Into<Vec<u8>>, lfs: bool) {
        self.site.lock().unwrap().files.insert(path.to_owned(), Blob { content: content.into(), lfs });
    }

    pub(crate) fn content(&self, path: &str) -> Vec<u8> {
        self.site.lock().unwrap().files[path].content.clone()
    }

    pub(crate) fn fail(&self, path: &str, faults: impl IntoIterator<Item = Fault>) {
        self.site.lock().unwrap().faults.entry(path.to_owned()).or_default().extend(faults);
    }

    /// What was asked since the last call.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.site.lock().unwrap().asked)
    }

    /// The ranges that were asked for of one file since the last call, `-` for none.
    pub(crate) fn ranges(&self, path: &str) -> Vec<String> {
        let asked = self.asked().into_iter().filter(|asked| asked.path.ends_with(path));
        asked.map(|asked| asked.range.unwrap_or_else(|| "-".to_owned())).collect()
    }

    fn answer(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let target = line.split(' ').nth(1).unwrap().to_owned();
        let mut headers = HashMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.insert(name.to_lowercase(), value.to_owned());
        }
        let path = target.split('?').next().unwrap().to_owned();
        let (body, fault) = {
            let mut site = self.site.lock().unwrap();
            let key = if path.starts_with("/api/") {
                "api".to_owned()
            } else {
                path.split("/resolve/")
                    .nth(1)
                    .and_then(|rest| rest.split_once('/'))
                    .unwrap_or(("", &path))
                    .1
                    .to_owned()
            };
            site.asked.push(Asked {
                path,
                range: headers.get("range").cloned(),
                authorization: headers.get("authorization").cloned(),
            });
            let body = if key == "api" {
                Some(site.description.clone().unwrap_or_else(|| describe(&site)).into_bytes())
            } else {
                // Files are found by their last part too, as a file store has addresses of its own.
                site.files.get(key.trim_start_matches('/')).map(|blob| blob.content.clone())
            };
            (body, site.faults.get_mut(&key).and_then(VecDeque::pop_front))
        };
        // A client that has seen enough closes the connection; writing to it then fails, as it should.
        let _ = respond(stream, body, headers.get("range").map(String::as_str), fault);
    }
}

fn respond(
    mut stream: TcpStream,
    body: Option<Vec<u8>>,
    range: Option<&str>,
    fault: Option<Fault>,
) -> std::io::Result<()> {
    let mut head = |status: u16, headers: &str| {
        stream.write_all(format!("HTTP/1.1 {status} X\r\nConnection: close\r\n{headers}\r\n").as_bytes())
    };
    match &fault {
        Some(Fault::Status(status, headers)) => {
            return head(*status, &format!("Content-Length: 0\r\n{headers}"));
        }
        Some(Fault::Redirect(to)) => return head(302, &format!("Content-Length: 0\r\nLocation: {to}\r\n")),
        _ => {}
    }
    let Some(mut body) = body else {
        return head(404, "Content-Length: 0\r\nX-Error-Code: EntryNotFound\r\n");
    };
    let size = body.len();
    let offset: Option<usize> =
        range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    let offset = if matches!(fault, Some(Fault::Whole)) { None } else { offset };
    if offset.is_some_and(|offset| offset >= size) {
        return head(416, &format!("Content-Length: 0\r\nContent-Range: bytes */{size}\r\n"));
    }
    body.drain(..offset.unwrap_or(0));
    let mut content_range = format!("bytes {}-{}/{size}", offset.unwrap_or(0), size.saturating_sub(1));
    let mut announced = Some(body.len());
    match fault {
        Some(Fault::Cut(n)) => body.truncate(n),
        Some(Fault::Short(n)) => {
            body.truncate(n);
            announced = Some(body.len());
        }
        Some(Fault::Long(n)) => {
            body.extend(vec![0; n]);
            announced = Some(body.len());
        }
        Some(Fault::Unmarked(n)) => {
            body.resize(n, 0);
            announced = None;
        }
        Some(Fault::Flipped) => {
            let middle = body.len() / 2;
            body[middle] ^= 1;
        }
        Some(Fault::ContentRange(text)) => content_range = text.to_owned(),
        _ => {}
    }
    let mut headers = String::new();
    if let Some(announced) = announced {
        write!(headers, "Content-Length: {announced}\r\n").unwrap();
    }
    if offset.is_some() {
        write!(headers, "Content-Range: {content_range}\r\n").unwrap();
    }
    head(if offset.is_some() { 206 } else { 200 }, &headers)?;
    stream.write_all(&body)
}

/// The description of the model, in the form of the real hub's.
fn describe(site: &Site) -> String {
    let siblings: Vec<serde_json::Value> = site
        .files
        .iter()
        .map(|(path, blob)| {
            let size = blob.content.len();
            if blob.lfs {
                let lfs =
                    serde_json::json!({ "sha256": sha256(&blob.content), "size": size, "pointerSize": 134 });
                serde_json::json!({ "rfilename": path, "size": size, "blobId": "0".repeat(40), "lfs": lfs })
            } else {
                let mut git = Sha1::new();
                git.update(format!("blob {size}\0"));
                git.update(&blob.content);
                serde_json::json!({ "rfilename": path, "size": size, "blobId": hex(&git.finalize()) })
            }
        })
        .collect();
    serde_json::json!({
        "id": "owner/tiny",
        "sha": site.commit,
        "private": false,
        "cardData": { "license": "apache-2.0" },
        "siblings": siblings,
    })
    .to_string()
}

pub(crate) fn sha256(content: &[u8]) -> String {
    hex(&Sha256::digest(content))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
