//! Checks of a component that need no compiler, so that what is no package is refused at once.

use wasmparser::{Encoding, Parser, Payload};

use crate::bindings;
use crate::error::HostError;
use crate::host;

/// The most names of imports in an error.
const NAMES: usize = 12;

/// Checks the names of what a component exports and imports.
///
/// The compiler validates the component, and the linker checks the types.
///
/// # Errors
///
/// [`HostError::NotAComponent`], [`HostError::MissingExport`], [`HostError::ForbiddenImports`].
pub(crate) fn check(component: &[u8]) -> Result<(), HostError> {
    let malformed = |error: wasmparser::BinaryReaderError| HostError::NotAComponent(error.into());
    let (mut depth, mut is_renderer, mut forbidden) = (0_usize, false, Vec::new());
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(malformed)? {
            Payload::Version {
                encoding: Encoding::Module,
                ..
            } if depth == 0 => return Err(HostError::NotAComponent("it is a core module".into())),
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            // That of the component itself is the last payload.
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(imports) if depth == 0 => {
                for import in imports {
                    let name = import.map_err(malformed)?.name.name;
                    if !host::is_offered(name) && forbidden.len() < NAMES {
                        forbidden.push(name.to_owned());
                    }
                }
            }
            Payload::ComponentExportSection(exports) if depth == 0 => {
                for export in exports {
                    is_renderer |= export.map_err(malformed)?.name.name == bindings::RENDERER;
                }
            }
            _ => {}
        }
    }
    if !is_renderer {
        return Err(HostError::MissingExport(bindings::RENDERER.to_owned()));
    }
    if forbidden.is_empty() {
        Ok(())
    } else {
        Err(HostError::ForbiddenImports(forbidden))
    }
}
