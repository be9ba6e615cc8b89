//! From the values of a request to a rendering: the values are parsed and read as a type, resolved by the package with a
//! report, and its manifests are checked.

use std::fmt;

use serde::de::DeserializeOwned;

use crate::manifests::Manifests;
use crate::report::Report;
use crate::yaml::{self, Node, Place};
use crate::{Diagnostic, Diagnostics, Manifest, Position, Rendering, Request};

/// Renders a request: reads its values and passes them to `manifests`, which reports errors and returns the manifests.
///
/// It is called even if some values failed to parse, so that all errors are reported at once. These values hold their
/// defaults then, and nothing that is reported about them is shown.
///
/// # Errors
///
/// Returns all diagnostics, if at least one is an error.
pub fn render<T: DeserializeOwned + Default>(
    request: &Request,
    manifests: impl FnOnce(T, &mut Report<'_>) -> Manifests,
) -> Result<Rendering, Vec<Diagnostic>> {
    let ParsedValues {
        document,
        values,
        mut diagnostics,
    } = ParsedValues::<T>::read(&request.values, &[])?;
    let mut report = Report::new(&document, &mut diagnostics);
    let manifests = manifests(values, &mut report).finish(&request.namespace, &mut report);
    if report.has_errors() {
        return Err(diagnostics.into_vec());
    }
    Ok(Rendering {
        manifests,
        warnings: diagnostics.into_vec(),
        notes: String::new(),
    })
}

/// Values that were parsed and read, and can be rendered several times.
#[derive(Clone)]
pub struct ParsedValues<T> {
    document: Node,
    values: T,
    diagnostics: Diagnostics,
}

/// The result of rendering [`ParsedValues`].
#[derive(Clone, Debug)]
pub struct Rendered<R> {
    /// The resolved values.
    pub resolved: R,
    /// The manifests.
    pub manifests: Vec<Manifest>,
    /// Diagnostics that did not prevent the rendering.
    pub warnings: Vec<Diagnostic>,
}

impl<T: DeserializeOwned + Default> ParsedValues<T> {
    /// Reads a values document. An empty one holds all defaults. `foreign_fields` are the paths of fields that other packages
    /// have, and the help for each.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is not YAML. Errors of values are those of [`Self::render`].
    pub fn read(text: &str, foreign_fields: &[(&str, &str)]) -> Result<Self, Vec<Diagnostic>> {
        let mut diagnostics = Diagnostics::default();
        let document = yaml::parse(text, 0, 1)?.unwrap_or_else(|| {
            Node::empty(Place {
                source: 0,
                position: Position { line: 1, column: 1 },
            })
        });
        let values = yaml::read(&document, &mut diagnostics);
        diagnostics.explain_foreign_fields(foreign_fields);
        Ok(Self {
            document,
            values,
            diagnostics,
        })
    }
}

impl<T> ParsedValues<T> {
    /// Returns the values.
    #[must_use]
    pub fn values(&self) -> &T {
        &self.values
    }

    /// Returns the values as they were parsed, without defaults.
    #[must_use]
    pub fn document(&self) -> &Node {
        &self.document
    }

    /// Renders the values, for an installation in `namespace`. `resolve` returns the resolved values with their manifests, or
    /// nothing if it reported why there are none.
    ///
    /// # Errors
    ///
    /// Returns all diagnostics, if at least one is an error.
    pub fn render<R>(
        &self,
        namespace: &str,
        resolve: impl FnOnce(&mut Report<'_>) -> Option<(R, Manifests)>,
    ) -> Result<Rendered<R>, Vec<Diagnostic>> {
        let mut diagnostics = self.diagnostics.clone();
        let mut report = Report::new(&self.document, &mut diagnostics);
        let Some((resolved, manifests)) = resolve(&mut report) else {
            return Err(diagnostics.into_vec());
        };
        let manifests = manifests.finish(namespace, &mut report);
        if report.has_errors() {
            return Err(diagnostics.into_vec());
        }
        Ok(Rendered {
            resolved,
            manifests,
            warnings: diagnostics.into_vec(),
        })
    }
}

impl<T> fmt::Debug for ParsedValues<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParsedValues").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::{Code, Severity};

    static TOO_MANY: Code = Code {
        id: "too-many",
        severity: Severity::Error,
        summary: "there are too many",
    };
    static FEW: Code = Code {
        id: "few",
        severity: Severity::Warning,
        summary: "there are few",
    };

    #[derive(Clone, Deserialize)]
    #[serde(default)]
    struct Values {
        replicas: u32,
    }

    impl Default for Values {
        fn default() -> Self {
            Self { replicas: 3 }
        }
    }

    fn check(values: &Values, report: &mut Report<'_>) {
        match values.replicas {
            0..=3 => report.add(&FEW, "replicas", "there are few").help("write 4"),
            10.. => report.add(&TOO_MANY, "replicas", "there are too many").help("write 9"),
            _ => {}
        }
    }

    fn run(values: &str) -> Result<Rendering, Vec<Diagnostic>> {
        let request = Request {
            name: "a".to_owned(),
            namespace: "b".to_owned(),
            values: values.to_owned(),
            release: None,
            capabilities: None,
            installed: None,
        };
        render(&request, |values: Values, report| {
            check(&values, report);
            Manifests::new()
        })
    }

    fn codes(diagnostics: &[Diagnostic]) -> Vec<(&str, Option<Position>)> {
        let codes = diagnostics.iter();
        codes.map(|problem| (&*problem.code, problem.position)).collect()
    }

    const FIRST: Option<Position> = Some(Position { line: 1, column: 11 });

    #[test]
    fn nothing_is_all_defaults() {
        for empty in ["", "# nothing\n", "{}"] {
            assert_eq!(codes(&run(empty).unwrap().warnings), [("few", None)], "{empty}");
        }
        assert!(run("replicas: 5").unwrap().warnings.is_empty());
    }

    #[test]
    fn errors_of_types_and_of_rules_are_reported_at_once() {
        let problems = run("replicas: 10\nreplcas: 1\n").unwrap_err();
        let second = Some(Position { line: 2, column: 1 });
        assert_eq!(codes(&problems), [("too-many", FIRST), ("unknown-field", second)]);
    }

    #[test]
    fn nothing_is_reported_about_the_default_of_a_value_that_failed_to_parse() {
        assert_eq!(codes(&run("replicas: many\n").unwrap_err()), [("wrong-type", FIRST)]);
    }

    #[test]
    fn values_are_rendered_several_times() {
        let parsed = ParsedValues::<Values>::read("replicas: 10", &[]).unwrap();
        let render = |values: &Values| {
            parsed.render("b", |report| {
                check(values, report);
                Some(((), Manifests::new()))
            })
        };
        assert_eq!(codes(&render(parsed.values()).unwrap_err()), [("too-many", FIRST)]);
        let warnings = render(&Values { replicas: 1 }).unwrap().warnings;
        assert_eq!(codes(&warnings), [("few", FIRST)]);
    }
}
