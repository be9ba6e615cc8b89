//! A field of one of Kubernetes' types, and the kinds of rules that such fields have.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::str::FromStr;

use k8s_openapi::apimachinery::pkg::api::resource;
use rutter::Code;
use rutter::quantity::Quantity;
use rutter::report::{Added, Report};
use rutter::suggest::{list, nearest};
use rutter::yaml::{INVALID_VALUE, MISSING_FIELD, Refusal, UNKNOWN_VARIANT, join};

use crate::codes::{CONFLICTING_FIELDS, NAME_COLLISION};
use crate::resources;

/// The path of a value of a Kubernetes type, and the report that its errors go to.
pub struct Field<'r, 'd> {
    path: String,
    report: &'r mut Report<'d>,
}

impl<'r, 'd> Field<'r, 'd> {
    /// Returns the value at a path of the document. The empty path is the document itself.
    pub fn new(path: &str, report: &'r mut Report<'d>) -> Self {
        Self {
            path: path.to_owned(),
            report,
        }
    }

    /// Returns the field `name` of this value. `name` can be several names, separated by dots.
    pub fn at(&mut self, name: &str) -> Field<'_, 'd> {
        Field {
            path: if self.path.is_empty() {
                name.to_owned()
            } else {
                format!("{}.{name}", self.path)
            },
            report: self.report,
        }
    }

    /// Returns the entry of a map with keys of the user's choice.
    pub fn entry(&mut self, key: &str) -> Field<'_, 'd> {
        Field {
            path: join(&self.path, key),
            report: self.report,
        }
    }

    /// Checks an optional field, if it is present.
    pub fn with<T>(&mut self, name: &str, value: Option<&T>, check: impl FnOnce(&mut Field<'_, 'd>, &T)) {
        if let Some(value) = value {
            check(&mut self.at(name), value);
        }
    }

    /// Checks every item of a list.
    pub fn each<'t, T: 't>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = &'t T>,
        mut check: impl FnMut(&mut Field<'_, 'd>, &'t T),
    ) {
        for (index, item) in items.into_iter().enumerate() {
            check(&mut self.at(&format!("{name}[{index}]")), item);
        }
    }

    /// Parses amounts of resources, and returns those that are well-formed.
    pub fn amounts(
        &mut self,
        name: &str,
        amounts: Option<&BTreeMap<String, resource::Quantity>>,
    ) -> BTreeMap<String, Quantity> {
        let mut field = self.at(name);
        let amounts = amounts.into_iter().flatten();
        let parsed = amounts.filter_map(|(resource, resource::Quantity(amount))| {
            Some((resource.clone(), field.entry(resource).parse(amount)?))
        });
        parsed.collect()
    }

    /// Checks amounts of resources against each other and against the resources of Kubernetes.
    pub fn resources(&mut self, requests: &BTreeMap<String, Quantity>, limits: &BTreeMap<String, Quantity>) {
        resources::check(&self.path, requests, limits, self.report);
    }

    /// Reports that the value is refused.
    pub fn refuse(&mut self, code: &'static Code, message: impl Into<String>) -> Added<'_> {
        self.report.add(code, &self.path, message)
    }

    /// Reports that the value has the right type and is invalid.
    pub fn invalid(&mut self, message: impl Into<String>, help: &str) {
        self.refuse(&INVALID_VALUE, message).help(help);
    }

    /// Reports that the value conflicts with another.
    pub fn conflict(&mut self, message: impl Into<String>, help: &str) {
        self.refuse(&CONFLICTING_FIELDS, message).help(help);
    }

    /// Reports that a field of the value is missing, unless a misspelt key is probably that field.
    pub fn missing(&mut self, message: impl Into<String>, help: &str) {
        if !self.report.has_unknown_field(&self.path) {
            self.refuse(&MISSING_FIELD, message).help(help);
        }
    }

    /// Checks that a field is given. Kubernetes' types read an absent text as an empty one.
    pub fn required(&mut self, name: &str, text: &str) -> bool {
        if text.is_empty() {
            self.missing(format!("the field `{name}` is required"), &format!("write {name}: …"));
        }
        !text.is_empty()
    }

    /// Parses the value as a `T`.
    pub fn parse<T: FromStr<Err = Refusal>>(&mut self, text: &str) -> Option<T> {
        match text.parse() {
            Ok(value) => Some(value),
            Err(Refusal { message, help, .. }) => {
                let added = self.refuse(&INVALID_VALUE, message);
                if let Some(help) = help {
                    added.help(help);
                }
                None
            }
        }
    }

    /// Parses a field as a `T`, if it is given.
    pub fn parsed<T: FromStr<Err = Refusal>>(&mut self, name: &str, text: Option<&str>) -> Option<T> {
        let text = text.filter(|text| !text.is_empty())?;
        self.at(name).parse(text)
    }

    /// Checks that a field is given and is a `T`.
    pub fn name<T: FromStr<Err = Refusal>>(&mut self, name: &str, text: &str) {
        if self.required(name, text) {
            self.parsed::<T>(name, Some(text));
        }
    }

    /// Checks that a field is one of `known`, if it is given.
    pub fn word(&mut self, name: &str, word: Option<&str>, known: &[&str]) {
        let Some(word) = word.filter(|word| !known.contains(word)) else {
            return;
        };
        let help = match nearest(word, known) {
            Some(nearest) => format!("did you mean {nearest}?"),
            None => format!("write {}", list(known, "or")),
        };
        let message = format!("found {word:?}, expected {}", list(known, "or"));
        self.at(name).refuse(&UNKNOWN_VARIANT, message).help(help);
    }

    /// Checks that a field is given and is one of `known`.
    pub fn required_word(&mut self, name: &str, word: &str, known: &[&str]) {
        if self.required(name, word) {
            self.word(name, Some(word), known);
        }
    }

    /// Checks that a number is in a range, if it is given.
    pub fn range(&mut self, name: &str, number: Option<impl Into<i64>>, range: RangeInclusive<i64>) {
        let Some(number) = number.map(Into::into).filter(|number| !range.contains(number)) else {
            return;
        };
        let (least, most) = (range.start(), range.end());
        let message = format!("expected {}, found {number}", described(&range));
        let help = if number < *least {
            format!("write {least} or more")
        } else {
            format!("write {most} or less")
        };
        self.at(name).invalid(message, &help);
    }

    /// Checks that a number is given and in a range above zero. Kubernetes' types read an absent number as zero.
    pub fn required_range(&mut self, name: &str, number: impl Into<i64>, range: RangeInclusive<i64>) {
        let number = number.into();
        if number == 0 {
            let message = format!("the field `{name}` is required, and {}", described(&range));
            self.missing(message, &format!("write {name}: …"));
        } else {
            self.range(name, Some(number), range);
        }
    }

    /// Checks that a path stays below the directory that it starts in.
    pub fn relative_path(&mut self, name: &str, path: &str) {
        if !is_below(path) {
            let message = format!("{path:?} leads out of where it starts");
            self.at(name).invalid(message, "write a relative path without `..`");
        }
    }

    /// Checks that exactly one of several fields is given.
    pub fn exactly_one(&mut self, fields: &[(&str, bool)]) {
        if fields.iter().any(|(_, given)| *given) {
            self.at_most_one(fields);
        } else {
            let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
            self.missing(
                format!("one of {} is required", list(&names, "and")),
                &format!("write {}: …", names[0]),
            );
        }
    }

    /// Checks that at most one of several fields is given.
    pub fn at_most_one(&mut self, fields: &[(&str, bool)]) {
        let given: Vec<&str> = fields
            .iter()
            .filter(|(_, given)| *given)
            .map(|(name, _)| *name)
            .collect();
        if given.len() > 1 {
            self.conflict(
                format!("{} exclude each other", list(&given, "and")),
                &format!("keep one: {}", list(&given, "or")),
            );
        }
    }

    /// Checks that a text is not in use, and adds it to `taken`. `what` describes it in the message.
    pub fn unique(&mut self, name: &str, what: &str, text: &str, taken: &mut BTreeSet<String>) {
        if !text.is_empty() && !taken.insert(text.to_owned()) {
            self.at(name)
                .refuse(&NAME_COLLISION, format!("there is a {what} {text:?} already"))
                .help("change this one, or leave one of the two out");
        }
    }
}

/// Whether a path stays below the directory that it starts in.
pub(crate) fn is_below(path: &str) -> bool {
    !path.starts_with('/') && !path.split('/').any(|part| part == "..")
}

/// Returns a text unless it is empty, which Kubernetes reads as absent.
pub(crate) fn given(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

fn described(range: &RangeInclusive<i64>) -> String {
    match (range.start(), range.end()) {
        (least, &i64::MAX) => format!("{least} or more"),
        (least, most) => format!("{least} to {most}"),
    }
}
