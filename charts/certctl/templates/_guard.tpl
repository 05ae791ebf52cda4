{{/*
What a schema can't see: values that contradict each other, and Secrets that are not there. All of it is said at once,
each line with the path of a value and what to write.
*/}}
{{- define "certctl.guard" -}}
{{- $lines := list -}}
{{- range list "replicas" "database" "tls" "ingress" "access" "monitoring" "samples" "environment" "labels" "secrets" -}}
{{- $lines = concat $lines (include (printf "certctl.guard.%s" .) $ | fromYamlArray) -}}
{{- end -}}
{{- if $lines -}}
{{- fail (printf "\n\nThese values can't be installed:\n  - %s\n" (join "\n  - " $lines)) -}}
{{- end -}}
{{- end -}}

{{- define "certctl.guard.replicas" -}}
{{- $most := int (include "certctl.mostReplicas" .) -}}
{{- $fewest := int (include "certctl.fewestReplicas" .) -}}
{{- $path := ternary "autoscaling.maxReplicas" "server.replicas" .Values.autoscaling.enabled -}}
{{- if and (eq .Values.server.rateLimiting.backend "memory") (gt $most 1) }}
- {{ printf "server.rateLimiting.backend: memory counts for each replica alone, so that %s=%d would multiply every limit; set server.rateLimiting.backend=postgres, or one replica" $path $most | quote }}
{{- end }}
{{- if lt $most $fewest }}
- {{ printf "autoscaling.maxReplicas: %d is less than autoscaling.minReplicas=%d; raise it" $most $fewest | quote }}
{{- end }}
{{- $budget := .Values.podDisruptionBudget }}
{{- $minimum := toString $budget.minAvailable }}
{{- $maximum := toString $budget.maxUnavailable }}
{{- if and $budget.enabled (ne $minimum "") (ne $maximum "") }}
- "podDisruptionBudget.minAvailable: a budget has this or podDisruptionBudget.maxUnavailable; leave one of them empty"
{{- end }}
{{- if and $budget.enabled (gt $fewest 1) }}
{{- if or (eq $minimum "100%") (and (regexMatch "^[0-9]+$" $minimum) (ge (int $minimum) $fewest)) }}
- {{ printf "podDisruptionBudget.minAvailable: %s of %d replicas lets no node be drained; set it to %d or less" $minimum $fewest (sub $fewest 1) | quote }}
{{- end }}
{{- if or (eq $maximum "0") (eq $maximum "0%") }}
- {{ printf "podDisruptionBudget.maxUnavailable: %s lets no node be drained; set it to 1 or more" $maximum | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "certctl.guard.database" -}}
{{- $external := .Values.externalDatabase -}}
{{- if .Values.postgresql.enabled }}
{{- range $path, $value := dict "host" $external.host "urlKey" $external.urlKey "existingSecret" $external.existingSecret }}
{{- if $value }}
- {{ printf "externalDatabase.%s: postgresql.enabled=true brings a database of its own; set postgresql.enabled=false, or leave this empty" $path | quote }}
{{- end }}
{{- end }}
{{- else }}
{{- if .Values.postgresql.auth.existingSecret }}
- "postgresql.auth.existingSecret: postgresql.enabled=false leaves this without effect; set externalDatabase.existingSecret"
{{- end }}
{{- if and (not $external.host) (not $external.urlKey) }}
- "externalDatabase.host: postgresql.enabled=false needs a database; set host and existingSecret, or existingSecret and urlKey"
{{- end }}
{{- if and $external.host $external.urlKey }}
- "externalDatabase.urlKey: the URL names a host too; leave externalDatabase.host or this empty"
{{- end }}
{{- if and (or $external.host $external.urlKey) (not $external.existingSecret) }}
- "externalDatabase.existingSecret: where the password is must be said; name a Secret of the release's namespace"
{{- end }}
{{- if and $external.host (not $external.caSecret.name) (eq $external.sslMode "verify-ca") }}
- "externalDatabase.caSecret.name: sslMode=verify-ca needs a CA to verify with; name its Secret, or set sslMode=verify-full for the public CAs"
{{- end }}
{{- if and $external.host $external.caSecret.name (has $external.sslMode (list "disable" "require")) }}
- {{ printf "externalDatabase.caSecret.name: sslMode=%s verifies nothing; set externalDatabase.sslMode=verify-full, or leave this empty" $external.sslMode | quote }}
{{- end }}
{{- if and $external.urlKey $external.caSecret.name }}
- "externalDatabase.caSecret.name: urlKey brings the whole URL, which can't name this file; leave it empty, or give host, username and database instead of urlKey"
{{- end }}
{{- end }}
{{- end -}}

{{- define "certctl.guard.tls" -}}
{{- $tls := .Values.tls -}}
{{- if and (eq $tls.mode "existingSecret") (not $tls.existingSecret.name) }}
- "tls.existingSecret.name: tls.mode=existingSecret needs a Secret; name one of type kubernetes.io/tls"
{{- end }}
{{- if and (ne $tls.mode "existingSecret") $tls.existingSecret.name }}
- {{ printf "tls.existingSecret.name: tls.mode=%s leaves this without effect; set tls.mode=existingSecret" $tls.mode | quote }}
{{- end }}
{{- if and (eq $tls.mode "certManager") (not $tls.certManager.issuerRef.name) }}
- "tls.certManager.issuerRef.name: tls.mode=certManager needs an issuer; name one that certctl itself doesn't serve"
{{- end }}
{{- if and (ne $tls.mode "certManager") $tls.certManager.issuerRef.name }}
- {{ printf "tls.certManager.issuerRef.name: tls.mode=%s leaves this without effect; set tls.mode=certManager" $tls.mode | quote }}
{{- end }}
{{- end -}}

{{- define "certctl.guard.ingress" -}}
{{- if .Values.ingress.enabled }}
{{- if not .Values.ingress.hosts }}
- "ingress.hosts: ingress.enabled=true needs names; list at least one, such as ca.example.com"
{{- end }}
{{- if not .Values.acmeServer.enabled }}
- "ingress.enabled: acmeServer.enabled=false leaves nothing to lead to; set acmeServer.enabled=true, or this to false"
{{- end }}
{{- if and .Values.ingress.tlsSecretName (eq (get .Values.ingress.annotations "nginx.ingress.kubernetes.io/ssl-passthrough" | default "false") "true") }}
- "ingress.tlsSecretName: the annotation nginx.ingress.kubernetes.io/ssl-passthrough passes TLS through unseen; set it to 'false', or leave tlsSecretName empty"
{{- end }}
{{- else if .Values.ingress.hosts }}
- "ingress.hosts: ingress.enabled=false makes no Ingress for them; set ingress.enabled=true, or use server.externalUrls"
{{- end }}
{{- end -}}

{{- define "certctl.guard.access" -}}
{{- $server := .Values.server -}}
{{- if and (has "*" $server.watchNamespaces) (gt (len $server.watchNamespaces) 1) }}
- "server.watchNamespaces: '*' is all namespaces; leave the others out"
{{- end }}
{{- if and (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) }}
- "serviceAccount.name: serviceAccount.create=false needs one that exists; name it"
{{- end }}
{{- if and .Values.acmeServer.defaultProfileId (not .Values.acmeServer.enabled) }}
- "acmeServer.defaultProfileId: acmeServer.enabled=false leaves this without effect; leave it empty"
{{- end }}
{{- if and .Values.acmeServer.enabled (eq (int $server.port) (int $server.pkiPort)) }}
- {{ printf "server.pkiPort: %d is server.port too; choose another" (int $server.port) | quote }}
{{- end }}
{{- end -}}

{{- define "certctl.guard.monitoring" -}}
{{- $monitoring := .Values.monitoring -}}
{{- if not $monitoring.enabled }}
{{- range list "serviceMonitor" "prometheusRule" "dashboard" }}
{{- if (get $monitoring .).enabled }}
- {{ printf "monitoring.%s.enabled: monitoring.enabled=false serves no metrics; set monitoring.enabled=true" . | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- $monitor := $monitoring.serviceMonitor }}
{{- if and $monitor.serverName (not $monitoring.tls) }}
- "monitoring.serviceMonitor.serverName: monitoring.tls=false leaves this without effect; set monitoring.tls=true, or leave it empty"
{{- end }}
{{- if and $monitor.enabled $monitoring.tls (eq .Values.tls.mode "existingSecret") (not .Values.tls.existingSecret.caKey) (not $monitor.serverName) }}
- {{ printf "monitoring.serviceMonitor.serverName: no public CA certifies %s; set it to a name that the certificate has" (include "certctl.serviceHost" .) | quote }}
{{- end }}
{{- $names := list }}
{{- range include "certctl.alerts" . | fromYamlArray }}{{ $names = append $names .alert }}{{ end }}
{{- range $monitoring.prometheusRule.disabledAlerts }}
{{- if not (has . $names) }}
- {{ printf "monitoring.prometheusRule.disabledAlerts: there is no alert %s; write one of %s" . (join ", " $names) | quote }}
{{- end }}
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

{{/* Variables that the chart sets, with the value that decides them. */}}
{{- define "certctl.guard.environment" -}}
{{- $owned := dict "PGPASSWORD" "the database's Secret" "CERTCTL_DATABASE_URL" "postgresql or externalDatabase" "CERTCTL_NAMESPACE" "the release's namespace" "CERTCTL_POD_NAME" "the pod" }}
{{- range $setting := include "certctl.plainSettings" . | fromYamlArray }}{{ $_ := set $owned $setting.name "another value of this chart" }}{{ end }}
{{- range .Values.server.extraEnv }}
{{- if hasKey $owned .name }}
- {{ printf "server.extraEnv: %s is decided by %s; leave it out here" .name (get $owned .name) | quote }}
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

{{/*
Secrets that are named and not there. Only a render that may ask the API server finds them: every namespace of a cluster
has a ServiceAccount called default, so that one which isn't found means that nobody was asked, or that the namespace is
yet to be made.
*/}}
{{- define "certctl.guard.secrets" -}}
{{- if lookup "v1" "ServiceAccount" .Release.Namespace "default" }}
{{- range $path, $wanted := include "certctl.wantedSecrets" . | fromYaml }}
{{- $secret := lookup "v1" "Secret" $.Release.Namespace $wanted.name }}
{{- if not $secret }}
- {{ printf "%s: there is no Secret %s in namespace %s; make it first, or correct the name" $path $wanted.name $.Release.Namespace | quote }}
{{- else }}
{{- range $keyPath, $key := $wanted.keys }}
{{- if not (hasKey ($secret.data | default dict) $key) }}
- {{ printf "%s: the Secret %s has no key %s but %s; correct the key, or the Secret" $keyPath $wanted.name $key (keys ($secret.data | default dict) | sortAlpha | join ", " | default "none") | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- if include "certctl.createsSecrets" . }}
{{- $name := include "certctl.postgresqlSecretName" . }}
{{- if and (lookup "apps/v1" "StatefulSet" .Release.Namespace $name) (not (lookup "v1" "Secret" .Release.Namespace $name)) }}
- {{ printf "postgresql.auth.existingSecret: the database is there and the Secret %s with its password is gone; restore the Secret (a new password would not open the database), or set the password with ALTER ROLE and name a Secret that holds it" $name | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Path of a value to the Secret it names and the keys that it must have. */}}
{{- define "certctl.wantedSecrets" -}}
{{- $wanted := dict -}}
{{- $postgresql := .Values.postgresql -}}
{{- $external := .Values.externalDatabase -}}
{{- if and $postgresql.enabled $postgresql.auth.existingSecret -}}
{{- $_ := set $wanted "postgresql.auth.existingSecret" (dict "name" $postgresql.auth.existingSecret "keys" (dict "postgresql.auth.passwordKey" $postgresql.auth.passwordKey)) -}}
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
