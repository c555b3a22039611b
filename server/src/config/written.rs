//! The layer of the file: what the user wrote, and whether it is a section, a key and a value.

use super::document::{Half, Node, locate, parse, place_of};
use super::error::{At, ConfigError, Note};
use super::key::{Given, Key, Wrong, one_of};
use super::layer::{Layered, Source, help, keys_expected, shortened};
use super::suggest::nearest;
use super::table::{TABLE, sections};

impl Layered<'_> {
    /// Lays the file over what there is.
    pub(crate) fn file(&mut self) {
        let text = self.text;
        match parse(text) {
            // Every line may be a comment.
            Ok(Node::Null) => {}
            Ok(Node::Mapping(sections)) => self.sections(&sections),
            Ok(other) => self.errors.add(|| {
                let at = locate(text, &[], Half::Value).map_or(At::File, |bytes| At::Span(bytes, expected_sections()));
                ConfigError::new(format!("the file holds {} and no sections", kind_of(&other)), at)
            }),
            Err(error) => self.errors.add(|| {
                let place = place_of(text, &error);
                // The parser's own words end in a place, which the line below shows better.
                let words = error.to_string();
                let (what, _) = words.split_once(" at line ").unwrap_or((&words, ""));
                let at = place.map_or(At::File, |bytes| At::Span(bytes, what.to_owned()));
                let title = match at {
                    At::File => format!("the file cannot be read as YAML: {what}"),
                    At::Span(..) | At::Spans(_) | At::Elsewhere => "the file cannot be read as YAML".to_owned(),
                };
                let at_tab = matches!(&at, At::Span(bytes, _) if text.get(bytes.start..).is_some_and(|rest| rest.starts_with('\t')));
                let notes = at_tab.then(|| Note::Help("YAML indents with spaces, not with tabs".to_owned()));
                ConfigError { title, at, notes: notes.into_iter().collect() }
            }),
        }
    }

    fn sections(&mut self, entries: &[(Node, Node)]) {
        for (index, (name, content)) in entries.iter().enumerate() {
            let path = [index];
            self.repeated(entries, index, &[], "section");
            let Some(section) = sections().into_iter().find(|section| name.is_text(section)) else {
                self.unknown_section(&path);
                continue;
            };
            match content {
                // All its keys may be commented out.
                Node::Null => {}
                Node::Mapping(keys) => self.keys(section, index, keys),
                Node::Bool | Node::Integer(_) | Node::Float | Node::Text(_) | Node::List => {
                    let text = self.text;
                    self.errors.add(|| {
                        let found = spelled(text, &path, content);
                        let at = span(text, &path, Half::Value, "expected its keys, indented, one a line");
                        ConfigError::new(format!("section `{section}` holds {found}"), at)
                    });
                }
            }
        }
    }

    fn keys(&mut self, section: &'static str, section_index: usize, entries: &[(Node, Node)]) {
        for (index, (name, value)) in entries.iter().enumerate() {
            let path = [section_index, index];
            self.repeated(entries, index, &[section_index], section);
            let Some(row) = TABLE.iter().position(|key| key.section == section && name.is_text(key.name)) else {
                self.unknown_key(section, &path);
                continue;
            };
            let text = self.text;
            let place = || locate(text, &path, Half::Value).unwrap_or_default();
            self.lay(
                row,
                Given::Node(value),
                || Source::File(place()),
                |key, wrong| {
                    let found = key.repeated(&spelled(text, &path, value));
                    // Nothing after the colon has no place of its own.
                    let absent = found == "``";
                    let half = if absent { Half::Key } else { Half::Value };
                    let label = format!("expected {}", key.expected());
                    let title = match wrong {
                        Wrong::NotYet => format!("{found} is not available yet for `{}`", key.path()),
                        Wrong::NoSuch(_) if absent => format!("`{}` has no value", key.path()),
                        Wrong::NoSuch(_) => format!("wrong value for `{}`: {found}", key.path()),
                    };
                    let mut notes = help(wrong);
                    let at = if key.is_secret() {
                        // The line itself would show it.
                        notes.push(Note::Fact(label));
                        At::File
                    } else {
                        span(text, &path, half, &label)
                    };
                    ConfigError { title, at, notes }
                },
            );
        }
    }

    /// Reports the entry if one before it has the same name. YAML forbids it, and taking either is a guess.
    fn repeated(&mut self, entries: &[(Node, Node)], index: usize, parent: &[usize], what: &str) {
        let Some((name, _)) = entries.get(index) else { return };
        if !matches!(name, Node::Text(_)) {
            return;
        }
        let Some(first) = entries.iter().take(index).position(|(other, _)| other == name) else { return };
        let text = self.text;
        self.errors.add(|| {
            let place = |index| locate(text, &[parent, &[index]].concat(), Half::Key).unwrap_or_default();
            let spelling = text.get(place(index)).unwrap_or_default();
            let title = match parent {
                [] => format!("section `{spelling}` appears twice"),
                _ => format!("key `{what}.{spelling}` appears twice"),
            };
            let first = (place(first), "first here".to_owned());
            ConfigError::new(title, At::Spans([first, (place(index), "expected once".to_owned())]))
        });
    }

    fn unknown_section(&mut self, path: &[usize]) {
        let text = self.text;
        self.errors.add(|| {
            let bytes = locate(text, path, Half::Key).unwrap_or_default();
            let name = text.get(bytes.clone()).unwrap_or_default();
            let near = nearest(name, sections()).map(|section| format!("did you mean `{section}`?"));
            let inside = || {
                let key = TABLE.iter().find(|key| key.name == name || key.path() == name)?;
                Some(format!("`{}` is a key of section `{}`", key.name, key.section))
            };
            let notes = near.or_else(inside).map(Note::Help).into_iter().collect();
            let label = format!("expected {}", one_of(&sections()));
            ConfigError { title: format!("unknown section `{}`", shortened(name)), at: At::Span(bytes, label), notes }
        });
    }

    fn unknown_key(&mut self, section: &'static str, path: &[usize]) {
        let text = self.text;
        self.errors.add(|| {
            let bytes = locate(text, path, Half::Key).unwrap_or_default();
            let name = text.get(bytes.clone()).unwrap_or_default();
            let here: Vec<_> = TABLE.iter().filter(|key| key.section == section).collect();
            let near = nearest(name, here.iter().map(|key| key.name))
                .map(|near| format!("{section}.{near}"))
                .or_else(|| nearest(name, TABLE.iter().map(|key| key.name)).and_then(path_of));
            let notes = near.map(|near| Note::Help(format!("did you mean `{near}`?"))).into_iter().collect();
            let label = keys_expected(section, |key| key.name);
            let title = format!("unknown key `{section}.{}`", shortened(name));
            ConfigError { title, at: At::Span(bytes, label), notes }
        });
    }
}

fn span(text: &str, path: &[usize], half: Half, label: &str) -> At {
    locate(text, path, half).map_or(At::File, |bytes| At::Span(bytes, label.to_owned()))
}

/// A value as the file spells it, to stand in a title.
fn spelled(text: &str, path: &[usize], value: &Node) -> String {
    match value {
        Node::List | Node::Mapping(_) => kind_of(value).to_owned(),
        Node::Null | Node::Bool | Node::Integer(_) | Node::Float | Node::Text(_) => {
            let bytes = locate(text, path, Half::Value).unwrap_or_default();
            format!("`{}`", shortened(text.get(bytes).unwrap_or_default()))
        }
    }
}

/// The key that is called so, in whichever section.
fn path_of(name: &str) -> Option<String> {
    TABLE.iter().find(|key| key.name == name).map(Key::path)
}

fn kind_of(value: &Node) -> &'static str {
    match value {
        Node::Null => "nothing",
        Node::List => "a list",
        Node::Mapping(_) => "a section",
        Node::Bool | Node::Integer(_) | Node::Float | Node::Text(_) => "a single value",
    }
}

fn expected_sections() -> String {
    format!("expected {}, each with its keys below it", one_of(&sections()))
}
