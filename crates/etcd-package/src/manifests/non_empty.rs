//! Maps and lists that are left out of a manifest if they are empty.

use std::collections::BTreeMap;

/// Returns the map, unless it is empty.
pub(super) fn map<K, V>(map: &BTreeMap<K, V>) -> Option<BTreeMap<K, V>>
where
    BTreeMap<K, V>: Clone,
{
    (!map.is_empty()).then(|| map.clone())
}

/// Returns the list, unless it is empty.
pub(super) fn list<T: Clone>(items: &[T]) -> Option<Vec<T>> {
    (!items.is_empty()).then(|| items.to_vec())
}
