import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';

export const AUDIENCE = 'drawdown-test';

interface Key {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly jwk: JWK;
}

interface SignOptions {
  readonly claims?: JWTPayload;
  readonly header?: Readonly<Record<string, unknown>>;
  /** Signs under this key id; that of the newest key unless said. */
  readonly kid?: string | null;
}

/** An OpenID Connect issuer on loopback, as far as whoever checks its tokens sees it. */
export interface Issuer {
  readonly url: string;
  /** How often its keys were asked for. */
  readonly asked: () => number;
  /** Signs with another key from now on; the others stay published unless `withdraw`. */
  readonly rotate: (options?: { readonly withdraw?: boolean; readonly publish?: boolean }) => Promise<void>;
  /** A token for a person, valid for 5 minutes; `undefined` claims are left out. */
  readonly sign: (sub: string, options?: SignOptions) => Promise<string>;
  /** PEM of the key that is signed with now. */
  readonly publicPem: () => Promise<string>;
  /** What it answers from now on instead of its documents; null: them again. */
  readonly breakWith: (status: number | null) => void;
  /** Says in its discovery document that it is another one. */
  readonly pretend: (name: string) => void;
  readonly close: () => Promise<void>;
}

const makeKey = async (kid: string): Promise<Key> => {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  return { kid, privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' } };
};

export const openIssuer = async (): Promise<Issuer> => {
  let [serial, asked, name] = [1, 0, ''];
  let broken: number | null = null;
  let signing = await makeKey('key-1');
  let published = [signing];
  const server = createServer((request, response) => {
    const isKeys = request.url === '/keys';
    if (isKeys) asked++;
    const known = isKeys || request.url === '/.well-known/openid-configuration';
    const body = isKeys ? { keys: published.map(({ jwk }) => jwk) } : { issuer: name, jwks_uri: `${url}/keys` };
    response.writeHead(broken ?? (known ? 200 : 404), { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  name = url;
  return {
    url,
    asked: () => asked,
    rotate: async ({ withdraw = false, publish = true } = {}) => {
      signing = await makeKey(`key-${String(++serial)}`);
      if (publish) published = withdraw ? [signing] : [...published, signing];
    },
    sign: (sub, { claims = {}, header = {}, kid = signing.kid } = {}) => {
      const now = Math.floor(Date.now() / 1000);
      const payload = { iss: url, aud: AUDIENCE, sub, iat: now, exp: now + 300, ...claims };
      const protectedHeader = { alg: 'ES256', ...(kid === null ? {} : { kid }), ...header };
      return new SignJWT(payload).setProtectedHeader(protectedHeader).sign(signing.privateKey);
    },
    publicPem: () => exportSPKI(signing.publicKey),
    breakWith: (status) => (broken = status),
    pretend: (other) => (name = other),
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
};
