//! What one field means, as `kubectl explain` tells it of Kubernetes' own.

use serde_json::Value;

use super::field::Field;
use super::wrap;
use crate::suggest::{list, nearest};
use crate::yaml::{self, UNKNOWN_FIELD};
use crate::{Description, Diagnostic};

/// How much is told of the fields below the one that is explained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// Those directly below it, with what they are for.
    #[default]
    Fields,
    /// All of them, with their types.
    Tree,
}

/// How wide the text is.
const WIDTH: usize = 80;

const INDENT: &str = "    ";

/// Explains the field at `path` of the values that `schema` describes; an empty path is all of them.
///
/// `path` is spelt as diagnostics spell it or as `kubectl explain` takes it: with or without `spec.` in front, and with
/// or without indices, because the elements of a list have the same fields. Fields are told of in alphabetical order.
///
/// # Errors
///
/// The first step of `path` that is no field.
pub(crate) fn explain(schema: &Value, package: &Description, path: &str, depth: Depth) -> Result<String, Diagnostic> {
    let Found { path, field, required } = find(schema, package, path)?;
    let (group, version) = package
        .api_version
        .split_once('/')
        .unwrap_or(("", &package.api_version));
    let mut text = String::new();
    if !group.is_empty() {
        text.push_str(&format!("GROUP:   {group}\n"));
    }
    text.push_str(&format!("KIND:    {}\nVERSION: {version}\n\n", package.kind));
    let path = if path.is_empty() { "spec" } else { &path };
    text.push_str(&format!("FIELD: {}\n", line(path, &field, required)));
    let meaning = field.description().unwrap_or("It is not documented.");
    section("DESCRIPTION", &wrap(meaning, WIDTH - INDENT.len()), &mut text);
    section("ENUM", &words(&field), &mut text);
    section("RANGE", &field.range().into_iter().collect::<Vec<_>>(), &mut text);
    section("DEFAULT", &yaml(field.default()), &mut text);
    section("EXAMPLE", &yaml(field.example()), &mut text);
    let mut fields = Vec::new();
    if field.is_open() {
        fields.push("Those of Kubernetes' own type: `kubectl explain` tells of them.".to_owned());
    }
    match depth {
        Depth::Fields => overview(&field, &mut fields),
        Depth::Tree => tree(&field, 0, &mut fields),
    }
    section("FIELDS", &fields, &mut text);
    Ok(text)
}

/// The paths of all fields of the values, as [`explain`] takes them, in alphabetical order.
pub(crate) fn paths(schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(root) = Field::new(schema) {
        paths_below("", &root, &mut found);
    }
    found
}

fn paths_below(path: &str, field: &Field<'_>, found: &mut Vec<String>) {
    for (name, field) in sorted(field) {
        let path = yaml::join(path, name);
        found.push(path.clone());
        paths_below(&path, &field, found);
    }
}

struct Found<'s> {
    /// From the top of the values, without indices and keys of maps.
    path: String,
    field: Field<'s>,
    required: bool,
}

fn find<'s>(schema: &'s Value, package: &Description, path: &str) -> Result<Found<'s>, Diagnostic> {
    let unknown = |message: String| Diagnostic::new(&UNKNOWN_FIELD, path, message);
    let Some(root) = Field::new(schema) else {
        return Err(unknown("the package has no values".to_owned()));
    };
    let mut steps = path
        .split('.')
        .map(|step| step.split('[').next().unwrap_or_default())
        .peekable();
    // `kubectl explain` starts with the kind.
    steps.next_if(|step| step.is_empty() && path.is_empty());
    steps.next_if(|step| step.eq_ignore_ascii_case(&package.kind));
    steps.next_if(|step| *step == "spec" && !root.has("spec"));
    let mut found = Found {
        path: String::new(),
        field: root.clone(),
        required: false,
    };
    for step in steps {
        let fields = found.field.fields();
        if let Some((name, field)) = fields.iter().find(|(name, _)| *name == step) {
            found = Found {
                path: yaml::join(&found.path, name),
                field: field.clone(),
                required: found.field.requires(name),
            };
        } else if let Some(element) = found.field.map_element() {
            // A key of the user's own, which may have any number of dots if nothing can follow it.
            if element.fields().is_empty() {
                break;
            }
            found.field = element;
        } else {
            let place = if found.path.is_empty() {
                "the values"
            } else {
                &found.path
            };
            if found.field.is_open() {
                let message = format!("the fields of {place} are Kubernetes' own");
                return Err(unknown(message).help("`kubectl explain` tells of them"));
            }
            let message = format!("there is no field `{step}` in {place}");
            return Err(unknown(message).help(remedy(step, &found, &root)));
        }
    }
    Ok(found)
}

/// What to ask for instead of the field `step` of `parent`: the one that was probably meant, or those of that name
/// that stand elsewhere, or all that there are.
fn remedy(step: &str, parent: &Found<'_>, root: &Field<'_>) -> String {
    let siblings: Vec<&str> = sorted(&parent.field).into_iter().map(|(name, _)| name).collect();
    if let Some(nearest) = nearest(step, &siblings) {
        return format!("did you mean `{}`?", yaml::join(&parent.path, nearest));
    }
    let mut elsewhere = Vec::new();
    namesakes(step, "", root, &mut elsewhere);
    let elsewhere: Vec<&str> = elsewhere.iter().map(String::as_str).collect();
    match (&*elsewhere, &*siblings) {
        ([], []) => "it has none".to_owned(),
        ([], siblings) => format!("there are {}", list(siblings, "and")),
        (elsewhere, _) => format!("did you mean {}?", list(elsewhere, "or")),
    }
}

fn namesakes(step: &str, path: &str, field: &Field<'_>, found: &mut Vec<String>) {
    for (name, field) in sorted(field) {
        let path = yaml::join(path, name);
        namesakes(step, &path, &field, found);
        if name == step {
            found.push(format!("`{path}`"));
        }
    }
}

/// Adds a section with a title to an explanation, unless it has no lines.
pub(crate) fn section(title: &str, lines: &[String], text: &mut String) {
    if lines.is_empty() {
        return;
    }
    text.push_str(&format!("\n{title}:\n"));
    for line in lines {
        text.push_str(format!("{INDENT}{line}").trim_end());
        text.push('\n');
    }
}

fn line(name: &str, field: &Field<'_>, required: bool) -> String {
    let required = if required { " -required-" } else { "" };
    format!("{name} <{}>{required}", field.type_name())
}

/// Each word that is accepted, with its meaning.
fn words(field: &Field<'_>) -> Vec<String> {
    let words = field.words();
    let width = words
        .iter()
        .map(|(word, _)| word.chars().count())
        .max()
        .unwrap_or_default()
        + 2;
    let mut lines = Vec::new();
    for (word, meaning) in words {
        let meaning = wrap(
            meaning.unwrap_or_default(),
            (WIDTH - INDENT.len()).saturating_sub(width),
        );
        for (index, meaning) in meaning.iter().enumerate() {
            lines.push(format!("{:width$}{meaning}", if index == 0 { word } else { "" }));
        }
    }
    lines
}

/// A value as it would be written, its keys in alphabetical order.
fn yaml(value: Option<&Value>) -> Vec<String> {
    let Some(mut value) = value.cloned() else {
        return Vec::new();
    };
    value.sort_all_objects();
    // A tree of JSON values has a YAML form.
    let text = yaml::to_string(&value).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// The fields below `field` in alphabetical order: a map of `serde_json` has another one from program to program.
fn sorted<'s>(field: &Field<'s>) -> Vec<(&'s str, Field<'s>)> {
    let mut fields = field.fields();
    fields.sort_by_key(|(name, _)| *name);
    fields
}

/// The fields of `field`, each with what it is for.
fn overview(field: &Field<'_>, lines: &mut Vec<String>) {
    for (name, below) in sorted(field) {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.push(line(name, &below, field.requires(name)));
        let words: Vec<&str> = below.words().into_iter().map(|(word, _)| word).collect();
        if !words.is_empty() {
            lines.push(format!("enum: {}", words.join(", ")));
        }
        if let Some(summary) = below.summary() {
            let summary = wrap(summary, WIDTH - 2 * INDENT.len());
            lines.extend(summary.into_iter().map(|line| format!("{INDENT}{line}")));
        }
    }
}

/// The fields of `field` and of those, with their types.
fn tree(field: &Field<'_>, level: usize, lines: &mut Vec<String>) {
    for (name, below) in sorted(field) {
        lines.push(format!(
            "{}{}",
            "  ".repeat(level),
            line(name, &below, field.requires(name))
        ));
        tree(&below, level + 1, lines);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(path: &str, depth: Depth) -> Result<String, Diagnostic> {
        let schema = json!({
            "description": "All.",
            "type": "object",
            "properties": {
                "zone": {
                    "description": "Where.\nOr there.",
                    "anyOf": [{"oneOf": [{"const": "A", "description": "Here."}, {"enum": ["Bc"]}]}, {"type": "null"}],
                    "examples": ["A"],
                },
                "users": {
                    "description": "Who.",
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {
                            "name": {"type": "string", "description": "What to call them. Unique."},
                            "ports": {"type": ["array", "null"], "items": {"type": ["integer", "string"], "maximum": 9}},
                        },
                    },
                },
                "labels": {
                    "type": "object",
                    "additionalProperties": {"type": "string"},
                    "default": {"b": "1", "a": "2"},
                },
                "sites": {
                    "type": "object",
                    "additionalProperties": {"type": "object", "properties": {"size": {"type": "number", "minimum": 1}}},
                },
                "affinity": {"type": ["object", "null"], "additionalProperties": true},
                "free": true,
            },
        });
        let package = Description {
            name: "x".to_owned(),
            version: "1".to_owned(),
            summary: "X".to_owned(),
            api_version: "x.dev/v1".to_owned(),
            kind: "Ex".to_owned(),
            app_versions: Vec::new(),
            ownership_label: "a.example/a".to_owned(),
        };
        explain(&schema, &package, path, depth)
    }

    fn body(path: &str) -> String {
        let text = told(path, Depth::Fields).unwrap();
        let (head, body) = text.split_once("\n\n").unwrap();
        assert_eq!(head, "GROUP:   x.dev\nKIND:    Ex\nVERSION: v1");
        body.to_owned()
    }

    #[test]
    fn a_choice_is_told_with_its_words() {
        let expected = "\
FIELD: zone <string>

DESCRIPTION:
    Where. Or there.

ENUM:
    A   Here.
    Bc

EXAMPLE:
    A
";
        assert_eq!(body("zone"), expected);
    }

    #[test]
    fn an_object_is_told_with_its_fields() {
        let expected = "\
FIELD: users <[]Object>

DESCRIPTION:
    Who.

FIELDS:
    name <string> -required-
        What to call them.

    ports <[](integer or string)>
";
        assert_eq!(body("users"), expected);
        assert!(body("users.name").starts_with("FIELD: users.name <string> -required-\n"));
        assert!(body("affinity").contains("FIELDS:\n    Those of Kubernetes' own type"));
        let labels = body("labels");
        assert!(labels.starts_with("FIELD: labels <map[string]string>\n"), "{labels}");
        assert!(labels.ends_with("DEFAULT:\n    a: \"2\"\n    b: \"1\"\n"), "{labels}");
        assert!(body("users.ports").ends_with("RANGE:\n    at most 9\n"));
    }

    #[test]
    fn all_is_a_tree() {
        let text = told("", Depth::Tree).unwrap();
        let (_, fields) = text.split_once("FIELDS:\n    ").unwrap();
        let expected = "\
affinity <Object>
    labels <map[string]string>
    sites <map[string]Object>
      size <number>
    users <[]Object>
      name <string> -required-
      ports <[](integer or string)>
    zone <string>
";
        assert_eq!(fields, expected);
    }

    #[test]
    fn paths_are_those_of_kubectl_and_of_diagnostics() {
        for (path, same) in [
            ("spec", ""),
            ("ex", ""),
            ("Ex.spec", ""),
            ("ex.spec.zone", "zone"),
            ("spec.zone", "zone"),
            ("users[2].ports[0]", "users.ports"),
            ("labels.a", "labels"),
            ("labels[\"a.b/c\"]", "labels"),
            ("sites.here.size", "sites.size"),
        ] {
            assert_eq!(body(path), body(same), "{path}");
        }
    }

    #[test]
    fn what_is_no_field_has_a_remedy() {
        for (path, expected) in [
            ("zon", "did you mean `zone`?"),
            ("users.nmae", "did you mean `users.name`?"),
            ("ports", "did you mean `users.ports`?"),
            ("zone.x", "it has none"),
            ("sites.here.x", "there are size"),
            ("affinity.x", "`kubectl explain` tells of them"),
            ("users.", "there are name and ports"),
            ("spec.spec", "there are affinity, labels, sites, users and zone"),
        ] {
            let problem = told(path, Depth::Fields).unwrap_err();
            assert_eq!(problem.path, path);
            assert_eq!(problem.help.as_deref(), Some(expected), "{path}");
        }
    }
}
