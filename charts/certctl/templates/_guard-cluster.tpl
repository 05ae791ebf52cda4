{{/* What the cluster has and has not. */}}
{{- define "certctl.guard.cluster" -}}
{{- include "certctl.guard.definitions" . }}
{{- if include "certctl.isAsked" . }}
{{- include "certctl.guard.release" . }}
{{- include "certctl.guard.secrets" . }}
{{- include "certctl.guard.claims" . }}
{{- include "certctl.guard.volume" . }}
{{- end }}
{{- end -}}

{{/*
Whether the API server answers: a render apart from it finds nothing. Every namespace has a ServiceAccount called default;
where it isn't found the namespace may be yet to be made, and who makes namespaces and CustomResourceDefinitions may look
at namespaces.
*/}}
{{- define "certctl.isAsked" -}}
{{- if or (lookup "v1" "ServiceAccount" .Release.Namespace "default") (and .Values.crds.enabled (lookup "v1" "Namespace" "" "kube-system")) -}}true{{- end -}}
{{- end -}}

{{/* CustomResourceDefinitions that somebody else has, whom Helm would name without a remedy. */}}
{{- define "certctl.guard.definitions" -}}
{{- if .Values.crds.enabled }}
{{- range list "issuers.certctl.io" "certificateprofiles.certctl.io" }}
{{- $definition := lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" . }}
{{- if $definition }}
{{- $annotations := $definition.metadata.annotations | default dict }}
{{- $name := get $annotations "meta.helm.sh/release-name" }}
{{- $namespace := get $annotations "meta.helm.sh/release-namespace" }}
{{- if not (and (eq $name $.Release.Name) (eq $namespace $.Release.Namespace)) }}
- {{ printf "crds.enabled: %s belongs to %s; set crds.enabled=false, or hand it over: kubectl label crd %s --overwrite app.kubernetes.io/managed-by=Helm && kubectl annotate crd %s --overwrite meta.helm.sh/release-name=%s meta.helm.sh/release-namespace=%s" . (ternary (printf "the release %s of namespace %s" $name $namespace) "no release" (ne $name "")) . . $.Release.Name $.Release.Namespace | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The Lease, the listener's CA and what clients must trust have the same names whatever the release is called. */}}
{{- define "certctl.guard.release" -}}
{{- $selector := include "certctl.selectorLabels" (dict "root" . "component" "server") | fromYaml }}
{{- range (lookup "apps/v1" "Deployment" .Release.Namespace "").items | default list }}
{{- $labels := .metadata.labels | default dict }}
{{- if and (eq .metadata.name (include "certctl.fullname" $)) (ne (dig "spec" "selector" "matchLabels" $selector . | toJson) ($selector | toJson)) }}
- {{ printf "nameOverride: the Deployment %s selects its pods by %s, which can never be changed; set that name again, or another fullnameOverride too" .metadata.name (dig "spec" "selector" "matchLabels" (dict) . | toJson) | quote }}
{{- end }}
{{- if and (eq (get $labels "app.kubernetes.io/part-of") "certctl") (eq (get $labels "app.kubernetes.io/component") "server") (ne (get $labels "app.kubernetes.io/instance") $.Release.Name) }}
- {{ printf "--namespace: %s has a certctl already, the Deployment %s of release %s, and both would reconcile the same objects; choose another namespace, or upgrade that release" $.Release.Namespace .metadata.name (get $labels "app.kubernetes.io/instance") | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Secrets that are named and not there, or lack a key. */}}
{{- define "certctl.guard.secrets" -}}
{{- range $path, $wanted := include "certctl.wantedSecrets" . | fromYaml }}
{{- $secret := lookup "v1" "Secret" $.Release.Namespace $wanted.name }}
{{- if not (or $secret $wanted.made) }}
- {{ printf "%s: there is no Secret %s in namespace %s; make it first, or correct the name" $path $wanted.name $.Release.Namespace | quote }}
{{- else if $secret }}
{{- range $keyPath, $key := $wanted.keys }}
{{- if not (hasKey ($secret.data | default dict) $key) }}
- {{ printf "%s: the Secret %s has no key %s but %s; correct the key, or the Secret" $keyPath $wanted.name $key (keys ($secret.data | default dict) | sortAlpha | join ", " | default "none") | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* A database of this release that the values lead away from. Who has moved its data takes the label from the claim. */}}
{{- define "certctl.guard.claims" -}}
{{- $name := printf "%s-postgresql" (include "certctl.fullname" .) }}
{{- if or .Values.postgresql.enabled (lookup "apps/v1" "StatefulSet" .Release.Namespace $name) }}
{{- $wanted := dict "name" (list .Chart.Name .Values.nameOverride | compact) "instance" (list .Release.Name) "component" (list "postgresql") }}
{{- range (lookup "v1" "PersistentVolumeClaim" .Release.Namespace "").items | default list }}
{{- $labels := .metadata.labels | default dict }}
{{- $isOurs := true }}
{{- range $label, $values := $wanted }}{{ $isOurs = and $isOurs (has (get $labels (printf "app.kubernetes.io/%s" $label)) $values) }}{{ end }}
{{- $release := printf "kubectl -n %s label pvc %s app.kubernetes.io/instance-" $.Release.Namespace .metadata.name }}
{{- if and $isOurs (not $.Values.postgresql.enabled) }}
- {{ printf "postgresql.enabled: accounts, orders and certificates of this release are in the database on the volume %s, which this leaves behind; move them (pg_dump, pg_restore), then say that it is done with %s" .metadata.name $release | quote }}
{{- else if and $isOurs (ne .metadata.name (printf "data-%s-0" $name)) }}
- {{ printf "fullnameOverride: the database of this release is on the volume %s, and under the name %s it would be another, empty one; keep the name, or say that nothing of it is needed with %s" .metadata.name (include "certctl.fullname" $) $release | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* What the volume of an earlier installation decides. */}}
{{- define "certctl.guard.volume" -}}
{{- if .Values.postgresql.enabled }}
{{- $name := printf "%s-postgresql" (include "certctl.fullname" .) }}
{{- $volume := lookup "v1" "PersistentVolumeClaim" .Release.Namespace (printf "data-%s-0" $name) }}
{{- $secret := include "certctl.postgresqlSecretName" . }}
{{- if and $volume (include "certctl.createsSecrets" .) (not (lookup "v1" "Secret" .Release.Namespace $secret)) }}
- {{ printf "postgresql.auth.existingSecret: the database is there, on the volume data-%s-0, and the Secret %s with its password is gone; restore the Secret (a new password would not open the database), or set the password with ALTER ROLE and name a Secret that holds it; where nothing of it is needed, delete the volume's claim" $name $secret | quote }}
{{- end }}
{{- $stateful := lookup "apps/v1" "StatefulSet" .Release.Namespace $name }}
{{- range dig "spec" "template" "spec" "containers" (list) ($stateful | default dict) }}
{{- range .env | default list }}
{{- $path := get (dict "POSTGRES_USER" "username" "POSTGRES_DB" "database") .name }}
{{- if and $path (ne .value (get $.Values.postgresql.auth $path)) }}
- {{ printf "postgresql.auth.%s: the database was made with %s, and a database never changes that by itself; set it again" $path .value | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- range dig "spec" "volumeClaimTemplates" (list) ($stateful | default dict) }}
{{- $storage := $.Values.postgresql.storage }}
{{- $made := dict
  "size" (dig "spec" "resources" "requests" "storage" "" .)
  "className" (dig "spec" "storageClassName" "" .)
  "accessModes" (dig "spec" "accessModes" (list) . | join ",")
}}
{{- $same := dict
  "size" (eq (include "certctl.quantity" $made.size) (include "certctl.quantity" $storage.size))
  "className" (eq $made.className $storage.className)
  "accessModes" (eq $made.accessModes ($storage.accessModes | join ","))
}}
{{- range $field, $is := $same }}
{{- if not $is }}
- {{ printf "postgresql.storage.%s: the database's volume was made with %s, and a StatefulSet never changes that; set it again, or change the claim data-%s-0 itself, remove the StatefulSet alone (kubectl -n %s delete statefulset %s --cascade=orphan) and upgrade" $field (get $made $field | default "the cluster's default") $name $.Release.Namespace $name | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Path of a value to the Secret it names, the keys that it must have, and whether a Job makes it where it is absent. */}}
{{- define "certctl.wantedSecrets" -}}
{{- $wanted := dict -}}
{{- $postgresql := .Values.postgresql -}}
{{- $external := .Values.externalDatabase -}}
{{- if $postgresql.enabled -}}
{{- $made := include "certctl.createsSecrets" . -}}
{{- $_ := set $wanted "postgresql.auth.existingSecret" (dict "name" (include "certctl.postgresqlSecretName" .) "made" $made "keys" (dict "postgresql.auth.passwordKey" $postgresql.auth.passwordKey)) -}}
{{- end -}}
{{- if and (not $postgresql.enabled) $external.existingSecret -}}
{{- $key := ternary "urlKey" "passwordKey" (ne $external.urlKey "") -}}
{{- $_ := set $wanted "externalDatabase.existingSecret" (dict "name" $external.existingSecret "keys" (dict (printf "externalDatabase.%s" $key) (get $external $key))) -}}
{{- end -}}
{{- if and (not $postgresql.enabled) $external.caSecret.name -}}
{{- $_ := set $wanted "externalDatabase.caSecret.name" (dict "name" $external.caSecret.name "keys" (dict "externalDatabase.caSecret.key" $external.caSecret.key)) -}}
{{- end -}}
{{- $tls := .Values.tls.existingSecret -}}
{{- if and (eq .Values.tls.mode "existingSecret") $tls.name -}}
{{- $keys := dict "tls.existingSecret.certKey" $tls.certKey "tls.existingSecret.keyKey" $tls.keyKey -}}
{{- if $tls.caKey }}{{ $_ := set $keys "tls.existingSecret.caKey" $tls.caKey }}{{ end -}}
{{- $_ := set $wanted "tls.existingSecret.name" (dict "name" $tls.name "keys" $keys) -}}
{{- end -}}
{{- toYaml $wanted -}}
{{- end -}}
