{{/* The name of the cluster: the release, and the chart (or its alias) unless the release has that in its name. */}}
{{- define "etcd.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name -}}
{{- end -}}
{{- end -}}
