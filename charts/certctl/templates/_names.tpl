{{/*
Names leave room for the longest suffix, so that a Service's name stays a DNS label. What is cut off leaves its hash: two
long names never become one.
*/}}
{{- define "certctl.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- $label := $full | replace "." "-" -}}
{{- if gt (len $label) 40 -}}
{{- printf "%s-%s" ($label | trunc 31 | trimSuffix "-") ($full | sha256sum | trunc 8) -}}
{{- else -}}
{{- $label -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "certctl.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "certctl.fullname" .) -}}
{{- end -}}

{{- define "certctl.postgresqlSecretName" -}}
{{- .Values.postgresql.auth.existingSecret | default (printf "%s-postgresql" (include "certctl.fullname" .)) -}}
{{- end -}}

{{/* Whether a Job makes the database's password. */}}
{{- define "certctl.createsSecrets" -}}
{{- if and .Values.postgresql.enabled (not .Values.postgresql.auth.existingSecret) -}}true{{- end -}}
{{- end -}}

{{/* dict "root" $ "component" "server" */}}
{{- define "certctl.selectorLabels" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride | quote }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* dict "root" $ "component" "server" */}}
{{- define "certctl.labels" -}}
{{- with .root.Values.commonLabels -}}
{{ toYaml . }}
{{ end -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: certctl
{{ include "certctl.selectorLabels" . }}
{{- end -}}

{{/* Labels of pods: without versions, so that pods change only when what they run changes. dict "root" "component" "more" */}}
{{- define "certctl.podLabels" -}}
{{- with .root.Values.commonLabels -}}
{{ toYaml . }}
{{ end -}}
{{- with .more -}}
{{ toYaml . }}
{{ end -}}
app.kubernetes.io/part-of: certctl
{{ include "certctl.selectorLabels" . }}
{{- end -}}

{{/* dict "root" $ "image" .Values.image "tag" "the default one" */}}
{{- define "certctl.image" -}}
{{- $registry := .image.registry -}}
{{- with .root.Values.global }}{{ with .imageRegistry }}{{ $registry = . }}{{ end }}{{ end -}}
{{- with $registry }}{{ . | trimSuffix "/" }}/{{ end -}}
{{- .image.repository -}}
{{- if .image.digest -}}@{{ .image.digest }}{{- else -}}:{{ .image.tag | default .tag }}{{- end -}}
{{- end -}}

{{- define "certctl.imagePullSecrets" -}}
{{- $secrets := .Values.imagePullSecrets -}}
{{- with .Values.global }}{{ with .imagePullSecrets }}{{ $secrets = concat $secrets . }}{{ end }}{{ end -}}
{{- with $secrets -}}
imagePullSecrets:
{{- range . }}
  - name: {{ if kindIs "map" . }}{{ .name | quote }}{{ else }}{{ . | quote }}{{ end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* What every container of ours may do: nothing. */}}
{{- define "certctl.containerSecurityContext" -}}
allowPrivilegeEscalation: false
capabilities: { drop: [ALL] }
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{/* A field that was set to null is left to the cluster. */}}
{{- define "certctl.podSecurityContext" -}}
{{- $context := dict -}}
{{- range $key, $value := . }}{{ if not (kindIs "invalid" $value) }}{{ $_ := set $context $key $value }}{{ end }}{{ end -}}
{{ toYaml $context }}
{{- end -}}

{{/* How many replicas there are at least, and at most. */}}
{{- define "certctl.fewestReplicas" -}}
{{ ternary .Values.autoscaling.minReplicas .Values.server.replicas .Values.autoscaling.enabled | int }}
{{- end -}}
{{- define "certctl.mostReplicas" -}}
{{ ternary .Values.autoscaling.maxReplicas .Values.server.replicas .Values.autoscaling.enabled | int }}
{{- end -}}

{{- define "certctl.serviceHost" -}}
{{ include "certctl.fullname" . }}.{{ .Release.Namespace }}.svc
{{- end -}}

{{/* The URL under which pods of the cluster reach the ACME server. */}}
{{- define "certctl.serviceUrl" -}}
https://{{ include "certctl.serviceHost" . }}{{ if ne (int .Values.server.port) 443 }}:{{ int .Values.server.port }}{{ end }}
{{- end -}}

{{/* URLs of the ACME server beside those of the Service. */}}
{{- define "certctl.publicUrls" -}}
{{- $urls := list -}}
{{- if .Values.ingress.enabled }}{{ range .Values.ingress.hosts }}{{ $urls = append $urls (printf "https://%s" .) }}{{ end }}{{ end -}}
{{- concat $urls .Values.server.externalUrls | toJson -}}
{{- end -}}

{{/* Whether clients must be told what to trust. Where not, the certificate is of a CA that they know. */}}
{{- define "certctl.publishesCa" -}}
{{- if or (eq .Values.tls.mode "selfSigned") (include "certctl.tlsFiles" . | fromYaml).CERTCTL_TLS_CA_FILE -}}true{{- end -}}
{{- end -}}

{{/* The URL to tell people and tests. A CA that everybody knows certifies no name of a Service. */}}
{{- define "certctl.clientUrl" -}}
{{- $public := include "certctl.publicUrls" . | fromJsonArray -}}
{{- if or (include "certctl.publishesCa" .) (not $public) -}}
{{- include "certctl.serviceUrl" . -}}
{{- else -}}
{{- first $public -}}
{{- end -}}
{{- end -}}

{{/* Every URL under which clients reach the ACME server; the first is the default. */}}
{{- define "certctl.externalUrls" -}}
{{- $service := include "certctl.serviceUrl" . -}}
{{- $urls := concat (list (include "certctl.clientUrl" .) $service) (include "certctl.publicUrls" . | fromJsonArray) -}}
{{- $host := include "certctl.serviceHost" . -}}
{{- $urls = append $urls ($service | replace $host (printf "%s.%s" $host .Values.server.clusterDomain)) -}}
{{- $urls | uniq | join "," -}}
{{- end -}}

{{/* The host of a URL, without its port. */}}
{{- define "certctl.urlHost" -}}
{{- regexReplaceAll ":[0-9]+$" (trimPrefix "https://" .) "" -}}
{{- end -}}

{{/* What a certificate for those URLs must have: dnsNames, and ipAddresses where a URL has one. */}}
{{- define "certctl.urlNames" -}}
{{- $dns := list -}}
{{- $ip := list -}}
{{- $urls := ternary (splitList "," (include "certctl.externalUrls" .)) (include "certctl.publicUrls" . | fromJsonArray) (ne (include "certctl.publishesCa" .) "") -}}
{{- range $urls -}}
{{- $host := include "certctl.urlHost" . -}}
{{- if hasPrefix "[" $host -}}
{{- $ip = append $ip (trimAll "[]" $host) -}}
{{- else if regexMatch "^[0-9.]+$" $host -}}
{{- $ip = append $ip $host -}}
{{- else -}}
{{- $dns = append $dns $host -}}
{{- end -}}
{{- end -}}
dnsNames: {{ $dns | uniq | toJson }}
{{- if $ip }}
ipAddresses: {{ $ip | uniq | toJson }}
{{- end }}
{{- end -}}

{{/* Namespaces to watch: the own one always belongs to them. Empty where it is the only one. */}}
{{- define "certctl.watchNamespaces" -}}
{{- $given := .Values.server.watchNamespaces -}}
{{- if has "*" $given -}}*{{- else if $given -}}{{ prepend $given .Release.Namespace | uniq | join "," }}{{- end -}}
{{- end -}}

{{- define "certctl.trustNamespaces" -}}
{{- with .Values.server.trustNamespaces -}}{{ prepend . $.Release.Namespace | uniq | join "," }}{{- end -}}
{{- end -}}

{{/* The job label that every sample of this release carries, however many releases there are. */}}
{{- define "certctl.job" -}}
{{ .Release.Namespace }}/{{ include "certctl.fullname" . }}
{{- end -}}

{{/* Whether an optional kind is to be rendered. dict "root" "mode" "api" */}}
{{- define "certctl.rendersKind" -}}
{{- if or (eq .mode "alwaysRender") (.root.Capabilities.APIVersions.Has .api) -}}true{{- end -}}
{{- end -}}
