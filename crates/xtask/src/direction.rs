//! Checks that dependencies between crates point in one direction.
//!
//! Hosts must not know packages, and packages must not know hosts. A wrong line in a `Cargo.toml` would undo that
//! silently, so the check asks cargo.

use anyhow::{Result, ensure};

use crate::command;
use crate::workspace::Workspace;

/// A dependency that must not exist, neither directly nor through other crates.
struct Rule {
    krate: &'static str,
    must_not_use: &'static str,
    because: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        krate: "rutter-host",
        must_not_use: "etcd-package",
        because: "a host knows a package only as a component",
    },
    Rule {
        krate: "rutter-cli",
        must_not_use: "etcd-package",
        because: "a host knows a package only as a component",
    },
    Rule {
        krate: "rutter-cli",
        must_not_use: "k8s-openapi",
        because: "a host passes on objects of any type",
    },
    Rule {
        krate: "rutter-component",
        must_not_use: "etcd-package",
        because: "it makes a component of any package",
    },
    Rule {
        krate: "rutter-helm-plugin",
        must_not_use: "etcd-package",
        because: "it makes a plugin of any package",
    },
    Rule {
        krate: "e2e",
        must_not_use: "rutter",
        because: "scenarios use what a user has",
    },
    Rule {
        krate: "e2e",
        must_not_use: "etcd-package",
        because: "scenarios use what a user has",
    },
    Rule {
        krate: "kubernetes-validation",
        must_not_use: "etcd-package",
        because: "the rules are Kubernetes' own, and every package needs them",
    },
    Rule {
        krate: "rutter",
        must_not_use: "wasmtime",
        because: "the SDK builds for any target",
    },
    Rule {
        krate: "etcd-package",
        must_not_use: "wasmtime",
        because: "a package is a pure function",
    },
    Rule {
        krate: "etcd-component",
        must_not_use: "wasmtime",
        because: "a component does not know its host",
    },
    Rule {
        krate: "etcd-helm-plugin",
        must_not_use: "wasmtime",
        because: "it runs in Helm's own runtime",
    },
];

/// Checks all rules.
///
/// # Errors
///
/// If a rule is broken, or cargo fails.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    for Rule {
        krate,
        must_not_use,
        because,
    } in RULES
    {
        // Without dev-dependencies, because tests may use anything; but with all features and targets.
        let tree = command::read(workspace.cargo().args([
            "tree",
            "--package",
            krate,
            "--edges",
            "normal,build",
            "--all-features",
            "--target",
            "all",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ]))?;
        ensure!(
            !uses(&tree, must_not_use),
            "{krate} depends on {must_not_use}, but {because}: see `cargo tree -p {krate} -i {must_not_use}`"
        );
    }
    Ok(())
}

/// Whether a list of packages, one `name version` a line, contains this name.
fn uses(tree: &str, name: &str) -> bool {
    tree.lines().any(|line| line.split(' ').next() == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_whole() {
        let tree = "rutter-host v0.1.0 (/a/wasmtime)\nwasmtime-wasi v48.0.8\n";
        assert!(uses(tree, "wasmtime-wasi"));
        assert!(!uses(tree, "wasmtime"));
    }
}
