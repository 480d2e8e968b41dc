import { ADMIN_KEY } from './in-memory';

export interface Called {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}
export type Call = (
  method: string,
  path: string,
  json?: unknown,
  headers?: Readonly<Record<string, string>>,
) => Promise<Called>;

/** Sends requests as the admin, by the key of servers in memory unless another is given, and shows what came back, whatever it is. A text is sent as it is, all else as JSON. */
export const callingAt =
  (url: () => string, adminKey = ADMIN_KEY): Call =>
  async (method, path, json, headers = {}) => {
    const response = await fetch(url() + path, {
      method,
      headers: {
        authorization: `Bearer ${adminKey}`,
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(json === undefined ? {} : { body: typeof json === 'string' ? json : JSON.stringify(json) }),
    });
    return { status: response.status, headers: response.headers, body: (await response.json()) as Called['body'] };
  };
