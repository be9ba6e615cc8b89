//! The directory that Argo CD runs a plugin in. It is somebody's repository, and nothing in it is trusted.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rutter::{printable, stream};

use crate::failure::Failure;
use crate::output;

/// The files by which Argo CD tells Helm's and Kustomize's directorys (argoproj/argo-cd v3.5,
/// `util/app/discovery/discovery.go`).
const OWNERS: [&str; 4] = ["Chart.yaml", "kustomization.yaml", "kustomization.yml", "Kustomization"];

/// A directory's manifests: its YAML and JSON files, as Argo CD takes them of a plain directory that it does not recurse into.
pub(super) struct Directory {
    path: PathBuf,
    names: Vec<Name>,
    owner: Option<&'static str>,
}

/// The name of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    file: OsString,
    /// The name for people. It is the file's own if that is printable.
    pub(super) shown: String,
}

impl From<OsString> for Name {
    fn from(file: OsString) -> Self {
        let shown = printable::os(&file);
        Self { file, shown }
    }
}

/// What reading a file gave.
pub(super) enum File {
    /// What it holds.
    Text(Vec<u8>),
    /// It holds more than was left.
    TooLarge,
    /// It is not read; says why.
    Refused(String),
}

impl Directory {
    /// The directory that this process runs in.
    pub(super) fn current() -> Result<Self, Failure> {
        Self::open(Path::new("."))
            .context("the directory of the Application cannot be read")
            .map_err(Failure::Host)
    }

    fn open(path: &Path) -> io::Result<Self> {
        let path = path.canonicalize()?;
        let mut names = Vec::new();
        let mut owner = None;
        for entry in fs::read_dir(&path)? {
            let name = entry?.file_name();
            owner = OWNERS.into_iter().find(|known| name == *known).or(owner);
            if output::is_manifest(&name.to_string_lossy()) && !path.join(&name).is_dir() {
                names.push(Name::from(name));
            }
        }
        names.sort();
        Ok(Self { path, names, owner })
    }

    /// The names of the files, in the order in which they are rendered.
    pub(super) fn names(&self) -> &[Name] {
        &self.names
    }

    /// The file that says that this directory is another tool's.
    pub(super) fn owner(&self) -> Option<&'static str> {
        self.owner
    }

    /// As much of a file as one input may hold, if it can be read.
    pub(super) fn peek(&self, name: &Name) -> Option<Vec<u8>> {
        let path = self.locate(name).ok()?;
        let mut bytes = Vec::new();
        let most = u64::try_from(stream::MAX_BYTES).unwrap_or(u64::MAX);
        fs::File::open(path).ok()?.take(most).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    /// A file of at most `most` bytes.
    pub(super) fn read(&self, name: &Name, most: usize) -> File {
        let path = match self.locate(name) {
            Ok(path) => path,
            Err(reason) => return File::Refused(reason),
        };
        let one_more = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
        let mut bytes = Vec::new();
        match fs::File::open(path).and_then(|file| file.take(one_more).read_to_end(&mut bytes)) {
            Ok(_) if bytes.len() > most => File::TooLarge,
            Ok(_) => File::Text(bytes),
            Err(error) => File::Refused(format!("the file cannot be read: {error}")),
        }
    }

    /// Where a file really is: a link could lead to what is not of the repository, and a pipe has no end.
    fn locate(&self, name: &Name) -> Result<PathBuf, String> {
        let path = self.path.join(&name.file);
        let path = path
            .canonicalize()
            .map_err(|error| format!("the file cannot be read: {error}"))?;
        if !path.starts_with(&self.path) {
            return Err("this is a link that leads out of the directory".to_owned());
        }
        if !path.is_file() {
            return Err("this is no regular file".to_owned());
        }
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Name {
        OsString::from(name).into()
    }

    /// Some file systems accept no such names.
    #[cfg(target_os = "linux")]
    #[test]
    fn names_need_be_no_text() {
        use std::os::unix::ffi::OsStringExt as _;

        let directory = tempfile::tempdir().expect("a directory");
        for (name, text) in [(&b"a\xff.yaml"[..], "1"), (b"a\xfe.yaml", "2"), (b"a\n.yaml", "3")] {
            fs::write(directory.path().join(OsString::from_vec(name.into())), text).expect("a file");
        }
        // It could be mistaken for another.
        fs::write(directory.path().join("a\u{fffd}.yaml"), "4").expect("a file");
        let directory = Directory::open(directory.path()).expect("the directory");
        let read = |name| match directory.read(name, 10) {
            File::Text(bytes) => String::from_utf8(bytes).expect("text"),
            File::TooLarge | File::Refused(_) => "unread".to_owned(),
        };
        let names = directory.names().iter();
        let all: Vec<_> = names.map(|name| (name.shown.as_str(), read(name))).collect();
        let expected = [
            ("a\\n.yaml", "3"),
            ("a\u{fffd}.yaml", "4"),
            ("a\\xfe.yaml", "2"),
            ("a\\xff.yaml", "1"),
        ];
        assert_eq!(all, expected.map(|(name, text)| (name, text.to_owned())));
    }

    #[test]
    fn manifests_are_taken_in_the_order_of_their_names() {
        let directory = tempfile::tempdir().expect("a directory");
        for name in [
            "b.yaml",
            "a.yml",
            "C.json",
            ".hidden.yaml",
            "a.yaml.txt",
            "Kustomization",
        ] {
            fs::write(directory.path().join(name), name).expect("a file");
        }
        fs::create_dir(directory.path().join("deeper.yaml")).expect("a directory");
        let directory = Directory::open(directory.path()).expect("the directory");
        let names: Vec<&str> = directory.names().iter().map(|name| name.shown.as_str()).collect();
        assert_eq!(names, ["C.json", "a.yml", "b.yaml"]);
        assert_eq!(directory.owner(), Some("Kustomization"));
        assert!(matches!(directory.read(&named("b.yaml"), 6), File::Text(bytes) if bytes == b"b.yaml"));
        assert!(matches!(directory.read(&named("b.yaml"), 5), File::TooLarge));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_inside_alone() {
        use std::os::unix::fs::symlink;

        let outside = tempfile::tempdir().expect("a directory");
        fs::write(outside.path().join("secret.yaml"), "a: 1").expect("a file");
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join(".inside"), "a: 1").expect("a file");
        for (name, target) in [
            ("in.yaml", directory.path().join(".inside")),
            ("out.yaml", outside.path().join("secret.yaml")),
            ("nowhere.yaml", directory.path().join("missing")),
            ("device.yaml", PathBuf::from("/dev/zero")),
        ] {
            symlink(target, directory.path().join(name)).expect("a link");
        }
        let directory = Directory::open(directory.path()).expect("the directory");
        assert!(matches!(directory.read(&named("in.yaml"), 10), File::Text(_)));
        for name in ["out.yaml", "nowhere.yaml", "device.yaml"] {
            assert!(matches!(directory.read(&named(name), 10), File::Refused(_)), "{name}");
            assert!(directory.peek(&named(name)).is_none(), "{name}");
        }
    }
}
