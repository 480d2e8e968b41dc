module.exports = async () => {
  await globalThis.postgresOfTheTests?.remove();
};
