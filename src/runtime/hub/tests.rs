use tokio::sync::mpsc;

use super::*;
use crate::{
    base::playout::PlayoutDelay,
    room::event::{CloseReason, Event},
    runtime::queue::EventReceiver,
};

fn config() -> MediaConfig {
    MediaConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        tcp: Some("127.0.0.1:0".parse().unwrap()),
        tcp_limits: Limits { connections: 0, per_ip: 0 },
        advertise: Vec::new(),
        shards: 2,
        max_participants_per_room: 2,
        spread_at: 100,
        audible: 0,
        playout_delay: PlayoutDelay::default(),
        trains: true,
        pin: true,
    }
}

fn request(room: u128, participant: u128) -> (JoinRequest, EventReceiver) {
    let (events, inbox) = mpsc::channel(8);
    let request = JoinRequest {
        room: RoomId::from_parts(1, room),
        participant: ParticipantId::from_parts(1, participant),
        identity: Arc::from("someone"),
        grants: MediaGrants::ALL,
        auto: AutoSubscribe::Everything,
        playout_delay: None,
        events,
    };
    (request, inbox)
}

#[tokio::test]
async fn joins_are_answered_rooms_fill_up_and_leaving_frees_everything() {
    let hub = MediaHub::start(config()).unwrap();
    let (first, mut inbox) = request(1, 1);
    let (room, participant) = (first.room, first.participant);
    hub.join(first).unwrap();
    assert!(matches!(inbox.recv().await.as_deref(), Some(Event::Joined { .. })));
    let (second, mut second_inbox) = request(1, 2);
    hub.join(second).unwrap();
    assert!(matches!(second_inbox.recv().await.as_deref(), Some(Event::Joined { .. })));
    let (third, _third_inbox) = request(1, 3);
    assert_eq!(hub.join(third), Err(HubError::RoomFull));

    hub.send(room, participant, Command::Leave).unwrap();
    assert!(matches!(inbox.recv().await.as_deref(), Some(Event::Closed { reason: CloseReason::Left })));
    assert!(inbox.recv().await.is_none(), "nothing follows the last event");
    let stats = hub.stats().await;
    assert_eq!(stats.len(), 2);
    assert_eq!(stats.iter().map(|one| one.rooms).sum::<u64>(), 1);

    hub.shutdown().await;
    assert!(matches!(
        second_inbox.recv().await.as_deref(),
        Some(Event::Closed { reason: CloseReason::Draining })
    ));
    let (late, _late_inbox) = request(1, 4);
    assert_eq!(hub.join(late), Err(HubError::Draining));
}

#[tokio::test]
async fn a_participant_whose_signalling_is_gone_leaves() {
    let hub = MediaHub::start(config()).unwrap();
    let (first, inbox) = request(1, 1);
    let room = first.room;
    hub.join(first).unwrap();
    drop(inbox);
    let (second, mut second_inbox) = request(1, 2);
    hub.join(second).unwrap();
    assert!(matches!(second_inbox.recv().await.as_deref(), Some(Event::Joined { .. })));
    // The next event for the first participant finds nobody.
    let id = ParticipantId::from_parts(1, 1);
    hub.send(room, id, Command::Offer { sdp: String::new(), generation: 1, lines: Vec::new() }).unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
    loop {
        let (third, mut inbox) = request(1, 3);
        if hub.join(third).is_ok() {
            assert!(matches!(inbox.recv().await.as_deref(), Some(Event::Joined { .. })));
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "the place of the deaf participant is never freed");
        tokio::task::yield_now().await;
    }
    hub.shutdown().await;
}

#[tokio::test]
async fn a_room_that_spreads_answers_on_every_shard_and_ends_on_all() {
    let hub =
        MediaHub::start(MediaConfig { max_participants_per_room: 9, spread_at: 1, ..config() }).unwrap();
    let mut inboxes = Vec::new();
    for participant in 1..=4 {
        let (request, mut inbox) = request(1, participant);
        hub.join(request).unwrap();
        assert!(matches!(inbox.recv().await.as_deref(), Some(Event::Joined { .. })));
        inboxes.push(inbox);
    }
    let rooms = |stats: Vec<ShardStats>| stats.iter().map(|one| one.rooms).collect::<Vec<_>>();
    assert_eq!(rooms(hub.stats().await), [1, 1], "both shards have a part");
    let room = RoomId::from_parts(1, 1);
    for (participant, inbox) in (1..).zip(&mut inboxes) {
        hub.send(room, ParticipantId::from_parts(1, participant), Command::Leave).unwrap();
        let closed = inbox.recv().await;
        assert!(
            matches!(closed.as_deref(), Some(Event::Closed { reason: CloseReason::Left })),
            "{participant}"
        );
    }
    assert_eq!(rooms(hub.stats().await), [0, 0]);
    hub.shutdown().await;
}

#[test]
fn each_shard_advertises_a_port_of_its_own() {
    let address =
        |text: &str| AdvertisedAddress { ip: "203.0.113.7".parse().unwrap(), port: text.parse().ok() };
    let bound = "0.0.0.0:7884".parse().unwrap();
    let advertise = vec![address("9000"), address("")];
    let config = MediaConfig { advertise, ..config() };
    let found = candidates(&config, 2, bound).unwrap();
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found, ["203.0.113.7:9002", "203.0.113.7:7884"]);
    let config = MediaConfig { advertise: vec![address("65535")], ..config };
    assert!(candidates(&config, 0, bound).is_ok() && candidates(&config, 1, bound).is_err());
}
