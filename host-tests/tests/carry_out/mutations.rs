//! Mutations of `host.sh`: each of its guards is removed, and a test must detect that.

use anyhow::{Context as _, Result, ensure};
use libtest_mimic::Trial;

use super::{Shell, TESTS, simple};

/// Replaced texts of the script, and the tests, one of which must fail.
struct Mutation {
    name: &'static str,
    replaced: &'static [(&'static str, &'static str)],
    detected_by: &'static [&'static str],
}

const fn mutation(
    name: &'static str,
    replaced: &'static [(&'static str, &'static str)],
    detected_by: &'static [&'static str],
) -> Mutation {
    Mutation {
        name,
        replaced,
        detected_by,
    }
}

/// All mutations, in the order of the script.
const MUTATIONS: &[Mutation] = &[
    mutation(
        "escapes reach the terminal",
        &[(
            "rutter_plain() { tr -cd '\\011\\012\\040-\\176'; }",
            "rutter_plain() { cat; }",
        )],
        &["errors_show_while_it_waits"],
    ),
    mutation(
        "only its own shell notices `fail`",
        &[(
            "  [ ! -e \"$rutter_tmp/fatal\" ] || rutter_failed",
            "  : || rutter_failed",
        )],
        &["failures_in_pipes_and_functions_stop_the_run"],
    ),
    mutation(
        "lines call kubectl without the lock",
        &[("  if ! rutter_may_go_on; then", "  if false; then")],
        &["a_lost_lock_stops_the_run"],
    ),
    mutation(
        "failures in pipes are forgotten",
        &[(
            "    : > \"$rutter_tmp/failed\"\n  fi\n  return",
            "    :\n  fi\n  return",
        )],
        &["failures_in_pipes_and_functions_stop_the_run"],
    ),
    mutation(
        "`attempt` may not fail",
        &[("  rutter_lenient=1\n", "")],
        &["failures_in_pipes_and_functions_stop_the_run"],
    ),
    mutation(
        "a reader that has read enough is a failure",
        &[("[ \"$rutter_code\" -ne 141 ] && ", "")],
        &["lines_have_their_environment"],
    ),
    mutation(
        "options of the person's own count",
        &[("  KUBERC=off\n", "")],
        &["a_plan_is_carried_out_once"],
    ),
    mutation(
        "options of the person's own count for an older kubectl",
        &[("  KUBECTL_KUBERC=false\n", "")],
        &["a_plan_is_carried_out_once"],
    ),
    mutation(
        "the context is not pinned",
        &[(
            "\"$rutter_binary\" ${rutter_context:+\"--context=$rutter_context\"} \"$@\"",
            "\"$rutter_binary\" \"$@\"",
        )],
        &["the_context_is_kept"],
    ),
    mutation(
        "names of contexts are split",
        &[(
            "${rutter_context:+\"--context=$rutter_context\"}",
            "${rutter_context:+--context=$rutter_context}",
        )],
        &["texts_are_not_commands"],
    ),
    mutation(
        "unknown arguments are passed over",
        &[(
            "      *) rutter_wrong \"unknown argument",
            "      *) : \"unknown argument",
        )],
        &["wrong_arguments_run_nothing"],
    ),
    mutation(
        "options without a name are passed over",
        &[(
            "        [ -n \"${2-}\" ] || rutter_wrong \"$1 requires a name\"",
            "        [ $# -gt 1 ] || exit 2",
        )],
        &["wrong_arguments_run_nothing"],
    ),
    mutation(
        "unknown steps are passed over",
        &[("  [ -n \"$rutter_found\" ] || rutter_wrong", "  : || rutter_wrong")],
        &["wrong_arguments_run_nothing"],
    ),
    mutation(
        "kubectl may be missing",
        &[("  [ -n \"$rutter_binary\" ] || rutter_refuse", "  : || rutter_refuse")],
        &["kubectl_is_required"],
    ),
    mutation(
        "kubectl may be of any version",
        &[(
            "  [ \"$rutter_minor\" -ge 24 ] || rutter_refuse",
            "  : || rutter_refuse",
        )],
        &["kubectl_is_required"],
    ),
    mutation(
        "kubectl may tell no version",
        &[(
            "  [ -n \"$rutter_minor\" ] || rutter_refuse",
            "  rutter_minor=${rutter_minor:-24} || rutter_refuse",
        )],
        &["kubectl_is_required"],
    ),
    mutation(
        "the cluster is not remembered",
        &[("    mv -- \"state/cluster.$$\" state/cluster", "    :")],
        &["another_cluster_is_refused"],
    ),
    mutation(
        "the context of a pinned plan is not looked for",
        &[(
            "  elif [ -n \"$rutter_is_new\" ]; then",
            "  elif [ -z \"$rutter_cluster\" ]; then",
        )],
        &["the_context_of_a_pinned_plan_is_kept"],
    ),
    mutation(
        "the context of a pinned plan is not remembered",
        &[(
            "  if [ -n \"$rutter_is_new\" ]; then\n    printf",
            "  if [ -z \"$rutter_cluster\" ]; then\n    printf",
        )],
        &["the_context_of_a_pinned_plan_is_kept"],
    ),
    mutation(
        "a context that is not known is none",
        &[(
            "        *) rutter_refuse \"the current context",
            "        *) : \"the current context",
        )],
        &["the_context_of_a_pinned_plan_is_kept"],
    ),
    mutation(
        "the context is not remembered",
        &[("      read -r rutter_context\n", "")],
        &["the_context_is_kept"],
    ),
    mutation(
        "a cluster that does not answer is taken",
        &[(
            "    || rutter_refuse_because \"$rutter_tmp/error\"",
            "    || : \"$rutter_tmp/error\"",
        )],
        &["another_cluster_is_refused"],
    ),
    mutation(
        "anything is a UID",
        &[("    '' | *[!0-9a-zA-Z-]*) rutter_refuse", "    ' ') rutter_refuse")],
        &["another_cluster_is_refused"],
    ),
    mutation(
        "UIDs are not compared",
        &[(
            "  if [ -n \"$rutter_cluster\" ] && [ \"$rutter_cluster\" != \"$rutter_uid\" ]; then",
            "  if false; then",
        )],
        &["another_cluster_is_refused"],
    ),
    mutation(
        "the UID in the plan is not compared",
        &[(
            "  if [ -n \"$rutter_cluster\" ] && [ \"$rutter_cluster\" != \"$rutter_uid\" ]; then",
            "  if false; then",
        )],
        &["a_pinned_plan_keeps_its_cluster"],
    ),
    mutation(
        "marks are of any plan",
        &[(
            "rutter_state=$rutter_here/state/$rutter_uid-$rutter_plan",
            "rutter_state=$rutter_here/state/$rutter_uid",
        )],
        &["marks_of_other_plans_do_not_count"],
    ),
    mutation(
        "marks are of any cluster",
        &[(
            "rutter_state=$rutter_here/state/$rutter_uid-$rutter_plan",
            "rutter_state=$rutter_here/state/$rutter_plan",
        )],
        &["marks_of_other_plans_do_not_count"],
    ),
    mutation(
        "the lease is replaced whatever it is",
        &[(
            "  [ -z \"${2-}\" ] || printf ',\"resourceVersion\":\"%s\"' \"$2\"\n",
            "",
        )],
        &["a_lost_lock_stops_the_run"],
    ),
    mutation(
        "the lease of another is renewed",
        &[("  [ \"$rutter_holder\" = \"$rutter_me\" ] || return 1\n", "")],
        &["a_lost_lock_stops_the_run"],
    ),
    mutation(
        "a lease that is gone is unreachable",
        &[(
            "      *NotFound* | *'not found'*) return 1 ;;\n      *) return 2 ;;",
            "      *) return 2 ;;",
        )],
        &["a_lost_lock_stops_the_run"],
    ),
    mutation(
        "a lease that cannot be reached is lost",
        &[("      *) return 2 ;;", "      *) return 1 ;;")],
        &["an_unreachable_lock_is_waited_for"],
    ),
    mutation(
        "a run that is alive has ended",
        &[("  ! rutter_is_alive \"$rutter_its_pid\"", "  true")],
        &["one_of_two_runs_wins"],
    ),
    mutation(
        "a run that has ended is alive",
        &[("  ! rutter_is_alive \"$rutter_its_pid\"", "  false")],
        &["it_continues_after_each_kill_after_a_call"],
    ),
    mutation(
        "processes of other machines have ended",
        &[(" && [ \"$rutter_its_machine\" = \"$rutter_machine\" ]", "")],
        &["a_lock_of_another_machine_is_waited_for"],
    ),
    mutation(
        "machines of one name are one",
        &[(
            "rutter_machine=\"$(uname -n) $rutter_boot $(",
            "rutter_machine=\"$(uname -n) $(",
        )],
        &["a_lock_of_another_machine_is_waited_for"],
    ),
    mutation(
        "a zombie is alive",
        &[("    case \"${rutter_stat##*) }\" in Z* | X*) return 1 ;; esac", "    :")],
        &["it_continues_after_a_kill_without_a_wait"],
    ),
    mutation(
        "the lock is not taken",
        &[("  [ \"$rutter_mode\" = dry-run ] || rutter_take_lock", "  :")],
        &["a_held_lock_is_refused"],
    ),
    mutation(
        "any failure is a lock that exists",
        &[("    *AlreadyExists* | *'already exists'*) ;;", "    *) ;;")],
        &["a_lock_without_permission_is_refused"],
    ),
    mutation(
        "the lock of another is taken",
        &[(
            "  elif [ \"$rutter_holder\" != - ] && ! rutter_is_left_over; then",
            "  elif false; then",
        )],
        &["a_held_lock_is_refused"],
    ),
    mutation(
        "a lock is watched that is renewed",
        &[(
            "    [ \"$rutter_seconds\" -ge 60 ] || rutter_refuse",
            "    : || rutter_refuse",
        )],
        &["a_held_lock_is_refused"],
    ),
    mutation(
        "an old lock is not watched",
        &[("-lt 12 ]; do\n", "-lt 0 ]; do\n")],
        &["a_lock_that_is_renewed_is_not_taken_over"],
    ),
    mutation(
        "a lock that is watched may change",
        &[(
            "      [ \"$rutter_version\" = \"$rutter_seen\" ] || rutter_refuse",
            "      : || rutter_refuse",
        )],
        &["a_lock_that_is_renewed_is_not_taken_over"],
    ),
    mutation(
        "the lock is not renewed",
        &[("    if [ $((rutter_ticks % 10)) -eq 0 ]; then", "    if false; then")],
        &["the_lock_is_renewed_and_released"],
    ),
    mutation(
        "a lost lock is not noticed",
        &[("        : > \"$rutter_tmp/lost\"\n", "        :\n")],
        &["a_lost_lock_stops_the_run"],
    ),
    mutation(
        "a lost lock ends no run",
        &[
            ("    if [ -e \"$rutter_tmp/lost\" ]; then", "    if false; then"),
            (
                "  [ ! -e \"$rutter_tmp/lost\" ] || rutter_failed",
                "  : || rutter_failed",
            ),
        ],
        &["a_lost_lock_stops_the_run"],
    ),
    mutation(
        "the keeper outlives its run",
        &[(
            "    if ! rutter_is_alive \"$$\"; then\n      #",
            "    if false; then\n      #",
        )],
        &["a_killed_run_calls_nothing_more"],
    ),
    mutation(
        "lines of a killed run go on",
        &[
            ("  rutter_is_alive \"$$\" || return 1\n", ""),
            // The line is faster than the keeper, which removes the line's files.
            ("      rm -rf -- \"$rutter_tmp\" 2> /dev/null || continue\n", ""),
        ],
        &["a_killed_run_calls_nothing_more"],
    ),
    mutation(
        "waits are not reported",
        &[("then rutter_report_wait || :; fi", "then :; fi")],
        &["errors_show_while_it_waits"],
    ),
    mutation(
        "an old lock is enough",
        &[
            ("-ge 45 ] || return 0", "-ge 4500 ] || return 0"),
            ("|| : > \"$rutter_tmp/stale\"", "|| :"),
        ],
        &["an_unreachable_lock_is_waited_for"],
    ),
    mutation(
        "an old lock is new after the clock was set back",
        &[("|| : > \"$rutter_tmp/stale\"", "|| :")],
        &["a_clock_that_jumps_is_ignored"],
    ),
    mutation(
        "looks at a lock are counted by the clock",
        &[(
            "      rutter_looks=$((rutter_looks + 1))\n",
            "      rutter_looks=$((($(date +%s) - rutter_now) / 5))\n",
        )],
        &["a_clock_that_jumps_is_ignored"],
    ),
    mutation(
        "a lock that was old stays old",
        &[("        rm -f -- \"$rutter_tmp/stale\"\n", "")],
        &["an_unreachable_lock_is_waited_for"],
    ),
    mutation(
        "signals are not caught",
        &[("  trap rutter_interrupt INT TERM HUP\n", "")],
        &["it_stops_between_commands"],
    ),
    mutation(
        "signals do not stop it",
        &[("  rutter_stop=1\n", "")],
        &["it_stops_between_commands"],
    ),
    mutation(
        "signals do not stop it between commands",
        &[(
            "  rutter_purpose=$2\n  [ -z \"$rutter_stop\" ] || rutter_stopped\n",
            "  rutter_purpose=$2\n",
        )],
        &["it_stops_between_commands"],
    ),
    mutation(
        "signals do not stop what is waited for",
        &[(
            "  [ -n \"$rutter_stop\" ] || sleep \"$1\" || :\n  [ -z \"$rutter_stop\" ] || rutter_stopped\n",
            "  sleep \"$1\"\n",
        )],
        &["it_stops_between_commands"],
    ),
    mutation(
        "the second signal waits as the first does",
        &[(
            "  if [ -n \"$rutter_stop\" ]; then\n    rutter_error",
            "  if false; then\n    rutter_error",
        )],
        &["it_stops_between_commands"],
    ),
    mutation(
        "the lock is not released",
        &[("    rutter_update_lease '' || rutter_note", "    : || rutter_note")],
        &["the_lock_is_renewed_and_released"],
    ),
    mutation(
        "something is left in TMPDIR",
        &[(
            "  [ -z \"$rutter_tmp\" ] || rm -rf -- \"$rutter_tmp\"\n  exit",
            "  exit",
        )],
        &["a_plan_is_carried_out_once"],
    ),
    mutation(
        "a failure of kubectl is none where the line succeeds",
        &[(
            "    [ \"$rutter_status\" -ne 0 ] || [ -n \"$rutter_unsure\" ] || break",
            "    [ \"$rutter_status\" -ne 0 ] || break",
        )],
        &["failures_in_pipes_and_functions_stop_the_run"],
    ),
    mutation(
        "failures are not waited for",
        &[(
            "    [ \"$rutter_seconds\" -lt \"$3\" ] || rutter_failed",
            "    rutter_failed",
        )],
        &["waiting_ends", "errors_show_while_it_waits"],
    ),
    mutation(
        "failures are waited for without end",
        &[(
            "    [ \"$rutter_seconds\" -lt \"$3\" ] || rutter_failed",
            "    : || rutter_failed",
        )],
        &["waiting_ends"],
    ),
    mutation(
        "failed commands are tried again",
        &[
            ("    [ \"$3\" -gt 0 ] || rutter_failed \"$2\"\n", ""),
            ("-lt \"$3\" ] || rutter_failed", "-lt 60 ] || rutter_failed"),
        ],
        &["failures_are_final"],
    ),
    mutation(
        "nobody is asked what was done before",
        &[(
            "  if [ -n \"$4\" ]; then\n    rutter_ask",
            "  if false; then\n    rutter_ask",
        )],
        &["lines_that_ran_before_are_skipped"],
    ),
    mutation(
        "no answer is not done",
        &[(
            "    if [ -z \"$rutter_unsure\" ] && [ \"$rutter_status\" -le 1 ]; then return 0; fi",
            "    return 0",
        )],
        &["lines_that_ran_before_are_skipped"],
    ),
    mutation(
        "a failure of kubectl is an answer",
        &[(
            "    if [ -z \"$rutter_unsure\" ] && [ \"$rutter_status\" -le 1 ]",
            "    if [ \"$rutter_status\" -le 1 ]",
        )],
        &["lines_that_ran_before_are_skipped"],
    ),
    mutation(
        "any exit code is an answer",
        &[(" && [ \"$rutter_status\" -le 1 ]; then return 0", "; then return 0")],
        &["lines_that_ran_before_are_skipped"],
    ),
    mutation(
        "done is not done",
        &[(
            "    if [ \"$rutter_status\" -eq 0 ]; then\n      rutter_print \"  done before",
            "    if false; then\n      rutter_print \"  done before",
        )],
        &["lines_that_ran_before_are_skipped"],
    ),
    mutation(
        "an answer that was lost is not noticed",
        &[("    [ \"$rutter_status\" -ne 0 ] || break\n    cp", "    cp")],
        &["a_lost_answer_is_detected"],
    ),
    mutation(
        "the error of a command is lost while it is tried again",
        &[(
            "  rutter_line=$(rutter_last_line \"$rutter_tmp/reason\")\n",
            "  rutter_line=\n",
        )],
        &["a_lost_answer_is_detected"],
    ),
    mutation(
        "steps before may be left out",
        &[("  if [ -z \"$rutter_reached\" ] && [ ! -e", "  if false && [ ! -e")],
        &["steps_can_be_run_one_by_one"],
    ),
    mutation(
        "all steps are carried out",
        &[(
            "  [ -z \"$rutter_found\" ] || [ \"$rutter_found\" = \"$2\" ] || return 0\n",
            "",
        )],
        &["steps_can_be_run_one_by_one"],
    ),
    mutation(
        "done steps are carried out",
        &[(
            "  if [ -e \"$rutter_state/$2\" ]; then\n    rutter_print \"[$1",
            "  if false; then\n    rutter_print \"[$1",
        )],
        &["a_plan_can_move"],
    ),
    mutation(
        "a step is done before it is carried out",
        &[(
            "  \"rutter_step_$1\"\n  cd -- \"$rutter_here\"",
            "  : > \"$rutter_state/$2\"\n  \"rutter_step_$1\"\n  cd -- \"$rutter_here\"",
        )],
        &["a_plan_can_move"],
    ),
    mutation(
        "a step is never done",
        &[("  mv -- \"$rutter_state/$2.new\" \"$rutter_state/$2\"\n", "")],
        &["a_plan_is_carried_out_once"],
    ),
    mutation(
        "notes are of all steps",
        &[("  notes=$rutter_state/notes-$2", "  notes=$rutter_state/notes")],
        &["lines_have_their_environment"],
    ),
    mutation(
        "a dry run remembers the cluster",
        &[(
            "  if [ \"$rutter_mode\" = dry-run ]; then\n    rutter_log",
            "  if false; then\n    rutter_log",
        )],
        &["a_dry_run_changes_nothing"],
    ),
    mutation(
        "nobody is asked",
        &[("    [ -z \"$rutter_asks\" ] || rutter_agree\n", "")],
        &["it_asks_before_anything_is_changed"],
    ),
    mutation(
        "an interrupt at the question is one of a command",
        &[("  if [ -n \"$rutter_is_asking\" ]; then", "  if false; then")],
        &["an_interrupt_at_the_question_changes_nothing"],
    ),
    mutation(
        "a plan of kube-system is known by its namespace",
        &[("  [ -z \"$rutter_cluster$rutter_kind\" ] || return 1\n", "")],
        &["a_cluster_is_identified_by_the_same_namespace"],
    ),
    mutation(
        "any error is a forbidden namespace",
        &[(
            "*'(Forbidden)'*) ;; *) return 1 ;; esac\n  rutter_kind",
            "*) ;; esac\n  rutter_kind",
        )],
        &["a_cluster_is_identified_by_the_same_namespace"],
    ),
    mutation(
        "the output of the command before is what is waited for",
        &[("  : > \"$rutter_tmp/last\"\n  rm", "  rm")],
        &["waits_have_their_own_output"],
    ),
    mutation(
        "a plan that does not fit goes on",
        &[("    *'make a new plan')\n", "    ' ')\n")],
        &["a_stale_plan_must_be_made_again"],
    ),
    mutation(
        "paths of the kubeconfig are the plan's",
        &[("  rutter_keep_kubeconfig\n", "")],
        &["restart_lines_have_all_options"],
    ),
    mutation(
        "a dry run takes the lock",
        &[(
            "  [ \"$rutter_mode\" = dry-run ] || rutter_take_lock",
            "  mkdir -p \"$rutter_state\"; rutter_take_lock",
        )],
        &["a_dry_run_changes_nothing"],
    ),
    mutation(
        "a dry run changes the cluster",
        &[("  [ \"$rutter_mode\" != dry-run ] || rutter_is_shown_only=1\n", "")],
        &["a_dry_run_changes_nothing"],
    ),
    mutation(
        "the preflight is left out",
        &[("  rutter_preflight\n  rutter_failure=3", "  rutter_failure=3")],
        &["a_failing_preflight_changes_nothing"],
    ),
    mutation(
        "a failing preflight is a failing step",
        &[("rutter_failure=6\n", "rutter_failure=3\n")],
        &["a_failing_preflight_changes_nothing"],
    ),
    mutation(
        "a failure is a success",
        &[("  exit \"$rutter_failure\"", "  exit 0")],
        &["failures_are_final"],
    ),
];

/// Returns a test for each mutation. They take long: all run with the tests of hosts, and every eighth elsewhere.
pub(crate) fn trials() -> Vec<Trial> {
    let one_in = if cfg!(feature = "hosts") { 1 } else { 8 };
    let mut trials: Vec<Trial> = MUTATIONS
        .iter()
        .step_by(one_in)
        .map(|mutation| {
            Trial::test(format!("mutations::{}", mutation.name), move || {
                Ok(is_detected(mutation)?)
            })
        })
        .collect();
    trials.push(Trial::test("mutations::all_are_found", || Ok(all_are_found()?)));
    trials
}

/// A mutation that changes nothing would never be detected.
fn all_are_found() -> Result<()> {
    let files = simple().files(None);
    let script = files.iter().find(|file| file.path == "run.sh").context("run.sh")?;
    let mut names = std::collections::BTreeSet::new();
    for mutation in MUTATIONS {
        ensure!(names.insert(mutation.name), "{} is there twice", mutation.name);
        for (old, new) in mutation.replaced {
            let count = script.text.matches(old).count();
            ensure!(
                count == 1 && old != new,
                "{}: {old:?} is found {count} times",
                mutation.name
            );
        }
        for name in mutation.detected_by {
            ensure!(TESTS.iter().any(|(test, _)| test == name), "there is no test {name}");
        }
    }
    Ok(())
}

fn is_detected(mutation: &'static Mutation) -> Result<()> {
    let mut shell = Shell::all().into_iter().next().context("a shell")?;
    shell.mutation = mutation.replaced;
    let tests = TESTS.iter().filter(|(name, _)| mutation.detected_by.contains(name));
    for (_, test) in tests {
        if test(&shell).is_err() {
            return Ok(());
        }
    }
    anyhow::bail!("nobody sees it: {:?}", mutation.detected_by)
}
