import { OAuthTokens } from './oauth-tokens';
import { openTokenEndpoint, TOKEN_CLIENT, type TokenEndpoint } from './testing/token-endpoint';
import { until } from './testing/reading';

let endpoint: TokenEndpoint;
afterEach(() => endpoint.close());

test('whoever logs in at the same time, or while a token lasts, does so with the same one', async () => {
  endpoint = await openTokenEndpoint(3_600);
  const tokens = new OAuthTokens({ ...TOKEN_CLIENT, tokenUrl: endpoint.url, scope: 'kafka read' });
  const [first, second] = await Promise.all([tokens.token(), tokens.token()]);
  expect(first).toMatch(/^[\w-]+\.[\w-]+\.$/);
  expect([second, await tokens.token()]).toEqual([first, first]);
  expect(endpoint.asked).toEqual([{ status: 200, form: 'grant_type=client_credentials&scope=kafka+read' }]);
});

test('another one is asked for before it ends', async () => {
  endpoint = await openTokenEndpoint(31);
  const tokens = new OAuthTokens({ ...TOKEN_CLIENT, tokenUrl: endpoint.url });
  const from = performance.now();
  await until('it is asked again', async () => {
    await tokens.token();
    return endpoint.asked.length > 1;
  });
  expect(performance.now() - from).toBeGreaterThan(700);
  expect(endpoint.asked.length).toBe(2);
});

test('a refusal says why and nothing secret, and is not asked for again by each connection', async () => {
  endpoint = await openTokenEndpoint(1);
  const tokens = new OAuthTokens({ username: 'app', password: 'hush', tokenUrl: endpoint.url });
  for (let n = 0; n < 3; n++) {
    const asked = tokens.token();
    await expect(asked).rejects.toThrow('the token endpoint gives no token: 401 (invalid_client)');
    await expect(asked).rejects.not.toThrow('hush');
  }
  expect(endpoint.asked.length).toBe(1);
  await until('it is asked again after a while', async () => {
    await tokens.token().catch(() => undefined); // the same
    return endpoint.asked.length === 2;
  });
});

test('an endpoint that is not there is said to be that', async () => {
  endpoint = await openTokenEndpoint(1);
  const tokens = new OAuthTokens({ ...TOKEN_CLIENT, tokenUrl: 'http://127.0.0.1:9/token' });
  await expect(tokens.token()).rejects.toThrow(/the token endpoint does not answer: .*/);
});
