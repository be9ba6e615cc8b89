//! The clock that calls are held against.
//!
//! Compiled code looks at the engine's epoch at every loop and every call of a function. One thread sleeps until the
//! earliest deadline of the calls that are running and then moves the epoch, upon which each of them looks at its own
//! deadline. There are no ticks: where no call runs into its limit the thread never wakes, and where no call runs at
//! all there is soon no thread.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use wasmtime::{Engine, Store, UpdateDeadline};

/// Interrupts the calls on one engine that take too long.
pub(crate) struct Watchdog {
    shared: Arc<Shared>,
}

struct Shared {
    engine: Engine,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The deadlines of the calls that are running, told apart by a number.
    deadlines: BTreeSet<(Instant, u64)>,
    next_id: u64,
    thread: Thread,
}

/// Whether there is a thread that looks after the deadlines.
#[derive(Default, PartialEq, Eq)]
enum Thread {
    #[default]
    None,
    Running,
    /// The watchdog is gone and the thread is to follow.
    Dismissed,
}

/// A call that is held against the clock until this is dropped.
pub(crate) struct Watch<'a> {
    shared: &'a Shared,
    /// None if the limit lies beyond what the clock can count.
    entry: Option<(Instant, u64)>,
}

/// A call took too long.
#[derive(Debug)]
pub(crate) struct TimeExhausted;

impl fmt::Display for TimeExhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time limit is reached")
    }
}

impl std::error::Error for TimeExhausted {}

impl Watchdog {
    pub(crate) fn new(engine: Engine) -> Self {
        Self {
            shared: Arc::new(Shared {
                engine,
                state: Mutex::default(),
                changed: Condvar::new(),
            }),
        }
    }

    /// Lets whatever runs in `store` run for `time`, from now and as long as the answer lives.
    ///
    /// # Errors
    ///
    /// No thread can be started.
    pub(crate) fn watch<T>(&self, store: &mut Store<T>, time: Duration) -> std::io::Result<Watch<'_>> {
        let mut watch = Watch {
            shared: &self.shared,
            entry: None,
        };
        store.set_epoch_deadline(1);
        let Some(deadline) = Instant::now().checked_add(time) else {
            store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Continue(1)));
            return Ok(watch);
        };
        store.epoch_deadline_callback(move |_| {
            if Instant::now() < deadline {
                Ok(UpdateDeadline::Continue(1))
            } else {
                Err(wasmtime::Error::new(TimeExhausted))
            }
        });

        let mut state = self.shared.lock();
        let id = state.next_id;
        state.next_id += 1;
        state.deadlines.insert((deadline, id));
        watch.entry = Some((deadline, id));
        if state.thread == Thread::None {
            let shared = Arc::clone(&self.shared);
            thread::Builder::new()
                .name("rutter-watchdog".to_owned())
                .spawn(move || shared.run())?;
            state.thread = Thread::Running;
        } else if state.deadlines.first() == watch.entry.as_ref() {
            self.shared.changed.notify_one();
        }
        drop(state);
        Ok(watch)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.shared.lock().thread = Thread::Dismissed;
        self.shared.changed.notify_one();
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if let Some(entry) = self.entry {
            // The thread is left asleep: it is cheaper for it to find nothing to do than to be woken at each call.
            self.shared.lock().deadlines.remove(&entry);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock can panic half way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut state = self.lock();
        while state.thread == Thread::Running {
            let Some(&(deadline, _)) = state.deadlines.first() else {
                state.thread = Thread::None;
                break;
            };
            let now = Instant::now();
            if now < deadline {
                let waited = self.changed.wait_timeout(state, deadline - now);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            } else {
                state.deadlines.pop_first();
                self.engine.increment_epoch();
            }
        }
    }
}
