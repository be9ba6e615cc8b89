//! The imports between the modules of this crate.

#![allow(clippy::disallowed_methods, reason = "the crate is pure; its tests read its source")]

use std::io;
use std::path::Path;

#[path = "../../../host-tests/src/modules.rs"]
#[allow(unreachable_pub, reason = "another crate's module")]
mod modules;

/// The modules of the crate. Each may use those before it.
const ORDER: [&str; 9] = [
    "codes",
    "cert_manager",
    "prometheus_operator",
    "etcd",
    "values",
    "cluster",
    "manifests",
    "render",
    "plan",
];

/// The module whose modules may use each other.
const EXEMPT: &str = "plan";

fn source() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))
}

#[test]
fn each_module_uses_only_those_before_it() -> io::Result<()> {
    modules::check_order(source(), &ORDER)
}

#[test]
fn manifests_use_neither_values_nor_facts_about_etcd() -> io::Result<()> {
    for (from, to) in modules::edges(source())? {
        let (Some(module), Some(used)) = (from.first(), to.first()) else {
            continue;
        };
        assert!(
            module != "manifests" || !["etcd", "values"].contains(&&**used),
            "{} uses {}, but a cluster is complete: `cluster::resolve` decides",
            from.join("::"),
            to.join("::")
        );
    }
    Ok(())
}

#[test]
fn there_is_no_circle_of_modules() -> io::Result<()> {
    modules::check_circles(source(), &[EXEMPT])
}
