{{- define "etcd.selector" -}}
app: {{ .Release.Name }}
{{- end }}

{{- define "etcd.labels" -}}
{{ include "etcd.selector" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/version: {{ trimPrefix "v" .Values.image.tag | quote }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "etcd.metadata" -}}
labels:
  {{- include "etcd.labels" . | nindent 2 }}
namespace: {{ .Release.Namespace }}
{{- end }}

{{- define "etcd.domain" -}}
{{ .Release.Name }}.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}
{{- end }}

{{- define "etcd.hosts" -}}
{{- $name := .Release.Name }}
{{- $domains := list $name (printf "%s.%s" $name .Release.Namespace) (printf "%s.%s.svc" $name .Release.Namespace) (include "etcd.domain" .) }}
{{- range $domain := $domains }}
- {{ $domain }}
{{- end }}
{{- range $index := until (int .Values.replicas) }}
- {{ $name }}-{{ $index }}
{{- range $domain := $domains }}
- {{ $name }}-{{ $index }}.{{ $domain }}
{{- end }}
{{- end }}
- localhost
{{- end }}
