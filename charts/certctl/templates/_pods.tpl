{{- define "certctl.databaseCaSecret" -}}
{{- if not .Values.postgresql.enabled }}{{ .Values.externalDatabase.caSecret.name }}{{ end -}}
{{- end -}}

{{- define "certctl.databaseCaMount" -}}
{{- if include "certctl.databaseCaSecret" . }}
- { name: database-ca, mountPath: /etc/certctl/database, readOnly: true }
{{- end }}
{{- end -}}

{{- define "certctl.databaseCaVolume" -}}
{{- with include "certctl.databaseCaSecret" . }}
- name: database-ca
  secret:
    secretName: {{ . | quote }}
    defaultMode: 0440
    items:
      - { key: {{ $.Values.externalDatabase.caSecret.key | quote }}, path: ca.crt }
{{- end }}
{{- end -}}

{{- define "certctl.affinity" -}}
{{- $affinity := deepCopy .Values.server.affinity -}}
{{- $mode := .Values.server.podAntiAffinity -}}
{{- if and (ne $mode "none") (not $affinity.podAntiAffinity) -}}
{{- $selector := dict "matchLabels" (include "certctl.selectorLabels" (dict "root" . "component" "server") | fromYaml) -}}
{{- $term := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" $selector -}}
{{- if eq $mode "required" -}}
{{- $_ := set $affinity "podAntiAffinity" (dict "requiredDuringSchedulingIgnoredDuringExecution" (list $term)) -}}
{{- else -}}
{{- $_ := set $affinity "podAntiAffinity" (dict "preferredDuringSchedulingIgnoredDuringExecution" (list (dict "weight" 100 "podAffinityTerm" $term))) -}}
{{- end -}}
{{- end -}}
{{- with $affinity }}{{ toYaml . }}{{ end -}}
{{- end -}}

{{/* File name to manifest, for CERTCTL_INITIAL_MANIFESTS. */}}
{{- define "certctl.initialManifests" -}}
{{- range .Values.sampleProfiles.objects }}
{{- $object := dict "apiVersion" "certctl.io/v1alpha1" "kind" .kind "metadata" (dict "name" .name "namespace" $.Release.Namespace) "spec" .spec }}
{{ printf "%s-%s.yaml" (lower .kind) .name }}: |
  {{- toYaml $object | nindent 2 }}
{{- end }}
{{- end -}}
