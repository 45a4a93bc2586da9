//! CPU time and memory of a process, from `/proc`.

use std::{fs, time::Duration};

/// The kernel reports times in `/proc/<pid>/stat` in units of `USER_HZ`, which is 100 on every architecture
/// Linux supports today.
const TICK: Duration = Duration::from_millis(10);

/// One reading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// User and system time of all threads, finished ones included; 10 ms steps.
    pub cpu: Duration,
    /// Time on a CPU of the threads that live now, in nanoseconds; absent without scheduler statistics.
    pub running: Option<Duration>,
    pub resident_bytes: u64,
}

impl Usage {
    /// `None` if the process is gone or is not ours to look at.
    pub fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        Some(Self {
            cpu: parse_cpu(&stat)?,
            running: running(pid).filter(|time| !time.is_zero()),
            resident_bytes: parse_resident(&status)?,
        })
    }

    /// CPU time since `earlier`: the finer clock if both readings have it and no thread ended in between.
    pub fn cpu_since(&self, earlier: &Self) -> Duration {
        let coarse = self.cpu.saturating_sub(earlier.cpu);
        match (self.running, earlier.running) {
            (Some(now), Some(then)) => {
                let fine = now.saturating_sub(then);
                // The coarse clock may be off by a tick at either end; more means that the fine one lost
                // a thread that ended.
                if fine + TICK * 4 >= coarse { fine } else { coarse }
            }
            _ => coarse,
        }
    }
}

/// utime and stime are fields 14 and 15; the command in field 2 may contain spaces and parentheses.
fn parse_cpu(stat: &str) -> Option<Duration> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u32>().ok();
    Some(TICK * ticks()?.checked_add(ticks()?)?)
}

fn parse_resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_ascii_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

fn running(pid: u32) -> Option<Duration> {
    let mut total = 0u64;
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        // A thread may end between the listing and the reading.
        let Ok(text) = fs::read_to_string(task.ok()?.path().join("schedstat")) else { continue };
        total += text.split_ascii_whitespace().next()?.parse::<u64>().ok()?;
    }
    Some(Duration::from_nanos(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_behind_a_hostile_command_name() {
        let stat = "42 (a) b (c) R 1 1 1 0 -1 4194304 1 0 0 0 150 50 0 0 20 0 4 0 100 0 0";
        assert_eq!(parse_cpu(stat), Some(Duration::from_secs(2)));
        assert_eq!(parse_resident("Name:\tx\nVmRSS:\t  2048 kB\n"), Some(2048 * 1024));
        assert_eq!(parse_cpu("nonsense"), None);
    }

    #[test]
    fn own_usage_grows_with_work() {
        let pid = std::process::id();
        let before = Usage::of(pid).expect("own process");
        let mut sum = 0u64;
        let mut after = before;
        while after.cpu_since(&before) < Duration::from_millis(30) {
            sum = (0..1_000_000u64).fold(sum, |sum, n| sum.rotate_left(3) ^ n);
            after = Usage::of(pid).expect("own process");
        }
        assert!(std::hint::black_box(sum) != 1 && after.resident_bytes > 0);
    }

    #[test]
    fn a_process_that_is_not_there_has_no_usage() {
        assert_eq!(Usage::of(u32::MAX - 1), None);
    }
}
