//! Plans for people.

use std::fmt::Write as _;

use super::Detail;
use crate::printable::{line, source_line};
use crate::{Change, Command, Plan};

impl Plan {
    /// The first line of the text: what changes as a whole.
    #[must_use]
    pub fn headline(&self) -> String {
        if self.summary.is_empty() {
            format!("{}/{}", line(&self.namespace), line(&self.name))
        } else {
            line(&self.summary).into_owned()
        }
    }

    /// The result of the plan in a few words: `safe in 3 steps`.
    #[must_use]
    pub fn verdict(&self) -> String {
        match &self.change {
            Change::Nothing => "nothing to do".to_owned(),
            Change::Apply(_) => "safe in one apply".to_owned(),
            Change::Steps(steps) if steps.len() == 1 => "safe in 1 step".to_owned(),
            Change::Steps(steps) => format!("safe in {} steps", steps.len()),
        }
    }

    /// The plan as a person reads it.
    #[must_use]
    pub fn to_text(&self, detail: Detail) -> String {
        format!("{}\n{}", self.headline(), self.body(detail))
    }

    /// The plan as a person reads it, without its first line.
    #[must_use]
    pub fn body(&self, detail: Detail) -> String {
        let mut text = format!("{}\n", self.verdict());
        if detail == Detail::All && !self.preflight.is_empty() {
            text.push_str("\nbefore the first step\n");
            write_commands(&mut text, &self.preflight);
        }
        for (number, step) in (1..).zip(self.change.steps()) {
            if detail == Detail::All || number == 1 {
                text.push('\n');
            }
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{number}. {}", line(&step.title));
            for effect in &step.effects {
                let _ = writeln!(text, "   {}", line(effect));
            }
            if detail == Detail::All {
                let _ = writeln!(text, "   reason: {}", line(&step.reason));
                write_commands(&mut text, &step.commands);
            }
        }
        if detail == Detail::All && !self.prelude.is_empty() && !self.change.steps().is_empty() {
            text.push_str("\nfunctions that the commands call\n");
            for function in self.prelude.lines() {
                let _ = writeln!(text, "{}", format!("       {}", source_line(function)).trim_end());
            }
        }
        text
    }
}

fn write_commands(text: &mut String, commands: &[Command]) {
    for command in commands {
        let purpose = line(&command.purpose);
        let _ = match command.within {
            None => writeln!(text, "   - {purpose}:"),
            Some(seconds) => writeln!(text, "   - {purpose}, within {seconds} s:"),
        };
        let _ = writeln!(text, "       {}", line(&command.line));
        if let Some(unless) = &command.unless {
            let _ = writeln!(text, "       unless {}", line(unless));
        }
    }
}
