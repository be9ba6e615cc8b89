//! Loading packages.

use std::fs::File;
use std::io::Read as _;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use rutter::Description;
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime::{Config, Engine};

use crate::bindings;
#[cfg(feature = "compile")]
use crate::compile;
#[cfg(feature = "compile")]
use crate::compiler::Compiler;
use crate::engine;
use crate::error::HostError;
use crate::image;
#[cfg(feature = "compile")]
use crate::inspect;
use crate::limits::Limits;
use crate::package::Package;
use crate::sandbox::{Import, Sandbox};
use crate::slots::Slots;
use crate::watchdog::Watchdog;

/// What loads packages: an engine, the imports that packages are given, and the limits that they run under.
///
/// Making one takes tens of microseconds. It is cheap to clone and can be used from many threads.
#[derive(Clone)]
pub struct Host {
    runtime: Arc<Runtime>,
    #[cfg(feature = "compile")]
    compiler: Option<Arc<Compiler>>,
}

/// What all packages of one host share.
pub(crate) struct Runtime {
    pub(crate) engine: Engine,
    pub(crate) limits: Limits,
    pub(crate) watchdog: Watchdog,
    /// Where calls run, if that is set aside.
    pub(crate) slots: Option<Slots>,
    linker: Linker<Sandbox>,
}

impl Host {
    /// Makes a host whose packages run under `limits`.
    ///
    /// # Errors
    ///
    /// [`HostError::Engine`] if wasmtime cannot run on this machine.
    pub fn new(limits: Limits) -> Result<Self, HostError> {
        Self::with(&engine::running(), limits, None)
    }

    /// Makes a host for a program that renders over and over: a server, or a stream of many objects.
    ///
    /// It sets aside what `calls` at the same time need, so that a call finds everything in place; the next one waits until
    /// one of these is done. Twice the number of processors is plenty. A package has at most two memories and eight tables
    /// here, which is more than compilers make.
    ///
    /// Making one takes about a millisecond and some address space, gigabytes for each call; memory itself is taken as it
    /// is used, and up to 4 MiB for each call are kept.
    ///
    /// # Errors
    ///
    /// [`HostError::Engine`] if wasmtime cannot run on this machine, or has not got the address space.
    pub fn pooled(limits: Limits, calls: NonZeroU32) -> Result<Self, HostError> {
        let slots = Slots::new(calls.get());
        Self::with(&engine::pooling(&limits, calls.get()), limits, Some(slots))
    }

    fn with(config: &Config, limits: Limits, slots: Option<Slots>) -> Result<Self, HostError> {
        let engine = Engine::new(config).map_err(|error| HostError::Engine(error.into()))?;
        let mut linker = Linker::new(&engine);
        Sandbox::add_to_linker(&mut linker).map_err(|error| HostError::Engine(error.into()))?;
        Ok(Self {
            runtime: Arc::new(Runtime {
                watchdog: Watchdog::new(engine.clone()),
                engine,
                limits,
                slots,
                linker,
            }),
            #[cfg(feature = "compile")]
            compiler: None,
        })
    }

    /// Compiles components with this program, which is held to [`Limits::compile_time`] and [`Limits::compile_memory`].
    ///
    /// Without one, they are compiled in this process, where nothing limits it. Use it for all components that need not
    /// be trusted.
    #[cfg(feature = "compile")]
    #[must_use]
    pub fn compiling_with(mut self, compiler: Compiler) -> Self {
        self.compiler = Some(Arc::new(compiler));
        self
    }

    /// Loads the component in the file `path`, which need not be trusted. See [`Host::load_bytes`].
    ///
    /// # Errors
    ///
    /// [`HostError::Read`] and the errors of [`Host::load_bytes`].
    pub fn load(&self, path: impl AsRef<Path>) -> Result<Package, HostError> {
        let path = path.as_ref();
        // One byte more is enough to be refused: not all that can be read has an end.
        let most = u64::try_from(self.runtime.limits.component).unwrap_or(u64::MAX);
        let mut component = Vec::new();
        File::open(path)
            .and_then(|file| file.take(most.saturating_add(1)).read_to_end(&mut component))
            .map_err(|source| HostError::Read {
                path: path.to_owned(),
                source,
            })?;
        self.load_bytes(&component)
    }

    /// Loads a component in the binary format, which need not be trusted if it is compiled with a [`Compiler`].
    ///
    /// Compiling takes about a second per megabyte. What is no package is refused before.
    ///
    /// # Errors
    ///
    /// - [`HostError::ComponentLimit`] if it is larger than is accepted;
    /// - [`HostError::NotAComponent`], [`HostError::Precompiled`] if it is something else;
    /// - [`HostError::MissingExport`], [`HostError::WrongExport`] if it is not a package;
    /// - [`HostError::ForbiddenImports`], [`HostError::WrongImport`] if it imports what packages are not given;
    /// - [`HostError::CompileTimeLimit`], [`HostError::CompileMemoryLimit`], [`HostError::Compiler`] if it cannot be
    ///   compiled;
    /// - [`HostError::NoCompiler`] if this build cannot compile.
    pub fn load_bytes(&self, component: &[u8]) -> Result<Package, HostError> {
        let most = self.runtime.limits.component;
        if component.len() > most {
            return Err(HostError::ComponentLimit(most));
        }
        if Engine::detect_precompiled(component).is_some() {
            return Err(HostError::Precompiled);
        }
        #[cfg(feature = "compile")]
        {
            inspect::check(component)?;
            match &self.compiler {
                Some(compiler) => self.load_with(compiler, component),
                None => self.load_native(&compile::native(component)?, None),
            }
        }
        #[cfg(not(feature = "compile"))]
        Err(HostError::NoCompiler)
    }

    #[cfg(feature = "compile")]
    fn load_with(&self, compiler: &Compiler, component: &[u8]) -> Result<Package, HostError> {
        let limits = &self.runtime.limits;
        let Some(cache) = compiler.cache() else {
            return self.load_native(&compiler.compile(component, limits)?, None);
        };
        let key = compile::key(component)?;
        if let Some(image) = cache.read(&key)
            && let Some((native, description)) = image::split(&image)
            && let Ok(package) = self.load_native(native, Some(description))
        {
            return Ok(package);
        }
        let native = compiler.compile(component, limits)?;
        let package = self.load_native(&native, None)?;
        // A package that cannot describe itself says so when it is asked. What cannot be kept is compiled once more.
        if let Ok(description) = package.describe() {
            let _ = cache.write(&key, &image::join(native, &description));
        }
        Ok(package)
    }

    /// Loads what a compiler has made: that of this very process, or the [`Compiler`] that it is told to trust.
    #[cfg(feature = "compile")]
    pub(crate) fn load_native(&self, native: &[u8], description: Option<Description>) -> Result<Package, HostError> {
        // SAFETY: It was made by wasmtime's compiler: in this process, in one that this process started, or earlier by one
        // of the two. In the last case it comes from a file that only this user can write, and is whole by its digest.
        #[allow(unsafe_code, reason = "the engine that compiles is not the one that runs")]
        let component = unsafe { Component::deserialize(&self.runtime.engine, native) };
        self.link(component, description)
    }

    /// Loads a component that [`precompile`](crate::precompile) compiled, for programs that carry their packages inside.
    ///
    /// Where `image` starts at a page of memory, it runs in place the first time that it is loaded in a process, which
    /// saves a program that renders once most of its time:
    /// `static IMAGE: &Aligned<[u8]> = &Aligned(*include_bytes!("…"))` with an `Aligned` that is
    /// `#[repr(C, align(4096))]`. Otherwise it is copied.
    ///
    /// # Safety
    ///
    /// `image` is native code, and what it does is up to it. It must be what [`precompile`](crate::precompile) gave,
    /// unchanged. Images for other versions of wasmtime or other machines are noticed, malice is not.
    ///
    /// # Errors
    ///
    /// [`HostError::Incompatible`] if the image is for another version or another machine, and what
    /// [`Host::load_bytes`] says of components that are not packages.
    #[allow(
        unsafe_code,
        reason = "only the caller can know whether native code is to be trusted"
    )]
    pub unsafe fn load_precompiled(&self, image: &'static [u8]) -> Result<Package, HostError> {
        let (native, description) =
            image::split(image).ok_or_else(|| HostError::Incompatible(NOT_PRECOMPILED.into()))?;
        // SAFETY: The caller's promise is the same.
        self.link(unsafe { image::load(&self.runtime.engine, native) }, Some(description))
    }

    fn link(
        &self,
        component: wasmtime::Result<Component>,
        description: Option<Description>,
    ) -> Result<Package, HostError> {
        let component = &component.map_err(|error| match self.runtime.slots {
            Some(_) => HostError::Pool(error.into()),
            None => HostError::Incompatible(error.into()),
        })?;
        let linked = self.runtime.linker.instantiate_pre(component);
        let linked = linked.or_else(|error| match forbidden_imports(component) {
            names if names.is_empty() => self.link_rest(component, error),
            names => Err(HostError::ForbiddenImports(names)),
        })?;
        let package = bindings::PackagePre::new(linked).map_err(|error| match missing_export(component) {
            Some(name) => HostError::MissingExport(name),
            None => HostError::WrongExport(error.into()),
        })?;
        Ok(Package::new(package, Arc::clone(&self.runtime), description))
    }

    /// Links a component that imports more than most do, or gives the `error` of linking it without.
    fn link_rest(&self, component: &Component, error: wasmtime::Error) -> Result<InstancePre<Sandbox>, HostError> {
        let mut linker = self.runtime.linker.clone();
        match Sandbox::add_rest_to_linker(&mut linker, component) {
            Ok(false) => Err(error),
            Ok(true) => linker.instantiate_pre(component),
            Err(error) => Err(error),
        }
        .map_err(|error| HostError::WrongImport(error.into()))
    }
}

const NOT_PRECOMPILED: &str = "this is not what `precompile` gives";

/// Whether packages are given an import of this name.
pub(crate) fn is_offered(name: &str) -> bool {
    // The contract's own types are imported as names for what the exports consist of.
    Import::of(name).is_some() || name.split('@').next() == Some(bindings::TYPES)
}

/// The imports of a component that packages are not given.
fn forbidden_imports(component: &Component) -> Vec<String> {
    let ty = component.component_type();
    let names = ty.imports(component.engine()).map(|(name, _)| name);
    names.filter(|name| !is_offered(name)).map(str::to_owned).collect()
}

/// The first thing that packages export and a component does not.
fn missing_export(component: &Component) -> Option<String> {
    let Some(renderer) = component.get_export_index(None, bindings::RENDERER) else {
        return Some(bindings::RENDERER.to_owned());
    };
    bindings::FUNCTIONS
        .iter()
        .find(|function| component.get_export_index(Some(&renderer), function).is_none())
        .map(|function| format!("{}#{function}", bindings::RENDERER))
}
