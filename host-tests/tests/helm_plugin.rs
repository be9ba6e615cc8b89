//! The module in the real Helm 4, which runs it in process: every case as `helm etcd`, and the post-renderer.
//!
//! The first call compiles the module, which takes some seconds. Helm's cache has it for all other calls of a run.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use etcd_package::EtcdPackage;
use host_tests::{COMMAND_LINES, Case, RouteOutput, artifact, data, diagnostics, feed, root, same, trials};
use libtest_mimic::{Arguments, Trial};
use rutter::command::{self, Invocation};
use tempfile::TempDir;
use wasmparser::{Parser, Payload};

/// The directories below `dist/helm/`.
const PLUGINS: [&str; 2] = ["etcd", "etcd-post-renderer"];

type Test = fn(&Path) -> Result<()>;

fn main() -> Result<()> {
    let arguments = Arguments::from_args();
    let home = Arc::new(home()?);
    let directory = Arc::clone(&home);
    let mut all = trials("helm-plugin", move |case| case_by_helm(directory.path(), case))?;
    for args in COMMAND_LINES {
        let directory = Arc::clone(&home);
        let name = format!("helm-plugin::command-line::{}", args.join(" "));
        all.push(Trial::test(name, move || Ok(command_line(directory.path(), args)?)));
    }
    let others: [(&str, Test); 6] = [
        ("namespaces", namespaces),
        ("refusals", refusals),
        ("large_input", large_input),
        ("post_renderer", post_renderer),
        ("versions", versions),
        ("imports", imports),
    ];
    for (name, test) in others {
        let directory = Arc::clone(&home);
        all.push(Trial::test(format!("helm-plugin::{name}"), move || {
            Ok(test(directory.path())?)
        }));
    }
    let conclusion = libtest_mimic::run(&arguments, all);
    // `exit` drops nothing, and the directory contains a compiled module.
    if let Some(home) = Arc::into_inner(home) {
        home.close()?;
    }
    conclusion.exit()
}

/// Creates a directory for all of Helm's data, with the built plugins installed as by a user.
fn home() -> Result<TempDir> {
    let home = tempfile::tempdir()?;
    for plugin in PLUGINS {
        let module = artifact(&format!("helm/{plugin}/plugin.wasm"))?.canonicalize()?;
        let output = helm(home.path())
            .args(["plugin", "install"])
            .arg(module.parent().context("the plugin's directory")?)
            .output()
            .context("the helm command: `cargo xtask test` installs it")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    // Compile before the first trial: trials run in parallel, and each would compile the module again.
    let output = helm(home.path()).args(["etcd", "--version"]).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(home)
}

/// Returns a Helm command without the user's data. Helm installs plugins into its data directory, whatever
/// `HELM_PLUGINS` is, and looks for them there.
fn helm(home: &Path) -> Command {
    let mut helm = Command::new("helm");
    for (variable, directory) in [
        ("HELM_PLUGINS", "data/plugins"),
        ("HELM_CACHE_HOME", "cache"),
        ("HELM_CONFIG_HOME", "config"),
        ("HELM_DATA_HOME", "data"),
        ("KUBECONFIG", "kubeconfig"),
    ] {
        helm.env(variable, home.join(directory));
    }
    helm.env_remove("HELM_NAMESPACE");
    helm
}

/// Splits standard error into the plugin's output and Helm's error about it, if it failed.
fn split_stderr(stderr: &str) -> (String, Option<&str>) {
    let mut plugins = String::new();
    let mut helms = None;
    for line in stderr.split_inclusive('\n') {
        match line.strip_prefix("Error: plugin error: ") {
            Some(line) => helms = Some(line.trim_end()),
            None => plugins.push_str(line),
        }
    }
    (plugins, helms)
}

fn case_by_helm(home: &Path, case: &Case) -> Result<RouteOutput> {
    let output = feed(helm(home).args(["etcd", "render"]).args(&case.args), &case.input)?;
    let stderr = String::from_utf8(output.stderr)?;
    let (stderr, error) = split_stderr(&stderr);
    ensure!(output.status.success() == error.is_none(), "{stderr}{error:?}");
    Ok(RouteOutput {
        stdout: String::from_utf8(output.stdout)?,
        diagnostics: diagnostics(&stderr),
        status: output.status.code().context("an exit status")?,
    })
}

fn expected(args: &[&str], namespace: &str, stdin: &[u8]) -> command::Outcome {
    let invocation = Invocation {
        program: "helm etcd",
        namespace,
    };
    let args = args.iter().map(Into::into);
    command::run(&EtcdPackage, invocation, args, || Ok(stdin.to_vec()))
}

/// Checks that the module in Helm prints the same as the package in Rust. Helm has only success and failure.
fn command_line(home: &Path, args: &[&str]) -> Result<()> {
    let expected = expected(args, "default", b"");
    let output = feed(helm(home).arg("etcd").args(args), b"")?;
    same("standard output", &expected.stdout, &String::from_utf8(output.stdout)?)?;
    let stderr = String::from_utf8(output.stderr)?;
    let (stderr, error) = split_stderr(&stderr);
    same("standard error", &expected.stderr, &stderr)?;
    let reason = match expected.status {
        0 => None,
        1 => Some("the input is refused, as said above"),
        _ => Some("the command line is not understood, as said above"),
    };
    ensure!(error == reason, "Helm prints {error:?}");
    ensure!(
        output.status.code() == Some(expected.status.min(1).into()),
        "{}",
        output.status
    );
    Ok(())
}

/// The namespace is Helm's: a flag at any position, the environment, or the context.
fn namespaces(home: &Path) -> Result<()> {
    let contexts = home.join("contexts");
    let context = "\
apiVersion: v1
kind: Config
current-context: a
contexts: [{name: a, context: {cluster: a, namespace: shop}}]
clusters: [{name: a, cluster: {server: \"https://127.0.0.1:1\"}}]
";
    fs::write(&contexts, context)?;
    let expected = expected(&["render"], "shop", b"").stdout;
    for args in [
        &["etcd", "render", "--namespace", "shop"][..],
        &["etcd", "render", "--namespace=shop"],
        &["etcd", "-n", "shop"],
        &["etcd", "-nshop"],
        &["--namespace", "shop", "etcd"],
    ] {
        let output = feed(helm(home).args(args), b"")?;
        same(&args.join(" "), &expected, &String::from_utf8(output.stdout)?)?;
    }
    let output = feed(helm(home).arg("etcd").env("HELM_NAMESPACE", "shop"), b"")?;
    same("HELM_NAMESPACE", &expected, &String::from_utf8(output.stdout)?)?;
    let output = feed(helm(home).arg("etcd").env("KUBECONFIG", contexts), b"")?;
    same("the context", &expected, &String::from_utf8(output.stdout)?)
}

/// If the input is refused, Helm fails, and standard output is empty, whatever else would have been rendered.
fn refusals(home: &Path) -> Result<()> {
    for input in [
        &b"replcas: 3\n"[..],
        b"\xff",
        b"a: [",
        b"apiVersion: v1\nkind: Pod\n---\napiVersion: etcd.rutter.dev/v1alpha1\nkind: EtcdCluster\nspec: {replicas: 0}\n",
    ] {
        for verb in ["render", "validate"] {
            let output = feed(helm(home).args(["etcd", verb]), input)?;
            ensure!(output.status.code() == Some(1), "{output:?}");
            ensure!(output.stdout.is_empty(), "{output:?}");
            let stderr = String::from_utf8(output.stderr)?;
            let summary = "etcd: the input is refused\nError: plugin error: the input is refused, as said above\n";
            ensure!(stderr.starts_with("error[") || stderr.starts_with("warning["), "{stderr}");
            ensure!(stderr.ends_with(summary), "{stderr}");
        }
    }
    Ok(())
}

/// The largest input fits into the memory that the plugin requests. A larger one is refused without a trap.
fn large_input(home: &Path) -> Result<()> {
    let object = |size: usize| {
        let text = "x".repeat(size);
        format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: large}}\ndata:\n  text: {text}\n")
    };
    let most = rutter::stream::MAX_BYTES;
    let fits = object(most - object(0).len());
    let output = feed(helm(home).arg("etcd"), fits.as_bytes())?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    ensure!(output.stdout == fits.as_bytes(), "the large object changed");
    let output = feed(helm(home).arg("etcd"), object(most).as_bytes())?;
    let stderr = String::from_utf8(output.stderr)?;
    ensure!(!output.status.success() && output.stdout.is_empty(), "{stderr}");
    ensure!(stderr.contains("larger than the 64 MiB accepted"), "{stderr}");
    Ok(())
}

/// This Helm passes no manifests to a post-renderer that it runs in process. FIXME: once it does, compare its output
/// like in helm.rs.
fn post_renderer(home: &Path) -> Result<()> {
    let output = helm(home)
        .args(["template", "orders"])
        .arg(root().join("chart"))
        .args(["--post-renderer", "etcd-post-renderer"])
        .output()?;
    let stderr = String::from_utf8(output.stderr)?;
    ensure!(!output.status.success() && output.stdout.is_empty(), "{stderr}");
    for expected in ["helm#31832", "plugins/helm/rutter", "--post-renderer rutter"] {
        ensure!(stderr.contains(expected), "{expected:?} is missing in\n{stderr}");
    }
    Ok(())
}

fn versions(_: &Path) -> Result<()> {
    for plugin in PLUGINS {
        let path = root().join("plugins/helm-in-process").join(plugin).join("plugin.yaml");
        let source = fs::read_to_string(path)?;
        let yaml: serde_json::Value = serde_yaml::from_str(&source)?;
        ensure!(yaml["version"] == env!("CARGO_PKG_VERSION"), "{source}");
        let built = artifact(&format!("helm/{plugin}/plugin.yaml"))?;
        same("the built plugin.yaml", &source, &fs::read_to_string(built)?)?;
    }
    Ok(())
}

/// Checks that a list gives reasons for the module's imports, and that it has an entry for each kind of plugin.
fn imports(_: &Path) -> Result<()> {
    let list = data("plugin-imports.txt")?;
    let mut listed = BTreeSet::new();
    for line in list.lines().filter(|line| !line.starts_with('#')) {
        let (import, _reason) = line
            .split_once(" - ")
            .context("an import requires a reason, after ` - `")?;
        listed.insert(import.to_owned());
    }
    let (mut imports, mut exports) = (BTreeSet::new(), BTreeSet::new());
    let module = fs::read(artifact("helm/etcd/plugin.wasm")?)?;
    for payload in Parser::new(0).parse_all(&module) {
        match payload? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    imports.insert(format!("{} {}", import.module, import.name));
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    exports.insert(export?.name.to_owned());
                }
            }
            _ => {}
        }
    }
    let missing: Vec<_> = listed.difference(&imports).collect();
    let unlisted: Vec<_> = imports.difference(&listed).collect();
    ensure!(
        missing.is_empty(),
        "listed in data/plugin-imports.txt, but not imported: {missing:?}"
    );
    ensure!(
        unlisted.is_empty(),
        "imported, but not listed in data/plugin-imports.txt: {unlisted:?}"
    );
    let entries = ["helm_plugin_main", "memory", "post_render"].map(str::to_owned);
    ensure!(exports == entries.into(), "exports: {exports:?}");
    Ok(())
}
