//! Plans for programs.

use serde_json::{Value, json};

use crate::{Change, Command, Plan, Step};

impl Plan {
    /// The plan as JSON. Manifests and files are given by their names.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let change = match self.change {
            Change::Nothing => "nothing",
            Change::Apply(_) => "apply",
            Change::Steps(_) => "steps",
        };
        json!({
            "name": self.name,
            "namespace": self.namespace,
            "summary": self.summary,
            "change": change,
            "prelude": self.prelude,
            "preflight": self.preflight.iter().map(command).collect::<Vec<_>>(),
            "steps": self.change.steps().iter().map(step).collect::<Vec<_>>(),
        })
    }
}

fn step(step: &Step) -> Value {
    json!({
        "name": step.name,
        "title": step.title,
        "reason": step.reason,
        "effects": step.effects,
        "manifests": step.manifests.iter().map(|manifest| &manifest.file_name).collect::<Vec<_>>(),
        "files": step.files.iter().map(|file| &file.name).collect::<Vec<_>>(),
        "commands": step.commands.iter().map(command).collect::<Vec<_>>(),
    })
}

fn command(command: &Command) -> Value {
    json!({
        "purpose": command.purpose,
        "line": command.line,
        "unless": command.unless,
        "within": command.within,
    })
}
