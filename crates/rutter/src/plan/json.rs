//! Plans for programs.

use serde_json::{Value, json};

use super::Target;
use crate::{Change, Command, Diagnostic, Difference, Plan, Step};

impl Plan {
    /// The plan as JSON. Manifests and files are given by their names, and the functions that commands call are left out.
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.to_json_in(None)
    }

    /// The same with the cluster that was read, if one was.
    #[must_use]
    pub fn to_json_in(&self, target: Option<&Target>) -> Value {
        let change = match self.change {
            Change::Nothing => "nothing",
            Change::Apply(_) => "apply",
            Change::Steps(_) => "steps",
        };
        let steps = self.change.steps();
        json!({
            "context": target.and_then(|target| target.context.as_ref()),
            "cluster": target.map(|target| &target.cluster),
            "name": self.name,
            "namespace": self.namespace,
            "summary": self.summary,
            "change": change,
            "differences": self.differences.iter().map(difference).collect::<Vec<_>>(),
            "warnings": self.warnings.iter().map(warning).collect::<Vec<_>>(),
            "restarts": all(steps, RESTARTS),
            "deletedVolumes": all(steps, DELETED_VOLUMES),
            "preflight": self.preflight.iter().map(command).collect::<Vec<_>>(),
            "steps": steps.iter().map(step).collect::<Vec<_>>(),
        })
    }
}

/// The beginnings of effects that name several things each, as the contract has them.
const RESTARTS: &str = "restarts ";
const DELETED_VOLUMES: &str = "deletes the volumes ";

fn all<'a>(steps: &'a [Step], beginning: &str) -> Vec<&'a str> {
    let effects = steps.iter().flat_map(|step| &step.effects);
    let named = effects.filter_map(|effect| effect.strip_prefix(beginning));
    named.flat_map(|names| names.split(", ")).collect()
}

fn difference(difference: &Difference) -> Value {
    json!({
        "object": difference.object,
        "path": difference.path,
        "installed": difference.installed,
        "desired": difference.desired,
    })
}

fn warning(diagnostic: &Diagnostic) -> Value {
    json!({
        "code": diagnostic.code,
        "path": diagnostic.path,
        "message": diagnostic.message,
        "help": diagnostic.help,
    })
}

fn step(step: &Step) -> Value {
    json!({
        "name": step.name,
        "title": step.title,
        "reason": step.reason,
        "effects": step.effects,
        "restarts": all(std::slice::from_ref(step), RESTARTS),
        "deletedVolumes": all(std::slice::from_ref(step), DELETED_VOLUMES),
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
