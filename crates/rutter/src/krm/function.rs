//! A list in the making: what each item is to the package, and what becomes of it.

use std::collections::{BTreeMap, BTreeSet};

use super::host::{self, HostAnnotations, LOCAL_CONFIG, NEEDS_HASH, annotation};
use super::list::{Item, List, NewItem};
use super::results::{Finding, Subject};
use super::{LEFT_OVER, NOT_LOCAL_CONFIG, NOT_RENDERED};
use crate::annotate::{BadManifest, annotate};
use crate::stream::{self, Identity, Object};
use crate::yaml::{self, INVALID_VALUE, Node, UNKNOWN_FIELD, UNKNOWN_VARIANT, Value};
use crate::{Description, Diagnostic, Manifest};

/// The `apiVersion` and `kind` of a function's configuration that has no values, because items have.
const RENDER: (&str, &str) = ("rutter.dev/v1alpha1", "Render");

/// A list in the making.
pub(super) struct Function<'a> {
    list: &'a List<'a>,
    /// What is known of each item.
    items: Vec<Kind>,
    pub(super) in_kustomize: bool,
    /// The function's configuration says that items have the values.
    pub(super) has_no_values: bool,
    pub(super) sources: Vec<Source>,
    pub(super) findings: Vec<Finding>,
}

/// An object of the package's kind.
pub(super) struct Source {
    identity: Identity,
    pub(super) object: Box<Object>,
    pub(super) subject: Subject,
    stays: bool,
}

/// What an item is to the package.
enum Kind {
    /// Not the package's, and what is known of it, if it could be read.
    Foreign(Option<Known>),
    /// An object of the package's kind that stays where it is.
    Stays,
    /// An object of the package's kind, which its manifests replace.
    Replaced(Identity),
    /// The function's configuration, which the host put among the items as well.
    Copy,
}

/// An item that is not the package's, though the package may have rendered it earlier.
struct Known {
    identity: Identity,
    /// What its host noted on it.
    annotations: HostAnnotations,
    /// Says of a manifest of the package's in a file what it is.
    manifest_in_file: Option<Subject>,
}

impl Kind {
    fn foreign(&self) -> Option<&Identity> {
        match self {
            Self::Foreign(Some(known)) => Some(&known.identity),
            _ => None,
        }
    }
}

/// The places of sizes and images, and what stands there.
fn collect<'n>(node: &'n Node, path: &str, found: &mut Vec<(String, &'n str)>) {
    match &node.value {
        Value::Mapping(entries) => {
            for entry in entries {
                let key = entry.key.scalar.text.as_str();
                let path = yaml::join(path, key);
                match entry.value.as_str() {
                    Some(text) if ["image", "replicas"].contains(&key) => found.push((path, text)),
                    _ => collect(&entry.value, &path, found),
                }
            }
        }
        Value::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, &format!("{path}[{index}]"), found);
            }
        }
        Value::Scalar(_) => {}
    }
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
    pub(super) fn new(list: &'a List<'a>, package: &Description) -> Self {
        let mut function = Self {
            list,
            items: Vec::with_capacity(list.items.len()),
            in_kustomize: host::are_of_kustomize(&list.items),
            has_no_values: false,
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

    /// Reads the function's configuration, and gives what it is and its values if it has any.
    fn configuration(&mut self, config: &Node, package: &Description) -> Option<(Identity, String)> {
        if let Err(problems) = stream::refuse_mistaken(config, package) {
            self.report(problems.into_iter().map(in_config).collect(), None);
            return None;
        }
        if let Some(node) = stream::ours(config, package) {
            let source = Source {
                stays: true,
                ..self.source(node, package)
            };
            let config = (source.identity.clone(), source.object.request.values.clone());
            self.sources.push(source);
            return Some(config);
        }
        let text = |key: &str| config.get(key).and_then(Node::as_str).unwrap_or_default();
        let accepted: &[&str] = match (text("apiVersion"), text("kind")) {
            RENDER => {
                self.has_no_values = true;
                &["apiVersion", "kind", "metadata"]
            }
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
    fn item(&mut self, item: &Item<'_>, package: &Description, config: Option<&(Identity, String)>) -> Kind {
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
        let checked = stream::refuse_hidden(&node, package)
            .and_then(|()| stream::refuse_mistaken(&node, package))
            .and_then(|()| stream::refuse_nameless(&node, package));
        if let Err(problems) = checked {
            let inside = |mut problem: Diagnostic| {
                problem.path = format!("items[{index}].{}", problem.path);
                problem
            };
            self.report(problems.into_iter().map(inside).collect(), None);
        }
        let Some(ours) = stream::ours(&node, package) else {
            return Kind::Foreign(Some(Known {
                identity: host::identity(&node),
                annotations: host::annotations(&node),
                manifest_in_file: self.manifest_in_file(&node, package),
            }));
        };
        let mut source = self.source(ours, package);
        source.stays = source.subject.file.is_some() && !self.in_kustomize;
        let stays = source.stays;
        if stays && annotation(ours, LOCAL_CONFIG) != Some("true") {
            let message = "it would be applied, and no cluster has its kind";
            let path = yaml::join("metadata.annotations", LOCAL_CONFIG);
            let warning = Diagnostic::new(&NOT_LOCAL_CONFIG, path, message)
                .help(format!("write the annotation {LOCAL_CONFIG}: \"true\""));
            self.report(vec![warning], Some(&source.subject));
        }
        let identity = source.identity.clone();
        if let Some((_, values)) = config.filter(|(config, _)| *config == identity) {
            if *values != source.object.request.values {
                let message = "the function's configuration and the item of this name have other values";
                let help = format!(
                    "configure the function with apiVersion: {} and kind: {}",
                    RENDER.0, RENDER.1
                );
                let problem = Diagnostic::new(&INVALID_VALUE, "spec", message).help(help);
                self.report(vec![problem], Some(&source.subject));
            }
            return if stays { Kind::Stays } else { Kind::Copy };
        }
        self.sources.push(source);
        if stays { Kind::Stays } else { Kind::Replaced(identity) }
    }

    fn source(&mut self, node: &Node, package: &Description) -> Source {
        let mut object = Object::new(node, package, "default");
        let problems = std::mem::take(&mut object.problems);
        let mut subject = host::subject(node);
        subject.reference.name.clone_from(&object.request.name);
        subject.reference.namespace.clone_from(&object.request.namespace);
        let source = Source {
            identity: host::identity(node),
            object: Box::new(object),
            subject,
            stays: false,
        };
        self.report(problems, Some(&source.subject));
        source
    }

    /// Returns what an item is, if it is in a file and has the label of the package's objects, which hosts leave alone.
    fn manifest_in_file(&self, node: &Node, package: &Description) -> Option<Subject> {
        let is_owned =
            !package.ownership_label.is_empty() && node.at("metadata.labels")?.get(&package.ownership_label).is_some();
        Some(host::subject(node)).filter(|subject| is_owned && !self.in_kustomize && subject.file.is_some())
    }

    pub(super) fn report(&mut self, diagnostics: Vec<Diagnostic>, subject: Option<&Subject>) {
        self.findings.extend(diagnostics.into_iter().map(|diagnostic| Finding {
            diagnostic,
            subject: subject.cloned(),
        }));
    }

    pub(super) fn is_refused(&self) -> bool {
        self.findings.iter().any(Finding::is_error)
    }

    /// Refuses items that lack manifests of an object which stays: it was not rendered, or its manifests were renamed or
    /// moved afterwards, so that the addresses in them are wrong.
    pub(super) fn refuse_missing(
        &mut self,
        source: &Source,
        manifests: &[Manifest],
        there: &BTreeMap<Identity, usize>,
    ) {
        if !source.stays || there.is_empty() {
            return;
        }
        let is_missing = |manifest: &&Manifest| {
            // A name that Kustomize gives a hash is not known before.
            !there.contains_key(&stream::identity(manifest)) && !manifest.document.contains(NEEDS_HASH)
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
        self.report(vec![diagnostic], Some(&source.subject));
    }

    /// The items that are not the package's, by what they are.
    pub(super) fn there(&self) -> BTreeMap<Identity, usize> {
        let items = self.items.iter().enumerate();
        items
            .filter_map(|(index, kind)| Some((kind.foreign()?.clone(), index)))
            .collect()
    }

    /// Refuses items in which sizes and images differ from what is rendered: what changes them afterwards (Kustomize's
    /// `replicas` and `images`) does not change what depends on them, such as the list of members and the flags.
    pub(super) fn refuse_changed(
        &mut self,
        source: &Source,
        manifests: &[Manifest],
        there: &BTreeMap<Identity, usize>,
    ) {
        for manifest in manifests.iter().filter(|_| source.stays) {
            let item = there
                .get(&stream::identity(manifest))
                .and_then(|index| self.list.items.get(*index));
            let Some(item) = item.and_then(|item| item.parse().ok()) else {
                continue;
            };
            let Ok(Some(node)) = yaml::parse(&manifest.document, 0, 1) else {
                continue;
            };
            let mut depended_on = Vec::new();
            collect(&node, "", &mut depended_on);
            for (path, rendered) in depended_on {
                let found = item.at(&path).and_then(Node::as_str);
                if found == Some(rendered) {
                    continue;
                }
                let Manifest { kind, name, .. } = manifest;
                let found = found.map_or("nothing".to_owned(), |found| format!("{found:?}"));
                let message = format!("{found} stands at {path} of the {kind} {name}, where {rendered:?} is rendered");
                let diagnostic = Diagnostic::new(&NOT_RENDERED, "spec", message)
                    .help("change the values here, for more than this one field depends on them");
                self.report(vec![diagnostic], Some(&source.subject));
            }
        }
    }

    /// Warns of what the package rendered into a file once, and does not any more.
    pub(super) fn note_left_over(&mut self, rendered: &[(Source, Vec<Manifest>)]) {
        if self.is_refused() {
            return;
        }
        let rendered: BTreeSet<Identity> = rendered
            .iter()
            .flat_map(|(_, manifests)| manifests)
            .map(stream::identity)
            .collect();
        let left_over = self.items.iter().filter_map(|kind| match kind {
            Kind::Foreign(Some(known)) if !rendered.contains(&known.identity) => known.manifest_in_file.clone(),
            _ => None,
        });
        for subject in left_over.collect::<Vec<_>>() {
            let warning = Diagnostic::new(&LEFT_OVER, "", "an earlier render made it, and this one does not")
                .help("delete its file, unless it is to be applied even so");
            self.report(vec![warning], Some(&subject));
        }
    }

    pub(super) fn unchanged(&self) -> Vec<NewItem<'a>> {
        self.list.items.iter().map(NewItem::Kept).collect()
    }

    /// The items with what was rendered among them.
    pub(super) fn with(&self, rendered: Vec<(Source, Vec<Manifest>)>) -> Result<Vec<NewItem<'a>>, BadManifest> {
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
                    let update = known.as_ref().and_then(|known| {
                        let manifest = updates.remove(&known.identity)?;
                        Some((manifest, &known.annotations))
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
