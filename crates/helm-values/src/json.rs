//! A parser of JSON for `--set-json`. It reads the value at the start of a text, and keeps the text of numbers.
//!
//! General parsers convert numbers to floats, or do not return the position at which they stop.

use rutter::Diagnostic;
use rutter::yaml::{Entry, Node, Scalar, Value};

use crate::MAX_DEPTH;
use crate::expression::{Cursor, check_name, scalar, set, syntax};

/// Reads the value at the start of the text, and leaves the rest.
pub(crate) fn read(cursor: &mut Cursor<'_>) -> Result<Node, Diagnostic> {
    value(cursor, 0)
}

fn value(cursor: &mut Cursor<'_>, depth: usize) -> Result<Node, Diagnostic> {
    cursor.skip_blanks();
    let place = cursor.place();
    if depth > MAX_DEPTH {
        return Err(syntax(place, format!("expected at most {MAX_DEPTH} levels of JSON")));
    }
    let value = match cursor.peek() {
        Some('{') => Value::Mapping(object(cursor, depth)?),
        Some('[') => Value::Sequence(array(cursor, depth)?),
        Some('"') => Value::Scalar(Scalar::quoted(string(cursor)?)),
        Some('-' | '0'..='9') => Value::Scalar(Scalar::plain(number(cursor)?)),
        _ => {
            let word = ["true", "false", "null"]
                .into_iter()
                .find(|word| cursor.rest().starts_with(word));
            let word = word.ok_or_else(|| syntax(place, "expected a JSON value: write strings in double quotes"))?;
            skip(cursor, word.len());
            return Ok(scalar(Scalar::plain(word), place));
        }
    };
    Ok(Node { value, place })
}

fn object(cursor: &mut Cursor<'_>, depth: usize) -> Result<Vec<Entry>, Diagnostic> {
    let mut entries = Vec::new();
    cursor.eat('{');
    cursor.skip_blanks();
    if cursor.eat('}') {
        return Ok(entries);
    }
    loop {
        cursor.skip_blanks();
        let place = cursor.place();
        if cursor.peek() != Some('"') {
            return Err(syntax(place, "expected a JSON string for a key"));
        }
        let key = string(cursor)?;
        check_name(&key, place)?;
        cursor.skip_blanks();
        if !cursor.eat(':') {
            return Err(syntax(cursor.place(), "expected `:` after a JSON key"));
        }
        // The last of several equal keys is used, as in Go.
        set(&mut entries, key, place, value(cursor, depth + 1)?);
        if !goes_on(cursor, '}')? {
            return Ok(entries);
        }
    }
}

fn array(cursor: &mut Cursor<'_>, depth: usize) -> Result<Vec<Node>, Diagnostic> {
    let mut items = Vec::new();
    cursor.eat('[');
    cursor.skip_blanks();
    if cursor.eat(']') {
        return Ok(items);
    }
    loop {
        items.push(value(cursor, depth + 1)?);
        if !goes_on(cursor, ']')? {
            return Ok(items);
        }
    }
}

fn goes_on(cursor: &mut Cursor<'_>, end: char) -> Result<bool, Diagnostic> {
    cursor.skip_blanks();
    if cursor.eat(',') {
        Ok(true)
    } else if cursor.eat(end) {
        Ok(false)
    } else {
        Err(syntax(cursor.place(), format!("expected `,` or `{end}` in JSON")))
    }
}

fn string(cursor: &mut Cursor<'_>) -> Result<String, Diagnostic> {
    let mut escaped = false;
    let end = cursor.rest().char_indices().skip(1).find(|(_, c)| {
        let ends = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    let place = cursor.place();
    let (end, _) = end.ok_or_else(|| syntax(place, "this JSON string does not end"))?;
    let quoted = &cursor.rest()[..=end];
    let text =
        serde_json::from_str(quoted).map_err(|_| syntax(place, "this JSON string has an invalid escape sequence"))?;
    skip(cursor, quoted.len());
    Ok(text)
}

fn number(cursor: &mut Cursor<'_>) -> Result<String, Diagnostic> {
    let rest = cursor.rest();
    let end = rest.find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E'));
    let number = &rest[..end.unwrap_or(rest.len())];
    if serde_json::from_str::<serde_json::Number>(number).is_err() {
        return Err(syntax(cursor.place(), format!("{number:?} is not a JSON number")));
    }
    skip(cursor, number.len());
    Ok(number.to_owned())
}

fn skip(cursor: &mut Cursor<'_>, bytes: usize) {
    let rest = cursor.rest().len() - bytes;
    while cursor.rest().len() > rest {
        cursor.next();
    }
}
