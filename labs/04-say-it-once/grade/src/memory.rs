//! Counts the memory of this process, so that a gate that keeps what it may forget is found.

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// How much more memory there is in use after `work` than before. Nothing else may run meanwhile.
pub(crate) fn kept_by(work: impl FnOnce()) -> usize {
    let before = MEMORY.current_usage();
    work();
    MEMORY.current_usage().saturating_sub(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_let_go_does_not_count() {
        let mut kept = Vec::new();
        let bytes = kept_by(|| {
            drop(vec![0_u8; 1 << 26]);
            kept = vec![0_u8; 1 << 24];
        });
        assert!((1 << 23..1 << 26).contains(&bytes), "{bytes}");
        drop(kept);
    }
}
