{{- define "certctl.dnsEgress" -}}
{{- $dns := .Values.networkPolicy.dns -}}
- ports:
    {{- range $dns.ports }}
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
