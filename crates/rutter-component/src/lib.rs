//! Makes a WebAssembly component of a package: the typed exports of `wit/`, and a command that reads standard input.
//!
//! ```
//! # use rutter::{Description, Diagnostic, Package, Rendering, Request};
//! #[derive(Default)]
//! struct Greeting;
//!
//! impl Package for Greeting {
//!     // …
//! #   fn describe(&self) -> Description { unimplemented!() }
//! #   fn schema(&self) -> String { unimplemented!() }
//! #   fn defaults(&self) -> String { unimplemented!() }
//! #   fn render(&self, _: &Request) -> Result<Rendering, Vec<Diagnostic>> { unimplemented!() }
//! }
//!
//! rutter_component::package!(Greeting);
//! ```

mod command;
#[cfg(target_family = "wasm")]
mod exports;

#[doc(hidden)]
pub use command::run;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub use exports::{Exports, bindings};

/// Half the cost of the C library's, and smaller.
#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

/// Makes the crate the package of this type, which is a [`Package`](rutter::Package) with a `Default`.
///
/// The crate is a binary crate without a `main`. Compiled for `wasm32-wasip2` it is a component with the interfaces
/// `renderer` and `documentation` of the contract, and `wasi:cli/run`. Compiled for any other target it is the command only.
#[macro_export]
macro_rules! package {
    ($package:ty) => {
        fn main() -> ::std::process::ExitCode {
            $crate::run(&<$package as ::std::default::Default>::default())
        }

        $crate::exports!($package);
    };
}

#[cfg(target_family = "wasm")]
#[doc(hidden)]
#[macro_export]
macro_rules! exports {
    ($package:ty) => {
        #[allow(unsafe_code, reason = "generated: the canonical ABI uses addresses")]
        const _: () = {
            type Exported = $crate::Exports<$package>;
    $crate::bindings::export!(Exported with_types_in $crate::bindings);
        };
    };
}

#[cfg(not(target_family = "wasm"))]
#[doc(hidden)]
#[macro_export]
macro_rules! exports {
    ($package:ty) => {};
}
