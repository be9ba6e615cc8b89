//! Control groups: one for each node, below one of ours.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::process;

const MOUNTED: &str = "/sys/fs/cgroup";
/// Our group, below the root of each hierarchy.
const OURS: &str = "rutter-e2e";

/// Returns the control group of a node, counted from 1, under the name that kubelet expects.
pub(crate) fn of_node(node: u8) -> String {
    format!("/{OURS}/node{node}")
}

/// Creates the groups of all nodes.
///
/// # Errors
///
/// If the machine does not allow it.
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

/// Removes the groups, with everything that kubelet and containerd created in them, after the last process has ended.
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

/// Returns the root of each hierarchy: one for all controllers in version 2, one for each controller in version 1.
fn hierarchies() -> Result<Vec<PathBuf>> {
    let mounted = Path::new(MOUNTED);
    if is_unified() {
        return Ok(vec![mounted.to_path_buf()]);
    }
    let mut roots = Vec::new();
    for entry in fs::read_dir(mounted).with_context(|| format!("{MOUNTED}: this machine has no control groups"))? {
        let path = entry?.path();
        // Names such as `cpu,cpuacct` are one hierarchy. Each of its controllers may have a link to it.
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
    // Version 1 leaves them empty in a new group, and a group without CPUs accepts no process.
    for file in ["cpuset.cpus", "cpuset.mems"] {
        if !is_unified() && parent.join(file).exists() {
            fs::write(group.join(file), fs::read(parent.join(file))?)?;
        }
    }
    Ok(())
}

/// In version 2, enables a group's controllers for the groups below it.
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
