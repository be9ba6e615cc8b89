//! Pods of earlier templates, which an update has not reached. A plan takes them for pods of the current template, or there is
//! none.

use rutter::{Diagnostic, Diagnostics};

use super::super::changes::Comparison;
use super::super::fact::Fact;
use super::super::observed::{Earlier, ObservedCluster, PeerTls, Strategy, TlsFiles, quoted};
use super::super::rules::Meaning;
use super::Planner;
use super::warnings::client_port;
use crate::codes::{CLUSTER_NOT_HEALTHY, UNSAFE_CHANGE};
use crate::values::UpdateType;

impl Planner<'_> {
    /// Refuses to move the port of clients in one apply while the update leaves pods of an earlier template. Steps restart all
    /// pods.
    pub(super) fn check_client_port(&self, diagnostics: &mut Diagnostics) {
        let update = &self.rendered.cluster.update;
        let leaves_some = update.partition > 0 || update.kind == UpdateType::OnDelete;
        if let (Some(old), Some(new)) = (client_port(self.from), client_port(self.to))
            && leaves_some
            && old != new
        {
            let message = "pods of an earlier template stay and serve clients at the old port, while Services and policies have the \
                           new one at once";
            diagnostics.push(
                Diagnostic::new(&UNSAFE_CHANGE, "ports.client", message)
                    .help("write update: {type: RollingUpdate, partition: 0} for this change"),
            );
        }
    }

    /// Refuses to change a cluster with pods of earlier templates, unless a restart makes them what the current one says.
    pub(super) fn check_earlier(&self, strategy: Strategy, is_nothing: bool, diagnostics: &mut Diagnostics) {
        let (name, namespace) = (&self.from.fullname, &self.from.namespace);
        let mut refuse = |message: String, help: String| {
            diagnostics.push(Diagnostic::new(&CLUSTER_NOT_HEALTHY, "", message).help(help))
        };
        // A partition says which pods stay as they are.
        if is_nothing && strategy == Strategy::Partition {
            return;
        }
        if is_nothing || !self.template_changes().is_empty() {
            return refuse(
                "some pods are of an earlier template".to_owned(),
                match strategy {
                    Strategy::Partition => {
                        "finish the update that is under way first: plan it with update.partition: 0".to_owned()
                    }
                    Strategy::OnDelete => format!(
                        "delete these pods first, one at a time (`kubectl get pods -n {namespace} -L controller-revision-hash` \
                         shows which; the current one is .status.updateRevision of statefulset/{name})"
                    ),
                },
            );
        }
        if self.finishes_update() && self.is_ephemeral() {
            return refuse(
                "some pods are of an earlier template, and a member that restarts loses its data".to_owned(),
                "an earlier plan has stopped halfway: go on with its run.sh".to_owned(),
            );
        }
        let all = match &self.from.earlier {
            Fact::Known(all) => all,
            Fact::Absent => return,
            Fact::Unknown(reason) => {
                return refuse(
                    format!("some pods are of an earlier template, which is not known: {reason}"),
                    "give the pods and the ControllerRevisions as well (--live does)".to_owned(),
                );
            }
        };
        for earlier in all {
            let unlike = self.unlike(earlier);
            if !unlike.is_empty() {
                refuse(
                    format!(
                        "pods of an earlier template would not restart as they are ({}): {}",
                        earlier.members.join(", "),
                        unlike.join("; ")
                    ),
                    format!(
                        "if an earlier plan has stopped halfway, go on with its run.sh; else bring all pods to one template as \
                         they came to the two (`kubectl rollout history statefulset/{name} -n {namespace}` lists them), and plan \
                         again"
                    ),
                );
            }
        }
    }

    /// The differences of an earlier template that a restart does not settle: in what decides on members, data, trust and
    /// reach.
    fn unlike(&self, earlier: &Earlier) -> Vec<String> {
        let (was, is) = (&earlier.cluster, self.from);
        let comparison = Comparison {
            installed: self.installed,
            desired: self.installed,
            own_manifests: usize::MAX,
            is_rendered: false,
            from: was,
            to: is,
            accepted: &[],
        };
        let found = comparison.differences(&was.set, &is.set);
        let has = |field: &str| found.iter().any(|found| found.path.contains(field));
        let mounts_differ = has("spec.volumes") || has(".volumeMounts");
        let mut unlike: Vec<String> = found
            .iter()
            .filter(|found| !matches!(found.meaning, Some(Meaning::Nothing | Meaning::Restart)))
            // Below, by the claims of the pods.
            .filter(|found| !found.path.starts_with("spec.volumeClaimTemplates"))
            .map(|found| format!("{} is {} and not {}", found.path, found.installed, found.desired))
            .collect();
        if let Some(reason) = was.options.opaque() {
            unlike.push(format!("etcd's options are not known: {reason}"));
        }
        if let Some(claims) = &earlier.other_claims {
            unlike.push(match claims.as_slice() {
                [] => "there are no claims".to_owned(),
                claims => format!("the claims are of the templates {}", quoted(&claims.join(", "))),
            });
        }
        // What is not known is the same only if it is read from the same place.
        let is_known = |files: &TlsFiles| {
            let unknown = [&files.certificate, &files.private_key, &files.ca];
            !mounts_differ || unknown.into_iter().all(|file| file.unknown().is_none())
        };
        let peers_are_known = match &is.peer_tls {
            Fact::Known(PeerTls::Identity(files)) => is_known(files),
            Fact::Known(PeerTls::Plain | PeerTls::Auto) => true,
            Fact::Absent | Fact::Unknown(_) => !mounts_differ,
        };
        let minor = |cluster: &ObservedCluster| cluster.version.known().map(|version| version.minor());
        let facts = [
            (was.peer_url(0) == is.peer_url(0), "the peer URL"),
            (
                was.peer_tls == is.peer_tls && peers_are_known,
                "the trust among members",
            ),
            (
                was.client_files == is.client_files && is_known(&is.client_files),
                "the trust in clients",
            ),
            (
                was.data.known() == is.data.known() && is.data.known().is_some(),
                "the volume of the data",
            ),
            (
                was.wal.known() == is.wal.known() && is.wal.known().is_some(),
                "the volume of the log",
            ),
            (
                minor(was) == minor(is) && (minor(is).is_some() || !has(".image")),
                "the minor version of etcd",
            ),
            (
                was.etcdctl == is.etcdctl && was.container == is.container,
                "the way to call etcdctl",
            ),
        ];
        let differ = facts.iter().filter(|(is_same, _)| !is_same);
        unlike.extend(differ.map(|(_, what)| format!("{what} differs")));
        unlike
    }
}
