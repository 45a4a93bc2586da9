//! Cores of this process, and threads that stay on one.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The core for a shard, among those the process may use; shards beyond their number share.
pub fn of_shard(index: u16) -> io::Result<usize> {
    let allowed = sched_getaffinity(None)?;
    let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect();
    let nth = usize::from(index).checked_rem(cores.len());
    nth.and_then(|nth| cores.get(nth)).copied().ok_or_else(|| io::Error::other("no core is allowed"))
}

/// Keeps the calling thread on `core`.
pub fn pin(core: usize) -> io::Result<()> {
    let mut only = CpuSet::new();
    only.set(core);
    Ok(sched_setaffinity(None, &only)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_thread_may_use_one_core_and_shards_take_turns() {
        let first = of_shard(0).unwrap();
        let count = sched_getaffinity(None).unwrap().count();
        assert_eq!(of_shard(u16::try_from(count).unwrap()).unwrap(), first);
        let thread = std::thread::spawn(move || {
            pin(first).unwrap();
            let mine = sched_getaffinity(None).unwrap();
            (mine.count(), mine.is_set(first))
        });
        assert_eq!(thread.join().unwrap(), (1, true));
    }
}
