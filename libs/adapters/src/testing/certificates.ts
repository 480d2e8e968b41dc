import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { run } from './run';

const OPENSSL_MAX_MS = 30_000;
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
const VALID = ['-days', '2'];

/** Files of PEM texts. */
export interface Certificates {
  /** The certificate of the authority. */
  readonly authority: string;
  /** Key and certificate of the server, one after the other; each of them by itself. */
  readonly server: string;
  readonly key: string;
  readonly certificate: string;
}

/** A new authority and by it the certificate of a server, for `IP:…` or `DNS:…`. Needs openssl. */
export const newCertificates = async (folder: string, name: string, server: string): Promise<Certificates> => {
  const file = (what: string): string => path.join(folder, `${name}-${what}`);
  const openssl = (...args: string[]): Promise<void> => run('openssl', args, OPENSSL_MAX_MS);
  const [authority, authorityKey, key, request] = [file('ca.pem'), file('ca.key'), file('key.pem'), file('request')];
  const [names, certificate, both] = [file('names'), file('certificate.pem'), file('server.pem')];
  const [byName, toKey] = [
    ['-subj', `/CN=${name}`],
    ['-keyout', key, '-out', request],
  ];
  await openssl('req', '-x509', ...NEW_KEY, ...byName, ...VALID, '-keyout', authorityKey, '-out', authority);
  await openssl('req', ...NEW_KEY, ...byName, ...toKey);
  await writeFile(names, `subjectAltName=${server}\n`);
  const by = ['-CA', authority, '-CAkey', authorityKey, '-CAcreateserial', '-extfile', names];
  await openssl('x509', '-req', '-in', request, ...by, ...VALID, '-out', certificate);
  await writeFile(both, `${await readFile(key, 'utf8')}${await readFile(certificate, 'utf8')}`);
  return { authority, server: both, key, certificate };
};
