//! The real binary in a temporary folder on free ports. Ended by its process id, never by name.

use std::{
    io::Read,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    ports::{free_tcp_port, free_udp_port},
    wait::until,
};

/// Signs the tokens of every test server; no secret outside it.
pub const KEY_ID: &str = "test";
pub const KEY_SECRET: &str = "a-test-secret-of-at-least-32-bytes!";

/// One server with its data folder; the folder and the ports outlive restarts.
pub struct Server {
    folder: tempfile::TempDir,
    http: u16,
    media: u16,
    media_tcp: u16,
    settings: Vec<(String, String)>,
    child: Option<Child>,
    starts: u32,
}

impl Server {
    /// Starts with demo accounts and waits until it is ready. `settings` are `CONVENE_*` variables.
    pub async fn start(settings: &[(&str, &str)]) -> Self {
        let mut server = Self::prepare(settings);
        server.launch().await;
        server
    }

    /// Ports and folder, no process yet.
    pub fn prepare(settings: &[(&str, &str)]) -> Self {
        Self {
            folder: tempfile::tempdir().expect("temporary folder"),
            http: free_tcp_port(),
            media: free_udp_port(),
            media_tcp: free_tcp_port(),
            settings: settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            child: None,
            starts: 0,
        }
    }

    /// `convene serve --dev` with this server's folder and ports.
    pub fn command(&self) -> Command {
        let mut command = binary();
        command
            .args(["serve", "--dev"])
            .env("CONVENE_STORAGE_DATA_DIR", self.folder.path().join("data"))
            .env("CONVENE_SERVER_LISTEN", format!("127.0.0.1:{}", self.http))
            .env("CONVENE_MEDIA_LISTEN", format!("127.0.0.1:{}", self.media))
            .env("CONVENE_MEDIA_TCP_PORT", self.media_tcp.to_string())
            .env("CONVENE_AUTH_KEYS", format!("{KEY_ID}:{KEY_SECRET}"))
            // Tests log in often and from one address; the limits have tests of their own.
            .env("CONVENE_AUTH_LOGIN_PER_IP", "0")
            .env("CONVENE_AUTH_LOGIN_PER_ACCOUNT", "0")
            .env("CONVENE_AUTH_FAILURES_PER_IP", "0")
            .envs(self.settings.iter().map(|(k, v)| (k.as_str(), v.as_str())))
            .stdin(Stdio::null());
        command
    }

    /// One more setting, before `launch`.
    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    pub async fn launch(&mut self) {
        assert!(self.child.is_none(), "already running");
        self.starts += 1;
        let log = std::fs::File::create(self.log_path()).expect("log file");
        let child = self
            .command()
            .stdout(log.try_clone().expect("second handle"))
            .stderr(log)
            .spawn()
            .expect("the binary starts");
        self.child = Some(child);
        let url = self.url("/readyz");
        let http = reqwest::Client::new();
        until("server ready", Duration::from_secs(30), async || {
            if let Some(status) = self.child.as_mut().and_then(|c| c.try_wait().ok().flatten()) {
                panic!("server ended at start with {status}:\n{}", self.log());
            }
            let answer = http.get(&url).timeout(Duration::from_secs(2)).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.http)
    }

    pub fn ws_url(&self) -> String {
        format!("ws://127.0.0.1:{}/ws", self.http)
    }

    pub fn http_addr(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.http))
    }

    pub fn media_addr(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.media))
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("running").id()
    }

    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().is_ok_and(|status| status.is_none()))
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join(format!("server-{}.log", self.starts))
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What the running server has printed so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// SIGKILL: no destructor, no flush.
    pub fn kill9(&mut self) {
        let mut child = self.child.take().expect("running");
        child.kill().expect("kill");
        child.wait().expect("reaped");
    }

    pub fn send_sigterm(&self) {
        let status =
            Command::new("kill").args(["-TERM", &self.pid().to_string()]).status().expect("kill(1) exists");
        assert!(status.success());
    }

    /// Waits for the process to end by itself.
    pub async fn wait_exit(&mut self, deadline: Duration) -> ExitStatus {
        let mut child = self.child.take().expect("running");
        until("server exit", deadline, async || child.try_wait().expect("wait")).await
    }

    pub async fn login(&self, username: &str) -> String {
        let answer = self
            .post("/api/v1/auth/login", None, &json!({"username": username, "password": "convene-demo"}))
            .await;
        answer["data"]["token"].as_str().unwrap_or_else(|| panic!("no token in {answer}")).to_owned()
    }

    pub async fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Value {
        let mut request = reqwest::Client::new().post(self.url(path)).json(body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        request.send().await.expect("answer").json().await.expect("JSON")
    }

    pub async fn get(&self, path: &str, token: &str) -> Value {
        let request = reqwest::Client::new().get(self.url(path)).bearer_auth(token);
        request.send().await.expect("answer").json().await.expect("JSON")
    }

    pub async fn metrics(&self) -> String {
        let answer = reqwest::get(self.url("/metrics")).await.expect("answer");
        assert!(answer.status().is_success(), "metrics: {}", answer.status());
        answer.text().await.expect("text")
    }

    /// Sum over the labels of one metric; panics if it is not exported.
    pub async fn metric(&self, name: &str) -> f64 {
        let text = self.metrics().await;
        let values: Vec<f64> = text
            .lines()
            .filter(|line| {
                line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ') || rest.starts_with('{'))
            })
            .filter_map(|line| line.rsplit(' ').next()?.parse().ok())
            .collect();
        assert!(!values.is_empty(), "{name} is not exported");
        values.iter().sum()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let tail = log.len().saturating_sub(6000);
            eprintln!("---- last words of the server ----\n{}", log.get(tail..).unwrap_or(&log));
        }
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The binary under test with a clean environment of its own variables.
pub fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_convene"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CONVENE_")) {
        command.env_remove(name);
    }
    command
}

/// Runs the binary to its end and returns (exit code, everything it printed).
pub fn run_to_end(command: &mut Command) -> (Option<i32>, String) {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let mut text = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut text).expect("UTF-8");
    child.stderr.take().expect("piped").read_to_string(&mut text).expect("UTF-8");
    (child.wait().expect("ends").code(), text)
}
