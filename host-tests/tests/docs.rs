//! The commands in README and docs work: each shell block runs, and each console block shows the output of its
//! commands.
//!
//! The blocks of a document run one after the other in a directory with `dist/`, `examples/`, `chart/` and `plugins/`,
//! with `dist/` and the tools on the search path. Blocks with `cargo` run in the workspace. `BLESS=1` writes the output
//! into console blocks.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use host_tests::{artifact, root, same};
use libtest_mimic::{Arguments, Trial};

/// A block with this command would run this test. The test checks instead that continuous integration runs the same.
const EVERYTHING: &str = "cargo xtask test";

struct Block {
    document: PathBuf,
    line: usize,
    language: String,
    text: String,
}

impl Block {
    /// Rust runs as a doctest of rutter-host, and text does not run.
    fn is_run(&self) -> bool {
        self.language != "text" && !self.language.starts_with("rust")
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::from_args();
    let mut documents = vec![root().join("README.md")];
    for entry in fs::read_dir(root().join("docs"))? {
        documents.push(entry?.path());
    }
    documents.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    let mut trials = Vec::new();
    for document in documents {
        let directory = Arc::new(directory()?);
        for block in blocks(&document)?.into_iter().filter(Block::is_run) {
            // kpt is the only tool that xtask cannot install. `tests/functions.rs` reports if it is missing.
            if block.text.contains("kpt fn ") && !has_kpt() {
                continue;
            }
            let file = block
                .document
                .file_name()
                .context("a name")?
                .to_string_lossy()
                .into_owned();
            let directory = Arc::clone(&directory);
            trials.push(Trial::test(format!("{file}:{}", block.line), move || {
                Ok(check(&block, &directory.path().canonicalize()?)?)
            }));
        }
    }
    ensure!(trials.len() > 5, "only {} blocks are found", trials.len());
    // One after the other: the blocks of a document build upon each other.
    let arguments = Arguments {
        test_threads: Some(1),
        ..arguments
    };
    libtest_mimic::run(&arguments, trials).exit()
}

fn has_kpt() -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|directory| directory.join("kpt").is_file()))
}

fn blocks(document: &Path) -> Result<Vec<Block>> {
    let text = fs::read_to_string(document)?;
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(language), None) => {
                open = Some(Block {
                    document: document.to_path_buf(),
                    line: number + 1,
                    language: language.to_owned(),
                    text: String::new(),
                });
            }
            (None, Some(block)) => block.text.push_str(&format!("{line}\n")),
            (None, None) => {}
        }
    }
    Ok(blocks)
}

fn check(block: &Block, directory: &Path) -> Result<()> {
    match block.language.as_str() {
        "sh" if block.text.trim() == EVERYTHING => {
            let ci = fs::read_to_string(root().join(".ci/run"))?;
            ensure!(
                ci.lines().any(|line| line == EVERYTHING),
                ".ci/run must run `{EVERYTHING}`"
            );
            Ok(())
        }
        "sh" => run(&block.text, directory).map(|_| ()),
        "console" => console(block, directory),
        language => bail!("unsupported language {language:?} of a block"),
    }
}

/// Creates the directory of a reader of README.
fn directory() -> Result<tempfile::TempDir> {
    let directory = tempfile::tempdir()?;
    for name in ["dist", "examples", "chart", "plugins"] {
        let target = root().join(name).canonicalize()?;
        std::os::unix::fs::symlink(target, directory.path().join(name))?;
    }
    Ok(directory)
}

/// Runs a script, which must succeed, and returns its output of both streams.
fn run(script: &str, directory: &Path) -> Result<String> {
    let output = shell(script, directory)?;
    let text = String::from_utf8(output.stdout)?;
    ensure!(output.status.success(), "{script}\n{}: {text}", output.status);
    Ok(text)
}

fn shell(script: &str, directory: &Path) -> Result<std::process::Output> {
    let dist = artifact("rutter")?.canonicalize()?;
    let mut path = vec![dist.parent().context("dist")?.to_path_buf()];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let home = directory.join(".helm");
    let directory = if script.contains("cargo ") {
        root()
    } else {
        directory.to_path_buf()
    };
    let output = Command::new("sh")
        .args(["-euc", &format!("exec 2>&1\n{script}")])
        .current_dir(directory)
        // Helm's data of one block are available to the next, and none of the user's are.
        .env("HELM_CACHE_HOME", home.join("cache"))
        .env("HELM_CONFIG_HOME", home.join("config"))
        .env("HELM_DATA_HOME", home.join("data"))
        .env_remove("HELM_PLUGINS")
        // Cargo sets it for one target of this test. The cargo in a block would build its own programs with it.
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("PATH", std::env::join_paths(path)?)
        .output()?;
    Ok(output)
}

/// Runs each line after `$ ` and compares its output with the lines below it.
fn console(block: &Block, directory: &Path) -> Result<()> {
    let mut found = String::new();
    for line in block.text.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            found.push_str(&format!("{line}\n"));
            let output = shell(command, directory)?;
            found.push_str(&String::from_utf8(output.stdout)?);
        }
    }
    if std::env::var_os("BLESS").is_some() {
        let document = fs::read_to_string(&block.document)?;
        fs::write(&block.document, document.replace(&block.text, &found))?;
        return Ok(());
    }
    same("what the commands print", &block.text, &found)
}
