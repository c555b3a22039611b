//! Texts that are compared with a file, so that a change of what a person reads is seen and meant.

use std::path::Path;

/// Compares `text` with the file at `path`. With `LAB_GOLDEN=write` in the environment it writes the file instead.
///
/// # Panics
/// When they differ, or the file cannot be written.
#[track_caller]
pub fn golden(path: &Path, text: &str) {
    if std::env::var_os("LAB_GOLDEN").is_some_and(|value| value == "write") {
        let written = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(path, text));
        assert!(written.is_ok(), "{}: {written:?}", path.display());
        return;
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default().replace("\r\n", "\n");
    assert!(
        text == expected,
        "{} is not what is said now; LAB_GOLDEN=write makes it so.\n--- now\n{text}",
        path.display()
    );
}
