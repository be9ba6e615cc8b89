//! Selectors of labels.

use std::collections::BTreeMap;

use rutter::yaml::Node;

use crate::plan::objects::{items, scalar};
use crate::plan::observed::{map, quoted, text};

pub(super) type Labels = BTreeMap<String, String>;

/// The label with its name that the API server gives to every namespace.
const NAMESPACE: &str = "kubernetes.io/metadata.name";

/// A selector of labels (`meta/v1`, `LabelSelector`).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::plan::planner) struct Selector {
    labels: Labels,
    requirements: Vec<Requirement>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Requirement {
    key: String,
    operator: String,
    values: Vec<String>,
}

impl Selector {
    pub(in crate::plan::planner) fn of(node: &Node) -> Self {
        let requirement = |node: &Node| {
            let word = |field: &str| text(node, field).unwrap_or_default();
            Requirement {
                key: word("key"),
                operator: word("operator"),
                values: items(node.get("values")).iter().filter_map(scalar).collect(),
            }
        };
        Self {
            labels: map(node.get("matchLabels")),
            requirements: items(node.get("matchExpressions")).iter().map(requirement).collect(),
        }
    }

    /// Whether it asks for these labels and nothing else.
    pub(super) fn is_of(&self, labels: &Labels) -> bool {
        self.labels == *labels && self.requirements.is_empty()
    }

    /// Whether it selects what has these labels. An operator that is not known does.
    pub(in crate::plan::planner) fn matches(&self, labels: &Labels) -> bool {
        self.matches_without(labels, &[])
    }

    /// Whether it selects what has these labels, if those with the keys are as it asks for.
    pub(super) fn matches_without(&self, labels: &Labels, keys: &[&str]) -> bool {
        self.verdicts(labels)
            .all(|(key, verdict)| keys.contains(&key) || verdict.unwrap_or(true))
    }

    /// Whether it selects a namespace of this name. None if other labels decide, which are not known.
    pub(super) fn selects_namespace(&self, name: &str) -> Option<bool> {
        let labels = [(NAMESPACE.to_owned(), name.to_owned())].into();
        let mut found = Some(true);
        for (key, verdict) in self.verdicts(&labels) {
            match verdict.filter(|_| key == NAMESPACE) {
                Some(true) => {}
                Some(false) => return Some(false),
                None => found = None,
            }
        }
        found
    }

    /// The values that it asks for at a label; none if it does not ask for it.
    pub(super) fn asked(&self, label: &str) -> Option<Vec<&str>> {
        let of_labels = self.labels.get(label).map(String::as_str);
        let requirements = || self.requirements.iter().filter(|requirement| requirement.key == label);
        let is_asked = of_labels.is_some() || requirements().next().is_some();
        let values = requirements().flat_map(|requirement| requirement.values.iter().map(String::as_str));
        is_asked.then(|| of_labels.into_iter().chain(values).collect())
    }

    /// Returns the verdict of each of its requirements about labels, by key. None if its operator is not known.
    fn verdicts(&self, labels: &Labels) -> impl Iterator<Item = (&str, Option<bool>)> {
        let of_labels = self
            .labels
            .iter()
            .map(|(key, wanted)| (key.as_str(), Some(labels.get(key) == Some(wanted))));
        let of_requirements = self.requirements.iter().map(|requirement| {
            let value = labels.get(&requirement.key);
            let is_in = || value.is_some_and(|value| requirement.values.contains(value));
            let verdict = match requirement.operator.as_str() {
                "In" => Some(is_in()),
                "NotIn" => Some(!is_in()),
                "Exists" => Some(value.is_some()),
                "DoesNotExist" => Some(value.is_none()),
                _ => None,
            };
            (requirement.key.as_str(), verdict)
        });
        of_labels.chain(of_requirements)
    }

    /// Returns it as text, with the kind of what it selects.
    pub(super) fn shown(&self, what: &str) -> String {
        let labels = self.labels.iter();
        let mut parts: Vec<String> = labels
            .map(|(key, value)| format!("{}={}", plain(key), plain(value)))
            .collect();
        parts.extend(self.requirements.iter().map(|requirement| {
            let values: Vec<String> = requirement.values.iter().map(|text| plain(text)).collect();
            format!(
                "{} {} {}",
                plain(&requirement.key),
                plain(&requirement.operator),
                values.join("|")
            )
            .trim_end()
            .to_owned()
        }));
        if parts.is_empty() {
            format!("all {what}")
        } else {
            format!("{what} with {}", parts.join(" and "))
        }
    }
}

/// A text from outside: as it is if it is a plain word, else quoted.
pub(super) fn plain(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
    if text.len() <= 80 && !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        quoted(text)
    }
}
