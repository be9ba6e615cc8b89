//! The plugin in Argo CD's own code: the server that runs its commands, and the client that sends it a folder.
//!
//! Argo CD hands objects on as JSON, so that what it gives is compared as objects, and what the plugin's commands write
//! as bytes.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, ensure};
use host_tests::matrix::{self, Agreement};
use host_tests::oracles::documents;
use host_tests::{artifact, render, root, same};
use libtest_mimic::{Arguments, Trial};
use rutter::stream::join;
use serde_json::{Value, json};

type Test = fn() -> Result<()>;

fn main() -> Result<()> {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for entry in fs::read_dir(root().join("examples"))? {
        let path = entry?.path();
        if path.is_dir() {
            continue;
        }
        let name = path.file_stem().context("a name")?.to_string_lossy().into_owned();
        trials.push(Trial::test(format!("example::{name}"), move || {
            example(&path)?;
            Ok(matrix::record(
                "argocd",
                &format!("example-{name}"),
                Agreement::Objects,
            )?)
        }));
    }
    ensure!(trials.len() > 10, "there are examples");
    let others: [(&str, Test); 12] = [
        ("foreign", foreign),
        ("files_in_order", files_in_order),
        ("discovery", discovery),
        ("parameters", parameters),
        ("parameters_over_an_object", parameters_over_an_object),
        ("wrong_parameters", wrong_parameters),
        ("announcement", announcement),
        ("refused", refused),
        ("large_files", large_files),
        ("links", links),
        ("whole_or_nothing", whole_or_nothing),
        ("sidecar", sidecar),
    ];
    for (name, test) in others {
        trials.push(Trial::test(name, move || Ok(test()?)));
    }
    libtest_mimic::run(&arguments, trials).exit()
}

/// A repository with an Application's folder, and what Argo CD knows of the Application.
struct Application {
    repository: tempfile::TempDir,
    about: Value,
}

impl Application {
    fn new(files: &[(&str, &str)]) -> Result<Self> {
        let application = Self {
            repository: tempfile::tempdir()?,
            about: json!({
                "name": "orders",
                "namespace": "shop",
                "kubeVersion": "1.36.3",
                "apiVersions": ["v1", "apps/v1", "apps/v1/StatefulSet"],
            }),
        };
        fs::create_dir_all(application.folder())?;
        for (name, text) in files {
            fs::write(application.folder().join(name), text)?;
        }
        Ok(application)
    }

    fn with(mut self, parameters: Value) -> Self {
        self.about["parameters"] = parameters;
        self
    }

    fn folder(&self) -> PathBuf {
        self.repository.path().join("apps/orders")
    }

    /// What Argo CD makes of it.
    fn ask(&self) -> Result<Value> {
        let mut command = command("argocd-cmp")?;
        command
            .arg(plugin())
            .arg(self.repository.path())
            .arg("apps/orders")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .context("the command argocd-cmp: `cargo xtask test` installs it")?;
        let mut stdin = child.stdin.take().context("a pipe")?;
        stdin.write_all(self.about.to_string().as_bytes())?;
        drop(stdin);
        let output = child.wait_with_output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// The objects that Argo CD gets.
    fn objects(&self) -> Result<Vec<Value>> {
        let outcome = self.ask()?;
        ensure!(outcome["error"] == "", "{}", outcome["error"]);
        ensure!(outcome["discovers"] == true && outcome["matches"] == true, "{outcome}");
        let manifests = outcome["manifests"].as_array().context("manifests")?.iter();
        manifests
            .map(|text| Ok(serde_json::from_str(text.as_str().context("text")?)?))
            .collect()
    }

    /// Why Argo CD gets none, which is what people see of it.
    fn error(&self) -> Result<String> {
        let outcome = self.ask()?;
        ensure!(outcome["manifests"].is_null(), "{outcome}");
        let error = outcome["error"].as_str().context("an error")?;
        ensure!(!error.is_empty(), "it succeeded");
        Ok(error.to_owned())
    }

    /// What the plugin's command itself writes, run as the server does.
    fn run(&self, verb: &str) -> Result<Output> {
        let plugin: Value = serde_yaml::from_str(&fs::read_to_string(plugin().join("plugin.yaml"))?)?;
        let place = match verb {
            "discover" => "/spec/discover/find/command",
            "generate" => "/spec/generate/command",
            _ => "/spec/parameters/dynamic/command",
        };
        let words: Vec<String> = serde_json::from_value(plugin.pointer(place).context("a command")?.clone())?;
        let (program, args) = words.split_first().context("a program")?;
        let text = |key: &str| self.about[key].as_str().unwrap_or_default().to_owned();
        let output = command(program)?
            .args(args)
            .current_dir(self.folder())
            .env("ARGOCD_APP_NAME", text("name"))
            .env("ARGOCD_APP_NAMESPACE", text("namespace"))
            .env("ARGOCD_APP_PARAMETERS", self.about["parameters"].to_string())
            .env("KUBE_VERSION", text("kubeVersion"))
            .stdin(Stdio::null())
            .output()?;
        Ok(output)
    }

    /// What the plugin generates.
    fn generated(&self) -> Result<String> {
        let output = self.run("generate")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }

    /// The same through Argo CD and without.
    fn gives(&self, expected: &str) -> Result<()> {
        same("what is generated", expected, &self.generated()?)?;
        ensure!(documents(expected)? == self.objects()?, "the objects differ");
        Ok(())
    }

    /// Both fail, write nothing, and say all of this.
    fn fails_with(&self, parts: &[&str]) -> Result<()> {
        let output = self.run("generate")?;
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.code() == Some(1), "{}: {stderr}", output.status);
        ensure!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
        let error = self.error()?;
        for part in parts {
            ensure!(stderr.contains(part), "{part:?} is not in {stderr}");
            ensure!(error.contains(part), "{part:?} is not in {error}");
        }
        Ok(())
    }
}

fn plugin() -> PathBuf {
    root().join("plugins/argocd")
}

/// A program of this checkout or of the tools, with nothing of the user's.
fn command(program: &str) -> Result<Command> {
    let rutter = artifact("rutter")?.canonicalize()?;
    let mut path = vec![rutter.parent().context("dist")?.to_path_buf()];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    // By its full path: a program is looked for on the search path of whoever starts it.
    let found = path
        .iter()
        .map(|folder| folder.join(program))
        .find(|file| file.is_file());
    let mut command = Command::new(found.unwrap_or_else(|| program.into()));
    command.env("PATH", std::env::join_paths(path)?);
    Ok(command)
}

fn rendered(name: &str, values: &str) -> Result<String> {
    let rendering = render(name, "shop", values).map_err(|problems| anyhow::anyhow!("{problems:#?}"))?;
    Ok(join(&rendering.manifests))
}

/// An object with these values.
fn object(name: &str, values: &str) -> String {
    let spec: String = values.lines().map(|line| format!("  {line}\n")).collect();
    let spec = if spec.trim().is_empty() { "  {}\n" } else { &spec };
    format!("apiVersion: etcd.rutter.dev/v1alpha1\nkind: EtcdCluster\nmetadata: {{name: {name}}}\nspec:\n{spec}")
}

/// As values, and as an object.
fn example(path: &Path) -> Result<()> {
    let text = fs::read_to_string(path)?;
    if text.contains("kind: EtcdCluster") {
        let output = command("rutter")?
            .args(["render", "-n", "shop", "-f"])
            .arg(path)
            .output()?;
        let expected = String::from_utf8(output.stdout)?;
        return Application::new(&[("clusters.yaml", &text)])?.gives(&expected);
    }
    // The name that what is in some of the examples goes by.
    let expected = rendered("etcd", &text)?;
    let mut application = Application::new(&[("etcd-values.yaml", &text)])?;
    application.about["name"] = json!("etcd");
    application.gives(&expected)?;
    let values: Value = serde_yaml::from_str(&text)?;
    // In flow style, which needs no indentation.
    let object = json!({
        "apiVersion": "etcd.rutter.dev/v1alpha1", "kind": "EtcdCluster", "metadata": {"name": "etcd"}, "spec": values,
    });
    let application = Application::new(&[("cluster.json", &object.to_string())])?;
    let found = documents(&application.generated()?)?;
    ensure!(found == documents(&expected)?, "the objects differ");
    ensure!(found == application.objects()?, "Argo CD's objects differ");
    Application::new(&[("cluster.yaml", &indented(&text))])?.gives(&expected)
}

/// An object with the very text of values, so that also scalars are as they were.
fn indented(values: &str) -> String {
    object("etcd", values)
}

const NAMESPACE: &str =
    "# A namespace, oddly written.\napiVersion:   v1\nkind: 'Namespace'\nmetadata: {name: shop} # !\n";

/// What is not ours passes through byte for byte, whatever the files end with.
fn foreign() -> Result<()> {
    let config = "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  text: |\n    x: [\n...";
    let application = Application::new(&[
        ("a.yaml", NAMESPACE),
        ("b.yml", &object("orders", "replicas: 5")),
        ("c.yaml", config),
        (
            "d.json",
            "{\"apiVersion\": \"v1\", \"kind\": \"ServiceAccount\", \"metadata\": {\"name\": \"x\"}}",
        ),
        ("e.yaml", "# Nothing yet.\n"),
        (".hidden.yaml", "x: ["),
        ("README.md", "kind: EtcdCluster"),
    ])?;
    fs::create_dir(application.folder().join("deeper"))?;
    fs::write(application.folder().join("deeper/x.yaml"), "x: [")?;
    let expected = format!(
        "{NAMESPACE}{}{config}\n---\n{}",
        rendered("orders", "replicas: 5")?,
        "{\"apiVersion\": \"v1\", \"kind\": \"ServiceAccount\", \"metadata\": {\"name\": \"x\"}}"
    );
    same("what is generated", &expected, &application.generated()?)?;
    let kinds: Vec<Value> = application
        .objects()?
        .iter()
        .map(|object| object["kind"].clone())
        .collect();
    ensure!(kinds.first() == Some(&json!("Namespace")), "{kinds:?}");
    ensure!(kinds.last() == Some(&json!("ServiceAccount")), "{kinds:?}");
    Ok(())
}

fn files_in_order() -> Result<()> {
    let application = Application::new(&[
        ("20-b.yaml", &object("b", "")),
        ("10-a.yaml", &format!("{}---\n{}", object("a", ""), object("c", ""))),
        ("etcd-values.yaml", ""),
    ])?;
    let expected = [
        rendered("a", "")?,
        rendered("c", "")?,
        rendered("b", "")?,
        rendered("orders", "")?,
    ]
    .concat();
    application.gives(&expected)
}

fn discovery() -> Result<()> {
    let cluster = object("orders", "");
    for (files, found) in [
        (
            &[("cluster.yaml", cluster.as_str())] as &[(&str, &str)],
            "cluster.yaml\n",
        ),
        (
            &[("cluster.yaml", "{apiVersion: etcd.rutter.dev/v1, kind: EtcdCluster}")],
            "cluster.yaml\n",
        ),
        (&[("etcd-values.yaml", "")], "etcd-values.yaml\n"),
        (&[("a.json", &cluster), ("b.yaml", NAMESPACE)], "a.json\n"),
        // What is wrong with it, the generation says.
        (
            &[(
                "cluster.yaml",
                "apiVersion: etcd.rutter.dev/v1alpha1\nkind: EtcdCluster\nspec: [",
            )],
            "cluster.yaml\n",
        ),
        (
            &[(
                "cluster.yaml",
                "apiVersion: etcd.rutter.dev/v1alpha1\nkind: EtcdClutser",
            )],
            "cluster.yaml\n",
        ),
        (&[], ""),
        (&[("values.yaml", "replicas: 3")], ""),
        (
            &[
                ("a.yaml", NAMESPACE),
                (".cluster.yaml", &cluster),
                ("cluster.yaml.txt", &cluster),
            ],
            "",
        ),
        (
            &[("a.yaml", "# An EtcdCluster of etcd.rutter.dev would stand here.\n")],
            "",
        ),
        (&[("a.yaml", "x: [")], ""),
        // Argo CD asks plugins first.
        (&[("Chart.yaml", ""), ("cluster.yaml", &cluster)], ""),
        (
            &[
                ("kustomization.yaml", "resources: [cluster.yaml]"),
                ("cluster.yaml", &cluster),
            ],
            "",
        ),
    ] {
        let application = Application::new(files)?;
        let output = application.run("discover")?;
        ensure!(
            output.status.success(),
            "{files:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        same("the files found", found, &String::from_utf8(output.stdout)?)?;
        let outcome = application.ask()?;
        ensure!(outcome["matches"] == !found.is_empty(), "{files:?}: {outcome}");
    }
    Ok(())
}

fn parameters() -> Result<()> {
    let application =
        Application::new(&[("etcd-values.yaml", "replicas: 1\nstorage: {data: {size: 1Gi}}\n")])?.with(json!([
            {"name": "name", "string": "events"},
            {"name": "values", "string": "replicas: 3\nresources: {limits: {memory: 1Gi}}"},
            {"name": "set", "map": {"replicas": "5", "storage.data.size": "20Gi"}},
        ]));
    let values = "{replicas: 5, storage: {data: {size: 20Gi}}, resources: {limits: {memory: 1Gi}}}";
    application.gives(&rendered("events", values)?)?;
    let application = Application::new(&[("etcd-values.yaml", "")])?.with(json!([
        {"name": "namespace", "string": "elsewhere"},
        {"name": "name", "string": ""},
    ]));
    let rendering = render("orders", "elsewhere", "").map_err(|problems| anyhow::anyhow!("{problems:#?}"))?;
    application.gives(&join(&rendering.manifests))
}

fn parameters_over_an_object() -> Result<()> {
    let text = format!(
        "{NAMESPACE}---\n{}",
        object("events", "replicas: 1\nstorage: {data: {size: 1Gi}}")
    );
    let parameters = json!([
        {"name": "values", "string": "replicas: 3"},
        {"name": "set", "map": {"replicas": "5"}},
    ]);
    let application = Application::new(&[("cluster.yaml", &text)])?.with(parameters);
    let expected = rendered("events", "{replicas: 5, storage: {data: {size: 1Gi}}}")?;
    application.gives(&format!("{NAMESPACE}{expected}"))?;
    // What is wrong stands where it was written, be that the file or a parameter.
    let text = object("events", "replicas: 1\nstorge: {}");
    let parameters = json!([
        {"name": "values", "string": "resources:\n  limts: {}"},
        {"name": "set", "map": {"storage.data.size": "big"}},
    ]);
    Application::new(&[("cluster.yaml", &text)])?
        .with(parameters)
        .fails_with(&[
            "--> cluster.yaml:6:3",
            "`storge`",
            "--> parameter values:2:3",
            "`limts`",
            "--> parameter set: storage.data.size=big:1:",
        ])
}

fn wrong_parameters() -> Result<()> {
    let values = || Application::new(&[("etcd-values.yaml", "")]);
    for (parameters, parts) in [
        (
            json!([{"name": "valeus", "string": ""}]),
            &["\"valeus\"", "did you mean values?"] as &[&str],
        ),
        (
            json!([{"name": "set", "array": ["replicas=5"]}]),
            &["plugin.parameters.set", "expected a map"],
        ),
        (
            json!([{"name": "values", "map": {}}]),
            &["plugin.parameters.values", "expected a string"],
        ),
        (
            json!([{"name": "values", "string": "replicas: ["}]),
            &["parameter values:1:"],
        ),
        (
            json!([{"name": "values", "string": "[1]"}]),
            &["parameter values:1:1", "expected a mapping"],
        ),
        (
            json!([{"name": "set", "map": {"replicas[": "1"}}]),
            &["parameter set: replicas[=1:1:", "index"],
        ),
        (
            json!([{"name": "set", "map": {"replcas": "1"}}]),
            &["parameter set: replcas=1:1:1", "`replicas`"],
        ),
        (
            json!([{"name": "name", "string": "A_b"}]),
            &["plugin.parameters.name", "\"A_b\""],
        ),
    ] {
        values()?.with(parameters).fails_with(parts)?;
    }
    // The name of an Application outside of Argo CD's own namespace.
    let mut application = values()?;
    application.about["name"] = json!("team_orders");
    application.fails_with(&["ARGOCD_APP_NAME", "\"team_orders\"", "set the parameter `name`"])?;
    let name = json!([{"name": "name", "string": "x"}]);
    let cluster = object("a", "");
    Application::new(&[("a.yaml", &cluster)])?.with(name).fails_with(&[
        "plugin.parameters.name",
        "etcd-values.yaml",
        "leave it out",
    ])?;
    let set = json!([{"name": "set", "map": {"replicas": "1"}}]);
    Application::new(&[("a.yaml", &cluster), ("b.yaml", &object("b", ""))])?
        .with(set)
        .fails_with(&["plugin.parameters.set", "a.yaml and b.yaml"])
}

/// What the user interface offers is what the folder takes.
fn announcement() -> Result<()> {
    let cluster = object("a", "");
    let two = format!("{cluster}---\n{}", object("b", ""));
    for (file, text, expected) in [
        (
            "etcd-values.yaml",
            "",
            &["name", "namespace", "values", "set"] as &[&str],
        ),
        ("a.yaml", &cluster, &["namespace", "values", "set"]),
        ("a.yaml", &two, &["namespace"]),
    ] {
        let outcome = Application::new(&[(file, text)])?.ask()?;
        let announced = outcome["parameters"].as_array().context("parameters")?;
        let names: Vec<&str> = announced
            .iter()
            .filter_map(|parameter| parameter["name"].as_str())
            .collect();
        ensure!(names == expected, "{file}: {outcome}");
        for parameter in announced {
            ensure!(
                parameter["title"].is_string() && parameter["tooltip"].is_string(),
                "{parameter}"
            );
            let collection = parameter["collectionType"].as_str().unwrap_or_default();
            ensure!((collection == "map") == (parameter["name"] == "set"), "{parameter}");
        }
    }
    // The folder is broken, and its parameters can be set all the same.
    let broken = Application::new(&[("a.yaml", "apiVersion: etcd.rutter.dev/v1alpha1\nkind: [")])?;
    let output = broken.run("parameters")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let announced: Value = serde_json::from_slice(&output.stdout)?;
    ensure!(announced.as_array().is_some_and(|list| list.len() == 4), "{announced}");
    Ok(())
}

fn refused() -> Result<()> {
    let good = object("good", "");
    let broken = format!("{NAMESPACE}---\n{}", object("orders", "replicas: 3\n storge: {}"));
    let unknown = format!("{NAMESPACE}---\n{}", object("orders", "storge: {}"));
    let cut = object("orders", "storage: {data: {size: 1Gi");
    let version = good.replace("v1alpha1", "v2");
    let kind = good.replace("EtcdCluster", "EtcdClutser");
    let list = "apiVersion: v1\nkind: List\nitems: [{apiVersion: etcd.rutter.dev/v1alpha1, kind: EtcdCluster}]\n";
    let twice = object("good", "replicas: 5");
    for (text, parts) in [
        (broken.as_str(), &["b.yaml:"] as &[&str]),
        (&unknown, &["b.yaml:10:3", "`storge`", "did you mean `storage`?"]),
        (&cut, &["b.yaml:"]),
        (
            &version,
            &[
                "b.yaml:1:13",
                "etcd.rutter.dev/v2",
                "write apiVersion: etcd.rutter.dev/v1alpha1",
            ],
        ),
        (&kind, &["b.yaml:2:7", "EtcdClutser", "write kind: EtcdCluster"]),
        (list, &["b.yaml:3:9", "items[0]"]),
        (&twice, &["b.yaml:3:", "\"good\"", "rename one of the two"]),
        ("replicas: 3\n", &["b.yaml:1:1", "name the file etcd-values.yaml"]),
        (
            "a: 1\n---\nb: 2\n",
            &["b.yaml:1:1", "none of which is a Kubernetes object"],
        ),
    ] {
        Application::new(&[("a.yaml", &good), ("b.yaml", text)])?.fails_with(parts)?;
    }
    // Of all files at once.
    Application::new(&[("a.yaml", &unknown), ("b.yaml", &unknown)])?.fails_with(&["a.yaml:10:3", "b.yaml:10:3"])?;
    Application::new(&[("etcd-values.yaml", &good)])?.fails_with(&["etcd-values.yaml:1:1", "rename the file"])?;
    Application::new(&[("etcd-values.yaml", "replicas: 3\nstorge: {}\n")])?.fails_with(&["etcd-values.yaml:2:1"])?;
    Application::new(&[("etcd-values.yaml", ""), ("a.yaml", &object("orders", ""))])?.fails_with(&[
        "etcd-values.yaml:1:1",
        "\"orders\"",
        "rename one of the two",
    ])?;
    let application = Application::new(&[("a.yaml", &good)])?;
    fs::write(application.folder().join("b.yaml"), b"a: \xff\n")?;
    application.fails_with(&["b.yaml:1:4", "UTF-8"])?;
    // Argo CD would not ask the plugin, and would delete what it has if the plugin wrote nothing.
    let output = Application::new(&[("a.yaml", NAMESPACE)])?.run("generate")?;
    ensure!(
        output.status.code() == Some(1) && output.stdout.is_empty(),
        "{output:?}"
    );
    let stderr = String::from_utf8(output.stderr)?;
    ensure!(
        stderr.contains("neither an EtcdCluster nor etcd-values.yaml"),
        "{stderr}"
    );
    Ok(())
}

fn large_files() -> Result<()> {
    let good = object("good", "");
    let comment = format!("# {}\n", "x".repeat(1 << 20));
    let large = format!("{NAMESPACE}{}", comment.repeat(50));
    let application = Application::new(&[("a.yaml", &good), ("b.yaml", &large)])?;
    let expected = format!("{}---\n{large}", rendered("good", "")?);
    same("what is generated", &expected, &application.generated()?)?;
    let hostile = format!("{good}  nonsense: [{}]\n", "1,".repeat(25 << 20));
    Application::new(&[("b.yaml", &hostile)])?.fails_with(&["b.yaml:"])?;
    let two = [("a.yaml", good.as_str()), ("b.yaml", &large), ("c.yaml", &large)];
    Application::new(&two)?.fails_with(&["c.yaml:1:1", "64 MiB"])
}

/// A link could lead to what is not of the repository.
fn links() -> Result<()> {
    use std::os::unix::fs::symlink;

    let outside = tempfile::tempdir()?;
    let secret = outside.path().join("secret.yaml");
    fs::write(&secret, object("secret", ""))?;
    let application = Application::new(&[("a.yaml", &object("good", ""))])?;
    symlink(application.folder().join("a.yaml"), application.folder().join(".b"))?;
    symlink(&secret, application.folder().join("out.yaml"))?;
    let output = application.run("generate")?;
    let stderr = String::from_utf8(output.stderr)?;
    ensure!(output.status.code() == Some(1) && output.stdout.is_empty(), "{stderr}");
    ensure!(
        stderr.contains("out.yaml:1:1") && stderr.contains("leads out of the directory"),
        "{stderr}"
    );
    let discovered = String::from_utf8(application.run("discover")?.stdout)?;
    same("the files found", "a.yaml\n", &discovered)
}

/// What Argo CD would prune is not left out: a folder that is a kustomization's, and a file whose name cannot be told.
fn whole_or_nothing() -> Result<()> {
    use std::os::unix::ffi::OsStrExt as _;

    let owned = Application::new(&[
        ("a.yaml", &object("good", "")),
        ("kustomization.yaml", "resources: [a.yaml]\n"),
    ])?;
    let unnamed = Application::new(&[("a.yaml", &object("good", ""))])?;
    let name = std::ffi::OsStr::from_bytes(b"b\xff.yaml");
    fs::write(unnamed.folder().join(name), object("other", ""))?;
    let output = owned.run("generate")?;
    let stderr = String::from_utf8(output.stderr)?;
    ensure!(!output.status.success() && output.stdout.is_empty(), "{stderr}");
    let expected = "kustomization.yaml says whose this directory is";
    ensure!(stderr.contains(expected), "{expected:?} is missing in\n{stderr}");
    // A file whose name is no text is read like any other.
    let output = unnamed.run("generate")?;
    let (stdout, stderr) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
    ensure!(output.status.success(), "{stderr}");
    for name in ["good", "other"] {
        ensure!(
            stdout.contains(&format!("name: {name}\n")),
            "{name} is missing in\n{stdout}"
        );
    }
    ensure!(stderr.contains("--> b\\xff.yaml"), "{stderr}");
    Ok(())
}

/// What of Argo CD's own repo-server a sidecar leans on (v3.5.7, `manifests/base/repo-server`).
const REPO_SERVER: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: argocd-repo-server}
spec:
  selector: {matchLabels: {app.kubernetes.io/name: argocd-repo-server}}
  template:
    metadata: {labels: {app.kubernetes.io/name: argocd-repo-server}}
    spec:
      containers: [{name: argocd-repo-server, image: argocd}]
      initContainers: [{name: copyutil, image: argocd}]
      volumes:
      - {name: var-files, emptyDir: {}}
      - {name: plugins, emptyDir: {}}
";

/// The sidecar is put into Argo CD's own repo-server by the real Kustomize.
fn sidecar() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::create_dir(folder.path().join("rutter"))?;
    for file in ["kustomization.yaml", "plugin.yaml", "repo-server.yaml"] {
        fs::copy(plugin().join(file), folder.path().join("rutter").join(file))?;
    }
    fs::write(folder.path().join("repo-server.yaml"), REPO_SERVER)?;
    fs::write(
        folder.path().join("kustomization.yaml"),
        "namespace: argocd\nresources: [repo-server.yaml]\ncomponents: [rutter]\n",
    )?;
    let output = command("kustomize")?.arg("build").arg(folder.path()).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let objects = documents(&String::from_utf8(output.stdout)?)?;
    let of_kind = |kind: &str| {
        objects
            .iter()
            .find(|object| object["kind"] == kind)
            .context(kind.to_owned())
    };
    let config = of_kind("ConfigMap")?;
    same(
        "the plugin's configuration",
        &fs::read_to_string(plugin().join("plugin.yaml"))?,
        config["data"]["plugin.yaml"].as_str().unwrap_or_default(),
    )?;
    let pod = &of_kind("Deployment")?["spec"]["template"]["spec"];
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let volumes = list(&pod["volumes"]);
    let plugin = volumes
        .iter()
        .find(|volume| volume["name"] == "rutter-plugin")
        .context("a volume")?;
    ensure!(plugin["configMap"]["name"] == config["metadata"]["name"], "{plugin}");
    let containers = list(&pod["containers"]);
    ensure!(containers.len() == 2, "{containers:?}");
    let sidecar = containers
        .iter()
        .find(|container| container["name"] == "rutter")
        .context("the sidecar")?;
    ensure!(sidecar["securityContext"]["runAsUser"] == 999, "{sidecar}");
    for mount in list(&sidecar["volumeMounts"]) {
        ensure!(volumes.iter().any(|volume| volume["name"] == mount["name"]), "{mount}");
    }
    Ok(())
}
