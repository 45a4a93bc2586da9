use proptest::prelude::*;

use super::*;

/// Writes descriptors for tests, field by field.
#[derive(Default)]
struct Fields(Vec<(u32, usize)>);

impl Fields {
    fn put(mut self, value: u32, bits: usize) -> Self {
        self.0.push((value, bits));
        self
    }

    fn bytes(self) -> Vec<u8> {
        let mut out = ArrayVec::new();
        let mut writer = BitWriter::new(&mut out);
        for (value, bits) in self.0 {
            writer.write(value, bits).unwrap();
        }
        out.to_vec()
    }
}

fn mandatory(begins: bool, ends: bool, template: u32, number: u16) -> Fields {
    Fields::default()
        .put(u32::from(begins), 1)
        .put(u32::from(ends), 1)
        .put(template, 6)
        .put(u32::from(number), 16)
}

const D: u32 = 1;
const S: u32 = 2;
const R: u32 = 3;
const N: u32 = 0;

/// Layers, indications and references of each template, as libwebrtc has them for L1T3.
type Templates<'a> = &'a [((u8, u8), &'a [u32], &'a [u32])];
const L1T3: Templates<'_> = &[
    ((0, 0), &[S, S, S], &[]),
    ((0, 0), &[S, S, S], &[4]),
    ((0, 1), &[N, D, R], &[2]),
    ((0, 2), &[N, N, D], &[1]),
];
/// Two spatial layers, the upper one predicted from the lower in keyframes only.
const L2T2_KEY: Templates<'_> = &[
    ((0, 0), &[S, S, S, S], &[]),
    ((0, 0), &[S, S, N, N], &[4]),
    ((0, 1), &[N, D, N, N], &[2]),
    ((1, 0), &[N, N, S, S], &[1]),
    ((1, 0), &[N, N, S, S], &[4]),
    ((1, 1), &[N, N, N, D], &[2]),
];

/// Three by three, as libwebrtc has them.
const L3T3_KEY: Templates<'_> = &[
    ((0, 0), &[S, S, S, S, S, S, S, S, S], &[]),
    ((0, 0), &[S, S, S, N, N, N, N, N, N], &[12]),
    ((0, 1), &[N, D, S, N, N, N, N, N, N], &[6]),
    ((0, 2), &[N, N, D, N, N, N, N, N, N], &[3]),
    ((1, 0), &[N, N, N, S, S, S, S, S, S], &[1]),
    ((1, 0), &[N, N, N, S, S, S, N, N, N], &[12]),
    ((1, 1), &[N, N, N, N, D, S, N, N, N], &[6]),
    ((1, 2), &[N, N, N, N, N, D, N, N, N], &[3]),
    ((2, 0), &[N, N, N, N, N, N, S, S, S], &[1]),
    ((2, 0), &[N, N, N, N, N, N, S, S, S], &[12]),
    ((2, 1), &[N, N, N, N, N, N, N, D, S], &[6]),
    ((2, 2), &[N, N, N, N, N, N, N, N, D], &[3]),
];

fn structure(mut fields: Fields, templates: Templates<'_>) -> Fields {
    let targets = templates[0].1.len();
    fields = fields.put(0, 6).put(u32::try_from(targets).unwrap() - 1, 5);
    for (index, (layer, ..)) in templates.iter().enumerate() {
        let next = match templates.get(index + 1).map(|one| one.0) {
            None => 3,
            Some(next) if next == *layer => 0,
            Some(next) if next.0 == layer.0 => 1,
            Some(_) => 2,
        };
        fields = fields.put(next, 2);
    }
    for (_, indications, _) in templates {
        for one in *indications {
            fields = fields.put(*one, 2);
        }
    }
    for (.., references) in templates {
        for one in *references {
            fields = fields.put(1, 1).put(one - 1, 4);
        }
        fields = fields.put(0, 1);
    }
    // No chains: ns(targets + 1) of 0; no resolutions.
    let width = (targets + 1).ilog2() as usize;
    fields.put(0, width).put(0, 1)
}

fn key(templates: Templates<'_>, number: u16) -> Vec<u8> {
    structure(mandatory(true, true, 0, number).put(0b10000, 5), templates).bytes()
}

/// Descriptors of a stream for tests elsewhere: a keyframe of L1T3 or a frame of one of its templates.
pub fn l1t3(template: u8, number: u16) -> Vec<u8> {
    if template == 0 { key(L1T3, number) } else { mandatory(true, true, template.into(), number).bytes() }
}

/// The same for a packet of L2T2_KEY: template, and whether the packet begins and ends its frame.
pub fn l2t2_key(template: u8, number: u16, begins: bool, ends: bool) -> Vec<u8> {
    let fields = mandatory(begins, ends, template.into(), number);
    if template == 0 && begins { structure(fields.put(0b10000, 5), L2T2_KEY).bytes() } else { fields.bytes() }
}

/// The same of L1T3 and of L3T3_KEY, by the layers of the frame.
pub fn l1t3_part(key: bool, temporal: u8, number: u16, begins: bool, ends: bool) -> Vec<u8> {
    let fields = mandatory(begins, ends, if key { 0 } else { u32::from(temporal) + 1 }, number);
    if key && begins { structure(fields.put(0b10000, 5), L1T3).bytes() } else { fields.bytes() }
}

pub fn l3t3_key(key: bool, (spatial, temporal): (u8, u8), number: u16, begins: bool, ends: bool) -> Vec<u8> {
    let template = 4 * spatial + if key { 0 } else { 1 + temporal };
    let fields = mandatory(begins, ends, template.into(), number);
    if template == 0 && begins { structure(fields.put(0b10000, 5), L3T3_KEY).bytes() } else { fields.bytes() }
}

#[test]
fn a_keyframe_brings_the_structure_that_later_frames_need() {
    let bytes = key(L1T3, 7);
    assert!(Descriptor::parse(&l1t3(3, 8), None).is_none(), "no structure yet");
    let key = Descriptor::parse(&bytes, None).unwrap();
    assert!(key.frame.keyframe);
    assert_eq!((key.frame.number, key.frame.temporal_switch), (7, 2));
    let known = key.structure.unwrap();
    for (template, temporal, switch) in [(1, 0, 2), (2, 1, 0), (3, 2, 0)] {
        let frame = Descriptor::parse(&l1t3(template, 8), Some(&known)).unwrap().frame;
        assert!(!frame.keyframe);
        assert_eq!((frame.temporal, frame.temporal_switch), (temporal, switch), "template {template}");
    }
    assert!(Descriptor::parse(&l1t3(4, 8), Some(&known)).is_none(), "no such template");
}

#[test]
fn spatial_layers_can_be_joined_at_key_pictures_only() {
    let key = Descriptor::parse(&l2t2_key(0, 1, true, true), None).unwrap();
    let known = key.structure.unwrap();
    assert_eq!(key.frame.spatial_switch, 1);
    let frame = |template| Descriptor::parse(&l2t2_key(template, 2, true, true), Some(&known)).unwrap().frame;
    assert_eq!((frame(1).spatial, frame(1).spatial_switch, frame(1).temporal_switch), (0, 0, 1));
    assert_eq!((frame(4).spatial, frame(4).temporal_switch), (1, 1));
    assert_eq!(known.targets_within(0, 0).mask, 0b0001);
    assert_eq!(known.targets_within(0, 9).mask, 0b0011);
    assert_eq!(known.targets_within(1, 0).mask, 0b0101);
    assert!(known.targets_within(9, 9).is_all());
}

#[test]
fn custom_fields_override_the_template() {
    let known = Descriptor::parse(&key(L1T3, 1), None).unwrap().structure.unwrap();
    // Template 2 with its own indications and no references at all.
    let bytes = mandatory(true, true, 2, 9).put(0b00110, 5).put(N, 2).put(S, 2).put(S, 2).put(0, 2).bytes();
    let frame = Descriptor::parse(&bytes, Some(&known)).unwrap().frame;
    assert_eq!((frame.temporal, frame.temporal_switch), (1, 2));
    assert!(!frame.keyframe, "only a structure makes one");
}

#[test]
fn the_bitmask_is_put_in_wherever_it_belongs() {
    let key = key(L1T3, 7);
    let known = Descriptor::parse(&key, None).unwrap().structure.unwrap();
    let active = known.targets_within(0, 1);
    for original in [key, l1t3(1, 7), mandatory(true, true, 1, 7).put(0b01001, 5).put(0b101, 3).bytes()] {
        let before = Descriptor::parse(&original, Some(&known)).unwrap();
        let out = rewrite(&original, 500, Some(active)).unwrap();
        let after = Descriptor::parse(&out, Some(&known)).unwrap();
        let expected = Frame { number: 500, descriptor_len: after.frame.descriptor_len, ..before.frame };
        assert_eq!(after.frame, expected);
        assert_eq!(after.structure, before.structure);
        assert_eq!(after.active, Some(active.mask & before.active.unwrap_or(u32::MAX)));
        let plain = rewrite(&original, 500, None).unwrap();
        assert_eq!(plain.len(), original.len());
        assert_eq!(Descriptor::parse(&plain, Some(&known)).unwrap().active, before.active);
    }
}

#[test]
fn truncations_are_refused() {
    let bytes = key(L2T2_KEY, 7);
    for len in 0..bytes.len() {
        assert!(Descriptor::parse(&bytes[..len], None).is_none(), "{len} bytes");
    }
}

#[test]
fn a_new_sequence_is_seen_without_descriptors() {
    assert!(starts_sequence(&[0x18, 0x0A]));
    assert!(!starts_sequence(&[0x10, 0x0A]), "no new sequence");
    assert!(!starts_sequence(&[0x98, 0x0A]), "continues an OBU");
    assert!(!starts_sequence(&[]));
}

proptest! {
    #[test]
    fn what_can_be_read_can_be_rewritten(bytes in proptest::collection::vec(any::<u8>(), 0..80), number: u16) {
        let known = Descriptor::parse(&key(L2T2_KEY, 7), None).unwrap().structure.unwrap();
        let Some(before) = Descriptor::parse(&bytes, Some(&known)) else { return Ok(()) };
        let targets = before.structure.as_ref().unwrap_or(&known).targets_within(0, 1);
        let out = rewrite(&bytes, number, Some(targets)).unwrap();
        let after = Descriptor::parse(&out, Some(&known)).unwrap();
        prop_assert_eq!(after.frame.number, number);
        prop_assert_eq!((after.frame.spatial, after.frame.temporal), (before.frame.spatial, before.frame.temporal));
        prop_assert_eq!(after.frame.temporal_switch, before.frame.temporal_switch);
    }
}
