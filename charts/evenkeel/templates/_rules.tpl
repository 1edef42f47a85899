{{- /* What the controller may do with HAStacks, each verb with its reason. deploy/rbac.yaml is rendered from here. */}}
{{- define "evenkeel.stackRules" -}}
# list, watch: the HAStacks to keep. get: the newest version, where a write of ours was refused or its answer lost.
- apiGroups: [evenkeel.dev]
  resources: [hastacks]
  verbs: [get, list, watch]
# patch: status and record, by server-side apply.
- apiGroups: [evenkeel.dev]
  resources: [hastacks/status]
  verbs: [patch]
# create: what changed, and why not, for `kubectl describe`. patch: the same again becomes a series.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}

{{- /* What it may do with AWSAccounts, which belong to no namespace. */}}
{{- define "evenkeel.accountRules" -}}
# list, watch: the accounts that HAStacks may name.
- apiGroups: [evenkeel.dev]
  resources: [awsaccounts]
  verbs: [list, watch]
# patch: what came of assuming the role, by server-side apply.
- apiGroups: [evenkeel.dev]
  resources: [awsaccounts/status]
  verbs: [patch]
# list, watch: labels (metadata alone), from when an AWSAccount selects namespaces by label.
- apiGroups: [""]
  resources: [namespaces]
  verbs: [list, watch]
{{- end }}

{{- /* What it may do in its own namespace. */}}
{{- define "evenkeel.ownRules" -}}
# get: who leads. update: lead, renew, give back.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ .Values.leaderElection.leaseName }}]
  verbs: [get, update]
# create: the first start (a name can't be required of what doesn't exist yet).
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
# get: the stop switch, every 1.5 s; what was known of the zones before a restart.
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [evenkeel-stop, evenkeel-memory]
  verbs: [get]
# patch: what is known of zones in trouble, for the next leader.
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [evenkeel-memory]
  verbs: [patch]
# create: those notes for the first time; the stop switch, when the breaker trips.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [create]
{{- end }}
