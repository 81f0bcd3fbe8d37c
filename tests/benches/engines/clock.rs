//! CPU time of the thread, which no engine overrides.

use std::time::Duration;

/// How long something took, both ways.
pub struct Measured {
    pub simulated: Duration,
    pub cpu: Duration,
}

impl Measured {
    pub fn rate(&self) -> f64 {
        self.simulated.as_secs_f64() / self.cpu.as_secs_f64()
    }
}

/// What this thread has used so far.
pub fn cpu() -> Duration {
    // SAFETY: the call fills the struct, all of whose bit patterns are valid.
    let usage = unsafe {
        let mut usage = std::mem::zeroed::<libc::rusage>();
        assert_eq!(libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage), 0);
        usage
    };
    let of = |t: libc::timeval| {
        Duration::from_secs(t.tv_sec as u64) + Duration::from_micros(t.tv_usec as u64)
    };
    of(usage.ru_utime) + of(usage.ru_stime)
}
