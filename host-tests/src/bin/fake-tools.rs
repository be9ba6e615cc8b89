//! Fakes of `kubectl`, `date` and `sleep`, selected by the name of the program, for tests of `run.sh`.
//!
//! Their state is in the directory `FAKE_TOOLS`:
//!
//! - `calls` gets each call of kubectl as a line: the time, a tab, and the words, with `\u{2423}` for a space within one.
//! - `rules` defines what kubectl does. A line has a word of the call, an exit code, standard output and standard error,
//!   separated by tabs. The first line whose word is in the call applies.
//! - `once` has rules that apply once each, before all others.
//! - `pids` has a file for each run of the script, named by its process ID.
//!
//! Time stands still while a process works. It jumps to the end of the shortest sleep when all processes of all runs
//! wait. So tests do not wait, and have the same results on a busy machine.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{self, Command, ExitCode};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

/// The holder of a lock that was taken over in the middle of a call.
const THIEF: &str = "thief@elsewhere:1:x";

/// The seconds after which a run counts as endless and is killed.
const LONGEST: u64 = 600;

fn main() -> Result<ExitCode> {
    let mut arguments = env::args_os();
    let program = arguments.next().map(PathBuf::from).unwrap_or_default();
    let arguments: Vec<String> = arguments
        .map(OsString::into_string)
        .collect::<Result<_, _>>()
        .unwrap_or_default();
    let directory = PathBuf::from(env::var_os("FAKE_TOOLS").context("FAKE_TOOLS")?);
    let clock = Clock {
        directory: directory.clone(),
    };
    match program.file_name().and_then(|name| name.to_str()) {
        Some("sleep") => {
            clock.sleep(arguments.first().context("seconds")?.parse()?)?;
            Ok(ExitCode::SUCCESS)
        }
        Some("date") => {
            let format = arguments.last().context("a format")?;
            writeln!(
                io::stdout(),
                "{}",
                written(clock.now()?, format.trim_start_matches('+'))
            )?;
            Ok(ExitCode::SUCCESS)
        }
        Some("kubectl") => Kubectl { directory, clock }.call(&arguments),
        other => bail!("there is no fake of {other:?}"),
    }
}

/// The common time of all runs of a directory.
struct Clock {
    directory: PathBuf,
}

impl Clock {
    /// Returns the seconds since 1970.
    fn now(&self) -> Result<u64> {
        let read = |name: &str| fs::read_to_string(self.directory.join(name));
        let start: u64 = read("start")?.trim().parse()?;
        Ok(start + self.passed()?)
    }

    /// Returns the seconds since the directory was created.
    fn passed(&self) -> Result<u64> {
        match fs::read_to_string(self.directory.join("clock")) {
            Ok(text) => Ok(text.parse()?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// Sleeps for seconds of this clock.
    fn sleep(&self, seconds: u64) -> Result<()> {
        let deadline = self.passed()? + seconds;
        let me = process::id();
        let file = self.directory.join("sleepers").join(me.to_string());
        self.put(&file, &deadline.to_string())?;
        let mut since = None;
        while self.passed()? < deadline {
            let sleepers = self.sleepers()?;
            if sleepers.first() == Some(&(deadline, me)) && self.all_wait(&sleepers, &mut since) {
                if deadline > LONGEST {
                    self.kill_all()?;
                    fs::remove_file(file)?;
                    bail!("the run has no end");
                }
                self.put(&self.directory.join("clock"), &deadline.to_string())?;
                break;
            }
            thread::sleep(Duration::from_millis(1));
            // A sleep can outlive the killed run, and the test.
            ensure!(self.directory.exists(), "the test has ended");
        }
        fs::remove_file(file)?;
        Ok(())
    }

    /// Writes a file that others may read at any time.
    fn put(&self, path: &Path, text: &str) -> Result<()> {
        let new = self.directory.join(format!("{}.new", process::id()));
        fs::write(&new, text)?;
        Ok(fs::rename(new, path)?)
    }

    /// Returns the sleeps of processes that are alive, by their ends.
    fn sleepers(&self) -> Result<BTreeSet<(u64, u32)>> {
        let mut all = BTreeSet::new();
        for pid in numbers(&self.directory.join("sleepers")) {
            let path = self.directory.join("sleepers").join(pid.to_string());
            // It ends just now.
            let Ok(text) = fs::read_to_string(&path) else { continue };
            if is_alive(pid) {
                all.insert((text.parse()?, pid));
            } else {
                let _ = fs::remove_file(path);
            }
        }
        Ok(all)
    }

    /// Whether no process of the runs works, except for those that sleep here. `since` is the time at which this began.
    fn all_wait(&self, sleepers: &BTreeSet<(u64, u32)>, since: &mut Option<Instant>) -> bool {
        let sleeping: BTreeSet<u32> = sleepers.iter().map(|(_, pid)| *pid).collect();
        let look = self.look(&sleeping);
        // A process that has not run between two observations waited between them. No sleep has begun since either.
        let is_quiet =
            look != Look::Busy && look == self.look(&sleeping) && self.sleepers().is_ok_and(|again| again == *sleepers);
        if !is_quiet {
            *since = None;
            return false;
        }
        // Without certainty, only time can tell. On a busy machine, a working process may look idle for long.
        matches!(look, Look::Waiting(_)) || since.get_or_insert_with(Instant::now).elapsed() > Duration::from_secs(2)
    }

    /// Observes the processes of all runs.
    fn look(&self, sleeping: &BTreeSet<u32>) -> Look {
        let mut found = Vec::new();
        let mut is_sure = Path::new("/proc/self/wchan").exists();
        let runs = numbers(&self.directory.join("pids"));
        let mut left = runs.clone();
        while let Some(pid) = left.pop() {
            let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
            let children = read(&format!("task/{pid}/children"));
            left.extend(
                children
                    .split_whitespace()
                    .filter_map(|child| child.parse::<u32>().ok()),
            );
            if sleeping.contains(&pid) {
                continue;
            }
            let status = read("status");
            let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            match field("State:").and_then(|state| state.chars().next()) {
                Some('R' | 'D') => return Look::Busy,
                // Its parent will get a signal. The parent of a run is the test, which does not matter here.
                Some('Z' | 'X') => is_sure &= runs.contains(&pid),
                // `0` means that a process is about to wait, and may not have to.
                Some(_) => is_sure &= read("wchan") != "0",
                None => {}
            }
            let switches = field("voluntary_ctxt_switches:").unwrap_or_default();
            found.push((pid, switches.to_owned()));
        }
        if is_sure {
            Look::Waiting(found)
        } else {
            Look::Unsure(found)
        }
    }

    fn kill_all(&self) -> Result<()> {
        for pid in numbers(&self.directory.join("pids")) {
            kill("-KILL", &pid.to_string())?;
        }
        Ok(())
    }
}

/// The activity of the processes of all runs, each with the number of its waits.
#[derive(PartialEq, Eq)]
enum Look {
    Busy,
    Unsure(Vec<(u32, String)>),
    Waiting(Vec<(u32, String)>),
}

/// Returns the numbers that are names of files in a directory.
fn numbers(directory: &Path) -> Vec<u32> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// Whether a process exists and has not ended.
fn is_alive(pid: u32) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => !stat.rsplit(") ").next().unwrap_or_default().starts_with(['Z', 'X']),
        Err(_) if Path::new("/proc/self/stat").exists() => false,
        Err(_) => Command::new("kill")
            .args(["-0", &pid.to_string()])
            .output()
            .is_ok_and(|output| output.status.success()),
    }
}

fn kill(signal: &str, pid: &str) -> Result<()> {
    Command::new("kill").args([signal, pid]).status()?;
    Ok(())
}

/// Formats a time like `date`.
fn written(time: u64, format: &str) -> String {
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let (mut days, seconds) = (time / 86400, time % 86400);
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [
        31,
        28 + u64::from(is_leap(year)),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let two = |number: u64| format!("{number:02}");
    format
        .replace("%s", &time.to_string())
        .replace("%Y", &year.to_string())
        .replace("%m", &two(month))
        .replace("%d", &two(days + 1))
        .replace("%H", &two(seconds / 3600))
        .replace("%M", &two(seconds / 60 % 60))
        .replace("%S", &two(seconds % 60))
}

struct Kubectl {
    directory: PathBuf,
    clock: Clock,
}

impl Kubectl {
    fn call(&self, arguments: &[String]) -> Result<ExitCode> {
        // A user's own options would change the result of a call.
        for (variable, off) in [("KUBERC", "off"), ("KUBECTL_KUBERC", "false")] {
            ensure!(
                env::var(variable).is_ok_and(|value| value == off),
                "{variable} is not {off}"
            );
        }
        let line = arguments.join(" ");
        let mut input = String::new();
        if line.contains("--filename=-") {
            io::stdin().read_to_string(&mut input)?;
        }
        let turn = Turn::take(&self.directory)?;
        let mut calls = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.directory.join("calls"))?;
        let words: Vec<String> = arguments
            .iter()
            .map(|word| word.replace([' ', '\n'], "\u{2423}"))
            .collect();
        writeln!(calls, "{}\t{}", self.clock.passed()?, words.join(" "))?;
        if self.counts_down("kill-at")? {
            self.kill()?;
            return Ok(ExitCode::FAILURE);
        }
        let is_last = self.counts_down("kill-after")?;
        let code = self.answer(arguments, &line, &input, turn)?;
        if is_last {
            self.kill()?;
        }
        Ok(code)
    }

    fn answer(&self, arguments: &[String], line: &str, input: &str, turn: Turn) -> Result<ExitCode> {
        for rules in ["once", "rules"] {
            let path = self.directory.join(rules);
            let text = fs::read_to_string(&path).unwrap_or_default();
            let found = text.lines().find(|rule| {
                let word = rule.split('\t').next().unwrap_or_default();
                !word.is_empty() && line.contains(word)
            });
            if let Some(rule) = found {
                if rules == "once" {
                    fs::write(&path, text.replacen(&format!("{rule}\n"), "", 1))?;
                }
                return self.obey(rule, turn);
            }
        }
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let named: Vec<&str> = words.iter().copied().filter(|word| !word.starts_with("--")).collect();
        match *named.as_slice() {
            ["version"] => self.print("clientVersion:\n  major: \"1\"\n  minor: \"33+\"\n"),
            ["config", "current-context"] => match self.read("current-context") {
                Some(context) => self.print(&format!("{context}\n")),
                None => self.refuse("error: current-context is not set"),
            },
            ["get", "namespace", namespace] => {
                let context = words
                    .iter()
                    .find_map(|word| word.strip_prefix("--context="))
                    .unwrap_or("none");
                match self.read(&format!("uid-of-{context}")) {
                    Some(uid) if namespace == "kube-system" => self.print(&uid),
                    Some(uid) => self.print(&format!("{uid}-{namespace}")),
                    None => self.refuse(&format!("error: context {context:?} does not exist")),
                }
            }
            ["get", "leases.coordination.k8s.io", _] => match self.lease()? {
                None => self.refuse("Error from server (NotFound): leases \"x\" not found"),
                Some(lease) => self.print_lease(&lease),
            },
            ["create"] if input.contains("Lease") => match self.lease()? {
                None => self.write(input, "1"),
                Some(_) => self.refuse("Error from server (AlreadyExists): leases \"x\" already exists"),
            },
            ["replace"] if input.contains("Lease") => {
                let sent: Value = serde_json::from_str(input)?;
                match self.lease()? {
                    // Without a version, the API server replaces any object.
                    Some(lease)
                        if [&lease["version"], &Value::Null].contains(&&sent["metadata"]["resourceVersion"]) =>
                    {
                        let version: u64 = lease["version"].as_str().context("a version")?.parse()?;
                        self.write(input, &(version + 1).to_string())
                    }
                    Some(_) => self.refuse("Error from server (Conflict): the object has been modified"),
                    None => self.refuse("Error from server (NotFound): leases \"x\" not found"),
                }
            }
            _ => Ok(ExitCode::SUCCESS),
        }
    }

    /// Whether this is the call that a file counts down to.
    fn counts_down(&self, name: &str) -> Result<bool> {
        let Some(left) = self.read(name) else {
            return Ok(false);
        };
        let left: u64 = left.parse()?;
        if left == 1 {
            fs::remove_file(self.directory.join(name))?;
        } else {
            fs::write(self.directory.join(name), (left - 1).to_string())?;
        }
        Ok(left == 1)
    }

    fn kill(&self) -> Result<()> {
        let pid = self.read("pid").context("whom to kill")?;
        kill("-KILL", &pid)?;
        // The process ends a moment after the signal.
        while is_alive(pid.trim().parse()?) {
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    fn obey(&self, rule: &str, turn: Turn) -> Result<ExitCode> {
        let mut fields = rule.split('\t').skip(1);
        let code: u8 = fields.next().unwrap_or("0").parse()?;
        let text = |field: Option<&str>| field.unwrap_or_default().replace("\\n", "\n").replace("\\e", "\u{1b}");
        let (stdout, stderr) = (text(fields.next()), text(fields.next()));
        match stdout.as_str() {
            "STEAL" => {
                let mut lease = self.lease()?.context("a lock")?;
                lease["spec"]["holderIdentity"] = THIEF.into();
                let version: u64 = lease["version"].as_str().context("a version")?.parse()?;
                self.write(&lease.to_string(), &(version + 1).to_string())?;
                // Until the script must have noticed it.
                drop(turn);
                self.clock.sleep(30)?;
            }
            "DELETE" => {
                fs::remove_file(self.directory.join("lease"))?;
                drop(turn);
                self.clock.sleep(30)?;
            }
            "RENEW" => {
                let mut lease = self.lease()?.context("a lock")?;
                self.print_lease(&lease)?;
                let version: u64 = lease["version"].as_str().context("a version")?.parse()?;
                lease["version"] = (version + 1).to_string().into();
                fs::write(self.directory.join("lease"), lease.to_string())?;
            }
            "INTERRUPT" => {
                kill("-TERM", &self.read("pid").context("whom to interrupt")?)?;
                drop(turn);
                self.clock.sleep(5)?;
            }
            "INTERRUPT TWICE" => {
                let pid = self.read("pid").context("whom to interrupt")?;
                kill("-TERM", &pid)?;
                drop(turn);
                self.clock.sleep(1)?;
                kill("-TERM", &pid)?;
                self.clock.sleep(100)?;
            }
            // The clock jumps, which no sleep notices. A call for the lease gets it.
            step if step.starts_with("STEP ") => {
                let seconds: i64 = step.trim_start_matches("STEP ").parse()?;
                let start: u64 = self.read("start").context("a start")?.parse()?;
                let start = start.checked_add_signed(seconds).context("a time")?;
                fs::write(self.directory.join("start"), start.to_string())?;
                if let Some(lease) = self.lease()? {
                    self.print_lease(&lease)?;
                }
            }
            "SLOW" => {
                drop(turn);
                self.clock.sleep(60)?;
            }
            _ => write!(io::stdout(), "{stdout}")?,
        }
        write!(io::stderr(), "{stderr}")?;
        Ok(ExitCode::from(code))
    }

    fn read(&self, name: &str) -> Option<String> {
        let text = fs::read_to_string(self.directory.join(name)).ok()?;
        Some(text.trim().to_owned())
    }

    fn lease(&self) -> Result<Option<Value>> {
        Ok(match self.read("lease") {
            Some(text) => Some(serde_json::from_str(&text)?),
            None => None,
        })
    }

    fn write(&self, lease: &str, version: &str) -> Result<ExitCode> {
        let sent: Value = serde_json::from_str(lease)?;
        fs::write(
            self.directory.join("lease"),
            json!({"version": version, "spec": sent["spec"]}).to_string(),
        )?;
        if lease.contains("\"metadata\"") {
            self.print(version)
        } else {
            Ok(ExitCode::SUCCESS)
        }
    }

    fn print_lease(&self, lease: &Value) -> Result<ExitCode> {
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        self.print(&format!(
            "{} {} {}",
            text(&lease["version"]),
            text(&lease["spec"]["renewTime"]),
            text(&lease["spec"]["holderIdentity"])
        ))
    }

    fn print(&self, text: &str) -> Result<ExitCode> {
        write!(io::stdout(), "{text}")?;
        Ok(ExitCode::SUCCESS)
    }

    fn refuse(&self, text: &str) -> Result<ExitCode> {
        writeln!(io::stderr(), "{text}")?;
        Ok(ExitCode::FAILURE)
    }
}

/// A lock for one call at a time, like in an API server.
struct Turn {
    _lock: File,
}

impl Turn {
    fn take(directory: &Path) -> Result<Self> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(directory.join("turn"))?;
        // A waiting process is woken at once, so that it does not look like one that waits for the time.
        file.lock()?;
        Ok(Self { _lock: file })
    }
}
