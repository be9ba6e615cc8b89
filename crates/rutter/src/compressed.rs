//! Texts that the build compresses: all that a component carries is loaded for each call.

/// Returns the text of a file that the build script compressed with `rutter_build::compress`.
///
/// ```ignore
/// fn schema(&self) -> String {
///     rutter::compressed!("values.schema.json")
/// }
/// ```
#[macro_export]
macro_rules! compressed {
    ($file:literal) => {
        $crate::decompress(include_bytes!(concat!(env!("OUT_DIR"), "/", $file, ".deflate")))
    };
}

#[doc(hidden)]
#[must_use]
#[allow(
    clippy::expect_used,
    reason = "no user has any part in it, and tests read what a package compresses"
)]
pub fn decompress(compressed: &[u8]) -> String {
    let text = miniz_oxide::inflate::decompress_to_vec(compressed).expect("the build compressed it");
    String::from_utf8(text).expect("the build compressed a text")
}
