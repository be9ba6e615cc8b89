//! The differences of etcd's options, whether they are flags or variables.

use std::collections::BTreeMap;

use rutter::yaml::{Node, Value};

use super::super::fact::Fact;
use super::super::objects::{items, strip_places};
use super::super::observed::{Options, Setting, quoted, text};
use super::super::rules::{self, Meaning};
use super::last_applied::{get_mut, retain};
use super::{ABSENT, Comparison, Found};

/// The path under which a difference of an option is reported, also if it is a variable.
pub(super) const PLACE: &str = "spec.template.spec.containers[etcd].args";

impl Comparison<'_> {
    /// The differences of etcd's options, whether they are flags or variables.
    pub(super) fn option_differences(&self, installed: &Node, desired: &Node) -> Vec<Found> {
        // One refusal says that none of them is known.
        if self.from.options.opaque().or(self.to.options.opaque()).is_some() {
            return Vec::new();
        }
        // Members of the installed template read options in a ConfigMap or a Secret whenever they start, whatever the steps.
        let options = self.from.options_among(&self.desired.over(self.installed));
        let early = different(&self.from.options, &options).into_iter().map(|option| {
            let meaning = option.is_known().then_some(Meaning::Refused(&rules::READ_AT_ANY_START));
            option.found("options", meaning)
        });
        let restarting: Vec<Found> = different(&options, &self.to.options)
            .into_iter()
            .map(|option| {
                let is_known = option.is_known();
                let meaning = match rules::meaning_of_flag(&option.name) {
                    Some(Meaning::Membership | Meaning::Data) if !is_known => Some(Meaning::Refused(&rules::NOT_KNOWN)),
                    meaning => meaning.filter(|_| is_known),
                };
                option.found(PLACE, meaning)
            })
            .collect();
        let is_same = restarting.is_empty();
        let mut found: Vec<Found> = early.chain(restarting).collect();
        let words = |set: &Node, container: &str| words_of_options(set, container);
        if is_same && words(installed, &self.from.container) != words(desired, &self.to.container) {
            // The same options, said in another way.
            found.push(Found {
                path: PLACE.to_owned(),
                installed: "the same options".to_owned(),
                desired: "written in another way".to_owned(),
                meaning: Some(Meaning::Restart),
            });
        }
        found
    }
}

/// Takes etcd's options off the container that etcd runs in, and gives the container the name that it has here.
pub(super) fn strip_options(set: &mut Node, container: &str) {
    let pod = ["spec", "template", "spec"]
        .iter()
        .try_fold(set, |node, key| get_mut(node, key));
    let Some(containers) = pod.and_then(|pod| get_mut(pod, "containers")) else {
        return;
    };
    let Value::Sequence(containers) = &mut containers.value else {
        return;
    };
    let etcd = containers
        .iter_mut()
        .find(|node| text(node, "name").as_deref() == Some(container));
    let Some(etcd) = etcd else { return };
    if let Some(name) = get_mut(etcd, "name")
        && let Value::Scalar(name) = &mut name.value
    {
        name.text = "etcd".to_owned();
    }
    retain(etcd, |key| !["command", "args"].contains(&key));
    if let Some(Node {
        value: Value::Sequence(variables),
        ..
    }) = get_mut(etcd, "env")
    {
        variables.retain(|variable| !text(variable, "name").is_some_and(|name| name.starts_with("ETCD_")));
    }
}

/// Flags that etcd reads on a member's first start, and whose values no difference of a running cluster depends on.
const BOOTSTRAP: [&str; 2] = ["initial-cluster", "initial-cluster-state"];

/// Variables of images, not of etcd, that are signs of its authentication: that is refused by itself.
const SIGNS: [&str; 2] = ["root-password", "root-password-file"];

/// All that sets etcd's options in the container that it runs in, as a text.
fn words_of_options(set: &Node, container: &str) -> Vec<String> {
    let containers = items(set.at("spec.template.spec.containers"));
    let Some(etcd) = containers
        .iter()
        .find(|node| text(node, "name").as_deref() == Some(container))
    else {
        return Vec::new();
    };
    let mut words = Vec::new();
    for list in ["command", "args", "envFrom"] {
        words.push(list.to_owned());
        words.extend(items(etcd.get(list)).iter().map(strip_places));
    }
    let variables = items(etcd.get("env")).iter();
    words.extend(
        variables
            .filter(|variable| text(variable, "name").is_some_and(|name| name.starts_with("ETCD_")))
            .map(strip_places),
    );
    words
}

/// An option that differs.
struct OtherOption {
    /// Its flag, without dashes.
    name: String,
    installed: Setting,
    desired: Setting,
}

impl OtherOption {
    fn is_known(&self) -> bool {
        let unknown = self.installed.value.unknown().or(self.desired.value.unknown());
        unknown.is_none()
    }

    fn found(&self, place: &str, meaning: Option<Meaning>) -> Found {
        Found {
            path: format!("{place}[--{}]", self.name),
            installed: option_text(&self.installed.value),
            desired: option_text(&self.desired.value),
            meaning,
        }
    }
}

/// The options that differ. Members with data do not read those of the bootstrap.
fn different(installed: &Options, desired: &Options) -> Vec<OtherOption> {
    let (before, after) = (installed.set(), desired.set());
    let added = after.keys().filter(|name| !before.contains_key(*name));
    let is_read = |name: &&String| !BOOTSTRAP.contains(&name.as_str()) && !SIGNS.contains(&name.as_str());
    let of = |settings: &BTreeMap<String, Setting>, name: &str| settings.get(name).cloned().unwrap_or(Setting::ABSENT);
    before
        .keys()
        .chain(added)
        .filter(is_read)
        .map(|name| OtherOption {
            name: name.clone(),
            installed: of(&before, name),
            desired: of(&after, name),
        })
        .filter(|option| !option.installed.is_same(&option.desired))
        .collect()
}

fn option_text(value: &Fact<String>) -> String {
    match value {
        Fact::Known(value) => quoted(&Options::readable(value)),
        Fact::Absent => ABSENT.to_owned(),
        Fact::Unknown(reason) => format!("unknown ({reason})"),
    }
}
