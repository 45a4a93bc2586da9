//! Network impairment emulator: what a bad network does to datagrams, as one configuration type.
//!
//! `Link` is the sans-I/O heart (time in, datagrams out) for simulations on a virtual clock; `proxy` is the
//! same links between real UDP sockets, so that a browser or the real server can be put behind them.
//! This module knows nothing of RTP, STUN or rooms: it treats every datagram alike.

pub mod args;
pub mod impair;
pub mod link;
pub mod proxy;
pub mod rng;
#[cfg(test)]
pub mod tcp;

pub use self::{
    args::{Args, run},
    impair::{Bottleneck, GilbertElliott, Impair, ImpairError},
    link::{Counters, Link},
    rng::Rng,
};
