//! Counts the memory of this process, so that what a server remembers can be seen.

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// How many bytes `thing` holds: what is free again when it is gone. Nothing else may run meanwhile.
pub(crate) fn held_by<T>(thing: T) -> usize {
    let before = MEMORY.current_usage();
    drop(thing);
    before.saturating_sub(MEMORY.current_usage())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_with_a_thing_is_what_it_held() {
        // Other tests hold and let go meanwhile.
        assert!(held_by(vec![0_u8; 1 << 20]) >= 1 << 19);
    }
}
