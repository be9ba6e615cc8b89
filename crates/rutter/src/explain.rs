//! The explanation of a value or of a code, as the command `explain` prints it.

use serde_json::Value;

use crate::printable::excerpt;
use crate::schema::{self, Depth};
use crate::suggest::{list, nearest};
use crate::yaml::UNKNOWN_FIELD;
use crate::{CODES, Code, Description, Diagnostic, DocumentedCode, Severity, krm, manifests, yaml};

impl From<&Code> for DocumentedCode {
    fn from(code: &Code) -> Self {
        Self {
            id: code.id.to_owned(),
            severity: code.severity,
            summary: code.summary.to_owned(),
            example: String::new(),
        }
    }
}

/// Everything that can be explained of a package.
#[derive(Clone, Debug)]
pub struct Documentation {
    schema: Value,
    description: Description,
    codes: Vec<DocumentedCode>,
}

impl Documentation {
    /// The documentation of a package with this schema, and with the codes of the SDK among its own.
    ///
    /// # Errors
    ///
    /// If the schema is not JSON.
    pub fn new(
        schema: &str,
        description: Description,
        mut codes: Vec<DocumentedCode>,
    ) -> Result<Self, serde_json::Error> {
        let sdk = yaml::CODES
            .iter()
            .chain(krm::CODES)
            .chain(manifests::CODES)
            .chain(CODES);
        for code in sdk {
            if codes.iter().all(|known| known.id != code.id) {
                codes.push(DocumentedCode::from(*code));
            }
        }
        Ok(Self {
            schema: serde_json::from_str(schema)?,
            description,
            codes,
        })
    }

    /// Explains `name`: a code, a field of the values, or both if it is both. An empty name is all values.
    ///
    /// A code has no dot. It may be written as diagnostics show it, `error[unknown-field]`.
    ///
    /// # Errors
    ///
    /// If `name` is neither, with the name that was probably meant.
    pub fn explain(&self, name: &str, depth: Depth) -> Result<String, Diagnostic> {
        let code = self.codes.iter().find(|code| code.id == id(name));
        match (code, schema::explain(&self.schema, &self.description, name, depth)) {
            (Some(code), Ok(field)) => Ok(format!("{field}\n{}", of_code(code))),
            (Some(code), Err(_)) => Ok(of_code(code)),
            (None, Ok(field)) => Ok(field),
            (None, Err(problem)) => Err(self.hint(name, problem)),
        }
    }

    /// The paths of all fields and all codes.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names = schema::paths(&self.schema);
        names.extend(self.codes.iter().map(|code| code.id.clone()));
        names
    }

    /// Suggests a code for a name that is no field either, unless it looks more like a field.
    fn hint(&self, name: &str, problem: Diagnostic) -> Diagnostic {
        let id = id(name);
        let is_field = problem
            .help
            .as_ref()
            .is_some_and(|help| help.starts_with("did you mean"));
        let looks_like_code = id != name || id.contains('-');
        if id.contains(['.', '[']) || is_field && !looks_like_code {
            return problem;
        }
        let ids: Vec<&str> = self.codes.iter().map(|code| code.id.as_str()).collect();
        let help = match nearest(id, &ids) {
            Some(nearest) => format!("did you mean the code `{nearest}`?"),
            None if looks_like_code => format!("codes are {}", list(&ids, "and")),
            None => return problem,
        };
        let message = format!("there is no field and no code `{id}`");
        Diagnostic::new(&UNKNOWN_FIELD, name, message).help(help)
    }
}

/// The code in a name such as `error[unknown-field]`, or all of it.
fn id(name: &str) -> &str {
    let inner = ["error[", "warning["]
        .iter()
        .find_map(|start| name.strip_prefix(start)?.strip_suffix(']'));
    inner.unwrap_or(name)
}

fn of_code(code: &DocumentedCode) -> String {
    let DocumentedCode {
        id,
        severity,
        summary,
        example,
    } = code;
    let effect = match severity {
        Severity::Error => "the input is refused, and nothing is written",
        Severity::Warning => "the input is accepted",
    };
    let mut chars = summary.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string());
    let sentence = format!("{}{}.", first.unwrap_or_default(), chars.as_str());
    let mut text = format!("CODE:     {}\nSEVERITY: {severity} ({effect})\n", excerpt(id));
    schema::section("DESCRIPTION", &[excerpt(&sentence).into_owned()], &mut text);
    // With a margin, so that nobody takes it for a diagnostic of this command.
    let example: Vec<String> = example.lines().map(|line| format!("| {line}")).collect();
    schema::section("EXAMPLE", &example, &mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documentation() -> Documentation {
        let schema = r#"{"properties": {"storage": {"type": "object", "properties": {"size": {"type": "string"}}},
            "both": {"type": "string"}}}"#;
        let package = Description {
            name: "x".to_owned(),
            version: "1".to_owned(),
            summary: "X".to_owned(),
            api_version: "x.dev/v1".to_owned(),
            kind: "Ex".to_owned(),
            app_versions: Vec::new(),
            ownership_label: "a.example/a".to_owned(),
        };
        let code = |id: &str, severity| DocumentedCode {
            id: id.to_owned(),
            severity,
            summary: "it is wrong".to_owned(),
            example: format!("{severity}[{id}]: a: b\n  help: c\n"),
        };
        let codes = vec![code("not-understood", Severity::Error), code("both", Severity::Warning)];
        Documentation::new(schema, package, codes).unwrap()
    }

    #[test]
    fn a_code_is_explained_with_its_example() {
        let text = "\
CODE:     not-understood
SEVERITY: error (the input is refused, and nothing is written)

DESCRIPTION:
    It is wrong.

EXAMPLE:
    | error[not-understood]: a: b
    |   help: c
";
        for name in ["not-understood", "error[not-understood]"] {
            assert_eq!(documentation().explain(name, Depth::Fields).unwrap(), text, "{name}");
        }
    }

    #[test]
    fn codes_of_the_sdk_are_explained_for_every_package() {
        let text = documentation().explain("unknown-field", Depth::Tree).unwrap();
        assert!(
            text.ends_with("\n\nDESCRIPTION:\n    No such field exists here.\n"),
            "{text}"
        );
    }

    #[test]
    fn a_name_that_is_both_is_explained_as_both() {
        let text = documentation().explain("both", Depth::Fields).unwrap();
        assert!(text.contains("FIELD: both <string>\n"), "{text}");
        assert!(text.contains("\n\nCODE:     both\nSEVERITY: warning"), "{text}");
        assert!(
            !documentation()
                .explain("storage", Depth::Fields)
                .unwrap()
                .contains("CODE:")
        );
    }

    #[test]
    fn what_is_neither_gets_a_hint() {
        for (name, help) in [
            ("notunderstood", "did you mean the code `not-understood`?"),
            ("not-undrestood", "did you mean the code `not-understood`?"),
            ("warning[not-undrestood]", "did you mean the code `not-understood`?"),
            ("stroage", "did you mean `storage`?"),
            ("storage.not-understood", "there are size"),
            ("xyzzy", "there are both and storage"),
            ("xy-zzy-xy-zzy-xyzzy", "codes are not-understood, both, yaml-syntax, "),
        ] {
            let problem = documentation().explain(name, Depth::Fields).unwrap_err();
            let told = problem.help.unwrap();
            assert!(told.starts_with(help), "{name}: {told}");
        }
    }

    #[test]
    fn names_are_fields_and_codes() {
        let names = documentation().names();
        assert_eq!(
            names[..5],
            ["both", "storage", "storage.size", "not-understood", "both"]
        );
        assert!(names.contains(&"unknown-field".to_owned()));
    }
}
