//! Whether packets that a path loses come back in time: publisher and subscriber both lose one packet in twenty, in
//! both directions, and behave as browsers do.

use std::time::{Duration, Instant};

use super::{
    CAMERA, MIC, SEES_ONE,
    nacks::{Nacks, Repeats},
    world::World,
};
use crate::room::command::{AutoSubscribe, Command, MediaGrants, Wish};

const IN_TIME: Duration = Duration::from_millis(200);
/// 100 kb/s, 400 kb/s and 1.6 Mb/s at 30 frames a second.
const SIZES: [usize; 3] = [420, 1_660, 6_660];
const TOP: u8 = 2;

/// Who sent what when, and what came of it.
#[derive(Default)]
struct Journal {
    /// Number, moment and whether it is sound.
    owed: Vec<(u32, Instant, bool)>,
}

struct Call {
    world: World,
    ana: usize,
    bo: usize,
    next_frame: Instant,
    next_word: Instant,
    journal: Journal,
}

impl Call {
    /// Connected and steady on a good network.
    fn new(seed: u64, round_trip: Duration) -> Self {
        let mut world = World::new(seed);
        world.step = Duration::from_millis(1);
        let (ana, bo) = (
            world.join(MediaGrants::ALL, AutoSubscribe::Everything),
            world.join(MediaGrants::ALL, AutoSubscribe::Everything),
        );
        world.reports_arrivals(ana);
        world.offer(ana, &[MIC, CAMERA]);
        world.connect(ana);
        world.frame_bytes(ana, SIZES);
        world.reports_arrivals(bo);
        world.offer(bo, &SEES_ONE);
        world.connect(bo);
        world.peer(ana).repeats = Some(Repeats::new(round_trip));
        world.peer(bo).nacks = Some(Nacks::new(round_trip));
        for who in [ana, bo] {
            world.peer(who).forgiving = true;
        }
        let track = world.tracks(bo)[1];
        let wish = Wish { track, layer: Some(TOP), max_fps: None, priority: 0 };
        world.command(bo, Command::Subscribe { wishes: vec![wish] });
        let now = world.now();
        Self { world, ana, bo, next_frame: now, next_word: now, journal: Journal::default() }
    }

    fn impair(&mut self, seed: u64, leg: &str) {
        for (salt, who) in [(0, self.ana), (2, self.bo)] {
            let only = std::env::var("LEG").unwrap_or_default();
            let leg = if only == "up" && who == self.bo || only == "down" && who == self.ana { "latency=25ms" } else { leg };
            self.world.impair(who, &format!("{leg},seed={}", seed * 10 + salt));
            self.world.impair_up(who, &format!("{leg},seed={}", seed * 10 + salt + 1));
        }
    }

    fn run(&mut self, time: Duration) {
        let until = self.world.now() + time;
        while self.world.now() < until {
            let now = self.world.now();
            if now >= self.next_frame {
                self.next_frame += Duration::from_micros(33_333);
                let ana = self.world.peer(self.ana);
                ana.begin_picture();
                ana.send_layers(&[0, 1]);
                let from = ana.made;
                ana.send_layers(&[TOP]);
                self.journal.owed.extend((from..ana.made).map(|number| (number, now, false)));
            }
            if now >= self.next_word {
                self.next_word += Duration::from_millis(20);
                self.journal.owed.push((self.world.peer(self.ana).made, now, true));
                self.world.put_audio(self.ana, 30);
            }
            self.world.settle();
            self.world.advance(Duration::from_millis(1));
        }
    }
}

/// Shares of what came in time and at all.
#[derive(Debug, Clone, Copy)]
struct Outcome {
    in_time: f64,
    ever: f64,
    sound: f64,
    owed: usize,
}

fn call(seed: u64, leg: &str, round_trip: Duration) -> Outcome {
    let mut call = Call::new(seed, round_trip);
    call.run(Duration::from_secs(5));
    call.impair(seed, leg);
    call.run(Duration::from_secs(5));
    let from = call.journal.owed.len();
    call.run(Duration::from_secs(30));
    let owed = call.journal.owed.split_off(from);
    call.run(Duration::from_secs(2));
    let came = &call.world.peer(call.bo).came;
    let share = |of: &dyn Fn(&(u32, Instant, bool)) -> Option<bool>| {
        let judged: Vec<bool> = owed.iter().filter_map(of).collect();
        judged.iter().filter(|yes| **yes).count() as f64 / judged.len() as f64
    };
    let in_time = |number: &u32, sent: &Instant| came.get(number).is_some_and(|at| *at - *sent <= IN_TIME);
    let mut late: Vec<_> = owed.iter().filter(|(n, s, _)| !in_time(n, s)).map(|(n, s, a)| (came.get(n).map(|at| (*at - *s).as_millis()), *a)).collect();
    late.sort();
    println!("{late:?}");
    Outcome {
        in_time: share(&|(number, sent, _)| Some(in_time(number, sent))),
        ever: share(&|(number, _, _)| Some(came.contains_key(number))),
        sound: share(&|(number, sent, sound)| sound.then(|| in_time(number, sent))),
        owed: owed.len(),
    }
}

#[test]
fn what_is_lost_comes_back_within_200_ms() {
    for (leg, round_trip) in
        [("latency=25ms,loss=0.05", Duration::from_millis(50)), ("latency=12ms,loss=0.05", Duration::from_millis(25))]
    {
        let mut outcomes: Vec<Outcome> = (1..=5).map(|seed| call(seed, leg, round_trip)).collect();
        outcomes.sort_by(|one, other| one.in_time.total_cmp(&other.in_time));
        println!("{leg}: {outcomes:?}");
        assert!(outcomes[2].in_time >= 0.999, "{leg}: {outcomes:?}");
    }
}
