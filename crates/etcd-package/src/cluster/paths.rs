//! Paths within a volume.

use rutter::report::Report;

use crate::codes::INVALID_PATH;

/// Reports a `text` that is not a path below the root of a volume. `help` has an example.
///
/// The kubelet expands `$(NAME)` in arguments, and a shell reads some of the paths, so only letters, digits, `.`, `_`,
/// `-` and `/` are accepted.
pub(super) fn check(text: &str, path: &str, help: &str, report: &mut Report<'_>) {
    let inner = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let part = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.starts_with('-');
    if !text.chars().all(inner) || !text.split('/').all(part) || text.len() > 255 {
        report
            .add(
                &INVALID_PATH,
                path,
                format!("{text:?} is not a path below the volume's root, of letters, digits, `.`, `_`, `-` and `/`"),
            )
            .help(help);
    }
}
