//! Fields of other charts for etcd, and their names in this package.

/// The paths of fields in Bitnami's and other charts for etcd, with help for each. They include fields of Kubernetes that
/// users expect at the top level.
pub const FOREIGN_FIELDS: &[(&str, &str)] = &[
    ("affinity", "did you mean `scheduling.affinity`?"),
    ("annotations", "did you mean `commonAnnotations`?"),
    ("architecture", "leave it out: `replicas` is the number of members"),
    (
        "auth",
        "users and roles are made with etcdctl; certificates are in `tls`",
    ),
    ("autoCompactionMode", "did you mean `compaction.mode`?"),
    ("autoCompactionRetention", "did you mean `compaction.retention`?"),
    ("containerPorts", "did you mean `ports`?"),
    (
        "containerSecurityContext",
        "did you mean `pod.containerSecurityContext`?",
    ),
    ("customLivenessProbe", "did you mean `probes.liveness`?"),
    ("customReadinessProbe", "did you mean `probes.readiness`?"),
    ("customStartupProbe", "did you mean `probes.startup`?"),
    ("disasterRecovery", "did you mean `backup`?"),
    ("env", "did you mean `extraEnv`?"),
    ("envFrom", "did you mean `extraEnvFrom`?"),
    ("extraDeploy", "did you mean `extraManifests`?"),
    ("extraEnvVars", "did you mean `extraEnv`?"),
    ("extraEnvVarsCM", "did you mean `extraEnvFrom`?"),
    ("extraEnvVarsSecret", "did you mean `extraEnvFrom`?"),
    ("extraObjects", "did you mean `extraManifests`?"),
    ("extraVolumeMounts", "did you mean `pod.extraVolumeMounts`?"),
    ("extraVolumes", "did you mean `pod.extraVolumes`?"),
    ("fullnameOverride", "did you mean `naming.fullname`?"),
    ("global", "leave it out: there are no subcharts"),
    ("hostAliases", "did you mean `pod.hostAliases`?"),
    ("image.registry", "write it in front of `image.repository`"),
    ("imagePullPolicy", "did you mean `image.pullPolicy`?"),
    ("imagePullSecrets", "did you mean `image.pullSecrets`?"),
    ("initContainers", "did you mean `pod.extraInitContainers`?"),
    ("initialClusterState", "did you mean `bootstrap.state`?"),
    ("initialClusterToken", "did you mean `bootstrap.token`?"),
    ("labels", "did you mean `commonLabels`?"),
    ("lifecycleHooks", "did you mean `pod.lifecycle`?"),
    ("livenessProbe", "did you mean `probes.liveness`?"),
    ("logLevel", "did you mean `log.level`?"),
    ("nameOverride", "did you mean `naming.fullname`?"),
    ("nodeSelector", "did you mean `scheduling.nodeSelector`?"),
    ("pdb", "did you mean `disruptionBudget`?"),
    ("persistence", "did you mean `storage`?"),
    (
        "persistentVolumeClaimRetentionPolicy",
        "did you mean `storage.retention`?",
    ),
    ("podAnnotations", "did you mean `pod.annotations`?"),
    ("podDisruptionBudget", "did you mean `disruptionBudget`?"),
    ("podLabels", "did you mean `pod.labels`?"),
    (
        "podManagementPolicy",
        "leave it out: all members start at the same time",
    ),
    ("podMonitor", "did you mean `monitoring.podMonitor`?"),
    ("podSecurityContext", "did you mean `pod.securityContext`?"),
    ("priorityClassName", "did you mean `scheduling.priorityClassName`?"),
    ("prometheusRule", "did you mean `monitoring.rules`?"),
    ("quotaBackendBytes", "did you mean `quota`?"),
    ("readinessProbe", "did you mean `probes.readiness`?"),
    ("replicaCount", "did you mean `replicas`?"),
    ("resourcesPreset", "write `resources`"),
    ("runtimeClassName", "did you mean `scheduling.runtimeClassName`?"),
    ("schedulerName", "did you mean `scheduling.schedulerName`?"),
    ("securityContext", "did you mean `pod.securityContext`?"),
    ("serviceMonitor", "did you mean `monitoring.serviceMonitor`?"),
    ("sidecars", "did you mean `pod.extraContainers`?"),
    ("startFromSnapshot", "did you mean `restore`?"),
    ("startupProbe", "did you mean `probes.startup`?"),
    ("storage.accessModes", "did you mean `storage.data.accessModes`?"),
    ("storage.size", "did you mean `storage.data.size`?"),
    ("storage.storageClass", "did you mean `storage.data.storageClassName`?"),
    (
        "storage.storageClassName",
        "did you mean `storage.data.storageClassName`?",
    ),
    ("storageClass", "did you mean `storage.data.storageClassName`?"),
    ("storageClassName", "did you mean `storage.data.storageClassName`?"),
    ("storageSize", "did you mean `storage.data.size`?"),
    (
        "terminationGracePeriodSeconds",
        "did you mean `pod.terminationGracePeriodSeconds`?",
    ),
    ("tolerations", "did you mean `scheduling.tolerations`?"),
    ("topologySpreadConstraints", "did you mean `scheduling.topologySpread`?"),
    ("updateStrategy", "did you mean `update`?"),
];

#[cfg(test)]
mod tests {
    use rutter::Package as _;
    use rutter::explain::Documentation;
    use rutter::schema::Depth;

    use super::*;
    use crate::EtcdPackage;

    #[test]
    fn the_values_have_what_is_suggested_and_nothing_that_is_foreign() {
        let documentation = Documentation::new(&EtcdPackage.schema(), EtcdPackage.describe(), Vec::new()).unwrap();
        let mut suggested = 0;
        for (foreign, help) in FOREIGN_FIELDS {
            assert!(documentation.explain(foreign, Depth::Fields).is_err(), "{foreign}");
            for path in help.split('`').skip(1).step_by(2) {
                assert!(documentation.explain(path, Depth::Fields).is_ok(), "{foreign}: {path}");
                suggested += 1;
            }
        }
        assert!(suggested >= 50, "{suggested}");
    }
}
