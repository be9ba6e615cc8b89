//! What `run.sh` meets in tests in the place of `kubectl`, `date` and `sleep`, by the name by which it is called.
//!
//! Its state is in the directory `FAKE_TOOLS`. `calls` gets each call of kubectl as a line. `rules` says what kubectl does:
//! a line has a word of the call, an exit code, what goes to standard output and what to standard error, separated by tabs;
//! the first line counts whose word is in the call. `once` has such rules that count once each, and come before all others.
//! Time is faster by `SPEED`.

use std::env;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

/// So many seconds pass in one.
const SPEED: u64 = 20;

/// What a held lock is renewed to in the middle of something, by somebody else.
const THIEF: &str = "thief@elsewhere:1:x";

fn main() -> Result<ExitCode> {
    let mut arguments = env::args_os();
    let program = arguments.next().map(PathBuf::from).unwrap_or_default();
    let arguments: Vec<String> = arguments
        .map(OsString::into_string)
        .collect::<Result<_, _>>()
        .unwrap_or_default();
    let folder = PathBuf::from(env::var_os("FAKE_TOOLS").context("FAKE_TOOLS")?);
    match program.file_name().and_then(|name| name.to_str()) {
        Some("sleep") => {
            let seconds: u64 = arguments.first().context("seconds")?.parse()?;
            thread::sleep(Duration::from_secs(seconds) / u32::try_from(SPEED)?);
            Ok(ExitCode::SUCCESS)
        }
        Some("date") => {
            let format = arguments.last().context("a format")?;
            writeln!(
                io::stdout(),
                "{}",
                written(now(&folder)?, format.trim_start_matches('+'))
            )?;
            Ok(ExitCode::SUCCESS)
        }
        Some("kubectl") => Kubectl { folder }.call(&arguments),
        other => bail!("{other:?} is not faked"),
    }
}

/// The seconds since 1970, of a clock that started when the directory was made.
fn now(folder: &Path) -> Result<u64> {
    let real = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let start: u64 = fs::read_to_string(folder.join("start"))?.trim().parse()?;
    let passed = real.saturating_sub(Duration::from_secs(start)).as_millis();
    Ok(start + u64::try_from(passed)? * SPEED / 1000)
}

/// A time as `date` writes it.
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
    folder: PathBuf,
}

impl Kubectl {
    fn call(&self, arguments: &[String]) -> Result<ExitCode> {
        let line = arguments.join(" ");
        let mut input = String::new();
        if line.contains("--filename=-") {
            io::stdin().read_to_string(&mut input)?;
        }
        let turn = Turn::take(&self.folder)?;
        let mut calls = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join("calls"))?;
        writeln!(calls, "{}", line.replace('\n', " "))?;
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
            let path = self.folder.join(rules);
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
            ["get", "namespace", "kube-system"] => {
                let context = words
                    .iter()
                    .find_map(|word| word.strip_prefix("--context="))
                    .unwrap_or("none");
                match self.read(&format!("uid-of-{context}")) {
                    Some(uid) => self.print(&uid),
                    None => self.refuse(&format!("error: context {context:?} does not exist")),
                }
            }
            ["get", "leases.coordination.k8s.io", _] => match self.lease()? {
                None => self.refuse("Error from server (NotFound): leases \"x\" not found"),
                Some(lease) => {
                    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
                    self.print(&format!(
                        "{} {} {}",
                        text(&lease["version"]),
                        text(&lease["spec"]["renewTime"]),
                        text(&lease["spec"]["holderIdentity"])
                    ))
                }
            },
            ["create"] if input.contains("Lease") => match self.lease()? {
                None => self.write(input, "1"),
                Some(_) => self.refuse("Error from server (AlreadyExists): leases \"x\" already exists"),
            },
            ["replace"] if input.contains("Lease") => {
                let sent: Value = serde_json::from_str(input)?;
                match self.lease()? {
                    Some(lease) if lease["version"] == sent["metadata"]["resourceVersion"] => {
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
            fs::remove_file(self.folder.join(name))?;
        } else {
            fs::write(self.folder.join(name), (left - 1).to_string())?;
        }
        Ok(left == 1)
    }

    fn kill(&self) -> Result<()> {
        let pid = self.read("pid").context("whom to kill")?;
        Command::new("kill").args(["-KILL", &pid]).status()?;
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
                // Until it must have been noticed.
                drop(turn);
                thread::sleep(Duration::from_secs(30) / u32::try_from(SPEED)?);
            }
            "INTERRUPT" => {
                let pid = self.read("pid").context("whom to interrupt")?;
                Command::new("kill").args(["-TERM", &pid]).status()?;
                thread::sleep(Duration::from_secs(5) / u32::try_from(SPEED)?);
            }
            "SLOW" => {
                drop(turn);
                thread::sleep(Duration::from_secs(60) / u32::try_from(SPEED)?);
            }
            _ => write!(io::stdout(), "{stdout}")?,
        }
        write!(io::stderr(), "{stderr}")?;
        Ok(ExitCode::from(code))
    }

    fn read(&self, name: &str) -> Option<String> {
        let text = fs::read_to_string(self.folder.join(name)).ok()?;
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
            self.folder.join("lease"),
            json!({"version": version, "spec": sent["spec"]}).to_string(),
        )?;
        if lease.contains("\"metadata\"") {
            self.print(version)
        } else {
            Ok(ExitCode::SUCCESS)
        }
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

/// One call at a time, as with an API server.
struct Turn(PathBuf);

impl Turn {
    fn take(folder: &Path) -> Result<Self> {
        let path = folder.join("turn");
        for _ in 0..5000 {
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(_) => return Ok(Self(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => thread::sleep(Duration::from_millis(2)),
                Err(error) => return Err(error.into()),
            }
        }
        bail!("it is never anybody's turn")
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // Whoever comes next says so if it is still there.
        let _ = fs::remove_file(&self.0);
    }
}
