/** The address of the broker that `npm run test:kafka` has started. */
export const sharedBroker = (): string => {
  const address = process.env['KAFKA_TEST_BROKER'];
  if (address === undefined) throw new Error('run these tests with `npm run test:kafka`, which starts a broker');
  return address;
};
