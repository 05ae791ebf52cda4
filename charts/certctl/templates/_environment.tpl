{{/* Settings that are plain text, by their names: an empty one is the program's own default. */}}
{{- define "certctl.settings" -}}
{{- $server := .Values.server -}}
{{- $acme := .Values.acmeServer -}}
{{- $limits := $acme.rateLimits -}}
{{- $validation := $acme.validation -}}
{{- $settings := dict
  "CERTCTL_ACME_SERVER_AUTHZ_TTL" $acme.authorizationTTL
  "CERTCTL_ACME_SERVER_CAA_IDENTITIES" (join "," $acme.caaIdentities)
  "CERTCTL_ACME_SERVER_DEFAULT_PROFILE_ID" $acme.defaultProfileId
  "CERTCTL_ACME_SERVER_DNS01_CONCURRENCY" $validation.dns01Concurrency
  "CERTCTL_ACME_SERVER_DNS01_RESOLVER" (join "," $acme.resolvers)
  "CERTCTL_ACME_SERVER_GC_INTERVAL" $acme.gcInterval
  "CERTCTL_ACME_SERVER_HTTP01_CONCURRENCY" $validation.http01Concurrency
  "CERTCTL_ACME_SERVER_NONCE_TTL" $acme.nonceTTL
  "CERTCTL_ACME_SERVER_ORDER_TTL" $acme.orderTTL
  "CERTCTL_ACME_SERVER_RATE_LIMIT_CHALLENGE_RESPONDS_PER_HOUR" $limits.challengeRespondsPerHour
  "CERTCTL_ACME_SERVER_RATE_LIMIT_CONCURRENT_ORDERS" $limits.concurrentOrders
  "CERTCTL_ACME_SERVER_RATE_LIMIT_FAILED_VALIDATIONS_PER_HOUR" $limits.failedValidationsPerHour
  "CERTCTL_ACME_SERVER_RATE_LIMIT_NEW_ACCOUNTS_PER_HOUR" $limits.newAccountsPerHour
  "CERTCTL_ACME_SERVER_RATE_LIMIT_ORDERS_PER_HOUR" $limits.ordersPerHour
  "CERTCTL_ACME_SERVER_RESOLVERS_CAP" (join "," $validation.resolversCap)
  "CERTCTL_ACME_SERVER_TLSALPN01_CONCURRENCY" $validation.tlsAlpn01Concurrency
  "CERTCTL_ACME_SERVER_TOS_URL" $acme.termsOfServiceUrl
  "CERTCTL_ACME_SERVER_VALIDATION_NETWORKS_CAP" (join "," $validation.networksCap)
  "CERTCTL_ACME_SERVER_WEBSITE" $acme.websiteUrl
  "CERTCTL_ACME_VALIDATION_HTTP_PORT" $validation.httpPort
  "CERTCTL_ACME_VALIDATION_TLS_PORT" $validation.tlsPort
  "CERTCTL_CLUSTER_ISSUERS" (ternary "on" "off" $server.clusterIssuers)
  "CERTCTL_CLUSTER_TRUST_BUNDLE" (ternary "on" "off" $server.clusterTrustBundle)
  "CERTCTL_DATABASE_POOL_SIZE" $server.databasePoolSize
  "CERTCTL_EXTERNAL_URLS" (include "certctl.externalUrls" .)
  "CERTCTL_INITIAL_MANIFESTS" (ternary "/etc/certctl/initial-manifests" "" .Values.sampleProfiles.enabled)
  "CERTCTL_LEASE_DURATION" $acme.leaseDuration
  "CERTCTL_LISTEN_ACME" ":8443"
  "CERTCTL_LISTEN_METRICS" (ternary ":9402" "off" .Values.monitoring.enabled)
  "CERTCTL_LISTEN_PKI" ":8080"
  "CERTCTL_LOG_LEVEL" $server.logLevel
  "CERTCTL_MAX_CONNECTIONS" $server.maxConnections
  "CERTCTL_METRICS_TLS" (ternary "on" "off" (and .Values.monitoring.enabled .Values.monitoring.tls))
  "CERTCTL_PKI_URL" ($server.pkiUrl | default (printf "http://%s%s" (include "certctl.serviceHost" .) (ternary "" (printf ":%d" (int $server.pkiPort)) (eq (int $server.pkiPort) 80))))
  "CERTCTL_RATE_LIMIT_BACKEND" $server.rateLimiting.backend
  "CERTCTL_RATE_LIMIT_JANITOR_INTERVAL" $server.rateLimiting.janitorInterval
  "CERTCTL_SHUTDOWN_DRAIN" (printf "%ds" (int $server.shutdown.drainSeconds))
  "CERTCTL_SHUTDOWN_TIMEOUT" (printf "%ds" (int $server.shutdown.timeoutSeconds))
  "CERTCTL_TLS_MIN_VERSION" .Values.tls.minVersion
  "CERTCTL_TRUSTED_PROXIES" (join "," $server.trustedProxies)
  "CERTCTL_TRUST_NAMESPACES" (include "certctl.trustNamespaces" .)
  "CERTCTL_WATCH_NAMESPACES" (include "certctl.watchNamespaces" .)
-}}
{{- $files := ternary (dict) (include "certctl.tlsFiles" . | fromYaml) (eq .Values.tls.mode "selfSigned") -}}
{{- range $name := list "CERTCTL_TLS_CA_FILE" "CERTCTL_TLS_CERT_FILE" "CERTCTL_TLS_KEY_FILE" -}}
{{- $_ := set $settings $name (ternary (printf "/etc/certctl/tls/%s" (get $files $name)) "" (hasKey $files $name)) -}}
{{- end -}}
{{- range $name, $value := $settings }}
{{ $name }}: {{ ternary (int64 $value | toString) (toString $value) (kindIs "string" $value | not) | quote }}
{{- end }}
{{- end -}}

{{/* The variables of a container for them. */}}
{{- define "certctl.plainSettings" -}}
{{- range $name, $value := include "certctl.settings" . | fromYaml }}
{{- if $value }}
- { name: {{ $name }}, value: {{ $value | quote }} }
{{- end }}
{{- end }}
{{- end -}}

{{/* Setting to file name in /etc/certctl/tls. */}}
{{- define "certctl.tlsFiles" -}}
{{- $brought := eq .Values.tls.mode "existingSecret" -}}
CERTCTL_TLS_CERT_FILE: tls.crt
CERTCTL_TLS_KEY_FILE: tls.key
{{- if ternary (ne .Values.tls.existingSecret.caKey "") .Values.tls.certManager.publishCA $brought }}
CERTCTL_TLS_CA_FILE: ca.crt
{{- end }}
{{- end -}}

{{/*
Where the database is. A password is never part of the URL, in which it would have to be escaped: the Postgres client
reads it from PGPASSWORD.
*/}}
{{- define "certctl.databaseEnvironment" -}}
{{- $external := .Values.externalDatabase -}}
{{- if .Values.postgresql.enabled }}
- name: PGPASSWORD
  valueFrom:
    secretKeyRef: { name: {{ include "certctl.postgresqlSecretName" . | quote }}, key: {{ .Values.postgresql.auth.passwordKey | quote }} }
- name: CERTCTL_DATABASE_URL
  value: postgres://{{ .Values.postgresql.auth.username }}@{{ include "certctl.fullname" . }}-postgresql.{{ .Release.Namespace }}.svc:5432/{{ .Values.postgresql.auth.database }}
{{- else if $external.urlKey }}
- name: CERTCTL_DATABASE_URL
  valueFrom:
    secretKeyRef: { name: {{ $external.existingSecret | quote }}, key: {{ $external.urlKey | quote }} }
{{- else }}
- name: PGPASSWORD
  valueFrom:
    secretKeyRef: { name: {{ $external.existingSecret | quote }}, key: {{ $external.passwordKey | quote }} }
- name: CERTCTL_DATABASE_URL
  value: postgres://{{ $external.username }}@{{ $external.host }}:{{ int $external.port }}/{{ $external.database }}?uselibpqcompat=true&sslmode={{ $external.sslMode }}{{ if $external.caSecret.name }}&sslrootcert=/etc/certctl/database/ca.crt{{ end }}
{{- end }}
{{- end -}}
