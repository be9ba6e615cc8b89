//! The command as a process: statuses, streams and files. What packages do with values is for their own tests; the ones
//! here give the same answer to everything.

#![allow(clippy::expect_used, reason = "helpers of tests are tests")]

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

#[path = "../../../host-tests/src/payloads.rs"]
#[allow(dead_code, unreachable_pub, reason = "another crate's module")]
mod payloads;

/// A folder with a package in it.
struct Setting(TempDir);

impl Setting {
    /// With a package whose `render` is this WebAssembly.
    fn new(render: &str) -> Self {
        Self::saying(render, "text")
    }

    /// The same with something that the package says of itself, and may say of its input.
    fn saying(render: &str, said: &str) -> Self {
        let escaped: String = said.bytes().map(|byte| format!("\\{byte:02x}")).collect();
        let package = include_str!("data/package.wat")
            .replace("RENDER)", &format!("{render})"))
            .replace("\"SAID\"", &format!("\"{escaped}\""))
            .replace("4096 LENGTH", &format!("4096 {}", said.len()))
            .replace(
                "CONTRACT)",
                concat!(include_str!("../../rutter-host/tests/all/renderer.wat"), ")"),
            );
        let folder = tempfile::tempdir().expect("a folder");
        let component = wat::parse_str(package).expect("a component");
        fs::write(folder.path().join("package.wasm"), component).expect("a file");
        Self(folder)
    }

    /// With a package that renders two objects and warns once.
    fn rendering() -> Self {
        Self::new("(i32.const 768)")
    }

    /// With a package that refuses what stands at the tenth column of the first line.
    fn refusing() -> Self {
        Self::new("(i32.const 800)")
    }

    fn file(&self, name: &str, text: &str) -> &Self {
        fs::write(self.path(name), text).expect("a file");
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rutter"));
        command
            .current_dir(&self.0)
            .env(
                "RUTTER_COMPONENT_CACHE",
                concat!(env!("CARGO_TARGET_TMPDIR"), "/components"),
            )
            .args(arguments)
            .args(["--component", "package.wasm"]);
        command
    }

    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        finished(self.command(arguments).stdin(Stdio::null()).output().expect("an end"))
    }

    fn run_with(&self, arguments: &[&str], input: &str) -> (i32, String, String) {
        fed(&mut self.command(arguments), input)
    }
}

fn fed(command: &mut Command, input: &str) -> (i32, String, String) {
    let command = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("a start");
    let mut stdin = child.stdin.take().expect("a pipe");
    // Not every command reads it.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    finished(child.wait_with_output().expect("an end"))
}

fn finished(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (
        output.status.code().expect("a status"),
        text(output.stdout),
        text(output.stderr),
    )
}

const STREAM: &str = "---\nkind: A\nvalue: 1.50\n---\nkind: B\nvalue: \"on\"\n";
const WARNING: &str = "warning[text]: text: text\n";
const REFUSED: &str = "rutter: the input is refused\n";

#[test]
fn what_is_installed_is_refused_in_its_own_file() {
    let setting = Setting::rendering();
    setting.file("live.yaml", "apiVersion: v1\nkind: A\nmetadata: {name: a\n");
    setting.file("values.yaml", "a: 1\nb: {}\nc: {}\n");
    let (status, stdout, stderr) = setting.run(&["plan", "--from", "live.yaml", "--to", "values.yaml"]);
    assert_eq!((status, stdout.as_str()), (1, ""), "{stderr}");
    assert!(
        stderr.contains("error[yaml-syntax]") && stderr.contains("--> live.yaml:3:11"),
        "{stderr}"
    );
}

#[test]
fn renders_to_standard_output_and_warns_on_the_other() {
    let done = (0, STREAM.to_owned(), WARNING.to_owned());
    let setting = Setting::rendering();
    setting.file("a.yaml", "a: 1\n").file("b.yaml", "b: 1\n");
    assert_eq!(setting.run(&["render"]), done);
    assert_eq!(setting.run(&["render", "-f", "a.yaml"]), done);
    assert_eq!(
        setting.run(&["render", "-f", "a.yaml", "-f", "b.yaml", "--set", "c=1"]),
        done
    );
    assert_eq!(setting.run_with(&["render", "-f", "-"], "a: 1\n"), done);
}

#[test]
fn renders_json() {
    let (status, stdout, stderr) = Setting::rendering().run(&["render", "--output", "json"]);
    let parse = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    assert_eq!(status, 0);
    assert_eq!(
        parse(&stdout),
        json!([{"kind": "A", "value": 1.5}, {"kind": "B", "value": "on"}])
    );
    assert_eq!(parse(&stderr)[0]["severity"], "warning");
}

#[test]
fn renders_into_a_folder_and_nothing_else() {
    let setting = Setting::rendering();
    let (status, stdout, _) = setting.run(&["render", "-o", "deep/out"]);
    assert_eq!((status, stdout.as_str()), (0, ""));
    let folder = fs::read_dir(setting.path("deep/out")).expect("a folder");
    let mut names: Vec<_> = folder.map(|entry| entry.expect("an entry").file_name()).collect();
    names.sort();
    assert_eq!(names, ["a.yaml", "b.yaml"]);
    let written = fs::read_to_string(setting.path("deep/out/a.yaml")).expect("a file");
    assert_eq!(written, "kind: A\nvalue: 1.50\n");
}

#[test]
fn notes_come_with_files() {
    let setting = Setting::saying("(i32.const 1288)", "Wait.\nerror: \u{1b}[1mforged\n");
    let notes = "note: after the manifests are applied:\n  | Wait.\n  | error: \\u{1b}[1mforged\n";
    let (status, stdout, stderr) = setting.run(&["render", "-o", "out"]);
    assert_eq!((status, stdout.as_str(), stderr), (0, "", format!("{WARNING}{notes}")));
    let (_, _, stderr) = setting.run(&["render", "-o", "out", "--quiet"]);
    assert_eq!(stderr, "");
    let (_, _, stderr) = setting.run(&["render"]);
    assert_eq!(stderr, WARNING);
}

#[cfg(target_os = "linux")]
#[test]
fn a_limit_of_address_space_is_not_the_packages_fault() {
    let setting = Setting::rendering();
    let output = Command::new("sh")
        .args([
            "-c",
            "RUTTER_COMPONENT_CACHE=off; export RUTTER_COMPONENT_CACHE; ulimit -v 3000000; exec \"$0\" validate --component package.wasm",
        ])
        .arg(env!("CARGO_BIN_EXE_rutter"))
        .current_dir(&setting.0)
        .output();
    let (status, stdout, stderr) = finished(output.expect("an end"));
    assert_eq!((status, stdout.as_str()), (3, ""));
    assert!(
        stderr.starts_with("error: this machine has no memory or address space left"),
        "{stderr}"
    );
}

#[test]
fn what_else_a_folder_holds_is_noted() {
    let setting = Setting::rendering();
    let (status, _, stderr) = setting.run(&["render", "-o", "out"]);
    assert!(status == 0 && !stderr.contains("note:"), "{stderr}");
    setting.file("out/stale.yaml", "kind: Old\n");
    setting.file("out/README", "");
    let (status, _, stderr) = setting.run(&["render", "-o", "out"]);
    assert_eq!(status, 0);
    assert!(
        stderr.contains("note: out also holds stale.yaml, which this did not write\n"),
        "{stderr}"
    );
}

#[test]
fn a_folder_gets_all_files_or_none() {
    let setting = Setting::rendering();
    fs::create_dir_all(setting.path("out/b.yaml")).expect("a folder in the way");
    let (status, _, stderr) = setting.run(&["render", "-o", "out"]);
    assert_eq!(status, 3);
    assert!(stderr.contains("b.yaml is a directory"), "{stderr}");
    assert_eq!(fs::read_dir(setting.path("out")).expect("a folder").count(), 1);
}

#[test]
fn file_names_can_be_as_long_as_the_system_allows() {
    let setting = Setting::rendering();
    let name = "n".repeat(255 - "configmap-.yaml".len());
    let foreign = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n");
    setting.file("objects.yaml", &foreign);
    let (status, _, stderr) = setting.run(&["render", "-f", "objects.yaml", "-o", "out"]);
    assert_eq!(status, 0, "{stderr}");
    let path = setting.path(&format!("out/configmap-{name}.yaml"));
    assert_eq!(path.file_name().map(std::ffi::OsStr::len), Some(255));
    assert!(path.is_file());
    assert_eq!(fs::read_dir(setting.path("out")).expect("a folder").count(), 1);
}

#[cfg(unix)]
#[test]
fn links_in_a_folder_are_replaced_and_not_followed() {
    let setting = Setting::rendering();
    setting.file("outside", "untouched");
    fs::create_dir(setting.path("out")).expect("a folder");
    std::os::unix::fs::symlink("../outside", setting.path("out/a.yaml")).expect("a link");
    assert_eq!(setting.run(&["render", "-o", "out"]).0, 0);
    assert_eq!(
        fs::read_to_string(setting.path("outside")).expect("a file"),
        "untouched"
    );
    assert!(
        fs::symlink_metadata(setting.path("out/a.yaml"))
            .expect("a file")
            .is_file()
    );
}

#[test]
fn one_file_reaches_the_package_as_it_is() {
    let setting = Setting::refusing();
    setting.file("a.yaml", "somewhere: x\n");
    let expected = format!("error[text]: text: text\n  --> a.yaml:1:10\n{REFUSED}");
    assert_eq!(
        setting.run(&["render", "-f", "a.yaml"]),
        (1, String::new(), expected.clone())
    );
    assert_eq!(setting.run(&["validate", "-f", "a.yaml"]), (1, String::new(), expected));
}

#[test]
fn diagnostics_of_merged_values_name_where_they_were_written() {
    let setting = Setting::refusing();
    // The tenth column of `{"abcd": "x"}` is where the value starts.
    setting.file("a.yaml", "abcd: w\n").file("b.yaml", "# x\nabcd:   x\n");
    let place = |arguments: &[&str]| {
        let (status, stdout, stderr) = setting.run(arguments);
        assert_eq!((status, stdout.as_str()), (1, ""));
        let place = stderr
            .lines()
            .find_map(|line| line.strip_prefix("  --> "))
            .map(str::to_owned);
        place.unwrap_or(stderr)
    };
    assert_eq!(place(&["render", "-f", "a.yaml", "-f", "b.yaml"]), "b.yaml:2:9");
    assert_eq!(
        place(&["render", "-f", "a.yaml", "--set", "abcd=y"]),
        "--set abcd=y:1:6"
    );
    let both = ["render", "--set-string", "abcd=z", "-f", "a.yaml", "--set", "abcd=y"];
    assert_eq!(place(&both), "--set-string abcd=z:1:6");
}

#[test]
fn validation_writes_diagnostics_only() {
    let accepted = format!("{WARNING}rutter: the input is accepted\n");
    assert_eq!(Setting::rendering().run(&["validate"]), (0, String::new(), accepted));
}

#[test]
fn diagnostics_are_json_even_if_there_are_none() {
    let setting = Setting::rendering();
    setting.file("foreign.yaml", "apiVersion: v1\nkind: Namespace\n");
    let validate = ["validate", "-f", "foreign.yaml", "--output", "json"];
    assert_eq!(setting.run(&validate), (0, "[]\n".to_owned(), String::new()));
}

#[test]
fn diagnostics_are_the_result_of_validate_as_json() {
    let parse = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    let validate = ["validate", "-f", "a.yaml", "--output", "json"];
    for (setting, expected, severity) in [(Setting::rendering(), 0, "warning"), (Setting::refusing(), 1, "error")] {
        setting.file("a.yaml", "a: 1\n");
        let (status, stdout, stderr) = setting.run(&validate);
        assert_eq!((status, stderr.as_str()), (expected, ""));
        assert_eq!(parse(&stdout)[0]["severity"], severity);
        let (status, stdout, _) = setting.run(&[&validate[..], &["--deny-warnings"]].concat());
        assert_eq!((status, parse(&stdout)[0]["severity"].as_str()), (1, Some(severity)));
    }
    // A stream that flows through.
    let setting = Setting::rendering();
    setting.file("a.yaml", &OURS.repeat(2000));
    let (status, stdout, stderr) = setting.run(&validate);
    assert_eq!((status, stderr.as_str()), (1, ""));
    let diagnostics = parse(&stdout);
    let warnings = diagnostics
        .as_array()
        .expect("an array")
        .iter()
        .filter(|it| it["severity"] == "warning");
    assert_eq!(warnings.count(), 2000);
    // Nothing of an input that could not be validated to its end.
    let setting = Setting::new("unreachable");
    setting.file("a.yaml", "a: 1\n");
    let (status, stdout, _) = setting.run(&validate);
    assert_eq!((status, stdout.as_str()), (3, ""));
}

const OURS: &str = "---\napiVersion: text\nkind: text\nmetadata: {name: text}\n";

#[test]
fn of_many_warnings_the_first_are_printed_and_the_rest_counted() {
    let setting = Setting::rendering();
    setting
        .file("a.yaml", &OURS.repeat(2000))
        .file("b.yaml", &OURS.repeat(21));
    let (_, _, stderr) = setting.run(&["validate", "-f", "a.yaml"]);
    assert_eq!(stderr.matches("warning[text]").count(), 20);
    let more = "… and 1,980 more `text` warnings; `--output json` lists all\nrutter: the input is refused";
    assert!(stderr.contains(more), "{stderr}");
    // Two objects of one name: of these errors, too.
    assert_eq!(stderr.matches("error[").count(), 100);
    assert!(stderr.contains("… and 3,898 more `invalid-value` errors; "), "{stderr}");
    let (_, _, stderr) = setting.run(&["validate", "-f", "b.yaml", "--quiet"]);
    assert!(!stderr.contains("more"), "{stderr}");
}

#[cfg(unix)]
#[test]
fn unread_standard_input_is_noted() {
    const NOTE: &str = "note: standard input is not read; write `-f -` to read it\n";
    let setting = Setting::rendering();
    setting.file("a.yaml", "a: 1\n").file("empty.yaml", "");
    let run = |arguments: &[&str], stdin: Stdio| {
        let output = setting.command(arguments).stdin(stdin).output().expect("an end");
        finished(output).2
    };
    let file = |name: &str| Stdio::from(File::open(setting.path(name)).expect("a file"));
    let pipe = |text: &str| {
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        writer.write_all(text.as_bytes()).expect("room");
        (Stdio::from(reader), writer)
    };
    assert_eq!(run(&["render"], file("a.yaml")), format!("{WARNING}{NOTE}"));
    let accepted = format!("{NOTE}{WARNING}rutter: the input is accepted\n");
    assert_eq!(run(&["validate"], file("a.yaml")), accepted);
    let (reader, _open) = pipe("a: 1\n");
    assert_eq!(run(&["render"], reader), format!("{WARNING}{NOTE}"));
    // Nothing waits there, or somebody asked, or a program reads what is said.
    let (reader, _open) = pipe("");
    assert_eq!(run(&["render"], reader), WARNING);
    assert_eq!(run(&["render"], file("empty.yaml")), WARNING);
    assert_eq!(run(&["render", "-f", "-"], file("a.yaml")), WARNING);
    assert_eq!(run(&["render", "-f", "a.yaml"], file("a.yaml")), WARNING);
    assert!(run(&["render", "--output", "json"], file("a.yaml")).starts_with('['));
}

#[test]
fn streams_are_rendered_in_place() {
    let foreign = "# kept\napiVersion: v1\nkind:   ConfigMap # as it is\nvalue: 0777\n";
    let ours = "---\napiVersion: text\nkind: text\nmetadata: {name: a}\nspec: {}\n";
    let setting = Setting::rendering();
    setting
        .file("stream.yaml", &format!("{foreign}{ours}"))
        .file("a.yaml", "a: 1\n");
    let (status, stdout, _) = setting.run(&["render", "-f", "stream.yaml"]);
    assert_eq!((status, stdout), (0, format!("{foreign}{STREAM}")));

    let (status, stdout, stderr) = setting.run(&["render", "-f", "a.yaml", "-f", "stream.yaml"]);
    assert_eq!((status, stdout.as_str()), (1, ""));
    assert!(stderr.contains("cannot be merged"), "{stderr}");

    let (status, stdout, stderr) = setting.run(&["render", "-f", "stream.yaml", "--output", "json"]);
    assert_eq!((status, stdout.as_str()), (1, ""));
    assert!(
        stderr.contains("ambiguous-scalar") && stderr.contains("\"line\": 4"),
        "{stderr}"
    );

    assert_eq!(setting.run(&["render", "-f", "stream.yaml", "--name", "x"]).0, 1);
}

#[test]
fn long_streams_are_rendered_in_place() {
    let foreign = "--- # kept\napiVersion: v1\nkind:   ConfigMap # as it is\nvalue: 0777\n".repeat(5000);
    let ours = "---\napiVersion: text\nkind: text\nmetadata: {name: a}\nspec: {}\n";
    let setting = Setting::rendering();
    setting.file("stream.yaml", &format!("# first\n{foreign}{ours}--- # last\n{{a: 1}}"));
    let (status, stdout, stderr) = setting.run(&["render", "-f", "stream.yaml"]);
    assert_eq!(status, 0, "{stderr}");
    assert!(stdout == format!("# first\n{foreign}{STREAM}--- # last\n{{a: 1}}"));
    assert_eq!(setting.run(&["validate", "-f", "stream.yaml"]).0, 0);

    setting.file("stream.yaml", &format!("{foreign}{ours}{foreign}{ours}"));
    let (status, stdout, stderr) = setting.run(&["render", "-f", "stream.yaml"]);
    assert_eq!((status, stdout.as_str()), (1, ""));
    assert!(
        stderr.contains("rendered for another object in this stream already"),
        "{stderr}"
    );

    fs::write(
        setting.path("stream.yaml"),
        [foreign.as_bytes(), b"---\na: \xff\n"].concat(),
    )
    .expect("a file");
    let (status, stdout, stderr) = setting.run(&["render", "-f", "stream.yaml"]);
    assert_eq!((status, stdout.as_str()), (1, ""));
    assert!(
        stderr.contains("not UTF-8") && stderr.contains("stream.yaml:20002:4"),
        "{stderr}"
    );
}

#[test]
fn objects_of_others_get_files_too() {
    let ours = "---\napiVersion: text\nkind: text\nmetadata: {name: a}\nspec: {}\n";
    let config = "# kept\napiVersion: v1\nkind:   ConfigMap # as it is\nmetadata: {name: b.c}\nvalue: 0777\n";
    let last = "--- # kept\n{apiVersion: v1, kind: Namespace, metadata: {name: d}}";
    let setting = Setting::rendering();
    setting.file("stream.yaml", &format!("# alone\n---\n{config}{ours}{last}"));
    let (status, stdout, stderr) = setting.run(&["render", "-f", "stream.yaml", "-o", "out"]);
    assert_eq!((status, stdout.as_str()), (0, ""), "{stderr}");
    let read = |name: &str| fs::read_to_string(setting.path("out").join(name)).expect("a file");
    assert_eq!(fs::read_dir(setting.path("out")).expect("a folder").count(), 4);
    assert_eq!(read("a.yaml"), "kind: A\nvalue: 1.50\n");
    assert_eq!(read("configmap-b.c.yaml"), config);
    assert_eq!(read("namespace-d.yaml"), last);
}

#[test]
fn objects_without_a_file_name_are_refused() {
    let setting = Setting::rendering();
    let refused = |documents: &str, expected: &[&str]| {
        setting.file("stream.yaml", documents);
        let (status, stdout, stderr) = setting.run(&["render", "-f", "stream.yaml", "-o", "out"]);
        assert_eq!((status, stdout.as_str()), (1, ""), "{documents}{stderr}");
        for expected in expected {
            assert!(stderr.contains(expected), "{expected:?} is missing in\n{stderr}");
        }
        assert!(stderr.contains("leave `-o` out"), "{stderr}");
        assert!(!setting.path("out").exists());
    };
    let object = |kind: &str, metadata: &str| format!("---\napiVersion: v1\nkind: {kind}\nmetadata: {metadata}\n");
    let first = object("A", "{name: a}");
    refused(
        &format!("{first}{}", object("List", "{generateName: a}")),
        &["there is no `metadata.name`", "stream.yaml:8:11\n"],
    );
    refused(
        &format!("{first}{}", object("A", "{name: [1]}")),
        &["found a list", "stream.yaml:8:18\n"],
    );
    refused(
        &format!("{first}{}", object("[A]", "{name: a}")),
        &["found a list", "stream.yaml:7:7\n"],
    );
    for name in ["system:a", "../a", "a/b"] {
        let expected = format!("\"a-{name}.yaml\" is not a file name that is valid everywhere");
        refused(
            &format!("{first}{}", object("A", &format!("{{name: '{name}'}}"))),
            &[&expected, "stream.yaml:8:18\n"],
        );
    }
    refused(
        &format!("{first}{}", object("a", "{namespace: b, name: A}")),
        &["two objects would be written to a-A.yaml", "stream.yaml:8:"],
    );
    refused(
        &format!("{first}{}value: !tag x\n", object("A", "{name: b}")),
        &["stream.yaml:9:"],
    );
    // All at once.
    refused(
        &format!("{}{}", object("{}", "{name: a}"), object("A", "")),
        &["stream.yaml:3:7\n", "stream.yaml:8:"],
    );
}

#[test]
fn bad_command_lines_have_a_status_of_their_own() {
    let setting = Setting::rendering();
    for arguments in [
        &["render", "--no-such-option"][..],
        &["render", "--set", "a"],
        &["render", "--set", "a[0"],
        &["render", "-f", "none.yaml"],
        &["render", "--set-file", "a=none.txt"],
        &["render", "-o", "out", "--output", "json"],
        &["explain", "d"],
        &["explain", "a", "b"],
        &[],
    ] {
        let (status, stdout, stderr) = setting.run(arguments);
        assert_eq!((status, stdout.as_str()), (2, ""), "{arguments:?}: {stderr}");
        assert!(!stderr.is_empty());
    }
}

#[test]
fn failures_of_the_package_are_not_blamed_on_the_input() {
    let (status, stdout, stderr) = Setting::new("unreachable").run(&["render"]);
    assert_eq!((status, stdout.as_str()), (3, ""));
    assert!(stderr.starts_with("error: the package crashed"), "{stderr}");
    let setting = Setting::rendering();
    setting.file("package.wasm", "no component");
    assert_eq!(setting.run(&["render"]).0, 3);
    fs::remove_file(setting.path("package.wasm")).expect("a file");
    let (status, _, stderr) = setting.run(&["describe"]);
    assert_eq!(status, 3);
    assert_eq!(stderr.matches("package.wasm").count(), 1, "{stderr}");
}

/// Packages that do what a package must not, the limits that they run under, and the line that it ends with.
const HOSTILE: [(&str, &[&str], &str); 9] = [
    (
        "(loop (br 0)) unreachable",
        &["--max-time", "50ms"],
        "the package did not answer within 50ms",
    ),
    (
        "(loop (drop (memory.grow (i32.const 1))) (br 0)) unreachable",
        &["--max-memory", "1Mi"],
        "the package needs more memory than its 1 MiB",
    ),
    (
        "(loop (drop (memory.grow (i32.const 1))) (br 0)) unreachable",
        &[],
        "the package needs more memory than its 256 MiB",
    ),
    (
        "(i32.const 768)",
        &["--max-output", "10"],
        "the package's answer is larger than 10 bytes",
    ),
    (
        "(i32.const 768)",
        &["--max-input", "10"],
        "the package is given no more than 10 bytes",
    ),
    (
        "unreachable",
        &[],
        "the package crashed: wasm trap: wasm `unreachable` instruction executed",
    ),
    (
        "(i32.load (i32.const -1))",
        &[],
        "the package crashed: wasm trap: out of bounds memory access",
    ),
    // Answers that are none: a pointer out of its memory, and a case that does not exist.
    ("(i32.const -8)", &[], "the package crashed: "),
    (
        "(i32.store (i32.const 768) (i32.const 7)) (i32.const 768)",
        &[],
        "the package crashed: ",
    ),
];

#[test]
fn a_hostile_package_ends_in_one_line() {
    for (render, limits, expected) in HOSTILE {
        let setting = Setting::new(render);
        let arguments = [&["render"], limits].concat();
        let (status, stdout, stderr) = setting.run(&arguments);
        assert_eq!((status, stdout.as_str()), (3, ""), "{render}: {stderr}");
        assert!(
            stderr.starts_with(&format!("error: {expected}")) && stderr.lines().count() == 1,
            "{render}: {stderr}"
        );
        // It is `render` that misbehaves. The machine is none the worse for it.
        let unharmed = setting.run(&["defaults"]);
        assert_eq!(unharmed, (0, "text".to_owned(), String::new()), "{render}");
    }
}

#[test]
fn what_is_no_package_ends_in_one_line() {
    let setting = Setting::rendering();
    for (text, expected) in [
        (
            "(module)".to_owned(),
            "this is not a WebAssembly component that can be run here: ",
        ),
        (
            "(component)".to_owned(),
            "this component is not a package: it does not export `rutter:package/renderer@0.2.0`\n",
        ),
    ] {
        fs::write(
            setting.path("package.wasm"),
            wat::parse_str(&text).expect("WebAssembly"),
        )
        .expect("a file");
        let (status, stdout, stderr) = setting.run(&["render"]);
        assert_eq!((status, stdout.as_str()), (3, ""), "{stderr}");
        assert!(
            stderr.starts_with(&format!("error: package.wasm: {expected}")) && stderr.lines().count() == 1,
            "{stderr}"
        );
    }
    let (status, _, stderr) = setting.run(&["render", "--max-component", "4"]);
    assert_eq!(
        (status, stderr.as_str()),
        (3, "error: package.wasm: the component is larger than 4 bytes\n")
    );
}

#[test]
fn limits_are_set_by_the_environment_too() {
    let setting = Setting::new("(loop (br 0)) unreachable");
    let run = |arguments: &[&str], time: &str| {
        let mut command = setting.command(arguments);
        finished(
            command
                .env("RUTTER_MAX_TIME", time)
                .stdin(Stdio::null())
                .output()
                .expect("an end"),
        )
    };
    assert_eq!(
        run(&["render"], "40ms"),
        (
            3,
            String::new(),
            "error: the package did not answer within 40ms\n".to_owned()
        )
    );
    // What is typed counts more.
    let (_, _, stderr) = run(&["render", "--max-time", "30ms"], "40ms");
    assert_eq!(stderr, "error: the package did not answer within 30ms\n");
    // An empty variable counts as none.
    let (status, _, stderr) = run(&["schema"], "");
    assert_eq!((status, stderr.as_str()), (0, ""));
    let (status, _, stderr) = run(&["render"], "40");
    assert_eq!(status, 2);
    assert!(
        stderr.contains("\"40\" is not a duration: numbers with units, such as 90s"),
        "{stderr}"
    );
    assert_eq!(setting.run(&["render", "--max-memory", "1MB"]).0, 2);
}

#[test]
fn a_reader_that_has_gone_is_no_message() {
    let setting = Setting::rendering();
    let mut child = setting
        .command(&["schema"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a start");
    drop(child.stdout.take());
    let ended = finished(child.wait_with_output().expect("an end"));
    assert_eq!(ended, (141, String::new(), String::new()));
}

#[cfg(unix)]
#[test]
fn a_closed_standard_output_is_an_error() {
    let setting = Setting::rendering();
    let run = |arguments: &str, to: &str| {
        let output = Command::new("sh")
            .args(["-c", &format!("exec \"$0\" {arguments} --component package.wasm {to}")])
            .arg(env!("CARGO_BIN_EXE_rutter"))
            .current_dir(&setting.0)
            .output();
        finished(output.expect("an end"))
    };
    for arguments in ["render", "schema", "validate --output json"] {
        let (status, _, stderr) = run(arguments, ">&-");
        assert_eq!(status, 3, "{arguments}: {stderr}");
        assert_eq!(
            stderr.lines().last(),
            Some("error: standard output cannot be written: it is closed")
        );
    }
    for to in [">/dev/null", "<>/dev/null 1>&0"] {
        assert_eq!(run("render", to).0, 0, "{to}");
    }
    // Nothing is to be written.
    assert_eq!(run("validate", ">&-").0, 0);
}

#[test]
fn formats_are_no_directories() {
    let setting = Setting::rendering();
    for command in ["render", "plan"] {
        for name in ["json", "yaml", "text", "-"] {
            let (status, _, stderr) = setting.run(&[command, "-o", name]);
            assert_eq!(status, 2);
            assert!(stderr.contains("-o takes a directory"), "{stderr}");
            assert!(!setting.path(name).exists());
        }
    }
    assert_eq!(setting.run(&["render", "-o", "./json"]).0, 0);
    assert!(setting.path("json").is_dir());
}

#[test]
fn files_and_values_without_an_option_get_a_hint() {
    let setting = Setting::rendering();
    let hint = |arguments: &[&str]| {
        let (status, _, stderr) = setting.run(arguments);
        assert_eq!(status, 2);
        stderr
    };
    assert!(hint(&["validate", "values.yaml"]).contains("write -f values.yaml\n"));
    assert!(hint(&["--color=never", "render", "values.yaml"]).contains("write -f values.yaml\n"));
    assert!(hint(&["render", "--replicas", "5"]).contains("write --set replicas=…\n"));
    assert!(hint(&["plan", "--replicas=5"]).contains("write --set replicas=…\n"));
    assert!(!hint(&["schema", "values.yaml"]).contains("-f"));
}

#[test]
fn warnings_can_be_denied_allowed_and_silenced() {
    let setting = Setting::rendering();
    setting.file(
        "objects.yaml",
        "apiVersion: text\nkind: text\nmetadata: {name: a}\nspec: {}\n",
    );
    for command in [
        &["render"][..],
        &["render", "--output=json"],
        &["render", "-f", "objects.yaml"],
        &["validate"],
    ] {
        let run = |options: &[&str]| setting.run(&[command, options].concat());
        let (status, stdout, stderr) = run(&["--deny-warnings"]);
        assert_eq!((status, stdout.as_str()), (1, ""), "{command:?}");
        assert!(stderr.contains("text"), "{stderr}");
        for options in [
            &["--quiet"][..],
            &["-q"],
            &["--allow=text"],
            &["--allow=text", "--deny-warnings"],
        ] {
            let (status, stdout, stderr) = run(options);
            assert_eq!(status, 0, "{options:?}: {stderr}");
            assert_eq!(stdout, run(&[]).1);
            assert!(!stderr.contains("warning"), "{stderr}");
        }
        assert!(run(&["--allow=other"]).2.contains("warning"));
    }
    assert_eq!(
        setting.run(&["validate", "--allow", "text"]).2,
        "rutter: the input is accepted\n"
    );
    let denied = format!("{WARNING}rutter: the input is refused, because it has warnings\n");
    assert_eq!(setting.run(&["validate", "--deny-warnings"]).2, denied);
    assert_ne!(Setting::refusing().run(&["validate", "--quiet"]).2, "");
}

#[test]
fn colours_are_as_everybody_has_them() {
    let setting = Setting::rendering();
    setting.file("old.yaml", "apiVersion: v1\nkind: A\nmetadata: {name: a}\n");
    setting.file("new.yaml", "apiVersion: v1\nkind: B\nmetadata: {name: a}\n");
    let is_coloured = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = setting.command(&[&["diff", "old.yaml", "new.yaml"], arguments].concat());
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        let output = command.envs(variables.iter().copied()).output().expect("an end");
        let (status, stdout, stderr) = finished(output);
        assert_eq!(status, 1, "{stderr}");
        stdout.contains("\u{1b}[")
    };
    assert!(!is_coloured(&[], &[]));
    assert!(is_coloured(&["--color", "always"], &[]));
    assert!(is_coloured(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!is_coloured(&["--color=never"], &[("CLICOLOR_FORCE", "1")]));
    assert!(is_coloured(&["--color=always"], &[("NO_COLOR", "1")]));
    assert!(!is_coloured(&[], &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]));
}

/// All problems of a stream are reported, and its objects become one array or files, whatever its size.
#[test]
fn streams_of_any_size_are_handled_alike() {
    let broken = "---\napiVersion: text\nkind: text\nmetadata: {name: [\n";
    let foreign = |number: usize| format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{number}}}\n");
    let setting = Setting::rendering();
    for count in [1, 3000] {
        let foreign: String = (0..count).map(foreign).collect();
        setting
            .file("good.yaml", &format!("{foreign}{OURS}"))
            .file("bad.yaml", &format!("{broken}{foreign}{broken}"));
        for command in ["render", "validate"] {
            let (code, stdout, stderr) = setting.run(&[command, "-f", "bad.yaml"]);
            assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
            assert_eq!(stderr.matches("error[yaml-syntax]").count(), 2, "{stderr}");
            assert!(stderr.contains("refused for 2 of "), "{stderr}");
        }
        let (code, stdout, stderr) = setting.run(&["render", "-f", "good.yaml", "--output", "json"]);
        assert_eq!(code, 0, "{stderr}");
        let objects: Vec<Value> = serde_json::from_str(&stdout).expect("an array");
        assert_eq!(objects.len(), count + 2);
        assert!(stdout.starts_with("[\n  {\n    \"apiVersion\": \"v1\""), "{stdout}");
        let directory = format!("out{count}");
        let (code, _, stderr) = setting.run(&["render", "-f", "good.yaml", "-o", &directory]);
        assert_eq!(code, 0, "{stderr}");
        assert_eq!(
            fs::read_dir(setting.path(&directory)).expect("files").count(),
            count + 2
        );
    }
}

#[test]
fn versions_and_completions_are_printed() {
    let setting = Setting::rendering();
    let (status, stdout, stderr) = setting.run(&["version"]);
    let rutter = env!("CARGO_PKG_VERSION");
    assert_eq!((status, stderr.as_str()), (0, ""));
    assert!(stdout.starts_with(&format!("rutter {rutter}\ntext ")), "{stdout}");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = Command::new(env!("CARGO_BIN_EXE_rutter"))
            .args(["completions", shell])
            .output();
        let (status, stdout, _) = finished(output.expect("an end"));
        assert_eq!(status, 0);
        assert!(stdout.contains("deny-warnings"), "{shell}");
    }
}

#[test]
fn each_command_has_a_man_page() {
    let setting = Setting(tempfile::tempdir().expect("a folder"));
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rutter"));
        finished(
            command
                .current_dir(&setting.0)
                .args(arguments)
                .output()
                .expect("an end"),
        )
    };
    assert_eq!(run(&["man", "share/man1"]), (0, String::new(), String::new()));
    let page = |name: &str| fs::read_to_string(setting.path(&format!("share/man1/{name}.1"))).unwrap_or_default();
    for command in ["render", "explain", "plan", "argocd-generate", "plugin-install"] {
        let page = page(&format!("rutter-{command}"));
        assert!(
            page.contains(".SH OPTIONS") || page.contains(".SH SYNOPSIS"),
            "{command}"
        );
    }
    assert!(page("rutter").contains("Exit codes:"));
    assert!(page("rutter-man").is_empty());
    fs::write(setting.path("file"), "").expect("a file");
    let (status, _, stderr) = run(&["man", "file/man1"]);
    assert_eq!(status, 3);
    assert!(stderr.starts_with("error: file/man1 cannot be written"), "{stderr}");
}

#[test]
fn the_rest_is_printed() {
    let setting = Setting::rendering();
    let (status, stdout, _) = setting.run(&["schema"]);
    assert_eq!(status, 0);
    assert!(serde_json::from_str::<Value>(&stdout).expect("JSON").is_object());
    assert_eq!(setting.run(&["defaults"]), (0, "text".to_owned(), String::new()));
    let (status, stdout, _) = setting.run(&["describe", "--output", "json"]);
    assert_eq!(status, 0);
    assert_eq!(
        serde_json::from_str::<Value>(&stdout).expect("JSON")["apiVersion"],
        "text"
    );
    let (status, stdout, _) = setting.run(&["describe"]);
    assert_eq!(status, 0);
    assert!(stdout.starts_with("name: text\n"), "{stdout}");
}

#[test]
fn values_are_explained() {
    let setting = Setting::rendering();
    let told = "KIND:    text\nVERSION: text\n\nFIELD: b.c <string>\n\nDESCRIPTION:\n    It is not documented.\n";
    assert_eq!(setting.run(&["explain", "b.c"]), (0, told.to_owned(), String::new()));
    assert_eq!(
        setting.run(&["explain", "text.spec.b.c"]),
        (0, told.to_owned(), String::new())
    );
    // Nothing of a package commands a terminal.
    let (status, stdout, _) = setting.run(&["explain"]);
    assert_eq!(status, 0);
    assert!(
        stdout.ends_with("    a <integer>\n        \\u{1b}[1mOne.\n\n    b <Object>\n"),
        "{stdout}"
    );
    let (status, stdout, _) = setting.run(&["explain", "--recursive"]);
    assert_eq!(status, 0);
    assert!(
        stdout.ends_with("    a <integer>\n    b <Object>\n      c <string>\n"),
        "{stdout}"
    );
    let (status, stdout, stderr) = setting.run(&["explain", "b.cc"]);
    assert_eq!((status, stdout.as_str()), (2, ""));
    assert!(
        stderr.contains("there is no field `cc` in b") && stderr.contains("did you mean `b.c`?"),
        "{stderr}"
    );
}

#[test]
fn codes_are_explained() {
    let setting = Setting::saying("(i32.const 768)", "a\u{1b}[1m\nforged");
    let told = "CODE:     not-text\nSEVERITY: error (the input is refused, and nothing is written)\n\nDESCRIPTION:\n    \
                Text.\n\nEXAMPLE:\n    | kind: A\n";
    for name in ["not-text", "error[not-text]"] {
        assert_eq!(setting.run(&["explain", name]), (0, told.to_owned(), String::new()));
    }
    let (status, stdout, stderr) = setting.run(&["explain", "not-txet"]);
    assert_eq!((status, stdout.as_str()), (2, ""));
    assert!(stderr.contains("did you mean the code `not-text`?"), "{stderr}");
    // Codes of the SDK are known for each package.
    let (status, stdout, _) = setting.run(&["explain", "unknown-field"]);
    assert_eq!(status, 0);
    assert!(stdout.contains("No such field exists here."), "{stdout}");
    // A package may give what its codes are, but not what a terminal does.
    let (status, stdout, _) = setting.run(&["explain", "a\u{1b}[1m\nforged"]);
    assert_eq!(status, 0);
    assert!(stdout.contains("CODE:     a\\u{1b}[1m"), "{stdout}");
}

#[test]
fn names_to_explain_are_completed_and_no_script() {
    let setting = Setting::saying("(i32.const 768)", "$(touch forged)");
    for shell in ["bash", "zsh", "fish"] {
        let (status, stdout, stderr) = setting.run(&["completions", shell]);
        assert_eq!((status, stderr.as_str()), (0, ""), "{shell}");
        for name in ["not-text", "unknown-field", "b.c"] {
            assert!(stdout.contains(name), "{shell}: {name}");
        }
        assert!(!stdout.contains("forged"), "{shell}");
    }
}

/// A command, what it reads on standard input, and whether it prints a document, for programs.
struct Hostile {
    arguments: Vec<String>,
    input: String,
    is_document: bool,
}

/// A text in quotes, so that it is one to YAML whatever it holds.
fn yaml_text(text: &str) -> String {
    let characters = text.chars().map(|c| format!("\\U{:08x}", u32::from(c)));
    format!("\"{}\"", characters.collect::<String>())
}

/// Commands that meet a payload, each in another place, and what they read.
fn hostile(setting: &Setting, payload: &str) -> Vec<Hostile> {
    let text = yaml_text(payload);
    let part: String = payload.replace('/', "_").chars().take(60).collect();
    let name = format!("{part}.yaml");
    let values = format!("# {payload}\n{text}: 1 # {payload}\n{text}: 2\n{payload}: 3\n");
    for folder in ["objects", "out", "app"] {
        fs::create_dir_all(setting.path(folder)).expect("a folder");
    }
    // One that can be read, and one that need not be.
    let object = |value: &str| object("A", &text, &format!("a: {value}\n---\na: {value} # {payload}\n"));
    let ours = format!("---\napiVersion: text\nkind: text\nmetadata: {{name: {text}, namespace: {text}, {text}: 1}}\n");
    setting
        .file("a.yaml", "a: 1\n")
        .file(&name, &values)
        .file(&format!("objects/{name}"), &values)
        .file(&format!("out/{name}"), "")
        .file("old.yaml", &object("1"))
        .file("new.yaml", &object("2"))
        .file("ours.yaml", &format!("{}{ours}", object("2")));
    let items = format!(
        "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nfunctionConfig: {{apiVersion: {text}, kind: {text}}}\n\
         items: [{{apiVersion: text, kind: text, metadata: {{name: {text}, namespace: {text}, annotations: \
         {{config.kubernetes.io/path: {text}}}}}}}]\n"
    );
    let missing = format!("missing/{part}");
    let command = |arguments: &[&str], input: &str| Hostile {
        arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
        input: input.to_owned(),
        is_document: ["render", "describe", "krm", "post-render"].contains(&arguments[0]),
    };
    // Without `--component`, too, what is wrong is found first.
    let package = ["--component", "package.wasm"];
    let with = |arguments: &[&str], input: &str| command(&[arguments, &package].concat(), input);
    vec![
        command(&[payload], ""),
        command(&["render", &format!("--{payload}")], ""),
        command(&["render", payload], ""),
        command(&["render", "--output", payload], ""),
        command(&["render", "--max-time", payload], ""),
        command(&["diff", "a", "b", "-C", payload], ""),
        command(&["describe", "--component", &missing], ""),
        command(&["describe", "--component", &name], ""),
        with(&["validate", "-f", &name], ""),
        with(&["validate", "-f", "-"], &values),
        with(&["validate", "-f", "ours.yaml"], ""),
        with(&["validate", "-f", "ours.yaml", "--name", payload], ""),
        with(&["render", "-f", &missing], ""),
        with(&["render", "-f", "objects"], ""),
        with(&["render", "-f", "a.yaml", "--against", &name], ""),
        with(&["render", "-o", "out"], ""),
        with(&["render", "-o", &format!("a.yaml/{part}")], ""),
        with(&["render", "--set", payload], ""),
        with(&["render", "--set", &format!("a[{payload}]=1")], ""),
        with(&["render", "--set-json", &format!("a={payload}")], ""),
        with(&["render", "--set-file", &format!("a={missing}")], ""),
        with(&["diff", "old.yaml", "new.yaml"], ""),
        with(&["diff", "old.yaml", &missing], ""),
        with(&["diff", "old.yaml", &name], ""),
        with(&["plan", "--from", &name, "--to", &name], ""),
        with(&["explain", payload], ""),
        with(&["explain", &format!("a-{payload}")], ""),
        with(&["krm"], &items),
        with(&["post-render", "--log-file", "log"], &values),
        with(&["post-render", "--log-file", &missing], &ours),
        with(&["argocd", "generate"], ""),
        with(&["argocd", "discover"], ""),
        // What the package says.
        with(&["describe"], ""),
        with(&["validate", "-f", "a.yaml"], ""),
        with(
            &["post-render", "--log-file", "said"],
            "kind: A\n---\napiVersion: text\nkind: text\nmetadata: {name: a, namespace: b}\n",
        ),
    ]
}

impl Hostile {
    fn run(&self, setting: &Setting, more: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rutter"));
        command.current_dir(&setting.0).args(&self.arguments).args(more);
        fed(&mut command, &self.input)
    }
}

/// The package refuses with a payload, and all that it says of itself is one.
fn refusing_with(payload: &str) -> Setting {
    // There is no room for more in its memory.
    let said: String = payload.chars().take(50_000).collect();
    Setting::saying("(i32.const 968)", &said)
}

#[test]
fn nothing_from_outside_is_printed_as_it_is() {
    // Each is tried alone where that takes no process, in `host-tests/tests/hostile.rs`.
    let some = payloads::PAYLOADS.into_iter().step_by(3);
    let (all, long) = (payloads::all_at_once(), payloads::long());
    let mut quoted = 0;
    for (name, payload) in some.chain([("all at once", &*all), ("a long text", &long)]) {
        let setting = refusing_with(payload);
        for hostile in hostile(&setting, payload) {
            let (status, stdout, stderr) = hostile.run(&setting, &[]);
            let shown = format!(
                "{name}: {:?}",
                hostile
                    .arguments
                    .iter()
                    .map(|text| &text[..text.len().min(99)])
                    .collect::<Vec<_>>()
            );
            assert!((0..=3).contains(&status), "{shown}: {status}");
            payloads::check_lines(&stderr).unwrap_or_else(|found| panic!("{shown}: {found}"));
            if !hostile.is_document {
                payloads::check(&stdout).unwrap_or_else(|found| panic!("{shown}: {found}"));
            }
            assert!(stderr.len() < payloads::MOST, "{shown}: {} bytes", stderr.len());
            quoted += usize::from(stderr.contains("\\u{1b}") || stderr.contains("FORGED"));
        }
        for log in ["log", "said"] {
            let log = fs::read_to_string(setting.path(log)).expect("a log");
            assert!(log.contains("error["), "{name}: {log}");
            payloads::check_lines(&log).unwrap_or_else(|found| panic!("{name}: {found}"));
        }
    }
    // Most places do quote it.
    assert!(quoted > 80, "{quoted}");
}

#[test]
fn json_has_nothing_from_outside_as_it_is() {
    let payload = payloads::all_at_once();
    let setting = refusing_with(&payload);
    let mut read = 0;
    for hostile in hostile(&setting, &payload) {
        let accepts = ["describe", "plan", "render", "validate"].contains(&&*hostile.arguments[0]);
        if !accepts
            || hostile
                .arguments
                .iter()
                .any(|argument| ["-o", "--output"].contains(&&**argument))
        {
            continue;
        }
        let (_, stdout, stderr) = hostile.run(&setting, &["--output", "json"]);
        for text in [stdout, stderr] {
            payloads::check(&text).unwrap_or_else(|found| panic!("{:?}: {found}", hostile.arguments));
            if text.starts_with(['[', '{']) {
                let value: Value = serde_json::from_str(&text).expect("JSON");
                // It is not changed by what makes it printable.
                read += usize::from(value.to_string().contains(&json!(payload).to_string()));
            }
        }
    }
    assert!(read >= 2, "{read}");
}

#[test]
fn the_environment_is_not_printed_as_it_is() {
    for (name, payload) in payloads::PAYLOADS {
        let setting = Setting::rendering();
        for arguments in [&["render"][..], &["render", "--help"]] {
            let mut command = setting.command(arguments);
            let (_, stdout, stderr) = fed(command.env("RUTTER_MAX_TIME", payload), "");
            for text in [stdout, stderr] {
                payloads::check(&text).unwrap_or_else(|found| panic!("{name}: {found}"));
            }
        }
    }
}

/// What a terminal gets of all these commands, without its colours, of which there are some.
#[cfg(target_os = "linux")]
#[test]
fn a_terminal_gets_nothing_from_outside_but_colours_of_ours() {
    // Of a longer input it would tell how far it is.
    let (all, long) = (payloads::all_at_once(), "x".repeat(2000));
    let more = [("all at once", all.as_str()), ("a long text", &long)];
    for (name, payload) in payloads::PAYLOADS.into_iter().take(2).chain(more) {
        let setting = refusing_with(payload);
        let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
        let mut script = String::new();
        for (number, hostile) in hostile(&setting, payload).into_iter().enumerate() {
            setting.file(&format!("{number}.input"), &hostile.input);
            let arguments: Vec<String> = hostile.arguments.iter().map(|argument| quoted(argument)).collect();
            script.push_str(&format!(
                "{} {} < {number}.input\n",
                env!("CARGO_BIN_EXE_rutter"),
                arguments.join(" ")
            ));
        }
        setting.file("all.sh", &script);
        let mut command = Command::new("script");
        let command = command
            .current_dir(&setting.0)
            .args(["--quiet", "--return", "--command", "sh all.sh", "/dev/null"])
            .env("TERM", "xterm")
            .env_remove("NO_COLOR");
        let (_, shown, _) = fed(command, "");
        assert!(payload == long || !shown.contains(payload), "{name}");
        // The terminal itself begins lines anew.
        let shown = shown.replace("\r\n", "\n");
        let mut parts = shown.split("\u{1b}[");
        let mut plain = parts.next().expect("a part").to_owned();
        let mut colours = 0;
        for part in parts {
            let (colour, rest) = part.split_once('m').unwrap_or_else(|| panic!("{name}: {part}"));
            assert!(
                colour.bytes().all(|byte| byte.is_ascii_digit() || byte == b';'),
                "{name}: {colour:?}"
            );
            colours += 1;
            plain.push_str(rest);
        }
        // A value of a document has lines of its own, indented.
        payloads::check_characters(&plain).unwrap_or_else(|found| panic!("{name}: {found}"));
        assert!(
            !plain.lines().any(|line| line.starts_with(payloads::FORGED)),
            "{name}: {plain}"
        );
        assert!(colours > 100, "{name}: {colours}");
    }
}

#[cfg(unix)]
#[test]
fn names_need_not_be_text() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    let setting = Setting::refusing();
    let name = OsStr::from_bytes(b"a\xff\xc3\xa9.yaml");
    fs::write(setting.0.path().join(name), "somewhere: x\n").expect("a file");
    let run = |arguments: &[&OsStr]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rutter"));
        command.current_dir(&setting.0).args(arguments);
        if arguments[0] == "render" {
            command.args(["--component", "package.wasm"]);
        }
        fed(&mut command, "")
    };
    let (render, file) = (OsStr::new("render"), OsStr::new("-f"));
    let expected = format!("error[text]: text: text\n  --> a\\xffé.yaml:1:10\n{REFUSED}");
    assert_eq!(run(&[render, file, name]), (1, String::new(), expected));
    for arguments in [
        &[render, file, OsStr::from_bytes(b"none\xff")][..],
        &[render, OsStr::new("--name"), name],
        &[render, OsStr::new("--set"), name],
        &[render, OsStr::new("--max-time"), OsStr::new("40")],
        &[render, OsStr::new("--max-time"), name],
        &[
            render,
            OsStr::new("--max-time"),
            OsStr::new("40"),
            OsStr::new("--name"),
            name,
        ],
        &[OsStr::from_bytes(b"--\xff")],
        &[name],
    ] {
        let (status, stdout, stderr) = run(arguments);
        assert_eq!((status, stdout.as_str()), (2, ""), "{arguments:?}: {stderr}");
        payloads::check(&stderr).unwrap_or_else(|found| panic!("{arguments:?}: {found}"));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn files_whose_names_look_alike_stay_apart() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    let setting = Setting::rendering();
    fs::create_dir(setting.path("objects")).expect("a folder");
    for name in [&b"a\\xff.yaml"[..], b"a\xff.yaml"] {
        let path = setting.path("objects").join(OsStr::from_bytes(name));
        fs::write(path, "apiVersion: v1\nkind: A\n").expect("a file");
    }
    let (status, stdout, stderr) = setting.run(&["render", "-f", "objects"]);
    assert_eq!((status, stderr.as_str()), (0, ""));
    assert_eq!(stdout, "apiVersion: v1\nkind: A\n---\napiVersion: v1\nkind: A\n");
}

/// A Kubernetes object.
fn object(kind: &str, name: &str, rest: &str) -> String {
    format!("---\napiVersion: apps/v1\nkind: {kind}\nmetadata:\n  name: {name}\n  namespace: shop\n{rest}")
}

#[test]
fn objects_are_compared_one_by_one() {
    let setting = Setting::rendering();
    let old = [
        object("A", "same", ""),
        object("A", "gone", ""),
        object("A", "list", "items:\n- a: 1\n- a: 2\n  b:\n    c: 1\n"),
        "--- # no object\nx: 1\n".to_owned(),
        object("A", "twice", "x: 1\n"),
        object("A", "twice", "x: 2\n"),
    ];
    let new = [
        object("A", "come", ""),
        object("A", "list", "items:\n- a: 1\n- a: 2\n  b:\n    c: 2\n"),
        object("A", "twice", "x: 1\n"),
        object("A", "twice", "x: 2\n"),
        // The line end of the last document is nobody's.
        object("A", "same", "").trim_end().to_owned(),
    ];
    setting.file("old.yaml", &old.concat()).file("new.yaml", &new.concat());
    let (status, stdout, stderr) = setting.run(&["diff", "old.yaml", "new.yaml", "-C", "1"]);
    let expected = "\
A shop/come added
+apiVersion: apps/v1
+kind: A
+metadata:
+  name: come
+  namespace: shop
A shop/list changed
@@ -9,2 +9,2 @@ items[1].b.c
   b:
-    c: 1
+    c: 2
A shop/gone removed
-apiVersion: apps/v1
-kind: A
-metadata:
-  name: gone
-  namespace: shop
a document without a name removed
---- # no object
-x: 1
";
    assert_eq!((status, stdout.as_str()), (1, expected));
    assert_eq!(stderr, "rutter: 1 changed, 1 added, 2 removed, 3 unchanged\n");
    let (status, stdout, stderr) = setting.run_with(&["diff", "old.yaml", "-"], &old.concat());
    assert_eq!((status, stdout.as_str()), (0, ""));
    assert_eq!(stderr, "rutter: 0 changed, 0 added, 0 removed, 6 unchanged\n");
}

#[test]
fn differences_are_json() {
    let setting = Setting::rendering();
    let long = "x".repeat(5000);
    let old = [
        object("A", "same", ""),
        object("A", "a", "spec: {a: 1, b: [1, 2], c: x}\n"),
        object("A", "gone", ""),
    ];
    let new = [
        object("A", "same", ""),
        object("A", "a", &format!("spec: {{a: 2, b: [1], d: {long}}}\n")),
        object("B", "b", ""),
    ];
    setting.file("old.yaml", &old.concat()).file("new.yaml", &new.concat());
    let (status, stdout, stderr) = setting.run(&["diff", "old.yaml", "new.yaml", "--output", "json"]);
    assert_eq!((status, stderr.as_str()), (1, ""));
    let found: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(found["unchanged"], 1);
    let [changed, added, removed] = &found["differences"].as_array().expect("an array")[..] else {
        panic!("{stdout}");
    };
    assert_eq!(
        (&changed["change"], &changed["name"], &changed["namespace"]),
        (&json!("changed"), &json!("a"), &json!("shop"))
    );
    let fields = json!([
        {"path": "spec.a", "old": 1, "new": 2},
        {"path": "spec.b[1]", "old": 2},
        {"path": "spec.c", "old": "x"},
        {"path": "spec.d", "new": long},
    ]);
    assert_eq!(changed["fields"], fields);
    assert_eq!(changed["new"]["spec"]["d"], long);
    assert_eq!(
        (&added["change"], &added["kind"], &added["new"]["kind"]),
        (&json!("added"), &json!("B"), &json!("B"))
    );
    assert_eq!(
        (&removed["change"], &removed["old"]["metadata"]["name"]),
        (&json!("removed"), &json!("gone"))
    );
    for (setting, severity, expected) in [(Setting::refusing(), "error", 2), (Setting::rendering(), "warning", 0)] {
        setting.file("a.yaml", "a: 1\n");
        let (status, _, stderr) = setting.run(&["diff", "a.yaml", "a.yaml", "--output", "json"]);
        let diagnostics: Value = serde_json::from_str(&stderr).expect("one array");
        let severities = diagnostics
            .as_array()
            .expect("an array")
            .iter()
            .map(|it| it["severity"].as_str().unwrap_or_default());
        assert_eq!(
            (status, severities.collect::<Vec<_>>()),
            (expected, vec![severity, severity])
        );
    }
    let same = setting.run(&["diff", "old.yaml", "old.yaml", "--output", "json"]);
    let text = "{\n  \"differences\": [],\n  \"unchanged\": 3\n}\n";
    assert_eq!(same, (0, text.to_owned(), String::new()));
    let (status, stdout, stderr) = setting.run(&["diff", "old.yaml", "none.yaml", "--output", "json"]);
    assert_eq!((status, stdout.as_str()), (2, ""), "{stderr}");
}

#[test]
fn what_kubernetes_refuses_to_change_is_noted() {
    let setting = Setting::rendering();
    setting
        .file("old.yaml", &object("StatefulSet", "a", "spec: {serviceName: a}\n"))
        .file("new.yaml", &object("StatefulSet", "a", "spec: {serviceName: b}\n"));
    let (status, stdout, _) = setting.run(&["diff", "old.yaml", "new.yaml", "--context", "0"]);
    let expected = "\
StatefulSet shop/a changed
note: Kubernetes refuses to change spec.serviceName of a StatefulSet that exists
help: `kubectl delete statefulset a --namespace shop --cascade=orphan` keeps the pods, and a StatefulSet that is applied \
then adopts those that its selector finds; pods keep the host names they have until they are made anew
@@ -6 +6 @@ spec.serviceName
-spec: {serviceName: a}
+spec: {serviceName: b}
";
    assert_eq!((status, stdout.as_str()), (1, expected));
}

#[test]
fn a_difference_of_values_is_that_of_their_manifests() {
    let setting = Setting::rendering();
    setting.file("a.yaml", "a: 1\n").file("b.yaml", "b: 1\n");
    let stderr = format!(
        "{WARNING}rutter: a.yaml is accepted\n{WARNING}rutter: b.yaml is accepted\n\
         rutter: 0 changed, 0 added, 0 removed, 2 unchanged\n"
    );
    let expected = (0, String::new(), stderr);
    assert_eq!(setting.run(&["diff", "a.yaml", "b.yaml"]), expected);
    assert_eq!(setting.run(&["diff", "a.yaml", "b.yaml", "--name", "x"]), expected);
    // Objects have names of their own.
    setting.file("objects.yaml", &object("A", "a", ""));
    let status = |old, new| setting.run(&["diff", old, new, "--name", "x"]).0;
    assert_eq!(status("objects.yaml", "b.yaml"), 1);
    assert_eq!(status("b.yaml", "objects.yaml"), 1);
    assert_eq!(status("objects.yaml", "objects.yaml"), 2);
}

#[test]
fn what_cannot_be_compared_is_trouble() {
    let setting = Setting::refusing();
    setting
        .file("a.yaml", "somewhere: x\n")
        .file("b.yaml", "somewhere: y\n");
    let problem = |file: &str| format!("error[text]: text: text\n  --> {file}:1:10\nrutter: {file} is refused\n");
    let expected = (2, String::new(), format!("{}{}", problem("a.yaml"), problem("b.yaml")));
    assert_eq!(setting.run(&["diff", "a.yaml", "b.yaml"]), expected);
    for arguments in [
        &["diff", "-", "-"][..],
        &["diff", "a.yaml"],
        &["diff", "a.yaml", "none.yaml"],
        &["diff", "a.yaml", "b.yaml", "--set", "a=1"],
        &["diff", "a.yaml", "b.yaml", "-C", "x"],
    ] {
        let (status, stdout, stderr) = setting.run(arguments);
        assert_eq!((status, stdout.as_str()), (2, ""), "{arguments:?}: {stderr}");
        assert!(!stderr.is_empty());
    }
    let setting = Setting::new("unreachable");
    setting.file("a.yaml", "");
    let (status, stdout, stderr) = setting.run(&["diff", "a.yaml", "a.yaml"]);
    assert_eq!((status, stdout.as_str()), (2, ""));
    assert!(stderr.starts_with("error: the package crashed"), "{stderr}");
    fs::remove_file(setting.path("package.wasm")).expect("a file");
    assert_eq!(setting.run(&["diff", "a.yaml", "a.yaml"]).0, 2);
}
