//! Compiling ahead of time.

use wasmtime::Engine;

use crate::engine;
use crate::error::HostError;

/// Compiles a component in the binary format to native code for [`Host::load_precompiled`](crate::Host::load_precompiled).
///
/// The code runs on every processor of the architecture and operating system that this program was built for, in
/// programs with this version of wasmtime.
///
/// # Errors
///
/// - [`HostError::NotAComponent`], [`HostError::Precompiled`] if it is something else;
/// - [`HostError::Engine`] if wasmtime cannot compile on this machine.
pub fn precompile(component: &[u8]) -> Result<Vec<u8>, HostError> {
    if Engine::detect_precompiled(component).is_some() {
        return Err(HostError::Precompiled);
    }
    let compiler = engine::compiling().and_then(|config| Engine::new(&config));
    let compiler = compiler.map_err(|error| HostError::Engine(error.into()))?;
    let image = compiler.precompile_component(component);
    image.map_err(|error| HostError::NotAComponent(error.into()))
}
