//! Go's YAML reader, with which Helm, kubectl and Kustomize read our output.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use etcd_package::EtcdPackage;
use host_tests::oracles::documents;
use host_tests::{Case, data, request};
use rutter::Package;
use serde_json::{Value, json};

/// Reads each text with Helm, which returns it as JSON.
fn read_by_helm(texts: &[String]) -> Result<Vec<Value>> {
    let chart = tempfile::tempdir()?;
    let path = chart.path();
    fs::create_dir_all(path.join("templates"))?;
    fs::create_dir_all(path.join("documents"))?;
    fs::write(
        path.join("Chart.yaml"),
        "apiVersion: v2\nname: reader\nversion: 0.1.0\n",
    )?;
    let mut template = String::new();
    for (index, text) in texts.iter().enumerate() {
        fs::write(path.join(format!("documents/{index}.yaml")), text)?;
        template.push_str(&format!(
            "---\nkind: Read\napiVersion: v1\nmetadata: {{name: read-{index}}}\n\
             json: {{{{ .Files.Get \"documents/{index}.yaml\" | fromYaml | toJson | b64enc }}}}\n"
        ));
    }
    fs::write(path.join("templates/read.yaml"), template)?;
    let output = Command::new("helm")
        .args(["template", "reader"])
        .arg(path)
        .output()
        .context("the helm command: `cargo xtask test` installs it")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut read = documents(&String::from_utf8(output.stdout)?)?;
    read.sort_by_key(|document| {
        let name = document["metadata"]["name"].as_str().unwrap_or_default();
        name.trim_start_matches("read-").parse::<usize>().unwrap_or_default()
    });
    ensure!(
        read.len() == texts.len(),
        "{} of {} documents were returned",
        read.len(),
        texts.len()
    );
    read.iter()
        .map(|document| {
            let json = decode(document["json"].as_str().context("base64")?)?;
            Ok(serde_json::from_slice(&json)?)
        })
        .collect()
}

fn decode(base64: &str) -> Result<Vec<u8>> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => Some(c - b'A'),
        b'a'..=b'z' => Some(c - b'a' + 26),
        b'0'..=b'9' => Some(c - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let mut bytes = Vec::new();
    let (mut buffer, mut bits) = (0u32, 0);
    for c in base64.bytes().filter(|c| *c != b'=') {
        buffer = (buffer << 6) | u32::from(digit(c).context("base64")?);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((buffer >> bits) & 0xff)?);
        }
    }
    Ok(bytes)
}

#[test]
fn helm_reads_our_output() -> Result<()> {
    let mut texts = Vec::new();
    for case in Case::all()? {
        let request = request(str::from_utf8(&case.input)?);
        if let Ok(rendering) = EtcdPackage.render(&request) {
            texts.extend(rendering.manifests.into_iter().map(|manifest| manifest.document));
        }
    }
    ensure!(texts.len() > 50, "most cases are accepted values");
    for (text, read) in texts.iter().zip(read_by_helm(&texts)?) {
        assert_eq!(documents(text)?, [read], "{text}");
    }
    Ok(())
}

#[test]
fn helm_reads_awkward_strings_as_strings() -> Result<()> {
    let strings: Vec<String> = serde_json::from_str(&data("awkward-strings.json")?)?;
    let texts: Vec<String> = strings
        .iter()
        .map(|string| rutter::yaml::to_string(&json!({"value": string, "list": [string], string: "key"})))
        .collect::<Result<_, _>>()
        .map_err(anyhow::Error::msg)?;
    let read = read_by_helm(&texts)?;
    for ((string, text), read) in strings.iter().zip(&texts).zip(read) {
        assert_eq!(
            read,
            json!({"value": string, "list": [string], string: "key"}),
            "{text}"
        );
    }
    Ok(())
}
