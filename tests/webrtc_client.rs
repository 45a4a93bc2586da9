//! The async API of webrtc-rs as an independent client: one connection publishes by WHIP, another watches by
//! WHEP, and what arrives is compared byte for byte with what was sent. Browsers and aiortc test the same doors
//! with real codecs; here the packets themselves are looked at.
//!
//! What the API (`webrtc` 0.21.1) cannot do, and what stands in for it:
//! - It sends the RTP it is given and adds no header extension, so the server finds the streams by the SSRCs
//!   of the offer and there is no audio level.
//! - Inbound RTCP ends in the interceptor chain; keyframe requests are vouched for by an interceptor of ours
//!   (`peer::KeyframeRequests`) and then come out of `TrackLocal::poll`.
//! - A receiver exists only after its first packet, so a watcher's DTLS transport is looked at after that.
//! - It does not trickle over HTTP: offers carry every candidate, as RFC 9725 allows.

#[allow(dead_code, reason = "shared with the end-to-end tests, which use the rest")]
#[path = "support/support.rs"]
mod support;

#[path = "webrtc_client/media.rs"]
mod media;
#[path = "webrtc_client/peer.rs"]
mod peer;

use std::time::Duration;

use rtc::peer_connection::transport::RTCDtlsTransportState;
use serde_json::{Value, json};
use webrtc::peer_connection::RTCPeerConnectionState;

use self::{
    media::{Source, Stream, check_audio, check_video, complete_frames, frame_number, voice_number},
    peer::{Peer, Resource},
    support::{server::Server, socket::Socket, wait::until},
};

/// Longer than any step takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// Two seconds of voice.
const AUDIO_PACKETS: usize = 100;
/// And of pictures.
const VIDEO_FRAMES: usize = 50;
/// Tells the packets of two publishers apart.
const SECOND_PUBLISHER: usize = 10_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_whip_client_sends_is_what_a_whep_client_gets() {
    let server = Server::start(&[]).await;
    let publisher = Peer::publisher().await;
    let published = Resource::create(&server, "whip", &server.login("ana").await, &publisher).await;
    connected(&publisher, &published).await;
    check_security(&publisher, &published).await;
    let source = Source::start(&publisher, 0);

    // The room was empty until now: this watcher is why a keyframe is needed.
    let asked_before = publisher.keyframe_requests();
    let watcher = Peer::watcher().await;
    let watched = Resource::create(&server, "whep", &server.login("bo").await, &watcher).await;
    connected(&watcher, &watched).await;
    until("the server asks the publisher for a keyframe", PATIENCE, async || {
        (publisher.keyframe_requests() > asked_before).then_some(())
    })
    .await;

    let (audio, video) = until("two seconds of both without a gap", PATIENCE, async || {
        let (audio, video) = (Stream::of(&watcher.audio())?, Stream::of(&watcher.video())?);
        let enough = audio.packets.len() >= AUDIO_PACKETS && complete_frames(&video) >= VIDEO_FRAMES;
        (enough && audio.is_dense() && video.is_dense()).then_some((audio, video))
    })
    .await;
    check_security(&watcher, &watched).await;
    check_audio(&audio, &source.sent());
    let first_frame = check_video(&video, &source.sent());
    assert!(source.sent().keyframe(first_frame), "the first frame of a watcher is a keyframe");

    // A watcher that lost its picture asks for a new one; the request goes all the way.
    let asked_before = publisher.keyframe_requests();
    let frames_before = source.sent().frames.len();
    watcher.ask_for_keyframe(video.ssrc).await;
    until("the publisher is asked by the watcher", PATIENCE, async || {
        (publisher.keyframe_requests() > asked_before).then_some(())
    })
    .await;
    until("the keyframe arrives", PATIENCE, async || {
        let sent = source.sent();
        let video = Stream::of(&watcher.video())?;
        video.frame_numbers().into_iter().find(|&n| n >= frames_before && sent.keyframe(n))
    })
    .await;

    assert_eq!(server.metric("convene_media_publications").await, 2.0);
    assert_eq!(published.delete().await, 200);
    assert_eq!(published.delete().await, 404, "a deleted resource is gone");
    hung_up(&publisher).await;
    until("nothing is published any more", PATIENCE, async || {
        (server.metric("convene_media_publications").await == 0.0).then_some(())
    })
    .await;
    assert_eq!(watcher.state(), RTCPeerConnectionState::Connected, "watching goes on without a publisher");

    assert_eq!(watched.delete().await, 200);
    hung_up(&watcher).await;
    until("the server holds no session", PATIENCE, async || {
        (server.metric("convene_media_sessions").await == 0.0).then_some(())
    })
    .await;
    assert_eq!(server.metric("convene_room_panics_total").await, 0.0);
}

/// So that a first offer has places for all of them. Events tell them as well, behind the answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_joins_finds_in_the_answer_what_is_published() {
    let server = Server::start(&[]).await;
    let mut bo = Socket::login(&server, "bo").await;
    let empty = bo.ok("voice:join", json!({"channelId": "general"})).await;
    assert_eq!(empty["tracks"], json!([]));

    let publisher = Peer::publisher().await;
    let published = Resource::create(&server, "whip", &server.login("ana").await, &publisher).await;
    connected(&publisher, &published).await;
    let _source = Source::start(&publisher, 0);
    let mut told = Vec::new();
    for _ in 0..2 {
        let mut track = bo.event("rtc:track", PATIENCE).await;
        track.as_object_mut().expect("an object").remove("layers");
        told.push(track);
    }

    let mut cy = Socket::login(&server, "cy").await;
    let joined = cy.ok("call:join", json!({"callId": empty["callId"]})).await;
    let mut found: Vec<Value> = joined["tracks"].as_array().expect("tracks").clone();
    for track in &mut found {
        assert_eq!(cy.event("rtc:track", PATIENCE).await, *track, "told again");
        track.as_object_mut().expect("an object").remove("layers");
    }
    for tracks in [&mut found, &mut told] {
        tracks.sort_by_key(|track| track["source"].to_string());
    }
    assert_eq!(found, told);
    assert_eq!(found.iter().map(|track| &track["source"]).collect::<Vec<_>>(), ["camera", "mic"]);

    cy.ok("call:leave", json!({"callId": empty["callId"]})).await;
    let again = cy.ok("call:join", json!({"callId": empty["callId"]})).await;
    assert_eq!(again["tracks"].as_array().map(Vec::len), Some(2), "a new seat is told anew");
    assert_eq!(published.delete().await, 200);
}

/// A WHEP answer cannot be followed by another offer, so its streams must serve whoever publishes later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_of_an_empty_room_sees_one_publisher_after_the_other() {
    let server = Server::start(&[]).await;
    let watcher = Peer::watcher().await;
    let watched = Resource::create(&server, "whep", &server.login("bo").await, &watcher).await;
    connected(&watcher, &watched).await;

    for (user, first_number) in [("ana", 0), ("cy", SECOND_PUBLISHER)] {
        let publisher = Peer::publisher().await;
        let published = Resource::create(&server, "whip", &server.login(user).await, &publisher).await;
        connected(&publisher, &published).await;
        let source = Source::start(&publisher, first_number);
        let (audio, video) = until("a second of this publisher", PATIENCE, async || {
            let (audio, video) = (Stream::of(&watcher.audio())?, Stream::of(&watcher.video())?);
            // The numbers of the streams go on from one publisher to the next.
            let dense = audio.is_dense() && video.is_dense();
            let audio = audio.since(voice_number, first_number)?;
            let video = video.since(frame_number, first_number)?;
            let enough =
                audio.packets.len() >= AUDIO_PACKETS / 2 && complete_frames(&video) >= VIDEO_FRAMES / 2;
            (enough && dense).then_some((audio, video))
        })
        .await;
        check_audio(&audio, &source.sent());
        let first_frame = check_video(&video, &source.sent());
        assert!(source.sent().keyframe(first_frame), "{user} begins with a keyframe");
        assert_eq!(published.delete().await, 200);
        hung_up(&publisher).await;
    }
    assert_eq!(watcher.state(), RTCPeerConnectionState::Connected);
    assert_eq!(watched.delete().await, 200);
}

/// Somebody without an account is seen and heard by those who have one, until its link is taken back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_is_seen_and_heard_until_its_link_is_taken_back() {
    let server = Server::start(&[]).await;
    let ana = server.login("ana").await;
    let made = json!({"type": "group", "name": "standup", "private": true, "participants": []});
    let made = server.post("/api/v1/channels", Some(&ana), &made).await;
    let channel = made["data"]["channel"]["id"].as_str().expect("a channel").to_owned();
    let invites = format!("/api/v1/channels/{channel}/invites");
    let link = server.post(&invites, Some(&ana), &json!({"chat": false})).await;
    let code = link["data"]["code"].as_str().expect("a code");
    let name = json!({"name": "Gil"});
    let entered = server.post(&format!("/api/v1/invites/{code}/guests"), None, &name).await;
    let token = entered["data"]["token"].as_str().expect("a token");

    let (publisher, watcher) = (Peer::publisher().await, Peer::watcher().await);
    let watched = Resource::create_in(&server, "whep", &channel, &ana, &watcher).await;
    connected(&watcher, &watched).await;
    let published = Resource::create_in(&server, "whip", &channel, token, &publisher).await;
    connected(&publisher, &published).await;
    let source = Source::start(&publisher, 0);
    let (audio, video) = until("a second of the guest", PATIENCE, async || {
        let (audio, video) = (Stream::of(&watcher.audio())?, Stream::of(&watcher.video())?);
        let enough = audio.packets.len() >= AUDIO_PACKETS / 2 && complete_frames(&video) >= VIDEO_FRAMES / 2;
        (enough && audio.is_dense() && video.is_dense()).then_some((audio, video))
    })
    .await;
    check_audio(&audio, &source.sent());
    check_video(&video, &source.sent());

    let id = link["data"]["invite"]["id"].as_str().expect("an id");
    let revoke = reqwest::Client::new().delete(server.url(&format!("{invites}/{id}"))).bearer_auth(&ana);
    assert_eq!(revoke.send().await.expect("an answer").status(), 200);
    hung_up(&publisher).await;
    until("nothing is published any more", PATIENCE, async || {
        (server.metric("convene_media_publications").await == 0.0).then_some(())
    })
    .await;
    assert_eq!(watcher.state(), RTCPeerConnectionState::Connected, "the others stay");
    assert_eq!(server.metric("convene_room_panics_total").await, 0.0);
}

/// Waits until ICE and DTLS are through.
async fn connected(peer: &Peer, resource: &Resource) {
    until("the connection is up", PATIENCE, async || {
        assert_ne!(peer.state(), RTCPeerConnectionState::Failed, "\n{}", resource.answer);
        (peer.state() == RTCPeerConnectionState::Connected).then_some(())
    })
    .await;
}

/// Waits for the server's goodbye. The state of the connection as a whole does not tell: it stays `Connected`
/// after a `close_notify`, as W3C defines it, until ICE notices the silence.
async fn hung_up(peer: &Peer) {
    until("the server says goodbye", PATIENCE, async || {
        (peer.dtls_state().await == RTCDtlsTransportState::Closed).then_some(())
    })
    .await;
}

/// Keys were agreed upon with the server of the answer, not with somebody in between.
async fn check_security(peer: &Peer, resource: &Resource) {
    assert_eq!(peer.dtls_state().await, RTCDtlsTransportState::Connected);
    let security = peer.security().await;
    let promised = resource.answer.lines().find_map(|line| line.strip_prefix("a=fingerprint:sha-256 "));
    assert_eq!(Some(security.fingerprint.as_str()), promised, "the server's certificate");
    assert_eq!(security.srtp, "SRTP_AEAD_AES_128_GCM", "what both sides prefer");
}
