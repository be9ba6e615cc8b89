//! Kubernetes quantities: `8Gi`, `250m`, `1e9`.

use std::fmt;
use std::str::FromStr;

use crate::text_type;
use crate::yaml::Refusal;

/// An amount of storage, memory or CPU, as Kubernetes writes it.
///
/// Grammar and suffixes: `k8s.io/apimachinery/pkg/api/resource/quantity.go`. The text is kept, so that what was written
/// as `1Gi` is not rendered as `1073741824`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantity {
    text: String,
    /// In thousandths, rounded up as Kubernetes rounds.
    milli: i128,
    /// In billionths, likewise, unless they are too many.
    nano: Option<i128>,
}

impl Quantity {
    /// The amount in whole units (bytes, cores), rounded up.
    #[must_use]
    pub fn value(&self) -> i128 {
        self.milli.div_euclid(1000) + i128::from(self.milli.rem_euclid(1000) != 0)
    }

    /// The amount in thousandths of a unit, rounded up.
    #[must_use]
    pub fn milli_value(&self) -> i128 {
        self.milli
    }

    /// The amount in billionths of a unit, which is as exact as Kubernetes is, rounded up; none if it is too large.
    #[must_use]
    pub fn nano_value(&self) -> Option<i128> {
        self.nano
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Quantity {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        match in_parts(text, 3) {
            Some(milli) => Ok(Self {
                text: text.to_owned(),
                milli,
                nano: in_parts(text, 9),
            }),
            None => {
                let refusal = Refusal::invalid(format!("{text:?} is not a quantity"));
                Err(match remedy(text) {
                    Some(remedy) => refusal.help(format!("did you mean {remedy}?")),
                    None => refusal.help("a number and a unit, such as 500m, 2, 512Mi, 8Gi or 1G"),
                })
            }
        }
    }
}

text_type!(
    Quantity,
    types = ["string", "number"],
    "pattern": "^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$"
);

const SUFFIXES: [(&str, Scale); 16] = [
    ("", Scale::Ten(0)),
    ("n", Scale::Ten(-9)),
    ("u", Scale::Ten(-6)),
    ("m", Scale::Ten(-3)),
    ("k", Scale::Ten(3)),
    ("M", Scale::Ten(6)),
    ("G", Scale::Ten(9)),
    ("T", Scale::Ten(12)),
    ("P", Scale::Ten(15)),
    ("E", Scale::Ten(18)),
    ("Ki", Scale::Two(10)),
    ("Mi", Scale::Two(20)),
    ("Gi", Scale::Two(30)),
    ("Ti", Scale::Two(40)),
    ("Pi", Scale::Two(50)),
    ("Ei", Scale::Two(60)),
];

#[derive(Clone, Copy)]
enum Scale {
    Ten(i32),
    Two(u32),
}

/// The amount in parts of a unit, of which it has `10^digits_of_parts`, rounded up.
fn in_parts(text: &str, digits_of_parts: i32) -> Option<i128> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = unsigned
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || digits.len() > 24 || fraction.contains('.') {
        return None;
    }
    let mantissa: i128 = digits.parse().ok()?;
    let scale = if let Some((_, scale)) = SUFFIXES.iter().find(|(known, _)| *known == suffix) {
        *scale
    } else {
        let exponent = suffix.strip_prefix(['e', 'E'])?;
        let exponent: i32 = exponent.parse().ok()?;
        Scale::Ten(exponent)
    };
    let fraction_digits = i32::try_from(fraction.len()).ok()?;
    let parts = match scale {
        Scale::Ten(exponent) => {
            let exponent = exponent.checked_sub(fraction_digits)?;
            scaled(mantissa, exponent.checked_add(digits_of_parts)?)?
        }
        Scale::Two(bits) => scaled(mantissa.checked_mul(1 << bits)?, digits_of_parts - fraction_digits)?,
    };
    Some(if negative { -parts } else { parts })
}

/// `mantissa × 10^exponent`, rounded up.
fn scaled(mantissa: i128, exponent: i32) -> Option<i128> {
    let power = 10i128.checked_pow(exponent.unsigned_abs());
    if exponent >= 0 {
        mantissa.checked_mul(power?)
    } else {
        Some(power.map_or(i128::from(mantissa != 0), |power| {
            mantissa / power + i128::from(mantissa % power != 0)
        }))
    }
}

/// The usual slips: `8GB`, `8 Gi`, `8gi`.
fn remedy(text: &str) -> Option<String> {
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let end = compact.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = compact.split_at(end);
    let unit = match unit.to_ascii_lowercase().as_str() {
        "ki" | "kib" => "Ki",
        "mi" | "mib" => "Mi",
        "gi" | "gib" => "Gi",
        "ti" | "tib" => "Ti",
        "kb" => "k",
        "mb" => "M",
        "g" | "gb" => "G",
        "t" | "tb" => "T",
        other => SUFFIXES.iter().find(|(known, _)| *known == other)?.0,
    };
    let remedy = format!("{number}{unit}");
    in_parts(&remedy, 3).map(|_| remedy)
}
