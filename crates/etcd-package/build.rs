//! Compresses the files that the package carries and that few calls read: a component is loaded for each call, and the
//! schema and the defaults would be a third of it.

fn main() -> std::io::Result<()> {
    rutter_build::compress([
        "generated/codes.json",
        "generated/values.schema.json",
        "generated/values.yaml",
        "src/plan/difference/types.txt",
    ])
}
