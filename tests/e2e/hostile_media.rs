//! Rubbish at the media port and in SDP while a call runs: the call notices nothing.

use std::{
    net::UdpSocket,
    path::Path,
    process::{Child, Stdio},
    time::Duration,
};

use convene::runtime::clock::now;
use serde_json::{Value, json};

use crate::support::{
    random::Random,
    server::{Server, binary},
    socket::{Failure, Socket},
    wait::until,
};

/// A meeting of real ICE, DTLS and SRTP bots, run by `convene load` as a process of its own.
struct Meeting {
    child: Option<Child>,
    report: std::path::PathBuf,
}

impl Meeting {
    fn start(server: &Server, seconds: u64) -> Self {
        let report = server.folder().join("load.json");
        let file = std::fs::File::create(&report).expect("report file");
        let child = binary()
            .args([
                "load",
                "--url",
                &server.url(""),
                "--publishers",
                "1",
                "--subscribers",
                "3",
                "--bitrate",
                "500k",
            ])
            .args(["--audio", "--duration", &format!("{seconds}s"), "--warmup", "2s", "--json"])
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        Self { child: Some(child), report }
    }

    async fn finish(mut self, deadline: Duration) -> Value {
        let mut child = self.child.take().expect("running");
        let status = until("the meeting ends", deadline, async || child.try_wait().expect("wait")).await;
        let text = std::fs::read_to_string(&self.report).expect("report");
        assert!(status.success(), "convene load: {status}: {text}");
        let line = text.lines().rev().find(|line| line.starts_with('{')).unwrap_or(&text);
        serde_json::from_str(line)
            .or_else(|_| serde_json::from_str(&text))
            .unwrap_or_else(|e| panic!("{e}: {text}"))
    }
}

impl Drop for Meeting {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut files: Vec<_> =
        std::fs::read_dir(folder).expect("corpus").map(|e| e.expect("entry").path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).expect("readable")).collect()
}

/// Throws well-formed and damaged datagrams of every protocol at the port from many addresses. Returns
/// (datagrams sent, bytes sent, bytes that came back).
fn bombard(server: &Server, random: &mut Random, rounds: usize) -> (u64, u64, u64) {
    let kinds: Vec<Vec<Vec<u8>>> = ["stun", "client_hello", "rtp", "rtcp", "demux"].map(corpus).into();
    let target = server.media_addr();
    let (mut count, mut sent, mut returned) = (0, 0, 0);
    for _ in 0..rounds {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("socket");
        socket.set_nonblocking(true).expect("nonblocking");
        for seed in kinds.iter().flatten() {
            let mut datagram = seed.clone();
            if random.one_in(2) {
                let at = random.below(datagram.len().max(1) as u64) as usize;
                if let Some(byte) = datagram.get_mut(at) {
                    *byte = random.next() as u8;
                }
            }
            if random.one_in(8) {
                let length = 1 + at_most(random, 1400);
                datagram = random.bytes(length);
            }
            if socket.send_to(&datagram, target).is_ok() {
                count += 1;
                sent += datagram.len() as u64;
            }
        }
        let mut buffer = [0; 2048];
        while let Ok((length, _)) = socket.recv_from(&mut buffer) {
            returned += length as u64;
        }
    }
    (count, sent, returned)
}

fn at_most(random: &mut Random, bound: u64) -> usize {
    random.below(bound) as usize
}

#[tokio::test]
async fn junk_on_the_media_port_leaves_a_running_call_undisturbed() {
    let mut random = Random::from_env("hostile_media");
    let mut server = Server::start(&[("CONVENE_CHAT_RATE_SCALE", "0")]).await;
    let meeting = Meeting::start(&server, 12);
    until("the meeting flows", Duration::from_secs(30), async || {
        (server.metric("convene_rtp_forwarded_packets_total").await > 50.0).then_some(())
    })
    .await;
    let dropped_before = server.metric("convene_packets_dropped_total").await;

    // Junk, forged handshakes and forged media from addresses that never passed an ICE check.
    let (mut count, mut sent, mut returned) = (0, 0, 0);
    let end = now() + Duration::from_secs(4);
    let received_before = server.metric("convene_received_packets_total").await;
    while now() < end {
        let (c, s, r) = bombard(&server, &mut random, 1);
        (count, sent, returned) = (count + c, sent + s, returned + r);
        // This is about what the bytes do, not about how many fit into the kernel's buffer: go on when the server
        // has read them all.
        until("the server has read the junk", Duration::from_secs(10), async || {
            let received = server.metric("convene_received_packets_total").await - received_before;
            (received >= count as f64).then_some(())
        })
        .await;
    }
    println!("{count} datagrams, {sent} bytes sent, {returned} bytes back");
    assert!(count > 1000);
    assert!(returned <= sent / 100, "strangers got {returned} bytes for {sent}");

    let report = meeting.finish(Duration::from_secs(60)).await;
    println!("load: {report}");
    assert_eq!((&report["failed"], &report["delivered"]["ratio"]), (&json!(0), &json!(1.0)), "{report}");
    let faults: u64 = report["faults"].as_object().expect("faults").values().filter_map(Value::as_u64).sum();
    assert_eq!(faults, 0, "corrupt or misplaced frames: {report}");
    let dropped = server.metric("convene_packets_dropped_total").await - dropped_before;
    assert!(dropped > 1000.0, "only {dropped} of {count} junk datagrams were counted");
    assert_eq!(server.metric("convene_room_panics_total").await, 0.0);
    assert!(server.is_running());
}

#[tokio::test]
async fn malformed_sdp_is_refused_and_the_session_goes_on() {
    let mut random = Random::from_env("hostile_sdp");
    let mut server = Server::start(&[("CONVENE_CHAT_RATE_SCALE", "0")]).await;
    let mut ana = Socket::login(&server, "ana").await;
    let joined = ana.ok("voice:join", json!({"channelId": "general"})).await;
    let call = joined["callId"].clone();
    let texts: Vec<String> = corpus("sdp")
        .into_iter()
        .map(|bytes| String::from_utf8(bytes).expect("the corpus is text"))
        .collect();
    let (mut refused, mut generation) = (0, 0);
    for text in &texts {
        for round in 0..25 {
            let mut sdp: Vec<char> = text.chars().collect();
            for _ in 0..round {
                let at = at_most(&mut random, sdp.len().max(1) as u64);
                if let Some(letter) = sdp.get_mut(at) {
                    *letter = char::from(random.below(128) as u8);
                }
            }
            let sdp: String = sdp.into_iter().collect();
            generation += 1;
            match ana
                .call("rtc:offer", json!({"callId": call, "sdp": sdp, "gen": generation, "tracks": []}))
                .await
            {
                Ok(_) => {}
                Err(Failure::Refused(error)) => {
                    let code = error["code"].as_str().unwrap_or_default();
                    assert!(
                        ["rtc.negotiation", "validation.failed", "limit.rate"].contains(&code),
                        "{error}"
                    );
                    refused += 1;
                }
                Err(other) => panic!("the socket ended after {sdp:?}: {other:?}"),
            }
        }
    }
    // A refusal may also come as an event, after the room has looked at it.
    ana.ok("ping", json!({})).await;
    let told =
        ana.events.iter().filter(|e| e["ev"] == "error" && e["d"]["code"] == "rtc.negotiation").count();
    assert!(refused + told > 20, "{refused} refused, {told} told: almost everything was accepted");
    ana.ok("voice:leave", json!({"callId": call})).await;

    // The same at the WHIP door, where it is HTTP statuses.
    let token = server.login("bo").await;
    let http = reqwest::Client::new();
    let post = |kind: &'static str, body: String| {
        http.post(server.url("/whip/general"))
            .bearer_auth(&token)
            .header("content-type", kind)
            .body(body)
            .send()
    };
    for body in ["", "v=0", "hello", "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio x y z\r\n"] {
        let status = post("application/sdp", body.to_owned()).await.expect("an answer").status();
        assert!([400, 422].contains(&status.as_u16()), "{body:?}: {status}");
    }
    let status = post("text/plain", texts[0].clone()).await.expect("an answer").status();
    assert_eq!(status, 415);
    let status = post("application/sdp", "v".repeat(300_000)).await.expect("an answer").status();
    assert_eq!(status, 413);
    let gone = http.delete(server.url("/whip/general/no-such-resource")).bearer_auth(&token).send().await;
    assert_eq!(gone.expect("an answer").status(), 404);
    assert_eq!(server.metric("convene_room_panics_total").await, 0.0);
    assert!(server.is_running());
}
