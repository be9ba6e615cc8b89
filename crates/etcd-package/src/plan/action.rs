//! Everything that a plan can do, as data.
//!
//! An action holds names and URLs that were read from values or from live objects. Only `shell` turns it into words of a
//! shell, and it quotes each. A model of etcd and Kubernetes carries actions out in the tests.

/// One thing that a step does, checks or waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Waits until each of these members serves.
    Healthy {
        /// The members.
        members: Vec<String>,
        /// A member that etcd may know already, by its URL: it may have to start yet, so that nothing is waited for.
        before_adding: Option<String>,
    },
    /// Waits until each of these members reaches all others that etcd knows.
    Connected {
        /// The members.
        members: Vec<String>,
    },
    /// Waits until etcd knows one of these numbers of members, and all of them are started and vote.
    Voters {
        /// The member that is asked.
        asked: String,
        /// The numbers.
        counts: Vec<u32>,
    },
    /// Checks that each of these members runs one of these releases.
    RunsVersion {
        /// The members.
        members: Vec<String>,
        /// The releases: `3.6.14`.
        versions: Vec<String>,
    },
    /// Has a member write a snapshot of the data to its volume.
    Snapshot {
        /// The member.
        member: String,
        /// The file, in the member's container.
        path: String,
        /// The claim of the volume that holds the file; none if it dies with its pod.
        claim: Option<String>,
    },
    /// Makes the fields of installed objects known to `kubectl apply` as its own, so that it removes those that the manifests
    /// no longer have.
    TakeOver {
        /// The files with the objects as they are installed.
        files: Vec<String>,
    },
    /// Checks, by asking the API server, that applying these manifests makes the live objects what the manifests are.
    Prove {
        /// The files of the manifests.
        files: Vec<String>,
    },
    /// Applies the step's manifests.
    Apply,
    /// Applies some of the step's manifests before the others.
    ApplyFiles {
        /// The files of the manifests.
        files: Vec<String>,
    },
    /// Checks that no member's database is larger than a quota.
    FitsQuota {
        /// The members.
        members: Vec<String>,
        /// The quota in bytes.
        bytes: u64,
    },
    /// Checks that the live objects are what these manifests are.
    Applied {
        /// The files of the manifests.
        files: Vec<String>,
    },
    /// Waits until every pod is of the current template and ready, as far as the partition lets it.
    RolledOut {
        /// The StatefulSet.
        set: String,
        /// The number of its pods.
        replicas: u32,
    },
    /// Waits until every pod is of the template of a StatefulSet that was just made.
    OfNewSet {
        /// The StatefulSet.
        set: String,
        /// Its pods.
        members: Vec<String>,
    },
    /// Waits until a pod is ready.
    Ready {
        /// The pod.
        member: String,
    },
    /// Checks that a member that is to come has no volume from the past: etcd does not start on one of a removed member.
    NoOldClaims {
        /// The member.
        member: String,
        /// The URL by which etcd knows it, if it does.
        url: String,
        /// A member that is asked.
        asked: String,
        /// Its claims.
        claims: Vec<String>,
    },
    /// Adds a member that gets the data before it can vote.
    AddLearner {
        /// The member.
        member: String,
        /// Its URL.
        url: String,
        /// A member that is asked.
        asked: String,
    },
    /// Gives a member its vote as soon as it has the data.
    Promote {
        /// The member.
        member: String,
        /// Its URL.
        url: String,
        /// A member that is asked.
        asked: String,
    },
    /// Removes a member.
    Remove {
        /// The member.
        member: String,
        /// A member that is asked.
        asked: String,
    },
    /// Notes which member has a name and is to be replaced, so that a run that starts again cannot take the new one for it.
    NoteReplaced {
        /// The member.
        member: String,
        /// A member that is asked.
        asked: String,
    },
    /// Removes the member that was noted.
    RemoveReplaced {
        /// The member.
        member: String,
        /// A member that is asked.
        asked: String,
    },
    /// Deletes the claims of the member that was removed, which go with its pod.
    DeleteReplacedClaims {
        /// The member.
        member: String,
        /// The URL of the new member.
        url: String,
        /// A member that is asked.
        asked: String,
        /// The claims.
        claims: Vec<String>,
    },
    /// Deletes the pod of the member that was removed. It comes back with new volumes.
    DeleteReplacedPod {
        /// The member.
        member: String,
        /// The URL of the new member.
        url: String,
        /// A member that is asked.
        asked: String,
    },
    /// Adds the new member, unless it is known by another ID already.
    AddReplacement {
        /// The member.
        member: String,
        /// Its URL.
        url: String,
        /// A member that is asked.
        asked: String,
    },
    /// Changes the URL by which etcd knows a member.
    UpdatePeerUrl {
        /// The member.
        member: String,
        /// The new URL.
        url: String,
        /// A member that is asked.
        asked: String,
    },
    /// Moves leadership to another member.
    MoveLeader {
        /// The member that is to lead no longer.
        from: String,
        /// The member that is to lead.
        to: String,
    },
    /// Waits until a pod has ended.
    PodGone {
        /// The pod.
        member: String,
    },
    /// Deletes claims.
    DeleteClaims {
        /// The claims.
        claims: Vec<String>,
    },
    /// Deletes the StatefulSet, and neither pods nor claims.
    DeleteSetOnly {
        /// The StatefulSet.
        set: String,
    },
    /// Gives pods labels, so that a new selector finds them.
    LabelPods {
        /// The pods.
        members: Vec<String>,
        /// The labels.
        labels: Vec<(String, String)>,
    },
    /// Grows a claim.
    GrowClaim {
        /// The claim.
        claim: String,
        /// Its new size.
        size: String,
    },
    /// Waits until every member's data are of a minor version of etcd.
    StoredAs {
        /// The members.
        members: Vec<String>,
        /// The minor version: `3.6`.
        minor: String,
    },
    /// Checks that the cluster can go back to a minor version.
    ValidateDowngrade {
        /// A member that is asked.
        asked: String,
        /// The minor version.
        minor: String,
    },
    /// Lets the cluster go back to a minor version.
    EnableDowngrade {
        /// A member that is asked.
        asked: String,
        /// The minor version.
        minor: String,
    },
    /// Restarts the members one after the other.
    Restart {
        /// The StatefulSet.
        set: String,
    },
    /// Waits until cert-manager has made these Certificates, as they are now.
    CertificatesReady {
        /// The Certificates.
        names: Vec<String>,
    },
    /// Checks that a Secret has these keys, and that none is empty.
    SecretHasKeys {
        /// The Secret.
        secret: String,
        /// The keys.
        keys: Vec<String>,
    },
    /// Copies a certificate into a Secret of another name.
    CopyCertificate {
        /// The Secret to read.
        from: String,
        /// The keys in it: CA, certificate, private key.
        keys: [String; 3],
        /// The Secret to create.
        to: String,
    },
    /// Adds the CA in one Secret to those in another.
    TrustBoth {
        /// The Secret to change.
        to: String,
        /// The Secret to read.
        from: String,
    },
    /// Replaces the certificate in one Secret by that in another, but not the CA.
    TakeCertificate {
        /// The Secret to change.
        to: String,
        /// The Secret to read.
        from: String,
    },
    /// Writes so many entries to the log, by deleting a key that is not there, so that each member makes a snapshot.
    FillLog {
        /// A member that is asked.
        asked: String,
        /// Their number.
        entries: u32,
    },
    /// Deletes an object that is no longer rendered.
    Prune {
        /// Its resource: `service`, `certificate.cert-manager.io`.
        resource: String,
        /// Its name.
        name: String,
    },
    /// Checks that the person may do something with resources: `create`, `statefulsets.apps`, `pods/exec`.
    Allowed {
        /// The verb.
        verb: String,
        /// The resources.
        resources: Vec<String>,
    },
    /// Checks that the API server knows a kind of objects.
    Served {
        /// The resource: `certificates.cert-manager.io`.
        resource: String,
    },
    /// Checks that a storage class exists.
    StorageClass {
        /// Its name.
        name: String,
    },
    /// Checks that there is no cluster of this name, and notes that this plan installs one.
    NotInstalled {
        /// The StatefulSet.
        set: String,
        /// The claims of its members.
        claims: Vec<String>,
    },
    /// Checks that the StatefulSet has one of these numbers of replicas: a plan is for one state of the cluster.
    HasReplicas {
        /// Its name.
        set: String,
        /// The numbers.
        counts: Vec<u32>,
        /// Whether it may be missing, because a step deletes it and creates it again.
        may_be_missing: bool,
    },
    /// Has the API server try the manifests of a step, without keeping them.
    DryRun {
        /// The directory of the step.
        directory: String,
        /// The file that is left out, since the object is deleted before it is applied.
        except: Option<String>,
        /// The files of objects that other tools have made. An apply would keep fields that are gone by the time of the step.
        replaced: Vec<String>,
    },
}

impl Action {
    /// Whether it changes nothing.
    #[must_use]
    pub fn is_check(&self) -> bool {
        match self {
            Self::Healthy { .. }
            | Self::Connected { .. }
            | Self::Voters { .. }
            | Self::RunsVersion { .. }
            | Self::FitsQuota { .. }
            | Self::Prove { .. }
            | Self::Applied { .. }
            | Self::RolledOut { .. }
            | Self::OfNewSet { .. }
            | Self::Ready { .. }
            | Self::NoOldClaims { .. }
            | Self::PodGone { .. }
            | Self::StoredAs { .. }
            | Self::ValidateDowngrade { .. }
            | Self::CertificatesReady { .. }
            | Self::SecretHasKeys { .. }
            | Self::Allowed { .. }
            | Self::Served { .. }
            | Self::StorageClass { .. }
            | Self::NotInstalled { .. }
            | Self::HasReplicas { .. }
            | Self::DryRun { .. } => true,
            Self::Snapshot { .. }
            | Self::TakeOver { .. }
            | Self::Apply
            | Self::ApplyFiles { .. }
            | Self::AddLearner { .. }
            | Self::Promote { .. }
            | Self::Remove { .. }
            | Self::NoteReplaced { .. }
            | Self::RemoveReplaced { .. }
            | Self::DeleteReplacedClaims { .. }
            | Self::DeleteReplacedPod { .. }
            | Self::AddReplacement { .. }
            | Self::UpdatePeerUrl { .. }
            | Self::MoveLeader { .. }
            | Self::DeleteClaims { .. }
            | Self::DeleteSetOnly { .. }
            | Self::LabelPods { .. }
            | Self::GrowClaim { .. }
            | Self::EnableDowngrade { .. }
            | Self::Restart { .. }
            | Self::CopyCertificate { .. }
            | Self::TrustBoth { .. }
            | Self::TakeCertificate { .. }
            | Self::FillLog { .. }
            | Self::Prune { .. } => false,
        }
    }

    /// The permissions that it requires, as verbs and resources, besides those for its manifests.
    pub(super) fn needs(&self) -> Vec<Permission> {
        const EXEC: [(&str, &str); 2] = [("get", "pods"), ("create", "pods/exec")];
        const CLAIMS: &str = "persistentvolumeclaims";
        const SETS: &str = "statefulsets.apps";
        // kubectl waits for objects, and for their deletion, by a list and a watch.
        const WATCH: [&str; 3] = ["get", "list", "watch"];
        const DELETE: [&str; 4] = ["get", "list", "watch", "delete"];
        const CHANGE: [&str; 2] = ["get", "patch"];
        let all = |verbs: &[&'static str], resource: &str| -> Vec<Permission> {
            verbs.iter().map(|verb| (*verb, resource.to_owned())).collect()
        };
        let exec = || EXEC.map(|(verb, resource)| (verb, resource.to_owned())).to_vec();
        let mut needs = Vec::new();
        match self {
            Self::Healthy { .. }
            | Self::Voters { .. }
            | Self::RunsVersion { .. }
            | Self::FitsQuota { .. }
            | Self::AddLearner { .. }
            | Self::Promote { .. }
            | Self::Remove { .. }
            | Self::NoteReplaced { .. }
            | Self::RemoveReplaced { .. }
            | Self::AddReplacement { .. }
            | Self::UpdatePeerUrl { .. }
            | Self::MoveLeader { .. }
            | Self::StoredAs { .. }
            | Self::ValidateDowngrade { .. }
            | Self::EnableDowngrade { .. }
            | Self::FillLog { .. }
            | Self::Snapshot { claim: None, .. } => needs.extend(exec()),
            Self::Connected { .. } => {
                needs.extend(exec());
                needs.extend(all(&["create"], "pods/portforward"));
            }
            Self::Snapshot { claim: Some(_), .. } | Self::NoOldClaims { .. } => {
                needs.extend(exec());
                needs.extend(all(&["get"], CLAIMS));
            }
            Self::DeleteReplacedClaims { .. } => {
                needs.extend(exec());
                needs.extend(all(&["get", "delete"], CLAIMS));
            }
            Self::DeleteReplacedPod { .. } => {
                needs.extend(exec());
                needs.extend(all(&DELETE, "pods"));
            }
            Self::RolledOut { .. } => needs.extend(all(&WATCH, SETS)),
            Self::OfNewSet { .. } => {
                needs.extend(all(&["get"], SETS));
                needs.extend(all(&["get"], "pods"));
            }
            Self::Ready { .. } | Self::PodGone { .. } => needs.extend(all(&WATCH, "pods")),
            Self::DeleteClaims { .. } => needs.extend(all(&DELETE, CLAIMS)),
            Self::DeleteSetOnly { .. } => needs.extend(all(&DELETE, SETS)),
            Self::LabelPods { .. } => needs.extend(all(&CHANGE, "pods")),
            Self::GrowClaim { .. } => needs.extend(all(&CHANGE, CLAIMS)),
            Self::Restart { .. } => needs.extend(all(&CHANGE, SETS)),
            Self::CertificatesReady { .. } => needs.extend(all(&["get"], "certificates.cert-manager.io")),
            Self::SecretHasKeys { .. } => needs.extend(all(&["get"], "secrets")),
            Self::CopyCertificate { .. } => needs.extend(all(&["get", "create"], "secrets")),
            Self::TrustBoth { .. } | Self::TakeCertificate { .. } => needs.extend(all(&CHANGE, "secrets")),
            Self::Prune { resource, .. } => needs.extend(all(&DELETE, &plural(resource))),
            Self::HasReplicas { .. } => needs.extend(all(&["get"], SETS)),
            Self::NotInstalled { .. } => {
                needs.extend(all(&["get"], SETS));
                needs.extend(all(&["get"], CLAIMS));
            }
            // Those for the manifests.
            Self::TakeOver { .. }
            | Self::Prove { .. }
            | Self::Apply
            | Self::ApplyFiles { .. }
            | Self::Applied { .. } => {}
            // They come before the first step, and fail by themselves.
            Self::Allowed { .. } | Self::Served { .. } | Self::StorageClass { .. } | Self::DryRun { .. } => {}
        }
        needs
    }

    /// Whether nothing can revert it. A snapshot of the data comes first.
    #[must_use]
    pub fn is_irreversible(&self) -> bool {
        matches!(
            self,
            Self::Remove { .. }
                | Self::RemoveReplaced { .. }
                | Self::DeleteReplacedClaims { .. }
                | Self::DeleteClaims { .. }
                | Self::EnableDowngrade { .. }
        )
    }

    /// Returns every text of it, for tests of what reaches a shell.
    #[doc(hidden)]
    pub fn texts(&mut self) -> Vec<&mut String> {
        match self {
            Self::Healthy { members, before_adding } => members.iter_mut().chain(before_adding.iter_mut()).collect(),
            Self::Connected { members } => members.iter_mut().collect(),
            Self::Voters { asked, counts: _ } => vec![asked],
            Self::RunsVersion { members, versions } => members.iter_mut().chain(versions.iter_mut()).collect(),
            Self::Snapshot { member, path, claim } => [member, path].into_iter().chain(claim.iter_mut()).collect(),
            Self::TakeOver { files } | Self::Prove { files } | Self::ApplyFiles { files } | Self::Applied { files } => {
                files.iter_mut().collect()
            }
            Self::Apply => Vec::new(),
            Self::FitsQuota { members, bytes: _ } => members.iter_mut().collect(),
            Self::RolledOut { set, replicas: _ } => vec![set],
            Self::OfNewSet { set, members } => [set].into_iter().chain(members.iter_mut()).collect(),
            Self::NotInstalled { set, claims } => [set].into_iter().chain(claims.iter_mut()).collect(),
            Self::Ready { member } | Self::PodGone { member } => vec![member],
            Self::NoOldClaims {
                member,
                url,
                asked,
                claims,
            }
            | Self::DeleteReplacedClaims {
                member,
                url,
                asked,
                claims,
            } => [member, url, asked].into_iter().chain(claims.iter_mut()).collect(),
            Self::AddLearner { member, url, asked }
            | Self::Promote { member, url, asked }
            | Self::DeleteReplacedPod { member, url, asked }
            | Self::AddReplacement { member, url, asked }
            | Self::UpdatePeerUrl { member, url, asked } => vec![member, url, asked],
            Self::Remove { member, asked }
            | Self::NoteReplaced { member, asked }
            | Self::RemoveReplaced { member, asked } => vec![member, asked],
            Self::MoveLeader { from, to } => vec![from, to],
            Self::DeleteClaims { claims } => claims.iter_mut().collect(),
            Self::DeleteSetOnly { set } | Self::Restart { set } => vec![set],
            Self::LabelPods { members, labels } => members
                .iter_mut()
                .chain(labels.iter_mut().flat_map(|(key, value)| [key, value]))
                .collect(),
            Self::GrowClaim { claim, size } => vec![claim, size],
            Self::StoredAs { members, minor } => [minor].into_iter().chain(members.iter_mut()).collect(),
            Self::ValidateDowngrade { asked, minor } | Self::EnableDowngrade { asked, minor } => vec![asked, minor],
            Self::CertificatesReady { names } => names.iter_mut().collect(),
            Self::SecretHasKeys { secret, keys } => [secret].into_iter().chain(keys.iter_mut()).collect(),
            Self::CopyCertificate { from, keys, to } => [from, to].into_iter().chain(keys.iter_mut()).collect(),
            Self::TrustBoth { to, from } | Self::TakeCertificate { to, from } => vec![to, from],
            Self::FillLog { asked, entries: _ } => vec![asked],
            Self::Prune { resource, name } => vec![resource, name],
            Self::Allowed { verb, resources } => [verb].into_iter().chain(resources.iter_mut()).collect(),
            Self::Served { resource } => vec![resource],
            Self::StorageClass { name } => vec![name],
            Self::HasReplicas {
                set,
                counts: _,
                may_be_missing: _,
            } => vec![set],
            Self::DryRun {
                directory,
                except,
                replaced,
            } => [directory]
                .into_iter()
                .chain(except.iter_mut())
                .chain(replaced.iter_mut())
                .collect(),
        }
    }
}

/// A verb and a resource: `get` and `statefulsets.apps`.
pub(super) type Permission = (&'static str, String);

/// The plural of a resource in the singular: `service`, `networkpolicy.networking.k8s.io`.
fn plural(resource: &str) -> String {
    let (kind, group) = match resource.split_once('.') {
        Some((kind, group)) => (kind, format!(".{group}")),
        None => (resource, String::new()),
    };
    match kind.strip_suffix('y') {
        Some(stem) => format!("{stem}ies{group}"),
        None => format!("{kind}s{group}"),
    }
}
