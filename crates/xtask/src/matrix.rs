//! The table of cases and hosts with which the tests end.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// Prints what the tests of each host noted, one file a host in `folder`, one line `CASE<tab>MARK` a case.
///
/// # Errors
///
/// If a file cannot be read, or there is none.
pub(crate) fn print(folder: &Path) -> Result<()> {
    let mut hosts = BTreeMap::new();
    for file in fs::read_dir(folder).context("no test noted what a host gave")? {
        let file = file?;
        let text = fs::read_to_string(file.path())?;
        let marks = text.lines().filter_map(|line| line.split_once('\t'));
        let marks: BTreeMap<String, String> = marks.map(|(case, mark)| (case.to_owned(), mark.to_owned())).collect();
        hosts.insert(file.file_name().to_string_lossy().into_owned(), marks);
    }
    ensure!(!hosts.is_empty(), "no test noted what a host gave");
    print!("{}", table(&hosts));
    for (host, marks) in &hosts {
        let of_others = hosts.values().flat_map(BTreeMap::keys);
        let mut missing = of_others.filter(|case| case.starts_with("example-") && !marks.contains_key(*case));
        ensure!(missing.next().is_none(), "an example did not go through {host}");
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
    fn columns_stand_below_their_hosts() {
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
