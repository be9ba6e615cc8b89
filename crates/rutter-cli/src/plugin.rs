//! Puts the files by which Helm and Kustomize find `rutter` where these look for them.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use rutter::{Description, printable};

use crate::args::{HostTool, PluginInstall};
use crate::failure::Failure;
use crate::{output, package};

const HELM_PLUGIN: &str = include_str!("../../../plugins/helm/rutter/plugin.yaml");
const GENERATOR: &str = include_str!("../../../plugins/kustomize/generator");
const WRAPPER: &str = include_str!("../../../plugins/kustomize/rutter-krm");

/// A file to be installed, below the directory where its host looks.
struct File {
    path: PathBuf,
    text: &'static str,
    is_program: bool,
}

/// Installs the plugin of a host and says on standard output what it did.
///
/// # Errors
///
/// If the directory is not known, or a file there is somebody else's or cannot be written.
pub(crate) fn install(args: &PluginInstall) -> Result<ExitCode, Failure> {
    let description = package::carried().map_err(Failure::Host)?.describe()?;
    let said = installed(args, &description).map_err(Failure::Host)?;
    output::to_stdout(&said).map_err(Failure::Host)?;
    Ok(ExitCode::SUCCESS)
}

fn installed(args: &PluginInstall, description: &Description) -> Result<String> {
    let directory = match &args.dir {
        Some(directory) => directory.clone(),
        None => plugin_directory(args.host).context("no directory for plugins is known: name one with `--dir DIR`")?,
    };
    let directory = std::path::absolute(&directory).with_context(|| printable::path(&directory))?;
    let files = match args.host {
        HostTool::Helm => vec![File {
            path: directory.join("rutter/plugin.yaml"),
            text: HELM_PLUGIN,
            is_program: false,
        }],
        HostTool::Kustomize => {
            let Description { api_version, kind, .. } = description;
            let generator = directory.join(api_version).join(kind.to_lowercase()).join(kind);
            [(generator, GENERATOR), (directory.join("rutter-krm"), WRAPPER)]
                .map(|(path, text)| File {
                    path,
                    text,
                    is_program: true,
                })
                .into()
        }
    };
    // All or nothing, as far as can be told before.
    files.iter().try_for_each(File::check)?;
    let mut said = String::new();
    for file in &files {
        let what = match file.write()? {
            Written::New => "wrote",
            Written::Replaced => "replaced, and kept with `.old` at its end,",
            Written::Already => "is there already:",
        };
        said.push_str(&format!("{what} {}\n", printable::path(&file.path)));
    }
    said.push_str(&next_steps(args, &directory));
    if !is_on_path("rutter") {
        said.push_str(
            "\nrutter is not on the search path, where the plugin looks for it: put its directory on PATH.\n",
        );
    }
    Ok(said)
}

fn next_steps(args: &PluginInstall, directory: &Path) -> String {
    let directory = printable::path(directory);
    match args.host {
        HostTool::Helm => {
            let variable = args
                .dir
                .as_ref()
                .map_or(String::new(), |_| format!("HELM_PLUGINS='{directory}' "));
            format!(
                "\nHelm 4 finds it by its name:\n  {variable}helm template NAME CHART --post-renderer rutter\nHelm 3 needs no \
                 plugin, and runs none of its own from a directory with this one:\n  helm template NAME CHART --post-renderer rutter --post-renderer-args post-render\n"
            )
        }
        HostTool::Kustomize => {
            let variable = args
                .dir
                .as_ref()
                .map_or(String::new(), |_| format!("KUSTOMIZE_PLUGIN_HOME='{directory}' "));
            format!(
                "\nWhere functions are not run, list the object under `generators:` without an annotation:\n  \
                 {variable}kubectl kustomize --enable-alpha-plugins DIR\nKustomize since 5.7 needs no plugin, but this \
                 annotation of the object:\n  config.kubernetes.io/function: 'exec: {{path: rutter, args: [krm]}}'\nKustomize \
                 before 5.7 gives no arguments:\n  config.kubernetes.io/function: 'exec: {{path: {directory}/rutter-krm}}'\n"
            )
        }
    }
}

/// Where a host looks for plugins: its own variable, then what it takes from the desktop's conventions (Helm's
/// `pkg/helmpath/lazypath.go`, kustomize's `api/konfig/plugins.go`).
fn plugin_directory(host: HostTool) -> Option<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    match host {
        HostTool::Helm => {
            // Of several directories Helm installs into the first.
            let first = |directories: PathBuf| env::split_paths(&directories).next();
            let data = if cfg!(target_os = "macos") {
                "Library/helm"
            } else {
                ".local/share/helm"
            };
            set("HELM_PLUGINS")
                .and_then(first)
                .or_else(|| Some(set("HELM_DATA_HOME")?.join("plugins")))
                .or_else(|| Some(set("XDG_DATA_HOME")?.join("helm/plugins")))
                .or_else(|| Some(env::home_dir()?.join(data).join("plugins")))
        }
        HostTool::Kustomize => set("KUSTOMIZE_PLUGIN_HOME")
            .or_else(|| Some(set("XDG_CONFIG_HOME")?.join("kustomize/plugin")))
            .or_else(|| Some(env::home_dir()?.join(".config/kustomize/plugin"))),
    }
}

/// What became of a file.
enum Written {
    New,
    Replaced,
    Already,
}

impl File {
    /// Checks that what is there is an earlier version of ours.
    fn check(&self) -> Result<()> {
        match fs::read_to_string(&self.path) {
            Ok(text) if text.contains("rutter") => Ok(()),
            Ok(_) => bail!(
                "{} is somebody else's: remove it, or name another directory with `--dir DIR`",
                printable::path(&self.path)
            ),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error).with_context(|| printable::path(&self.path)),
        }
    }

    /// Writes it unless it is there.
    fn write(&self) -> Result<Written> {
        let there = fs::read_to_string(&self.path).ok();
        if there.as_deref() == Some(self.text) {
            return Ok(Written::Already);
        }
        let directory = self.path.parent().context("a directory")?;
        if directory.is_symlink() {
            bail!(
                "{} is a link, as `helm plugin install` makes of a directory: remove it, or keep it",
                printable::path(directory)
            );
        }
        fs::create_dir_all(directory)
            .with_context(|| format!("the directory {} cannot be made", printable::path(directory)))?;
        let context = || format!("{} cannot be written", printable::path(&self.path));
        // Beside it and then renamed: a host may be reading it.
        let partial = self.path.with_extension(std::process::id().to_string());
        fs::write(&partial, self.text).with_context(context)?;
        #[cfg(unix)]
        if self.is_program {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(&partial, fs::Permissions::from_mode(0o755)).with_context(context)?;
        }
        if there.is_some() {
            // Somebody may have changed it for a reason.
            let mut old = self.path.clone().into_os_string();
            old.push(".old");
            fs::rename(&self.path, old).with_context(context)?;
        }
        fs::rename(&partial, &self.path).with_context(context)?;
        Ok(if there.is_some() {
            Written::Replaced
        } else {
            Written::New
        })
    }
}

/// Whether a shell would find a program.
pub(crate) fn is_on_path(program: &str) -> bool {
    let name = format!("{program}{}", env::consts::EXE_SUFFIX);
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|directory| directory.join(&name).is_file()))
}
