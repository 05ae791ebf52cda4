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
