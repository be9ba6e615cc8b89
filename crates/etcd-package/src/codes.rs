//! What the package can say about values, beyond what their types say.

use rutter::{Code, Severity};

macro_rules! codes {
    ($($severity:ident $name:ident = $id:literal, $summary:literal;)*) => {
        $(
            #[doc = concat!("`", $id, "`: ", $summary, ".")]
            pub static $name: Code = Code { id: $id, severity: Severity::$severity, summary: $summary };
        )*
        /// All of them, for the documentation and the tests.
        pub static ALL: &[&Code] = &[$(&$name),*];
    };
}

codes! {
    Error INVALID_NAME = "invalid-name", "a name is not one that Kubernetes accepts";
    Error NAME_TOO_LONG = "name-too-long", "a name that is derived from the installation's would be too long";
    Error NAME_COLLISION = "name-collision", "two things would have one name";
    Error INVALID_REPLICAS = "invalid-replicas", "the number of members is impossible";
    Error UNSUPPORTED_VERSION = "unsupported-version", "the package does not know this etcd version";
    Error UNSAFE_VERSION = "unsafe-version", "the etcd release is known to corrupt data";
    Error INVALID_IMAGE = "invalid-image", "the image reference is not well-formed";
    Error TAG_CONTRADICTS_VERSION = "tag-contradicts-version", "the image's tag names another etcd version";
    Error PORT_COLLISION = "port-collision", "two listeners would have one port";
    Error INVALID_TOKEN = "invalid-token", "the bootstrap token has characters that do not survive";
    Error INVALID_DISCOVERY = "invalid-discovery", "members could not find each other this way";
    Error INVALID_RETENTION = "invalid-retention", "what to keep does not fit the compaction mode";
    Error SECRET_REQUIRED = "secret-required", "the mode Secret needs the Secret's name";
    Error UNUSED_VALUE = "unused-value", "a value is given that the chosen mode does not use";
    Error INVALID_TLS = "invalid-tls", "etcd refuses these options of TLS";
    Error INVALID_CERTIFICATE = "invalid-certificate", "cert-manager refuses the certificate, or nobody would trust it";
    Error CERTIFICATE_NOT_ALLOWED = "certificate-not-allowed", "the members' own certificate would not be let in";
    Error CERTIFICATE_LIFETIME = "certificate-lifetime", "cert-manager refuses these durations";
    Error INVALID_STORAGE = "invalid-storage", "the volume claim cannot be bound";
    Error INVALID_PATH = "invalid-path", "the path does not lead to something in the volume";
    Error INVALID_IP_FAMILIES = "invalid-ip-families", "Kubernetes refuses these IP families";
    Error INVALID_SCHEDULE = "invalid-schedule", "Kubernetes refuses when the job is to run";
    Error INVALID_MANIFEST = "invalid-manifest", "the object lacks what every Kubernetes object has";
    Error RESTORE_CONFLICT = "restore-conflict", "a snapshot cannot be restored this way";
    Error INVALID_RESOURCES = "invalid-resources", "Kubernetes refuses these resources";
    Error INVALID_QUOTA = "invalid-quota", "etcd's database and its volume do not fit";
    Error INVALID_TIMING = "invalid-timing", "etcd refuses these intervals";
    Error INVALID_LIMIT = "invalid-limit", "etcd cannot take this limit";
    Error UNKNOWN_FEATURE_GATE = "unknown-feature-gate", "this etcd release has no such feature gate";
    Error UNKNOWN_FLAG = "unknown-flag", "this etcd release has no such flag";
    Error FLAG_TAKEN = "flag-taken", "the flag is set by another value";
    Error CONFLICTING_FLAGS = "conflicting-flags", "etcd refuses these settings beside each other";
    Error CONFLICTING_VARIABLE = "conflicting-variable", "etcd refuses a variable beside the flag that it stands for";
    Error CONFLICTING_FIELDS = "conflicting-fields", "Kubernetes does not accept these fields together";
    Error UNKNOWN_REFERENCE = "unknown-reference", "nothing has this name";
    Error LABEL_TAKEN = "label-taken", "the label belongs to the selector";
    Warning NO_SHELL = "no-shell", "etcd's image holds etcd's programs and nothing else";
    Warning LARGE_QUOTA = "large-quota", "etcd advises against databases of this size";
    Warning LARGE_REQUESTS = "large-requests", "etcd advises against requests of this size";
    Warning TLS_DISABLED = "tls-disabled", "traffic is neither encrypted nor authenticated";
    Warning UNAUTHENTICATED = "unauthenticated", "traffic is encrypted, but whoever reaches the port is served";
    Warning SHARED_AUTHORITY = "shared-authority", "clients' certificates would pass for members'";
    Warning WEAK_CIPHER_SUITE = "weak-cipher-suite", "the cipher suite is not safe";
    Warning EPHEMERAL_STORAGE = "ephemeral-storage", "data die with their pod";
    Warning RESTORE_PENDING = "restore-pending", "the snapshot would be restored again";
    Warning DOUBLE_SCRAPE = "double-scrape", "two objects have Prometheus scrape the same";
    Warning SELF_SIGNED = "self-signed", "self-signed certificates stop being trusted when they are renewed";
    Warning EVEN_REPLICAS = "even-replicas", "an even number of members tolerates no more failures than one fewer";
    Warning MANY_REPLICAS = "many-replicas", "more than seven members slow each write down";
    Warning OUTDATED_VERSION = "outdated-version", "the etcd project advises against the release";
    Warning CLAIMS_DELETED = "claims-deleted", "data are deleted with what uses them";
    Warning END_OF_LIFE = "end-of-life", "the etcd version gets no more fixes";
    Warning TAG_WITHOUT_VERSION = "tag-without-version", "the image's tag does not say which etcd version it holds";
    Warning VOLUME_BELOW_QUOTA = "volume-below-quota", "the database may grow larger than its volume";
    Warning COMPACTION_DISABLED = "compaction-disabled", "the database grows until its quota is full";
}
