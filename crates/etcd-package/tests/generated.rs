//! The files that are generated from the types of `values`. They are checked in, so that a change of a type shows what it
//! changes for people, and so that the component need not carry what generates them. `BLESS=1` writes them anew.

#![allow(
    clippy::disallowed_methods,
    reason = "the crate is pure; its tests read and write what is generated from it"
)]

use std::path::Path;
use std::{fs, io};

use etcd_package::values::Values;

fn check(file: &str, fresh: &str) -> io::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("generated").join(file);
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
    check("values.schema.json", &rutter::schema::json::<Values>())
}

#[test]
fn the_defaults_are_fresh() -> io::Result<()> {
    check("values.yaml", &rutter::schema::defaults::<Values>())
}
