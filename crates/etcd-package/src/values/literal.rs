//! Defaults that are parsed.

/// Parses a literal of this crate.
///
/// This is the one function that may panic. It is called with constants only, and a test builds every default.
#[allow(
    clippy::expect_used,
    reason = "constants of this crate, all of them parsed by a test"
)]
pub(super) fn literal<T: std::str::FromStr>(text: &'static str) -> T {
    text.parse().ok().expect("a literal of this crate parses")
}
