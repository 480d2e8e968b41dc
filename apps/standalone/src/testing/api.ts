import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { ADMIN_KEY } from './server-process';

export interface Reply {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** A request as any client would send it: JSON, with the admin key. Rejects where no answer comes. */
export const send = async (
  url: string,
  method: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Reply> => {
  const response = await fetch(url, {
    method,
    headers: {
      authorization: `Bearer ${ADMIN_KEY}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(30_000),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
};

/** How long read models may be behind what was written, on a machine that others use at the same time. */
const BEHIND_MAX_MS = 120_000;

class UnexpectedAnswer extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** The body of an answer that must be a success. A read of what is not shown yet is asked again, as its answer says. */
export const must = async (...request: Parameters<typeof send>): Promise<Record<string, unknown>> => {
  const deadline = performance.now() + BEHIND_MAX_MS;
  for (;;) {
    const { status, body } = await send(...request);
    if (status < 300) return body;
    if (body['code'] === 'read_model_behind' && performance.now() < deadline) continue;
    throw new UnexpectedAnswer(status, `${request[1]} ${request[0]}: ${String(status)} ${JSON.stringify(body)}`);
  }
};

/** For an answer of processes of which some are being started again. */
const ANSWER_MAX_MS = 60_000;

/** Like {@link must}, and sent again, under one key, as long as nobody answers or the answer is 503: as clients are told to. */
export const insist: typeof must = async (url, method, body, headers = {}) => {
  const key = method === 'GET' ? {} : { 'idempotency-key': randomUUID() };
  for (const end = performance.now() + ANSWER_MAX_MS; ; await pause(200)) {
    try {
      return await must(url, method, body, { ...key, ...headers });
    } catch (error) {
      const isOver = performance.now() > end;
      if (isOver || (error instanceof UnexpectedAnswer && error.status !== 503)) throw error;
    }
  }
};

/** The first answer that is not 503, with how many tries it took: for what is known by its content, without a key. */
export const untilAvailable = async (ask: () => Promise<Reply>): Promise<Reply & { readonly tries: number }> => {
  const end = performance.now() + ANSWER_MAX_MS;
  for (let tries = 1; ; tries++) {
    const reply = await ask();
    if (reply.status !== 503 || performance.now() > end) return { ...reply, tries };
    await pause(200);
  }
};

/** Where an organization stands in the log, as the memory of its owner has it. */
export const headOf = async (url: string, organization: string): Promise<string> => {
  const wallet = await must(`${url}/v1/organizations/${organization}/wallets/credits`, 'GET');
  return (wallet['as_of'] as { readonly position: string }).position;
};

/** All items of a list, page by page; the address may say how large those are. */
export const all = async (url: string, ask: typeof must = must): Promise<Record<string, unknown>[]> => {
  const items: Record<string, unknown>[] = [];
  let cursor: unknown = null;
  do {
    const next = new URL(url);
    if (!next.searchParams.has('limit')) next.searchParams.set('limit', '500');
    if (typeof cursor === 'string') next.searchParams.set('cursor', cursor);
    const page = await ask(next.href, 'GET');
    items.push(...(page['data'] as Record<string, unknown>[]));
    cursor = page['next_cursor'];
  } while (typeof cursor === 'string');
  return items;
};

/** Does something for each item, a few at a time. */
export const forEach = async <T>(
  items: readonly T[],
  width: number,
  act: (item: T) => Promise<void>,
): Promise<void> => {
  const rest = [...items];
  const worker = async (): Promise<void> => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await act(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
};
