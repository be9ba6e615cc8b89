//! Writes what the fuzzers start from into the folder that it is given: a folder for each target, and `dictionary`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

use anyhow::{Context as _, Result};
use etcd_package::EtcdPackage;
use host_tests::fuzz::{TARGETS, words};
// What is built for fuzzing refers to it, whether it fuzzes or not.
use libfuzzer_sys as _;

fn main() -> Result<()> {
    let folder = PathBuf::from(env::args_os().nth(1).context("the folder to write to")?);
    for target in TARGETS {
        let folder = folder.join(target.name);
        fs::create_dir_all(&folder)?;
        for (index, seed) in target.seeds()?.into_iter().enumerate() {
            fs::write(folder.join(index.to_string()), seed)?;
        }
    }
    let mut dictionary = String::new();
    for word in words(&EtcdPackage)? {
        writeln!(dictionary, "{word:?}")?;
    }
    fs::write(folder.join("dictionary"), dictionary)?;
    Ok(())
}
