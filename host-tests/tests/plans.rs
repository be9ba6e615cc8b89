//! Every plan of `plans/`, as text.

use anyhow::Result;
use host_tests::plans::Change;
use libtest_mimic::{Arguments, Trial};

fn main() -> Result<()> {
    let arguments = Arguments::from_args();
    let changes = Change::all()?.into_iter();
    let trials = changes.map(|change| Trial::test(change.name.clone(), move || Ok(change.check(&change.text())?)));
    libtest_mimic::run(&arguments, trials.collect()).exit()
}
