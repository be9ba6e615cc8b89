
# The host's part. Its functions and variables start with `rutter_`. The lines of the plan may call `kubectl`, which is
# pinned to the cluster and fails without the lock, and `say`, `fail`, `attempt` and `is_done`. `rutter_kubectl_help` is generated.

rutter_usage() {
  cat <<'END'
Usage: sh run.sh [--context NAME] [--step NAME] [--ask | --dry-run]
       sh run.sh --list | --help

Carries out the plan in plan.txt by kubectl. It stops at the first failure. Steps that are done are left out, so you can
start it again at any time, wherever it was stopped or killed.

  --context NAME  Use this context of the kubeconfig [default: the context that the plan was made for or first run with,
                  or else the current one]
  --step NAME     Carry out this step only; all steps before it must be done
  --ask           Ask on standard input before anything is changed
  --dry-run       Print what is left to do and run the preflight checks. Changes nothing
  --list          Print the steps, and which of them are done
  --help          Print this

Everything that is run, and what it prints, is added to run.log.

Exit codes: 0 done, 2 wrong command line, 3 failed or stopped, 6 refused or declined before anything was changed.
END
}

# --- Output

# Prints a line, also to the log.
rutter_print() {
  printf '%s\n' "$1" || :
  rutter_note "$1"
}

# Prints a line to standard error, also to the log.
rutter_error() {
  printf '%s\n' "$1" >&2 || :
  rutter_note "$1"
}

# Adds a line to the log, if there is one yet.
rutter_note() {
  [ -z "$rutter_log" ] || printf '%s %s\n' "$(date -u '+%Y-%m-%dT%H:%M:%SZ')" "$1" >> "$rutter_log"
}

# Removes from its input what could command a terminal: all but plain ASCII.
rutter_plain() { tr -cd '\011\012\040-\176'; }

# The last line of a file, to be shown.
rutter_last_line() { tail -n 1 -- "$1" 2> /dev/null | rutter_plain | cut -c 1-200; }

# Refuses to start. Nothing has been changed.
rutter_refuse() {
  rutter_error "refused: $1"
  [ $# -lt 2 ] || rutter_error "  help: $2"
  exit 6
}

# Refuses to start because of an error of kubectl, whose text is in a file. Gives this help if that text is not known.
rutter_refuse_because() { # FILE TEXT HELP
  rutter_help=$(rutter_kubectl_help "$(cat -- "$1")")
  rutter_refuse "$2: $(rutter_last_line "$1")" "${rutter_help:-$3}"
}

# A word as a shell reads it.
rutter_word() {
  case "$1" in
    '' | *[!0-9A-Za-z_./:=@%+,-]*) printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")" ;;
    *) printf '%s' "$1" ;;
  esac
}

# Seconds as people say them.
rutter_span() {
  if [ "$1" -ge 120 ] && [ $(($1 % 60)) -eq 0 ]; then printf '%s min' "$(($1 / 60))"; else printf '%s s' "$1"; fi
}

# What the lines of a plan may call.

# say TEXT: prints a line of ASCII.
say() { rutter_print "    $(printf '%s' "$*" | rutter_plain)" >&3; }

# fail TEXT: ends the run, also from a pipe, a subshell or a command that is waiting.
fail() {
  printf '%s\n' "$*" | rutter_plain > "$rutter_tmp/fatal"
  exit 1
}

# is_done DIRECTORY: whether the step of this directory is done.
is_done() { [ -n "$rutter_state" ] && [ -e "$rutter_state/$1" ]; }

# attempt COMMAND...: runs kubectl where it may fail. Otherwise a line in which kubectl fails has failed, whatever the rest
# of the line makes of that, because a shell forgets failures in pipes and in command substitutions.
attempt() {
  rutter_lenient=1
  rutter_result=0
  "$@" || rutter_result=$?
  rutter_lenient=
  return "$rutter_result"
}

kubectl() {
  if ! rutter_may_go_on; then
    : > "$rutter_tmp/failed"
    return 1
  fi
  rutter_code=0
  rutter_kubectl "$@" || rutter_code=$?
  # 141 is SIGPIPE: its reader has read enough.
  if [ "$rutter_code" -ne 0 ] && [ "$rutter_code" -ne 141 ] && [ -z "$rutter_lenient" ]; then
    : > "$rutter_tmp/failed"
  fi
  return "$rutter_code"
}

# kubectl in the context of the plan, for the host.
rutter_kubectl() { "$rutter_binary" ${rutter_context:+"--context=$rutter_context"} "$@"; }

# --- Command line

rutter_wrong() {
  printf '%s\n' "error: $1" "  help: sh run.sh --help" >&2
  exit 2
}

rutter_read_arguments() {
  while [ $# -gt 0 ]; do
    case "$1" in
      --help | -h)
        rutter_usage
        exit 0
        ;;
      --context=?*) rutter_asked_context=${1#--context=} ;;
      --step=?*) rutter_asked_step=${1#--step=} ;;
      --context | --step)
        [ -n "${2-}" ] || rutter_wrong "$1 requires a name"
        if [ "$1" = --context ]; then rutter_asked_context=$2; else rutter_asked_step=$2; fi
        shift
        ;;
      --ask) rutter_asks=1 ;;
      --dry-run) rutter_mode=dry-run ;;
      --list) rutter_mode=list ;;
      *) rutter_wrong "unknown argument: $(printf '%s' "$1" | rutter_plain)" ;;
    esac
    shift
  done
  [ -n "$rutter_asked_step" ] || return 0
  rutter_found=
  rutter_each_step rutter_find_step
  [ -n "$rutter_found" ] || rutter_wrong "unknown step: $(printf '%s' "$rutter_asked_step" | rutter_plain); --list prints them"
}

# Takes a step by its name, or by the name of its directory.
rutter_find_step() {
  if [ "$rutter_asked_step" = "$2" ] || [ "$rutter_asked_step" = "${2#*-}" ]; then rutter_found=$2; fi
}

# --- The cluster

rutter_find_kubectl() {
  [ -n "$rutter_binary" ] || rutter_refuse 'there is no kubectl on the PATH' 'install it: https://kubernetes.io/docs/tasks/tools'
  rutter_minor=$("$rutter_binary" version --client --output=yaml 2> /dev/null | sed -n 's/^ *minor: "\{0,1\}\([0-9]\{1,3\}\).*/\1/p')
  [ -n "$rutter_minor" ] || rutter_refuse "$rutter_binary does not print its version" 'install kubectl 1.24 or later'
  [ "$rutter_minor" -ge 24 ] || rutter_refuse "kubectl 1.$rutter_minor is too old" 'install kubectl 1.24 or later'
}

# Finds the cluster, and checks that it is the one of this plan.
rutter_find_cluster() {
  rutter_recorded='made for'
  if [ -z "$rutter_context" ] && [ -e state/cluster ]; then
    {
      read -r rutter_first
      read -r rutter_context
    } < state/cluster
    if [ -z "$rutter_cluster" ]; then
      rutter_recorded='first run on'
      rutter_cluster=$rutter_first
    fi
    [ "$rutter_cluster" = "$rutter_first" ] || rutter_context=
  fi
  # Without one, a line would follow whatever becomes the current context.
  rutter_is_new=
  [ -n "$rutter_context" ] || rutter_is_new=1
  if [ -n "$rutter_asked_context" ]; then
    rutter_context=$rutter_asked_context
  elif [ -n "$rutter_is_new" ]; then
    rutter_context=$("$rutter_binary" config current-context 2> "$rutter_tmp/error") || {
      rutter_context=
      # There is none in a pod.
      case "$(cat -- "$rutter_tmp/error")" in
        *'current-context is not set'*) ;;
        *) rutter_refuse "the current context is not known: $(rutter_last_line "$rutter_tmp/error")" 'choose one by --context' ;;
      esac
    }
  fi
  rutter_where=$(printf '%s' "${rutter_context:-none}" | rutter_plain)
  rutter_kind=
  case "$rutter_cluster" in namespace-*) rutter_kind=namespace- ;; esac
  rutter_identify \
    || rutter_refuse_because "$rutter_tmp/error" "the cluster of the context $rutter_where cannot be identified" \
      "the plan needs permission to get the namespace ${rutter_of}, whose UID tells clusters apart; --context chooses another context"
  case "$rutter_uid" in
    '' | *[!0-9a-zA-Z-]*) rutter_refuse "the cluster of the context $rutter_where gives no UID for its namespace $rutter_of" ;;
  esac
  rutter_uid=$rutter_kind$rutter_uid
  if [ -n "$rutter_cluster" ] && [ "$rutter_cluster" != "$rutter_uid" ]; then
    rutter_refuse "the plan was $rutter_recorded the cluster $rutter_cluster, and the context $rutter_where is of the cluster $rutter_uid" \
      'choose a context of that cluster by --context, or make a plan for this one'
  fi
  rutter_state=$rutter_here/state/$rutter_uid-$rutter_plan
}

# Reads the UID of a namespace that identifies the cluster: that of kube-system, or of the plan's own namespace, where the
# plan has the latter, or has none yet and kube-system may not be read.
rutter_identify() {
  rutter_of=kube-system
  [ -z "$rutter_kind" ] || rutter_of=$rutter_namespace
  if rutter_uid=$(rutter_kubectl get namespace "$rutter_of" --request-timeout=20s \
    --output=go-template='{{.metadata.uid}}' 2> "$rutter_tmp/error"); then return 0; fi
  [ -z "$rutter_cluster$rutter_kind" ] || return 1
  case "$(cat -- "$rutter_tmp/error")" in *'(Forbidden)'*) ;; *) return 1 ;; esac
  rutter_kind=namespace-
  rutter_identify
}

# Remembers the cluster for later runs.
rutter_record_cluster() {
  { mkdir -p -- "$rutter_state" && true >> run.log; } 2> "$rutter_tmp/error" \
    || rutter_refuse "$rutter_shown_here cannot be written to: $(rutter_last_line "$rutter_tmp/error")" \
      'copy the directory to a place where you can write, and start run.sh there'
  if [ -n "$rutter_is_new" ]; then
    printf '%s\n%s\n' "$rutter_uid" "$rutter_context" > "state/cluster.$$"
    mv -- "state/cluster.$$" state/cluster
  fi
}

# --- The lock: a Lease, renewed every 10 seconds, that is valid for 60

rutter_lease_json() { # HOLDER [RESOURCE-VERSION]
  printf '{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"%s","namespace":"%s"' \
    "$rutter_lease" "$rutter_namespace"
  [ -z "${2-}" ] || printf ',"resourceVersion":"%s"' "$2"
  printf '},"spec":{'
  [ -z "$1" ] || printf '"holderIdentity":"%s",' "$1"
  printf '"leaseDurationSeconds":60,"acquireTime":"%s","renewTime":"%s"}}\n' "$rutter_acquired" "$(rutter_micro_time)"
}

rutter_micro_time() { date -u '+%Y-%m-%dT%H:%M:%S.000000Z'; }

# Writes a small file that others read at any time.
rutter_put() {
  printf '%s\n' "$2" > "$rutter_tmp/$1.new"
  mv -- "$rutter_tmp/$1.new" "$rutter_tmp/$1"
}

# kubectl for the lease. Its error is in the file lease-error, which is whole whenever it is read.
rutter_lease_kubectl() {
  rutter_code=0
  rutter_kubectl "$@" 2> "$rutter_tmp/lease-error.new" || rutter_code=$?
  mv -- "$rutter_tmp/lease-error.new" "$rutter_tmp/lease-error"
  return "$rutter_code"
}

# Reads the lease into rutter_version, rutter_renewed and rutter_holder.
rutter_read_lease() {
  rutter_answer=$(rutter_lease_kubectl get leases.coordination.k8s.io "$rutter_lease" --namespace="$rutter_namespace" \
    --request-timeout=10s --output=go-template='{{.metadata.resourceVersion}} {{or .spec.renewTime "-"}} {{or .spec.holderIdentity "-"}}') \
    || return 1
  read -r rutter_version rutter_renewed rutter_holder << END
$rutter_answer
END
  [ -n "$rutter_holder" ]
}

# Replaces the lease if it is as it was at rutter_version. The API server lets one of several win.
rutter_replace_lease() { # HOLDER
  rutter_now=$(date +%s)
  rutter_version=$(rutter_lease_json "$1" "$rutter_version" \
    | rutter_lease_kubectl replace --request-timeout=10s --filename=- --output=go-template='{{.metadata.resourceVersion}}') \
    || return 1
  rutter_put version "$rutter_version"
  rutter_put renewed "$rutter_now"
}

# Renews or releases the lease that we hold. Fails with 1 if it is no longer ours, and with 2 if nobody knows.
rutter_update_lease() { # HOLDER
  rutter_version=$(cat -- "$rutter_tmp/version")
  if rutter_replace_lease "$1"; then return 0; fi
  # An earlier answer may have been lost on its way.
  if ! rutter_read_lease; then
    case "$(cat -- "$rutter_tmp/lease-error")" in
      *NotFound* | *'not found'*) return 1 ;;
      *) return 2 ;;
    esac
  fi
  [ "$rutter_holder" = "$rutter_me" ] || return 1
  if rutter_replace_lease "$1"; then return 0; fi
  return 2
}

# Whether the holder of the lease was a process of this plan and cluster on this machine, and has ended.
rutter_is_left_over() {
  [ -n "$rutter_boot" ] || return 1
  case "${rutter_holder##*:}" in '' | *[!0-9A-Za-z._-]*) return 1 ;; esac
  rutter_file=$rutter_state/holder.${rutter_holder##*:}
  [ -e "$rutter_file" ] || return 1
  { read -r rutter_its_name && read -r rutter_its_pid && read -r rutter_its_machine; } < "$rutter_file" || return 1
  [ "$rutter_its_name" = "$rutter_holder" ] && [ "$rutter_its_machine" = "$rutter_machine" ] || return 1
  ! rutter_is_alive "$rutter_its_pid"
}

# Whether a process runs. One that nobody has waited for does not, though it has its ID.
rutter_is_alive() {
  if { read -r rutter_stat < "/proc/$1/stat"; } 2> /dev/null; then
    case "${rutter_stat##*) }" in Z* | X*) return 1 ;; esac
  elif command -v ps > /dev/null; then
    case "$(ps -o stat= -p "$1" 2> /dev/null)" in '' | *Z*) return 1 ;; esac
  else
    kill -0 "$1" 2> /dev/null
  fi
}

# The seconds since a time of Kubernetes, by this machine's clock.
rutter_age() {
  awk -v time="$1" -v now="$(date +%s)" 'BEGIN {
    if (split(time, part, /[-T:.Z]/) < 6) exit 1
    year = part[1] + 0; month = part[2] + 0
    if (month <= 2) { year--; month += 12 }
    days = 365 * year + int(year / 4) - int(year / 100) + int(year / 400) + int((153 * (month - 3) + 2) / 5) + part[3] - 719469
    print now - (days * 86400 + part[4] * 3600 + part[5] * 60 + int(part[6]))
  }'
}

rutter_take_lock() {
  # The names of machines can be equal, and so are the numbers of their namespaces.
  rutter_boot=$(cat /proc/sys/kernel/random/boot_id 2> /dev/null) || rutter_boot=$(sysctl -n kern.bootsessionuuid 2> /dev/null) \
    || rutter_boot=
  rutter_machine="$(uname -n) $rutter_boot $(readlink /proc/self/ns/pid 2> /dev/null || :)"
  rutter_unique=$(basename -- "$rutter_tmp")
  rutter_me=$(printf '%s@%s:%s:%s' "$(id -un 2> /dev/null || id -u)" "$(uname -n)" "$$" "$rutter_unique" | tr -cd '0-9A-Za-z@._:-')
  rutter_acquired=$(rutter_micro_time)
  # Before it is in the lease, so that whoever goes on knows it.
  printf '%s\n%s\n%s\n' "$rutter_me" "$$" "$rutter_machine" > "$rutter_tmp/holder"
  mv -- "$rutter_tmp/holder" "$rutter_state/holder.${rutter_me##*:}"
  rutter_tries=0
  until rutter_try_lock; do
    rutter_tries=$((rutter_tries + 1))
    [ "$rutter_tries" -lt 5 ] || rutter_refuse "the lock cannot be taken: $(rutter_last_line "$rutter_tmp/lease-error")"
    rutter_pause 1
  done
  rutter_locked=1
  for rutter_file in "$rutter_state"/holder.*; do
    [ "$rutter_file" = "$rutter_state/holder.${rutter_me##*:}" ] || rm -f -- "$rutter_file"
  done
  rutter_keep &
  rutter_keeper=$!
}

# Fails if another process was faster, and it is worth another try.
rutter_try_lock() {
  rutter_now=$(date +%s)
  if rutter_version=$(rutter_lease_json "$rutter_me" | rutter_lease_kubectl create --request-timeout=20s --filename=- \
    --output=go-template='{{.metadata.resourceVersion}}'); then
    rutter_put version "$rutter_version"
    rutter_put renewed "$rutter_now"
    return 0
  fi
  case "$(cat -- "$rutter_tmp/lease-error")" in
    *AlreadyExists* | *'already exists'*) ;;
    *)
      rutter_needs="the plan needs permission to get, create and update leases.coordination.k8s.io in the namespace $rutter_namespace"
      case "$(cat -- "$rutter_tmp/lease-error")" in
        *'(Forbidden)'*) rutter_refuse "the lock cannot be taken: $(rutter_last_line "$rutter_tmp/lease-error")" "$rutter_needs" ;;
      esac
      rutter_refuse_because "$rutter_tmp/lease-error" 'the lock cannot be taken' "$rutter_needs"
      ;;
  esac
  if ! rutter_read_lease; then
    case "$(cat -- "$rutter_tmp/lease-error")" in
      *NotFound* | *'not found'*) return 1 ;;
      *) rutter_refuse "the lock cannot be read: $(rutter_last_line "$rutter_tmp/lease-error")" ;;
    esac
  fi
  if [ "$rutter_holder" = "$rutter_me" ]; then
    # Our answer was lost on its way.
    :
  elif [ "$rutter_holder" != - ] && ! rutter_is_left_over; then
    rutter_shown=$(printf '%s' "${rutter_holder%:*}" | rutter_plain)
    rutter_seconds=$(rutter_age "$rutter_renewed") || rutter_seconds=60
    [ "$rutter_seconds" -ge 60 ] || rutter_refuse "$rutter_shown carries out a plan for $rutter_namespace/$rutter_name" \
      "wait until it has ended; if it was killed, try again in a minute"
    # Clocks differ, and jump: only a minute without a change is sure to be one, counted in looks.
    rutter_print "$rutter_shown has not renewed its lock for $rutter_seconds s; it is taken over in a minute"
    rutter_seen=$rutter_version
    rutter_looks=0
    while [ "$rutter_looks" -lt 12 ]; do
      rutter_looks=$((rutter_looks + 1))
      rutter_pause 5
      rutter_read_lease || return 1
      [ "$rutter_version" = "$rutter_seen" ] || rutter_refuse "$rutter_shown still carries out a plan for $rutter_namespace/$rutter_name"
    done
  fi
  rutter_replace_lease "$rutter_me"
}

# Runs beside the lines: renews the lock, and prints what is being waited for.
rutter_keep() {
  rutter_ticks=0
  # The ticks since the lock was renewed, at least: a clock that was set back would make it seem new.
  rutter_unrenewed=0
  while sleep 1 > /dev/null 2>&1; do
    if ! rutter_is_alive "$$"; then
      # A line that is ending may still write to it.
      rm -rf -- "$rutter_tmp" 2> /dev/null || continue
      exit 0
    fi
    rutter_ticks=$((rutter_ticks + 1))
    rutter_unrenewed=$((rutter_unrenewed + 1))
    [ "$rutter_unrenewed" -lt 45 ] || : > "$rutter_tmp/stale"
    if [ $((rutter_ticks % 10)) -eq 0 ]; then
      rutter_code=0
      rutter_update_lease "$rutter_me" || rutter_code=$?
      if [ "$rutter_code" -eq 1 ]; then
        : > "$rutter_tmp/lost"
        exit 0
      fi
      if [ "$rutter_code" -eq 0 ]; then
        rutter_unrenewed=0
        rm -f -- "$rutter_tmp/stale"
      else
        # Three calls, of up to 10 seconds.
        rutter_unrenewed=$((rutter_unrenewed + 30))
        rutter_put not-renewed "$(rutter_last_line "$rutter_tmp/lease-error")"
      fi
    fi
    if [ $((rutter_ticks % 15)) -eq 0 ]; then rutter_report_wait || :; fi
  done
}

# Prints how long the command has been running that runs, its limit if it waits for something, and the last line that it has
# printed.
rutter_report_wait() {
  # There is none between commands.
  { read -r rutter_from rutter_most < "$rutter_tmp/started"; } 2> /dev/null || return 0
  rutter_seconds=$(($(date +%s) - rutter_from))
  [ "$rutter_seconds" -ge 10 ] || return 0
  rutter_line=$(rutter_last_line "$rutter_tmp/reason")
  [ -n "$rutter_line" ] || rutter_line=$(rutter_last_line "$rutter_tmp/output")
  [ -n "$rutter_line" ] || rutter_line=$(rutter_last_line "$rutter_tmp/last")
  if [ "$rutter_most" -gt 0 ]; then
    rutter_print "    waiting for $rutter_seconds s of $(rutter_span "$rutter_most")${rutter_line:+: $rutter_line}"
  else
    rutter_print "    running for $rutter_seconds s${rutter_line:+: $rutter_line}"
  fi
}

# Whether a line may call kubectl: the run is alive and holds the lock. While nobody knows, it waits.
rutter_may_go_on() {
  rutter_is_alive "$$" || return 1
  [ -n "$rutter_locked" ] || return 0
  rutter_patience=150
  while :; do
    if [ -e "$rutter_tmp/lost" ]; then
      printf '%s\n' 'the lock was lost' >&2
      return 1
    fi
    [ -e "$rutter_tmp/stale" ] || [ "$(($(date +%s) - $(cat -- "$rutter_tmp/renewed")))" -ge 45 ] || return 0
    if [ "$rutter_patience" -eq 0 ]; then
      printf '%s\n' "the lock cannot be renewed: $(rutter_last_line "$rutter_tmp/not-renewed")" >&2
      return 1
    fi
    rutter_patience=$((rutter_patience - 1))
    sleep 2 > /dev/null 2>&1
  done
}

# --- Signals and the end

rutter_interrupt() {
  if [ -n "$rutter_is_asking" ]; then
    printf '\n' >&2
    rutter_declined stopped
  fi
  if [ -n "$rutter_stop" ]; then
    rutter_error 'stopped at once; what kubectl was doing may still take effect'
    exit 3
  fi
  rutter_stop=1
  rutter_interrupted=1
  rutter_print 'stopping after the command that runs; interrupt again to stop at once'
}

rutter_stopped() {
  [ "$rutter_failure" -ne 6 ] || rutter_declined stopped
  rutter_error 'stopped'
  rutter_error "  help: to go on from here: $rutter_again"
  exit 3
}

# Ends before anything was changed, because the person wants that.
rutter_declined() {
  rutter_error "$1: nothing was changed"
  exit 6
}

# Asks whether to go on. Anything but a yes is a no.
rutter_agree() {
  rutter_is_asking=1
  rutter_question='Carry out these steps'
  [ -z "$rutter_found" ] || rutter_question="Carry out the step $rutter_found"
  printf '\n%s in the cluster of the context %s? [y/N] ' "$rutter_question" "$rutter_where" >&2
  read -r rutter_answer || rutter_answer=
  case "$rutter_answer" in
    [yY] | [yY][eE][sS]) ;;
    *) rutter_declined declined ;;
  esac
  rutter_is_asking=
}

# Sleeps, unless it is to stop.
rutter_pause() {
  [ -n "$rutter_stop" ] || sleep "$1" || :
  [ -z "$rutter_stop" ] || rutter_stopped
}

rutter_end() {
  rutter_status=$?
  trap '' INT TERM HUP
  set +e
  if [ -n "$rutter_keeper" ]; then
    kill "$rutter_keeper" 2> /dev/null
    wait "$rutter_keeper" 2> /dev/null
  fi
  if [ -n "$rutter_locked" ] && [ ! -e "$rutter_tmp/lost" ]; then
    rutter_update_lease '' || rutter_note "the lock was not released: $(rutter_last_line "$rutter_tmp/lease-error")"
    rm -f -- "$rutter_state/holder.${rutter_me##*:}"
  fi
  [ -z "$rutter_tmp" ] || rm -rf -- "$rutter_tmp"
  exit "$rutter_status"
}

# --- Commands

# Runs a function of the plan in a shell of its own, which an interrupt does not reach, and whose output goes to a file.
# The log has its purpose, behind a text.
# Sets rutter_status, and rutter_unsure if kubectl failed in it. It must not be called in a condition: there, shells forget
# `set -e`.
rutter_run() { # FUNCTION TEXT
  : > "$rutter_tmp/output"
  rm -f -- "$rutter_tmp/failed"
  (
    set -e
    "$1"
  ) 3>&1 > "$rutter_tmp/output" 2>&1 &
  rutter_child=$!
  rutter_status=
  while :; do
    rutter_interrupted=
    rutter_code=0
    wait "$rutter_child" || rutter_code=$?
    # It had ended when the interrupt came.
    if [ "$rutter_code" -eq 127 ] && [ -n "$rutter_status" ]; then break; fi
    rutter_status=$rutter_code
    [ -n "$rutter_interrupted" ] || break
  done
  rutter_unsure=
  if [ -e "$rutter_tmp/failed" ]; then
    rutter_unsure=1
    [ "$rutter_status" -ne 0 ] || printf '%s\n' 'kubectl failed in this line' >> "$rutter_tmp/output"
  fi
  # Most attempts of a command that waits print the same.
  if [ "$rutter_last_run" != "$1" ] || ! cmp -s "$rutter_tmp/output" "$rutter_tmp/last"; then
    rutter_note "$2$rutter_purpose: exit code $rutter_status"
    rutter_plain < "$rutter_tmp/output" | sed 's/^/  | /' >> "$rutter_log"
  fi
  rutter_last_run=$1
  cp -- "$rutter_tmp/output" "$rutter_tmp/last"
  [ ! -e "$rutter_tmp/lost" ] || rutter_failed "$rutter_purpose: another process has taken the lock"
  [ ! -e "$rutter_tmp/fatal" ] || rutter_failed "$rutter_purpose: $(cat -- "$rutter_tmp/fatal")"
}

rutter_failed() {
  [ -z "$rutter_stop" ] || rutter_stopped
  tail -n 20 -- "$rutter_tmp/output" | rutter_plain | sed 's/^/    | /' >&2 || :
  rutter_error "failed: $1"
  rutter_help=$(rutter_kubectl_help "$(cat -- "$rutter_tmp/output")")
  [ -z "$rutter_help" ] || rutter_error "  help: $rutter_help"
  case "$(rutter_last_line "$rutter_tmp/output")" in
    # The line itself has found that it is not for this cluster.
    *'make a new plan')
      rutter_help='make a new plan: the cluster is not as it was when this one was made'
      [ "$rutter_failure" -ne 6 ] || rutter_help="nothing was changed; $rutter_help"
      rutter_error "  help: $rutter_help"
      ;;
    *)
      if [ "$rutter_failure" -eq 6 ]; then
        rutter_error "  help: nothing was changed; fix this, then: $rutter_again"
        rutter_error '  help: if the cluster has changed since the plan was made, make a new plan instead'
      else
        rutter_error "  help: to go on from here: $rutter_again"
        rutter_error "  help: $rutter_shown_here/run.log has all that was run"
      fi
      ;;
  esac
  exit "$rutter_failure"
}

# Runs a command of the plan, unless it was run before.
rutter_do() { # ID PURPOSE SECONDS UNLESS
  rutter_purpose=$2
  [ -z "$rutter_stop" ] || rutter_stopped
  if [ -n "$rutter_is_shown_only" ]; then
    rutter_print "  $2"
    return 0
  fi
  # What the command before has printed is not what is waited for.
  : > "$rutter_tmp/last"
  rm -f -- "$rutter_tmp/reason"
  rutter_begun=$(date +%s)
  rutter_put started "$rutter_begun 0"
  if [ -n "$4" ]; then
    rutter_ask "$1" "$3"
    if [ "$rutter_status" -eq 0 ]; then
      rutter_print "  done before: $2"
      rm -f -- "$rutter_tmp/started"
      return 0
    fi
  fi
  if [ "$3" -gt 0 ]; then rutter_print "  $2 (up to $(rutter_span "$3"))"; else rutter_print "  $2"; fi
  rutter_begun=$(date +%s)
  rutter_put started "$rutter_begun $3"
  while :; do
    rutter_run "rutter_line_$1" ''
    [ "$rutter_status" -ne 0 ] || [ -n "$rutter_unsure" ] || break
    rutter_seconds=$(($(date +%s) - rutter_begun))
    [ "$3" -gt 0 ] || rutter_failed "$2"
    [ "$rutter_seconds" -lt "$3" ] || rutter_failed "$2: gave up after $rutter_seconds s"
    rutter_pause 2
    [ -n "$4" ] || continue
    # It may have taken effect, and its answer was lost. What it has printed stays what is waited for.
    cp -- "$rutter_tmp/last" "$rutter_tmp/reason.new"
    mv -- "$rutter_tmp/reason.new" "$rutter_tmp/reason"
    rutter_ask "$1" "$3"
    [ "$rutter_status" -ne 0 ] || break
    cp -- "$rutter_tmp/reason" "$rutter_tmp/last"
    rutter_last_run=rutter_line_$1
  done
  rm -f -- "$rutter_tmp/started"
  rutter_seconds=$(($(date +%s) - rutter_begun))
  [ "$rutter_seconds" -lt 2 ] || rutter_print "    ok after $rutter_seconds s"
}

# Finds out whether a command was run before: rutter_status is 0 if it was, and 1 if it was not. Anything else is no answer.
rutter_ask() { # ID SECONDS
  rutter_limit=60
  [ "$2" -le 60 ] || rutter_limit=$2
  while :; do
    rutter_run "rutter_done_$1" 'was it done before: '
    if [ -z "$rutter_unsure" ] && [ "$rutter_status" -le 1 ]; then return 0; fi
    [ "$(($(date +%s) - rutter_begun))" -lt "$rutter_limit" ] \
      || rutter_failed "$rutter_purpose: the cluster does not answer whether this was done before"
    rutter_pause 2
  done
}

# --- Steps

rutter_count_step() {
  rutter_count=$1
  if [ -n "$rutter_state" ] && [ -e "$rutter_state/$2" ]; then rutter_done=$((rutter_done + 1)); fi
}

rutter_left_step() {
  if [ -z "$rutter_found" ] || [ "$rutter_found" = "$2" ]; then
    [ -e "$rutter_state/$2" ] || rutter_left="$rutter_left${rutter_left:+, }$2"
  fi
}

rutter_list_step() { # NUMBER DIRECTORY TITLE EFFECTS
  rutter_mark=' '
  if [ -n "$rutter_state" ] && [ -e "$rutter_state/$2" ]; then rutter_mark=x; fi
  printf '[%s] %s: %s%s\n' "$rutter_mark" "$2" "$3" "${4:+ ($4)}"
}

rutter_check_before() {
  if [ "$2" = "$rutter_found" ]; then rutter_reached=1; fi
  if [ -z "$rutter_reached" ] && [ ! -e "$rutter_state/$2" ]; then
    rutter_refuse "the step $2 is not done, which comes before $rutter_found" 'carry it out first, or leave out --step'
  fi
}

rutter_carry_out() { # NUMBER DIRECTORY TITLE EFFECTS
  [ -z "$rutter_found" ] || [ "$rutter_found" = "$2" ] || return 0
  if [ -e "$rutter_state/$2" ]; then
    rutter_print "[$1/$rutter_count] $3: done before"
    return 0
  fi
  rutter_print "[$1/$rutter_count] $3"
  [ -z "$4" ] || rutter_print "  ($4)"
  if [ -n "$rutter_is_shown_only" ]; then
    "rutter_step_$1"
    return 0
  fi
  rutter_step_begun=$(date +%s)
  # Lines may keep there what they have to remember of this cluster.
  notes=$rutter_state/notes-$2
  mkdir -p -- "$2" "$notes"
  cd -- "$2"
  "rutter_step_$1"
  cd -- "$rutter_here"
  date -u '+%Y-%m-%dT%H:%M:%SZ' > "$rutter_state/$2.new"
  mv -- "$rutter_state/$2.new" "$rutter_state/$2"
  rutter_print "  done in $(($(date +%s) - rutter_step_begun)) s"
}

# Paths in KUBECONFIG are those of the directory in which the script was started.
rutter_keep_kubeconfig() {
  [ -n "${KUBECONFIG-}" ] || return 0
  rutter_paths=
  rutter_rest=$KUBECONFIG:
  while [ -n "$rutter_rest" ]; do
    rutter_path=${rutter_rest%%:*}
    rutter_rest=${rutter_rest#*:}
    case "$rutter_path" in '' | /*) ;; *) rutter_path=$(pwd)/$rutter_path ;; esac
    rutter_paths=$rutter_paths${rutter_paths:+:}$rutter_path
  done
  KUBECONFIG=$rutter_paths
  export KUBECONFIG
}

rutter_main() {
  umask 077
  # Messages of other programs in English, bytes as bytes.
  LC_ALL=C
  export LC_ALL
  # No options of the person's own: their `delete` may ask first, and succeeds without an answer.
  KUBERC=off
  KUBECTL_KUBERC=false
  export KUBERC KUBECTL_KUBERC
  unset CDPATH
  # Not the function.
  rutter_binary=$(unset -f kubectl && command -v kubectl) || rutter_binary=
  rutter_keep_kubeconfig
  # `rutter apply` has its own command, and has shown the plan.
  rutter_is_shown=${RUTTER_AGAIN:+1}
  rutter_again=${RUTTER_AGAIN-}
  if [ -z "$rutter_again" ]; then
    [ -z "${KUBECONFIG-}" ] || rutter_again="KUBECONFIG=$(rutter_word "$KUBECONFIG") "
    rutter_again="${rutter_again}sh $(rutter_word "$0")"
    for rutter_argument in "$@"; do rutter_again="$rutter_again $(rutter_word "$rutter_argument")"; done
  fi
  rutter_again=$(printf '%s' "$rutter_again" | rutter_plain)
  cd -- "$(dirname -- "$0")"
  rutter_here=$(pwd -P)
  rutter_shown_here=$(rutter_word "$rutter_here" | rutter_plain)
  rutter_asks='' rutter_is_asking='' rutter_left=''
  rutter_mode=run rutter_asked_context='' rutter_asked_step='' rutter_found='' rutter_log='' rutter_tmp='' rutter_state=''
  rutter_stop='' rutter_interrupted='' rutter_keeper='' rutter_locked='' rutter_lenient='' rutter_last_run='' rutter_purpose=''
  rutter_is_shown_only='' rutter_reached='' rutter_count=0 rutter_done=0 rutter_failure=6
  rutter_read_arguments "$@"
  if [ "$rutter_mode" = list ]; then
    if [ -z "$rutter_cluster" ] && [ -e state/cluster ]; then read -r rutter_cluster < state/cluster || :; fi
    [ -z "$rutter_cluster" ] || rutter_state=state/$rutter_cluster-$rutter_plan
    printf '%s\n' "$rutter_summary" ${rutter_warnings:+"$rutter_warnings"}
    rutter_each_step rutter_list_step
    exit 0
  fi
  trap rutter_end EXIT
  trap rutter_interrupt INT TERM HUP
  rutter_tmp=$(mktemp -d "${TMPDIR:-/tmp}/rutter.XXXXXX") || {
    rutter_tmp=
    rutter_refuse "there is no place for temporary files in ${TMPDIR:-/tmp}" 'set TMPDIR to a directory where you can write'
  }
  : > "$rutter_tmp/output"
  : > "$rutter_tmp/last"
  rutter_find_kubectl
  rutter_find_cluster
  rutter_each_step rutter_count_step
  if [ -z "$rutter_is_shown" ]; then
    rutter_print "$rutter_summary"
    [ -z "$rutter_warnings" ] || printf '%s\n' "$rutter_warnings"
  fi
  rutter_print "cluster $rutter_uid, context $rutter_where"
  if [ -n "$rutter_found" ]; then
    rutter_each_step rutter_check_before
  elif [ "$rutter_done" -eq "$rutter_count" ]; then
    rutter_print 'nothing to do: all steps were done before'
    exit 0
  fi
  if [ "$rutter_mode" = dry-run ]; then
    rutter_log=$rutter_tmp/log
  else
    [ -z "$rutter_asks" ] || rutter_agree
    rutter_record_cluster
    rutter_log=$rutter_here/run.log
    rutter_note "started: $rutter_summary"
    rutter_note "cluster $rutter_uid, context $rutter_where"
  fi
  [ "$rutter_mode" = dry-run ] || rutter_take_lock
  rutter_print 'preflight'
  rutter_preflight
  rutter_failure=3
  [ "$rutter_mode" != dry-run ] || rutter_is_shown_only=1
  rutter_each_step rutter_carry_out
  rutter_each_step rutter_left_step
  if [ "$rutter_mode" = dry-run ]; then
    rutter_print "left to do: $rutter_left"
    rutter_print 'ok: the preflight checks pass, and nothing was changed'
    exit 0
  fi
  rutter_found=''
  rutter_each_step rutter_left_step
  if [ -n "$rutter_left" ]; then
    rutter_print "ok: done; left to do: $rutter_left"
  else
    # It marks a finished plan for the removal of old ones.
    : > "$rutter_state/finished"
    rutter_print 'ok: done'
  fi
}
