//! Streams that are too long to be held whole, and folders, which are streams of their files.
//!
//! Their documents flow through: they are read as they come in, rendered in parallel by as many threads as there are
//! processors, and put out in their order. What comes out waits in a file until all is known to be good, because half a
//! stream is none. However long the stream, only a few documents of it are in memory, or one that is large; of all that was
//! rendered, only fingerprints of the names stay.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Cursor, IsTerminal as _, Read, Write as _};
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
use rutter::{Description, Diagnostic, Diagnostics, Position, printable};
use rutter_host::{HostError, Package};

use crate::failure::{Failure, Located};
use crate::output::{Spool, separate, stderr};
use crate::report::Report;
use crate::sources::Sources;
use crate::{files, inputs};

/// How much is read of an input before it is taken for a long one, in bytes.
const SHORT: usize = 64 << 10;

/// About how much of a stream is rendered by one thread at a time, in bytes.
const BATCH: usize = 8 << 10;

/// How much may come before the second document that is more than comments, in bytes, apart from the first.
const BLANK: usize = 1 << 20;

/// How many batches wait for each thread, so that none is idle while results are put in order.
const AHEAD: usize = 4;

/// How much of a stream is rendered or waits for that, in bytes; or it is one batch.
const IN_FLIGHT: usize = 256 << 10;

/// What an input turned out to be.
pub(crate) enum Opened {
    /// All of it.
    Short(Vec<u8>),
    /// More than is worth being held.
    Long(Fleet),
}

/// A long stream, or those of several files one after the other.
pub(crate) struct Fleet {
    /// What the file is called for people that is being read.
    name: Arc<str>,
    /// Those that were read to find out what it is.
    head: VecDeque<Result<Piece, Broken>>,
    rest: Pieces<Box<dyn io::BufRead>>,
    /// The folder, and those of its files that come after this one.
    folder: Option<(Arc<str>, VecDeque<PathBuf>)>,
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

/// What to do once a document is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnRefusal {
    /// Tell what is wrong with it, and leave the rest.
    Stop,
    /// Check the rest as well.
    KeepGoing,
}

/// Reads an input until it is over or known to be long, where `name` is what it is called.
///
/// # Errors
///
/// If it cannot be read.
pub(crate) fn open(name: &str, mut input: impl Read + 'static) -> io::Result<Opened> {
    // Most inputs fit, and are read at once.
    let mut bytes = Vec::with_capacity(16 << 10);
    let most = u64::try_from(SHORT + 1).unwrap_or(u64::MAX);
    input.by_ref().take(most).read_to_end(&mut bytes)?;
    if bytes.len() <= SHORT {
        return Ok(Opened::Short(bytes));
    }
    let reader: Box<dyn io::BufRead> = Box::new(BufReader::new(Cursor::new(bytes).chain(input)));
    let mut fleet = Fleet {
        name: name.into(),
        head: VecDeque::new(),
        rest: Pieces::new(reader),
        folder: None,
    };
    // Values are one document, however long.
    let (mut filled, mut blank, mut was_blank) = (0, 0, false);
    while filled < 2 && blank < BLANK {
        match fleet.rest.next() {
            Some(Ok(piece)) if piece.is_blank() => {
                blank += piece.text().len();
                match fleet.head.back_mut() {
                    Some(Ok(before)) if was_blank => before.extend(&piece),
                    _ => fleet.head.push_back(Ok(piece)),
                }
                was_blank = true;
            }
            Some(Ok(piece)) => {
                was_blank = false;
                filled += 1;
                fleet.head.push_back(Ok(piece));
            }
            Some(Err(broken)) => {
                fleet.head.push_back(Err(broken));
                return Ok(Opened::Long(fleet));
            }
            None => {
                let texts = fleet.head.iter().flatten().map(Piece::text);
                return Ok(Opened::Short(texts.collect::<String>().into_bytes()));
            }
        }
    }
    Ok(Opened::Long(fleet))
}

impl Fleet {
    /// The YAML and JSON files of a folder itself, in the order of their names, as `kubectl apply -f` takes them.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub(crate) fn folder(path: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        for entry in path.read_dir()? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default();
            if files::is_manifest(&name.to_string_lossy()) && !path.is_dir() {
                files.push(path);
            }
        }
        files.sort();
        let name: Arc<str> = printable::path(path).into();
        Ok(Self {
            name: Arc::clone(&name),
            head: VecDeque::new(),
            rest: Pieces::new(Box::new(io::empty())),
            folder: Some((name, files.into())),
        })
    }

    pub(crate) fn is_folder(&self) -> bool {
        self.folder.is_some()
    }

    /// Whether it is known to hold more than one document, or one of several files: no values, then.
    pub(crate) fn is_stream(&self) -> bool {
        let is_filled = |piece: &&Result<Piece, Broken>| piece.as_ref().is_ok_and(|piece| !piece.is_blank());
        self.is_folder() || self.head.iter().filter(is_filled).count() > 1
    }

    fn next(&mut self) -> Option<Result<Piece, Broken>> {
        loop {
            if let Some(next) = self.head.pop_front().or_else(|| self.rest.next()) {
                return Some(next);
            }
            let path = self.folder.as_mut()?.1.pop_front()?;
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

    /// What it means that the file cannot be read that is being read.
    fn unreadable(&self, error: io::Error) -> Failure {
        inputs::unreadable(&self.name, error)
    }
}

/// Who renders the documents of a stream, and how.
#[derive(Clone, Copy)]
pub(crate) struct Renderer<'r> {
    pub(crate) package: &'r Package,
    pub(crate) description: &'r Description,
    /// Where objects belong that name no namespace.
    pub(crate) namespace: &'r str,
    pub(crate) on_refusal: OnRefusal,
    /// Whether it is a folder, in which all is an object.
    pub(crate) is_folder: bool,
}

/// What became of a document.
enum Done {
    Foreign(Entry),
    Ours(Entry, Box<Object>, Answer),
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
    /// Renders a stream into `out`, if that is wanted, and tells `report` what there is to say about it. Gives what to say
    /// of it as a whole if it is refused.
    ///
    /// # Errors
    ///
    /// If the stream cannot be read, the package fails, or `out` cannot be written.
    pub(crate) fn render(
        self,
        fleet: Fleet,
        out: Option<&mut Spool>,
        report: &mut Report,
    ) -> Result<Option<String>, Failure> {
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
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
                self.put_in_order(fleet, &jobs, workers.len(), Collector::new(self, out, report))
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

    /// Hands out a stream to the threads, and takes what they made of it.
    fn put_in_order(
        self,
        mut fleet: Fleet,
        jobs: &Sender<Job>,
        threads: usize,
        mut collector: Collector<'_>,
    ) -> Result<Option<String>, Failure> {
        let mut waiting: VecDeque<(usize, Receiver<Vec<Done>>)> = VecDeque::new();
        let (mut in_flight, mut end) = (0, None);
        loop {
            while end.is_none() && waiting.len() < threads * AHEAD && in_flight < IN_FLIGHT {
                let (entries, error) = fleet.next_batch();
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
                if collector.is_done() {
                    return Ok(collector.conclude());
                }
            }
            in_flight -= bytes;
        }
        if let Some(Some(error)) = end {
            return Err(fleet.unreadable(error));
        }
        collector.check_objects(&fleet)?;
        Ok(collector.conclude())
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
        if self.is_folder && !entry.piece.is_blank() && !entry.piece.is_object() {
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
        match object {
            None => Done::Foreign(entry),
            Some(mut object) => match object.render(|request| self.package.render(request)) {
                Ok(answer) => Done::Ours(entry, object, answer),
                Err(error) => Done::Failed(entry, error),
            },
        }
    }
}

/// Puts what becomes of documents in their order.
struct Collector<'c> {
    renderer: Renderer<'c>,
    /// The file of the last document.
    file: Option<Arc<str>>,
    /// Where manifests go, as long as they are wanted.
    out: Option<&'c mut Spool>,
    report: &'c mut Report,
    names: Names,
    documents: usize,
    /// Those that are more than comments, until one of them is known to be an object.
    unknown: Option<usize>,
    refused: usize,
    /// Who was refused first.
    first: Option<String>,
    progress: Progress,
}

impl<'c> Collector<'c> {
    fn new(renderer: Renderer<'c>, out: Option<&'c mut Spool>, report: &'c mut Report) -> Self {
        Self {
            renderer,
            file: None,
            out,
            report,
            names: Names::default(),
            documents: 0,
            unknown: Some(0),
            refused: 0,
            first: None,
            progress: Progress::new(),
        }
    }

    fn take(&mut self, done: Done) -> Result<(), Failure> {
        self.documents += 1;
        self.progress.tell(self.documents);
        match done {
            Done::Foreign(Entry { file, piece, .. }) => {
                if let Some(count) = self.unknown.filter(|_| !piece.is_blank()) {
                    self.unknown = (!piece.is_object()).then_some(count + 1);
                }
                self.put(file, piece.text()).map_err(Failure::Host)
            }
            Done::Ours(entry, object, Answer { manifests, diagnostics }) => {
                self.unknown = None;
                let mut all = Diagnostics::default();
                all.extend(diagnostics);
                all.extend(object.refuse_overlap(&manifests, &mut self.names));
                let is_refused = all.has_errors();
                self.report(&entry, all.into_vec())?;
                if is_refused {
                    let who = self.name_of(&object);
                    self.refuse(&who, &entry.file, object.line());
                }
                self.file = Some(entry.file);
                let Some(out) = &mut self.out else {
                    return Ok(());
                };
                out.end_line().map_err(Failure::Host)?;
                for manifest in &manifests {
                    out.write("---\n").map_err(Failure::Host)?;
                    out.write(&manifest.document).map_err(Failure::Host)?;
                }
                Ok(())
            }
            Done::Refused(entry, problems) => {
                let line = problems.first().and_then(|problem| problem.position);
                let line = line.map_or(entry.piece.first_line(), |position| position.line);
                self.report(&entry, problems)?;
                self.refuse("the document", &entry.file, line);
                Ok(())
            }
            Done::Failed(entry, error) => Err(Failure::Host(anyhow!(error).context(entry.place()))),
        }
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

    /// Puts out somebody else's document, cut from those of the file before.
    fn put(&mut self, file: Arc<str>, text: &str) -> anyhow::Result<()> {
        let before = self.file.replace(Arc::clone(&file));
        let Some(out) = &mut self.out else {
            return Ok(());
        };
        // Two files may look alike, where their names are no text.
        if before.is_none_or(|before| Arc::ptr_eq(&before, &file)) {
            return out.write(text);
        }
        let (separator, text) = separate(text);
        out.end_line()?;
        out.write(separator)?;
        out.write(text)
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

    fn refuse(&mut self, who: &str, file: &str, line: u32) {
        self.refused += 1;
        self.first
            .get_or_insert_with(|| format!("{who} on line {line} of {file}"));
    }

    fn is_done(&self) -> bool {
        self.refused > 0 && self.renderer.on_refusal == OnRefusal::Stop
    }

    /// Refuses a stream of documents none of which is an object.
    fn check_objects(&mut self, fleet: &Fleet) -> Result<(), Failure> {
        let (Some(count), 0) = (self.unknown, self.refused) else {
            return Ok(());
        };
        if let Some((folder, _)) = &fleet.folder {
            let message = format!("{folder} holds no document in a file .yaml, .yml or .json");
            return Err(Failure::BadCommandLine(anyhow!(message)));
        }
        self.refused += 1;
        let problem = stream::refuse_several_values(count, self.renderer.description);
        let mut sources = Sources::default();
        let source = sources.add(&*fleet.name, "");
        let problem = Located::all(source, vec![problem]);
        self.report.add(&problem, &sources).map_err(Failure::Host)
    }

    /// What to say of the whole stream, if it is refused.
    fn conclude(mut self) -> Option<String> {
        self.progress.clear();
        let first = match (self.refused, self.first) {
            (0, _) => return None,
            (_, None) => return Some("rutter: the input is refused".to_owned()),
            (_, Some(first)) => first,
        };
        Some(match self.renderer.on_refusal {
            OnRefusal::Stop => format!(
                "rutter: the input is refused for {first}; what comes after it is checked only with --keep-going"
            ),
            OnRefusal::KeepGoing => format!(
                "rutter: the input is refused for {} of {} documents, the first of them {first}",
                self.refused, self.documents
            ),
        })
    }
}

/// Tells on a terminal how far it is.
struct Progress {
    is_wanted: bool,
    told: Instant,
    is_shown: bool,
}

impl Progress {
    /// How long nothing is told, for a stream that takes no longer needs no progress.
    const EVERY: Duration = Duration::from_millis(200);

    fn new() -> Self {
        Self {
            is_wanted: stderr().is_terminal(),
            told: Instant::now(),
            is_shown: false,
        }
    }

    fn tell(&mut self, documents: usize) {
        if self.is_wanted && self.told.elapsed() >= Self::EVERY {
            self.told = Instant::now();
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

    /// Where it cannot be told, nobody needs to know.
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
