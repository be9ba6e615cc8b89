//! Clients that a change cuts off, or that it lets in.

mod certificates;
mod history;
mod listeners;
mod policies;
mod services;

pub(in crate::plan::planner) use self::listeners::client_port;
use super::super::Planner;

impl Planner<'_> {
    pub(super) fn warn_of_clients(&self, warn: &mut impl FnMut(&'static rutter::Code, &str, String, &str)) {
        self.warn_of_listeners(warn);
        self.warn_of_services(warn);
        self.warn_of_policies(warn);
        self.warn_of_certificates(warn);
        self.warn_of_history(warn);
    }
}
