//! The translation between the contract's types and those that a binding generator makes of `wit/`: once for hosts and
//! for guests, whose generated types are equal and not the same.

/// A type that has the same content as `T`.
pub trait Translate<T> {
    /// Returns the content as a `T`.
    fn translate(self) -> T;
}

impl<T, U: Translate<T>> Translate<Vec<T>> for Vec<U> {
    fn translate(self) -> Vec<T> {
        self.into_iter().map(U::translate).collect()
    }
}

impl<T, U: Translate<T>> Translate<Option<T>> for Option<U> {
    fn translate(self) -> Option<T> {
        self.map(U::translate)
    }
}

impl<T, E, U: Translate<T>, F: Translate<E>> Translate<Result<T, E>> for Result<U, F> {
    fn translate(self) -> Result<T, E> {
        self.map(U::translate).map_err(F::translate)
    }
}

/// Types that the contract has as Rust has them.
macro_rules! unchanged {
    ($($type:ty),*) => {
        $(impl Translate<Self> for $type {
            fn translate(self) -> Self {
                self
            }
        })*
    };
}

unchanged!(String, bool, u32);

/// Implements [`Translate`] for all types of the contract, from and to those of a module: the interface `types` of `wit/`,
/// as `wit_bindgen::generate!` or `wasmtime::component::bindgen!` makes it.
///
/// A diagnostic from outside is [shortened](crate::Diagnostic::shortened).
#[macro_export]
macro_rules! translate {
    ($wit:ident) => {
        $crate::translate! { records in $wit:
            Capabilities { kube_version, api_versions }
            ChangeRequest { name, namespace, values, accept, install, snapshot }
            Command { purpose, line, unless, within }
            Description { name, version, summary, api_version, kind, app_versions, ownership_label }
            Difference { object, path, installed, desired }
            DocumentedCode { id, severity, summary, example }
            File { name, text }
            Manifest { api_version, kind, name, namespace, file_name, document }
            ObjectKind { group, name, optional, keys_only }
            Plan { name, namespace, summary, prelude, preflight, change, differences, warnings }
            Position { line, column }
            Release { service, revision, is_install, is_upgrade }
            Rendering { manifests, warnings, notes }
            Request { name, namespace, values, release, capabilities, installed }
            Step { name, title, reason, effects, manifests, files, commands }
        }
        $crate::translate! { variants in $wit:
            Change { Nothing, Apply(step), Steps(steps) }
            Severity { Error, Warning }
            State { Values(request), Objects(text) }
        }

        impl $crate::Translate<$wit::Diagnostic> for $crate::Diagnostic {
            fn translate(self) -> $wit::Diagnostic {
                let Self { severity, code, path, position, message, help } = self;
                $wit::Diagnostic {
                    severity: severity.translate(),
                    code: code.into_owned(),
                    path,
                    position: position.translate(),
                    message,
                    help,
                }
            }
        }

        impl $crate::Translate<$crate::Diagnostic> for $wit::Diagnostic {
            fn translate(self) -> $crate::Diagnostic {
                let Self { severity, code, path, position, message, help } = self;
                let diagnostic = $crate::Diagnostic {
                    severity: severity.translate(),
                    code: code.into(),
                    path,
                    position: position.translate(),
                    message,
                    help,
                };
                diagnostic.shortened()
            }
        }
    };
    (records in $wit:ident: $($record:ident $fields:tt)*) => {
        $(
            $crate::translate!(record ($crate::$record) to ($wit::$record) $fields);
            $crate::translate!(record ($wit::$record) to ($crate::$record) $fields);
        )*
    };
    (record ($from:path) to ($to:path) { $($field:ident),* }) => {
        impl $crate::Translate<$to> for $from {
            fn translate(self) -> $to {
                let Self { $($field),* } = self;
                $to { $($field: $field.translate()),* }
            }
        }
    };
    (variants in $wit:ident: $($type:ident $variants:tt)*) => {
        $(
            $crate::translate!(variant ($crate::$type) to ($wit::$type) $variants);
            $crate::translate!(variant ($wit::$type) to ($crate::$type) $variants);
        )*
    };
    (variant ($from:path) to ($to:path) { $($variant:ident $(($content:ident))?),* }) => {
        impl $crate::Translate<$to> for $from {
            fn translate(self) -> $to {
                match self {
                    $(Self::$variant $(($content))? => <$to>::$variant $(($content.translate()))?,)*
                }
            }
        }
    };
}
