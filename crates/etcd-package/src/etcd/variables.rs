//! Environment variables that start with `ETCD_`.
//!
//! etcd reads `ETCD_X_Y` as the flag `--x-y` (`pkg/flags`, `FlagToEnv`), and ignores others with a line in its log.

use super::Version;

/// Returns the flag that etcd reads a variable as, if it starts with `ETCD_`.
#[must_use]
pub fn flag_of(variable: &str) -> Option<String> {
    let flag = variable.strip_prefix("ETCD_")?;
    Some(flag.to_lowercase().replace('_', "-"))
}

/// Returns the variable that etcd reads as a flag.
#[must_use]
pub fn variable_of(flag: &str) -> String {
    format!("ETCD_{}", flag.to_uppercase().replace('-', "_"))
}

/// Variables that the scripts of Bitnami's images read, and the value that does the same here. It is empty if there is
/// nothing to do (`rootfs/opt/bitnami/scripts/etcd-env.sh` of bitnami/containers).
const BITNAMI: [(&str, &str); 22] = [
    ("ETCD_ACTIVE_ENDPOINTS", ""),
    ("ETCD_BASE_DIR", "use image.binDir"),
    ("ETCD_BIN_DIR", "use image.binDir"),
    ("ETCD_CLUSTER_DOMAIN", "use clusterDomain"),
    ("ETCD_CONF_DIR", "use extraArgs"),
    ("ETCD_CONF_FILE", "use extraArgs"),
    ("ETCD_DAEMON_GROUP", "use pod.securityContext"),
    ("ETCD_DAEMON_USER", "use pod.securityContext"),
    ("ETCD_DISASTER_RECOVERY", "use backup, and restore for a new cluster"),
    ("ETCD_EXTRA_AUTH_FLAGS", ""),
    ("ETCD_INIT_SNAPSHOTS_DIR", "use restore.claimName"),
    ("ETCD_INIT_SNAPSHOT_FILENAME", "use restore.snapshot"),
    ("ETCD_NEW_MEMBERS_ENV_FILE", "use bootstrap.state"),
    ("ETCD_ON_K8S", ""),
    ("ETCD_PREUPGRADE_START_DELAY", ""),
    (
        "ETCD_ROOT_PASSWORD",
        "leave it out, and turn authentication on by `etcdctl user add root`, `etcdctl user grant-role root root` and \
         `etcdctl auth enable`",
    ),
    ("ETCD_SNAPSHOTS_DIR", "use backup.claimName"),
    ("ETCD_SNAPSHOT_HISTORY_LIMIT", "use backup.keep"),
    ("ETCD_START_FROM_SNAPSHOT", "use restore"),
    ("ETCD_TMP_DIR", ""),
    ("ETCD_VOLUME_DIR", "use naming.dataPath"),
    ("ETCD_DEFAULT_CONF_DIR", ""),
];

/// The prefix of variables that Bitnami's scripts write into etcd's configuration file: `ETCD_CFG_X_Y` is `x-y`.
const BITNAMI_FLAG: &str = "ETCD_CFG_";

/// Returns help about a variable that only the scripts of Bitnami's images read.
#[must_use]
pub fn instead_of_bitnami(variable: &str) -> Option<String> {
    if let Some(flag) = variable.strip_prefix(BITNAMI_FLAG) {
        return Some(format!(
            "use extraArgs: {{{}: …}}",
            flag.to_lowercase().replace('_', "-")
        ));
    }
    // Each variable can have the suffix `_FILE`, and then names a file with the value.
    let name = variable.strip_suffix("_FILE").unwrap_or(variable);
    let known = |name: &str| BITNAMI.iter().find(|(known, _)| *known == name);
    let (_, instead) = known(variable).or_else(|| known(name))?;
    Some(if instead.is_empty() { "leave it out" } else { instead }.to_owned())
}

impl Version {
    /// Whether etcd reads a variable that does not set a flag.
    #[must_use]
    pub fn reads_variable(self, name: &str) -> bool {
        self.minor().release().variables.contains(&name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_and_variables_name_each_other() {
        assert_eq!(flag_of("ETCD_MAX_WALS").as_deref(), Some("max-wals"));
        assert_eq!(flag_of("ETCDCTL_API"), None);
        assert_eq!(variable_of("max-wals"), "ETCD_MAX_WALS");
    }

    #[test]
    fn bitnamis_variables_have_a_value_to_use_instead() {
        let instead = |name| instead_of_bitnami(name);
        assert_eq!(
            instead("ETCD_CFG_MAX_WALS").as_deref(),
            Some("use extraArgs: {max-wals: …}")
        );
        assert_eq!(instead("ETCD_ON_K8S").as_deref(), Some("leave it out"));
        assert_eq!(
            instead("ETCD_CLUSTER_DOMAIN_FILE").as_deref(),
            Some("use clusterDomain")
        );
        assert_eq!(instead("ETCD_MAX_WALS"), None);
    }
}
