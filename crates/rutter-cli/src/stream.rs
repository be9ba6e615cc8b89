//! Streams of Kubernetes objects: those of a file, or of the files of a directory.
//!
//! Their documents flow through: they are read as they come in, rendered in parallel by as many threads as there are
//! processors, and put out in their order. However long the stream, only a few documents of it are in memory, or one that
//! is large. Of all that was rendered, only fingerprints of the names stay.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, IsTerminal as _, Read, Write as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use rutter::stream::{self, Answer, Broken, Document, Names, Object, Piece, Pieces};
use rutter::yaml::YAML_FEATURE;
use rutter::{Description, Diagnostic, Diagnostics, Position, Request, printable};
use rutter_host::{HostError, Package};

use crate::failure::{Failure, Located};
use crate::output::{self, stderr};
use crate::reader;
use crate::report::{REFUSED, Report};
use crate::sink::Sink;
use crate::sources::Sources;

/// The number of bytes that are read of a stream before several threads render it.
const SHORT: usize = 64 << 10;

/// About how much of a stream is rendered by one thread at a time, in bytes.
const BATCH: usize = 8 << 10;

/// How much may come before the second document that is more than comments, in bytes, apart from the first.
const BLANK: usize = 1 << 20;

/// How many batches wait for each thread, so that none is idle while results are put in order.
const AHEAD: usize = 4;

/// How much of a stream is rendered or waits for that, in bytes; or it is one batch.
const IN_FLIGHT: usize = 256 << 10;

/// An input, as far as its number of documents says what it is.
pub(crate) enum Opened {
    /// One document, or none: values, or an object.
    Whole(Vec<u8>),
    /// Several documents: objects.
    Stream(Documents),
}

/// The documents of a file, or of several files one after the other.
pub(crate) struct Documents {
    /// The name, for people, of the file that is being read.
    name: Arc<str>,
    /// Those that were read to find out what it is.
    head: VecDeque<Result<Piece, Broken>>,
    rest: Pieces<Box<dyn io::BufRead>>,
    /// The directory, and those of its files that come after this one.
    directory: Option<(Arc<str>, VecDeque<PathBuf>)>,
    /// Whether `head` holds all of them.
    is_short: bool,
}

/// A document, and the name of the file that it is of.
struct Entry {
    file: Arc<str>,
    piece: Piece,
    /// What is wrong with it that it cannot even be read.
    problem: Option<Diagnostic>,
}

impl Entry {
    /// Where it starts, for people.
    fn place(&self) -> String {
        format!("the document on line {} of {}", self.piece.first_line(), self.file)
    }
}

/// Reads an input until it is over or known to have several documents. `name` is its name for people.
///
/// # Errors
///
/// If it cannot be read.
pub(crate) fn open(name: &str, input: impl Read + 'static) -> io::Result<Opened> {
    let reader: Box<dyn io::BufRead> = Box::new(BufReader::with_capacity(16 << 10, input));
    let mut documents = Documents {
        name: name.into(),
        head: VecDeque::new(),
        rest: Pieces::new(reader),
        directory: None,
        is_short: false,
    };
    // Values are one document, however long.
    let (mut filled, mut blank, mut was_blank) = (0, 0, false);
    while filled < 2 && blank < BLANK {
        match documents.rest.next() {
            Some(Ok(piece)) if piece.is_blank() => {
                blank += piece.text().len();
                match documents.head.back_mut() {
                    Some(Ok(before)) if was_blank => before.extend(&piece),
                    _ => documents.head.push_back(Ok(piece)),
                }
                was_blank = true;
            }
            Some(Ok(piece)) => {
                was_blank = false;
                filled += 1;
                documents.head.push_back(Ok(piece));
            }
            Some(Err(Broken::Reader(error))) => return Err(error),
            Some(Err(broken)) => {
                documents.head.push_back(Err(broken));
                return Ok(Opened::Stream(documents));
            }
            None => {
                let texts = documents.head.iter().flatten().map(Piece::text);
                return Ok(Opened::Whole(texts.collect::<String>().into_bytes()));
            }
        }
    }
    let mut bytes: usize = documents.head.iter().flatten().map(|piece| piece.text().len()).sum();
    while bytes < SHORT && !documents.is_short {
        match documents.rest.next() {
            Some(Ok(piece)) => {
                bytes += piece.text().len();
                documents.head.push_back(Ok(piece));
            }
            Some(broken) => {
                documents.head.push_back(broken);
                break;
            }
            None => documents.is_short = true,
        }
    }
    Ok(Opened::Stream(documents))
}

impl Documents {
    /// The documents of a directory's own YAML and JSON files, in the order of their names, as `kubectl apply -f` takes
    /// them.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub(crate) fn of_directory(path: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        for entry in path.read_dir()? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default();
            if output::is_manifest(&name.to_string_lossy()) && !path.is_dir() {
                files.push(path);
            }
        }
        files.sort();
        let name: Arc<str> = printable::path(path).into();
        Ok(Self {
            name: Arc::clone(&name),
            head: VecDeque::new(),
            rest: Pieces::new(Box::new(io::empty())),
            directory: Some((name, files.into())),
            is_short: false,
        })
    }

    pub(crate) fn is_directory(&self) -> bool {
        self.directory.is_some()
    }

    /// Whether it is known to hold more than one document, or one of several files: no values, then.
    pub(crate) fn is_stream(&self) -> bool {
        let is_filled = |piece: &&Result<Piece, Broken>| piece.as_ref().is_ok_and(|piece| !piece.is_blank());
        self.is_directory() || self.head.iter().filter(is_filled).count() > 1
    }

    /// Whether they are so few that one thread renders them before others could start.
    pub(crate) fn is_short(&self) -> bool {
        self.is_short
    }

    fn next(&mut self) -> Option<Result<Piece, Broken>> {
        loop {
            if let Some(next) = self.head.pop_front().or_else(|| self.rest.next()) {
                return Some(next);
            }
            let path = self.directory.as_mut()?.1.pop_front()?;
            self.name = printable::path(&path).into();
            // A pipe would be waited for.
            let file = match path.metadata() {
                Ok(metadata) if metadata.is_file() => File::open(path),
                Ok(_) => Err(io::Error::other("this is no regular file")),
                Err(error) => Err(error),
            };
            match file {
                Ok(file) => self.rest = Pieces::new(Box::new(BufReader::new(file))),
                Err(error) => return Some(Err(Broken::Reader(error))),
            }
        }
    }

    /// The next documents, about as many as fit into [`BATCH`]; none at the end. An error ends the stream.
    fn next_batch(&mut self) -> (Vec<Entry>, Option<io::Error>) {
        let mut entries = Vec::new();
        let mut bytes = 0;
        while bytes < BATCH {
            let (piece, problem) = match self.next() {
                Some(Ok(piece)) => (piece, None),
                Some(Err(Broken::Refused(piece, problem))) => (piece, Some(*problem)),
                Some(Err(Broken::Reader(error))) => return (entries, Some(error)),
                None => break,
            };
            bytes += piece.text().len() + 1;
            let file = Arc::clone(&self.name);
            entries.push(Entry { file, piece, problem });
        }
        (entries, None)
    }

    fn unreadable(&self, error: io::Error) -> Failure {
        reader::unreadable(&self.name, error)
    }
}

/// Renders the documents of a stream.
#[derive(Clone, Copy)]
pub(crate) struct Renderer<'r> {
    pub(crate) package: &'r Package,
    pub(crate) description: &'r Description,
    /// Where objects belong that name no namespace.
    pub(crate) namespace: &'r str,
    /// The installed objects that what is rendered is applied over.
    pub(crate) installed: Option<&'r str>,
    /// Whether it is a directory, in which all is an object.
    pub(crate) is_directory: bool,
}

/// A document after its rendering.
enum Done {
    Foreign(Entry),
    /// The object, its manifests, and its notes.
    Ours(Entry, Box<Object>, Answer, String),
    Refused(Entry, Vec<Diagnostic>),
    /// The package failed.
    Failed(Entry, HostError),
}

/// What there is to be rendered, and where it is waited for.
type Job = (Vec<Entry>, Sender<Vec<Done>>);

/// What the threads have in common.
struct Work {
    queue: Mutex<Receiver<Job>>,
    /// Nobody waits for the rest.
    is_over: AtomicBool,
}

impl Renderer<'_> {
    /// Renders a stream into `sink`, if there is one, and adds its diagnostics to the report.
    ///
    /// # Errors
    ///
    /// If the stream cannot be read, the package fails, or `sink` has no room.
    pub(crate) fn render(
        self,
        documents: Documents,
        sink: Option<&mut (dyn Sink + 'static)>,
        report: &mut Report,
    ) -> Result<Summary, Failure> {
        let threads = match documents.is_short() {
            true => 1,
            false => thread::available_parallelism().map_or(1, NonZeroUsize::get),
        };
        let (jobs, queue) = mpsc::channel();
        let work = Work {
            queue: Mutex::new(queue),
            is_over: AtomicBool::new(false),
        };
        thread::scope(|scope| {
            let work = &work;
            let spawn = |_| thread::Builder::new().spawn_scoped(scope, move || self.work(work));
            let workers: Vec<_> = (0..threads).map_while(|number| spawn(number).ok()).collect();
            let result = if workers.is_empty() {
                Err(Failure::Host(anyhow!("no thread can be started")))
            } else {
                self.put_in_order(documents, &jobs, workers.len(), Collector::new(self, sink, report))
            };
            work.is_over.store(true, Ordering::Relaxed);
            drop(jobs);
            // Joined here, or the scope would panic for them.
            let failed = workers.into_iter().filter_map(|worker| worker.join().err()).count();
            match result {
                Ok(_) if failed > 0 => Err(Failure::Host(anyhow!("a thread that renders has failed"))),
                result => result,
            }
        })
    }

    /// Hands out the documents to the threads, and collects their answers in the order of the stream.
    fn put_in_order(
        self,
        mut documents: Documents,
        jobs: &Sender<Job>,
        threads: usize,
        mut collector: Collector<'_>,
    ) -> Result<Summary, Failure> {
        let mut waiting: VecDeque<(usize, Receiver<Vec<Done>>)> = VecDeque::new();
        let (mut in_flight, mut end) = (0, None);
        loop {
            while end.is_none() && waiting.len() < threads * AHEAD && in_flight < IN_FLIGHT {
                let (entries, error) = documents.next_batch();
                if error.is_some() || entries.is_empty() {
                    end = Some(error);
                }
                let bytes = entries.iter().map(|entry| entry.piece.text().len()).sum();
                let (answer, batch) = mpsc::channel();
                if !entries.is_empty() && jobs.send((entries, answer)).is_ok() {
                    waiting.push_back((bytes, batch));
                    in_flight += bytes;
                }
            }
            let Some((bytes, batch)) = waiting.pop_front() else {
                break;
            };
            let batch = batch.recv().context("a thread that renders has failed");
            for done in batch.map_err(Failure::Host)? {
                collector.take(done)?;
            }
            in_flight -= bytes;
        }
        if let Some(Some(error)) = end {
            return Err(documents.unreadable(error));
        }
        collector.check_objects(&documents)?;
        Ok(collector.summary())
    }

    /// Renders batches until there are no more, or nobody waits for them.
    fn work(self, work: &Work) {
        loop {
            let job = work.queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok((entries, answer)) = job else {
                return;
            };
            let wanted = entries
                .into_iter()
                .take_while(|_| !work.is_over.load(Ordering::Relaxed));
            let batch = wanted.map(|entry| self.render_entry(entry)).collect();
            let _ = answer.send(batch);
        }
    }

    fn render_entry(self, mut entry: Entry) -> Done {
        if let Some(problem) = entry.problem.take() {
            return Done::Refused(entry, vec![problem]);
        }
        if self.is_directory && !entry.piece.is_blank() && !entry.piece.is_object() {
            let start = Position {
                line: entry.piece.first_line(),
                column: 1,
            };
            let problem = Diagnostic::new(&YAML_FEATURE, "", "this is no Kubernetes object")
                .help("name a file of values alone, or with a dot in front if it is not to be applied")
                .at(Some(start));
            return Done::Refused(entry, vec![problem]);
        }
        let object = match entry.piece.read(self.description, self.namespace) {
            Document::Foreign(_) => None,
            Document::Ours(object) => Some(object),
            Document::Refused(problems) => return Done::Refused(entry, problems),
        };
        let Some(mut object) = object else {
            return Done::Foreign(entry);
        };
        let mut notes = String::new();
        let answer = object.render(|request| {
            let answer = match self.installed {
                Some(installed) => self.package.render(&Request {
                    installed: Some(installed.to_owned()),
                    ..request.clone()
                }),
                None => self.package.render(request),
            };
            if let Ok(Ok(rendering)) = &answer {
                notes.clone_from(&rendering.notes);
            }
            answer
        });
        match answer {
            Ok(answer) => Done::Ours(entry, object, answer, notes),
            Err(error) => Done::Failed(entry, error),
        }
    }
}

/// The result of a whole stream.
pub(crate) struct Summary {
    /// The conclusion, if it is refused.
    pub(crate) refused: Option<String>,
    /// The notes of the installation, if there is exactly one.
    pub(crate) notes: Option<String>,
}

/// Puts the rendered documents in their order.
struct Collector<'c> {
    renderer: Renderer<'c>,
    sink: Option<&'c mut (dyn Sink + 'static)>,
    report: &'c mut Report,
    names: Names,
    documents: usize,
    /// Those that are more than comments, until one of them is known to be an object.
    unknown: Option<usize>,
    refused: usize,
    /// The name and place of the first that is refused.
    first: Option<String>,
    /// The number of objects of the package's kind, and the notes of the first.
    installations: usize,
    notes: Option<String>,
    progress: Progress,
}

impl<'c> Collector<'c> {
    fn new(renderer: Renderer<'c>, sink: Option<&'c mut (dyn Sink + 'static)>, report: &'c mut Report) -> Self {
        Self {
            renderer,
            sink,
            report,
            names: Names::default(),
            documents: 0,
            unknown: Some(0),
            refused: 0,
            first: None,
            installations: 0,
            notes: None,
            progress: Progress::new(),
        }
    }

    fn take(&mut self, done: Done) -> Result<(), Failure> {
        self.documents += 1;
        self.progress.show_after(self.documents);
        match done {
            Done::Foreign(entry) => {
                if let Some(count) = self.unknown.filter(|_| !entry.piece.is_blank()) {
                    self.unknown = (!entry.piece.is_object()).then_some(count + 1);
                }
                let Some(sink) = &mut self.sink else {
                    return Ok(());
                };
                let problems = sink.foreign(&entry.file, entry.piece.text(), entry.piece.first_line());
                let problems = problems.map_err(Failure::Host)?;
                if !problems.is_empty() {
                    self.refuse_document(&entry, problems)?;
                }
                Ok(())
            }
            Done::Ours(entry, object, Answer { manifests, diagnostics }, notes) => {
                self.unknown = None;
                self.installations += 1;
                self.notes.get_or_insert(notes);
                let mut all = Diagnostics::default();
                all.extend(diagnostics);
                all.extend(object.refuse_overlap(&manifests, &mut self.names));
                if let Some(sink) = &mut self.sink {
                    all.extend(sink.manifests(&manifests).map_err(Failure::Host)?);
                }
                let is_refused = all.has_errors();
                self.report(&entry, all.into_vec())?;
                if is_refused {
                    let name = self.name_of(&object);
                    self.refuse(&name, &entry.file, object.line());
                }
                Ok(())
            }
            Done::Refused(entry, problems) => self.refuse_document(&entry, problems),
            Done::Failed(entry, error) => Err(Failure::Host(anyhow!(error).context(entry.place()))),
        }
    }

    fn refuse_document(&mut self, entry: &Entry, problems: Vec<Diagnostic>) -> Result<(), Failure> {
        let line = problems.first().and_then(|problem| problem.position);
        let line = line.map_or(entry.piece.first_line(), |position| position.line);
        self.report(entry, problems)?;
        self.refuse("the document", &entry.file, line);
        Ok(())
    }

    /// The name of an object, if it is one that a message can have: what it really says, its diagnostics tell.
    fn name_of(&self, object: &Object) -> String {
        let is_name = |text: &str| {
            let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
            text.len() <= 253 && text.bytes().all(is_part)
        };
        let kind = &self.renderer.description.kind;
        let (namespace, name) = (&object.request.namespace, &object.request.name);
        if is_name(namespace) && is_name(name) {
            format!("{kind} {namespace}/{name}")
        } else {
            format!("the {kind}")
        }
    }

    fn report(&mut self, Entry { file, piece, .. }: &Entry, diagnostics: Vec<Diagnostic>) -> Result<(), Failure> {
        if diagnostics.is_empty() {
            return Ok(());
        }
        let mut sources = Sources::default();
        let source = sources.add_part(&**file, piece.text(), piece.first_line());
        let located = Located::all(source, diagnostics);
        self.report.add(&located, &sources).map_err(Failure::Host)
    }

    fn refuse(&mut self, name: &str, file: &str, line: u32) {
        self.refused += 1;
        self.first
            .get_or_insert_with(|| format!("{name} on line {line} of {file}"));
    }

    /// Refuses a stream of documents none of which is an object.
    fn check_objects(&mut self, documents: &Documents) -> Result<(), Failure> {
        let (Some(count), 0) = (self.unknown, self.refused) else {
            return Ok(());
        };
        if let Some((directory, _)) = &documents.directory {
            let message = format!("{directory} holds no document in a file .yaml, .yml or .json");
            return Err(Failure::BadCommandLine(anyhow!(message)));
        }
        self.refused += 1;
        let problem = stream::refuse_several_values(count, self.renderer.description);
        let mut sources = Sources::default();
        let source = sources.add(&*documents.name, "");
        let problem = Located::all(source, vec![problem]);
        self.report.add(&problem, &sources).map_err(Failure::Host)
    }

    fn summary(mut self) -> Summary {
        self.progress.clear();
        let refused = match self.first {
            _ if self.refused == 0 => None,
            Some(first) if self.documents > 1 => Some(format!(
                "rutter: the input is refused for {} of {} documents, the first of them {first}",
                self.refused, self.documents
            )),
            _ => Some(REFUSED.to_owned()),
        };
        let notes = self.notes.filter(|_| self.installations == 1);
        Summary { refused, notes }
    }
}

/// Shows on a terminal how many documents are done.
struct Progress {
    is_wanted: bool,
    shown: Instant,
    is_shown: bool,
}

impl Progress {
    /// The time between two numbers, and before the first: a shorter stream needs none.
    const EVERY: Duration = Duration::from_millis(200);

    fn new() -> Self {
        Self {
            is_wanted: stderr().is_terminal(),
            shown: Instant::now(),
            is_shown: false,
        }
    }

    fn show_after(&mut self, documents: usize) {
        if self.is_wanted && self.shown.elapsed() >= Self::EVERY {
            self.shown = Instant::now();
            self.is_shown = true;
            Self::show(format_args!("\r{documents} documents"));
        }
    }

    fn clear(&mut self) {
        if self.is_shown {
            self.is_shown = false;
            Self::show(format_args!("\r\x1b[K"));
        }
    }

    /// Where it cannot be shown, nobody needs to know.
    fn show(text: fmt::Arguments<'_>) {
        let mut stderr = stderr().lock();
        let _ = stderr.write_fmt(text).and_then(|()| stderr.flush());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}
