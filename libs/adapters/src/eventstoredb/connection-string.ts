import { accessSync, constants } from 'node:fs';

/** A connection string that the client would take for something else than it says; the message has nothing of it. */
export class BadConnectionString extends Error {
  readonly code = 'bad_connection_string';
}

/** The client's options that name files. */
const FILES = ['tlscafile', 'usercertfile', 'userkeyfile'];

/** The client's options (parseConnectionString.ts, 6.2.1) and what it takes for a value. */
const OPTIONS: Readonly<Record<string, RegExp>> = {
  ...{ tls: /^(true|false)$/, tlsverifycert: /^(true|false)$/, throwonappendfailure: /^true$/ },
  ...{ tlscafile: /./, usercertfile: /./, userkeyfile: /./, connectionname: /./ },
  ...{ nodepreference: /^leader$/i },
  ...{
    maxdiscoverattempts: /^\d+$/,
    discoveryinterval: /^\d+$/,
    gossiptimeout: /^\d+$/,
    defaultdeadline: /^[1-9]\d*$/,
  },
  ...{ keepaliveinterval: /^(-1|\d+)$/, keepalivetimeout: /^(-1|\d+)$/ },
};

/** The server's later name for the same protocol; the client knows the first one only. */
const spelled = (text: string): string => text.trim().replace(/^kurrentdb(?=(\+discover)?:)/, 'esdb');

const FORM = /^esdb(?:\+discover)?:\/\/(?:([^@]*)@)?([^@/?]+)\/?(?:\?([^@]*))?$/;
const USER_AND_PASSWORD = /^[^:?]+:[^:?]+$/;
/** The client leaves out what is blank around a host. */
const HOSTS = /^ *[\w.-]+(:\d{1,5})? *(, *[\w.-]+(:\d{1,5})? *)*$/;

/**
 * Throws {@link BadConnectionString} for what the client would leave out without a word (a password without TLS, what
 * follows a colon in it), or would say with all of the connection string, password and all, on standard error.
 */
export const checkConnectionString = (text: string): void => {
  const [whole, login, hosts = '', query = ''] = FORM.exec(spelled(text)) ?? [];
  if (whole === undefined || !HOSTS.test(hosts)) {
    throw new BadConnectionString(
      'must be esdb://user:password@host:port?option=value, for a cluster with all its hosts, separated by commas, or ' +
        'esdb+discover:// and one name of all of them; ' +
        'percent-encode @ : ? & and % in user, password and values',
    );
  }
  if (login !== undefined && !(USER_AND_PASSWORD.test(login) && isDecodable(login))) {
    throw new BadConnectionString('must have user:password before the @, with @ : ? and % percent-encoded in both');
  }
  const options = optionsOf(query);
  if (options.get('tls') === 'false') checkPlain(login, options);
  else if (options.get('tlsverifycert') === 'false') {
    throw new BadConnectionString('has tlsVerifyCert=false, which does nothing: name the authority by tlsCAFile');
  }
  for (const name of FILES) checkFile(name, options.get(name));
};

const KEEP_ALIVE_TIMEOUT = { default: 10_000, never: 2_000_000_000 };

/** What the client need not be told: it warns of the one, with all of the connection string, and gets the other anew. */
const LEFT_OUT = ['tlsverifycert', 'keepalivetimeout'];

/**
 * The same server in the same way, in words that give grpc-js another connection than those with another number. Several
 * hosts are asked for each other without `+discover`; with it the client asks the first one only (Client/index.js, 6.2.1).
 */
export const distinct = (text: string, number: number): string => {
  const [said = '', query = ''] = spelled(text).split('?');
  const hosts = said.slice(said.lastIndexOf('@') + 1);
  const address = hosts.includes(',') ? said.replace(/^esdb\+discover:/, 'esdb:') : said;
  const given = optionsOf(query).get('keepalivetimeout');
  const timeout = given === '-1' ? KEEP_ALIVE_TIMEOUT.never : Number(given ?? KEEP_ALIVE_TIMEOUT.default);
  const others = query.split('&').filter((pair) => pair !== '' && !LEFT_OUT.includes(knownAs(pair.split('=')[0])));
  return `${address}?${[...others, `keepAliveTimeout=${String(Math.min(timeout, KEEP_ALIVE_TIMEOUT.never) + number)}`].join('&')}`;
};

/** An option's name, as the client reads it. */
const knownAs = (name: string | undefined): string => name?.trim().toLowerCase().replace(/[_-]/g, '') ?? '';

const optionsOf = (query: string): ReadonlyMap<string, string> => {
  const pairs = query === '' ? [] : query.split('&').map((pair) => /^([^=]+)=([^?]+)$/.exec(pair) ?? []);
  const options = new Map<string, string>();
  for (const [, name, value] of pairs) {
    const known = knownAs(name);
    const form = OPTIONS[known];
    if (form === undefined || value === undefined) {
      throw new BadConnectionString(`has an option that is none; there are ${Object.keys(OPTIONS).join(', ')}`);
    }
    if (known === 'nodepreference' && !/^leader$/i.test(value.trim())) {
      throw new BadConnectionString('has a nodePreference: all but the leader may be behind, so leave it out');
    }
    if (!form.test(value.trim()) || !isDecodable(value)) {
      throw new BadConnectionString(`has a value for ${known} that it cannot have`);
    }
    options.set(known, value.trim());
  }
  return options;
};

const checkPlain = (login: string | undefined, options: ReadonlyMap<string, string>): void => {
  if (login !== undefined) {
    throw new BadConnectionString(
      'has a user and tls=false: passwords are sent over TLS only, so nobody would be logged in; remove one of the two',
    );
  }
  const file = FILES.find((name) => options.has(name));
  if (file !== undefined) throw new BadConnectionString(`has ${file} and tls=false: remove one of the two`);
};

const checkFile = (name: string, value: string | undefined): void => {
  if (value === undefined) return;
  try {
    accessSync(decodeURIComponent(value), constants.R_OK);
  } catch (cause) {
    throw new BadConnectionString(`has a ${name} that cannot be read`, { cause });
  }
};

const isDecodable = (text: string): boolean => {
  try {
    decodeURIComponent(text);
    return true;
  } catch (error) {
    if (error instanceof URIError) return false;
    throw error;
  }
};
