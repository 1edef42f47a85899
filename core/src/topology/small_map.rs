//! A map of few entries.
//!
//! A thousand stacks hold tens of thousands of maps with one to six entries each. A [`BTreeMap`] takes room for eleven
//! with its first; this one takes what it holds, sorted, in one piece. It reads and writes like one, and a search takes
//! log n steps as well; only inserting before many others costs more.
//!
//! [`BTreeMap`]: std::collections::BTreeMap

use litemap::LiteMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Deref, DerefMut};

/// A map of few entries, ordered by key.
#[derive(Clone, PartialEq, Eq)]
pub struct SmallMap<K, V>(LiteMap<K, V>);

impl<K, V> SmallMap<K, V> {
    pub const fn new() -> Self {
        Self(LiteMap::new_vec())
    }

    /// The entry itself: the key as it is in the map.
    pub fn get_key_value(&self, key: &K) -> Option<(&K, &V)>
    where
        K: Ord,
    {
        self.0.get_indexed(self.0.find_index(key).ok()?)
    }

    pub fn values_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut V> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    pub fn into_values(self) -> impl DoubleEndedIterator<Item = V> {
        self.0.into_tuple_vec().into_iter().map(|(_, value)| value)
    }
}

impl<K, V> Deref for SmallMap<K, V> {
    type Target = LiteMap<K, V>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<K, V> DerefMut for SmallMap<K, V> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl<K, V> Default for SmallMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for SmallMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter()).finish()
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for SmallMap<K, V> {
    /// Of two values for one key the later one stays.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut entries: Vec<(K, V)> = entries.into_iter().collect();
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        entries.reverse();
        entries.dedup_by(|(a, _), (b, _)| a == b);
        entries.reverse();
        entries.shrink_to_fit();
        Self(LiteMap::from_sorted_store_unchecked(entries))
    }
}

impl<K: Ord, V, const N: usize> From<[(K, V); N]> for SmallMap<K, V> {
    fn from(entries: [(K, V); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl<K: Ord, V> From<BTreeMap<K, V>> for SmallMap<K, V> {
    fn from(entries: BTreeMap<K, V>) -> Self {
        entries.into_iter().collect()
    }
}

impl<K: Ord, V> Extend<(K, V)> for SmallMap<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.0.insert(key, value);
        }
    }
}

impl<K, V> IntoIterator for SmallMap<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_tuple_vec().into_iter()
    }
}

impl<'a, K, V> IntoIterator for &'a SmallMap<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = <&'a LiteMap<K, V> as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        (&self.0).into_iter()
    }
}

impl<'a, K, V> IntoIterator for &'a mut SmallMap<K, V> {
    type Item = (&'a K, &'a mut V);
    type IntoIter = <&'a mut LiteMap<K, V> as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        (&mut self.0).into_iter()
    }
}

/// Written like any other map.
impl<K: Serialize, V: Serialize> Serialize for SmallMap<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self)
    }
}

impl<'de, K: Ord + Deserialize<'de>, V: Deserialize<'de>> Deserialize<'de> for SmallMap<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_what_a_btree_map_holds_in_the_same_order() {
        // All sequences of four entries over three keys, the last digit telling them apart.
        for code in 0..81_usize {
            let entries: Vec<(usize, usize)> =
                (0..4).map(|i| (code / 3_usize.pow(i) % 3, i as usize)).collect();
            let expected: BTreeMap<usize, usize> = entries.iter().copied().collect();
            let collected: SmallMap<usize, usize> = entries.iter().copied().collect();
            let mut grown = SmallMap::new();
            grown.extend(entries.iter().copied());
            for map in [collected, grown] {
                assert!(map.iter().eq(expected.iter()), "{entries:?}: {map:?}");
                assert!(map.keys().eq(expected.keys()));
                assert_eq!(map.get(&1), expected.get(&1));
                assert!(map.clone().into_values().eq(expected.clone().into_values()));
                assert!(map.into_iter().eq(expected.clone()));
            }
        }
    }

    #[test]
    fn it_takes_no_more_room_than_it_fills() {
        let map: SmallMap<u8, u8> = (0..5).filter(|n| n % 2 == 0).map(|n| (n, n)).collect();
        let entries = map.0.into_tuple_vec();
        assert_eq!((entries.len(), entries.capacity()), (3, 3));
    }

    #[test]
    fn values_can_be_changed_in_place() {
        let mut map = SmallMap::from([(2, 'b'), (1, 'a')]);
        for value in map.values_mut() {
            value.make_ascii_uppercase();
        }
        assert_eq!(map, SmallMap::from([(1, 'A'), (2, 'B')]));
    }
}
