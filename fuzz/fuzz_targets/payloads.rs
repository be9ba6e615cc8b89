//! See `host_tests::fuzz`.

#![no_main]

fuzz::target!("payloads");
