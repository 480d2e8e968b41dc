module.exports = () => globalThis.kafkaBroker?.stop();
