export { OidcTokens } from './access/oidc/oidc-tokens';
export { PersonTokens } from './access/person-tokens';
export { HttpModule, type HttpParts } from './http.module';
export { schemaFiles } from './openapi/schema-files';
export { createHttp } from './server/create-http';
export { createLogger, HttpLog, LOG_LEVELS } from './server/http-log';
export { PrometheusMetrics } from './server/metrics';
export { Readiness, type ReadinessCheck, type ReadinessReport } from './server/readiness';
export { HttpSettings } from './server/settings';
