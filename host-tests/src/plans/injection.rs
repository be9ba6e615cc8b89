//! Texts in live objects that a shell, a terminal, YAML or a template would act on, and what must hold of the plans that are
//! made of them: none acts.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use rutter::plan::Detail;
use rutter::{ChangeRequest, Diagnostic, Package, Plan, State};
use serde_json::{Value, json};

use super::Change;
use crate::oracles::documents;
use crate::payloads;

/// Payloads, by name.
pub const PAYLOADS: [(&str, &str); 12] = [
    ("a command", "$(touch pwned)"),
    ("a command in backquotes", "`touch pwned`"),
    ("the end of single quotes", "'; touch pwned; '"),
    ("the end of double quotes", "\"; touch pwned; \""),
    ("a list", "; touch pwned #"),
    ("a newline", "\ntouch pwned\n"),
    ("a variable of the kubelet", "$(HOSTNAME)$$(touch pwned)"),
    ("escapes", "a\u{1b}[31mb\u{1b}]52;c;cG93bmVk\u{7}\u{9b}\u{202e}c\r"),
    ("formats", "%s%n%d{{.}}{{\"a\"}}\\x41\\u0041"),
    ("an option", "--namespace=other --all"),
    ("NUL", "a\0b"),
    ("YAML", "a: !!python/object/apply:os.system [touch pwned] # &x *x"),
];

/// A scalar of an object, or the key of one.
#[derive(Clone, Debug)]
pub struct Place {
    path: Vec<String>,
    is_key: bool,
}

impl Place {
    /// The path, as a person would write it.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}{}", self.path.join("."), if self.is_key { " (key)" } else { "" })
    }
}

/// The installed objects of a case, whatever it says them by; none if they are no objects.
///
/// # Errors
///
/// If they cannot be read.
pub fn objects(package: &dyn Package, case: &Change) -> Result<Option<(Value, ChangeRequest)>> {
    let Ok((from, to)) = case.asked() else {
        return Ok(None);
    };
    let stream = match &from {
        State::Objects(text) => text.clone(),
        State::Values(request) => match package.render(request) {
            Ok(rendering) => rutter::stream::join(&rendering.manifests),
            Err(_) => return Ok(None),
        },
    };
    let mut items = Vec::new();
    for document in documents(&stream)? {
        match document["items"].as_array() {
            Some(inner) if document["kind"] == "List" => items.extend(inner.iter().cloned()),
            _ => items.push(document),
        }
    }
    Ok(Some((Value::Array(items), to)))
}

/// Every scalar, and every key.
#[must_use]
pub fn places(objects: &Value) -> Vec<Place> {
    fn collect(value: &Value, path: &mut Vec<String>, all: &mut Vec<Place>) {
        let children: Vec<(String, &Value)> = match value {
            Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), value)).collect(),
            Value::Array(items) => (0..)
                .zip(items)
                .map(|(index, item): (usize, _)| (index.to_string(), item))
                .collect(),
            _ => {
                let path = path.clone();
                all.push(Place { path, is_key: false });
                return;
            }
        };
        for (key, child) in children {
            path.push(key);
            if value.is_object() {
                let path = path.clone();
                all.push(Place { path, is_key: true });
            }
            collect(child, path, all);
            path.pop();
        }
    }
    let mut all = Vec::new();
    collect(objects, &mut Vec::new(), &mut all);
    all
}

/// Objects with a text at a place, instead of what is there or behind it.
#[must_use]
pub fn replaced(objects: &Value, place: &Place, payload: &str, is_behind: bool) -> Value {
    let mut objects = objects.clone();
    let mut value = &mut objects;
    let Some((last, around)) = place.path.split_last() else {
        return objects;
    };
    for key in around {
        value = match value {
            Value::Array(items) => {
                let index = key.parse::<usize>().unwrap_or_default();
                &mut items[index]
            }
            other => &mut other[key],
        };
    }
    if place.is_key {
        if let Value::Object(fields) = value
            && let Some(child) = fields.remove(last)
        {
            let key = if is_behind {
                format!("{last}{payload}")
            } else {
                payload.to_owned()
            };
            fields.insert(key, child);
        }
        return objects;
    }
    let target = match value {
        Value::Array(items) => items.get_mut(last.parse::<usize>().unwrap_or_default()),
        other => other.get_mut(last),
    };
    if let Some(target) = target {
        let old = match &target {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        *target = json!(if is_behind {
            format!("{old}{payload}")
        } else {
            payload.to_owned()
        });
    }
    objects
}

/// Plans from objects, checks all that is printed, and runs the lines of what is planned, unless the same lines were run
/// before. Returns what a person reads.
///
/// # Errors
///
/// Returns what does not hold.
pub fn check(package: &dyn Package, objects: &Value, to: &ChangeRequest, seen: &mut HashSet<u64>) -> Result<String> {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    match package.plan(&State::Objects(list.to_string()), to) {
        Ok(plan) => {
            let text = format!("{}{}{}", plan.summary, shown(&plan.warnings), plan.to_text(Detail::All));
            payloads::check(&text).map_err(anyhow::Error::msg)?;
            let script = script(&plan)?;
            payloads::check(&script).map_err(anyhow::Error::msg)?;
            let mut hasher = DefaultHasher::new();
            script.hash(&mut hasher);
            if seen.insert(hasher.finish()) {
                run(&plan, &script)?;
            }
            Ok(text)
        }
        Err(problems) => {
            let text = shown(&problems);
            payloads::check(&text).map_err(anyhow::Error::msg)?;
            Ok(text)
        }
    }
}

fn shown(diagnostics: &[Diagnostic]) -> String {
    diagnostics
        .iter()
        .map(|diagnostic| diagnostic.display("").to_string())
        .collect()
}

/// `run.sh` of a plan, without its last lines, so that it defines its functions and calls none.
fn script(plan: &Plan) -> Result<String> {
    let files = plan.files(None);
    let script = files
        .into_iter()
        .find(|file| file.path == "run.sh")
        .context("run.sh")?
        .text;
    let end = "\nrutter_main \"$@\"\nexit\n";
    Ok(script.strip_suffix(end).context("another end of run.sh")?.to_owned())
}

/// Checks that a plan runs no payload.
///
/// # Errors
///
/// If it does.
pub fn check_lines(plan: &Plan) -> Result<()> {
    run(plan, &script(plan)?)
}

/// Runs each line of a plan by itself, in a directory of its own, with a kubectl that does nothing.
///
/// # Errors
///
/// If anything was made there by a payload.
fn run(plan: &Plan, script: &str) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let (work, bin) = (directory.path().join("work"), directory.path().join("bin"));
    fs::create_dir(&work)?;
    fs::create_dir(&bin)?;
    for file in plan.files(None) {
        let is_inside = !file.path.starts_with('/') && !file.path.split('/').any(|part| ["..", ""].contains(&part));
        ensure!(is_inside, "the file {:?} is elsewhere", file.path);
        payloads::check(&file.path).map_err(anyhow::Error::msg)?;
    }
    let kubectl = bin.join("kubectl");
    // Calls that a function repeats many times end it, and others go on as far as they can.
    fs::write(
        &kubectl,
        "#!/bin/sh\ncase $* in *no-such-key*) exit 1 ;; *'member list'*) echo 'a1, started, etcd-0, u, c, false' ;; *) echo yes ;; esac\n",
    )?;
    fs::set_permissions(&kubectl, fs::Permissions::from_mode(0o755))?;
    let lines = script.lines().filter_map(|line| line.strip_suffix("() {"));
    let lines: Vec<&str> = lines
        .filter(|name| name.starts_with("rutter_line_") || name.starts_with("rutter_done_"))
        .collect();
    let commands = plan.preflight.len()
        + plan
            .change
            .steps()
            .iter()
            .map(|step| step.commands.len())
            .sum::<usize>();
    ensure!(lines.len() >= commands, "lines are missing: {lines:?}");
    let mut text = script.to_owned();
    text.push_str(
        "\nrutter_state= notes=$PWD\nkubectl() { command kubectl \"$@\"; }\nsay() { :; }\nfail() { exit 1; }\n\
         attempt() { \"$@\"; }\nis_done() { return 1; }\n",
    );
    for line in lines {
        text.push_str(&format!("( {line} ) > /dev/null 2>&1 < /dev/null || :\n"));
    }
    // Its end is seen.
    text.push_str("echo ran\n");
    let path = directory.path().join("script");
    fs::write(&path, text)?;
    let search = std::env::var("PATH").context("PATH")?;
    let output = Command::new("sh")
        .arg(&path)
        .current_dir(&work)
        .env("PATH", format!("{}:{search}", bin.display()))
        .stdin(Stdio::null())
        .output()?;
    ensure!(
        output.stdout.ends_with(b"ran\n"),
        "the script ends early: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    find(directory.path())
}

/// Looks for what a payload would have made.
fn find(directory: &Path) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.to_string_lossy().contains("pwned") {
            bail!("a payload was run");
        }
        if path.is_dir() {
            find(&path)?;
        }
    }
    Ok(())
}

/// Tries one input of a fuzzer: the name of a case, the number of a place in its objects, and a payload, on a line each but
/// for the last, which takes the rest.
///
/// # Errors
///
/// As for [`check`].
pub fn fuzz(package: &dyn Package, bytes: &[u8]) -> Result<String> {
    let Ok(text) = str::from_utf8(bytes) else {
        return Ok(String::new());
    };
    let Some((name, rest)) = text.split_once('\n') else {
        return Ok(String::new());
    };
    let (number, payload) = rest.split_once('\n').unwrap_or((rest, ""));
    // Programs that fuzz call this many times.
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c));
    if !is_name || !crate::root().join("host-tests/plans").join(name).is_dir() {
        return Ok(String::new());
    }
    let Some(case) = Change::all()?.into_iter().find(|case| case.name == name) else {
        return Ok(String::new());
    };
    let Some((objects, to)) = objects(package, &case)? else {
        return Ok(String::new());
    };
    let places = places(&objects);
    let number: usize = number.trim().parse().unwrap_or_default();
    let Some(place) = places.get(number % places.len().max(1)) else {
        return Ok(String::new());
    };
    let mut seen = HashSet::new();
    let mut answer = String::new();
    for is_behind in [false, true] {
        let changed = replaced(&objects, place, payload, is_behind);
        answer.push_str(&check(package, &changed, &to, &mut seen).with_context(|| place.text())?);
    }
    Ok(answer)
}

/// Inputs to start from.
///
/// # Errors
///
/// If the cases cannot be read.
pub fn seeds() -> Result<Vec<Vec<u8>>> {
    let cases = Change::all()?.into_iter().zip(PAYLOADS.iter().cycle());
    let seed = |(number, (case, (_, payload))): (usize, (Change, &(&str, &str)))| {
        format!("{}\n{}\n{payload}", case.name, number * 31).into_bytes()
    };
    Ok(cases.enumerate().map(seed).collect())
}
