//! Streams that are too long to be held whole: `rutter` gives what the package gives, in the same order, or nothing and the
//! reason, and needs no more memory for more of them.

use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use etcd_package::EtcdPackage;
use host_tests::{WASMTIME, artifact, feed, same};

/// A stream of clusters, with what is not the package's in between.
fn stream(clusters: u32) -> String {
    let foreign = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: between}\ndata: {a:   b}   # as it is\n";
    (0..clusters)
        .map(|number| {
            format!(
                "{}{}",
                cluster(number, "replicas: 3"),
                if number % 3 == 0 { foreign } else { "" }
            )
        })
        .collect()
}

fn cluster(number: u32, spec: &str) -> String {
    format!(
        "---\napiVersion: etcd.rutter.dev/v1alpha1\nkind: EtcdCluster\nmetadata: {{name: orders-{number}, namespace: shop}}\n\
         spec: {{{spec}, tls: {{client: {{mode: CertManager}}}}}}\n"
    )
}

/// Exit status, standard output and standard error of `rutter` for a stream.
fn rutter(args: &[&str], stream: &str) -> Result<(i32, String, String)> {
    let output = feed(Command::new(artifact("rutter")?).args(args), stream.as_bytes())?;
    let status = output.status.code().context("an exit status")?;
    Ok((
        status,
        String::from_utf8(output.stdout)?,
        String::from_utf8(output.stderr)?,
    ))
}

#[test]
fn a_long_stream_is_what_the_package_makes_of_it() -> Result<()> {
    let stream = stream(1000);
    let expected = rutter::command::run(&EtcdPackage, WASMTIME, ["render".into()], || {
        Ok(stream.clone().into_bytes())
    });
    ensure!(expected.status == 0, "{}", expected.stderr);
    let (status, stdout, stderr) = rutter(&["render", "-f", "-"], &stream)?;
    ensure!(status == 0, "{stderr}");
    same("standard output", &expected.stdout, &stdout)?;
    same("standard error", &shortened(&expected.stderr), &stderr)
}

/// The diagnostics that `rutter` prints: of warnings the first 20 of each code, and the number of the others.
fn shortened(stderr: &str) -> String {
    let mut numbers = std::collections::BTreeMap::new();
    let (mut text, mut is_printed) = (String::new(), true);
    for line in stderr.split_inclusive('\n') {
        if !line.starts_with("  ") {
            let code = line.strip_prefix("warning[").and_then(|rest| rest.split(']').next());
            is_printed = code.is_none_or(|code| {
                let number = numbers.entry(code).or_insert(0);
                *number += 1;
                *number <= 20
            });
        }
        if is_printed {
            text.push_str(line);
        }
    }
    for (code, number) in numbers.into_iter().filter(|(_, number)| *number > 20) {
        text.push_str(&format!(
            "… and {} more `{code}` warnings; `--output json` lists all\n",
            number - 20
        ));
    }
    text
}

#[test]
fn all_refused_documents_are_reported_and_the_first_is_named() -> Result<()> {
    let stream = [
        stream(500),
        cluster(500, "replicas: 0"),
        stream(400).replace("orders-", "more-"),
        cluster(501, "replica: 3"),
        // A name that was there before.
        cluster(7, "replicas: 3"),
    ]
    .concat();
    let expected = rutter::command::run(&EtcdPackage, WASMTIME, ["render".into()], || {
        Ok(stream.clone().into_bytes())
    });
    for args in [&["render", "-f", "-"], &["validate", "-f", "-"]] {
        let (status, stdout, stderr) = rutter(args, &stream)?;
        ensure!(status == 1 && stdout.is_empty(), "{status} {} bytes", stdout.len());
        let (diagnostics, conclusion) = stderr.split_at(stderr.find("rutter: ").context("a conclusion")?);
        let alike = expected.stderr.trim_end_matches("etcd: the input is refused\n");
        same("diagnostics", &shortened(alike), diagnostics)?;
        let expected = "rutter: the input is refused for 3 of ";
        ensure!(conclusion.starts_with(expected), "{conclusion}");
        ensure!(
            conclusion.contains("the first of them EtcdCluster shop/orders-500 on line "),
            "{conclusion}"
        );
    }
    Ok(())
}

#[test]
fn what_is_no_stream_of_objects_is_refused() -> Result<()> {
    let values = "---\nreplicas: 3\n".repeat(10_000);
    let (status, stdout, stderr) = rutter(&["render", "-f", "-"], &values)?;
    ensure!(status == 1 && stdout.is_empty(), "{status}");
    ensure!(
        stderr.contains("10000 documents, none of which is a Kubernetes object"),
        "{stderr}"
    );

    let (status, stdout, stderr) = rutter(&["render", "--name", "a", "-f", "-"], &stream(500))?;
    ensure!(
        status == 1 && stdout.is_empty() && stderr.contains("--name"),
        "{status} {stderr}"
    );

    let long = format!("# {}\nreplicas: 3\n", "a".repeat(100_000));
    let (status, stdout, stderr) = rutter(&["render", "-f", "-"], &long)?;
    ensure!(
        status == 0 && stdout.contains("kind: StatefulSet"),
        "values are one document, however long: {stderr}"
    );
    Ok(())
}

#[test]
fn what_is_no_text_is_a_document_like_another() -> Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("a.yaml"), b"a: \xff\n---\nreplicas: 5\n")?;
    std::fs::write(folder.path().join("b.yaml"), cluster(0, "replicas: 0"))?;
    std::fs::write(folder.path().join(".c.yaml"), "hidden: [")?;
    let folder = folder.path().to_str().context("a path")?;
    let (status, stdout, stderr) = rutter(&["validate", "-f", folder], "")?;
    ensure!(status == 1 && stdout.is_empty(), "{status} {stdout}");
    for part in [
        "a.yaml:1:4",
        "b.yaml:5:",
        "a.yaml:2:1",
        "refused for 3 of 3 documents, the first of them the document on line 1 of ",
    ] {
        ensure!(stderr.contains(part), "{part}\n{stderr}");
    }
    Ok(())
}

#[test]
fn a_name_that_is_none_is_not_repeated() -> Result<()> {
    let bad = cluster(0, "replicas: 3").replace("orders-0", "\"a\\e[2J\\nrutter: the input is accepted\"");
    let (status, _, stderr) = rutter(&["validate", "-f", "-"], &[stream(500), bad].concat())?;
    ensure!(status == 1 && !stderr.contains('\u{1b}'), "{status} {stderr}");
    ensure!(!stderr.contains("\nrutter: the input is accepted"), "{stderr}");
    Ok(())
}

#[test]
fn a_package_that_fails_is_told_with_the_document_and_all_before_it() -> Result<()> {
    let large = cluster(1, &format!("image: {{tag: {}}}", "a".repeat(200 << 10)));
    let stream = [cluster(0, "replicas: 0"), stream(400), large].concat();
    let (status, stdout, stderr) = rutter(&["validate", "--max-input", "100Ki", "-f", "-"], &stream)?;
    ensure!(status == 3 && stdout.is_empty(), "{status} {stderr}");
    for part in [
        "error[invalid-replicas]",
        "error: the document on line ",
        "no more than 100 KiB",
    ] {
        ensure!(stderr.contains(part), "{part}\n{stderr}");
    }
    Ok(())
}

/// Where the address space has no room for a pool, the calls do without.
#[cfg(target_os = "linux")]
#[test]
fn a_pool_is_no_condition() -> Result<()> {
    let rutter = artifact("rutter")?;
    // A call takes four gigabytes of it, and twice that in a pool.
    let gigabytes = 1 + 6 * thread::available_parallelism()?.get();
    let script = format!("ulimit -v {gigabytes}000000 && exec \"$0\" render -f -");
    let output = feed(
        Command::new("sh").args(["-c", &script]).arg(rutter),
        stream(500).as_bytes(),
    )?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[test]
fn a_folder_is_the_stream_of_its_files() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    let foreign = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a:   b}   # as it is";
    std::fs::write(path("a.yaml"), foreign)?;
    std::fs::write(path("b.yml"), cluster(0, "replicas: 3"))?;
    std::fs::write(path("c.json"), "{\"apiVersion\": \"v1\", \"kind\": \"Namespace\"}\n")?;
    std::fs::write(path("d.txt"), "no manifest: [")?;
    std::fs::create_dir(path("e.yaml"))?;
    let args = ["render", "-f", folder.path().to_str().context("a path")?];
    let (status, stdout, stderr) = rutter(&args, "")?;
    ensure!(status == 0, "{stderr}");
    let (_, manifests, _) = rutter(&["render", "-f", "-"], &cluster(0, "replicas: 3"))?;
    let last = "---\n{\"apiVersion\": \"v1\", \"kind\": \"Namespace\"}\n";
    same("standard output", &format!("{foreign}\n{manifests}{last}"), &stdout)?;

    // What is wrong is told with its file, and the others are checked if that is asked for.
    std::fs::write(path("b.yml"), cluster(0, "replicas: 0"))?;
    std::fs::write(path("d.yaml"), format!("# one line more\n{}", cluster(1, "replica: 3")))?;
    let (status, stdout, stderr) = rutter(&["validate", "-f", args[2]], "")?;
    ensure!(status == 1 && stdout.is_empty(), "{status} {stdout}");
    for place in ["b.yml:5:", "d.yaml:6:", "EtcdCluster shop/orders-0 on line 4 of "] {
        ensure!(stderr.contains(place), "{place}\n{stderr}");
    }

    let (status, stdout, stderr) = rutter(&["validate", "--output", "json", "-f", args[2]], "")?;
    let problems: serde_json::Value = serde_json::from_str(&stdout)?;
    let problems = problems.as_array().context("an array")?;
    let errors = problems.iter().filter(|problem| problem["severity"] == "error");
    ensure!(status == 1 && errors.count() == 2, "{stderr}");

    let (status, stdout, stderr) = rutter(&[&args, &["-f", "-"][..]].concat(), "")?;
    ensure!(
        status == 2 && stdout.is_empty() && stderr.contains("is a directory"),
        "{stderr}"
    );
    std::fs::write(path("b.yml"), cluster(0, "replicas: 3"))?;
    std::fs::remove_file(path("d.yaml"))?;
    std::fs::write(
        path("c.json"),
        "{\"apiVersion\": \"v1\", \"kind\": \"Namespace\", \"metadata\": {\"name\": \"c\"}}\n",
    )?;
    let output = path("out");
    let (status, stdout, stderr) = rutter(&[&args, &["-o", output.to_str().context("a path")?][..]].concat(), "")?;
    ensure!(status == 0 && stdout.is_empty(), "{stderr}");
    let (status, stdout, stderr) = rutter(&[&args, &["--output", "json"][..]].concat(), "")?;
    let objects: Vec<serde_json::Value> = serde_json::from_str(&stdout)?;
    ensure!(
        status == 0 && objects.len() == std::fs::read_dir(output)?.count(),
        "{stderr}"
    );
    Ok(())
}

/// Four times the clusters, and no more memory but for the fingerprints of their names; and large documents one by one.
#[cfg(target_os = "linux")]
#[test]
fn memory_is_bounded() -> Result<()> {
    let large = format!(
        "---\napiVersion: v1\nkind: ConfigMap\ndata: {{a: {}}}\n",
        "a".repeat(8 << 20)
    );
    for args in [&[][..], &["--output", "json"]] {
        let few = peak_of_a_render(&stream(2_000), args)?;
        let many = peak_of_a_render(&stream(8_000), args)?;
        ensure!(many < few + (4 << 10), "{few} KiB, and {many} KiB for more");
        for peak in [few, many] {
            ensure!((1..64 << 10).contains(&peak), "{peak} KiB");
        }
    }
    let peak = peak_of_a_render(&large.repeat(16), &[])?;
    ensure!((1..64 << 10).contains(&peak), "{peak} KiB");
    Ok(())
}

/// The most memory that `rutter` takes for a stream, in KiB.
#[cfg(target_os = "linux")]
fn peak_of_a_render(stream: &str, args: &[&str]) -> Result<u64> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("stream.yaml");
    std::fs::write(&path, stream)?;
    let mut rutter = Command::new(artifact("rutter")?)
        .args(["render", "-f"])
        .arg(&path)
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let mut peak = 0;
    let status = loop {
        peak = peak_of(rutter.id()).unwrap_or(0).max(peak);
        if let Some(status) = rutter.try_wait()? {
            break status;
        }
        thread::sleep(Duration::from_millis(1));
    };
    ensure!(status.success(), "{status}");
    Ok(peak)
}

/// The most memory that a process has had so far, in KiB.
#[cfg(target_os = "linux")]
fn peak_of(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
