//! The chart and the post-renderer in the real Helm.
//!
//! Helm sorts objects and formats each again. So objects are compared, and their bytes with those of the package.
//! Behaviour that requires no cluster is tested with `helm template`. For the rest, a few fixed responses replace an
//! API server.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, ensure};
use host_tests::matrix::{self, Agreement};
use host_tests::oracles::{documents, kind};
use host_tests::{Case, artifact, feed, render, root, same};
use libtest_mimic::{Arguments, Trial};
use rutter::{Diagnostic, Rendering};
use serde_json::{Value, json};

type Test = fn() -> Result<()>;
type OfHelm = fn(Helm) -> Result<()>;

/// A Helm, and its way to use the post-renderer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Helm {
    /// It runs a program by its name, and prints its messages if it fails.
    V3,
    /// It runs a plugin by its name.
    V4,
}

impl Helm {
    const ALL: [Self; 2] = [Self::V3, Self::V4];

    fn name(self) -> &'static str {
        match self {
            Self::V3 => "helm-3",
            Self::V4 => "helm-4",
        }
    }

    fn program(self) -> &'static str {
        match self {
            Self::V3 => "helm-3",
            Self::V4 => "helm",
        }
    }

    /// Returns those of its commands that run without a cluster. Helm 3 requires one even to install nothing.
    fn without_cluster<'a>(self, verbs: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
        verbs
            .iter()
            .copied()
            .filter(move |verb| self == Self::V4 || *verb != "install")
    }

    /// Returns the arguments that select the post-renderer.
    fn post_renderer(self) -> &'static [&'static str] {
        match self {
            Self::V3 => &["--post-renderer", "rutter", "--post-renderer-args", "post-render"],
            Self::V4 => &["--post-renderer", "rutter"],
        }
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for case in Case::all()? {
        // Streams come from other charts, and refused values have tests of their own.
        if let Ok(values) = String::from_utf8(case.input.clone())
            && let Ok(rendering) = render("etcd", "shop", &values)
        {
            let (values, rendering) = (Arc::new(values), Arc::new(rendering));
            for helm in Helm::ALL {
                let (values, rendering, case) = (Arc::clone(&values), Arc::clone(&rendering), case.name.clone());
                trials.push(Trial::test(format!("{}::template::{case}", helm.name()), move || {
                    let agreement = template_of_case(helm, &values, &rendering)?;
                    Ok(matrix::record(helm.name(), &case, agreement)?)
                }));
            }
        }
    }
    ensure!(trials.len() > 100, "there are only {} trials", trials.len());
    let of_each: [(&str, OfHelm); 8] = [
        ("uncommented_defaults", uncommented_defaults),
        ("foreign", foreign),
        ("hooks_and_clusters_of_other_charts", hooks_and_clusters_of_other_charts),
        ("umbrella", umbrella),
        ("nothing", nothing),
        ("refused_by_the_schema", refused_by_the_schema),
        ("refused_by_the_post_renderer", refused_by_the_post_renderer),
        ("forgotten_post_renderer", forgotten_post_renderer),
    ];
    for helm in Helm::ALL {
        for (name, test) in of_each {
            trials.push(Trial::test(format!("{}::{name}", helm.name()), move || Ok(test(helm)?)));
        }
    }
    let others: [(&str, Test); 5] = [
        ("chart_versions", chart_versions),
        ("post_render", streams),
        ("large_and_cut_streams", large_and_cut_streams),
        ("plugin_install", plugin_install),
        ("terminal", terminal),
    ];
    for (name, test) in others {
        trials.push(Trial::test(name, move || Ok(test()?)));
    }
    libtest_mimic::run(&arguments, trials).exit()
}

/// Returns a Helm command with the plugins and the command of this checkout, and without the user's data.
fn helm(version: Helm, directory: &Path) -> Result<Command> {
    let rutter = artifact("rutter")?.canonicalize()?;
    let mut path = vec![rutter.parent().context("dist")?.to_path_buf()];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    // Helm 3 does not support the format of Helm 4's plugins.
    let plugins = match version {
        Helm::V3 => directory.join("plugins"),
        Helm::V4 => root().join("plugins/helm").canonicalize()?,
    };
    let mut helm = Command::new(version.program());
    helm.env("PATH", std::env::join_paths(path)?)
        .env("HELM_PLUGINS", plugins)
        .env("HELM_CACHE_HOME", directory.join("cache"))
        .env("HELM_CONFIG_HOME", directory.join("config"))
        .env("HELM_DATA_HOME", directory.join("data"))
        .env("KUBECONFIG", directory.join("kubeconfig"));
    Ok(helm)
}

fn run(command: &mut Command) -> Result<Output> {
    command
        .output()
        .context("the helm command: `cargo xtask test` installs it")
}

/// Renders with the post-renderer, and returns Helm's output if it succeeds.
fn template(version: Helm, directory: &Path, chart: &Path, args: &[&str]) -> Result<String> {
    template_as("orders", version, directory, chart, args)
}

fn template_as(release: &str, version: Helm, directory: &Path, chart: &Path, args: &[&str]) -> Result<String> {
    let mut helm = helm(version, directory)?;
    helm.args(["template", release]).arg(chart);
    let output = run(helm
        .args(["--namespace", "shop"])
        .args(version.post_renderer())
        .args(args))?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// Returns Helm's error, which must fail without standard output.
fn refusal(output: &Output) -> Result<String> {
    ensure!(!output.status.success(), "it succeeded");
    ensure!(
        output.stdout.is_empty(),
        "standard output: {}",
        String::from_utf8_lossy(&output.stdout)
    );
    Ok(String::from_utf8(output.stderr.clone())?)
}

fn chart() -> PathBuf {
    root().join("chart")
}

/// Writes a chart of these files into `directory`.
fn write_chart(directory: &Path, name: &str, dependencies: &Value, files: &[(&str, &str)]) -> Result<PathBuf> {
    let chart = directory.join(name);
    fs::create_dir_all(chart.join("templates"))?;
    let about = json!({"apiVersion": "v2", "name": name, "version": "0.1.0", "dependencies": dependencies});
    fs::write(chart.join("Chart.yaml"), about.to_string())?;
    for (file, text) in files {
        fs::write(chart.join(file), text)?;
    }
    Ok(chart)
}

/// Copies our chart to the subcharts of another.
fn hold(umbrella: &Path) -> Result<()> {
    fs::create_dir(umbrella.join("charts"))?;
    std::os::unix::fs::symlink(chart().canonicalize()?, umbrella.join("charts/etcd"))?;
    Ok(())
}

/// Returns the texts of a stream that Helm printed, without the comments with their source, and without blank lines at
/// the end.
fn texts(stream: &str) -> BTreeSet<String> {
    let lines = stream
        .split_inclusive('\n')
        .filter(|line| !line.starts_with("# Source: "));
    let stream: String = lines.collect();
    let texts = stream.split("---\n").filter(|text| !text.trim().is_empty());
    texts.map(one_line_end).collect()
}

fn one_line_end(text: &str) -> String {
    format!("{}\n", text.trim_end())
}

fn rendered(name: &str, values: &str) -> Result<BTreeSet<String>> {
    let rendering =
        render(name, "shop", values).map_err(|diagnostics: Vec<Diagnostic>| anyhow::anyhow!("{diagnostics:#?}"))?;
    Ok(texts_of(&rendering))
}

fn texts_of(rendering: &Rendering) -> BTreeSet<String> {
    let texts = rendering.manifests.iter();
    texts.map(|manifest| one_line_end(&manifest.document)).collect()
}

/// Returns objects by kind and name, with keys in any order.
fn objects(texts: &BTreeSet<String>) -> Result<BTreeMap<String, Value>> {
    let object = |text: &String| -> Result<_> {
        let object: Value = serde_yaml::from_str(text)?;
        Ok((format!("{} {}", kind(&object), object["metadata"]["name"]), object))
    };
    texts.iter().map(object).collect()
}

fn same_texts(expected: &BTreeSet<String>, found: &BTreeSet<String>) -> Result<()> {
    let join = |texts: &BTreeSet<String>| texts.iter().map(|text| format!("---\n{text}")).collect::<String>();
    same("the manifests", &join(expected), &join(found))
}

/// Helm passes values on, prints the result unchanged, and has no warnings.
fn template_of_case(version: Helm, values: &str, rendering: &Rendering) -> Result<Agreement> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("values.yaml");
    fs::write(&file, values)?;
    let file = file.to_str().context("a path")?;
    // The cluster of a release with the chart's name has only that name, which the examples use.
    let stream = template_as("etcd", version, directory.path(), &chart(), &["-f", file])?;
    let expected = texts_of(rendering);
    ensure!(objects(&expected)? == objects(&texts(&stream))?, "the objects differ");
    // Helm sorts the keys of values, and the package does not sort those of extra manifests.
    let agreement = if values.contains("extraManifests") {
        Agreement::Objects
    } else {
        same_texts(&expected, &texts(&stream))?;
        Agreement::Bytes
    };
    for line in stream.lines().filter(|line| line.starts_with("# Source: ")) {
        same("the source", "# Source: etcd/templates/etcd-cluster.yaml", line)?;
    }
    let mut helm = helm(version, directory.path())?;
    let lint = run(helm.args(["lint", "--strict", "-f", file]).arg(chart()))?;
    ensure!(lint.status.success(), "{}", String::from_utf8_lossy(&lint.stdout));
    Ok(agreement)
}

fn chart_versions() -> Result<()> {
    let chart: Value = serde_yaml::from_str(&fs::read_to_string(chart().join("Chart.yaml"))?)?;
    let plugin: Value = serde_yaml::from_str(&fs::read_to_string(root().join("plugins/helm/rutter/plugin.yaml"))?)?;
    let defaults = fs::read_to_string(root().join("crates/etcd-package/generated/values.yaml"))?;
    let defaults: Value = serde_yaml::from_str(&defaults)?;
    ensure!(chart["version"] == env!("CARGO_PKG_VERSION"), "{chart}");
    ensure!(plugin["version"] == env!("CARGO_PKG_VERSION"), "{plugin}");
    ensure!(chart["appVersion"] == defaults["version"], "{chart}");
    Ok(())
}

/// The values with their comment signs removed are the defaults.
fn uncommented_defaults(version: Helm) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let values = fs::read_to_string(chart().join("values.yaml"))?;
    let uncommented: String = values
        .lines()
        .map(|line| format!("{}\n", line.strip_prefix("# ").unwrap_or(line)))
        .skip(1)
        .collect();
    let file = directory.path().join("values.yaml");
    fs::write(&file, uncommented)?;
    let stream = template(
        version,
        directory.path(),
        &chart(),
        &["-f", file.to_str().context("a path")?],
    )?;
    same_texts(&rendered("orders-etcd", "")?, &texts(&stream))
}

const FOREIGN: &str = "\
apiVersion: v1
kind: ConfigMap
metadata:
  name: page
data:
  on: \"yes\" # a comment
  text: |
    kind: EtcdCluster
";

/// Foreign objects are the same as without a post-renderer, except for Helm's own changes.
fn foreign(version: Helm) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let chart = write_chart(
        directory.path(),
        "foreign",
        &json!([]),
        &[("templates/page.yaml", FOREIGN)],
    )?;
    let stream = template(version, directory.path(), &chart, &[])?;
    same_texts(&texts(FOREIGN), &texts(&stream))
}

const HOOK: &str = "\
apiVersion: v1
kind: Pod
metadata:
  name: before
  annotations:
    helm.sh/hook: pre-install
";

/// Other charts may contain clusters, and hooks stay hooks.
fn hooks_and_clusters_of_other_charts(version: Helm) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let clusters = fs::read_to_string(root().join("examples/two-clusters.yaml"))?;
    let files = [
        ("templates/clusters.yaml", clusters.as_str()),
        ("templates/hook.yaml", HOOK),
        ("templates/page.yaml", FOREIGN),
    ];
    let chart = write_chart(directory.path(), "shop", &json!([]), &files)?;
    let stream = template(version, directory.path(), &chart, &[])?;
    let mut expected = texts(HOOK);
    expected.extend(texts(FOREIGN));
    let own: Vec<Value> = documents(&clusters)?;
    for cluster in &own {
        let name = cluster["metadata"]["name"].as_str().context("a name")?;
        expected.extend(rendered(name, &cluster["spec"].to_string())?);
    }
    same_texts(&expected, &texts(&stream))?;
    matrix::record(version.name(), "example-two-clusters", Agreement::Bytes)?;
    let without_hooks = template(version, directory.path(), &chart, &["--no-hooks"])?;
    ensure!(!without_hooks.contains("kind: Pod\n"), "the hook is no longer a hook");
    Ok(())
}

/// A chart that depends on ours twice, under two names, with values for both and for all charts.
fn umbrella(version: Helm) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let dependency = |alias: &str| json!({"name": "etcd", "version": "0.1.0", "alias": alias, "condition": format!("{alias}.enabled")});
    let values = "\
global: {region: north}
events: {replicas: 1}
leases: {enabled: true, storage: {data: {size: 4Gi}}}
unused: {enabled: false}
";
    let dependencies = json!([dependency("events"), dependency("leases"), dependency("unused")]);
    let chart = write_chart(
        directory.path(),
        "umbrella",
        &dependencies,
        &[("values.yaml", values), ("templates/page.yaml", FOREIGN)],
    )?;
    hold(&chart)?;
    let mut expected = texts(FOREIGN);
    expected.extend(rendered("orders-events", "replicas: 1")?);
    expected.extend(rendered("orders-leases", "storage: {data: {size: 4Gi}}")?);
    let stream = template(version, directory.path(), &chart, &[])?;
    same_texts(&expected, &texts(&stream))?;
    let only = template(
        version,
        directory.path(),
        &chart,
        &["--show-only", "charts/events/templates/etcd-cluster.yaml"],
    )?;
    same_texts(&rendered("orders-events", "replicas: 1")?, &texts(&only))
}

/// Helm also calls the post-renderer for a chart that renders nothing. The result must not be a default cluster. Helm
/// itself refuses to print nothing.
fn nothing(version: Helm) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let chart = write_chart(directory.path(), "nothing", &json!([]), &[])?;
    let mut helm = helm(version, directory.path())?;
    helm.args(["template", "x"]).args(version.post_renderer()).arg(chart);
    let output = run(&mut helm)?;
    match version {
        Helm::V3 => ensure!(
            output.status.success() && output.stdout.trim_ascii().is_empty(),
            "{output:?}"
        ),
        Helm::V4 => ensure!(refusal(&output)?.contains("produced empty output"), "{output:?}"),
    }
    Ok(())
}

/// Helm itself refuses values that the schema refuses, with any renderer, and names the value.
fn refused_by_the_schema(version: Helm) -> Result<()> {
    let directory = tempfile::tempdir()?;
    for (set, expected) in [
        ("replcas=3", "additional properties 'replcas' not allowed"),
        ("storage.data.sise=1Gi", "at '/storage/data'"),
        ("replicas=three", "at '/replicas': got string"),
        ("version=3.1", "at '/version'"),
    ] {
        for verb in version.without_cluster(&["template", "install", "lint"]) {
            let mut helm = helm(version, directory.path())?;
            helm.arg(verb);
            if verb == "lint" {
                helm.arg(chart());
            } else {
                helm.arg("orders").arg(chart()).args(version.post_renderer());
            }
            if verb == "install" {
                helm.arg("--dry-run=client");
            }
            let output = run(helm.args(["--set", set]))?;
            ensure!(!output.status.success(), "{verb} accepts {set}");
            let output = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
            ensure!(output.contains(expected), "{verb} {set}: {output}");
        }
    }
    Ok(())
}

/// Values that only the package refuses make Helm fail, too. Helm 4 does not print a plugin's messages, but the log
/// file has them.
fn refused_by_the_post_renderer(version: Helm) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let log = directory.path().join("log");
    for verb in version.without_cluster(&["template", "install"]) {
        let mut helm = helm(version, directory.path())?;
        helm.args([verb, "orders"])
            .arg(chart())
            .args(version.post_renderer())
            .args([
                "--set",
                "storage.data.size=1,compaction.mode=Revision,compaction.retention=10m",
                "--post-renderer-args",
            ]);
        helm.arg(format!("--log-file={}", log.display()));
        if verb == "install" {
            helm.arg("--dry-run=client");
        }
        let refusal = refusal(&run(&mut helm)?)?;
        match version {
            Helm::V3 => ensure!(
                refusal.contains("error[invalid-storage]: spec.storage.data.size"),
                "{refusal}"
            ),
            Helm::V4 => ensure!(refusal.contains("post-renderer plugin \"rutter\""), "{refusal}"),
        }
        let log = fs::read_to_string(&log)?;
        for expected in [
            "error[invalid-retention]: spec.compaction.retention",
            "error[invalid-storage]: spec.storage.data.size",
            "rutter: the input is refused",
        ] {
            ensure!(log.contains(expected), "{expected:?} is missing in\n{log}");
        }
    }
    Ok(())
}

/// Runs `rutter post-render` on a stream, like Helm 3, which adds no annotations and prints the result unchanged.
fn post_render(stream: &[u8]) -> Result<Output> {
    feed(Command::new(artifact("rutter")?).arg("post-render"), stream)
}

/// `rutter plugin install helm` writes a plugin that Helm 4 accepts, only once, and leaves other plugins alone.
fn plugin_install() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let plugins = directory.path().join("plugins");
    let install = || -> Result<Output> {
        let mut rutter = Command::new(artifact("rutter")?);
        Ok(rutter
            .args(["plugin", "install", "helm"])
            .env("HELM_PLUGINS", &plugins)
            .output()?)
    };
    let installed = install()?;
    ensure!(
        installed.status.success(),
        "{}",
        String::from_utf8_lossy(&installed.stderr)
    );
    let printed = String::from_utf8(installed.stdout)?;
    let file = plugins.join("rutter/plugin.yaml");
    ensure!(printed.starts_with(&format!("wrote {}\n", file.display())), "{printed}");
    let mut command = helm(Helm::V4, directory.path())?;
    command
        .args(["template", "orders"])
        .arg(chart())
        .args(["--namespace", "shop"]);
    let output = run(command.args(Helm::V4.post_renderer()).env("HELM_PLUGINS", &plugins))?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    same_texts(
        &rendered("orders-etcd", "")?,
        &texts(&String::from_utf8(output.stdout)?),
    )?;

    ensure!(String::from_utf8(install()?.stdout)?.starts_with("is there already: "));
    fs::write(&file, "name: another\n")?;
    let refused = install()?;
    ensure!(refused.status.code() == Some(3), "{refused:?}");
    ensure!(refusal(&refused)?.contains("somebody else's"), "{refused:?}");
    same("the file", "name: another\n", &fs::read_to_string(&file)?)
}

/// On a terminal the user sees the messages that Helm 4 drops. `script` gives Helm a terminal of its own.
fn terminal() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let helm = helm(Helm::V4, directory.path())?;
    let mut script = Command::new("script");
    for (name, value) in helm.get_envs() {
        script.env(name, value.unwrap_or_default());
    }
    let line = format!(
        "helm template orders '{}' --set storage.data.size=1 --post-renderer rutter",
        chart().canonicalize()?.display()
    );
    let output = script
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .stdin(Stdio::null())
        .output()
        .context("the command `script`: install util-linux (Debian: bsdutils)")?;
    let shown = String::from_utf8_lossy(&output.stdout);
    ensure!(!output.status.success(), "{shown}");
    ensure!(
        shown.contains("error[invalid-storage]: spec.storage.data.size"),
        "{shown}"
    );
    Ok(())
}

fn marker(name: &str, spec: &Value) -> String {
    let metadata = json!({"name": name, "namespace": "shop"});
    let object =
        json!({"apiVersion": "etcd.rutter.dev/v1alpha1", "kind": "EtcdCluster", "metadata": metadata, "spec": spec});
    format!("---\n# Source: etcd/templates/etcd-cluster.yaml\n{object}\n")
}

/// The streams of Helm 3: nothing is annotated, and the result is used unchanged.
fn streams() -> Result<()> {
    let foreign = format!("---\n# Source: page/templates/page.yaml\n{FOREIGN}");
    let stream = format!("{foreign}{}{foreign}", marker("orders", &json!({"replicas": 5})));
    let output = post_render(stream.as_bytes())?;
    let manifests = render("orders", "shop", "replicas: 5").map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    let manifests = rutter::stream::join(&manifests.manifests);
    let source = "---\n# Source: etcd/templates/etcd-cluster.yaml\n";
    let expected = format!("{foreign}{}{foreign}", manifests.replace("---\n", source));
    same("standard output", &expected, &String::from_utf8(output.stdout)?)?;
    let output = post_render(b"")?;
    ensure!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    for (stream, expected) in [
        (marker("orders", &json!({"replcas": 5})), "spec.replcas"),
        (marker("Orders", &json!({})), "metadata.name"),
        (
            marker("orders", &json!({})).replace("v1alpha1", "v1"),
            "error[invalid-value]: apiVersion",
        ),
        (
            marker("orders", &json!({})) + &marker("orders", &json!({})),
            "is rendered for another object",
        ),
        ("replicas: 3\n".to_owned(), "no Kubernetes object"),
    ] {
        let output = post_render(stream.as_bytes())?;
        ensure!(output.status.code() == Some(1), "{output:?}");
        let refusal = refusal(&output)?;
        ensure!(refusal.contains(expected), "{expected:?} is missing in\n{refusal}");
    }
    Ok(())
}

fn large_and_cut_streams() -> Result<()> {
    let text = "x".repeat(50 << 20);
    let large = format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: large}}\ndata:\n  text: {text}\n");
    let stream = format!("{large}{}", marker("orders", &json!({})));
    let output = post_render(stream.as_bytes())?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    ensure!(output.stdout.starts_with(large.as_bytes()), "the large object changed");
    let rest = str::from_utf8(&output.stdout[large.len()..])?;
    same_texts(&rendered("orders", "")?, &texts(rest))?;

    let refusal = refusal(&post_render(format!("{large}{large}").as_bytes())?)?;
    ensure!(refusal.contains("larger than the 64 MiB accepted"), "{refusal}");

    let whole = marker("orders", &json!({"replicas": 5}));
    let start = whole.find('{').context("an object")?;
    for end in start + 1..whole.trim_end().len() {
        let output = post_render(&whole.as_bytes()[..end])?;
        self::refusal(&output).with_context(|| whole[..end].to_owned())?;
    }
    Ok(())
}

/// Without the post-renderer Helm prints the `EtcdCluster`, which no cluster has: an install fails before anything is
/// created, including objects of other charts and hooks.
fn forgotten_post_renderer(version: Helm) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let mut command = helm(version, directory.path())?;
    let output = run(command.args(["template", "orders"]).arg(chart()))?;
    let objects = documents(&String::from_utf8(output.stdout)?)?;
    ensure!(objects.len() == 1 && kind(&objects[0]) == "EtcdCluster", "{objects:?}");

    let umbrella = write_chart(
        directory.path(),
        "umbrella",
        &json!([{"name": "etcd", "version": "0.1.0"}]),
        &[("templates/page.yaml", FOREIGN), ("templates/hook.yaml", HOOK)],
    )?;
    hold(&umbrella)?;
    let (server, requests) = api_server()?;
    for verb in [&["install"][..], &["upgrade", "--install"]] {
        let mut helm = helm(version, directory.path())?;
        helm.args(verb)
            .arg("orders")
            .arg(&umbrella)
            .args(["--kube-apiserver", &server]);
        let output = run(&mut helm)?;
        ensure!(!output.status.success(), "{verb:?} succeeded");
        let refusal = String::from_utf8(output.stderr)?;
        ensure!(
            refusal.contains("no matches for kind \"EtcdCluster\" in version \"etcd.rutter.dev/v1alpha1\""),
            "{refusal}"
        );
    }
    let requests = requests.lock().map_err(|_| anyhow::anyhow!("a poisoned lock"))?;
    ensure!(requests.len() > 2, "{requests:?}");
    ensure!(
        requests.iter().all(|request| request.starts_with("GET ")),
        "{requests:?}"
    );
    Ok(())
}

/// Starts an API server that has only Kubernetes' own kinds, and records requests. It runs as long as the test.
fn api_server() -> Result<(String, Arc<Mutex<Vec<String>>>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let server = format!("http://{}", listener.local_addr()?);
    let requests = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&requests);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let seen = Arc::clone(&seen);
            std::thread::spawn(move || answer(stream, &seen));
        }
    });
    Ok((server, requests))
}

fn answer(stream: TcpStream, seen: &Mutex<Vec<String>>) -> Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().context("a request")??;
    let path = request.split(' ').nth(1).unwrap_or_default();
    let resource = |name: &str, kind: &str| {
        json!({"name": name, "singularName": "", "namespaced": true, "kind": kind,
               "verbs": ["create", "delete", "get", "list", "patch", "update"]})
    };
    let (status, body) = match path.split('?').next().unwrap_or_default() {
        "/version" => ("200 OK", json!({"major": "1", "minor": "36", "gitVersion": "v1.36.3"})),
        "/api" => ("200 OK", json!({"kind": "APIVersions", "versions": ["v1"]})),
        "/apis" => (
            "200 OK",
            json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [
                {"name": "apps", "versions": [{"groupVersion": "apps/v1", "version": "v1"}],
                 "preferredVersion": {"groupVersion": "apps/v1", "version": "v1"}}]}),
        ),
        // The chart looks for installed objects.
        "/apis/apps/v1" => (
            "200 OK",
            json!({"kind": "APIResourceList", "groupVersion": "apps/v1", "resources": [
                resource("statefulsets", "StatefulSet")]}),
        ),
        "/api/v1" => (
            "200 OK",
            json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [
                resource("configmaps", "ConfigMap"), resource("pods", "Pod"), resource("secrets", "Secret")]}),
        ),
        "/api/v1/namespaces/default/secrets" => (
            "200 OK",
            json!({"kind": "SecretList", "apiVersion": "v1", "metadata": {}, "items": []}),
        ),
        // In protobuf, the schemas of no kinds are no bytes.
        "/openapi/v2" => ("200 OK", Value::Null),
        _ => (
            "404 Not Found",
            json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}),
        ),
    };
    if let Ok(mut seen) = seen.lock() {
        seen.push(request);
    }
    let (body, format) = match body {
        Value::Null => (String::new(), "com.github.proto-openapi.spec.v2.v1.0+protobuf"),
        body => (body.to_string(), "json"),
    };
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/{format}\r\nConnection: close\r\n");
    write!(&stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len())?;
    // An unread request would reset the connection before the response arrives.
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    Ok(())
}
