{{/* What a text such as 1h30m or 1.5Gi amounts to: the sum of its numbers, each times its unit. dict "text" "units" */}}
{{- define "certctl.amount" -}}
{{- $total := 0 -}}
{{- range regexFindAll "[0-9.]+[a-zA-Z]*" .text -1 -}}
{{- $unit := regexFind "[a-zA-Z]*$" . -}}
{{- $total = addf $total (mulf (trimSuffix $unit .) (get $.units $unit)) -}}
{{- end -}}
{{- $total -}}
{{- end -}}

{{- define "certctl.milliseconds" -}}
{{- include "certctl.amount" (dict "text" . "units" (dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000)) -}}
{{- end -}}

{{/* A quantity of Kubernetes, in bytes or whatever else is counted. */}}
{{- define "certctl.quantity" -}}
{{- $units := dict "" 1 "m" 0.001 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 "Pi" 1125899906842624 "Ei" 1152921504606846976 -}}
{{- $text := ternary (printf "%f" .) (toString .) (kindIs "float64" .) -}}
{{- include "certctl.amount" (dict "text" $text "units" $units) -}}
{{- end -}}
