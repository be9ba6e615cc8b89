//! Plans for people.

use std::fmt::Write as _;

use super::{Detail, Target};
use crate::printable::{line, source_line};
use crate::{Change, Command, Difference, Plan};

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

    /// The first line, with the context of the cluster that was read: `shop/orders (context prod): 3 → 5 members`.
    #[must_use]
    pub fn headline_in(&self, target: Option<&Target>) -> String {
        let headline = self.headline();
        let Some(context) = target.and_then(|target| target.context.as_ref()) else {
            return headline;
        };
        let place = format!("{}/{}", line(&self.namespace), line(&self.name));
        match headline.strip_prefix(&place) {
            Some(rest) if rest.is_empty() || rest.starts_with(':') => {
                format!("{place} (context {}){rest}", line(context))
            }
            // The summary names the installation in another way.
            _ => format!("{place} (context {}): {headline}", line(context)),
        }
    }

    /// The differences, sorted, one a line: all of them, or this many.
    #[must_use]
    pub fn differences_text(&self, most: Option<usize>) -> String {
        let mut lines: Vec<String> = self.differences.iter().map(difference).collect();
        lines.sort();
        lines.dedup();
        let count = lines.len();
        let shown = most.map_or(count, |most| most.min(count));
        let mut text = match count {
            0 => return String::new(),
            1 => "1 difference\n".to_owned(),
            _ => format!("{count} differences\n"),
        };
        for line in &lines[..shown] {
            let _ = writeln!(text, "  {line}");
        }
        if shown < count {
            let _ = writeln!(text, "  and {} more: -v prints all", count - shown);
        }
        text
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
        if detail != Detail::Steps && !self.preflight.is_empty() {
            text.push_str("\nbefore the first step\n");
            write_commands(&mut text, &self.preflight);
        }
        for (number, step) in (1..).zip(self.change.steps()) {
            if detail != Detail::Steps || number == 1 {
                text.push('\n');
            }
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{number}. {}", line(&step.title));
            for effect in &step.effects {
                let _ = writeln!(text, "   {}", line(effect));
            }
            if detail != Detail::Steps {
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

fn difference(difference: &Difference) -> String {
    let object = line(&difference.object);
    match (&*difference.path, &*difference.desired) {
        ("", "(absent)") => format!("{object}: no longer desired"),
        ("", _) => format!("{object}: missing"),
        (path, desired) => format!(
            "{object} {}: {} → {}",
            line(path),
            line(&difference.installed),
            line(desired)
        ),
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
