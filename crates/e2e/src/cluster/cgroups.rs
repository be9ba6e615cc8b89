//! Control groups: one for each node, under one of ours.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::process;

const MOUNTED: &str = "/sys/fs/cgroup";
/// Ours, below the root of each hierarchy.
const OURS: &str = "rutter-e2e";

/// The control group of a node, counted from 1, as kubelet wants to have it named.
pub(crate) fn of_node(node: u8) -> String {
    format!("/{OURS}/node{node}")
}

/// Makes the groups of all nodes.
///
/// # Errors
///
/// If the machine lets us not.
pub(crate) fn create(nodes: u8) -> Result<()> {
    for hierarchy in hierarchies()? {
        let ours = hierarchy.join(OURS);
        enable_controllers(&hierarchy)?;
        make(&ours, &hierarchy)?;
        enable_controllers(&ours)?;
        for node in 1..=nodes {
            let group = ours.join(format!("node{node}"));
            make(&group, &ours)?;
            enable_controllers(&group)?;
        }
    }
    Ok(())
}

/// Removes them, with all that kubelet and containerd made in them, once the last process is gone.
///
/// # Errors
///
/// If a process remains in one.
pub(crate) fn remove() -> Result<()> {
    for hierarchy in hierarchies()? {
        let ours = hierarchy.join(OURS);
        process::wait(
            Duration::from_secs(30),
            &format!("the last process of {}", ours.display()),
            || {
                remove_tree(&ours)?;
                Ok(Some(()))
            },
        )?;
    }
    Ok(())
}

/// The root of each hierarchy: one for all with version 2, one per controller with version 1.
fn hierarchies() -> Result<Vec<PathBuf>> {
    let mounted = Path::new(MOUNTED);
    if is_unified() {
        return Ok(vec![mounted.to_path_buf()]);
    }
    let mut roots = Vec::new();
    for entry in fs::read_dir(mounted).with_context(|| format!("{MOUNTED}: this machine has no control groups"))? {
        let path = entry?.path();
        // Names such as `cpu,cpuacct` are one hierarchy, to which each of its controllers may have a link.
        if !path.is_symlink() && path.join("cgroup.procs").exists() {
            roots.push(path);
        }
    }
    Ok(roots)
}

fn is_unified() -> bool {
    Path::new(MOUNTED).join("cgroup.controllers").exists()
}

fn make(group: &Path, parent: &Path) -> Result<()> {
    fs::create_dir_all(group).with_context(|| group.display().to_string())?;
    // Version 1 leaves them empty in a new group, and an empty group takes no process.
    for file in ["cpuset.cpus", "cpuset.mems"] {
        if !is_unified() && parent.join(file).exists() {
            fs::write(group.join(file), fs::read(parent.join(file))?)?;
        }
    }
    Ok(())
}

/// With version 2, hands on to the groups below whatever a group has.
fn enable_controllers(group: &Path) -> Result<()> {
    if !is_unified() {
        return Ok(());
    }
    for controller in fs::read_to_string(group.join("cgroup.controllers"))?.split_whitespace() {
        fs::write(group.join("cgroup.subtree_control"), format!("+{controller}"))
            .with_context(|| format!("{controller} for the groups below {}", group.display()))?;
    }
    Ok(())
}

fn remove_tree(group: &Path) -> Result<()> {
    if !group.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(group)? {
        let path = entry?.path();
        if path.is_dir() {
            remove_tree(&path)?;
        }
    }
    fs::remove_dir(group).with_context(|| group.display().to_string())
}
