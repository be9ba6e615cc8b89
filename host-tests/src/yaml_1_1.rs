//! A reader of YAML 1.1, like those of the tools around Kubernetes. Plain scalars have the types of
//! <https://yaml.org/type/>, which a port of libyaml leaves to its caller.

use anyhow::{Context, Result, bail, ensure};
use libyaml_safer::{EventData, Parser, ScalarStyle};
use serde_json::{Map, Number, Value};

/// Reads one document, whose scalars must have the same type for all readers.
///
/// # Errors
///
/// If it is not one document, uses a feature that our output never uses, or has a plain scalar whose type in YAML 1.1
/// differs from JSON.
pub fn read(document: &str) -> Result<Value> {
    let mut bytes = document.as_bytes();
    let mut parser = Parser::new();
    parser.set_input_string(&mut bytes);
    let mut events = parser.map(|event| anyhow::Ok(event?.data)).filter(|event| {
        // The events around the document have no content.
        !matches!(
            event,
            Ok(EventData::StreamStart { .. } | EventData::DocumentStart { .. } | EventData::DocumentEnd { .. })
        )
    });
    let value = value(next(&mut events)?, &mut events)?;
    ensure!(next(&mut events)? == EventData::StreamEnd, "a second document");
    Ok(value)
}

fn next(events: &mut dyn Iterator<Item = Result<EventData>>) -> Result<EventData> {
    events.next().context("the end is missing")?
}

fn value(event: EventData, events: &mut dyn Iterator<Item = Result<EventData>>) -> Result<Value> {
    match event {
        EventData::Scalar {
            tag: None,
            value: text,
            style,
            ..
        } => scalar(text, style),
        EventData::SequenceStart { tag: None, .. } => {
            let mut items = Vec::new();
            loop {
                match next(events)? {
                    EventData::SequenceEnd => return Ok(Value::Array(items)),
                    item => items.push(value(item, events)?),
                }
            }
        }
        EventData::MappingStart { tag: None, .. } => {
            let mut entries = Map::new();
            loop {
                let key = match next(events)? {
                    EventData::MappingEnd => return Ok(Value::Object(entries)),
                    key => value(key, events)?,
                };
                let Value::String(key) = key else {
                    bail!("the key {key} is not a string")
                };
                let event = next(events)?;
                let value = value(event, events)?;
                ensure!(entries.insert(key.clone(), value).is_none(), "duplicate key {key:?}");
            }
        }
        other => bail!("{other:?}"),
    }
}

fn scalar(text: String, style: ScalarStyle) -> Result<Value> {
    if style != ScalarStyle::Plain {
        return Ok(Value::String(text));
    }
    Ok(match &*text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        // `bool`, `merge` and `value`.
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "n" | "N" | "no" | "No" | "NO" | "off" | "Off"
        | "OFF" | "<<" | "=" => bail!("{text:?} is not a string in YAML 1.1"),
        _ => match text.parse::<Number>() {
            Ok(number) => Value::Number(number),
            Err(_) if is_number(&text) || is_timestamp(&text) => bail!("{text:?} is not a string in YAML 1.1"),
            Err(_) => Value::String(text),
        },
    })
}

/// Whether `int` or `float` accepts the text: with signs, underscores, bases and sexagesimal parts. This accepts
/// slightly more texts than YAML 1.1.
fn is_number(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let lower = text.to_ascii_lowercase();
    if matches!(&*lower, ".inf" | ".nan") {
        return true;
    }
    for (prefix, radix) in [("0x", 16), ("0b", 2), ("0o", 8)] {
        if let Some(digits) = lower.strip_prefix(prefix) {
            return digits.chars().all(|c| c.is_digit(radix) || c == '_');
        }
    }
    if lower.contains(':') {
        let mut parts = lower.split(':');
        let is_digits =
            |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit() || matches!(c, '_' | '.'));
        return parts.next().is_some_and(is_digits)
            && parts.all(|part| is_digits(part) && part.find('.').unwrap_or(part.len()) <= 2);
    }
    let (mantissa, exponent) = lower.split_once('e').unwrap_or((&lower, "0"));
    let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    let is_mantissa = mantissa.contains(|c: char| c.is_ascii_digit())
        && mantissa.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && mantissa.chars().all(|c| c.is_ascii_digit() || matches!(c, '_' | '.'))
        && mantissa.matches('.').count() <= 1;
    is_mantissa && !exponent.is_empty() && exponent.chars().all(|c| c.is_ascii_digit())
}

/// Whether `timestamp` accepts the text, by its date.
fn is_timestamp(text: &str) -> bool {
    let date = text.split(['T', 't', ' ', '\t']).next().unwrap_or_default();
    let parts: Vec<&str> = date.split('-').collect();
    let digits = |part: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&part.len()) && part.chars().all(|c| c.is_ascii_digit())
    };
    matches!(*parts, [year, month, day] if digits(year, 4..=4) && digits(month, 1..=2) && digits(day, 1..=2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ambiguous_scalars_are_refused() {
        for text in [
            "on",
            "No",
            "y",
            "0777",
            "0o17",
            "0x1F",
            "1_000",
            "1:30",
            "190:20:30.15",
            ".inf",
            "-.NaN",
            "+1",
            "1.",
            "<<",
            "=",
            "2026-01-31",
            "2026-1-1 10:00:00",
            "a: {b: [on]}",
            "on: 1",
            "a: 1\na: 2",
            "!!str 1",
            "a\n---\nb",
        ] {
            assert!(read(text).is_err(), "{text:?}");
        }
        for (text, value) in [
            ("\"on\"", Value::from("on")),
            ("'1_0'", Value::from("1_0")),
            ("3.10", serde_json::json!(3.10)),
            ("1e3", serde_json::json!(1e3)),
            ("-7", Value::from(-7)),
            ("10.0.0.1", Value::from("10.0.0.1")),
            ("10:20::1", Value::from("10:20::1")),
            ("8Gi", Value::from("8Gi")),
            ("e3", Value::from("e3")),
            ("a: |\n  on\n", serde_json::json!({"a": "on\n"})),
        ] {
            assert_eq!(read(text).expect(text), value);
        }
    }
}
