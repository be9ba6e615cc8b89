//! Files that the build compresses.

/// Returns a text that the build has compressed.
#[allow(clippy::expect_used, reason = "no user has any part in it, and a test reads both")]
pub(crate) fn inflate(compressed: &[u8]) -> String {
    let text = miniz_oxide::inflate::decompress_to_vec(compressed).expect("the build compressed it");
    String::from_utf8(text).expect("the build compressed a text")
}
