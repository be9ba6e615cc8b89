//! Running native code where it lies.
//!
//! A program that carries a compiled package has it in its own read-only pages, which the system loads as they are
//! touched. Wasmtime can run it there, without the copy that costs more than all else that a short-lived program does;
//! only the right to execute these pages is left to us.

use std::sync::Arc;

use rutter::Description;
use wasmtime::component::Component;
use wasmtime::{CustomCodeMemory, Engine, Result};

/// Puts the native code of a package and its description, as JSON, into one image. The last eight bytes tell how long the
/// code is.
#[cfg(feature = "compile")]
pub(crate) fn join(mut native: Vec<u8>, description: &Description) -> Vec<u8> {
    let length = u64::try_from(native.len()).unwrap_or(u64::MAX);
    native.extend(serde_json::json!(description).to_string().into_bytes());
    native.extend(length.to_le_bytes());
    native
}

/// Takes an image apart, if [`join`] has made it.
pub(crate) fn split(image: &[u8]) -> Option<(&[u8], Description)> {
    let (rest, length) = image.split_last_chunk()?;
    let (native, description) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    Some((native, serde_json::from_slice(description).ok()?))
}

/// What makes code executable in the engine that [`load`] is used with.
pub(crate) fn code_memory() -> Option<Arc<dyn CustomCodeMemory>> {
    in_place::code_memory()
}

/// Loads a compiled component, in place if its memory allows that.
///
/// # Safety
///
/// `image` is what wasmtime has compiled, unchanged.
#[allow(
    unsafe_code,
    reason = "only the caller can know whether native code is to be trusted"
)]
pub(crate) unsafe fn load(engine: &Engine, image: &'static [u8]) -> Result<Component> {
    if in_place::claim(image) {
        // SAFETY: The caller promises what wasmtime asks of the contents. They are never written, because they are
        // borrowed, and never go, because they are static.
        unsafe { Component::deserialize_raw(engine, image.into()) }
    } else {
        // SAFETY: As above, and the rest does not matter to a copy.
        unsafe { Component::deserialize(engine, image) }
    }
}

/// Where the instruction cache follows the data by itself: elsewhere code that was just written, as by a compiler, would
/// need more than permission.
#[cfg(all(unix, target_arch = "x86_64"))]
mod in_place {
    use std::collections::BTreeMap;
    use std::io;
    use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

    use rustix::mm::{MprotectFlags, mprotect};
    use wasmtime::{CustomCodeMemory, Result};

    struct InPlace;

    pub(super) fn code_memory() -> Option<Arc<dyn CustomCodeMemory>> {
        Some(Arc::new(InPlace))
    }

    /// Where the images start and end that run in place, or did. Wasmtime finds code by its address, and so takes none
    /// twice.
    static CLAIMED: Mutex<BTreeMap<usize, usize>> = Mutex::new(BTreeMap::new());

    fn claimed() -> MutexGuard<'static, BTreeMap<usize, usize>> {
        CLAIMED.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this image can run in place, which it can once in a process.
    pub(super) fn claim(image: &'static [u8]) -> bool {
        let start = image.as_ptr().addr();
        start.is_multiple_of(rustix::param::page_size()) && claimed().insert(start, start + image.len()).is_none()
    }

    /// Whether this address lies in an image that was claimed.
    fn is_claimed(address: usize) -> bool {
        let claimed = claimed();
        claimed
            .range(..=address)
            .next_back()
            .is_some_and(|(_, end)| address < *end)
    }

    impl CustomCodeMemory for InPlace {
        fn required_alignment(&self) -> usize {
            rustix::param::page_size()
        }

        fn publish_executable(&self, start: *const u8, length: usize) -> Result<()> {
            protect(start, length, MprotectFlags::READ | MprotectFlags::EXEC)
        }

        fn unpublish_executable(&self, start: *const u8, length: usize) -> Result<()> {
            let flags = if is_claimed(start.addr()) {
                // It was read-only before, or may as well have been: nobody may write to what is borrowed for ever.
                MprotectFlags::READ
            } else {
                // Wasmtime's own copy, with which it may do as it likes.
                MprotectFlags::READ | MprotectFlags::WRITE
            };
            protect(start, length, flags)
        }
    }

    fn protect(start: *const u8, length: usize, flags: MprotectFlags) -> Result<()> {
        // SAFETY: Wasmtime gives the whole pages that hold the code of an image, and runs none of it when it takes back
        // the right to. Nobody writes to an image while it runs, or ever if it is not wasmtime's own.
        #[allow(unsafe_code, reason = "there is no safe way to make memory executable")]
        let result = unsafe { mprotect(start.cast_mut().cast(), length, flags) };
        result.map_err(|error| wasmtime::Error::new(io::Error::from(error)))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        /// One page, which shares its fate with nothing else.
        fn page() -> &'static mut [u8] {
            let size = rustix::param::page_size();
            let pages = vec![0; 2 * size].leak();
            let start = pages.as_ptr().align_offset(size);
            &mut pages[start..start + size]
        }

        #[test]
        fn copies_can_be_written_again() {
            let page = page();
            for _ in 0..2 {
                InPlace.publish_executable(page.as_ptr(), page.len()).unwrap();
                InPlace.unpublish_executable(page.as_ptr(), page.len()).unwrap();
                page.fill(1);
            }
        }

        #[test]
        fn images_are_claimed_once_and_whole() {
            let page: &'static [u8] = page();
            let start = page.as_ptr().addr();
            assert!(!is_claimed(start));
            assert!(claim(page) && !claim(page));
            assert!(!claim(&page[1..]), "it does not start at a page");
            assert!(is_claimed(start) && is_claimed(start + page.len() - 1));
            assert!(!is_claimed(start + page.len()) && !is_claimed(start - 1));
        }
    }
}

#[cfg(not(all(unix, target_arch = "x86_64")))]
mod in_place {
    use std::sync::Arc;

    use wasmtime::CustomCodeMemory;

    pub(super) fn code_memory() -> Option<Arc<dyn CustomCodeMemory>> {
        None
    }

    pub(super) fn claim(_: &'static [u8]) -> bool {
        false
    }
}
