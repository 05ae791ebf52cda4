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
