//! A field as people think of it, found in the shapes that JSON Schema has for it.

use serde_json::{Map, Value};

use crate::suggest::list;

/// A field of a values document, or an element of one that holds several.
#[derive(Clone, Debug)]
pub(super) struct Field<'s> {
    schema: &'s Map<String, Value>,
    /// What it may be, `null` aside: absent and `null` mean the same. Choices within choices are flat here.
    choices: Vec<&'s Map<String, Value>>,
}

impl<'s> Field<'s> {
    /// The field that a schema describes. `true`, which describes nothing, is none.
    pub(super) fn new(schema: &'s Value) -> Option<Self> {
        let schema = schema.as_object()?;
        let mut choices = Vec::new();
        flatten(schema, &mut choices);
        Some(Self { schema, choices })
    }

    /// The type in the words of Kubernetes' references: `string`, `[]Object`, `map[string]boolean`.
    pub(super) fn type_name(&self) -> String {
        let mut names: Vec<String> = Vec::new();
        for choice in &self.choices {
            for name in type_names(choice) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        if names.is_empty() {
            "any".to_owned()
        } else {
            list(&names, "or")
        }
    }

    /// The numbers that it, or each of its elements, accepts, in words; none if that is all that the type has.
    pub(super) fn range(&self) -> Option<String> {
        if let Some(element) = self.element() {
            return element.range();
        }
        let limit = |key| self.choices.iter().find_map(|choice| choice.get(key));
        match (limit("minimum"), limit("maximum")) {
            (Some(least), Some(most)) => Some(format!("{least} to {most}")),
            (Some(least), None) => Some(format!("{least} or more")),
            (None, Some(most)) => Some(format!("at most {most}")),
            (None, None) => None,
        }
    }

    /// Its documentation.
    pub(super) fn description(&self) -> Option<&'s str> {
        self.schema.get("description")?.as_str()
    }

    /// The first sentence of its documentation.
    pub(super) fn summary(&self) -> Option<&'s str> {
        let description = self.description()?;
        let stops = description.match_indices('.').map(|(stop, _)| stop + 1);
        let mut ends = stops.filter(|end| description[*end..].starts_with(char::is_whitespace));
        Some(ends.next().map_or(description, |end| &description[..end]))
    }

    /// Its default, if it has one that is more than the sum of its fields' defaults.
    pub(super) fn default(&self) -> Option<&'s Value> {
        let default = self.schema.get("default")?;
        let is_sum = default.is_object() && self.choices.iter().any(|choice| choice.contains_key("properties"));
        (!default.is_null() && !is_sum).then_some(default)
    }

    /// What may be written.
    pub(super) fn example(&self) -> Option<&'s Value> {
        self.schema.get("examples")?.get(0)
    }

    /// The words that it, or each of its elements, accepts, and what each means.
    pub(super) fn words(&self) -> Vec<(&'s str, Option<&'s str>)> {
        if let Some(element) = self.element() {
            return element.words();
        }
        let mut words = Vec::new();
        for choice in &self.choices {
            let meaning = choice.get("description").and_then(Value::as_str);
            let word = choice.get("const").and_then(Value::as_str);
            words.extend(word.map(|word| (word, meaning)));
            let plain = choice.get("enum").and_then(Value::as_array).into_iter().flatten();
            words.extend(plain.filter_map(Value::as_str).map(|word| (word, None)));
        }
        words
    }

    /// The fields of the object that it is or that each of its elements is, in the schema's order.
    pub(super) fn fields(&self) -> Vec<(&'s str, Self)> {
        if let Some(element) = self.element() {
            return element.fields();
        }
        let properties = self
            .choices
            .iter()
            .filter_map(|choice| choice.get("properties")?.as_object());
        let mut fields: Vec<(&str, Self)> = Vec::new();
        for (name, schema) in properties.flatten() {
            if fields.iter().all(|(known, _)| known != name) {
                fields.extend(Self::new(schema).map(|field| (name.as_str(), field)));
            }
        }
        fields
    }

    /// Whether it, or each of its elements, has a field `name`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.fields().iter().any(|(known, _)| *known == name)
    }

    /// Whether it, or each of its elements, must have the field `name`.
    pub(super) fn requires(&self, name: &str) -> bool {
        if let Some(element) = self.element() {
            return element.requires(name);
        }
        let required = |choice: &&Map<String, Value>| {
            let names = choice.get("required").and_then(Value::as_array);
            names.is_some_and(|names| names.iter().any(|required| required == name))
        };
        !self.choices.is_empty() && self.choices.iter().all(required)
    }

    /// Whether it is a list.
    pub(super) fn is_list(&self) -> bool {
        self.choices.iter().any(|choice| choice.contains_key("items"))
    }

    /// What a list or a map holds several of.
    fn element(&self) -> Option<Self> {
        let items = || self.choices.iter().find_map(|choice| Self::new(choice.get("items")?));
        items().or_else(|| self.map_element())
    }

    /// What a map holds under each key.
    pub(super) fn map_element(&self) -> Option<Self> {
        let is_map = |choice: &&&Map<String, Value>| !choice.contains_key("properties");
        let mut maps = self.choices.iter().filter(is_map);
        maps.find_map(|choice| Self::new(choice.get("additionalProperties")?))
    }

    /// Whether it, or each of its elements, is an object whose fields the schema leaves open. That is how packages say
    /// that a type is Kubernetes' own.
    pub(super) fn is_open(&self) -> bool {
        match self.element() {
            Some(element) => element.is_open(),
            None => self.choices.iter().any(|choice| is_open(choice)),
        }
    }
}

fn flatten<'s>(schema: &'s Map<String, Value>, choices: &mut Vec<&'s Map<String, Value>>) {
    let alternatives = ["anyOf", "oneOf", "allOf"]
        .iter()
        .find_map(|key| schema.get(*key)?.as_array());
    match alternatives {
        Some(alternatives) => alternatives
            .iter()
            .filter_map(Value::as_object)
            .for_each(|schema| flatten(schema, choices)),
        None if schema.get("type").is_some_and(|name| name == "null") => {}
        None => choices.push(schema),
    }
}

fn type_names(choice: &Map<String, Value>) -> Vec<String> {
    let names = match choice.get("type") {
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(name)) => vec![name.as_str()],
        _ if choice.contains_key("const") || choice.contains_key("enum") => vec!["string"],
        _ => Vec::new(),
    };
    let element = |key: &str| match choice.get(key).and_then(Field::new).map(|field| field.type_name()) {
        Some(several) if several.contains(' ') => format!("({several})"),
        Some(name) => name,
        None => "any".to_owned(),
    };
    let name = |name: &str| match name {
        "array" => format!("[]{}", element("items")),
        "object" if choice.contains_key("properties") || is_open(choice) => "Object".to_owned(),
        "object" => format!("map[string]{}", element("additionalProperties")),
        _ => name.to_owned(),
    };
    names.into_iter().filter(|name| *name != "null").map(name).collect()
}

fn is_open(choice: &Map<String, Value>) -> bool {
    let is_object = match choice.get("type") {
        Some(Value::Array(names)) => names.iter().any(|name| name == "object"),
        name => name.is_some_and(|name| name == "object"),
    };
    let others = choice.get("additionalProperties");
    is_object && !choice.contains_key("properties") && others.is_none_or(|others| others == &Value::Bool(true))
}
