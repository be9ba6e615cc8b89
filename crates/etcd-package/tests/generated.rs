//! The files that are generated from the types of `values`. `BLESS=1` writes them.

use std::io::Result;

use etcd_package::values::Values;
use rutter::schema;
use rutter_build::check;

const HEAD: &str = "\
# Values

The fields of a values document, and of the `spec` of an `EtcdCluster`. All fields are optional. `null` means that a
field is absent. `rutter explain FIELD` documents one field. This page is generated from the types in the source.

";

#[test]
fn the_schema_is_fresh() -> Result<()> {
    check("generated/values.schema.json", &schema::json::<Values>())
}

#[test]
fn the_defaults_are_fresh() -> Result<()> {
    check("generated/values.yaml", &schema::defaults::<Values>())
}

#[test]
fn the_chart_s_values_are_fresh() -> Result<()> {
    check("../../chart/values.yaml", &schema::chart_values::<Values>())
}

#[test]
fn the_chart_s_schema_is_fresh() -> Result<()> {
    check("../../chart/values.schema.json", &schema::chart_schema::<Values>())
}

#[test]
fn the_reference_is_fresh() -> Result<()> {
    let reference = schema::reference::<Values>();
    check("../../docs/values.md", &format!("{HEAD}{reference}"))
}
