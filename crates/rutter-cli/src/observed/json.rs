//! JSON objects, one after the other, of which lists are read item by item.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufReader, Read};

use rutter::Diagnostic;
use rutter::Position;
use rutter::yaml::{self, WRONG_TYPE, YAML_SYNTAX};
use serde::de::{DeserializeSeed, Deserializer as _, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Deserializer, Map, Value};

use super::lines::{check_list, missing, too_large};
use super::{Kept, METADATA, Problem, WHOLE, observed};

/// Reads all objects.
pub(super) fn read(reader: impl Read, kept: &mut Kept<'_>) -> Result<(), Problem> {
    let left = Cell::new(WHOLE);
    let mut problem = None;
    let reader = BufReader::new(Metered { reader, left: &left });
    let mut deserializer = Deserializer::from_reader(reader);
    for number in 0_u64.. {
        left.set(WHOLE);
        // Blanks between objects, and the end.
        match deserializer.end() {
            Ok(()) if kept.is_answer && number == 0 => return Err(foreign("the answer is empty".to_owned())),
            Ok(()) => return Ok(()),
            Err(error) if error.is_io() => return Err(unreadable(&left, error)),
            Err(_) if kept.is_answer && number > 0 => {
                return Err(foreign("the answer has more than one object".to_owned()));
            }
            Err(_) => {}
        }
        let mut document = Document {
            kept: &mut *kept,
            left: &left,
            problem: &mut problem,
        };
        let read = (&mut deserializer).deserialize_any(&mut document);
        if let Some(problem) = problem.take() {
            return Err(problem);
        }
        read.map_err(|error| unreadable(&left, error))?;
    }
    Ok(())
}

/// An answer that is not about what was asked for.
fn foreign(message: String) -> Problem {
    Diagnostic::new(&WRONG_TYPE, "", message).into()
}

fn unreadable(left: &Cell<usize>, error: serde_json::Error) -> Problem {
    if error.is_io() {
        return if left.get() == 0 {
            too_large(None)
        } else {
            Problem::Unreadable(error.into())
        };
    }
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let position = Position {
        line: number(error.line()),
        column: number(error.column().max(1)),
    };
    Diagnostic::new(&YAML_SYNTAX, "", error.to_string())
        .at(Some(position))
        .into()
}

/// Reads no more than is left for an object.
struct Metered<'a, R> {
    reader: R,
    left: &'a Cell<usize>,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.left.get());
        if most == 0 && !buffer.is_empty() {
            return Err(io::Error::other("an object is too large"));
        }
        let count = self.reader.read(&mut buffer[..most])?;
        self.left.set(self.left.get() - count);
        Ok(count)
    }
}

/// Reads one object, or a list.
struct Document<'a, 'k> {
    kept: &'a mut Kept<'k>,
    left: &'a Cell<usize>,
    /// Why it stopped, if not for a mistake of JSON.
    problem: &'a mut Option<Problem>,
}

impl Document<'_, '_> {
    fn add(&mut self, value: Value) -> Result<(), Problem> {
        let Value::Object(mut object) = value else {
            return Err(Diagnostic::new(&WRONG_TYPE, "", "expected a Kubernetes object").into());
        };
        let text = |object: &Map<String, Value>, key: &str| -> Result<String, Problem> {
            let text = object.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
            Ok(text.ok_or_else(|| missing(key))?.to_owned())
        };
        let (api_version, kind) = (text(&object, "apiVersion")?, text(&object, "kind")?);
        if kind.ends_with("List")
            && let Some(Value::Array(items)) = object.get_mut("items")
        {
            return std::mem::take(items).into_iter().try_for_each(|item| self.add(item));
        }
        if !self.kept.kinds.is_empty() {
            match observed(&api_version, &kind, self.kept.kinds) {
                None if self.kept.is_answer => {
                    return Err(foreign(format!("an object is of the kind {kind} of {api_version}")));
                }
                None => return Ok(()),
                Some(kind) if kind.keys_only && self.kept.has_rendered(&object) => {
                    let node = yaml::parse(&Value::Object(object).to_string(), 0, 1)?;
                    return node.map_or(Ok(()), |node| self.kept.add(node));
                }
                Some(kind) if kind.keys_only => keep_keys(&mut object),
                Some(_) => {}
            }
        }
        self.kept.add_text(&Value::Object(object).to_string())
    }
}

impl<'de> Visitor<'de> for &mut Document<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Kubernetes object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut rest = Map::new();
        let mut has_items = false;
        while let Some(key) = map.next_key::<String>()? {
            if key == "items" && has_items {
                return Err(A::Error::custom("the list has items twice"));
            }
            if key == "items" {
                has_items = map.next_value_seed(Items(self))?;
                if !has_items {
                    rest.insert(key, Value::Null);
                }
            } else {
                let value: Value = map.next_value()?;
                rest.insert(key, value);
            }
        }
        let result = if has_items {
            check_list(rest.get("kind").and_then(Value::as_str), 1)
        } else {
            self.add(Value::Object(rest))
        };
        result.map_err(|problem| {
            *self.problem = Some(problem);
            A::Error::custom("refused")
        })
    }
}

/// Reads the items of a list; gives whether there is a list.
struct Items<'a, 'b, 'k>(&'a mut Document<'b, 'k>);

impl<'de> DeserializeSeed<'de> for Items<'_, '_, '_> {
    type Value = bool;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Items<'_, '_, '_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of Kubernetes objects")
    }

    // What Go writes of a slice that is nil.
    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<bool, A::Error> {
        self.0.left.set(WHOLE);
        while let Some(item) = items.next_element::<Value>()? {
            if let Err(problem) = self.0.add(item) {
                *self.0.problem = Some(problem);
                return Err(A::Error::custom("refused"));
            }
            self.0.left.set(WHOLE);
        }
        Ok(true)
    }
}

/// Replaces all values of an object by null.
fn keep_keys(object: &mut Map<String, Value>) {
    for (key, value) in object {
        match (key.as_str(), value) {
            ("apiVersion" | "kind" | "type", Value::String(_)) | ("immutable", Value::Bool(_)) => {}
            ("metadata", Value::Object(metadata)) => metadata.retain(|key, _| METADATA.contains(&key.as_str())),
            (_, Value::Object(values)) => values.values_mut().for_each(|value| *value = Value::Null),
            (_, value) => *value = Value::Null,
        }
    }
}
