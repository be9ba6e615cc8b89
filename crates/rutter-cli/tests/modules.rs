//! The imports between the modules of this crate.

use std::io;
use std::path::Path;

#[path = "../../../host-tests/src/modules.rs"]
#[allow(dead_code, unreachable_pub, reason = "another crate's module")]
mod modules;

/// The modules of the crate. Each may use those before it.
const ORDER: [&str; 30] = [
    "args",
    "cache",
    "json",
    "kubernetes",
    "observed",
    "sources",
    "kubectl",
    "output",
    "package",
    "failure",
    "report",
    "reader",
    "sink",
    "files",
    "stream",
    "inputs",
    "against_helm",
    "render",
    "documentation",
    "diff",
    "plan",
    "apply",
    "post_render",
    "krm",
    "argocd",
    "plugin",
    "new",
    "cases",
    "command_line",
    "commands",
];

fn source() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))
}

#[test]
fn each_module_uses_only_those_before_it() -> io::Result<()> {
    modules::check_order(source(), &ORDER)
}

#[test]
fn there_is_no_circle_of_modules() -> io::Result<()> {
    modules::check_circles(source(), &[])
}
