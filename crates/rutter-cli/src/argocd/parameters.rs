//! The parameters of an Application (`spec.source.plugin.parameters`).
//!
//! Argo CD hands them over as JSON, and as variables `PARAM_*` whose names no longer tell which parameter they are of:
//! those are left alone.

use std::env;

use rutter::Diagnostic;
use rutter::suggest::remedy;
use rutter::yaml::{INVALID_VALUE, UNKNOWN_FIELD, WRONG_TYPE};
use serde_json::{Value, json};

use super::contents::Target;
use crate::failure::{Failure, Located};
use crate::json;

const VARIABLE: &str = "ARGOCD_APP_PARAMETERS";

/// All of them, sorted.
const KNOWN: [&str; 4] = ["name", "namespace", "set", "values"];

/// What an Application gives.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters {
    /// What bare values are rendered as.
    pub(super) name: Option<String>,
    /// Where what names no namespace goes.
    pub(super) namespace: Option<String>,
    /// Values over those of the directory, as YAML.
    pub(super) values: Option<String>,
    /// Expressions over these, as Helm's `--set` takes them.
    pub(super) set: Vec<String>,
}

/// An environment variable that says something.
pub(super) fn variable(name: &str) -> Option<String> {
    let value = env::var_os(name)?.to_string_lossy().into_owned();
    (!value.is_empty()).then_some(value)
}

/// Where a parameter stands in the Application, for people.
pub(super) fn path(name: &str) -> String {
    format!("plugin.parameters.{name}")
}

impl Parameters {
    /// Those that Argo CD hands over.
    pub(super) fn read() -> Result<Self, Failure> {
        match variable(VARIABLE) {
            Some(text) => Self::parse(&text).map_err(|problems| Failure::Refused(Located::all(0, problems))),
            None => Ok(Self::default()),
        }
    }

    fn parse(text: &str) -> Result<Self, Vec<Diagnostic>> {
        let list = match serde_json::from_str(text) {
            // What Go writes for a list that was never made.
            Ok(Value::Null) => return Ok(Self::default()),
            Ok(Value::Array(list)) => list,
            Ok(_) => return Err(vec![wrong(VARIABLE, "expected a JSON array of parameters")]),
            Err(error) => return Err(vec![wrong(VARIABLE, format!("this is not JSON: {error}"))]),
        };
        let mut parameters = Self::default();
        let mut seen = Vec::new();
        let mut problems = Vec::new();
        for item in &list {
            let name = item.get("name").and_then(Value::as_str).unwrap_or_default();
            if seen.contains(&name) {
                let message = "the parameter is given twice";
                problems.push(Diagnostic::new(&INVALID_VALUE, path(name), message).help("leave one of the two out"));
                continue;
            }
            seen.push(name);
            if let Err(problem) = parameters.take(name, item) {
                problems.push(problem);
            }
        }
        if problems.is_empty() {
            Ok(parameters)
        } else {
            Err(problems)
        }
    }

    fn take(&mut self, name: &str, item: &Value) -> Result<(), Diagnostic> {
        match name {
            "name" => self.name = text(name, item)?,
            "namespace" => self.namespace = text(name, item)?,
            "values" => self.values = text(name, item)?,
            "set" => self.set = set(item)?,
            _ => {
                let message = format!("there is no parameter {name:?}");
                return Err(Diagnostic::new(&UNKNOWN_FIELD, path(name), message).help(remedy(name, &KNOWN)));
            }
        }
        Ok(())
    }
}

fn wrong(path: &str, message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(&WRONG_TYPE, path, message)
}

/// A parameter that is a string. A field that was emptied in the user interface says nothing.
fn text(name: &str, item: &Value) -> Result<Option<String>, Diagnostic> {
    match item.get("string") {
        Some(Value::String(text)) => Ok((!text.trim().is_empty()).then(|| text.clone())),
        _ => Err(wrong(&path(name), "expected a string").help(format!("write {{name: {name}, string: ...}}"))),
    }
}

/// A map whose entries are what stands before and behind the `=` of `--set`. A comma would begin the next expression
/// there, and cannot be meant here but in a list: as Argo CD itself has it of Helm's parameters.
fn set(item: &Value) -> Result<Vec<String>, Diagnostic> {
    let wrong = || wrong(&path("set"), "expected a map of strings").help("write {name: set, map: {replicas: \"5\"}}");
    let map = item.get("map").and_then(Value::as_object).ok_or_else(wrong)?;
    map.iter()
        .map(|(key, value)| {
            let value = value.as_str().ok_or_else(wrong)?;
            let value = if is_list(value) {
                value.to_owned()
            } else {
                escape(value, &[','])
            };
            Ok(format!("{}={value}", escape(key, &[',', '='])))
        })
        .collect()
}

/// Whether a value is one list, whose first brace is closed by its last character: `{a},b={c}` is not.
fn is_list(value: &str) -> bool {
    let Some(inner) = value.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
        return false;
    };
    let mut is_escaped = false;
    let is_closed = inner.chars().any(|c| {
        let closes = c == '}' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        closes
    });
    !is_closed && !is_escaped
}

fn escape(text: &str, special: &[char]) -> String {
    let mut escaped = String::new();
    let mut is_escaped = false;
    for c in text.chars() {
        if special.contains(&c) && !is_escaped {
            escaped.push('\\');
        }
        is_escaped = c == '\\' && !is_escaped;
        escaped.push(c);
    }
    escaped
}

/// The parameters that are of use to what a directory holds, or all of them where that is not known, as Argo CD's user
/// interface takes them (argoproj/argo-cd v3.5, `reposerver/repository/repository.proto`, `ParameterAnnouncement`).
pub(super) fn announcement(targets: Option<&[Target]>, app_name: &Option<String>) -> String {
    let bare = targets.is_none_or(|targets| targets.iter().any(|taker| matches!(taker, Target::Values(_))));
    let one = targets.is_none_or(|targets| targets.len() == 1);
    let mut list = Vec::new();
    if bare {
        list.push(json!({
            "name": "name",
            "title": "Name",
            "tooltip": "What is rendered from values is called this, by default as the Application is",
            "string": app_name.as_deref().unwrap_or_default(),
        }));
    }
    list.push(json!({
        "name": "namespace",
        "title": "Namespace",
        "tooltip": "What names no namespace is put into this one, by default the Application's",
    }));
    if one {
        list.push(json!({
            "name": "values",
            "title": "Values",
            "tooltip": "YAML that is merged over the values of the directory",
        }));
        list.push(json!({
            "name": "set",
            "title": "Single values",
            "tooltip": "Values over all others, as in helm --set: replicas, storage.data.size",
            "collectionType": "map",
        }));
    }
    json::to_text(&Value::Array(list)) + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_as_argo_cd_writes_them() {
        let text = r#"[{"name":"name","string":"orders"},{"name":"namespace","string":" "},
            {"name":"values","string":"replicas: 5"},{"name":"set","map":{"a.b":"1,2","c":"{1,2}","d":"3\\,4"}}]"#;
        let expected = Parameters {
            name: Some("orders".to_owned()),
            namespace: None,
            values: Some("replicas: 5".to_owned()),
            set: [r"a.b=1\,2", "c={1,2}", r"d=3\,4"].map(str::to_owned).into(),
        };
        assert_eq!(Parameters::parse(text), Ok(expected));
        assert_eq!(Parameters::parse("null"), Ok(Parameters::default()));
        assert_eq!(Parameters::parse("[]"), Ok(Parameters::default()));
    }

    #[test]
    fn an_entry_sets_one_value_whatever_its_braces() {
        for (key, value, expected) in [
            ("a", "{1,2}", Some("a:\n- 1\n- 2\n")),
            ("a", "{1},b={2}", None),
            ("a", r"{1\},b={2}", None),
            ("a", r"{1,b=2\}", None),
            ("a", "{1}}", None),
            ("a", "1,b=2", Some("a: \"1,b=2\"\n")),
            ("a,b", "1", Some("\"a,b\": 1\n")),
            ("b=2,a", "1", Some("\"b=2,a\": 1\n")),
        ] {
            let item = json!({"map": {key: value}});
            let [text] = &*set(&item).expect("a map") else {
                panic!("{key}: {value}");
            };
            let mut values = helm_values::Values::default();
            let expression = helm_values::Expression {
                kind: helm_values::Kind::Typed,
                source: 0,
                text,
            };
            let applied = values.apply::<Diagnostic>(&expression, &mut |_| Ok(String::new()));
            let merged = values.finish().text;
            match expected {
                Some(expected) => {
                    applied.expect(text);
                    let read = |text: &str| {
                        rutter::yaml::parse(text, 0, 1)
                            .expect("YAML")
                            .map(|node| json::from_node(&node).expect("JSON"))
                    };
                    assert_eq!(read(&merged), read(expected), "{text}");
                }
                None => assert!(
                    applied.is_err() || !merged.contains("b:") && !merged.contains("\"b\":"),
                    "{text}: {merged}"
                ),
            }
        }
    }

    #[test]
    fn what_is_wrong_is_said_of_all() {
        for (text, paths) in [
            ("{", &["ARGOCD_APP_PARAMETERS"] as &[_]),
            ("{}", &["ARGOCD_APP_PARAMETERS"]),
            ("[3]", &["plugin.parameters."]),
            (
                r#"[{"name":"vals","string":"a"},{"name":"set","array":["a=1"]}]"#,
                &["plugin.parameters.vals", "plugin.parameters.set"],
            ),
            (
                r#"[{"name":"values","map":{}},{"name":"values","string":""}]"#,
                &["plugin.parameters.values", "plugin.parameters.values"],
            ),
            (r#"[{"name":"set","map":{"a":1}}]"#, &["plugin.parameters.set"]),
        ] {
            let problems = Parameters::parse(text).expect_err(text);
            assert_eq!(
                problems.iter().map(|problem| problem.path.as_str()).collect::<Vec<_>>(),
                paths,
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_announced_is_accepted() {
        let announced: Value = serde_json::from_str(&announcement(None, &None)).expect("JSON");
        let mut names: Vec<&str> = announced
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|item| item["name"].as_str())
            .collect();
        names.sort_unstable();
        assert_eq!(names, KNOWN);
    }
}
