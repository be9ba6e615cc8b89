//! The types of Kubernetes' API, read from the table that Kubernetes' own code writes.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use rutter::yaml::Scalar;

use super::defaults::{RULES, Rule};

/// The types of custom resources, as far as their defaults need them. All other fields are unknown, and compared exactly.
///
/// Source: `+kubebuilder:default="replace"` of `RelabelConfig.Action` in
/// `pkg/apis/monitoring/v1/types.go` of github.com/prometheus-operator/prometheus-operator v0.89.0. The custom resource
/// definitions of cert-manager have no defaults for what this package renders.
const CUSTOM: &str = "\
@monitoring.coreos.com PodMonitor
@monitoring.coreos.com ServiceMonitor
Unknown:
metadata .ObjectMeta
status -
PodMonitor:
metadata .ObjectMeta
spec *.PodMonitorSpec
status -
PodMonitorSpec:
podMetricsEndpoints *[].MonitorEndpoint
ServiceMonitor:
metadata .ObjectMeta
spec *.ServiceMonitorSpec
status -
ServiceMonitorSpec:
endpoints *[].MonitorEndpoint
MonitorEndpoint:
metricRelabelings *[].RelabelConfig
relabelings *[].RelabelConfig
RelabelConfig:
action *s=replace
";

/// The type of a field.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Code {
    Str,
    Int,
    Bool,
    Quantity,
    /// A quantity that the API server rounds up to thousandths: `SetDefaults_ResourceList`.
    Resource,
    IntOrString,
    Time,
    Bytes,
    Unknown,
    /// A status, which is never desired.
    Ignored,
    /// A struct: an index into the types.
    Struct(usize),
    /// A pointer: its zero value differs from its absence.
    Pointer(Box<Self>),
    Map(Box<Self>),
    List(Identity, Box<Self>),
}

/// The way in which items of a list are identified.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Identity {
    /// Their position.
    Index,
    /// A field.
    Field(&'static str),
    /// The name in their metadata.
    Name,
    /// The name of a flag, in a command line.
    Flag,
    /// Their text.
    Text,
}

/// A struct type.
#[derive(Debug)]
pub(super) struct Type {
    pub(super) name: &'static str,
    pub(super) fields: Vec<Field>,
    /// The indices of fields by name.
    by_name: BTreeMap<&'static str, usize>,
    /// The indices of the fields whose defaults depend on other fields.
    pub(super) dependent: Vec<usize>,
}

/// A field of a struct type.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) code: Code,
    pub(super) default: FieldDefault,
}

/// The value of a field that is absent.
#[derive(Debug)]
pub(super) enum FieldDefault {
    /// None.
    None,
    /// An empty struct.
    Empty,
    /// Always the same.
    Scalar(Scalar),
    /// It depends on other fields.
    Dependent(Rule),
}

/// All types.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) types: Vec<Type>,
    by_name: BTreeMap<&'static str, usize>,
    kinds: BTreeMap<(&'static str, &'static str), usize>,
}

impl Type {
    pub(super) fn field(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }
}

impl Table {
    /// Returns the table.
    pub(super) fn get() -> &'static Self {
        static TEXT: OnceLock<String> = OnceLock::new();
        static TABLE: OnceLock<Table> = OnceLock::new();
        TABLE.get_or_init(|| {
            let text = TEXT.get_or_init(|| rutter::compressed!("types.txt"));
            Self::read([text.as_str(), CUSTOM])
        })
    }

    /// The code of a kind's objects.
    pub(super) fn kind(&self, group: &str, kind: &str) -> Code {
        let known = self.kinds.get(&(group, kind)).copied();
        known.map_or_else(|| self.code_of("Unknown"), Code::Struct)
    }

    /// The code of a type by its name.
    pub(super) fn code_of(&self, name: &str) -> Code {
        self.by_name
            .get(name)
            .map_or(Code::Unknown, |index| Code::Struct(*index))
    }

    /// Reads tables in the grammar that `types.txt` begins with.
    fn read(texts: [&'static str; 2]) -> Self {
        let lines = || {
            texts
                .into_iter()
                .flat_map(str::lines)
                .filter(|line| !line.starts_with('#'))
        };
        let names = lines().filter_map(|line| line.strip_suffix(':'));
        let by_name: BTreeMap<_, _> = names.zip(0..).collect();
        let mut table = Self {
            types: Vec::new(),
            by_name,
            kinds: BTreeMap::new(),
        };
        for line in lines() {
            if let Some((group, kind)) = line.strip_prefix('@').and_then(|root| root.split_once(' ')) {
                if let Some(index) = table.by_name.get(kind) {
                    table.kinds.insert((group, kind), *index);
                }
            } else if let Some(name) = line.strip_suffix(':') {
                table.types.push(Type {
                    name,
                    fields: Vec::new(),
                    by_name: BTreeMap::new(),
                    dependent: Vec::new(),
                });
            } else if let (Some((name, rest)), Some(owner)) = (line.split_once(' '), table.types.last_mut()) {
                let (code, default) = match rest.split_once('=') {
                    Some((code, default)) => (code, Some(default)),
                    None => (rest, None),
                };
                let code = code_of_field(owner.name, name, code, &table.by_name);
                let mut rules = RULES.iter();
                let rule = rules.find(|(of, field, _)| (*of, *field) == (owner.name, name));
                let default = match (default, rule) {
                    (_, Some((_, _, rule))) => FieldDefault::Dependent(*rule),
                    (None | Some("?"), _) => FieldDefault::None,
                    (Some("{}"), _) => FieldDefault::Empty,
                    (Some(text), _) => FieldDefault::Scalar(code.scalar(text)),
                };
                let index = owner.fields.len();
                if matches!(default, FieldDefault::Dependent(_)) {
                    owner.dependent.push(index);
                }
                owner.by_name.insert(name, index);
                owner.fields.push(Field { name, code, default });
            }
        }
        table
    }
}

impl Code {
    /// Returns the scalar of this type for the text of a default.
    fn scalar(&self, text: &str) -> Scalar {
        match self {
            Self::Pointer(inner) => inner.scalar(text),
            Self::Str => Scalar::quoted(text),
            Self::IntOrString if text.parse::<i64>().is_err() => Scalar::quoted(text),
            _ => Scalar::plain(text),
        }
    }
}

/// The type of a field, with what identifies the items of lists beyond their merge keys.
fn code_of_field(owner: &str, name: &str, code: &'static str, types: &BTreeMap<&str, usize>) -> Code {
    let code = code_of(code, types);
    let identity = match (owner, name) {
        ("StatefulSetSpec", "volumeClaimTemplates") => Identity::Name,
        ("Container" | "EphemeralContainer", "args" | "command") => Identity::Flag,
        _ => return code,
    };
    match code {
        Code::List(_, item) => Code::List(identity, item),
        code => code,
    }
}

fn code_of(code: &'static str, types: &BTreeMap<&str, usize>) -> Code {
    if let Some(inner) = code.strip_prefix('*') {
        return Code::Pointer(Box::new(code_of(inner, types)));
    }
    if let Some(inner) = code.strip_prefix("{}") {
        return Code::Map(Box::new(match code_of(inner, types) {
            Code::Quantity => Code::Resource,
            inner => inner,
        }));
    }
    if let Some((key, inner)) = code.strip_prefix('[').and_then(|list| list.split_once(']')) {
        let identity = match key {
            "" => Identity::Index,
            "+" => Identity::Text,
            key => Identity::Field(key),
        };
        return Code::List(identity, Box::new(code_of(inner, types)));
    }
    if let Some(name) = code.strip_prefix('.') {
        return types.get(name).map_or(Code::Unknown, |index| Code::Struct(*index));
    }
    match code {
        "s" => Code::Str,
        "i" => Code::Int,
        "b" => Code::Bool,
        "q" => Code::Quantity,
        "x" => Code::IntOrString,
        "t" => Code::Time,
        "y" => Code::Bytes,
        "-" => Code::Ignored,
        _ => Code::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_known(code: &Code) -> bool {
        match code {
            Code::Unknown => false,
            Code::Pointer(inner) | Code::Map(inner) | Code::List(_, inner) => is_known(inner),
            _ => true,
        }
    }

    #[test]
    fn every_line_of_the_table_is_understood() {
        let table = Table::get();
        let text = include_str!("types.txt");
        let of_all = |suffix: &str| {
            [text, CUSTOM]
                .iter()
                .flat_map(|text| text.lines())
                .filter(|line| line.ends_with(suffix))
                .count()
        };
        assert_eq!(table.types.len(), of_all(":"));
        assert_eq!(
            table.kinds.len(),
            text.matches("\n@").count() + CUSTOM.matches('@').count()
        );
        let fields = table
            .types
            .iter()
            .flat_map(|of| of.fields.iter().map(move |field| (of, field)));
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let lines = lines
            .chain(CUSTOM.lines())
            .filter(|line| !line.ends_with(':') && !line.starts_with('@'));
        assert_eq!(fields.clone().count(), lines.count());
        for (of, field) in fields {
            let is_opaque = field.name == "fieldsV1";
            assert!(is_known(&field.code) != is_opaque, "{}.{}", of.name, field.name);
        }
    }

    #[test]
    fn every_default_that_depends_on_other_fields_has_its_rule() {
        let mut owner = "";
        let mut rules: Vec<_> = RULES.iter().map(|(of, field, _)| (*of, *field)).collect();
        for line in include_str!("types.txt").lines() {
            owner = line.strip_suffix(':').unwrap_or(owner);
            let Some((name, rest)) = line.split_once(' ') else {
                continue;
            };
            let rule = rules
                .iter()
                .position(|rule| *rule == (owner, name))
                .map(|index| rules.remove(index));
            assert!(
                rule.is_some() || !rest.ends_with("=?") || line.starts_with('#'),
                "{owner}.{name}"
            );
        }
        assert_eq!(rules, [], "rules of fields that do not exist");
    }
}
