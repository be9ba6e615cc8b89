//! How wasmtime is set up, in one place, because what compiles a package and what runs it must agree.
//!
//! Equal requests give equal answers on every machine. Threads, which would break that, need a feature of wasmtime that
//! this crate does not have.

use wasmtime::{Config, Enabled, PoolingAllocationConfig};

use crate::image;
use crate::limits::Limits;
use crate::sandbox;

/// The address space of a memory, in bytes: all that it can ever have, so that no access needs to be checked.
const RESERVED: u64 = 4 << 30;

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
        .guard_before_linear_memory(false)
        .memory_reservation(RESERVED)
        // Vector instructions that may differ between processors have one result on all of them.
        .relaxed_simd_deterministic(true);
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

/// The settings of an engine that runs packages over and over, at most this many calls at the same time.
///
/// Memories are set aside once. Between two calls only the pages that were written are reset, to the image that all
/// calls share, and stay in place: a call then costs neither the system calls that make a memory nor the page faults that
/// fill it.
pub(crate) fn pooling(limits: &Limits, calls: u32) -> Config {
    let mut config = running();
    let largest = usize::try_from(RESERVED).unwrap_or(usize::MAX);
    let each = |count: u32| calls.saturating_mul(count);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(calls)
        .total_core_instances(each(sandbox::INSTANCES))
        .max_core_instances_per_component(sandbox::INSTANCES)
        .total_memories(each(MEMORIES))
        .max_memories_per_component(MEMORIES)
        .max_memory_size(limits.memory.min(largest))
        .linear_memory_keep_resident(KEPT)
        .total_tables(each(TABLES))
        .max_tables_per_component(TABLES)
        .table_keep_resident(KEPT)
        .max_unused_warm_slots(each(MEMORIES))
        .decommit_batch_size(1);
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        pool.pagemap_scan(Enabled::Yes);
    } else {
        // Without it all of what is kept would be written between two calls, not only what one has changed.
        pool.linear_memory_keep_resident(0).table_keep_resident(0);
    }
    config.allocation_strategy(pool);
    config
}

/// How many memories a package of a [`pooling`] engine may have. One is usual, and an adapter of WASI's preview 1 has none.
const MEMORIES: u32 = 2;

/// How many tables. Each core module of a component usually has one.
const TABLES: u32 = 8;

/// How much of a memory stays in place between two calls, in bytes: all that a render needs.
const KEPT: usize = 4 << 20;

/// The settings of an engine that only compiles.
///
/// It compiles for any processor of this architecture, not for this very one: what comes out is carried to other
/// machines inside a program.
#[cfg(feature = "compile")]
pub(crate) fn compiling() -> wasmtime::Result<Config> {
    let mut config = common();
    config
        .target(&target_lexicon::HOST.to_string())?
        .cranelift_opt_level(wasmtime::OptLevel::Speed)
        // The bits of a NaN differ between processors, and a package can read them.
        .cranelift_nan_canonicalization(true);
    Ok(config)
}
