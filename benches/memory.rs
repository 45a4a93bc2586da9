//! What a participant keeps in the media plane, counted allocation by allocation: no process, no page size, no
//! allocator's reserve. What its signalling session keeps is measured by `convene load` on a whole server.

#[path = "support/room.rs"]
mod room;

use std::time::Duration;

use convene::load::peer::PeerPlan;
use room::Bench;

const PEOPLE: usize = 60;
const ROOMS: usize = 20;
const NOTHING: PeerPlan = PeerPlan {
    video_layers: 0,
    audio: false,
    speaks: false,
    receive_audio: 0,
    receive_video: 0,
    round_trip: None,
};
const WATCHER: PeerPlan = PeerPlan { receive_video: 1, ..NOTHING };
const CAMERA: PeerPlan = PeerPlan { video_layers: 1, ..NOTHING };

fn main() {
    let kilobytes = |bytes: i64, people: usize| bytes as f64 / 1024.0 / people as f64;
    let print = |what: &str, value: f64| println!("{what:<64} {value:>8.1} kB");

    let mut bench = Bench::new();
    for _ in 0..PEOPLE {
        bench.enter(&NOTHING);
    }
    print("in the room, without a media session", kilobytes(bench.live_bytes, PEOPLE));

    let rooms: Vec<Bench> = (0..ROOMS)
        .map(|_| {
            let mut bench = Bench::new();
            bench.join(&CAMERA);
            bench
        })
        .collect();
    let idle = rooms.iter().map(|room| room.live_bytes).sum();
    print("idle: a room with one session, ICE, DTLS and SRTP up", kilobytes(idle, ROOMS));

    let mut bench = Bench::new();
    bench.join(&CAMERA);
    for _ in 0..4 {
        bench.join(&WATCHER);
    }
    let mut frames = bench.frames(240, 6);
    let before = bench.live_bytes;
    for frame in frames.iter_mut().take(120) {
        bench.forward_for_real(frame);
    }
    print(
        "a publisher of 1.6 Mb/s: history, ingest (with 4 first viewers)",
        kilobytes(bench.live_bytes - before, 1),
    );
    let before = bench.live_bytes;
    for _ in 0..PEOPLE {
        bench.join(&WATCHER);
    }
    for frame in frames.iter_mut().skip(120) {
        bench.forward_for_real(frame);
    }
    bench.pass(Duration::from_millis(10));
    print("active: watches one camera", kilobytes(bench.live_bytes - before, PEOPLE));
}
