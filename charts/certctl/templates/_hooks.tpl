{{/*
Jobs of our own image that run before an installation or upgrade. Nothing of the release is there yet, so that whatever a
Job needs is a hook too, of a smaller weight, and goes with it.
*/}}
{{- define "certctl.hookAnnotations" -}}
helm.sh/hook: pre-install,pre-upgrade
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}

{{/* dict "root" $ "component" "migrate" "weight" "-10" */}}
{{- define "certctl.hookMetadata" -}}
name: {{ printf "%s-%s" (include "certctl.fullname" .root) .component | quote }}
namespace: {{ .root.Release.Namespace | quote }}
labels:
  {{- include "certctl.labels" . | nindent 2 }}
annotations:
  {{- include "certctl.hookAnnotations" .weight | nindent 2 }}
{{- end -}}

{{/* The Job and its ServiceAccount. dict "root" $ "component" "migrate" "token" false "container" "YAML" "volumes" "YAML" */}}
{{- define "certctl.hookJob" -}}
{{- $values := .root.Values -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "certctl.hookMetadata" (merge (dict "weight" "-10") .) | nindent 2 }}
automountServiceAccountToken: false
---
apiVersion: batch/v1
kind: Job
metadata:
  {{- include "certctl.hookMetadata" (merge (dict "weight" "0") .) | nindent 2 }}
spec:
  backoffLimit: 6
  activeDeadlineSeconds: {{ .deadlineSeconds }}
  template:
    metadata:
      labels:
        {{- include "certctl.podLabels" . | nindent 8 }}
    spec:
      {{- with include "certctl.imagePullSecrets" .root }}
      {{- . | nindent 6 }}
      {{- end }}
      serviceAccountName: {{ printf "%s-%s" (include "certctl.fullname" .root) .component | quote }}
      automountServiceAccountToken: {{ .token }}
      enableServiceLinks: false
      restartPolicy: Never
      securityContext:
        {{- include "certctl.podSecurityContext" $values.server.podSecurityContext | nindent 8 }}
      {{- with $values.server.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.server.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      containers:
        - name: {{ .component }}
          image: {{ include "certctl.image" (dict "root" .root "image" $values.image "tag" .root.Chart.AppVersion) | quote }}
          imagePullPolicy: {{ $values.image.pullPolicy }}
          args: {{ toJson .args }}
          env:
            {{- .environment | trim | nindent 12 }}
          resources:
            {{- toYaml $values.jobs.resources | nindent 12 }}
          securityContext:
            {{- include "certctl.containerSecurityContext" .root | nindent 12 }}
          terminationMessagePolicy: FallbackToLogsOnError
          volumeMounts:
            - { name: tmp, mountPath: /tmp }
            {{- with .mounts }}
            {{- . | trim | nindent 12 }}
            {{- end }}
      volumes:
        - name: tmp
          emptyDir: { sizeLimit: 16Mi }
        {{- with .volumes }}
        {{- . | trim | nindent 8 }}
        {{- end }}
{{- end -}}
