//! Diagnostics for people and for programs, and everything else that goes to standard error.
//!
//! Whatever comes from outside is made [printable] here. The colours are ours.

mod snippet;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{IsTerminal as _, Write as _};

use anyhow::Result;
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, SourceCode};
use rutter::{Severity, printable};
use serde_json::{Value, json};

use self::snippet::Snippet;
use crate::args::{OutputFormat, Warnings};
use crate::failure::{Failure, Located};
use crate::json;
use crate::output::{self, Spool};
use crate::sources::Sources;

/// The layout of diagnostics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// The text that every route of a package gives.
    Plain,
    /// With the lines they are about, for a terminal.
    Drawn,
    /// A JSON array.
    Json,
}

impl Layout {
    fn of(format: OutputFormat) -> Self {
        match format {
            OutputFormat::Json => Self::Json,
            OutputFormat::Yaml if output::stderr().is_terminal() => Self::Drawn,
            OutputFormat::Yaml => Self::Plain,
        }
    }
}

/// Writes diagnostics to standard error, and then `conclusion` where people read.
pub(crate) fn write(diagnostics: &[Located], sources: &Sources, format: OutputFormat, conclusion: Option<&str>) {
    let mut report = Report::new(format);
    // Printed as far as there is room to hold it.
    let _ = report.add(diagnostics, sources);
    report.write_to_stderr(conclusion);
}

/// Diagnostics as they come up, for standard error.
#[derive(Debug)]
pub(crate) struct Report {
    layout: Layout,
    spool: Spool,
    is_empty: bool,
    /// The warnings that count.
    counted: Warnings,
    has_warnings: bool,
    /// Whether they are what the command was asked for.
    is_result: bool,
    /// The number of diagnostics of each code, if only the first of them are printed.
    numbers: Option<BTreeMap<(Severity, String), usize>>,
}

/// Returns how many diagnostics of one code are printed for people. One document has no more errors than these.
fn most(severity: Severity) -> usize {
    match severity {
        Severity::Error => 100,
        Severity::Warning => 20,
    }
}

/// The conclusion about an input that is refused.
pub(crate) const REFUSED: &str = "rutter: the input is refused";

/// Reports the failure of a command. `refused` is the conclusion if its input is refused.
pub(crate) fn failure(failure: &Failure, sources: &Sources, format: OutputFormat, refused: &str) {
    match failure {
        Failure::Reported(_) => {}
        Failure::Refused(diagnostics) => write(diagnostics, sources, format, Some(refused)),
        Failure::BadExpression(diagnostic) => write(std::slice::from_ref(diagnostic), sources, format, None),
        Failure::NoPlan(diagnostics, asked) => write(diagnostics, sources, format, Some(asked)),
        Failure::Host(error) if output::is_unread(error) => {}
        Failure::BadCommandLine(error) | Failure::Host(error) => {
            let help = rutter::plan::kubectl_help(&format!("{error:#}"));
            let help = help.map(|help| format!("  help: {help}\n"));
            lines_to_stderr(&(self::error(error) + &help.unwrap_or_default()));
        }
    }
}

impl Report {
    pub(crate) fn new(format: OutputFormat) -> Self {
        Self {
            numbers: None,
            ..Self::counting(&Warnings::default(), format)
        }
    }

    /// A report without the warnings that do not count. People get the first few of each code, and the number of the rest.
    pub(crate) fn counting(warnings: &Warnings, format: OutputFormat) -> Self {
        let layout = Layout::of(format);
        Self {
            numbers: (layout != Layout::Json).then(BTreeMap::new),
            layout,
            spool: Spool::new(),
            is_empty: true,
            counted: warnings.clone(),
            has_warnings: false,
            is_result: false,
        }
    }

    /// The report of `validate`, which is its result if it is JSON.
    pub(crate) fn of_validation(warnings: &Warnings, format: OutputFormat) -> Self {
        Self {
            is_result: format == OutputFormat::Json,
            ..Self::counting(warnings, format)
        }
    }

    /// Whether there is a warning, and `--deny-warnings` refuses the input for it.
    pub(crate) fn is_denied(&self) -> bool {
        self.counted.deny_warnings && self.has_warnings
    }

    /// Adds diagnostics.
    ///
    /// # Errors
    ///
    /// Those of [`Spool::write`].
    pub(crate) fn add(&mut self, diagnostics: &[Located], sources: &Sources) -> Result<()> {
        for located in diagnostics {
            if !self.counted.keep(&located.diagnostic) {
                continue;
            }
            let severity = located.diagnostic.severity;
            self.has_warnings |= severity == Severity::Warning;
            if let Some(numbers) = &mut self.numbers {
                let number = numbers
                    .entry((severity, located.diagnostic.code.to_string()))
                    .or_default();
                *number += 1;
                if *number > most(severity) {
                    continue;
                }
            }
            let text = match self.layout {
                Layout::Plain => plain(std::slice::from_ref(located), sources),
                Layout::Drawn => drawn(located, sources, theme()),
                // An element of the array, as far in as it stands there.
                Layout::Json => {
                    let separator = if self.is_empty { "[\n  " } else { ",\n  " };
                    format!(
                        "{separator}{}",
                        json::to_text(&to_json(located, sources)).replace('\n', "\n  ")
                    )
                }
            };
            self.is_empty = false;
            self.spool.write(&text)?;
        }
        Ok(())
    }

    /// Writes them, and then `conclusion` where people read: to standard error, or to standard output if they are the
    /// result of the command.
    ///
    /// # Errors
    ///
    /// If standard output cannot be written.
    pub(crate) fn write(self, conclusion: Option<&str>) -> Result<(), Failure> {
        if !self.is_result {
            self.write_to_stderr(conclusion);
            return Ok(());
        }
        let written = self.finish(conclusion).and_then(output::all_to_stdout);
        written.map_err(Failure::Host)
    }

    /// Writes them to standard error, and then `conclusion` where people read.
    pub(crate) fn write_to_stderr(self, conclusion: Option<&str>) {
        // Where nobody listens there is nobody to tell.
        let _ = self
            .finish(conclusion)
            .and_then(|text| text.copy_to(output::stderr().lock()));
    }

    fn finish(mut self, conclusion: Option<&str>) -> Result<Spool> {
        for ((severity, code), number) in self.numbers.take().unwrap_or_default() {
            if let more @ 1.. = number.saturating_sub(most(severity)) {
                let text = format!(
                    "… and {} more `{code}` {severity}{}; `--output json` lists all",
                    thousands(more),
                    if more == 1 { "" } else { "s" }
                );
                self.spool.write(&format!("{}\n", printable::line(&text)))?;
            }
        }
        match (self.layout, conclusion) {
            // Where diagnostics are all that was asked for, none are an answer, too.
            (Layout::Json, None) if self.is_empty => {}
            (Layout::Json, _) => self.spool.write(if self.is_empty { "[]\n" } else { "\n]\n" })?,
            (Layout::Plain | Layout::Drawn, Some(conclusion)) => {
                self.spool.write(&format!("{}\n", printable::line(conclusion)))?;
            }
            (Layout::Plain | Layout::Drawn, None) => {}
        }
        Ok(self.spool)
    }
}

/// A number with commas between thousands.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Diagnostics as the text that every route of a package gives.
pub(crate) fn plain(diagnostics: &[Located], sources: &Sources) -> String {
    let line = |located: &Located| {
        let name = name(located.source, sources);
        located.diagnostic.display(name).to_string()
    };
    diagnostics.iter().map(line).collect()
}

/// The theme of the terminal.
fn theme() -> GraphicalTheme {
    if output::has_colours(&output::stderr()) {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    }
}

/// A diagnostic with the lines that it is about, in the colours of a theme.
fn drawn(located: &Located, sources: &Sources, theme: GraphicalTheme) -> String {
    let drawn = Drawn::new(located, sources);
    let mut text = String::new();
    match GraphicalReportHandler::new_themed(theme)
        .with_break_words(false)
        .render_report(&mut text, &drawn)
    {
        // All that it draws is printable already; this is for what was forgotten.
        Ok(()) => printable::coloured(&text).into_owned(),
        Err(_) => plain(std::slice::from_ref(located), sources),
    }
}

/// An error with its causes, as one message.
pub(crate) fn error(error: &anyhow::Error) -> String {
    format!("{}\n", printable::message(&format!("error: {error:#}")))
}

/// Writes one message to standard error. If it has several lines, all but the first have a margin, because they may be
/// somebody else's.
pub(crate) fn to_stderr(message: &str) {
    to_stderr_as_it_is(&format!("{}\n", printable::message(message)));
}

/// Writes text to standard error whose lines are ours, such as that of [`plain`].
pub(crate) fn lines_to_stderr(text: &str) {
    to_stderr_as_it_is(&printable::lines(text));
}

/// Writes as much as standard error takes. Where nobody listens there is nobody to tell.
fn to_stderr_as_it_is(text: &str) {
    let _ = output::stderr().lock().write_all(text.as_bytes());
}

fn name(source: u32, sources: &Sources) -> &str {
    sources.get(source).map_or("<none>", |source| source.name.as_str())
}

/// Text of a package for people, with its lines.
pub(crate) fn harmless(text: impl fmt::Display) -> String {
    printable::lines(&text.to_string()).into_owned()
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
    snippet: Option<Snippet<'a>>,
}

impl<'a> Drawn<'a> {
    fn new(located: &'a Located, sources: &'a Sources) -> Self {
        let snippet = located
            .diagnostic
            .position
            .and_then(|position| Snippet::of(sources.get(located.source)?, position));
        Self { located, snippet }
    }
}

impl fmt::Display for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let diagnostic = &self.located.diagnostic;
        if !diagnostic.path.is_empty() {
            write!(f, "{}: ", printable::excerpt(&diagnostic.path))?;
        }
        f.write_str(&printable::excerpt(&diagnostic.message))
    }
}

impl std::error::Error for Drawn<'_> {}

impl miette::Diagnostic for Drawn<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let diagnostic = &self.located.diagnostic;
        let code = printable::excerpt(&diagnostic.code);
        Some(Box::new(format!("{}[{code}]", diagnostic.severity)))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.located.diagnostic.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.located.diagnostic.help.as_ref()?;
        Some(Box::new(printable::excerpt(help)))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self.snippet.as_ref()?)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = self.snippet.as_ref()?.label();
        Some(Box::new(std::iter::once(label)))
    }
}

#[cfg(test)]
mod tests {
    use rutter::{Diagnostic, Position};

    use super::*;

    /// A diagnostic as a terminal with colours shows it.
    fn shown(name: &str, text: &str, position: (u32, u32), payload: &str) -> String {
        let mut sources = Sources::default();
        let source = sources.add(name, text);
        let (line, column) = position;
        let diagnostic = Diagnostic {
            severity: Severity::Error,
            code: payload.to_owned().into(),
            path: payload.to_owned(),
            position: Some(Position { line, column }),
            message: payload.to_owned(),
            help: Some(payload.to_owned()),
        };
        drawn(&Located { source, diagnostic }, &sources, GraphicalTheme::unicode())
    }

    fn without_colours(text: &str) -> String {
        let mut parts = text.split("\u{1b}[");
        let first = parts.next().unwrap_or_default().to_owned();
        first
            + &parts
                .map(|part| part.split_once('m').expect("a colour").1)
                .collect::<String>()
    }

    #[test]
    fn what_is_drawn_is_printable_and_in_colour() {
        for payload in [
            "\u{1b}[2Jx",
            "\u{1b}[31mred\u{1b}[0m",
            "\u{1b}]8;;http://x\u{1b}\\x\u{1b}]8;;\u{1b}\\",
            "\u{9b}31m\u{7f}\u{8}",
            "x\u{202e}\u{2066}\u{200b}",
            "x\rerror: forged",
            "x\nerror: forged",
        ] {
            let drawn = shown(payload, &format!("{payload}: 1\n{payload}"), (1, 1), payload);
            assert!(drawn.contains("\u{1b}["), "{drawn}");
            assert!(!drawn.contains(payload), "{drawn}");
            let plain = without_colours(&drawn);
            assert_eq!(printable::lines(&plain), plain);
            assert!(!plain.lines().any(|line| line.starts_with("error: forged")), "{plain}");
        }
    }

    #[test]
    fn the_label_is_below_its_word_and_the_place_is_the_real_one() {
        let drawn = shown("a\u{1b}.yaml", "b: 1\n\t\u{1b}[1m\u{202e}: w\u{7}rd # c", (2, 9), "p");
        let plain = without_colours(&drawn);
        assert!(plain.contains("[a\\u{1b}.yaml:2:9]"), "{plain}");
        let lines: Vec<&str> = plain.lines().collect();
        let at = lines
            .iter()
            .position(|line| line.contains("w\\u{7}rd"))
            .expect("the line");
        let word = lines[at].find("w\\u{7}rd").map(|end| lines[at][..end].chars().count());
        let label = lines[at + 1].find('─').map(|end| lines[at + 1][..end].chars().count());
        assert_eq!(word, label, "{plain}");
    }

    #[test]
    fn every_position_can_be_drawn() {
        for text in [
            "",
            "a",
            "a\n",
            "a\r\n\rb: \u{1b}\u{301}",
            "日本: \t語\n",
            &"é\t".repeat(200),
        ] {
            for line in 0..5 {
                for column in 0..450 {
                    let drawn = shown("x", text, (line, column), "m");
                    assert!(drawn.contains("m: m"), "{text:?} {line}:{column}: {drawn}");
                }
            }
        }
    }

    #[test]
    fn json_is_printable_and_means_the_same() {
        let mut sources = Sources::default();
        let text = "\u{1b}\u{7f}\u{9b}\u{202e}\u{e0041}\n";
        let source = sources.add("a", "");
        let code = rutter::Code {
            id: "a",
            severity: Severity::Error,
            summary: "",
        };
        let diagnostic = Diagnostic::new(&code, text, text);
        let written = json::to_text(&to_json(&Located { source, diagnostic }, &sources));
        assert_eq!(printable::lines(&written), written);
        let read: Value = serde_json::from_str(&written).expect("JSON");
        assert_eq!((&read["path"], &read["message"]), (&json!(text), &json!(text)));
    }

    #[test]
    fn errors_are_one_message() {
        let cause = anyhow::anyhow!("no\u{1b}\nerror: forged");
        let text = error(&cause.context("a\nb"));
        assert_eq!(text, "error: a\n  | b: no\\u{1b}\n  | error: forged\n");
    }
}
