//! Harmful texts, and checks of everything that is printed. The tests of `rutter-cli` include this file, too.
//!
//! It does not use the code that makes text printable. It has its own list of forbidden characters.

/// The start of a line that only a payload can have written.
pub const FORGED: &str = "FORGED";

/// The limit of the output about one document with one payload in it, in bytes.
pub const MOST: usize = 64 << 10;

/// Payloads, by name.
pub const PAYLOADS: [(&str, &str); 17] = [
    ("colours", "a\u{1b}[31;1mred\u{1b}[0m"),
    ("an erased screen", "a\u{1b}[2J\u{1b}[Hb"),
    ("a line drawn over", "a\u{1b}[1A\u{1b}[2Kb"),
    ("the clipboard", "a\u{1b}]52;c;cmVib290\u{7}b"),
    ("a link", "a\u{1b}]8;;https://x.example\u{1b}\\b\u{1b}]8;;\u{1b}\\"),
    ("a carriage return", "a\rFORGED b"),
    ("a newline", "a\nFORGED b"),
    ("a newline with an escape", "\nFORGED \u{1b}[0m\n"),
    ("backspaces", "abc\u{8}\u{8}\u{8}xyz"),
    ("bells and deletes", "a\u{7}\u{7f}b"),
    ("C1 controls", "a\u{9b}31m\u{9d}52;c;eA==\u{9c}\u{85}b"),
    (
        "bidirectional overrides",
        "a\u{202e}b\u{202d}c\u{2066}d\u{2069}e\u{200f}",
    ),
    ("tag characters", "a\u{e0001}\u{e0072}\u{e006d}\u{e007f}b"),
    ("variation selectors", "a\u{fe00}\u{e0100}\u{e01ef}b"),
    (
        "invisible letters",
        "a\u{200b}\u{2060}\u{feff}\u{ad}\u{3164}\u{115f}\u{34f}b",
    ),
    ("separators of lines", "a\u{2028}FORGED\u{2029}b\u{a0}c"),
    (
        "marks on marks",
        "a\u{300}\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307}\u{308}b",
    ),
];

/// Returns all payloads as one text, for inputs with many positions.
#[must_use]
pub fn all_at_once() -> String {
    PAYLOADS.iter().map(|(_, payload)| *payload).collect()
}

/// Returns a very long text.
#[must_use]
pub fn long() -> String {
    "x".repeat(100_000)
}

/// Checks that text contains only characters that are visible as themselves. Colours must have been removed before.
///
/// # Errors
///
/// If it contains others, which the error escapes.
pub fn check_characters(text: &str) -> Result<(), String> {
    let harmful = |c: char| match u32::from(c) {
        0x0a | 0x20..=0x7e => false,
        0x00..=0x9f => true,
        // Characters that look like a space, or are invisible.
        0xa0 | 0xad | 0x34f | 0x61c | 0x115f | 0x1160 | 0x1680 | 0x17b4 | 0x17b5 | 0x180b..=0x180f => true,
        0x2000..=0x200f | 0x2028..=0x202f | 0x205f..=0x206f | 0x2800 | 0x3000 | 0x3164 => true,
        0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff0..=0xfffb => true,
        // For private use, or noncharacters.
        0xe000..=0xf8ff | 0xe0000..=0x10_ffff => true,
        _ => false,
    };
    if let Some(c) = text.chars().find(|c| harmful(*c)) {
        return Err(format!("{c:?} is printed in {text:?}"));
    }
    let mut marks = 0;
    for c in text.chars() {
        marks = if ('\u{300}'..='\u{36f}').contains(&c) {
            marks + 1
        } else {
            0
        };
        if marks > 5 {
            return Err(format!("many marks are printed in {text:?}"));
        }
    }
    Ok(())
}

/// Checks that printed text contains only visible characters, and that no line of it comes from a payload.
///
/// # Errors
///
/// Like [`check_characters`].
pub fn check(text: &str) -> Result<(), String> {
    check_characters(text)?;
    match text.lines().find(|line| line.trim_start().starts_with(FORGED)) {
        Some(line) => Err(format!("the line {line:?} is forged in {text:?}")),
        None => Ok(()),
    }
}

/// Checks that each line of standard error has a form that only our commands write.
///
/// # Errors
///
/// Like [`check`].
pub fn check_lines(text: &str) -> Result<(), String> {
    const STARTS: [&str; 15] = [
        "error[",
        "warning[",
        "error: ",
        "warning: ",
        "note: ",
        "rutter: ",
        "etcd: ",
        "  --> ",
        "  help: ",
        "  | ",
        // clap's messages about a command line.
        "  tip: ",
        "  [possible values: ",
        "Usage: rutter",
        "For more information, try '--help'.",
        "  <",
    ];
    check(text)?;
    let is_ours = |line: &str| line.is_empty() || STARTS.iter().any(|start| line.starts_with(start));
    match text.lines().find(|line| !is_ours(line)) {
        Some(line) => Err(format!("unexpected line {line:?} in {text:?}")),
        None => Ok(()),
    }
}
