//! The dialect of functions: a ResourceList in, a ResourceList out (Kubernetes Resource Model functions, which Kustomize
//! and kpt call).
//!
//! An object of the package's kind is rendered wherever it stands: as `functionConfig`, or among the items. One that lies
//! in a file stays there, because its host writes the items back, and it is the source of the next render; any other is
//! replaced by its manifests. A manifest that is among the items already, from an earlier render, takes that one's place.
//! All else passes through.

mod function;
mod host;
mod list;
mod results;

use self::function::Function;
use self::list::List;
use self::results::Finding;
use crate::annotate::BadManifest;
use crate::stream::Names;
use crate::{Description, Diagnostic, Rendering, Request};

crate::codes! {
    pub CODES
    Warning NOT_LOCAL_CONFIG = "not-local-config", "the values' own object would be applied, and no cluster has its kind";
    Warning NOTHING_TO_RENDER = "nothing-to-render", "no object of the package's kind is among the items";
    Warning LEFT_OVER = "left-over", "a manifest of an earlier render is not rendered any more, but would be applied";
    Error NOT_RENDERED = "not-rendered", "a manifest is not among the objects that would be applied, or was changed";
}

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
    if task == Task::Render && function.has_no_values && function.sources.is_empty() {
        let message = format!("no {} is among the items", package.kind);
        let help = format!("write apiVersion: {} and kind: {}", package.api_version, package.kind);
        function.report(vec![Diagnostic::new(&NOTHING_TO_RENDER, "", message).help(help)], None);
    }
    let mut rendered = Vec::new();
    let mut names = Names::default();
    for source in std::mem::take(&mut function.sources) {
        let object = &source.object;
        match render(&object.request)? {
            Ok(rendering) => {
                let mut diagnostics = object.relocate(rendering.warnings);
                diagnostics.extend(object.refuse_overlap(&rendering.manifests, &mut names));
                function.report(diagnostics, Some(&source.subject));
                rendered.push((source, rendering.manifests));
            }
            Err(problems) => function.report(object.relocate(problems), Some(&source.subject)),
        }
    }
    if task == Task::Validate {
        let there = function.there();
        for (source, manifests) in &rendered {
            function.refuse_missing(source, manifests, &there);
            function.refuse_changed(source, manifests, &there);
        }
    }
    function.note_left_over(&rendered);
    // A host may show but the first lines.
    function.findings.sort_by_key(|finding| !finding.is_error());
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
