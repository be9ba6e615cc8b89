//! The contract's records as the component model hands them over, and their translation to and from `rutter`'s types.
//! Generated types stop here.

use etcd_package::EtcdPackage;
use rutter::{
    Change, ChangeRequest, Command, Description, Diagnostic, Difference, DocumentedCode, File, Manifest, ObjectKind,
    Package as _, Plan, Rendering, Request, Severity, State, Step,
};

use self::world::exports::rutter::package::{documentation, renderer::Guest};
use self::world::rutter::package::types as wit;

#[allow(
    unsafe_code,
    unreachable_pub,
    reason = "generated: the canonical ABI deals in addresses"
)]
mod world {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "documented-package",
    });

    use super::Exports;

    export!(Exports with_types_in self);
}

struct Exports;

impl Guest for Exports {
    fn describe() -> wit::Description {
        description(EtcdPackage.describe())
    }

    fn schema() -> String {
        EtcdPackage.schema()
    }

    fn defaults() -> String {
        EtcdPackage.defaults()
    }

    fn render(request: wit::Request) -> Result<wit::Rendering, Vec<wit::Diagnostic>> {
        EtcdPackage
            .render(&self::request(request))
            .map(rendering)
            .map_err(diagnostics)
    }

    fn observes() -> Vec<wit::ObjectKind> {
        EtcdPackage.observes().into_iter().map(resource).collect()
    }

    fn plan(installed: wit::State, desired: wit::ChangeRequest) -> Result<wit::Plan, Vec<wit::Diagnostic>> {
        EtcdPackage
            .plan(&state(installed), &change_request(desired))
            .map(plan)
            .map_err(diagnostics)
    }
}

impl documentation::Guest for Exports {
    fn codes() -> Vec<wit::DocumentedCode> {
        EtcdPackage.codes().into_iter().map(documented_code).collect()
    }
}

fn documented_code(code: DocumentedCode) -> wit::DocumentedCode {
    wit::DocumentedCode {
        id: code.id,
        severity: severity(code.severity),
        summary: code.summary,
        example: code.example,
    }
}

fn state(state: wit::State) -> State {
    match state {
        wit::State::Values(values) => State::Values(request(values)),
        wit::State::Objects(objects) => State::Objects(objects),
    }
}

fn change_request(desired: wit::ChangeRequest) -> ChangeRequest {
    ChangeRequest {
        name: desired.name,
        namespace: desired.namespace,
        values: desired.values,
        accept: desired.accept,
        install: desired.install,
        snapshot: desired.snapshot,
    }
}

fn resource(resource: ObjectKind) -> wit::ObjectKind {
    wit::ObjectKind {
        group: resource.group,
        name: resource.name,
        optional: resource.optional,
        keys_only: resource.keys_only,
    }
}

fn plan(plan: Plan) -> wit::Plan {
    wit::Plan {
        name: plan.name,
        namespace: plan.namespace,
        summary: plan.summary,
        prelude: plan.prelude,
        preflight: plan.preflight.into_iter().map(command).collect(),
        change: match plan.change {
            Change::Nothing => wit::Change::Nothing,
            Change::Apply(apply) => wit::Change::Apply(step(apply)),
            Change::Steps(steps) => wit::Change::Steps(steps.into_iter().map(step).collect()),
        },
        differences: plan.differences.into_iter().map(difference).collect(),
        warnings: diagnostics(plan.warnings),
    }
}

fn difference(difference: Difference) -> wit::Difference {
    wit::Difference {
        object: difference.object,
        path: difference.path,
        installed: difference.installed,
        desired: difference.desired,
    }
}

fn step(step: Step) -> wit::Step {
    wit::Step {
        name: step.name,
        title: step.title,
        reason: step.reason,
        effects: step.effects,
        manifests: step.manifests.into_iter().map(manifest).collect(),
        files: step.files.into_iter().map(file).collect(),
        commands: step.commands.into_iter().map(command).collect(),
    }
}

fn file(file: File) -> wit::File {
    wit::File {
        name: file.name,
        text: file.text,
    }
}

fn command(command: Command) -> wit::Command {
    wit::Command {
        purpose: command.purpose,
        line: command.line,
        unless: command.unless,
        within: command.within,
    }
}

fn request(request: wit::Request) -> Request {
    Request {
        name: request.name,
        namespace: request.namespace,
        values: request.values,
        release: request.release.map(|release| rutter::Release {
            service: release.service,
            revision: release.revision,
            is_install: release.is_install,
            is_upgrade: release.is_upgrade,
        }),
        capabilities: request.capabilities.map(|capabilities| rutter::Capabilities {
            kube_version: capabilities.kube_version,
            api_versions: capabilities.api_versions,
        }),
        installed: request.installed,
    }
}

fn description(description: Description) -> wit::Description {
    wit::Description {
        name: description.name,
        version: description.version,
        summary: description.summary,
        api_version: description.api_version,
        kind: description.kind,
        app_versions: description.app_versions,
        ownership_label: description.ownership_label,
    }
}

fn rendering(rendering: Rendering) -> wit::Rendering {
    wit::Rendering {
        manifests: rendering.manifests.into_iter().map(manifest).collect(),
        warnings: diagnostics(rendering.warnings),
        notes: rendering.notes,
    }
}

fn manifest(manifest: Manifest) -> wit::Manifest {
    wit::Manifest {
        api_version: manifest.api_version,
        kind: manifest.kind,
        name: manifest.name,
        namespace: manifest.namespace,
        file_name: manifest.file_name,
        document: manifest.document,
    }
}

fn diagnostics(diagnostics: Vec<Diagnostic>) -> Vec<wit::Diagnostic> {
    diagnostics.into_iter().map(diagnostic).collect()
}

fn diagnostic(diagnostic: Diagnostic) -> wit::Diagnostic {
    wit::Diagnostic {
        severity: severity(diagnostic.severity),
        code: diagnostic.code.into_owned(),
        path: diagnostic.path,
        position: diagnostic.position.map(|position| wit::Position {
            line: position.line,
            column: position.column,
        }),
        message: diagnostic.message,
        help: diagnostic.help,
    }
}

fn severity(severity: Severity) -> wit::Severity {
    match severity {
        Severity::Error => wit::Severity::Error,
        Severity::Warning => wit::Severity::Warning,
    }
}
