//! What lies in a storage folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The files that anybody can see, by their names relative to the folder (`/` between parts), with their content.
#[must_use]
pub fn visible(storage: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    collect(storage, "", &mut files, &|name| !name.starts_with('.'));
    files
}

/// The names in the staging folder.
#[must_use]
pub fn staged(storage: &Path) -> Vec<String> {
    let mut files = BTreeMap::new();
    collect(&storage.join(".staging"), "", &mut files, &|_| true);
    files.into_keys().collect()
}

/// The names in the storage folder itself that begin with a dot.
#[must_use]
pub fn hidden(storage: &Path) -> Vec<String> {
    let names = fs::read_dir(storage).expect("the storage folder").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().expect("a name in UTF-8")).collect();
    names.retain(|name| name.starts_with('.'));
    names.sort();
    names
}

fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>, wanted: &dyn Fn(&str) -> bool) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("a name in UTF-8");
        if !wanted(&name) {
            continue;
        }
        let path = entry.path();
        if path.is_dir() {
            collect(&path, &format!("{prefix}{name}/"), files, wanted);
        } else if let Ok(content) = fs::read(&path) {
            // A file that went between the two looks was not there.
            files.insert(format!("{prefix}{name}"), content);
        }
    }
}
