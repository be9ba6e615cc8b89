//! The ways in which a command fails, and the exit status of each.

use rutter::BadManifest;
use rutter::{Diagnostic, Plan};
use rutter_host::HostError;

use crate::output;

/// The exit code that a shell gives a program that SIGPIPE has ended.
const UNREAD: u8 = 128 + 13;

/// A diagnostic and the number of the source that its position is in.
#[derive(Debug)]
pub(crate) struct Located {
    pub(crate) source: u32,
    pub(crate) diagnostic: Diagnostic,
}

impl Located {
    /// Diagnostics of one source.
    pub(crate) fn all(source: u32, diagnostics: Vec<Diagnostic>) -> Vec<Self> {
        let located = |diagnostic| Self { source, diagnostic };
        diagnostics.into_iter().map(located).collect()
    }
}

/// Why a command gave no result.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The input is wrong, and this is how.
    Refused(Vec<Located>),
    /// The input is right, and there is no plan for the change: this is why, and what was asked in one line.
    NoPlan(Vec<Located>, String),
    /// It has been reported, and this is the exit code.
    Reported(u8),
    /// An expression or a field on the command line is wrong, and this is how.
    BadExpression(Located),
    /// The command line asks for something that cannot be.
    BadCommandLine(anyhow::Error),
    /// The package, its host or this machine failed. The input may be right.
    Host(anyhow::Error),
}

impl Failure {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(_) => 1,
            Self::Reported(code) => *code,
            Self::NoPlan(..) => Plan::REFUSED,
            Self::BadExpression(_) | Self::BadCommandLine(_) => 2,
            Self::Host(error) if output::is_unread(error) => UNREAD,
            Self::Host(_) => 3,
        }
    }
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        Self::Host(error.into())
    }
}

impl From<BadManifest> for Failure {
    fn from(error: BadManifest) -> Self {
        Self::Host(error.into())
    }
}
