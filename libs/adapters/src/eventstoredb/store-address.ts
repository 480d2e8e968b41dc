const FORM = 'esdb://USER:PASSWORD@HOST:PORT?OPTIONS';
/** Who logs in, hosts with their ports, options. What is special in a password is percent-encoded. */
const HOST = String.raw`(?:\[[\da-f:]+\]|[^\s/?@:,[\]]+)(?::\d{1,5})?`;
const SHAPE = new RegExp(
  String.raw`^esdb(?:\+discover)?://(?:[^\s/?@:]+:[^\s/?@:]+@)?${HOST}(?:,${HOST})*/*(?:\?(\S*))?$`,
  'i',
);

const [FLAG, NUMBER, TEXT] = [/^(true|false)$/, /^\d+$/, /./];
const OPTIONS = {
  ...{ tls: FLAG, tlsVerifyCert: /^true$/, tlsCAFile: TEXT, userCertFile: TEXT, userKeyFile: TEXT },
  ...{ connectionName: TEXT, nodePreference: /^(leader|follower|random|read_?only_?replica)$/i },
  ...{ maxDiscoverAttempts: NUMBER, discoveryInterval: NUMBER, gossipTimeout: NUMBER, defaultDeadline: NUMBER },
  ...{ keepAliveInterval: /^-?\d+$/, keepAliveTimeout: /^-?\d+$/, throwOnAppendFailure: FLAG },
};

/** As the client compares names of options. */
const flat = (text: string): string => text.toLowerCase().replace(/[_-]/g, '');
const known = new Map(Object.entries(OPTIONS).map(([name, value]) => [flat(name), { name, value }]));

/**
 * What is wrong with the address of an event store; null where nothing is. The client would print the whole of it, with the
 * password, for an option that it does not know, and start without that.
 */
export const storeAddressProblem = (url: string): string | null => {
  const shape = SHAPE.exec(url);
  if (shape === null) return `must be ${FORM}`;
  for (const option of (shape[1] ?? '').split('&').filter((text) => text !== '')) {
    const [key = '', value = ''] = option.split('=', 2);
    const found = known.get(flat(key));
    if (found === undefined) return `has an option that there is not; there are ${Object.keys(OPTIONS).join(', ')}`;
    if (!found.value.test(value)) {
      return `has a value of ${found.name} that has no effect or is none`;
    }
  }
  return null;
};
