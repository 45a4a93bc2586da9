//! AV1: the dependency descriptor header extension (AV1 RTP specification, appendix A) and what little of the
//! payload is needed where it is missing.
//!
//! Descriptors are short because most of what they say was said before, in the template structure of a keyframe:
//! whoever reads them keeps the last structure per encoding.

mod bits;

use arrayvec::ArrayVec;

use self::bits::{BitReader, BitWriter};

/// Of one frame, as far as forwarding needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Frame {
    pub number: u16,
    pub spatial: u8,
    pub temporal: u8,
    /// First packet of a frame of one spatial layer.
    pub begins_frame: bool,
    pub ends_frame: bool,
    /// First packet of a picture that needs no other.
    pub keyframe: bool,
    /// Highest temporal layer that can be joined here without having received it before.
    pub temporal_switch: u8,
    /// The same for spatial layers.
    pub spatial_switch: u8,
    /// Bytes of the descriptor, which travels with the payload.
    pub descriptor_len: u8,
}

/// What a keyframe says of the frames that follow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Structure {
    id_offset: u8,
    decode_targets: ArrayVec<Layer, MAX_DECODE_TARGETS>,
    templates: Vec<Template>,
    chains: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Layer {
    spatial: u8,
    temporal: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Template {
    layer: Layer,
    /// Two bits per decode target.
    indications: u64,
    has_references: bool,
}

/// A descriptor with the structure it carries, if any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    pub frame: Frame,
    pub structure: Option<Structure>,
    /// Which decode targets are still produced, where this descriptor says so.
    pub active: Option<u32>,
}

/// The longest value of a two-byte header extension (RFC 8285 4.3).
pub const MAX_DESCRIPTOR: usize = 255;
const MAX_DECODE_TARGETS: usize = 32;
const MAX_TEMPLATES: usize = 64;
const MANDATORY_BITS: usize = 24;
const MANDATORY: usize = MANDATORY_BITS / 8;

const NOT_PRESENT: u32 = 0;
const SWITCH: u32 = 2;

/// The five flags behind the mandatory fields.
#[derive(Debug, Clone, Copy, Default)]
struct Flags {
    structure: bool,
    active: bool,
    indications: bool,
    references: bool,
    chains: bool,
}

impl Flags {
    fn read(bits: &mut BitReader<'_>) -> Option<Self> {
        Some(Self {
            structure: bits.flag()?,
            active: bits.flag()?,
            indications: bits.flag()?,
            references: bits.flag()?,
            chains: bits.flag()?,
        })
    }
}

impl Descriptor {
    /// `known` is the last structure of the encoding; needed unless the descriptor carries one.
    pub fn parse(bytes: &[u8], known: Option<&Structure>) -> Option<Self> {
        let descriptor_len = u8::try_from(bytes.len()).ok()?;
        let mut bits = BitReader::new(bytes);
        let (begins_frame, ends_frame) = (bits.flag()?, bits.flag()?);
        let template_id = bits.small(6)?;
        let number = u16::try_from(bits.read(16)?).ok()?;
        let flags = if bytes.len() > MANDATORY { Flags::read(&mut bits)? } else { Flags::default() };
        let structure = if flags.structure { Some(Structure::read(&mut bits)?) } else { None };
        let current = structure.as_ref().or(known)?;
        let targets = current.decode_targets.len();
        let active = if flags.active { Some(bits.read(targets)?) } else { None };

        let index = (template_id + 64 - current.id_offset) % 64;
        let mut template = *current.templates.get(usize::from(index))?;
        if flags.indications {
            template.indications = read_indications(&mut bits, targets)?;
        }
        if flags.references {
            template.has_references = false;
            loop {
                let size = bits.small(2)?;
                if size == 0 {
                    break;
                }
                bits.read(usize::from(size) * 4)?;
                template.has_references = true;
            }
        }
        if flags.chains {
            for _ in 0..current.chains {
                bits.read(8)?;
            }
        }
        let Layer { spatial, temporal } = template.layer;
        let switches = || {
            let layers = current.decode_targets.iter().enumerate();
            layers
                .filter(|(target, _)| indication(template.indications, *target) == SWITCH)
                .map(|(_, one)| one)
        };
        let frame = Frame {
            number,
            spatial,
            temporal,
            begins_frame,
            ends_frame,
            keyframe: begins_frame && structure.is_some() && spatial == 0 && !template.has_references,
            temporal_switch: switches()
                .filter(|one| one.spatial == spatial)
                .map(|one| one.temporal)
                .max()
                .unwrap_or(0),
            spatial_switch: switches().map(|one| one.spatial).max().unwrap_or(0),
            descriptor_len,
        };
        Some(Self { frame, structure, active })
    }
}

impl Structure {
    fn read(bits: &mut BitReader<'_>) -> Option<Self> {
        let id_offset = bits.small(6)?;
        let targets = usize::from(bits.small(5)?) + 1;
        let mut templates = Vec::new();
        let mut layer = Layer::default();
        loop {
            if templates.len() == MAX_TEMPLATES {
                return None;
            }
            templates.push(Template { layer, ..Template::default() });
            match bits.small(2)? {
                0 => {}
                1 => layer.temporal += 1,
                2 => layer = Layer { spatial: layer.spatial + 1, temporal: 0 },
                _ => break,
            }
        }
        for template in &mut templates {
            template.indications = read_indications(bits, targets)?;
        }
        for template in &mut templates {
            while bits.flag()? {
                bits.read(4)?;
                template.has_references = true;
            }
        }
        let chains = bits.non_symmetric(targets + 1)?;
        if chains > 0 {
            for _ in 0..targets {
                bits.non_symmetric(usize::from(chains))?;
            }
            for _ in 0..templates.len() * usize::from(chains) {
                bits.read(4)?;
            }
        }
        if bits.flag()? {
            let spatial_layers = usize::from(templates.last()?.layer.spatial) + 1;
            for _ in 0..spatial_layers {
                bits.read(32)?;
            }
        }
        let highest = |target: usize, of: fn(&Layer) -> u8| {
            let present = templates.iter().filter(|one| indication(one.indications, target) != NOT_PRESENT);
            present.map(|one| of(&one.layer)).max().unwrap_or(0)
        };
        let decode_targets = (0..targets)
            .map(|target| Layer {
                spatial: highest(target, |layer| layer.spatial),
                temporal: highest(target, |layer| layer.temporal),
            })
            .collect();
        Some(Self { id_offset, decode_targets, templates, chains })
    }

    /// The decode targets that are complete in these layers and those below.
    pub fn targets_within(&self, spatial: u8, temporal: u8) -> Targets {
        let mut mask = 0;
        for (target, layer) in self.decode_targets.iter().enumerate() {
            if layer.spatial <= spatial && layer.temporal <= temporal {
                mask |= 1 << target;
            }
        }
        Targets { mask, count: self.decode_targets.len() }
    }
}

/// A set of decode targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Targets {
    pub mask: u32,
    count: usize,
}

impl Targets {
    pub fn is_all(self) -> bool {
        self.mask.count_ones() as usize == self.count
    }
}

/// Writes a descriptor with another frame number, and if so wished with the bitmask of active decode targets.
/// `None` if it is broken or has become too long.
pub fn rewrite(bytes: &[u8], number: u16, active: Option<Targets>) -> Option<ArrayVec<u8, MAX_DESCRIPTOR>> {
    let mut out = ArrayVec::new();
    let Some(active) = active else {
        out.try_extend_from_slice(bytes).ok()?;
        out.get_mut(1..MANDATORY)?.copy_from_slice(&number.to_be_bytes());
        return Some(out);
    };
    let mut bits = BitReader::new(bytes);
    let mut writer = BitWriter::new(&mut out);
    writer.write(bits.read(8)?, 8)?;
    bits.read(16)?;
    writer.write(u32::from(number), 16)?;
    let flags = if bytes.len() > MANDATORY { Flags::read(&mut bits)? } else { Flags::default() };
    for flag in [flags.structure, true, flags.indications, flags.references, flags.chains] {
        writer.write(u32::from(flag), 1)?;
    }
    let mut mask = active.mask;
    if flags.structure {
        let start = bits.position();
        let structure = Structure::read(&mut bits)?;
        if structure.decode_targets.len() != active.count {
            return None;
        }
        let mut copied = BitReader::at(bytes, start);
        for _ in start..bits.position() {
            writer.write(copied.read(1)?, 1)?;
        }
    }
    if flags.active {
        mask &= bits.read(active.count)?;
    }
    writer.write(mask, active.count)?;
    if flags.indications || flags.references || flags.chains {
        while let Some(bit) = bits.read(1) {
            writer.write(bit, 1)?;
        }
    }
    Some(out)
}

fn read_indications(bits: &mut BitReader<'_>, targets: usize) -> Option<u64> {
    let mut indications = 0;
    for target in 0..targets {
        indications |= u64::from(bits.read(2)?) << (2 * target);
    }
    Some(indications)
}

fn indication(indications: u64, target: usize) -> u32 {
    ((indications >> (2 * target)) & 3) as u32
}

/// Whether a payload starts a coded video sequence: the N bit of its aggregation header (AV1 RTP 4.4). For streams
/// without descriptors.
pub fn starts_sequence(payload: &[u8]) -> bool {
    payload.first().is_some_and(|header| header & 0x88 == 0x08)
}

#[cfg(test)]
pub mod tests;
