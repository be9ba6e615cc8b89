//! The parameters that change values.

use helm_values::{Expression, Kind, Merged, Values};
use rutter::Diagnostic;
use rutter::yaml::YAML_FEATURE;

use super::parameters::Parameters;
use crate::failure::Located;
use crate::sources::Sources;

/// The parameters that change values, by the numbers of their sources.
pub(super) struct Overrides {
    pub(super) values: Option<u32>,
    set: Vec<u32>,
}

impl Overrides {
    pub(super) fn of(parameters: &Parameters, sources: &mut Sources) -> Self {
        let Parameters { values, set, .. } = parameters;
        Self {
            values: values
                .as_ref()
                .map(|text| sources.add("parameter values", text.as_str())),
            set: set
                .iter()
                .map(|expression| sources.add(format!("parameter set: {expression}"), expression.as_str()))
                .collect(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.values.is_none() && self.set.is_empty()
    }

    /// Merges them over a text, whose number is `source`.
    pub(super) fn merge(&self, text: &str, source: u32, sources: &Sources) -> Result<Merged, Vec<Located>> {
        let refused = |source| move |diagnostics| Located::all(source, diagnostics);
        let text_of = |source| sources.get(source).map_or("", |source| source.text.as_str());
        let mut values = Values::default();
        values.merge_text(text, source).map_err(refused(source))?;
        if let Some(source) = self.values {
            values.merge_text(text_of(source), source).map_err(refused(source))?;
        }
        for source in &self.set {
            let expression = Expression {
                kind: Kind::Typed,
                source: *source,
                text: text_of(*source),
            };
            values
                .apply(&expression, &mut |path| {
                    // Only `--set-file` reads.
                    let message = format!("{path} is not read");
                    Err(Diagnostic::new(&YAML_FEATURE, "", message))
                })
                .map_err(|diagnostic| refused(*source)(vec![diagnostic]))?;
        }
        Ok(values.finish())
    }
}
