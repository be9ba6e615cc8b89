//! Parts of the model that know whether they have changed, and are copied only then.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

/// A value with a version that changes with each change. Equal versions have equal values, also in copies of a model.
#[derive(Clone, Debug)]
pub(super) struct Tracked<T> {
    value: Rc<T>,
    version: u64,
}

impl<T> Tracked<T> {
    pub(super) fn new(value: T) -> Self {
        Self {
            value: Rc::new(value),
            version: next(),
        }
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }
}

impl<T: Default> Default for Tracked<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> Deref for Tracked<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Clone> DerefMut for Tracked<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.version = next();
        Rc::make_mut(&mut self.value)
    }
}

fn next() -> u64 {
    thread_local! {
        static VERSIONS: Cell<u64> = const { Cell::new(0) };
    }
    VERSIONS.with(|versions| {
        let next = versions.get() + 1;
        versions.set(next);
        next
    })
}
