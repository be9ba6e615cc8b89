//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PathBufValueParser, TypedValueParser as _};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use helm_values::Kind;
use rutter::quantity::Quantity;
use rutter::yaml::Refusal;
use rutter::{Diagnostic, Severity, printable};
use rutter_host::Limits;

/// Render Kubernetes packages that are WebAssembly components
#[derive(Debug, Parser)]
#[command(name = "rutter", bin_name = "rutter", version, propagate_version = true, after_help = EXIT_STATUS, term_width = 80)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// When to print colours
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        // Behind the arguments of a command.
        display_order = 900,
        hide_short_help = true
    )]
    pub(crate) color: Color,
}

/// When colours are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR, CLICOLOR or CLICOLOR_FORCE say otherwise
    #[default]
    Auto,
    /// Also to files and pipes
    Always,
    /// Never
    Never,
}

const EXIT_STATUS: &str = "\
Exit codes:
  0  done; of plan, also safe in one apply; of drift, only no drift
  1  invalid input
  2  wrong command line
  3  the package, kubectl or this machine failed
  4  plan and drift: safe in the steps that are printed
  5  drift, and plan --detailed-exitcode: safe in one apply
  6  plan, drift and apply: refused, because of the state of the cluster or a
     change that is not understood or not safe; apply: also declined
diff has those of diff: 0 no difference, 1 differences, 2 trouble.
141 (128 + SIGPIPE) if the reader of standard output has gone.
Standard output gets the whole result or nothing.";

const RENDER_EXAMPLES: &str = "\
Examples:
  rutter render                                     the defaults
  rutter render -f values.yaml -f production.yaml   a later file wins
  rutter render -f values.yaml --set replicas=5     one value changed
  rutter render -f cluster.yaml -o manifests        one file per object
  rutter render -f - --output json < objects.yaml
  rutter render -f clusters/                        a directory as one stream
  kubectl get statefulset,certificate -o yaml \\
    | rutter render -f values.yaml --against -

A file of Kubernetes objects (one document or several) is rendered in place:
each object of the package's kind becomes its manifests, and everything else
passes through untouched.

Values merge as in Helm: maps merge, lists and scalars replace. Files come
first, then --set-json, --set, --set-string, --set-file and --set-literal,
whatever their order on the command line.";

const DIFF_EXAMPLES: &str = "\
Examples:
  rutter diff values.yaml new-values.yaml
  git show main:values.yaml | rutter diff - values.yaml
  rutter render -f values.yaml --set replicas=5 | rutter diff values.yaml -
  rutter diff values.yaml new-values.yaml --output json

Each side is a values document, or a stream of Kubernetes objects such as
`rutter render` writes. To use --set or several files for a side, render it
first.

Objects are compared as text. They are the same object if apiVersion, kind,
namespace and name are equal.

`rutter plan` finds whether a change is safe for a running cluster.

Exit status: 0 no difference, 1 differences, 2 trouble.";

const PLAN_EXAMPLES: &str = "\
Examples:
  rutter plan --live -n shop -f values.yaml
  rutter plan --live -n shop -f values.yaml --set replicas=5 -o plan
  rutter apply plan
  helm get manifest orders -n shop |
    rutter plan --from - -f values.yaml -n shop
  rutter plan --from old.yaml -f new.yaml      values, old and new

--live reads the objects that the package needs from the cluster that kubectl
reaches, without the values of Secrets. --from reads a file: values, an object
of the package's kind, or Kubernetes objects. The desired state is given as for
`rutter render`. Without --name, the plan is for the only installation that is
found.

Exit codes: 0 nothing to do, or safe in one apply; 4 safe in the steps that are
printed; 6 refused because of the state of the cluster, or of a change that is
not understood or not safe; 1 invalid input; 2 wrong command line; 3 failed.
With --detailed-exitcode, 5 is safe in one apply, and 0 only nothing to do.";

const APPLY_EXAMPLES: &str = "\
Examples:
  rutter apply --live -n shop -f values.yaml         plan, ask, and run it
  rutter apply --live -n shop -f values.yaml --dry-run
  rutter apply --live -n shop -f values.yaml --yes   for CI
  rutter apply plan                                  the plan of `plan -o plan`

The plan is written to a directory, which is printed. `rutter apply` runs its
run.sh, which is pinned to the cluster, takes a lock, writes run.log, and
continues where it was stopped. Ctrl-C stops it after the command that runs.
Without -o, the directory is below $XDG_STATE_HOME or ~/.local/state; the
newest five of each cluster are kept, and those that were started and are not
finished.

Exit codes: 0 done, or nothing to do; 6 refused or declined, and nothing was
changed; 1 invalid input; 2 wrong command line; 3 failed or stopped.";

const DRIFT_EXAMPLES: &str = "\
Examples:
  rutter drift --live -n shop -f values.yaml
  kubectl get all,controllerrevision,configmap,serviceaccount,pdb -o yaml \\
    | rutter drift --from - -f values.yaml

It prints the paths that differ, with the installed and the desired value.

Exit codes: 0 no drift; 5 drift, safe to undo in one apply; 4 in steps; 6 the
state of the cluster or a difference is not understood or not safe to undo;
1 invalid input; 2 wrong command line; 3 failed.";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  rutter explain                          all values
  rutter explain storage.wal              one of them
  rutter explain spec.tls.client.mode     or in an object
  rutter explain storage --recursive      the types of all fields below it
  rutter explain not-understood           a code, with an example and its help

Codes have no dots. If a name is both a value and a code, both are printed.";

const POST_RENDER_EXAMPLES: &str = "\
Examples:
  helm install orders chart --post-renderer rutter \\
    --post-renderer-args post-render
  helm install orders chart --post-renderer rutter    Helm 4, with its plugin
  helm template orders chart | rutter validate -f -   print what is wrong

Helm 4 does not show the standard error of a plugin. The plugin writes to
--log-file /dev/tty. Without a terminal, write
--post-renderer-args --log-file=FILE.";

const KRM_EXAMPLES: &str = "\
Examples:
  kustomize build --enable-alpha-plugins --enable-exec .
    with this annotation of the object:
      config.kubernetes.io/function: 'exec: {path: rutter, args: [krm]}'
  kpt fn render DIR --allow-exec
    with `exec: rutter krm` in the Kptfile
  kpt fn eval DIR --exec 'rutter krm'

An object of the package's kind that lies in a file, as in kpt, stays there,
and its manifests are written beside it. Any other is replaced by them. All
else passes through.

If the input is refused, the ResourceList is still written, with its items as
they were and the reasons as its results. The reasons go to standard error,
too.";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  rutter completions bash > ~/.local/share/bash-completion/completions/rutter
  rutter completions zsh > _rutter       in a directory of $fpath
  rutter completions fish > ~/.config/fish/completions/rutter.fish";

const PLUGIN_EXAMPLES: &str = "\
Examples:
  rutter plugin install helm
  rutter plugin install kustomize --dir plugins

kpt needs no plugin, and Argo CD has its own way: docs/argocd.md.";

const ARGOCD_EXAMPLES: &str = "\
Examples, in the directory of an Application:
  rutter argocd discover
  rutter argocd generate
  ARGOCD_APP_NAME=orders ARGOCD_APP_NAMESPACE=shop rutter argocd generate
  ARGOCD_APP_PARAMETERS='[{\"name\": \"set\", \"map\": {\"replicas\": \"5\"}}]' \\
    rutter argocd generate";

const NEW_EXAMPLES: &str = "\
Example:
  rutter new hello-world --sdk ~/rutter

It writes a package in Rust that renders one ConfigMap, with cases and a
README.md, and prints what to type next.";

const TEST_EXAMPLES: &str = "\
Examples:
  rutter test --component greeting.wasm
  rutter test --component greeting.wasm --bless      write expected results
  rutter test --component greeting.wasm --route rutter --filter refused

A case is a directory with
  input.yaml        values, or a stream of Kubernetes objects
  args              optional: --name or --namespace, the value in the next line
  expected.yaml     the manifests; without it, the input must be refused
  diagnostics.txt   the errors and warnings, if any

Each case runs in this program, and in wasmtime, Kustomize and Helm if they are
on the search path. Kustomize and Helm change the order and layout of objects,
so that their objects are compared, and they take only values.

--bless, or BLESS=1 in the environment, writes the expected results. Read what
changed before you commit it.

Exit codes: 0 all cases passed; 1 a case failed; 2 wrong command line, or
incomplete cases; 3 failed.";

// Only the arguments of the command that runs are built. They come after the text of the command here, so that doc comments
// of their types would replace it: these have other comments.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// Write the manifests
    #[command(after_help = RENDER_EXAMPLES)]
    Render(Render),
    /// Say what is wrong with the input, and write nothing
    #[command(
        after_help = "Examples:\n  rutter validate -f values.yaml\n  rutter validate -f values.yaml --output json > diagnostics.json"
    )]
    Validate(Validate),
    /// Show what would change between two inputs, object by object
    #[command(after_help = DIFF_EXAMPLES)]
    Diff(Diff),
    /// Print the safe steps from the installed to the desired state, or why there are none
    #[command(after_help = PLAN_EXAMPLES, override_usage = "rutter plan --live -f FILE [OPTIONS]\n       rutter plan --from FILE -f FILE [OPTIONS]")]
    Plan(Plan),
    /// Carry out a plan: ask, then run its steps
    #[command(after_help = APPLY_EXAMPLES, override_usage = "rutter apply --live -f FILE [OPTIONS]\n       rutter apply --from FILE -f FILE [OPTIONS]\n       rutter apply PLAN [OPTIONS]")]
    Apply(Apply),
    /// Print how the installed state differs from the desired one, for CI
    #[command(after_help = DRIFT_EXAMPLES, override_usage = "rutter drift --live -f FILE [OPTIONS]\n       rutter drift --from FILE -f FILE [OPTIONS]")]
    Drift(Drift),
    /// Replace the objects of the package's kind in what Helm rendered, as Helm's post-renderer
    #[command(after_help = POST_RENDER_EXAMPLES)]
    PostRender(PostRender),
    /// Be a function of Kustomize or kpt: a ResourceList in, a ResourceList out
    #[command(after_help = KRM_EXAMPLES)]
    Krm(Krm),
    /// Find and generate an Application's manifests, as Argo CD's config management plugin
    #[command(subcommand, after_help = ARGOCD_EXAMPLES)]
    Argocd(ArgoCd),
    /// Write a new package, to start one of your own from
    #[command(after_help = NEW_EXAMPLES)]
    New(New),
    /// Run the cases of a package, for its author
    #[command(after_help = TEST_EXAMPLES)]
    Test(Test),
    /// Install what Helm or Kustomize needs to find rutter
    #[command(subcommand, after_help = PLUGIN_EXAMPLES)]
    Plugin(Plugin),
    /// Explain a value, as `kubectl explain` does, or the code of a diagnostic
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(Explain),
    /// Print the JSON Schema (draft-07) of the values
    #[command(after_help = "Example:\n  rutter schema > values.schema.json")]
    Schema(PackageArgs),
    /// Print all values with their defaults, as commented YAML
    #[command(after_help = "Example:\n  rutter defaults > values.yaml")]
    Defaults(PackageArgs),
    /// Print the versions of rutter and of the package
    #[command(after_help = "Example:\n  rutter version --component other.wasm")]
    Version(PackageArgs),
    /// Print the completions of a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions(Completions),
    /// Write the man pages of all commands, for packages of a distribution
    #[command(hide = true, after_help = "Example:\n  rutter man share/man/man1")]
    Man {
        /// The directory, which is made if need be
        directory: PathBuf,
    },
    /// Print the package's name, versions and kind
    #[command(after_help = "Example:\n  rutter describe --component other.wasm --output json")]
    Describe(Describe),
}

#[derive(Debug, Args)]
pub(crate) struct Render {
    #[command(flatten)]
    pub(crate) input: Input,
    /// Write one file per object into this directory, which is made if need be, and nothing to standard output
    ///
    /// Objects that are not the package's are written to KIND-NAME.yaml, the kind in lower case.
    #[arg(short = 'o', long, value_name = "DIR", conflicts_with = "output", value_parser = PathBufValueParser::new().try_map(directory))]
    pub(crate) output_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) warnings: Warnings,
    #[command(flatten)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) source: PackageArgs,
}

// Which warnings count.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Warnings {
    /// Print no warnings
    #[arg(short = 'q', long, conflicts_with = "deny_warnings")]
    pub(crate) quiet: bool,
    /// Refuse the input if there is a warning
    #[arg(long)]
    pub(crate) deny_warnings: bool,
    /// Accept warnings of this code, and do not print them; may be repeated
    #[arg(long, value_name = "CODE")]
    pub(crate) allow: Vec<String>,
}

impl Warnings {
    /// Whether a diagnostic counts. Errors always do.
    pub(crate) fn keep(&self, diagnostic: &Diagnostic) -> bool {
        diagnostic.severity == Severity::Error
            || !self.quiet && !self.allow.iter().any(|code| *code == *diagnostic.code)
    }
}

#[derive(Debug, Args)]
pub(crate) struct Validate {
    #[command(flatten)]
    pub(crate) input: Input,
    #[command(flatten)]
    pub(crate) warnings: Warnings,
    #[command(flatten)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) source: PackageArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// Values, or Kubernetes objects, as they were (- for standard input)
    pub(crate) old: PathBuf,
    /// The same as they are to be
    pub(crate) new: PathBuf,
    /// Show this many lines around each difference
    #[arg(short = 'C', long, value_name = "LINES", default_value_t = 3)]
    pub(crate) context: u16,
    /// How to print the differences; with json, diagnostics are JSON too
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: PlanFormat,
    #[command(flatten)]
    pub(crate) installation: Installation,
    #[command(flatten)]
    pub(crate) source: PackageArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) change: Change,
    /// Also write the plan to this directory, which must be new or empty: each step's manifests, and run.sh
    #[arg(short = 'o', long, value_name = "DIR", value_parser = PathBufValueParser::new().try_map(directory))]
    pub(crate) output_dir: Option<PathBuf>,
    /// Print reasons and commands, too
    #[arg(short = 'v', long)]
    pub(crate) verbose: bool,
    /// Exit with 5 if the change is safe in one apply, and with 0 only if there is nothing to do
    #[arg(long)]
    pub(crate) detailed_exitcode: bool,
    #[command(flatten)]
    pub(crate) commands: Commands,
    /// How to print the plan; with json, diagnostics are JSON too
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: PlanFormat,
    #[command(flatten)]
    pub(crate) source: PackageArgs,
}

/// What makes a plan, and is decided where there is one.
const OF_A_CHANGE: [&str; 15] = [
    "files",
    "set",
    "set_string",
    "set_json",
    "set_file",
    "set_literal",
    "from",
    "live",
    "name",
    "namespace",
    "install",
    "accept",
    "no_snapshot",
    "output_dir",
    "component",
];

#[derive(Debug, Args)]
pub(crate) struct Apply {
    /// Carry out the plan in this directory, which `rutter plan -o` or `rutter apply` has written
    #[arg(value_name = "PLAN", conflicts_with_all = OF_A_CHANGE)]
    pub(crate) plan: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) change: Change,
    /// Write the plan to this directory, which must be new or empty [default: one below the user's state directory]
    #[arg(short = 'o', long, value_name = "DIR", value_parser = PathBufValueParser::new().try_map(directory))]
    pub(crate) output_dir: Option<PathBuf>,
    /// Do not ask
    #[arg(short = 'y', long)]
    pub(crate) yes: bool,
    /// Print what is left to do, and run the checks that come before the first step. Changes nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    // Otherwise its error would suggest --output-dir.
    #[arg(long, hide = true, value_name = "FORMAT")]
    pub(crate) output: Option<String>,
    /// Carry out this step only; all steps before it must be done
    #[arg(long, value_name = "NAME")]
    pub(crate) step: Option<String>,
    /// Print reasons and commands, too
    #[arg(short = 'v', long)]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) commands: Commands,
    #[command(flatten)]
    pub(crate) source: PackageArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Drift {
    #[command(flatten)]
    pub(crate) change: Change,
    /// Print all differences, and the reasons and commands of the steps, too
    #[arg(short = 'v', long)]
    pub(crate) verbose: bool,
    /// How to print the plan; with json, diagnostics are JSON too
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: PlanFormat,
    #[command(flatten)]
    pub(crate) source: PackageArgs,
}

// Whose commands may run.
#[derive(Debug, Args)]
pub(crate) struct Commands {
    /// Let the package of --component write the commands of run.sh, which run with your permissions
    #[arg(long)]
    pub(crate) allow_commands: bool,
}

// An installed and a desired state.
#[derive(Debug, Args)]
pub(crate) struct Change {
    /// Read the desired values, or an object of the package's kind, from this file (- for standard input); may be repeated
    #[arg(short = 'f', long = "values", visible_alias = "to", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) set: Set,
    /// Read the installed state from this file: values, or Kubernetes objects (- for standard input)
    #[arg(long, value_name = "FILE", conflicts_with = "live", help_heading = INSTALLED)]
    pub(crate) from: Option<PathBuf>,
    /// Read the installed state from the cluster, by kubectl
    #[arg(long, help_heading = INSTALLED)]
    pub(crate) live: bool,
    #[command(flatten)]
    pub(crate) cluster: Cluster,
    /// The name of the installation [default: that of the only one that is found]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// The namespace of the installation [default: that of kubectl with --live, or else the one that is found]
    #[arg(short = 'n', long, value_name = "NAMESPACE")]
    pub(crate) namespace: Option<String>,
    /// Install: without it, it is an error if there is no installation
    #[arg(long)]
    pub(crate) install: bool,
    /// Accept the difference at this path, which the package does not understand; may be repeated
    #[arg(long, value_name = "PATH")]
    pub(crate) accept: Vec<String>,
    /// Take no snapshot of the data before steps that cannot be undone
    #[arg(long)]
    pub(crate) no_snapshot: bool,
}

const INSTALLED: &str = "Installed state";

// How to reach a cluster.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Cluster {
    /// Use this context of the kubeconfig
    #[arg(long, value_name = "NAME", help_heading = INSTALLED)]
    pub(crate) context: Option<String>,
    /// Use this kubeconfig
    #[arg(long, value_name = "FILE", help_heading = INSTALLED)]
    pub(crate) kubeconfig: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanFormat {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

impl PlanFormat {
    /// How diagnostics are written beside the plan.
    pub(crate) fn of_diagnostics(self) -> OutputFormat {
        match self {
            Self::Text => OutputFormat::Yaml,
            Self::Json => OutputFormat::Json,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct PostRender {
    // Helm 3 has to be told of the command, and Helm 4's plugin tells it already: one command line serves both.
    #[arg(hide = true, value_parser = ["post-render"])]
    again: Option<String>,
    /// Also write to this file, which is replaced, what goes to standard error; may be repeated
    #[arg(long = "log-file", value_name = "FILE")]
    pub(crate) log_files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) source: PackageArgs,
}

/// The calls of Argo CD to a plugin, in the directory of an Application.
#[derive(Debug, Subcommand)]
pub(crate) enum ArgoCd {
    /// Print the files that make this directory the plugin's, or nothing
    Discover(PackageArgs),
    /// Write the manifests of this directory: each object of the package's kind becomes its manifests
    ///
    /// The YAML and JSON files of the directory itself are taken in the order of their names. NAME-values.yaml, NAME being
    /// the package's, holds bare values. Everything else passes through untouched.
    Generate(PackageArgs),
    /// Print the parameters that this directory takes, as JSON
    Parameters(PackageArgs),
}

/// What to do about a plugin.
#[derive(Debug, Subcommand)]
pub(crate) enum Plugin {
    /// Put the plugin's files where the host looks for them, and say which and what to type then
    Install(PluginInstall),
}

#[derive(Debug, Args)]
pub(crate) struct PluginInstall {
    /// The host
    pub(crate) host: HostTool,
    /// Install below this directory [default: where the host looks]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

/// A host that is told of plugins by files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum HostTool {
    /// The post-renderer `rutter` of Helm 4, in $HELM_PLUGINS, or below $HELM_DATA_HOME
    Helm,
    /// The generator of kubectl's Kustomize, in $KUSTOMIZE_PLUGIN_HOME, and a wrapper for Kustomize before 5.7
    Kustomize,
}

#[derive(Debug, Args)]
pub(crate) struct Krm {
    /// Change nothing, and refuse what is wrong, manifests that are missing or were renamed included
    #[arg(long)]
    pub(crate) validate: bool,
    #[command(flatten)]
    pub(crate) source: PackageArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The value, or the code of a diagnostic [default: all values]
    #[arg(default_value = "", hide_default_value = true)]
    pub(crate) name: String,
    /// Print all fields below it with their types
    #[arg(long)]
    pub(crate) recursive: bool,
    #[command(flatten)]
    pub(crate) source: PackageArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: Shell,
    #[command(flatten)]
    pub(crate) source: PackageArgs,
}

#[derive(Debug, Args)]
pub(crate) struct New {
    /// The directory, which must not exist; its name is that of the package
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// The checkout of Rutter whose SDK the package uses
    #[arg(long, value_name = "DIR")]
    pub(crate) sdk: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Test {
    /// The directory of the cases
    #[arg(value_name = "DIR", default_value = "cases")]
    pub(crate) directory: PathBuf,
    /// Write the results of this program as the expected ones
    #[arg(long, env = "BLESS", hide_env_values = true, value_parser = clap::builder::BoolishValueParser::new())]
    pub(crate) bless: bool,
    /// Run the cases only in this way; may be repeated [default: all that are installed]
    #[arg(long = "route", value_enum, value_name = "ROUTE")]
    pub(crate) routes: Vec<Route>,
    /// Run only the cases whose name contains this text
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Option<String>,
    #[command(flatten)]
    pub(crate) source: PackageArgs,
}

/// A way to run a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Route {
    /// This program
    Rutter,
    /// `wasmtime run`, for a component that is also a command
    Wasmtime,
    /// `kustomize build`, with this program as a function
    Kustomize,
    /// `helm template`, with this program as the post-renderer
    Helm,
}

#[derive(Debug, Args)]
pub(crate) struct Describe {
    #[command(flatten)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) source: PackageArgs,
}

// Where the package comes from.
#[derive(Debug, Args)]
pub(crate) struct PackageArgs {
    /// Use this component instead of the package that rutter carries
    ///
    /// It need not be trusted: it sees nothing of this machine, and is held to the limits below. Beyond one of them the
    /// exit status is 3.
    #[arg(long, value_name = "FILE")]
    pub(crate) component: Option<PathBuf>,
    /// The memory that a package may take in one call
    #[arg(long, value_name = "SIZE", env = "RUTTER_MAX_MEMORY", hide_env_values = true, default_value = "256Mi", value_parser = size, help_heading = LIMITS, hide_short_help = true)]
    max_memory: usize,
    /// The time that one call may take
    #[arg(long, value_name = "TIME", env = "RUTTER_MAX_TIME", hide_env_values = true, default_value = "10s", value_parser = time, help_heading = LIMITS, hide_short_help = true)]
    max_time: Duration,
    /// What a package may be given in one call
    #[arg(long, value_name = "SIZE", env = "RUTTER_MAX_INPUT", hide_env_values = true, default_value = "64Mi", value_parser = size, help_heading = LIMITS, hide_short_help = true)]
    max_input: usize,
    /// What a package may give back in one call
    #[arg(long, value_name = "SIZE", env = "RUTTER_MAX_OUTPUT", hide_env_values = true, default_value = "64Mi", value_parser = size, help_heading = LIMITS, hide_short_help = true)]
    max_output: usize,
    /// How large a component may be
    #[arg(long, value_name = "SIZE", env = "RUTTER_MAX_COMPONENT", hide_env_values = true, default_value = "64Mi", value_parser = size, help_heading = LIMITS, hide_short_help = true)]
    max_component: usize,
}

const LIMITS: &str = "Limits of packages";

impl PackageArgs {
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            memory: self.max_memory,
            time: self.max_time,
            input: self.max_input,
            output: self.max_output,
            component: self.max_component,
            ..Limits::default()
        }
    }
}

/// Refuses what is probably meant for `--output`.
fn directory(path: PathBuf) -> Result<PathBuf, String> {
    match path.to_str() {
        Some("-") => Err("-o takes a directory; without -o, standard output gets all of it".to_owned()),
        Some(format @ ("json" | "text" | "yaml")) => Err(format!(
            "-o takes a directory: write --output {format}, or -o ./{format} for a directory of that name"
        )),
        _ => Ok(path),
    }
}

/// A size as Kubernetes writes it: `64Mi`.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    let quantity: Quantity = text.parse().map_err(in_words)?;
    usize::try_from(quantity.value()).map_err(|_| "no such size exists here".to_owned())
}

/// A time as Kubernetes writes it: `10s`.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    let duration: rutter::duration::Duration = text.parse().map_err(in_words)?;
    Ok(duration.value())
}

fn in_words(Refusal { message, help, .. }: Refusal) -> String {
    let text = match help {
        Some(help) => format!("{message}: {help}"),
        None => message,
    };
    // clap prints it as it is.
    printable::excerpt(&text).into_owned()
}

// How to write.
#[derive(Debug, Args)]
pub(crate) struct Format {
    /// How to write what is asked for; with json, diagnostics are JSON too
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: OutputFormat,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// A stream of YAML documents
    #[default]
    Yaml,
    /// An array of objects
    Json,
}

// What to render.
#[derive(Debug, Args)]
pub(crate) struct Input {
    /// Read values, or Kubernetes objects, from this file (- for standard input); may be repeated
    ///
    /// Alone it may be a directory of objects: its files .yaml, .yml and .json, in the order of their names, without those that
    /// are hidden and without directories in it.
    #[arg(short = 'f', long = "values", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) set: Set,
    /// Refuse what cannot safely be applied at once over what this file says is installed (see `rutter plan --help`)
    #[arg(long, value_name = "LIVE")]
    pub(crate) against: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) installation: Installation,
}

// What values are rendered for. Objects say it themselves.
#[derive(Clone, Debug, Args)]
pub(crate) struct Installation {
    /// Name what is rendered [default: the package's name]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Put what is rendered into this namespace
    #[arg(short = 'n', long, value_name = "NAMESPACE", default_value = "default")]
    pub(crate) namespace: String,
}

// Values on the command line.
#[derive(Debug, Default, Args)]
pub(crate) struct Set {
    #[arg(long, value_name = "KEY=VALUE", help = "Set values: a=1,b.c=x,d[0]=y,e={1,2}")]
    set: Vec<String>,
    /// Set values to strings, whatever they look like
    #[arg(long, value_name = "KEY=VALUE")]
    set_string: Vec<String>,
    /// Set values given as JSON, or merge a JSON object
    #[arg(long, value_name = "KEY=JSON")]
    set_json: Vec<String>,
    /// Set values to the contents of files (- for standard input)
    #[arg(long, value_name = "KEY=FILE")]
    set_file: Vec<String>,
    /// Set one value to all that follows the =
    #[arg(long, value_name = "KEY=TEXT")]
    set_literal: Vec<String>,
}

impl Input {
    /// One file, and nothing over it.
    pub(crate) fn of_file(path: PathBuf, installation: Installation) -> Self {
        Self {
            files: vec![path],
            set: Set::default(),
            against: None,
            installation,
        }
    }
}

impl Set {
    /// The expressions that set values, in the order in which they count.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = (Kind, &str)> {
        let Self {
            set,
            set_string,
            set_json,
            set_file,
            set_literal,
        } = self;
        [
            (Kind::Json, set_json),
            (Kind::Typed, set),
            (Kind::String, set_string),
            (Kind::File, set_file),
            (Kind::Literal, set_literal),
        ]
        .into_iter()
        .flat_map(|(kind, texts)| texts.iter().map(move |text| (kind, text.as_str())))
    }

    /// Whether an expression reads standard input.
    pub(crate) fn reads_stdin(&self) -> bool {
        let is_stdin = |text: &String| text.split_once('=').is_some_and(|(_, file)| file.trim() == "-");
        self.set_file.iter().any(is_stdin)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// A line that is wrapped is no line that can be copied.
    #[test]
    fn examples_fit_in_80_columns() {
        fn check(command: &clap::Command) -> usize {
            let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let long = text.lines().find(|line| line.chars().count() > 79);
            assert_eq!(long, None, "{}", command.get_name());
            usize::from(!text.is_empty()) + command.get_subcommands().map(check).sum::<usize>()
        }
        assert!(check(&Cli::command()) > 8);
    }
}
