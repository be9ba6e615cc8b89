//! A model of Kubernetes, cert-manager and etcd, with the behaviour that plans rely on.
//!
//! It runs the actions of a plan with an exhaustive match: an action that it does not support does not compile. It
//! fails on anything else that it does not support, and if the cluster would lose its quorum, its data, or trust
//! between members.
//!
//! Controllers take time. With [`Pace::Eager`] they act as soon as they can, with [`Pace::Lazy`] as late as the plan
//! lets them. A plan must work with both.

mod live;
mod settings;
mod tracked;
mod trust;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use anyhow::{Context as _, Result, bail, ensure};
use etcd_package::cluster::OWNERSHIP_LABEL;
use etcd_package::{Action, Planned, PlannedStep};
use rutter::Manifest;
use serde_json::{Value, json};

use crate::oracles::documents;
use live::{Live, has_labels, labels, list, selects};
use settings::{Bootstrap, Place, Settings, Tls, Volume};
use tracked::Tracked;
use trust::Trust;

/// The time at which controllers act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// At once.
    Eager,
    /// When an action waits for them.
    Lazy,
}

/// The environment of a cluster.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The bytes of each member's database.
    pub database: u64,
    /// Storage classes that do not exist.
    pub missing_classes: BTreeSet<String>,
    /// Kinds that the API server does not have.
    pub missing_kinds: BTreeSet<String>,
    /// Verbs and resources that the user may not use.
    pub forbidden: BTreeSet<(String, String)>,
    /// Pods whose node is down.
    pub down: BTreeSet<String>,
}

/// An event that may have happened to a healthy cluster before a step runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// The node of the member with this ordinal is down.
    Down(u32),
    /// etcd has a voter without a pod.
    Voter,
    /// etcd has a learner without a pod.
    Learner,
}

/// Marks an error as harm, in contrast to a check that has stopped a plan.
#[derive(Clone, Copy, Debug)]
pub struct Harm;

impl std::fmt::Display for Harm {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("controllers harm the cluster by themselves")
    }
}

impl Default for Environment {
    fn default() -> Self {
        Self {
            database: 16 << 20,
            missing_classes: BTreeSet::new(),
            missing_kinds: BTreeSet::new(),
            forbidden: BTreeSet::new(),
            down: BTreeSet::new(),
        }
    }
}

/// A dry run that succeeded: the version of the live object, and the file and directory.
type Accepted = (u64, String, Option<String>);

/// A cluster in the model.
#[derive(Clone, Debug)]
pub struct Model {
    /// The environment of the cluster.
    pub environment: Environment,
    pace: Pace,
    name: String,
    namespace: String,
    live: Tracked<Live>,
    trust: Tracked<Trust>,
    /// The volumes of claims, by the claims' names.
    volumes: Tracked<BTreeMap<String, Claim>>,
    pods: Tracked<BTreeMap<String, Pod>>,
    /// The members of etcd's cluster, by ID.
    members: Tracked<BTreeMap<u64, Member>>,
    leader: Option<u64>,
    next_id: u64,
    /// The minor version that all members have agreed on.
    cluster_minor: u32,
    /// The target minor version of a downgrade.
    downgrade: Option<u32>,
    /// Members that have had TLS among peers.
    had_tls: BTreeSet<u64>,
    /// The ID in the file `replaced` of the step.
    noted: Option<u64>,
    /// Whether the plan has found that there was no cluster.
    installs: bool,
    has_snapshot: bool,
    needs_snapshot: bool,
    restarts: u64,
    /// Pods that have had a connection since both started. A connection stays when one of them looks for the other
    /// elsewhere.
    established: Tracked<BTreeSet<(String, String)>>,
    /// The input of the last election, which would have the same result again.
    elected: Option<Versions>,
    /// The state in which controllers had nothing left to do.
    settled: Option<Versions>,
    /// Dry runs that succeeded, by the objects at that time.
    accepted: Rc<RefCell<BTreeSet<Accepted>>>,
}

/// The versions of everything that determines what happens without an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Versions([u64; 6], Option<u64>, u32, Option<u32>);

#[derive(Clone, Debug)]
struct Member {
    name: String,
    url: String,
    votes: bool,
    /// Whether it has had data.
    has_started: bool,
}

#[derive(Clone, Debug, Default)]
struct Claim {
    files: Files,
    size: String,
    class: Option<String>,
    /// Whether it is deleted with its pod.
    is_deleted: bool,
}

/// The data and logs in a volume, by their paths.
type Files = BTreeMap<String, Data>;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Data {
    member: u64,
    /// The minor version of etcd whose format they have.
    stored: u32,
    /// Whether the log has entries that etcd 3.7 cannot read.
    has_old_entries: bool,
}

#[derive(Clone, Debug)]
struct Pod {
    template: Rc<Value>,
    labels: BTreeMap<String, String>,
    /// The headless Service of its DNS name.
    subdomain: String,
    /// The claim templates that it was created with.
    claims: Vec<String>,
    ephemeral: BTreeMap<String, Files>,
    process: Option<Rc<Process>>,
    /// The reason why etcd does not run.
    waits: String,
}

/// etcd, as it was when it started.
#[derive(Clone, Debug)]
struct Process {
    member: u64,
    settings: Settings,
    /// The CAs that it trusts for peers and clients. It reads them only when it starts.
    peer_ca: Option<BTreeSet<String>>,
    client_ca: Option<BTreeSet<String>>,
}

/// The result of starting a pod.
enum Start {
    Runs(Box<Process>),
    /// The pod restarts repeatedly.
    Waits(String),
}

/// The interval of actions after which a run is killed: after each if the code is optimized.
const KILL_INTERVAL: usize = if cfg!(debug_assertions) { 3 } else { 1 };

impl Model {
    /// Returns a healthy cluster from installed manifests. `desired` names Secrets that the user adds to those in use.
    ///
    /// # Errors
    ///
    /// If the model does not support a part of it.
    pub fn healthy(installed: &[Manifest], desired: &[Manifest], pace: Pace) -> Result<Self> {
        let mut model = Self::empty(installed, pace)?;
        model.live = Tracked::new(Live::created(objects(installed)?)?);
        for name in certificates(&model.live) {
            model.trust.request(&name);
        }
        model.issue()?;
        model.add_user_secrets(installed)?;
        model.add_user_secrets(desired)?;
        let set = Rc::clone(model.set()?);
        let replicas = replicas(&set)?;
        for ordinal in 0..replicas {
            let name = model.pod_name(ordinal);
            model.create_pod(&name, &set)?;
            let settings = model.settings(&name)?;
            let id = model.next_id;
            model.next_id += 1;
            model.cluster_minor = settings.release.minor;
            model.members.insert(
                id,
                Member {
                    name: name.clone(),
                    url: url_text(&settings.advertised),
                    votes: true,
                    has_started: true,
                },
            );
            let data = Data {
                member: id,
                stored: settings.release.minor,
                // Nothing shows whether a log of 3.6 begins with entries of 3.5.
                has_old_entries: settings.release.minor < 7,
            };
            model.write(&name, &settings.data, "data", data.clone())?;
            model.write(&name, &settings.wal, "wal", data)?;
            model.leader = Some(id);
        }
        model.start_all()?;
        for (name, pod) in model.pods.iter() {
            ensure!(pod.process.is_some(), "{name} does not start: {}", pod.waits);
        }
        model.check().context("before the plan")?;
        Ok(model)
    }

    /// Returns an empty state in which manifests are to be installed.
    ///
    /// # Errors
    ///
    /// If there is no StatefulSet in them.
    pub fn empty(manifests: &[Manifest], pace: Pace) -> Result<Self> {
        let set = manifests.iter().find(|manifest| manifest.kind == "StatefulSet");
        let set = set.context("a StatefulSet")?;
        let mut model = Self {
            environment: Environment::default(),
            pace,
            name: set.name.clone(),
            namespace: set.namespace.clone().context("a namespace")?,
            live: Tracked::default(),
            trust: Tracked::default(),
            volumes: Tracked::default(),
            pods: Tracked::default(),
            members: Tracked::default(),
            leader: None,
            next_id: 1,
            cluster_minor: 0,
            downgrade: None,
            had_tls: BTreeSet::new(),
            noted: None,
            installs: false,
            has_snapshot: false,
            needs_snapshot: true,
            restarts: 0,
            established: Tracked::default(),
            elected: None,
            settled: None,
            accepted: Rc::default(),
        };
        model.add_user_secrets(manifests)?;
        Ok(model)
    }

    /// Adds Secrets that pods mount and no Certificate issues.
    fn add_user_secrets(&mut self, manifests: &[Manifest]) -> Result<()> {
        let live = Live::created(objects(manifests)?)?;
        let made: BTreeSet<String> = live
            .of_kind("Certificate")
            .filter_map(|(_, certificate)| certificate["spec"]["secretName"].as_str().map(str::to_owned))
            .collect();
        for (_, set) in live.of_kind("StatefulSet") {
            for volume in list(&set["spec"]["template"]["spec"]["volumes"]) {
                if let Some(name) = volume["secret"]["secretName"].as_str()
                    && !made.contains(name)
                    && !self.trust.secrets.contains_key(name)
                {
                    self.trust.add_user_secret(name);
                }
            }
        }
        Ok(())
    }

    /// Runs a plan. Each step is run again from its start after it was killed after each of its actions.
    ///
    /// # Errors
    ///
    /// If a step fails or does harm.
    pub fn carry_out(&mut self, planned: &Planned, has_snapshot: bool) -> Result<()> {
        self.needs_snapshot = has_snapshot;
        self.accepted = Rc::default();
        for (index, step) in planned.steps.iter().enumerate() {
            self.clone().preflight(planned, index)?;
            for killed in (1..step.actions.len()).step_by(KILL_INTERVAL) {
                let mut again = self.clone();
                again.run(step, killed)?;
                again
                    .preflight(planned, index)
                    .and_then(|()| again.run(step, step.actions.len()))
                    .with_context(|| format!("after it was killed after {:?}", step.actions[killed - 1]))?;
            }
            self.run(step, step.actions.len())?;
            self.finish()
                .with_context(|| format!("at the end of the step {}", step.name))?;
        }
        Ok(())
    }

    /// Runs a plan without a preflight and without being killed.
    ///
    /// # Errors
    ///
    /// If a step fails or does harm.
    pub fn carry_out_undisturbed(&mut self, planned: &Planned, has_snapshot: bool) -> Result<()> {
        self.needs_snapshot = has_snapshot;
        for step in &planned.steps {
            self.run(step, step.actions.len())?;
            self.finish()
                .with_context(|| format!("at the end of the step {}", step.name))?;
        }
        Ok(())
    }

    /// Runs a plan, and tries each step after each of these mishaps, too. Returns how often a mishap stopped a step.
    ///
    /// # Errors
    ///
    /// If a step does harm because of a mishap that it does not detect.
    pub fn meet(&mut self, planned: &Planned, mishaps: &[Mishap]) -> Result<usize> {
        self.needs_snapshot = false;
        let mut stopped = 0;
        for step in &planned.steps {
            // Members whose certificates change their CA before a restart cannot be asked.
            let asks = |action: &Action| !matches!(action, Action::HasReplicas { .. } | Action::Ready { .. });
            let is_asked = step.actions.iter().find(|action| asks(action));
            let is_asked = is_asked.is_some_and(|action| matches!(action, Action::Healthy { .. }));
            for mishap in mishaps {
                if *mishap == Mishap::Voter && !is_asked {
                    continue;
                }
                let mut met = self.clone();
                met.happen(*mishap)?;
                // A cluster that loses its quorum by the mishap alone has nothing more to lose.
                if met.check().is_err() || met.leader.is_none() {
                    continue;
                }
                let run = met.run(step, step.actions.len()).and_then(|()| met.settle());
                match run {
                    Err(error) if error.downcast_ref::<Harm>().is_some() => {
                        return Err(error.context(format!("{mishap:?}")));
                    }
                    Err(_) => stopped += 1,
                    Ok(()) => {}
                }
            }
            self.run(step, step.actions.len())?;
            self.finish()?;
        }
        Ok(stopped)
    }

    fn happen(&mut self, mishap: Mishap) -> Result<()> {
        match mishap {
            Mishap::Down(ordinal) => {
                let name = self.pod_name(u64::from(ordinal));
                if let Some(pod) = self.pods.get_mut(&name) {
                    pod.process = None;
                }
                self.environment.down.insert(name);
            }
            Mishap::Voter | Mishap::Learner => {
                let member = Member {
                    name: "gone".to_owned(),
                    url: "http://gone.example:2380".to_owned(),
                    votes: mishap == Mishap::Voter,
                    has_started: true,
                };
                self.members.insert(self.next_id, member);
                self.next_id += 1;
            }
        }
        self.elect();
        Ok(())
    }

    /// Runs the preflight checks, after `done` steps.
    fn preflight(&mut self, planned: &Planned, done: usize) -> Result<()> {
        let none = PlannedStep {
            name: "preflight".to_owned(),
            title: String::new(),
            reason: String::new(),
            restarts: Vec::new(),
            manifests: Vec::new(),
            files: Vec::new(),
            actions: Vec::new(),
        };
        for action in &planned.preflight {
            ensure!(action.is_check(), "preflight changes something: {action:?}");
            let found = match action {
                Action::DryRun {
                    directory,
                    except,
                    replaced,
                } => self.dry_run(planned, done, directory, except.as_deref(), replaced),
                action => self.act(action, &none),
            };
            found.with_context(|| format!("preflight before step {}: {action:?}", done + 1))?;
        }
        Ok(())
    }

    fn run(&mut self, step: &PlannedStep, actions: usize) -> Result<()> {
        for action in &step.actions[..actions] {
            self.act(action, step)
                .with_context(|| format!("step {}: {action:?}", step.name))?;
        }
        Ok(())
    }

    /// Ends a step: no work of controllers may be left for the next step.
    fn finish(&mut self) -> Result<()> {
        self.noted = None;
        if self.pace == Pace::Lazy {
            self.issue()?;
        }
        let before = self.pods.iter().map(|(name, pod)| (name.clone(), pod.template.clone()));
        let before: BTreeMap<String, Rc<Value>> = before.collect();
        self.settle()?;
        let after = self.pods.iter().map(|(name, pod)| (name.clone(), pod.template.clone()));
        ensure!(before == after.collect(), "pods are still changing");
        self.check()?;
        ensure!(self.leader.is_some(), "there is no quorum");
        for (name, pod) in self.pods.iter() {
            ensure!(pod.process.is_some(), "{name} does not run: {}", pod.waits);
            for other in self.pods.keys().filter(|other| *other != name) {
                self.reach_each_other(name, other)
                    .with_context(|| format!("{name} and {other}"))?;
            }
        }
        Ok(())
    }

    /// Returns the issuers of foreign certificates, and the certificates that these sign with, as kinds and names.
    fn signers_of_others(&self) -> BTreeSet<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let of_others = self
            .live
            .of_kind("Certificate")
            .filter(|(_, certificate)| certificate["metadata"]["labels"][OWNERSHIP_LABEL] != *self.name);
        let mut next: Vec<String> = of_others
            .map(|(_, certificate)| text(&certificate["spec"]["issuerRef"]["name"]))
            .collect();
        let mut signers = BTreeSet::new();
        while let Some(name) = next.pop() {
            let Some(issuer) = self.live.get("Issuer", &name) else {
                continue;
            };
            let secret = text(&issuer["spec"]["ca"]["secretName"]);
            if !signers.insert(("Issuer".to_owned(), name)) {
                continue;
            }
            for (name, certificate) in self.live.of_kind("Certificate") {
                if certificate["spec"]["secretName"] == *secret {
                    signers.insert(("Certificate".to_owned(), name.clone()));
                    next.push(text(&certificate["spec"]["issuerRef"]["name"]));
                }
            }
        }
        signers
    }

    /// Checks that the cluster matches manifests.
    ///
    /// # Errors
    ///
    /// If it differs.
    pub fn is(&self, manifests: &[Manifest]) -> Result<()> {
        let desired = Live::created(objects(manifests)?)?;
        for (kind, name, object) in desired.iter() {
            let live = self
                .live
                .get(kind, name)
                .with_context(|| format!("{kind} {name} is missing"))?;
            ensure!(
                is_same(live, object)
                    && ["labels", "annotations"]
                        .iter()
                        .all(|field| live["metadata"][field] == object["metadata"][field]),
                "{kind} {name} is\n{live:#}\nand not\n{object:#}"
            );
        }
        let signers = self.signers_of_others();
        for (kind, name, object) in self.live.iter() {
            let is_own = object["metadata"]["labels"][OWNERSHIP_LABEL] == *self.name;
            // Claims contain data, and others may use a cluster issuer. A Service of another name may be a copy that a
            // user created with `kubectl expose`.
            let is_copy = kind == "Service" && !name.starts_with(&*self.name);
            // Pods require their account, whoever manages it now.
            let mut sets = desired.of_kind("StatefulSet");
            let is_named = kind == "ServiceAccount"
                && sets.any(|(_, set)| set["spec"]["template"]["spec"]["serviceAccountName"] == *name);
            let stays = ["PersistentVolumeClaim", "ClusterIssuer"].contains(&kind)
                || is_copy
                || is_named
                || signers.contains(&(kind.to_owned(), name.to_string()));
            ensure!(
                !is_own || stays || desired.get(kind, name).is_some(),
                "{kind} {name} is not pruned"
            );
        }
        ensure!(
            !self.trust.secrets.keys().any(|name| name.ends_with("-rotation")),
            "the copy of a certificate is not pruned"
        );
        ensure!(self.downgrade.is_none(), "a downgrade is active");
        let set = self.set()?;
        let expected: BTreeSet<String> = (0..replicas(set)?).map(|ordinal| self.pod_name(ordinal)).collect();
        let names: BTreeSet<String> = self.members.values().map(|member| member.name.clone()).collect();
        ensure!(
            names == expected && self.members.len() == expected.len(),
            "the members are {names:?}"
        );
        ensure!(
            self.pods.keys().cloned().collect::<BTreeSet<_>>() == expected,
            "other pods exist"
        );
        ensure!(self.members.values().all(|member| member.votes), "not all members vote");
        for (name, pod) in self.pods.iter() {
            let process = pod.process.as_ref().with_context(|| format!("{name} does not run"))?;
            ensure!(self.serves(name).is_ok(), "{name} does not serve");
            // With OnDelete and partitions, pods stay as they were: the values specify it.
            if !is_on_delete(set) && partition(set) == 0 {
                ensure!(
                    *pod.template == set["spec"]["template"],
                    "{name} does not match the template"
                );
                let url = url_text(&process.settings.advertised);
                ensure!(
                    self.members[&process.member].url == url,
                    "etcd has another URL of {name}"
                );
            }
        }
        let claims = claim_templates(set);
        for name in &expected {
            for claim in &claims {
                let volume = self.volumes.get(&format!("{}-{name}", claim.0));
                let volume = volume.with_context(|| format!("{name} has no claim {}", claim.0))?;
                ensure!(
                    is_on_delete(set) || (volume.size == claim.1 && volume.class == claim.2),
                    "a claim of {name} has another size or class"
                );
            }
        }
        Ok(())
    }

    fn pod_name(&self, ordinal: u64) -> String {
        format!("{}-{ordinal}", self.name)
    }

    fn set(&self) -> Result<&Rc<Value>> {
        self.live
            .shared("StatefulSet", &self.name)
            .context("there is no StatefulSet")
    }

    fn settings(&self, pod: &str) -> Result<Settings> {
        let its = self.pods.get(pod).with_context(|| format!("no pod {pod}"))?;
        let maps = self.live.of_kind("ConfigMap").map(|(name, map)| (name.as_str(), map));
        Settings::of(&its.template, pod, &self.namespace, &its.claims, &maps.collect())
    }

    // Volumes.

    fn files(&self, pod: &str, place: &Place) -> Option<&Files> {
        match &place.volume {
            Volume::Claim(template) => Some(&self.volumes.get(&format!("{template}-{pod}"))?.files),
            Volume::Ephemeral(name) => self.pods.get(pod)?.ephemeral.get(name),
        }
    }

    fn read(&self, pod: &str, place: &Place, what: &str) -> Option<&Data> {
        self.files(pod, place)?.get(&format!("{what}:{}", place.path))
    }

    fn write(&mut self, pod: &str, place: &Place, what: &str, data: Data) -> Result<()> {
        let files = match &place.volume {
            Volume::Claim(template) => {
                let claim = format!("{template}-{pod}");
                &mut self
                    .volumes
                    .get_mut(&claim)
                    .with_context(|| format!("no claim {claim}"))?
                    .files
            }
            Volume::Ephemeral(name) => {
                let its = self.pods.get_mut(pod).with_context(|| format!("no pod {pod}"))?;
                its.ephemeral.entry(name.clone()).or_default()
            }
        };
        files.insert(format!("{what}:{}", place.path), data);
        Ok(())
    }

    /// Changes the data of each running member.
    fn change_data(&mut self, change: impl Fn(&Process, &mut Data)) -> Result<()> {
        let running: Vec<(String, Rc<Process>)> = self
            .pods
            .iter()
            .filter_map(|(name, pod)| Some((name.clone(), pod.process.clone()?)))
            .collect();
        for (name, process) in running {
            let place = &process.settings.data;
            let mut data = self
                .read(&name, place, "data")
                .with_context(|| format!("{name} has no data"))?
                .clone();
            let before = data.clone();
            change(&process, &mut data);
            if data != before {
                self.write(&name, place, "data", data)?;
            }
        }
        Ok(())
    }

    // Pods.

    fn create_pod(&mut self, name: &str, set: &Value) -> Result<()> {
        let template = Rc::new(set["spec"]["template"].clone());
        let its = labels(&template["metadata"]["labels"]);
        ensure!(
            selects(&set["spec"]["selector"], &its),
            "the template's labels are not those of the selector"
        );
        let mut claims = Vec::new();
        for (claim, size, class) in claim_templates(set) {
            self.volumes.entry(format!("{claim}-{name}")).or_insert_with(|| Claim {
                files: Files::new(),
                size,
                class,
                is_deleted: false,
            });
            claims.push(claim);
        }
        self.pods.insert(
            name.to_owned(),
            Pod {
                template,
                labels: its,
                subdomain: set["spec"]["serviceName"].as_str().unwrap_or_default().to_owned(),
                claims,
                ephemeral: BTreeMap::new(),
                process: None,
                waits: "it was just created".to_owned(),
            },
        );
        Ok(())
    }

    /// Ends a pod, and deletes claims that belong to it.
    fn end_pod(&mut self, name: &str) {
        self.pods.remove(name);
        self.established.retain(|(a, b)| a != name && b != name);
        let ending = format!("-{name}");
        self.volumes
            .retain(|claim, volume| !(volume.is_deleted && claim.ends_with(&ending)));
    }

    /// Replaces a pod with one of the current template.
    fn replace_pod(&mut self, name: &str) -> Result<()> {
        self.end_pod(name);
        self.elect();
        self.check().with_context(|| format!("while {name} is down"))?;
        let set = Rc::clone(self.set()?);
        self.create_pod(name, &set)?;
        self.start(name)?;
        self.check().with_context(|| format!("after {name} was restarted"))
    }

    /// Does everything that controllers and kubelets do by themselves.
    fn settle(&mut self) -> Result<()> {
        self.settle_all().context(Harm)
    }

    fn settle_all(&mut self) -> Result<()> {
        if self.settled.is_some() && self.settled == Some(self.versions()) {
            return Ok(());
        }
        for _ in 0..100 {
            let changed = self.settle_once()?;
            self.agree_on_version()?;
            self.elect();
            self.check()?;
            if !changed {
                self.settled = Some(self.versions());
                return Ok(());
            }
        }
        bail!("controllers do not come to an end")
    }

    /// Lets cert-manager issue pending certificates.
    fn issue(&mut self) -> Result<()> {
        if self.trust.is_pending() {
            self.trust.issue(&self.live)?;
        }
        Ok(())
    }

    fn versions(&self) -> Versions {
        let versions = [
            self.live.version(),
            self.trust.version(),
            self.volumes.version(),
            self.pods.version(),
            self.members.version(),
            self.established.version(),
        ];
        Versions(versions, self.leader, self.cluster_minor, self.downgrade)
    }

    fn settle_once(&mut self) -> Result<bool> {
        if self.pace == Pace::Eager {
            self.issue()?;
        }
        let mut changed = self.start_all()?;
        let Ok(set) = self.set().map(Rc::clone) else {
            return Ok(changed);
        };
        let replicas = replicas(&set)?;
        for (name, pod) in self.pods.iter() {
            ensure!(
                selects(&set["spec"]["selector"], &pod.labels),
                "the selector does not match {name}, and a pod of its name cannot be created"
            );
        }
        let claims = claim_templates(&set);
        for ordinal in 0..replicas {
            let name = self.pod_name(ordinal);
            match self.pods.get(&name) {
                // The controller gives a pod the volumes of its claims, which is impossible for a running pod. It does
                // nothing after the first failure (`UpdateStatefulPod` in `pkg/controller/statefulset`).
                Some(pod) if !claims.iter().all(|(claim, ..)| pod.claims.contains(claim)) => return Ok(changed),
                Some(_) => {}
                None => {
                    self.create_pod(&name, &set)?;
                    self.start(&name)?;
                    changed = true;
                }
            }
        }
        let ordinal = |name: &str| name.rsplit('-').next().and_then(|ordinal| ordinal.parse::<u64>().ok());
        let mut gone: Vec<String> = self
            .pods
            .keys()
            .filter(|name| ordinal(name) >= Some(replicas))
            .cloned()
            .collect();
        gone.sort_by_key(|name| std::cmp::Reverse(ordinal(name)));
        for name in gone {
            ensure!(
                self.members.values().all(|member| member.name != name),
                "{name} is deleted, but still a member"
            );
            self.end_pod(&name);
            if set["spec"]["persistentVolumeClaimRetentionPolicy"]["whenScaled"] == "Delete" {
                for (claim, ..) in &claims {
                    self.volumes.remove(&format!("{claim}-{name}"));
                }
            }
            changed = true;
        }
        if is_on_delete(&set) {
            return Ok(changed);
        }
        for ordinal in (partition(&set)..replicas).rev() {
            let name = self.pod_name(ordinal);
            let is_current = *self.pods[&name].template == set["spec"]["template"];
            if is_current && self.is_ready(&name) {
                continue;
            }
            if !is_current {
                self.replace_pod(&name)?;
                return Ok(true);
            }
            return Ok(changed);
        }
        Ok(changed)
    }

    fn start_all(&mut self) -> Result<bool> {
        let waiting = self.pods.iter().filter(|(_, pod)| pod.process.is_none());
        let waiting: Vec<String> = waiting.map(|(name, _)| name.clone()).collect();
        let mut changed = false;
        for name in waiting {
            changed |= self.start(&name)?;
        }
        Ok(changed)
    }

    /// Starts etcd in a pod, and returns whether it runs.
    fn start(&mut self, name: &str) -> Result<bool> {
        let start = match self.settings(name) {
            Ok(settings) => self.started(name, settings)?,
            Err(reason) => Start::Waits(format!("{reason:#}")),
        };
        match start {
            Start::Waits(reason) => {
                if self.pods.get(name).is_none_or(|pod| pod.waits != reason) {
                    let pod = self.pods.get_mut(name).with_context(|| format!("no pod {name}"))?;
                    pod.waits = reason;
                }
            }
            Start::Runs(process) => {
                let pod = self.pods.get_mut(name).with_context(|| format!("no pod {name}"))?;
                if process.settings.peer != Tls::Plain {
                    self.had_tls.insert(process.member);
                }
                pod.process = Some(Rc::from(process));
                self.elect();
                self.agree_on_version()?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn started(&mut self, name: &str, settings: Settings) -> Result<Start> {
        let waits = |reason: String| Ok(Start::Waits(reason));
        if self.environment.down.contains(name) {
            return waits("its node is down".to_owned());
        }
        let missing = settings
            .secrets
            .iter()
            .find(|secret| !self.trust.secrets.contains_key(*secret));
        if let Some(missing) = missing {
            let missing = missing.clone();
            // cert-manager finishes late.
            if self.pace == Pace::Lazy && self.trust.is_pending() {
                self.issue()?;
            }
            if !self.trust.secrets.contains_key(&missing) {
                return waits(format!("the Secret {missing} is missing"));
            }
        }
        let data = self.read(name, &settings.data, "data").cloned();
        let wal = self.read(name, &settings.wal, "wal").cloned();
        let data = match (data, wal) {
            (Some(data), Some(wal)) => {
                ensure!(
                    data.member == wal.member,
                    "{name} has the data of one member and the log of another"
                );
                data
            }
            (None, None) => match self.joined(name, &settings)? {
                Ok(data) => data,
                Err(reason) => return waits(reason),
            },
            _ => bail!("{name} finds only some of its files"),
        };
        let Some(member) = self.members.get(&data.member) else {
            return waits(format!("its member {:x} was removed", data.member));
        };
        ensure!(member.name == name, "{name} has the data of {}", member.name);
        if let Some(reason) = self.version_conflict(name, &settings, &data) {
            return waits(reason);
        }
        let others = self.processes().filter(|(other, _)| *other != name);
        let has_tls = others.clone().any(|(_, other)| other.settings.peer != Tls::Plain);
        ensure!(
            !(settings.peer == Tls::Plain && has_tls && self.had_tls.contains(&data.member)),
            "{name} loses TLS while others have it: a quorum of both kinds hangs"
        );
        for (other, process) in others {
            ensure!(
                settings.heartbeat < process.settings.election && process.settings.heartbeat < settings.election,
                "heartbeats of {name} or {other} are too slow for elections of the other"
            );
        }
        let trusted = |tls: &Tls| match tls {
            Tls::Files { ca: Some(ca), .. } => Some(self.trust.authorities(ca).cloned().unwrap_or_default()),
            Tls::Plain | Tls::Auto | Tls::Files { ca: None, .. } => None,
        };
        let process = Process {
            member: data.member,
            peer_ca: trusted(&settings.peer),
            client_ca: trusted(&settings.client),
            settings,
        };
        let data = Data {
            has_old_entries: data.has_old_entries || process.settings.release.minor < 6,
            ..data
        };
        self.write(name, &process.settings.data, "data", data.clone())?;
        self.write(name, &process.settings.wal, "wal", data.clone())?;
        if let Some(member) = self.members.get_mut(&data.member) {
            member.has_started = true;
        }
        Ok(Start::Runs(Box::new(process)))
    }

    /// Finds the cluster for a member without data. etcd compares the member's URLs with those that the others know.
    fn joined(&mut self, name: &str, settings: &Settings) -> Result<Result<Data, String>> {
        let bootstrap: BTreeMap<String, String> = match &settings.bootstrap {
            Bootstrap::Urls(urls) => urls.clone(),
            Bootstrap::Srv => {
                let url = |(name, pod): (&String, &Pod)| {
                    let settings = match &pod.process {
                        Some(process) => process.settings.clone(),
                        None => self.settings(name).ok()?,
                    };
                    Some((name.clone(), url_text(&settings.advertised)))
                };
                self.pods.iter().filter_map(url).collect()
            }
        };
        let is_first = self.members.values().all(|member| !member.has_started);
        if settings.is_new && is_first {
            if self.members.is_empty() {
                self.cluster_minor = settings.release.minor;
                for (name, url) in &bootstrap {
                    let member = Member {
                        name: name.clone(),
                        url: url.clone(),
                        votes: true,
                        has_started: false,
                    };
                    self.members.insert(self.next_id, member);
                    self.next_id += 1;
                }
            }
        } else {
            ensure!(!settings.is_new, "{name} would form a cluster of its own");
            ensure!(
                !settings.restores,
                "{name} would start from a snapshot beside members with data"
            );
        }
        let bootstrap: BTreeSet<&String> = bootstrap.values().collect();
        let known: BTreeSet<&String> = self.members.values().map(|member| &member.url).collect();
        if bootstrap != known {
            return Ok(Err(format!(
                "its initial cluster is {bootstrap:?}, but the members are {known:?}"
            )));
        }
        let url = url_text(&settings.advertised);
        let found = self.members.iter().find(|(_, member)| member.url == url);
        let Some((id, member)) = found else {
            return Ok(Err(format!("no member has the URL {url}")));
        };
        ensure!(!member.has_started, "{name} has lost its data, but is still a member");
        if !is_first && self.leader.is_none() {
            return Ok(Err("there is no quorum to join".to_owned()));
        }
        let of_leader = self
            .processes()
            .find(|(_, process)| Some(process.member) == self.leader);
        let of_leader = of_leader.and_then(|(pod, process)| self.read(pod, &process.settings.data, "data"));
        Ok(Ok(Data {
            member: *id,
            stored: self.cluster_minor,
            has_old_entries: of_leader.is_some_and(|data| data.has_old_entries),
        }))
    }

    /// Returns the reason why etcd of this release exits with its data or with the other members.
    fn version_conflict(&self, name: &str, settings: &Settings, data: &Data) -> Option<String> {
        // From the upgrade guides on etcd.io.
        let oldest_neighbour = |minor: u32| match minor {
            5 => 32,
            6 => 11,
            _ => 0,
        };
        let release = settings.release;
        if data.stored > release.minor {
            return Some(format!("its data are of 3.{}", data.stored));
        }
        if release.minor >= 7 && data.has_old_entries {
            return Some("its log has entries of 3.5".to_owned());
        }
        if release.minor < self.cluster_minor {
            return Some(format!("the cluster is at 3.{}", self.cluster_minor));
        }
        if release.minor > self.cluster_minor + 1 {
            return Some(format!("the cluster is only at 3.{}", self.cluster_minor));
        }
        for (other, process) in self.processes().filter(|(other, _)| *other != name) {
            let (low, high) = (
                release.min(process.settings.release),
                release.max(process.settings.release),
            );
            if high.minor > low.minor + 1 {
                return Some(format!("{other} is more than one minor version away"));
            }
            // Downgraded members are as new as their release allows.
            if self.downgrade.is_none() && high.minor > low.minor && low.patch < oldest_neighbour(low.minor) {
                return Some(format!(
                    "3.{}.{} is too old to work beside 3.{}",
                    low.minor, low.patch, high.minor
                ));
            }
        }
        None
    }

    fn agree_on_version(&mut self) -> Result<()> {
        let minors: Vec<u32> = self
            .processes()
            .map(|(_, process)| process.settings.release.minor)
            .collect();
        if self.elect().is_none() {
            return Ok(());
        }
        match self.downgrade {
            Some(target) => {
                self.cluster_minor = target;
                if minors.iter().all(|minor| *minor == target) {
                    self.downgrade = None;
                }
            }
            None => {
                let agreed = minors.into_iter().min().unwrap_or(self.cluster_minor);
                // Members of the old version can no longer read their data.
                ensure!(
                    agreed <= self.cluster_minor || !self.needs_snapshot || self.has_snapshot,
                    "no snapshot comes before the version of the data"
                );
                self.cluster_minor = agreed.max(self.cluster_minor);
            }
        }
        let minor = self.cluster_minor;
        self.change_data(|_, data| data.stored = minor)
    }

    // Connections and trust.

    fn processes(&self) -> impl Iterator<Item = (&str, &Process)> + Clone {
        self.pods
            .iter()
            .filter_map(|(name, pod)| Some((&**name, pod.process.as_deref()?)))
    }

    /// Checks that etcd in one pod finds the other at its known URL.
    fn finds(&self, from: &str, to: &str) -> Result<()> {
        let (a, b) = (&self.pods[from], &self.pods[to]);
        let listening = b.process.as_ref().with_context(|| format!("{to} does not run"))?;
        let member = self.members.get(&listening.member).context("it was removed")?;
        let url = settings::Url::parse(&member.url)?;
        let listener = &listening.settings.listens;
        ensure!(url.port == listener.port, "{to} does not listen at {}", url.port);
        ensure!(
            url.is_tls == listener.is_tls,
            "the URL of {to} has another scheme than its listener"
        );
        let mut parts = url.host.split('.');
        let (host, service) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        ensure!(host == to && service == b.subdomain, "no DNS name {} of {to}", url.host);
        let found = self
            .live
            .get("Service", service)
            .with_context(|| format!("no Service {service}"))?;
        ensure!(
            has_labels(&found["spec"]["selector"], &b.labels),
            "{service} does not find {to}"
        );
        self.is_admitted(a, b, &url.port)
    }

    /// Checks that etcd in one pod, which connects to the other, agrees with it on TLS.
    fn agrees(&self, from: &str, to: &str) -> Result<()> {
        let (a, b) = (&self.pods[from], &self.pods[to]);
        let (Some(dialing), Some(listening)) = (&a.process, &b.process) else {
            bail!("one of them does not run");
        };
        let url = settings::Url::parse(&self.members.get(&listening.member).context("it was removed")?.url)?;
        let (dialing, listening) = (&dialing.settings, (&listening.settings, listening));
        if !listening.0.listens.is_tls {
            return Ok(());
        }
        let (low, high) = (
            dialing.tls.0.max(listening.0.tls.0),
            dialing.tls.1.min(listening.0.tls.1),
        );
        ensure!(low <= high, "no common version of TLS");
        let (suites, others) = (&dialing.suites, &listening.0.suites);
        // TLS 1.3 suites cannot be configured.
        let has_suite = suites.intersection(others).next().is_some();
        ensure!(high >= 3 || has_suite, "no common cipher suite");
        let own = match &dialing.peer {
            Tls::Plain => bail!("{from} trusts no CA"),
            Tls::Auto => None,
            Tls::Files { certificate, .. } => {
                let Tls::Files { certificate: shown, .. } = &listening.0.peer else {
                    bail!("{to} has a self-signed certificate");
                };
                let shown = self.trust.certificate(shown).context("there is no certificate")?;
                let trusted = a.process.as_ref().and_then(|process| process.peer_ca.as_ref());
                let trusted = trusted.context("etcd would use the system's CAs")?;
                ensure!(
                    trusted.contains(&shown.authority),
                    "{from} does not trust {}",
                    shown.authority
                );
                ensure!(
                    shown.is_for(&url.host),
                    "the certificate of {to} is not valid for {}",
                    url.host
                );
                Some(self.trust.certificate(certificate).context("there is no certificate")?)
            }
        };
        if let Some(trusted) = &listening.1.peer_ca {
            let own = own.with_context(|| format!("{from} has no certificate for {to}"))?;
            ensure!(
                trusted.contains(&own.authority),
                "{to} does not trust {}",
                own.authority
            );
            if let Tls::Files { allowed, .. } = &listening.0.peer {
                ensure!(
                    allowed.is_empty() || allowed.iter().any(|name| own.is_for(name)),
                    "{to} does not allow the names of {from}"
                );
            }
        }
        Ok(())
    }

    fn is_admitted(&self, from: &Pod, to: &Pod, port: &str) -> Result<()> {
        let mut is_closed = false;
        for (_, policy) in self.live.of_kind("NetworkPolicy") {
            let spec = &policy["spec"];
            let kinds = list(&spec["policyTypes"]);
            let is_ingress = kinds.is_empty() || kinds.iter().any(|kind| kind == "Ingress");
            if !is_ingress || !selects(&spec["podSelector"], &to.labels) {
                continue;
            }
            let lets_in = list(&spec["ingress"]).iter().any(|rule| {
                let ports = list(&rule["ports"]);
                let peers = list(&rule["from"]);
                let is_port = |entry: &Value| entry["port"].to_string().trim_matches('"') == port;
                let of_namespace = BTreeMap::from([("kubernetes.io/metadata.name".to_owned(), self.namespace.clone())]);
                let is_peer = |peer: &Value| {
                    let (pods, namespaces) = (peer.get("podSelector"), peer.get("namespaceSelector"));
                    pods.or(namespaces).is_some()
                        && pods.is_none_or(|selector| selects(selector, &from.labels))
                        && namespaces.is_none_or(|selector| selects(selector, &of_namespace))
                };
                (ports.is_empty() || ports.iter().any(is_port)) && (peers.is_empty() || peers.iter().any(is_peer))
            });
            if lets_in {
                return Ok(());
            }
            is_closed = true;
        }
        ensure!(!is_closed, "no NetworkPolicy allows port {port}");
        Ok(())
    }

    fn dials(&self, from: &str, to: &str) -> Result<()> {
        self.finds(from, to).and_then(|()| self.agrees(from, to))
    }

    /// Returns the member with TLS and the other, if only one of them has TLS. Connections are those of the first.
    fn only_tls<'p>(&self, a: &'p str, b: &'p str) -> Option<(&'p str, &'p str)> {
        let has_tls = |pod: &str| {
            let process = self.pods[pod].process.as_ref();
            process.is_some_and(|process| process.settings.peer != Tls::Plain)
        };
        match (has_tls(a), has_tls(b)) {
            (true, false) => Some((a, b)),
            (false, true) => Some((b, a)),
            _ => None,
        }
    }

    /// Checks that two members reach each other and agree on TLS, in both directions.
    fn reach_each_other(&self, a: &str, b: &str) -> Result<()> {
        match self.only_tls(a, b) {
            Some((from, to)) => self.dials(from, to),
            None => self.dials(a, b).and_then(|()| self.dials(b, a)),
        }
    }

    /// Checks that two members exchange messages. A connection serves both directions, so one of them may look for the
    /// other elsewhere. But they must agree on TLS in both directions.
    fn connection(&self, a: &str, b: &str) -> Result<()> {
        let is_established = self.established.contains(&(a.to_owned(), b.to_owned()));
        let find = |result: Result<()>| if is_established { Ok(()) } else { result };
        if let Some((from, to)) = self.only_tls(a, b) {
            return find(self.finds(from, to)).and_then(|()| self.agrees(from, to));
        }
        find(self.finds(a, b).or_else(|_| self.finds(b, a)))?;
        self.agrees(a, b).and_then(|()| self.agrees(b, a))
    }

    /// Records connections.
    fn connect(&mut self) {
        let running: Vec<String> = self.processes().map(|(name, _)| name.to_owned()).collect();
        for a in &running {
            for b in running.iter().filter(|b| *b != a) {
                let pair = (a.clone(), b.clone());
                if !self.established.contains(&pair) && self.connection(a, b).is_ok() {
                    self.established.insert(pair);
                }
            }
        }
    }

    fn pod_of(&self, member: u64) -> Option<&str> {
        Some(self.processes().find(|(_, process)| process.member == member)?.0)
    }

    /// Returns the number of voters that a member is connected to, including itself.
    fn reached(&self, pod: &str) -> usize {
        let voters = self.members.iter().filter(|(_, member)| member.votes);
        let pods = voters.filter_map(|(id, _)| self.pod_of(*id));
        pods.filter(|other| *other == pod || self.connection(pod, other).is_ok())
            .count()
    }

    fn voters(&self) -> usize {
        self.members.values().filter(|member| member.votes).count()
    }

    /// Elects a leader, if there is none.
    fn elect(&mut self) -> Option<u64> {
        if self.elected.is_some() && self.elected == Some(self.versions()) {
            return self.leader;
        }
        self.connect();
        let voters = self.voters();
        let can_lead = |id: u64| {
            self.members.get(&id).is_some_and(|member| member.votes)
                && self.pod_of(id).is_some_and(|pod| self.reached(pod) > voters / 2)
        };
        let leader = self.leader.filter(|leader| can_lead(*leader));
        self.leader = leader.or_else(|| self.members.keys().copied().find(|id| can_lead(*id)));
        self.elected = Some(self.versions());
        self.leader
    }

    /// Checks that a member answers requests that require the quorum.
    fn serves(&self, pod: &str) -> Result<()> {
        let its = self.pods.get(pod).with_context(|| format!("no pod {pod}"))?;
        let process = its
            .process
            .as_ref()
            .with_context(|| format!("{pod} does not run: {}", its.waits))?;
        let leader = self.leader.context("there is no leader")?;
        if process.member == leader {
            return Ok(());
        }
        let leader = self.pod_of(leader).context("the leader does not run")?;
        self.connection(pod, leader)
    }

    fn is_ready(&self, pod: &str) -> bool {
        self.serves(pod).is_ok()
    }

    /// Checks that etcdctl in a member's container gets an answer of the cluster.
    fn ask(&mut self, pod: &str) -> Result<()> {
        self.elect();
        self.serves(pod)?;
        let process = self.pods[pod].process.as_ref().context("it does not run")?;
        match (&process.settings.client, &process.settings.etcdctl) {
            (Tls::Plain, None) => {}
            (Tls::Files { certificate, .. }, Some((ca, own))) => {
                let shown = self.trust.certificate(certificate).context("there is no certificate")?;
                if let Some(ca) = ca {
                    let trusted = self.trust.authorities(ca).context("there is no CA")?;
                    ensure!(trusted.contains(&shown.authority), "etcdctl does not trust its member");
                }
                if let Some(trusted) = &process.client_ca {
                    let own = own.as_ref().and_then(|own| self.trust.certificate(own));
                    let own = own.context("etcdctl has no certificate")?;
                    ensure!(trusted.contains(&own.authority), "{pod} does not trust etcdctl");
                }
            }
            _ => bail!("etcdctl and {pod} do not agree on TLS"),
        }
        Ok(())
    }

    /// Checks that the running members that reach each other are a quorum, and all voters but one. With one or two
    /// members, the quorum is lost while one restarts.
    fn check(&mut self) -> Result<()> {
        self.elect();
        let voters = self.voters();
        if voters < 3 {
            return Ok(());
        }
        let leader = self.leader.and_then(|leader| self.pod_of(leader));
        let reached = leader.map_or(0, |leader| self.reached(leader));
        if reached + 1 >= voters && reached > voters / 2 {
            return Ok(());
        }
        let pods: Vec<&str> = self.pods.keys().map(String::as_str).collect();
        let mut reasons = Vec::new();
        for (index, a) in pods.iter().enumerate() {
            for b in &pods[index + 1..] {
                if let Err(reason) = self.connection(a, b) {
                    reasons.push(format!("{a}, {b}: {reason:#}"));
                }
            }
        }
        reasons.extend(
            self.pods
                .iter()
                .filter(|(_, pod)| pod.process.is_none())
                .map(|(name, pod)| format!("{name}: {}", pod.waits)),
        );
        bail!("{reached} of {voters} members are connected: {}", reasons.join("; "))
    }

    // Actions.

    /// Waits until a check succeeds: first in the current state, then after controllers have acted.
    fn wait(&mut self, check: impl Fn(&mut Self) -> Result<()>) -> Result<()> {
        if check(self).is_ok() {
            return Ok(());
        }
        self.settle()?;
        check(self)
    }

    fn id_of(&self, name: &str) -> Result<u64> {
        let found: Vec<u64> = self
            .members
            .iter()
            .filter(|(_, member)| member.name == name)
            .map(|(id, _)| *id)
            .collect();
        match found.as_slice() {
            [only] => Ok(*only),
            _ => bail!("etcd has {} members called {name}", found.len()),
        }
    }

    fn at_url(&self, url: &str) -> Option<u64> {
        Some(*self.members.iter().find(|(_, member)| member.url == url)?.0)
    }

    /// Whether the shell would find that an action ran before.
    fn is_done(&mut self, action: &Action) -> Result<bool> {
        let has_new = |model: &Self, url: &str| -> Result<bool> {
            let noted = model.noted.context("no member was noted")?;
            Ok(model.at_url(url).is_some_and(|id| id != noted))
        };
        Ok(match action {
            Action::Healthy {
                members,
                before_adding: Some(url),
            } => {
                self.ask(members.first().context("a member")?)?;
                self.at_url(url).is_some()
            }
            Action::NoOldClaims { url, asked, .. }
            | Action::AddLearner { url, asked, .. }
            | Action::UpdatePeerUrl { url, asked, .. } => {
                self.ask(asked)?;
                self.at_url(url).is_some()
            }
            Action::Promote { url, asked, .. } => {
                self.ask(asked)?;
                self.at_url(url).is_some_and(|id| self.members[&id].votes)
            }
            Action::Remove { member, asked } => {
                self.ask(asked)?;
                self.members.values().all(|other| other.name != *member)
            }
            Action::NoteReplaced { .. } => self.noted.is_some(),
            Action::NotInstalled { .. } => self.installs,
            Action::RemoveReplaced { asked, .. } => {
                self.ask(asked)?;
                !self.members.contains_key(&self.noted.context("no member was noted")?)
            }
            Action::DeleteReplacedClaims { url, asked, .. }
            | Action::DeleteReplacedPod { url, asked, .. }
            | Action::AddReplacement { url, asked, .. } => {
                self.ask(asked)?;
                has_new(self, url)?
            }
            Action::MoveLeader { from, .. } => {
                self.ask(from)?;
                self.leader.and_then(|leader| self.pod_of(leader)) != Some(from)
            }
            Action::ValidateDowngrade { asked, minor } | Action::EnableDowngrade { asked, minor } => {
                self.ask(asked)?;
                let minor = minor_of(minor)?;
                let process = self.pods[asked].process.as_ref().context("it does not run")?;
                self.downgrade == Some(minor) || process.settings.release.minor == minor
            }
            Action::CopyCertificate { to, .. } => self.trust.secrets.contains_key(to),
            // Their commands have no `unless`.
            Action::Healthy {
                before_adding: None, ..
            }
            | Action::Connected { .. }
            | Action::Voters { .. }
            | Action::RunsVersion { .. }
            | Action::Snapshot { .. }
            | Action::TakeOver { .. }
            | Action::Prove { .. }
            | Action::Apply
            | Action::ApplyFiles { .. }
            | Action::FitsQuota { .. }
            | Action::Applied { .. }
            | Action::RolledOut { .. }
            | Action::OfNewSet { .. }
            | Action::Ready { .. }
            | Action::PodGone { .. }
            | Action::DeleteClaims { .. }
            | Action::DeleteSetOnly { .. }
            | Action::LabelPods { .. }
            | Action::GrowClaim { .. }
            | Action::StoredAs { .. }
            | Action::Restart { .. }
            | Action::CertificatesReady { .. }
            | Action::SecretHasKeys { .. }
            | Action::TrustBoth { .. }
            | Action::TakeCertificate { .. }
            | Action::FillLog { .. }
            | Action::Prune { .. }
            | Action::Allowed { .. }
            | Action::Served { .. }
            | Action::StorageClass { .. }
            | Action::HasReplicas { .. }
            | Action::DryRun { .. } => false,
        })
    }

    fn act(&mut self, action: &Action, step: &PlannedStep) -> Result<()> {
        if self.is_done(action)? {
            return Ok(());
        }
        ensure!(
            !action.is_irreversible() || !self.needs_snapshot || self.has_snapshot,
            "no snapshot comes before it"
        );
        self.carry_out_one(action, step)?;
        if self.pace == Pace::Eager && !action.is_check() {
            self.settle()?;
        }
        self.check()
    }

    #[allow(clippy::too_many_lines, reason = "one arm for each action")]
    fn carry_out_one(&mut self, action: &Action, step: &PlannedStep) -> Result<()> {
        match action {
            Action::Healthy { members, .. } => {
                ensure!(!members.is_empty(), "no member is asked");
                self.wait(|model| members.iter().try_for_each(|member| model.ask(member)))
            }
            Action::Connected { members } => self.wait(|model| {
                for member in members {
                    model.ask(member)?;
                    let others: Vec<String> = model.members.values().map(|other| other.name.clone()).collect();
                    for other in others.iter().filter(|other| *other != member) {
                        ensure!(model.pods.contains_key(other), "no pod {other}");
                        // A blocked member is detected this way, so no member may be skipped.
                        model.dials(member, other)?;
                    }
                }
                Ok(())
            }),
            Action::Voters { asked, counts } => self.wait(|model| {
                model.ask(asked)?;
                let votes = |member: &Member| member.votes && member.has_started;
                ensure!(model.members.values().all(votes), "not all members vote");
                let is_counted = |count: &u32| u32::try_from(model.members.len()) == Ok(*count);
                ensure!(counts.iter().any(is_counted), "{:?}", model.members);
                Ok(())
            }),
            Action::RunsVersion { members, versions } => {
                for member in members {
                    self.ask(member)?;
                    let process = self.pods[member].process.as_ref().context("it does not run")?;
                    let release = process.settings.release;
                    let runs = format!("3.{}.{}", release.minor, release.patch);
                    ensure!(versions.contains(&runs), "{member} runs {runs}");
                }
                Ok(())
            }
            Action::Snapshot { member, path, claim } => {
                self.ask(member)?;
                let settings = &self.pods[member].process.as_ref().context("it does not run")?.settings;
                ensure!(path.starts_with('/'), "{path} is not absolute");
                match (&settings.data.volume, claim) {
                    (Volume::Claim(template), Some(claim)) => ensure!(
                        *claim == format!("{template}-{member}") && self.volumes.contains_key(claim),
                        "{claim} is not the claim of the data of {member}"
                    ),
                    (Volume::Ephemeral(_), None) => {}
                    _ => bail!("the data of {member} are not in a claim"),
                }
                self.has_snapshot = true;
                Ok(())
            }
            Action::TakeOver { files } => {
                for name in files {
                    let file = step.files.iter().find(|file| file.name == *name);
                    let file = file.with_context(|| format!("the step has no file {name}"))?;
                    for object in documents(&file.text)? {
                        self.live.take_over(object)?;
                    }
                }
                Ok(())
            }
            Action::Prove { files } => {
                for object in of_files(step, files)? {
                    let applied = self.live.applied(&object)?;
                    ensure!(
                        is_same(&applied, &object),
                        "the result of an apply would be\n{applied:#}\nand not\n{object:#}"
                    );
                }
                Ok(())
            }
            Action::Applied { files } => {
                for object in of_files(step, files)? {
                    let (kind, name) = (object["kind"].as_str(), object["metadata"]["name"].as_str());
                    let live = self.live.get(kind.unwrap_or_default(), name.unwrap_or_default());
                    let live = live.with_context(|| format!("there is no {kind:?} {name:?}"))?;
                    ensure!(is_same(live, &object), "{kind:?} {name:?} differs");
                }
                Ok(())
            }
            Action::Apply => {
                ensure!(!step.manifests.is_empty(), "there is nothing to apply");
                self.apply(objects(&step.manifests)?)
            }
            Action::ApplyFiles { files } => self.apply(of_files(step, files)?),
            Action::FitsQuota { members, bytes } => {
                for member in members {
                    self.ask(member)?;
                }
                ensure!(
                    self.environment.database < *bytes,
                    "the database is larger than {bytes}"
                );
                Ok(())
            }
            Action::RolledOut { set, replicas: count } => {
                ensure!(*set == self.name, "another StatefulSet");
                self.settle()?;
                let set = Rc::clone(self.set()?);
                ensure!(!is_on_delete(&set), "kubectl does not wait for OnDelete");
                ensure!(
                    replicas(&set)? == u64::from(*count),
                    "it has another number of replicas"
                );
                for ordinal in 0..u64::from(*count) {
                    let name = self.pod_name(ordinal);
                    let pod = self.pods.get(&name).with_context(|| format!("no pod {name}"))?;
                    ensure!(
                        ordinal < partition(&set) || *pod.template == set["spec"]["template"],
                        "{name} does not match the current template"
                    );
                    self.serves(&name)?;
                }
                Ok(())
            }
            Action::OfNewSet { set, members } => {
                ensure!(*set == self.name, "another StatefulSet");
                self.wait(|model| {
                    let template = model.set()?["spec"]["template"].clone();
                    for member in members {
                        let pod = model.pods.get(member).with_context(|| format!("no pod {member}"))?;
                        ensure!(*pod.template == template, "{member} has another template");
                    }
                    Ok(())
                })
            }
            Action::Ready { member } => self.wait(|model| model.serves(member)),
            Action::NoOldClaims { claims, .. } => {
                for claim in claims {
                    ensure!(!self.volumes.contains_key(claim), "{claim} exists");
                }
                Ok(())
            }
            Action::AddLearner { member, url, asked } | Action::AddReplacement { member, url, asked } => {
                self.ask(asked)?;
                ensure!(
                    self.members.values().all(|member| member.votes),
                    "etcd allows one learner at a time"
                );
                ensure!(self.at_url(url).is_none(), "etcd already has {url}");
                let id = self.next_id;
                self.next_id += 1;
                self.members.insert(
                    id,
                    Member {
                        name: member.clone(),
                        url: url.clone(),
                        votes: false,
                        has_started: false,
                    },
                );
                Ok(())
            }
            Action::Promote { member, url, asked } => {
                self.wait(|model| {
                    model.ask(asked)?;
                    let id = model.at_url(url).context("no such member")?;
                    let waits = model.pods.get(member).map(|pod| &pod.waits);
                    let pod = model
                        .pod_of(id)
                        .with_context(|| format!("{member} does not run: {waits:?}"))?;
                    model.serves(pod)
                })?;
                let id = self.at_url(url).context("no such member")?;
                let learner = self.members.get_mut(&id).context("no such member")?;
                ensure!(learner.name == *member, "{url} belongs to {}", learner.name);
                learner.votes = true;
                Ok(())
            }
            Action::Remove { member, asked } => {
                self.ask(asked)?;
                self.remove(self.id_of(member)?)
            }
            Action::NoteReplaced { member, asked } => {
                self.ask(asked)?;
                self.noted = Some(self.id_of(member)?);
                Ok(())
            }
            Action::RemoveReplaced { member, asked } => {
                self.ask(asked)?;
                let id = self.noted.context("no member was noted")?;
                ensure!(
                    self.members.get(&id).is_some_and(|of| of.name == *member),
                    "another member was noted"
                );
                ensure!(self.pods.contains_key(asked), "no other member is left");
                self.remove(id)
            }
            Action::DeleteReplacedClaims { member, claims, .. } => {
                for claim in claims {
                    let is_of_member = claim.ends_with(&format!("-{member}"));
                    ensure!(is_of_member, "{claim} does not belong to {member}");
                    if let Some(volume) = self.volumes.get_mut(claim) {
                        volume.is_deleted = true;
                    }
                }
                // A pod that uses the claim keeps it until it ends.
                if !self.pods.contains_key(member) {
                    self.end_pod(member);
                }
                Ok(())
            }
            Action::DeleteReplacedPod { member, .. } => {
                if self.pods.contains_key(member) {
                    let id = self.noted.context("no member was noted")?;
                    ensure!(!self.members.contains_key(&id), "it is still a member");
                    self.end_pod(member);
                }
                Ok(())
            }
            Action::UpdatePeerUrl { member, url, asked } => {
                self.ask(asked)?;
                let id = self.id_of(member)?;
                ensure!(
                    self.members.len() < 2 || self.leader != Some(id),
                    "{member} is the leader, and its absence would cost an election"
                );
                ensure!(self.at_url(url).is_none(), "etcd already has {url}");
                settings::Url::parse(url)?;
                let known = self.members.get_mut(&id).context("no such member")?;
                known.url.clone_from(url);
                Ok(())
            }
            Action::MoveLeader { from, to } => {
                self.ask(from)?;
                let id = self.id_of(to)?;
                ensure!(self.members[&id].votes, "{to} does not vote");
                self.serves(to)?;
                self.leader = Some(id);
                Ok(())
            }
            Action::PodGone { member } => self.wait(|model| {
                ensure!(!model.pods.contains_key(member), "{member} exists");
                Ok(())
            }),
            Action::DeleteClaims { claims } => {
                for claim in claims {
                    let user = self.pods.keys().find(|pod| claim.ends_with(&format!("-{pod}")));
                    ensure!(user.is_none(), "{claim} is in use");
                    self.volumes.remove(claim);
                }
                Ok(())
            }
            Action::DeleteSetOnly { set } => {
                ensure!(*set == self.name, "another StatefulSet");
                self.live.delete("StatefulSet", set);
                Ok(())
            }
            Action::LabelPods { members, labels } => {
                for member in members {
                    let pod = self.pods.get_mut(member).with_context(|| format!("no pod {member}"))?;
                    pod.labels.extend(labels.iter().cloned());
                }
                Ok(())
            }
            Action::GrowClaim { claim, size } => {
                let volume = self
                    .volumes
                    .get_mut(claim)
                    .with_context(|| format!("no claim {claim}"))?;
                volume.size.clone_from(size);
                Ok(())
            }
            Action::StoredAs { members, minor } => {
                let minor = minor_of(minor)?;
                self.wait(|model| {
                    model.agree_on_version()?;
                    for member in members {
                        model.ask(member)?;
                        let process = model.pods[member].process.as_ref().context("it does not run")?;
                        let data = model.read(member, &process.settings.data, "data").context("no data")?;
                        ensure!(
                            data.stored == minor,
                            "the data of {member} have the format of 3.{}",
                            data.stored
                        );
                    }
                    Ok(())
                })
            }
            Action::ValidateDowngrade { asked, minor } => {
                self.ask(asked)?;
                ensure!(minor_of(minor)? + 1 == self.cluster_minor, "not one minor version back");
                Ok(())
            }
            Action::EnableDowngrade { asked, minor } => {
                self.ask(asked)?;
                let minor = minor_of(minor)?;
                ensure!(minor + 1 == self.cluster_minor, "not one minor version back");
                self.downgrade = Some(minor);
                Ok(())
            }
            Action::Restart { set } => {
                ensure!(*set == self.name, "another StatefulSet");
                ensure!(!is_on_delete(self.set()?), "nothing restarts with OnDelete");
                self.restarts += 1;
                let restarts = self.restarts;
                let set = self.live.get_mut("StatefulSet", set).context("no StatefulSet")?;
                let metadata = &mut set["spec"]["template"]["metadata"];
                if metadata["annotations"].is_null() {
                    metadata["annotations"] = json!({});
                }
                metadata["annotations"][RESTARTED_AT] = json!(restarts.to_string());
                Ok(())
            }
            Action::CertificatesReady { names } => {
                ensure!(!names.is_empty(), "no certificate is named");
                for name in names {
                    ensure!(self.live.get("Certificate", name).is_some(), "no Certificate {name}");
                }
                self.issue()?;
                ensure!(
                    names.iter().all(|name| self.trust.is_issued(name)),
                    "a certificate is not issued"
                );
                Ok(())
            }
            Action::SecretHasKeys { secret, keys } => {
                let found = self
                    .trust
                    .secrets
                    .get(secret)
                    .with_context(|| format!("no Secret {secret}"))?;
                for key in keys {
                    ensure!(found.contains_key(key), "{secret} has no {key}");
                }
                Ok(())
            }
            Action::CopyCertificate { from, keys, to } => self.trust.copy(from, keys, to),
            Action::TrustBoth { to, from } => self.trust.trust_both(to, from),
            Action::TakeCertificate { to, from } => self.trust.take(to, from),
            Action::FillLog { asked, entries } => {
                self.ask(asked)?;
                let entries = u64::from(*entries);
                self.change_data(|process, data| {
                    if process.settings.snapshot_count < entries && process.settings.release.minor >= 6 {
                        data.has_old_entries = false;
                    }
                })
            }
            Action::Prune { resource, name } => self.prune(resource, name),
            Action::Allowed { verb, resources } => {
                for resource in resources {
                    let is_forbidden = self.environment.forbidden.contains(&(verb.clone(), resource.clone()));
                    ensure!(!is_forbidden, "{verb} {resource} is forbidden");
                }
                Ok(())
            }
            Action::Served { resource } => {
                ensure!(!self.environment.missing_kinds.contains(resource), "no {resource}");
                Ok(())
            }
            Action::StorageClass { name } => {
                ensure!(
                    !self.environment.missing_classes.contains(name),
                    "no storage class {name}"
                );
                Ok(())
            }
            Action::NotInstalled { set, claims } => {
                ensure!(
                    self.live.get("StatefulSet", set).is_none(),
                    "the StatefulSet {set} exists"
                );
                for claim in claims {
                    ensure!(!self.volumes.contains_key(claim), "{claim} exists");
                }
                self.installs = true;
                Ok(())
            }
            Action::HasReplicas {
                set,
                counts,
                may_be_missing,
            } => {
                let live = self.live.of_kind("StatefulSet").find(|(name, _)| *name == set);
                let Some((_, live)) = live else {
                    ensure!(*may_be_missing, "no StatefulSet {set}");
                    return Ok(());
                };
                let found = replicas(live)?;
                ensure!(
                    counts.iter().any(|count| u64::from(*count) == found),
                    "{found} replicas"
                );
                Ok(())
            }
            Action::DryRun { .. } => bail!("it belongs to the preflight"),
        }
    }

    fn remove(&mut self, id: u64) -> Result<()> {
        let removed = self.members.remove(&id).context("no such member")?;
        // etcd in its pod exits, and finds that it was removed each time that it starts.
        if let Some(pod) = self.pods.get_mut(&removed.name)
            && pod.process.as_ref().is_some_and(|process| process.member == id)
        {
            pod.process = None;
            "it was removed".clone_into(&mut pod.waits);
            self.established
                .retain(|(a, b)| *a != removed.name && *b != removed.name);
        }
        self.elect();
        ensure!(self.leader.is_some(), "the quorum is lost");
        Ok(())
    }

    fn apply(&mut self, objects: Vec<Rc<Value>>) -> Result<()> {
        for object in objects {
            if self.live.is_applied(&object)? {
                continue;
            }
            let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            let is_changed = self.live.apply(&object)?;
            if object["kind"] == "Certificate" && is_changed {
                self.trust.request(&name);
            }
        }
        self.check()
    }

    fn dry_run(
        &self,
        planned: &Planned,
        done: usize,
        directory: &str,
        except: Option<&str>,
        replaced: &[String],
    ) -> Result<()> {
        let names = (1..)
            .zip(&planned.steps)
            .map(|(number, step)| (format!("{number:02}-{}", step.name), step));
        let mut found = names.filter(|(name, _)| name == directory);
        let (_, step) = found.next().with_context(|| format!("no step {directory}"))?;
        let number = planned.steps.iter().position(|other| std::ptr::eq(other, step));
        if number < Some(done) {
            return Ok(());
        }
        let what = (self.live.version(), directory.to_owned(), except.map(str::to_owned));
        if self.accepted.borrow().contains(&what) {
            return Ok(());
        }
        let manifests = step
            .manifests
            .iter()
            .filter(|manifest| Some(&*manifest.file_name) != except);
        for manifest in manifests {
            for object in read(&manifest.document)?.iter() {
                let result = if replaced.contains(&manifest.file_name) {
                    self.live.check_replaced(object)
                } else {
                    self.live.applied(object).map(|_| ())
                };
                result.with_context(|| manifest.file_name.clone())?;
            }
        }
        self.accepted.borrow_mut().insert(what);
        Ok(())
    }

    fn prune(&mut self, resource: &str, name: &str) -> Result<()> {
        if resource == "secret" {
            for pod in self.pods.keys() {
                ensure!(
                    !self.settings(pod)?.secrets.contains(name),
                    "{pod} mounts the Secret {name}"
                );
            }
            self.trust.secrets.remove(name);
            return Ok(());
        }
        let kinds = [
            ("certificate.cert-manager.io", "Certificate"),
            ("configmap", "ConfigMap"),
            ("cronjob.batch", "CronJob"),
            ("issuer.cert-manager.io", "Issuer"),
            ("networkpolicy.networking.k8s.io", "NetworkPolicy"),
            ("poddisruptionbudget.policy", "PodDisruptionBudget"),
            ("podmonitor.monitoring.coreos.com", "PodMonitor"),
            ("prometheusrule.monitoring.coreos.com", "PrometheusRule"),
            ("service", "Service"),
            ("serviceaccount", "ServiceAccount"),
            ("servicemonitor.monitoring.coreos.com", "ServiceMonitor"),
        ];
        let kind = kinds.iter().find(|(of, _)| *of == resource);
        let (_, kind) = kind.with_context(|| format!("{resource} cannot be pruned"))?;
        let is_own = |object: &Value| object["metadata"]["labels"][OWNERSHIP_LABEL] == *self.name;
        ensure!(
            self.live.get(kind, name).is_none_or(is_own),
            "{kind} {name} does not belong to the cluster"
        );
        self.live.delete(kind, name);
        Ok(())
    }
}

/// The annotation of `kubectl rollout restart`.
const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

/// Whether the compared parts of two objects are equal.
fn is_same(a: &Value, b: &Value) -> bool {
    std::ptr::eq(a, b) || a == b || compared(a) == compared(b)
}

/// Returns the compared parts of an object.
fn compared(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.retain(|key, _| !["metadata", "status"].contains(&key.as_str()));
    }
    let metadata = object
        .pointer_mut("/spec/template/metadata")
        .and_then(Value::as_object_mut);
    if let Some(metadata) = metadata {
        if let Some(notes) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            notes.remove(RESTARTED_AT);
        }
        let is_empty = |notes: &Value| notes.as_object().is_some_and(serde_json::Map::is_empty);
        if metadata.get("annotations").is_some_and(is_empty) {
            metadata.remove("annotations");
        }
    }
    object
}

fn objects(manifests: &[Manifest]) -> Result<Vec<Rc<Value>>> {
    let mut all = Vec::new();
    for manifest in manifests {
        all.extend(read(&manifest.document)?.iter().cloned());
    }
    Ok(all)
}

/// Parses the objects of a document. Steps share many of them, and each is parsed once.
fn read(document: &str) -> Result<Rc<Vec<Rc<Value>>>> {
    thread_local! {
        static READ: RefCell<HashMap<String, Rc<Vec<Rc<Value>>>>> = RefCell::new(HashMap::new());
    }
    if let Some(known) = READ.with_borrow(|all| all.get(document).cloned()) {
        return Ok(known);
    }
    let objects: Rc<Vec<Rc<Value>>> = Rc::new(documents(document)?.into_iter().map(Rc::new).collect());
    READ.with_borrow_mut(|all| {
        // As many as some plans have.
        if all.len() >= 4096 {
            all.clear();
        }
        all.insert(document.to_owned(), Rc::clone(&objects))
    });
    Ok(objects)
}

fn of_files(step: &PlannedStep, files: &[String]) -> Result<Vec<Rc<Value>>> {
    ensure!(!files.is_empty(), "no file is named");
    let mut all = Vec::new();
    for name in files {
        let manifest = step.manifests.iter().find(|manifest| manifest.file_name == *name);
        let manifest = manifest.with_context(|| format!("the step has no manifest {name}"))?;
        all.extend(read(&manifest.document)?.iter().cloned());
    }
    Ok(all)
}

fn certificates(live: &Live) -> Vec<String> {
    live.of_kind("Certificate").map(|(name, _)| name.clone()).collect()
}

fn replicas(set: &Value) -> Result<u64> {
    set["spec"]["replicas"].as_u64().context("replicas")
}

fn partition(set: &Value) -> u64 {
    let update = &set["spec"]["updateStrategy"];
    update["rollingUpdate"]["partition"].as_u64().unwrap_or(0)
}

fn is_on_delete(set: &Value) -> bool {
    set["spec"]["updateStrategy"]["type"] == "OnDelete"
}

/// Returns the name, size and class of each claim template.
fn claim_templates(set: &Value) -> Vec<(String, String, Option<String>)> {
    let templates = list(&set["spec"]["volumeClaimTemplates"]).iter();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    templates
        .filter_map(|template| {
            let size = text(&template["spec"]["resources"]["requests"]["storage"]);
            Some((
                text(&template["metadata"]["name"])?,
                size.unwrap_or_default(),
                text(&template["spec"]["storageClassName"]),
            ))
        })
        .collect()
}

fn url_text(url: &settings::Url) -> String {
    let scheme = if url.is_tls { "https" } else { "http" };
    format!("{scheme}://{}:{}", url.host, url.port)
}

fn minor_of(text: &str) -> Result<u32> {
    let minor = text.strip_prefix("3.").with_context(|| format!("the version {text}"))?;
    Ok(minor.parse()?)
}
