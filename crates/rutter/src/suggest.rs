//! The word that was probably meant.

/// The one of `known` that `word` is most likely a misspelling of.
///
/// As near as rustc asks for: at most a third of the longer word may differ, case aside.
#[must_use]
pub fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    // Comparing takes the product of both lengths, and nobody misspells a field in that many letters.
    if word.len() > 64 {
        return None;
    }
    let lower = word.to_lowercase();
    known
        .iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(distance, candidate)| *distance <= word.chars().count().max(candidate.len()).max(3) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| *candidate)
}

/// `a, b or c`, with `conjunction` before the last, shortened where it would fill the screen.
#[must_use]
pub fn list(words: &[&str], conjunction: &str) -> String {
    const MOST: usize = 20;
    match words {
        [] => "nothing".to_owned(),
        [only] => (*only).to_owned(),
        [first @ .., last] if words.len() <= MOST => format!("{} {conjunction} {last}", first.join(", ")),
        _ => format!("{} and {} more", words[..MOST].join(", "), words.len() - MOST),
    }
}

/// What to say of a word that is none of `known`: the one that was probably meant, or all of them.
#[must_use]
pub fn remedy(word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(nearest) => format!("did you mean {nearest}?"),
        None => format!("known are {}", list(known, "and")),
    }
}
