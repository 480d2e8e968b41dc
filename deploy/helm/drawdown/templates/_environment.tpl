{{/* The settings of a process, the same names as in deploy/README.md. */}}
{{- define "drawdown.environment" -}}
{{- $values := .root.Values -}}
- name: EVENTSTORE_URL
  valueFrom:
    secretKeyRef: {{ dict "name" $values.eventStore.urlSecret.name "key" $values.eventStore.urlSecret.key | toJson }}
- name: KAFKA_BROKERS
  value: {{ $values.kafka.brokers | quote }}
{{- if $values.kafka.tls.enabled }}
- name: KAFKA_TLS
  value: '1'
{{- if $values.kafka.tls.caSecret.name }}
- name: KAFKA_TLS_CA
  value: /etc/kafka-ca/{{ $values.kafka.tls.caSecret.key }}
{{- end }}
{{- if $values.kafka.tls.clientSecret.name }}
- name: KAFKA_TLS_CERT
  value: /etc/kafka-client/{{ $values.kafka.tls.clientSecret.certKey }}
- name: KAFKA_TLS_KEY
  value: /etc/kafka-client/{{ $values.kafka.tls.clientSecret.keyKey }}
{{- end }}
{{- end }}
{{- if $values.kafka.sasl.mechanism }}
- name: KAFKA_SASL_MECHANISM
  value: {{ $values.kafka.sasl.mechanism }}
- name: KAFKA_SASL_USERNAME
  valueFrom:
    secretKeyRef: {{ dict "name" $values.kafka.sasl.secret.name "key" $values.kafka.sasl.secret.usernameKey | toJson }}
- name: KAFKA_SASL_PASSWORD
  valueFrom:
    secretKeyRef: {{ dict "name" $values.kafka.sasl.secret.name "key" $values.kafka.sasl.secret.passwordKey | toJson }}
{{- if eq $values.kafka.sasl.mechanism "oauthbearer" }}
- name: KAFKA_SASL_TOKEN_URL
  value: {{ $values.kafka.sasl.tokenUrl | quote }}
{{- if $values.kafka.sasl.scope }}
- name: KAFKA_SASL_SCOPE
  value: {{ $values.kafka.sasl.scope | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- if $values.kafka.replication }}
- name: KAFKA_REPLICATION
  value: {{ $values.kafka.replication | quote }}
{{- end }}
- name: DRAWDOWN_SHARDS
  value: {{ $values.shards | quote }}
- name: DRAWDOWN_LOG_LEVEL
  value: {{ $values.logLevel }}
{{- if and (eq .name "worker") $values.newTopics }}
- name: DRAWDOWN_NEW_TOPICS
  value: {{ join "," $values.newTopics | quote }}
{{- end }}
{{- /* The worker compares its clock with the database's and keeps snapshots there, by four connections of its own. */}}
{{- if or (eq .name "api") (eq .name "worker") (hasSuffix "-projector" .name) (eq .name "projectors") }}
- name: DATABASE_URL
  valueFrom:
    secretKeyRef: {{ dict "name" $values.database.urlSecret.name "key" $values.database.urlSecret.key | toJson }}
{{- if ne .name "worker" }}
- name: DRAWDOWN_DATABASE_CONNECTIONS
  value: {{ $values.database.connections | quote }}
{{- end }}
{{- end }}
{{- if and (eq .name "projectors") $values.readModels }}
- name: DRAWDOWN_READ_MODELS
  value: {{ join "," $values.readModels | quote }}
{{- end }}
{{- if and (eq .name "api") $values.oidc.issuer }}
- name: DRAWDOWN_OIDC_ISSUER
  value: {{ $values.oidc.issuer | quote }}
- name: DRAWDOWN_OIDC_AUDIENCE
  value: {{ $values.oidc.audience | quote }}
{{- if $values.oidc.userClaim }}
- name: DRAWDOWN_OIDC_USER_CLAIM
  value: {{ $values.oidc.userClaim | quote }}
{{- end }}
{{- end }}
{{- if and (eq .name "api") $values.adminKeySecret.name }}
- name: DRAWDOWN_ADMIN_KEY
  valueFrom:
    secretKeyRef: {{ dict "name" $values.adminKeySecret.name "key" $values.adminKeySecret.key | toJson }}
{{- end }}
{{- end }}
