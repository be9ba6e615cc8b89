//! Embeds the precompiled package that the environment variable `RUTTER_PRECOMPILED` names, by an absolute path. Without
//! it `rutter` is built without a package of its own.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=RUTTER_PRECOMPILED");
    println!("cargo::rustc-check-cfg=cfg(rutter_embedded)");
    if let Some(image) = env::var_os("RUTTER_PRECOMPILED") {
        let image = image.to_string_lossy();
        println!("cargo::rerun-if-changed={image}");
        println!("cargo::rustc-env=RUTTER_PRECOMPILED={image}");
        println!("cargo::rustc-cfg=rutter_embedded");
    }
}
