{{/* By what name and certificate the server is reached, from where, and who watches it. */}}
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
