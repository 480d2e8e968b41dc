/**
 * Where to look, by what kafkajs and Node say of a broker that does not take us. A listener that wants TLS or a login ends
 * the connection of whoever comes without a word, as a broker that stops does.
 */
const ADVICE: readonly (readonly [RegExp, string])[] = [
  [
    /token endpoint|OAUTHBEARER/,
    'look at KAFKA_SASL_TOKEN_URL, KAFKA_SASL_SCOPE, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD',
  ],
  [/SASL|authentication/i, 'look at KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD'],
  [
    /not authorized|authorization failed/i,
    'the brokers do not let this user do that: deploy/README.md says what which process needs',
  ],
  [/replication[- ]factor/i, 'fewer brokers are up than replicas are wanted: look at KAFKA_REPLICATION'],
  // An alert is the other side's word.
  [
    /alert (\w+ )?certificate|alert unknown ca/i,
    'the brokers want a certificate of ours that they trust: look at KAFKA_TLS_CERT and KAFKA_TLS_KEY',
  ],
  [/certificate|altnames/i, 'look at KAFKA_TLS_CA, and at the names in the certificate of the broker'],
  [/secure TLS|SSL routines/i, 'look at KAFKA_TLS: the listener may not speak it'],
  [/Closed connection/, 'if it is there, look at KAFKA_TLS and KAFKA_SASL_MECHANISM: the listener may want them'],
];

/** What a failure says, and where to look where our own settings may be the reason. */
export const reasonOf = (error: unknown): string => {
  const text = textOf(error);
  const advice = ADVICE.find(([form]) => form.test(text))?.[1];
  return advice === undefined ? text : `${text}; ${advice}`;
};

/** Of several failures in one each says what it is, and together they say nothing. */
const textOf = (error: unknown): string => {
  const { errors } = Object(error) as { readonly errors?: unknown };
  return Array.isArray(errors) && errors.length > 0 ? errors.map(String).join('; ') : String(error);
};
