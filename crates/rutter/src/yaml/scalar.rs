//! What a plain scalar means, to the readers of YAML 1.2 and to those of YAML 1.1 (go-yaml, and with it Helm, kubectl
//! and Kustomize).

use std::borrow::Cow;

/// A scalar as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar {
    /// Its text, escapes and folding resolved, numbers untouched: `3.10`, `007`, `1e3`.
    pub text: String,
    /// Whether it stood without quotes, and so may mean something else than its text.
    pub plain: bool,
}

/// What a scalar means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Resolved<'a> {
    /// `null`, `~`, or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number that fits.
    Int(i64),
    /// Any other decimal number.
    Float(f64),
    /// Everything else.
    Str(&'a str),
    /// A boolean or a number to one reader, a string or another number to the other: `on`, `1_000`, `0777`.
    Ambiguous(&'static str),
}

impl Scalar {
    /// A string, whatever its text looks like.
    pub fn quoted(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            plain: false,
        }
    }

    /// Text that means what it means unquoted.
    pub fn plain(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            plain: true,
        }
    }

    /// What it means.
    #[must_use]
    pub fn resolve(&self) -> Resolved<'_> {
        let text = self.text.as_str();
        if !self.plain {
            return Resolved::Str(text);
        }
        match text {
            "" | "~" | "null" | "Null" | "NULL" => return Resolved::Null,
            "true" | "True" | "TRUE" => return Resolved::Bool(true),
            "false" | "False" | "FALSE" => return Resolved::Bool(false),
            "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => {
                return Resolved::Ambiguous("true to a YAML 1.1 reader");
            }
            "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => {
                return Resolved::Ambiguous("false to a YAML 1.1 reader");
            }
            _ => {}
        }
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return Resolved::Str(text);
        }
        if is_decimal(digits) {
            let leading_zero =
                digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
            if leading_zero {
                return if digits.bytes().all(|b| b < b'8') {
                    Resolved::Ambiguous("octal to a YAML 1.1 reader")
                } else {
                    Resolved::Ambiguous("a number to one reader and text to another")
                };
            }
            return match (text.parse(), text.parse()) {
                (Ok(int), _) => Resolved::Int(int),
                (_, Ok(float)) if f64::is_finite(float) => Resolved::Float(float),
                (_, Ok(_)) => Resolved::Ambiguous("a number that is too large, or text"),
                _ => Resolved::Str(text),
            };
        }
        let lower = digits.to_ascii_lowercase();
        if matches!(lower.as_str(), ".inf" | ".nan") {
            return Resolved::Ambiguous("not a finite number");
        }
        let prefixed = [("0x", 16), ("0o", 8), ("0b", 2)].iter().any(|(prefix, radix)| {
            lower.strip_prefix(prefix).is_some_and(|rest| {
                let digit = |c: char| c.is_digit(*radix);
                rest.contains(digit) && rest.chars().all(|c| digit(c) || c == '_')
            })
        });
        let underscored = digits.contains('_') && is_decimal(&digits.replace('_', ""));
        if prefixed || underscored {
            return Resolved::Ambiguous("a number to one reader and text to another");
        }
        Resolved::Str(text)
    }

    /// The text, if every reader takes it for a string, or for a number whose text can be kept.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self.resolve() {
            Resolved::Str(text) => Some(text),
            Resolved::Int(_) | Resolved::Float(_) => Some(&self.text),
            _ => None,
        }
    }

    /// Whether it is `null`, `~` or nothing at all.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.resolve() == Resolved::Null
    }

    /// The value, if it is a whole number. Helm's re-serialisation of large numbers (`1e+06`) counts as what it stands
    /// for.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        // Beyond 2^53 a float no longer says which whole number was meant.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match self.resolve() {
            Resolved::Int(int) => Some(int),
            #[allow(
                clippy::cast_possible_truncation,
                reason = "the guard leaves whole numbers below 2^53"
            )]
            Resolved::Float(float) if float.fract() == 0.0 && float.abs() < EXACT => Some(float as i64),
            _ => None,
        }
    }

    pub(super) fn describe(&self) -> String {
        let text = excerpt(&self.text);
        match self.resolve() {
            Resolved::Null => "nothing".to_owned(),
            Resolved::Bool(_) => format!("the boolean `{text}`"),
            Resolved::Int(_) | Resolved::Float(_) => format!("the number `{text}`"),
            Resolved::Str(_) => format!("the string {:?}", text.as_ref()),
            Resolved::Ambiguous(meaning) => format!("`{text}`, which is {meaning}"),
        }
    }
}

/// `digits`, `digits.digits`, `.digits`, each with an exponent or without: what both versions of YAML take for a number.
fn is_decimal(text: &str) -> bool {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some((whole, fraction)) => {
            all_digits(whole) && all_digits(fraction) && !(whole.is_empty() && fraction.is_empty())
        }
        None => !mantissa.is_empty() && all_digits(mantissa),
    };
    let exponent_fits = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !exponent.is_empty() && all_digits(exponent)
    });
    mantissa_fits && exponent_fits
}

/// `text` short enough for a message.
pub(super) fn excerpt(text: &str) -> Cow<'_, str> {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// Longest key, in characters as it is written (YAML 1.2.2, 7.4.2). It bounds the paths of diagnostics.
pub const MAX_KEY: usize = 1024;

/// Whether a key is longer than [`MAX_KEY`] if it is written in quotes: it could be read in one spelling and not in another.
#[must_use]
pub fn is_long_key(key: &str) -> bool {
    // Writers differ in what they escape beyond letters. The longest escape is `\U` with eight digits.
    let width = |c: char| match c {
        '"' | '\\' => 2,
        ' '..='~' => 1,
        '\u{a0}'..='\u{fefe}' if c.is_alphanumeric() => 1,
        _ => 10,
    };
    key.chars().map(width).sum::<usize>() > MAX_KEY - 2
}
