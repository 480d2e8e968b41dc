import { QUARANTINE_CODES, type Refusal, REFUSAL_CODES } from '@drawdown/domain';
import { HttpException } from '@nestjs/common';
import { isProblemCode, PROBLEMS, statusOf } from './codes';
import { findings, Problem, problemDocument, quoted, refusalProblem } from './problem';
import { problemOf } from './problem.filter';

test('every refusal has a status', () => {
  for (const code of REFUSAL_CODES) expect(isProblemCode(code)).toBe(true);
  for (const code of REFUSAL_CODES) expect(statusOf(code)).toBeLessThan(500);
  expect(QUARANTINE_CODES.every((code) => typeof code === 'string')).toBe(true);
});

test('the document carries what RFC 9457 and the contract ask for', () => {
  const problem = refusalProblem({
    code: 'out_of_credits',
    detail: 'not enough',
    more: { required: '5', available: '1' },
  });
  expect(problemDocument(problem, 'req_1')).toEqual({
    type: 'urn:drawdown:problem:out_of_credits',
    title: PROBLEMS.out_of_credits[1],
    status: 402,
    detail: 'not enough',
    code: 'out_of_credits',
    request_id: 'req_1',
    errors: [],
    required: '5',
    available: '1',
  });
});

test('the code of a problem with findings is that of the first', () => {
  const about = (code: 'invalid_id' | 'invalid_interval', pointer: string) => ({ code, pointer, detail: 'x' });
  const mixed = findings([about('invalid_interval', '/a'), about('invalid_id', '/b')]);
  expect([mixed.code, mixed.errors.length]).toEqual(['invalid_id', 1]);
  expect(findings([about('invalid_interval', '/a')]).status).toBe(422);
});

test('two places to blame are two findings', () => {
  const refusal = { code: 'ambiguous_rate', detail: 'x', pointers: ['/rates/0', '/rates/1'] } as const;
  expect(refusalProblem(refusal).errors.map(({ pointer }) => pointer)).toEqual(refusal.pointers);
});

test('a refusal that only a newer release knows is answered again once this process is of that one', () => {
  // A worker of that release has said so: it is upgraded before the api.
  const refusal = { code: 'of_the_future', detail: 'x', pointer: '/amount' } as unknown as Refusal;
  const problem = problemDocument(refusalProblem(refusal), 'req_1');
  expect(problem).toMatchObject({ code: 'unavailable', status: 503, errors: [] });
  expect(problem['detail']).toContain('"of_the_future"');
  expect(refusalProblem(refusal).headers).toEqual({ 'retry-after': '30' });
});

test('errors of the layers below have their problem, bugs have none', () => {
  const below = (code: string): Error => Object.assign(new Error('select * from secrets'), { code });
  for (const code of ['unavailable', 'store_unavailable', 'stream_unavailable', 'database_unavailable']) {
    expect(problemOf(below(code))).toMatchObject({ code: 'unavailable', headers: { 'retry-after': '1' } });
  }
  const frozen = problemOf(below('organization_frozen'));
  expect(frozen).toMatchObject({ code: 'organization_frozen', status: 503, headers: {} });
  expect(frozen?.message).toMatch(/does not help.*DrawdownOrganizationFrozen/);
  expect(problemOf(below('record_too_large'))).toMatchObject({ status: 503, headers: { 'retry-after': '60' } });
  expect(problemOf(below('record_too_large'))?.message).toContain('larger than its topic is set to take');
  expect(problemOf(below('read_model_behind'))?.status).toBe(503);
  expect(problemOf(below('invalid_cursor'))?.status).toBe(400);
  expect(problemOf(below('toString'))).toBeUndefined();
  expect(problemOf(new HttpException('x', 413))?.code).toBe('payload_too_large');
  expect(problemOf(new TypeError('x of undefined'))).toBeUndefined();
  expect(JSON.stringify(problemOf(below('unavailable')))).not.toContain('select');
});

test('input in a message is cut and escaped', () => {
  expect(quoted('a\nb')).toBe('"a\\nb"');
  expect(quoted('x'.repeat(100))).toHaveLength(66);
  expect(new Problem('not_found', 'x').status).toBe(404);
});
