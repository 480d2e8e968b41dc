import { EventStoreDBClient } from '@eventstore/db-client';
import { BadConnectionString, checkConnectionString, distinct } from './connection-string';
import { openEventStoreDb } from './event-store';
import { checkEventStoreDb } from './start-check';

test.each([
  'esdb://host:2113?tls=false',
  'esdb://host',
  'esdb://me:pa%3Ass%40word/@host:2113/?keepAliveInterval=10000&tls=true',
  'esdb+discover://me:password@cluster.example:2113?nodePreference=leader&TLS-Verify_Cert=true',
  'esdb://one:2113, two:2113 ,three?tls=false',
  `esdb://me:password@127.0.0.1:2113?tlsCAFile=${encodeURIComponent(__filename)}`,
])('%s is what the client takes it for', (text) => {
  checkConnectionString(text);
  EventStoreDBClient.connectionString(text);
});

test.each([
  ['esdb://host', 'esdb://host?keepAliveTimeout=10007'],
  [
    'esdb://me:p%3F@host:2113/?tls=true&keep-alive_timeout=20000',
    'esdb://me:p%3F@host:2113/?tls=true&keepAliveTimeout=20007',
  ],
  // As the server's makers write it for one without TLS, where there is nothing to verify.
  ['esdb://host?tls=false&tlsVerifyCert=false', 'esdb://host?tls=false&keepAliveTimeout=10007'],
  // With +discover the client would ask the first of several hosts only.
  ['esdb+discover://me:password@one:2113,two', 'esdb://me:password@one:2113,two?keepAliveTimeout=10007'],
  ['esdb+discover://me+discover:pw@one,two', 'esdb://me+discover:pw@one,two?keepAliveTimeout=10007'],
  ['esdb+discover://me:pa,ss@one', 'esdb+discover://me:pa,ss@one?keepAliveTimeout=10007'],
  ['esdb+discover://cluster.example', 'esdb+discover://cluster.example?keepAliveTimeout=10007'],
  // As the server is called since 25.0, and the client does not call it.
  ['kurrentdb://host:2113?tls=false', 'esdb://host:2113?tls=false&keepAliveTimeout=10007'],
  ['kurrentdb+discover://one', 'esdb+discover://one?keepAliveTimeout=10007'],
  ['esdb://host?keepAliveTimeout=2147483647', 'esdb://host?keepAliveTimeout=2000000007'],
  ['esdb://host?keepAliveTimeout=-1&tls=false', 'esdb://host?tls=false&keepAliveTimeout=2000000007'],
])('%s is one of several connections as %s', (text, seventh) => {
  checkConnectionString(text);
  expect(distinct(text, 7)).toBe(seventh);
  EventStoreDBClient.connectionString(seventh);
});

test.each([
  ['a password that nobody would send', 'esdb://me:secret@host?tls=false', /a user and tls=false.*remove one/],
  ['… whatever its spelling', 'esdb://me:secret@host?TLS=false', /a user and tls=false/],
  ['an authority that nobody would ask for', 'esdb://host?tls=false&tlsCAFile=/secret', /tlscafile and tls=false/],
  ['a certificate taken unseen', 'esdb://me:secret@host?tlsVerifyCert=false', /does nothing.*tlsCAFile/],
  ['a node that may be behind', 'esdb+discover://me:secret@host?nodePreference=follower', /leader may be behind/],
  ['… or any', 'esdb+discover://me:secret@host?node_preference=random', /leader may be behind/],
  ['a file that is not there', 'esdb://me:secret@host?tlsCAFile=/no/secret', /tlscafile that cannot be read/],
  ['a colon in the password, which ends it', 'esdb://me:secret:secret@host', /percent-encoded/],
  ['an @ in the password', 'esdb://me:se@cret@host', /percent-encode/],
  ['a ? in the password', 'esdb://me:se?cret@host', /percent-encode/],
  ['a % in the password', 'esdb://me:secret%@host', /percent-encode/],
  ['a user without a password', 'esdb://secret@host', /user:password/],
  ['an option that is none', 'esdb://me:secret@host?tlsCa=secret', /option that is none; there are tls,/],
  ['a value that is none', 'esdb://me:secret@host?tls=secret', /value for tls/],
  ['a keep-alive that is none', 'esdb://me:secret@host?keepAliveInterval=secret', /value for keepaliveinterval/],
  ['a port that is none', 'esdb://me:secret@host:secret', /must be esdb:/],
  ['a protocol that the client does not know', 'kurrent://me:secret@host', /must be esdb:/],
  ['no hosts', 'esdb://', /must be esdb:/],
])('%s is refused before the client says all of it on standard error or leaves it out', async (_, text, message) => {
  const warn = jest.spyOn(console, 'warn');
  const check = (): void => checkConnectionString(text);
  expect(check).toThrow(BadConnectionString);
  expect(check).toThrow(message);
  expect(check).not.toThrow(/secret/);
  expect(() => openEventStoreDb(text)).toThrow(BadConnectionString);
  await expect(checkEventStoreDb(text, { streams: [] })).rejects.toThrow(BadConnectionString);
  expect(warn).not.toHaveBeenCalled();
});
