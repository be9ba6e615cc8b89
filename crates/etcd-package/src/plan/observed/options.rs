//! The options of etcd in a container: its flags, and the variables that stand for them.

use std::collections::BTreeMap;

use rutter::yaml::Node;

use super::super::fact::Fact;
use super::super::objects::{Objects, items, scalar};
use super::text;

/// Stands for the name of a member in a text that all members share. No text from outside has it: see [`readable`].
pub(super) const MEMBER: &str = "\u{0}";

/// The longest text of an option that is followed. Variables may double each other without end.
const LONGEST: usize = 16 << 10;

/// Programs that run a script.
const SHELLS: [&str; 6] = ["sh", "bash", "ash", "dash", "busybox", "tini"];

/// etcd's options.
#[derive(Clone, Debug)]
pub(in crate::plan) struct Options {
    /// The flags, without dashes, with the values that they are given.
    flags: BTreeMap<String, Fact<String>>,
    /// All variables of the container.
    variables: BTreeMap<String, Fact<String>>,
    /// Why options may be set elsewhere, if they may.
    opaque: Option<String>,
}

impl Options {
    /// Reads the options of a container of pods with this template's metadata.
    pub(super) fn of(container: &Node, template: Option<&Node>, namespace: &str, objects: &Objects) -> Self {
        let mut opaque = None;
        let mut variables = BTreeMap::new();
        for source in items(container.get("envFrom")) {
            if let Err(reason) = read_source(source, namespace, objects, &mut variables) {
                opaque = Some(reason);
            }
        }
        for variable in items(container.get("env")) {
            let Some(name) = text(variable, "name") else {
                opaque = Some("a variable has no name".to_owned());
                continue;
            };
            let value = variable_value(variable, template, namespace, objects, &variables);
            variables.insert(name, value);
        }
        let command: Vec<String> = items(container.get("command")).iter().filter_map(scalar).collect();
        let args: Vec<String> = items(container.get("args")).iter().filter_map(scalar).collect();
        if let Some(reason) = script(&command, &args) {
            opaque = Some(reason);
        }
        let words: Vec<String> = command.into_iter().chain(args).collect();
        let mut flags = BTreeMap::new();
        if opaque.is_none() || !words.iter().any(|word| word.contains(char::is_whitespace)) {
            read_flags(&words, &variables, &mut flags);
        }
        if flags.contains_key("config-file") || variables.contains_key("ETCD_CONFIG_FILE") {
            // etcd ignores every other flag then (`server/etcdmain/config.go`, `parse`).
            opaque = Some("its options are in a file".to_owned());
            flags.clear();
        }
        Self {
            flags,
            variables,
            opaque,
        }
    }

    /// The value of a flag, whether it is set as a flag or as a variable.
    pub(in crate::plan) fn get(&self, flag: &str) -> Fact<String> {
        let variable = format!("ETCD_{}", flag.replace('-', "_").to_uppercase());
        match (self.flags.get(flag), self.variables.get(&variable), &self.opaque) {
            (Some(value), ..) | (None, Some(value), _) => value.clone(),
            (None, None, Some(reason)) => Fact::Unknown(reason.clone()),
            (None, None, None) => Fact::Absent,
        }
    }

    /// Whether a switch is on.
    pub(in crate::plan) fn is_on(&self, flag: &str) -> Fact<bool> {
        match self.get(flag) {
            Fact::Known(value) => Fact::Known(!matches!(&*value, "false" | "0" | "f" | "F" | "FALSE" | "False")),
            Fact::Absent => Fact::Known(false),
            Fact::Unknown(reason) => Fact::Unknown(reason),
        }
    }

    /// The value of a variable.
    pub(in crate::plan) fn variable(&self, name: &str) -> Option<&Fact<String>> {
        self.variables.get(name)
    }

    /// All flags that are set, by whatever means: without dashes, or as the variable if no flag has its name.
    pub(in crate::plan) fn set(&self) -> BTreeMap<String, Fact<String>> {
        let of_variables = self.variables.iter().filter_map(|(name, value)| {
            let flag = name.strip_prefix("ETCD_")?;
            Some((flag.replace('_', "-").to_lowercase(), value.clone()))
        });
        let mut set: BTreeMap<String, Fact<String>> = of_variables.collect();
        set.extend(self.flags.iter().map(|(name, value)| (name.clone(), value.clone())));
        set
    }

    /// The reason why options may be set elsewhere, if they may.
    pub(in crate::plan) fn opaque(&self) -> Option<&str> {
        self.opaque.as_deref()
    }

    /// Replaces `$(VARIABLE)`, as the kubelet does.
    pub(super) fn expand(&self, text: &str) -> Fact<String> {
        expand(text, &self.variables)
    }
}

/// The reason why the words are a script and not etcd's flags, if they are.
fn script(command: &[String], args: &[String]) -> Option<String> {
    let program = command.first()?;
    let base = program.rsplit('/').next().unwrap_or(program);
    if base == "etcd" {
        return None;
    }
    let is_script = SHELLS.contains(&base)
        || base.ends_with(".sh")
        || command
            .iter()
            .chain(args)
            .any(|word| word.contains(char::is_whitespace));
    Some(if is_script {
        "its command is a script, and scripts are not read".to_owned()
    } else {
        format!("its command is {}, not etcd", super::quoted(base))
    })
}

fn read_flags(
    words: &[String],
    variables: &BTreeMap<String, Fact<String>>,
    flags: &mut BTreeMap<String, Fact<String>>,
) {
    for (index, word) in words.iter().enumerate() {
        let Some(flag) = word.strip_prefix("--").or(word.strip_prefix('-')) else {
            continue;
        };
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, value),
            // `--name etcd-0`, or a switch.
            None => match words.get(index + 1).filter(|next| !next.starts_with('-')) {
                Some(next) => (flag, next.as_str()),
                None => (flag, "true"),
            },
        };
        flags.insert(name.to_owned(), expand(value, variables));
    }
}

/// Reads the variables of an `envFrom`.
fn read_source(
    source: &Node,
    namespace: &str,
    objects: &Objects,
    variables: &mut BTreeMap<String, Fact<String>>,
) -> Result<(), String> {
    let prefix = text(source, "prefix").unwrap_or_default();
    let is_optional = |kind: &str| text(source, &format!("{kind}.optional")).as_deref() == Some("true");
    if let Some(name) = text(source, "configMapRef.name") {
        let Some(map) = objects.named("", "ConfigMap", namespace, &name) else {
            return Err(format!(
                "its variables are in the ConfigMap {}, which is not among the objects",
                super::quoted(&name)
            ));
        };
        for entry in map.node.get("data").and_then(Node::entries).unwrap_or_default() {
            let value = match scalar(&entry.value) {
                Some(value) => readable(value),
                None => Fact::Unknown("the ConfigMap does not hold a text".to_owned()),
            };
            variables.insert(format!("{prefix}{}", entry.key.scalar.text), value);
        }
        return Ok(());
    }
    if let Some(name) = text(source, "secretRef.name") {
        let Some(secret) = objects.named("", "Secret", namespace, &name) else {
            if is_optional("secretRef") {
                return Err(format!("its variables may be in the Secret {}", super::quoted(&name)));
            }
            return Err(format!(
                "its variables are in the Secret {}, and the keys of that are not among the objects",
                super::quoted(&name)
            ));
        };
        for map in ["data", "stringData"] {
            for entry in secret.node.get(map).and_then(Node::entries).unwrap_or_default() {
                let name = format!("{prefix}{}", entry.key.scalar.text);
                variables.insert(name, Fact::Unknown("its value is in a Secret".to_owned()));
            }
        }
        return Ok(());
    }
    Err("its variables come from where the planner does not read".to_owned())
}

fn variable_value(
    variable: &Node,
    template: Option<&Node>,
    namespace: &str,
    objects: &Objects,
    before: &BTreeMap<String, Fact<String>>,
) -> Fact<String> {
    let Some(source) = variable.get("valueFrom").filter(|source| !source.is_null()) else {
        return expand(&text(variable, "value").unwrap_or_default(), before);
    };
    if let Some(path) = text(source, "fieldRef.fieldPath") {
        return match path.as_str() {
            "metadata.name" => Fact::Known(MEMBER.to_owned()),
            "metadata.namespace" => Fact::Known(namespace.to_owned()),
            // `metadata.annotations['a']`, of the pod.
            _ if path.starts_with("metadata.labels[") || path.starts_with("metadata.annotations[") => {
                let value = template.and_then(|template| text(template, &path.replace('\'', "\"")));
                value.map_or_else(|| Fact::Unknown("its value is a field of the pod".to_owned()), readable)
            }
            _ => Fact::Unknown("its value is a field of the pod".to_owned()),
        };
    }
    if let (Some(name), Some(key)) = (
        text(source, "configMapKeyRef.name"),
        text(source, "configMapKeyRef.key"),
    ) {
        let map = objects.named("", "ConfigMap", namespace, &name);
        let value = map.and_then(|map| scalar(map.node.get("data")?.get(&key)?));
        return match value {
            Some(value) => readable(value),
            None => Fact::Unknown(format!(
                "its value is in the ConfigMap {}, which is not among the objects",
                super::quoted(&name)
            )),
        };
    }
    Fact::Unknown("its value is in a Secret".to_owned())
}

/// Expands `$(VARIABLE)` as the kubelet does: unknown names stay, `$$` is a dollar
/// (`third_party/forked/golang/expansion` in Kubernetes).
fn expand(text: &str, variables: &BTreeMap<String, Fact<String>>) -> Fact<String> {
    let Fact::Known(text) = readable(text.to_owned()) else {
        return Fact::Unknown("its value has control characters".to_owned());
    };
    let mut expanded = String::new();
    let mut rest = text.as_str();
    while let Some(dollar) = rest.find('$') {
        expanded.push_str(&rest[..dollar]);
        rest = &rest[dollar..];
        if let Some(after) = rest.strip_prefix("$$") {
            expanded.push('$');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix("$(").and_then(|inner| inner.split_once(')')) {
            match variables.get(name) {
                Some(Fact::Known(value)) => expanded.push_str(value),
                Some(Fact::Unknown(reason)) => return Fact::Unknown(reason.clone()),
                Some(Fact::Absent) | None => {
                    expanded.push_str("$(");
                    expanded.push_str(name);
                    expanded.push(')');
                }
            }
            rest = after;
        } else {
            expanded.push('$');
            rest = &rest[1..];
        }
        if expanded.len() > LONGEST {
            return Fact::Unknown("its value is too long".to_owned());
        }
    }
    expanded.push_str(rest);
    if expanded.len() > LONGEST {
        return Fact::Unknown("its value is too long".to_owned());
    }
    Fact::Known(expanded)
}

/// A text without control characters. No option of etcd has any.
fn readable(text: String) -> Fact<String> {
    if text.contains(char::is_control) {
        Fact::Unknown("its value has control characters".to_owned())
    } else {
        Fact::Known(text)
    }
}

impl Options {
    /// A value for a message, with the name of a member left open.
    pub(in crate::plan) fn readable(value: &str) -> String {
        value.replace(MEMBER, "$(POD)")
    }
}
