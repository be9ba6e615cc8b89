//! The imports between the modules of a crate, as its source has them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fs, io};

/// A path of modules, or of modules and an item.
pub type Names = Vec<String>;

/// A module and the paths that it uses.
struct Module {
    names: Names,
    /// The paths of its `use` declarations.
    imports: Vec<Names>,
    /// The paths anywhere in it that start at the crate's root.
    used: Vec<Names>,
}

/// Checks that each top-level module of a crate uses only those before it in `order`, by the directory of the crate's source.
///
/// # Errors
///
/// If one uses another behind it, or is not listed, or the source cannot be read.
pub fn check_order(source: &Path, order: &[&str]) -> io::Result<()> {
    let problems = out_of_order(source, order)?;
    if problems.is_empty() {
        return Ok(());
    }
    Err(io::Error::other(format!("{problems:#?}")))
}

/// Checks that no modules of a crate use each other in a circle, except for those of the modules `exempt`.
///
/// # Errors
///
/// If some do, or the source cannot be read.
pub fn check_circles(source: &Path, exempt: &[&str]) -> io::Result<()> {
    let circles = circles(source, exempt)?;
    if circles.is_empty() {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "these modules use each other in a circle: {circles:#?}"
    )))
}

/// Returns the modules of a crate that use each other in a circle, by the directory of its source. A module and those in
/// it always use each other, and so may those of the modules `exempt`.
///
/// # Errors
///
/// If the source cannot be read.
fn circles(source: &Path, exempt: &[&str]) -> io::Result<BTreeSet<(String, String)>> {
    let mut graph: BTreeSet<(String, String)> = BTreeSet::new();
    for (from, to) in edges(source)? {
        let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
        if common < from.len() && common < to.len() && !exempt.contains(&&*from[0]) {
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
            return Ok(graph);
        }
    }
}

/// Returns the uses that do not follow `order`, in which each top-level module uses only those before it, and the modules
/// that `order` does not list, or only `order` does.
///
/// # Errors
///
/// If the source cannot be read.
fn out_of_order(source: &Path, order: &[&str]) -> io::Result<Vec<String>> {
    let place = |name: &str| order.iter().position(|other| *other == name);
    let modules = modules(source)?;
    let found: BTreeSet<&str> = modules
        .iter()
        .filter_map(|module| module.names.first())
        .map(String::as_str)
        .collect();
    let listed: BTreeSet<&str> = order.iter().copied().collect();
    let mut problems: Vec<String> = found
        .symmetric_difference(&listed)
        .map(|name| format!("{name} is a module that is not listed, or the other way round"))
        .collect();
    for (from, to) in edges(source)? {
        if let (Some(module), Some(used)) = (from.first(), to.first())
            && place(used) > place(module)
        {
            problems.push(format!(
                "{} uses {}, which comes after it",
                from.join("::"),
                to.join("::")
            ));
        }
    }
    Ok(problems)
}

/// Returns which module uses which, by the directory of a crate's source.
///
/// # Errors
///
/// If the source cannot be read.
pub fn edges(source: &Path) -> io::Result<BTreeSet<(Names, Names)>> {
    let modules = modules(source)?;
    let by_name: BTreeMap<&Names, &Module> = modules.iter().map(|module| (&module.names, module)).collect();
    let used = |module: &Module| -> Vec<(Names, Names)> {
        let targets = module.used.iter().map(|path| target(path, &by_name));
        targets.map(|target| (module.names.clone(), target)).collect()
    };
    Ok(modules.iter().flat_map(used).filter(|(from, to)| from != to).collect())
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

fn modules(source: &Path) -> io::Result<Vec<Module>> {
    let mut modules = Vec::new();
    read(source, &[], &mut modules)?;
    Ok(modules)
}

/// Reads the modules of a directory, but not their tests.
fn read(directory: &Path, parent: &[String], modules: &mut Vec<Module>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let names = match stem {
            "lib" | "main" | "mod" => parent.to_vec(),
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
