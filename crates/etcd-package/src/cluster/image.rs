//! The container image, its version of etcd and the directory of etcd's programs.

use rutter::report::Report;

use crate::codes::{IMAGE_LAYOUT, INVALID_IMAGE, TAG_CONTRADICTS_VERSION, TAG_WITHOUT_VERSION};
use crate::etcd::{BIN_DIR, Layout, Version};
use crate::values::{PullPolicy, Values};

/// The repositories of the etcd project's own releases. All of their tags start with `v`.
const UPSTREAM: [&str; 2] = ["gcr.io/etcd-development/etcd", "quay.io/coreos/etcd"];

/// The container image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// `repository:tag`, with the digest if there is one.
    pub reference: String,
    /// Kubernetes' `imagePullPolicy`.
    pub pull_policy: PullPolicy,
    /// The names of the Secrets for pulling it.
    pub pull_secrets: Vec<String>,
    /// The directory of etcd's programs.
    bin_dir: String,
    /// The name of the program that works on snapshot files.
    snapshot_tool: &'static str,
}

impl Image {
    /// Returns the path of one of etcd's programs in the image.
    #[must_use]
    pub fn program(&self, name: &str) -> String {
        format!("{}/{name}", self.bin_dir.trim_end_matches('/'))
    }

    /// Returns the path of the program that works on snapshot files.
    #[must_use]
    pub fn snapshot_tool(&self) -> String {
        self.program(self.snapshot_tool)
    }
}

pub(super) fn resolve(values: &Values, report: &mut Report<'_>) -> Option<Image> {
    let (image, version) = (values.image.clone(), values.version);
    check_layout(values, report);
    let tag = image.tag.unwrap_or_else(|| format!("v{version}"));
    let repository = check(
        is_repository(&image.repository),
        "image.repository",
        &format!("{:?} is not an image repository", image.repository),
        "such as quay.io/coreos/etcd; the tag has a field of its own",
        report,
    );
    let well_formed = check(
        is_tag(&tag),
        "image.tag",
        &format!("{tag:?} is not an image tag"),
        &format!("such as v{version}: letters, digits, `_`, `.` and `-`, at most 128"),
        report,
    );
    let digest = match &image.digest {
        None => Some(String::new()),
        Some(digest) => check(
            is_digest(digest),
            "image.digest",
            &format!("{digest:?} is not an image digest"),
            "`sha256:` and 64 hexadecimal digits",
            report,
        )
        .map(|()| format!("@{digest}")),
    };
    if UPSTREAM.contains(&&*image.repository) && tag.starts_with(|c: char| c.is_ascii_digit()) {
        report
            .add(
                &INVALID_IMAGE,
                "image.tag",
                format!("{} has no tag {tag}", image.repository),
            )
            .help(format!("write v{tag}, or leave it out"));
    }
    if Layout::of(&image.repository).is_some_and(|layout| layout.tags_start_with_v == Some(false))
        && tag.starts_with('v')
        && image.digest.is_none()
    {
        report
            .add(
                &INVALID_IMAGE,
                "image.tag",
                format!("{} has no tag {tag}", image.repository),
            )
            .help(format!("write a tag that starts with {version}"));
    }
    if well_formed.is_some() {
        match Version::of_tag(&tag) {
            Some(numbers) if numbers == version.numbers() => {}
            Some((major, minor, patch)) => report
                .add(
                    &TAG_CONTRADICTS_VERSION,
                    "image.tag",
                    format!("the tag {tag:?} holds etcd {major}.{minor}.{patch}, but `version` is {version}"),
                )
                .help(format!("write version: {major}.{minor}.{patch}, or leave the tag out")),
            None => report
                .add(
                    &TAG_WITHOUT_VERSION,
                    "image.tag",
                    format!("the tag {tag:?} does not say which etcd it holds; {version} is assumed"),
                )
                .help(format!("use a tag that starts with v{version}")),
        }
    }
    repository?;
    well_formed?;
    Some(Image {
        reference: format!("{}:{tag}{}", image.repository, digest?),
        pull_policy: image.pull_policy,
        pull_secrets: image.pull_secrets.iter().map(ToString::to_string).collect(),
        bin_dir: image.bin_dir,
        snapshot_tool: version.snapshot_tool(),
    })
}

/// Checks that etcd's programs are in the directory from which they are run. A user who names the directory knows the
/// image.
fn check_layout(values: &Values, report: &mut Report<'_>) {
    let image = &values.image;
    check(
        is_directory(&image.bin_dir),
        "image.binDir",
        &format!(
            "{:?} is not an absolute path of letters, digits, `.`, `_`, `-` and `/`",
            image.bin_dir
        ),
        "such as /usr/local/bin",
        report,
    );
    if report.is_given("image.binDir") {
        return;
    }
    let Some(layout) = Layout::of(&image.repository) else {
        return;
    };
    match layout.bin_dir {
        Some(BIN_DIR) => {}
        Some(bin_dir) => report
            .add(
                &IMAGE_LAYOUT,
                "image.repository",
                format!("{} has etcd in {bin_dir}, not in {BIN_DIR}", image.repository),
            )
            .help(format!(
                "write image: {{binDir: {bin_dir}}} beside it, or leave the repository out"
            )),
        None => report
            .add(
                &IMAGE_LAYOUT,
                "image.repository",
                format!("{} has no etcd that starts by itself", image.repository),
            )
            .help("leave it out, or name an image with etcd, such as quay.io/coreos/etcd"),
    }
    let tool = values.version.snapshot_tool();
    for (path, used) in [
        ("backup", values.backup.is_some()),
        ("restore", values.restore.is_some()),
    ] {
        if used && tool == "etcdutl" && layout.bin_dir.is_some() && !layout.has_etcdutl {
            report
                .add(
                    &IMAGE_LAYOUT,
                    path,
                    format!("{path} runs {tool}, which {} does not have", image.repository),
                )
                .help("use an image that has it, such as quay.io/coreos/etcd, or leave this out");
        }
    }
}

/// Reports a `text` that is not `REPOSITORY[:TAG][@DIGEST]`.
pub(super) fn check_reference(text: &str, path: &str, report: &mut Report<'_>) {
    let (name, digest) = match text.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (text, None),
    };
    // A colon before a slash precedes a port.
    let (repository, tag) = match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        _ => (name, None),
    };
    let well_formed = is_repository(repository) && tag.is_none_or(is_tag) && digest.is_none_or(is_digest);
    let message = format!("{text:?} is not an image");
    check(
        well_formed,
        path,
        &message,
        "such as docker.io/library/busybox:1.37.0-musl",
        report,
    );
}

fn check(holds: bool, path: &str, message: &str, help: &str, report: &mut Report<'_>) -> Option<()> {
    if !holds {
        report.add(&INVALID_IMAGE, path, message).help(help);
    }
    holds.then_some(())
}

/// Whether a text is `[HOST[:PORT]/]PATH` in the grammar of `distribution/reference`. A path consists of components.
/// These consist of lower-case letters and digits, with one `.`, one or two `_` or any number of `-` between them.
fn is_repository(text: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separator = |text: &str| matches!(text, "" | "." | "_" | "__") || text.bytes().all(|b| b == b'-');
    let component = |part: &str| {
        part.starts_with(alphanumeric) && part.ends_with(alphanumeric) && part.split(alphanumeric).all(separator)
    };
    let host = |part: &str| {
        let (name, port) = part.split_once(':').unwrap_or((part, "0"));
        let label = |label: &str| {
            let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
            !label.is_empty() && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
        };
        name.split('.').all(label) && port.parse::<u16>().is_ok()
    };
    match text.split_once('/') {
        Some((first, rest)) => (host(first) || component(first)) && rest.split('/').all(component) && text.len() <= 255,
        None => component(text),
    }
}

/// Whether a text is an absolute path. The kubelet expands `$(NAME)` in commands, so few characters are accepted.
fn is_directory(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let part = |part: &str| !matches!(part, "" | "." | "..") && part.chars().all(inner);
    let below_root = text
        .strip_prefix('/')
        .map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    below_root.is_some_and(|rest| rest.is_empty() || rest.split('/').all(part)) && text.len() <= 255
}

fn is_tag(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=128).contains(&text.len()) && text.bytes().all(inner) && !text.starts_with(['-', '.'])
}

fn is_digest(text: &str) -> bool {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    text.strip_prefix("sha256:")
        .is_some_and(|digits| digits.len() == 64 && digits.bytes().all(hex))
}
