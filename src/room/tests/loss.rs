//! Whether packets that a path loses come back in time: publisher and subscriber both lose one packet in twenty, in
//! both directions, and behave as browsers do (`nacks`).
//!
//! Every packet can be recovered, since whoever sent it has it for a second: so all packets of the microphone and of
//! the layer that is watched count, from when the publisher sends them first to when the subscriber has them by any
//! way. Two repairs fit into 200 ms on one leg with a round trip of 50 ms, or one on each. One try fails if its request
//! or its answer is lost; what is sent twice, the server's requests and its answers, nearly never is: 5.2 %. So too
//! late are 0.05 × 0.052² on either leg and 2 × 0.05² × 0.052 on both together, 0.05 % in all.

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
const FRAME: Duration = Duration::from_micros(33_333);
const WORD: Duration = Duration::from_millis(20);

struct Call {
    world: World,
    ana: usize,
    bo: usize,
    next_frame: Instant,
    next_word: Instant,
    /// What ana sent and bo is owed: number, moment, whether it is sound.
    owed: Vec<(u32, Instant, bool)>,
}

impl Call {
    /// Two people behind paths of this round trip, at first without loss.
    fn new(seed: u64, round_trip: Duration) -> Self {
        let mut world = World::new(seed);
        world.step = Duration::from_millis(1);
        let ana = world.join(MediaGrants::ALL, AutoSubscribe::Everything);
        world.prepare(ana, 1, SIZES);
        world.offer(ana, &[MIC, CAMERA]);
        world.connect(ana);
        let bo = world.join(MediaGrants::ALL, AutoSubscribe::Everything);
        world.prepare(bo, 2, SIZES);
        world.offer(bo, &SEES_ONE);
        world.connect(bo);
        // What a sender believes of the round trip is a little late.
        world.peer(ana).repeats = Some(Repeats::new(round_trip * 11 / 10));
        world.peer(bo).nacks = Some(Nacks::new(round_trip));
        let track = world.tracks(bo)[1];
        let wish = Wish { track, layer: Some(TOP), max_fps: None, priority: 0 };
        world.command(bo, Command::Subscribe { wishes: vec![wish] });
        let now = world.now();
        let mut call = Self { world, ana, bo, next_frame: now, next_word: now, owed: Vec::new() };
        call.impair(seed, round_trip, 0.0);
        call
    }

    fn impair(&mut self, seed: u64, round_trip: Duration, loss: f64) {
        let leg = format!("latency={}us,loss={loss}", round_trip.as_micros() / 2);
        for (salt, who) in [(0, self.ana), (2, self.bo)] {
            self.world.impair(who, &format!("{leg},seed={}", seed * 10 + salt));
            self.world.impair_up(who, &format!("{leg},seed={}", seed * 10 + salt + 1));
        }
    }

    fn run(&mut self, time: Duration) {
        let until = self.world.now() + time;
        while self.world.now() < until {
            let now = self.world.now();
            let ana = self.world.peer(self.ana);
            if now >= self.next_frame {
                self.next_frame += FRAME;
                ana.begin_picture();
                ana.send_layers(&[0, 1]);
                let from = ana.made;
                ana.send_layers(&[TOP]);
                self.owed.extend((from..ana.made).map(|number| (number, now, false)));
            }
            if now >= self.next_word {
                self.next_word += WORD;
                self.owed.push((ana.made, now, true));
                ana.send_audio(30);
            }
            self.world.settle();
            self.world.advance(Duration::from_millis(1));
        }
    }
}

/// Shares of what was owed.
#[derive(Debug, Clone, Copy)]
struct Outcome {
    in_time: f64,
    ever: f64,
    sound_in_time: f64,
}

fn outcome(seed: u64, round_trip: Duration) -> Outcome {
    let mut call = Call::new(seed, round_trip);
    call.run(Duration::from_secs(5));
    call.impair(seed, round_trip, 0.05);
    call.run(Duration::from_secs(5));
    call.owed.clear();
    call.run(Duration::from_secs(30));
    let owed = std::mem::take(&mut call.owed);
    call.run(Duration::from_secs(2));
    let came = &call.world.peer(call.bo).came;
    let took = |number: &u32, sent: &Instant| came.get(number).map(|at| *at - *sent);
    let times: Vec<_> = owed.iter().map(|(number, sent, sound)| (took(number, sent), *sound)).collect();
    let in_time = |took: Option<Duration>| took.is_some_and(|took| took <= IN_TIME);
    let sounds: Vec<_> = times.iter().filter(|(_, sound)| *sound).collect();
    let share = |part: usize, whole: usize| part as f64 / whole as f64;
    Outcome {
        in_time: share(times.iter().filter(|(took, _)| in_time(*took)).count(), times.len()),
        ever: share(times.iter().filter(|(took, _)| took.is_some()).count(), times.len()),
        sound_in_time: share(sounds.iter().filter(|(took, _)| in_time(*took)).count(), sounds.len()),
    }
}

fn median(outcomes: &[Outcome], of: impl Fn(&Outcome) -> f64) -> f64 {
    let mut values: Vec<f64> = outcomes.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[test]
fn what_is_lost_comes_back_within_200_ms() {
    // The round trip between a client and the server, and between two clients.
    for round_trip in [Duration::from_millis(50), Duration::from_millis(25)] {
        let outcomes: Vec<Outcome> = (1..=5).map(|seed| outcome(seed, round_trip)).collect();
        println!("{round_trip:?}: {outcomes:.5?}");
        // Nothing of the layer was left out either: loss is no reason to send less.
        assert!(outcomes.iter().all(|one| one.ever == 1.0), "{round_trip:?}: {outcomes:?}");
        assert!(median(&outcomes, |one| one.in_time) >= 0.999, "{round_trip:?}: {outcomes:?}");
        assert!(median(&outcomes, |one| one.sound_in_time) >= 0.998, "{round_trip:?}: {outcomes:?}");
    }
}
