//! Shared code of the programs in `fuzz_targets/`. The targets and their checks are in `host_tests::fuzz`.

#![allow(clippy::panic, reason = "libFuzzer detects a finding by its panic")]

use etcd_package::EtcdPackage;
use host_tests::fuzz::Target;

#[doc(hidden)]
pub use libfuzzer_sys;

/// Defines the program that fuzzes the target of this name.
#[macro_export]
macro_rules! target {
    ($name:literal) => {
        $crate::libfuzzer_sys::fuzz_target!(|bytes: &[u8]| $crate::run($name, bytes));
    };
}

/// Runs a target with `bytes`.
///
/// # Panics
///
/// If a property does not hold.
pub fn run(name: &str, bytes: &[u8]) {
    let Some(target) = Target::named(name) else {
        panic!("there is no target {name}")
    };
    if let Err(error) = target.run(&EtcdPackage, bytes) {
        panic!("{error:?}");
    }
}
