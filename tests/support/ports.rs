//! Ports that are still free when a killed server starts again.
//!
//! Linux gives ports from 32 768 up to whoever connects or binds to port 0, also the port of a server that is just down. The ports
//! here are below. So that programs of one test run do not give out the same ones, each holds a block of them: it listens on the
//! block's first port at an address of its own. `tests/browser/lib/ports.mjs` does the same.

use std::{
    net::{TcpListener, UdpSocket},
    ops::Range,
    sync::{Mutex, PoisonError},
};

/// Browsers refuse 10 080.
const ALL: Range<u16> = 11_000..32_700;
const BLOCK: u16 = 100;
/// Nothing else listens here.
const KEEPER: &str = "127.0.0.254";

struct Ports {
    blocks: Vec<TcpListener>,
    left: Range<u16>,
}

static PORTS: Mutex<Ports> = Mutex::new(Ports { blocks: Vec::new(), left: 0..0 });

pub fn free_tcp_port() -> u16 {
    neighbours(1)
}

/// The first of four neighbouring ports: shard n listens on port + n.
#[allow(dead_code, reason = "not every test that includes this file has media")]
pub fn free_udp_port() -> u16 {
    neighbours(4)
}

/// The first of `count` free ports, none of which is given out again.
fn neighbours(count: u16) -> u16 {
    let mut ports = PORTS.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        while ports.left.len() >= usize::from(count) {
            let first = ports.left.start;
            ports.left.start += count;
            if (first..first + count).all(is_free) {
                return first;
            }
        }
        let (block, first) = ALL
            .step_by(usize::from(BLOCK))
            .find_map(|first| Some((TcpListener::bind((KEEPER, first)).ok()?, first)))
            .expect("a block of ports is free");
        ports.blocks.push(block);
        ports.left = first + 1..(first + BLOCK).min(ALL.end);
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("0.0.0.0", port)).is_ok() && UdpSocket::bind(("0.0.0.0", port)).is_ok()
}
