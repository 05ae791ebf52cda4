{{/* The alerts, for the samples of this release alone. */}}
{{- define "certctl.alerts" -}}
{{- .Files.Get "files/alerts.yaml" | replace "$selector" (printf "job=%q" (include "certctl.job" .)) -}}
{{- end -}}
