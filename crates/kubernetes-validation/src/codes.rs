//! The codes of the errors that this crate reports, in addition to those of `rutter::yaml`.

rutter::codes! {
    pub ALL
    Error NAME_COLLISION = "name-collision", "two things would have one name";
    Error INVALID_RESOURCES = "invalid-resources", "Kubernetes refuses these resources";
    Error CONFLICTING_FIELDS = "conflicting-fields", "Kubernetes does not accept these fields together";
    Error UNKNOWN_REFERENCE = "unknown-reference", "nothing has this name";
}
