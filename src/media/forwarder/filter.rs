//! Which layers of one encoding pass, and how the numbers close up over those that do not.
//!
//! Levels change at the start of pictures only: downwards at the next one, upwards where the codec says that
//! nothing is referred to that was left out. Packets that come late (reordered, or repaired by the publisher) are
//! treated as their neighbours were, so each gets the number that was kept free for it.

use std::collections::VecDeque;

use crate::{
    media::packet::{Descriptor, Facts, LayerId, MediaPacket},
    proto::codec::av1::{Structure, Targets},
};

/// Stretches of equal treatment that are remembered: two seconds of 30 pictures of which each loses a layer.
const MAX_RUNS: usize = 64;

/// Packets from one on that are treated alike.
#[derive(Debug, Clone, Copy)]
struct Run {
    from: u64,
    numbers: Numbers,
    level: LayerId,
}

/// What is added to the publisher's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Numbers {
    pub offset: i64,
    pub picture: u16,
}

/// How a packet goes on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pass {
    pub numbers: Numbers,
    pub level: LayerId,
    /// It belongs to a layer that is left out, but came after its number was given away: sent without payload.
    pub blank: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Admission {
    Pass(Pass),
    Drop,
    /// Of a layer that is wanted and can only be joined at a keyframe.
    NeedKeyframe,
}

#[derive(Debug)]
pub(super) struct LayerFilter {
    wanted: LayerId,
    /// The highest temporal layer until the wanted spatial layer is reached.
    meanwhile: u8,
    runs: VecDeque<Run>,
    /// The newest packet seen; `None` before the first of a stretch.
    newest: Option<u64>,
    /// Timestamp of the newest picture.
    picture: Option<u32>,
    /// The template structure of AV1, to name the decode targets that are left.
    structure: Option<Structure>,
}

impl LayerFilter {
    pub fn new(wanted: LayerId) -> Self {
        Self {
            wanted,
            meanwhile: wanted.temporal,
            runs: VecDeque::new(),
            newest: None,
            picture: None,
            structure: None,
        }
    }

    pub fn want_spatial(&mut self, spatial: u8) {
        self.wanted.spatial = spatial;
    }

    pub fn want_temporal(&mut self, temporal: u8, meanwhile: u8) {
        (self.wanted.temporal, self.meanwhile) = (temporal, meanwhile);
    }

    /// Everything starts again with this packet, a keyframe.
    pub fn begin(&mut self, sequence: u64, numbers: Numbers) {
        self.runs.clear();
        self.newest = None;
        self.picture = None;
        self.remember(Run { from: sequence, numbers, level: self.wanted });
    }

    /// Takes over in the middle of a stretch of which everything was forwarded so far.
    pub fn join(&mut self, base: u64, numbers: Numbers, newest: u64, picture: u32) {
        let level = LayerId { temporal: u8::MAX, ..self.wanted };
        self.runs.clear();
        self.remember(Run { from: base, numbers, level });
        self.newest = Some(newest);
        self.picture = Some(picture);
    }

    /// The level of the newest picture.
    pub fn level(&self) -> Option<LayerId> {
        self.runs.back().map(|run| run.level)
    }

    /// The decode targets that are complete within a level, unless those are all.
    pub fn targets(&self, level: LayerId) -> Option<Targets> {
        let targets = self.structure.as_ref()?.targets_within(level.spatial, level.temporal);
        (!targets.is_all()).then_some(targets)
    }

    pub fn admit(&mut self, packet: &MediaPacket<'_>) -> Admission {
        let facts = &packet.facts;
        let layer = facts.layer();
        if self.newest.is_some_and(|newest| packet.sequence <= newest) {
            let run = self.runs.iter().rev().find(|run| run.from <= packet.sequence);
            return run.map_or(Admission::Drop, |run| Admission::Pass(run.pass(layer)));
        }
        let Some(mut run) = self.runs.back().copied() else { return Admission::Drop };
        let known = run;
        self.newest = Some(packet.sequence);
        let new_picture = self.picture.replace(facts.timestamp) != Some(facts.timestamp);
        if new_picture && facts.begins_frame() {
            run.level = self.next_level(run.level, facts);
            self.learn_structure(packet);
        }
        if run.level.admits(layer) {
            if run.level != known.level {
                self.remember(Run { from: packet.sequence, ..run });
            }
            return Admission::Pass(run.pass(layer));
        }
        // VP8 receivers wait for every picture id; those of VP9 and AV1 follow the references, which count pictures
        // as the publisher does.
        if new_picture && matches!(facts.descriptor, Descriptor::Vp8(_)) {
            run.numbers.picture = run.numbers.picture.wrapping_sub(1);
        }
        run.numbers.offset -= 1;
        self.remember(Run { from: packet.sequence + 1, ..run });
        if layer.spatial > run.level.spatial && layer.spatial <= self.wanted.spatial {
            Admission::NeedKeyframe
        } else {
            Admission::Drop
        }
    }

    /// The level from a picture on, by the first packet of the picture.
    fn next_level(&self, level: LayerId, facts: &Facts) -> LayerId {
        if facts.keyframe {
            return self.wanted;
        }
        let mut spatial = level.spatial.min(self.wanted.spatial);
        if let Descriptor::Av1(one) = &facts.descriptor
            && one.temporal <= level.temporal.min(self.wanted.temporal)
            && one.spatial_switch > spatial
        {
            spatial = one.spatial_switch.min(self.wanted.spatial);
        }
        let limit = if spatial < self.wanted.spatial { self.meanwhile } else { self.wanted.temporal };
        let temporal = level.temporal.min(limit);
        let above = temporal.saturating_add(1);
        let reach = match &facts.descriptor {
            // Y: refers to the base layer only. What comes above it in later pictures need not.
            Descriptor::Vp8(one) if one.layer_sync && one.temporal_layer == above => above,
            // U: nothing above this picture's layer refers to what came before it.
            Descriptor::Vp9(one) if one.switching_up && one.temporal <= temporal => u8::MAX,
            // libvpx also sets it on pictures that refer to lower layers only.
            Descriptor::Vp9(one) if one.switching_up && one.temporal == above => above,
            Descriptor::Av1(one) if one.temporal <= temporal => one.temporal_switch,
            _ => 0,
        };
        LayerId { spatial, temporal: temporal.max(reach.min(limit)) }
    }

    /// Replaces the last run if nothing was sent in it.
    fn remember(&mut self, run: Run) {
        let sent_nothing = |last: &Run| last.from >= run.from || last.from + 1 == run.from;
        let replaces = self.runs.len() > 1
            && self
                .runs
                .back()
                .is_some_and(|last| sent_nothing(last) && last.numbers.offset != run.numbers.offset);
        if replaces {
            self.runs.pop_back();
        } else if self.runs.len() == MAX_RUNS {
            self.runs.pop_front();
        } else if self.runs.capacity() == 0 {
            self.runs.reserve_exact(MAX_RUNS);
        }
        self.runs.push_back(run);
    }

    fn learn_structure(&mut self, packet: &MediaPacket<'_>) {
        if let Descriptor::Av1(frame) = packet.facts.descriptor
            && frame.keyframe
        {
            self.structure = crate::proto::codec::av1::Descriptor::parse(packet.dependencies, None)
                .and_then(|descriptor| descriptor.structure);
        }
    }

    pub fn allocated(&self) -> usize {
        size_of::<Self>() + self.runs.capacity() * size_of::<Run>()
    }
}

impl Run {
    fn pass(&self, layer: LayerId) -> Pass {
        Pass { numbers: self.numbers, level: self.level, blank: !self.level.admits(layer) }
    }
}

impl LayerId {
    fn admits(self, other: Self) -> bool {
        other.spatial <= self.spatial && other.temporal <= self.temporal
    }
}
