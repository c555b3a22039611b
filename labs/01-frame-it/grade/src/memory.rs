//! Counts the memory of this process, so that a decoder that keeps what it has handed on is found.

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// How much more memory `work` held at its worst than there was before. Nothing else may run meanwhile.
pub(crate) fn held_by(work: impl FnOnce()) -> usize {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    work();
    MEMORY.peak_usage().saturating_sub(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_held_and_let_go_is_counted() {
        assert!(held_by(|| drop(vec![0_u8; 1 << 20])) >= 1 << 20);
    }
}
