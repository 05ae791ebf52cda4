{{/*
How a ServiceMonitor knows the listener: the CA that clients trust, and the name that every replica's certificate has. No
CA: the certificate is of one that is trusted already.
*/}}
{{- define "certctl.scrapeTrust" -}}
{{- $files := include "certctl.tlsFiles" . | fromYaml -}}
{{- $name := include "certctl.fullname" . -}}
{{- if eq .Values.tls.mode "selfSigned" -}}
ca: { configMap: { name: certctl-trust, key: ca.crt } }
{{ else if not $files.CERTCTL_TLS_CA_FILE -}}
{{- else if eq .Values.tls.mode "existingSecret" -}}
ca: { secret: { name: {{ .Values.tls.existingSecret.name | quote }}, key: {{ .Values.tls.existingSecret.caKey | quote }} } }
{{ else -}}
ca: { secret: { name: {{ $name }}-tls, key: ca.crt } }
{{ end -}}
serverName: {{ .Values.monitoring.serviceMonitor.serverName | default (include "certctl.urlHost" (include "certctl.clientUrl" .)) | quote }}
{{- end -}}
