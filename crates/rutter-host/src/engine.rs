//! How wasmtime is set up, in one place, because what compiles a package and what runs it must agree.

use wasmtime::Config;

use crate::image;

/// The settings that compiling and running share.
fn common() -> Config {
    let mut config = Config::new();
    config
        // Time limits.
        .epoch_interruption(true)
        // What a trap was is all that is told of it, and what would tell more is a sixth of the image.
        .wasm_backtrace_max_frames(None)
        .generate_address_map(false)
        .native_unwind_info(false)
        .debug_symbols(false)
        // The address space in front of a memory guards against compiler bugs only for code with signed offsets, and
        // reserving it costs a system call in each call of a package.
        .guard_before_linear_memory(false);
    config
}

/// The settings of an engine that runs packages. It has no compiler, whose set-up would cost more than a render.
pub(crate) fn running() -> Config {
    let mut config = common();
    #[cfg(feature = "compile")]
    config.enable_compiler(false);
    config.with_custom_code_memory(image::code_memory());
    config
}

/// The settings of an engine that only compiles.
///
/// It compiles for any processor of this architecture, not for this very one: what comes out is carried to other
/// machines inside a program.
#[cfg(feature = "compile")]
pub(crate) fn compiling() -> wasmtime::Result<Config> {
    let mut config = common();
    config
        .target(&target_lexicon::HOST.to_string())?
        .cranelift_opt_level(wasmtime::OptLevel::Speed);
    Ok(config)
}
