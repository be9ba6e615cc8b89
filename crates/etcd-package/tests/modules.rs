//! The imports between the modules of this crate.

#![allow(clippy::disallowed_methods, reason = "the crate is pure; its tests read its source")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fs, io};

/// The modules of the crate. Each may use those before it.
const ORDER: [&str; 9] = [
    "codes",
    "cert_manager",
    "prometheus_operator",
    "etcd",
    "values",
    "cluster",
    "manifests",
    "render",
    "plan",
];

/// The module whose modules may use each other.
const EXEMPT: &str = "plan";

/// A path of modules, or of modules and an item.
type Names = Vec<String>;

/// A module and the paths that it uses.
struct Module {
    names: Names,
    /// The paths of its `use` declarations.
    imports: Vec<Names>,
    /// The paths anywhere in it that start at the crate's root.
    used: Vec<Names>,
}

#[test]
fn each_module_uses_only_those_before_it() -> io::Result<()> {
    let modules = modules()?;
    let found: BTreeSet<&str> = modules
        .iter()
        .filter_map(|module| module.names.first())
        .map(String::as_str)
        .collect();
    assert_eq!(found, BTreeSet::from(ORDER), "ORDER lists the modules of the crate");
    let place = |name: &str| ORDER.iter().position(|other| *other == name);
    for (from, to) in edges(&modules) {
        let (Some(module), Some(used)) = (from.first(), to.first()) else {
            continue;
        };
        assert!(
            place(used) <= place(module),
            "{} uses {}, which comes after it in ORDER",
            from.join("::"),
            to.join("::")
        );
        assert!(
            module != "manifests" || !["etcd", "values"].contains(&&**used),
            "{} uses {}, but a cluster is complete: `cluster::resolve` decides",
            from.join("::"),
            to.join("::")
        );
    }
    Ok(())
}

#[test]
fn there_is_no_circle_of_modules() -> io::Result<()> {
    let mut graph: BTreeSet<(String, String)> = BTreeSet::new();
    for (from, to) in edges(&modules()?) {
        let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
        // A module and a module in it always depend on each other.
        if common < from.len() && common < to.len() && from[0] != EXEMPT {
            graph.insert((from[..=common].join("::"), to[..=common].join("::")));
        }
    }
    // A circle is what is left without modules that use no other, and without those that no other uses.
    loop {
        let uses: BTreeSet<String> = graph.iter().map(|(from, _)| from.clone()).collect();
        let used: BTreeSet<String> = graph.iter().map(|(_, to)| to.clone()).collect();
        let before = graph.len();
        graph.retain(|(from, to)| uses.contains(to) && used.contains(from));
        if graph.len() == before {
            break;
        }
    }
    assert!(graph.is_empty(), "these modules use each other in a circle: {graph:#?}");
    Ok(())
}

/// Returns which module uses which.
fn edges(modules: &[Module]) -> BTreeSet<(Names, Names)> {
    let by_name: BTreeMap<&Names, &Module> = modules.iter().map(|module| (&module.names, module)).collect();
    let used = |module: &Module| -> Vec<(Names, Names)> {
        let targets = module.used.iter().map(|path| target(path, &by_name));
        targets.map(|target| (module.names.clone(), target)).collect()
    };
    modules.iter().flat_map(used).filter(|(from, to)| from != to).collect()
}

/// Returns the module in which the last name of a path is defined. It follows re-exports.
fn target(path: &Names, modules: &BTreeMap<&Names, &Module>) -> Names {
    let known = |length: &usize| modules.contains_key(&path[..*length].to_vec());
    let length = (0..=path.len()).rev().find(known).unwrap_or_default();
    let module = path[..length].to_vec();
    let Some(item) = path.get(length) else {
        return module;
    };
    let imported = modules.get(&module).into_iter().flat_map(|module| &module.imports);
    let mut imported = imported.filter(|import| import.last() == Some(item) && *import != path);
    match imported.next() {
        Some(import) => target(import, modules),
        None => module,
    }
}

fn modules() -> io::Result<Vec<Module>> {
    let mut modules = Vec::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &[], &mut modules)?;
    Ok(modules)
}

/// Reads the modules of a directory, but not their tests.
fn read(directory: &Path, parent: &[String], modules: &mut Vec<Module>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let names = match stem {
            "lib" | "mod" => parent.to_vec(),
            _ => [parent, &[stem.to_owned()]].concat(),
        };
        if path.is_dir() {
            read(&path, &names, modules)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") && stem != "tests" {
            let text = fs::read_to_string(&path)?;
            let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
            modules.push(module(names, &code.collect::<Vec<_>>().join("\n"), directory));
        }
    }
    Ok(())
}

/// Collects the paths of a module.
fn module(names: Names, code: &str, directory: &Path) -> Module {
    let is_child = |name: &str| {
        let below = directory.join(name);
        code.contains(&format!("mod {name};")) && (below.is_dir() || below.with_extension("rs").is_file())
    };
    let mut module = Module {
        names,
        imports: Vec::new(),
        used: Vec::new(),
    };
    let mut rest = code;
    let mut before = ' ';
    while let Some(next) = rest.chars().next() {
        let word: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let starts_path = !word.is_empty() && rest[word.len()..].starts_with("::") && before != ':';
        if starts_path && (["crate", "self", "super"].contains(&&*word) || is_child(&word)) {
            let is_import = code[..code.len() - rest.len()].trim_end().ends_with("use");
            let mut paths = Vec::new();
            rest = tree(rest, &[], &mut paths);
            let absolute = paths.into_iter().map(|path| from_root(&module.names, path));
            let absolute: Vec<Names> = absolute.collect();
            if is_import {
                module.imports.extend(absolute.clone());
            }
            module.used.extend(absolute);
            before = ' ';
        } else {
            let length = word.len().max(next.len_utf8());
            before = rest[..length].chars().next_back().unwrap_or(' ');
            rest = &rest[length..];
        }
    }
    module
}

/// Reads a path, or several in braces, and returns the text after it.
fn tree<'t>(text: &'t str, prefix: &[String], paths: &mut Vec<Names>) -> &'t str {
    let mut path = prefix.to_vec();
    let mut text = text.trim_start();
    loop {
        if let Some(mut inner) = text.strip_prefix('{') {
            loop {
                inner = inner.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
                if inner.is_empty() {
                    return inner;
                }
                if let Some(rest) = inner.strip_prefix('}') {
                    return rest;
                }
                inner = tree(inner, &path, paths);
            }
        }
        let length = text
            .find(|c: char| !c.is_alphanumeric() && c != '_' && c != '*')
            .unwrap_or(text.len());
        let (word, rest) = text.split_at(length);
        if word != "self" || path.is_empty() {
            path.push(word.to_owned());
        }
        text = rest;
        if let Some(rest) = text.strip_prefix("::") {
            text = rest;
        } else {
            let renamed = text.strip_prefix(" as ");
            paths.push(path);
            return renamed.map_or(text, |rest| {
                rest.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_')
            });
        }
    }
}

/// Returns the path from the crate's root.
fn from_root(module: &[String], path: Names) -> Names {
    let first = path.first().map(String::as_str);
    let mut names = if first == Some("crate") {
        Vec::new()
    } else {
        module.to_vec()
    };
    for name in path {
        match &*name {
            "crate" | "self" => {}
            "super" => {
                names.pop();
            }
            _ => names.push(name),
        }
    }
    names
}
