{{/*
What a schema can't see: values that contradict each other, and Secrets that are not there. All of it is said at once,
each line with the path of a value and what to write.
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

{{- define "certctl.guard.replicas" -}}
{{- $most := int (include "certctl.mostReplicas" .) -}}
{{- $fewest := int (include "certctl.fewestReplicas" .) -}}
{{- $path := ternary "autoscaling.maxReplicas" "server.replicas" .Values.autoscaling.enabled -}}
{{- if and (eq .Values.server.rateLimiting.backend "memory") (gt $most 1) }}
- {{ printf "server.rateLimiting.backend: memory counts for each replica alone, so that %s=%d would multiply every limit; set server.rateLimiting.backend=postgres, or one replica" $path $most | quote }}
{{- end }}
{{- if and .Values.autoscaling.enabled (not (dig "requests" "cpu" "" .Values.server.resources)) }}
- "server.resources.requests.cpu: autoscaling.enabled=true aims at a share of this; set it, for example to 100m"
{{- end }}
{{- if lt $most $fewest }}
- {{ printf "autoscaling.maxReplicas: %d is less than autoscaling.minReplicas=%d; raise it" $most $fewest | quote }}
{{- end }}
{{- $budget := .Values.podDisruptionBudget }}
{{- $minimum := toString $budget.minAvailable | replace "<nil>" "" }}
{{- $maximum := toString $budget.maxUnavailable | replace "<nil>" "" }}
{{- if and $budget.enabled (ne $minimum "") (ne $maximum "") }}
- "podDisruptionBudget.minAvailable: a budget has this or podDisruptionBudget.maxUnavailable; leave one of them empty"
{{- end }}
{{- if and $budget.enabled (gt $fewest 1) }}
{{- /* The disruption controller rounds a percentage up. */}}
{{- $kept := ternary (ceil (divf (mulf (trimSuffix "%" $minimum | int) $fewest) 100) | int) (int $minimum) (hasSuffix "%" $minimum) }}
{{- if ge $kept $fewest }}
- {{ printf "podDisruptionBudget.minAvailable: %s of %d replicas lets no node be drained; set it to %d or less" $minimum $fewest (sub $fewest 1) | quote }}
{{- end }}
{{- if or (eq $maximum "0") (eq $maximum "0%") }}
- {{ printf "podDisruptionBudget.maxUnavailable: %s lets no node be drained; set it to 1 or more" $maximum | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "certctl.guard.resources" -}}
{{- range $path, $resources := dict "server.resources" .Values.server.resources "postgresql.resources" .Values.postgresql.resources "jobs.resources" .Values.jobs.resources }}
{{- $limits := get $resources "limits" | default dict }}
{{- range $name, $request := get $resources "requests" | default dict }}
{{- $limit := get $limits $name }}
{{- if and $request $limit (gt (include "certctl.quantity" $request | float64) (include "certctl.quantity" $limit | float64)) }}
- {{ printf "%s.requests.%s: %v is more than %s.limits.%s=%v; raise the limit, or lower this" $path $name $request $path $name $limit | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "certctl.guard.durations" -}}
{{- $acme := .Values.acmeServer -}}
{{- range list
  (list "server.rateLimiting.janitorInterval" .Values.server.rateLimiting.janitorInterval "1m" "24h")
  (list "acmeServer.nonceTTL" $acme.nonceTTL "10s" "1h")
  (list "acmeServer.orderTTL" $acme.orderTTL "1m" "720h")
  (list "acmeServer.authorizationTTL" $acme.authorizationTTL "1m" "8760h")
  (list "acmeServer.gcInterval" $acme.gcInterval "1s" "24h")
  (list "acmeServer.leaseDuration" $acme.leaseDuration "1s" "10m")
  (list "tls.certManager.duration" .Values.tls.certManager.duration "1h" "87600h")
  (list "tls.certManager.renewBefore" .Values.tls.certManager.renewBefore "5m" "87600h")
}}
{{- $path := index . 0 }}
{{- $value := index . 1 }}
{{- $given := include "certctl.milliseconds" $value | float64 }}
{{- if or (lt $given (include "certctl.milliseconds" (index . 2) | float64)) (gt $given (include "certctl.milliseconds" (index . 3) | float64)) }}
- {{ printf "%s: %s is out of bounds; set it from %s to %s" $path $value (index . 2) (index . 3) | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "certctl.guard.database" -}}
{{- $external := .Values.externalDatabase -}}
{{- if .Values.postgresql.enabled }}
{{- if not (or .Values.postgresql.image.tag .Values.postgresql.image.digest) }}
- "postgresql.image.tag: the image needs a version; set this, or postgresql.image.digest"
{{- end }}
{{- if $external.caSecret.name }}
- "externalDatabase.caSecret.name: postgresql.enabled=true brings a database of its own; leave this empty"
{{- end }}
{{- /* Each replica has a connection beside its pool; an update may start one replica more; three are kept for superusers. */}}
{{- $replicas := add (int (include "certctl.mostReplicas" .)) (ternary 0 1 (eq .Values.server.podAntiAffinity "required")) }}
{{- $fixed := dict
  "port" (list "5432" "Service, probes and NetworkPolicy have 5432")
  "listen_addresses" (list "*" "the image listens on all addresses")
  "ssl" (list "off" "the pod has no certificate; use externalDatabase for a Postgres with TLS")
  "data_directory" (list "" "the volume is mounted where the image has its data")
  "hba_file" (list "" "the image makes its own")
  "config_file" (list "" "the image makes its own")
}}
{{- range $parameter, $value := .Values.postgresql.parameters }}
{{- $is := get $fixed (lower $parameter) }}
{{- if and $is (ne $value (first $is)) }}
- {{ printf "postgresql.parameters.%s: %s; leave it out" $parameter (last $is) | quote }}
{{- end }}
{{- end }}
{{- if $external.migrationJob }}
- "externalDatabase.migrationJob: the database of postgresql.enabled=true is not there before the release; set this to false"
{{- end }}
{{- $needed := add (mul $replicas (add (int .Values.server.databasePoolSize) 1)) 3 }}
{{- $allowed := get .Values.postgresql.parameters "max_connections" | default "100" }}
{{- if not (regexMatch "^[0-9]+$" $allowed) }}
- {{ printf "postgresql.parameters.max_connections: %q is no number; write one, or leave it out" $allowed | quote }}
{{- else if (gt (int $needed) (int $allowed)) }}
- {{ printf "server.databasePoolSize: %d for each of %d replicas need max_connections=%d, and the database has %s; set postgresql.parameters.max_connections=\"%d\", or lower this" (int .Values.server.databasePoolSize) $replicas $needed $allowed $needed | quote }}
{{- end }}
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
{{- if and (eq $tls.mode "certManager") (not $tls.certManager.publishCA) (not (include "certctl.publicUrls" . | fromJsonArray)) }}
- {{ printf "tls.certManager.publishCA: a CA that everybody knows certifies no %s; name a public host in server.externalUrls or ingress.hosts, or set this to true" (include "certctl.serviceHost" .) | quote }}
{{- end }}
{{- if and (eq $tls.mode "certManager") (not $tls.certManager.issuerRef.name) }}
- "tls.certManager.issuerRef.name: tls.mode=certManager needs an issuer; name one that certctl itself doesn't serve"
{{- end }}
{{- if ge (include "certctl.milliseconds" $tls.certManager.renewBefore | float64) (include "certctl.milliseconds" $tls.certManager.duration | float64) }}
- {{ printf "tls.certManager.renewBefore: %s is as long as the certificate lives (tls.certManager.duration=%s); shorten it" $tls.certManager.renewBefore $tls.certManager.duration | quote }}
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
{{- if and .Values.ingress.tlsSecretName (not .Values.server.trustedProxies) }}
- "server.trustedProxies: ingress.tlsSecretName ends TLS at the Ingress controller, whose address every client would have for clientNetworks and limits; name the network of its pods"
{{- end }}
{{- else }}
{{- if .Values.ingress.hosts }}
- "ingress.hosts: ingress.enabled=false makes no Ingress for them; set ingress.enabled=true, or use server.externalUrls"
{{- end }}
{{- if .Values.ingress.tlsSecretName }}
- "ingress.tlsSecretName: ingress.enabled=false leaves this without effect; set ingress.enabled=true, or leave it empty"
{{- end }}
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
{{- $default := splitList "." .Values.acmeServer.defaultProfileId }}
{{- if and (eq (len $default) 2) (eq (first $default) .Release.Namespace) }}
- {{ printf "acmeServer.defaultProfileId: profiles of the release's own namespace are named without it; write %s" (last $default) | quote }}
{{- else if and (eq (len $default) 2) (not (has (first $default) $server.watchNamespaces)) (not (has "*" $server.watchNamespaces)) }}
- {{ printf "acmeServer.defaultProfileId: profiles of namespace %s are not served; add it to server.watchNamespaces" (first $default) | quote }}
{{- end }}
{{- if and (ne $server.service.type "LoadBalancer") (or $server.service.loadBalancerSourceRanges $server.service.loadBalancerClass) }}
- {{ printf "server.service.%s: server.service.type=%s leaves this without effect; set server.service.type=LoadBalancer, or leave it empty" (ternary "loadBalancerSourceRanges" "loadBalancerClass" (gt (len $server.service.loadBalancerSourceRanges) 0)) $server.service.type | quote }}
{{- end }}
{{- if and (eq $server.service.type "ClusterIP") (eq $server.service.externalTrafficPolicy "Local") }}
- "server.service.externalTrafficPolicy: server.service.type=ClusterIP leaves Local without effect; set server.service.type=LoadBalancer or NodePort, or leave this at Cluster"
{{- end }}
{{- if not .Values.networkPolicy.enabled }}
{{- $policy := .Values.networkPolicy }}
{{- if not $policy.validation.enabled }}
- "networkPolicy.validation.enabled: networkPolicy.enabled=false denies validation nothing; set networkPolicy.enabled=true, or leave this at true"
{{- end }}
{{- range $path, $rules := dict "acme.from" $policy.acme.from "pki.from" $policy.pki.from "dns.to" $policy.dns.to "apiServer.to" $policy.apiServer.to "database.to" $policy.database.to "validation.to" $policy.validation.to "extraIngress" $policy.extraIngress "extraEgress" $policy.extraEgress }}
{{- if $rules }}
- {{ printf "networkPolicy.%s: networkPolicy.enabled=false leaves this without effect; set networkPolicy.enabled=true, or leave it empty" $path | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- if not .Values.acmeServer.enabled }}
{{- if .Values.acmeServer.defaultProfileId }}
- "acmeServer.defaultProfileId: acmeServer.enabled=false leaves this without effect; leave it empty"
{{- end }}
{{- if $server.externalUrls }}
- "server.externalUrls: acmeServer.enabled=false leaves nothing to reach under them; leave it empty, or set acmeServer.enabled=true"
{{- end }}
{{- if $server.clusterIssuers }}
- "server.clusterIssuers: acmeServer.enabled=false leaves cert-manager nothing to reach; set acmeServer.enabled=true, or this to false"
{{- end }}
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
{{- if gt (include "certctl.milliseconds" $monitor.scrapeTimeout | float64) (include "certctl.milliseconds" $monitor.interval | float64) }}
- {{ printf "monitoring.serviceMonitor.scrapeTimeout: %s is longer than monitoring.serviceMonitor.interval=%s, which Prometheus refuses; shorten it" $monitor.scrapeTimeout $monitor.interval | quote }}
{{- end }}
{{- if and $monitor.serverName (not $monitoring.tls) }}
- "monitoring.serviceMonitor.serverName: monitoring.tls=false leaves this without effect; set monitoring.tls=true, or leave it empty"
{{- end }}
{{- if and $monitor.enabled $monitoring.tls (eq .Values.tls.mode "existingSecret") (not .Values.tls.existingSecret.caKey) (not $monitor.serverName) (not (include "certctl.publicUrls" . | fromJsonArray)) }}
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

{{/* Every setting of the program is a value, so that variables are for what else a container has: proxies, Node. */}}
{{- define "certctl.guard.environment" -}}
{{- $owned := dict "PGPASSWORD" "the database's Secret" "CERTCTL_DATABASE_URL" "postgresql or externalDatabase" "CERTCTL_NAMESPACE" "the release's namespace" "CERTCTL_POD_NAME" "the pod" }}
{{- $settings := include "certctl.settings" . | fromYaml }}
{{- $seen := dict }}
{{- range .Values.server.extraEnv }}
{{- if or (hasKey $owned .name) (hasKey $settings .name) }}
- {{ printf "server.extraEnv: %s is decided by %s; leave it out here" .name (get $owned .name | default "another value of this chart") | quote }}
{{- else if hasPrefix "CERTCTL_" .name }}
- {{ printf "server.extraEnv: %s is no setting that a pod may have; leave it out, or correct the name" .name | quote }}
{{- end }}
{{- if hasKey $seen .name }}
- {{ printf "server.extraEnv: %s is listed twice; keep one" .name | quote }}
{{- end }}
{{- if and .value .valueFrom }}
- {{ printf "server.extraEnv: %s has value and valueFrom; keep one" .name | quote }}
{{- end }}
{{- $_ := set $seen .name true }}
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
