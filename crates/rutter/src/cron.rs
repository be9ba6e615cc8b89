//! When a CronJob runs.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::suggest::remedy;
use crate::text_type;
use crate::yaml::Refusal;

/// A schedule that Kubernetes accepts for a CronJob: five fields, or a word such as `@daily`. The text is kept.
///
/// Grammar: `ParseStandard` of `github.com/robfig/cron/v3`, which Kubernetes calls (`pkg/apis/batch/validation`). Unlike
/// other crons it knows no day 7 of the week, and Kubernetes accepts no `TZ=` in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CronSchedule(String);

impl fmt::Display for CronSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_type!(CronSchedule, types = "string", "pattern": "^(@every .+|@[a-z]+|[^@ ]+( +[^ ]+){4})$");

const WORDS: [&str; 7] = [
    "@yearly",
    "@annually",
    "@monthly",
    "@weekly",
    "@daily",
    "@midnight",
    "@hourly",
];

/// One field: what it is called, its numbers, and the words for them, the first of which stands for the first number.
struct Field {
    name: &'static str,
    numbers: RangeInclusive<u8>,
    words: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    field("minute", 0..=59, &[]),
    field("hour", 0..=23, &[]),
    field("day of the month", 1..=31, &[]),
    field(
        "month",
        1..=12,
        &[
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ],
    ),
    field(
        "day of the week",
        0..=6,
        &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
    ),
];

const fn field(name: &'static str, numbers: RangeInclusive<u8>, words: &'static [&'static str]) -> Field {
    Field { name, numbers, words }
}

impl FromStr for CronSchedule {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let accepted = || Ok(Self(text.to_owned()));
        if text.contains("TZ=") {
            return Err(Refusal::invalid("a schedule names no time zone").help("write it as timeZone"));
        }
        if let Some(interval) = text.strip_prefix("@every ") {
            return interval.parse::<crate::duration::Duration>().and_then(|_| accepted());
        }
        if text.starts_with('@') {
            return if WORDS.contains(&text) {
                accepted()
            } else {
                Err(Refusal::invalid(format!("{text:?} is not a schedule")).help(remedy(text, &WORDS)))
            };
        }
        let parts: Vec<&str> = text.split_whitespace().collect();
        if parts.len() != FIELDS.len() {
            return Err(
                Refusal::invalid(format!("a schedule has five fields, {text:?} has {}", parts.len()))
                    .help("minute, hour, day of the month, month, day of the week: `0 3 * * *` is every day at 3:00"),
            );
        }
        for (field, part) in FIELDS.iter().zip(parts) {
            field.check(part)?;
        }
        accepted()
    }
}

impl Field {
    fn check(&self, text: &str) -> Result<(), Refusal> {
        text.split(',').try_for_each(|item| self.check_item(item))
    }

    /// `*`, `?`, a number, or a range, and perhaps a step.
    fn check_item(&self, item: &str) -> Result<(), Refusal> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (item, None),
        };
        if let Some(step) = step
            && number(step).is_none_or(|step| step == 0)
        {
            return Err(self.refusal(format!("{step:?} is not a step")).help("such as */15"));
        }
        if range == "*" || range == "?" {
            return Ok(());
        }
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (self.value(first)?, self.value(last)?);
        if first > last {
            return Err(self
                .refusal(format!("the range {range:?} ends before it begins"))
                .help(format!(
                    "write {first}-{},{}-{last}",
                    self.numbers.end(),
                    self.numbers.start()
                )));
        }
        Ok(())
    }

    fn value(&self, text: &str) -> Result<u8, Refusal> {
        let lower = text.to_lowercase();
        if let Some(index) = self.words.iter().position(|word| *word == lower) {
            return Ok(u8::try_from(index).unwrap_or_default() + self.numbers.start());
        }
        match number(text).and_then(|number| u8::try_from(number).ok()) {
            Some(number) if self.numbers.contains(&number) => Ok(number),
            Some(7) if self.name == "day of the week" => Err(self
                .refusal("7 is not a day".to_owned())
                .help("Sunday is 0; through to Sunday is a list: 1-6,0")),
            _ => Err(self.refusal(format!("{text:?} is not one")).help(format!(
                "a number from {} to {}, `*`, a range or a list",
                self.numbers.start(),
                self.numbers.end()
            ))),
        }
    }

    fn refusal(&self, problem: String) -> Refusal {
        Refusal::invalid(format!("in the field {:?}, {problem}", self.name))
    }
}

fn number(text: &str) -> Option<u32> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules() {
        for good in [
            "0 3 * * *",
            "*/15 0-5,22,23 1-31/2 jan-JUN mon,wed,Fri",
            "0 0 ? * ?",
            "5/10 * * * 0",
            "@hourly",
            "@every 1h30m",
        ] {
            assert!(good.parse::<CronSchedule>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "* * * *",
            "0 0 3 * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 7",
            "*/0 * * * *",
            "5-1 * * * *",
            "1-2-3 * * * *",
            "1,,2 * * * *",
            "+1 * * * *",
            "TZ=UTC 0 3 * * *",
            "@reboot",
            "@every day",
        ] {
            assert!(bad.parse::<CronSchedule>().is_err(), "{bad}");
        }
    }
}
