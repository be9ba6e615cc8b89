//! The files that are generated from the types of `values`. They are checked in, so that a change of a type shows what it
//! changes for people, and so that the component need not carry what generates them. `BLESS=1` writes them anew.

#![allow(
    clippy::disallowed_methods,
    reason = "the crate is pure; its tests read and write what is generated from it"
)]

use std::path::Path;
use std::{fs, io};

use etcd_package::values::Values;

const HEAD: &str = "\
# Values

What can be asked of the etcd package: a values document, or the `spec` of an `EtcdCluster`. All values are optional,
and `null` means that a value is not there. `rutter explain FIELD` tells the same of one field. This page is generated
from the types in the source.

";

/// `file` is named from the package's folder.
fn check(file: &str, fresh: &str) -> io::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, fresh)?;
    }
    let found = fs::read_to_string(&path)?;
    assert!(
        found == fresh,
        "{file} is stale: `BLESS=1 cargo test -p etcd-package` writes it anew"
    );
    Ok(())
}

#[test]
fn the_schema_is_fresh() -> io::Result<()> {
    check("generated/values.schema.json", &rutter::schema::json::<Values>())
}

#[test]
fn the_defaults_are_fresh() -> io::Result<()> {
    check("generated/values.yaml", &rutter::schema::defaults::<Values>())
}

#[test]
fn the_reference_is_fresh() -> io::Result<()> {
    let reference = rutter::schema::reference::<Values>();
    check("../../docs/values.md", &format!("{HEAD}{reference}"))
}
