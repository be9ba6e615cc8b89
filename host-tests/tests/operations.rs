//! `docs/operations.md`: each kind of change, with what `rutter plan` says of it. `BLESS=1` writes it anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result, ensure};
use host_tests::plans::Change;
use host_tests::{root, same};

/// What stands before the kinds of change.
const HEAD: &str = include_str!("operations.md");

/// The chapters: for each its changes, by the names of their folders, and what a reader wants to know of them.
const CHAPTERS: [(&str, &[(&str, &str)]); 7] = [
    (
        "Members",
        &[
            ("scale-1-to-3", "More members"),
            ("scale-3-to-1", "Fewer members, down to one"),
            ("scale-tls", "More members with certificates by cert-manager"),
            ("scale-own-secret", "More members with certificates of your own"),
            (
                "scale-self-signed",
                "More members with certificates that sign themselves",
            ),
            ("scale-restored", "More members of a cluster that was restored"),
        ],
    ),
    (
        "Versions",
        &[
            ("version-patch", "A patch release"),
            ("version-minor", "The next minor version"),
            (
                "version-patch-first",
                "The next minor version, from a release that is too old for it",
            ),
            ("version-to-3.7", "From 3.6 to 3.7"),
            ("version-skipped", "Two minor versions"),
            ("version-back", "Back by one"),
            ("version-back-too-far", "Back too far"),
        ],
    ),
    (
        "TLS",
        &[
            ("client-tls", "TLS for clients"),
            ("client-issuer", "Another authority for clients"),
            (
                "ephemeral-issuer",
                "Another authority for clients where data die with their pods",
            ),
            ("peer-tls", "TLS among members"),
            ("peer-tls-off", "No TLS among members any more"),
            ("peer-issuer", "Another authority for members"),
            ("peer-secret", "Another authority for members, by a Secret of your own"),
            (
                "peer-self-signed-to-ca",
                "From certificates that sign themselves to those of an authority",
            ),
            ("peer-tls-and-names", "Another headless Service with TLS among members"),
            (
                "peer-auto-to-ca",
                "From certificates that members make for themselves to those of an authority",
            ),
        ],
    ),
    (
        "Storage",
        &[
            ("storage-grows", "Larger volumes"),
            ("storage-class", "Another storage class"),
            ("storage-wal", "A volume of its own for the log"),
            ("storage-shrinks-alone", "A smaller volume of a single member"),
            ("storage-ephemeral-roll", "Any change where data die with their pods"),
            ("quota", "Another quota"),
        ],
    ),
    (
        "Names and labels",
        &[
            ("selector", "Other labels select the pods"),
            ("headless-service", "Another headless Service"),
            ("token", "Another token"),
            ("rename", "Another name"),
            ("rename-namespace", "Another namespace"),
            ("discovery", "From a static list to SRV records"),
        ],
    ),
    (
        "Everything else",
        &[
            ("nothing", "No change"),
            ("harmless", "A change that restarts nobody"),
            ("template-roll", "A change that restarts all members"),
            ("update-on-delete", "The same with `OnDelete`"),
            ("single-member-roll", "The same with one member"),
            ("scale-3-to-5-and-resources", "Several at once"),
        ],
    ),
    (
        "Adoption",
        &[
            ("adopt-page", "The cluster of etcd's own page"),
            ("adopt-chart", "The cluster of a common chart"),
            ("unknown-cluster", "A cluster that cannot be understood"),
        ],
    ),
];

#[test]
fn the_page_of_operations_is_fresh() -> Result<()> {
    let changes = Change::all()?;
    let mut page = HEAD.to_owned();
    let mut shown = BTreeSet::new();
    for (chapter, kinds) in CHAPTERS {
        let _ = writeln!(page, "\n## {chapter}");
        for (name, title) in kinds {
            let change = changes.iter().find(|change| change.name == *name);
            let change = change.with_context(|| format!("there is no change {name}"))?;
            ensure!(shown.insert(*name), "{name} is shown twice");
            let _ = writeln!(page, "\n### {title}\n\n```text\n{}```", change.outline());
        }
    }
    let path = root().join("docs/operations.md");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &page)?;
    }
    same(
        "docs/operations.md",
        &page,
        &fs::read_to_string(&path).unwrap_or_default(),
    )
}
