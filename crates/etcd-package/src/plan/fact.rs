//! Facts about a cluster, each of them known, absent or unknown.

/// A fact. Unknown is neither equal to anything, nor different, nor absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fact<T> {
    /// It is this.
    Known(T),
    /// It is known not to be there.
    Absent,
    /// Nobody knows, for this reason: a lower-case phrase.
    Unknown(String),
}

impl<T> Fact<T> {
    pub(super) fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Absent | Self::Unknown(_) => None,
        }
    }

    /// The reason why it is unknown, if it is.
    pub(super) fn unknown(&self) -> Option<&str> {
        match self {
            Self::Unknown(reason) => Some(reason),
            Self::Known(_) | Self::Absent => None,
        }
    }

    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Fact<U> {
        self.and_then(|value| Fact::Known(change(value)))
    }

    pub(super) fn and_then<U>(self, change: impl FnOnce(T) -> Fact<U>) -> Fact<U> {
        match self {
            Self::Known(value) => change(value),
            Self::Absent => Fact::Absent,
            Self::Unknown(reason) => Fact::Unknown(reason),
        }
    }

    /// Whether both are known and differ: one that is absent differs from one that is there.
    pub(super) fn differs(&self, other: &Self) -> bool
    where
        T: PartialEq,
    {
        match (self, other) {
            (Self::Unknown(_), _) | (_, Self::Unknown(_)) => false,
            (a, b) => a != b,
        }
    }
}
