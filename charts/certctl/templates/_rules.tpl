{{/* The rights of the operator, by what they are for. rbac/ in the repository has the same; a test compares them. */}}
{{- define "certctl.rules.objects" -}}
- apiGroups: [certctl.io]
  resources: [issuers, certificateprofiles]
  verbs: [get, list, watch]
- apiGroups: [certctl.io]
  resources: [issuers/status, certificateprofiles/status]
  verbs: [patch]
# Only ever the Secrets that objects name: without list and watch nobody can look around.
- apiGroups: ['']
  resources: [secrets]
  verbs: [get, create]
# CA chains and what to trust for the listener.
- apiGroups: ['']
  resources: [configmaps]
  verbs: [get, create, update]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}

{{- define "certctl.rules.replicas" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [certctl-operator]
  verbs: [get, update]
- apiGroups: ['']
  resources: [secrets]
  resourceNames: [certctl-listener]
  verbs: [get, update]
{{- end -}}

{{- define "certctl.rules.everywhere" -}}
{{ include "certctl.rules.objects" . }}
# Labels of namespaces, for Issuers that select them.
- apiGroups: ['']
  resources: [namespaces]
  verbs: [get, list, watch]
{{- end -}}

{{- define "certctl.rules.trust" -}}
{{- if .Values.server.clusterIssuers -}}
- apiGroups: [cert-manager.io]
  resources: [clusterissuers]
  verbs: [get, list, watch, create, update, delete]
{{ end -}}
{{- if .Values.server.clusterTrustBundle -}}
- apiGroups: [certificates.k8s.io]
  resources: [clustertrustbundles]
  verbs: [get, create, update]
{{- end -}}
{{- end -}}

{{- define "certctl.rules.trustConfigMap" -}}
- apiGroups: ['']
  resources: [configmaps]
  verbs: [create]
- apiGroups: ['']
  resources: [configmaps]
  resourceNames: [certctl-trust]
  verbs: [get, update]
{{- end -}}

{{- define "certctl.rules.initialManifests" -}}
- apiGroups: [certctl.io]
  resources: [issuers, certificateprofiles]
  verbs: [create]
{{- end -}}

{{/*
A Role and its binding, or both for the cluster where there is no namespace. Outside of the release's namespace, where
other releases have theirs, the name says whose it is. dict "root" "suffix" "namespace" "rules"
*/}}
{{- define "certctl.role" -}}
{{- $prefix := ternary "" "Cluster" (ne .namespace "") -}}
{{- $own := .root.Release.Namespace -}}
{{- $name := printf "%s-%s%s" (include "certctl.fullname" .root) .suffix (ternary "" (printf ".%s" $own) (eq .namespace $own)) -}}
{{- $metadata := dict "name" $name "labels" (include "certctl.labels" (dict "root" .root "component" "server") | fromYaml) -}}
{{- if .namespace }}{{ $_ := set $metadata "namespace" .namespace }}{{ end -}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $prefix }}Role
metadata:
  {{- toYaml $metadata | nindent 2 }}
rules:
  {{- include (printf "certctl.rules.%s" .rules) .root | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $prefix }}RoleBinding
metadata:
  {{- toYaml $metadata | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ $prefix }}Role
  name: {{ $name | quote }}
subjects:
  - kind: ServiceAccount
    name: {{ include "certctl.serviceAccountName" .root | quote }}
    namespace: {{ .root.Release.Namespace | quote }}
{{ end -}}
