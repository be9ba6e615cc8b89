//! Writing results: whole or not at all.

use std::env;
use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal as _, Seek as _, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tempfile::{SpooledData, SpooledTempFile};

use crate::files::NewFile;

/// Writes to standard output.
///
/// # Errors
///
/// If not all of it could be written; a broken pipe is no exception, for half a manifest is none.
pub(crate) fn to_stdout(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    written.context("standard output cannot be written")
}

/// Writes all that has waited to standard output.
///
/// # Errors
///
/// As for [`to_stdout`].
pub(crate) fn all_to_stdout(spool: Spool) -> Result<()> {
    spool
        .copy_to(io::stdout().lock())
        .context("standard output cannot be written")
}

/// How much of what waits to be written is held in memory, in bytes. The rest lies in a file that nobody else sees.
const HELD: usize = 4 << 20;

/// Text that is not to be seen before all of it is there, however much that is.
#[derive(Debug)]
pub(crate) struct Spool {
    text: BufWriter<SpooledTempFile>,
    ends_line: bool,
}

impl Spool {
    pub(crate) fn new() -> Self {
        Self {
            text: BufWriter::new(tempfile::spooled_tempfile(HELD)),
            ends_line: true,
        }
    }

    /// Adds text.
    ///
    /// # Errors
    ///
    /// If the folder for temporary files has no room for it.
    pub(crate) fn write(&mut self, text: &str) -> Result<()> {
        if !text.is_empty() {
            self.ends_line = text.ends_with('\n');
        }
        self.text.write_all(text.as_bytes()).context(SPOOLED)
    }

    /// Adds the end of a line that has none.
    ///
    /// # Errors
    ///
    /// As for [`Self::write`].
    pub(crate) fn end_line(&mut self) -> Result<()> {
        if self.ends_line { Ok(()) } else { self.write("\n") }
    }

    /// Writes all of it.
    ///
    /// # Errors
    ///
    /// If it cannot be read back, or not all of it could be written.
    pub(crate) fn copy_to(self, mut to: impl Write) -> Result<()> {
        let text = self.text.into_inner().map_err(io::IntoInnerError::into_error);
        match text.context(SPOOLED)?.into_inner() {
            SpooledData::InMemory(text) => to.write_all(text.get_ref())?,
            SpooledData::OnDisk(mut file) => {
                file.rewind().context(SPOOLED)?;
                io::copy(&mut file, &mut to)?;
            }
        }
        to.flush().map_err(Into::into)
    }
}

/// What cuts a file from the text of another before it, and what is then left of it to write. A file is not only cut from
/// its stream by `---`: directives may come first.
pub(crate) fn separate(text: &str) -> (&'static str, &str) {
    // A mark of the encoding, at the start of a file alone.
    let text = text.trim_start_matches('\u{feff}');
    let begins = |rest: &str| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']);
    let separator = if text.starts_with('%') {
        "...\n"
    } else if text.strip_prefix("---").is_some_and(begins) {
        ""
    } else {
        "---\n"
    };
    (separator, text)
}

const SPOOLED: &str = "the folder for temporary files cannot be used, which TMPDIR names";

/// What text on standard output is coloured with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    /// Nothing: whoever reads it is no terminal, or does not want colours.
    None,
    /// The escape sequences that terminals understand.
    Ansi,
}

impl Ink {
    /// Colours on a terminal, unless `NO_COLOR` is set (<https://no-color.org>) or the terminal has none.
    pub(crate) fn for_stdout() -> Self {
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
        if io::stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb {
            Self::Ansi
        } else {
            Self::None
        }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.write(text, 1)
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.write(text, 31)
    }

    pub(crate) fn green(self, text: &str) -> String {
        self.write(text, 32)
    }

    pub(crate) fn yellow(self, text: &str) -> String {
        self.write(text, 33)
    }

    pub(crate) fn cyan(self, text: &str) -> String {
        self.write(text, 36)
    }

    fn write(self, text: &str, code: u8) -> String {
        match self {
            Self::None => text.to_owned(),
            Self::Ansi => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}

/// Writes files into `folder`, which is made if need be.
///
/// They appear under their names only once all of them are written, and each at once.
///
/// # Errors
///
/// If a file cannot be written. Then no file that was there before has changed, unless renaming itself failed.
pub(crate) fn to_folder(folder: &Path, files: &[NewFile<'_>]) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    let mut finished = Vec::with_capacity(files.len());
    for file in files {
        finished.push(Unfinished::write(folder, file)?);
    }
    finished.into_iter().try_for_each(Unfinished::finish)
}

/// The YAML files in `folder` that are none of `files`, by name: what an earlier render wrote, or somebody else.
///
/// # Errors
///
/// If the folder cannot be read.
pub(crate) fn others(folder: &Path, files: &[NewFile<'_>]) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut others = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let is_manifest = [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end));
        if is_manifest && !name.starts_with('.') && !files.iter().any(|file| file.name == name) {
            others.push(name);
        }
    }
    others.sort();
    Ok(others)
}

/// A file under a name of its own, which is removed unless it gets its final one.
struct Unfinished {
    path: PathBuf,
    target: PathBuf,
}

impl Unfinished {
    fn write(folder: &Path, file: &NewFile<'_>) -> Result<Self> {
        let NewFile { name, text } = file;
        let target = folder.join(&**name);
        if target.is_dir() {
            anyhow::bail!("{} is a folder, where a file is to be written", target.display());
        }
        let path = folder.join(format!(".{name}.{}", std::process::id()));
        let unfinished = Self { path, target };
        // A new file: a link that somebody put there is not followed.
        File::create_new(&unfinished.path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .with_context(|| format!("{} cannot be written", unfinished.target.display()))?;
        Ok(unfinished)
    }

    fn finish(self) -> Result<()> {
        fs::rename(&self.path, &self.target).with_context(|| format!("{} cannot be written", self.target.display()))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Gone already if it was renamed.
        let _ = fs::remove_file(&self.path);
    }
}
