//! What a package has to say about its input: one type on every route.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::printable::{excerpt, line};
use crate::yaml::UNKNOWN_FIELD;

/// How grave a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The input is refused.
    Error,
    /// The input is rendered, but its author should know this.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// A place in a text, as editors count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Declares codes as statics, and a table of all of them for the documentation and the tests.
///
/// ```
/// rutter::codes! {
///     pub ALL
///     Error INVALID_NAME = "invalid-name", "a name is not one that Kubernetes accepts";
///     Warning EVEN_REPLICAS = "even-replicas", "an even number of members tolerates no more failures than one fewer";
/// }
/// assert_eq!(ALL[1].id, EVEN_REPLICAS.id);
/// ```
#[macro_export]
macro_rules! codes {
    ($visibility:vis $all:ident $($severity:ident $name:ident = $id:literal, $summary:literal;)*) => {
        $(
            #[doc = concat!("`", $id, "`: ", $summary, ".")]
            $visibility static $name: $crate::Code = $crate::Code {
                id: $id,
                severity: $crate::Severity::$severity,
                summary: $summary,
            };
        )*
        /// All of them, for the documentation and the tests.
        $visibility static $all: &[&$crate::Code] = &[$(&$name),*];
    };
}

/// A kind of diagnostic that code of ours can give, declared once in a static table that the documentation and the
/// tests read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// The stable identifier in kebab-case: `unknown-field`.
    pub id: &'static str,
    /// How grave it is, always.
    pub severity: Severity,
    /// What is wrong, in one sentence.
    pub summary: &'static str,
}

/// One thing that is wrong, or worth knowing, about a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How grave it is.
    pub severity: Severity,
    /// A stable identifier. Text, because a host shows diagnostics of packages whose codes it does not know.
    pub code: Cow<'static, str>,
    /// The place in the user's document (`storage.data.size`); empty for the document as a whole. [`Diagnostic::NAME`]
    /// and [`Diagnostic::NAMESPACE`] stand for those of the request.
    pub path: String,
    /// The same place in the text, where it is known.
    pub position: Option<Position>,
    /// What was found and what is accepted: a lower-case phrase without a full stop.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl Diagnostic {
    /// The path of the request's name.
    pub const NAME: &str = "$name";
    /// The path of the request's namespace.
    pub const NAMESPACE: &str = "$namespace";

    /// A diagnostic of kind `code` at `path`, nowhere in particular in the text.
    pub fn new(code: &Code, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: code.severity,
            code: Cow::Borrowed(code.id),
            path: readable(path.into()),
            position: None,
            message: readable(message.into()),
            help: None,
        }
    }

    /// The same with a remedy.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(readable(help.into()));
        self
    }

    /// The same with a place in the text.
    #[must_use]
    pub fn at(mut self, position: Option<Position>) -> Self {
        self.position = position;
        self
    }

    /// Writes it as the text that every command line of ours prints, with the name of the text that positions refer to.
    /// What it quotes is made [printable](crate::printable), so that only these lines are written:
    ///
    /// ```text
    /// error[unknown-field]: storage.dta: unknown field `dta`
    ///   --> values.yaml:2:3
    ///   help: did you mean `data`?
    /// ```
    pub fn display(&self, source: &str) -> impl fmt::Display + use<'_> {
        self.display_in(self.position.map(|position| format!("{}:{position}", excerpt(source))))
    }

    /// The same with texts of the length that is read, of a package whose texts can have any.
    #[must_use]
    pub fn shortened(self) -> Self {
        Self {
            code: match self.code {
                Cow::Owned(code) => Cow::Owned(readable(code)),
                code @ Cow::Borrowed(_) => code,
            },
            path: readable(self.path),
            message: readable(self.message),
            help: self.help.map(readable),
            ..self
        }
    }

    /// The same with a place that is said in other words, if there is any.
    pub(crate) fn display_in(&self, place: Option<String>) -> impl fmt::Display {
        Plain {
            diagnostic: self,
            place,
        }
    }
}

/// A text that may quote what somebody wrote, as much of it as anyone reads.
pub(crate) fn readable(mut text: String) -> String {
    const MOST: usize = 1000;
    // Bytes first: of nearly all texts they are few enough.
    if text.len() > MOST
        && let Some((end, _)) = text.char_indices().nth(MOST)
    {
        text.truncate(end);
        text.push('…');
    }
    text
}

struct Plain<'a> {
    diagnostic: &'a Diagnostic,
    place: Option<String>,
}

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Diagnostic {
            severity,
            code,
            path,
            message,
            help,
            ..
        } = self.diagnostic;
        write!(f, "{severity}[{}]: ", excerpt(code))?;
        if !path.is_empty() {
            write!(f, "{}: ", excerpt(path))?;
        }
        writeln!(f, "{}", excerpt(message))?;
        if let Some(place) = &self.place {
            writeln!(f, "  --> {}", line(place))?;
        }
        if let Some(help) = help {
            writeln!(f, "  help: {}", excerpt(help))?;
        }
        Ok(())
    }
}

/// Diagnostics as they are found, and whether any of them refuses the input.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// The one added last, to say more of it.
    pub fn last_mut(&mut self) -> Option<&mut Diagnostic> {
        self.0.last_mut()
    }

    /// All of them, in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter()
    }

    /// Adds help to unknown fields that other charts have, where a table knows what they are called here. It has the path
    /// of each and what to write instead.
    pub fn explain_foreign_fields(&mut self, table: &[(&str, &str)]) {
        for diagnostic in &mut self.0 {
            let known = table.iter().find(|(path, _)| *path == diagnostic.path);
            if let Some((_, instead)) = known.filter(|_| diagnostic.code == UNKNOWN_FIELD.id) {
                diagnostic.help = Some((*instead).to_owned());
            }
        }
    }

    /// Whether the input is refused.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|d| d.severity == Severity::Error)
    }

    /// All of them, in the order of the document; those without a place last.
    #[must_use]
    pub fn into_vec(mut self) -> Vec<Diagnostic> {
        self.0
            .sort_by_key(|diagnostic| (diagnostic.position.is_none(), diagnostic.position));
        self.0
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<T: IntoIterator<Item = Diagnostic>>(&mut self, iter: T) {
        self.0.extend(iter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_forges_no_line() {
        let payload = "\u{1b}[2J\nerror[forged]: \u{202e}";
        let diagnostic = Diagnostic {
            severity: Severity::Error,
            code: payload.into(),
            path: payload.to_owned(),
            position: Some(Position { line: 1, column: 2 }),
            message: payload.to_owned(),
            help: Some(payload.to_owned()),
        };
        let escaped = "\\u{1b}[2J\\nerror[forged]: \\u{202e}";
        let expected = format!("error[{escaped}]: {escaped}: {escaped}\n  --> {escaped}:1:2\n  help: {escaped}\n");
        assert_eq!(diagnostic.display(payload).to_string(), expected);
    }

    #[test]
    fn the_position_is_told_however_long_the_name() {
        let code = Code {
            id: "a",
            severity: Severity::Error,
            summary: "",
        };
        let diagnostic = Diagnostic::new(&code, "", "").at(Some(Position { line: 7, column: 8 }));
        let text = diagnostic.display(&"x".repeat(5000)).to_string();
        assert!(text.ends_with("x…:7:8\n") && text.len() < 1100, "{text}");
    }

    #[test]
    fn texts_of_any_length_are_shortened() {
        let long = "x".repeat(5000);
        let diagnostic = Diagnostic {
            severity: Severity::Error,
            code: long.clone().into(),
            path: long.clone(),
            position: None,
            message: long.clone(),
            help: Some(long),
        };
        let Diagnostic {
            code,
            path,
            message,
            help,
            ..
        } = diagnostic.shortened();
        for text in [&*code, &path, &message, &help.unwrap_or_default()] {
            assert_eq!(text.chars().count(), 1001);
        }
    }
}
