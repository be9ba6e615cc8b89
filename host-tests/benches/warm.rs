//! The time of a render in a running process: in Rust, and as a component with a new instance each time.
//!
//! `cargo xtask bench` runs it. The contenders take turns, so that a busy moment of the machine affects all of them.

#![allow(clippy::print_stdout, reason = "the output is a table")]

use std::num::NonZeroU32;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use etcd_package::EtcdPackage;
use host_tests::{artifact, request, root};
use rutter::Package as _;
use rutter_host::{Host, Limits};

/// The number of turns of each contender.
const ROUNDS: usize = 9;

/// The number of renders in a turn, on each thread.
const RENDERS: usize = 50;

/// The number of concurrent calls in the pool.
const CALLS: NonZeroU32 = NonZeroU32::new(8).unwrap();

fn main() -> Result<()> {
    let request = request(&std::fs::read_to_string(root().join("examples/page-tls.yaml"))?);
    let fresh = Host::new(Limits::default())?.load(artifact("etcd.wasm")?)?;
    let pooled = Host::pooled(Limits::default(), CALLS)?.load(artifact("etcd.wasm")?)?;
    println!(
        "{:>7} {:>14} {:>14} {:>14}",
        "threads", "native", "pooled", "not pooled"
    );
    for threads in [1, 2, 4, 8] {
        let mut native = Vec::new();
        let mut warm = Vec::new();
        let mut fresh_each = Vec::new();
        for _ in 0..ROUNDS {
            native.push(turn(threads, &|| EtcdPackage.render(&request).is_ok()));
            warm.push(turn(threads, &|| matches!(pooled.render(&request), Ok(Ok(_)))));
            fresh_each.push(turn(threads, &|| matches!(fresh.render(&request), Ok(Ok(_)))));
        }
        println!(
            "{threads:>7} {:>14.1?} {:>14.1?} {:>14.1?}",
            median(native),
            median(warm),
            median(fresh_each)
        );
    }
    Ok(())
}

/// Measures a render while this many threads render.
fn turn(threads: usize, render: &(impl Fn() -> bool + Sync)) -> Duration {
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| (0..RENDERS).for_each(|_| assert!(render())));
        }
    });
    start.elapsed() / u32::try_from(RENDERS).unwrap_or(u32::MAX)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
