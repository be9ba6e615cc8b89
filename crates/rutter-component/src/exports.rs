//! The typed exports of any package.

use std::marker::PhantomData;

use rutter::{Package, Translate as _};

use self::bindings::exports::rutter::package::{documentation, renderer};
use self::bindings::rutter::package::types as wit;

#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    reason = "generated: the canonical ABI uses addresses"
)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "documented-package",
        pub_export_macro: true,
        default_bindings_module: "rutter_component::bindings",
    });
}

rutter::translate!(wit);

/// The exports of a package of type `P`.
#[derive(Debug)]
pub struct Exports<P>(PhantomData<P>);

impl<P: Package + Default + 'static> renderer::Guest for Exports<P> {
    fn describe() -> wit::Description {
        P::default().describe().translate()
    }

    fn schema() -> String {
        P::default().schema()
    }

    fn defaults() -> String {
        P::default().defaults()
    }

    fn render(request: wit::Request) -> Result<wit::Rendering, Vec<wit::Diagnostic>> {
        P::default().render(&request.translate()).translate()
    }

    fn observes() -> Vec<wit::ObjectKind> {
        P::default().observes().translate()
    }

    fn plan(installed: wit::State, desired: wit::ChangeRequest) -> Result<wit::Plan, Vec<wit::Diagnostic>> {
        P::default()
            .plan(&installed.translate(), &desired.translate())
            .translate()
    }
}

impl<P: Package + Default + 'static> documentation::Guest for Exports<P> {
    fn codes() -> Vec<wit::DocumentedCode> {
        P::default().codes().translate()
    }
}
