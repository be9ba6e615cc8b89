//! Texts in live objects that a shell, a terminal, YAML or a template would act on, and the checks that none of them
//! has an effect in a plan.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use etcd_package::{Action, Planned, planned};
use rutter::Change::Steps;
use rutter::plan::Detail;
use rutter::{ChangeRequest, Diagnostic, Difference, Package, Plan, State, Step};
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

/// A scalar of an object, or a key.
#[derive(Clone, Debug)]
pub struct Place {
    path: Vec<String>,
    is_key: bool,
}

impl Place {
    /// Formats the path for people.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}{}", self.path.join("."), if self.is_key { " (key)" } else { "" })
    }

    /// Returns the path in the objects of a kind, without list indices.
    #[must_use]
    pub fn kind(&self, objects: &Value) -> String {
        let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let object = self
            .path
            .first()
            .and_then(|number| objects.get(number.parse::<usize>().ok()?));
        let kind = object.and_then(|object| object["kind"].as_str()).unwrap_or_default();
        let parts = self
            .path
            .iter()
            .skip(1)
            .map(|part| if is_number(part) { "[]" } else { part });
        format!(
            "{kind} {}{}",
            parts.collect::<Vec<_>>().join("."),
            if self.is_key { " (key)" } else { "" }
        )
    }
}

/// Returns the installed objects of a case, in whatever form it has them; none if they are not objects.
///
/// # Errors
///
/// If they cannot be read.
pub fn objects(package: &dyn Package, case: &Change) -> Result<Option<(Value, ChangeRequest)>> {
    let Ok((from, to)) = case.request() else {
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

/// Returns every scalar, and every key.
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

/// Returns objects with a text at a place, instead of or after the present text.
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

/// The options in a plan's lines. Any other came from a payload.
const OPTIONS: [&str; 19] = [
    "--cacert",
    "--cascade",
    "--cert",
    "--container",
    "--create-annotation",
    "--endpoints",
    "--filename",
    "--for",
    "--ignore-not-found",
    "--insecure-skip-tls-verify",
    "--key",
    "--learner",
    "--output",
    "--overwrite",
    "--patch",
    "--peer-urls",
    "--timeout",
    "--type",
    "--wait",
];

/// The files that lines write.
const NOTES: [&str; 4] = ["notes", "notes/replaced", "notes/snapshot", "notes/installing"];

/// The scripts of plans. One shell runs many of them.
#[derive(Debug, Default)]
pub struct Scripts {
    seen: HashSet<u64>,
    waiting: Vec<Script>,
}

#[derive(Debug)]
struct Script {
    /// The case or action of the script.
    what: String,
    text: String,
    /// Whether its words may be any option, because the texts of actions are checked before actions exist.
    has_any_option: bool,
}

/// The last word of a script.
const END: &str = "the end of a script";

impl Scripts {
    /// Plans from objects, and checks everything that is printed. The script of the plan runs later, unless the same
    /// script ran before. Returns the printed plan.
    ///
    /// # Errors
    ///
    /// If a property does not hold for this plan, or for an earlier one.
    pub fn plan(&mut self, package: &dyn Package, objects: &Value, to: &ChangeRequest, what: &str) -> Result<String> {
        match package.plan(&installed(objects), to) {
            Ok(plan) => {
                let text = format!("{}{}{}", plan.summary, shown(&plan.warnings), plan.to_text(Detail::All));
                payloads::check(&text).map_err(anyhow::Error::msg)?;
                self.add(&plan, what, false)?;
                Ok(text)
            }
            Err(problems) => {
                let text = shown(&problems);
                payloads::check(&text).map_err(anyhow::Error::msg)?;
                Ok(text)
            }
        }
    }

    /// Adds a plan of these actions, with `text` in place of all their texts.
    ///
    /// # Errors
    ///
    /// If a property does not hold.
    pub fn actions(&mut self, actions: &[Action], text: &str, what: &str) -> Result<()> {
        let mut actions = actions.to_vec();
        for action in &mut actions {
            for old in action.texts() {
                text.clone_into(old);
            }
        }
        let (prelude, commands) = etcd_package::lines(text, text, &[text.to_owned()], &actions);
        let (first, others) = commands.split_at(commands.len() / 2);
        let text = text.to_owned();
        let plan = Plan {
            name: text.clone(),
            namespace: text.clone(),
            summary: text.clone(),
            prelude,
            preflight: first.to_vec(),
            change: Steps(vec![Step {
                name: "step".to_owned(),
                title: text.clone(),
                reason: text.clone(),
                effects: vec![text.clone()],
                manifests: Vec::new(),
                files: Vec::new(),
                commands: others.to_vec(),
            }]),
            differences: vec![Difference {
                object: text.clone(),
                path: text.clone(),
                installed: text.clone(),
                desired: text.clone(),
            }],
            warnings: Vec::new(),
        };
        let printed = format!("{}{}", plan.headline(), plan.body(Detail::All));
        payloads::check(&printed).map_err(anyhow::Error::msg)?;
        self.add(&plan, what, true)
    }

    /// Adds the script of a plan.
    ///
    /// # Errors
    ///
    /// If a property does not hold.
    pub fn add(&mut self, plan: &Plan, what: &str, has_any_option: bool) -> Result<()> {
        let script = script(plan)?;
        // The identity of a plan is a hash of its manifests, too, which no shell reads.
        let mut hasher = DefaultHasher::new();
        for line in script.lines().filter(|line| !line.starts_with("rutter_plan=")) {
            line.hash(&mut hasher);
        }
        if !self.seen.insert(hasher.finish()) {
            return Ok(());
        }
        for line in script.lines() {
            payloads::check(line).map_err(anyhow::Error::msg)?;
        }
        for file in plan.files(None) {
            let is_inside = !file.path.starts_with('/') && !file.path.split('/').any(|part| ["..", ""].contains(&part));
            ensure!(is_inside, "the file {:?} is outside of the plan", file.path);
            payloads::check(&file.path).map_err(anyhow::Error::msg)?;
        }
        self.waiting.push(Script {
            what: what.to_owned(),
            text: traced(plan, &script)?,
            has_any_option,
        });
        // The number of scripts that one shell runs in a moment.
        if self.waiting.len() == 200 { self.run() } else { Ok(()) }
    }

    /// Runs the scripts that were added since the last call.
    ///
    /// # Errors
    ///
    /// If one of them runs a payload, or is not a valid script.
    pub fn run(&mut self) -> Result<()> {
        let scripts = std::mem::take(&mut self.waiting);
        let Err(error) = run(&scripts) else { return Ok(()) };
        // A single script identifies itself.
        for script in &scripts {
            run(std::slice::from_ref(script)).with_context(|| script.what.clone())?;
        }
        Err(error)
    }

    /// Returns the number of different scripts so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.seen.len()
    }
}

/// Returns objects as a package receives them.
fn installed(objects: &Value) -> State {
    State::Objects(json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string())
}

/// Returns all actions of a plan.
#[must_use]
pub fn actions(planned: &Planned) -> Vec<Action> {
    let of_steps = planned.steps.iter().flat_map(|step| &step.actions);
    planned.preflight.iter().chain(of_steps).cloned().collect()
}

fn shown(diagnostics: &[Diagnostic]) -> String {
    diagnostics
        .iter()
        .map(|diagnostic| diagnostic.display("").to_string())
        .collect()
}

/// Returns `run.sh` of a plan, without its last lines, so that it defines its functions and calls none.
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

/// Replaces all functions that a script's lines call by functions that trace their words, and adds a call of each line.
fn traced(plan: &Plan, script: &str) -> Result<String> {
    let names = script.lines().filter_map(|line| {
        let (name, body) = line.split_once("()")?;
        let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        (is_name && body.starts_with([' ', '\n'])).then_some(name)
    });
    let (mut ours, mut lines, mut steps) = (String::new(), Vec::new(), Vec::new());
    for name in names {
        if name.starts_with("rutter_line_") || name.starts_with("rutter_done_") {
            lines.push(name);
        } else if name == "rutter_preflight" || name.starts_with("rutter_step_") {
            steps.push(name);
        } else if !["rutter_each_step", "etcdctl_in"].contains(&name) {
            ours.push_str(&format!("{name}() {{ trace \"$@\"; }}\n"));
        }
    }
    let commands = plan
        .change
        .steps()
        .iter()
        .map(|step| step.commands.len())
        .sum::<usize>();
    ensure!(
        lines.len() >= commands + plan.preflight.len() && steps.len() == plan.change.steps().len() + 1,
        "lines are missing: {lines:?} {steps:?}"
    );
    let mut text = format!(
        "{script}\ntrace() {{ printf '%s\\0' \"$@\" >&3; }}\n{ours}cat() {{ echo id; }}\ndate() {{ echo 7; }}\n\
         rutter_state= notes=$PWD/notes\n"
    );
    if !plan.prelude.is_empty() {
        text.push_str("etcdctl_in etcd-0 get || :\n");
    }
    for call in lines.into_iter().chain(steps) {
        text.push_str(&format!("{call} || :\n"));
    }
    // The end is traced, too.
    text.push_str(&format!("rutter_each_step trace\ntrace '{END}'\n"));
    Ok(text)
}

/// Runs scripts in an environment without programs, so that any effect other than calls of functions is detected.
fn run(scripts: &[Script]) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let work = directory.path().join("work");
    fs::create_dir_all(work.join("notes"))?;
    let mut text = String::from("exec 3>&1 >&2\n");
    for (number, script) in (0..).zip(scripts) {
        let number: usize = number;
        fs::write(directory.path().join(number.to_string()), &script.text)?;
        text.push_str(&format!("( . ../{number} )\n"));
    }
    let shell = std::env::var_os("PATH").and_then(|path| {
        let mut all = std::env::split_paths(&path).map(|directory| directory.join("sh"));
        all.find(|path| path.exists())
    });
    let output = Command::new(shell.context("a shell")?)
        .args(["-c", &text])
        .current_dir(&work)
        .env_clear()
        .env("PATH", "/nowhere")
        .stdin(Stdio::null())
        .output()?;
    let printed = String::from_utf8_lossy(&output.stderr);
    ensure!(printed.is_empty(), "a script prints unexpected output: {printed}");
    let words: Vec<&[u8]> = output.stdout.split(|byte| *byte == 0).collect();
    let ends = words.iter().filter(|word| **word == END.as_bytes()).count();
    ensure!(ends == scripts.len(), "a script ends early");
    for (script, words) in scripts.iter().zip(words.split(|word| *word == END.as_bytes())) {
        for word in words {
            let word = String::from_utf8_lossy(word);
            let option = word.split('=').next().unwrap_or_default();
            ensure!(
                script.has_any_option || !word.starts_with('-') || option == "--" || OPTIONS.contains(&option),
                "unexpected option {word:?}"
            );
        }
    }
    for directory in [work.clone(), work.join("notes")] {
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            let name = path.strip_prefix(&work)?;
            ensure!(
                NOTES.iter().any(|note| name == Path::new(note)),
                "{} was created",
                path.display()
            );
        }
    }
    Ok(())
}

/// The scripts that fuzzing has run: most inputs give a script that ran before.
static SCRIPTS: LazyLock<Mutex<Scripts>> = LazyLock::new(Mutex::default);

/// Tries one input of a fuzzer: the name of a case, the number of a place in its objects, and a payload. Each is on a
/// line of its own, and the payload takes the rest.
///
/// # Errors
///
/// If a property does not hold, like [`Scripts::plan`].
pub fn fuzz(package: &dyn Package, bytes: &[u8]) -> Result<String> {
    let Ok(text) = str::from_utf8(bytes) else {
        return Ok(String::new());
    };
    let Some((name, rest)) = text.split_once('\n') else {
        return Ok(String::new());
    };
    let (number, payload) = rest.split_once('\n').unwrap_or((rest, ""));
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c));
    // The fuzzer may invent a name, for which there is no case.
    let Some(case) = is_name.then(|| Change::named(name).ok()).flatten() else {
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
    let mut scripts = SCRIPTS.lock().unwrap_or_else(PoisonError::into_inner);
    let mut answer = String::new();
    for is_behind in [false, true] {
        let changed = replaced(&objects, place, payload, is_behind);
        answer.push_str(&scripts.plan(package, &changed, &to, &place.text())?);
    }
    // Most texts of objects that are invalid there are refused. All payloads are tried where a text is quoted.
    if let Ok(planned) = planned(&installed(&objects), &to) {
        scripts.actions(&actions(&planned), payload, "actions")?;
    }
    scripts.run()?;
    Ok(answer)
}

/// Returns seeds.
///
/// # Errors
///
/// If the cases cannot be read.
pub fn seeds() -> Result<Vec<Vec<u8>>> {
    let cases = Change::all()?.into_iter().step_by(3).zip(PAYLOADS.iter().cycle());
    let seed = |(number, (case, (_, payload))): (usize, (Change, &(&str, &str)))| {
        format!("{}\n{}\n{payload}", case.name, number * 97).into_bytes()
    };
    Ok(cases.enumerate().map(seed).collect())
}
