{{/*
What a schema can't see: values that contradict each other, and Secrets that are not there. All of it is said at once,
each line with the path of a value and what to write. The guards are in the files _guard*.tpl, by what they are about.
*/}}
{{- define "certctl.guard" -}}
{{- $lines := list -}}
{{- range list "names" "replicas" "resources" "durations" "database" "tls" "ingress" "access" "monitoring" "samples" "environment" "labels" "rights" "cluster" -}}
{{- $lines = concat $lines (include (printf "certctl.guard.%s" .) $ | fromYamlArray) -}}
{{- end -}}
{{- if $lines -}}
{{- fail (printf "\n\nThese values can't be installed:\n  - %s\n" (join "\n  - " $lines)) -}}
{{- end -}}
{{- end -}}

{{- define "certctl.guard.names" -}}
{{- $name := include "certctl.fullname" . }}
{{- if regexMatch "^[0-9]" $name }}
- {{ printf "fullnameOverride: %s, which comes of the release's name, begins with a digit, and the name of a Service may not; set one that begins with a letter" $name | quote }}
{{- end }}
{{- end -}}

{{- define "certctl.guard.samples" -}}
{{- if .Values.sampleProfiles.enabled }}
{{- if not .Values.sampleProfiles.objects }}
- "sampleProfiles.objects: sampleProfiles.enabled=true needs some; list them, or set it to false"
{{- end }}
{{- $seen := dict }}
{{- range .Values.sampleProfiles.objects }}
{{- $key := printf "%s %s" .kind .name }}
{{- if hasKey $seen $key }}
- {{ printf "sampleProfiles.objects: %s is listed twice; keep one" $key | quote }}
{{- end }}
{{- $_ := set $seen $key true }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Labels that selectors rely on are the chart's own. */}}
{{- define "certctl.guard.labels" -}}
{{- $given := dict "commonLabels" .Values.commonLabels "server.podLabels" .Values.server.podLabels "postgresql.podLabels" .Values.postgresql.podLabels }}
{{- range $path, $labels := $given }}
{{- range $label, $_ := $labels }}
{{- if regexMatch "^(app[.]kubernetes[.]io|helm[.]sh)/" $label }}
- {{ printf "%s: the label %s is the chart's own; use another name" $path $label | quote }}
{{- end }}
{{- if and (ne $path "commonLabels") (hasKey $.Values.commonLabels $label) }}
- {{ printf "%s: commonLabels has the label %s too; keep one" $path $label | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "certctl.guard.rights" -}}
{{- if and (not .Values.rbac.create) (include "certctl.createsSecrets" .) }}
- "postgresql.auth.existingSecret: rbac.create=false gives the Job that makes the password no rights; make a Secret with the key postgresql.auth.passwordKey, and name it here"
{{- end }}
{{- end -}}
