//! The options of etcd in a container: its flags, and the variables that stand for them.

use std::collections::BTreeMap;

use rutter::yaml::Node;

use super::super::fact::Fact;
use super::super::objects::{Objects, items, scalar, strip_places};
use super::text;

/// Stands for the name of a member in a text that all members share. No text from outside has it: see [`readable`].
pub(super) const MEMBER: &str = "\u{0}";

/// The longest text of an option that is followed. Variables may double each other without end.
const LONGEST: usize = 16 << 10;

/// The most bytes of all variables of a container together: an object of Kubernetes has less than 3 MiB.
const LARGEST: usize = 16 << 20;

/// Programs that run a script.
const SHELLS: [&str; 6] = ["sh", "bash", "ash", "dash", "busybox", "tini"];

/// A value of an option or a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::plan) struct Setting {
    pub(in crate::plan) value: Fact<String>,
    /// The place that an unknown value comes from, as a text; none if that is not known either.
    origin: Option<String>,
}

impl Setting {
    pub(in crate::plan) const ABSENT: Self = Self {
        value: Fact::Absent,
        origin: None,
    };

    fn known(value: String) -> Self {
        Self {
            value: Fact::Known(value),
            origin: None,
        }
    }

    fn unknown(reason: impl Into<String>, origin: impl Into<String>) -> Self {
        Self {
            value: Fact::Unknown(reason.into()),
            origin: Some(origin.into()),
        }
    }

    /// The bytes that it takes.
    fn size(&self) -> usize {
        self.value.known().or(self.origin.as_ref()).map_or(0, String::len)
    }

    /// Whether both are the same value. Unknown ones are if they come from the same place.
    pub(in crate::plan) fn is_same(&self, other: &Self) -> bool {
        match (self.value.unknown(), other.value.unknown()) {
            (None, None) => self.value == other.value,
            (Some(_), Some(_)) => self.origin.is_some() && self.origin == other.origin,
            _ => false,
        }
    }
}

/// The variables of a container.
type Variables = BTreeMap<String, Setting>;

/// etcd's options.
#[derive(Clone, Debug)]
pub(in crate::plan) struct Options {
    /// The flags, without dashes, with the values that they are given.
    flags: BTreeMap<String, Setting>,
    /// All variables of the container, but for those of etcd that are empty.
    variables: Variables,
    /// Why options may be set elsewhere, if they may.
    opaque: Option<String>,
}

impl Options {
    /// Reads the options of a container of pods with this template's metadata.
    pub(super) fn of(container: &Node, template: Option<&Node>, namespace: &str, objects: &Objects) -> Self {
        let mut opaque = None;
        let mut variables = BTreeMap::new();
        let mut size = 0;
        for source in items(container.get("envFrom")) {
            let before = variables.len();
            if let Err(reason) = read_source(source, namespace, objects, &mut variables) {
                opaque = Some(reason);
            }
            if variables.len() > before {
                size = variables.values().map(Setting::size).sum();
            }
            if size > LARGEST {
                opaque = Some("its variables are too long".to_owned());
                break;
            }
        }
        for variable in items(container.get("env")) {
            let Some(name) = text(variable, "name") else {
                opaque = Some("a variable has no name".to_owned());
                continue;
            };
            let setting = variable_value(variable, template, namespace, objects, &variables);
            // Each can repeat all of another.
            size += setting.size();
            if size > LARGEST {
                opaque = Some("its variables are too long".to_owned());
                break;
            }
            variables.insert(name, setting);
        }
        let command: Vec<String> = items(container.get("command")).iter().filter_map(scalar).collect();
        let args: Vec<String> = items(container.get("args")).iter().filter_map(scalar).collect();
        if let Some(reason) = script(&command, &args) {
            opaque = Some(reason);
        }
        let words: Vec<String> = command.into_iter().chain(args).collect();
        let mut flags = BTreeMap::new();
        let is_readable = opaque.is_none() || !words.iter().any(|word| word.contains(char::is_whitespace));
        if is_readable && let Err(reason) = read_flags(&words, &variables, &mut flags) {
            opaque = Some(reason);
        }
        // etcd takes an empty variable for none (`SetFlagsFromEnv` in `pkg/flags/flag.go`).
        let is_empty = |setting: &Setting| setting.value.known().is_some_and(String::is_empty);
        variables.retain(|name, setting| !(name.starts_with("ETCD_") && is_empty(setting)));
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
        let variable = variable_of(flag);
        match (self.flags.get(flag), self.variables.get(&variable), &self.opaque) {
            (Some(setting), ..) | (None, Some(setting), _) => setting.value.clone(),
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
        self.variables.get(name).map(|setting| &setting.value)
    }

    /// All flags that are set, by whatever means: without dashes, or as the variable if no flag has its name.
    pub(in crate::plan) fn set(&self) -> BTreeMap<String, Setting> {
        let of_variables = self.variables.iter().filter_map(|(name, setting)| {
            let flag = name.strip_prefix("ETCD_")?;
            Some((flag.replace('_', "-").to_lowercase(), setting.clone()))
        });
        let mut set: BTreeMap<String, Setting> = of_variables.collect();
        set.extend(self.flags.iter().map(|(name, setting)| (name.clone(), setting.clone())));
        set
    }

    /// The flags that a variable sets as well. etcd does not start with both.
    pub(in crate::plan) fn set_twice(&self) -> impl Iterator<Item = &String> {
        self.flags
            .keys()
            .filter(|flag| self.variables.contains_key(&variable_of(flag)))
    }

    /// The reason why options may be set elsewhere, if they may.
    pub(in crate::plan) fn opaque(&self) -> Option<&str> {
        self.opaque.as_deref()
    }

    /// Replaces `$(VARIABLE)`, as the kubelet does.
    pub(super) fn expand(&self, text: &str) -> Fact<String> {
        expand(text, &self.variables).value
    }
}

/// The variable that stands for a flag.
fn variable_of(flag: &str) -> String {
    format!("ETCD_{}", flag.replace('-', "_").to_uppercase())
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

fn read_flags(words: &[String], variables: &Variables, flags: &mut BTreeMap<String, Setting>) -> Result<(), String> {
    let mut size = 0;
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
        let setting = expand(value, variables);
        size += setting.size();
        if size > LARGEST {
            return Err("its flags are too long".to_owned());
        }
        flags.insert(name.to_owned(), setting);
    }
    Ok(())
}

/// Reads the variables of an `envFrom`.
fn read_source(source: &Node, namespace: &str, objects: &Objects, variables: &mut Variables) -> Result<(), String> {
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
            let setting = match scalar(&entry.value) {
                Some(value) => readable(value),
                None => Setting::unknown("the ConfigMap does not hold a text", strip_places(&entry.value)),
            };
            variables.insert(format!("{prefix}{}", entry.key.scalar.text), setting);
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
        for entry in secret.node.get("data").and_then(Node::entries).unwrap_or_default() {
            let key = &entry.key.scalar.text;
            variables.insert(format!("{prefix}{key}"), of_secret(objects, namespace, &name, key));
        }
        return Ok(());
    }
    Err("its variables come from where the planner does not read".to_owned())
}

/// A value in a Secret. Values of live Secrets never reach the planner, so that it knows two for the same only by their place.
/// That of one that is rendered is part of it.
fn of_secret(objects: &Objects, namespace: &str, name: &str, key: &str) -> Setting {
    let secret = objects.named("", "Secret", namespace, name);
    let value = secret
        .and_then(|secret| secret.node.get("data")?.get(key))
        .map(strip_places);
    Setting::unknown(
        "its value is in a Secret",
        format!("Secret {name:?} {key:?} {}", value.unwrap_or_default()),
    )
}

fn variable_value(
    variable: &Node,
    template: Option<&Node>,
    namespace: &str,
    objects: &Objects,
    before: &Variables,
) -> Setting {
    let Some(source) = variable.get("valueFrom").filter(|source| !source.is_null()) else {
        return expand(&text(variable, "value").unwrap_or_default(), before);
    };
    if let Some(path) = text(source, "fieldRef.fieldPath") {
        let unknown = || Setting::unknown("its value is a field of the pod", strip_places(source));
        return match path.as_str() {
            "metadata.name" => Setting::known(MEMBER.to_owned()),
            "metadata.namespace" => Setting::known(namespace.to_owned()),
            // `metadata.annotations['a']`, of the pod.
            _ if path.starts_with("metadata.labels[") || path.starts_with("metadata.annotations[") => {
                let value = template.and_then(|template| text(template, &path.replace('\'', "\"")));
                value.map_or_else(unknown, readable)
            }
            _ => unknown(),
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
            None => Setting::unknown(
                format!(
                    "its value is in the ConfigMap {}, which is not among the objects",
                    super::quoted(&name)
                ),
                strip_places(source),
            ),
        };
    }
    if let (Some(name), Some(key)) = (text(source, "secretKeyRef.name"), text(source, "secretKeyRef.key")) {
        return of_secret(objects, namespace, &name, &key);
    }
    Setting::unknown(
        "its value comes from where the planner does not read",
        strip_places(source),
    )
}

/// Expands `$(VARIABLE)` as the kubelet does: unknown names stay, `$$` is a dollar
/// (`third_party/forked/golang/expansion` in Kubernetes).
fn expand(text: &str, variables: &Variables) -> Setting {
    let setting = readable(text.to_owned());
    let Fact::Known(text) = setting.value else {
        return setting;
    };
    let mut expanded = String::new();
    // The first reason why the value is not known. The places of unknown parts stand in the text then.
    let mut unknown = None;
    let mut has_origin = true;
    let mut rest = text.as_str();
    while let Some(dollar) = rest.find('$') {
        expanded.push_str(&rest[..dollar]);
        rest = &rest[dollar..];
        if let Some(after) = rest.strip_prefix("$$") {
            expanded.push('$');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix("$(").and_then(|inner| inner.split_once(')')) {
            match variables.get(name) {
                Some(Setting {
                    value: Fact::Known(value),
                    ..
                }) => expanded.push_str(value),
                Some(Setting {
                    value: Fact::Unknown(reason),
                    origin,
                }) => {
                    unknown.get_or_insert_with(|| reason.clone());
                    has_origin &= origin.is_some();
                    expanded.push_str(&format!("$({origin:?})"));
                }
                Some(Setting {
                    value: Fact::Absent, ..
                })
                | None => {
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
            break;
        }
    }
    expanded.push_str(rest);
    if expanded.len() > LONGEST {
        return Setting {
            value: Fact::Unknown("its value is too long".to_owned()),
            origin: None,
        };
    }
    match unknown {
        None => Setting::known(expanded),
        Some(reason) => Setting {
            value: Fact::Unknown(reason),
            origin: has_origin.then_some(expanded),
        },
    }
}

/// A text without control characters. No option of etcd has any.
fn readable(text: String) -> Setting {
    if text.contains(char::is_control) {
        Setting::unknown("its value has control characters", text)
    } else {
        Setting::known(text)
    }
}

impl Options {
    /// A value for a message, with the name of a member left open.
    pub(in crate::plan) fn readable(value: &str) -> String {
        value.replace(MEMBER, "$(POD)")
    }
}
