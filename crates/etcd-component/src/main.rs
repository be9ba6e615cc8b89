//! The etcd package as a component: the contract's typed exports, and a command that reads standard input.

rutter_component::package!(etcd_package::EtcdPackage);
