//! The ServiceAccount of the pods.

use std::collections::BTreeMap;

use kubernetes_validation::codes::NAME_COLLISION;
use rutter::report::Report;

use super::Names;
use super::names::text;
use crate::codes::UNUSED_VALUE;
use crate::values;

/// The ServiceAccount of the pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceAccount {
    /// The default account of the namespace.
    Default,
    /// An account that exists.
    Existing {
        /// The account's name.
        name: String,
    },
    /// An account that is rendered.
    Rendered {
        /// The account's name.
        name: String,
        /// Annotations of the account.
        annotations: BTreeMap<String, String>,
    },
}

impl ServiceAccount {
    /// Returns the account's name, unless it is the default account.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Default => None,
            Self::Existing { name } | Self::Rendered { name, .. } => Some(name),
        }
    }
}

/// Checks the values of the account.
pub(super) fn check(account: &values::ServiceAccount, report: &mut Report<'_>) {
    if account.create && account.name.as_deref() == Some("default") {
        report
            .add(
                &NAME_COLLISION,
                "serviceAccount.name",
                "every namespace has an account called default already",
            )
            .help("write another name, or create: false");
    }
    if !account.create && !account.annotations.is_empty() {
        report
            .add(
                &UNUSED_VALUE,
                "serviceAccount.annotations",
                "with create: false, nothing is rendered that could have it",
            )
            .help("leave it out");
    }
}

/// Resolves the account.
pub(super) fn resolve(account: &values::ServiceAccount, names: &Names) -> ServiceAccount {
    let name = account.name.as_ref().map(ToString::to_string);
    match (account.create, name) {
        (true, name) => ServiceAccount::Rendered {
            name: name.unwrap_or_else(|| names.fullname.to_string()),
            annotations: text(&account.annotations),
        },
        (false, Some(name)) => ServiceAccount::Existing { name },
        (false, None) => ServiceAccount::Default,
    }
}
