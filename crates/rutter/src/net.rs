//! Addresses and networks, as Kubernetes and certificates write them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::text_type;
use crate::yaml::Refusal;

/// An IPv4 or IPv6 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct IpAddress(pub IpAddr);

impl fmt::Display for IpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for IpAddress {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        text.parse().map(Self).map_err(|_| {
            let refusal = Refusal::invalid(format!("{text:?} is not an IP address"));
            match text.split_once('/') {
                Some((address, _)) if address.parse::<IpAddr>().is_ok() => {
                    refusal.help(format!("this is a network; an address is written {address}"))
                }
                _ => refusal.help("such as 10.0.0.1 or fd00::1"),
            }
        })
    }
}

text_type!(IpAddress, types = "string", "pattern": "^[0-9A-Fa-f:.]+$");

/// A network: an address and the length of its prefix, `10.0.0.0/8`. The text is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cidr {
    text: String,
    address: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// Whether `other` is a part of this network, and not all of it.
    #[must_use]
    pub fn is_above(&self, other: &Self) -> bool {
        let bits = |address: IpAddr| match address {
            IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
            IpAddr::V6(address) => address.to_bits(),
        };
        let beyond = u128::MAX.checked_shr(self.prefix.into()).unwrap_or(0);
        self.address.is_ipv4() == other.address.is_ipv4()
            && other.prefix > self.prefix
            && bits(self.address) | beyond == bits(other.address) | beyond
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Cidr {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let refusal = || Refusal::invalid(format!("{text:?} is not a network"));
        let Some((address, prefix)) = text.split_once('/') else {
            return Err(match text.parse::<IpAddr>() {
                Ok(IpAddr::V4(_)) => refusal().help(format!("for this address alone, write {text}/32")),
                Ok(IpAddr::V6(_)) => refusal().help(format!("for this address alone, write {text}/128")),
                Err(_) => refusal().help("such as 10.0.0.0/8 or fd00::/64"),
            });
        };
        let Ok(address) = address.parse::<IpAddr>() else {
            return Err(refusal().help("such as 10.0.0.0/8 or fd00::/64"));
        };
        let most = if address.is_ipv4() { 32 } else { 128 };
        let canonical = prefix == "0" || !prefix.starts_with(['0', '+']);
        match prefix.parse::<u8>() {
            Ok(prefix) if canonical && prefix <= most => Ok(Self {
                text: text.to_owned(),
                address,
                prefix,
            }),
            _ => Err(refusal().help(format!("after the slash stands a number from 0 to {most}"))),
        }
    }
}

text_type!(Cidr, types = "string", "pattern": "^[0-9A-Fa-f:.]+/[0-9]{1,3}$");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_networks() {
        let above = |whole: &str, part: &str| Some(whole.parse::<Cidr>().ok()?.is_above(&part.parse().ok()?));
        for (whole, part) in [
            ("10.0.0.0/8", "10.1.0.0/16"),
            ("0.0.0.0/0", "1.2.3.4/32"),
            ("::/0", "fd00::/8"),
        ] {
            assert_eq!(above(whole, part), Some(true), "{part} in {whole}");
        }
        for (whole, part) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.0.0.0/8", "11.0.0.0/16"),
            ("10.0.0.0/16", "10.0.0.0/8"),
            ("::/0", "10.0.0.0/8"),
            ("1.2.3.4/32", "1.2.3.4/32"),
        ] {
            assert_eq!(above(whole, part), Some(false), "{part} in {whole}");
        }
    }

    #[test]
    fn networks() {
        for good in ["10.0.0.0/8", "0.0.0.0/0", "10.1.2.3/32", "fd00::/64", "::/0"] {
            assert!(good.parse::<Cidr>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "10.0.0.0",
            "10.0.0.0/33",
            "10.0.0.0/08",
            "10.0.0.0/+8",
            "10.0.0/8",
            "fd00::/129",
            "a/8",
            "/8",
        ] {
            assert!(bad.parse::<Cidr>().is_err(), "{bad}");
        }
    }
}
