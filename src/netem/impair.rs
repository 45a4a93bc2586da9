//! The configuration of one direction, and its text form (`loss=0.05,latency=20ms,rate=2M`).

use std::{str::FromStr, time::Duration};

/// How much a datagram held back by `reorder` is late beyond the others, if `jitter` is smaller.
pub const REORDER_MIN_DELAY: Duration = Duration::from_millis(5);
/// Queue of a bottleneck when only its rate is given: about 100 ms at 5 Mb/s, a usual home router.
const DEFAULT_BUFFER_BYTES: u64 = 64 * 1024;

/// What happens to datagrams in one direction.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Impair {
    /// Added to every datagram.
    pub latency: Duration,
    /// Uniform extra delay in `0..=jitter`; never reorders by itself.
    pub jitter: Duration,
    pub loss: GilbertElliott,
    /// Probability that a datagram is held back behind its successors.
    pub reorder: f64,
    /// Probability that a datagram arrives twice.
    pub duplicate: f64,
    /// A bottleneck with a tail-drop queue in front of the delay.
    pub link: Option<Bottleneck>,
    pub seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bottleneck {
    pub rate_bits_per_second: u64,
    pub buffer_bytes: u64,
}

/// Two-state loss (Gilbert 1960, Elliott 1963). Plain random loss is the special case that never leaves
/// the good state.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct GilbertElliott {
    /// Probability per datagram of entering the bad state.
    pub to_bad: f64,
    /// Probability per datagram of leaving the bad state.
    pub to_good: f64,
    pub loss_good: f64,
    pub loss_bad: f64,
}

impl GilbertElliott {
    /// Independent loss with probability `rate`.
    pub fn random(rate: f64) -> Self {
        Self { to_bad: 0.0, to_good: 1.0, loss_good: rate, loss_bad: rate }
    }

    /// Loss in bursts of `mean_length` datagrams on average, `rate` of all datagrams in the long run.
    pub fn bursts(rate: f64, mean_length: f64) -> Self {
        let to_good = 1.0 / mean_length.max(1.0);
        let to_bad = (rate * to_good / (1.0 - rate).max(f64::EPSILON)).min(1.0);
        Self { to_bad, to_good, loss_good: 0.0, loss_bad: 1.0 }
    }

    fn is_valid(&self) -> bool {
        [self.to_bad, self.to_good, self.loss_good, self.loss_bad].into_iter().all(is_probability)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImpairError {
    #[error("expected key=value, found {0:?}")]
    NotAPair(String),
    #[error("unknown key {0:?}; known: latency jitter loss burst ge reorder duplicate rate buffer seed")]
    UnknownKey(String),
    #[error("{key}: {value:?} is not {expected}")]
    BadValue { key: String, value: String, expected: &'static str },
}

impl FromStr for Impair {
    type Err = ImpairError;

    /// Empty text is a perfect network. `burst=4` makes the loss come in bursts of that mean length;
    /// `ge=p/r/good/bad` gives all four probabilities.
    fn from_str(text: &str) -> Result<Self, ImpairError> {
        let mut impair = Self::default();
        let mut rate_of_loss = None;
        let mut burst = None;
        let mut link: Option<Bottleneck> = None;
        let mut buffer = None;
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let Some((key, value)) = pair.split_once('=') else {
                return Err(ImpairError::NotAPair(pair.to_owned()));
            };
            let bad = |expected| ImpairError::BadValue { key: key.into(), value: value.into(), expected };
            let probability = || parse_probability(value).ok_or(bad("a probability between 0 and 1"));
            match key {
                "latency" => impair.latency = parse_duration(value).ok_or(bad("a duration such as 20ms"))?,
                "jitter" => impair.jitter = parse_duration(value).ok_or(bad("a duration such as 20ms"))?,
                "loss" => rate_of_loss = Some(probability()?),
                "burst" => {
                    burst = Some(value.parse::<f64>().ok().filter(|b| *b >= 1.0).ok_or(bad("a length ≥ 1"))?);
                }
                "ge" => impair.loss = parse_ge(value).ok_or(bad("four probabilities p/r/good/bad"))?,
                "reorder" => impair.reorder = probability()?,
                "duplicate" => impair.duplicate = probability()?,
                "rate" => {
                    let rate_bits_per_second =
                        parse_si(value).filter(|r| *r > 0).ok_or(bad("bits per second such as 2M"))?;
                    link = Some(Bottleneck { rate_bits_per_second, buffer_bytes: DEFAULT_BUFFER_BYTES });
                }
                "buffer" => buffer = Some(parse_si(value).ok_or(bad("bytes such as 64k"))?),
                "seed" => impair.seed = value.parse().map_err(|_| bad("a whole number"))?,
                _ => return Err(ImpairError::UnknownKey(key.to_owned())),
            }
        }
        match (rate_of_loss, burst) {
            (Some(rate), Some(length)) => impair.loss = GilbertElliott::bursts(rate, length),
            (Some(rate), None) => impair.loss = GilbertElliott::random(rate),
            (None, _) => {}
        }
        if let (Some(link), Some(buffer_bytes)) = (&mut link, buffer) {
            link.buffer_bytes = buffer_bytes;
        }
        impair.link = link;
        Ok(impair)
    }
}

/// `1.5M` → 1 500 000; suffixes k, M, G are decimal.
pub fn parse_si(text: &str) -> Option<u64> {
    let (digits, factor) = match text.char_indices().last()? {
        (at, 'k' | 'K') => (text.get(..at)?, 1e3),
        (at, 'M' | 'm') => (text.get(..at)?, 1e6),
        (at, 'G' | 'g') => (text.get(..at)?, 1e9),
        _ => (text, 1.0),
    };
    let value = digits.parse::<f64>().ok()? * factor;
    (value.is_finite() && (0.0..1e15).contains(&value)).then_some(value.round() as u64)
}

/// `500us`, `20ms`, `1.5s`, `2m`; a bare number is seconds.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (digits, unit) = (text.get(..split)?, text.get(split..)?);
    let factor = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" | "" => 1.0,
        "m" => 60.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(digits.parse::<f64>().ok()? * factor).ok()
}

fn parse_probability(text: &str) -> Option<f64> {
    text.parse().ok().filter(|p| is_probability(*p))
}

fn parse_ge(text: &str) -> Option<GilbertElliott> {
    let mut parts = text.split('/').map(|part| part.parse::<f64>().ok());
    let mut next = || parts.next().flatten();
    let loss = GilbertElliott { to_bad: next()?, to_good: next()?, loss_good: next()?, loss_bad: next()? };
    (parts.next().is_none() && loss.is_valid()).then_some(loss)
}

fn is_probability(p: f64) -> bool {
    (0.0..=1.0).contains(&p)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_is_read_and_mistakes_are_named() {
        let impair: Impair =
            "latency=20ms,jitter=5ms,loss=0.05,reorder=0.01,duplicate=0.02,rate=2M,buffer=32k,seed=9"
                .parse()
                .unwrap();
        assert_eq!(
            impair,
            Impair {
                latency: Duration::from_millis(20),
                jitter: Duration::from_millis(5),
                loss: GilbertElliott::random(0.05),
                reorder: 0.01,
                duplicate: 0.02,
                link: Some(Bottleneck { rate_bits_per_second: 2_000_000, buffer_bytes: 32_000 }),
                seed: 9,
            }
        );
        assert_eq!("".parse(), Ok(Impair::default()));
        assert_eq!("loss".parse::<Impair>(), Err(ImpairError::NotAPair("loss".into())));
        assert!(matches!("loss=1.5".parse::<Impair>(), Err(ImpairError::BadValue { .. })));
        assert!(matches!("los=0.1".parse::<Impair>(), Err(ImpairError::UnknownKey(_))));
        assert!(matches!("ge=0.1/0.5/0".parse::<Impair>(), Err(ImpairError::BadValue { .. })));
        assert!(matches!("rate=0".parse::<Impair>(), Err(ImpairError::BadValue { .. })));
    }

    #[test]
    fn units_are_read() {
        assert_eq!(parse_si("1.5M"), Some(1_500_000));
        assert_eq!(parse_si("800"), Some(800));
        assert_eq!(parse_si("-1"), None);
        assert_eq!(parse_si("x"), None);
        assert_eq!(parse_duration("500us"), Some(Duration::from_micros(500)));
        assert_eq!(parse_duration("10"), Some(Duration::from_secs(10)));
        assert_eq!(parse_duration("2m"), Some(Duration::from_secs(120)));
        assert_eq!(parse_duration("2h"), None);
        assert_eq!(parse_duration("-2s"), None);
    }

    #[test]
    fn bursts_keep_the_long_run_rate() {
        let loss = GilbertElliott::bursts(0.1, 5.0);
        let bad_share = loss.to_bad / (loss.to_bad + loss.to_good);
        assert!((bad_share - 0.1).abs() < 1e-9);
    }
}
