//! The commands `plan`, `apply` and `drift` as processes, with packages that give the same plan to everything, and a
//! kubectl that answers from a table. What a real package plans is for its own tests, and `run.sh` for those of host-tests.

#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests are tests")]

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rutter::{Change, Command as Line, Diagnostic, Difference, File, Manifest, Plan, Severity, Step};
use serde_json::Value;
use tempfile::TempDir;

#[path = "../../../host-tests/src/payloads.rs"]
#[allow(dead_code, unreachable_pub, reason = "another crate's module")]
mod payloads;

/// The memory of a package that is written by hand, in the layout of the canonical ABI.
#[derive(Default)]
struct Memory(Vec<u8>);

/// Where it starts.
const BASE: usize = 16384;

impl Memory {
    /// Adds numbers; gives where they are.
    fn numbers(&mut self, numbers: &[u32]) -> u32 {
        while !self.0.len().is_multiple_of(4) {
            self.0.push(0);
        }
        let place = BASE + self.0.len();
        self.0.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        u32::try_from(place).expect("a place")
    }

    fn text(&mut self, text: &str) -> [u32; 2] {
        let place = BASE + self.0.len();
        self.0.extend(text.as_bytes());
        [place, text.len()].map(|number| u32::try_from(number).expect("a place"))
    }

    fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T) -> Vec<u32>) -> [u32; 2] {
        let written: Vec<u32> = items.iter().flat_map(|item| write(self, item)).collect();
        [self.numbers(&written), u32::try_from(items.len()).expect("a length")]
    }

    fn command(&mut self, command: &Line) -> Vec<u32> {
        let mut record = [self.text(&command.purpose), self.text(&command.line)].concat();
        match &command.unless {
            Some(unless) => {
                let [place, length] = self.text(unless);
                record.extend([1, place, length]);
            }
            None => record.extend([0, 0, 0]),
        }
        record.extend([u32::from(command.within.is_some()), command.within.unwrap_or(0)]);
        record
    }

    fn manifest(&mut self, manifest: &Manifest) -> Vec<u32> {
        let mut record = [
            self.text(&manifest.api_version),
            self.text(&manifest.kind),
            self.text(&manifest.name),
        ]
        .concat();
        record.extend([0, 0, 0]);
        record.extend(self.text(&manifest.file_name));
        record.extend(self.text(&manifest.document));
        record
    }

    fn step(&mut self, step: &Step) -> Vec<u32> {
        [
            self.text(&step.name),
            self.text(&step.title),
            self.text(&step.reason),
            self.list(&step.effects, |memory, effect| memory.text(effect).to_vec()),
            self.list(&step.manifests, Self::manifest),
            self.list(&step.files, |memory, file: &File| {
                [memory.text(&file.name), memory.text(&file.text)].concat()
            }),
            self.list(&step.commands, Self::command),
        ]
        .concat()
    }

    fn diagnostic(&mut self, diagnostic: &Diagnostic) -> Vec<u32> {
        let mut record = vec![u32::from(diagnostic.severity == Severity::Warning)];
        record.extend(self.text(&diagnostic.code));
        record.extend(self.text(&diagnostic.path));
        let position = diagnostic.position;
        record.extend(position.map_or([0, 0, 0], |position| [1, position.line, position.column]));
        record.extend(self.text(&diagnostic.message));
        record.extend([0, 0, 0]);
        record
    }

    fn plan(&mut self, plan: &Plan) -> u32 {
        let mut record = vec![0];
        for text in [&plan.name, &plan.namespace, &plan.summary, &plan.prelude] {
            record.extend(self.text(text));
        }
        record.extend(self.list(&plan.preflight, Self::command));
        let mut change = match &plan.change {
            Change::Nothing => vec![0],
            Change::Apply(step) => {
                let mut change = vec![1];
                change.extend(self.step(step));
                change
            }
            Change::Steps(steps) => {
                let mut change = vec![2];
                change.extend(self.list(steps, Self::step));
                change
            }
        };
        change.resize(15, 0);
        record.extend(change);
        record.extend(self.list(&plan.differences, |memory, difference: &Difference| {
            [
                &difference.object,
                &difference.path,
                &difference.installed,
                &difference.desired,
            ]
            .map(|text| memory.text(text))
            .concat()
        }));
        record.extend(self.list(&plan.warnings, Self::diagnostic));
        self.numbers(&record)
    }
}

/// A directory with a package in it, and a kubectl on the search path.
struct Setting(TempDir);

impl Setting {
    fn new(plan: &Plan) -> Self {
        let mut memory = Memory::default();
        let place = memory.plan(plan);
        Self::of(memory, &format!("(i32.const {place})"))
    }

    /// With a package that refuses each change, with what it is given as the installed objects as its reason.
    fn telling() -> Self {
        let mut memory = Memory::default();
        let [code, length] = memory.text("told");
        // Severity, code, path, no position, message, no help.
        let record = memory.numbers(&[0, code, length, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let answer = memory.numbers(&[1, record, 1]);
        let tell = |offset: u32| {
            format!(
                "(i32.store (i32.const {}) (i32.load offset={offset} (local.get 0)))",
                record + 32 + offset - 4
            )
        };
        Self::of(memory, &format!("{}{}(i32.const {answer})", tell(4), tell(8)))
    }

    fn of(mut memory: Memory, plan: &str) -> Self {
        let kinds = [
            ("apps", "statefulsets", false, false),
            ("", "secrets", false, true),
            ("cert-manager.io", "certificates", true, false),
        ];
        let kinds = memory.list(&kinds, |memory, (group, name, optional, keys_only)| {
            let flags = u32::from(*optional) | u32::from(*keys_only) << 8;
            [&memory.text(group)[..], &memory.text(name), &[flags]].concat()
        });
        let kinds = memory.numbers(&kinds);
        let mut data = String::new();
        for byte in &memory.0 {
            let _ = write!(data, "\\{byte:02x}");
        }
        let package = include_str!("data/package.wat")
            .replace("RENDER)", "(i32.const 768))")
            .replace("4096 LENGTH", "4096 4")
            .replace(
                "(param i32) (result i32) unreachable)",
                &format!("(param i32) (result i32) {plan})"),
            )
            .replace(
                "(func (export \"observes\") (result i32) (i32.const 1016))",
                &format!("(func (export \"observes\") (result i32) (i32.const {kinds}))"),
            )
            .replace(
                "(global $free",
                &format!("(data (i32.const {BASE}) \"{data}\")\n(global $free"),
            )
            .replace(
                "CONTRACT)",
                concat!(include_str!("../../rutter-host/tests/all/renderer.wat"), ")"),
            );
        let setting = Self(tempfile::tempdir().expect("a folder"));
        setting.file("package.wasm", &wat::parse_str(package).expect("a component"));
        setting.file("values.yaml", b"a: 1\n");
        setting.file("old.yaml", b"a: 0\n");
        fs::create_dir(setting.path("bin")).expect("a folder");
        setting.kubectl("");
        setting
    }

    /// A kubectl that answers calls that match a pattern, before it does what it does otherwise.
    fn kubectl(&self, cases: &str) -> &Self {
        let script = format!(
            "#!/bin/sh\nprintf '%s\\n' \"$*\" >> \"$CALLS\"\nPATH=/usr/bin:/bin\n\
             [ \"$KUBERC$KUBECTL_KUBERC\" = offfalse ] || exit 9\ncase \"$*\" in\n{cases}\n\
             *'config current-context') echo here ;;\n\
             *'config view'*) echo shop ;;\n\
             *'get namespace kube-system'*) printf uid-1 ;;\n\
             *'get statefulsets.apps'*) echo '{{\"kind\": \"List\", \"apiVersion\": \"v1\", \"items\": \
             [{{\"apiVersion\": \"apps/v1\", \"kind\": \"StatefulSet\", \"metadata\": {{\"name\": \"a\"}}}}]}}' ;;\n\
             *'get secrets'*) printf -- '---\\nsecrets: here\\n' ;;\n\
             *'get certificates'*) echo '{{\"kind\": \"List\", \"apiVersion\": \"v1\", \"items\": []}}' ;;\n\
             'version --client'*) echo '  minor: \"33\"' ;;\n\
             *create*) cat > /dev/null; printf 1 ;;\n\
             *replace*) cat > /dev/null; printf 2 ;;\nesac\n"
        );
        self.file("bin/kubectl", script.as_bytes());
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.path("bin/kubectl"), executable).expect("permissions");
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, text: &[u8]) -> &Self {
        fs::write(self.path(name), text).expect("a file");
        self
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.path("calls")).unwrap_or_default()
    }

    fn run(&self, arguments: &str) -> Run {
        self.run_with(&arguments.split_whitespace().collect::<Vec<_>>(), "")
    }

    fn run_with(&self, arguments: &[&str], input: &str) -> Run {
        let path = std::env::var("PATH").expect("a search path");
        let mut child = Command::new(env!("CARGO_BIN_EXE_rutter"))
            .current_dir(&self.0)
            .args(arguments)
            .args(
                if arguments.starts_with(&["apply"]) && arguments.contains(&"plan-dir") {
                    &[][..]
                } else {
                    &["--component", "package.wasm"]
                },
            )
            .env("PATH", format!("{}:{path}", self.path("bin").to_string_lossy()))
            .env("CALLS", self.path("calls"))
            .env("XDG_STATE_HOME", self.path("state"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a start");
        let mut stdin = child.stdin.take().expect("a pipe");
        // It may end without having read.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("an end");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Run {
            code: output.status.code().expect("a code"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

struct Run {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Run {
    #[track_caller]
    fn gives(self, code: i32, stdout: &str, stderr: &[&str]) -> Self {
        assert_eq!((self.code, self.stdout.as_str()), (code, stdout), "{}", self.stderr);
        self.says(stderr)
    }

    #[track_caller]
    fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.stderr.contains(text), "{text:?} is missing in {}", self.stderr);
        }
        assert!(!texts.is_empty() || self.stderr.is_empty(), "{}", self.stderr);
        self
    }
}

fn step(name: &str) -> Step {
    Step {
        name: name.to_owned(),
        title: format!("title of {name}"),
        reason: "a reason".to_owned(),
        effects: vec![format!("restarts {name}")],
        manifests: Vec::new(),
        files: vec![File {
            name: "patch.json".to_owned(),
            text: "{}\n".to_owned(),
        }],
        commands: vec![Line {
            purpose: format!("purpose of {name}"),
            line: format!("kubectl do {name}"),
            unless: Some("false".to_owned()),
            within: Some(5),
        }],
    }
}

fn plan(change: Change) -> Plan {
    Plan {
        name: "orders".to_owned(),
        namespace: "shop".to_owned(),
        summary: "shop/orders: 3 → 5 members".to_owned(),
        prelude: "f() { :; }\n".to_owned(),
        preflight: Vec::new(),
        change,
        differences: Vec::new(),
        warnings: Vec::new(),
    }
}

fn steps() -> Plan {
    plan(Change::Steps(vec![step("one"), step("two")]))
}

const OUTLINE: &str = "shop/orders: 3 → 5 members\nsafe in 2 steps\n\n1. title of one\n   restarts one\n2. title of two\n   restarts two\n";

/// The command, as these tests call it.
const RUTTER: &str = env!("CARGO_BIN_EXE_rutter");

/// The text of a plan that was made from a cluster.
fn live(text: &str) -> String {
    text.replacen("shop/orders", "shop/orders (context here)", 1)
}

/// What stands between files.
const LIVE: &str =
    "---\n{\"apiVersion\":\"apps/v1\",\"kind\":\"StatefulSet\",\"metadata\":{\"name\":\"a\"}}\n---\nsecrets: here\n";

#[test]
fn a_plan_is_printed() {
    let setting = Setting::new(&steps());
    setting
        .run("plan --from old.yaml -f values.yaml")
        .gives(4, OUTLINE, &[]);
    // As it was called before.
    setting
        .run("plan --from old.yaml --to values.yaml")
        .gives(4, OUTLINE, &[]);
    let next = format!(
        "{OUTLINE}\nnext: {RUTTER} apply --from old.yaml --set 'a={{1,2}}' --component package.wasm --allow-commands\n"
    );
    let run = setting.run_with(
        &[
            "plan",
            "--from",
            "old.yaml",
            "--set",
            "a={1,2}",
            "--allow-commands",
            "--output",
            "text",
            "--detailed-exitcode",
        ],
        "",
    );
    let run = run.says(&[]);
    assert_eq!(
        (
            run.code,
            run.stdout.replace(
                "--allow-commands --component package.wasm",
                "--component package.wasm --allow-commands"
            )
        ),
        (4, next)
    );
    let run = setting.run("plan --from old.yaml -f values.yaml -v");
    assert!(
        run.stdout.contains(
            "   reason: a reason\n   - purpose of one, within 5 s:\n       kubectl do one\n       unless false\n"
        ),
        "{}",
        run.stdout
    );
    let run = setting.run("plan --from old.yaml -f values.yaml --output json");
    let value: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(value["steps"][1]["commands"][0]["line"], "kubectl do two");
    assert_eq!(value["steps"][1]["effects"][0], "restarts two");
    assert_eq!(
        (run.code, value["summary"].as_str()),
        (4, Some("shop/orders: 3 → 5 members"))
    );
}

#[test]
fn exit_codes_tell_changes_apart() {
    for (change, verdict, plain, detailed) in [
        (Change::Nothing, "nothing to do\n", 0, 0),
        (
            Change::Apply(step("one")),
            "safe in one apply\n\n1. title of one\n   restarts one\n",
            0,
            5,
        ),
        (
            Change::Steps(vec![step("one")]),
            "safe in 1 step\n\n1. title of one\n   restarts one\n",
            4,
            4,
        ),
    ] {
        let setting = Setting::new(&plan(change));
        let text = format!("shop/orders: 3 → 5 members\n{verdict}");
        setting
            .run("plan --from old.yaml -f values.yaml")
            .gives(plain, &text, &[]);
        setting
            .run("plan --from old.yaml -f values.yaml --detailed-exitcode")
            .gives(detailed, &text, &[]);
        setting
            .run("drift --from old.yaml -f values.yaml")
            .gives(detailed, &text, &[]);
    }
}

#[test]
fn warnings_come_after_the_summary() {
    let mut plan = steps();
    let mut warning = Diagnostic::new(&rutter::NO_PLAN, "a", "be careful");
    warning.severity = Severity::Warning;
    plan.warnings.push(warning);
    let setting = Setting::new(&plan);
    let run = setting.run("plan --from old.yaml -f values.yaml -o plan --allow-commands");
    run.gives(
        4,
        &format!("{OUTLINE}\nnext: {RUTTER} apply plan\n"),
        &["warning[no-plan]: a: be careful\n"],
    );
    let text = fs::read_to_string(setting.path("plan/plan.txt")).expect("a file");
    assert!(
        text.starts_with("shop/orders: 3 → 5 members\nwarning[no-plan]: a: be careful\nsafe in 2 steps\n"),
        "{text}"
    );
    assert!(text.contains("kubectl do one"), "{text}");
    assert_eq!(
        fs::read_to_string(setting.path("plan/02-two/files/patch.json")).expect("a file"),
        "{}\n"
    );
}

#[test]
fn wrong_command_lines_read_no_cluster() {
    let setting = Setting::new(&steps());
    for (arguments, message) in [
        ("plan -f values.yaml", "the installed state is missing"),
        ("plan --live", "the desired state is missing"),
        ("plan --live --from old.yaml -f values.yaml", "cannot be used with"),
        ("plan --from - -f -", "only one of them can be standard input"),
        (
            "plan --from - -f values.yaml --set-file a=-",
            "only one of them can be standard input",
        ),
        (
            "plan --from old.yaml -f values.yaml --context x",
            "--context and --kubeconfig are for --live",
        ),
        (
            "drift --from old.yaml -f values.yaml --kubeconfig x",
            "--context and --kubeconfig are for --live",
        ),
        ("plan --from old.yaml -f values.yaml -o bin", "bin is not empty"),
        ("apply --live -f values.yaml", "write --yes, or --dry-run"),
        (
            "apply --live -f values.yaml --yes",
            "write --allow-commands if you trust them",
        ),
        (
            "apply --live -f values.yaml --dry-run",
            "write --allow-commands if you trust them",
        ),
        ("apply --yes plan-dir --set a=1", "cannot be used with"),
        ("apply --yes plan-dir", "plan-dir is not the directory of a plan"),
        ("apply --yes --allow-commands", "the installed state is missing"),
        (
            "apply --live -f values.yaml --output json",
            "`rutter plan --output json`",
        ),
    ] {
        setting.run(arguments).gives(2, "", &[message]);
    }
    assert_eq!(setting.calls(), "");
}

#[test]
fn commands_of_others_are_shown_and_not_written() {
    let setting = Setting::new(&steps());
    let run = setting
        .run("plan --from old.yaml -f values.yaml -o plan")
        .says(&["--allow-commands"]);
    assert!(
        run.code == 2 && run.stdout.contains("kubectl do one") && run.stdout.contains("f() { :; }"),
        "{}",
        run.stdout
    );
    assert!(!setting.path("plan").exists());
}

#[test]
fn a_cluster_is_read() {
    let setting = Setting::telling();
    let run = setting.run("plan --live -f values.yaml --output json");
    let value: Value = serde_json::from_str(&run.stderr).expect("JSON");
    assert_eq!((run.code, value[0]["message"].as_str()), (6, Some(LIVE)));
    let calls = setting.calls();
    assert!(
        calls.contains("--context=here get statefulsets.apps --namespace=shop --output=json\n"),
        "{calls}"
    );
    assert!(
        calls.contains("--context=here get secrets --namespace=shop --output=go-template="),
        "{calls}"
    );
    assert!(!calls.contains("secrets --namespace=shop --output=json"), "{calls}");
    setting.run("plan --live -f values.yaml -n other --context there");
    assert!(
        setting
            .calls()
            .contains("--context=there get statefulsets.apps --namespace=other "),
        "{}",
        setting.calls()
    );
}

#[test]
fn desired_objects_of_other_kinds_are_read_one_by_one() {
    const CALL: &str = "*'get --namespace=shop --ignore-not-found --output=json -- texts text'";
    let setting = Setting::telling();
    let told = || {
        let run = setting.run("plan --live -f values.yaml --output json");
        let value: Value = serde_json::from_str(&run.stderr).unwrap_or_else(|_| panic!("{}", run.stderr));
        value[0]["message"].as_str().expect("a text").to_owned()
    };
    let object = r#"{"apiVersion": "text", "kind": "text", "metadata": {"name": "text"}, "x": "further"}"#;
    setting.kubectl(&format!("{CALL}) echo '{object}' ;;"));
    assert!(told().contains("further"));
    // There is none.
    setting.kubectl(&format!("{CALL}) ;;"));
    assert_eq!(told(), LIVE);
    for (answer, error) in [
        (
            "echo 'Error from server (Forbidden): no' >&2; exit 1",
            "texts/text: Error from server (Forbidden): no",
        ),
        (
            "echo '{\"apiVersion\": \"v1\", \"kind\": \"Event\"}'",
            "texts/text: kubectl did not print",
        ),
        ("echo x", "texts/text: kubectl did not print"),
    ] {
        setting.kubectl(&format!("{CALL}) {answer} ;;"));
        setting.run("plan --live -f values.yaml").gives(3, "", &[error]);
    }
}

#[test]
fn what_a_cluster_may_lack_is_left_out_only_if_it_does() {
    let setting = Setting::telling();
    let missing = "*'get certificates'*) echo \"error: the server doesn't have a resource type \\\"certificates\\\"\" >&2; exit 1 ;;\n";
    let not_found =
        "echo 'Error from server (NotFound): the server could not find the requested resource' >&2; exit 1 ;;\n";
    let group =
        "*'--raw /apis/cert-manager.io') echo '{\"versions\": [{\"groupVersion\": \"cert-manager.io/v1\"}]}' ;;\n";
    for (cases, is_read) in [
        (format!("{missing}*'--raw /apis/cert-manager.io') {not_found}"), true),
        (
            format!(
                "{missing}{group}*'--raw /apis/cert-manager.io/v1') echo '{{\"resources\": [{{\"name\": \"issuers\"}}]}}' ;;\n"
            ),
            true,
        ),
        // Discovery did not work, or the API server does not answer.
        (
            format!(
                "{missing}{group}*'--raw /apis/cert-manager.io/v1') echo '{{\"resources\": [{{\"name\": \"certificates\"}}]}}' ;;\n"
            ),
            false,
        ),
        (
            format!("{missing}{group}*'--raw /apis/cert-manager.io/v1') {not_found}"),
            false,
        ),
        (
            format!("{missing}*--raw*) echo 'Error from server (ServiceUnavailable)' >&2; exit 1 ;;\n"),
            false,
        ),
        (format!("{missing}*--raw*) echo '{{}}' ;;\n"), false),
        (
            "*'get certificates'*) echo 'Error from server (Forbidden): no' >&2; exit 1 ;;\n".to_owned(),
            false,
        ),
        // Not even half of what is there is taken for all of it.
        (
            "*'get certificates'*) echo '{\"kind\": \"List\", \"apiVersion\": \"v1\", \"items\": ['; exit 1 ;;\n"
                .to_owned(),
            false,
        ),
        (
            "*'get certificates'*) echo '{\"kind\": \"List\", \"apiVersion\": \"v1\", \"items\": [' ;;\n".to_owned(),
            false,
        ),
        (
            missing.replace("certificates", "statefulsets.apps") + "*--raw*) " + not_found,
            false,
        ),
        (
            "*'get secrets'*) echo 'Error from server (Forbidden): no' >&2; exit 1 ;;\n".to_owned(),
            false,
        ),
        (
            "*kube-system*) echo 'Error from server (Forbidden): no' >&2; exit 1 ;;\n".to_owned(),
            false,
        ),
        ("*kube-system*) echo '<no value>' ;;\n".to_owned(), false),
        ("*'config view'*) exit 1 ;;\n".to_owned(), false),
    ] {
        setting.kubectl(&cases);
        let run = setting.run("plan --live -f values.yaml");
        let code = if is_read { 6 } else { 3 };
        assert_eq!((run.code, run.stdout.as_str()), (code, ""), "{cases}: {}", run.stderr);
        assert_eq!(run.stderr.contains("StatefulSet"), is_read, "{cases}: {}", run.stderr);
    }
    setting.kubectl("*'get secrets'*) echo 'Error from server (Forbidden): no' >&2; exit 1 ;;");
    setting.run("plan --live -f values.yaml").gives(
        3,
        "",
        &[
            "requires permission to list these kinds in the namespace shop:",
            "secrets: Error from server (Forbidden): no",
        ],
    );
    fs::remove_file(setting.path("bin/kubectl")).expect("a file");
}

/// Answers of kubectl that are none: a case of its script, and a text of the error.
#[rustfmt::skip]
const WRONG_ANSWERS: [(&str, &str); 28] = [
    // Sets, as JSON.
    ("*'get statefulsets'*) ;;", "statefulsets.apps: kubectl did not print a list of them: the answer is empty"),
    ("*'get statefulsets'*) echo ;;", "the answer is empty"),
    ("*'get statefulsets'*) echo 'No resources found in shop namespace.' ;;", "expected value at line 1 column 1"),
    ("*'get statefulsets'*) printf '\\033[2J\\nFORGED\\n' ;;", "expected value at line 1 column 1"),
    ("*'get statefulsets'*) printf '\\377\\376' ;;", "expected value at line 1 column 1"),
    ("*'get statefulsets'*) printf '{\"kind\": \"List\", \"apiVersion\": \"v1\", \"items\": [' ;;", "EOF while parsing"),
    ("*'get statefulsets'*) printf '{\"kind\": \"List\", \"apiVersion\": \"v1\", \"items\": [7]}' ;;", "expected a Kubernetes object"),
    ("*'get statefulsets'*) printf '{\"kind\": \"List\", \"apiVersion\": \"v1\", \"items\": []}x' ;;", "more than one object"),
    ("*'get statefulsets'*) printf '[]' ;;", "invalid type: sequence"),
    ("*'get statefulsets'*) printf '{}' ;;", "an object has no `apiVersion`"),
    ("*'get statefulsets'*) printf '{\"kind\": \"Status\", \"apiVersion\": \"v1\", \"code\": 200}' ;;", "an object is of the kind Status of v1"),
    ("*'get statefulsets'*) printf '{\"kind\": \"Secret\", \"apiVersion\": \"v1\", \"data\": {\"a\": \"hidden\"}}' ;;", "an object is of the kind Secret of v1"),
    ("*'get statefulsets'*) printf '{\"kind\": \"\\\\u001b[2J\\\\nFORGED\", \"apiVersion\": \"v1\"}' ;;", "an object is of the kind \\u{1b}[2J"),
    ("*'get statefulsets'*) exec yes '{\"kind\": \"List\", \"apiVersion\": \"v1\", \"items\": []}' ;;", "more than one object"),
    ("*'get statefulsets'*) exec yes ' ' ;;", "an object has more than the 8388608 bytes"),
    ("*'get statefulsets'*) exec cat /dev/zero ;;", "expected value at line 1 column 1"),
    ("*'get statefulsets'*) printf '{\"a\": \"'; exec tr '\\0' a < /dev/zero ;;", "an object has more than the 8388608 bytes"),
    ("*'get statefulsets'*) printf '{\"kind\": \"List\", \"items\": ['; x=$(head -c 100000 /dev/zero | tr '\\0' x); exec yes '{\"kind\": \"StatefulSet\", \"apiVersion\": \"apps/v1\", \"x\": \"'\"$x\"'\"},' ;;", "larger than the 64 MiB accepted"),
    ("*'get statefulsets'*) kill -9 $$ ;;", "the answer is empty"),
    ("*'get statefulsets'*) exit 1 ;;", "statefulsets.apps: kubectl failed: exit status: 1"),
    ("*'get statefulsets'*) printf 'error: \\033[2J\\033]52;c;eA==\\007\\nFORGED\\n' >&2; exit 1 ;;", "error: \\u{1b}[2J"),
    ("*'get statefulsets'*) exec yes 'no such host' >&2 ;;", "no such host"),
    // Keys of Secrets, as YAML.
    ("*'get secrets'*) exec yes -- --- ;;", "secrets: kubectl printed more than the 64 MiB accepted"),
    ("*'get secrets'*) printf '\\377' ;;", "secrets: kubectl printed what is not UTF-8"),
    ("*'get secrets'*) printf 'error: \\033[2J\\nFORGED\\n' >&2; exit 1 ;;", "error: \\u{1b}[2J"),
    // The cluster.
    ("*'get namespace kube-system'*) ;;", "the namespace kube-system has no UID"),
    ("*'get namespace kube-system'*) printf 'uid\\033[2J' ;;", "the namespace kube-system has no UID"),
    ("*'get namespace kube-system'*) exec yes ;;", "kubectl printed more than the 64 MiB accepted"),
];

#[test]
fn answers_of_kubectl_that_are_none_end_a_command() {
    let setting = Setting::new(&steps());
    for (number, (case, message)) in WRONG_ANSWERS.into_iter().enumerate() {
        setting.kubectl(case);
        // They read a cluster in the same way.
        let command = [
            "plan --live -f values.yaml --output json",
            "drift --live -f values.yaml",
            "apply --live -f values.yaml --yes --allow-commands",
        ][number % 3];
        let Run { code, stdout, stderr } = setting.run(command);
        assert_eq!((code, stdout.as_str()), (3, ""), "{case}: {stderr}");
        assert!(stderr.contains(message), "{case}: {message:?} is missing in {stderr}");
        payloads::check_lines(&stderr).unwrap_or_else(|found| panic!("{case}: {found}"));
        assert!(stderr.len() < payloads::MOST, "{case}: {} bytes", stderr.len());
        assert!(!stderr.contains("hidden"), "{case}: {stderr}");
    }
    assert!(!setting.path("state").exists(), "something was carried out");
    // No call waits for an API server forever.
    let calls = setting.calls();
    let mut of_server = calls.lines().filter(|call| call.contains(" get "));
    assert!(of_server.clone().count() > WRONG_ANSWERS.len());
    assert!(of_server.all(|call| call.contains("--request-timeout=")), "{calls}");
}

#[test]
fn names_in_a_cluster_are_printed_escaped() {
    let setting = Setting::telling();
    setting.kubectl(
        "*'get statefulsets'*) printf '%s' '{\"kind\": \"StatefulSet\", \"apiVersion\": \"apps/v1\", \"metadata\": {\"name\": \"a\\u001b[2J\\nFORGED\"}}' ;;",
    );
    let run = setting.run("plan --live -f values.yaml");
    assert_eq!((run.code, run.stdout.as_str()), (6, ""), "{}", run.stderr);
    assert!(run.stderr.contains("StatefulSet"), "{}", run.stderr);
    payloads::check_lines(&run.stderr).unwrap_or_else(|found| panic!("{found}"));
}

#[test]
fn a_context_that_is_not_known_is_an_error() {
    let setting = Setting::new(&steps());
    setting.kubectl("*'config current-context') echo 'error: did not find a colon' >&2; exit 1 ;;");
    let run = setting.run("plan --live -f values.yaml");
    assert!(
        run.code == 3 && run.stderr.contains("the current context is not known"),
        "{}{}",
        run.stdout,
        run.stderr
    );
    // There is none in a pod.
    setting.kubectl("*'config current-context') echo 'error: current-context is not set' >&2; exit 1 ;;");
    let run = setting.run("plan --live -f values.yaml");
    assert_eq!(run.code, 4, "{}", run.stderr);
}

#[test]
fn only_observed_objects_are_handed_over() {
    let setting = Setting::telling();
    let secret = "- apiVersion: v1\n  kind: Secret\n  metadata: {name: s}\n  data: {a: hidden}\n";
    let event = format!(
        "- apiVersion: v1\n  kind: Event\n  metadata: {{generateName: e-}}\n  x: {}\n",
        "x".repeat(1000)
    );
    let set = "- apiVersion: apps/v1\n  kind: StatefulSet\n  metadata: {name: a}\n";
    for count in [1, 10_000] {
        let list = format!(
            "apiVersion: v1\nkind: List\nitems:\n{}{set}{secret}",
            event.repeat(count)
        );
        let run = setting.run_with(&["plan", "--from", "-", "-f", "values.yaml", "--output", "json"], &list);
        let value: Value = serde_json::from_str(&run.stderr).expect("JSON");
        let told = value[0]["message"].as_str().expect("a text");
        assert!(
            run.code == 6 && told.contains("StatefulSet") && told.contains("Secret"),
            "{told}"
        );
        assert!(!told.contains("hidden") && !told.contains("Event"), "{told}");
    }
}

#[test]
fn a_plan_is_carried_out() {
    let setting = Setting::new(&steps());
    let run = setting.run("apply --live -f values.yaml --yes --allow-commands");
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    assert!(
        run.stdout.starts_with(&live(OUTLINE)) && run.stdout.ends_with("ok: done\n"),
        "{}",
        run.stdout
    );
    let folder = setting.path("state/rutter/plans/shop.orders.uid-1.1");
    assert!(
        run.stdout
            .contains(&format!("the plan is in {}\n", folder.to_string_lossy())),
        "{}",
        run.stdout
    );
    assert_eq!(
        fs::metadata(&folder).expect("a folder").permissions().mode() & 0o777,
        0o700
    );
    let script = fs::read_to_string(folder.join("run.sh")).expect("a script");
    assert!(
        script.contains("rutter_cluster='uid-1'\nrutter_context='here'\n"),
        "it is not pinned"
    );
    let calls = setting.calls();
    let done: Vec<&str> = calls.lines().filter(|call| call.contains(" do ")).collect();
    assert_eq!(done, ["--context=here do one", "--context=here do two"]);
    // Each plan has a directory of its own; another cluster is refused by the script.
    setting.kubectl("*--context=there*kube-system*) printf uid-2 ;;");
    let run = setting.run("apply --from old.yaml -f values.yaml --yes --allow-commands --context there -o plan");
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    assert!(
        setting.calls().contains("--context=there do two"),
        "{}",
        setting.calls()
    );
    let run = setting.run("apply --context here --yes plan");
    assert_eq!(run.code, 2, "{}", run.stderr);
}

#[test]
fn a_plan_in_a_directory_is_carried_out() {
    let setting = Setting::new(&steps());
    let run = setting.run("plan --live -f values.yaml --allow-commands -o plan-dir");
    assert_eq!(run.code, 4, "{}", run.stderr);
    let run = setting.run("apply plan-dir --dry-run");
    assert!(
        run.code == 0 && run.stdout.contains("nothing was changed"),
        "{}{}",
        run.stdout,
        run.stderr
    );
    assert!(!setting.calls().contains(" do "), "{}", setting.calls());
    let run = setting.run("apply plan-dir --yes --step two");
    assert!(
        run.code == 6 && run.stderr.contains("the step 01-one is not done"),
        "{}",
        run.stderr
    );
    let run = setting.run("apply plan-dir --yes --step one");
    assert!(
        run.code == 0 && !setting.calls().contains("do two"),
        "{}{}",
        run.stdout,
        run.stderr
    );
    setting.kubectl("*'do two'*) echo 'no such thing' >&2; exit 1 ;;");
    let run = setting.run("apply plan-dir --yes");
    assert!(
        run.code == 3 && run.stderr.contains("no such thing"),
        "{}{}",
        run.stdout,
        run.stderr
    );
    setting.kubectl("");
    let run = setting.run("apply plan-dir --yes");
    assert!(
        run.code == 0 && run.stdout.contains("[x] 01-one: title of one"),
        "{}{}",
        run.stdout,
        run.stderr
    );
    let run = setting.run("apply plan-dir --yes --context there");
    assert!(run.stdout.contains("nothing to do"), "{}{}", run.stdout, run.stderr);
}

#[test]
fn nothing_to_do_asks_nobody() {
    let setting = Setting::new(&plan(Change::Nothing));
    let run = setting.run("apply --live -f values.yaml --yes --allow-commands");
    run.gives(0, &live("shop/orders: 3 → 5 members\nnothing to do\n"), &[]);
    assert!(!setting.path("state").exists());
}

#[test]
fn drift_prints_what_differs() {
    let mut plan = steps();
    let difference = |object: &str, path: &str, installed: &str, desired: &str| Difference {
        object: object.to_owned(),
        path: path.to_owned(),
        installed: installed.to_owned(),
        desired: desired.to_owned(),
    };
    for number in (10..20).rev() {
        plan.differences.push(difference(
            "statefulset/orders",
            &format!("spec.a{number}"),
            "1",
            "\"2\"",
        ));
    }
    plan.differences
        .push(difference("service/orders", "", "(absent)", "(present)"));
    plan.differences
        .push(difference("service/old", "", "(present)", "(absent)"));
    let setting = Setting::new(&plan);
    let list: Vec<String> = ["  service/old: no longer desired\n", "  service/orders: missing\n"]
        .map(str::to_owned)
        .into_iter()
        .chain((10..20).map(|number| format!("  statefulset/orders spec.a{number}: 1 → \"2\"\n")))
        .collect();
    let (headline, steps) = OUTLINE.split_once('\n').expect("lines");
    let some = format!(
        "{headline}\n12 differences\n{}  and 2 more: -v prints all\n{steps}",
        list[..10].concat()
    );
    setting.run("drift --from old.yaml -f values.yaml").gives(4, &some, &[]);
    let all = setting.run("drift --from old.yaml -f values.yaml -v").stdout;
    assert!(
        all.contains(&list.concat()) && !all.contains(" more") && all.contains("kubectl do one"),
        "{all}"
    );
    let run = setting.run("drift --live -f values.yaml --output json");
    let value: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(value["differences"][0]["path"], "spec.a19");
    assert_eq!(value["context"], "here");
    assert_eq!(value["cluster"], "uid-1");
    assert_eq!(value["restarts"], serde_json::json!(["one", "two"]));
    assert_eq!(value.get("prelude"), None);
}

#[test]
fn a_refused_change_says_what_was_asked() {
    let setting = Setting::telling();
    setting.run("drift --live -f values.yaml").gives(
        6,
        "",
        &["rutter: the change is refused, and nothing was changed (context here, namespace shop, no --name)\n"],
    );
    setting
        .run("plan --from old.yaml -f values.yaml --name orders -n other")
        .gives(
            6,
            "",
            &["rutter: the change is refused, and nothing was changed (--from old.yaml, namespace other, name orders)\n"],
        );
}

#[test]
fn commands_are_printed_without_their_functions() {
    let setting = Setting::new(&steps());
    let run = setting.run("plan --from old.yaml -f values.yaml -v");
    assert!(
        run.stdout.contains("kubectl do one") && !run.stdout.contains("f() {"),
        "{}",
        run.stdout
    );
}

#[test]
fn the_next_command_does_what_it_says() {
    for (arguments, words) in [
        (
            "plan --live -f values.yaml --allow-commands -v",
            "apply --live -f values.yaml --allow-commands -v",
        ),
        (
            "plan --live --to values.yaml --allow-commands --output=text",
            "apply --live --to values.yaml",
        ),
        (
            "plan --from old.yaml -f values.yaml --allow-commands",
            "apply --from old.yaml -f values.yaml",
        ),
        ("plan --live -f values.yaml --allow-commands -o new", "apply new\n"),
        (
            "plan --live -f values.yaml --allow-commands --kubeconfig config --context there -o new",
            "apply new --kubeconfig config --context there\n",
        ),
    ] {
        let setting = Setting::new(&steps());
        let run = setting.run(arguments);
        let (_, next) = run.stdout.split_once("\nnext: ").expect("a next command");
        assert!(next.starts_with(&format!("{RUTTER} {words}")), "{next}");
        let path = std::env::var("PATH").expect("a search path");
        let output = Command::new("sh")
            .args(["-c", &format!("{} --yes", next.trim_end())])
            .current_dir(&setting.0)
            .env("PATH", format!("{}:{path}", setting.path("bin").to_string_lossy()))
            .env("CALLS", setting.path("calls"))
            .env("XDG_STATE_HOME", setting.path("state"))
            .output()
            .expect("a shell");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{next}: {stderr}");
        assert!(setting.calls().contains(" do two\n"), "{next}: {}", setting.calls());
    }
    // Standard input is there once.
    let setting = Setting::new(&steps());
    let run = setting.run_with(
        &["plan", "--from", "-", "-f", "values.yaml", "--allow-commands"],
        "a: 0\n",
    );
    assert!(!run.stdout.contains("next:"), "{}", run.stdout);
}

#[test]
fn a_cluster_without_kube_system_is_known_by_the_namespace() {
    let setting = Setting::new(&steps());
    setting.kubectl(
        "*kube-system*) echo 'Error from server (Forbidden): no' >&2; exit 1 ;;\n*'get namespace shop'*) printf uid-2 ;;\n",
    );
    let run = setting.run("apply --live -f values.yaml --yes --allow-commands");
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    assert!(
        run.stderr.contains("note: you may not read the namespace kube-system"),
        "{}",
        run.stderr
    );
    assert!(
        run.stdout.contains("cluster namespace-uid-2, context here\n"),
        "{}",
        run.stdout
    );
    // kubectl's own errors have help.
    setting.kubectl("*kube-system*) echo 'Unable to connect to the server: EOF' >&2; exit 1 ;;\n");
    setting
        .run("plan --live -f values.yaml")
        .gives(3, "", &["\n  help: check the network, the VPN and the context"]);
}

#[test]
fn a_place_for_the_plan_is_found_before_the_cluster_is_read() {
    let setting = Setting::new(&steps());
    // Root can write to a directory without the permission, and nobody below a file.
    setting.file("state", b"");
    setting.run("apply --live -f values.yaml --yes --allow-commands").gives(
        3,
        "",
        &["state cannot be written to", "write --output-dir DIR"],
    );
    setting
        .run("plan --live -f values.yaml --allow-commands -o state/plan")
        .gives(2, "", &["state/plan is no directory to write to"]);
    assert_eq!(setting.calls(), "");
}

#[test]
fn old_plans_are_removed() {
    let setting = Setting::new(&steps());
    let plans = setting.path("state/rutter/plans");
    let run = |fails: &str| {
        setting.kubectl(fails);
        setting.run("apply --live -f values.yaml --yes --allow-commands").code
    };
    assert_eq!(run("*'do two'*) exit 1 ;;\n"), 3);
    fs::create_dir_all(plans.join("shop.orders.uid-2.1")).expect("a folder");
    for _ in 0..7 {
        assert_eq!(run(""), 0);
    }
    let mut left: Vec<String> = fs::read_dir(&plans)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    left.sort();
    // That of another cluster, the one that is not finished, and the newest.
    let expected = ["1.1", "1.4", "1.5", "1.6", "1.7", "1.8", "2.1"].map(|end| format!("shop.orders.uid-{end}"));
    assert_eq!(left, expected);
}

#[test]
fn help_fits_a_terminal_and_has_all_exit_codes() {
    for arguments in ["--help", "plan --help", "apply --help", "drift --help", "plan -h"] {
        let output = Command::new(RUTTER)
            .args(arguments.split(' '))
            .output()
            .expect("a start");
        let text = String::from_utf8(output.stdout).expect("text");
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{arguments}: {line}");
        }
        let is_top = arguments == "--help";
        assert!(
            !is_top || (1..=6).all(|code| text.contains(&format!("\n  {code}  "))),
            "{text}"
        );
        assert!(
            is_top || text.contains("--to") && text.contains("\n       rutter "),
            "{text}"
        );
    }
}

#[test]
fn a_namespace_that_contradicts_an_object_is_an_error() {
    let setting = Setting::new(&steps());
    let object = "apiVersion: text\nkind: text\nmetadata: {name: orders, namespace: shop}\nspec: {a: 1}\n";
    setting.file("object.yaml", object.as_bytes());
    for source in ["--live", "--from old.yaml"] {
        setting.run(&format!("plan {source} -f object.yaml -n other")).gives(
            2,
            "",
            &["--namespace other contradicts the text, whose metadata.namespace is shop"],
        );
        let run = setting.run(&format!("plan {source} -f object.yaml -n shop"));
        assert_eq!(run.code, 4, "{}", run.stderr);
    }
}
