//! What one forwarded packet costs: nothing allocated, and no more instructions than recorded.
//!
//! The counts are of this debug build (optimised libraries, unoptimised own code); `make bench` gives times of the
//! release build. Counted instructions do not depend on the machine's load.

#[path = "../benches/support/room.rs"]
mod room;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    process::Command,
    time::Duration,
};

use room::Bench;

const SUBSCRIBERS: usize = 20;
const PACKETS: usize = 8;
/// What was measured last, per forwarded packet. Lower it when the path gets cheaper.
const RECORDED_INSTRUCTIONS: f64 = 15_967.0;
/// Noise of another compiler or allocator state; more is a change of the path.
const TOLERANCE: f64 = 0.03;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: forwards to the system allocator unchanged; the counter is a plain thread-local without a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's contract is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract is passed on.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's contract is passed on.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A call that has been going on for a while, and frames for it.
fn warm() -> (Bench, Vec<Vec<Vec<u8>>>) {
    let mut bench = Bench::call(SUBSCRIBERS);
    let mut frames = bench.frames(120, PACKETS);
    let rest = frames.split_off(60);
    for frame in &mut frames {
        bench.forward_for_real(frame);
    }
    let received = bench.received();
    assert!(received >= (SUBSCRIBERS * PACKETS * 50) as u64, "only {received} packets arrived");
    (bench, rest)
}

#[test]
fn forwarding_allocates_nothing() {
    let (mut bench, mut frames) = warm();
    let (mut sent, mut allocations) = (0, 0);
    for (number, frame) in frames.iter_mut().enumerate() {
        let before = ALLOCATIONS.get();
        let datagrams = bench.forward(frame);
        // Buffers of the flush grow with the first frame that is flushed in one piece.
        if number > 0 {
            allocations += ALLOCATIONS.get() - before;
            sent += datagrams;
        }
        // Feedback, which is per tick and not per packet.
        bench.pass(Duration::from_millis(33));
    }
    assert_eq!(sent, 59 * PACKETS * SUBSCRIBERS);
    assert_eq!(allocations, 0, "for {sent} packets");
}

/// The part whose instructions are counted: its name is what the counter is switched on by.
#[inline(never)]
#[unsafe(no_mangle)]
fn convene_measured_forwarding(bench: &mut Bench, frames: &mut [Vec<Vec<u8>>]) -> usize {
    frames.iter_mut().map(|frame| bench.forward(frame)).sum()
}

#[test]
#[ignore = "runs under the instruction counter, started by the test below"]
fn counted() {
    let (mut bench, mut frames) = warm();
    println!("forwarded {}", convene_measured_forwarding(&mut bench, &mut frames));
}

#[test]
fn forwarding_needs_no_more_instructions_than_recorded() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=convene_measured_forwarding"])
        .arg(format!("--callgrind-out-file={}", folder.path().join("out").display()))
        .arg(std::env::current_exe().expect("this test"))
        .args(["--exact", "counted", "--ignored", "--nocapture", "--test-threads=1"])
        .output()
        .expect("valgrind, which `make setup` installs");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    let number = |text: &str, before: &str| -> f64 {
        let rest = text.split(before).nth(1).unwrap_or_else(|| panic!("{before:?} in {text}"));
        rest.split_whitespace().next().and_then(|word| word.parse().ok()).expect("a number")
    };
    let per_packet = number(&stderr, "Collected : ") / number(&stdout, "forwarded ");
    println!("{per_packet:.0} instructions per forwarded packet, recorded {RECORDED_INSTRUCTIONS}");
    let ratio = per_packet / RECORDED_INSTRUCTIONS;
    assert!(ratio <= 1.0 + TOLERANCE, "{per_packet:.0} instructions, {RECORDED_INSTRUCTIONS} recorded");
    assert!(ratio >= 0.8, "much cheaper than recorded: record {per_packet:.0}");
}
