//! A stream of YAML documents in which some are a package's and all others are somebody else's.
//!
//! `---` at the start of a line always begins a document, whatever it stands in (YAML 1.2.2, 9.1.2), so the stream is cut
//! at lines. Only documents that mention the package's kind or group are parsed, and whatever turns out to be foreign comes
//! out as the very bytes that went in.

mod guard;
mod object;
mod objects;
mod pieces;

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

pub(crate) use guard::{concerns, ours, refuse_hidden, refuse_mistaken, refuse_nameless};
pub use object::{Answer, CURRENT, Object};
pub use objects::objects;
pub use pieces::{Broken, Piece, Pieces};

use crate::yaml::{self, Node, YAML_FEATURE, YAML_LIMIT, YAML_SYNTAX};
use crate::{Description, Diagnostic, Diagnostics, Manifest, Position, Rendering, Request};

/// Largest stream that is read, in bytes. Whoever reads one need not read on beyond this.
pub const MAX_BYTES: usize = 64 << 20;

/// Most documents of a stream that is held whole: what remembers where each is would take more memory than its text.
pub const MAX_DOCUMENTS: usize = 1_000_000;

/// What a text turned out to be.
#[derive(Debug)]
pub enum Input<'a> {
    /// A values document, or nothing, which stands for empty values.
    Values(&'a str),
    /// Kubernetes objects, the package's kind perhaps among them.
    Stream(Vec<Document<'a>>),
}

/// One document of a stream.
#[derive(Debug)]
pub enum Document<'a> {
    /// Not ours: its bytes, separator included.
    Foreign(&'a str),
    /// An object of the package's kind.
    Ours(Box<Object>),
    /// What may be an object of the package's kind and cannot be read, which is kept so that what is wrong with the
    /// documents around it is told, too.
    Refused(Vec<Diagnostic>),
}

/// Takes bytes for text.
///
/// # Errors
///
/// If they are not UTF-8; says where.
pub fn decode(bytes: &[u8]) -> Result<&str, Diagnostic> {
    str::from_utf8(bytes).map_err(|error| {
        let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let position = Position {
            line: number(1 + before.matches('\n').count()),
            column: number(1 + before.chars().rev().take_while(|c| *c != '\n').count()),
        };
        Diagnostic::new(&YAML_SYNTAX, "", "the text is not UTF-8")
            .help("save the file as UTF-8")
            .at(Some(position))
    })
}

/// Finds out what `text` is and takes it apart.
///
/// `namespace` is where objects that name none belong.
///
/// # Errors
///
/// More than [`MAX_BYTES`], a lone document that may be values and is not YAML or is meant to be an object, and several
/// documents none of which is a Kubernetes object. What else is wrong with a document is kept with it, so that [`render`] reports it together with what
/// is wrong with values.
pub fn read<'a>(text: &'a str, package: &Description, namespace: &str) -> Result<Input<'a>, Vec<Diagnostic>> {
    if text.len() > MAX_BYTES {
        let message = format!("the input is larger than the {} MiB accepted", MAX_BYTES >> 20);
        return Err(vec![Diagnostic::new(&YAML_LIMIT, "", message)]);
    }
    let documents = split(text)?;
    let filled: Vec<&Chunk<'_>> = documents.iter().filter(|document| !document.is_blank()).collect();
    match filled.as_slice() {
        [] => return Ok(Input::Values("")),
        // Somebody else's object need not even be what our parser accepts.
        [only] if only.looks_like_object() && !only.concerns(package) => {}
        // Nor need values be read twice, only to be told from an object.
        [only] if !only.may_be_object() && !only.concerns(package) => return Ok(Input::Values(text)),
        [only] => {
            let node = parse(only)?;
            if !is_object(&node) {
                refuse_mistaken(&node, package)?;
                return Ok(Input::Values(text));
            }
        }
        _ => {}
    }
    let stream: Vec<Document<'_>> = documents
        .iter()
        .map(|document| Document::read(document, package, namespace))
        .collect();
    let any_object = stream.iter().any(|document| !matches!(document, Document::Foreign(_)))
        || documents.iter().any(Chunk::looks_like_object);
    if !any_object
        && !filled
            .iter()
            .any(|document| parse(document).is_ok_and(|node| is_object(&node)))
    {
        return Err(vec![refuse_several_values(filled.len(), package)]);
    }
    Ok(Input::Stream(stream))
}

/// Refuses documents none of which is a Kubernetes object.
#[must_use]
pub fn refuse_several_values(count: usize, package: &Description) -> Diagnostic {
    let message = format!("{count} documents, none of which is a Kubernetes object; one values document is expected");
    let help = format!(
        "put the values into one document, or give each `apiVersion: {}`, `kind: {}`, `metadata` and `spec`",
        package.api_version, package.kind
    );
    Diagnostic::new(&YAML_FEATURE, "", message).help(help)
}

/// Refuses a name for what a stream holds.
#[must_use]
pub fn refuse_name() -> Diagnostic {
    let message = "it names what is rendered from values; the objects in this stream have names";
    Diagnostic::new(&YAML_FEATURE, "--name", message).help("leave it out")
}

impl<'a> Document<'a> {
    /// Finds out whose document this is.
    fn read(chunk: &Chunk<'a>, package: &Description, namespace: &str) -> Self {
        let concerns = chunk.concerns(package);
        if !concerns && (chunk.names_its_type() || chunk.is_blank()) {
            return Self::Foreign(chunk.text);
        }
        let node = match parse(chunk) {
            Ok(node) => node,
            Err(problems) if concerns => return Self::Refused(problems),
            Err(_) => return Self::Foreign(chunk.text),
        };
        let checked = guard::refuse_resource_list(&node)
            .and_then(|()| refuse_hidden(&node, package))
            .and_then(|()| refuse_mistaken(&node, package))
            .and_then(|()| refuse_nameless(&node, package));
        match checked.map(|()| node) {
            Err(problems) => Self::Refused(problems),
            Ok(node) => match ours(&node, package) {
                Some(node) => Self::Ours(Box::new(Object::new(node, package, namespace))),
                None => Self::Foreign(chunk.text),
            },
        }
    }
}

/// Turns diagnostics about a request that came from a command line into diagnostics about that.
#[must_use]
pub fn for_command_line(diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let rename = |mut diagnostic: Diagnostic| {
        match diagnostic.path.as_str() {
            Diagnostic::NAME => "--name".clone_into(&mut diagnostic.path),
            Diagnostic::NAMESPACE => "--namespace".clone_into(&mut diagnostic.path),
            _ => {}
        }
        diagnostic
    };
    diagnostics.into_iter().map(rename).collect()
}

/// What a rendered stream consists of.
#[derive(Debug)]
pub struct Rendered<'a> {
    /// In the order of the stream: what passed through, and what took an object's place.
    pub parts: Vec<Part<'a>>,
    /// The warnings of all renderings.
    pub warnings: Vec<Diagnostic>,
}

/// A part of a rendered stream.
#[derive(Debug)]
pub enum Part<'a> {
    /// The bytes of a foreign document, separator included.
    Foreign(&'a str),
    /// The manifests in place of one object.
    Manifests(Vec<Manifest>),
}

impl Rendered<'_> {
    /// The stream as text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Foreign(bytes) => text.push_str(bytes),
                Part::Manifests(manifests) => {
                    // Only the stream's last document can lack its line end, unless what follows it is ours.
                    if !text.is_empty() && !text.ends_with('\n') {
                        text.push('\n');
                    }
                    text.push_str(&join(manifests));
                }
            }
        }
        text
    }
}

/// Manifests as a YAML stream.
#[must_use]
pub fn join(manifests: &[Manifest]) -> String {
    let mut text = String::new();
    for manifest in manifests {
        text.push_str("---\n");
        text.push_str(&manifest.document);
    }
    text
}

/// What manifests are called that are applied together. Of two of one name the later would silently overwrite the former.
///
/// Of each it keeps 128 bits: of two names in a million million million million these are the same.
#[derive(Debug, Default)]
pub struct Names(BTreeSet<u128>);

/// Group, kind, namespace and name of an object.
pub(crate) type Identity = [String; 4];

impl Names {
    /// Adds what these manifests are called, and gives those whose name is taken.
    pub fn add<'m>(&mut self, manifests: &'m [Manifest]) -> Vec<&'m Manifest> {
        let taken = manifests
            .iter()
            .filter(|manifest| self.0.contains(&fingerprint(manifest)))
            .collect();
        self.0.extend(manifests.iter().map(fingerprint));
        taken
    }
}

fn fingerprint(manifest: &Manifest) -> u128 {
    let half = |seed: u8| {
        let mut hasher = DefaultHasher::new();
        let namespace = manifest.namespace.as_deref().unwrap_or_default();
        (
            seed,
            group(&manifest.api_version),
            &manifest.kind,
            namespace,
            &manifest.name,
        )
            .hash(&mut hasher);
        hasher.finish()
    };
    u128::from(half(0)) << 64 | u128::from(half(1))
}

/// What a manifest is.
pub(crate) fn identity(manifest: &Manifest) -> Identity {
    [
        group(&manifest.api_version).to_owned(),
        manifest.kind.clone(),
        manifest.namespace.clone().unwrap_or_default(),
        manifest.name.clone(),
    ]
}

/// Renders each object of a stream with `render`, whose own failure (not a refusal of values) ends it.
///
/// # Errors
///
/// The outer error is `render`'s own; the inner one holds the diagnostics of all objects, located in the stream.
pub fn render<'a, E>(
    documents: Vec<Document<'a>>,
    render: impl FnMut(&Request) -> Result<Result<Rendering, Vec<Diagnostic>>, E>,
) -> Result<Result<Rendered<'a>, Vec<Diagnostic>>, E> {
    render_beside(documents, &mut Names::default(), render)
}

/// Renders each object of one of several streams that are applied together, of which `names` knows what those before it
/// gave.
///
/// # Errors
///
/// As for [`render`].
pub fn render_beside<'a, E>(
    documents: Vec<Document<'a>>,
    names: &mut Names,
    mut render: impl FnMut(&Request) -> Result<Result<Rendering, Vec<Diagnostic>>, E>,
) -> Result<Result<Rendered<'a>, Vec<Diagnostic>>, E> {
    let mut parts = Vec::with_capacity(documents.len());
    let mut diagnostics = Diagnostics::default();
    for document in documents {
        match document {
            Document::Foreign(bytes) => parts.push(Part::Foreign(bytes)),
            Document::Ours(mut object) => {
                let answer = object.render(&mut render)?;
                diagnostics.extend(answer.diagnostics);
                diagnostics.extend(object.refuse_overlap(&answer.manifests, names));
                parts.push(Part::Manifests(answer.manifests));
            }
            Document::Refused(problems) => diagnostics.extend(problems),
        }
    }
    Ok(if diagnostics.has_errors() {
        Err(diagnostics.into_vec())
    } else {
        Ok(Rendered {
            parts,
            warnings: diagnostics.into_vec(),
        })
    })
}

/// Renders whatever `text` is: the values of an installation called `name`, by default as the package is, or a stream
/// with objects that have names of their own.
///
/// # Errors
///
/// The outer error is `render`'s own; the inner one holds all diagnostics, located in the text.
pub fn render_text<'a, E>(
    text: &'a str,
    package: &Description,
    name: Option<&str>,
    namespace: &str,
    mut render: impl FnMut(&Request) -> Result<Result<Rendering, Vec<Diagnostic>>, E>,
) -> Result<Result<Rendered<'a>, Vec<Diagnostic>>, E> {
    let input = match read(text, package, namespace) {
        Ok(input) => input,
        Err(problems) => return Ok(Err(problems)),
    };
    match (input, name) {
        (Input::Values(values), _) => {
            let answer = render(&Request {
                name: name.unwrap_or(&package.name).to_owned(),
                namespace: namespace.to_owned(),
                values: values.to_owned(),
                release: None,
                capabilities: None,
                installed: None,
            })?;
            Ok(answer.map_err(for_command_line).map(|rendering| Rendered {
                parts: vec![Part::Manifests(rendering.manifests)],
                warnings: for_command_line(rendering.warnings),
            }))
        }
        (Input::Stream(_), Some(_)) => Ok(Err(vec![refuse_name()])),
        (Input::Stream(documents), None) => self::render(documents, render),
    }
}

/// The text of one document of a stream, its `---` line included.
struct Chunk<'a> {
    text: &'a str,
    first_line: u32,
}

impl Chunk<'_> {
    /// Nothing but separators and comments.
    fn is_blank(&self) -> bool {
        // A carriage return alone ends a line, too, and with it a comment.
        self.text.split(['\n', '\r']).all(|line| {
            let line = line.trim_start_matches('\u{feff}');
            let marked = line.strip_prefix("---").or(line.strip_prefix("..."));
            let marked = marked.filter(|rest| rest.is_empty() || rest.starts_with([' ', '\t']));
            let line = marked.unwrap_or(line).trim();
            line.is_empty() || line.starts_with(['#', '%'])
        })
    }

    fn concerns(&self, package: &Description) -> bool {
        concerns(self.text, package)
    }

    /// Whether a key `apiVersion` can be in it, which only escapes could hide.
    fn may_be_object(&self) -> bool {
        self.text.contains("apiVersion") || self.text.contains('\\')
    }

    /// Whether it mentions the fields that say what an object is. They are found at once in most objects.
    fn names_its_type(&self) -> bool {
        self.text.contains("apiVersion") && self.text.contains("kind")
    }

    /// Whether this is block style with `kind:` among its top-level keys. Other spellings are found by parsing.
    fn looks_like_object(&self) -> bool {
        let has = |key: &str| self.text.lines().any(|line| line.starts_with(key));
        has("kind:") && has("apiVersion:")
    }
}

/// Takes a stream apart that is held whole.
fn split(text: &str) -> Result<Vec<Chunk<'_>>, Vec<Diagnostic>> {
    let mut chunks = Vec::new();
    let mut cutter = Cutter::default();
    let (mut start, mut offset) = (0, 0);
    for line in text.split_inclusive('\n') {
        let first_line = cutter.first_line;
        if cutter.begins(line.as_bytes()) {
            if chunks.len() == MAX_DOCUMENTS {
                let message = format!("more than {MAX_DOCUMENTS} documents");
                return Err(vec![Diagnostic::new(&YAML_LIMIT, "", message)]);
            }
            chunks.push(Chunk {
                text: &text[start..offset],
                first_line,
            });
            start = offset;
        }
        offset += line.len();
    }
    if start < text.len() {
        chunks.push(Chunk {
            text: &text[start..],
            first_line: cutter.first_line,
        });
    }
    Ok(chunks)
}

/// Finds the lines at which documents begin.
#[derive(Debug)]
struct Cutter {
    /// The line at which the present document begins, from 1.
    first_line: u32,
    /// The line that comes next.
    line: u32,
    /// Whether it is the first of the present document.
    is_first: bool,
    /// Whether the present document is nothing but directives so far, and comments among them. They belong to the document
    /// whose `---` ends them.
    is_prologue: bool,
}

impl Default for Cutter {
    fn default() -> Self {
        Self {
            first_line: 1,
            line: 1,
            is_first: true,
            is_prologue: false,
        }
    }
}

impl Cutter {
    /// Whether the next line, its end included, begins another document than the line before it.
    fn begins(&mut self, line: &[u8]) -> bool {
        let is_first = std::mem::take(&mut self.is_first);
        let marks = line
            .strip_prefix(b"---")
            .is_some_and(|rest| rest.first().is_none_or(|next| b" \t\r\n".contains(next)));
        let begins = marks && !is_first && !self.is_prologue;
        if begins {
            self.first_line = self.line;
        }
        self.is_prologue = match line.first() {
            Some(b'%') => is_first || self.is_prologue,
            Some(b'#') => self.is_prologue,
            _ => self.is_prologue && line.trim_ascii().is_empty(),
        };
        self.line = self.line.saturating_add(1);
        begins
    }
}

fn parse(chunk: &Chunk<'_>) -> Result<Node, Vec<Diagnostic>> {
    let place = yaml::Place {
        source: 0,
        position: Position {
            line: chunk.first_line,
            column: 1,
        },
    };
    Ok(yaml::parse(chunk.text, 0, chunk.first_line)?.unwrap_or(Node::empty(place)))
}

fn is_object(node: &Node) -> bool {
    node.get("apiVersion").is_some() && node.get("kind").is_some()
}

/// The group of an `apiVersion`; that of Kubernetes' core is empty.
pub(crate) fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}
