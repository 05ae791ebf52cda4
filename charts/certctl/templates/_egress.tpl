{{- define "certctl.dnsEgress" -}}
{{- $dns := .Values.networkPolicy.dns -}}
{{- $ports := $dns.ports -}}
{{- range concat .Values.acmeServer.resolvers .Values.acmeServer.validation.resolversCap -}}
{{- if regexMatch "^([0-9.]+|[[].*[]]):[0-9]+$" . }}{{ $ports = append $ports (regexFind "[0-9]+$" . | int) }}{{ end -}}
{{- end -}}
- ports:
    {{- range $ports | uniq }}
    - { port: {{ int . }}, protocol: UDP }
    - { port: {{ int . }}, protocol: TCP }
    {{- end }}
  {{- with $dns.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- define "certctl.apiServerEgress" -}}
{{- $apiServer := .Values.networkPolicy.apiServer -}}
- ports:
    {{- range $apiServer.ports }}
    - { port: {{ int . }}, protocol: TCP }
    {{- end }}
  {{- with $apiServer.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- define "certctl.databaseEgress" -}}
{{- if .Values.postgresql.enabled -}}
- ports: [{ port: 5432, protocol: TCP }]
  to:
    - podSelector:
        matchLabels:
          {{- include "certctl.selectorLabels" (dict "root" . "component" "postgresql") | nindent 10 }}
{{- else -}}
- ports: [{ port: {{ int .Values.externalDatabase.port }}, protocol: TCP }]
  {{- with .Values.networkPolicy.database.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
{{- end -}}
