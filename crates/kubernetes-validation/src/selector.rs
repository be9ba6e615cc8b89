//! Selectors of labels and of nodes (`ValidateLabelSelector` of apimachinery, `ValidateNodeSelector`).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{NodeSelectorRequirement, NodeSelectorTerm};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use rutter::names::{DnsSubdomain, LabelKey, LabelValue};

use crate::field::Field;

const LABEL_OPERATORS: &[&str] = &["In", "NotIn", "Exists", "DoesNotExist"];
const NODE_OPERATORS: &[&str] = &["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"];

/// Checks a label selector.
pub fn labels(field: &mut Field<'_, '_>, selector: &LabelSelector) {
    if let Some(labels) = &selector.match_labels {
        label_map(&mut field.at("matchLabels"), labels);
    }
    field.each(
        "matchExpressions",
        selector.match_expressions.iter().flatten(),
        |field, expression| {
            let values = expression.values.as_deref().unwrap_or_default();
            requirement(field, &expression.key, &expression.operator, values, LABEL_OPERATORS);
            label_values(field, values);
        },
    );
}

/// Checks labels.
pub fn label_map(field: &mut Field<'_, '_>, labels: &BTreeMap<String, String>) {
    keys(field, labels);
    for (key, value) in labels {
        field.entry(key).parse::<LabelValue>(value);
    }
}

/// Checks the keys of labels or annotations.
pub fn keys(field: &mut Field<'_, '_>, map: &BTreeMap<String, String>) {
    for key in map.keys() {
        field.entry(key).parse::<LabelKey>(key);
    }
}

/// Checks a term that a node must match.
pub(crate) fn required_node(field: &mut Field<'_, '_>, term: &NodeSelectorTerm) {
    preferred_node(field, term);
    field.each(
        "matchExpressions",
        term.match_expressions.iter().flatten(),
        |field, expression| {
            label_values(field, expression.values.as_deref().unwrap_or_default());
        },
    );
}

/// Checks a term that a node should match. Kubernetes accepts values here that no label can have.
pub(crate) fn preferred_node(field: &mut Field<'_, '_>, term: &NodeSelectorTerm) {
    field.each(
        "matchExpressions",
        term.match_expressions.iter().flatten(),
        |field, expression| {
            let NodeSelectorRequirement { key, operator, values } = expression;
            requirement(
                field,
                key,
                operator,
                values.as_deref().unwrap_or_default(),
                NODE_OPERATORS,
            );
        },
    );
    field.each(
        "matchFields",
        term.match_fields.iter().flatten(),
        |field, expression| {
            field.required_word("key", &expression.key, &["metadata.name"]);
            field.required_word("operator", &expression.operator, &["In", "NotIn"]);
            let values = expression.values.as_deref().unwrap_or_default();
            if values.len() != 1 {
                let message = format!("a node's name is compared with one value, found {}", values.len());
                field.at("values").invalid(message, "write one name");
            }
            field.each("values", values, |field, name| {
                field.parse::<DnsSubdomain>(name);
            });
        },
    );
}

fn requirement(field: &mut Field<'_, '_>, key: &str, operator: &str, values: &[String], operators: &[&str]) {
    field.name::<LabelKey>("key", key);
    field.required_word("operator", operator, operators);
    let count = values.len();
    match operator {
        "In" | "NotIn" if count == 0 => {
            field.missing(format!("the operator {operator} needs values"), "write values: […]");
        }
        "Exists" | "DoesNotExist" if count > 0 => field
            .at("values")
            .conflict(format!("the operator {operator} takes no values"), "leave values out"),
        "Gt" | "Lt" if count != 1 => field.at("values").invalid(
            format!("the operator {operator} takes one value, found {count}"),
            "write one whole number in quotes",
        ),
        _ => {}
    }
}

fn label_values(field: &mut Field<'_, '_>, values: &[String]) {
    field.each("values", values, |field, value| {
        field.parse::<LabelValue>(value);
    });
}
