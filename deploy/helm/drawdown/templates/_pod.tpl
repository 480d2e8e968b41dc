{{/* The pod of a process: root, name and process of the values. */}}
{{- define "drawdown.pod" -}}
{{- $values := .root.Values -}}
{{- $ca := and $values.kafka.tls.enabled $values.kafka.tls.caSecret.name -}}
{{- $client := and $values.kafka.tls.enabled $values.kafka.tls.clientSecret.name -}}
{{- $storeCa := $values.eventStore.caSecret.name -}}
{{- $databaseCa := and (ne .name "relay") $values.database.caSecret.name -}}
metadata:
  labels:
    {{- include "drawdown.labels" . | nindent 4 }}
  {{- with $values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ .root.Release.Name }}-drawdown
  automountServiceAccountToken: false
  # Otherwise a Service called drawdown-… becomes variables called DRAWDOWN_…, which are taken for misspelt settings.
  enableServiceLinks: false
  # A process drains and stops within 10 s.
  terminationGracePeriodSeconds: 45
  securityContext:
    runAsNonRoot: true
    runAsUser: 1000
    runAsGroup: 1000
    fsGroup: 1000
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  {{- with $values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "drawdown.labels" . | nindent 10 }}
  {{- with $values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: {{ .name }}
      image: {{ include "drawdown.image" . }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      command: [node, --max-semi-space-size=64, --min-semi-space-size=32, --no-allocation-site-pretenuring, --enable-source-maps, dist/apps/{{ .name }}/src/main.js]
      env:
        {{- include "drawdown.environment" . | nindent 8 }}
      ports:
        - name: http
          containerPort: 3000
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      # It listens before it waits for its servers; what comes before that is slow where a node has no processor to spare.
      startupProbe:
        httpGet: { path: /livez, port: http }
        periodSeconds: 2
        failureThreshold: 150
      # Alive is a turning event loop, whatever the servers do: a restart would not bring those back.
      livenessProbe:
        httpGet: { path: /livez, port: http }
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: { path: /readyz, port: http }
        periodSeconds: 5
        timeoutSeconds: 3
        failureThreshold: 2
      {{- if eq .name "api" }}
      lifecycle:
        preStop:
          # Until every balancer has heard that this pod is leaving.
          exec:
            command: [node, -e, 'setTimeout(() => undefined, 5000)']
      {{- end }}
      resources:
        {{- toYaml .process.resources | nindent 8 }}
      volumeMounts:
        - name: data
          mountPath: /data
        - name: tmp
          mountPath: /tmp
        {{- if $ca }}
        - name: kafka-ca
          mountPath: /etc/kafka-ca
          readOnly: true
        {{- end }}
        {{- if $client }}
        - name: kafka-client
          mountPath: /etc/kafka-client
          readOnly: true
        {{- end }}
        {{- if $storeCa }}
        - name: eventstore-ca
          mountPath: /etc/eventstore-ca
          readOnly: true
        {{- end }}
        {{- if $databaseCa }}
        - name: database-ca
          mountPath: /etc/database-ca
          readOnly: true
        {{- end }}
  volumes:
    - name: data
      emptyDir: {}
    - name: tmp
      emptyDir: { sizeLimit: 64Mi }
    {{- if $ca }}
    - name: kafka-ca
      secret:
        secretName: {{ $values.kafka.tls.caSecret.name }}
    {{- end }}
    {{- if $client }}
    - name: kafka-client
      secret:
        secretName: {{ $client }}
    {{- end }}
    {{- /* Addresses name these files and are in Secrets, which this cannot read: so their names do not depend on a key. */}}
    {{- if $storeCa }}
    - name: eventstore-ca
      secret:
        secretName: {{ $storeCa }}
        items:
          - key: {{ $values.eventStore.caSecret.key }}
            path: ca.crt
    {{- end }}
    {{- if $databaseCa }}
    - name: database-ca
      secret:
        secretName: {{ $databaseCa }}
        items:
          - key: {{ $values.database.caSecret.key }}
            path: ca.crt
    {{- end }}
{{- end }}
