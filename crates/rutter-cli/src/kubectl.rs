//! A cluster, read by kubectl.

use std::collections::BTreeMap;
use std::env;
use std::io::{self, Read as _};
use std::path::{self, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::{self, JoinHandle};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use rutter::ObjectKind;
use rutter::plan::Target;
use rutter::stream;

use crate::args::Cluster;
use crate::observed::{self, Problem, SecretValues};

/// The beginning of a cluster's identity if that is the UID of the plan's own namespace.
pub(crate) const OF_NAMESPACE: &str = "namespace-";

/// The number of kinds that are read at once.
const AT_ONCE: usize = 4;

/// The most bytes of kubectl's error messages that are kept, and that are read.
const KEPT_MESSAGES: u64 = 8 << 10;
const READ_MESSAGES: u64 = 1 << 20;

/// kubectl for one cluster.
#[derive(Clone, Debug)]
pub(crate) struct Kubectl {
    context: Option<String>,
    /// Absolute, because scripts run elsewhere.
    kubeconfig: Option<PathBuf>,
}

/// An object that is desired, of a kind that the package does not observe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Further {
    pub(crate) kind: ObjectKind,
    pub(crate) name: String,
    pub(crate) namespace: Option<String>,
}

/// The installed objects that kubectl is asked for in one call.
#[derive(Clone, Copy, Debug)]
enum Query<'a> {
    /// All of a kind.
    All(&'a ObjectKind),
    /// One, if there is such an object.
    One(&'a Further),
}

/// The installed objects of a cluster.
#[derive(Debug)]
pub(crate) struct Live {
    /// The observed objects, as a stream.
    pub(crate) objects: String,
    /// The cluster that they are in.
    pub(crate) target: Target,
}

impl Kubectl {
    /// kubectl as the command line says.
    ///
    /// # Errors
    ///
    /// If the current directory is unknown.
    pub(crate) fn new(cluster: &Cluster) -> Result<Self> {
        let kubeconfig = cluster.kubeconfig.as_ref().map(path::absolute);
        Ok(Self {
            context: cluster.context.clone(),
            kubeconfig: kubeconfig.transpose().context("the current directory is unknown")?,
        })
    }

    /// The same for this cluster only, whatever becomes the current context.
    fn pinned(&self, target: &Target) -> Self {
        Self {
            context: target.context.clone(),
            ..self.clone()
        }
    }

    /// The environment in which a script reaches the same cluster.
    pub(crate) fn environment(&self) -> Option<(&'static str, &PathBuf)> {
        Some(("KUBECONFIG", self.kubeconfig.as_ref()?))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("kubectl");
        if let Some((variable, file)) = self.environment() {
            command.env(variable, file);
        }
        // Messages are compared, in English.
        command.env("LC_ALL", "C");
        // No options of the person's own: a selector of `get` would hide objects.
        command.env("KUBERC", "off").env("KUBECTL_KUBERC", "false");
        // kubectl waits for an API server forever.
        command.args((arguments.first() == Some(&"get")).then_some("--request-timeout=60s"));
        command.args(self.context.as_ref().map(|context| format!("--context={context}")));
        command.args(arguments);
        command
    }

    /// Starts kubectl, and reads its error messages.
    fn start(&self, arguments: &[&str]) -> Result<(Child, JoinHandle<Vec<u8>>)> {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("kubectl cannot be started")?;
        let stderr = child.stderr.take();
        let messages = thread::spawn(move || {
            let mut text = Vec::new();
            if let Some(stderr) = stderr {
                let mut stderr = stderr.take(READ_MESSAGES);
                // What cannot be read is not printed.
                let _ = stderr.by_ref().take(KEPT_MESSAGES).read_to_end(&mut text);
                let _ = io::copy(&mut stderr, &mut io::sink());
            }
            text
        });
        Ok((child, messages))
    }

    fn output(&self, arguments: &[&str]) -> Result<Output> {
        let (mut child, messages) = self.start(arguments)?;
        let mut text = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            let most = u64::try_from(stream::MAX_BYTES + 1).unwrap_or(u64::MAX);
            stdout.take(most).read_to_end(&mut text).context("kubectl")?;
        }
        let status = child.wait().context("kubectl")?;
        ensure!(
            text.len() <= stream::MAX_BYTES,
            "kubectl printed more than the {} MiB accepted",
            stream::MAX_BYTES >> 20
        );
        Ok(Output {
            status,
            stdout: text,
            stderr: messages.join().unwrap_or_default(),
        })
    }

    /// Returns the output of kubectl.
    ///
    /// # Errors
    ///
    /// If it fails: with what it printed.
    fn run(&self, arguments: &[&str]) -> Result<String> {
        let output = self.output(arguments)?;
        if !output.status.success() {
            return Err(failed(&output));
        }
        String::from_utf8(output.stdout).context("kubectl printed what is not UTF-8")
    }

    /// The context that is used and the cluster that it leads to. Where the namespace `kube-system` may not be read, the
    /// cluster is known by this namespace, as `host.sh` has it.
    fn target(&self, namespace: &str) -> Result<Target> {
        let context = match &self.context {
            Some(context) => Some(context.clone()),
            None => match self.run(&["config", "current-context"]) {
                Ok(context) => Some(context.trim_end_matches('\n').to_owned()).filter(|context| !context.is_empty()),
                // There is none in a pod.
                Err(error) if format!("{error:#}").contains("current-context is not set") => None,
                Err(error) => return Err(error.context("the current context is not known: write --context")),
            },
        };
        let target = Target {
            context,
            cluster: String::new(),
        };
        let pinned = self.pinned(&target);
        let uid = |namespace: &str| {
            let uid = pinned.run(&["get", "namespace", namespace, "--output=go-template={{.metadata.uid}}"])?;
            let is_uid = |c: char| c.is_ascii_alphanumeric() || c == '-';
            if uid.is_empty() || !uid.chars().all(is_uid) {
                bail!("the namespace {namespace} has no UID");
            }
            Ok(uid)
        };
        let cluster = match uid("kube-system") {
            Err(error) if format!("{error:#}").contains("(Forbidden)") => {
                uid(namespace).map(|uid| format!("{OF_NAMESPACE}{uid}"))
            }
            result => result,
        };
        let cluster = cluster.with_context(|| {
            format!(
                "the cluster cannot be identified (this requires permission to get the namespace kube-system or {namespace}, \
                 whose UID tells clusters apart)"
            )
        })?;
        Ok(Target { cluster, ..target })
    }

    /// The namespace that kubectl uses if none is given.
    ///
    /// # Errors
    ///
    /// If kubectl cannot say that.
    pub(crate) fn namespace(&self) -> Result<String> {
        let view = ["config", "view", "--minify", "--output=jsonpath={..namespace}"];
        let namespace = self
            .run(&view)
            .context("kubectl has no current namespace: write --namespace")?;
        let namespace = namespace.trim();
        Ok(if namespace.is_empty() { "default" } else { namespace }.to_owned())
    }

    /// Reads the objects of these kinds in a namespace, and further objects: all of them, or none.
    ///
    /// # Errors
    ///
    /// If kubectl cannot list a kind, unless the cluster is known not to have it and may lack it.
    pub(crate) fn read(&self, kinds: &[ObjectKind], further: &[Further], namespace: &str) -> Result<Live> {
        let target = self.target(namespace)?;
        let kubectl = &self.pinned(&target);
        let queries: Vec<Query<'_>> = kinds
            .iter()
            .map(Query::All)
            .chain(further.iter().map(Query::One))
            .collect();
        let mut results = Vec::with_capacity(queries.len());
        for queries in queries.chunks(AT_ONCE) {
            thread::scope(|scope| {
                let ask = |query| {
                    scope.spawn(move || match query {
                        Query::All(kind) => kubectl.list(kind, namespace),
                        Query::One(object) => kubectl.get(object, namespace),
                    })
                };
                let threads: Vec<_> = queries.iter().copied().map(ask).collect();
                let join = |thread: thread::ScopedJoinHandle<'_, Result<String>>| {
                    thread.join().unwrap_or_else(|_| Err(anyhow!("a thread failed")))
                };
                results.extend(threads.into_iter().map(join));
            });
        }
        let (mut objects, mut problems) = (String::new(), String::new());
        for (query, result) in queries.into_iter().zip(results) {
            match (result, query) {
                (Ok(text), _) => objects.push_str(&text),
                (Err(error), Query::All(kind)) => problems.push_str(&format!("\n{}: {error:#}", resource(kind))),
                (Err(error), Query::One(object)) => {
                    problems.push_str(&format!("\n{}/{}: {error:#}", resource(&object.kind), object.name));
                }
            }
        }
        if problems.is_empty() {
            return Ok(Live {
                objects: observed::to_stream(objects),
                target,
            });
        }
        // Whatever is missing would be taken for absent.
        let problems = problems.trim_end();
        bail!(
            "the installed state cannot be read; this requires permission to list these kinds in the namespace \
             {namespace}:{problems}"
        )
    }

    /// The objects of a kind, as a stream.
    fn list(&self, kind: &ObjectKind, namespace: &str) -> Result<String> {
        let resource = resource(kind);
        let namespace = format!("--namespace={namespace}");
        let mut arguments = vec!["get", &resource, &namespace];
        if kind.keys_only {
            let template = concat!("--output=go-template=", include_str!("kubectl/keys.gotmpl"));
            arguments.push(template);
            return match self.run(&arguments) {
                Ok(text) => Ok(text),
                Err(error) => self.excuse(kind, error),
            };
        }
        arguments.push("--output=json");
        let (mut child, messages) = self.start(&arguments)?;
        let stdout = child.stdout.take();
        let objects = stdout.map(|stdout| observed::read_json(stdout, std::slice::from_ref(kind)));
        let status = child.wait().context("kubectl")?;
        let output = Output {
            status,
            stdout: Vec::new(),
            stderr: messages.join().unwrap_or_default(),
        };
        // A signal ends it if its output is not read to the end.
        let is_cut = output.status.code().is_none() && output.stderr.is_empty();
        let is_cut = is_cut && matches!(objects, Some(Err(Problem::Refused(_))));
        if !output.status.success() && !is_cut {
            return self.excuse(kind, failed(&output));
        }
        match objects {
            Some(objects) => understood(objects),
            None => Err(io::Error::from(io::ErrorKind::BrokenPipe).into()),
        }
    }

    /// The values of a Secret; none if there is no such Secret.
    ///
    /// # Errors
    ///
    /// If kubectl does not print one Secret.
    pub(crate) fn secret(&self, target: &Target, namespace: &str, name: &str) -> Result<Option<SecretValues>> {
        let namespace = format!("--namespace={namespace}");
        let arguments = [
            "get",
            &namespace,
            "--ignore-not-found",
            "--output=json",
            "--",
            "secrets",
            name,
        ];
        let text = self.pinned(target).run(&arguments)?;
        if text.is_empty() {
            return Ok(None);
        }
        // An error would quote what it does not understand.
        let secret: Secret =
            serde_json::from_str(&text).map_err(|_| anyhow!("kubectl does not print the Secret {name:?}"))?;
        Ok(Some(SecretValues {
            data: secret.data,
            annotations: secret.metadata.annotations,
        }))
    }

    /// One object as a stream, or nothing if there is none.
    fn get(&self, object: &Further, namespace: &str) -> Result<String> {
        let namespace = format!("--namespace={}", object.namespace.as_deref().unwrap_or(namespace));
        let options = ["get", &namespace, "--ignore-not-found", "--output=json", "--"];
        let resource = resource(&object.kind);
        let arguments = [&options[..], &[&resource, &object.name]].concat();
        match self.run(&arguments) {
            Ok(text) if text.is_empty() => Ok(text),
            Ok(text) => understood(observed::read_json(text.as_bytes(), std::slice::from_ref(&object.kind))),
            Err(error) => self.excuse(&object.kind, error),
        }
    }

    /// No objects, if the API server says that it has no such kind, and it may lack it. Otherwise the error: kubectl also
    /// misses a kind if it could not ask for all of them.
    fn excuse(&self, kind: &ObjectKind, error: anyhow::Error) -> Result<String> {
        let is_unknown = format!("{error:#}").contains("the server doesn't have a resource type");
        if !kind.optional || !is_unknown {
            return Err(error);
        }
        match self.has(kind) {
            Ok(false) => Ok(String::new()),
            Ok(true) => Err(error),
            Err(discovery) => Err(error.context(format!("{discovery:#}"))),
        }
    }

    /// Whether the API server has a kind.
    fn has(&self, kind: &ObjectKind) -> Result<bool> {
        let path = format!("/apis/{}", kind.group);
        let Some(group) = self.discover(&path)? else {
            return Ok(false);
        };
        let versions = group["versions"]
            .as_array()
            .context("the API server lists no versions")?;
        for version in versions {
            let version = version["groupVersion"].as_str().context("a version has no name")?;
            let resources = self.discover(&format!("/apis/{version}"))?;
            let resources = resources.context("a version is gone")?;
            let resources = resources["resources"]
                .as_array()
                .context("a version lists no resources")?;
            if resources.iter().any(|resource| resource["name"] == *kind.name) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns the answer of the API server at a path, if it has that path.
    fn discover(&self, path: &str) -> Result<Option<serde_json::Value>> {
        let output = self.output(&["get", "--raw", path])?;
        if output.status.success() {
            return Ok(Some(serde_json::from_slice(&output.stdout)?));
        }
        let error = failed(&output);
        if format!("{error:#}").contains("(NotFound)") {
            return Ok(None);
        }
        Err(error)
    }
}

/// The part of a Secret that is read.
#[derive(serde::Deserialize)]
struct Secret {
    #[serde(default)]
    data: BTreeMap<String, String>,
    #[serde(default)]
    metadata: SecretMetadata,
}

#[derive(Default, serde::Deserialize)]
struct SecretMetadata {
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// The objects of an answer of kubectl.
fn understood(objects: Result<String, Problem>) -> Result<String> {
    match objects {
        Ok(objects) => Ok(objects),
        Err(Problem::Unreadable(error)) => Err(error.into()),
        Err(Problem::Refused(problems)) => {
            let problems = problems.iter().map(|problem| problem.message.clone());
            bail!(
                "kubectl did not print a list of them: {}",
                problems.collect::<Vec<_>>().join("; ")
            )
        }
    }
}

/// The name of a kind for kubectl.
fn resource(kind: &ObjectKind) -> String {
    if kind.group.is_empty() {
        kind.name.clone()
    } else {
        format!("{}.{}", kind.name, kind.group)
    }
}

fn failed(output: &Output) -> anyhow::Error {
    let stderr = String::from_utf8_lossy(&output.stderr);
    let text = stderr.trim();
    if text.is_empty() {
        anyhow!("kubectl failed: {}", output.status)
    } else {
        anyhow!("{text}")
    }
}

/// The directory in which a user's plans are kept, as the XDG Base Directory Specification has it.
pub(crate) fn state_directory() -> Option<PathBuf> {
    let variable = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = variable("XDG_STATE_HOME").filter(|path| path.is_absolute());
    let state = state.or_else(|| Some(variable("HOME")?.join(".local/state")));
    state
        .or_else(|| variable("LOCALAPPDATA"))
        .map(|state| state.join("rutter/plans"))
}
