//! Durations as Go writes them: `10m`, `1h30m`, `500ms`.

use std::fmt;
use std::str::FromStr;

use crate::text_type;
use crate::yaml::Refusal;

/// A positive duration, in the grammar of Go's `time.ParseDuration`, which etcd, cert-manager and Kubernetes use. The
/// text is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duration {
    text: String,
    value: std::time::Duration,
}

impl Duration {
    /// The duration itself.
    #[must_use]
    pub fn value(&self) -> std::time::Duration {
        self.value
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Duration {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        match nanoseconds(text) {
            Some(nanoseconds @ 1..) => Ok(Self {
                text: text.to_owned(),
                value: std::time::Duration::from_nanos(nanoseconds),
            }),
            Some(0) => Err(Refusal::invalid("a duration longer than nothing is expected")),
            None => {
                let refusal = Refusal::invalid(format!("{text:?} is not a duration"));
                Err(match days(text) {
                    Some(hours) => refusal.help(format!("hours are the largest unit: {hours}h")),
                    None => refusal.help("numbers with units, such as 90s, 10m or 1h30m"),
                })
            }
        }
    }
}

text_type!(Duration, types = "string", "pattern": "^(([0-9]+([.][0-9]*)?|[.][0-9]+)(ns|us|µs|μs|ms|s|m|h))+$");

/// A positive duration in Prometheus' grammar, which has days, weeks and years, whole numbers only, and the larger units
/// first: `1h30m`, `1d`. The text is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrometheusDuration {
    text: String,
    value: std::time::Duration,
}

impl PrometheusDuration {
    /// The duration itself.
    #[must_use]
    pub fn value(&self) -> std::time::Duration {
        self.value
    }
}

impl fmt::Display for PrometheusDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for PrometheusDuration {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        match prometheus_milliseconds(text) {
            Some(milliseconds @ 1..) => Ok(Self {
                text: text.to_owned(),
                value: std::time::Duration::from_millis(milliseconds),
            }),
            Some(0) => Err(Refusal::invalid("a duration longer than nothing is expected")),
            None => Err(Refusal::invalid(format!("{text:?} is not a duration of Prometheus"))
                .help("whole numbers with units, the larger first, such as 30s, 1m30s or 500ms")),
        }
    }
}

text_type!(
    PrometheusDuration,
    types = "string",
    "pattern": "^([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$"
);

/// Grammar: `ParseDuration` of `github.com/prometheus/common/model`.
fn prometheus_milliseconds(text: &str) -> Option<u64> {
    const DAY: u64 = 24 * 60 * 60 * 1000;
    const UNITS: [(&str, u64); 7] = [
        ("y", 365 * DAY),
        ("w", 7 * DAY),
        ("d", DAY),
        ("h", 60 * 60 * 1000),
        ("m", 60 * 1000),
        ("s", 1000),
        ("ms", 1),
    ];
    let mut units = UNITS.iter();
    let mut rest = text;
    let mut total: u64 = 0;
    if text.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let (unit, next) = after.split_at(after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len()));
        // Units come once, each after larger ones.
        let (_, scale) = units.find(|(name, _)| *name == unit)?;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(*scale)?)?;
        rest = next;
    }
    // Prometheus' durations are signed 64-bit nanoseconds.
    (total <= i64::MAX.unsigned_abs() / 1_000_000).then_some(total)
}

fn nanoseconds(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 8] = [
        ("ns", 1),
        ("us", 1_000),
        ("µs", 1_000),
        ("μs", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ];
    let mut rest = text;
    let mut total: u64 = 0;
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(end);
        let unit_end = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_end);
        let scale = UNITS.iter().find(|(name, _)| *name == unit)?.1;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return None;
        }
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        total = total.checked_add(whole.checked_mul(scale)?)?;
        let mut unit_of_digit = scale;
        for digit in fraction.bytes() {
            unit_of_digit /= 10;
            total = total.checked_add(u64::from(digit - b'0') * unit_of_digit)?;
        }
        rest = next;
    }
    // Go's durations are signed 64-bit nanoseconds.
    i64::try_from(total).ok().map(|_| total)
}

/// `90d` in hours.
fn days(text: &str) -> Option<u64> {
    text.strip_suffix('d')?.parse::<u64>().ok()?.checked_mul(24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_prometheus() {
        for (good, milliseconds) in [
            ("30s", 30_000),
            ("1m30s", 90_000),
            ("1d", 86_400_000),
            ("1s500ms", 1500),
        ] {
            assert_eq!(prometheus_milliseconds(good), Some(milliseconds), "{good}");
        }
        for bad in ["", "30", "1.5s", "30m1h", "1s1s", "500us", "s", "-1s", "1 m", "300y"] {
            assert_eq!(prometheus_milliseconds(bad), None, "{bad}");
        }
    }
}
