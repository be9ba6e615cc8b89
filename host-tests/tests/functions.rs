//! The function in the real Kustomize, in kubectl's, and in kpt.
//!
//! Kustomize and kpt format objects in their own way, so objects are compared. If upstream has a test of a behaviour,
//! its name is given where ours checks it for this function (kustomize's `api/krusty/fnplugin_test.go`, kyaml's
//! `fn/runtime/runtimeutil/runtimeutil_test.go`, kpt's `e2e/testdata`).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result, ensure};
use etcd_package::EtcdPackage;
use host_tests::matrix::{self, Agreement};
use host_tests::oracles::{documents, kind};
use host_tests::{Case, WASMTIME, artifact, render, root, same};
use libtest_mimic::{Arguments, Trial};
use rutter::{Package as _, Rendering};
use serde_json::Value;

type Test = fn() -> Result<()>;
type OfClusters = fn(&Clusters) -> Result<()>;

#[allow(clippy::print_stderr, reason = "the output says which tests did not run")]
fn main() -> Result<()> {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    let mut accepted = 0;
    for case in Case::all()? {
        let Some(clusters) = Clusters::of(&case)? else {
            ensure!(
                !case.name.starts_with("example-"),
                "{} goes through every host",
                case.name
            );
            continue;
        };
        accepted += 1;
        let (clusters, name) = (Arc::new(clusters), case.name);
        let hosts: [(&str, OfClusters); 4] = [
            ("kustomize-generator", generator),
            ("kustomize-transformer", transformer),
            ("kubectl-kustomize", kubectl),
            ("kpt", kpt),
        ];
        for (host, test) in hosts {
            if host == "kpt" && find_kpt().is_none() {
                continue;
            }
            let (clusters, name) = (Arc::clone(&clusters), name.clone());
            trials.push(Trial::test(format!("{host}::{name}"), move || {
                test(&clusters)?;
                Ok(matrix::record(host, &name, Agreement::Objects)?)
            }));
        }
    }
    ensure!(accepted > 50, "only {accepted} cases are valid values");
    let others: [(&str, Test); 12] = [
        ("kustomize::configured_twice", configured_twice),
        ("definition", definition),
        ("kustomize::bases_and_overlays", bases_and_overlays),
        ("kustomize::patched_generator", patched_generator),
        ("kustomize::names_and_namespaces", names_and_namespaces),
        ("kustomize::validator", validator),
        ("kustomize::needs_hash", needs_hash),
        ("kustomize::wrapper", wrapper),
        ("kustomize::wasmtime", wasmtime),
        ("kustomize::refused", refused),
        ("kustomize::forgotten", forgotten),
        ("kubectl::refused", kubectl_refused),
    ];
    for (name, test) in others {
        trials.push(Trial::test(name, move || Ok(test()?)));
    }
    let of_kpt: [(&str, Test); 4] = [
        ("kpt::idempotent", kpt_idempotent),
        ("kpt::comments_and_results", kpt_comments_and_results),
        ("kpt::refused", kpt_refused),
        ("kpt::validator", kpt_validator),
    ];
    if find_kpt().is_some() {
        for (name, test) in of_kpt {
            trials.push(Trial::test(name, move || Ok(test()?)));
        }
    } else {
        // kpt is neither available as a Go module nor from a package manager. The cases in `krm/` contain its input.
        eprintln!("note: kpt is not installed (https://kpt.dev/installation), so it is not tested");
    }
    libtest_mimic::run(&arguments, trials).exit()
}

/// The objects of a case, and the objects that the package renders from them.
struct Clusters {
    objects: Objects,
    expected: BTreeMap<String, Value>,
}

enum Objects {
    /// One object, called `etcd` in `shop`, with this text as its `spec`. Examples use this name.
    Spec(String),
    /// The objects of a stream.
    Stream(Vec<Value>),
}

impl Clusters {
    /// Returns the objects of a case that the package accepts, if all are of the package's kind.
    fn of(case: &Case) -> Result<Option<Self>> {
        let Ok(text) = String::from_utf8(case.input.clone()) else {
            return Ok(None);
        };
        if let Ok(objects) = documents(&text)
            && objects
                .iter()
                .any(|object| object["apiVersion"] == "etcd.rutter.dev/v1alpha1")
        {
            let outcome = rutter::command::run(&EtcdPackage, WASMTIME, [], || Ok(case.input.clone()));
            let ours = outcome.status == 0 && objects.iter().all(|object| kind(object) == "EtcdCluster");
            return ours
                .then(|| {
                    Ok(Self {
                        expected: self::objects(&outcome.stdout)?,
                        objects: Objects::Stream(objects),
                    })
                })
                .transpose();
        }
        // An object cannot contain directives.
        if text
            .lines()
            .any(|line| line.starts_with(['%', '-']) || line.starts_with("..."))
        {
            return Ok(None);
        }
        let Ok(rendering) = render("etcd", "shop", &text) else {
            return Ok(None);
        };
        let is_empty = text
            .lines()
            .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
        let indented: String = text.lines().map(|line| format!("  {line}\n")).collect();
        let spec = if is_empty {
            "spec: {}\n".to_owned()
        } else {
            format!("spec:\n{indented}")
        };
        Ok(Some(Self {
            objects: Objects::Spec(spec),
            expected: expected(&rendering)?,
        }))
    }

    /// Formats them as a stream, each with an annotation.
    fn to_text(&self, name: &str, value: &str) -> String {
        match &self.objects {
            Objects::Spec(spec) => {
                let orders = cluster(&format!("{name}: '{value}'"), spec);
                orders.replacen("name: orders", "name: etcd", 1)
            }
            Objects::Stream(objects) => {
                let annotated = objects.iter().cloned().map(|mut object| {
                    object["metadata"]["annotations"][name] = value.into();
                    format!("---\n{object}\n")
                });
                annotated.collect()
            }
        }
    }

    fn with_foreign(&self) -> Result<BTreeMap<String, Value>> {
        let mut all = self.expected.clone();
        all.extend(objects(FOREIGN)?);
        Ok(all)
    }
}

const FUNCTION: &str = "exec: {path: rutter, args: [krm]}";

/// Returns the object `orders` in `shop`, with annotations in flow style.
fn cluster(annotations: &str, spec: &str) -> String {
    format!(
        "apiVersion: etcd.rutter.dev/v1alpha1\nkind: EtcdCluster\nmetadata:\n  name: orders\n  namespace: shop\n  \
         annotations: {{{annotations}}}\n{spec}"
    )
}

fn run_by(function: &str) -> String {
    format!("config.kubernetes.io/function: '{function}'")
}

const RENDER: &str = "\
apiVersion: rutter.dev/v1alpha1
kind: Render
metadata:
  name: render
  annotations:
    config.kubernetes.io/function: 'exec: {path: rutter, args: [krm]}'
";

const FOREIGN: &str = "\
apiVersion: v1
kind: ConfigMap
metadata:
  name: page
  namespace: shop
data:
  on: \"yes\"
  text: |
    kind: EtcdCluster
";

/// Creates a directory with these files.
fn directory(files: &[(&str, &str)]) -> Result<tempfile::TempDir> {
    let directory = tempfile::tempdir()?;
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().context("a directory")?)?;
        fs::write(path, text)?;
    }
    Ok(directory)
}

/// Returns a host's command, with the command and the plugins of this checkout on its search path.
fn host(program: impl AsRef<std::ffi::OsStr>) -> Result<Command> {
    let rutter = artifact("rutter")?.canonicalize()?;
    let mut path = vec![rutter.parent().context("dist")?.to_path_buf()];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let mut host = Command::new(program);
    host.env("PATH", std::env::join_paths(path)?);
    Ok(host)
}

fn run(command: &mut Command) -> Result<Output> {
    let context = format!("{:?}: `cargo xtask test` installs it", command.get_program());
    command.output().context(context)
}

fn kustomize(directory: &Path) -> Result<Output> {
    let mut kustomize = host("kustomize")?;
    run(kustomize
        .args(["build", "--enable-alpha-plugins", "--enable-exec"])
        .arg(directory))
}

fn build(directory: &Path) -> Result<String> {
    stdout(&kustomize(directory)?)
}

fn stdout(output: &Output) -> Result<String> {
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout.clone())?)
}

/// Returns the error of a host, which must fail without standard output.
fn refusal(output: &Output) -> Result<String> {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(!output.status.success(), "it succeeded: {stderr}");
    ensure!(
        output.stdout.is_empty(),
        "standard output: {}",
        String::from_utf8_lossy(&output.stdout)
    );
    Ok(stderr)
}

/// Returns objects by kind, namespace and name.
fn objects(stream: &str) -> Result<BTreeMap<String, Value>> {
    let mut objects = BTreeMap::new();
    for object in documents(stream)? {
        let metadata = &object["metadata"];
        let key = format!("{} {}/{}", kind(&object), metadata["namespace"], metadata["name"]);
        ensure!(objects.insert(key.clone(), object).is_none(), "duplicate object {key}");
    }
    Ok(objects)
}

fn same_objects(expected: &BTreeMap<String, Value>, found: &BTreeMap<String, Value>) -> Result<()> {
    let keys = |objects: &BTreeMap<String, Value>| objects.keys().map(|key| format!("{key}\n")).collect::<String>();
    same("the objects", &keys(expected), &keys(found))?;
    for (key, object) in expected {
        same(
            key,
            &format!("{object:#}"),
            &format!("{:#}", sorted_like(object, &found[key])),
        )?;
    }
    Ok(())
}

/// Returns `found` with the keys of its mappings in the order of `expected`, as far as it has them.
fn sorted_like(expected: &Value, found: &Value) -> Value {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            let known = expected.keys().filter(|key| found.contains_key(*key));
            let others = found.keys().filter(|key| !expected.contains_key(*key));
            let key = |key: &String| {
                (
                    key.clone(),
                    sorted_like(expected.get(key).unwrap_or(&Value::Null), &found[key]),
                )
            };
            Value::Object(known.chain(others).map(key).collect())
        }
        (Value::Array(expected), Value::Array(found)) => {
            let item = |(index, item)| sorted_like(expected.get(index).unwrap_or(&Value::Null), item);
            found.iter().enumerate().map(item).collect()
        }
        _ => found.clone(),
    }
}

fn expected(rendering: &Rendering) -> Result<BTreeMap<String, Value>> {
    objects(&rutter::stream::join(&rendering.manifests))
}

fn with_foreign(rendering: &Rendering) -> Result<BTreeMap<String, Value>> {
    let mut all = expected(rendering)?;
    all.extend(objects(FOREIGN)?);
    Ok(all)
}

/// Renders `orders` in `shop` with the package.
fn rendered(values: &str) -> Result<Rendering> {
    render("orders", "shop", values).map_err(|problems| anyhow::anyhow!("{problems:#?}"))
}

// Each case through each host.

fn generator(clusters: &Clusters) -> Result<()> {
    let directory = directory(&[
        (
            "kustomization.yaml",
            "resources: [page.yaml]\ngenerators: [etcd.yaml]\n",
        ),
        ("page.yaml", FOREIGN),
        (
            "etcd.yaml",
            &clusters.to_text("config.kubernetes.io/function", FUNCTION),
        ),
    ])?;
    same_objects(&clusters.with_foreign()?, &objects(&build(directory.path())?)?)
}

fn transformer(clusters: &Clusters) -> Result<()> {
    let directory = directory(&[
        (
            "kustomization.yaml",
            "resources: [page.yaml, etcd.yaml]\ntransformers: [render.yaml]\n",
        ),
        ("page.yaml", FOREIGN),
        ("etcd.yaml", &clusters.to_text("by", "us")),
        ("render.yaml", RENDER),
    ])?;
    same_objects(&clusters.with_foreign()?, &objects(&build(directory.path())?)?)
}

fn kubectl(clusters: &Clusters) -> Result<()> {
    let directory = directory(&[
        (
            "kustomization.yaml",
            "resources: [page.yaml]\ngenerators: [etcd.yaml]\n",
        ),
        ("page.yaml", FOREIGN),
        ("etcd.yaml", &clusters.to_text("by", "us")),
    ])?;
    let built = stdout(&kubectl_build(directory.path())?)?;
    same_objects(&clusters.with_foreign()?, &objects(&built)?)
}

fn kubectl_build(directory: &Path) -> Result<Output> {
    run(host("kubectl")?
        .args(["kustomize", "--enable-alpha-plugins"])
        .arg(directory)
        .env("KUSTOMIZE_PLUGIN_HOME", plugins()?))
}

/// Returns the result of `rutter plugin install kustomize`, in a directory of this run.
fn plugins() -> Result<&'static Path> {
    static PLUGINS: OnceLock<Result<tempfile::TempDir, String>> = OnceLock::new();
    let install = || -> Result<_> {
        let directory = tempfile::tempdir()?;
        let mut rutter = Command::new(artifact("rutter")?);
        let output = rutter
            .args(["plugin", "install", "kustomize", "--dir"])
            .arg(directory.path())
            .output()?;
        let printed = stdout(&output)?;
        let generator = directory
            .path()
            .join("etcd.rutter.dev/v1alpha1/etcdcluster/EtcdCluster");
        ensure!(
            printed.contains(&format!("wrote {}\n", generator.display())),
            "{printed}"
        );
        Ok(directory)
    };
    match PLUGINS.get_or_init(|| install().map_err(|error| format!("{error:#}"))) {
        Ok(directory) => Ok(directory.path()),
        Err(error) => anyhow::bail!("{error}"),
    }
}

fn kpt(clusters: &Clusters) -> Result<()> {
    let directory = package_of(&clusters.to_text("config.kubernetes.io/local-config", "true"))?;
    let stream = stdout(&kpt_render(directory.path(), &["--output", "unwrap"])?)?;
    let mut found = objects(&stream)?;
    for (name, _) in found.clone() {
        if name.starts_with("Kptfile ") || name.starts_with("EtcdCluster ") {
            found.remove(&name);
        }
    }
    for object in found.values_mut() {
        let metadata = object["metadata"].as_object_mut().context("metadata")?;
        forget_file(metadata);
    }
    same_objects(&clusters.with_foreign()?, &found)
}

/// Removes the annotations that kpt adds to printed objects.
fn forget_file(metadata: &mut serde_json::Map<String, Value>) {
    let is_left = metadata
        .get_mut("annotations")
        .and_then(Value::as_object_mut)
        .map(|annotations| {
            annotations.retain(|name, _| !name.contains("config.kubernetes.io/"));
            annotations.is_empty()
        });
    if is_left == Some(true) {
        metadata.remove("annotations");
    }
}

// Kustomize.

/// `TestFnExecGeneratorInBase`, `…InBaseWithOverlay`, `…InOverlay`, and the same three of transformers.
fn bases_and_overlays() -> Result<()> {
    let expected = with_foreign(&rendered("replicas: 5")?)?;
    let generator = cluster(&run_by(FUNCTION), "spec: {replicas: 5}\n");
    let plain = cluster("", "spec: {replicas: 5}\n");
    for (base, overlay) in [
        (
            "resources: [page.yaml]\ngenerators: [generator.yaml]\n",
            "resources: [../base]\n",
        ),
        (
            "resources: [page.yaml]\n",
            "resources: [../base]\ngenerators: [../base/generator.yaml]\n",
        ),
        (
            "resources: [page.yaml, plain.yaml]\ntransformers: [render.yaml]\n",
            "resources: [../base]\n",
        ),
        (
            "resources: [page.yaml, plain.yaml]\n",
            "resources: [../base]\ntransformers: [render.yaml]\n",
        ),
    ] {
        let directory = directory(&[
            ("base/kustomization.yaml", base),
            ("base/page.yaml", FOREIGN),
            ("base/generator.yaml", &generator),
            ("base/plain.yaml", &plain),
            ("base/render.yaml", RENDER),
            ("overlay/generator.yaml", &generator),
            ("overlay/render.yaml", RENDER),
            (
                "overlay/kustomization.yaml",
                &overlay.replace("../base/generator", "generator"),
            ),
        ])?;
        let found = build(&directory.path().join("overlay")).with_context(|| format!("{base}{overlay}"))?;
        same_objects(&expected, &objects(&found)?)?;
    }
    Ok(())
}

/// A base and its overlays patch the values before they are rendered.
fn patched_generator() -> Result<()> {
    let directory = directory(&[
        ("base/kustomization.yaml", "resources: [etcd.yaml]\n"),
        (
            "base/etcd.yaml",
            &cluster(&run_by(FUNCTION), "spec: {replicas: 3, storage: {data: {size: 4Gi}}}\n"),
        ),
        (
            "values/kustomization.yaml",
            "resources: [../base]\npatches:\n- target: {kind: EtcdCluster}\n  patch: |\n    - {op: replace, path: \
             /spec/replicas, value: 5}\n",
        ),
        ("overlay/kustomization.yaml", "generators: [../values]\n"),
    ])?;
    let expected = expected(&rendered("replicas: 5\nstorage: {data: {size: 4Gi}}\n")?)?;
    same_objects(&expected, &objects(&build(&directory.path().join("overlay"))?)?)
}

/// Objects that Kustomize renames and moves before the transformer runs are rendered under their new names.
fn names_and_namespaces() -> Result<()> {
    let directory = directory(&[
        (
            "kustomization.yaml",
            "resources: [etcd.yaml]\ntransformers: [render.yaml]\nnamespace: north\nnamePrefix: big-\nnameSuffix: -a\n",
        ),
        ("etcd.yaml", &cluster("", "spec: {}\n")),
        ("render.yaml", RENDER),
    ])?;
    let rendering = render("big-orders-a", "north", "").map_err(|problems| anyhow::anyhow!("{problems:#?}"))?;
    same_objects(&expected(&rendering)?, &objects(&build(directory.path())?)?)
}

/// A validator accepts objects that were rendered from the same values. It refuses objects that were renamed, moved or
/// never rendered (kustomize#5036: it must not return its items).
fn validator() -> Result<()> {
    let validator = cluster(
        &run_by("exec: {path: rutter, args: [krm, --validate]}"),
        "spec: {replicas: 5}\n",
    );
    let generator = cluster(&run_by(FUNCTION), "spec: {replicas: 5}\n");
    let check = |kustomization: &str| -> Result<Output> {
        let directory = directory(&[
            (
                "kustomization.yaml",
                &format!("resources: [page.yaml]\nvalidators: [validator.yaml]\n{kustomization}"),
            ),
            ("page.yaml", FOREIGN),
            ("etcd.yaml", &generator),
            ("validator.yaml", &validator),
        ])?;
        kustomize(directory.path())
    };
    let good = stdout(&check("generators: [etcd.yaml]\n")?)?;
    same_objects(&with_foreign(&rendered("replicas: 5")?)?, &objects(&good)?)?;
    for kustomization in [
        "generators: [etcd.yaml]\nnamespace: north\n",
        "generators: [etcd.yaml]\nnamePrefix: big-\n",
        "generators: [etcd.yaml]\nreplicas: [{name: orders, count: 7}]\n",
        "generators: [etcd.yaml]\nimages: [{name: gcr.io/etcd-development/etcd, newTag: v3.5.0}]\n",
        "",
    ] {
        let refusal = refusal(&check(kustomization)?)?;
        ensure!(refusal.contains("error[not-rendered]"), "{refusal}");
        ensure!(refusal.contains("EtcdCluster shop/orders"), "{refusal}");
    }
    Ok(())
}

/// An extra manifest may request a hash in its name from Kustomize, and references to it follow.
fn needs_hash() -> Result<()> {
    let spec = "\
spec:
  extraManifests:
  - apiVersion: v1
    kind: ConfigMap
    metadata: {name: motd, namespace: shop, annotations: {kustomize.config.k8s.io/needs-hash: \"true\"}}
    data: {text: hello}
  pod:
    extraVolumes: [{name: motd, configMap: {name: motd}}]
";
    let directory = directory(&[
        (
            "kustomization.yaml",
            "generators: [etcd.yaml]\nvalidators: [validator.yaml]\n",
        ),
        ("etcd.yaml", &cluster(&run_by(FUNCTION), spec)),
        (
            "validator.yaml",
            &cluster(&run_by("exec: {path: rutter, args: [krm, --validate]}"), spec),
        ),
    ])?;
    let found = objects(&build(directory.path())?)?;
    let hashed = found
        .keys()
        .find_map(|key| key.strip_prefix("ConfigMap \"shop\"/\"motd-"));
    let hashed = hashed.context("no hash in the name")?.trim_end_matches('"');
    let set = &found["StatefulSet \"shop\"/\"orders\""]["spec"]["template"]["spec"]["volumes"];
    ensure!(set.to_string().contains(&format!("motd-{hashed}")), "{set}");
    Ok(())
}

/// Kustomize before 5.7 passes no arguments, so the function is one word.
fn wrapper() -> Result<()> {
    let wrapper = format!("exec: {{path: {}/rutter-krm}}", plugins()?.display());
    let directory = directory(&[
        ("kustomization.yaml", "generators: [etcd.yaml]\n"),
        ("etcd.yaml", &cluster(&run_by(&wrapper), "spec: {}\n")),
    ])?;
    same_objects(&expected(&rendered("")?)?, &objects(&build(directory.path())?)?)
}

/// The component itself is a function, for users of wasmtime.
fn wasmtime() -> Result<()> {
    let component = artifact("etcd.wasm")?.canonicalize()?;
    let function = format!("exec: {{path: wasmtime, args: [run, {}, krm]}}", component.display());
    let directory = directory(&[
        ("kustomization.yaml", "generators: [etcd.yaml]\n"),
        ("etcd.yaml", &cluster(&run_by(&function), "spec: {}\n")),
    ])?;
    same_objects(&expected(&rendered("")?)?, &objects(&build(directory.path())?)?)
}

/// Broken input, and a part of the error.
const REFUSED: [(&str, &str); 5] = [
    ("spec: {replcas: 5}\n", "error[unknown-field]: spec.replcas"),
    ("spec: {replicas: three}\n", "error[wrong-type]: spec.replicas"),
    (
        "spec: {storage: {data: {size: 1}}}\n",
        "error[invalid-storage]: spec.storage.data.size",
    ),
    ("spec: {}\nstatus: {}\nsepc: {}\n", "error[unknown-field]: sepc"),
    (
        "spec: {compaction: {mode: Revision, retention: 10m}}\n",
        "spec.compaction.retention",
    ),
];

fn refused() -> Result<()> {
    let build = |etcd: &str, render: &str| -> Result<Output> {
        let directory = directory(&[
            ("kustomization.yaml", render),
            ("etcd.yaml", etcd),
            ("render.yaml", RENDER),
        ])?;
        kustomize(directory.path())
    };
    let (as_generator, as_transformer) = (
        "generators: [etcd.yaml]\n",
        "resources: [etcd.yaml]\ntransformers: [render.yaml]\n",
    );
    for (spec, expected) in REFUSED {
        for (object, kustomization) in [
            (cluster(&run_by(FUNCTION), spec), as_generator),
            (cluster("", spec), as_transformer),
        ] {
            let refusal = refusal(&build(&object, kustomization)?)?;
            ensure!(refusal.contains(expected), "{expected:?} is missing in\n{refusal}");
            ensure!(refusal.contains("EtcdCluster shop/orders"), "{refusal}");
        }
    }
    for (object, expected) in broken("") {
        let refusal = refusal(&build(&object, as_transformer)?)?;
        ensure!(
            refusal.contains(expected),
            "{expected:?} is missing in\n{}",
            head(&refusal)
        );
    }
    Ok(())
}

/// Broken objects, and a part of the error, by us or by a host that refuses them before.
fn broken(annotations: &str) -> [(String, &'static str); 4] {
    let empty = cluster(annotations, "spec: {}\n");
    let large = format!("spec: {{commonLabels: {{a: {}}}}}\n", "x".repeat(50 << 20));
    [
        (empty.replace("v1alpha1", "v1"), "error[invalid-value]: apiVersion"),
        (empty.trim_end_matches("}\n").to_owned(), ""),
        (format!("{empty}---\n{empty}"), ""),
        (cluster(annotations, &large), "error[yaml-limit]"),
    ]
}

/// Returns the start of a host's message.
fn head(text: &str) -> String {
    text.chars().take(2000).collect()
}

/// An object that is configured as a transformer and patched as a resource is not rendered without the patch.
fn configured_twice() -> Result<()> {
    let patch =
        "patches:\n- target: {kind: EtcdCluster}\n  patch: |\n    - {op: replace, path: /spec/replicas, value: 5}\n";
    let directory = directory(&[
        (
            "kustomization.yaml",
            &format!("resources: [etcd.yaml]\ntransformers: [etcd.yaml]\n{patch}"),
        ),
        ("etcd.yaml", &cluster(&run_by(FUNCTION), "spec: {replicas: 3}\n")),
    ])?;
    let refusal = refusal(&kustomize(directory.path())?)?;
    ensure!(refusal.contains("have other values"), "{refusal}");
    Ok(())
}

/// Without any flag Kustomize fails. Without only `--enable-exec` it skips functions silently (kustomize#4399): a
/// generator prints nothing at all, and a transformer leaves the `EtcdCluster`, which no cluster has. So nothing is
/// installed partially.
fn forgotten() -> Result<()> {
    for (kustomization, left) in [
        ("generators: [generator.yaml]\n", 0),
        ("resources: [etcd.yaml]\ntransformers: [render.yaml]\n", 1),
    ] {
        let directory = directory(&[
            ("kustomization.yaml", kustomization),
            ("etcd.yaml", &cluster("", "spec: {}\n")),
            ("generator.yaml", &cluster(&run_by(FUNCTION), "spec: {}\n")),
            ("render.yaml", RENDER),
        ])?;
        let mut command = host("kustomize")?;
        let refusal = refusal(&run(command.arg("build").arg(directory.path()))?)?;
        ensure!(refusal.contains("external plugins disabled"), "{refusal}");
        let mut command = host("kustomize")?;
        let built = stdout(&run(command
            .args(["build", "--enable-alpha-plugins"])
            .arg(directory.path()))?)?;
        let objects = documents(&built)?;
        ensure!(objects.len() == left, "{built}");
        ensure!(objects.iter().all(|object| kind(object) == "EtcdCluster"), "{built}");
    }
    Ok(())
}

fn kubectl_refused() -> Result<()> {
    for (object, expected) in broken("") {
        // Another version has no plugin of ours.
        let expected = if object.contains("etcd.rutter.dev/v1\n") {
            ""
        } else {
            expected
        };
        let built = directory(&[
            ("kustomization.yaml", "generators: [etcd.yaml]\n"),
            ("etcd.yaml", &object),
        ])?;
        let refusal = refusal(&kubectl_build(built.path())?)?;
        ensure!(
            refusal.contains(expected),
            "{expected:?} is missing in\n{}",
            head(&refusal)
        );
    }
    // As a transformer it would lose all other resources.
    let built = directory(&[
        (
            "kustomization.yaml",
            "resources: [page.yaml]\ntransformers: [etcd.yaml]\n",
        ),
        ("page.yaml", FOREIGN),
        ("etcd.yaml", &cluster("", "spec: {}\n")),
    ])?;
    let message = refusal(&kubectl_build(built.path())?)?;
    ensure!(message.contains("list the object under `generators:`"), "{message}");
    for (spec, expected) in REFUSED {
        let built = directory(&[
            ("kustomization.yaml", "generators: [etcd.yaml]\n"),
            ("etcd.yaml", &cluster("", spec)),
        ])?;
        let refusal = refusal(&kubectl_build(built.path())?)?;
        ensure!(refusal.contains(expected), "{expected:?} is missing in\n{refusal}");
    }
    Ok(())
}

/// The function's definition for catalogs is correct.
fn definition() -> Result<()> {
    let text = fs::read_to_string(root().join("plugins/krm/function.yaml"))?;
    let definition: Value = serde_yaml::from_str(&text)?;
    let package = EtcdPackage.describe();
    let spec = &definition["spec"];
    let version = &spec["versions"][0];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let api_version = format!("{}/{}", text(&spec["group"]), text(&version["name"]));
    same("apiVersion", &package.api_version, &api_version)?;
    ensure!(spec["names"]["kind"] == package.kind.as_str(), "{spec}");
    let examples = version["examples"].as_array().context("examples")?.iter();
    for path in examples.chain([&version["usage"]]) {
        ensure!(root().join(text(path)).is_file(), "{path}");
    }
    let schema = jsonschema::validator_for(&version["schema"]["openAPIV3Schema"])?;
    let object: Value = serde_yaml::from_str(&cluster("", "spec: {}\n"))?;
    ensure!(schema.is_valid(&object), "{object}");
    Ok(())
}

// kpt.

fn find_kpt() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join("kpt"))
        .find(|path| path.is_file())
}

const KPTFILE: &str = "\
apiVersion: kpt.dev/v1
kind: Kptfile
metadata:
  name: orders
  annotations:
    config.kubernetes.io/local-config: \"true\"
pipeline:
  mutators:
  - exec: rutter krm
  validators:
  - exec: rutter krm --validate
";

const LOCAL: &str = "config.kubernetes.io/local-config: \"true\"";

/// Creates a kpt package with a cluster of this `spec`.
fn package(spec: &str) -> Result<tempfile::TempDir> {
    package_of(&cluster(LOCAL, spec))
}

fn package_of(clusters: &str) -> Result<tempfile::TempDir> {
    directory(&[("Kptfile", KPTFILE), ("etcd.yaml", clusters), ("page.yaml", FOREIGN)])
}

fn kpt_render(directory: &Path, args: &[&str]) -> Result<Output> {
    run(host("kpt")?
        .args(["fn", "render", "--allow-exec"])
        .arg(directory)
        .args(args))
}

/// Returns the files of a package, by name, including those of the namespace.
fn files(directory: &Path) -> Result<BTreeMap<String, String>> {
    let mut all = files_of(directory)?;
    if directory.join("shop").is_dir() {
        let moved = |(name, text)| (format!("shop/{name}"), text);
        all.extend(files_of(&directory.join("shop"))?.into_iter().map(moved));
    }
    Ok(all)
}

fn files_of(directory: &Path) -> Result<BTreeMap<String, String>> {
    let entries = fs::read_dir(directory)?.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().is_file()));
    let file = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry?;
        Ok((
            entry.file_name().to_string_lossy().into_owned(),
            fs::read_to_string(entry.path())?,
        ))
    };
    entries.map(file).collect()
}

/// Objects in files stay there, a second render changes nothing, and one with other values changes the objects in
/// place.
fn kpt_idempotent() -> Result<()> {
    let directory = package("spec: {replicas: 3} # three\n")?;
    stdout(&kpt_render(directory.path(), &[])?)?;
    let first = files(directory.path())?;
    ensure!(first.contains_key("shop/statefulset_orders.yaml"), "{:?}", first.keys());
    same("page.yaml", FOREIGN, &first["page.yaml"])?;
    same(
        "etcd.yaml",
        &cluster(LOCAL, "spec: {replicas: 3} # three\n"),
        &first["etcd.yaml"],
    )?;
    stdout(&kpt_render(directory.path(), &[])?)?;
    let second = files(directory.path())?;
    ensure!(first == second, "the second render changed the files");

    fs::rename(
        directory.path().join("shop/statefulset_orders.yaml"),
        directory.path().join("set.yaml"),
    )?;
    fs::write(
        directory.path().join("etcd.yaml"),
        cluster(LOCAL, "spec: {replicas: 5}\n"),
    )?;
    stdout(&kpt_render(directory.path(), &[])?)?;
    let third = files(directory.path())?;
    ensure!(
        !third.contains_key("shop/statefulset_orders.yaml"),
        "{:?}",
        third.keys()
    );
    ensure!(third["set.yaml"].contains("replicas: 5"), "{}", third["set.yaml"]);
    Ok(())
}

/// `copy comments`, `exec-function-with-args`, `fnresult-fn-success`.
fn kpt_comments_and_results() -> Result<()> {
    let commented = "# Above\napiVersion: v1\nkind: ConfigMap\nmetadata: # beside\n  name: commented\ndata:\n  b: \"2\" # wide\n  a: '1'\n";
    let directory = package("spec: {replicas: 4}\n")?;
    fs::write(directory.path().join("commented.yaml"), commented)?;
    let results = directory.path().join("results");
    let mut command = host("kpt")?;
    command
        .args(["fn", "eval", "--exec", "rutter krm", "--results-dir"])
        .arg(&results)
        .arg(directory.path());
    stdout(&run(&mut command)?)?;
    same(
        "commented.yaml",
        commented,
        &fs::read_to_string(directory.path().join("commented.yaml"))?,
    )?;
    let results: Value = serde_yaml::from_str(&fs::read_to_string(results.join("results.yaml"))?)?;
    let result = &results["items"][0]["results"][0];
    ensure!(result["severity"] == "warning", "{results:#}");
    ensure!(result["field"]["path"] == "spec.replicas", "{results:#}");
    ensure!(result["file"]["path"] == "etcd.yaml", "{results:#}");
    ensure!(result["resourceRef"]["name"] == "orders", "{results:#}");
    Ok(())
}

/// `fnresult-fn-failure`: nothing is written, and the user sees the value.
fn kpt_refused() -> Result<()> {
    for (spec, expected) in REFUSED {
        let directory = package(spec)?;
        let before = files(directory.path())?;
        let refusal = refusal(&kpt_render(directory.path(), &["--truncate-output=false"])?)?;
        ensure!(refusal.contains(expected), "{expected:?} is missing in\n{refusal}");
        ensure!(files(directory.path())? == before, "the package changed");
    }
    for (object, expected) in broken(LOCAL) {
        let directory = package_of(&object)?;
        let before = files(directory.path())?;
        let refusal = refusal(&kpt_render(directory.path(), &["--truncate-output=false"])?)?;
        ensure!(
            refusal.contains(expected),
            "{expected:?} is missing in\n{}",
            head(&refusal)
        );
        ensure!(files(directory.path())? == before, "the package changed");
    }
    let directory = package("spec: {}\n")?;
    fs::write(directory.path().join("again.yaml"), cluster(LOCAL, "spec: {}\n"))?;
    let refusal = refusal(&kpt_render(directory.path(), &["--truncate-output=false"])?)?;
    ensure!(refusal.contains("is rendered for another object"), "{refusal}");
    Ok(())
}

/// `validator-mutates-resources`, and a package that was not rendered.
fn kpt_validator() -> Result<()> {
    let directory = package("spec: {}\n")?;
    let eval = || -> Result<Output> {
        let mut command = host("kpt")?;
        run(command
            .args([
                "fn",
                "eval",
                "--truncate-output=false",
                "--exec",
                "rutter krm --validate",
            ])
            .arg(directory.path()))
    };
    let before = files(directory.path())?;
    let refusal = refusal(&eval()?)?;
    ensure!(refusal.contains("error[not-rendered]"), "{refusal}");
    ensure!(files(directory.path())? == before, "the package changed");
    stdout(&kpt_render(directory.path(), &[])?)?;
    let rendered = files(directory.path())?;
    stdout(&eval()?)?;
    ensure!(files(directory.path())? == rendered, "the package changed");
    Ok(())
}
