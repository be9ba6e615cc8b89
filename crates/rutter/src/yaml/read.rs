//! Tree to types, with every problem reported.
//!
//! A serde deserializer ends at its first error. So [`read`] runs in rounds: it notes the error, takes the node that
//! caused it out of sight, and reads again, until nothing is left to complain about. Unknown fields need no round: the
//! `Deserialize` of a struct announces its fields, so this reader compares them with what is there. That holds for
//! types that are not ours too: a misspelt key deep in a Kubernetes type is found without a line of code for it.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, EnumAccess, Expected, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};

use super::node::{Entry, Node, Value, push_key};
use super::scalar::{Resolved, Scalar, excerpt};
use super::{AMBIGUOUS_SCALAR, INVALID_VALUE, MISSING_FIELD, UNKNOWN_FIELD, UNKNOWN_VARIANT, WRONG_TYPE};
use crate::diagnostic::readable;
use crate::quantity::Quantity;
use crate::suggest::{list, nearest};
use crate::{Code, Diagnostic, Diagnostics, Position, Severity};

/// Most problems of wrong values, and most unknown fields, that one document is told; each of the former costs a round.
const MAX_ROUNDS: usize = 100;

/// Reads a `T` from `node` and adds every problem to `diagnostics`, in document order.
///
/// A value that is refused is read as if it were not there, so that what stands beside it can still be checked; the
/// result is good for rendering only if no error was added. `null` for a field of a struct means that the field is not
/// there, as it does to Kubernetes and to Helm.
pub fn read<T: DeserializeOwned + Default>(node: &Node, diagnostics: &mut Diagnostics) -> T {
    let session = Session::default();
    let root = Path {
        parent: None,
        step: Step::Root,
    };
    let mut found = Vec::new();
    let value = loop {
        let reader = Reader {
            node,
            path: &root,
            session: &session,
        };
        let Problem {
            refusal,
            missing,
            place,
        } = match T::deserialize(reader) {
            Ok(value) => break value,
            Err(Error(problem)) => *problem,
        };
        let (path, cause, position) = place.unwrap_or((String::new(), node, node.place.position));
        // What was refused in an earlier round is missing in this one.
        if !missing.is_some_and(|field| session.refused(cause, field)) {
            found.push(Diagnostic {
                severity: Severity::Error,
                code: refusal.code,
                path: readable(path),
                position: Some(position),
                message: refusal.message,
                help: refusal.help,
            });
        }
        let newly_hidden = session.hidden.borrow_mut().insert(std::ptr::from_ref(cause));
        if !newly_hidden || std::ptr::eq(cause, node) || found.len() >= MAX_ROUNDS {
            break T::default();
        }
    };
    found.extend(session.unknown.into_inner().into_values());
    found.sort_by_key(|diagnostic| diagnostic.position);
    diagnostics.extend(found);
    value
}

/// Why a value cannot be accepted, for `Deserialize` implementations that check more than the type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code of the diagnostic that it becomes.
    pub code: Cow<'static, str>,
    /// What was found and what is accepted.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

/// Stands between the parts of a [`Refusal`] on its way through [`de::Error::custom`], which takes text only.
const SEPARATOR: char = '\u{1f}';

impl Refusal {
    /// A refusal of kind `code`.
    pub fn new(code: &Code, message: impl Into<String>) -> Self {
        Self {
            code: Cow::Borrowed(code.id),
            message: readable(message.into()),
            help: None,
        }
    }

    /// An [`INVALID_VALUE`], the usual one.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(&INVALID_VALUE, message)
    }

    /// The same with a remedy.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(readable(help.into()));
        self
    }

    /// The refusal as the error of any deserializer; [`read`] restores its parts.
    pub fn into_serde<E: de::Error>(self) -> E {
        let Self { code, message, help } = self;
        let help = help.unwrap_or_default();
        E::custom(format_args!("{code}{SEPARATOR}{message}{SEPARATOR}{help}"))
    }

    fn from_serde(text: String) -> Self {
        let mut parts = text.split(SEPARATOR);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(code), Some(message), Some(help), None) => Self {
                code: Cow::Owned(code.to_owned()),
                message: message.to_owned(),
                help: (!help.is_empty()).then(|| help.to_owned()),
            },
            _ => Self::invalid(text),
        }
    }
}

#[derive(Default)]
struct Session {
    /// Nodes that were refused in earlier rounds. They live as long as the tree, which [`read`] borrows.
    hidden: RefCell<BTreeSet<*const Node>>,
    /// Unknown fields, each once however many rounds there are.
    unknown: RefCell<BTreeMap<*const Entry, Diagnostic>>,
}

impl Session {
    fn shows(&self, node: &Node) -> bool {
        !self.hidden.borrow().contains(&std::ptr::from_ref(node))
    }

    /// Whether `mapping` has a `field` that was refused.
    fn refused(&self, mapping: &Node, field: &str) -> bool {
        let mut entries = mapping.entries().unwrap_or_default().iter();
        entries.any(|entry| entry.key.scalar.text == field && !self.shows(&entry.value))
    }
}

/// The way from the root to a node, on the stack.
struct Path<'p> {
    parent: Option<&'p Path<'p>>,
    step: Step<'p>,
}

enum Step<'p> {
    Root,
    Key(&'p str),
    Index(usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut steps = Vec::new();
        let mut at = Some(self);
        while let Some(path) = at {
            steps.push(&path.step);
            at = path.parent;
        }
        let mut text = String::new();
        for step in steps.into_iter().rev() {
            match step {
                Step::Root => {}
                Step::Key(key) => push_key(&mut text, key),
                Step::Index(index) => text.push_str(&format!("[{index}]")),
            }
        }
        f.write_str(&text)
    }
}

/// An error on its way out; the innermost node that it passes becomes its place.
///
/// In a box, because each of the thousands of fields that could fail would otherwise have code to move all of it.
#[derive(Debug)]
struct Error<'a>(Box<Problem<'a>>);

#[derive(Debug)]
struct Problem<'a> {
    refusal: Refusal,
    /// The field that is missing, if that is the error.
    missing: Option<&'static str>,
    place: Option<(String, &'a Node, Position)>,
}

impl<'a> Error<'a> {
    fn new(code: &Code, message: impl Into<String>) -> Self {
        Refusal::new(code, message).into()
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.0.refusal.help = Some(help.into());
        self
    }

    fn within(self, path: &Path<'_>, node: &'a Node) -> Self {
        self.at(path, node, node.place.position)
    }

    fn at(mut self, path: &Path<'_>, node: &'a Node, position: Position) -> Self {
        self.0.place.get_or_insert_with(|| (path.to_string(), node, position));
        self
    }
}

impl From<Refusal> for Error<'_> {
    fn from(refusal: Refusal) -> Self {
        Self(Box::new(Problem {
            refusal,
            missing: None,
            place: None,
        }))
    }
}

impl fmt::Display for Error<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.refusal.message)
    }
}

impl std::error::Error for Error<'_> {}

impl de::Error for Error<'_> {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Refusal::from_serde(message.to_string()).into()
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(&WRONG_TYPE, format!("expected {expected}, found {unexpected}"))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        // serde's own words for `NonZeroU16` and `NonZeroU32` say nothing of how large a number may be.
        let expected = match expected.to_string().as_str() {
            "a nonzero u16" => format!("a whole number from 1 to {}", u16::MAX),
            "a nonzero u32" => format!("a whole number from 1 to {}", u32::MAX),
            "a nonzero u64" => format!("a whole number from 1 to {}", i64::MAX),
            other => other.to_owned(),
        };
        let unexpected = match unexpected {
            Unexpected::Unsigned(number) => format!("the number `{number}`"),
            Unexpected::Signed(number) => format!("the number `{number}`"),
            other => other.to_string(),
        };
        Self::new(&INVALID_VALUE, format!("expected {expected}, found {unexpected}"))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let error = Self::new(
            &UNKNOWN_VARIANT,
            format!("found {:?}, expected {}", excerpt(variant), list(expected, "or")),
        );
        match nearest(variant, expected) {
            Some(nearest) => error.help(format!("did you mean {nearest}?")),
            None => error,
        }
    }

    fn missing_field(field: &'static str) -> Self {
        let mut error = Self::new(&MISSING_FIELD, format!("the field `{field}` is required"));
        error.0.missing = Some(field);
        error
    }
}

struct Reader<'a, 'p> {
    node: &'a Node,
    path: &'p Path<'p>,
    session: &'p Session,
}

impl<'a, 'p> Reader<'a, 'p> {
    fn wrong_type(&self, expected: &str) -> Error<'a> {
        let code = match &self.node.value {
            Value::Scalar(scalar) if matches!(scalar.resolve(), Resolved::Ambiguous(_)) => &AMBIGUOUS_SCALAR,
            _ => &WRONG_TYPE,
        };
        Error::new(code, format!("expected {expected}, found {}", self.node.describe()))
    }

    fn scalar(&self) -> Option<&'a Scalar> {
        match &self.node.value {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    fn text(&self) -> Result<&'a str, Error<'a>> {
        match self.scalar() {
            Some(scalar) => scalar.as_str().ok_or_else(|| {
                let error = self.wrong_type("a string");
                if scalar.is_null() {
                    error
                } else {
                    error.help(format!("write it in quotes: {:?}", excerpt(&scalar.text)))
                }
            }),
            None => Err(self.wrong_type("a string")),
        }
    }

    fn int<T: TryFrom<i64>>(&self, least: i128, most: i128) -> Result<T, Error<'a>> {
        let Some(scalar) = self.scalar() else {
            return Err(self.wrong_type("a whole number"));
        };
        match scalar.as_int() {
            Some(int) => T::try_from(int).map_err(|_| {
                let bound = if i128::from(int) < least {
                    format!("at least {least}")
                } else {
                    format!("at most {most}")
                };
                let found = self.node.describe();
                Error::new(
                    &INVALID_VALUE,
                    format!("expected a whole number of {bound}, found {found}"),
                )
            }),
            None => {
                let error = self.wrong_type("a whole number");
                // A number in quotes: say so, because the message alone ("found the string") is easily misread.
                match Scalar::plain(&*scalar.text).as_int() {
                    Some(int) if !scalar.plain => Err(error.help(format!("write it without quotes: {int}"))),
                    _ => Err(error),
                }
            }
        }
    }

    /// The elements of a list that no earlier round refused.
    fn items(&self) -> Result<Items<'a, 'p>, Error<'a>> {
        match &self.node.value {
            Value::Sequence(items) => Ok(Items {
                items: items.iter().enumerate(),
                path: self.path,
                session: self.session,
            }),
            _ => Err(self.wrong_type("a list")),
        }
    }

    fn entries(&self, fields: Fields) -> Result<Entries<'a, 'p>, Error<'a>> {
        let entries: &'a [Entry] = match &self.node.value {
            Value::Mapping(entries) => entries,
            _ if self.node.is_null() => &[],
            _ => {
                let error = self.wrong_type("a mapping");
                return Err(match fields {
                    Fields::These(fields) if !fields.is_empty() => error.help(fields_here(fields)),
                    _ => error,
                });
            }
        };
        Ok(Entries {
            entries: entries.iter(),
            fields,
            current: None,
            path: self.path,
            session: self.session,
        })
    }

    fn check_fields(&self, fields: &'static [&'static str]) {
        for entry in self.node.entries().unwrap_or_default() {
            let key = entry.key.scalar.text.as_str();
            let known = fields.contains(&key);
            let mut unknown = self.session.unknown.borrow_mut();
            if known || unknown.contains_key(&std::ptr::from_ref(entry)) || unknown.len() >= MAX_ROUNDS {
                continue;
            }
            let path = Path {
                parent: Some(self.path),
                step: Step::Key(key),
            };
            let help = match nearest(key, fields) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None if fields.is_empty() => "nothing can stand here".to_owned(),
                None => fields_here(fields),
            };
            let diagnostic = Diagnostic::new(
                &UNKNOWN_FIELD,
                path.to_string(),
                format!("there is no field `{}` here", excerpt(key)),
            )
            .help(help)
            .at(Some(entry.key.place.position));
            unknown.insert(std::ptr::from_ref(entry), diagnostic);
        }
    }
}

fn fields_here(fields: &[&str]) -> String {
    match fields {
        [only] => format!("the only field here is {only}"),
        _ => format!("the fields here are {}", list(fields, "and")),
    }
}

macro_rules! integers {
    ($($method:ident $visit:ident $type:ty;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
            visitor.$visit(self.int::<$type>(<$type>::MIN as i128, <$type>::MAX as i128)?)
        }
    )*};
}

impl<'de, 'a: 'de, 'p> de::Deserializer<'de> for Reader<'a, 'p> {
    type Error = Error<'a>;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match &self.node.value {
            Value::Sequence(_) => visitor.visit_seq(self.items()?),
            Value::Mapping(_) => visitor.visit_map(self.entries(Fields::Any)?),
            Value::Scalar(scalar) => match scalar.resolve() {
                Resolved::Null => visitor.visit_unit(),
                Resolved::Bool(bool) => visitor.visit_bool(bool),
                Resolved::Int(int) => visitor.visit_i64(int),
                Resolved::Float(float) => visitor.visit_f64(float),
                Resolved::Str(text) => visitor.visit_borrowed_str(text),
                Resolved::Ambiguous(_) => Err(self
                    .wrong_type("a value that every reader understands alike")
                    .help(format!("write it in quotes: {:?}", excerpt(&scalar.text)))),
            },
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.scalar().map(Scalar::resolve) {
            Some(Resolved::Bool(bool)) => visitor.visit_bool(bool),
            _ => Err(self.wrong_type("a boolean").help("write true or false")),
        }
    }

    integers! {
        deserialize_i8 visit_i8 i8;
        deserialize_i16 visit_i16 i16;
        deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64;
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.scalar().map(Scalar::resolve) {
            #[allow(clippy::cast_precision_loss, reason = "a float is what the field asks for")]
            Some(Resolved::Int(int)) => visitor.visit_f64(int as f64),
            Some(Resolved::Float(float)) => visitor.visit_f64(float),
            _ => Err(self.wrong_type("a number")),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        let text = self.text()?;
        visitor.visit_borrowed_str(text)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        if self.node.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        if self.node.is_null() {
            visitor.visit_unit()
        } else {
            Err(self.wrong_type("nothing"))
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Self::Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        // The quantities inside Kubernetes' own types are strings to `k8s_openapi`, and so are their typing errors.
        if name == "Quantity" {
            self.text()?.parse::<Quantity>()?;
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        let items = self.items()?;
        visitor.visit_seq(items)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Self::Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        let entries = self.entries(Fields::Any)?;
        visitor.visit_map(entries)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        let entries = self.entries(Fields::These(fields))?;
        self.check_fields(fields);
        visitor.visit_map(entries)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        match self.scalar() {
            Some(scalar) => visitor.visit_enum(Variant(&scalar.text)),
            None => Err(self.wrong_type(&list(variants, "or"))),
        }
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_unit()
    }
}

struct Items<'a, 'p> {
    items: std::iter::Enumerate<std::slice::Iter<'a, Node>>,
    path: &'p Path<'p>,
    session: &'p Session,
}

impl<'de, 'a: 'de, 'p> SeqAccess<'de> for Items<'a, 'p> {
    type Error = Error<'a>;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Self::Error> {
        for (index, node) in self.items.by_ref() {
            if !self.session.shows(node) {
                continue;
            }
            let path = Path {
                parent: Some(self.path),
                step: Step::Index(index),
            };
            let reader = Reader {
                node,
                path: &path,
                session: self.session,
            };
            return seed.deserialize(reader).map(Some).map_err(|e| e.within(&path, node));
        }
        Ok(None)
    }
}

/// Whose entries are being read.
#[derive(Clone, Copy)]
enum Fields {
    /// A struct's: others are reported elsewhere and passed over here, and so is `null`.
    These(&'static [&'static str]),
    /// A map's: every key counts.
    Any,
}

struct Entries<'a, 'p> {
    entries: std::slice::Iter<'a, Entry>,
    fields: Fields,
    current: Option<&'a Entry>,
    path: &'p Path<'p>,
    session: &'p Session,
}

impl<'a> Entries<'a, '_> {
    /// The key of the next entry that counts.
    fn next_key(&mut self) -> Result<Option<&'a str>, Error<'a>> {
        for entry in self.entries.by_ref() {
            let key = entry.key.scalar.text.as_str();
            let wanted = match self.fields {
                Fields::These(fields) => fields.contains(&key) && !entry.value.is_null(),
                Fields::Any => true,
            };
            if !wanted || !self.session.shows(&entry.value) {
                continue;
            }
            self.current = Some(entry);
            if entry.key.scalar.as_str().is_none() {
                let error = Error::new(
                    &AMBIGUOUS_SCALAR,
                    format!("expected a string as key, found {}", entry.key.scalar.describe()),
                )
                .help(format!("write it in quotes: {:?}", excerpt(key)));
                return Err(self.at_key(error));
            }
            return Ok(Some(key));
        }
        Ok(None)
    }

    /// What is wrong with a key takes its own entry out of sight, and no other.
    fn at_key(&self, error: Error<'a>) -> Error<'a> {
        match self.current {
            Some(entry) => {
                let path = Path {
                    parent: Some(self.path),
                    step: Step::Key(&entry.key.scalar.text),
                };
                error.at(&path, &entry.value, entry.key.place.position)
            }
            None => error,
        }
    }
}

impl<'de, 'a: 'de, 'p> MapAccess<'de> for Entries<'a, 'p> {
    type Error = Error<'a>;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Self::Error> {
        let Some(key) = self.next_key()? else {
            return Ok(None);
        };
        let deserializer: StrDeserializer<'_, Self::Error> = key.into_deserializer();
        seed.deserialize(deserializer)
            .map(Some)
            .map_err(|error| self.at_key(error))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Self::Error> {
        let Some(entry) = self.current.take() else {
            return Err(de::Error::custom("a value was asked for before its key"));
        };
        let path = Path {
            parent: Some(self.path),
            step: Step::Key(&entry.key.scalar.text),
        };
        let reader = Reader {
            node: &entry.value,
            path: &path,
            session: self.session,
        };
        seed.deserialize(reader).map_err(|e| e.within(&path, &entry.value))
    }
}

/// A word of an enumeration. All enumerations of values are plain words, as Kubernetes' are.
struct Variant<'a>(&'a str);

impl<'de, 'a: 'de> EnumAccess<'de> for Variant<'a> {
    type Error = Error<'a>;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Self::Error> {
        let word: StrDeserializer<'_, Self::Error> = self.0.into_deserializer();
        seed.deserialize(word).map(|value| (value, self))
    }
}

impl<'de, 'a: 'de> VariantAccess<'de> for Variant<'a> {
    type Error = Error<'a>;

    fn unit_variant(self) -> Result<(), Self::Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Self::Error> {
        Err(de::Error::custom("expected a mapping, found a word"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Self::Error> {
        Err(de::Error::custom("expected a mapping, found a word"))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Self::Error> {
        Err(de::Error::custom("expected a mapping, found a word"))
    }
}
