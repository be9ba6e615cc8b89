//! Images with etcd that the etcd project does not build, and that differ in layout from its own.

/// The directory of etcd's programs in the project's own images (`Dockerfile` at v3.6.14).
pub const BIN_DIR: &str = "/usr/local/bin";

/// The layout of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The last components of its repository, whatever registry mirrors it.
    repository: &'static str,
    /// The directory of etcd's programs. In an image without one, etcd cannot be started by itself.
    pub bin_dir: Option<&'static str>,
    /// Whether it has `etcdutl`.
    pub has_etcdutl: bool,
    /// Whether its tags start with `v`. Unknown if it has tags of both kinds.
    pub tags_start_with_v: Option<bool>,
}

/// The images and their sources: `bitnami/etcd/3.6/debian-12/Dockerfile` of bitnami/containers; `etcd.yaml` of
/// wolfi-dev/os, which the images of Chainguard install; `Dockerfile.openshift` of openshift/etcd; `Dockerfile` of
/// rancher/image-build-etcd; `projects/etcd-io/etcd/docker/linux/Dockerfile` of aws/eks-distro; `Dockerfile` of
/// gardener/etcd-wrapper.
const LAYOUTS: [Layout; 10] = [
    bitnami("bitnami/etcd"),
    bitnami("bitnamilegacy/etcd"),
    bitnami("bitnamisecure/etcd"),
    in_usr_bin("chainguard/etcd"),
    in_usr_bin("chainguard-private/etcd"),
    in_usr_bin("chainguard-private/etcd-fips"),
    in_usr_bin("openshift/origin-etcd"),
    without_etcdutl("rancher/hardened-etcd"),
    without_etcdutl("eks-distro/etcd-io/etcd"),
    Layout {
        repository: "etcd-wrapper",
        bin_dir: None,
        has_etcdutl: false,
        tags_start_with_v: None,
    },
];

const fn bitnami(repository: &'static str) -> Layout {
    Layout {
        repository,
        bin_dir: Some("/opt/bitnami/etcd/bin"),
        has_etcdutl: true,
        tags_start_with_v: Some(false),
    }
}

const fn in_usr_bin(repository: &'static str) -> Layout {
    Layout {
        repository,
        bin_dir: Some("/usr/bin"),
        has_etcdutl: true,
        tags_start_with_v: None,
    }
}

const fn without_etcdutl(repository: &'static str) -> Layout {
    Layout {
        repository,
        bin_dir: Some(BIN_DIR),
        has_etcdutl: false,
        tags_start_with_v: None,
    }
}

impl Layout {
    /// Returns the layout of images of a repository, if it is known to differ from that of the project's own.
    #[must_use]
    pub fn of(repository: &str) -> Option<&'static Self> {
        LAYOUTS.iter().find(|layout| {
            let registry = repository.strip_suffix(layout.repository);
            registry.is_some_and(|registry| registry.is_empty() || registry.ends_with('/'))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_keep_the_layout_and_other_images_have_none() {
        let bin_dir = |repository: &str| Layout::of(repository).map(|layout| layout.bin_dir);
        let bitnami = Some(Some("/opt/bitnami/etcd/bin"));
        assert_eq!(bin_dir("bitnami/etcd"), bitnami);
        assert_eq!(bin_dir("registry.example.com:5000/mirror/bitnamilegacy/etcd"), bitnami);
        assert_eq!(bin_dir("cgr.dev/chainguard/etcd"), Some(Some("/usr/bin")));
        assert_eq!(bin_dir("example.com/gardener/etcd-wrapper"), Some(None));
        for other in [
            "gcr.io/etcd-development/etcd",
            "notbitnami/etcd",
            "bitnami/etcd/x",
            "my-etcd-wrapper",
        ] {
            assert_eq!(bin_dir(other), None, "{other}");
        }
    }
}
