//! Clocks and random numbers that are the same in every call.
//!
//! The runtimes of some languages read a clock and seed hash tables before any code of a package runs, so refusing them
//! would refuse the languages. The answers depend only on the calls before them, so a package stays a pure function.
//!
//! WASI asks deterministic hosts to omit `wasi:random/random`, because its numbers end in keys and passwords. They do not
//! here: the contract forbids a package to make secrets, which would change at each render. `docs/packages.md` warns
//! authors, and shows how to build without these imports.

use wasmtime::component::{HasSelf, Linker, Resource};
use wasmtime::{Error, Result};

use self::world::wasi::clocks::{monotonic_clock, wall_clock};
use self::world::wasi::random::{insecure, insecure_seed, random};
use crate::sandbox::world::wasi::io::poll::Pollable;
use crate::sandbox::{Sandbox, handle};

mod world {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "rutter:host/fixed",
        imports: {
            "wasi:random/insecure.get-insecure-random-bytes": trappable,
            "wasi:random/random.get-random-bytes": trappable,
        },
        with: {
            "wasi:io/poll": crate::sandbox::world::wasi::io::poll,
        },
    });
}

/// The interfaces that this module answers, without their versions.
pub(crate) const INTERFACES: [&str; 5] = [
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
];

/// The wall clock at the start of a call: 1980-01-01T00:00:00Z. Earlier dates are invalid in some formats, such as ZIP.
const START: u64 = 315_532_800;

/// The nanoseconds that pass with each reading of a clock. So a loop that waits for a time ends, and no time is 0, which
/// Go's runtime takes for an error.
const STEP: u64 = 1_000_000;

const SECOND: u64 = 1_000_000_000;

/// The most random bytes that one call gives. They are the host's memory.
const MOST: u64 = 1 << 20;

/// The clocks and the random numbers of one call.
#[derive(Default)]
pub(crate) struct Fixed {
    /// The nanoseconds since the start of the call.
    now: u64,
    /// The state of SplitMix64.
    random: u64,
}

impl Fixed {
    fn tick(&mut self) -> u64 {
        self.advance(self.now.saturating_add(STEP))
    }

    /// Moves the clocks to an instant, unless it has passed.
    fn advance(&mut self, instant: u64) -> u64 {
        self.now = self.now.max(instant);
        self.now
    }

    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.random;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn random_bytes(&mut self, length: u64) -> Result<Vec<u8>> {
        if length > MOST {
            return Err(Error::msg(format!(
                "it wanted more than {MOST} random bytes in one call"
            )));
        }
        let length = usize::try_from(length)?;
        let mut bytes = Vec::with_capacity(length.next_multiple_of(8));
        while bytes.len() < length {
            bytes.extend(self.random().to_le_bytes());
        }
        bytes.truncate(length);
        Ok(bytes)
    }
}

/// Offers the [`INTERFACES`] to components.
pub(crate) fn add_to_linker(linker: &mut Linker<Sandbox>) -> Result<()> {
    monotonic_clock::add_to_linker::<_, HasSelf<Sandbox>>(linker, |sandbox| sandbox)?;
    wall_clock::add_to_linker::<_, HasSelf<Sandbox>>(linker, |sandbox| sandbox)?;
    insecure::add_to_linker::<_, HasSelf<Sandbox>>(linker, |sandbox| sandbox)?;
    insecure_seed::add_to_linker::<_, HasSelf<Sandbox>>(linker, |sandbox| sandbox)?;
    random::add_to_linker::<_, HasSelf<Sandbox>>(linker, |sandbox| sandbox)
}

impl monotonic_clock::Host for Sandbox {
    fn now(&mut self) -> u64 {
        self.fixed.tick()
    }

    fn resolution(&mut self) -> u64 {
        STEP
    }

    /// Sleeping takes no time.
    fn subscribe_instant(&mut self, when: u64) -> Resource<Pollable> {
        self.fixed.advance(when);
        Resource::new_own(handle::READY)
    }

    fn subscribe_duration(&mut self, when: u64) -> Resource<Pollable> {
        let instant = self.fixed.now.saturating_add(when);
        self.subscribe_instant(instant)
    }
}

impl wall_clock::Host for Sandbox {
    fn now(&mut self) -> wall_clock::Datetime {
        let now = self.fixed.tick();
        wall_clock::Datetime {
            seconds: START + now / SECOND,
            nanoseconds: u32::try_from(now % SECOND).unwrap_or_default(),
        }
    }

    fn resolution(&mut self) -> wall_clock::Datetime {
        wall_clock::Datetime {
            seconds: 0,
            nanoseconds: u32::try_from(STEP).unwrap_or_default(),
        }
    }
}

impl random::Host for Sandbox {
    fn get_random_bytes(&mut self, length: u64) -> Result<Vec<u8>> {
        self.fixed.random_bytes(length)
    }

    fn get_random_u64(&mut self) -> u64 {
        self.fixed.random()
    }
}

impl insecure::Host for Sandbox {
    fn get_insecure_random_bytes(&mut self, length: u64) -> Result<Vec<u8>> {
        self.fixed.random_bytes(length)
    }

    fn get_insecure_random_u64(&mut self) -> u64 {
        self.fixed.random()
    }
}

impl insecure_seed::Host for Sandbox {
    fn insecure_seed(&mut self) -> (u64, u64) {
        (self.fixed.random(), self.fixed.random())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_numbers_are_those_of_splitmix64() {
        // The first of Vigna's reference implementation from the seed 0.
        let expected = [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f];
        let mut fixed = Fixed::default();
        assert_eq!(expected.map(|_| fixed.random()), expected);
        assert_eq!(
            Fixed::default().random_bytes(12).unwrap(),
            [&0xe220_a839_7b1d_cdaf_u64.to_le_bytes()[..], &[0xf4, 0x65, 0xb9, 0xa1]].concat()
        );
        assert!(fixed.random_bytes(u64::MAX).is_err());
    }

    #[test]
    fn clocks_never_stand_still_and_never_overflow() {
        let mut sandbox = Sandbox::new(0);
        assert_eq!(monotonic_clock::Host::now(&mut sandbox), STEP);
        assert_eq!(wall_clock::Host::now(&mut sandbox).seconds, START);
        monotonic_clock::Host::subscribe_duration(&mut sandbox, 3 * SECOND);
        assert_eq!(wall_clock::Host::now(&mut sandbox).seconds, START + 3);
        monotonic_clock::Host::subscribe_instant(&mut sandbox, 0);
        assert!(monotonic_clock::Host::now(&mut sandbox) > 3 * SECOND);
        monotonic_clock::Host::subscribe_duration(&mut sandbox, u64::MAX);
        assert_eq!(monotonic_clock::Host::now(&mut sandbox), u64::MAX);
    }
}
