//! Peers of a network policy (`pkg/apis/networking/validation/validation.go`, `ValidateNetworkPolicyPeer`).

use k8s_openapi::api::networking::v1::{IPBlock, NetworkPolicyPeer};
use rutter::net::Cidr;

use crate::field::Field;
use crate::selector;

/// Checks the peers in the list `name`.
pub fn peers(field: &mut Field<'_, '_>, name: &str, peers: &[NetworkPolicyPeer]) {
    field.each(name, peers, |field, peer| {
        let ip_block_given = peer.ip_block.is_some();
        let selectors = [
            ("podSelector", peer.pod_selector.is_some()),
            ("namespaceSelector", peer.namespace_selector.is_some()),
        ];
        if !ip_block_given && !selectors.iter().any(|(_, given)| *given) {
            field.exactly_one(&[selectors[0], selectors[1], ("ipBlock", false)]);
        }
        for selector in selectors {
            field.at_most_one(&[selector, ("ipBlock", ip_block_given)]);
        }
        field.with("podSelector", peer.pod_selector.as_ref(), selector::labels);
        field.with("namespaceSelector", peer.namespace_selector.as_ref(), selector::labels);
        field.with("ipBlock", peer.ip_block.as_ref(), ip_block);
    });
}

fn ip_block(field: &mut Field<'_, '_>, block: &IPBlock) {
    let whole = field.parsed::<Cidr>("cidr", Some(&block.cidr));
    field.each("except", block.except.iter().flatten(), |field, except| {
        let part = field.parse::<Cidr>(except);
        if let (Some(whole), Some(part)) = (&whole, part)
            && !whole.is_above(&part)
        {
            field.invalid(
                format!("{part} is not a part of {whole}"),
                "write a smaller network within cidr",
            );
        }
    });
}
