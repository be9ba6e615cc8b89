//! Help for errors of kubectl itself.

/// Texts that kubectl prints, and what to do about them. The first row counts that has one of its texts in the error. What
/// programs in a container print is not kubectl's.
pub(super) const KUBECTL_HELP: &[(&[&str], &str)] = &[
    (
        &["kubectl cannot be started"],
        "install kubectl 1.24 or later, and have it on the PATH: https://kubernetes.io/docs/tasks/tools",
    ),
    (
        &["getting credentials: exec: executable"],
        "install the program that logs in to this cluster, which the kubeconfig names under users",
    ),
    (
        &["error: context \"", "no context exists with the name"],
        "choose one of the contexts that `kubectl config get-contexts` prints, by --context",
    ),
    (
        &[
            "current-context is not set",
            "no configuration has been provided",
            "The connection to the server localhost:8080 was refused",
        ],
        "choose a cluster by --context, by --kubeconfig or by the variable KUBECONFIG: none is configured",
    ),
    (
        &[
            "(Unauthorized)",
            "You must be logged in to the server",
            "the server has asked for the client to provide credentials",
            "getting credentials: ",
        ],
        "log in to the cluster again: the credentials are wrong or have expired",
    ),
    (
        &["(Forbidden)"],
        "ask for the permission, or choose a context that has it by --context; `kubectl auth can-i --list -n NAMESPACE` prints \
         what you may do",
    ),
    (
        &[
            "Unable to connect to the server: x509:",
            "Unable to connect to the server: tls: failed to verify certificate",
        ],
        "check certificate-authority of the cluster in the kubeconfig: the certificate of the API server is not trusted",
    ),
    (
        &[
            "Unable to connect to the server",
            "The connection to the server",
            "couldn't get current server API group list",
        ],
        "check the network, the VPN and the context, and try again: the API server cannot be reached",
    ),
];

/// Returns the help for an error of kubectl, if its text is known.
#[must_use]
pub fn kubectl_help(error: &str) -> Option<&'static str> {
    let is_known = |signs: &&[&str]| signs.iter().any(|sign| error.contains(sign));
    let (_, help) = KUBECTL_HELP.iter().find(|(signs, _)| is_known(signs))?;
    Some(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_kubectl_have_help() {
        for (error, help) in [
            (
                "kubectl cannot be started: No such file or directory",
                "install kubectl",
            ),
            (
                "Unable to connect to the server: dial tcp: lookup x: no such host",
                "check the network",
            ),
            (
                "The connection to the server 10.0.0.1:6443 was refused",
                "check the network",
            ),
            (
                "The connection to the server localhost:8080 was refused",
                "choose a cluster",
            ),
            ("error: You must be logged in to the server (Unauthorized)", "log in"),
            (
                "Unable to connect to the server: getting credentials: exec: executable x not found",
                "install the program",
            ),
            (
                "Unable to connect to the server: getting credentials: exit code 1",
                "log in",
            ),
            (
                "Error from server (Forbidden): namespaces is forbidden",
                "ask for the permission",
            ),
            ("error: context \"x\" does not exist", "choose one of the contexts"),
            (
                "Unable to connect to the server: x509: unknown authority",
                "check certificate-authority",
            ),
        ] {
            assert!(
                kubectl_help(error).is_some_and(|found| found.starts_with(help)),
                "{error}"
            );
        }
        // etcd's own errors are about members.
        assert_eq!(
            kubectl_help("dial tcp 127.0.0.1:2379: connect: connection refused"),
            None
        );
    }
}
