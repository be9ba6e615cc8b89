//! Makes text from outside printable. Every path that prints uses these functions.
//!
//! Keys, values, file names, options, live objects and the words of packages can hold anything: escape sequences that
//! command a terminal, newlines that forge a line of ours, characters that reorder or hide others. Such characters are
//! written as Rust writes them in a string: `\u{1b}`. Escaping a text twice changes nothing more.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::Path;

/// The most characters that are printed of a text that only quotes something.
const EXCERPT: usize = 1000;

/// The most characters that are printed of a line of a message, which may hold somebody else's explanation.
const MESSAGE_LINE: usize = 10 * EXCERPT;

/// The most combining marks on one character. More of them paint over the lines around it.
const MARKS: usize = 4;

/// Starts each line of a message but its first, so that no line in it is taken for one of ours.
const MARGIN: &str = "  | ";

/// Whether a character shows as itself: no control or format character, nothing unassigned, no space but the common one,
/// and nothing that has no shape of its own. Combining marks have one.
#[must_use]
pub fn is_printable(c: char) -> bool {
    match c {
        ' '..='~' => true,
        '\0'..='\u{9f}' => false,
        // Letters, marks and symbols to Unicode, but invisible: most have the property Default_Ignorable_Code_Point.
        '\u{34f}'
        | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{2800}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{ffa0}'
        | '\u{13441}'..='\u{13442}'
        | '\u{16fe4}'
        | '\u{1d159}'
        | '\u{e0000}'..='\u{e0fff}' => false,
        // The standard library escapes all other characters that are not printable, and marks unless they follow a letter.
        _ => is_kept(&['a', c]),
    }
}

fn is_kept(text: &[char]) -> bool {
    let text: String = text.iter().collect();
    text.escape_debug().eq(text.chars())
}

/// Whether a printable character is drawn over the one before it.
fn is_mark(c: char) -> bool {
    !c.is_ascii() && !is_kept(&[c])
}

/// Text as one line.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    escape(text, &[], usize::MAX)
}

/// The start of a text as one line, which ends in `…` where the text is too long to be read.
#[must_use]
pub fn excerpt(text: &str) -> Cow<'_, str> {
    escape(text, &[], EXCERPT)
}

/// Text with its lines and tabs. Only for what is meant to have several lines.
#[must_use]
pub fn lines(text: &str) -> Cow<'_, str> {
    escape(text, &['\n', '\t'], usize::MAX)
}

/// Text with its tabs, as one line: a line of somebody's document.
#[must_use]
pub fn source_line(text: &str) -> Cow<'_, str> {
    escape(text, &['\t'], usize::MAX)
}

/// A message that may quote several lines of somebody else. All lines but the first have a margin.
///
/// ```
/// use rutter::printable::message;
///
/// assert_eq!(message("kubectl failed\nerror: no such host\n"), "kubectl failed\n  | error: no such host");
/// ```
#[must_use]
pub fn message(text: &str) -> String {
    let mut message = String::new();
    for (number, text) in text.trim_end_matches('\n').lines().enumerate() {
        if number > 0 {
            message.push('\n');
            if !text.starts_with(MARGIN) {
                message.push_str(MARGIN);
            }
        }
        message.push_str(&escape(text, &['\t'], MESSAGE_LINE));
    }
    message
}

/// A file's path as one line. Bytes that are not UTF-8 are written as `\xff`.
#[must_use]
pub fn path(path: &Path) -> String {
    os(path.as_os_str())
}

/// A text of the system as one line. Bytes that are not UTF-8 are written as `\xff`.
#[must_use]
pub fn os(text: &OsStr) -> String {
    let mut shown = String::new();
    for chunk in text.as_encoded_bytes().utf8_chunks() {
        shown.push_str(&line(chunk.valid()));
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
}

/// JSON with every character that is not printable as a JSON escape, so that it means the same. Newlines stay: in JSON
/// they can only stand between values.
#[must_use]
pub fn json(text: &str) -> Cow<'_, str> {
    escape_as(text, &['\n'], usize::MAX, |c, escaped| {
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "\\u{unit:04x}");
        }
    })
}

/// Text with its lines and the colours in it: the sequences `ESC [ … m`, which change nothing but how text looks. Only for
/// what was coloured here, around text that was made printable before.
#[must_use]
pub fn coloured(text: &str) -> Cow<'_, str> {
    if !text.contains('\u{1b}') {
        return lines(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        let (before, sequence) = rest.split_at(at);
        shown.push_str(&lines(before));
        let end = colour(sequence).unwrap_or(0);
        if end == 0 {
            shown.push_str("\\u{1b}");
        }
        shown.push_str(&sequence[..end]);
        rest = &sequence[end.max(1)..];
    }
    shown.push_str(&lines(rest));
    shown.into()
}

/// How long the colour is with which a text starts.
fn colour(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    parameters[end..].starts_with('m').then_some("\u{1b}[".len() + end + 1)
}

/// Escapes all that is not printable as Rust does, but for what is kept, and stops before more than `most` characters.
fn escape<'t>(text: &'t str, keep: &[char], most: usize) -> Cow<'t, str> {
    escape_as(text, keep, most, |c, escaped| match c {
        '\n' | '\r' | '\t' => escaped.extend(c.escape_default()),
        _ => escaped.extend(c.escape_unicode()),
    })
}

fn escape_as<'t>(text: &'t str, keep: &[char], most: usize, write: impl Fn(char, &mut String)) -> Cow<'t, str> {
    // Nearly all texts are plain ones.
    if text.len() <= most && text.chars().all(|c| matches!(c, ' '..='~') || keep.contains(&c)) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len().min(most));
    let (mut count, mut marks, mut has_base) = (0, 0, false);
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let is_line_end = c == '\r' && keep.contains(&'\n') && characters.peek() == Some(&'\n');
        let is_layout = keep.contains(&c) || is_line_end;
        marks = if !is_layout && is_mark(c) { marks + 1 } else { 0 };
        let is_shown = is_layout || (is_printable(c) && (marks == 0 || (has_base && marks <= MARKS)));
        has_base = is_shown && !is_layout;
        let before = escaped.len();
        if is_shown {
            escaped.push(c);
            count += 1;
        } else {
            write(c, &mut escaped);
            count += escaped.len() - before;
        }
        if count > most {
            escaped.truncate(before);
            escaped.push('…');
            break;
        }
    }
    escaped.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shows_as_itself_is_kept() {
        for text in [
            "",
            "plain \\ \"text\" with 'quotes'",
            "żółć, naïve…",
            "e\u{301}clair",
            "हिन्दी",
            "ไทยที่",
            "日本語",
            "→ ✓ 🚀",
            "$(HOSTNAME) 100 %",
        ] {
            assert_eq!(line(text), text);
            assert_eq!(excerpt(text), text);
            assert_eq!(lines(text), text);
            assert_eq!(json(text), text);
        }
    }

    #[test]
    fn what_does_not_is_escaped() {
        for (text, escaped) in [
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("\u{1b}]52;c;eA==\u{7}", "\\u{1b}]52;c;eA==\\u{7}"),
            ("a\nb\r\nc\td", "a\\nb\\r\\nc\\td"),
            ("a\u{8}\u{7f}\u{9b}31m\u{85}", "a\\u{8}\\u{7f}\\u{9b}31m\\u{85}"),
            ("\u{202e}gnp.exe", "\\u{202e}gnp.exe"),
            ("a\u{200b}b\u{2066}c\u{200f}", "a\\u{200b}b\\u{2066}c\\u{200f}"),
            ("a\u{a0}b\u{3000}c\u{2028}d", "a\\u{a0}b\\u{3000}c\\u{2028}d"),
            ("a\u{ad}\u{fe0f}\u{3164}\u{2800}", "a\\u{ad}\\u{fe0f}\\u{3164}\\u{2800}"),
            ("a\u{e0041}\u{e0100}", "a\\u{e0041}\\u{e0100}"),
            ("\u{feff}a\u{fffe}\u{e000}", "\\u{feff}a\\u{fffe}\\u{e000}"),
            // A mark on nothing would be drawn over what is printed before it.
            ("\u{336}a", "\\u{336}a"),
            (
                "a\u{300}\u{301}\u{302}\u{303}\u{304}",
                "a\u{300}\u{301}\u{302}\u{303}\\u{304}",
            ),
        ] {
            assert_eq!(line(text), escaped);
            // What is escaped is printable.
            assert_eq!(line(escaped), escaped);
        }
    }

    #[test]
    fn lines_stay_where_they_are_meant() {
        assert_eq!(lines("a\n\tb\r\nc\rd\u{1b}"), "a\n\tb\r\nc\\rd\\u{1b}");
        assert_eq!(source_line("a\n\tb"), "a\\n\tb");
    }

    #[test]
    fn messages_have_a_margin() {
        assert_eq!(message("one"), "one");
        assert_eq!(message("one\n"), "one");
        assert_eq!(
            message("one\ntwo\r\n\n  | three\u{1b}"),
            "one\n  | two\n  | \n  | three\\u{1b}"
        );
        assert_eq!(message("\nerror: forged"), "\n  | error: forged");
    }

    #[test]
    fn long_texts_are_cut() {
        let long = "x".repeat(EXCERPT + 1);
        assert_eq!(excerpt(&long), format!("{}…", &long[1..]));
        assert_eq!(excerpt(&long[1..]), &long[1..]);
        assert_eq!(excerpt(&excerpt(&long)), excerpt(&long));
        let escapes = "\u{1b}".repeat(EXCERPT);
        assert_eq!(excerpt(&escapes), format!("{}…", "\\u{1b}".repeat(EXCERPT / 6)));
    }

    #[test]
    fn json_means_the_same() {
        let text = "\u{7f}\u{9b}\u{202e}\u{e0041}é\u{1b}\n\r\t\u{8}\"\\";
        let written = serde_json::to_string_pretty(&[text]).unwrap();
        let escaped = json(&written);
        assert_eq!(lines(&escaped), escaped);
        assert_eq!(serde_json::from_str::<[String; 1]>(&escaped).unwrap()[0], text);
        assert!(escaped.contains("\\udb40\\udc41é\\u001b"), "{escaped}");
    }

    #[test]
    fn colours_alone_pass() {
        for text in ["\u{1b}[31mred\u{1b}[0m\n", "\u{1b}[m", "\u{1b}[1;38;5;9mx"] {
            assert_eq!(coloured(text), text);
        }
        for (text, escaped) in [
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("\u{1b}", "\\u{1b}"),
            ("\u{1b}[31", "\\u{1b}[31"),
            ("\u{1b}\u{1b}[1m\u{1b}]8;;x\u{7}", "\\u{1b}\u{1b}[1m\\u{1b}]8;;x\\u{7}"),
            ("\u{1b}é\u{202e}", "\\u{1b}é\\u{202e}"),
            ("\u{9b}31m", "\\u{9b}31m"),
        ] {
            assert_eq!(coloured(text), escaped);
        }
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_no_text_are_shown() {
        use std::os::unix::ffi::OsStrExt as _;

        let name = OsStr::from_bytes(b"a\xff\n\xc3\xa9\xe2\x80\xae.yaml");
        assert_eq!(path(Path::new(name)), "a\\xff\\né\\u{202e}.yaml");
    }
}
