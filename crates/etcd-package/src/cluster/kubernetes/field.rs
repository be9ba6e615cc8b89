//! A field of one of Kubernetes' types, and the kinds of rules that such fields have.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::str::FromStr;

use k8s_openapi::apimachinery::pkg::api::resource;
use rutter::Code;
use rutter::quantity::Quantity;
use rutter::suggest::{list, nearest};
use rutter::yaml::{INVALID_VALUE, MISSING_FIELD, Refusal, UNKNOWN_VARIANT, join};

use crate::cluster::report::{Added, Report};
use crate::cluster::resources;
use crate::codes::{CONFLICTING_FIELDS, NAME_COLLISION};

/// Where a value of a Kubernetes type stands, and the report of what is wrong with it.
pub(super) struct Field<'r, 'd> {
    path: String,
    report: &'r mut Report<'d>,
}

impl<'r, 'd> Field<'r, 'd> {
    /// The place of a value of ours, whose fields are Kubernetes'.
    pub(super) fn new(path: &str, report: &'r mut Report<'d>) -> Self {
        Self {
            path: path.to_owned(),
            report,
        }
    }

    /// The field `name` in this one; several names, joined by dots, lead deeper.
    pub(super) fn at(&mut self, name: &str) -> Field<'_, 'd> {
        Field {
            path: if self.path.is_empty() {
                name.to_owned()
            } else {
                format!("{}.{name}", self.path)
            },
            report: self.report,
        }
    }

    /// The entry of a map with keys of the user's choice.
    pub(super) fn entry(&mut self, key: &str) -> Field<'_, 'd> {
        Field {
            path: join(&self.path, key),
            report: self.report,
        }
    }

    /// Checks an optional field, if it is there.
    pub(super) fn with<T>(&mut self, name: &str, value: Option<&T>, check: impl FnOnce(&mut Field<'_, 'd>, &T)) {
        if let Some(value) = value {
            check(&mut self.at(name), value);
        }
    }

    /// Checks every item of a list.
    pub(super) fn each<'t, T: 't>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = &'t T>,
        mut check: impl FnMut(&mut Field<'_, 'd>, &'t T),
    ) {
        for (index, item) in items.into_iter().enumerate() {
            check(&mut self.at(&format!("{name}[{index}]")), item);
        }
    }

    /// Amounts of resources, those of them that are well-formed.
    pub(super) fn amounts(
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

    /// Checks amounts of resources against each other and against what Kubernetes knows.
    pub(super) fn resources(&mut self, requests: &BTreeMap<String, Quantity>, limits: &BTreeMap<String, Quantity>) {
        resources::check(&self.path, requests, limits, self.report);
    }

    /// Says that the field is refused.
    pub(super) fn refuse(&mut self, code: &'static Code, message: impl Into<String>) -> Added<'_> {
        self.report.add(code, &self.path, message)
    }

    /// Says that the field is of the right type and still not good.
    pub(super) fn invalid(&mut self, message: impl Into<String>, help: &str) {
        self.refuse(&INVALID_VALUE, message).help(help);
    }

    /// Says that the field cannot be there with what else is.
    pub(super) fn conflict(&mut self, message: impl Into<String>, help: &str) {
        self.refuse(&CONFLICTING_FIELDS, message).help(help);
    }

    /// Says that something is missing here, unless a misspelt key is probably it.
    pub(super) fn missing(&mut self, message: impl Into<String>, help: &str) {
        if !self.report.has_unknown_field(&self.path) {
            self.refuse(&MISSING_FIELD, message).help(help);
        }
    }

    /// The text of a field that must be there. Kubernetes' types take an absent text for an empty one.
    pub(super) fn required(&mut self, name: &str, text: &str) -> bool {
        if text.is_empty() {
            self.missing(format!("the field `{name}` is required"), &format!("write {name}: …"));
        }
        !text.is_empty()
    }

    /// The field itself must be a `T`.
    pub(super) fn parse<T: FromStr<Err = Refusal>>(&mut self, text: &str) -> Option<T> {
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

    /// A text that must be a `T`, if it is there.
    pub(super) fn parsed<T: FromStr<Err = Refusal>>(&mut self, name: &str, text: Option<&str>) -> Option<T> {
        let text = text.filter(|text| !text.is_empty())?;
        self.at(name).parse(text)
    }

    /// A text that must be there and be a `T`.
    pub(super) fn name<T: FromStr<Err = Refusal>>(&mut self, name: &str, text: &str) {
        if self.required(name, text) {
            self.parsed::<T>(name, Some(text));
        }
    }

    /// A text that must be one of `known`, if it is there.
    pub(super) fn word(&mut self, name: &str, word: Option<&str>, known: &[&str]) {
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

    /// A text that must be there and be one of `known`.
    pub(super) fn required_word(&mut self, name: &str, word: &str, known: &[&str]) {
        if self.required(name, word) {
            self.word(name, Some(word), known);
        }
    }

    /// A number that must lie in a range, if it is there.
    pub(super) fn range(&mut self, name: &str, number: Option<impl Into<i64>>, range: RangeInclusive<i64>) {
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

    /// A number that must be there and lie in a range above zero. Kubernetes' types take an absent number for zero.
    pub(super) fn required_range(&mut self, name: &str, number: impl Into<i64>, range: RangeInclusive<i64>) {
        let number = number.into();
        if number == 0 {
            let message = format!("the field `{name}` is required, and {}", described(&range));
            self.missing(message, &format!("write {name}: …"));
        } else {
            self.range(name, Some(number), range);
        }
    }

    /// A path that must stay below where it starts.
    pub(super) fn relative_path(&mut self, name: &str, path: &str) {
        if !is_below(path) {
            let message = format!("{path:?} leads out of where it starts");
            self.at(name).invalid(message, "write a relative path without `..`");
        }
    }

    /// Of fields that are alternatives, exactly one must be there.
    pub(super) fn exactly_one(&mut self, fields: &[(&str, bool)]) {
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

    /// Of fields that exclude each other, one may be there.
    pub(super) fn at_most_one(&mut self, fields: &[(&str, bool)]) {
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

    /// A text that must be the only one of its kind.
    pub(super) fn unique(&mut self, name: &str, what: &str, text: &str, taken: &mut BTreeSet<String>) {
        if !text.is_empty() && !taken.insert(text.to_owned()) {
            self.at(name)
                .refuse(&NAME_COLLISION, format!("there is a {what} {text:?} already"))
                .help("change this one, or leave one of the two out");
        }
    }
}

/// Whether a path stays below where it starts.
pub(super) fn is_below(path: &str) -> bool {
    !path.starts_with('/') && !path.split('/').any(|part| part == "..")
}

/// A text that is there, where Kubernetes takes an empty one for none.
pub(super) fn given(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

fn described(range: &RangeInclusive<i64>) -> String {
    match (range.start(), range.end()) {
        (least, &i64::MAX) => format!("{least} or more"),
        (least, most) => format!("{least} to {most}"),
    }
}
