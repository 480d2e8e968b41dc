import { codesSchema, UsageCloudEvent } from '@drawdown/domain';
import type { OpenAPIObject } from '@nestjs/swagger';
import { CLOUD_EVENT_BATCH_TYPE, CLOUD_EVENT_TYPE, JSON_TYPE } from '../body/media-type';
import { type RouteRights, ROUTES } from '../access/routes';
import { PROBLEMS } from '../problems/codes';
import { ANSWERS } from './answer-table';
import { SCHEMAS } from './answers';
import { published } from './published';

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;
type ResponseObject = Operation['responses'][string];
type Parameter = NonNullable<Operation['parameters']>[number];

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;
const ref = (name: string): { $ref: string } => ({ $ref: `#/components/schemas/${name}` });

const header = (name: string, required: boolean, description: string): Parameter => ({
  name,
  in: 'header',
  required,
  description,
  schema: { type: 'string', maxLength: 255 },
});

const pathParameter = (name: string): Parameter => ({
  name,
  in: 'path',
  required: true,
  schema: { type: 'string', maxLength: 128 },
});

const EVENT_BODY: Operation['requestBody'] = {
  required: true,
  content: {
    [JSON_TYPE]: {
      schema: { oneOf: [ref('UsageEvent'), { type: 'array', items: ref('UsageEvent'), maxItems: 1000 }] },
    },
    [CLOUD_EVENT_TYPE]: { schema: ref('UsageEvent') },
    [CLOUD_EVENT_BATCH_TYPE]: { schema: { type: 'array', items: ref('UsageEvent'), maxItems: 1000 } },
  },
};

const parametersOf = (path: string, operation: Operation, rights: RouteRights): Parameter[] => {
  const given = operation.parameters ?? [];
  const missing = [...path.matchAll(/\{(\w+)\}/g)]
    .map(([, name = '']) => name)
    .filter(
      (name) => !given.some((parameter) => 'name' in parameter && parameter.in === 'path' && parameter.name === name),
    );
  const key = rights.idempotency;
  return [
    ...missing.map(pathParameter),
    ...given,
    ...(key === undefined
      ? []
      : [header('Idempotency-Key', key === 'required', 'the same key and body get the same answer')]),
    ...(rights.roles.length === 0 ? [] : [header('Drawdown-User', false, 'the person that a key with admin acts for')]),
  ];
};

const rightsText = ({ scopes, roles }: RouteRights): string => {
  if (scopes.length === 0) return 'For people, and keys with `admin` that act for one.';
  const key = `Keys need the scope ${scopes.map((scope) => `\`${scope}\``).join(' or ')}.`;
  return roles.length === 0 ? key : `${key} People need the role ${roles.map((role) => `\`${role}\``).join(' or ')}.`;
};

const sizeText = ({ bodyBytesMax }: RouteRights): string =>
  bodyBytesMax === undefined
    ? ''
    : ` Its body is at most ${String(bodyBytesMax)} bytes, white space between values not counted.`;

const complete = (method: string, path: string, operation: Operation): Operation => {
  const route = `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`;
  const rights = ROUTES[route];
  const answer = ANSWERS[route];
  if (rights === undefined || rights === 'public' || answer === undefined) {
    throw new Error(`${route} is missing in the table of ${rights === undefined ? 'routes' : 'answers'}`);
  }
  const answers = answer.map(([status, schema]): [string, ResponseObject] => [
    String(status),
    { description: 'done', content: { [JSON_TYPE]: { schema: ref(schema) } } },
  ]);
  return {
    ...operation,
    description: rightsText(rights) + sizeText(rights),
    parameters: withNull(parametersOf(path, operation, rights)) as Parameter[],
    ...(rights.body === 'events' ? { requestBody: EVENT_BODY } : {}),
    responses: {
      ...Object.fromEntries(answers),
      default: { description: 'a problem', content: { 'application/problem+json': { schema: ref('Problem') } } },
    },
  };
};

const problemCode = codesSchema(
  Object.fromEntries(Object.entries(PROBLEMS).map(([code, [status, title]]) => [code, `${String(status)}, ${title}`])),
);

const problemSchema = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'code', 'request_id', 'errors'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: problemCode,
    request_id: { type: 'string' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['pointer', 'code', 'detail'],
        properties: { pointer: { type: 'string' }, code: problemCode, detail: { type: 'string' } },
      },
    },
  },
};

/** `nullable`, which the generator writes, as OpenAPI 3.1 has it: a type among the types. */
const withNull = (schema: unknown): unknown => {
  if (Array.isArray(schema)) return schema.map(withNull);
  if (typeof schema !== 'object' || schema === null) return schema;
  const { nullable, ...rest } = Object.fromEntries(
    Object.entries(schema as Record<string, unknown>).map(([key, value]) => [key, withNull(value)]),
  );
  if (nullable !== true) return nullable === undefined ? rest : { ...rest, nullable };
  const { type, allOf, description, ...others } = rest;
  if (Array.isArray(allOf))
    return {
      oneOf: [...(allOf as unknown[]), { type: 'null' }],
      ...(description === undefined ? {} : { description }),
    };
  const values: unknown = others['enum'];
  return {
    ...rest,
    type: [type, 'null'],
    ...(Array.isArray(values) ? { enum: [...(values as unknown[]), null] } : {}),
  };
};

/**
 * Adds what no decorator says: path parameters, headers, who may call, the body of usage, answers, problems. Paths and
 * schemas come out sorted, so that the document changes only where the code does.
 */
export const completed = (document: OpenAPIObject): OpenAPIObject => {
  const paths = Object.entries(document.paths)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, item]) => {
      const operations = METHODS.flatMap((method) => {
        const operation = item[method];
        return operation === undefined ? [] : [[method, complete(method, path, operation)] as const];
      });
      return [path, Object.fromEntries(operations)] as const;
    });
  const bodies = withNull(document.components?.schemas ?? {}) as Record<string, object>;
  const schemas = { ...bodies, ...SCHEMAS, UsageEvent: UsageCloudEvent, Problem: problemSchema };
  const sorted = Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1));
  return published({
    ...document,
    paths: Object.fromEntries(paths),
    components: { ...document.components, schemas: Object.fromEntries(sorted) },
  } as OpenAPIObject);
};
