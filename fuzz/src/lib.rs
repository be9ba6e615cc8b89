//! What the programs of `fuzz_targets/` have in common. What they try, and what must hold of it, is
//! `host_tests::fuzz`.

#![allow(clippy::panic, reason = "libFuzzer takes a panic for a finding")]

use etcd_package::EtcdPackage;
use host_tests::fuzz::Target;

#[doc(hidden)]
pub use libfuzzer_sys;

/// Makes a program that fuzzes the target of this name.
#[macro_export]
macro_rules! target {
    ($name:literal) => {
        $crate::libfuzzer_sys::fuzz_target!(|bytes: &[u8]| $crate::run($name, bytes));
    };
}

/// Tries `bytes`.
///
/// # Panics
///
/// If something does not hold.
pub fn run(name: &str, bytes: &[u8]) {
    let Some(target) = Target::named(name) else {
        panic!("there is no target {name}")
    };
    if let Err(error) = target.run(&EtcdPackage, bytes) {
        panic!("{error:?}");
    }
}
