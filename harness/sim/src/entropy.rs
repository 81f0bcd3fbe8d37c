//! Overrides that keep libraries inside the seed.
//!
//! Our own programs draw from streams and read virtual clocks. Libraries below them do not know of
//! either: std keys its hash maps, h2 expires reset streams, hyper stamps dates. While a thread is
//! armed, the three C functions that all of them end in (`getrandom`, `syscall(SYS_getrandom)`,
//! `clock_gettime`) answer from the run's seed and virtual clock. On every other thread they pass
//! through to the C library.
//!
//! The cells are `const` and have no destructor, so they may be used inside C library calls. Time is
//! a number that the run's tasks set, never a call into tokio, so nothing here can recurse.

use std::cell::Cell;

thread_local! {
    static RANDOM: Cell<Option<u64>> = const { Cell::new(None) };
    static CLOCK: Cell<Option<Clock>> = const { Cell::new(None) };
}

#[derive(Clone, Copy)]
struct Clock {
    /// Nanoseconds since the run began.
    elapsed: u64,
    /// Nanoseconds since the Unix epoch.
    wall: i64,
}

/// What the monotonic clock says when a run begins, in nanoseconds: any fixed value that leaves
/// room for libraries that subtract from "now".
const MONOTONIC_BASE: u64 = 1_000_000 * 1_000_000_000;

/// Feeds this thread's libraries from `seed`, and from the clock set by [`set_clock`].
pub fn arm(seed: u64, wall_nanos: i64) {
    RANDOM.set(Some(seed));
    CLOCK.set(Some(Clock { elapsed: 0, wall: wall_nanos }));
}

/// Gives the thread back to the system.
pub fn disarm() {
    RANDOM.set(None);
    CLOCK.set(None);
}

/// Whether this thread is armed.
pub fn is_armed() -> bool {
    CLOCK.get().is_some()
}

/// Sets what the clocks of an armed thread say.
pub fn set_clock(elapsed_nanos: u64, wall_nanos: i64) {
    if CLOCK.get().is_some() {
        CLOCK.set(Some(Clock { elapsed: elapsed_nanos, wall: wall_nanos }));
    }
}

/// Checks on an armed, fresh thread that the overrides are in effect.
///
/// # Errors
/// Says which one is not: a run on such a thread would not be a function of its seed.
#[expect(clippy::disallowed_methods, reason = "asks the clock whether it is the run's")]
pub fn self_check() -> Result<(), String> {
    let Some(clock) = CLOCK.get() else { return Err("the thread is not armed".into()) };
    let wall = std::time::SystemTime::UNIX_EPOCH
        + std::time::Duration::from_nanos(u64::try_from(clock.wall).unwrap_or(0));
    if std::time::SystemTime::now() != wall {
        return Err("clock_gettime is not overridden".into());
    }
    let before = RANDOM.get();
    let mut bytes = [0u8; 8];
    // SAFETY: the buffer is valid for its length; both calls write at most that many bytes.
    let wrote = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    if wrote != 8 || RANDOM.get() == before {
        return Err("getrandom is not overridden".into());
    }
    let before = RANDOM.get();
    // SAFETY: as above.
    let wrote =
        unsafe { libc::syscall(libc::SYS_getrandom, bytes.as_mut_ptr(), bytes.len(), 0_usize) };
    if wrote != 8 || RANDOM.get() == before {
        return Err("syscall is not overridden".into());
    }
    RANDOM.set(before);
    Ok(())
}

/// SplitMix64 (Steele, Lea, Flood 2014): the next 64 bits of the armed thread.
fn next(state: u64) -> (u64, u64) {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (state, z ^ (z >> 31))
}

/// Fills the buffer if the thread is armed.
///
/// # Safety
/// `buf` must be valid for `len` bytes.
unsafe fn fill(buf: *mut u8, len: usize) -> bool {
    let Ok(Some(mut state)) = RANDOM.try_with(Cell::get) else { return false };
    let mut done = 0;
    while done < len {
        let (after, bits) = next(state);
        state = after;
        let n = (len - done).min(8);
        // SAFETY: `done + n <= len`, and the caller vouches for `len` bytes.
        unsafe { std::ptr::copy_nonoverlapping(bits.to_le_bytes().as_ptr(), buf.add(done), n) };
        done += n;
    }
    RANDOM.set(Some(state));
    true
}

#[cfg(target_os = "linux")]
mod interposed {
    //! The C functions. Symbols of the program come before those of the C library.

    use std::sync::OnceLock;

    use super::{CLOCK, MONOTONIC_BASE, fill};

    /// The C library's own function of this name.
    fn next_symbol(name: &'static std::ffi::CStr, cell: &OnceLock<usize>) -> usize {
        *cell.get_or_init(|| {
            // SAFETY: a valid C string; RTLD_NEXT searches the libraries after this program.
            let found = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) };
            assert!(!found.is_null(), "the C library has {name:?}");
            found as usize
        })
    }

    static GETRANDOM: OnceLock<usize> = OnceLock::new();
    static SYSCALL: OnceLock<usize> = OnceLock::new();
    static CLOCK_GETTIME: OnceLock<usize> = OnceLock::new();

    type Getrandom = unsafe extern "C" fn(*mut libc::c_void, usize, libc::c_uint) -> isize;
    type Syscall = unsafe extern "C" fn(
        libc::c_long,
        usize,
        usize,
        usize,
        usize,
        usize,
        usize,
    ) -> libc::c_long;
    type ClockGettime = unsafe extern "C" fn(libc::clockid_t, *mut libc::timespec) -> libc::c_int;

    #[unsafe(no_mangle)]
    unsafe extern "C" fn getrandom(
        buf: *mut libc::c_void,
        len: usize,
        flags: libc::c_uint,
    ) -> isize {
        // SAFETY: the caller of getrandom(2) vouches for the buffer.
        if unsafe { fill(buf.cast(), len) } {
            return len as isize;
        }
        // SAFETY: the symbol has this type.
        let real: Getrandom = unsafe { std::mem::transmute(next_symbol(c"getrandom", &GETRANDOM)) };
        // SAFETY: the caller's arguments, unchanged.
        unsafe { real(buf, len, flags) }
    }

    /// `syscall` is variadic; on the x86-64 and AArch64 System V ABIs its integer arguments travel
    /// in the same registers as fixed ones.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn syscall(
        number: libc::c_long,
        a: usize,
        b: usize,
        c: usize,
        d: usize,
        e: usize,
        f: usize,
    ) -> libc::c_long {
        // SAFETY: for SYS_getrandom, `a` and `b` are the buffer and its length.
        if number == libc::SYS_getrandom && unsafe { fill(a as *mut u8, b) } {
            return b as libc::c_long;
        }
        // SAFETY: the symbol has this type as far as the ABI goes.
        let real: Syscall = unsafe { std::mem::transmute(next_symbol(c"syscall", &SYSCALL)) };
        // SAFETY: the caller's arguments, unchanged.
        unsafe { real(number, a, b, c, d, e, f) }
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn clock_gettime(
        id: libc::clockid_t,
        out: *mut libc::timespec,
    ) -> libc::c_int {
        if let Ok(Some(clock)) = CLOCK.try_with(std::cell::Cell::get) {
            let nanos = match id {
                libc::CLOCK_REALTIME | libc::CLOCK_REALTIME_COARSE | libc::CLOCK_TAI => {
                    Some(clock.wall)
                }
                libc::CLOCK_MONOTONIC
                | libc::CLOCK_MONOTONIC_RAW
                | libc::CLOCK_MONOTONIC_COARSE
                | libc::CLOCK_BOOTTIME => Some((MONOTONIC_BASE + clock.elapsed) as i64),
                _ => None,
            };
            if let Some(nanos) = nanos {
                let time = libc::timespec {
                    tv_sec: nanos.div_euclid(1_000_000_000),
                    tv_nsec: nanos.rem_euclid(1_000_000_000),
                };
                // SAFETY: the caller of clock_gettime(2) vouches for the pointer.
                unsafe { out.write(time) };
                return 0;
            }
        }
        // SAFETY: the symbol has this type.
        let real: ClockGettime =
            unsafe { std::mem::transmute(next_symbol(c"clock_gettime", &CLOCK_GETTIME)) };
        // SAFETY: the caller's arguments, unchanged.
        unsafe { real(id, out) }
    }
}
