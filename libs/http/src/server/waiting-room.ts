import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Problem, PROBLEM_TYPE, problemDocument } from '../problems/problem';
import { listening } from './listening';
import type { Readiness } from './readiness';

export interface WaitingRoom {
  readonly port: number;
  /** Frees the port; whoever is connected has to come again. */
  readonly close: () => Promise<void>;
}

/**
 * Answers at the port of a process that cannot open what it needs yet: that it lives, that it is not ready and why, and to
 * every request that it should be sent again. Nothing of it is looked at: nobody can say yet who may do what.
 * Rejects with CannotListen.
 */
export const openWaitingRoom = async (host: string, port: number, readiness: Readiness): Promise<WaitingRoom> => {
  const server = createServer((request, response) => {
    request.resume(); // whoever is sending a body reads the answer after it
    answer(request, response, readiness).catch(() => response.destroy());
  });
  await listening(server, { host, port });
  const close = async (): Promise<void> => {
    const closed = once(server.close(), 'close');
    server.closeAllConnections();
    await closed;
  };
  return { port: (server.address() as AddressInfo).port, close };
};

const answer = async ({ url }: IncomingMessage, response: ServerResponse, readiness: Readiness): Promise<void> => {
  const [path] = (url ?? '').split('?');
  if (path === '/livez') send(response, 200, 'application/json', { status: 'alive' });
  else if (path === '/readyz') {
    const { checks } = await readiness.report();
    send(response, 503, 'application/json', { status: 'not_ready', checks });
  } else {
    const problem = new Problem('unavailable', 'starting: /readyz says what is waited for; send it again');
    send(response, problem.status, PROBLEM_TYPE, problemDocument(problem, `req_${randomUUID()}`));
  }
};

const send = (response: ServerResponse, status: number, type: string, body: object): void => {
  response.writeHead(status, { 'content-type': type, ...(status === 503 ? { 'retry-after': '1' } : {}) });
  response.end(JSON.stringify(body));
};
