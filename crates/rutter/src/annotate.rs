//! Annotations by which a host knows again what took an object's place.

use std::fmt;

use crate::yaml::{self, Any, AnyMap};
use crate::{Diagnostic, Diagnostics, Manifest};

/// A manifest of the package's that cannot be annotated: the fault of the package, not of what it was given.
#[derive(Debug)]
pub struct BadManifest(String);

impl fmt::Display for BadManifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the package wrote a manifest {}", self.0)
    }
}

impl std::error::Error for BadManifest {}

/// Gives a manifest annotations, over those of the same name that it has.
pub(crate) fn annotate(manifest: &mut Manifest, new: &[(String, String)]) -> Result<(), BadManifest> {
    if new.is_empty() {
        return Ok(());
    }
    let mut object = read(manifest)?;
    let annotations = entry(&mut object, "metadata", None)
        .and_then(|metadata| entry(metadata, "annotations", Some(AnyMap::default())))
        .ok_or_else(|| BadManifest("without metadata".to_owned()))?;
    annotations
        .0
        .retain(|(key, _)| !new.iter().any(|(name, _)| name == key));
    let new = new.iter().cloned();
    annotations
        .0
        .extend(new.map(|(name, value)| (name, Any::String(value))));
    manifest.document = yaml::to_string(&object).map_err(|error| BadManifest(format!("with {error}")))?;
    Ok(())
}

/// The mapping under a key; `default` if there is no such key.
fn entry<'m>(map: &'m mut AnyMap, key: &str, default: Option<AnyMap>) -> Option<&'m mut AnyMap> {
    let at = match map.0.iter().position(|(name, _)| name == key) {
        Some(at) => at,
        None => {
            map.0.push((key.to_owned(), Any::Map(default?)));
            map.0.len() - 1
        }
    };
    match map.0.get_mut(at) {
        Some((_, Any::Map(map))) => Some(map),
        _ => None,
    }
}

/// A manifest as the object that it is, its keys in their order.
fn read(manifest: &Manifest) -> Result<AnyMap, BadManifest> {
    let refused = |problems: Vec<Diagnostic>| {
        let problems: String = problems
            .iter()
            .map(|problem| problem.display(&manifest.file_name).to_string())
            .collect();
        BadManifest(format!("that is not plain YAML\n{problems}"))
    };
    let Some(node) = yaml::parse(&manifest.document, 0, 1).map_err(refused)? else {
        return Ok(AnyMap::default());
    };
    let mut diagnostics = Diagnostics::default();
    let object = yaml::read(&node, &mut diagnostics);
    if diagnostics.has_errors() {
        return Err(refused(diagnostics.into_vec()));
    }
    Ok(object)
}
