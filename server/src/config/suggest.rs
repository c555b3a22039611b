//! What somebody may have meant.

/// The candidate closest to `word`, when one is close enough to be a slip.
///
/// Capitals and dashes do not count as a difference: `max-connections` is `max_connections`.
pub(crate) fn nearest<S: AsRef<str>>(word: &str, candidates: impl IntoIterator<Item = S>) -> Option<S> {
    let word = folded(word);
    // One slip in three letters; a word of two letters resembles everything.
    let slips_max = word.chars().count() / 3;
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&word, &folded(candidate.as_ref())), candidate))
        .filter(|(slips, _)| *slips <= slips_max)
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, candidate)| candidate)
}

fn folded(word: &str) -> String {
    word.to_lowercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_understood_and_another_word_is_not() {
        let words = ["port", "host", "max_connections", "dual"];
        let rows = [
            ("prot", Some("port")),
            ("PORT", Some("port")),
            ("max-connections", Some("max_connections")),
            ("maxConnections", Some("max_connections")),
            ("max_conections", Some("max_connections")),
            ("daul", Some("dual")),
            ("storage", None),
            ("po", None),
            ("", None),
        ];
        for (word, expected) in rows {
            assert_eq!(nearest(word, words), expected, "{word}");
        }
    }
}
