//! `run.sh` of hand-made plans, run by each shell of this machine, with a kubectl that answers from a table. The tests
//! check what a package's lines rely on, and every check that refuses to start or stops. `carry_out/mutations.rs`
//! removes each of these checks from the script, which a test must detect.

#![cfg(unix)]
#![allow(clippy::expect_used, reason = "helpers of tests may fail like tests")]

#[path = "carry_out/mutations.rs"]
mod mutations;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow, ensure};
use etcd_package::EtcdPackage;
use host_tests::request;
use libtest_mimic::{Arguments, Trial};
use rutter::plan::Target;
use rutter::{Change, ChangeRequest, Command as Line, File, Manifest, Package as _, Plan, Request, State, Step};
use serde_json::{Value, json};
use tempfile::TempDir;

const UID: &str = "11111111-aaaa-4bbb-8ccc-000000000001";
const OTHER_UID: &str = "22222222-aaaa-4bbb-8ccc-000000000002";

type Test = fn(&Shell) -> Result<()>;

fn main() -> Result<()> {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for shell in Shell::all() {
        for &(name, test) in TESTS {
            let shell = shell.clone();
            trials.push(Trial::test(format!("{}::{name}", shell.name), move || {
                Ok(test(&shell)?)
            }));
        }
    }
    trials.extend(mutations::trials());
    libtest_mimic::run(&arguments, trials).exit()
}

/// The time limit of a run on the machine's clock, which no run approaches.
const LIMIT: Duration = Duration::from_secs(60);

/// The interval of calls at which a run is killed. The tests of hosts try every call.
const KILL_INTERVAL: usize = if cfg!(feature = "hosts") { 1 } else { 2 };

/// All tests, by name.
const TESTS: &[(&str, Test)] = &[
    ("a_plan_is_carried_out_once", a_plan_is_carried_out_once),
    ("wrong_arguments_run_nothing", wrong_arguments_run_nothing),
    ("a_dry_run_changes_nothing", a_dry_run_changes_nothing),
    ("steps_can_be_run_one_by_one", steps_can_be_run_one_by_one),
    ("kubectl_is_required", kubectl_is_required),
    ("the_context_is_kept", the_context_is_kept),
    ("another_cluster_is_refused", another_cluster_is_refused),
    ("a_pinned_plan_keeps_its_cluster", a_pinned_plan_keeps_its_cluster),
    (
        "the_context_of_a_pinned_plan_is_kept",
        the_context_of_a_pinned_plan_is_kept,
    ),
    ("the_lock_belongs_to_the_cluster", the_lock_belongs_to_the_cluster),
    ("a_held_lock_is_refused", a_held_lock_is_refused),
    ("an_expired_lock_is_taken_over", an_expired_lock_is_taken_over),
    (
        "a_lock_that_is_renewed_is_not_taken_over",
        a_lock_that_is_renewed_is_not_taken_over,
    ),
    ("a_lost_lock_stops_the_run", a_lost_lock_stops_the_run),
    ("an_unreachable_lock_is_waited_for", an_unreachable_lock_is_waited_for),
    ("a_clock_that_jumps_is_ignored", a_clock_that_jumps_is_ignored),
    (
        "a_lock_without_permission_is_refused",
        a_lock_without_permission_is_refused,
    ),
    ("the_lock_is_renewed_and_released", the_lock_is_renewed_and_released),
    ("one_of_two_runs_wins", one_of_two_runs_wins),
    (
        "it_continues_after_each_kill_at_a_call",
        it_continues_after_each_kill_at_a_call,
    ),
    (
        "it_continues_after_each_kill_after_a_call",
        it_continues_after_each_kill_after_a_call,
    ),
    ("a_killed_run_calls_nothing_more", a_killed_run_calls_nothing_more),
    (
        "it_continues_after_a_kill_without_a_wait",
        it_continues_after_a_kill_without_a_wait,
    ),
    (
        "a_lock_of_another_machine_is_waited_for",
        a_lock_of_another_machine_is_waited_for,
    ),
    ("failures_are_final", failures_are_final),
    ("it_stops_between_commands", it_stops_between_commands),
    (
        "failures_in_pipes_and_functions_stop_the_run",
        failures_in_pipes_and_functions_stop_the_run,
    ),
    ("lines_that_ran_before_are_skipped", lines_that_ran_before_are_skipped),
    ("a_lost_answer_is_detected", a_lost_answer_is_detected),
    ("errors_show_while_it_waits", errors_show_while_it_waits),
    ("waiting_ends", waiting_ends),
    (
        "a_failing_preflight_changes_nothing",
        a_failing_preflight_changes_nothing,
    ),
    ("a_plan_can_move", a_plan_can_move),
    ("it_asks_before_anything_is_changed", it_asks_before_anything_is_changed),
    (
        "an_interrupt_at_the_question_changes_nothing",
        an_interrupt_at_the_question_changes_nothing,
    ),
    (
        "a_cluster_is_identified_by_the_same_namespace",
        a_cluster_is_identified_by_the_same_namespace,
    ),
    ("waits_have_their_own_output", waits_have_their_own_output),
    ("a_stale_plan_must_be_made_again", a_stale_plan_must_be_made_again),
    ("restart_lines_have_all_options", restart_lines_have_all_options),
    (
        "read_only_directories_are_detected_first",
        read_only_directories_are_detected_first,
    ),
    ("errors_of_kubectl_have_help", errors_of_kubectl_have_help),
    ("marks_of_other_plans_do_not_count", marks_of_other_plans_do_not_count),
    ("texts_are_not_commands", texts_are_not_commands),
    ("lines_have_their_environment", lines_have_their_environment),
];

/// A shell of this machine.
#[derive(Clone)]
struct Shell {
    name: &'static str,
    words: Vec<&'static str>,
    /// Replacements in the text of `host.sh`.
    mutation: &'static [(&'static str, &'static str)],
}

impl Shell {
    /// Returns `sh`, and, with the tests of hosts, the shells that other systems have as `sh`.
    fn all() -> Vec<Self> {
        let shells: [(&str, &[&str]); 4] = [
            ("sh", &["sh"]),
            ("dash", &["dash"]),
            ("bash", &["bash", "--posix"]),
            ("busybox", &["busybox", "sh"]),
        ];
        let is_there = |words: &[&str]| {
            Command::new(words[0])
                .args(&words[1..])
                .args(["-c", ":"])
                .output()
                .is_ok_and(|output| output.status.success())
        };
        let count = if cfg!(feature = "hosts") { shells.len() } else { 1 };
        let there = shells.into_iter().take(count).filter(|(_, words)| is_there(words));
        there
            .map(|(name, words)| Self {
                name,
                words: words.to_vec(),
                mutation: &[],
            })
            .collect()
    }
}

/// A machine with a plan on it.
struct Machine {
    directory: TempDir,
    shell: Shell,
}

/// The exit code and output of a run.
struct Run {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Run {
    /// Runs a command of [`Machine::script`] to its end.
    fn of(command: &mut Command) -> Result<Self> {
        Self::end(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?)
    }

    /// Waits for the end of a script. Kills a script that takes too long, with all its processes: for some mutations
    /// such a run is the only sign, and not always.
    fn end(child: Child) -> Result<Self> {
        let group = format!("-{}", child.id());
        let (has_ended, end) = mpsc::channel::<()>();
        let watch = std::thread::spawn(move || {
            let is_late = end.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout);
            if is_late {
                Command::new("kill").args(["-KILL", "--", &group]).status()?;
            }
            Ok::<_, std::io::Error>(is_late)
        });
        let output = child.wait_with_output();
        drop(has_ended);
        let is_late = watch.join().map_err(|_| anyhow!("the watch panicked"))??;
        let output = output?;
        let run = Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout)?,
            stderr: String::from_utf8(output.stderr)?,
        };
        let is_plain = |text: &str| !text.contains(|c: char| c.is_control() && c != '\n' && c != '\t');
        ensure!(is_plain(&run.stdout) && is_plain(&run.stderr), "{run}");
        ensure!(!is_late, "it did not end within {LIMIT:?}: {run}");
        Ok(run)
    }

    /// Checks the exit code, and that either stream contains these texts.
    fn expect(&self, code: i32, texts: &[&str]) -> Result<()> {
        ensure!(self.code == code, "expected exit code {code}: {self}");
        for text in texts {
            ensure!(
                self.stdout.contains(text) || self.stderr.contains(text),
                "{text:?} is missing: {self}"
            );
        }
        Ok(())
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "exit code {}\n--- stdout\n{}--- stderr\n{}",
            self.code, self.stdout, self.stderr
        )
    }
}

impl Machine {
    fn new(shell: &Shell, plan: &Plan) -> Result<Self> {
        Self::pinned(shell, plan, None)
    }

    fn pinned(shell: &Shell, plan: &Plan, target: Option<&Target>) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let machine = Self {
            directory,
            shell: shell.clone(),
        };
        fs::create_dir_all(machine.path("bin"))?;
        fs::create_dir_all(machine.path("fake/pids"))?;
        fs::create_dir_all(machine.path("fake/sleepers"))?;
        fs::create_dir_all(machine.path("tmp"))?;
        for name in ["kubectl", "date", "sleep"] {
            symlink(env!("CARGO_BIN_EXE_fake-tools"), machine.path("bin").join(name))?;
        }
        let start = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        machine.fake("start", &start.to_string())?;
        machine.fake("current-context", "here")?;
        machine.fake("uid-of-here", UID)?;
        machine.fake("uid-of-same", UID)?;
        machine.fake("uid-of-there", OTHER_UID)?;
        machine.write("plan", plan, target)?;
        Ok(machine)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a plan's directory.
    fn write(&self, name: &str, plan: &Plan, target: Option<&Target>) -> Result<()> {
        for mut file in plan.files(target) {
            if file.path == "run.sh" {
                for (old, new) in self.shell.mutation {
                    file.text = file.text.replacen(old, new, 1);
                }
            }
            let path = self.path(name).join(file.path);
            fs::create_dir_all(path.parent().context("a directory")?)?;
            fs::write(path, file.text)?;
        }
        Ok(())
    }

    fn fake(&self, name: &str, text: &str) -> Result<&Self> {
        fs::write(self.path("fake").join(name), text)?;
        Ok(self)
    }

    /// Returns the calls of kubectl so far that contain this word.
    fn calls(&self, word: &str) -> Vec<String> {
        let calls = fs::read_to_string(self.path("fake/calls")).unwrap_or_default();
        let calls = calls.lines().filter_map(|call| Some(call.split_once('\t')?.1));
        calls.filter(|call| call.contains(word)).map(str::to_owned).collect()
    }

    /// Returns the seconds after which kubectl was called with this word.
    fn times(&self, word: &str) -> Vec<u64> {
        let calls = fs::read_to_string(self.path("fake/calls")).unwrap_or_default();
        let calls = calls.lines().filter_map(|call| call.split_once('\t'));
        let calls = calls.filter(|(_, call)| call.contains(word));
        calls.filter_map(|(time, _)| time.parse().ok()).collect()
    }

    /// Returns the calls that lines have made.
    fn done(&self) -> Vec<String> {
        let calls = self.calls(" do ").into_iter();
        calls
            .filter_map(|call| Some(call.split_once(" do ")?.1.to_owned()))
            .collect()
    }

    fn lease(&self) -> Result<Value> {
        Ok(serde_json::from_str(&fs::read_to_string(self.path("fake/lease"))?)?)
    }

    /// Creates a lock that was renewed this many seconds ago.
    fn hold(&self, ago: u64) -> Result<()> {
        let output = Command::new(self.path("bin/date"))
            .arg("+%s")
            .env("FAKE_TOOLS", self.path("fake"))
            .output()?;
        let now: u64 = String::from_utf8(output.stdout)?.trim().parse()?;
        let output = Command::new("date")
            .args(["-u", "-d", &format!("@{}", now - ago), "+%Y-%m-%dT%H:%M:%S.123456Z"])
            .output()?;
        let time = String::from_utf8(output.stdout)?.trim().to_owned();
        let spec = json!({"holderIdentity": "bob@laptop:77:rutter.x", "renewTime": time});
        self.fake("lease", &json!({"version": "5", "spec": spec}).to_string())?;
        Ok(())
    }

    /// Returns a command that runs `run.sh` in a directory. The script has the process ID of the command.
    fn script(&self, plan: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("sh");
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .args([
                "-c",
                "echo $$ > \"$FAKE_TOOLS/pid\" && : > \"$FAKE_TOOLS/pids/$$\" && exec \"$@\"",
                "sh",
            ])
            .args(&self.shell.words)
            .arg(format!("{plan}/run.sh"))
            .args(arguments)
            .current_dir(self.directory.path())
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .env("FAKE_TOOLS", self.path("fake"))
            .env("TMPDIR", self.path("tmp"))
            .process_group(0)
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Result<Run> {
        Run::of(&mut self.script("plan", arguments))
    }

    /// Runs it with `--ask`, and answers.
    fn answer(&self, answer: &str) -> Result<Run> {
        let mut command = self.script("plan", &["--ask"]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let mut stdin = child.stdin.take().context("a pipe")?;
        // The script may end without reading.
        let _ = stdin.write_all(answer.as_bytes());
        drop(stdin);
        Run::end(child)
    }

    fn start(&self, plan: &str) -> Result<Child> {
        let mut command = self.script(plan, &[]);
        Ok(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?)
    }

    /// Returns all files of the plan's directory.
    fn files(&self) -> Result<BTreeSet<PathBuf>> {
        fn add(directory: &Path, files: &mut BTreeSet<PathBuf>) -> Result<()> {
            for entry in fs::read_dir(directory)? {
                let path = entry?.path();
                if path.is_dir() {
                    add(&path, files)?;
                }
                files.insert(path);
            }
            Ok(())
        }
        let mut files = BTreeSet::new();
        add(&self.path("plan"), &mut files)?;
        Ok(files)
    }
}

fn once(line: &str) -> Line {
    Line {
        purpose: format!("purpose of {}", line.split_whitespace().last().unwrap_or_default()),
        line: line.to_owned(),
        unless: None,
        within: None,
    }
}

fn within(seconds: u32, line: &str) -> Line {
    Line {
        within: Some(seconds),
        ..once(line)
    }
}

fn unless(condition: &str, line: &str) -> Line {
    Line {
        unless: Some(condition.to_owned()),
        ..once(line)
    }
}

fn step(name: &str, commands: Vec<Line>) -> Step {
    Step {
        name: name.to_owned(),
        title: format!("title of {name}"),
        reason: "because".to_owned(),
        effects: vec![format!("restarts {name}")],
        manifests: vec![Manifest {
            api_version: "v1".to_owned(),
            kind: "ConfigMap".to_owned(),
            name: name.to_owned(),
            namespace: Some("shop".to_owned()),
            file_name: format!("configmap-{name}.yaml"),
            document: format!("name: {name}\n"),
        }],
        files: vec![File {
            name: "patch.json".to_owned(),
            text: "{}\n".to_owned(),
        }],
        commands,
    }
}

fn plan(steps: Vec<Step>) -> Plan {
    Plan {
        name: "orders".to_owned(),
        namespace: "shop".to_owned(),
        summary: "shop/orders: 3 → 5 members".to_owned(),
        prelude: String::new(),
        preflight: vec![once("kubectl do preflight")],
        change: Change::Steps(steps),
        differences: Vec::new(),
        warnings: Vec::new(),
    }
}

/// Returns two steps with two commands each.
fn simple() -> Plan {
    plan(vec![
        step("one", vec![once("kubectl do a"), once("kubectl do b")]),
        step("two", vec![once("kubectl do c"), once("kubectl do d")]),
    ])
}

/// Returns a plan with one line.
fn of_line(line: &str) -> Plan {
    plan(vec![step("one", vec![once(line), once("kubectl do after")])])
}

fn a_plan_is_carried_out_once(shell: &Shell) -> Result<()> {
    let machine = Machine::new(shell, &simple())?;
    let run = machine.run(&[])?;
    run.expect(
        0,
        &[
            "shop/orders: 3 → 5 members: safe in 2 steps\n",
            &format!("cluster {UID}, context here\n"),
            "preflight\n  purpose of preflight\n",
            "[1/2] title of one\n  (restarts one)\n  purpose of a\n  purpose of b\n  done in ",
            "[2/2] title of two\n",
            "ok: done\n",
        ],
    )?;
    ensure!(run.stderr.is_empty(), "{run}");
    ensure!(
        machine.done() == ["preflight", "a", "b", "c", "d"],
        "{:?}",
        machine.done()
    );
    let log = fs::read_to_string(machine.path("plan/run.log"))?;
    ensure!(
        log.contains("Z purpose of b: exit code 0") && log.contains("[2/2] title of two") && !log.contains("rutter_"),
        "{log}"
    );
    ensure!(
        fs::read_dir(machine.path("tmp"))?.next().is_none(),
        "TMPDIR is not empty"
    );
    let again = machine.run(&[])?;
    again.expect(0, &["nothing to do: all steps were done before"])?;
    ensure!(machine.done().len() == 5, "{:?}", machine.done());
    Ok(())
}

fn wrong_arguments_run_nothing(shell: &Shell) -> Result<()> {
    let machine = Machine::new(shell, &simple())?;
    let before = machine.files()?;
    for arguments in [
        &["--dryrun"][..],
        &["apply"],
        &["--help=x"],
        &["--dry-run", "\u{1b}[2J"],
        &["--context"],
        &["--context="],
        &["--step", ""],
        &["--step", "three"],
    ] {
        machine.run(arguments)?.expect(2, &["error: "])?;
    }
    machine.run(&["--help"])?.expect(0, &["Usage: sh run.sh"])?;
    machine
        .run(&["--list"])?
        .expect(0, &["[ ] 01-one: title of one (restarts one)\n[ ] 02-two: "])?;
    ensure!(machine.calls("").is_empty() && machine.files()? == before);
    Ok(())
}

fn a_dry_run_changes_nothing(shell: &Shell) -> Result<()> {
    let machine = Machine::new(shell, &simple())?;
    let before = machine.files()?;
    let run = machine.run(&["--dry-run"])?;
    run.expect(
        0,
        &["[1/2] title of one\n", "  purpose of d\n", "nothing was changed\n"],
    )?;
    ensure!(machine.done() == ["preflight"] && machine.files()? == before, "{run}");
    ensure!(machine.calls("create").is_empty() && machine.calls("replace").is_empty());
    // For a plan that was stopped, it prints what is left.
    machine.fake("rules", "do c\t1\n")?;
    machine.run(&[])?.expect(3, &[])?;
    machine.fake("rules", "")?;
    let run = machine.run(&["--dry-run"])?;
    run.expect(0, &["[1/2] title of one: done before\n", "\nleft to do: 02-two\nok: "])?;
    let machine = Machine::new(shell, &simple())?;
    machine
        .run(&["--dry-run"])?
        .expect(0, &["\nleft to do: 01-one, 02-two\n"])?;
    // It does not choose the cluster either.
    machine.run(&["--context", "there"])?.expect(0, &["ok: done"])?;
    Ok(())
}

fn steps_can_be_run_one_by_one(shell: &Shell) -> Result<()> {
    let machine = Machine::new(shell, &simple())?;
    machine
        .run(&["--step", "two"])?
        .expect(6, &["refused: the step 01-one is not done"])?;
    ensure!(machine.done().is_empty());
    machine
        .run(&["--step=one"])?
        .expect(0, &["ok: done; left to do: 02-two\n"])?;
    ensure!(machine.done() == ["preflight", "a", "b"], "{:?}", machine.done());
    machine.run(&["--list"])?.expect(0, &["[x] 01-one: ", "[ ] 02-two: "])?;
    machine.run(&["--step", "02-two"])?.expect(0, &["ok: done\n"])?;
    ensure!(
        machine.done().ends_with(&["c".to_owned(), "d".to_owned()]),
        "{:?}",
        machine.done()
    );
    Ok(())
}

fn kubectl_is_required(shell: &Shell) -> Result<()> {
    let machine = Machine::new(shell, &simple())?;
    fs::remove_file(machine.path("bin/kubectl"))?;
    // All programs that it may use, without kubectl.
    for tool in [
        "awk", "basename", "cat", "cp", "cut", "dirname", "grep", "id", "mkdir", "mktemp", "mv", "ps",
    ]
    .into_iter()
    .chain(["readlink", "rm", "sed", "sh", "tail", "tr", "uname", "cmp", "base64"])
    {
        let found = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
            .map(|directory| directory.join(tool))
            .find(|path| path.exists());
        symlink(found.with_context(|| tool.to_owned())?, machine.path("bin").join(tool))?;
    }
    let words = machine.shell.words.clone();
    let found = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .map(|directory| directory.join(words[0]))
        .find(|path| path.exists());
    let run = || -> Result<Run> {
        let mut command = Command::new(found.as_ref().context("a shell")?);
        command
            .args(&words[1..])
            .arg("plan/run.sh")
            .current_dir(machine.directory.path())
            .env_clear()
            .env("PATH", machine.path("bin"))
            .env("TMPDIR", machine.path("tmp"))
            .env("FAKE_TOOLS", machine.path("fake"))
            .process_group(0);
        Run::of(&mut command)
    };
    run()?.expect(6, &["refused: there is no kubectl on the PATH"])?;
    // Nothing else is required.
    symlink(env!("CARGO_BIN_EXE_fake-tools"), machine.path("bin/kubectl"))?;
    machine.fake("rules", "version --client\t0\tclientVersion:\\n  minor: \"19\"\\n\n")?;
    run()?.expect(6, &["refused: kubectl 1.19 is too old"])?;
    machine.fake("rules", "version --client\t1\t\tno\n")?;
    run()?.expect(6, &["does not print its version"])?;
    ensure!(machine.done().is_empty() && machine.calls("create").is_empty());
    machine.fake("rules", "")?;
    run()?.expect(0, &["ok: done"])
}

fn the_context_is_kept(shell: &Shell) -> Result<()> {
    let machine = Machine::new(shell, &simple())?;
    machine.fake("rules", "do b\t1\t\tno such thing\n")?;
    machine.run(&[])?.expect(3, &["no such thing"])?;
    // Like `kubectl config use-context` in another terminal.
    machine.fake("rules", "")?.fake("current-context", "there")?;
    machine.run(&[])?.expect(0, &["context here\n", "ok: done"])?;
    let elsewhere = machine.calls("").into_iter().filter(|call| {
        !call.starts_with("--context=here ")
            && !call.starts_with("version")
            && !call.starts_with("config current-context")
    });
    ensure!(elsewhere.clone().count() == 0, "{:?}", elsewhere.collect::<Vec<_>>());
    Ok(())
}

fn another_cluster_is_refused(shell: &Shell) -> Result<()> {
    let machine = Machine::new(shell, &simple())?;
    machine.fake("rules", "do b\t1\t\tno such thing\n")?;
    machine.run(&[])?.expect(3, &[])?;
    machine.fake("rules", "")?;
    let calls = machine.done().len();
    machine.run(&["--context", "there"])?.expect(
        6,
        &[&format!(
            "the plan was first run on the cluster {UID}, and the context there is of the cluster {OTHER_UID}"
        )],
    )?;
    machine
        .run(&["--context", "nowhere"])?
        .expect(6, &["the context nowhere cannot be identified"])?;
    // The context has the same name, but leads to another cluster.
    machine.fake("uid-of-here", OTHER_UID)?;
    machine.run(&[])?.expect(6, &["first run on"])?;
    for answer in [
        "0\t<no value>",
        "0\t",
        "1\t\tError from server (Forbidden): namespaces is forbidden",
    ] {
        machine.fake("rules", &format!("kube-system\t{answer}\n"))?;
        machine.run(&[])?.expect(6, &["refused: "])?;
    }
    for answer in ["0\t<no value>", "0\t", "0\t../x", "1\tx"] {
        let machine = Machine::new(shell, &simple())?;
        machine.fake("rules", &format!("kube-system\t{answer}\n"))?;
        machine.run(&[])?.expect(6, &["refused: "])?;
        ensure!(machine.done().is_empty() && !machine.path("plan/state").exists());
    }
    machine.fake("rules", "")?;
    ensure!(machine.done().len() == calls, "{:?}", machine.done());
    // Another name of the same cluster.
    machine
        .run(&["--context", "same"])?
        .expect(0, &["title of one", "ok: done"])
}

fn a_pinned_plan_keeps_its_cluster(shell: &Shell) -> Result<()> {
    let target = Target {
        context: Some("here".to_owned()),
        cluster: UID.to_owned(),
    };
    let machine = Machine::pinned(shell, &simple(), Some(&target))?;
    machine.fake("current-context", "there")?;
    machine
        .run(&["--context", "there"])?
        .expect(6, &[&format!("the plan was made for the cluster {UID}")])?;
    ensure!(machine.calls("create").is_empty());
    machine.run(&[])?.expect(0, &["context here\n", "ok: done"])?;
    ensure!(machine.calls("--context=there do").is_empty());
    Ok(())
}

fn the_context_of_a_pinned_plan_is_kept(shell: &Shell) -> Result<()> {
    // It was made without a current context, such as in a pod.
    let target = Target {
        context: None,
        cluster: UID.to_owned(),
    };
    let machine = Machine::pinned(shell, &simple(), Some(&target))?;
    machine.fake("rules", "do b\t1\t\tno such thing\n")?;
    machine.run(&[])?.expect(3, &["context here\n"])?;
    machine.fake("rules", "")?.fake("current-context", "there")?;
    machine.run(&[])?.expect(0, &["context here\n", "ok: done"])?;
    let calls = machine.calls("");
    let is_pinned = |call: &String| {
        ["--context=here ", "version", "config current-context"]
            .iter()
            .any(|beginning| call.starts_with(beginning))
    };
    ensure!(calls.iter().all(is_pinned), "{calls:?}");
    // It is run there.
    let machine = Machine::pinned(shell, &simple(), Some(&target))?;
    fs::remove_file(machine.path("fake/current-context"))?;
    machine.fake("uid-of-none", UID)?;
    machine.run(&[])?.expect(0, &["context none\n", "ok: done"])?;
    // An error does not mean that there is none.
    let machine = Machine::pinned(shell, &simple(), Some(&target))?;
    machine.fake("uid-of-none", UID)?;
    machine.fake(
        "rules",
        "config current-context\t1\t\terror: yaml: line 3: did not find ':'\n",
    )?;
    let run = machine.run(&[])?;
    ensure!(
        run.stderr
            .contains("refused: the current context is not known: error: yaml"),
        "{run}"
    );
    ensure!(machine.done().is_empty(), "{:?}", machine.done());
    Ok(())
}

fn the_lock_belongs_to_the_cluster(_: &Shell) -> Result<()> {
    let lease = |name: &str| -> Result<String> {
        let values = "naming: {fullname: orders}\nreplicas: ";
        let installed = Request {
            name: name.to_owned(),
            ..request(&format!("{values}1"))
        };
        let desired = ChangeRequest::new(format!("{values}3"));
        let plan = EtcdPackage.plan(&State::Values(installed), &desired);
        let plan = plan.map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
        let script = plan.files(None).into_iter().find(|file| file.path == "run.sh");
        let script = script.context("run.sh")?.text;
        let lease = script.lines().find(|line| line.starts_with("rutter_lease="));
        Ok(lease.context("a lease")?.to_owned())
    };
    let (one, other) = (lease("orders")?, lease("events")?);
    ensure!(
        one == "rutter_lease='rutter-orders'" && other == one,
        "{one} and {other}"
    );
    Ok(())
}

fn a_held_lock_is_refused(shell: &Shell) -> Result<()> {
    let machine = Machine::new(shell, &simple())?;
    machine.hold(20)?;
    let lease = machine.lease()?;
    machine
        .run(&[])?
        .expect(6, &["refused: bob@laptop:77 carries out a plan for shop/orders"])?;
    ensure!(machine.done().is_empty() && machine.lease()? == lease);
    Ok(())
}

fn an_expired_lock_is_taken_over(shell: &Shell) -> Result<()> {
    for age in [3600, 100] {
        let machine = Machine::new(shell, &simple())?;
        machine.hold(age)?;
        machine
            .run(&[])?
            .expect(0, &["bob@laptop:77 has not renewed its lock for ", "ok: done"])?;
        ensure!(machine.done().len() == 5);
    }
    Ok(())
}

fn a_lock_that_is_renewed_is_not_taken_over(shell: &Shell) -> Result<()> {
    // The clocks differ by an hour.
    let machine = Machine::new(shell, &simple())?;
    machine.hold(3600)?;
    // Its holder renews it after it was read.
    machine.fake("once", "get leases\t0\tRENEW\n")?;
    let mut lease = machine.lease()?;
    lease["version"] = "6".into();
    machine
        .run(&[])?
        .expect(6, &["refused: bob@laptop:77 still carries out a plan"])?;
    ensure!(machine.done().is_empty() && machine.lease()? == lease);
    Ok(())
}

fn a_lost_lock_stops_the_run(shell: &Shell) -> Result<()> {
    let lines = [
        once("kubectl do steal; kubectl do later"),
        within(600, "kubectl do steal && kubectl do later"),
        once("kubectl do steal | cat; attempt kubectl do later || :"),
    ];
    for line in lines {
        let machine = Machine::new(shell, &plan(vec![step("one", vec![line, once("kubectl do after")])]))?;
        machine.fake("once", "do steal\t0\tSTEAL\n")?;
        machine.run(&[])?.expect(3, &["another process has taken the lock"])?;
        ensure!(machine.done() == ["preflight", "steal"], "{:?}", machine.done());
        ensure!(machine.lease()?["spec"]["holderIdentity"] == "thief@elsewhere:1:x");
    }
    // Also if it was deleted.
    let machine = Machine::new(shell, &of_line("kubectl do delete; kubectl do later"))?;
    machine.fake("once", "do delete\t0\tDELETE\n")?;
    machine.run(&[])?.expect(3, &["another process has taken the lock"])?;
    ensure!(machine.done() == ["preflight", "delete"], "{:?}", machine.done());
    ensure!(!machine.path("fake/lease").exists());
    Ok(())
}

fn an_unreachable_lock_is_waited_for(shell: &Shell) -> Result<()> {
    // Between two calls the lock cannot be renewed for more than a minute.
    let machine = Machine::new(
        shell,
        &of_line("kubectl do slow && kubectl do slow && kubectl do later"),
    )?;
    machine.fake("rules", "do slow\t0\tSLOW\n")?;
    let refused = "replace\t1\t\tconnection refused\n";
    machine.fake("once", &refused.repeat(14))?;
    machine.run(&[])?.expect(0, &["ok: done"])?;
    ensure!(
        machine.done() == ["preflight", "slow", "slow", "later", "after"],
        "{:?}",
        machine.done()
    );
    // Two calls for each renewal, every 10 seconds: the eighth is the first that succeeds.
    let times = machine.times("do slow");
    ensure!(times[0] == 0 && (80..=82).contains(&times[1]), "{times:?}");
    // The wait has an end.
    let machine = Machine::new(shell, &of_line("kubectl do slow && kubectl do later"))?;
    let rules = "do slow\t0\tSLOW\nreplace\t1\t\tconnection refused\nget leases\t1\t\tno route to host\n";
    machine.fake("rules", rules)?;
    machine
        .run(&[])?
        .expect(3, &["the lock cannot be renewed: no route to host"])?;
    ensure!(machine.done() == ["preflight", "slow"], "{:?}", machine.done());
    Ok(())
}

fn a_clock_that_jumps_is_ignored(shell: &Shell) -> Result<()> {
    // The clock is set back while the lock cannot be renewed.
    let machine = Machine::new(
        shell,
        &of_line("kubectl do back && kubectl do slow && kubectl do later"),
    )?;
    machine.fake(
        "rules",
        "do back\t0\tSTEP -3600\ndo slow\t0\tSLOW\nreplace\t1\t\trefused\nget leases\t1\t\tno route to host\n",
    )?;
    machine
        .run(&[])?
        .expect(3, &["the lock cannot be renewed: no route to host"])?;
    ensure!(machine.done() == ["preflight", "back", "slow"], "{:?}", machine.done());
    // The clock is set forward while the lock of another run is watched.
    let machine = Machine::new(shell, &simple())?;
    machine.hold(3600)?;
    machine.fake("once", "get leases\t0\tSTEP 0\nget leases\t0\tSTEP 3600\n")?;
    machine.run(&[])?.expect(0, &["ok: done"])?;
    let taken = machine.times("replace");
    ensure!(taken.first().is_some_and(|time| *time >= 60), "{taken:?}");
    Ok(())
}

fn a_lock_without_permission_is_refused(shell: &Shell) -> Result<()> {
    let machine = Machine::new(shell, &simple())?;
    machine.fake(
        "rules",
        "create\t1\t\tError from server (Forbidden): leases is forbidden\\n\n",
    )?;
    machine.run(&[])?.expect(
        6,
        &[
            "(Forbidden): leases is forbidden",
            "get, create and update leases.coordination.k8s.io in the namespace shop",
        ],
    )?;
    ensure!(machine.done().is_empty());
    Ok(())
}

fn the_lock_is_renewed_and_released(shell: &Shell) -> Result<()> {
    let machine = Machine::new(shell, &of_line("kubectl do slow && kubectl do slow"))?;
    machine.fake("rules", "do slow\t0\tSLOW\n")?;
    machine.run(&[])?.expect(0, &["running for "])?;
    // 120 seconds, on a busy machine.
    ensure!(machine.calls("replace").len() >= 4, "{:?}", machine.calls("replace"));
    ensure!(
        machine.lease()?["spec"].get("holderIdentity").is_none(),
        "{}",
        machine.lease()?
    );
    // Also after a failure.
    let machine = Machine::new(shell, &simple())?;
    machine.fake("rules", "do b\t1\n")?;
    machine.run(&[])?.expect(3, &[])?;
    ensure!(
        machine.lease()?["spec"].get("holderIdentity").is_none(),
        "{}",
        machine.lease()?
    );
    Ok(())
}

fn one_of_two_runs_wins(shell: &Shell) -> Result<()> {
    for _ in 0..3 {
        let machine = Machine::new(shell, &of_line("kubectl do slow"))?;
        machine.write("copy", &of_line("kubectl do slow"), None)?;
        machine.fake("rules", "do slow\t0\tSLOW\n")?;
        let runs = ["plan", "plan", "copy"].map(|plan| machine.start(plan));
        let mut codes = Vec::new();
        for run in runs {
            let run = Run::end(run?)?;
            if run.code == 6 {
                run.expect(6, &["carries out a plan for shop/orders"])?;
            }
            codes.push(run.code);
        }
        codes.sort_unstable();
        ensure!(codes == [0, 6, 6], "{codes:?}");
        ensure!(machine.calls("do slow").len() == 1);
    }
    Ok(())
}

fn it_continues_after_each_kill_at_a_call(shell: &Shell) -> Result<()> {
    it_continues_after_each(shell, "kill-at")
}

fn it_continues_after_each_kill_after_a_call(shell: &Shell) -> Result<()> {
    it_continues_after_each(shell, "kill-after")
}

fn it_continues_after_each(shell: &Shell, kill: &str) -> Result<()> {
    let mut number = 0;
    loop {
        number += KILL_INTERVAL;
        let machine = Machine::new(shell, &simple())?;
        machine.fake(kill, &number.to_string())?;
        let first = Run::of(&mut machine.script("plan", &[]))?;
        let was_killed = !machine.path("fake").join(kill).exists();
        if !was_killed {
            first.expect(0, &[])?;
            break;
        }
        ensure!(first.code == -1, "{first}");
        let second = machine.run(&[])?;
        let context = || format!("{kill} {number}, {:?}\n{first}", machine.calls(""));
        // It does not wait for its own lock.
        second.expect(0, &[]).with_context(context)?;
        ensure!(!second.stdout.contains("has not renewed"), "{second}");
        let mut done = machine.done();
        done.retain(|call| call != "preflight");
        done.dedup();
        // An incomplete step runs from its start.
        let expected = ["a b c d", "a b a b c d", "a b c d c d"];
        ensure!(expected.contains(&&*done.join(" ")), "{done:?}");
        // Killed at its very end, it leaves a lock that expires.
        let is_released = machine.lease()?["spec"].get("holderIdentity").is_none();
        ensure!(is_released || second.stdout.contains("nothing to do"), "{second}");
    }
    ensure!(number > 8, "{number}");
    Ok(())
}

fn a_killed_run_calls_nothing_more(shell: &Shell) -> Result<()> {
    let machine = Machine::new(shell, &of_line("kubectl do a; attempt kubectl do z || :; sleep 100"))?;
    // The calls for the context, the UID, the version, the lock and the preflight come before.
    machine.fake("kill-after", "6")?;
    ensure!(machine.run(&[])?.code == -1);
    ensure!(machine.done() == ["preflight", "a"], "{:?}", machine.calls(""));
    // No process renews its lock either.
    ensure!(machine.calls("replace").is_empty(), "{:?}", machine.calls(""));
    // The remaining processes of the run clean up.
    let is_clean = || Ok::<_, anyhow::Error>(fs::read_dir(machine.path("tmp"))?.next().is_none());
    for _ in 0..6000 {
        if is_clean()? {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    ensure!(is_clean()?, "TMPDIR is not empty");
    machine.run(&[])?.expect(0, &["ok: done"])
}

fn it_continues_after_a_kill_without_a_wait(shell: &Shell) -> Result<()> {
    let machine = Machine::new(shell, &simple())?;
    machine.fake("kill-after", "6")?;
    // It keeps its process ID until its parent waits for it.
    let child = machine.start("plan")?;
    let mut stat = String::new();
    for _ in 0..6000 {
        let output = Command::new("ps")
            .args(["-o", "stat=", "-p", &child.id().to_string()])
            .output()?;
        stat = String::from_utf8(output.stdout)?;
        if stat.starts_with('Z') {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    ensure!(stat.starts_with('Z'), "{stat:?}");
    let run = machine.run(&[])?;
    run.expect(0, &["ok: done"])?;
    ensure!(!run.stdout.contains("has not renewed"), "{run}");
    ensure!(Run::end(child)?.code == -1);
    Ok(())
}

fn a_lock_of_another_machine_is_waited_for(shell: &Shell) -> Result<()> {
    let machine = Machine::new(shell, &simple())?;
    machine.fake("kill-after", "6")?;
    ensure!(machine.run(&[])?.code == -1);
    // The plan's directory is on a disk that machines share.
    let holder = machine.files()?.into_iter().find(|path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with("holder."))
    });
    let holder = holder.context("the file of the holder")?;
    let text = fs::read_to_string(&holder)?;
    let host: Vec<&str> = text.lines().nth(2).context("a machine")?.split(' ').collect();
    let [name, _, namespace] = host[..] else {
        anyhow::bail!("{host:?}")
    };
    // Another name, and the same name on another machine.
    for other in ["elsewhere".to_owned(), format!("{name} other {namespace}")] {
        let lines: Vec<&str> = text.lines().take(2).chain([&*other]).collect();
        fs::write(&holder, lines.join("\n") + "\n")?;
        machine
            .run(&[])?
            .expect(6, &["carries out a plan for shop/orders", "try again in a minute"])?;
    }
    ensure!(machine.done() == ["preflight", "a"], "{:?}", machine.done());
    Ok(())
}

fn failures_are_final(shell: &Shell) -> Result<()> {
    let machine = Machine::new(shell, &of_line("kubectl do x"))?;
    machine.fake("rules", "do x\t1\t\tthe reason\\n\n")?;
    let run = machine.run(&[])?;
    run.expect(3, &["    | the reason\nfailed: purpose of x\n"])?;
    ensure!(machine.done() == ["preflight", "x"], "{:?}", machine.done());
    Ok(())
}

fn it_stops_between_commands(shell: &Shell) -> Result<()> {
    let machine = Machine::new(shell, &simple())?;
    machine.fake("once", "do a\t0\tINTERRUPT\n")?;
    machine.run(&[])?.expect(
        3,
        &[
            "stopping after the command that runs",
            "stopped\n",
            "to go on from here: sh plan/run.sh\n",
        ],
    )?;
    ensure!(machine.done() == ["preflight", "a"], "{:?}", machine.done());
    ensure!(machine.lease()?["spec"].get("holderIdentity").is_none());
    machine.run(&[])?.expect(0, &["ok: done"])?;
    // Also during a wait.
    let machine = Machine::new(
        shell,
        &plan(vec![step("one", vec![within(600, "kubectl do a && false")])]),
    )?;
    machine.fake("once", "do a\t0\tINTERRUPT\n")?;
    machine.run(&[])?.expect(3, &["stopped\n"])?;
    ensure!(machine.done() == ["preflight", "a"], "{:?}", machine.done());
    // The second signal does not wait.
    let machine = Machine::new(shell, &of_line("kubectl do a"))?;
    machine.fake("once", "do a\t0\tINTERRUPT TWICE\n")?;
    machine.run(&[])?.expect(3, &["stopped at once"])?;
    ensure!(machine.lease()?["spec"].get("holderIdentity").is_none());
    Ok(())
}

fn failures_in_pipes_and_functions_stop_the_run(shell: &Shell) -> Result<()> {
    for line in [
        "kubectl do x",
        "kubectl do x | cat",
        "test -z \"$(kubectl do x)\"",
        "for i in 1; do kubectl do x | cat || :; done",
        "in_function",
        "kubectl do fine | { kubectl do x; cat; }",
        "( false; true )",
        "false",
        "stops",
        "fail this is why",
        "echo | fail this is why; true",
        "exit 7",
    ] {
        let mut plan = of_line(line);
        plan.prelude = "in_function() {\n  kubectl do x\n  true\n}\nstops() {\n  false\n  true\n}\n".to_owned();
        let machine = Machine::new(shell, &plan)?;
        machine.fake("rules", "do x\t1\tout\\n\tthe reason\\n\n")?;
        let run = machine.run(&[])?;
        run.expect(3, &["failed: purpose of"])
            .with_context(|| line.to_owned())?;
        ensure!(
            run.stderr.contains("the reason") != machine.calls("do x").is_empty(),
            "{line}: {run}"
        );
        ensure!(
            !line.contains("why") || run.stderr.contains("this is why"),
            "{line}: {run}"
        );
        ensure!(
            !machine.done().contains(&"after".to_owned()),
            "{line}: {:?}",
            machine.done()
        );
    }
    for line in [
        "attempt kubectl do x || true",
        "test -n \"$(attempt kubectl do x)\"",
        "if attempt kubectl do x; then false; else kubectl do fine; fi",
    ] {
        let machine = Machine::new(shell, &of_line(line))?;
        machine.fake("rules", "do x\t1\tout\\n\tthe reason\\n\n")?;
        machine.run(&[])?.expect(0, &[]).with_context(|| line.to_owned())?;
    }
    // Also during a wait.
    let machine = Machine::new(
        shell,
        &plan(vec![step(
            "one",
            vec![within(600, "( fail this is why ) | cat; false")],
        )]),
    )?;
    machine.run(&[])?.expect(3, &["purpose of false: this is why"])
}

fn lines_that_ran_before_are_skipped(shell: &Shell) -> Result<()> {
    let plan = |condition: &str| plan(vec![step("one", vec![unless(condition, "kubectl do x")])]);
    for (condition, is_done) in [
        ("true", true),
        ("false", false),
        ("kubectl do ask | awk '{ exit 1 }'", false),
        ("kubectl do ask", true),
    ] {
        let machine = Machine::new(shell, &plan(condition))?;
        machine.fake("rules", "do ask\t0\tx\\n\n")?;
        machine.run(&[])?.expect(0, &["ok: done"])?;
        ensure!(machine.calls("do x").is_empty() == is_done, "{condition}");
    }
    for condition in [
        "(exit 2)",
        "kubectl do ask",
        "kubectl do ask | awk '{ exit 0 }'",
        "! kubectl do ask",
        "test -n \"$(kubectl do ask)\"",
    ] {
        let machine = Machine::new(shell, &plan(condition))?;
        machine.fake("rules", "do ask\t1\tx\\n\tno answer\\n\n")?;
        machine
            .run(&[])?
            .expect(3, &["does not answer whether this was done before"])
            .with_context(|| condition.to_owned())?;
        ensure!(machine.calls("do x").is_empty(), "{condition}");
    }
    // A member that restarts answers soon.
    let machine = Machine::new(shell, &plan("kubectl do ask"))?;
    machine.fake("once", "do ask\t1\t\tno answer\\n\n")?;
    machine.run(&[])?.expect(0, &["done before: purpose of x"])?;
    ensure!(machine.calls("do x").is_empty());
    Ok(())
}

fn a_lost_answer_is_detected(shell: &Shell) -> Result<()> {
    let line = |condition: &str| Line {
        unless: Some(condition.to_owned()),
        ..within(60, ": > \"$notes/effect\"; kubectl do x")
    };
    let machine = Machine::new(shell, &plan(vec![step("one", vec![line("test -e \"$notes/effect\"")])]))?;
    machine.fake("rules", "do x\t1\t\trequest timed out\n")?;
    machine.run(&[])?.expect(0, &["ok: done"])?;
    ensure!(machine.calls("do x").len() == 1, "{:?}", machine.calls("do x"));
    // It had no effect. The reason is printed meanwhile, and at the end.
    let condition = "echo not yet; mkdir \"$notes/asked\" 2> /dev/null || kubectl do slow; false";
    let machine = Machine::new(shell, &plan(vec![step("one", vec![line(condition)])]))?;
    machine.fake("rules", "do slow\t0\tSLOW\ndo x\t1\t\trequest timed out\\n\n")?;
    let run = machine.run(&[])?;
    run.expect(
        3,
        &[
            " s of 60 s: request timed out\n",
            "    | request timed out\nfailed: purpose of x: gave up after 6",
        ],
    )?;
    ensure!(!run.stdout.contains("not yet"), "{run}");
    // It is unknown whether it had an effect.
    let condition = "if mkdir \"$notes/asked\" 2> /dev/null; then false; else kubectl do ask; fi";
    let machine = Machine::new(shell, &plan(vec![step("one", vec![line(condition)])]))?;
    machine.fake("rules", "do ask\t1\t\tno answer\\n\ndo x\t1\n")?;
    machine
        .run(&[])?
        .expect(3, &["does not answer whether this was done before"])?;
    ensure!(machine.calls("do x").len() == 1, "{:?}", machine.calls("do x"));
    Ok(())
}

fn errors_show_while_it_waits(shell: &Shell) -> Result<()> {
    let machine = Machine::new(shell, &plan(vec![step("one", vec![within(300, "kubectl do x")])]))?;
    machine.fake("once", &"do x\t1\t\tthe \\e[31mreason\\n\n".repeat(40))?;
    let run = machine.run(&[])?;
    run.expect(
        0,
        &[
            "    waiting for ",
            " s of 5 min: the [31mreason\n",
            "    ok after 80 s\n",
        ],
    )?;
    let count = run.stdout.matches("waiting for").count();
    ensure!(count == 5, "{run}");
    Ok(())
}

fn waiting_ends(shell: &Shell) -> Result<()> {
    let machine = Machine::new(shell, &plan(vec![step("one", vec![within(30, "kubectl do x")])]))?;
    machine.fake("rules", "do x\t1\t\tthe reason\\n\n")?;
    machine
        .run(&[])?
        .expect(3, &["    | the reason\nfailed: purpose of x: gave up after 3"])?;
    machine.fake("rules", "")?;
    machine.run(&[])?.expect(0, &["ok: done"])
}

fn a_failing_preflight_changes_nothing(shell: &Shell) -> Result<()> {
    for arguments in [&[][..], &["--dry-run"]] {
        let machine = Machine::new(shell, &simple())?;
        machine.fake("rules", "do preflight\t1\t\tno storage class\\n\n")?;
        machine.run(arguments)?.expect(
            6,
            &[
                "no storage class\nfailed: purpose of preflight",
                "  help: nothing was changed; fix this, then: sh plan/run.sh",
            ],
        )?;
        ensure!(machine.done() == ["preflight"]);
        machine.fake("rules", "")?;
        machine.run(arguments)?.expect(0, &[])?;
    }
    Ok(())
}

fn it_asks_before_anything_is_changed(shell: &Shell) -> Result<()> {
    let machine = Machine::new(shell, &simple())?;
    let before = machine.files()?;
    for answer in ["", "n\n", "yess\n", "\n"] {
        let run = machine.answer(answer)?;
        run.expect(
            6,
            &[
                "Carry out these steps in the cluster of the context here? [y/N] ",
                "declined: nothing was changed\n",
            ],
        )?;
        ensure!(machine.done().is_empty() && machine.files()? == before, "{answer:?}");
        ensure!(machine.calls("create").is_empty());
    }
    machine.answer("Yes\n")?.expect(0, &["ok: done"])
}

fn an_interrupt_at_the_question_changes_nothing(shell: &Shell) -> Result<()> {
    let machine = Machine::new(shell, &simple())?;
    let before = machine.files()?;
    let mut command = machine.script("plan", &["--ask"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let mut stderr = child.stderr.take().context("a pipe")?;
    let mut text = Vec::new();
    while !text.ends_with(b"[y/N] ") {
        let mut byte = [0];
        stderr.read_exact(&mut byte)?;
        text.extend(byte);
    }
    let pid = child.id().to_string();
    // A shell cannot undo that it was started with interrupts ignored, like a background job.
    let ignored = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = ignored.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let is_ignored = ignored.is_some_and(|mask| mask & 0b10 != 0);
    let signal = if is_ignored { "-TERM" } else { "-INT" };
    Command::new("kill").args([signal, &pid]).status()?;
    // Its standard input stays open.
    let stdin = child.stdin.take();
    let mut run = Run::end(child)?;
    drop(stdin);
    stderr.read_to_string(&mut run.stderr)?;
    run.expect(6, &["\nstopped: nothing was changed\n"])?;
    ensure!(machine.done().is_empty() && machine.files()? == before, "{run}");
    Ok(())
}

fn a_cluster_is_identified_by_the_same_namespace(shell: &Shell) -> Result<()> {
    let forbidden = "kube-system\t1\t\tError from server (Forbidden): namespaces is forbidden\n";
    let machine = Machine::new(shell, &simple())?;
    machine.fake("rules", &format!("{forbidden}do c\t1\n"))?;
    let cluster = format!("cluster namespace-{UID}-shop, context here\n");
    machine.run(&[])?.expect(3, &[&cluster])?;
    // This stays so if another user continues.
    machine.fake("rules", "")?;
    machine
        .run(&["--context=there"])?
        .expect(6, &[&format!("first run on the cluster namespace-{UID}-shop")])?;
    machine
        .run(&[])?
        .expect(0, &[&cluster, "title of one: done before", "ok: done"])?;
    // A plan that ran with the other identity is refused.
    let machine = Machine::new(shell, &simple())?;
    machine.fake("rules", "do c\t1\n")?;
    machine
        .run(&[])?
        .expect(3, &[&format!("cluster {UID}, context here\n")])?;
    machine.fake("rules", forbidden)?;
    machine
        .run(&[])?
        .expect(6, &["cannot be identified", "  help: ask for the permission"])?;
    // Neither may be read, or the cluster does not answer.
    let machine = Machine::new(shell, &simple())?;
    machine.fake("rules", &forbidden.replace("kube-system", "get namespace"))?;
    machine.run(&[])?.expect(6, &["cannot be identified"])?;
    machine.fake("rules", "kube-system\t1\t\tUnable to connect to the server: EOF\n")?;
    machine
        .run(&[])?
        .expect(6, &["cannot be identified", "  help: check the network"])?;
    ensure!(
        machine.calls("namespace shop").len() == 1,
        "{:?}",
        machine.calls("namespace")
    );
    Ok(())
}

fn waits_have_their_own_output(shell: &Shell) -> Result<()> {
    let lines = vec![once("echo earlier && true"), within(300, "kubectl do x")];
    let machine = Machine::new(shell, &plan(vec![step("one", lines)]))?;
    // The first attempt takes long, and prints nothing.
    machine.fake("once", "do x\t0\tSLOW\n")?;
    let run = machine.run(&[])?;
    run.expect(
        0,
        &["  purpose of x (up to 5 min)\n", "    waiting for ", " s of 5 min\n"],
    )?;
    ensure!(!run.stdout.contains("earlier"), "{run}");
    Ok(())
}

fn a_stale_plan_must_be_made_again(shell: &Shell) -> Result<()> {
    let machine = Machine::new(shell, &of_line("echo 'it has 4 replicas: make a new plan'; false"))?;
    let run = machine.run(&[])?;
    run.expect(3, &["  help: make a new plan: the cluster is not as it was"])?;
    ensure!(!run.stderr.contains("to go on"), "{run}");
    let mut plan = simple();
    plan.preflight = vec![once("echo 'it has 4 replicas: make a new plan'; false")];
    let machine = Machine::new(shell, &plan)?;
    let run = machine.run(&[])?;
    run.expect(6, &["  help: nothing was changed; make a new plan: the cluster is not"])?;
    ensure!(!run.stderr.contains("then: "), "{run}");
    Ok(())
}

fn restart_lines_have_all_options(shell: &Shell) -> Result<()> {
    let machine = Machine::new(shell, &simple())?;
    machine.fake("rules", "do a\t1\n")?;
    let run = |again: &str| {
        let mut command = machine.script("plan", &["--context", "here", "--step=one"]);
        command.env("KUBECONFIG", "kube config").env("RUTTER_AGAIN", again);
        Run::of(&mut command)
    };
    run("")?.expect(
        3,
        &[
            "to go on from here: KUBECONFIG='/",
            "/kube config' sh plan/run.sh --context here --step=one\n",
            "/plan/run.log has all that was run",
        ],
    )?;
    let run = run("rutter apply plan")?;
    run.expect(3, &["to go on from here: rutter apply plan\n"])?;
    // It has printed the plan.
    ensure!(!run.stdout.contains("safe in 2 steps"), "{run}");
    Ok(())
}

fn read_only_directories_are_detected_first(shell: &Shell) -> Result<()> {
    let machine = Machine::new(shell, &simple())?;
    // Root can write to a directory without the permission.
    fs::write(machine.path("plan/state"), "")?;
    machine.run(&[])?.expect(
        6,
        &[
            "plan cannot be written to: ",
            "copy the directory to a place where you can write",
        ],
    )?;
    let mut command = machine.script("plan", &["--dry-run"]);
    command.env("TMPDIR", machine.path("none"));
    Run::of(&mut command)?.expect(6, &["set TMPDIR to a directory where you can write"])?;
    ensure!(machine.done().is_empty() && machine.calls("create").is_empty());
    Ok(())
}

fn errors_of_kubectl_have_help(shell: &Shell) -> Result<()> {
    for (error, help) in [
        (
            "Unable to connect to the server: dial tcp: lookup x: no such host",
            "check the network",
        ),
        (
            "error: You must be logged in to the server (Unauthorized)",
            "log in to the cluster again",
        ),
        (
            "Error from server (Forbidden): pods is forbidden",
            "ask for the permission",
        ),
    ] {
        for call in ["do preflight", "do b", "create"] {
            let machine = Machine::new(shell, &simple())?;
            machine.fake("rules", &format!("{call}\t1\t\t{error}\\n\n"))?;
            let run = machine.run(&[])?;
            let is_lock = call == "create" && error.contains("Forbidden");
            let help = if is_lock { "the plan needs permission" } else { help };
            run.expect(if call == "do b" { 3 } else { 6 }, &[&format!("  help: {help}")])?;
        }
    }
    Ok(())
}

fn a_plan_can_move(shell: &Shell) -> Result<()> {
    let machine = Machine::new(shell, &simple())?;
    machine.fake("rules", "do c\t1\n")?;
    machine.run(&[])?.expect(3, &[])?;
    machine.fake("rules", "")?;
    let name = "a 'plan' $(touch pwned)\n-x";
    fs::rename(machine.path("plan"), machine.path(name))?;
    Run::of(&mut machine.script(name, &[]))?.expect(0, &["title of one: done before", "ok: done"])?;
    ensure!(
        machine.done() == ["preflight", "a", "b", "c", "preflight", "c", "d"],
        "{:?}",
        machine.done()
    );
    ensure!(!machine.path("pwned").exists());
    Ok(())
}

fn marks_of_other_plans_do_not_count(shell: &Shell) -> Result<()> {
    let machine = Machine::new(shell, &simple())?;
    machine.run(&[])?.expect(0, &[])?;
    let mut other = simple();
    if let Change::Steps(steps) = &mut other.change {
        steps[1].manifests[0].document = "name: another\n".to_owned();
    }
    machine.write("other", &other, None)?;
    Command::new("cp")
        .arg("-R")
        .arg(machine.path("plan/state"))
        .arg(machine.path("other/state"))
        .status()?;
    Run::of(&mut machine.script("other", &[]))?.expect(0, &["ok: done"])?;
    ensure!(machine.done().len() == 10, "{:?}", machine.done());
    // Marks of another cluster do not count either.
    fs::remove_file(machine.path("plan/state/cluster"))?;
    machine.run(&["--context=there"])?.expect(0, &["ok: done"])?;
    ensure!(machine.done().len() == 15, "{:?}", machine.done());
    Ok(())
}

fn texts_are_not_commands(shell: &Shell) -> Result<()> {
    let payloads = [
        "$(touch pwned)",
        "`touch pwned`",
        "'; touch pwned; '",
        "\"; touch pwned; \"",
        "\\'; touch pwned #",
        "\u{1b}[2J",
        "%s%n %d",
        "-n",
        "$HOME ${PATH}",
        "a\u{202e}b",
    ];
    for payload in payloads {
        let mut plan = simple();
        plan.summary = payload.to_owned();
        plan.preflight[0].purpose = payload.to_owned();
        if let Change::Steps(steps) = &mut plan.change {
            steps[0].title = payload.to_owned();
            steps[0].reason = payload.to_owned();
            steps[0].effects = vec![payload.to_owned()];
            steps[0].commands[0].purpose = payload.to_owned();
            steps[0].files[0].text = payload.to_owned();
        }
        let target = Target {
            context: Some(payload.to_owned()),
            cluster: UID.to_owned(),
        };
        let machine = Machine::pinned(shell, &plan, Some(&target))?;
        machine.fake(
            "rules",
            &format!("kube-system\t0\t{UID}\ndo a\t0\t{payload}\\e[2J\\n\n"),
        )?;
        machine.run(&["--list"])?.expect(0, &[])?;
        machine
            .run(&["--dry-run"])?
            .expect(0, &[])
            .with_context(|| payload.to_owned())?;
        machine
            .run(&[])?
            .expect(0, &["ok: done"])
            .with_context(|| payload.to_owned())?;
        let word = payload.replace(' ', "\u{2423}");
        ensure!(
            !machine.calls(&format!("--context={word} do a")).is_empty(),
            "{:?}",
            machine.calls("do a")
        );
        let log = fs::read_to_string(machine.path("plan/run.log"))?;
        ensure!(!log.contains('\u{1b}'), "{log}");
        ensure!(
            !machine.files()?.iter().any(|path| path.ends_with("pwned")),
            "{payload}"
        );
    }
    Ok(())
}

fn lines_have_their_environment(shell: &Shell) -> Result<()> {
    let mut plan = plan(vec![
        step(
            "one",
            vec![
                once("test \"$(cat manifests/configmap-one.yaml)\" = 'name: one'"),
                once("test \"$(cat files/patch.json)\" = '{}'"),
                once("echo remembered > \"$notes/id\"; cd /; variable=1"),
                once("test \"$(cat \"$notes/id\")\" = remembered && test -d manifests && test -z \"${variable-}\""),
                once("helper 'it is said'"),
                once("kubectl do --namespace shop x"),
                once("kubectl many | cat"),
            ],
        ),
        step(
            "two",
            vec![once("! test -e \"$notes/id\" && test -e manifests/configmap-two.yaml")],
        ),
    ]);
    plan.prelude = "# Says something.\nhelper() {\n  say \"$1\"\n}\n".to_owned();
    plan.preflight = vec![once(
        "test -e 01-one/manifests/configmap-one.yaml && test -e 02-two/files/patch.json",
    )];
    if let Change::Steps(steps) = &plan.change {
        ensure!(steps[0].directory(1) == "01-one" && steps[1].directory(12) == "12-two");
    }
    let machine = Machine::new(shell, &plan)?;
    // kubectl ends this way when its reader has read enough.
    machine.fake("rules", "many\t141\n")?;
    fs::set_permissions(machine.path("plan/run.sh"), fs::Permissions::from_mode(0o755))?;
    machine.run(&[])?.expect(0, &["    it is said\n", "ok: done"])?;
    ensure!(
        machine.calls("do") == ["--context=here do --namespace shop x"],
        "{:?}",
        machine.calls("do")
    );
    Ok(())
}
