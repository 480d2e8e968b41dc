module.exports = async () => {
  const { build } = await import('./build.mjs');
  await build({ quiet: true });
};
