//! Running packages.

use std::fmt;
use std::sync::Arc;

use rutter::{
    ChangeRequest, Description, Diagnostic, DocumentedCode, ObjectKind, Plan, Rendering, Request, State, Translate as _,
};
use wasmtime::Store;

use crate::bindings::{self, DocumentedPackagePre, PackagePre, Renderer};
use crate::contract;
use crate::error::HostError;
use crate::host::Runtime;
use crate::sandbox::Sandbox;
use crate::slots::Slots;

/// A package that is loaded and linked.
///
/// Each call runs in a fresh instance that knows nothing of other calls and is gone afterwards, under the host's
/// [`Limits`](crate::Limits). Calls from many threads run in parallel. Cloning is cheap.
///
/// What a package writes to standard error is kept only to explain a crash.
#[derive(Clone)]
pub struct Package {
    linked: PackagePre<Sandbox>,
    runtime: Arc<Runtime>,
    /// What is known without asking.
    description: Option<Arc<Description>>,
}

impl Package {
    pub(crate) fn new(linked: PackagePre<Sandbox>, runtime: Arc<Runtime>, description: Option<Description>) -> Self {
        Self {
            linked,
            runtime,
            description: description.map(Arc::new),
        }
    }

    /// Who the package is.
    ///
    /// # Errors
    ///
    /// [`HostError::Trap`] and the limits.
    pub fn describe(&self) -> Result<Description, HostError> {
        if let Some(description) = &self.description {
            return Ok(Description::clone(description));
        }
        let answer = self.call(|store, renderer| renderer.call_describe(store))?;
        Ok(answer.translate())
    }

    /// The JSON Schema (draft-07) of its values, as JSON text.
    ///
    /// # Errors
    ///
    /// [`HostError::Trap`] and the limits.
    pub fn schema(&self) -> Result<String, HostError> {
        self.call(|store, renderer| renderer.call_schema(store))
    }

    /// All its values with their defaults, as commented YAML.
    ///
    /// # Errors
    ///
    /// [`HostError::Trap`] and the limits.
    pub fn defaults(&self) -> Result<String, HostError> {
        self.call(|store, renderer| renderer.call_defaults(store))
    }

    /// The kinds of diagnostics that it can give; none if it does not document them.
    ///
    /// # Errors
    ///
    /// [`HostError::WrongExport`], [`HostError::Trap`] and the limits.
    pub fn codes(&self) -> Result<Vec<DocumentedCode>, HostError> {
        let linked = self.linked.instance_pre();
        if linked
            .component()
            .get_export_index(None, bindings::DOCUMENTATION)
            .is_none()
        {
            return Ok(Vec::new());
        }
        let linked = DocumentedPackagePre::new(linked.clone()).map_err(|error| HostError::WrongExport(error.into()))?;
        let codes = self.run(|store| {
            let instance = linked.instantiate(&mut *store)?;
            instance.rutter_package_documentation().call_codes(store)
        })?;
        Ok(codes.translate())
    }

    /// Renders manifests, or gives everything that is wrong with the values and the warnings beside it; at least one of
    /// these is an error.
    ///
    /// The file names of the manifests are safe to use in any folder: each is one plain name, and no two are equal.
    ///
    /// # Errors
    ///
    /// [`HostError::Trap`], the limits, and [`HostError::Contract`]. None of them says anything about the values.
    pub fn render(&self, request: &Request) -> Result<Result<Rendering, Vec<Diagnostic>>, HostError> {
        self.check_input(size(request))?;
        let request = request.clone().translate();
        let answer = self.call(|store, renderer| renderer.call_render(store, &request))?;
        let answer = answer.translate();
        match &answer {
            Ok(rendering) => contract::check_rendering(rendering),
            Err(diagnostics) => contract::check_refusal(diagnostics),
        }
        .map_err(HostError::Contract)?;
        Ok(answer)
    }

    /// Returns the kinds of objects that [`Package::plan`] reads.
    ///
    /// # Errors
    ///
    /// [`HostError::Trap`], the limits, and [`HostError::Contract`].
    pub fn observes(&self) -> Result<Vec<ObjectKind>, HostError> {
        let answer = self.call(|store, renderer| renderer.call_observes(store))?;
        let resources: Vec<ObjectKind> = answer.translate();
        contract::check_resources(&resources).map_err(HostError::Contract)?;
        Ok(resources)
    }

    /// Plans the steps from the installed to the desired state, or returns why there are no safe ones; at least one of the
    /// diagnostics is an error then.
    ///
    /// The names of steps, of their manifests and of their files are safe to use in any directory, as those of
    /// [`Package::render`] are. Its commands do what the package wants: a person reads them before they run.
    ///
    /// # Errors
    ///
    /// As for [`Package::render`].
    pub fn plan(&self, installed: &State, desired: &ChangeRequest) -> Result<Result<Plan, Vec<Diagnostic>>, HostError> {
        let size_of_installed = match installed {
            State::Values(request) => size(request),
            State::Objects(text) => text.len(),
        };
        self.check_input(size_of_installed.saturating_add(size_of_change(desired)))?;
        let (installed, desired) = (installed.clone().translate(), desired.clone().translate());
        let answer = self.call(|store, renderer| renderer.call_plan(store, &installed, &desired))?;
        let answer = answer.translate();
        match &answer {
            Ok(plan) => contract::check_plan(plan),
            Err(diagnostics) => contract::check_refusal(diagnostics),
        }
        .map_err(HostError::Contract)?;
        Ok(answer)
    }

    /// Whether it is also a command: a component that `wasmtime run` can start (`wasi:cli/run` of any version).
    #[must_use]
    pub fn is_command(&self) -> bool {
        let component = self.linked.instance_pre().component();
        let component_type = component.component_type();
        let mut exports = component_type.exports(component.engine());
        exports.any(|(name, _)| name == "wasi:cli/run" || name.starts_with("wasi:cli/run@"))
    }

    fn check_input(&self, bytes: usize) -> Result<(), HostError> {
        let most = self.runtime.limits.input;
        if bytes > most {
            return Err(HostError::InputLimit(most));
        }
        Ok(())
    }

    fn call<T>(
        &self,
        function: impl FnOnce(&mut Store<Sandbox>, &Renderer) -> wasmtime::Result<T>,
    ) -> Result<T, HostError> {
        self.run(|store| {
            let instance = self.linked.instantiate(&mut *store)?;
            function(store, instance.rutter_package_renderer())
        })
    }

    fn run<T>(&self, call: impl FnOnce(&mut Store<Sandbox>) -> wasmtime::Result<T>) -> Result<T, HostError> {
        let Runtime {
            engine,
            limits,
            watchdog,
            slots,
            ..
        } = &*self.runtime;
        // Taken before the clock starts: waiting is not the package's time.
        let _slot = slots.as_ref().map(Slots::take);
        let mut store = Store::new(engine, Sandbox::new(limits.memory));
        store.limiter(|sandbox| sandbox);
        store.set_hostcall_fuel(limits.output);
        let watch = watchdog.watch(&mut store, limits.time);
        let _watch = watch.map_err(|error| HostError::Engine(error.into()))?;
        let result = call(&mut store);
        result.map_err(|error| HostError::from_call(&error, store.into_data().into_stderr(), limits))
    }
}

/// The text of a request, in bytes.
fn size(request: &Request) -> usize {
    let Request {
        name,
        namespace,
        values,
        release,
        capabilities,
        installed,
    } = request;
    let release = release.iter().map(|release| &release.service);
    let capabilities = capabilities.iter();
    let capabilities = capabilities.flat_map(|known| [&known.kube_version].into_iter().chain(&known.api_versions));
    let texts = [name, namespace, values]
        .into_iter()
        .chain(installed)
        .chain(release)
        .chain(capabilities);
    texts.map(String::len).sum()
}

/// The text of a change request, in bytes.
fn size_of_change(desired: &ChangeRequest) -> usize {
    let ChangeRequest {
        name,
        namespace,
        values,
        accept,
        install: _,
        snapshot: _,
    } = desired;
    let texts = [values].into_iter().chain(name).chain(namespace).chain(accept);
    texts.map(String::len).sum()
}

impl fmt::Debug for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Package").finish_non_exhaustive()
    }
}
