{{- define "drawdown.labels" -}}
app.kubernetes.io/name: drawdown
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
{{- end }}

{{- define "drawdown.fullname" -}}
{{ printf "%s-%s" .root.Release.Name .name | trunc 52 | trimSuffix "-" }}
{{- end }}

{{/* A process may run another release than the rest, for the time of an upgrade. */}}
{{- define "drawdown.image" -}}
{{- $image := .root.Values.image -}}
{{- if .process.digest -}}
{{ $image.repository }}@{{ .process.digest }}
{{- else if .process.tag -}}
{{ $image.repository }}:{{ .process.tag }}
{{- else if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end }}
