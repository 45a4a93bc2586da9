//! coturn with our template beside the real server: credentials that Convene hands out relay to its media port;
//! expired, forged and foreign ones do not, and nobody is relayed into a network that only the host can reach.
//!
//! The TURN client is written here against RFC 8656 and nothing else.

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use convene::{auth::turn_rest, runtime::clock};
use rtc_dtls::crypto_provider::{RTCCryptoProvider, providers::AwsLcRsProvider};
use rtc_stun::{
    attributes::{
        ATTR_CHANNEL_NUMBER, ATTR_DATA, ATTR_ERROR_CODE, ATTR_NONCE, ATTR_REALM,
        ATTR_REQUESTED_ADDRESS_FAMILY, ATTR_REQUESTED_TRANSPORT, ATTR_USE_CANDIDATE, ATTR_USERNAME,
        ATTR_XOR_PEER_ADDRESS, ATTR_XOR_RELAYED_ADDRESS, ATTR_XORMAPPED_ADDRESS, AttrType, RawAttribute,
    },
    fingerprint::FINGERPRINT,
    integrity::MessageIntegrity,
    message::{
        BINDING_REQUEST, BINDING_SUCCESS, CLASS_INDICATION, CLASS_REQUEST, CLASS_SUCCESS_RESPONSE,
        METHOD_ALLOCATE, METHOD_CHANNEL_BIND, METHOD_CREATE_PERMISSION, METHOD_DATA, METHOD_SEND, Message,
        MessageType, Method, Setter, TransactionId,
    },
    textattrs::TextAttribute,
    xoraddr::XorMappedAddress,
};
use serde_json::json;

use crate::support::{
    ports::free_tcp_port,
    server::{Server, binary, run_to_end},
    socket::Socket,
    wait::until,
};

const SECRET: &str = "a-turn-secret-of-at-least-32-bytes";
const REALM: &str = "turn.test";
const FORBIDDEN: u16 = 403;
const UNAUTHORIZED: u16 = 401;
const QUOTA_REACHED: u16 = 486;
/// The server's media address: the one loopback peer that this test allows.
const MEDIA: &str = "127.0.0.77";

/// coturn on loopback, ended by its process id.
struct Coturn {
    child: Child,
    address: SocketAddr,
    folder: tempfile::TempDir,
}

impl Coturn {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let port = free_tcp_port();
        let file = |name: &str| folder.path().join(name).display().to_string();
        certificate(folder.path());
        let template =
            std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("turn/coturn.conf.tmpl"));
        // What an operator fills in. `PUBLIC_IP` stands in a deny line as well: an address nobody uses here.
        let mut text = template.expect("the template");
        for (place, value) in [
            ("@LISTEN_IP@", "127.0.0.1"),
            ("@RELAY_IP@", "127.0.0.1\nrelay-ip=::1"),
            ("external-ip=@PUBLIC_IP@\n", ""),
            ("@PUBLIC_IP@", "192.0.2.200"),
            ("@TLS_CERT@", &file("cert.pem")),
            ("@TLS_KEY@", &file("key.pem")),
            ("@SHARED_SECRET@", SECRET),
            ("@REALM@", REALM),
            ("listening-port=3478", &format!("listening-port={port}")),
            ("tls-listening-port=5349", &format!("tls-listening-port={}", free_tcp_port())),
            // Not as a service of the machine.
            ("no-stdout-log\nsyslog\nproc-user=turnserver\nproc-group=turnserver\n", ""),
        ] {
            assert!(text.contains(place), "the template has no {place:?}");
            text = text.replace(place, value);
        }
        // FOR THIS TEST ONLY: the media server is on loopback. The deny list above stays as it is, and without the
        // built-in refusal of loopback it is all that protects the rest of 127.0.0.0/8.
        text.push_str(&format!(
            "allow-loopback-peers\nallowed-peer-ip={MEDIA}\nlog-file={}\nsimple-log\npidfile={}\nuserdb={}\n",
            file("turn.log"),
            file("pid"),
            file("db")
        ));
        std::fs::write(folder.path().join("turn.conf"), text).expect("configuration");
        let child = Command::new("turnserver")
            .args(["-c", &file("turn.conf")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("turnserver is installed by `make setup`");
        let coturn = Self { child, address: SocketAddr::from(([127, 0, 0, 1], port)), folder };
        until("coturn answers", Duration::from_secs(20), async || {
            let client = Client::new(coturn.address, "nobody", "nothing");
            client.ask(&client.message(METHOD_ALLOCATE, CLASS_REQUEST, &[]))
        })
        .await;
        coturn
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("turn.log")).unwrap_or_default()
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- coturn ----\n{}", self.log());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn certificate(folder: &Path) {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(folder)
        .output()
        .expect("openssl is part of every Debian with coturn");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// A TURN client over UDP with long-term credentials.
struct Client {
    socket: UdpSocket,
    username: String,
    password: String,
    nonce: Option<String>,
}

type Attribute = (AttrType, Vec<u8>);

impl Client {
    fn new(server: SocketAddr, username: &str, password: &str) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.connect(server).expect("connects");
        socket.set_read_timeout(Some(Duration::from_millis(500))).expect("timeout");
        Self { socket, username: username.into(), password: password.into(), nonce: None }
    }

    /// With credentials as Convene makes them.
    fn of(coturn: &Coturn, secret: &str, user: &str, ttl: Duration) -> Self {
        let now_s = u64::try_from(clock::wall_ms() / 1000).expect("after 1970");
        let made = turn_rest::credentials(secret, user, now_s, ttl);
        Self::new(coturn.address, &made.username, &made.password)
    }

    fn message(
        &self,
        method: Method,
        class: rtc_stun::message::MessageClass,
        attributes: &[Attribute],
    ) -> Message {
        let provider = AwsLcRsProvider::new();
        let mut message = Message::new();
        let mut setters: Vec<Box<dyn Setter + '_>> =
            vec![Box::new(MessageType::new(method, class)), Box::new(TransactionId::new())];
        for (typ, value) in attributes {
            setters.push(Box::new(raw(*typ, value.clone())));
        }
        if let (Some(nonce), true) = (&self.nonce, class == CLASS_REQUEST) {
            let text = |kind, value: &str| Box::new(TextAttribute::new(kind, value.to_owned()));
            setters.push(text(ATTR_USERNAME, &self.username));
            setters.push(text(ATTR_REALM, REALM));
            setters.push(text(ATTR_NONCE, nonce));
            setters.push(Box::new(self.integrity(&provider)));
        }
        message.build(&setters).expect("builds");
        message
    }

    fn integrity<'a>(&self, provider: &'a AwsLcRsProvider) -> MessageIntegrity<'a> {
        let (name, realm, password) = (self.username.clone(), REALM.to_owned(), self.password.clone());
        MessageIntegrity::new_long_term_integrity_with_provider(name, realm, password, provider.crypto())
            .expect("a key")
    }

    /// Sends until the answer comes.
    fn ask(&self, message: &Message) -> Option<Message> {
        for _ in 0..6 {
            let _ = self.socket.send(&message.raw);
            while let Some(answer) = self.receive() {
                if answer.transaction_id == message.transaction_id {
                    return Some(answer);
                }
            }
        }
        None
    }

    fn receive(&self) -> Option<Message> {
        let mut buffer = [0; 2048];
        let len = self.socket.recv(&mut buffer).ok()?;
        let mut message = Message::new();
        message.unmarshal_binary(&buffer[..len]).ok()?;
        Some(message)
    }

    /// A request with credentials. `Err` = the error code.
    fn request(&mut self, method: Method, attributes: &[Attribute]) -> Result<Message, u16> {
        for _ in 0..2 {
            let answer =
                self.ask(&self.message(method, CLASS_REQUEST, attributes)).expect("an answer of coturn");
            if answer.typ.class == CLASS_SUCCESS_RESPONSE {
                return Ok(answer);
            }
            let error = answer.get(ATTR_ERROR_CODE).expect("an error code");
            let code = u16::from(error[2]) * 100 + u16::from(error[3]);
            // 401 without credentials and 438 hand out the nonce of the next try (RFC 8489 9.2.4).
            let first = self.nonce.is_none();
            if !(code == UNAUTHORIZED && first || code == 438) {
                return Err(code);
            }
            self.nonce = Some(String::from_utf8(answer.get(ATTR_NONCE).expect("a nonce")).expect("text"));
        }
        panic!("no end of nonces");
    }

    /// An allocation; returns its relayed address.
    fn allocate(&mut self, family: u8) -> Result<SocketAddr, u16> {
        const UDP: u8 = 17;
        let attributes = [
            (ATTR_REQUESTED_TRANSPORT, vec![UDP, 0, 0, 0]),
            (ATTR_REQUESTED_ADDRESS_FAMILY, vec![family, 0, 0, 0]),
        ];
        self.request(METHOD_ALLOCATE, &attributes).map(|answer| address(&answer, ATTR_XOR_RELAYED_ADDRESS))
    }

    fn permit(&mut self, peer: SocketAddr) -> Result<(), u16> {
        self.peer_request(METHOD_CREATE_PERMISSION, peer, &[])
    }

    fn bind_channel(&mut self, peer: SocketAddr, channel: u16) -> Result<(), u16> {
        let number = [&channel.to_be_bytes()[..], &[0, 0]].concat();
        self.peer_request(METHOD_CHANNEL_BIND, peer, &[(ATTR_CHANNEL_NUMBER, number)])
    }

    /// The address is hidden with the transaction id, so it is put in with each message.
    fn peer_request(&mut self, method: Method, peer: SocketAddr, others: &[Attribute]) -> Result<(), u16> {
        let provider = AwsLcRsProvider::new();
        let mut message = Message::new();
        let (kind, id) = (MessageType::new(method, CLASS_REQUEST), TransactionId::new());
        message.build(&[Box::new(kind), Box::new(id)]).expect("builds");
        XorMappedAddress { ip: peer.ip(), port: peer.port() }
            .add_to_as(&mut message, ATTR_XOR_PEER_ADDRESS)
            .expect("an address");
        let mut rest: Vec<Box<dyn Setter + '_>> = Vec::new();
        for (typ, value) in others {
            rest.push(Box::new(raw(*typ, value.clone())));
        }
        let text = |kind, value: &str| Box::new(TextAttribute::new(kind, value.to_owned()));
        rest.push(text(ATTR_USERNAME, &self.username));
        rest.push(text(ATTR_REALM, REALM));
        rest.push(text(ATTR_NONCE, self.nonce.as_deref().expect("allocated before")));
        rest.push(Box::new(self.integrity(&provider)));
        for setter in rest {
            setter.add_to(&mut message).expect("fits");
        }
        let answer = self.ask(&message).expect("an answer of coturn");
        if answer.typ.class == CLASS_SUCCESS_RESPONSE {
            return Ok(());
        }
        let error = answer.get(ATTR_ERROR_CODE).expect("an error code");
        Err(u16::from(error[2]) * 100 + u16::from(error[3]))
    }

    /// Through the relay to `peer` and back: what the peer says within a second or so.
    fn exchange(&self, peer: SocketAddr, data: &[u8]) -> Option<Vec<u8>> {
        for _ in 0..4 {
            let mut message = self.message(METHOD_SEND, CLASS_INDICATION, &[]);
            XorMappedAddress { ip: peer.ip(), port: peer.port() }
                .add_to_as(&mut message, ATTR_XOR_PEER_ADDRESS)
                .expect("an address");
            message.add(ATTR_DATA, data);
            let _ = self.socket.send(&message.raw);
            while let Some(answer) = self.receive() {
                if answer.typ == MessageType::new(METHOD_DATA, CLASS_INDICATION) {
                    assert_eq!(address(&answer, ATTR_XOR_PEER_ADDRESS), peer);
                    return answer.get(ATTR_DATA).ok();
                }
            }
        }
        None
    }
}

const IPV4: u8 = 1;
const IPV6: u8 = 2;

fn raw(typ: AttrType, value: Vec<u8>) -> RawAttribute {
    RawAttribute { typ, length: u16::try_from(value.len()).expect("short"), value }
}

fn address(message: &Message, attribute: AttrType) -> SocketAddr {
    let mut found = XorMappedAddress::default();
    found.get_from_as(message, attribute).expect("an address");
    SocketAddr::new(found.ip, found.port)
}

/// An ICE check of the session that the answer describes.
fn check(sdp: &str) -> Vec<u8> {
    let value =
        |name: &str| sdp.lines().find_map(|line| line.strip_prefix(name)).expect("in the answer").to_owned();
    let (ufrag, pwd) = (value("a=ice-ufrag:"), value("a=ice-pwd:"));
    let provider = AwsLcRsProvider::new();
    let mut message = Message::new();
    let setters: [Box<dyn Setter + '_>; 6] = [
        Box::new(BINDING_REQUEST),
        Box::new(TransactionId::new()),
        Box::new(TextAttribute::new(ATTR_USERNAME, format!("{ufrag}:abcd"))),
        Box::new(raw(ATTR_USE_CANDIDATE, Vec::new())),
        Box::new(MessageIntegrity::new_short_term_integrity_with_provider(pwd, provider.crypto())),
        Box::new(FINGERPRINT),
    ];
    message.build(&setters).expect("builds");
    message.raw
}

const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\na=ice-ufrag:abcd\r\n\
    a=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:\
    13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\na=setup:actpass\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\n\
    a=mid:0\r\na=recvonly\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n";

#[tokio::test]
async fn credentials_of_a_join_relay_to_the_media_port() {
    let coturn = Coturn::start().await;
    let url = format!("turn:{}?transport=udp", coturn.address);
    let mut server = Server::prepare(&[("CONVENE_TURN_URLS", url.as_str()), ("CONVENE_TURN_SECRET", SECRET)]);
    let media: SocketAddr = SocketAddr::new(MEDIA.parse().expect("an address"), server.media_addr().port());
    server.set("CONVENE_MEDIA_LISTEN", &media.to_string());
    server.launch().await;
    let mut socket = Socket::login(&server, "ana").await;
    let joined =
        socket.ok("voice:join", json!({"channelId": "general", "muted": true, "deafened": false})).await;
    let turn = &joined["iceServers"][0];
    assert_eq!(turn["urls"], json!([url]), "{joined}");
    assert_eq!(joined["iceServersTtl"], 3600);
    let text = |name: &str| turn[name].as_str().expect("text").to_owned();
    let call = &joined["callId"];
    socket.ok("rtc:offer", json!({"callId": call, "sdp": OFFER, "gen": 1, "tracks": []})).await;
    let answer = socket.event("rtc:answer", Duration::from_secs(5)).await;

    let mut client = Client::new(coturn.address, &text("username"), &text("credential"));
    let relayed = client.allocate(IPV4).expect("good credentials");
    client.permit(media).expect("the media server is a peer");
    let reply = client.exchange(media, &check(answer["sdp"].as_str().expect("an answer"))).expect("a reply");
    let mut success = Message::new();
    success.unmarshal_binary(&reply).expect("STUN");
    assert_eq!(success.typ, BINDING_SUCCESS);
    assert_eq!(address(&success, ATTR_XORMAPPED_ADDRESS), relayed, "the server sees the relay");

    // A long call asks again before they run out.
    let again = socket.ok("rtc:ice", json!({"callId": call})).await;
    assert_eq!(again["iceServers"][0]["urls"], json!([url]));
    let mut later = Client::new(
        coturn.address,
        again["iceServers"][0]["username"].as_str().expect("text"),
        again["iceServers"][0]["credential"].as_str().expect("text"),
    );
    later.allocate(IPV4).expect("good credentials");
    let printed = run_to_end(binary().args(["check-config", "--print"]).env("CONVENE_TURN_SECRET", SECRET)).1;
    assert!(printed.contains("[turn]") && !printed.contains(SECRET), "{printed}");
    assert!(
        !server.log().contains(SECRET) && !server.log().contains(&text("credential")),
        "a secret in the log"
    );
}

#[tokio::test]
async fn expired_forged_and_missing_credentials_are_refused_and_nobody_takes_all() {
    let coturn = Coturn::start().await;
    let hour = Duration::from_secs(3600);
    let mut expired = Client::of(&coturn, SECRET, "ana", Duration::ZERO);
    expired.username = format!("{}:ana", clock::wall_ms() / 1000 - 60);
    expired.password = turn_rest::credentials(
        SECRET,
        "ana",
        0,
        Duration::from_secs(u64::try_from(clock::wall_ms() / 1000 - 60).expect("after 1970")),
    )
    .password;
    assert_eq!(expired.allocate(IPV4), Err(UNAUTHORIZED), "expired a minute ago");
    let mut forged = Client::of(&coturn, "some-other-secret-of-32-bytes-or-so", "ana", hour);
    assert_eq!(forged.allocate(IPV4), Err(UNAUTHORIZED), "another secret");
    let mut stretched = Client::of(&coturn, SECRET, "ana", hour);
    stretched.username = stretched.username.replacen('1', "2", 1);
    assert_eq!(stretched.allocate(IPV4), Err(UNAUTHORIZED), "a later end than was signed");
    let mut another = Client::of(&coturn, SECRET, "ana", hour);
    another.username = another.username.replace("ana", "bo");
    assert_eq!(another.allocate(IPV4), Err(UNAUTHORIZED), "somebody else's name");
    let anonymous = Client::new(coturn.address, "", "");
    let answer = anonymous.ask(&anonymous.message(METHOD_ALLOCATE, CLASS_REQUEST, &[])).expect("an answer");
    assert_ne!(answer.typ.class, CLASS_SUCCESS_RESPONSE);

    let quota = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("turn/coturn.conf.tmpl"))
        .expect("the template")
        .lines()
        .find_map(|line| line.strip_prefix("user-quota=")?.parse::<usize>().ok())
        .expect("a quota");
    let mut clients: Vec<Client> = (0..=quota).map(|_| Client::of(&coturn, SECRET, "greedy", hour)).collect();
    let results: Vec<_> = clients.iter_mut().map(|client| client.allocate(IPV4)).collect();
    assert!(results[..quota].iter().all(Result::is_ok), "{results:?}");
    assert_eq!(results[quota], Err(QUOTA_REACHED));
    Client::of(&coturn, SECRET, "modest", hour).allocate(IPV4).expect("others are not concerned");
}

/// Both ends of every range of reliability row A9, and what people have broken in with.
const FORBIDDEN_PEERS: &[&str] = &[
    "0.0.0.0",
    "0.255.255.255",
    "10.0.0.0",
    "10.255.255.255",
    "100.64.0.0",
    "100.127.255.255",
    "127.0.0.1",
    "127.0.0.76",
    "127.0.0.78",
    "127.255.255.255",
    "169.254.0.1",
    "169.254.169.254",
    "172.16.0.0",
    "172.31.255.255",
    "192.0.0.0",
    "192.0.0.255",
    "192.168.0.0",
    "192.168.255.255",
    "198.18.0.0",
    "198.19.255.255",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.0",
    "255.255.255.255",
    "192.0.2.200",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:192.168.1.1",
    "::ffff:0.0.0.0",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "fc00::1",
    "fdff::1",
    "fe80::1",
    "febf::1",
    "ff02::1",
    "ff0e::1",
];

#[tokio::test]
async fn nobody_is_relayed_to_an_address_that_is_not_of_the_internet() {
    let coturn = Coturn::start().await;
    let canary = UdpSocket::bind("127.0.0.1:0").expect("a port");
    canary.set_nonblocking(true).expect("non-blocking");
    let port = canary.local_addr().expect("address").port();
    let mut four = Client::of(&coturn, SECRET, "four", Duration::from_secs(3600));
    four.allocate(IPV4).expect("good credentials");
    let mut six = Client::of(&coturn, SECRET, "six", Duration::from_secs(3600));
    six.allocate(IPV6).expect("an IPv6 relay");
    for (number, peer) in (0u16..).zip(FORBIDDEN_PEERS) {
        let ip: IpAddr = peer.parse().expect("an address");
        let client = if ip.is_ipv4() { &mut four } else { &mut six };
        let peer = SocketAddr::new(ip, port);
        assert_eq!(client.permit(peer), Err(FORBIDDEN), "permission for {peer}");
        assert_eq!(client.bind_channel(peer, 0x4000 + number), Err(FORBIDDEN), "channel to {peer}");
        // Without permission nothing leaves, whatever the client tries.
        let mut message = client.message(METHOD_SEND, CLASS_INDICATION, &[]);
        XorMappedAddress { ip, port }.add_to_as(&mut message, ATTR_XOR_PEER_ADDRESS).expect("an address");
        message.add(ATTR_DATA, b"let me in");
        let _ = client.socket.send(&message.raw);
    }
    // The deny list denies what it should and not everything: ordinary peers pass, and the media server does.
    four.permit("8.8.8.8:53".parse().expect("an address")).expect("an ordinary peer");
    six.permit("[2001:4860:4860::8888]:53".parse().expect("an address")).expect("an ordinary peer");
    four.permit(SocketAddr::new(MEDIA.parse().expect("an address"), port)).expect("the media server");
    let heard = canary.recv(&mut [0; 64]);
    assert!(heard.is_err(), "the canary heard {heard:?} bytes");
}
