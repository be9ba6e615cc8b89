//! Hostile and damaged input for the package in Rust. `hostile_hosts.rs` does the same with the build output.

use std::ffi::OsString;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Error, Result, anyhow, ensure};
use etcd_package::EtcdPackage;
use host_tests::fuzz::{TARGETS, Target};
use host_tests::payloads::{self, PAYLOADS};
use host_tests::plans::Change;
use host_tests::{Case, WASMTIME, hostile, request, root};
use libtest_mimic::{Arguments, Trial};
use rutter::{Package as _, printable};
use rutter_helm_plugin::{cli, post_renderer};
use serde_json::json;
use serde_yaml::Value;

/// The time limit for a document of a few megabytes, on a slow machine and without optimization.
const LONGEST: Duration = Duration::from_secs(30);

fn main() -> Result<()> {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for (name, (bytes, code)) in hostile::documents() {
        trials.push(Trial::test(format!("document::{name}"), move || {
            Ok(document(&bytes, code)?)
        }));
    }
    for target in TARGETS {
        trials.push(Trial::test(format!("corpus::{}", target.name), move || {
            Ok(corpus(target)?)
        }));
    }
    trials.push(Trial::test("damaged::truncated", || {
        Ok(damaged(hostile::truncated(&example()?))?)
    }));
    trials.push(Trial::test("damaged::corrupted", || {
        Ok(damaged(hostile::corrupted(&example()?))?)
    }));
    for (name, payload) in PAYLOADS {
        trials.push(Trial::test(format!("printed::{name}"), move || Ok(printed(payload)?)));
    }
    trials.push(Trial::test("plan::variables that repeat each other", || {
        Ok(repeating_variables()?)
    }));
    trials.push(Trial::test("plan::policies that tell members apart", || {
        Ok(many_policies()?)
    }));
    trials.push(Trial::test("printed::a long text", || Ok(printed(&payloads::long())?)));
    for target in ["stream", "resource_list", "plan"] {
        trials.push(Trial::test(format!("printed::every text of {target}"), move || {
            Ok(every_text(target)?)
        }));
    }
    libtest_mimic::run(&arguments, trials).exit()
}

/// Checks that a document does no harm to any target, and that it is refused as values with this code.
fn document(bytes: &[u8], code: Option<&str>) -> Result<()> {
    for target in TARGETS {
        let begin = Instant::now();
        target.run(&EtcdPackage, bytes).with_context(|| target.name)?;
        let took = begin.elapsed();
        ensure!(took < LONGEST, "{} took {took:?}", target.name);
    }
    let outcome = rutter::command::run(&EtcdPackage, WASMTIME, [], || Ok(bytes.to_vec()));
    let stderr = &outcome.stderr[..outcome.stderr.len().min(1000)];
    match code {
        Some(code) => ensure!(
            outcome.status == 1 && outcome.stderr.contains(&format!("error[{code}]")),
            "expected {code}, found {}: {stderr}",
            outcome.status
        ),
        None => ensure!(outcome.status == 0, "{stderr}"),
    }
    ensure!(
        outcome.stderr.len() < 1 << 20,
        "the errors have {} bytes",
        outcome.stderr.len()
    );
    Ok(())
}

/// Checks that the corpus and the seeds do no harm.
fn corpus(target: Target) -> Result<()> {
    let (seeds, kept) = (target.seeds()?, target.corpus()?);
    ensure!(!seeds.is_empty() && !kept.is_empty(), "there is nothing to try");
    for bytes in seeds.iter().chain(&kept) {
        let shown = || String::from_utf8_lossy(bytes).into_owned();
        target.run(&EtcdPackage, bytes).with_context(shown)?;
    }
    Ok(())
}

fn example() -> Result<Vec<u8>> {
    Ok(fs::read(root().join("examples/page-tls.yaml"))?)
}

/// Checks that a damaged example is either rendered or refused, as a whole.
fn damaged(texts: impl Iterator<Item = Vec<u8>>) -> Result<()> {
    let target = Target::named("stream").context("a target")?;
    for text in texts {
        let shown = || String::from_utf8_lossy(&text).into_owned();
        target.run(&EtcdPackage, &text).with_context(shown)?;
    }
    Ok(())
}

/// Installed variables that each contain another one twice are refused before they fill the memory.
fn repeating_variables() -> Result<()> {
    let mut change = Change::named("foreign-variables")?;
    let variables: String = (1..2000)
        .map(|number| format!("        - {{name: V{number}, value: \"$(V{})\"}}\n", number - 1))
        .collect();
    let first = format!("        env:\n        - {{name: V0, value: {}}}\n", "x".repeat(16_000));
    ensure!(change.from.contains("        env:\n"), "the case has no variables");
    change.from = change.from.replacen("        env:\n", &(first + &variables), 1);
    let problems = change.plan().err().context("there is a plan")?;
    ensure!(
        problems.iter().any(|problem| problem.message.contains("too long")),
        "{problems:?}"
    );
    Ok(())
}

/// Checks that the time for policies that select single members grows with their number.
fn many_policies() -> Result<()> {
    let mut change = Change::named("policy-by-name-of-port")?;
    let values = "replicas: 9\n";
    let rendering = EtcdPackage.render(&request(values));
    let rendering = rendering.map_err(|problems| anyhow!("{problems:?}"))?;
    change.from = rendering
        .manifests
        .iter()
        .map(|manifest| format!("---\n{}", manifest.document))
        .collect();
    for number in 0..1000 {
        let peers = (0..5).map(|at| format!("{{ipBlock: {{cidr: 10.{at}.{}.{}/32}}}}", number / 256, number % 256));
        let peers = peers.collect::<Vec<_>>().join(", ");
        change.from.push_str(&format!(
            "---\n{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: p{number}, namespace: default}}, spec: \
             {{podSelector: {{matchLabels: {{statefulset.kubernetes.io/pod-name: etcd-{}}}}}, policyTypes: [Ingress, Egress], \
             ingress: [{{from: [{peers}]}}], egress: [{{to: [{peers}]}}]}}}}\n",
            number % 9
        ));
    }
    change.to = format!("{values}log: {{level: Debug}}\n");
    let begin = Instant::now();
    let planned = change.plan();
    let took = begin.elapsed();
    ensure!(took < LONGEST, "a plan took {took:?}");
    ensure!(planned.is_ok(), "{:?}", planned.err());
    Ok(())
}

/// Checks that a payload is printed only escaped, wherever a package's input contains it.
fn printed(payload: &str) -> Result<()> {
    let text = yaml_text(payload);
    let mut printed = Vec::new();
    let mut run = |args: &[&str], input: &str| {
        let args = args.iter().map(OsString::from);
        let outcome = rutter::command::run(&EtcdPackage, WASMTIME, args, || Ok(input.as_bytes().to_vec()));
        printed.push((input.to_owned(), outcome.stderr));
        outcome.stdout
    };

    for values in [
        format!("{text}: 1"),
        format!("{payload}: 1"),
        format!("replicas: {payload}"),
        format!("# {payload}\nreplicas: 1\nreplicas: 1"),
        format!("{text}: 1\n{text}: 2"),
        format!("a: !{payload} b"),
        format!("storage: {{data: {{{text}: 1}}}}"),
        format!("replicas: {text}"),
        format!("version: {text}"),
        format!("image: {{tag: {text}}}"),
        format!("storage: {{data: {{size: {text}}}}}"),
        format!("tls: {{client: {{mode: {text}}}}}"),
        format!("extraArgs: {{{text}: a}}"),
        format!("extraEnv: [{{name: {text}}}]"),
        format!("commonLabels: {{a: {text}}}"),
        format!("commonLabels: {{{text}: a}}"),
        format!("nodeSelector: {{{text}: a}}"),
        format!("extraManifests: [{{apiVersion: v1, kind: {text}, metadata: {{name: {text}}}}}]"),
    ] {
        run(&[], &values);
    }
    let object = |api_version: &str, name: &str, rest: &str| {
        format!(
            "---\napiVersion: {api_version}\nkind: EtcdCluster\nmetadata: {{name: {name}, namespace: {name}}}\n{rest}\n"
        )
    };
    let ours = "etcd.rutter.dev/v1alpha1";
    let named = object(ours, &text, "spec: {}");
    for stream in [
        named.clone(),
        format!("{named}{named}"),
        object("etcd.rutter.dev/v1", &text, ""),
        object(&format!("etcd.rutter.dev/{payload}"), "a", ""),
        object(ours, "a", &format!("{text}: 1")),
        object(ours, "a", &format!("spec: {{{text}: 1}}")),
        object(ours, "a", "").replace("{name", &format!("{{{text}: 1, name")),
    ] {
        run(&[], &stream);
        run(&["validate"], &stream);
    }
    for args in [
        &[payload][..],
        &[&format!("--{payload}")],
        &[&format!("--name={payload}"), payload],
        &["--name", payload],
        &["--namespace", payload],
        &["explain", payload],
        &["explain", "replicas", payload],
        &["krm", payload],
    ] {
        run(args, "");
    }
    let list = |api_version: &str, kind: &str, config: &str, items: &str| {
        format!(
            "apiVersion: config.kubernetes.io/{api_version}\nkind: {kind}\nfunctionConfig: {config}\nitems: {items}\n"
        )
    };
    let in_file = format!(
        "[{{apiVersion: {ours}, kind: EtcdCluster, metadata: {{name: {text}, namespace: {text}, annotations: \
         {{internal.config.kubernetes.io/path: {text}}}}}, spec: {{{text}: 1}}}}]"
    );
    for list in [
        list("v1", &text, "", "[]"),
        list(&payload.replace('\n', "\n  "), "ResourceList", "", "[]"),
        list("v1", "ResourceList", &format!("{{kind: {text}}}"), "[]"),
        list("v1", "ResourceList", "", &in_file),
        list("v1", "ResourceList", "", &in_file.replace(&format!("{text}: 1"), "")),
    ] {
        let list = run(&["krm"], &list);
        let list: Value = if list.is_empty() {
            Value::Null
        } else {
            serde_yaml::from_str(&list)?
        };
        // Hosts print the text of results.
        check_texts(&list["results"])?;
    }
    for (args, stdin) in [
        (json!([payload]), ""),
        (json!(["--name", payload]), ""),
        (json!([]), &*format!("{text}: 1")),
    ] {
        let message = json!({ "extraArgs": args }).to_string();
        let outcome = cli::run(&EtcdPackage, message.as_bytes(), Some(payload.to_owned()), || {
            Ok(stdin.into())
        });
        let outcome = outcome.map_err(|failure| Error::msg(failure.message))?;
        printed.push((message, outcome.stderr));
    }

    let mut quoted = 0;
    let escaped = printable::excerpt(payload);
    // A long payload may be printed in part.
    let part = escaped.get(..500).unwrap_or(&escaped);
    for (input, stderr) in &printed {
        let shown = || printable::excerpt(input).into_owned();
        ensure!(!stderr.is_empty(), "there is no message about {}", shown());
        payloads::check_lines(stderr).map_err(Error::msg).with_context(shown)?;
        ensure!(
            stderr.len() < payloads::MOST,
            "there are {} bytes of messages about {}",
            stderr.len(),
            shown()
        );
        quoted += usize::from(stderr.contains(part));
    }
    ensure!(quoted > 10, "only {quoted} of {} messages quote it", printed.len());

    // Helm prints a failure as it is.
    for message in [
        json!({ "manifests": named }),
        json!({ "manifests": payload }),
        json!({ "manifests": { "a": payload } }),
        json!({ "manifests": "", "extraArgs": [payload] }),
    ] {
        let failure = post_renderer::run(&EtcdPackage, message.to_string().as_bytes());
        let failure = failure.err().context("it succeeds")?;
        payloads::check(&failure.message).map_err(Error::msg)?;
        ensure!(
            failure.message.len() < payloads::MOST,
            "{} bytes",
            failure.message.len()
        );
    }
    Ok(())
}

/// Quotes a text, so that it is a string whatever it contains.
fn yaml_text(text: &str) -> String {
    let escape = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        ' '..='~' => c.to_string(),
        _ => format!("\\U{:08x}", u32::from(c)),
    };
    format!("\"{}\"", text.chars().map(escape).collect::<String>())
}

/// Checks that all texts in a value can be printed.
fn check_texts(value: &Value) -> Result<()> {
    match value {
        Value::String(text) => payloads::check(&format!("{text}\n")).map_err(Error::msg),
        Value::Sequence(items) => items.iter().try_for_each(check_texts),
        Value::Mapping(entries) => entries
            .iter()
            .try_for_each(|(key, value)| check_texts(key).and_then(|()| check_texts(value))),
        _ => Ok(()),
    }
}

/// Puts all payloads at once in the place of these documents' keys and values.
fn every_text(target: &str) -> Result<()> {
    /// The approximate number of replaced texts of a document. A long one is not tried completely, because tests take
    /// seconds.
    const EACH: usize = 25;

    let target = Target::named(target).context("a target")?;
    let inputs = match target.name {
        "stream" => {
            let cases = Case::all()?.into_iter();
            let examples = cases.filter(|case| case.name.starts_with("example-"));
            examples.map(|case| case.input).collect()
        }
        _ => target.seeds()?,
    };
    let word = yaml_text(&payloads::all_at_once());
    let mut count = 0;
    for (number, input) in inputs.into_iter().enumerate() {
        let Ok(text) = String::from_utf8(input) else {
            continue;
        };
        let words = words(&text);
        let step = words.len().div_ceil(EACH).max(1);
        // Different positions in each document, because documents are alike.
        for (start, end) in words.into_iter().skip(number % step).step_by(step) {
            let hostile = format!("{}{word}{}", &text[..start], &text[end..]);
            count += 1;
            target
                .run(&EtcdPackage, hostile.as_bytes())
                .with_context(|| hostile.clone())?;
        }
    }
    ensure!(count > 200, "only {count} texts were tried");
    Ok(())
}

/// Returns the start and end of the words in a text: its keys and its values.
fn words(text: &str) -> Vec<(usize, usize)> {
    let is_separator = |c: char| c.is_whitespace() || "{}[],\"'#".contains(c);
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| !is_separator(c)) {
        let word = &rest[start..];
        let word = &word[..word.find(is_separator).unwrap_or(word.len())];
        let offset = text.len() - rest.len() + start;
        let end = offset + word.trim_end_matches(':').len();
        // Dashes begin items.
        if word.chars().any(char::is_alphanumeric) {
            words.push((offset, end));
        }
        rest = &rest[start + word.len()..];
    }
    words
}
