//! Fields that Kubernetes fills in of a claim, and that no apply of a manifest without them changes.

use rutter::yaml::{self, Node};

use super::{Difference, Segment};

/// The annotation in which `kubectl apply` keeps the last applied object.
const LAST_APPLIED: &str = "metadata.annotations[\"kubectl.kubernetes.io/last-applied-configuration\"]";

/// Whether a difference is only what Kubernetes has filled in. Fields that were applied are no such thing, as far as that is
/// known: the API server refuses to remove them.
pub(super) fn is_filled_in(installed: &Node, desired: &Node, difference: &Difference) -> bool {
    let path = difference.path.segments();
    let field = |index: usize| match path.get(index) {
        Some(Segment::Field(name)) => name.as_str(),
        _ => "",
    };
    let is_live = installed.at("metadata.uid").is_some() || installed.get("status").is_some();
    if !is_live || difference.desired.is_some() || field(0) != "spec" {
        return false;
    }
    let is_filled = match field(1) {
        // `plugin/pkg/admission/storage/storageclass/setdefault/admission.go` of Kubernetes
        "storageClassName" => true,
        // Each is a copy of the other: `NormalizeDataSources` in `pkg/api/persistentvolumeclaim/util.go` of Kubernetes.
        "dataSource" | "dataSourceRef" => {
            let other = if field(1) == "dataSource" {
                "dataSourceRef"
            } else {
                "dataSource"
            };
            let written = desired.at("spec").and_then(|spec| spec.get(other)?.get(field(2)));
            let text = |node: Option<&Node>| node.and_then(Node::as_str).map(str::to_owned);
            text(written).is_some() && text(written) == text(difference.installed.as_ref())
        }
        _ => false,
    };
    let was_applied = || {
        let text = installed.at(LAST_APPLIED).and_then(Node::as_str)?;
        let object = yaml::parse(text, 0, 1).ok()??;
        Some(object.at("spec").and_then(|spec| spec.get(field(1))).is_some())
    };
    is_filled && was_applied() != Some(true)
}
