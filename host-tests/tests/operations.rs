//! `docs/operations.md`: each kind of change, with the output of `rutter plan`. `BLESS=1` updates it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result, ensure};
use host_tests::plans::Change;
use host_tests::{root, same};

/// The text before the kinds of change.
const HEAD: &str = include_str!("operations.md");

/// The chapters, each with its changes: the names of their directories, and their titles.
const CHAPTERS: [(&str, &[(&str, &str)]); 7] = [
    (
        "Members",
        &[
            ("scale-1-to-3", "More members"),
            ("scale-3-to-1", "Fewer members, down to one"),
            ("scale-tls", "More members with certificates of cert-manager"),
            ("scale-own-secret", "More members with certificates of your own"),
            ("scale-self-signed", "More members with self-signed certificates"),
            ("scale-restored", "More members of a restored cluster"),
        ],
    ),
    (
        "Versions",
        &[
            ("version-patch", "A patch release"),
            ("version-minor", "The next minor version"),
            (
                "version-patch-first",
                "The next minor version, from an outdated release",
            ),
            ("version-to-3.7", "From 3.6 to 3.7"),
            ("version-skipped", "Two minor versions"),
            ("version-back", "Downgrade by one minor version"),
            ("version-back-too-far", "Downgrade by too many versions"),
        ],
    ),
    (
        "TLS",
        &[
            ("client-tls", "TLS for clients"),
            ("client-issuer", "Another CA for clients"),
            ("ephemeral-issuer", "Another CA for clients, with ephemeral volumes"),
            ("peer-tls", "TLS between members"),
            ("peer-tls-off", "Disable TLS between members"),
            ("peer-issuer", "Another CA for members"),
            ("peer-secret", "Another CA for members, in a Secret of your own"),
            ("peer-self-signed-to-ca", "From self-signed certificates to a CA"),
            (
                "peer-tls-and-names",
                "Another headless Service, with TLS between members",
            ),
            ("peer-auto-to-ca", "From certificates of the members themselves to a CA"),
        ],
    ),
    (
        "Storage",
        &[
            ("storage-grows", "Larger volumes"),
            ("storage-class", "Another storage class"),
            ("storage-wal", "A separate volume for the write-ahead log"),
            ("storage-shrinks-alone", "A smaller volume for a single member"),
            ("storage-ephemeral-roll", "A change with ephemeral volumes"),
            ("quota", "Another quota"),
        ],
    ),
    (
        "Names and labels",
        &[
            ("selector", "Other selector labels"),
            ("headless-service", "Another headless Service"),
            ("token", "Another token"),
            ("rename", "Another name"),
            ("rename-namespace", "Another namespace"),
            ("discovery", "From a static list to SRV records"),
        ],
    ),
    (
        "Other changes",
        &[
            ("nothing", "No change"),
            ("harmless", "A change without a restart"),
            ("template-roll", "A change that restarts all members"),
            ("update-on-delete", "The same with `OnDelete`"),
            ("single-member-roll", "The same with one member"),
            ("scale-3-to-5-and-resources", "Several changes at once"),
        ],
    ),
    (
        "Adoption",
        &[
            ("adopt-page", "The cluster of etcd's own page"),
            ("adopt-chart", "The cluster of a common chart"),
            ("unknown-cluster", "A cluster that is not recognized"),
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
