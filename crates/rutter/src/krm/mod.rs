//! The dialect of functions: a ResourceList in, a ResourceList out (Kubernetes Resource Model functions, which Kustomize
//! and kpt call).
//!
//! An object of the package's kind is rendered wherever it stands: as `functionConfig`, or among the items. One that lies
//! in a file stays there, because its host writes the items back, and it is the source of the next render; any other is
//! replaced by its manifests. A manifest that is among the items already, from an earlier render, takes that one's place.
//! All else passes through.

mod list;
mod results;

use std::collections::{BTreeMap, BTreeSet};

use self::list::{Item, List, NewItem};
use self::results::{File, Finding, Reference, Subject};
use crate::annotate::{BadManifest, annotate};
use crate::stream::{self, Identity, Names, Object, group};
use crate::yaml::{self, Node, UNKNOWN_FIELD, UNKNOWN_VARIANT};
use crate::{Description, Diagnostic, Manifest, Rendering, Request};

crate::codes! {
    pub CODES
    Warning NOT_LOCAL_CONFIG = "not-local-config", "the values' own object would be applied, and no cluster has its kind";
    Error NOT_RENDERED = "not-rendered", "a manifest is not among the objects that would be applied";
}

/// The `apiVersion` and `kind` of a function's configuration that has no values, because items have.
const RENDER: (&str, &str) = ("rutter.dev/v1alpha1", "Render");

/// Says that an object is for tools alone, and not to be applied.
const LOCAL_CONFIG: &str = "config.kubernetes.io/local-config";

/// Where a host says in which file an object lies, the older spelling last.
const FILE_PATHS: [&str; 2] = ["internal.config.kubernetes.io/path", "config.kubernetes.io/path"];

/// Where a host says the how manieth of its file an object is.
const FILE_INDEXES: [&str; 2] = ["internal.config.kubernetes.io/index", "config.kubernetes.io/index"];

/// What Kustomize alone notes on its objects (kustomize's `api/internal/plugins/utils/utils.go`).
const KUSTOMIZE_ID: &str = "kustomize.config.k8s.io/id";

/// Has Kustomize put a hash into an object's name.
const NEEDS_HASH: &str = "kustomize.config.k8s.io/needs-hash";

/// What a function is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Give the items with the manifests among them.
    Render,
    /// Say what is wrong with the items, the manifests that are missing included, and change none.
    Validate,
}

/// What became of a ResourceList.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The ResourceList with its results: a host gets it even if the input is refused. Empty if there was none to read.
    pub list: String,
    findings: Vec<Finding>,
}

impl Outcome {
    /// Whether the input is refused.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.findings.iter().any(Finding::is_error)
    }

    /// The results as text for people: a host may keep them to itself, as Kustomize does.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.findings.iter().map(Finding::to_text).collect()
    }
}

/// Runs the function on the text of a ResourceList. Objects that name no namespace belong to `default`.
///
/// # Errors
///
/// `render`'s own failure, or a manifest that cannot be annotated. What is wrong with the input is in the outcome.
pub fn run<E: From<BadManifest>>(
    text: &str,
    package: &Description,
    task: Task,
    mut render: impl FnMut(&Request) -> Result<Result<Rendering, Vec<Diagnostic>>, E>,
) -> Result<Outcome, E> {
    let list = match List::read(text) {
        Ok(list) => list,
        Err(problems) => {
            let findings = problems.into_iter().map(|diagnostic| Finding {
                diagnostic,
                subject: None,
            });
            return Ok(Outcome {
                list: String::new(),
                findings: findings.collect(),
            });
        }
    };
    let mut function = Function::new(&list, package);
    let mut rendered = Vec::new();
    let mut names = Names::default();
    for source in std::mem::take(&mut function.sources) {
        let Source { object, .. } = &source;
        match render(&object.request)? {
            Ok(rendering) => {
                let mut diagnostics = object.relocate(rendering.warnings);
                diagnostics.extend(object.refuse_overlap(&rendering.manifests, &mut names));
                function.report(diagnostics, Some(&source));
                rendered.push((source, rendering.manifests));
            }
            Err(problems) => function.report(object.relocate(problems), Some(&source)),
        }
    }
    if task == Task::Validate {
        for (source, manifests) in &rendered {
            function.refuse_missing(source, manifests);
        }
    }
    let items = match task {
        _ if function.is_refused() => function.unchanged(),
        Task::Render => function.with(rendered)?,
        // Kustomize takes the paths that it gave the items itself for changes of ours, which it refuses of a validator
        // (kustomize#5036). No items are none that changed. Other hosts would delete what does not come back.
        Task::Validate if function.in_kustomize => Vec::new(),
        Task::Validate => function.unchanged(),
    };
    let findings = function.findings;
    let list = match results::to_yaml(&findings) {
        Ok(results) => list.write(&items, &results),
        // It is said as text in any case.
        Err(_) => list.write(&items, ""),
    };
    Ok(Outcome { list, findings })
}

/// A list in the making.
struct Function<'a> {
    list: &'a List<'a>,
    /// What is known of each item.
    items: Vec<Kind>,
    in_kustomize: bool,
    sources: Vec<Source>,
    findings: Vec<Finding>,
}

/// An object of the package's kind.
struct Source {
    identity: Identity,
    object: Box<Object>,
    subject: Subject,
    stays: bool,
}

/// What an item is to the package.
enum Kind {
    /// Not the package's: what it is and what its host noted on it, if that could be read.
    Foreign(Option<(Identity, HostAnnotations)>),
    /// An object of the package's kind that stays where it is.
    Stays,
    /// An object of the package's kind, which its manifests replace.
    Replaced(Identity),
    /// The function's configuration, which the host put among the items as well.
    Copy,
}

impl Kind {
    fn foreign(&self) -> Option<&Identity> {
        match self {
            Self::Foreign(Some((identity, _))) => Some(identity),
            _ => None,
        }
    }
}

type HostAnnotations = Vec<(String, String)>;

/// What an object is, as it is written.
fn identity(node: &Node) -> Identity {
    let text = |path: &str| node.at(path).and_then(Node::as_str).unwrap_or_default().to_owned();
    let group = group(&text("apiVersion")).to_owned();
    [group, text("kind"), text("metadata.namespace"), text("metadata.name")]
}

fn annotation<'n>(node: &'n Node, name: &str) -> Option<&'n str> {
    node.get("metadata")?.get("annotations")?.get(name)?.as_str()
}

/// The annotations by which a host finds an object's file, its comments and its past again.
fn host_annotations(node: &Node) -> HostAnnotations {
    let annotations = node
        .at("metadata.annotations")
        .and_then(Node::entries)
        .unwrap_or_default();
    let text = annotations
        .iter()
        .filter_map(|entry| Some((entry.key.scalar.text.as_str(), entry.value.as_str()?)));
    let is_of_host = |name: &str| {
        name.starts_with("internal.config.kubernetes.io/")
            || [
                "config.kubernetes.io/path",
                "config.kubernetes.io/index",
                "config.k8s.io/id",
            ]
            .contains(&name)
    };
    text.filter(|(name, _)| is_of_host(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Whether nothing stands in a mapping.
fn is_empty(node: &Node) -> bool {
    node.is_null() || node.entries().is_some_and(<[_]>::is_empty)
}

fn in_config(problem: Diagnostic) -> Diagnostic {
    Diagnostic {
        path: format!("functionConfig.{}", problem.path),
        ..problem
    }
}

impl<'a> Function<'a> {
    fn new(list: &'a List<'a>, package: &Description) -> Self {
        let mut function = Self {
            list,
            items: Vec::with_capacity(list.items.len()),
            in_kustomize: list.items.iter().any(|item| item.text.contains(KUSTOMIZE_ID)),
            sources: Vec::new(),
            findings: Vec::new(),
        };
        let config = list
            .function_config
            .as_ref()
            .and_then(|config| function.configuration(config, package));
        for item in &list.items {
            let kind = function.item(item, package, config.as_ref());
            function.items.push(kind);
        }
        function
    }

    /// Reads the function's configuration, and says which object it is if it has values.
    fn configuration(&mut self, config: &Node, package: &Description) -> Option<Identity> {
        if let Err(problems) = stream::refuse_other_kind(config, package) {
            self.report(problems.into_iter().map(in_config).collect(), None);
            return None;
        }
        if let Some(node) = stream::ours(config, package) {
            let source = Source {
                stays: true,
                ..self.source(node, package)
            };
            let identity = source.identity.clone();
            self.sources.push(source);
            return Some(identity);
        }
        let text = |key: &str| config.get(key).and_then(Node::as_str).unwrap_or_default();
        let accepted: &[&str] = match (text("apiVersion"), text("kind")) {
            RENDER => &["apiVersion", "kind", "metadata"],
            // kpt hands an empty one over if it was given none.
            ("v1", "ConfigMap") if config.get("data").is_none_or(is_empty) => {
                &["apiVersion", "kind", "metadata", "data"]
            }
            _ => {
                let message = format!("found {:?}, which has no values that this function knows", text("kind"));
                let help = format!(
                    "write apiVersion: {} and kind: {}, or {} and {} if items have the values",
                    package.api_version, package.kind, RENDER.0, RENDER.1
                );
                let problem = Diagnostic::new(&UNKNOWN_VARIANT, "functionConfig.kind", message).help(help);
                self.report(vec![problem], None);
                return None;
            }
        };
        for entry in config.entries().unwrap_or_default() {
            let key = entry.key.scalar.text.as_str();
            if !accepted.contains(&key) {
                let message = format!("there is no field `{key}` here");
                let help = format!("values stand under `spec`, in an object of kind {}", package.kind);
                let path = format!("functionConfig.{key}");
                self.report(vec![Diagnostic::new(&UNKNOWN_FIELD, path, message).help(help)], None);
            }
        }
        None
    }

    /// Finds out what an item is, and keeps its values if it has any.
    fn item(&mut self, item: &Item<'_>, package: &Description, config: Option<&Identity>) -> Kind {
        let concerns = stream::concerns(&item.text, package);
        let node = match item.parse() {
            Ok(node) => node,
            // Somebody else's object need not even be what our parser accepts.
            Err(problems) => {
                if concerns {
                    self.report(problems, None);
                }
                return Kind::Foreign(None);
            }
        };
        let index = self.items.len();
        let problems = match concerns {
            true => stream::refuse_hidden(&node, package).and_then(|()| stream::refuse_other_kind(&node, package)),
            false => Ok(()),
        };
        if let Err(problems) = problems {
            let inside = |mut problem: Diagnostic| {
                problem.path = format!("items[{index}].{}", problem.path);
                problem
            };
            self.report(problems.into_iter().map(inside).collect(), None);
        }
        let Some(ours) = stream::ours(&node, package) else {
            return Kind::Foreign(Some((identity(&node), host_annotations(&node))));
        };
        let mut source = self.source(ours, package);
        source.stays = source.subject.file.is_some() && !self.in_kustomize;
        let stays = source.stays;
        if stays && annotation(ours, LOCAL_CONFIG) != Some("true") {
            let message = "it would be applied, and no cluster has its kind";
            let path = yaml::join("metadata.annotations", LOCAL_CONFIG);
            let warning = Diagnostic::new(&NOT_LOCAL_CONFIG, path, message)
                .help(format!("write the annotation {LOCAL_CONFIG}: \"true\""));
            self.report(vec![warning], Some(&source));
        }
        let identity = source.identity.clone();
        if config == Some(&identity) {
            return if stays { Kind::Stays } else { Kind::Copy };
        }
        self.sources.push(source);
        if stays { Kind::Stays } else { Kind::Replaced(identity) }
    }

    fn source(&mut self, node: &Node, package: &Description) -> Source {
        let mut object = Object::new(node, package, "default");
        let problems = std::mem::take(&mut object.problems);
        let text = |key: &str| node.get(key).and_then(Node::as_str).unwrap_or_default().to_owned();
        let path = FILE_PATHS.iter().find_map(|name| annotation(node, name));
        let index = FILE_INDEXES
            .iter()
            .find_map(|name| annotation(node, name)?.parse().ok());
        let source = Source {
            identity: identity(node),
            subject: Subject {
                reference: Reference {
                    api_version: text("apiVersion"),
                    kind: text("kind"),
                    name: object.request.name.clone(),
                    namespace: object.request.namespace.clone(),
                },
                file: path.map(|path| File {
                    path: path.to_owned(),
                    index,
                }),
            },
            object: Box::new(object),
            stays: false,
        };
        self.report(problems, Some(&source));
        source
    }

    fn report(&mut self, diagnostics: Vec<Diagnostic>, source: Option<&Source>) {
        self.findings.extend(diagnostics.into_iter().map(|diagnostic| Finding {
            diagnostic,
            subject: source.map(|source| source.subject.clone()),
        }));
    }

    fn is_refused(&self) -> bool {
        self.findings.iter().any(Finding::is_error)
    }

    /// Refuses items that lack manifests of an object which stays: it was not rendered, or its manifests were renamed or
    /// moved afterwards, so that the addresses in them are wrong.
    fn refuse_missing(&mut self, source: &Source, manifests: &[Manifest]) {
        let there: BTreeSet<&Identity> = self.items.iter().filter_map(Kind::foreign).collect();
        if !source.stays || there.is_empty() {
            return;
        }
        let is_missing = |manifest: &&Manifest| {
            // A name that Kustomize gives a hash is not known before.
            !there.contains(&stream::identity(manifest)) && !manifest.document.contains(NEEDS_HASH)
        };
        let mut missing = manifests.iter().filter(is_missing);
        let Some(first) = missing.next() else { return };
        let Manifest {
            kind, name, namespace, ..
        } = first;
        let namespace = namespace
            .as_ref()
            .map_or(String::new(), |namespace| format!("{namespace}/"));
        let others = match missing.count() {
            0 => String::new(),
            1 => " and one more manifest".to_owned(),
            others => format!(" and {others} more manifests"),
        };
        let diagnostic = Diagnostic::new(
            &NOT_RENDERED,
            "metadata.name",
            format!("the {kind} {namespace}{name}{others} of it are not among the items"),
        )
        .help(
            "render first; and write name and namespace here, for what renames manifests afterwards (namePrefix, \
             namespace) leaves the addresses in them as they were",
        );
        self.report(vec![diagnostic], Some(source));
    }

    fn unchanged(&self) -> Vec<NewItem<'a>> {
        self.list.items.iter().map(NewItem::Kept).collect()
    }

    /// The items with what was rendered among them.
    fn with(&self, rendered: Vec<(Source, Vec<Manifest>)>) -> Result<Vec<NewItem<'a>>, BadManifest> {
        let there: BTreeSet<&Identity> = self.items.iter().filter_map(Kind::foreign).collect();
        let mut updates: BTreeMap<Identity, Manifest> = BTreeMap::new();
        let mut replacing: BTreeMap<Identity, Vec<Manifest>> = BTreeMap::new();
        let mut others: Vec<Manifest> = Vec::new();
        for (source, manifests) in rendered {
            let new = if source.stays {
                &mut others
            } else {
                replacing.entry(source.identity).or_default()
            };
            for manifest in manifests {
                let identity = stream::identity(&manifest);
                // Kustomize keeps no earlier render: what is there is somebody else's, which it refuses by itself.
                if there.contains(&identity) && !self.in_kustomize {
                    updates.insert(identity, manifest);
                } else {
                    new.push(manifest);
                }
            }
        }
        let written = |manifest: Manifest| NewItem::Written(manifest.document.into());
        let mut items = Vec::new();
        for (item, kind) in self.list.items.iter().zip(&self.items) {
            match kind {
                Kind::Foreign(known) => {
                    let update = known.as_ref().and_then(|(identity, annotations)| {
                        let manifest = updates.remove(identity)?;
                        Some((manifest, annotations))
                    });
                    items.push(match update {
                        Some((mut manifest, annotations)) => {
                            annotate(&mut manifest, annotations)?;
                            written(manifest)
                        }
                        None => NewItem::Kept(item),
                    });
                }
                Kind::Stays => items.push(NewItem::Kept(item)),
                Kind::Replaced(identity) => {
                    items.extend(replacing.remove(identity).into_iter().flatten().map(written));
                }
                Kind::Copy => {}
            }
        }
        items.extend(others.into_iter().map(written));
        Ok(items)
    }
}
