//! The table of cases and hosts at the end of the tests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// Prints the results that the tests of each host recorded: one file for each host in `directory`, with a line
/// `CASE<tab>MARK` for each case.
///
/// # Errors
///
/// If a file cannot be read, or there is none.
pub(crate) fn print(directory: &Path) -> Result<()> {
    let mut hosts = BTreeMap::new();
    for file in fs::read_dir(directory).context("no test has recorded the results of a host")? {
        let file = file?;
        let text = fs::read_to_string(file.path())?;
        let marks = text.lines().filter_map(|line| line.split_once('\t'));
        let marks: BTreeMap<String, String> = marks.map(|(case, mark)| (case.to_owned(), mark.to_owned())).collect();
        hosts.insert(file.file_name().to_string_lossy().into_owned(), marks);
    }
    ensure!(!hosts.is_empty(), "no test has recorded the results of a host");
    print!("{}", table(&hosts));
    for (host, marks) in &hosts {
        let of_others = hosts.values().flat_map(BTreeMap::keys);
        let mut missing = of_others.filter(|case| case.starts_with("example-") && !marks.contains_key(*case));
        ensure!(missing.next().is_none(), "an example was not tested with {host}");
    }
    Ok(())
}

fn table(hosts: &BTreeMap<String, BTreeMap<String, String>>) -> String {
    let cases: BTreeSet<&String> = hosts.values().flat_map(BTreeMap::keys).collect();
    let width = cases.iter().map(|case| case.len()).max().unwrap_or(0);
    let mut text = String::from(
        "Cases and hosts (= the same bytes, ~ the same objects, x refused as expected, . not for this host):\n",
    );
    for (number, host) in hosts.keys().enumerate() {
        text.push_str(&format!("{:width$}  {}{host}\n", "", "| ".repeat(number)));
    }
    for case in cases {
        let marks: Vec<&str> = hosts
            .values()
            .map(|marks| marks.get(case).map_or(".", String::as_str))
            .collect();
        text.push_str(&format!("{case:width$}  {}\n", marks.join(" ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_below_their_hosts() {
        let marks = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let hosts = [
            ("helm".to_owned(), marks(&[("one", "=")])),
            ("kpt".to_owned(), marks(&[("one", "~"), ("three", "x")])),
        ];
        let table = table(&hosts.into());
        let (_, rows) = table.split_once('\n').unwrap();
        assert_eq!(rows, "       helm\n       | kpt\none    = ~\nthree  . x\n");
    }
}
