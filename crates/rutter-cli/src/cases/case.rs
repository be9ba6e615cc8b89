//! One case of a package: an input, and the expected result.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use rutter::printable;

const INPUT: &str = "input.yaml";
const ARGUMENTS: &str = "args";
const MANIFESTS: &str = "expected.yaml";
const DIAGNOSTICS: &str = "diagnostics.txt";

/// A directory with an input and the expected result.
#[derive(Debug)]
pub(super) struct Case {
    /// The name of the directory, printable.
    pub(super) name: String,
    /// The text of `input.yaml`, which a package may refuse to read.
    pub(super) input: Vec<u8>,
    /// The value of `--name` in `args`, if any.
    pub(super) installation: Option<String>,
    /// The value of `--namespace` in `args`, or `default`.
    pub(super) namespace: String,
    directory: PathBuf,
}

/// The result of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The manifests, or `None` if the input is refused.
    pub(super) manifests: Option<String>,
    /// The diagnostics, as text.
    pub(super) diagnostics: String,
}

impl Case {
    /// Reads all cases below a directory, in the order of their names.
    ///
    /// # Errors
    ///
    /// Fails if there is none, or if one is not complete or has files that no test reads.
    pub(super) fn all(directory: &Path) -> Result<Vec<Self>> {
        ensure!(
            directory.is_dir(),
            "there is no directory {}: run this in the directory of the package, or name the directory of its cases",
            printable::path(directory)
        );
        let mut directories = Vec::new();
        for path in entries(directory)? {
            ensure!(
                path.is_dir(),
                "{} is not a directory: each case is a directory with {INPUT}",
                printable::path(&path)
            );
            directories.push(path);
        }
        directories.sort();
        let cases = directories.into_iter().map(Self::read).collect::<Result<Vec<_>>>()?;
        ensure!(
            !cases.is_empty(),
            "{} has no cases: each is a directory with {INPUT}",
            printable::path(directory)
        );
        Ok(cases)
    }

    fn read(directory: PathBuf) -> Result<Self> {
        for file in entries(&directory)? {
            let known = [INPUT, ARGUMENTS, MANIFESTS, DIAGNOSTICS];
            let is_known = file
                .file_name()
                .is_some_and(|name| known.iter().any(|known| OsStr::new(known) == name));
            ensure!(
                is_known && file.is_file(),
                "{} is not a file of a case, which are {}",
                printable::path(&file),
                rutter::suggest::list(&known, "and")
            );
        }
        let input = directory.join(INPUT);
        let input = fs::read(&input).with_context(|| printable::path(&input))?;
        let mut case = Self {
            name: directory.file_name().map(printable::os).unwrap_or_default(),
            input,
            installation: None,
            namespace: "default".to_owned(),
            directory,
        };
        case.read_arguments()?;
        Ok(case)
    }

    fn read_arguments(&mut self) -> Result<()> {
        let path = self.directory.join(ARGUMENTS);
        let Some(text) = read_optional(&path)? else {
            return Ok(());
        };
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let value = match line.split_once('=') {
                Some((_, value)) => Some(value),
                None => lines.next(),
            };
            match (line.split('=').next(), value) {
                (Some("--name"), Some(value)) => self.installation = Some(value.to_owned()),
                (Some("--namespace"), Some(value)) => value.clone_into(&mut self.namespace),
                _ => bail!(
                    "{}: {line:?} is not an argument of a case: write --name or --namespace, and the value in the next line",
                    printable::path(&path)
                ),
            }
        }
        Ok(())
    }

    /// Returns the expected answer, or `None` if the case has none yet.
    pub(super) fn expected(&self) -> Result<Option<Answer>> {
        let manifests = read_optional(&self.directory.join(MANIFESTS))?;
        let diagnostics = read_optional(&self.directory.join(DIAGNOSTICS))?;
        Ok((manifests.is_some() || diagnostics.is_some()).then(|| Answer {
            manifests,
            diagnostics: diagnostics.unwrap_or_default(),
        }))
    }

    /// Writes the expected answer.
    pub(super) fn bless(&self, answer: &Answer) -> Result<()> {
        let diagnostics = Some(&answer.diagnostics).filter(|text| !text.is_empty());
        write_or_remove(&self.directory.join(MANIFESTS), answer.manifests.as_ref())?;
        write_or_remove(&self.directory.join(DIAGNOSTICS), diagnostics)
    }
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    let read = || fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect();
    let entries: std::io::Result<Vec<PathBuf>> = read();
    entries.with_context(|| printable::path(directory))
}

fn read_optional(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| printable::path(path)),
    }
}

fn write_or_remove(path: &Path, text: Option<&String>) -> Result<()> {
    let written = match text {
        Some(text) => fs::write(path, text),
        None => match fs::remove_file(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed,
        },
    };
    written.with_context(|| printable::path(path))
}
