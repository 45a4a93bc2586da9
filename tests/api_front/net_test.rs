//! Connection tests: media sessions of no call, few at a time.

use serde_json::json;

use crate::support::{Server, until};

const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\na=ice-ufrag:abcd\r\n\
    a=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:\
    13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\na=setup:actpass\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n\
    c=IN IP4 0.0.0.0\r\na=mid:0\r\na=sctp-port:5000\r\n";

#[tokio::test]
async fn a_test_is_answered_without_a_call_and_there_are_few_at_a_time() {
    let server = Server::start().await;
    let (mut ana, _) = server.session("ana").await;
    for wrong in [json!({}), json!({"sdp": 7})] {
        assert!(ana.call(1, "net:test", wrong).await.is_err());
    }
    // What is refused takes no place.
    for n in 0..10 {
        let error = ana.call(10 + n, "net:test", json!({"sdp": "v=0\r\n"})).await.expect_err("no SDP");
        assert_eq!(error["code"], "rtc.negotiation");
    }
    for n in 0..4 {
        let answer = ana.call(30 + n, "net:test", json!({"sdp": OFFER})).await.expect("an answer");
        let sdp = answer["sdp"].as_str().expect("text");
        assert!(sdp.contains(" udp ") && sdp.contains("tcptype passive"), "{sdp}");
    }
    let error = ana.call(50, "net:test", json!({"sdp": OFFER})).await.expect_err("the fifth");
    assert_eq!(error["code"], "limit.rate");
    let (mut bo, ready) = server.session("bo").await;
    assert_eq!(ready["activeCalls"], json!([]), "nobody hears of it");
    bo.call(1, "net:test", json!({"sdp": OFFER})).await.expect("places of his own");
    let hub = server.app.front().hub.clone();
    until("five rooms", async || hub.stats().await.iter().map(|one| one.rooms).sum::<u64>() == 5).await;
}
