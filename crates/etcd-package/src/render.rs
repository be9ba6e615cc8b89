//! Rendering: values are read, resolved to a cluster, and written as manifests.

use std::collections::BTreeMap;

use rutter::yaml::Node;
use rutter::{Diagnostic, Manifest, Request};

use crate::cluster::{self, Cluster};
use crate::manifests;
use crate::values::{FOREIGN_FIELDS, Values};

/// The values of a request, which can be rendered with a few changes.
pub(crate) struct ParsedValues<'a> {
    request: &'a Request,
    parsed: rutter::ParsedValues<Values>,
}

/// The result of rendering values.
pub(crate) struct Rendered {
    pub(crate) cluster: Cluster,
    pub(crate) manifests: Vec<Manifest>,
    pub(crate) warnings: Vec<Diagnostic>,
}

impl<'a> ParsedValues<'a> {
    /// Reads the values of a request.
    pub(crate) fn read(request: &'a Request) -> Result<Self, Vec<Diagnostic>> {
        let parsed = rutter::ParsedValues::read(&request.values, FOREIGN_FIELDS)?;
        Ok(Self { request, parsed })
    }

    /// Returns the values as they were parsed.
    pub(crate) fn document(&self) -> &Node {
        self.parsed.document()
    }

    /// Renders the values with this change.
    pub(crate) fn render(&self, change: impl FnOnce(&mut Values)) -> Result<Rendered, Vec<Diagnostic>> {
        self.render_keeping(change, BTreeMap::new())
    }

    /// Renders the values with this change, and keeps settings that only pods of an earlier template read.
    pub(crate) fn render_keeping(
        &self,
        change: impl FnOnce(&mut Values),
        kept: BTreeMap<String, String>,
    ) -> Result<Rendered, Vec<Diagnostic>> {
        let Request { name, namespace, .. } = self.request;
        let mut values = self.parsed.values().clone();
        change(&mut values);
        let rutter::Rendered {
            resolved: cluster,
            manifests,
            warnings,
        } = self.parsed.render(namespace, |report| {
            let cluster = cluster::resolve(name, namespace, values, report);
            let mut cluster = cluster.filter(|_| !report.has_errors())?;
            cluster.bootstrap.kept = kept;
            let manifests = manifests::all(&cluster);
            Some((cluster, manifests))
        })?;
        Ok(Rendered {
            cluster,
            manifests,
            warnings,
        })
    }
}
