//! Values with Kubernetes' own types: the package refuses the values that Kubernetes refuses.
//!
//! The tables in `data/kubernetes/` list values that the package must refuse. Kubernetes' own code, if available,
//! checks the tables.

use anyhow::{Result, bail, ensure};
use host_tests::data;
use rutter::{Diagnostic, Rendering};
use serde_json::Value;

fn table(name: &str) -> Result<Vec<Value>> {
    let table: Vec<Value> = serde_yaml::from_str(&data(&format!("kubernetes/{name}.yaml"))?)?;
    ensure!(table.len() > 20, "the table {name} has only {} rows", table.len());
    Ok(table)
}

fn render(values: &Value) -> Result<Rendering, Vec<Diagnostic>> {
    host_tests::render("etcd", "default", &values.to_string())
}

#[test]
fn mistakes_are_refused_with_their_paths() -> Result<()> {
    let mut wrong = Vec::new();
    for name in ["refused", "stricter"] {
        for values in table(name)? {
            match render(&values) {
                Ok(_) => wrong.push(format!("{values} is accepted")),
                Err(diagnostics) => {
                    let errors: Vec<&Diagnostic> = diagnostics
                        .iter()
                        .filter(|diagnostic| diagnostic.severity == rutter::Severity::Error)
                        .collect();
                    let complete = errors
                        .iter()
                        .all(|error| error.position.is_some() && error.help.is_some());
                    if errors.len() != 1 || !complete {
                        wrong.push(format!("{values}: one mistake, but the errors {errors:#?}"));
                    }
                }
            }
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn valid_values_are_accepted() -> Result<()> {
    for values in table("accepted")? {
        if let Err(diagnostics) = render(&values) {
            bail!("{values}: {diagnostics:#?}");
        }
    }
    Ok(())
}

/// Checks with Kubernetes' own code.
#[cfg(feature = "kubernetes")]
mod for_real {
    use host_tests::Case;
    use host_tests::kubernetes::{KINDS, Verdict, graft, judge, stateful_set, take_grafts};
    use host_tests::oracles::{documents, kind};
    use host_tests::plans::Change;
    use rutter::Manifest;

    use std::collections::BTreeSet;

    use anyhow::Context;

    use super::{Result, Value, ensure, render, table};

    /// Returns the StatefulSet of values. Those with Kubernetes' own types are added without the package.
    fn unchecked(mut values: Value) -> Result<Value> {
        let grafts = take_grafts(&mut values);
        let rendering = render(&values).map_err(|diagnostics| anyhow::anyhow!("{values}: {diagnostics:#?}"))?;
        let mut stateful_set = stateful_set(&rendering.manifests)?;
        graft(&mut stateful_set, grafts)?;
        Ok(stateful_set)
    }

    fn verdicts(name: &str) -> Result<Vec<(Value, Verdict)>> {
        let table = table(name)?;
        let objects = table.iter().cloned().map(unchecked).collect::<Result<Vec<_>>>()?;
        Ok(table.into_iter().zip(judge(&objects)?).collect())
    }

    #[test]
    fn kubernetes_refuses_the_rows_of_the_table() -> Result<()> {
        let mut wrong = Vec::new();
        for (values, verdict) in verdicts("refused")? {
            // An error without a field means that the graft failed, not that the value is invalid.
            if verdict.errors.is_empty() || verdict.errors.iter().any(|error| error.field.is_empty()) {
                wrong.push(format!("{values}: {verdict:?}"));
            }
        }
        ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
        Ok(())
    }

    #[test]
    fn kubernetes_accepts_the_rows_of_the_tables() -> Result<()> {
        for name in ["accepted", "stricter"] {
            for (values, verdict) in verdicts(name)? {
                ensure!(verdict.errors.is_empty(), "{values}: {:?}", verdict.errors);
            }
        }
        Ok(())
    }

    #[test]
    fn kubernetes_accepts_each_step_of_a_plan() -> Result<()> {
        let mut objects = Vec::new();
        for change in Change::all()? {
            for step in change.plan().iter().flat_map(|plan| plan.change.steps()) {
                for manifest in &step.manifests {
                    let read = documents(&manifest.document)?;
                    let mut read: Vec<Value> = read
                        .into_iter()
                        .filter(|object| KINDS.contains(&kind(object)))
                        .collect();
                    for object in &mut read {
                        // kubectl applies the user's own manifests to the namespace of the plan.
                        if object["metadata"]["namespace"].is_null() {
                            object["metadata"]["namespace"] = "default".into();
                        }
                    }
                    objects.extend(read);
                }
            }
        }
        ensure!(
            objects.len() > 100,
            "the steps of plans have only {} objects",
            objects.len()
        );
        for (object, verdict) in objects.iter().zip(judge(&objects)?) {
            ensure!(verdict.errors.is_empty(), "{object}: {:?}", verdict.errors);
        }
        Ok(())
    }

    /// Valid values with one change, for mistakes that no table lists.
    #[test]
    fn kubernetes_accepts_whatever_the_package_does() -> Result<()> {
        let mut sources = table("accepted")?;
        let rich = Case::all()?.into_iter().find(|case| case.name == "kubernetes-types");
        sources.push(serde_yaml::from_slice(
            &rich.context("the case kubernetes-types")?.input,
        )?);
        let mut accepted = Vec::new();
        for source in &sources {
            for pointer in pointers(source) {
                for changed in changes(source, &pointer) {
                    if let Ok(rendering) = render(&changed) {
                        accepted.push((pointer.clone(), changed, stateful_set(&rendering.manifests)?));
                    }
                }
            }
        }
        ensure!(accepted.len() > 1000, "only {} changes are accepted", accepted.len());
        let objects: Vec<Value> = accepted.iter().map(|(_, _, object)| object.clone()).collect();
        let mut wrong = Vec::new();
        for ((pointer, values, _), verdict) in accepted.iter().zip(judge(&objects)?) {
            if !verdict.errors.is_empty() {
                let found = values.pointer(pointer);
                wrong.push(format!("{pointer} = {found:?}: {:?}", verdict.errors));
            }
        }
        ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
        Ok(())
    }

    /// Returns the pointers to everything in values.
    fn pointers(values: &Value) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut next = 0;
        while let Some(pointer) = all.get(next).cloned() {
            next += 1;
            let keys: Vec<String> = match values.pointer(&pointer) {
                Some(Value::Object(fields)) => fields
                    .keys()
                    .map(|key| key.replace('~', "~0").replace('/', "~1"))
                    .collect(),
                Some(Value::Array(items)) => (0..items.len()).map(|index| index.to_string()).collect(),
                _ => Vec::new(),
            };
            all.extend(keys.iter().map(|key| format!("{pointer}/{key}")));
        }
        all
    }

    /// Returns copies of values, with the value at a pointer replaced, removed or duplicated.
    fn changes(values: &Value, pointer: &str) -> Vec<Value> {
        let replacements = serde_json::json!([
            null,
            true,
            false,
            0,
            1,
            -1,
            600,
            70000,
            4_294_967_297_i64,
            "",
            " ",
            ".",
            "..",
            "../a",
            "/a",
            "/a/../b",
            "a",
            "A",
            "a b",
            "a_b",
            "a.b",
            "a/b",
            "a:1",
            "-a",
            "1",
            "0",
            "-1",
            "1Gi",
            "10.0.0.1",
            "a--b",
            "Always",
            "Exists",
            [],
            {},
            [""],
            ["a", "a"],
        ]);
        let mut all = Vec::new();
        for replacement in replacements.as_array().into_iter().flatten() {
            let mut changed = values.clone();
            if let Some(place) = changed.pointer_mut(pointer) {
                *place = replacement.clone();
                all.push(changed);
            }
        }
        let mut twice = values.clone();
        if let Some((list, _)) = pointer.rsplit_once('/')
            && let Some(item) = values.pointer(pointer)
            && let Some(Value::Array(list)) = twice.pointer_mut(list)
        {
            list.push(item.clone());
            all.push(twice);
        }
        all
    }

    #[test]
    fn kubernetes_accepts_rendered_objects() -> Result<()> {
        let mut renderings = Vec::new();
        for case in Case::all()? {
            if let Ok(text) = String::from_utf8(case.input)
                && let Ok(values) = serde_yaml::from_str::<Value>(&text)
                && let Ok(rendering) = render(&values)
            {
                renderings.push((case.name, rendering));
            }
        }
        for values in table("accepted")? {
            let rendering = render(&values).ok().context("accepted")?;
            renderings.push((values.to_string(), rendering));
        }
        let mut kinds = BTreeSet::new();
        let mut objects = Vec::new();
        for (name, rendering) in renderings {
            let known = |manifest: &&Manifest| KINDS.contains(&manifest.kind.as_str());
            for manifest in rendering.manifests.iter().filter(known) {
                kinds.insert(manifest.kind.clone());
                let context = format!("{name}: {}", manifest.file_name);
                objects.push((context, documents(&manifest.document)?.remove(0)));
            }
        }
        assert_eq!(kinds, KINDS.map(str::to_owned).into(), "each kind is rendered");
        let verdicts = judge(&objects.iter().map(|(_, object)| object.clone()).collect::<Vec<_>>())?;
        for ((context, _), verdict) in objects.iter().zip(verdicts) {
            ensure!(verdict.errors.is_empty(), "{context}: {:?}", verdict.errors);
        }
        Ok(())
    }
}
