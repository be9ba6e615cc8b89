//! Network policies, which may keep members from each other while their peer port changes.

use rutter::yaml::Node;
use rutter::{Diagnostic, Diagnostics};

use super::super::objects::{Object, items, scalar};
use super::super::observed::text;
use super::Planner;
use crate::codes::UNSAFE_CHANGE;

impl Planner<'_> {
    /// Refuses to change the peer port while a policy lets in only one of the ports.
    pub(super) fn check_policies(&self, diagnostics: &mut Diagnostics) {
        let port = |url: Option<&String>| Some(url?.rsplit_once(':')?.1.trim_end_matches('/').to_owned());
        let (old, new) = (self.from.peer_url(0), self.to.peer_url(0));
        let (Some(old), Some(new)) = (port(old.known()), port(new.known())) else {
            return;
        };
        if old == new {
            return;
        }
        let installed = self.installed.of_kind("networking.k8s.io", "NetworkPolicy");
        let desired = self.desired.of_kind("networking.k8s.io", "NetworkPolicy");
        let pinned = installed.chain(desired).find(|policy| {
            policy.id.namespace == self.from.namespace && self.selects(policy) && !lets_in_both(policy, &old, &new)
        });
        if let Some(policy) = pinned {
            diagnostics.push(
                Diagnostic::new(
                    &UNSAFE_CHANGE,
                    "ports.peer",
                    format!(
                        "the NetworkPolicy {:?} does not let in both peer ports {old} and {new}, and members use both while the \
                         port changes",
                        policy.id.name
                    ),
                )
                .help("plan the change without the policy (networkPolicy: {enabled: false}), and then with it"),
            );
        }
    }

    /// Whether a policy selects the members' pods, as far as it can be told: what is not known to miss them selects them.
    fn selects(&self, policy: &Object) -> bool {
        let selector = policy.node.at("spec.podSelector");
        let labels = |node: &Node| -> Vec<(String, String)> {
            let entries = node.entries().unwrap_or_default().iter();
            entries
                .filter_map(|entry| Some((entry.key.scalar.text.clone(), scalar(&entry.value)?)))
                .collect()
        };
        let template = self
            .from
            .set
            .node
            .at("spec.template.metadata.labels")
            .map(labels)
            .unwrap_or_default();
        let wanted = selector
            .and_then(|selector| selector.get("matchLabels"))
            .map(labels)
            .unwrap_or_default();
        wanted.iter().all(|label| template.contains(label))
    }
}

fn lets_in_both(policy: &Object, old: &str, new: &str) -> bool {
    let types = items(policy.node.at("spec.policyTypes"));
    let ingress = types.is_empty() || types.iter().filter_map(scalar).any(|kind| kind == "Ingress");
    if !ingress {
        return true;
    }
    let rules = items(policy.node.at("spec.ingress"));
    let lets_in = |port: &str| {
        rules.iter().any(|rule| {
            let ports = items(rule.get("ports"));
            ports.is_empty() || ports.iter().any(|entry| text(entry, "port").as_deref() == Some(port))
        })
    };
    lets_in(old) && lets_in(new)
}
