//! The directory of compiled components.
//!
//! It is chosen in the environment, not by an option: each option of `--component` is one of every command, and costs
//! time at each start.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow};
use rutter::printable;
use rutter_host::Cache;

/// Where to keep compiled components: a directory, or [`OFF`].
const VARIABLE: &str = "RUTTER_COMPONENT_CACHE";

const OFF: &str = "off";

/// Opens the cache of compiled components; none if there is to be none.
///
/// # Errors
///
/// If the environment names a directory that cannot be used. The usual one is then done without.
pub(crate) fn open() -> Result<Option<Cache>> {
    let named = env::var_os(VARIABLE).filter(|value| !value.is_empty());
    let Some(named) = named.map(PathBuf::from) else {
        let usual = usual(|name| env::var_os(name), env::home_dir());
        return Ok(usual.and_then(|directory| Cache::open(directory).ok()));
    };
    if named.as_os_str() == OFF {
        return Ok(None);
    }
    let context = || format!("{VARIABLE} is {}", printable::path(&named));
    if !named.is_absolute() {
        return Err(anyhow!("an absolute path or `{OFF}` is accepted")).with_context(context);
    }
    Cache::open(&named).map(Some).with_context(context)
}

/// The directory where this system keeps such files of a user.
fn usual(variable: impl Fn(&str) -> Option<OsString>, home: Option<PathBuf>) -> Option<PathBuf> {
    let directory = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || home.filter(|path| path.is_absolute());
    let caches = if cfg!(windows) {
        directory("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        home().map(|home| home.join("Library/Caches"))
    } else {
        directory("XDG_CACHE_HOME").or_else(|| home().map(|home| home.join(".cache")))
    };
    caches.map(|caches| caches.join("rutter/components"))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_directory_is_that_of_the_user() {
        let directory = |xdg: &str, home: &str| {
            let usual = usual(
                |name| (name == "XDG_CACHE_HOME" && xdg != "-").then(|| xdg.into()),
                Some(home.into()),
            );
            usual.map(|path| printable::path(&path))
        };
        assert_eq!(directory("/x", "/home/a").as_deref(), Some("/x/rutter/components"));
        for unset in ["-", "", "relative"] {
            let usual = directory(unset, "/home/a");
            assert_eq!(usual.as_deref(), Some("/home/a/.cache/rutter/components"), "{unset}");
        }
        assert_eq!(directory("-", ""), None);
    }
}
