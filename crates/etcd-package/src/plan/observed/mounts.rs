//! Files of a container: the volumes that they are in.

use std::collections::BTreeSet;

use rutter::yaml::Node;

use super::super::fact::Fact;
use super::super::objects::{Objects, is_plain, items};
use super::options::Options;
use super::{quoted, text};

/// The volumes that a container mounts, the innermost first.
#[derive(Clone, Debug)]
pub(super) struct Mounts(Vec<Mount>);

#[derive(Clone, Debug)]
struct Mount {
    path: String,
    /// The directory, or file, of the volume that is mounted.
    sub_path: Fact<String>,
    volume: Volume,
}

#[derive(Clone, Debug)]
enum Volume {
    /// The claim that each pod has of a template.
    Claim(String),
    /// A volume that dies with its pod.
    Ephemeral,
    Secret(Vec<SecretSource>),
    /// Any other, in words.
    Other(String),
}

/// A Secret in a volume.
#[derive(Clone, Debug)]
struct SecretSource {
    name: String,
    /// The paths of keys; none if all keys are files of their names.
    items: Option<Vec<(String, String)>>,
    /// The keys of the Secret, where they are known.
    keys: Option<BTreeSet<String>>,
}

/// The place of a directory of etcd's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::plan) struct Location {
    /// The volume that holds it.
    pub(in crate::plan) volume: Storage,
    /// Its path in the volume, which may have the member's name in it.
    pub(in crate::plan) path: String,
}

/// The volume of a location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::plan) enum Storage {
    /// The claim of this template.
    Claim(String),
    /// A volume that dies with its pod.
    Ephemeral,
    /// Any other, in words: `a hostPath`.
    Other(String),
}

/// A key of a Secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::plan) struct SecretKey {
    pub(in crate::plan) secret: String,
    pub(in crate::plan) key: String,
}

impl Mounts {
    pub(super) fn of(
        container: &Node,
        pod: Option<&Node>,
        claims: &[String],
        options: &Options,
        namespace: &str,
        objects: &Objects,
    ) -> Self {
        let volumes = items(pod.and_then(|pod| pod.get("volumes")));
        let mounts = items(container.get("volumeMounts")).iter().filter_map(|mount| {
            let name = text(mount, "name")?;
            let sub_path = match (text(mount, "subPath"), text(mount, "subPathExpr")) {
                (_, Some(expression)) => options.expand(&expression),
                (Some(path), None) => Fact::Known(path),
                (None, None) => Fact::Known(String::new()),
            };
            let source = volumes.iter().find(|node| text(node, "name").as_ref() == Some(&name));
            // A claim of a template takes the place of a volume of its name.
            let volume = if claims.contains(&name) {
                Volume::Claim(name)
            } else {
                volume(source, namespace, objects)
            };
            Some(Mount {
                path: normal(&text(mount, "mountPath")?),
                sub_path,
                volume,
            })
        });
        let mut mounts: Vec<Mount> = mounts.collect();
        mounts.sort_by_key(|mount| std::cmp::Reverse(mount.path.len()));
        Self(mounts)
    }

    fn around(&self, path: &str) -> Option<&Mount> {
        self.0.iter().find(|mount| is_in(path, &mount.path))
    }

    /// The place of a directory that holds files, all of them: unknown if another volume is mounted where some of them are,
    /// unless that is in `except`.
    pub(super) fn whole(&self, path: &str, files: &str, except: Option<&str>) -> Fact<Location> {
        let files = normal(&format!("{path}/{files}"));
        let is_excepted = |mount: &str| except.is_some_and(|except| is_in(mount, &normal(except)));
        let mut inside = self.0.iter().map(|mount| &*mount.path);
        match inside.find(|mount| *mount != normal(path) && is_in(mount, &files) && !is_excepted(mount)) {
            Some(mount) => Fact::Unknown(format!("another volume is mounted inside of it, at {}", quoted(mount))),
            None => self.location(path),
        }
    }

    /// The place of a directory.
    fn location(&self, path: &str) -> Fact<Location> {
        if let Some(reason) = why_relative(path) {
            return Fact::Unknown(reason);
        }
        let path = &normal(path);
        let Some(mount) = self.around(path) else {
            return Fact::Known(Location {
                volume: Storage::Other("the container's own file system".to_owned()),
                path: path.to_owned(),
            });
        };
        let volume = match &mount.volume {
            Volume::Claim(name) => Storage::Claim(name.clone()),
            Volume::Ephemeral => Storage::Ephemeral,
            Volume::Secret(_) => Storage::Other("a Secret".to_owned()),
            Volume::Other(words) => Storage::Other(words.clone()),
        };
        let rest = path.strip_prefix(mount.path.trim_end_matches('/')).unwrap_or_default();
        mount.sub_path.clone().map(|sub_path| {
            let parts = sub_path.split('/').chain(rest.split('/'));
            let parts: Vec<&str> = parts.filter(|part| !part.is_empty() && *part != ".").collect();
            Location {
                volume,
                path: parts.join("/"),
            }
        })
    }

    /// The key of a Secret that a file is; absent if the file is in no Secret.
    pub(super) fn secret_key(&self, file: &str) -> Fact<SecretKey> {
        if let Some(reason) = why_relative(file) {
            return Fact::Unknown(reason);
        }
        let file = &normal(file);
        let Some(mount) = self.around(file) else {
            return Fact::Absent;
        };
        let Volume::Secret(sources) = &mount.volume else {
            return Fact::Absent;
        };
        let rest = file.strip_prefix(mount.path.trim_end_matches('/')).unwrap_or_default();
        let sub_path = match &mount.sub_path {
            Fact::Known(path) => path.trim_matches('/'),
            Fact::Absent => "",
            Fact::Unknown(reason) => return Fact::Unknown(reason.clone()),
        };
        let path = format!("{sub_path}{rest}");
        let path = path.trim_matches('/');
        let mut found = BTreeSet::new();
        let mut may_be_elsewhere = false;
        for source in sources {
            match (&source.items, &source.keys) {
                (Some(items), _) => {
                    let keys = items.iter().filter(|(_, of)| of.trim_matches('/') == path);
                    found.extend(keys.map(|(key, _)| (source.name.clone(), key.clone())));
                }
                (None, Some(keys)) if keys.contains(path) => {
                    found.insert((source.name.clone(), path.to_owned()));
                }
                (None, Some(_)) => {}
                // The only one: the file is there, or its pod would not run.
                (None, None) if sources.len() == 1 => {
                    found.insert((source.name.clone(), path.to_owned()));
                }
                (None, None) => may_be_elsewhere = true,
            }
        }
        let mut found = found.into_iter();
        match (found.next(), found.next()) {
            (Some((secret, _)), None) if !is_plain(&secret) => {
                Fact::Unknown(format!("{} is no name of a Secret", quoted(&secret)))
            }
            (Some((_, key)), None) if !is_plain(&key) => {
                Fact::Unknown(format!("{} is no key of a Secret that etcd's files have", quoted(&key)))
            }
            (Some((secret, key)), None) if !may_be_elsewhere => Fact::Known(SecretKey { secret, key }),
            _ => Fact::Unknown(format!("no Secret is known to hold the file {}", quoted(file))),
        }
    }
}

fn volume(source: Option<&Node>, namespace: &str, objects: &Objects) -> Volume {
    let Some(source) = source else {
        return Volume::Other("a volume that is not there".to_owned());
    };
    let secret = |node: &Node, field: &str| {
        let name = text(node, field)?;
        let keys = objects.named("", "Secret", namespace, &name).map(|secret| {
            let entries = secret.node.get("data").and_then(Node::entries).unwrap_or_default();
            entries.iter().map(|entry| entry.key.scalar.text.clone()).collect()
        });
        let items = node.get("items").filter(|items| !items.is_null()).map(|list| {
            let item = |item: &Node| Some((text(item, "key")?, text(item, "path")?));
            items(Some(list)).iter().filter_map(item).collect::<Vec<_>>()
        });
        Some(SecretSource {
            name,
            items: items.filter(|items| !items.is_empty()),
            keys,
        })
    };
    if let Some(node) = source.get("secret") {
        return match secret(node, "secretName") {
            Some(source) => Volume::Secret(vec![source]),
            None => Volume::Other("a Secret without a name".to_owned()),
        };
    }
    if let Some(projected) = source.get("projected") {
        let sources = items(projected.get("sources")).iter();
        let secrets = sources.filter_map(|source| secret(source.get("secret")?, "name"));
        return Volume::Secret(secrets.collect());
    }
    if source.get("emptyDir").is_some() {
        return Volume::Ephemeral;
    }
    let kind = source.entries().unwrap_or_default().iter();
    let mut kind = kind.map(|entry| &*entry.key.scalar.text).filter(|key| *key != "name");
    Volume::Other(match kind.next() {
        Some(kind) if is_plain(kind) => format!("a volume of the kind {kind}"),
        _ => "a volume of an unknown kind".to_owned(),
    })
}

/// The reason why the place of a path is not known, if it does not begin at the root.
fn why_relative(path: &str) -> Option<String> {
    (!path.starts_with('/')).then(|| format!("{} begins in the working directory of its image", quoted(path)))
}

/// A path from the root, in the one way to write it.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

fn is_in(path: &str, directory: &str) -> bool {
    let rest = path.strip_prefix(directory.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
