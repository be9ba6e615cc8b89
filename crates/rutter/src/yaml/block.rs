//! Types to YAML in block style.
//!
//! A manifest is mostly plain words under plain words, and they are most of what a render writes. So the layout is ours,
//! and what needs no second look is written as it is. Whatever might be taken for something else, or has several lines,
//! serde-saphyr spells: it knows what readers of YAML 1.1 and 1.2 make of a scalar. A test compares both.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Write as _};

use serde::Serialize;
use serde::ser::{
    self, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple, SerializeTupleStruct,
};

use super::scalar::MAX_KEY;

/// Writes a document that ends with a line feed.
pub(super) fn to_string<T: Serialize + ?Sized>(value: &T) -> Result<String, Error> {
    let mut text = String::new();
    value.serialize(Writer {
        text: &mut text,
        place: Place::Start,
        column: 0,
    })?;
    Ok(text)
}

/// Why a value has no form here.
#[derive(Debug)]
pub(super) struct Error(String);

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl ser::Error for Error {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// What stands in front of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Nothing.
    Start,
    /// A key and its colon.
    Key,
    /// A dash and a blank.
    Dash,
}

/// Writes one value and the line feed behind it.
struct Writer<'w> {
    text: &'w mut String,
    place: Place,
    /// Where the key or the dash starts that the value belongs to.
    column: usize,
}

/// Writes the entries of a collection.
struct Entries<'w> {
    text: &'w mut String,
    place: Place,
    /// Where keys or dashes start.
    column: usize,
    is_empty: bool,
}

impl<'w> Writer<'w> {
    fn word(mut self, word: impl Display) -> Result<(), Error> {
        self.space();
        writeln!(self.text, "{word}").map_err(|error| Error(error.to_string()))
    }

    fn space(&mut self) {
        if self.place == Place::Key {
            self.text.push(' ');
        }
    }

    fn spelt<T: Serialize>(mut self, value: &T) -> Result<(), Error> {
        let spelt = spell(value)?;
        self.space();
        let mut lines = spelt.lines();
        self.text.push_str(lines.next().unwrap_or_default());
        self.text.push('\n');
        // A block scalar, which stands two columns further in than what it belongs to.
        let column = if self.place == Place::Start { 0 } else { self.column };
        for line in lines {
            if !line.is_empty() {
                indent(self.text, column);
                self.text.push_str(line);
            }
            self.text.push('\n');
        }
        Ok(())
    }

    fn entries(self, column: usize) -> Entries<'w> {
        Entries {
            text: self.text,
            place: self.place,
            column,
            is_empty: true,
        }
    }

    fn map(self) -> Entries<'w> {
        let column = match self.place {
            Place::Start => 0,
            Place::Key | Place::Dash => self.column + 2,
        };
        self.entries(column)
    }

    /// A map of one entry, which is how a variant of an enum is written.
    fn variant(self, variant: &'static str) -> Result<Writer<'w>, Error> {
        let mut map = self.map();
        map.key(variant)?;
        let Entries { text, column, .. } = map;
        Ok(Writer {
            text,
            place: Place::Key,
            column,
        })
    }
}

impl Entries<'_> {
    /// Starts the line of the next entry.
    fn start(&mut self) {
        match (self.is_empty, self.place) {
            (true, Place::Start | Place::Dash) => {}
            (true, Place::Key) => {
                self.text.push('\n');
                indent(self.text, self.column);
            }
            (false, _) => indent(self.text, self.column),
        }
        self.is_empty = false;
    }

    fn key(&mut self, key: &str) -> Result<(), Error> {
        self.start();
        if is_plain_key(key) {
            self.text.push_str(key);
        } else {
            let entry = spell(&BTreeMap::from([(key, 0)]))?;
            match entry.strip_suffix(": 0\n") {
                // As it is spelt, for that is what a reader counts.
                Some(spelt) if spelt.chars().count() <= MAX_KEY => self.text.push_str(spelt),
                _ => return Err(Error("a key is longer than 1024 characters".to_owned())),
            }
        }
        self.text.push(':');
        Ok(())
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        value.serialize(Writer {
            text: self.text,
            place: Place::Key,
            column: self.column,
        })
    }

    fn item<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Error> {
        self.start();
        self.text.push_str("- ");
        item.serialize(Writer {
            text: self.text,
            place: Place::Dash,
            column: self.column,
        })
    }

    fn end(self, empty: &str) {
        if self.is_empty {
            if self.place == Place::Key {
                self.text.push(' ');
            }
            self.text.push_str(empty);
            self.text.push('\n');
        }
    }
}

fn indent(text: &mut String, columns: usize) {
    const BLANKS: &str = "                                ";
    let mut left = columns;
    while left > 0 {
        let some = left.min(BLANKS.len());
        text.push_str(&BLANKS[..some]);
        left -= some;
    }
}

/// How serde-saphyr writes this by itself.
fn spell<T: Serialize>(value: &T) -> Result<String, Error> {
    let options = serde_saphyr::ser_options! {
        folded_wrap_chars: usize::MAX,
    };
    let mut text = serde_saphyr::to_string_with_options(value, options).map_err(|error| Error(error.to_string()))?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

/// Whether a value is a string to every reader without being quoted. Others may be, too.
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let starts = match bytes {
        [first, ..] if first.is_ascii_alphabetic() || *first == b'/' => true,
        // A flag of a command line.
        [b'-', b'-', third, ..] => third.is_ascii_alphabetic(),
        _ => false,
    };
    // A colon ends a plain scalar where a blank or nothing follows, a blank one that a comment may follow; and one at the
    // end is cut off.
    let mut before = b'a';
    let fits = |byte: &u8| {
        let fits = match before {
            b':' => *byte != b' ',
            b' ' => byte.is_ascii_alphanumeric(),
            _ => true,
        };
        before = *byte;
        fits && (byte.is_ascii_graphic() || *byte == b' ')
    };
    starts && bytes.iter().all(fits) && !matches!(before, b':' | b' ') && !is_word_of_yaml(text)
}

/// The same of a key.
fn is_plain_key(text: &str) -> bool {
    text.len() <= MAX_KEY
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'/' | b'-'))
        && !is_word_of_yaml(text)
}

/// Whether some reader takes the word for a value of its own.
fn is_word_of_yaml(text: &str) -> bool {
    const WORDS: [&str; 11] = [
        "n", "y", "no", "on", "inf", "nan", "off", "yes", "null", "true", "false",
    ];
    let may_be = |first: u8| matches!(first | 0x20, b'n' | b'y' | b'o' | b'i' | b't' | b'f');
    text.len() <= 5
        && text.bytes().next().is_some_and(may_be)
        && WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

impl<'w> ser::Serializer for Writer<'w> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Entries<'w>;
    type SerializeTuple = Entries<'w>;
    type SerializeTupleStruct = Entries<'w>;
    type SerializeTupleVariant = ser::Impossible<(), Error>;
    type SerializeMap = Entries<'w>;
    type SerializeStruct = Entries<'w>;
    type SerializeStructVariant = Entries<'w>;

    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.word(value)
    }

    fn serialize_i8(self, value: i8) -> Result<(), Error> {
        self.word(value)
    }

    fn serialize_i16(self, value: i16) -> Result<(), Error> {
        self.word(value)
    }

    fn serialize_i32(self, value: i32) -> Result<(), Error> {
        self.word(value)
    }

    fn serialize_i64(self, value: i64) -> Result<(), Error> {
        self.word(value)
    }

    fn serialize_u8(self, value: u8) -> Result<(), Error> {
        self.word(value)
    }

    fn serialize_u16(self, value: u16) -> Result<(), Error> {
        self.word(value)
    }

    fn serialize_u32(self, value: u32) -> Result<(), Error> {
        self.word(value)
    }

    fn serialize_u64(self, value: u64) -> Result<(), Error> {
        self.word(value)
    }

    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        self.spelt(&value)
    }

    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        self.spelt(&value)
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(mut self, value: &str) -> Result<(), Error> {
        if !is_plain(value) {
            return self.spelt(&value);
        }
        self.space();
        self.text.push_str(value);
        self.text.push('\n');
        Ok(())
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Error> {
        Err(Error("bytes are no part of a manifest".to_owned()))
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.word("null")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.word("null")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.word("null")
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self.variant(variant)?)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Entries<'w>, Error> {
        // A list's dashes stand below its key, not further in.
        let column = match self.place {
            Place::Start => 0,
            Place::Key => self.column,
            Place::Dash => self.column + 2,
        };
        Ok(self.entries(column))
    }

    fn serialize_tuple(self, length: usize) -> Result<Entries<'w>, Error> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<Entries<'w>, Error> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<ser::Impossible<(), Error>, Error> {
        Err(Error(
            "a variant with several values is no part of a manifest".to_owned(),
        ))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Entries<'w>, Error> {
        Ok(self.map())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Entries<'w>, Error> {
        Ok(self.map())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Entries<'w>, Error> {
        Ok(self.variant(variant)?.map())
    }
}

macro_rules! list {
    ($($trait:ident $function:ident;)*) => {$(
        impl $trait for Entries<'_> {
            type Ok = ();
            type Error = Error;

            fn $function<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Error> {
                self.item(item)
            }

            fn end(self) -> Result<(), Error> {
                self.end("[]");
                Ok(())
            }
        }
    )*};
}

list! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
}

macro_rules! fields {
    ($($trait:ident)*) => {$(
        impl $trait for Entries<'_> {
            type Ok = ();
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
                self.key(key)?;
                self.value(value)
            }

            fn end(self) -> Result<(), Error> {
                self.end("{}");
                Ok(())
            }
        }
    )*};
}

fields! { SerializeStruct SerializeStructVariant }

/// A key as text, which all that can be a key has.
struct Text<'k, T: ?Sized>(&'k T);

impl<T: Serialize + ?Sized> Display for Text<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.serialize(f)
    }
}

impl SerializeMap for Entries<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        let mut text = String::new();
        write!(text, "{}", Text(key)).map_err(|_| Error("a key is no text".to_owned()))?;
        self.key(&text)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.value(value)
    }

    fn end(self) -> Result<(), Error> {
        self.end("{}");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn string() -> impl Strategy<Value = String> {
        prop_oneof![
            3 => "[a-z]{1,6}",
            1 => "[-/.:#a-zA-Z0-9 ]{0,6}",
            1 => "(--)?[a-z]{1,4}[ -~]{0,5}",
            1 => "( {0,3}[a-z:#-]{0,4}\n){1,3}[a-z ]{0,3}\n{0,2}",
            1 => any::<String>(),
            1 => prop::sample::select(vec!["y", "No", "null", "NaN", "1e3", "0x1", "12:30", "~", "<<", "-", "---", "on", "2020-01-01"])
                .prop_map(str::to_owned),
        ]
    }

    fn tree() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            string().prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(string(), inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn it_is_what_serde_saphyr_writes(value in tree()) {
            prop_assert_eq!(to_string(&value).unwrap(), spell(&value).unwrap());
        }
    }

    #[test]
    fn variants_are_maps_of_one_entry() {
        #[derive(Serialize)]
        enum Shape {
            Unit,
            New(u8),
            Struct { a: u8, b: Vec<u8> },
        }
        let all = || [Shape::Unit, Shape::New(1), Shape::Struct { a: 1, b: vec![2] }];
        for value in all() {
            assert_eq!(to_string(&value).unwrap(), spell(&value).unwrap());
        }
        let map = BTreeMap::from([("a", all())]);
        assert_eq!(
            to_string(&map).unwrap(),
            "a:\n- Unit\n- New: 1\n- Struct:\n    a: 1\n    b:\n    - 2\n"
        );
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let long = "a".repeat(MAX_KEY + 1);
        assert!(to_string(&json!({&*long: 1})).is_err());
        assert!(to_string(&json!({&long[1..]: 1})).is_ok());
        assert!(to_string(&BTreeMap::from([([1], 1)])).is_err());
    }
}
