//! CPU time and memory of a process.

use std::{fs, time::Duration};

use nix::{
    time::{clock_getcpuclockid, clock_gettime},
    unistd::Pid,
};

/// One reading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// User and system time of all threads, finished ones included, as the scheduler counts it in nanoseconds.
    /// `/proc/<pid>/stat` is coarser: kernels without exact accounting fill it from who runs at each tick.
    pub cpu: Duration,
    pub resident_bytes: u64,
    /// The part of it that is no file: heap and stacks.
    pub anonymous_bytes: u64,
}

impl Usage {
    /// `None` if the process is gone.
    pub fn of(pid: u32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        Some(Self {
            cpu: cpu_time(pid)?,
            resident_bytes: bytes(&status, "VmRSS:")?,
            anonymous_bytes: bytes(&status, "RssAnon:")?,
        })
    }

    pub fn cpu_since(&self, earlier: &Self) -> Duration {
        self.cpu.saturating_sub(earlier.cpu)
    }
}

fn cpu_time(pid: u32) -> Option<Duration> {
    let clock = clock_getcpuclockid(Pid::from_raw(pid.try_into().ok()?)).ok()?;
    Some(clock_gettime(clock).ok()?.into())
}

fn bytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.split_ascii_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_found_in_the_status() {
        let status = "Name:\tx\nVmRSS:\t  2048 kB\nRssAnon:\t 7 kB\n";
        assert_eq!(bytes(status, "VmRSS:"), Some(2048 * 1024));
        assert_eq!(bytes(status, "RssAnon:"), Some(7 * 1024));
        assert_eq!(bytes("nonsense", "VmRSS:"), None);
    }

    #[test]
    fn work_of_threads_that_ended_counts() {
        let pid = std::process::id();
        let before = Usage::of(pid).expect("own process");
        let spent = std::thread::spawn(|| {
            let mut sum = 0u64;
            let spent = || {
                Duration::from(clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID).expect("a clock"))
            };
            while spent() < Duration::from_millis(20) {
                sum = (0..100_000u64).fold(sum, |sum, n| sum.rotate_left(3) ^ n);
            }
            std::hint::black_box(sum);
            spent()
        });
        let spent = spent.join().expect("no panic");
        assert!(Usage::of(pid).expect("own process").cpu_since(&before) >= spent);
    }

    #[test]
    fn a_process_that_is_not_there_has_no_usage() {
        assert_eq!(Usage::of(u32::MAX - 1), None);
    }
}
