//! The commands `plan` and `drift`: the steps from the installed to the desired state.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io;
#[cfg(unix)]
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::anyhow;
use rutter::plan::{Detail, File, Target};
use rutter::{ChangeRequest, Description, Diagnostic, Manifest, ObjectKind, Request, State, printable, stream};
use rutter_host::Package;

use crate::args::{Change, Drift, OutputFormat, PackageArgs, Plan, PlanFormat};
use crate::failure::{Failure, Located};
use crate::inputs::{self, MergedInputs};
use crate::kubectl::{Further, Kubectl, Live, OF_NAMESPACE};
use crate::observed::{NamedSecrets, Secrets};
use crate::output::{NewFile, Spool};
use crate::sources::Sources;
use crate::{json, observed, output, package, reader, report};

/// A plan, and what it was made from.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) plan: rutter::Plan,
    /// The cluster that was read, if one was.
    pub(crate) target: Option<Target>,
    /// The plan's warnings.
    warnings: Vec<Located>,
}

/// Runs `plan`. Gives the exit code that says what kind of change it is.
pub(crate) fn run(args: &Plan, sources: &mut Sources) -> Result<ExitCode, Failure> {
    check_cluster(&args.change)?;
    let writes = args.output_dir.is_some();
    let may_run = args.source.component.is_none() || args.commands.allow_commands;
    if let Some(directory) = &args.output_dir {
        check_directory(directory)?;
        check_writable(directory, "write another directory after --output-dir").map_err(Failure::Host)?;
    }
    let planned = planned(&args.change, &args.source, sources)?;
    let is_shown_only = writes && !may_run;
    let detail = match args.verbose {
        _ if is_shown_only => Detail::All,
        true => Detail::Commands,
        false => Detail::Steps,
    };
    let next = match &args.output_dir {
        _ if planned.plan.change.steps().is_empty() || is_shown_only => None,
        Some(directory) => Some(directory_line(directory, &args.change)),
        None if may_run => apply_line(&args.change),
        None => None,
    };
    let next = next.map(|line| format!("\nnext: {line}\n"));
    if let (Some(directory), false) = (&args.output_dir, is_shown_only) {
        write(directory, &planned.plan.files(planned.target.as_ref()))?;
    }
    planned.print(args.output, "", detail, &next.unwrap_or_default(), sources)?;
    if is_shown_only {
        return Err(Failure::BadCommandLine(anyhow!(
            "no run.sh was written: it would run commands of the package of --component with your permissions; read them \
             above, and write --allow-commands if you trust them"
        )));
    }
    Ok(ExitCode::from(if args.detailed_exitcode {
        planned.plan.detailed_exit_status()
    } else {
        planned.plan.exit_status()
    }))
}

/// Runs `drift`. Gives the exit code that says what kind of change it would take.
pub(crate) fn drift(args: &Drift, sources: &mut Sources) -> Result<ExitCode, Failure> {
    check_cluster(&args.change)?;
    let planned = planned(&args.change, &args.source, sources)?;
    let (most, detail) = match args.verbose {
        true => (None, Detail::Commands),
        false => (Some(MOST_DIFFERENCES), Detail::Steps),
    };
    let differences = planned.plan.differences_text(most);
    planned.print(args.output, &differences, detail, "", sources)?;
    Ok(ExitCode::from(planned.plan.detailed_exit_status()))
}

/// The number of differences that `drift` prints without `-v`.
const MOST_DIFFERENCES: usize = 10;

impl Planned {
    /// Prints the plan, its warnings behind its first line, and texts before and behind its steps.
    pub(crate) fn print(
        &self,
        format: PlanFormat,
        before: &str,
        detail: Detail,
        behind: &str,
        sources: &Sources,
    ) -> Result<(), Failure> {
        let to_stdout = |text: String| output::to_stdout(&report::harmless(text)).map_err(Failure::Host);
        match format {
            PlanFormat::Text => {
                to_stdout(format!("{}\n", self.plan.headline_in(self.target.as_ref())))?;
                if let Some(target) = &self.target
                    && target.cluster.starts_with(OF_NAMESPACE)
                {
                    report::to_stderr(&format!(
                        "note: you may not read the namespace kube-system, so the cluster is known by the UID of the namespace {}",
                        self.plan.namespace
                    ));
                }
                report::write(&self.warnings, sources, OutputFormat::Yaml, None);
                to_stdout(format!("{before}{}{behind}", self.plan.body(detail)))?;
            }
            PlanFormat::Json => {
                let text = json::to_text(&self.plan.to_json_in(self.target.as_ref())) + "\n";
                output::to_stdout(&text).map_err(Failure::Host)?;
                report::write(&self.warnings, sources, OutputFormat::Json, None);
            }
        }
        Ok(())
    }
}

/// Plans a change.
pub(crate) fn planned(args: &Change, source: &PackageArgs, sources: &mut Sources) -> Result<Planned, Failure> {
    check(args)?;
    inputs::read(&args.files, &args.set, sources)?;
    let package = package::load(source).map_err(Failure::Host)?;
    let description = package.describe()?;
    let kubectl = Kubectl::new(&args.cluster).map_err(Failure::Host)?;
    let namespace = match &args.namespace {
        None if args.live => Some(kubectl.namespace().map_err(Failure::Host)?),
        namespace => namespace.clone(),
    };
    let desired = Desired::read(args, &description, namespace.as_deref(), sources);
    if let (Some(asked), Ok(desired)) = (&args.namespace, &desired)
        && let Some(written) = &desired.request.namespace
        && written != asked
    {
        return Err(Failure::BadCommandLine(anyhow!(
            "--namespace {asked} contradicts the {}, whose metadata.namespace is {written}: leave it out, or change one of them",
            description.kind
        )));
    }
    let mut target = None;
    let observes = package.observes()?;
    let rendered = match &desired {
        // Why values are refused is said by the plan.
        Ok(desired) => match package.render(&desired.to_render(&description))? {
            Ok(rendering) => rendering.manifests,
            Err(_) => Vec::new(),
        },
        Err(_) => Vec::new(),
    };
    let of_plan = desired
        .as_ref()
        .ok()
        .and_then(|desired| desired.request.namespace.clone())
        .or_else(|| namespace.clone());
    let mut further = unobserved(&rendered, &observes);
    if source.component.is_some() {
        keep_in_namespace(&mut further, of_plan.as_ref());
    }
    let installed = match &args.from {
        Some(path) => {
            let mut kinds = observes;
            if !kinds.is_empty() {
                kinds.extend(further.into_iter().map(|object| object.kind));
            }
            let secrets = match source.component {
                None => observed::named_secrets(&rendered),
                Some(_) => NamedSecrets::new(),
            };
            read_installed(path, args, &package, &description, (&kinds, &secrets), sources)
        }
        // Wrong values are refused before the cluster is asked.
        None => match (&desired, of_plan) {
            (Ok(_), Some(namespace)) => {
                if observes.is_empty() {
                    let error = anyhow!("{} does not say which objects it reads: use --from", description.name);
                    return Err(Failure::BadCommandLine(error));
                }
                let live = kubectl.read(&observes, &further, &namespace).map_err(Failure::Host)?;
                let mut secrets = observed::secrets(&rendered, &namespace);
                // Those of other namespaces are not among the objects.
                secrets.retain(|(of, _), _| source.component.is_none() && *of == namespace);
                let objects = same_secrets(&kubectl, &live, secrets).map_err(Failure::Host)?;
                target = Some(live.target);
                Ok(State::Objects(objects))
            }
            _ => Err(Failure::Refused(Vec::new())),
        },
    };
    let (installed, desired) = both(installed, desired, &package, &description)?;
    let plan = match package.plan(&installed, &desired.request)? {
        Ok(plan) => plan,
        Err(diagnostics) => {
            let diagnostics = desired.locate(diagnostics);
            // Values that cannot be rendered are wrong whatever is installed.
            if package.render(&desired.to_render(&description))?.is_err() {
                return Err(Failure::Refused(diagnostics));
            }
            return Err(Failure::NoPlan(
                diagnostics,
                asked(args, &desired.request, target.as_ref()),
            ));
        }
    };
    let warnings = desired.locate(plan.warnings.clone());
    Ok(Planned { plan, target, warnings })
}

/// Finds the desired objects of kinds that the package does not observe: without the installed ones, they would count as
/// missing.
fn unobserved(rendered: &[Manifest], observes: &[ObjectKind]) -> Vec<Further> {
    let object = |manifest: &Manifest| {
        Some(Further {
            kind: observed::further_kind(manifest, observes)?,
            name: manifest.name.clone(),
            namespace: manifest.namespace.clone(),
        })
    };
    rendered.iter().filter_map(object).collect()
}

/// The installed objects with those values of Secrets that are as the package has rendered them. All others are kept from it.
fn same_secrets(kubectl: &Kubectl, live: &Live, rendered: Secrets) -> anyhow::Result<String> {
    let mut shown = BTreeMap::new();
    for (id, rendered) in rendered {
        let (namespace, name) = &id;
        let installed = kubectl.secret(&live.target, namespace, name)?;
        shown.extend(installed.map(|installed| (id, installed.shown(&rendered))));
    }
    if shown.is_empty() {
        return Ok(live.objects.clone());
    }
    observed::with_values(&live.objects, &shown).map_err(|_| anyhow!("kubectl prints Secrets that are not understood"))
}

/// Leaves out objects of other namespaces than the plan's: the package of somebody else may name any, to be handed them.
fn keep_in_namespace(further: &mut Vec<Further>, namespace: Option<&String>) {
    further.retain(|object| object.namespace.is_none() || object.namespace.as_ref() == namespace);
}

/// The change that was asked for and is refused, in one line.
fn asked(args: &Change, desired: &ChangeRequest, target: Option<&Target>) -> String {
    let context = target.map(|target| format!("context {}", target.context.as_deref().unwrap_or("none")));
    let file = args
        .from
        .as_ref()
        .map(|file| format!("--from {}", printable::path(file)));
    let namespace = desired
        .namespace
        .as_ref()
        .map(|namespace| format!("namespace {namespace}"));
    let name = match &desired.name {
        Some(name) => format!("name {name}"),
        None => "no --name".to_owned(),
    };
    let parts: Vec<String> = context.into_iter().chain(file).chain(namespace).chain([name]).collect();
    format!(
        "rutter: the change is refused, and nothing was changed ({})",
        parts.join(", ")
    )
}

/// Checks what the options ask for together.
fn check(args: &Change) -> Result<(), Failure> {
    let wrong = |text: &'static str| Err(Failure::BadCommandLine(anyhow!(text)));
    if args.from.is_none() && !args.live {
        return wrong("the installed state is missing: write --live, or --from FILE");
    }
    if args.files.is_empty() && args.set.expressions().next().is_none() {
        return wrong("the desired state is missing: add -f FILE with the values of this cluster");
    }
    let readers = args
        .files
        .iter()
        .chain(&args.from)
        .filter(|path| reader::is_stdin(path));
    if readers.count() + usize::from(args.set.reads_stdin()) > 1 {
        return wrong("only one of them can be standard input");
    }
    Ok(())
}

/// Refuses to name a cluster that is not read.
fn check_cluster(args: &Change) -> Result<(), Failure> {
    if !args.live && (args.cluster.context.is_some() || args.cluster.kubeconfig.is_some()) {
        let error = anyhow!("--context and --kubeconfig are for --live: nothing else is read from a cluster");
        return Err(Failure::BadCommandLine(error));
    }
    Ok(())
}

/// The desired state, and where its values are from.
struct Desired {
    request: ChangeRequest,
    /// None if one text was read as it is.
    merged: Option<MergedInputs>,
}

impl Desired {
    fn read(
        args: &Change,
        description: &Description,
        namespace: Option<&str>,
        sources: &Sources,
    ) -> Result<Self, Failure> {
        let name = args.name.as_deref();
        let (request, merged) = match (&*args.files, args.set.expressions().next()) {
            ([_], None) => {
                let text = sources.get(0).map_or("", |source| source.text.as_str());
                let request = rutter::plan::desired(text, description, name, namespace);
                (
                    request.map_err(|problems| Failure::Refused(Located::all(0, problems)))?,
                    None,
                )
            }
            _ => {
                let merged = inputs::merge(description, &args.files, &args.set, sources)?;
                let request = ChangeRequest {
                    name: name.map(str::to_owned),
                    namespace: namespace.map(str::to_owned),
                    ..ChangeRequest::new(merged.text().to_owned())
                };
                (request, Some(merged))
            }
        };
        Ok(Self {
            request: ChangeRequest {
                accept: args.accept.clone(),
                install: args.install,
                snapshot: !args.no_snapshot,
                ..request
            },
            merged,
        })
    }

    /// The request to render the desired state by itself.
    fn to_render(&self, description: &Description) -> Request {
        let ChangeRequest {
            name,
            namespace,
            values,
            ..
        } = &self.request;
        Request {
            name: name.clone().unwrap_or_else(|| description.name.clone()),
            namespace: namespace.clone().unwrap_or_else(|| "default".to_owned()),
            values: values.clone(),
            release: None,
            capabilities: None,
            installed: None,
        }
    }

    fn locate(&self, diagnostics: Vec<Diagnostic>) -> Vec<Located> {
        match &self.merged {
            Some(merged) => merged.locate_all(diagnostics),
            None => Located::all(0, stream::for_command_line(diagnostics)),
        }
    }
}

/// Reads the installed state from a file.
fn read_installed(
    path: &Path,
    args: &Change,
    package: &Package,
    description: &Description,
    kept: (&[ObjectKind], &NamedSecrets),
    sources: &mut Sources,
) -> Result<State, Failure> {
    let namespace = args.namespace.as_deref().unwrap_or("default");
    let file = inputs::read_installed(path, kept, description, args.name.as_deref(), namespace)?;
    let source = sources.add(file.name, file.text);
    let state = file
        .state
        .map_err(|problems| Failure::Refused(Located::all(source, problems)))?;
    if let State::Values(request) = &state
        && let Err(problems) = package.render(request)?
    {
        return Err(Failure::Refused(Located::all(
            source,
            stream::for_command_line(problems),
        )));
    }
    Ok(state)
}

/// Both states, or all that is wrong with either.
fn both(
    installed: Result<State, Failure>,
    desired: Result<Desired, Failure>,
    package: &Package,
    description: &Description,
) -> Result<(State, Desired), Failure> {
    match (installed, desired) {
        (Ok(installed), Ok(desired)) => Ok((installed, desired)),
        (Err(Failure::Refused(mut problems)), Ok(desired)) => {
            if let Err(more) = package.render(&desired.to_render(description))? {
                problems.extend(desired.locate(more));
            }
            Err(Failure::Refused(problems))
        }
        (Err(Failure::Refused(mut problems)), Err(Failure::Refused(more))) => {
            problems.extend(more);
            Err(Failure::Refused(problems))
        }
        (Err(Failure::Refused(_)) | Ok(_), Err(failure)) | (Err(failure), _) => Err(failure),
    }
}

/// Checks that a directory is new or empty. Steps of another plan would be taken for this one's.
pub(crate) fn check_directory(directory: &Path) -> Result<(), Failure> {
    let is_taken = match fs::read_dir(directory) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => {
            let error = anyhow!("{} is no directory to write to: {error}", printable::path(directory));
            return Err(Failure::BadCommandLine(error));
        }
    };
    if is_taken {
        let name = printable::path(directory);
        let help = if directory.join("run.sh").exists() {
            format!("; `rutter apply {name}` goes on with the plan in it")
        } else {
            String::new()
        };
        return Err(Failure::BadCommandLine(anyhow!(
            "{name} is not empty; a plan requires a directory of its own{help}"
        )));
    }
    // kubectl has formats by this option.
    if ["json", "yaml", "wide", "name"].contains(&&*directory.to_string_lossy()) {
        return Err(Failure::BadCommandLine(anyhow!(
            "--output-dir {0} names a directory; write --output json for JSON, or ./{0}",
            printable::path(directory)
        )));
    }
    Ok(())
}

/// Checks that a directory can be written to, or made, before anything is done. `help` says what to write instead.
pub(crate) fn check_writable(directory: &Path, help: &str) -> anyhow::Result<()> {
    let nearest = directory
        .ancestors()
        .find(|path| path.as_os_str().is_empty() || path.exists());
    let nearest = nearest
        .filter(|path| !path.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    match tempfile::tempdir_in(nearest) {
        Ok(_) => Ok(()),
        Err(error) => Err(anyhow!(
            "{} cannot be written to: {error}: {help}",
            printable::path(nearest)
        )),
    }
}

/// Writes a plan's files to a directory of their own.
pub(crate) fn write(directory: &Path, files: &[File]) -> Result<(), Failure> {
    check_directory(directory)?;
    write_all(directory, files).map_err(Failure::Host)
}

fn write_all(directory: &Path, files: &[File]) -> anyhow::Result<()> {
    for file in files {
        let (parent, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
        let new = NewFile {
            name: name.to_owned(),
            length: u64::try_from(file.text.len())?,
        };
        let mut texts = Spool::new();
        texts.write(&file.text)?;
        output::to_directory(&directory.join(parent), &[new], texts)?;
    }
    #[cfg(unix)]
    fs::set_permissions(directory.join("run.sh"), fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// The command that carries out the plan in a directory.
pub(crate) fn directory_line(directory: &Path, args: &Change) -> String {
    let directory = directory.to_string_lossy();
    // It could be taken for an option.
    let prefix = if directory.starts_with('-') { "./" } else { "" };
    let mut line = format!("{} apply {}", program(), word(&format!("{prefix}{directory}")));
    if let Some(file) = &args.cluster.kubeconfig {
        line.push_str(&format!(" --kubeconfig {}", word(&file.to_string_lossy())));
    }
    if let Some(context) = &args.cluster.context {
        line.push_str(&format!(" --context {}", word(context)));
    }
    line
}

/// This program, as it was called.
fn program() -> String {
    env::args()
        .next()
        .map_or_else(|| "rutter".to_owned(), |program| word(&program))
}

/// The words of this command line. None if one is not UTF-8: it could not be typed.
pub(crate) fn command_line() -> Option<Vec<String>> {
    env::args_os().map(|word| word.into_string().ok()).collect()
}

/// Words as a line of a shell.
pub(crate) fn line(words: &[String]) -> String {
    words.iter().map(|text| word(text)).collect::<Vec<_>>().join(" ")
}

/// The command that plans and carries out the same, if that is possible.
fn apply_line(args: &Change) -> Option<String> {
    let mut files = args.files.iter().chain(&args.from);
    // Standard input can be read once.
    if files.any(|path| reader::is_stdin(path)) || args.set.reads_stdin() {
        return None;
    }
    let mut line = format!("{} apply", program());
    let words = command_line()?;
    let mut words = words.into_iter().skip(1).skip_while(|word| word != "plan").skip(1);
    while let Some(text) = words.next() {
        match text.as_str() {
            "--detailed-exitcode" => {}
            "--output" => drop(words.next()),
            text if text.starts_with("--output=") => {}
            text => {
                line.push(' ');
                line.push_str(&word(text));
            }
        }
    }
    Some(line)
}

/// A word of a shell.
fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_handed_no_object_of_another_namespace() {
        let object = |namespace: Option<&str>| Further {
            kind: ObjectKind {
                group: "example.com".to_owned(),
                name: "keys".to_owned(),
                optional: true,
                keys_only: false,
            },
            name: "a".to_owned(),
            namespace: namespace.map(str::to_owned),
        };
        let mut further = vec![object(None), object(Some("shop")), object(Some("bank"))];
        keep_in_namespace(&mut further, Some(&"shop".to_owned()));
        assert_eq!(further, [object(None), object(Some("shop"))]);
    }
}
