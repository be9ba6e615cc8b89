//! Policies as they are read: the pods that they select, and the peers and ports of their rules.

use std::collections::BTreeMap;
use std::net::IpAddr;

use rutter::yaml::Node;

use super::pods::Pod;
use super::selectors::{Labels, Selector, plain};
use crate::plan::objects::{Object, items, scalar};
use crate::plan::observed::text;

/// The policies of a namespace.
pub(super) struct Policies<'a> {
    pub(super) namespace: &'a str,
    pub(super) all: Vec<Policy<'a>>,
    /// The peers of all rules, each of them once.
    pub(super) peers: Vec<Peer>,
}

/// A peer, by its place in [`Policies`].
pub(super) type PeerId = usize;

/// A policy (`networking/v1`, `NetworkPolicy`).
pub(super) struct Policy<'a> {
    pub(super) object: &'a Object,
    pub(super) times: Times,
    pub(super) pods: Selector,
    /// Its rules for each direction; none if it says nothing of one.
    ingress: Option<Vec<Rule>>,
    egress: Option<Vec<Rule>>,
}

/// The times at which a policy holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) before: bool,
    /// From the first apply on. What is deleted goes last.
    pub(super) during: bool,
    pub(super) after: bool,
}

impl Times {
    pub(super) fn is_other_after(self) -> bool {
        self.before != self.after
    }
}

/// A time of the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Time {
    Before,
    During,
    After,
}

/// A direction of traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Ingress,
    Egress,
}

/// A rule of a policy.
pub(super) struct Rule {
    /// All ports if there are none.
    pub(super) ports: Vec<Ports>,
    /// Everyone if there are none.
    pub(super) peers: Vec<PeerId>,
}

/// Ports of a protocol.
pub(super) struct Ports {
    pub(super) protocol: String,
    pub(super) port: Port,
}

pub(super) enum Port {
    Any,
    /// The first and the last.
    Numbers(u16, u16),
    /// The pod with which the traffic goes to it has a port of this name.
    Name(String),
}

/// A peer of a rule (`networking/v1`, `NetworkPolicyPeer`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Peer {
    Block {
        cidr: String,
        except: Vec<String>,
        /// Whether its addresses are of the family in which pods reach each other.
        is_of_family: bool,
    },
    Pods {
        pods: Option<Selector>,
        /// The policy's own namespace if there are none.
        namespaces: Option<Selector>,
    },
}

impl<'a> Policies<'a> {
    pub(super) fn of(namespace: &'a str, family: Family, objects: impl Iterator<Item = (&'a Object, Times)>) -> Self {
        let mut known = BTreeMap::new();
        let all = objects
            .map(|(object, times)| Policy::of(object, times, family, &mut known))
            .collect();
        let mut peers: Vec<(Peer, PeerId)> = known.into_iter().collect();
        peers.sort_by_key(|(_, id)| *id);
        Self {
            namespace,
            all,
            peers: peers.into_iter().map(|(peer, _)| peer).collect(),
        }
    }
}

impl<'a> Policy<'a> {
    fn of(object: &'a Object, times: Times, family: Family, known: &mut BTreeMap<Peer, PeerId>) -> Self {
        let mut rules = |direction: Direction| {
            has_type(object, direction).then(|| {
                let (rules, peers) = direction.fields();
                let rules = items(object.node.at(rules)).iter();
                rules.map(|rule| Rule::of(rule, peers, family, known)).collect()
            })
        };
        Self {
            object,
            times,
            pods: object.node.at("spec.podSelector").map(Selector::of).unwrap_or_default(),
            ingress: rules(Direction::Ingress),
            egress: rules(Direction::Egress),
        }
    }

    pub(super) fn is_at(&self, time: Time) -> bool {
        match time {
            Time::Before => self.times.before,
            Time::During => self.times.during,
            Time::After => self.times.after,
        }
    }

    pub(super) fn rules(&self, direction: Direction) -> Option<&[Rule]> {
        match direction {
            Direction::Ingress => self.ingress.as_deref(),
            Direction::Egress => self.egress.as_deref(),
        }
    }
}

/// Whether a policy has rules for a direction (`networking/v1`, `NetworkPolicySpec.PolicyTypes`).
fn has_type(policy: &Object, direction: Direction) -> bool {
    let types = items(policy.node.at("spec.policyTypes"));
    if types.is_empty() {
        return match direction {
            Direction::Ingress => true,
            Direction::Egress => !items(policy.node.at("spec.egress")).is_empty(),
        };
    }
    types.iter().filter_map(scalar).any(|kind| kind == direction.name())
}

impl Direction {
    fn name(self) -> &'static str {
        match self {
            Self::Ingress => "Ingress",
            Self::Egress => "Egress",
        }
    }

    /// The fields of a policy's rules, and of a rule's peers.
    fn fields(self) -> (&'static str, &'static str) {
        match self {
            Self::Ingress => ("spec.ingress", "from"),
            Self::Egress => ("spec.egress", "to"),
        }
    }
}

impl Rule {
    fn of(node: &Node, peers: &str, family: Family, known: &mut BTreeMap<Peer, PeerId>) -> Self {
        let id = |peer: &Node| {
            let next = known.len();
            *known.entry(Peer::of(peer, family)).or_insert(next)
        };
        Self {
            peers: items(node.get(peers)).iter().map(id).collect(),
            ports: items(node.get("ports")).iter().map(Ports::of).collect(),
        }
    }

    /// Whether it is about a port of a pod.
    pub(super) fn has_port(&self, pod: &Pod, port: u16) -> bool {
        self.ports.is_empty()
            || self.ports.iter().any(|ports| {
                ports.protocol == "TCP"
                    && match &ports.port {
                        Port::Any => true,
                        Port::Numbers(first, last) => (*first..=*last).contains(&port),
                        Port::Name(name) => pod.ports.get(name) == Some(&port),
                    }
            })
    }
}

impl Ports {
    fn of(node: &Node) -> Self {
        let number = |field: &str| text(node, field).and_then(|port| port.parse::<u16>().ok());
        let port = match (text(node, "port"), number("port")) {
            (None, _) => Port::Any,
            (_, Some(first)) => Port::Numbers(first, number("endPort").unwrap_or(first)),
            (Some(name), None) => Port::Name(name),
        };
        Self {
            protocol: text(node, "protocol").unwrap_or_else(|| "TCP".to_owned()),
            port,
        }
    }
}

impl Peer {
    fn of(node: &Node, family: Family) -> Self {
        let field = |name: &str| node.get(name).filter(|node| !node.is_null());
        match field("ipBlock") {
            Some(block) => {
                let cidr = text(block, "cidr").unwrap_or_default();
                Self::Block {
                    is_of_family: Cidr::of(&cidr).is_some_and(|cidr| cidr.family() == family),
                    except: items(block.get("except")).iter().filter_map(scalar).collect(),
                    cidr,
                }
            }
            None => Self::Pods {
                pods: field("podSelector").map(Selector::of),
                namespaces: field("namespaceSelector").map(Selector::of),
            },
        }
    }

    /// Whether a pod of a namespace is one of these; none if its address or the labels of its namespace decide.
    pub(super) fn includes(&self, labels: &Labels, namespace: &str) -> Option<bool> {
        match self {
            Self::Block {
                cidr,
                except,
                is_of_family,
            } => {
                let block = Cidr::of(cidr)?;
                if block.is_of_no_pod() {
                    return Some(false);
                }
                let is_of_no_pod = |text: &String| Cidr::of(text).is_some_and(|cidr| cidr.is_of_no_pod());
                (*is_of_family && block.is_all() && except.iter().all(is_of_no_pod)).then_some(true)
            }
            Self::Pods { pods, namespaces } => {
                if pods.as_ref().is_some_and(|pods| !pods.matches(labels)) {
                    return Some(false);
                }
                match namespaces {
                    Some(namespaces) => namespaces.selects_namespace(namespace),
                    None => pods.as_ref().map(|_| true),
                }
            }
        }
    }

    /// Returns it as text, of a cluster whose members have these labels.
    pub(super) fn shown(&self, members: &Labels) -> String {
        match self {
            Self::Block { cidr, except, .. } if except.is_empty() => plain(cidr),
            Self::Block { cidr, except, .. } => {
                let except: Vec<String> = except.iter().map(|cidr| plain(cidr)).collect();
                format!("{} without {}", plain(cidr), except.join(" and "))
            }
            Self::Pods { pods, namespaces } => {
                let selected = match pods {
                    Some(selector) if selector.is_of(members) && !members.is_empty() => "the members".to_owned(),
                    Some(selector) => selector.shown("pods"),
                    None => "all pods".to_owned(),
                };
                match namespaces {
                    Some(namespaces) => format!("{selected} in {}", namespaces.shown("namespaces")),
                    None if selected == "all pods" => format!("{selected} of the namespace"),
                    None => selected,
                }
            }
        }
    }
}

/// A family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    IPv4,
    IPv6,
}

/// A block of addresses.
pub(super) struct Cidr {
    address: IpAddr,
    bits: u32,
}

/// Addresses that no pod has: those of a link, a loopback, a group, and of the metadata of a cloud.
const OF_NO_POD: [&str; 12] = [
    "0.0.0.0/8",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "224.0.0.0/4",
    "100.100.100.200/32",
    "168.63.129.16/32",
    "::1/128",
    "::/128",
    "fe80::/10",
    "ff00::/8",
    "fd00:ec2::254/128",
    "fd20:ce::254/128",
];

impl Cidr {
    pub(super) fn of(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        let bits = bits.parse().ok()?;
        (bits <= width(address)).then_some(Self { address, bits })
    }

    fn family(&self) -> Family {
        if self.address.is_ipv4() {
            Family::IPv4
        } else {
            Family::IPv6
        }
    }

    /// Whether these are all addresses of a family.
    pub(super) fn is_all(&self) -> bool {
        self.bits == 0
    }

    /// Whether no pod has any of these addresses.
    pub(super) fn is_of_no_pod(&self) -> bool {
        OF_NO_POD
            .iter()
            .any(|block| Self::of(block).is_some_and(|block| block.contains(self)))
    }

    /// Whether it contains all addresses of another block.
    pub(super) fn contains(&self, other: &Self) -> bool {
        let prefix = |address: IpAddr| number(address).checked_shr(width(address) - self.bits).unwrap_or(0);
        self.address.is_ipv4() == other.address.is_ipv4()
            && self.bits <= other.bits
            && prefix(self.address) == prefix(other.address)
    }
}

fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}
