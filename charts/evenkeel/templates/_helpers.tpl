{{- /* The chart's name, as a label. */}}
{{- define "evenkeel.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* The name of most objects: the release's, and the chart's where that doesn't hold it. Suffixes need room. */}}
{{- define "evenkeel.fullname" -}}
{{- $name := include "evenkeel.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- /* What never changes over upgrades. */}}
{{- define "evenkeel.selectorLabels" -}}
app.kubernetes.io/name: {{ include "evenkeel.name" . }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "evenkeel.labels" -}}
{{ include "evenkeel.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "evenkeel.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- .Values.serviceAccount.name | default (include "evenkeel.fullname" .) }}
{{- else }}
{{- .Values.serviceAccount.name | default "default" }}
{{- end }}
{{- end }}

{{- define "evenkeel.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- end }}
{{- end }}

{{- /* Flags that a value stands for, and which: the program refuses a flag that is given twice. */}}
{{- define "evenkeel.flags" -}}
--installation: installation
--namespace: watchNamespaces
--listen: listen.address and listen.port
--metrics-token-file: listen.tokenSecret
--lease-namespace: the release's namespace
--lease-name: leaderElection.leaseName
--lease-seconds: leaderElection.leaseSeconds
--max-concurrent-disruptions: limits.maxConcurrentDisruptions
--max-added-nodes: limits.maxAddedNodes
--max-test-failovers: limits.maxTestFailovers
--poll-descriptions-seconds: poll.descriptionsSeconds
--poll-events-seconds: poll.eventsSeconds
--poll-metrics-seconds: poll.metricsSeconds
--log: log.filter
--log-format: log.format
--aws-endpoint-url: aws.endpointUrl
{{- end }}

{{- /* Refuses what would contradict the chart's own arguments and variables. */}}
{{- define "evenkeel.validate" -}}
{{- $stock := (.Files.Get "files/crds/hastacks.evenkeel.dev.yaml" | fromYaml).spec.versions | first }}
{{- $stock = $stock.schema.openAPIV3Schema.properties.spec.properties.guardrails.default }}
{{- range $field, $default := .Values.guardrailDefaults }}
{{- if and (not $.Values.crds.enabled) (ne (toString $default) (toString (get $stock $field))) }}
{{- fail (printf "guardrailDefaults.%s stands in the CustomResourceDefinition: set crds.enabled, or leave it out and change the definition where it is installed" $field) }}
{{- end }}
{{- end }}
{{- $flags := include "evenkeel.flags" . | fromYaml }}
{{- range .Values.extraArgs }}
{{- $flag := splitList "=" . | first }}
{{- if hasKey $flags $flag }}
{{- fail (printf "extraArgs: %s is set by the chart; change %s instead" $flag (get $flags $flag)) }}
{{- end }}
{{- end }}
{{- $own := dict "POD_NAME" "the chart's own" "POD_UID" "the chart's own" "EVENKEEL_IDENTITY" "the chart's own" }}
{{- if .Values.aws.region }}
{{- $_ := set $own "AWS_REGION" "set by aws.region" }}
{{- end }}
{{- range .Values.extraEnv }}
{{- if hasKey $own .name }}
{{- fail (printf "extraEnv: %s is %s; leave it out" .name (get $own .name)) }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Writes defaults, and what descriptions say of them (kubectl explain shows no defaults), into the HAStack's definition. */}}
{{- define "evenkeel.setGuardrailDefaults" -}}
{{- range .crd.spec.versions }}
{{- $guardrails := .schema.openAPIV3Schema.properties.spec.properties.guardrails }}
{{- range $field, $default := $.defaults }}
{{- $property := get $guardrails.properties $field }}
{{- $was := toString $property.default }}
{{- $is := toString $default }}
{{- $_ := set $property "description" ($property.description | replace (printf "Default %s." $was) (printf "Default %s." $is)) }}
{{- $_ := set $property "default" $default }}
{{- $_ := set $guardrails.default $field $default }}
{{- end }}
{{- end }}
{{- end }}
