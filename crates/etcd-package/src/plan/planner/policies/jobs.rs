//! The pods of CronJobs, which need DNS and the members' port for clients.

use super::CLIENTS;
use super::dns::Dns;
use super::peers::Time;
use super::pods::{Members, Pod, Stage};
use super::reach::{Access, Both, Reach};
use crate::plan::objects::Objects;
use crate::plan::planner::Planner;

/// Something that the pods of a CronJob need, and that policies take from them.
pub(in crate::plan::planner) struct ClosedJob {
    pub(in crate::plan::planner) name: String,
    /// The port of the members; none if it is DNS.
    pub(in crate::plan::planner) port: Option<u16>,
    /// Whether it is closed. Otherwise addresses or labels of namespaces decide, which are not known.
    pub(in crate::plan::planner) is_closed: bool,
}

/// The places of the pods of a CronJob.
struct Places<'a> {
    name: &'a str,
    /// None if it is new.
    installed: Option<usize>,
    desired: usize,
}

impl Planner<'_> {
    /// Returns the traffic that the pods of CronJobs need and do not have after the change.
    pub(in crate::plan::planner) fn closed_jobs(&self) -> Vec<ClosedJob> {
        let jobs = &self.rendered.cluster.jobs;
        let backup = jobs.backup.as_ref().map(|backup| &*backup.schedule.name);
        let names = backup
            .into_iter()
            .chain(jobs.defrag.as_ref().map(|defrag| &*defrag.name));
        let policies = self.policies();
        // Where too many are told apart, the change of a cluster of several is refused.
        let members = self.members_told_apart(policies);
        let members = members.unwrap_or_else(|| Members::of(self.from, self.to, vec![0]));
        let [old_members, new_members] = [Stage::Installed, Stage::Desired].map(|stage| members.at(stage));
        let staying = members.ordinals.iter().take_while(|at| **at < self.to.replicas).count();
        let mut pods = members.pods;
        let mut places = Vec::new();
        let pod = |objects: &Objects, name: &str| {
            let job = objects.named("batch", "CronJob", &self.to.namespace, name);
            job.map(Pod::of_job)
        };
        for name in names {
            let Some(desired) = pod(self.desired, name) else {
                continue;
            };
            let installed = pod(self.installed, name).map(|installed| {
                pods.push(installed);
                pods.len() - 1
            });
            pods.push(desired);
            places.push(Places {
                name,
                installed,
                desired: pods.len() - 1,
            });
        }
        let reach = Reach::of(policies, &pods);
        let dns = Dns::of(policies);
        let port = self.listened_ports().into_iter().find(|port| port.what == CLIENTS);
        let both = port.map(|port| {
            let before = Both::of(&reach, Time::Before, port.before);
            (port.after, before, Both::of(&reach, Time::After, port.after))
        });
        let mut found = Vec::new();
        for job in places {
            let mut add = |port: Option<u16>, lost: Vec<Access>| {
                if !lost.is_empty() {
                    found.push(ClosedJob {
                        name: job.name.to_owned(),
                        port,
                        is_closed: lost.contains(&Access::No),
                    });
                }
            };
            let old = job.installed.map(|pod| dns.of_pod(&reach, Time::Before, pod));
            let lost_dns = lost(old, dns.of_pod(&reach, Time::After, job.desired));
            add(None, lost_dns.into_iter().collect());
            let Some((port, before, after)) = &both else { continue };
            let members = old_members.clone().zip(new_members.clone()).take(staying);
            let lost_members = members.flat_map(|(old_member, new_member)| {
                let old = job.installed.map(|pod| before.access(pod, old_member));
                let [old_egress, old_ingress] = old.map_or([None, None], |old| old.map(Some));
                let [egress, ingress] = after.access(job.desired, new_member);
                [lost(old_egress, egress), lost(old_ingress, ingress)]
            });
            add(Some(*port), lost_members.flatten().collect());
        }
        found
    }
}

/// Returns the access after the change, if it is less than before. A new pod has lost what is certain to be closed.
fn lost(before: Option<Access>, after: Access) -> Option<Access> {
    let is_lost = match before {
        Some(before) => !before.is_kept_as(&after),
        None => after == Access::No,
    };
    is_lost.then_some(after)
}
