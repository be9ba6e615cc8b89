//! Plans as people read them, and as files that carry them out.
//!
//! # Lines of a plan
//!
//! `run.sh` consists of the host's part, the plan's prelude, its preflight commands and its steps. It is for every POSIX
//! shell, and needs kubectl, awk, sed and base64. What a line of a package, or a function of its prelude, can rely on:
//!
//! - It runs in a subshell with `set -e`, in the directory of its step. [`Step::directory`] names that. The manifests are
//!   in `manifests/`, the files in `files/`. Lines of the preflight run in the directory of the plan, which has these
//!   directories in it.
//! - `kubectl` is pinned to the cluster of the plan by its context. Each line says `--namespace` itself. A call fails once
//!   the lock of the plan is lost.
//! - A line in which a call of `kubectl` fails has failed, even if the call is in a pipe or a command substitution, where a
//!   shell forgets it. `attempt kubectl …` is a call that may fail. Readers of a pipe should read all of it: `awk`, not
//!   `grep -q`.
//! - `unless` is true if its line exits with 0, and false if it exits with 1. With any other exit code, and if a call of
//!   `kubectl` fails, nothing is known: the line is repeated, and the run stops if it gets no answer in a minute.
//! - `say TEXT` prints a line of ASCII to the person. What a line prints otherwise goes to the log, and is shown if it fails
//!   or takes long.
//! - A line that fails with `make a new plan` at the end of its output has found that the cluster is not as it was when the
//!   plan was made. The person is told to plan again, rather than to start the script again.
//! - `fail TEXT` ends the run, also where the command has `within`, from a pipe and from a subshell.
//! - `is_done DIRECTORY` is true if the step of that directory is done.
//! - `"$notes"` is a directory that belongs to the step and the cluster. Lines keep there what they have to remember, such as
//!   the ID of a member that they remove.
//!
//! Names that start with `rutter_` are the host's.

mod json;
mod kubectl_help;
mod read;
mod script;
mod text;

use crate::{Change, Plan, Step};
pub use kubectl_help::kubectl_help;
pub use read::{desired, state};

/// A file of a plan's directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path below the directory, with `/` between the parts.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// The cluster that a plan was made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The context of the kubeconfig; none for a host that has no kubeconfig, such as a pod.
    pub context: Option<String>,
    /// The UID of the namespace `kube-system`, or, where that may not be read, `namespace-` and the UID of the plan's own
    /// namespace.
    pub cluster: String,
}

/// How much of a plan is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// The steps and their effects.
    Steps,
    /// Reasons and commands, too.
    Commands,
    /// The functions that the commands call, too.
    All,
}

impl Plan {
    /// The exit code of a command that finds that there is no plan: the cluster is not in a state for it, or the change is
    /// not understood or not safe.
    pub const REFUSED: u8 = 6;

    /// The exit code of a command that plans: 0 if there is nothing to do or one apply is safe, 4 if it takes steps.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match self.change {
            Change::Nothing | Change::Apply(_) => 0,
            Change::Steps(_) => 4,
        }
    }

    /// The exit code that tells all kinds of changes apart: 0 if there is nothing to do, 5 if one apply is safe, 4 if it
    /// takes steps.
    #[must_use]
    pub fn detailed_exit_status(&self) -> u8 {
        match self.change {
            Change::Nothing => 0,
            Change::Apply(_) => 5,
            Change::Steps(_) => 4,
        }
    }

    /// The files of a directory by which the plan is carried out: the manifests and files of each step, `plan.txt` and
    /// `run.sh`. Without a target, the first run of `run.sh` decides which cluster the plan is for.
    #[must_use]
    pub fn files(&self, target: Option<&Target>) -> Vec<File> {
        let mut files = self.step_files();
        let text = format!(
            "{}\n{}{}",
            self.headline_in(target),
            self.warnings_text(),
            self.body(Detail::All)
        );
        let script = script::write(self, &files, target);
        files.extend([("plan.txt", text), ("run.sh", script)].map(|(path, text)| File {
            path: path.to_owned(),
            text,
        }));
        files
    }

    /// The warnings, without their places: these are in texts that are not in the plan's directory.
    fn warnings_text(&self) -> String {
        let warnings = self.warnings.iter().map(|warning| warning.clone().at(None));
        warnings.map(|warning| warning.display("").to_string()).collect()
    }

    fn step_files(&self) -> Vec<File> {
        let mut files = Vec::new();
        for (number, step) in (1..).zip(self.change.steps()) {
            let directory = step.directory(number);
            let manifests = step.manifests.iter();
            files.extend(manifests.map(|manifest| File {
                path: format!("{directory}/manifests/{}", manifest.file_name),
                text: manifest.document.clone(),
            }));
            files.extend(step.files.iter().map(|file| File {
                path: format!("{directory}/files/{}", file.name),
                text: file.text.clone(),
            }));
        }
        files
    }
}

impl Step {
    /// The name of the step's directory, for the step with this number in its plan, from 1: `01-add-etcd-3`.
    #[must_use]
    pub fn directory(&self, number: usize) -> String {
        format!("{number:02}-{}", self.name)
    }
}
