{{/* The name of the cluster: that of the release, and of the chart (or its alias) unless the former contains it. */}}
{{- define "etcd.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name -}}
{{- end -}}
{{- end -}}

{{/* The installed objects, as JSON, if Helm has access to an API server. The package refuses an upgrade that is not
     safe in one apply, and prints the steps. Empty with --set global.rutter.checkUpgrades=false. */}}
{{- define "etcd.current" -}}
{{- $check := dig "rutter" "checkUpgrades" true (.Values.global | default dict) -}}
{{- $name := dig "fullname" "" (.Values.naming | default dict) | default (include "etcd.name" .) -}}
{{- with and $check (lookup "apps/v1" "StatefulSet" .Release.Namespace $name) -}}
{{- $items := list . -}}
{{- if $.Capabilities.APIVersions.Has "cert-manager.io/v1/Certificate" -}}
{{- $items = concat $items ((lookup "cert-manager.io/v1" "Certificate" $.Release.Namespace "").items | default list) -}}
{{- end -}}
{{- dict "apiVersion" "v1" "kind" "List" "items" $items | toJson -}}
{{- end -}}
{{- end -}}
