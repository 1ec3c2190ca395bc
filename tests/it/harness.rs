//! Running the binary as a user does.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Longest wait for something that must happen soon.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the shared data beside the project, or `None` with a word on standard error.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let file = root().join("../shared/data").join(path);
    if !file.exists() {
        eprintln!("SKIPPED: needs ../shared/data/{path}");
        return None;
    }
    Some(file)
}

pub(crate) fn demo_corpus() -> PathBuf {
    root().join("crates/cli/demo")
}

/// The first lines of a zstd-compressed file.
pub(crate) fn head_of(path: &Path, n_lines: usize) -> String {
    let file = BufReader::new(zstd::Decoder::new(std::fs::File::open(path).unwrap()).unwrap());
    file.lines().take(n_lines).map(|line| line.unwrap() + "\n").collect()
}

/// A data folder of its own and the binary to use on it.
pub(crate) struct Cognate {
    pub(crate) folder: TempDir,
}

impl Cognate {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// One that holds the demo corpus, embedded once for all tests.
    pub(crate) fn with_demo() -> Self {
        static DEMO: OnceLock<Cognate> = OnceLock::new();
        let demo = DEMO.get_or_init(|| {
            let cognate = Self::new();
            let corpus = demo_corpus().join("corpus.jsonl");
            cognate.json(&["index", corpus.to_str().unwrap()]);
            cognate
        });
        let copy = Self::new();
        std::fs::create_dir(copy.data()).unwrap();
        std::fs::copy(demo.store(), copy.store()).unwrap();
        copy
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.data().join("papers.sqlite3")
    }

    /// The folder of the vector index.
    pub(crate) fn index(&self) -> PathBuf {
        self.data().join("index/vectors")
    }

    /// The command on the test's data folder, in a folder of its own and an environment without settings.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.command_anywhere();
        command.arg("--data").arg(self.data()).args(args);
        command
    }

    /// The same, without a data folder.
    pub(crate) fn command_anywhere(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cognate"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("COGNATE_")) {
            command.env_remove(name);
        }
        command
            .current_dir(self.folder.path())
            .env("COGNATE_MODELS", root().join("models"))
            .env("XDG_CONFIG_HOME", self.folder.path().join("config"))
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs with `--json`, expects success, and gives the last line of standard output.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let output = self.run(&[&["--json"], args].concat());
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        last_line(&output)
    }

    /// Runs with `--json`, expects this exit code, and gives the error's message.
    pub(crate) fn failure(&self, args: &[&str], code: i32) -> String {
        let output = self.run(&[&["--json"], args].concat());
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        last_line(&output)["message"].as_str().unwrap().to_owned()
    }

    /// A file in the test's folder.
    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn serve(&self, args: &[&str]) -> Server {
        Server::start(self.command(&[&["serve", "--bind", "127.0.0.1:0"], args].concat()))
    }
}

/// The first line of standard output, as JSON: after it may come an error.
pub(crate) fn first_line(output: &Output) -> Value {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    serde_json::from_str(text.lines().next().expect("a line of output")).unwrap()
}

/// The last line of standard output, as JSON.
pub(crate) fn last_line(output: &Output) -> Value {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    serde_json::from_str(text.lines().last().expect("a line of output")).unwrap()
}

/// The ids of a search's answer, in order.
pub(crate) fn ids(answer: &Value) -> Vec<String> {
    answer["data"].as_array().unwrap().iter().map(|hit| hit["id"].as_str().unwrap().to_owned()).collect()
}

/// The ids of a search's answer, sorted: where their order is not what is asked.
pub(crate) fn sorted(answer: &Value) -> Vec<String> {
    let mut ids = ids(answer);
    ids.sort();
    ids
}

/// The answer without what differs between two equal answers: the time it took.
pub(crate) fn timeless(mut answer: Value) -> Value {
    answer["meta"].as_object_mut().unwrap().remove("took_ms");
    answer
}

/// A running `cognate serve`; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
    pub(crate) agent: ureq::Agent,
}

/// Status and body of an answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Where the answer says that what was made is.
    pub(crate) location: Option<String>,
    pub(crate) body: Value,
}

/// A page of the server.
pub(crate) struct Page {
    pub(crate) status: u16,
    /// What the browser may load.
    pub(crate) policy: String,
    pub(crate) html: String,
}

fn page_of(mut response: ureq::http::Response<ureq::Body>) -> Page {
    let status = response.status().as_u16();
    let policy = response.headers().get("content-security-policy");
    let policy = policy.map(|policy| policy.to_str().unwrap().to_owned()).unwrap_or_default();
    Page { status, policy, html: response.body_mut().read_to_string().unwrap() }
}

impl Server {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line
            .trim()
            .strip_prefix("listening on ")
            .unwrap_or_else(|| panic!("expected `listening on http://…` as the first line, found {line:?}"))
            .to_owned();
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        Self { child, address, agent }
    }

    /// As [`start`](Self::start), with standard error in a file.
    pub(crate) fn start_logging(mut command: Command, log: &Path) -> Self {
        command.stderr(std::fs::File::create(log).unwrap());
        Self::start(command)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        answer(self.agent.get(format!("{}{path}", self.address)).call().unwrap())
    }

    pub(crate) fn get_with(&self, path: &str, header: (&str, &str)) -> Answer {
        answer(self.agent.get(format!("{}{path}", self.address)).header(header.0, header.1).call().unwrap())
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        answer(self.agent.delete(format!("{}{path}", self.address)).call().unwrap())
    }

    pub(crate) fn post(&self, path: &str, content_type: &str, body: &str) -> Answer {
        let request = self.agent.post(format!("{}{path}", self.address)).content_type(content_type);
        answer(request.send(body).unwrap())
    }

    /// The media type and the text of an answer that is not one JSON value.
    pub(crate) fn text(&self, path: &str) -> (String, String) {
        let mut response = self.agent.get(format!("{}{path}", self.address)).call().unwrap();
        let media_type = response.headers()["content-type"].to_str().unwrap().to_owned();
        (media_type, response.body_mut().read_to_string().unwrap())
    }

    /// A page, as a browser gets it.
    pub(crate) fn page(&self, path: &str) -> Page {
        page_of(self.agent.get(format!("{}{path}", self.address)).call().unwrap())
    }

    /// A page as a browser asks for it.
    pub(crate) fn browse(&self, path: &str) -> Page {
        let request = self.agent.get(format!("{}{path}", self.address));
        page_of(request.header("accept", "text/html,*/*;q=0.8").call().unwrap())
    }

    /// An answer's bytes.
    pub(crate) fn bytes(&self, path: &str) -> Vec<u8> {
        self.agent.get(format!("{}{path}", self.address)).call().unwrap().body_mut().read_to_vec().unwrap()
    }

    /// The page that a form leads to.
    pub(crate) fn submit(&self, path: &str, form: &[(&str, &str)]) -> Page {
        let request = self.agent.post(format!("{}{path}", self.address));
        page_of(request.send_form(form.iter().copied()).unwrap())
    }

    /// The lines of a streamed answer, each a JSON value.
    pub(crate) fn lines(&self, path: &str, content_type: &str, body: &str) -> Vec<Value> {
        let request = self.agent.post(format!("{}{path}", self.address)).content_type(content_type);
        let text = request.send(body).unwrap().body_mut().read_to_string().unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The status of an answer, whatever its body.
    pub(crate) fn status(&self, path: &str, content_type: &str, body: &str) -> u16 {
        let request = self.agent.post(format!("{}{path}", self.address)).content_type(content_type);
        request.send(body).unwrap().status().as_u16()
    }

    /// Sends bytes as they are and gives the status line: for what no client library would send.
    pub(crate) fn raw(&self, request: &str) -> String {
        let mut stream = std::net::TcpStream::connect(self.address.strip_prefix("http://").unwrap()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// Sends bytes as they are and gives status, headers by their names in small letters, and body, to the end of the
    /// connection, which the request must ask for.
    pub(crate) fn exchange(&self, request: &str) -> (u16, BTreeMap<String, String>, String) {
        let mut stream = std::net::TcpStream::connect(self.address.strip_prefix("http://").unwrap()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
        (status, headers.collect(), body.to_owned())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, then the exit code.
    pub(crate) fn terminate(mut self) -> Option<i32> {
        signal(self.pid(), "TERM");
        wait_for("the server to end", || self.child.try_wait().unwrap()).code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn answer(mut response: ureq::http::Response<ureq::Body>) -> Answer {
    let status = response.status().as_u16();
    let location = response.headers().get("location").map(|path| path.to_str().unwrap().to_owned());
    let text = response.body_mut().read_to_string().unwrap();
    let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
    Answer { status, location, body }
}

pub(crate) fn signal(pid: u32, name: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().unwrap().success());
}

/// Asks until there is an answer, at most two minutes.
pub(crate) fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(started.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
