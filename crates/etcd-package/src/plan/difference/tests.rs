use rutter::yaml;

use super::*;

fn read(text: &str) -> Node {
    yaml::parse(text, 0, 1).unwrap().unwrap()
}

/// The differences as `PATH: INSTALLED -> DESIRED`.
fn between_texts(group: &str, kind: &str, installed: &str, desired: &str) -> Vec<String> {
    let differences = differences(group, kind, &read(installed), &read(desired));
    let line = |difference: &Difference| {
        format!(
            "{}: {} -> {}",
            difference.path,
            difference.installed_text(),
            difference.desired_text()
        )
    };
    differences.iter().map(line).collect()
}

/// A StatefulSet with this in its pod's spec.
fn pod(spec: &str) -> String {
    format!("{{spec: {{template: {{spec: {spec}}}}}}}")
}

fn container(fields: &str) -> String {
    pod(&format!("{{containers: [{{name: etcd, {fields}}}]}}"))
}

#[test]
fn fields_are_compared_by_their_type() {
    for (group, kind, installed, desired, expected) in [
        // Strings are texts, never quantities.
        (
            "",
            "ConfigMap",
            "{data: {a: '1.0'}}",
            "{data: {a: '1'}}",
            &[r#"data["a"]: "1.0" -> "1""#][..],
        ),
        (
            "",
            "ConfigMap",
            "{data: {a: 1k}}",
            "{data: {a: '1000'}}",
            &[r#"data["a"]: "1k" -> "1000""#],
        ),
        (
            "",
            "ConfigMap",
            "{data: {a: ''}}",
            "{data: {}}",
            &[r#"data["a"]: "" -> (absent)"#],
        ),
        ("", "ConfigMap", "{data: {}}", "{data: null}", &[]),
        ("", "ConfigMap", "{}", "{data: {}}", &[]),
        ("", "ConfigMap", "{data: {a: b}}", "{data: {a: 'b'}}", &[]),
        (
            "",
            "ConfigMap",
            "{data: {a: null}}",
            "{}",
            &[r#"data["a"]: null -> (absent)"#],
        ),
        // Labels are no fields, whatever their names.
        (
            "apps",
            "StatefulSet",
            "{spec: {template: {spec: {nodeSelector: {type: ClusterIP}}}}}",
            "{}",
            &[r#"spec.template.spec.nodeSelector["type"]: "ClusterIP" -> (absent)"#],
        ),
        (
            "",
            "Service",
            "{spec: {selector: {type: ClusterIP}}}",
            "{spec: {selector: {}}}",
            &[r#"spec.selector["type"]: "ClusterIP" -> (absent)"#],
        ),
        // Pointers differ from absence even if they point at nothing.
        (
            "networking.k8s.io",
            "NetworkPolicy",
            "{spec: {ingress: [{from: [{podSelector: {}}]}]}}",
            "{spec: {ingress: [{from: [{namespaceSelector: {}}]}]}}",
            &[
                "spec.ingress[0].from[0].podSelector: {} -> (absent)",
                "spec.ingress[0].from[0].namespaceSelector: (absent) -> {}",
            ],
        ),
        (
            "networking.k8s.io",
            "NetworkPolicy",
            "{spec: {podSelector: {}}}",
            "{spec: {}}",
            &[],
        ),
        (
            "networking.k8s.io",
            "NetworkPolicy",
            "{spec: {ingress: [{}]}}",
            "{spec: {ingress: []}}",
            &["spec.ingress[0]: {} -> (absent)"],
        ),
        (
            "networking.k8s.io",
            "NetworkPolicy",
            "{spec: {policyTypes: [Ingress]}}",
            "{spec: {}}",
            &[],
        ),
        (
            "networking.k8s.io",
            "NetworkPolicy",
            "{spec: {policyTypes: [Ingress], egress: [{}]}}",
            "{spec: {egress: [{}]}}",
            &[r#"spec.policyTypes[1]: (absent) -> "Egress""#],
        ),
        (
            "",
            "PersistentVolumeClaim",
            "{spec: {storageClassName: ''}}",
            "{spec: {}}",
            &[r#"spec.storageClassName: "" -> (absent)"#],
        ),
        ("apps", "StatefulSet", "{spec: {replicas: 1}}", "{spec: {}}", &[]),
        (
            "apps",
            "StatefulSet",
            "{spec: {replicas: 0}}",
            "{spec: {}}",
            &["spec.replicas: 0 -> 1"],
        ),
        (
            "policy",
            "PodDisruptionBudget",
            "{spec: {maxUnavailable: 1}}",
            "{spec: {maxUnavailable: '1'}}",
            &[r#"spec.maxUnavailable: 1 -> "1""#],
        ),
        // What the API server decides.
        (
            "",
            "Service",
            "{spec: {clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1], ipFamilies: [IPv4], ipFamilyPolicy: SingleStack,
              type: ClusterIP, sessionAffinity: None, internalTrafficPolicy: Cluster,
              ports: [{port: 2379, targetPort: 2379, protocol: TCP, nodePort: 30000}]}}",
            "{spec: {ports: [{port: 2379}]}}",
            &[],
        ),
        (
            "",
            "Service",
            "{spec: {clusterIP: 10.0.0.1, ipFamilyPolicy: SingleStack}}",
            "{spec: {clusterIP: 10.0.0.2, ipFamilyPolicy: PreferDualStack}}",
            &[
                r#"spec.clusterIP: "10.0.0.1" -> "10.0.0.2""#,
                r#"spec.ipFamilyPolicy: "SingleStack" -> "PreferDualStack""#,
            ],
        ),
        // Only people decide these.
        (
            "",
            "Service",
            "{spec: {clusterIP: None, ipFamilyPolicy: PreferDualStack}}",
            "{spec: {}}",
            &[
                r#"spec.clusterIP: "None" -> (absent)"#,
                r#"spec.ipFamilyPolicy: "PreferDualStack" -> (absent)"#,
            ],
        ),
        // What the table does not know.
        (
            "",
            "Service",
            "{spec: {novel: [{a: 1}, 2]}}",
            "{spec: {novel: [{a: 2}]}}",
            &["spec.novel[0].a: 1 -> 2", "spec.novel[1]: 2 -> (absent)"],
        ),
        (
            "",
            "Service",
            "{spec: {novel: {}}}",
            "{}",
            &["spec.novel: {} -> (absent)"],
        ),
        (
            "",
            "Service",
            "{spec: {sessionAffinity: [1]}}",
            "{spec: {sessionAffinity: None}}",
            &[r#"spec.sessionAffinity: [1] -> "None""#],
        ),
        (
            "",
            "Service",
            "{spec: 1}",
            "{spec: {type: ClusterIP}}",
            &[r#"spec: 1 -> {"type": "ClusterIP"}"#],
        ),
    ] {
        assert_eq!(
            between_texts(group, kind, installed, desired),
            expected,
            "{kind}: {installed} → {desired}"
        );
    }
}

#[test]
fn pods_are_compared_by_their_type() {
    for (installed, desired, expected) in [
        (container("env: [{name: A, value: 1k}]"), container("env: [{name: A, value: '1000'}]"), &[
            r#"spec.template.spec.containers[etcd].env[A].value: "1k" -> "1000""#,
        ][..]),
        (container("resources: {limits: {cpu: 500m}}"), container("resources: {limits: {cpu: 0.5}}"), &[]),
        (container("resources: {}"), container("env: []"), &[]),
        (container("livenessProbe: {tcpSocket: {port: 1}, timeoutSeconds: 1}"), container("livenessProbe: {tcpSocket: {port: 1}}"), &[]),
        (
            container("image: etcd, imagePullPolicy: Always"),
            container("image: etcd"),
            &[],
        ),
        (
            container("image: 'a.b:80/etcd:1', imagePullPolicy: IfNotPresent"),
            container("image: 'a.b:80/etcd:1'"),
            &[],
        ),
        (
            container("image: etcd, imagePullPolicy: IfNotPresent"),
            container("image: etcd"),
            &[r#"spec.template.spec.containers[etcd].imagePullPolicy: "IfNotPresent" -> "Always""#],
        ),
        // Kubernetes cannot parse this name, and nobody says how it would.
        (
            container("image: Etcd, imagePullPolicy: Always"),
            container("image: Etcd"),
            &[r#"spec.template.spec.containers[etcd].imagePullPolicy: "Always" -> (absent)"#],
        ),
        (pod("{volumes: [{name: a, emptyDir: {}}]}"), pod("{volumes: [{name: a}]}"), &[]),
        (
            pod("{volumes: [{name: a, emptyDir: {}}]}"),
            pod("{volumes: [{name: a, secret: {secretName: b, defaultMode: 420}}]}"),
            &[
                "spec.template.spec.volumes[a].emptyDir: {} -> (absent)",
                r#"spec.template.spec.volumes[a].secret.secretName: (absent) -> "b""#,
            ],
        ),
        (pod("{securityContext: {}, dnsPolicy: ClusterFirst}"), pod("{}"), &[]),
        (pod("{serviceAccount: a, serviceAccountName: a}"), pod("{serviceAccountName: a}"), &[]),
        (pod("{serviceAccount: a, serviceAccountName: a}"), pod("{serviceAccountName: b}"), &[
            r#"spec.template.spec.serviceAccountName: "a" -> "b""#,
        ]),
        // The template of a pod has no default here: with one, it is another template.
        (pod("{enableServiceLinks: true}"), pod("{}"), &[
            "spec.template.spec.enableServiceLinks: true -> (absent)",
        ]),
        // An item that only one side has.
        (
            container("ports: [{containerPort: 2379, protocol: TCP}, {containerPort: 2379, protocol: UDP}]"),
            container("ports: [{containerPort: 2379}]"),
            &[
                "spec.template.spec.containers[etcd].ports[2379/UDP].containerPort: 2379 -> (absent)",
                r#"spec.template.spec.containers[etcd].ports[2379/UDP].protocol: "UDP" -> "TCP""#,
            ],
        ),
        (container("env: [{name: A, value: '1'}, {name: A, value: '2'}]"), container("env: [{name: A, value: '1'}]"), &[
            r#"spec.template.spec.containers[etcd].env[A][1].name: "A" -> (absent)"#,
            r#"spec.template.spec.containers[etcd].env[A][1].value: "2" -> (absent)"#,
        ]),
        (container("env: [{value: '1'}]"), container("env: [{value: '2'}]"), &[
            r#"spec.template.spec.containers[etcd].env[""][0].value: "1" -> "2""#,
        ]),
        (container("env: [null]"), container("env: [{}]"), &[
            r#"spec.template.spec.containers[etcd].env[""][0]: null -> {}"#,
        ]),
        (container("env: [{name: A}, {name: B}]"), container("env: [{name: B}, {name: A}, {name: C}]"), &[
            r#"spec.template.spec.containers[etcd].env.order: ["A", "B"] -> ["B", "A"]"#,
            r#"spec.template.spec.containers[etcd].env[C].name: (absent) -> "C""#,
        ]),
        (
            container("command: [etcd, --a=1, --b]"),
            container("command: [gateway, --c, --a=2, --b]"),
            &[
                r#"spec.template.spec.containers[etcd].command[0]: "etcd" -> "gateway""#,
                r#"spec.template.spec.containers[etcd].command[--a]: "--a=1" -> "--a=2""#,
                r#"spec.template.spec.containers[etcd].command[--c]: (absent) -> "--c""#,
            ],
        ),
        (
            "{spec: {updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 0, maxUnavailable: 1}}}}".to_owned(),
            "{}".to_owned(),
            &[],
        ),
        (
            "{spec: {updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 0}}}}".to_owned(),
            "{spec: {updateStrategy: {type: RollingUpdate}}}".to_owned(),
            &[r#"spec.updateStrategy.rollingUpdate: {"partition": 0} -> (absent)"#],
        ),
        (
            "{spec: {volumeClaimTemplates: [{kind: PersistentVolumeClaim, apiVersion: v1, metadata: {name: data, creationTimestamp: null},
              spec: {volumeMode: Filesystem, resources: {requests: {storage: 1Gi}}}, status: {phase: Pending}}]}}".to_owned(),
            "{spec: {volumeClaimTemplates: [{metadata: {name: data}, spec: {resources: {requests: {storage: 2Gi}}}}]}}".to_owned(),
            &[r#"spec.volumeClaimTemplates[data].spec.resources.requests["storage"]: "1Gi" -> "2Gi""#],
        ),
        // Not rounded, as it is no map of resources.
        (
            pod("{volumes: [{name: a, emptyDir: {sizeLimit: 1n}}]}"),
            pod("{volumes: [{name: a, emptyDir: {sizeLimit: 1m}}]}"),
            &[r#"spec.template.spec.volumes[a].emptyDir.sizeLimit: "1n" -> "1m""#],
        ),
    ] {
        assert_eq!(
            between_texts("apps", "StatefulSet", &installed, &desired),
            expected,
            "{installed} → {desired}"
        );
    }
}

#[test]
fn metadata_is_compared_but_for_what_the_api_server_writes() {
    let installed = "{metadata: {name: a, namespace: b, uid: c, resourceVersion: '1', generation: 2,
        creationTimestamp: '2026-01-01T00:00:00Z', selfLink: d, managedFields: [{manager: e}], labels: {x/y: '1'},
        annotations: {z: '1'}, finalizers: [f], ownerReferences: [{uid: g, kind: H}]}, status: {i: 1}}";
    for (group, kind) in [("", "Service"), ("cert-manager.io", "Certificate")] {
        assert_eq!(
            between_texts(
                group,
                kind,
                installed,
                "{metadata: {labels: {x/y: '2'}, finalizers: [j]}}"
            ),
            [
                r#"metadata.labels["x/y"]: "1" -> "2""#,
                r#"metadata.annotations["z"]: "1" -> (absent)"#,
                r#"metadata.ownerReferences[g].kind: "H" -> (absent)"#,
                r#"metadata.ownerReferences[g].uid: "g" -> (absent)"#,
                r#"metadata.finalizers[f]: "f" -> (absent)"#,
                r#"metadata.finalizers[j]: (absent) -> "j""#,
            ]
        );
    }
}

#[test]
fn custom_resources_are_compared_exactly() {
    for (group, kind, installed, desired, expected) in [
        (
            "cert-manager.io",
            "Certificate",
            "{spec: {a: {}, b: 1, c: '1', d: [x]}}",
            "{spec: {b: 1, c: 1, d: [x, z]}}",
            &[
                "spec.a: {} -> (absent)",
                r#"spec.c: "1" -> 1"#,
                r#"spec.d[1]: (absent) -> "z""#,
            ][..],
        ),
        (
            "monitoring.coreos.com",
            "ServiceMonitor",
            "{spec: {endpoints: [{port: a, relabelings: [{action: replace, regex: b}]}]}}",
            "{spec: {endpoints: [{port: a, relabelings: [{regex: b}]}]}}",
            &[],
        ),
        (
            "monitoring.coreos.com",
            "ServiceMonitor",
            "{spec: {endpoints: []}}",
            "{spec: {}}",
            &["spec.endpoints: [] -> (absent)"],
        ),
    ] {
        assert_eq!(
            between_texts(group, kind, installed, desired),
            expected,
            "{kind}: {installed} → {desired}"
        );
    }
}

#[test]
fn secrets_are_compared_as_they_are_stored_and_never_shown() {
    let installed = "{data: {a: aHVudGVyMg==, b: eA==}, type: Opaque}";
    assert_eq!(
        between_texts(
            "",
            "Secret",
            installed,
            "{stringData: {a: hunter2}, data: {a: eg==, b: eA==}}"
        ),
        [""; 0]
    );
    assert_eq!(
        between_texts("", "Secret", installed, "{stringData: {a: hunter3}}"),
        [
            r#"data["a"]: (secret) -> (secret)"#,
            r#"data["b"]: (secret) -> (absent)"#
        ]
    );
    assert_eq!(
        between_texts(
            "",
            "Secret",
            "{type: a, metadata: {labels: {b: c}, annotations: {d: e}}}",
            "{}"
        ),
        [
            r#"metadata.labels["b"]: "c" -> (absent)"#,
            r#"metadata.annotations["d"]: (secret) -> (absent)"#,
            r#"type: "a" -> "Opaque""#,
        ]
    );
}

#[test]
fn texts_are_cut_and_safe_to_print() {
    let hostile = format!(
        "{{data: {{\"\\e[31m\\n\\\"]\": \"\\u202e{}\"}}}}",
        "x".repeat(1_000_000)
    );
    let texts = between_texts("", "ConfigMap", &hostile, "{}");
    assert_eq!(texts.len(), 1);
    assert!(
        texts[0].starts_with(r#"data["\u{1b}[31m\n\"]"]: "\u{202e}xxx"#),
        "{texts:?}"
    );
    assert!(texts[0].ends_with("… -> (absent)"), "{texts:?}");
    assert!(texts[0].len() < 300);
}

#[test]
fn long_texts_are_cut_around_what_differs() {
    let long = |middle: &str| format!("{{data: {{a: '{}{middle}{}'}}}}", "x".repeat(500), "y".repeat(500));
    let texts = between_texts("", "ConfigMap", &long("1"), &long("22"));
    let [text] = texts.as_slice() else { panic!("{texts:?}") };
    let before = "x".repeat(20);
    assert!(text.starts_with(&format!(r#"data["a"]: …"{before}1yyy"#)), "{text}");
    assert!(text.contains(&format!(r#" -> …"{before}22yyy"#)), "{text}");
    // Of two texts, the longer one starts with the other.
    let longer = |count| format!("{{data: {{a: '{}'}}}}", "x".repeat(count));
    assert_eq!(
        between_texts("", "ConfigMap", &longer(500), &longer(501)),
        [format!(r#"data["a"]: …"{before}" -> …"{before}x""#)]
    );
}
