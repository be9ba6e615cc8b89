//! The etcd package as the core module that Helm 4 runs in process.

rutter_helm_plugin::plugin!(etcd_package::EtcdPackage);
