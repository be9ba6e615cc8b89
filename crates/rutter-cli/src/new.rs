//! The command `new`: writes a package that builds, to start another one from.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow};
use rutter::names::ServiceName;
use rutter::printable;
use rutter::yaml::Refusal;

use crate::args::New;
use crate::failure::Failure;
use crate::output;

/// The files of a package, with names in place of the fields of [`Names`].
const FILES: [(&str, &str); 10] = [
    ("Cargo.toml", include_str!("new/Cargo.toml.in")),
    ("README.md", include_str!("new/README.md.in")),
    (".gitignore", "/target\n"),
    ("src/main.rs", include_str!("new/main.rs.in")),
    ("cases/default/input.yaml", ""),
    (
        "cases/default/expected.yaml",
        include_str!("new/cases/default/expected.yaml"),
    ),
    (
        "cases/refused-empty-greeting/input.yaml",
        include_str!("new/cases/refused-empty-greeting/input.yaml"),
    ),
    (
        "cases/refused-empty-greeting/diagnostics.txt",
        include_str!("new/cases/refused-empty-greeting/diagnostics.txt"),
    ),
    ("cases/stream/input.yaml", include_str!("new/cases/stream/input.yaml")),
    (
        "cases/stream/expected.yaml",
        include_str!("new/cases/stream/expected.yaml"),
    ),
];

/// Names that Cargo refuses for a package, or that the package's dependencies have (`cargo new`, and the keywords of Rust's
/// reference).
const RESERVED: [&str; 60] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "build",
    "const",
    "continue",
    "core",
    "crate",
    "deps",
    "do",
    "dyn",
    "else",
    "enum",
    "examples",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "incremental",
    "k8s-openapi",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "pub",
    "ref",
    "return",
    "rutter",
    "rutter-component",
    "schemars",
    "self",
    "serde",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "use",
    "where",
    "while",
];

/// Writes a package to a new directory, and prints what to type next.
pub(crate) fn run(args: &New) -> Result<ExitCode, Failure> {
    let names = Names::of(args).map_err(Failure::BadCommandLine)?;
    if args.directory.symlink_metadata().is_ok() {
        let error = anyhow!("{} exists: name a new directory", printable::path(&args.directory));
        return Err(Failure::BadCommandLine(error));
    }
    write(&args.directory, &names).map_err(Failure::Host)?;
    output::to_stdout(&next_steps(&args.directory, &names.name)).map_err(Failure::Host)?;
    Ok(ExitCode::SUCCESS)
}

/// The names that are put into the files.
struct Names {
    /// The package's name: `hello-world`.
    name: String,
    /// The kind of the object with its values: `HelloWorld`.
    kind: String,
    /// The absolute path of the checkout with the SDK, escaped for TOML.
    sdk: String,
}

impl Names {
    fn of(args: &New) -> Result<Self> {
        let name = args.directory.file_name().map(printable::os).unwrap_or_default();
        let name: ServiceName = name.parse().map_err(|Refusal { message, help, .. }| {
            let help = help.unwrap_or_else(|| "use lower-case letters, digits and `-`".to_owned());
            anyhow!("the name of a package: {message}: {help}")
        })?;
        if RESERVED.contains(&&*name) {
            return Err(anyhow!(
                "{} is a name of Rust or of a dependency: write another name",
                &*name
            ));
        }
        let sdk = fs::canonicalize(&args.sdk).with_context(|| format!("--sdk {}", printable::path(&args.sdk)))?;
        if !sdk.join("crates/rutter-component/Cargo.toml").is_file() {
            return Err(anyhow!(
                "--sdk {} is not a checkout of Rutter: it has no crates/rutter-component",
                printable::path(&args.sdk)
            ));
        }
        let sdk = sdk.to_str().context("--sdk: Cargo reads only paths that are UTF-8")?;
        let words = name.split('-').filter(|word| !word.is_empty());
        Ok(Self {
            kind: words.map(capitalized).collect(),
            sdk: sdk.replace('\\', "\\\\").replace('"', "\\\""),
            name: name.to_string(),
        })
    }

    fn fill(&self, text: &str) -> String {
        text.replace("__NAME__", &self.name)
            .replace("__KIND__", &self.kind)
            .replace("__SDK__", &self.sdk)
    }
}

fn capitalized(word: &str) -> String {
    let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
    format!("{}{rest}", first.to_uppercase())
}

/// Writes the files. The directory appears with all of them, or not at all.
fn write(directory: &Path, names: &Names) -> Result<()> {
    let context = || format!("{} cannot be written", printable::path(directory));
    let parent = match directory.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    fs::create_dir_all(&parent).with_context(context)?;
    let unfinished = tempfile::Builder::new().prefix(".rutter-new.").tempdir_in(&parent);
    let unfinished = unfinished.with_context(context)?;
    // That of a temporary directory is for its owner only.
    let root = unfinished.path().join("package");
    for (file, text) in FILES {
        let file = root.join(file);
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent).with_context(context)?;
        }
        fs::write(file, names.fill(text)).with_context(context)?;
    }
    fs::rename(root, directory).with_context(context)
}

fn next_steps(directory: &Path, name: &str) -> String {
    let component = format!("target/wasm32-wasip2/release/{name}.wasm");
    format!(
        "\
wrote the package {name} to {directory}

Next:
  cd {directory}
  rustup target add wasm32-wasip2
  cargo build --release --target wasm32-wasip2
  rutter test --component {component}
  rutter render --component {component} --set greeting=welcome
",
        directory = printable::path(directory)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &str) -> Result<Names> {
        Names::of(&New {
            directory: directory.into(),
            sdk: Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."),
        })
    }

    #[test]
    fn names_are_valid_for_rust_and_kubernetes() {
        for (directory, kind) in [("a/hello-world", "HelloWorld"), ("redis7", "Redis7"), ("a--b/", "AB")] {
            assert_eq!(names(directory).unwrap().kind, kind);
        }
        for directory in ["7", "Hello", "a_b", "a-", "..", "/", "fn", "serde", "x\u{1b}[31m"] {
            assert!(names(directory).is_err(), "{directory}");
        }
    }

    #[test]
    fn the_example_is_a_new_package() {
        let names = names("greeting").unwrap();
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/greeting/src/main.rs");
        let (_, template) = FILES.iter().find(|(file, _)| *file == "src/main.rs").unwrap();
        assert_eq!(names.fill(template), fs::read_to_string(example).unwrap());
    }

    /// Other versions than those of the SDK would be compiled twice, and their types differ.
    #[test]
    fn dependencies_are_those_of_the_sdk() {
        let workspace = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml")).unwrap();
        let (_, manifest) = FILES.iter().find(|(file, _)| *file == "Cargo.toml").unwrap();
        for dependency in ["k8s-openapi", "schemars", "serde"] {
            let version = |text: &str| {
                let line = text.lines().find(|line| line.starts_with(&format!("{dependency} = ")));
                let version = line.and_then(|line| line.split("version = \"").nth(1));
                version
                    .and_then(|rest| rest.split('"').next())
                    .map(str::to_owned)
                    .unwrap()
            };
            assert_eq!(version(manifest), version(&workspace), "{dependency}");
        }
    }
}
