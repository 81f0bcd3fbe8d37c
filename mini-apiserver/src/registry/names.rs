//! Names and uids that the server makes up, each from a random stream of its own.

use harness_env::{Env, Rng};

/// What generated names end in: no vowels and nothing that looks like something else
/// (kubernetes 1.7.8 apimachinery/pkg/util/rand/rand.go).
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
const SUFFIX: usize = 5;
const NAME_MAX: usize = 63;

/// Makes names and uids.
pub struct Names {
    suffixes: Rng,
    uids: Rng,
}

impl Names {
    /// Names for one resource.
    pub fn new(env: &Env, resource: &str) -> Self {
        Names {
            suffixes: env.rng(&format!("{resource} names")),
            uids: env.rng(&format!("{resource} uids")),
        }
    }

    /// A name that begins with `base`.
    pub fn generate(&mut self, base: &str) -> String {
        let mut name: String = base.chars().take(NAME_MAX - SUFFIX).collect();
        for _ in 0..SUFFIX {
            name.push(LETTERS[self.suffixes.below(LETTERS.len() as u64) as usize].into());
        }
        name
    }

    /// A random uid (a UUID of version 4).
    pub fn uid(&mut self) -> String {
        let (high, low) = (self.uids.bits(), self.uids.bits());
        let high = high & !0xf000 | 0x4000;
        let low = low & !(0b11 << 62) | 1 << 63;
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        )
    }
}
