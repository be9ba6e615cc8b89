//! Diagnostics for people and for programs.

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};

use anyhow::Result;
use miette::{
    GraphicalReportHandler, LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents,
};
use rutter::{Position, Severity};
use serde_json::{Value, json};

use crate::args::OutputFormat;
use crate::failure::Located;
use crate::output::Spool;
use crate::sources::{Source, Sources};

/// How diagnostics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// The text that every route of a package gives.
    Plain,
    /// With the lines they are about, for a terminal.
    Drawn,
    /// A JSON array.
    Json,
}

impl Style {
    fn of(format: OutputFormat) -> Self {
        match format {
            OutputFormat::Json => Self::Json,
            OutputFormat::Yaml if io::stderr().is_terminal() => Self::Drawn,
            OutputFormat::Yaml => Self::Plain,
        }
    }
}

/// Writes diagnostics to standard error, and then `conclusion` where people read.
pub(crate) fn write(diagnostics: &[Located], sources: &Sources, format: OutputFormat, conclusion: Option<&str>) {
    let mut report = Report::new(format);
    // It is told as far as there is room to hold it.
    let _ = report.add(diagnostics, sources);
    report.write(conclusion);
}

/// Diagnostics as they come up, for standard error.
#[derive(Debug)]
pub(crate) struct Report {
    style: Style,
    spool: Spool,
    is_empty: bool,
}

impl Report {
    pub(crate) fn new(format: OutputFormat) -> Self {
        Self {
            style: Style::of(format),
            spool: Spool::new(),
            is_empty: true,
        }
    }

    /// Adds diagnostics.
    ///
    /// # Errors
    ///
    /// Those of [`Spool::write`].
    pub(crate) fn add(&mut self, diagnostics: &[Located], sources: &Sources) -> Result<()> {
        let handler = GraphicalReportHandler::new();
        for located in diagnostics {
            let text = match self.style {
                Style::Plain => plain(std::slice::from_ref(located), sources),
                Style::Drawn => {
                    let mut text = String::new();
                    let drawn = Drawn::new(located, sources);
                    if handler.render_report(&mut text, &drawn).is_err() {
                        text = plain(std::slice::from_ref(located), sources);
                    }
                    text
                }
                // An element of the array, as far in as it stands there.
                Style::Json => {
                    let separator = if self.is_empty { "[\n  " } else { ",\n  " };
                    format!(
                        "{separator}{}",
                        format!("{:#}", to_json(located, sources)).replace('\n', "\n  ")
                    )
                }
            };
            self.is_empty = false;
            self.spool.write(&text)?;
        }
        Ok(())
    }

    /// Writes them to standard error, and then `conclusion` where people read.
    pub(crate) fn write(self, conclusion: Option<&str>) {
        // Where nobody listens there is nobody to tell.
        let _ = self.try_write(conclusion);
    }

    fn try_write(mut self, conclusion: Option<&str>) -> Result<()> {
        match (self.style, conclusion) {
            // Where diagnostics are all that was asked for, none are an answer, too.
            (Style::Json, None) if self.is_empty => {}
            (Style::Json, _) => self.spool.write(if self.is_empty { "[]\n" } else { "\n]\n" })?,
            (Style::Plain | Style::Drawn, Some(conclusion)) => self.spool.write(&format!("{conclusion}\n"))?,
            (Style::Plain | Style::Drawn, None) => {}
        }
        self.spool.copy_to(io::stderr().lock())
    }
}

/// Diagnostics as the text that every route of a package gives.
pub(crate) fn plain(diagnostics: &[Located], sources: &Sources) -> String {
    let line = |located: &Located| harmless(located.diagnostic.display(name(located.source, sources)));
    diagnostics.iter().map(line).collect()
}

/// Writes to standard error as much as it takes. Where nobody listens there is nobody to tell.
pub(crate) fn to_stderr(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

fn name(source: u32, sources: &Sources) -> &str {
    sources.get(source).map_or("<none>", |source| source.name.as_str())
}

/// Text of a package without what would command a terminal.
pub(crate) fn harmless(text: impl fmt::Display) -> String {
    let is_harmless = |c: char| matches!(c, '\n' | '\t') || !c.is_control();
    text.to_string().chars().filter(|c| is_harmless(*c)).collect()
}

fn to_json(located: &Located, sources: &Sources) -> Value {
    let Located { source, diagnostic } = located;
    json!({
        "severity": diagnostic.severity.to_string(),
        "code": diagnostic.code,
        "path": diagnostic.path,
        "message": diagnostic.message,
        "help": diagnostic.help,
        "source": diagnostic.position.map(|_| name(*source, sources)),
        "line": diagnostic.position.map(|position| position.line),
        "column": diagnostic.position.map(|position| position.column),
    })
}

/// A diagnostic as `miette` wants it.
#[derive(Debug)]
struct Drawn<'a> {
    located: &'a Located,
    place: Option<(&'a Source, LabeledSpan)>,
}

impl<'a> Drawn<'a> {
    fn new(located: &'a Located, sources: &'a Sources) -> Self {
        let place = located.diagnostic.position.and_then(|position| {
            let source = sources.get(located.source)?;
            let position = Position {
                line: position.line.checked_sub(source.first_line - 1)?,
                ..position
            };
            let (start, end) = span(&source.text, position)?;
            let label = LabeledSpan::new(None, start, end - start);
            Some((source, label))
        });
        Self { located, place }
    }
}

impl fmt::Display for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let diagnostic = &self.located.diagnostic;
        if !diagnostic.path.is_empty() {
            write!(f, "{}: ", harmless(&diagnostic.path))?;
        }
        f.write_str(&harmless(&diagnostic.message))
    }
}

impl std::error::Error for Drawn<'_> {}

impl miette::Diagnostic for Drawn<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(harmless(&self.located.diagnostic.code)))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.located.diagnostic.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.located.diagnostic.help.as_ref()?;
        Some(Box::new(harmless(help)))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        let (source, _) = self.place.as_ref()?;
        Some(*source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let (_, label) = self.place.as_ref()?;
        Some(Box::new(std::iter::once(label.clone())))
    }
}

/// What `miette::NamedSource` does, which would have to own the text, and so one copy for each diagnostic.
impl SourceCode for Source {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> std::result::Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let lines = self.text.read_span(span, before, after)?;
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            lines.data(),
            *lines.span(),
            lines.line() + usize::try_from(self.first_line - 1).unwrap_or_default(),
            lines.column(),
            lines.line_count(),
        )))
    }
}

/// The bytes of the word at `position`, if the text has that place.
fn span(text: &str, position: Position) -> Option<(usize, usize)> {
    let index = |number: u32| usize::try_from(number.checked_sub(1)?).ok();
    let line_index = index(position.line)?;
    let line = text.split_inclusive('\n').nth(line_index)?;
    let line_start: usize = text.split_inclusive('\n').take(line_index).map(str::len).sum();
    let column = index(position.column)?;
    let start = line
        .char_indices()
        .map(|(offset, _)| offset)
        .chain([line.len()])
        .nth(column)?;
    let word = line[start..]
        .find(|c: char| c.is_whitespace() || matches!(c, ',' | ':' | '}' | ']'))
        .unwrap_or(line.len() - start);
    Some((line_start + start, line_start + start + word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_cover_the_word_at_a_position() {
        let text = "a: 1\nbé: word, x\n";
        let at = |line, column| span(text, Position { line, column }).map(|(start, end)| &text[start..end]);
        assert_eq!(at(1, 1), Some("a"));
        assert_eq!(at(2, 1), Some("bé"));
        assert_eq!(at(2, 5), Some("word"));
        assert_eq!(at(2, 99), None);
        assert_eq!(at(9, 1), None);
        assert_eq!(at(0, 0), None);
    }
}
