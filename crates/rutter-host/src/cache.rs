//! Keeping what was compiled.
//!
//! A cached file is native code, so whoever can write it can run programs as the user who reads it. The directory and each
//! file must belong to that user, and be writable by nobody else. A file's name is the digest of all that its content
//! depends on, and it starts with the digest of the content: a damaged file is as good as none. Files are written under
//! another name and renamed, so that calls in parallel do not harm each other.

use std::fs::{self, DirBuilder, File, Metadata};
use std::hash::Hasher;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};

/// The length of a digest.
const DIGEST: usize = 32;

/// The age of a file's time from which on a use sets it again.
const FRESH: Duration = Duration::from_secs(60 * 60);

/// The time for which an unused file is kept.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The beginning of the names of unfinished files.
const UNFINISHED: &str = ".unfinished-";

/// The age of such a file from which on its writer has surely gone.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// A directory of compiled components, for [`Compiler::with_cache`](crate::Compiler::with_cache).
///
/// It is safe to delete at any time. Several hosts and processes can use it at the same time, as can several machines.
#[derive(Clone, Debug)]
pub struct Cache {
    directory: PathBuf,
    most: u64,
}

/// The digest of all that compiled code depends on.
pub(crate) struct Key([u8; DIGEST]);

impl Key {
    /// The key of a component that is compiled with these settings.
    pub(crate) fn new(component: &[u8], settings: impl std::hash::Hash) -> Self {
        /// Digests what wasmtime would have hashed.
        struct Settings(Sha256);

        impl Hasher for Settings {
            fn finish(&self) -> u64 {
                0
            }

            fn write(&mut self, bytes: &[u8]) {
                self.0.update(bytes);
            }
        }

        let mut digest = Settings(Sha256::new_with_prefix(Sha256::digest(component)));
        // Of this crate, what it adds to the code in an image.
        digest.0.update(env!("CARGO_PKG_VERSION"));
        settings.hash(&mut digest);
        Self(digest.0.finalize().into())
    }

    fn file_name(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The digest of content under this key.
    fn digest(&self, content: &[u8]) -> [u8; DIGEST] {
        Sha256::new_with_prefix(self.0).chain_update(content).finalize().into()
    }
}

impl Cache {
    /// Opens a cache, and creates its directory if there is none. It keeps at most 1 GiB.
    ///
    /// # Errors
    ///
    /// The directory cannot be created, or somebody else than this user can write to it.
    pub fn open(directory: impl Into<PathBuf>) -> io::Result<Self> {
        let directory = directory.into();
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&directory)?;
        let metadata = fs::metadata(&directory)?;
        if !is_ours(&metadata) {
            let error = "others than this user can write to it";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, error));
        }
        Ok(Self {
            directory,
            most: 1 << 30,
        })
    }

    /// Sets how many bytes are kept. Beyond them, what was not used for longest is deleted.
    #[must_use]
    pub fn with_limit(mut self, bytes: u64) -> Self {
        self.most = bytes;
        self
    }

    /// Returns what was written under a key, if all of it is there.
    pub(crate) fn read(&self, key: &Key) -> Option<Vec<u8>> {
        let file = File::open(self.directory.join(key.file_name())).ok()?;
        let metadata = file.metadata().ok()?;
        if !metadata.is_file() || !is_ours(&metadata) || metadata.len() > self.most {
            return None;
        }
        let mut digest = [0; DIGEST];
        let mut content = Vec::with_capacity(usize::try_from(metadata.len()).ok()?);
        (&file).read_exact(&mut digest).ok()?;
        (&file).take(self.most).read_to_end(&mut content).ok()?;
        if key.digest(&content) != digest {
            return None;
        }
        if age(&metadata).is_none_or(|age| age > FRESH) {
            // It may be deleted earlier then, and compiled once more.
            let _ = file.set_modified(SystemTime::now());
        }
        Some(content)
    }

    /// Keeps content under a key.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(crate) fn write(&self, key: &Key, content: &[u8]) -> io::Result<()> {
        let length = u64::try_from(content.len() + DIGEST).unwrap_or(u64::MAX);
        if length > self.most {
            return Ok(());
        }
        // Only for this user, as all that this crate creates.
        let mut file = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempfile_in(&self.directory)?;
        file.write_all(&key.digest(content))?;
        file.write_all(content)?;
        file.persist(self.directory.join(key.file_name()))?;
        self.sweep()
    }

    /// Deletes what is too old or too much.
    fn sweep(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let is_unfinished = name.starts_with(UNFINISHED);
            // Other files in the directory are somebody's.
            if !is_unfinished && !is_file_name(name) {
                continue;
            }
            // Another process may have deleted it meanwhile.
            let Ok(metadata) = entry.metadata() else { continue };
            let age = age(&metadata).unwrap_or_default();
            if is_unfinished {
                if age > ABANDONED {
                    delete(&entry.path())?;
                }
            } else if age > KEPT {
                delete(&entry.path())?;
            } else {
                files.push((age, metadata.len(), entry.path()));
            }
        }
        files.sort_unstable();
        let mut sum = 0_u64;
        for (_, length, path) in files {
            sum = sum.saturating_add(length);
            if sum > self.most {
                delete(&path)?;
            }
        }
        Ok(())
    }
}

/// Whether a name is one of [`Key::file_name`].
fn is_file_name(name: &str) -> bool {
    name.len() == 2 * DIGEST && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn delete(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The time since a file was written or used; none if its time is in the future.
fn age(metadata: &Metadata) -> Option<Duration> {
    metadata.modified().ok()?.elapsed().ok()
}

/// Whether a file or directory belongs to this user, and nobody else can write to it.
#[cfg(unix)]
fn is_ours(metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o022 == 0
}

/// Profiles of users are their own on other systems.
#[cfg(not(unix))]
fn is_ours(_: &Metadata) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> Key {
        Key::new(&[number], "settings")
    }

    fn opened() -> (tempfile::TempDir, Cache) {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::open(directory.path().join("new/cache")).unwrap();
        (directory, cache)
    }

    fn used_before(cache: &Cache, key: &Key, age: Duration) {
        let file = File::open(cache.directory.join(key.file_name())).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    }

    #[test]
    fn what_was_written_is_read() {
        let (_directory, cache) = opened();
        assert_eq!(cache.read(&key(1)), None);
        cache.write(&key(1), b"one").unwrap();
        cache.write(&key(2), b"").unwrap();
        assert_eq!(cache.read(&key(1)).as_deref(), Some(&b"one"[..]));
        assert_eq!(cache.read(&key(2)).as_deref(), Some(&b""[..]));
        cache.write(&key(1), b"other").unwrap();
        assert_eq!(cache.read(&key(1)).as_deref(), Some(&b"other"[..]));
    }

    #[test]
    fn keys_differ_by_component_and_settings() {
        let names = [Key::new(b"a", "s"), Key::new(b"b", "s"), Key::new(b"a", "t")].map(|key| key.file_name());
        assert!(names.iter().all(|name| is_file_name(name)));
        assert!(names[0] != names[1] && names[0] != names[2] && names[1] != names[2]);
        assert_eq!(Key::new(b"a", "s").file_name(), names[0]);
    }

    #[test]
    fn damaged_files_are_not_read() {
        let (_directory, cache) = opened();
        cache.write(&key(1), b"content").unwrap();
        let path = cache.directory.join(key(1).file_name());
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(cache.read(&key(1)), None, "{length}");
        }
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            fs::write(&path, damaged).unwrap();
            assert_eq!(cache.read(&key(1)), None, "{at}");
        }
        fs::write(&path, [&whole[..], b"more"].concat()).unwrap();
        assert_eq!(cache.read(&key(1)), None);
        // A whole file under another name is another's.
        fs::write(cache.directory.join(key(2).file_name()), &whole).unwrap();
        assert_eq!(cache.read(&key(2)), None);
        fs::write(&path, whole).unwrap();
        assert_eq!(cache.read(&key(1)).as_deref(), Some(&b"content"[..]));
    }

    #[cfg(unix)]
    #[test]
    fn what_others_can_write_is_not_used() {
        use std::os::unix::fs::PermissionsExt;

        let (_directory, cache) = opened();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let set = |path: &Path, mode: u32| fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
        assert_eq!(mode(&cache.directory), 0o700);
        cache.write(&key(1), b"one").unwrap();
        let path = cache.directory.join(key(1).file_name());
        assert_eq!(mode(&path), 0o600);
        for bits in [0o620, 0o602] {
            set(&path, bits);
            assert_eq!(cache.read(&key(1)), None, "{bits:o}");
        }
        set(&path, 0o600);
        assert!(cache.read(&key(1)).is_some());
        for bits in [0o720, 0o702, 0o1777] {
            set(&cache.directory, bits);
            let error = Cache::open(&cache.directory).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{bits:o}");
        }
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let (_directory, cache) = opened();
        let cache = cache.with_limit(300);
        for number in 1..=2 {
            cache.write(&key(number), &[0; 100]).unwrap();
        }
        used_before(&cache, &key(1), Duration::from_secs(2 * 60 * 60));
        used_before(&cache, &key(2), Duration::from_secs(60 * 60));
        assert!(cache.read(&key(1)).is_some(), "its time is set again");
        let stranger = cache.directory.join("somebody's");
        fs::write(&stranger, "").unwrap();
        cache.write(&key(3), &[0; 100]).unwrap();
        assert!(cache.read(&key(1)).is_some() && cache.read(&key(3)).is_some());
        assert_eq!(cache.read(&key(2)), None);
        cache.write(&key(4), &[0; 300]).unwrap();
        assert!(
            cache.read(&key(4)).is_none() && cache.read(&key(3)).is_some(),
            "it is too large"
        );
        assert!(stranger.exists());
    }

    #[test]
    fn what_was_left_behind_is_deleted() {
        let (_directory, cache) = opened();
        let [old, new] = ["old", "new"].map(|name| cache.directory.join(format!("{UNFINISHED}{name}")));
        for path in [&old, &new] {
            fs::write(path, "").unwrap();
        }
        let days = |days: u64| SystemTime::now() - Duration::from_secs(days * 24 * 60 * 60);
        File::open(&old).unwrap().set_modified(days(2)).unwrap();
        cache.write(&key(1), b"one").unwrap();
        assert!(!old.exists() && new.exists());
        File::open(cache.directory.join(key(1).file_name()))
            .unwrap()
            .set_modified(days(31))
            .unwrap();
        cache.write(&key(2), b"two").unwrap();
        assert_eq!(cache.read(&key(1)), None);
    }
}
