//! Writing results: whole or not at all, and to a terminal nothing that commands it.

use std::collections::HashSet;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Cursor, IsTerminal as _, Read, Seek as _, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread;

use anstream::{AutoStream, ColorChoice};
use anyhow::{Context as _, Result};
use rutter::printable;
use tempfile::{SpooledData, SpooledTempFile, TempDir};

use crate::args::Color;

/// Standard output. What a terminal shows must be made printable first.
#[allow(clippy::disallowed_methods, reason = "this module is the way to it")]
fn stdout() -> io::Stdout {
    io::stdout()
}

/// Standard error, for text that is printable already.
#[allow(clippy::disallowed_methods, reason = "this module is the way to it")]
pub(crate) fn stderr() -> io::Stderr {
    io::stderr()
}

/// Whether standard output was closed when the program was started, as by `>&-`.
///
/// Rust opens `/dev/null` in its place before `main`, where everything would seem to be written. So it is looked at before.
static IS_CLOSED: AtomicBool = AtomicBool::new(false);

#[cfg(unix)]
ctor::declarative::ctor! {
    #[ctor(unsafe)]
    fn look_at_stdout() {
        let is_closed = rustix::io::fcntl_getfd(stdout()) == Err(rustix::io::Errno::BADF);
        IS_CLOSED.store(is_closed, Ordering::Relaxed);
    }
}

fn check_open() -> Result<()> {
    if IS_CLOSED.load(Ordering::Relaxed) {
        return Err(anyhow::anyhow!("it is closed").context(Unwritten));
    }
    Ok(())
}

/// Decides when colours are printed: from here on, also for `clap`.
pub(crate) fn set_color(color: Color) {
    let choice = match color {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    };
    choice.write_global();
}

/// Whether a stream gets colours: by `--color`, `NO_COLOR`, `CLICOLOR_FORCE`, `CLICOLOR` and `TERM`, or if it is a terminal.
pub(crate) fn has_colours(stream: &impl anstream::stream::RawStream) -> bool {
    AutoStream::choice(stream) != ColorChoice::Never
}

/// The reader of standard output has gone, or it cannot be written for another reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unwritten;

impl fmt::Display for Unwritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("standard output cannot be written")
    }
}

/// Whether an error is that the reader of standard output has gone.
pub(crate) fn is_unread(error: &anyhow::Error) -> bool {
    let is_pipe = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    error.downcast_ref::<Unwritten>().is_some() && error.root_cause().downcast_ref().is_some_and(is_pipe)
}

/// Writes to standard output: programs get the very bytes, and a terminal gets them printable.
///
/// # Errors
///
/// If not all of it could be written; a broken pipe is no exception, for half a manifest is none.
pub(crate) fn to_stdout(text: &str) -> Result<()> {
    if stdout().is_terminal() {
        write_to_stdout(&printable::lines(text))
    } else {
        write_to_stdout(text)
    }
}

/// Writes text with the colours of [`Style`] to standard output, and only these.
///
/// # Errors
///
/// As for [`to_stdout`].
pub(crate) fn coloured_to_stdout(text: &str) -> Result<()> {
    write_to_stdout(&printable::coloured(text))
}

fn write_to_stdout(text: &str) -> Result<()> {
    check_open()?;
    let mut stdout = stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    written.context(Unwritten)
}

/// Writes all that has waited to standard output, as [`to_stdout`] does.
///
/// # Errors
///
/// As for [`to_stdout`].
pub(crate) fn all_to_stdout(spool: Spool) -> Result<()> {
    check_open()?;
    let stdout = stdout();
    let written = if stdout.is_terminal() {
        spool.copy_to(Printable::new(stdout.lock()))
    } else {
        spool.copy_to(stdout.lock())
    };
    written.context(Unwritten)
}

/// Makes text printable on its way, a few lines at a time.
struct Printable<W> {
    to: W,
    waiting: Vec<u8>,
}

impl<W: Write> Printable<W> {
    /// The most bytes of one line that wait for its end.
    const MOST: usize = 64 << 10;

    fn new(to: W) -> Self {
        let waiting = Vec::new();
        Self { to, waiting }
    }

    /// Writes this many of the bytes that wait.
    fn write_first(&mut self, count: usize) -> io::Result<()> {
        let text = String::from_utf8_lossy(&self.waiting[..count]).into_owned();
        self.waiting.drain(..count);
        self.to.write_all(printable::lines(&text).as_bytes())
    }
}

impl<W: Write> Write for Printable<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.waiting.extend_from_slice(bytes);
        let lines = self.waiting.iter().rposition(|byte| *byte == b'\n').map(|end| end + 1);
        if let Some(end) = lines {
            self.write_first(end)?;
        }
        if self.waiting.len() > Self::MOST {
            let is_start = |byte: &u8| byte & 0b1100_0000 != 0b1000_0000;
            // The last character may not be whole yet.
            let end = self.waiting.iter().rposition(is_start).filter(|end| *end > 0);
            self.write_first(end.unwrap_or(self.waiting.len()))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_first(self.waiting.len())?;
        self.to.flush()
    }
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
    /// If the directory for temporary files has no room for it.
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
        io::copy(&mut self.into_reader()?, &mut to)?;
        to.flush().map_err(Into::into)
    }

    /// Returns a reader of all of it.
    ///
    /// # Errors
    ///
    /// If it cannot be read back.
    fn into_reader(self) -> Result<Box<dyn Read>> {
        let text = self.text.into_inner().map_err(io::IntoInnerError::into_error);
        Ok(match text.context(SPOOLED)?.into_inner() {
            SpooledData::InMemory(text) => Box::new(Cursor::new(text.into_inner())),
            SpooledData::OnDisk(mut file) => {
                file.rewind().context(SPOOLED)?;
                Box::new(BufReader::new(file))
            }
        })
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

const SPOOLED: &str = "the directory for temporary files cannot be used, which TMPDIR names";

/// The style of text on standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// No colours: the reader is not a terminal, or does not want them.
    Plain,
    /// The escape sequences that terminals understand.
    Ansi,
}

impl Style {
    pub(crate) fn for_stdout() -> Self {
        if has_colours(&stdout()) {
            Self::Ansi
        } else {
            Self::Plain
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
            Self::Plain => text.to_owned(),
            Self::Ansi => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}

/// A file to be written.
#[derive(Debug)]
pub(crate) struct NewFile {
    /// One plain name that no other file of the directory has, nor one that differs in case only.
    pub(crate) name: String,
    /// The length of its text, in bytes.
    pub(crate) length: u64,
}

/// Writes files into a directory, which is made if need be. `texts` holds their texts one after the other.
///
/// They appear under their names only once all of them are written, and each at once.
///
/// # Errors
///
/// If a file cannot be written. Then no file that was there before has changed, unless renaming itself failed.
pub(crate) fn to_directory(directory: &Path, files: &[NewFile], texts: Spool) -> Result<()> {
    fs::create_dir_all(directory)
        .with_context(|| format!("the directory {} cannot be made", printable::path(directory)))?;
    remove_abandoned(directory);
    let unfinished = Unfinished::new(directory)?;
    let mut texts = texts.into_reader()?;
    for (number, file) in files.iter().enumerate() {
        unfinished.write(number, file, &mut texts)?;
    }
    let mut files = files.iter().enumerate();
    files.try_for_each(|(number, file)| unfinished.finish(number, file))
}

/// Returns the names of the manifest files in a directory that are none of `files`: an earlier render wrote them, or
/// somebody else.
///
/// # Errors
///
/// If the directory cannot be read.
pub(crate) fn others(directory: &Path, files: &[NewFile]) -> Result<Vec<String>> {
    let written: HashSet<&str> = files.iter().map(|file| &*file.name).collect();
    let entries = fs::read_dir(directory).with_context(|| printable::path(directory))?;
    let mut others = Vec::new();
    for entry in entries {
        let name = printable::os(&entry?.file_name());
        if is_manifest(&name) && !written.contains(&*name) {
            others.push(name);
        }
    }
    others.sort();
    Ok(others)
}

/// Whether a file of this name in a directory holds manifests, as `kubectl` and Argo CD take them. What is hidden belongs
/// to an editor or to the system.
pub(crate) fn is_manifest(name: &str) -> bool {
    !name.starts_with('.') && [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end))
}

/// The beginning of the names of directories in which files wait for their names.
const UNFINISHED: &str = ".rutter.";

/// Removes what runs have left that could not remove it themselves: the system has taken their locks from them.
///
/// A directory that cannot be removed is somebody else's, or in use.
fn remove_abandoned(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let is_directory = entry.file_type().is_ok_and(|file_type| file_type.is_dir());
        if is_directory
            && entry.file_name().as_encoded_bytes().starts_with(UNFINISHED.as_bytes())
            && holds_unfinished(&entry.path())
            && let Ok(directory) = File::open(entry.path())
            && directory.try_lock().is_ok()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Whether all that a directory holds has the names of files that wait for theirs: anybody may have one of such a name.
fn holds_unfinished(directory: &Path) -> bool {
    let is_number = |entry: io::Result<fs::DirEntry>| {
        entry.is_ok_and(|entry| entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit))
    };
    fs::read_dir(directory).is_ok_and(|mut entries| entries.all(is_number))
}

/// A hidden directory of files without their final names, which is removed with those that do not get them.
struct Unfinished<'a> {
    parent: &'a Path,
    directory: TempDir,
    /// Locked as long as this process lives.
    _lock: Option<File>,
}

impl<'a> Unfinished<'a> {
    fn new(parent: &'a Path) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(parent);
        let directory = directory.with_context(|| format!("{} cannot be written", printable::path(parent)))?;
        lock_waiting().push(directory.path().to_owned());
        remove_on_signals();
        // Not every system opens directories, and not every file system locks them. There they stay.
        let lock = File::open(directory.path()).ok().filter(|lock| lock.try_lock().is_ok());
        Ok(Self {
            parent,
            directory,
            _lock: lock,
        })
    }

    /// The path of a file in the meantime. It is not made of the name, which may be as long as a name can be.
    fn path(&self, number: usize) -> PathBuf {
        self.directory.path().join(number.to_string())
    }

    fn write(&self, number: usize, file: &NewFile, texts: &mut impl Read) -> Result<()> {
        let target = self.parent.join(&file.name);
        if target.is_dir() {
            anyhow::bail!(
                "{} is a directory, where a file is to be written",
                printable::path(&target)
            );
        }
        File::create_new(self.path(number))
            .and_then(|mut created| io::copy(&mut texts.take(file.length), &mut created))
            .with_context(|| format!("{} cannot be written", printable::path(&target)))?;
        Ok(())
    }

    fn finish(&self, number: usize, file: &NewFile) -> Result<()> {
        let target = self.parent.join(&file.name);
        // A link that somebody put there is replaced and not followed.
        fs::rename(self.path(number), &target)
            .with_context(|| format!("{} cannot be written", printable::path(&target)))
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        lock_waiting().retain(|directory| directory != self.directory.path());
    }
}

/// The directories that a signal removes.
static WAITING: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn lock_waiting() -> MutexGuard<'static, Vec<PathBuf>> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has SIGINT and SIGTERM remove the directories of [`WAITING`] before they end the process. Where that cannot be had, the
/// next run removes them.
#[cfg(unix)]
fn remove_on_signals() {
    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    static ONCE: Once = Once::new();
    let wait = || {
        let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else {
            return;
        };
        for signal in signals.forever() {
            let directories = lock_waiting();
            for directory in directories.iter() {
                // A file that is made at the same time keeps the directory.
                let is_left = |_: &u32| fs::remove_dir_all(directory).is_err() && directory.exists();
                let _ = (0..100).take_while(is_left).count();
            }
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    };
    ONCE.call_once(|| drop(thread::Builder::new().spawn(wait)));
}

#[cfg(not(unix))]
fn remove_on_signals() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_whole_characters_however_they_arrive() {
        let text = "a: é\u{1b}[2J\r\nb: \u{202e}\n\tc: żółć".repeat(3);
        for size in 1..text.len() {
            let mut shown = Vec::new();
            let mut printable = Printable::new(&mut shown);
            for bytes in text.as_bytes().chunks(size) {
                printable.write_all(bytes).expect("room");
            }
            printable.flush().expect("room");
            assert_eq!(
                String::from_utf8(shown).expect("text"),
                printable::lines(&text),
                "{size}"
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn abandoned_directories_are_removed_and_used_ones_stay() {
        let parent = tempfile::tempdir().expect("a directory");
        let left = |name: &str| {
            let directory = parent.path().join(name);
            fs::create_dir(&directory).expect("a directory");
            fs::write(directory.join("0"), "text").expect("a file");
            directory
        };
        let (abandoned, foreign) = (left(".rutter.abcdef"), left(".other"));
        let of_person = left(".rutter.person");
        fs::write(of_person.join("notes"), "text").expect("a file");
        let used = Unfinished::new(parent.path()).expect("a directory");
        let file = NewFile {
            name: "a.yaml".to_owned(),
            length: 5,
        };
        used.write(0, &file, &mut &b"a: 1\nb: 2\n"[..]).expect("room");
        to_directory(parent.path(), &[], Spool::new()).expect("room");
        assert!(!abandoned.exists() && foreign.exists() && of_person.join("notes").exists());
        used.finish(0, &file).expect("its file");
        drop(used);
        let names: Vec<_> = fs::read_dir(parent.path())
            .expect("the directory")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        assert_eq!(names.len(), 3, "{names:?}");
    }

    #[test]
    fn long_lines_do_not_wait_for_their_end() {
        let mut shown = Vec::new();
        let mut printable = Printable::new(&mut shown);
        let long = "é".repeat(Printable::<Vec<u8>>::MOST);
        printable.write_all(&long.as_bytes()[..long.len() - 1]).expect("room");
        assert!(printable.waiting.len() <= 1, "{}", printable.waiting.len());
        printable.write_all(&long.as_bytes()[long.len() - 1..]).expect("room");
        printable.flush().expect("room");
        assert_eq!(String::from_utf8(shown).expect("text"), long);
    }
}
