//! The contract's records as the component model hands them over, and their translation to and from `rutter`'s types.

pub(crate) use self::documented::DocumentedPackagePre;
pub(crate) use self::world::PackagePre;
pub(crate) use self::world::exports::rutter::package::renderer::Guest as Renderer;
use self::world::rutter::package::types as wit;

/// The exports of a package that documents its diagnostics.
mod documented {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "documented-package",
        with: {
            "rutter:package/types": super::world::rutter::package::types,
        },
    });
}

mod world {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "%package",
    });
}

/// The exported instance that makes a component a package.
pub(crate) const RENDERER: &str = "rutter:package/renderer@0.2.0";

/// The exported instance of a package that documents its diagnostics.
pub(crate) const DOCUMENTATION: &str = "rutter:package/documentation@0.2.0";

/// The interface whose types the functions of [`RENDERER`] use.
pub(crate) const TYPES: &str = "rutter:package/types";

/// The functions of [`RENDERER`].
pub(crate) const FUNCTIONS: [&str; 6] = ["describe", "schema", "defaults", "render", "observes", "plan"];

rutter::translate!(wit);
