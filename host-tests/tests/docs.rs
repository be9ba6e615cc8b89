//! What README and docs say works: each shell block is run, and each console block gives what it shows.
//!
//! The blocks of a document run one after the other in a folder that has `dist/`, `examples/`, `chart/` and `plugins/`,
//! with `dist/` and the tools on the search path; blocks with `cargo` run where the workspace is. `BLESS=1` writes what
//! console blocks give anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use host_tests::{artifact, root, same};
use libtest_mimic::{Arguments, Trial};

/// This test is part of what it would run, so it only checks that continuous integration runs the very same.
const EVERYTHING: &str = "cargo xtask test";

struct Block {
    document: PathBuf,
    line: usize,
    language: String,
    text: String,
}

impl Block {
    /// Rust is run as a doctest of rutter-host, and text is shown.
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
        let folder = Arc::new(folder()?);
        for block in blocks(&document)?.into_iter().filter(Block::is_run) {
            // Unlike all others it cannot be installed by xtask; `tests/functions.rs` says so where it is missing.
            if block.text.contains("kpt fn ") && !has_kpt() {
                continue;
            }
            let file = block
                .document
                .file_name()
                .context("a name")?
                .to_string_lossy()
                .into_owned();
            let folder = Arc::clone(&folder);
            trials.push(Trial::test(format!("{file}:{}", block.line), move || {
                Ok(check(&block, &folder.path().canonicalize()?)?)
            }));
        }
    }
    ensure!(trials.len() > 5, "README has more blocks than {}", trials.len());
    // One after the other: the blocks of one document build upon each other as a reader runs them.
    let arguments = Arguments {
        test_threads: Some(1),
        ..arguments
    };
    libtest_mimic::run(&arguments, trials).exit()
}

fn has_kpt() -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join("kpt").is_file()))
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

fn check(block: &Block, folder: &Path) -> Result<()> {
    match block.language.as_str() {
        "sh" if block.text.trim() == EVERYTHING => {
            let ci = fs::read_to_string(root().join(".ci/run"))?;
            ensure!(
                ci.lines().any(|line| line == EVERYTHING),
                ".ci/run must run `{EVERYTHING}`"
            );
            Ok(())
        }
        "sh" => run(&block.text, folder).map(|_| ()),
        "console" => console(block, folder),
        language => bail!("no test knows what to do with a block of {language:?}"),
    }
}

/// A folder such as a reader of the README stands in.
fn folder() -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    for name in ["dist", "examples", "chart", "plugins"] {
        let target = root().join(name).canonicalize()?;
        std::os::unix::fs::symlink(target, folder.path().join(name))?;
    }
    Ok(folder)
}

/// What the script writes to both streams, if it succeeds.
fn run(script: &str, folder: &Path) -> Result<String> {
    let output = shell(script, folder)?;
    let text = String::from_utf8(output.stdout)?;
    ensure!(output.status.success(), "{script}\n{}: {text}", output.status);
    Ok(text)
}

fn shell(script: &str, folder: &Path) -> Result<std::process::Output> {
    let dist = artifact("rutter")?.canonicalize()?;
    let mut path = vec![dist.parent().context("dist")?.to_path_buf()];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let home = folder.join(".helm");
    let folder = if script.contains("cargo ") {
        root()
    } else {
        folder.to_path_buf()
    };
    let output = Command::new("sh")
        .args(["-euc", &format!("exec 2>&1\n{script}")])
        .current_dir(folder)
        // What Helm keeps of one block it has for the next, and nothing of the user's.
        .env("HELM_CACHE_HOME", home.join("cache"))
        .env("HELM_CONFIG_HOME", home.join("config"))
        .env("HELM_DATA_HOME", home.join("data"))
        .env_remove("HELM_PLUGINS")
        // Of the cargo that runs this test, for one target; that of the block builds its own programs with it.
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("PATH", std::env::join_paths(path)?)
        .output()?;
    Ok(output)
}

/// Runs each line behind `$ ` and compares what it prints with what stands below it.
fn console(block: &Block, folder: &Path) -> Result<()> {
    let mut found = String::new();
    for line in block.text.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            found.push_str(&format!("{line}\n"));
            let output = shell(command, folder)?;
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
