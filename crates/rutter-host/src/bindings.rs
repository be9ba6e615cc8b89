//! The contract's records as the component model hands them over, and their translation to and from `rutter`'s types.
//! Generated types stop here.

use rutter::{
    Change, ChangeRequest, Command, Description, Diagnostic, Difference, DocumentedCode, File, Manifest, ObjectKind,
    Plan, Position, Rendering, Request, Severity, State, Step,
};

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

pub(crate) fn request(request: &Request) -> wit::Request {
    wit::Request {
        name: request.name.clone(),
        namespace: request.namespace.clone(),
        values: request.values.clone(),
        release: request.release.as_ref().map(|release| wit::Release {
            service: release.service.clone(),
            revision: release.revision,
            is_install: release.is_install,
            is_upgrade: release.is_upgrade,
        }),
        capabilities: request.capabilities.as_ref().map(|capabilities| wit::Capabilities {
            kube_version: capabilities.kube_version.clone(),
            api_versions: capabilities.api_versions.clone(),
        }),
        installed: request.installed.clone(),
    }
}

pub(crate) fn description(description: wit::Description) -> Description {
    Description {
        name: description.name,
        version: description.version,
        summary: description.summary,
        api_version: description.api_version,
        kind: description.kind,
        app_versions: description.app_versions,
        ownership_label: description.ownership_label,
    }
}

pub(crate) fn documented_code(code: wit::DocumentedCode) -> DocumentedCode {
    DocumentedCode {
        id: code.id,
        severity: severity(code.severity),
        summary: code.summary,
        example: code.example,
    }
}

pub(crate) fn rendering(rendering: wit::Rendering) -> Rendering {
    Rendering {
        manifests: rendering.manifests.into_iter().map(manifest).collect(),
        warnings: diagnostics(rendering.warnings),
        notes: rendering.notes,
    }
}

pub(crate) fn state(state: &State) -> wit::State {
    match state {
        State::Values(values) => wit::State::Values(request(values)),
        State::Objects(objects) => wit::State::Objects(objects.clone()),
    }
}

pub(crate) fn change_request(desired: &ChangeRequest) -> wit::ChangeRequest {
    wit::ChangeRequest {
        name: desired.name.clone(),
        namespace: desired.namespace.clone(),
        values: desired.values.clone(),
        accept: desired.accept.clone(),
        install: desired.install,
        snapshot: desired.snapshot,
    }
}

pub(crate) fn resource(resource: wit::ObjectKind) -> ObjectKind {
    ObjectKind {
        group: resource.group,
        name: resource.name,
        optional: resource.optional,
        keys_only: resource.keys_only,
    }
}

pub(crate) fn plan(plan: wit::Plan) -> Plan {
    Plan {
        name: plan.name,
        namespace: plan.namespace,
        summary: plan.summary,
        prelude: plan.prelude,
        preflight: plan.preflight.into_iter().map(command).collect(),
        change: match plan.change {
            wit::Change::Nothing => Change::Nothing,
            wit::Change::Apply(apply) => Change::Apply(step(apply)),
            wit::Change::Steps(steps) => Change::Steps(steps.into_iter().map(step).collect()),
        },
        differences: plan.differences.into_iter().map(difference).collect(),
        warnings: diagnostics(plan.warnings),
    }
}

fn difference(difference: wit::Difference) -> Difference {
    Difference {
        object: difference.object,
        path: difference.path,
        installed: difference.installed,
        desired: difference.desired,
    }
}

fn step(step: wit::Step) -> Step {
    Step {
        name: step.name,
        title: step.title,
        reason: step.reason,
        effects: step.effects,
        manifests: step.manifests.into_iter().map(manifest).collect(),
        files: step.files.into_iter().map(file).collect(),
        commands: step.commands.into_iter().map(command).collect(),
    }
}

fn file(file: wit::File) -> File {
    File {
        name: file.name,
        text: file.text,
    }
}

fn command(command: wit::Command) -> Command {
    Command {
        purpose: command.purpose,
        line: command.line,
        unless: command.unless,
        within: command.within,
    }
}

pub(crate) fn diagnostics(diagnostics: Vec<wit::Diagnostic>) -> Vec<Diagnostic> {
    diagnostics.into_iter().map(diagnostic).collect()
}

fn manifest(manifest: wit::Manifest) -> Manifest {
    Manifest {
        api_version: manifest.api_version,
        kind: manifest.kind,
        name: manifest.name,
        namespace: manifest.namespace,
        file_name: manifest.file_name,
        document: manifest.document,
    }
}

fn diagnostic(diagnostic: wit::Diagnostic) -> Diagnostic {
    Diagnostic {
        severity: severity(diagnostic.severity),
        code: diagnostic.code.into(),
        path: diagnostic.path,
        position: diagnostic.position.map(|position| Position {
            line: position.line,
            column: position.column,
        }),
        message: diagnostic.message,
        help: diagnostic.help,
    }
    .shortened()
}

fn severity(severity: wit::Severity) -> Severity {
    match severity {
        wit::Severity::Error => Severity::Error,
        wit::Severity::Warning => Severity::Warning,
    }
}
