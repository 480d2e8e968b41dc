/** Tokens for brokers that ask for one (SASL OAUTHBEARER), by the client credentials grant (RFC 6749, KIP-768). */

export interface OAuthClient {
  readonly tokenUrl: string;
  readonly username: string;
  readonly password: string;
  readonly scope?: string;
}

const ANSWER_MAX_MS = 5_000;
/** Every connection asks for a token, and is tried again several times a second: what failed is asked again so soon. */
const AGAIN_MS = 1_000;
/**
 * No login with a token that ends so soon: brokers let it hold no longer than the token, kafkajs logs in again ten seconds
 * before that, and brokers refuse to be asked twice within a second. It also is in time for brokers whose clocks are ahead.
 */
const LEFT_MS = 30_000;
/** Of a token that does not say how long it lasts. */
const USUAL_S = 60;
const SHOWN_CHARS = 100;

interface Held {
  readonly token: Promise<string>;
  /** When another one is asked for. */
  until: number;
}

/** One for all connections that log in as this client. */
export class OAuthTokens {
  private held: Held | undefined;

  constructor(private readonly client: OAuthClient) {}

  /** Rejects where the endpoint gives none; the message has nothing secret. */
  token(): Promise<string> {
    if (this.held === undefined || performance.now() >= this.held.until) this.held = this.ask();
    return this.held.token;
  }

  private ask(): Held {
    const asked = askFor(this.client);
    const held: Held = { token: asked.then(({ token }) => token), until: Infinity };
    asked.then(
      ({ lastsMs }) => (held.until = performance.now() + lastsMs - LEFT_MS),
      () => (held.until = performance.now() + AGAIN_MS), // told to whoever waits for it
    );
    return held;
  }
}

const askFor = async (client: OAuthClient): Promise<{ readonly token: string; readonly lastsMs: number }> => {
  const { username, password, scope, tokenUrl } = client;
  const body = new URLSearchParams({ grant_type: 'client_credentials', ...(scope === undefined ? {} : { scope }) });
  const basic = Buffer.from(`${encodeURIComponent(username)}:${encodeURIComponent(password)}`).toString('base64');
  const answer = await fetch(tokenUrl, {
    ...{ method: 'POST', body, redirect: 'error', signal: AbortSignal.timeout(ANSWER_MAX_MS) },
    headers: { authorization: `Basic ${basic}`, accept: 'application/json' },
  }).catch((error: unknown) => {
    const { cause = error } = Object(error) as { readonly cause?: unknown };
    throw new Error(`the token endpoint does not answer: ${String(cause)}`, { cause: error });
  });
  const text = await answer.text();
  const { access_token: token, expires_in: seconds, error } = documentIn(text);
  if (typeof token === 'string' && answer.ok) {
    return { token, lastsMs: (typeof seconds === 'number' && seconds > 0 ? seconds : USUAL_S) * 1_000 };
  }
  const why = typeof error === 'string' ? ` (${error.slice(0, SHOWN_CHARS)})` : '';
  throw new Error(`the token endpoint gives no token: ${String(answer.status)}${why}`);
};

const documentIn = (text: string): Readonly<Record<string, unknown>> => {
  try {
    return Object(JSON.parse(text)) as Readonly<Record<string, unknown>>;
  } catch {
    return {}; // not of an endpoint for tokens: the status says the rest
  }
};
