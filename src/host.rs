//! What the outside world hands in: time and randomness.

/// Clock and randomness. Tests own theirs; the browser's and the system's are the defaults.
pub trait Host {
    /// Milliseconds since 1970-01-01 UTC. May step backwards; nothing here is ordered by it.
    fn now_ms(&self) -> i64;

    /// Microseconds from an arbitrary start, never stepping backwards: for durations only.
    fn monotonic_us(&self) -> u64;

    /// Fills `bytes` with randomness.
    fn random(&self, bytes: &mut [u8]);

    /// A new UUIDv7.
    fn uuid(&self) -> uuid::Uuid {
        let mut random = [0; 10];
        self.random(&mut random);
        let millis = u64::try_from(self.now_ms()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }
}

/// The operating system's clock and randomness.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemHost;

#[cfg(not(target_arch = "wasm32"))]
impl Host for SystemHost {
    fn now_ms(&self) -> i64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |elapsed| {
            i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
        })
    }

    fn monotonic_us(&self) -> u64 {
        static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        let elapsed = START.get_or_init(std::time::Instant::now).elapsed();
        u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
    }

    fn random(&self, bytes: &mut [u8]) {
        use std::hash::{BuildHasher, Hasher};
        // Every RandomState is keyed from the system's randomness.
        for block in bytes.chunks_mut(8) {
            let word = std::collections::hash_map::RandomState::new()
                .build_hasher()
                .finish()
                .to_le_bytes();
            for (byte, random) in block.iter_mut().zip(word) {
                *byte = random;
            }
        }
    }
}

/// A host that tests own: its clock moves only when told to, its randomness repeats for a seed.
#[derive(Debug)]
pub struct ManualHost {
    now_ms: std::cell::Cell<i64>,
    state: std::cell::Cell<u64>,
}

impl ManualHost {
    /// A host whose clock stands at 2026-01-01 and whose randomness follows from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            now_ms: std::cell::Cell::new(1_767_225_600_000),
            state: std::cell::Cell::new(seed),
        }
    }

    /// Moves the clock by `ms`, which may be negative.
    pub fn advance(&self, ms: i64) {
        self.now_ms.set(self.now_ms.get() + ms);
    }
}

impl Host for ManualHost {
    fn now_ms(&self) -> i64 {
        self.now_ms.get()
    }

    fn monotonic_us(&self) -> u64 {
        u64::try_from(self.now_ms.get()).unwrap_or(0) * 1000
    }

    fn random(&self, bytes: &mut [u8]) {
        for byte in bytes {
            // SplitMix64.
            let state = self.state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
            self.state.set(state);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *byte = (z ^ (z >> 31)).to_le_bytes()[0];
        }
    }
}
