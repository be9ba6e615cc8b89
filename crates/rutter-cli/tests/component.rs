//! `rutter --component`: compilation within limits, and the cache of its results.

#![allow(clippy::expect_used, reason = "helpers of tests are tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A directory with a package that renders two objects, and with a cache.
struct Setting(TempDir);

impl Setting {
    /// With more WebAssembly in the component.
    fn new(more: &str) -> Self {
        let package = include_str!("data/package.wat")
            .replace("RENDER)", "(i32.const 768))")
            .replace("\"SAID\"", "\"text\"")
            .replace("4096 LENGTH", "4096 4")
            .replace(
                "CONTRACT)",
                &format!("{}{more})", include_str!("../../rutter-host/tests/all/renderer.wat")),
            );
        let directory = tempfile::tempdir().expect("a directory");
        let component = wat::parse_str(package).expect("a component");
        fs::write(directory.path().join("package.wasm"), component).expect("a file");
        Self(directory)
    }

    fn cache(&self) -> PathBuf {
        self.0.path().join("caches/rutter/components")
    }

    fn cached(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.cache()) else {
            return Vec::new();
        };
        entries.map(|entry| entry.expect("an entry").path()).collect()
    }

    /// Gives the exit code, the standard output and the standard error of a render.
    fn render(&self, environment: &[(&str, &str)]) -> (i32, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_rutter"))
            .current_dir(&self.0)
            .args(["render", "--quiet", "--component", "package.wasm"])
            .env("XDG_CACHE_HOME", self.0.path().join("caches"))
            .env("HOME", self.0.path())
            .env_remove("RUTTER_COMPONENT_CACHE")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .output()
            .expect("an end");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        let code = output.status.code().expect("an exit code");
        (code, text(output.stdout), text(output.stderr))
    }

    fn assert_renders(&self, environment: &[(&str, &str)]) {
        let (code, stdout, stderr) = self.render(environment);
        assert_eq!((code, stderr.as_str()), (0, ""));
        assert!(stdout.contains("kind: A\n"), "{stdout}");
    }

    fn assert_fails(&self, environment: &[(&str, &str)], expected: &str) {
        let (code, stdout, stderr) = self.render(environment);
        assert_eq!((code, stdout.as_str(), stderr.as_str()), (3, "", expected));
    }
}

/// In this time nothing is compiled.
const NO_TIME: (&str, &str) = ("RUTTER_MAX_COMPILE_TIME", "1ns");

#[cfg(target_os = "linux")]
#[test]
fn a_component_is_compiled_once() {
    let setting = Setting::new("");
    let error = "error: package.wasm: the component did not compile within 1ns\n";
    setting.assert_fails(&[NO_TIME], error);
    setting.assert_renders(&[]);
    assert_eq!(setting.cached().len(), 1);
    setting.assert_renders(&[NO_TIME]);
    // The cache is another one, or none.
    setting.assert_fails(&[NO_TIME, ("RUTTER_COMPONENT_CACHE", "off")], error);
    let other = setting.0.path().join("other");
    let other = other.to_str().expect("a path");
    setting.assert_fails(&[NO_TIME, ("RUTTER_COMPONENT_CACHE", other)], error);
    setting.assert_renders(&[("RUTTER_COMPONENT_CACHE", other)]);
    setting.assert_renders(&[NO_TIME, ("RUTTER_COMPONENT_CACHE", other)]);
    assert_eq!(setting.cached().len(), 1);
    // An empty variable counts as unset.
    setting.assert_renders(&[NO_TIME, ("RUTTER_COMPONENT_CACHE", "")]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_damaged_file_is_compiled_again() {
    let setting = Setting::new("");
    setting.assert_renders(&[]);
    let [file] = &setting.cached()[..] else {
        unreachable!("one component is one file");
    };
    let whole = fs::read(file).expect("a file");
    let half = whole.len() / 2;
    let mut changed = whole.clone();
    changed[half] ^= 1;
    for damaged in [&whole[..half], b"", &changed] {
        fs::write(file, damaged).expect("a file");
        let (code, ..) = setting.render(&[NO_TIME]);
        assert_eq!(code, 3);
        setting.assert_renders(&[]);
        // It has been replaced.
        setting.assert_renders(&[NO_TIME]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_directory_of_others_is_not_used() {
    use std::os::unix::fs::PermissionsExt;

    let setting = Setting::new("");
    setting.assert_renders(&[]);
    let open = |path: &Path| fs::set_permissions(path, PermissionsExt::from_mode(0o777)).expect("permissions");
    open(&setting.cache());
    let error = "error: package.wasm: the component did not compile within 1ns\n";
    setting.assert_fails(&[NO_TIME], error);
    setting.assert_renders(&[]);
    let named = setting.cache();
    let named = named.to_str().expect("a path");
    let refused = format!("error: RUTTER_COMPONENT_CACHE is {named}: others than this user can write to it\n");
    setting.assert_fails(&[("RUTTER_COMPONENT_CACHE", named)], &refused);
}

#[test]
fn wrong_variables_are_named() {
    let setting = Setting::new("");
    setting.assert_fails(
        &[("RUTTER_COMPONENT_CACHE", "relative")],
        "error: RUTTER_COMPONENT_CACHE is relative: an absolute path or `off` is accepted\n",
    );
    for name in ["RUTTER_MAX_COMPILE_TIME", "RUTTER_MAX_COMPILE_MEMORY"] {
        let (code, stdout, stderr) = setting.render(&[(name, "much\u{1b}")]);
        assert_eq!((code, stdout.as_str()), (3, ""));
        assert!(
            stderr.starts_with(&format!("error: {name} is much\\u{{1b}}: ")) && stderr.lines().count() == 1,
            "{stderr}"
        );
    }
}

/// Each of its calls passes a thousand values. A compiler works on it for minutes, and takes gigabytes.
#[cfg(target_os = "linux")]
#[test]
fn a_component_that_is_hard_to_compile_ends_in_one_line() {
    let values = "i64 ".repeat(1000);
    let setting = Setting::new(&format!(
        "(core module
            (type $values (func (result {values})))
            (type $pass (func (param {values}) (result {values})))
            (import \"\" \"a\" (func $give (type $values)))
            (import \"\" \"b\" (func $pass (type $pass)))
            (func (type $values) call $give {}))",
        "call $pass ".repeat(400)
    ));
    setting.assert_fails(
        &[("RUTTER_MAX_COMPILE_TIME", "500ms")],
        "error: package.wasm: the component did not compile within 500ms\n",
    );
    setting.assert_fails(
        &[("RUTTER_MAX_COMPILE_MEMORY", "32Mi")],
        "error: package.wasm: the component needs more than 32 MiB to compile\n",
    );
    assert_eq!(setting.cached(), Vec::<PathBuf>::new());
}

/// The world of WASI is closed, and what is outside is named before it is compiled.
#[test]
fn a_forbidden_import_is_named() {
    let setting =
        Setting::new("(import \"wasi:keyvalue/store@0.2.0-draft\" (instance)) (import \"other:a/b\" (instance))");
    setting.assert_fails(
        &[NO_TIME],
        "error: package.wasm: this component imports `wasi:keyvalue/store@0.2.0-draft`, `other:a/b`, which packages are \
         not given: build it without (docs/packages.md)\n",
    );
}
