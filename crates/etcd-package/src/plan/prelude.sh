
# healthy POD...: whether each of these members serves.
healthy() (
  [ $# -gt 0 ] || exit 2
  for pod do
    etcdctl_in "$pod" endpoint health || exit 1
  done
)

# members_of POD: the members that etcd knows, one a line: ID, status, name, peer URLs, client URLs, whether it is a learner.
members_of() (
  list=$(etcdctl_in "$1" member list) || exit 2
  printf '%s\n' "$list" | awk -F', ' '
    NF != 6 || $1 !~ /^[0-9a-f]+$/ || $2 !~ /^(un)?started$/ || $6 !~ /^(true|false)$/ { exit bad = 1 }
    END { exit bad }' || { echo "etcdctl in $1 does not print a list of members: $list" >&2; exit 2; }
  printf '%s\n' "$list"
)

# id_where POD COLUMN TEXT: the ID of the one member with this text in a column.
id_where() (
  list=$(members_of "$1") || exit 2
  id=$(printf '%s\n' "$list" | awk -F', ' -v column="$2" -v text="$3" '$column == text { print $1 }')
  case $id in
    '') echo "etcd has no member $3" >&2; exit 1 ;;
    *[!0-9a-f]*) echo "etcd has several members $3" >&2; exit 2 ;;
  esac
  printf '%s\n' "$id"
)

# member_id POD NAME: the ID of a member.
member_id() { id_where "$1" 3 "$2"; }

# known_by POD URL: whether etcd knows a member by this peer URL.
known_by() (
  list=$(members_of "$1") || exit 2
  printf '%s\n' "$list" | awk -F', ' -v url="$2" '$4 == url { found = 1 } END { exit !found }'
)

# votes POD URL: whether the member with this peer URL votes.
votes() (
  list=$(members_of "$1") || exit 2
  printf '%s\n' "$list" | awk -F', ' -v url="$2" '$4 == url && $6 == "false" { found = 1 } END { exit !found }'
)

# has_no_member POD NAME: whether etcd has no member of this name.
has_no_member() (
  list=$(members_of "$1") || exit 2
  printf '%s\n' "$list" | awk -F', ' -v name="$2" '$3 == name { found = 1 } END { exit found }'
)

# has_no_id POD ID: whether etcd has no member of this ID.
has_no_id() (
  [ -n "$2" ] || exit 2
  list=$(members_of "$1") || exit 2
  printf '%s\n' "$list" | awk -F', ' -v id="$2" '$1 == id { found = 1 } END { exit found }'
)

# has_new POD URL ID: whether etcd knows a member by this peer URL, and it is not the member of this ID.
has_new() (
  [ -n "$3" ] || exit 2
  list=$(members_of "$1") || exit 2
  printf '%s\n' "$list" | awk -F', ' -v url="$2" -v id="$3" '$4 == url && $1 != id { found = 1 } END { exit !found }'
)

# voters POD COUNT...: whether etcd has one of these numbers of members, all of them started and voting.
voters() (
  list=$(members_of "$1") || exit 2
  shift
  printf '%s\n' "$list" | awk -F', ' -v counts="$*" '
    $6 != "false" { print "the member " $1 " (" $4 ") does not vote: go on with the plan that added it, or promote it (etcdctl member promote)" }
    $6 == "false" && $2 != "started" { print "the member " $1 " (" $4 ") has not started" }
    $6 == "false" && $2 == "started" { n++ }
    END {
      for (i = split(counts, count, " "); i > 0; i--) if (count[i] == NR) expected = 1
      if (!expected) print "etcd has " NR " members, not " counts
      exit !(expected && n == NR)
    }' >&2
)

# promote POD URL: gives the learner with this peer URL its vote.
promote() (
  id=$(id_where "$1" 4 "$2") || exit 1
  etcdctl_in "$1" member promote "$id"
)

# remove_member POD NAME: removes a member.
remove_member() (
  id=$(member_id "$1" "$2") || exit 1
  etcdctl_in "$1" member remove "$id"
)

# update_member POD NAME URL: changes the peer URL by which etcd knows a member.
update_member() (
  id=$(member_id "$1" "$2") || exit 1
  etcdctl_in "$1" member update "$id" "--peer-urls=$3"
)

# does_not_lead POD: whether another member leads.
does_not_lead() (
  status=$(etcdctl_in "$1" endpoint status --write-out=fields) || exit 2
  # As texts: as numbers they are too long for awk.
  printf '%s\n' "$status" | awk -F' : ' '
    # Of several endpoints nobody knows which is of this pod.
    $1 == "\"MemberID\"" { if (id != "") exit several = 2; id = "x" $2 }
    $1 == "\"Leader\"" { leader = "x" $2 }
    END { if (several || id == "" || leader == "" || leader == "x0") exit 2; exit id == leader }'
)

# move_leader POD NAME: moves leadership from the first to the second.
move_leader() (
  id=$(member_id "$1" "$2") || exit 1
  etcdctl_in "$1" move-leader "$id"
)

# metrics_of POD PORT: a member's metrics, by way of its node, which network policies do not keep out.
metrics_of() (
  k port-forward "pod/$1" ":$2" --address 127.0.0.1 | {
    read -r line || exit 1
    port=${line#Forwarding from 127.0.0.1:}
    port=${port%% *}
    case $port in '' | *[!0-9]*) echo "no way to port $2 of $1: $line" >&2; port=0 ;; esac
    # kubectl as a client of plain HTTP. It logs in nowhere, so that no member sees a token. It needs no lock, without which
    # the other would be left behind.
    ask() { command kubectl --context= --kubeconfig=/dev/null --server="http://127.0.0.1:$port" get --raw /metrics; }
    result=0
    [ "$port" != 0 ] && ask || result=1
    # kubectl ends when it can no longer tell anyone of a connection.
    exec < /dev/null
    [ "$port" = 0 ] || ask > /dev/null 2>&1 || :
    exit "$result"
  }
)

# connections POD...: the connections of these members to all others that etcd knows, one a line: POD, member, how often the
# connection was lost, how many round trips to it were noted, the time, and whether it is open or closed. etcd has them among
# its metrics. A member that shows none is of a template without that port.
connections() (
  asked=0
  for pod do
    port=$(k get pod "$pod" --output jsonpath='{.spec.containers[*].ports[?(@.name=="etcd-metrics")].containerPort}') || exit 1
    [ -n "$port" ] || continue
    now=$(date +%s)
    metrics=$(metrics_of "$pod" "$port") || exit 1
    list=$(members_of "$pod") || exit 1
    printf '%s\n' "$list" '--' "$metrics" | awk -v self="$pod" -v now="$now" '
      function member(label) { return match($1, label "=\"[0-9a-f]+\"") ? substr($1, RSTART + length(label) + 2, RLENGTH - length(label) - 3) : "" }
      $0 == "--" { metrics = 1; next }
      !metrics { split($0, field, ", "); if (field[3] != self) { id[++n] = field[1]; name[n] = field[3] == "" ? field[1] : field[3] } next }
      /^etcd_network_active_peers[{]/ { active[member("Remote")] = $2 }
      /^etcd_network_disconnected_peers_total[{]/ { lost[member("Remote")] = $2 }
      /^etcd_network_peer_round_trip_time_seconds_count[{]/ { trips[member("To")] = $2 }
      END { for (i = 1; i <= n; i++) print self, name[i], lost[id[i]] + 0, trips[id[i]] + 0, now, (active[id[i]] >= 1 ? "open" : "closed") }' || exit 1
    asked=$((asked + 1))
  done
  [ "$asked" -gt 0 ] || { echo 'no member shows its connections' >&2; exit 1; }
)

# answered CONNECTIONS: whether each connection that is closed gets answers. etcd can count a connection as closed that is open:
# if a failure from before is noted last (rafthttp/peer_status.go). Round trips then show within 50 seconds that the member
# answers. Their counts are kept from call to call.
answered() (
  kept=$(cat "$notes/closed" 2> /dev/null) || kept=
  result=0
  closed=$(printf '%s\n' "$kept" '--' "$1" | awk '
    $0 == "--" { current = 1; next }
    !current { trips[$1, $2] = $3; time[$1, $2] = $4; next }
    $6 == "open" { next }
    {
      if (!(($1, $2) in time) || $4 < trips[$1, $2] || $4 - trips[$1, $2] > 2 + 2 * int(($5 - time[$1, $2]) / 30)) { trips[$1, $2] = $4; time[$1, $2] = $5 }
      print $1, $2, trips[$1, $2], time[$1, $2]
      if ($5 - time[$1, $2] < 50 || $4 == trips[$1, $2]) { print $1 " has no connection to " $2 | "cat >&2"; failed = 1 }
    }
    END { exit failed + 0 }') || result=1
  printf '%s\n' "$closed" > "$notes/closed" || exit 1
  exit "$result"
)

# connected SECONDS POD...: whether each of these members reaches each other member that etcd knows, for so many seconds. One
# look does not show it: a member that calls another counts there as connected until the call that goes the other way fails.
# etcd notes two round trips to a member every 30 seconds, and every 5 seconds if it gets no answer.
connected() (
  seconds=$1
  shift
  before=$(connections "$@") || exit 1
  answered "$before" || exit 1
  sleep "$seconds"
  after=$(connections "$@") || exit 1
  answered "$after" || exit 1
  printf '%s\n' "$before" '--' "$after" | awk '
    $0 == "--" { again = 1; next }
    !again { lost[$1, $2] = $3; trips[$1, $2] = $4; time[$1, $2] = $5; open++; next }
    !(($1, $2) in lost) || lost[$1, $2] != $3 { print $1 " has lost its connection to " $2; failed = 1; next }
    $4 - trips[$1, $2] > 2 + 2 * int(($5 - time[$1, $2]) / 30) { print $1 " gets no answer from " $2; failed = 1; next }
    { open-- }
    END { exit failed || open != 0 }' >&2
)

# status_of POD: what a member says of itself, as JSON.
status_of() (
  status=$(etcdctl_in "$1" endpoint status --write-out=json) || exit 1
  # Of several endpoints nobody knows which is of this pod.
  case $status in
    *'"Status":'*'"Status":'*) echo "etcdctl in $1 asks several endpoints" >&2; exit 1 ;;
  esac
  printf '%s\n' "$status"
)

# runs_version VERSIONS POD...: whether each of these members runs one of these releases.
runs_version() (
  versions=$1
  shift
  for pod do
    status=$(status_of "$pod") || exit 1
    found=
    for version in $versions; do
      case $status in
        *"\"version\":\"$version\""*) found=$version ;;
      esac
    done
    [ -n "$found" ] || { echo "$pod does not run etcd $versions: $status" >&2; exit 1; }
  done
)

# stored_as MINOR POD...: whether each of these members' data have the format of a minor version.
stored_as() (
  minor=$1
  shift
  for pod do
    status=$(status_of "$pod") || exit 1
    case $status in
      *"\"storageVersion\":\"$minor"[.\"]*) ;;
      # Members of 3.5 do not report it.
      *'"storageVersion"'*) echo "the data of $pod do not have the format of $minor" >&2; exit 1 ;;
      *"\"version\":\"$minor".*) ;;
      *) echo "the data of $pod do not have the format of $minor" >&2; exit 1 ;;
    esac
  done
)

# downgrading POD MINOR: whether a downgrade to a minor version is under way, or done.
downgrading() (
  status=$(status_of "$1") || exit 2
  case $status in
    *"\"targetVersion\":\"$2"[.\"]* | *"\"storageVersion\":\"$2"[.\"]* | *"\"version\":\"$2".*) ;;
    *'"version"'*) exit 1 ;;
    *) exit 2 ;;
  esac
)

# fits_quota BYTES POD...: whether the database of each of these members is smaller than a quota.
fits_quota() (
  quota=$1
  shift
  for pod do
    status=$(status_of "$pod") || exit 1
    size=$(printf '%s\n' "$status" | sed -n 's/.*"dbSize":\([0-9][0-9]*\).*/\1/p')
    case $size in
      '' | *[!0-9]*) echo "the size of the database of $pod is not known" >&2; exit 1 ;;
    esac
    [ "$size" -lt "$quota" ] || { echo "the database of $pod has $size bytes" >&2; exit 1; }
  done
)

# has_room POD CLAIM: whether the volume has room for a snapshot, beside the database and 512 MB for the log.
has_room() (
  status=$(status_of "$1") || exit 1
  size=$(printf '%s\n' "$status" | sed -n 's/.*"dbSize":\([0-9][0-9]*\).*/\1/p')
  capacity=$(k get persistentvolumeclaim "$2" --output jsonpath='{.status.capacity.storage}') || exit 1
  printf '%s %s\n' "$size" "$capacity" | awk '
    BEGIN {
      split("Ki Mi Gi Ti Pi", binary); split("k M G T P", decimal)
      # Some awks have no powers.
      b = d = 1
      for (i = 1; i <= 5; i++) { b *= 1024; d *= 1000; unit[binary[i]] = b; unit[decimal[i]] = d }
      unit[""] = 1
    }
    {
      number = $2; sub(/[A-Za-z]+$/, "", number); suffix = substr($2, length(number) + 1)
      if ($1 !~ /^[0-9]+$/ || number !~ /^[0-9.]+$/ || !(suffix in unit)) {
        print "the size of the database or of its volume is not known: " $0; exit 1
      }
      if (2 * $1 + 512000000 > number * unit[suffix]) {
        print "a snapshot of " $1 " bytes does not fit into " $2 " beside the database; plan with --no-snapshot once you have one elsewhere"
        exit 1
      }
    }' >&2
)

# exists KIND NAME: whether an object exists.
exists() (
  found=$(k get "$1" "$2" --ignore-not-found --output name) || exit 2
  [ -n "$found" ]
)

# gone KIND NAME...: whether none of these objects exists.
gone() (
  found=$(k get "$@" --ignore-not-found --output name) || exit 1
  [ -z "$found" ] || { printf 'there is %s\n' "$found" >&2; exit 1; }
)

# no_claims CLAIM...: whether none of these claims exists.
no_claims() { gone persistentvolumeclaim "$@"; }

# not_installed STATEFULSET CLAIM...: whether neither the StatefulSet nor one of these claims exists.
not_installed() (
  if exists statefulset "$1"; then
    echo "there is a StatefulSet $1: make a new plan" >&2
    exit 1
  else
    [ $? = 1 ] || exit 2
  fi
  shift
  [ $# = 0 ] || no_claims "$@"
)

# deleted KIND NAME...: whether each of these objects is gone, or goes as soon as nothing uses it.
deleted() (
  kind=$1
  shift
  for name do
    found=$(k get "$kind" "$name" --ignore-not-found --output go-template='{{if not .metadata.deletionTimestamp}}yes{{end}}') || exit 1
    [ -z "$found" ] || { echo "$kind $name was not deleted" >&2; exit 1; }
  done
)

# uid_of KIND NAME: the UID of an object, and nothing if there is none.
uid_of() (
  uid=$(k get "$1" "$2" --ignore-not-found --output go-template='{{.metadata.uid}}') || exit 1
  case $uid in *[!0-9a-zA-Z-]*) echo "$1 $2 has no UID" >&2; exit 1 ;; esac
  printf '%s\n' "$uid"
)

# delete_pod POD: deletes a pod that comes back.
delete_pod() (
  before=$(uid_of pod "$1") || exit 1
  [ -n "$before" ] || exit 0
  k delete pod "$1" --ignore-not-found || exit 1
  after=$(uid_of pod "$1") || exit 1
  [ "$after" != "$before" ] || { echo "the pod $1 was not deleted" >&2; exit 1; }
)

# of_revision STATEFULSET POD...: whether each of these pods is of the current template of the StatefulSet.
of_revision() (
  revision=$(k get statefulset "$1" --output go-template='{{if eq .metadata.generation .status.observedGeneration}}{{.status.updateRevision}}{{end}}') || exit 1
  case $revision in '' | *'<no value>'*) exit 1 ;; esac
  shift
  for pod do
    found=$(k get pod "$pod" --output go-template='{{index .metadata.labels "controller-revision-hash"}}') || exit 1
    [ "$found" = "$revision" ] || exit 1
  done
)

# issued CERTIFICATE...: whether cert-manager has issued each of these, as they are now. A Certificate that has just changed
# is still ready as it was.
issued() (
  for name do
    found=$(k get certificates.cert-manager.io "$name" --output go-template='{{range .status.conditions}}{{if and (eq .type "Ready") (eq .status "True")}}{{.observedGeneration}}{{end}}{{end}}={{.metadata.generation}}') || exit 1
    case ${found%%=*} in '' | *[!0-9]*) found=not=ready ;; esac
    [ "${found%%=*}" = "${found#*=}" ] || { echo "the certificate $name is not ready" >&2; exit 1; }
  done
)

# secret_has SECRET KEY...: whether a Secret has each of these keys, and none is empty.
secret_has() (
  secret=$1
  shift
  for key do
    found=$(k get secret "$secret" --output go-template='{{with index .data "'"$key"'"}}yes{{end}}') || exit 1
    [ "$found" = yes ] || { echo "the Secret $secret has no $key" >&2; exit 1; }
  done
)

# copy_certificate SECRET NEW CA CERTIFICATE KEY: copies a certificate, from these keys, to a new Secret.
copy_certificate() (
  secret_has "$1" "$3" "$4" "$5" || exit 1
  object=$(k get secret "$1" --output go-template='{"apiVersion":"v1","kind":"Secret","type":"kubernetes.io/tls","metadata":{"name":"'"$2"'"},"data":{"ca.crt":"{{index .data "'"$3"'"}}","tls.crt":"{{index .data "'"$4"'"}}","tls.key":"{{index .data "'"$5"'"}}"}}') || exit 1
  printf '%s\n' "$object" | k create --filename -
)

# ca_of SECRET: the CA certificates in a Secret.
ca_of() (
  ca=$(k get secret "$1" --output go-template='{{index .data "ca.crt" | base64decode}}') || exit 1
  case $ca in
    *'-----BEGIN CERTIFICATE-----'*) printf '%s\n' "$ca" ;;
    *) echo "the Secret $1 has no CA certificate in ca.crt" >&2; exit 1 ;;
  esac
)

# is_copy SECRET NEW CA CERTIFICATE: whether the new Secret is there with the CA and the certificate from these keys of the
# other. One that an earlier change has left would keep members from each other.
is_copy() (
  if exists secret "$2"; then :; else exit $?; fi
  ca=$(k get secret "$1" --output go-template='{{index .data "'"$3"'" | base64decode}}') || exit 2
  copy=$(ca_of "$2") || exit 2
  certificate=$(k get secret "$1" --output go-template='{{index .data "'"$4"'"}}') || exit 2
  copied=$(k get secret "$2" --output go-template='{{index .data "tls.crt"}}') || exit 2
  case $copy in
    *"$ca"*) [ -z "$ca" ] || [ -z "$certificate" ] || [ "$certificate" != "$copied" ] || exit 0 ;;
  esac
  echo "the Secret $2 is there, and is no copy of the Secret $1: an earlier change has left it; if no pod uses it, delete it; else make a new plan" >&2
  exit 2
)

# trust_both SECRET OTHER: adds the CA in the other Secret to those in the first.
trust_both() (
  old=$(ca_of "$1") || exit 1
  new=$(ca_of "$2") || exit 1
  case $old in
    *"$new"*) exit 0 ;;
  esac
  both=$(printf '%s\n%s\n' "$old" "$new" | base64) || exit 1
  both=$(printf '%s' "$both" | tr -d '\n') || exit 1
  [ -n "$both" ] || exit 1
  k patch secret "$1" --type=merge --patch "{\"data\":{\"ca.crt\":\"$both\"}}"
)

# take_certificate SECRET OTHER: replaces the certificate in the first Secret by that in the other, but not the CA.
take_certificate() (
  secret_has "$2" tls.crt tls.key || exit 1
  patch=$(k get secret "$2" --output go-template='{"data":{"tls.crt":"{{index .data "tls.crt"}}","tls.key":"{{index .data "tls.key"}}"}}') || exit 1
  printf '%s\n' "$patch" | k patch secret "$1" --type=merge --patch-file /dev/stdin
)

# fill_log POD COUNT: writes entries to the log, without a change of any key.
fill_log() (
  n=0
  while [ "$n" -lt "$2" ]; do
    etcdctl_in "$1" del rutter.dev/no-such-key > /dev/null || exit 1
    n=$((n + 1))
  done
)

# What of an object is compared: not its metadata, to which others add, and not its status.
etcd_fields='{.spec}{.data}{.binaryData}{.immutable}{.automountServiceAccountToken}{.imagePullSecrets}'

# comparable TEXT: the fields without the note of `kubectl rollout restart`, which no manifest has.
comparable() {
  printf '%s\n' "$1" | sed 's/"kubectl\.kubernetes\.io\/restartedAt":"[^"]*",\{0,1\}//g; s/,}/}/g; s/"annotations":{},//g'
}

# replaced FILE [OPTION...]: what the API server makes of a manifest in the place of the live object. kubectl reads the object
# first, and a change in between is a conflict: the controller of a StatefulSet changes its status with each pod.
replaced() (
  for _ in 1 2 3 4; do
    if object=$(attempt k replace --dry-run=server --filename "$@" 2> /dev/null); then
      printf '%s\n' "$object"
      exit 0
    fi
  done
  k replace --dry-run=server --filename "$@"
)

# alone FILE: the fields that a manifest has in the place of the live object.
alone() (
  object=$(replaced "manifests/$1" --output "jsonpath=$etcd_fields") || exit 1
  comparable "$object"
)

# is_alone FILE FIELDS TEXT: whether these fields are those of the manifest alone. The text names them if not.
is_alone() (
  fields=$(comparable "$2") || exit 1
  alone=$(alone "$1") || exit 1
  [ "$fields" = "$alone" ] || {
    printf '%s\n%s\nand not\n%s\n' "$3" "$fields" "$alone" >&2
    exit 1
  }
)

# The keys of an object's labels and annotations, one a line.
etcd_keys='{{range $key, $value := .metadata.labels}}label {{$key}}{{"\n"}}{{end}}{{range $key, $value := .metadata.annotations}}annotation {{$key}}{{"\n"}}{{end}}'

# keys_in FILE: the keys that a file has.
keys_in() { k create --dry-run=client --validate=false --filename "$1" --output go-template="$etcd_keys"; }

# without_old_keys FILE COMMAND...: whether the object that kubectl prints has the keys of a manifest, and none that only the
# object had that was installed: that is in files/ if it has any. Others may have added theirs.
without_old_keys() (
  [ -e "files/$1" ] || exit 0
  old=$(keys_in "files/$1") || exit 1
  new=$(keys_in "manifests/$1") || exit 1
  shift
  found=$("$@" --output go-template="$etcd_keys") || exit 1
  printf '%s\n' "$old" '--' "$new" '--' "$found" | awk '
    $0 == "--" { part++; next }
    part == 0 { old[$0] = 1; next }
    part == 1 { new[$0] = 1; next }
    { found[$0] = 1 }
    END {
      for (key in found) if ((key in old) && !(key in new)) { print "it keeps the " key; failed = 1 }
      for (key in new) if (!(key in found)) { print "it has no " key; failed = 1 }
      exit failed
    }' >&2
)

# proven FILE...: whether applying each of these manifests gives what the manifest is, with nothing left of the live object.
proven() (
  for file do
    found=$(k get --filename "manifests/$file" --ignore-not-found --output name) || exit 1
    [ -n "$found" ] || continue
    applied=$(k apply --dry-run=server --filename "manifests/$file" --output "jsonpath=$etcd_fields") || exit 1
    is_alone "$file" "$applied" "applying $file would give" || exit 1
    without_old_keys "$file" k apply --dry-run=server --filename "manifests/$file" || exit 1
  done
)

# applied FILE...: whether the live object of each of these manifests is what the manifest is.
applied() (
  for file do
    live=$(k get --filename "manifests/$file" --output "jsonpath=$etcd_fields") || exit 1
    is_alone "$file" "$live" "the object of $file is" || exit 1
    without_old_keys "$file" k get --filename "manifests/$file" || exit 1
  done
)

# dry_run DIRECTORY [FILE...]: whether the API server accepts the manifests of a step, except these. What is installed by now
# may be further than a step that is done.
dry_run() (
  if is_done "$1"; then exit 0; fi
  directory=$1
  shift
  except=" $* "
  set --
  for file in "$directory"/manifests/*; do
    case $except in *" ${file##*/} "*) continue ;; esac
    set -- "$@" --filename "$file"
  done
  [ $# -gt 0 ] || exit 0
  k apply --dry-run=server "$@"
)

# replaceable DIRECTORY FILE...: whether the API server accepts these manifests of a step in the place of the live objects.
replaceable() (
  if is_done "$1"; then exit 0; fi
  directory=$1
  shift
  for file do
    replaced "$directory/manifests/$file" || exit 1
  done
)

# creatable DIRECTORY FILE: whether the API server would create the object of a manifest, but that it exists. It looks for an
# object of the same name last.
creatable() (
  if is_done "$1"; then exit 0; fi
  if answer=$(attempt k create --dry-run=server --filename "$1/manifests/$2" 2>&1); then exit 0; fi
  printf '%s\n' "$answer" | grep -q '^Error from server (AlreadyExists): ' || {
    printf '%s\n' "$answer" >&2
    exit 1
  }
)

# has_replicas STATEFULSET COUNT...: whether the StatefulSet has one of these numbers of replicas, or is missing (none). A plan
# that was made for another state would remove members by surprise.
has_replicas() (
  set=$1
  shift
  found=$(k get statefulset "$set" --ignore-not-found --output go-template='{{.spec.replicas}}') || exit 1
  found=${found:-none}
  for count do
    [ "$found" != "$count" ] || exit 0
  done
  echo "the StatefulSet $set has $found replicas, and this plan was made for $*: make a new plan" >&2
  exit 1
)

# allowed VERB RESOURCE...: whether the person may do this with each of these resources: services, pods/exec.
allowed() (
  verb=$1
  shift
  missing=
  for resource do
    case $resource in
      */*) answer=$(k auth can-i "$verb" "${resource%%/*}" "--subresource=${resource#*/}" 2>&1) || missing=yes ;;
      *) answer=$(k auth can-i "$verb" "$resource" 2>&1) || missing=yes ;;
    esac
    case $answer in
      yes*|*"
yes"*) ;;
      *) echo "you may not $verb $resource in the namespace $etcd_namespace: $answer" >&2; missing=yes ;;
    esac
  done
  [ -z "$missing" ]
)

# served RESOURCE: whether the API server has this resource.
served() (
  # It fails for any group that does not answer, and prints the others.
  found=$(kubectl api-resources --api-group "${1#*.}" --output name 2> /dev/null) || :
  case "
$found
" in
    *"
$1
"*) ;;
    *) echo "the API server has no $1: install what defines it" >&2; exit 1 ;;
  esac
)
