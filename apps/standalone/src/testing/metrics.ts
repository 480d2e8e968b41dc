/**
 * Sum over the samples of a metric, named without its prefix, as an operator's alert sums them; of those with a label
 * (`status="500"`) where one is given. 0 where there is none.
 */
export const metricSum = async (url: string, name: string, label = ''): Promise<number> => {
  const lines = (await (await fetch(`${url}/metrics`)).text()).split('\n');
  const samples = lines.filter((line) => line.startsWith(`drawdown_${name} `) || line.startsWith(`drawdown_${name}{`));
  return samples.filter((line) => line.includes(label)).reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
};
