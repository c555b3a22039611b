//! What lies in a storage folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The names of the files that anybody can see, relative to the folder, with `/` between their parts.
#[must_use]
pub fn names(storage: &Path) -> Vec<String> {
    let mut names = Vec::new();
    collect(storage, "", &mut names, &|name| !name.starts_with('.'));
    names.sort();
    names
}

/// The same with what the files hold.
#[must_use]
pub fn visible(storage: &Path) -> BTreeMap<String, Vec<u8>> {
    let content = |name: String| {
        let bytes = fs::read(storage.join(&name)).expect("a visible file can be read");
        (name, bytes)
    };
    names(storage).into_iter().map(content).collect()
}

/// The names in the staging folder.
#[must_use]
pub fn staged(storage: &Path) -> Vec<String> {
    let mut names = Vec::new();
    collect(&storage.join(".staging"), "", &mut names, &|_| true);
    names
}

/// The names in the storage folder itself that begin with a dot.
#[must_use]
pub fn hidden(storage: &Path) -> Vec<String> {
    let mut names: Vec<_> = entries(storage).filter(|name| name.starts_with('.')).collect();
    names.sort();
    names
}

fn collect(folder: &Path, prefix: &str, names: &mut Vec<String>, wanted: &dyn Fn(&str) -> bool) {
    for name in entries(folder).filter(|name| wanted(name)) {
        let path = folder.join(&name);
        if path.is_dir() {
            collect(&path, &format!("{prefix}{name}/"), names, wanted);
        } else {
            names.push(format!("{prefix}{name}"));
        }
    }
}

fn entries(folder: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name in UTF-8"))
}
