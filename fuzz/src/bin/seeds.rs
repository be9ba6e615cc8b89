//! Writes the fuzzers' seeds into the given directory: a directory for each target, and `dictionary`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

use anyhow::{Context as _, Result};
use etcd_package::EtcdPackage;
use host_tests::fuzz::{TARGETS, words};
// The flags of fuzzed builds require it, even in a program that does not fuzz.
use libfuzzer_sys as _;

fn main() -> Result<()> {
    let directory = PathBuf::from(env::args_os().nth(1).context("the directory of the seeds is missing")?);
    for target in TARGETS {
        let directory = directory.join(target.name);
        fs::create_dir_all(&directory)?;
        for (index, seed) in target.seeds()?.into_iter().enumerate() {
            fs::write(directory.join(index.to_string()), seed)?;
        }
    }
    let mut dictionary = String::new();
    for word in words(&EtcdPackage)? {
        writeln!(dictionary, "{word:?}")?;
    }
    fs::write(directory.join("dictionary"), dictionary)?;
    Ok(())
}
