import { once } from 'node:events';
import http from 'node:http';
import type net from 'node:net';

/** Who gets tokens. */
export const TOKEN_CLIENT = { username: 'app', password: 'app secret%' } as const;

/** An endpoint of the client credentials grant, on this machine. Its tokens are not signed. */
export interface TokenEndpoint {
  readonly url: string;
  /** What was asked for, with the answer's status. */
  readonly asked: readonly { readonly status: number; readonly form: string }[];
  close(): Promise<void>;
}

export const openTokenEndpoint = async (lastsS: number): Promise<TokenEndpoint> => {
  const asked: { status: number; form: string }[] = [];
  const { username, password } = TOKEN_CLIENT;
  const known = `Basic ${Buffer.from(`${username}:${encodeURIComponent(password)}`).toString('base64')}`;
  const answer = async (request: http.IncomingMessage, response: http.ServerResponse): Promise<void> => {
    let form = '';
    for await (const chunk of request) form += String(chunk);
    const status = request.headers.authorization === known ? 200 : 401;
    asked.push({ status, form });
    const body =
      status === 200
        ? { access_token: unsigned(username, lastsS), token_type: 'Bearer', expires_in: lastsS }
        : { error: 'invalid_client' };
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  const server = http.createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${String((server.address() as net.AddressInfo).port)}/token`,
    asked,
    close: async () => {
      server.closeAllConnections();
      await once(server.close(), 'close');
    },
  };
};

/** As Kafka's own validator for tests takes it. */
const unsigned = (sub: string, lastsS: number): string => {
  const now = Math.floor(Date.now() / 1_000);
  const parts = [{ alg: 'none' }, { sub, iat: now, exp: now + lastsS, scope: 'kafka' }];
  return `${parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.`;
};
