//! The folder that Argo CD runs a plugin in: somebody's repository, of which nothing is trusted.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rutter::stream;

use crate::failure::Failure;
use crate::files;

/// The files by which Argo CD tells Helm's and Kustomize's folders (argoproj/argo-cd v3.5,
/// `util/app/discovery/discovery.go`).
const OWNERS: [&str; 4] = ["Chart.yaml", "kustomization.yaml", "kustomization.yml", "Kustomization"];

/// A folder's manifests: its YAML and JSON files, as Argo CD takes them of a plain folder that it does not recurse into.
pub(super) struct Folder {
    path: PathBuf,
    names: Vec<String>,
    owner: Option<&'static str>,
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

impl Folder {
    /// The folder that this process runs in.
    pub(super) fn current() -> Result<Self, Failure> {
        Self::open(Path::new("."))
            .context("the folder of the Application cannot be read")
            .map_err(Failure::Host)
    }

    fn open(path: &Path) -> io::Result<Self> {
        let path = path.canonicalize()?;
        let mut names = Vec::new();
        let mut owner = None;
        for entry in fs::read_dir(&path)? {
            let name = entry?.file_name();
            owner = OWNERS.into_iter().find(|known| name == *known).or(owner);
            let name = match name.into_string() {
                Ok(name) => name,
                // Reading it fails, and is told of: left out, what it holds would be pruned.
                Err(name) => name.to_string_lossy().into_owned(),
            };
            if files::is_manifest(&name) && !path.join(&name).is_dir() {
                names.push(name);
            }
        }
        names.sort();
        Ok(Self { path, names, owner })
    }

    /// The names of the files, in the order in which they are rendered.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The file that says that this folder is another tool's.
    pub(super) fn owner(&self) -> Option<&'static str> {
        self.owner
    }

    /// As much of a file as one input may hold, if it can be read.
    pub(super) fn peek(&self, name: &str) -> Option<Vec<u8>> {
        let path = self.locate(name).ok()?;
        let mut bytes = Vec::new();
        let most = u64::try_from(stream::MAX_BYTES).unwrap_or(u64::MAX);
        fs::File::open(path).ok()?.take(most).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    /// A file of at most `most` bytes.
    pub(super) fn read(&self, name: &str, most: usize) -> File {
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
    fn locate(&self, name: &str) -> Result<PathBuf, String> {
        let path = self.path.join(name);
        let path = path
            .canonicalize()
            .map_err(|error| format!("the file cannot be read: {error}"))?;
        if !path.starts_with(&self.path) {
            return Err("this is a link that leads out of the folder".to_owned());
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

    #[test]
    fn manifests_are_taken_in_the_order_of_their_names() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in [
            "b.yaml",
            "a.yml",
            "C.json",
            ".hidden.yaml",
            "a.yaml.txt",
            "Kustomization",
        ] {
            fs::write(folder.path().join(name), name).expect("a file");
        }
        fs::create_dir(folder.path().join("deeper.yaml")).expect("a folder");
        let folder = Folder::open(folder.path()).expect("the folder");
        assert_eq!(folder.names(), ["C.json", "a.yml", "b.yaml"]);
        assert_eq!(folder.owner(), Some("Kustomization"));
        assert!(matches!(folder.read("b.yaml", 6), File::Text(bytes) if bytes == b"b.yaml"));
        assert!(matches!(folder.read("b.yaml", 5), File::TooLarge));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_inside_alone() {
        use std::os::unix::fs::symlink;

        let outside = tempfile::tempdir().expect("a folder");
        fs::write(outside.path().join("secret.yaml"), "a: 1").expect("a file");
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(".inside"), "a: 1").expect("a file");
        for (name, target) in [
            ("in.yaml", folder.path().join(".inside")),
            ("out.yaml", outside.path().join("secret.yaml")),
            ("nowhere.yaml", folder.path().join("missing")),
            ("device.yaml", PathBuf::from("/dev/zero")),
        ] {
            symlink(target, folder.path().join(name)).expect("a link");
        }
        let folder = Folder::open(folder.path()).expect("the folder");
        assert!(matches!(folder.read("in.yaml", 10), File::Text(_)));
        for name in ["out.yaml", "nowhere.yaml", "device.yaml"] {
            assert!(matches!(folder.read(name, 10), File::Refused(_)), "{name}");
            assert!(folder.peek(name).is_none(), "{name}");
        }
    }
}
