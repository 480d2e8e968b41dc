/**
 * Sum over the samples of a metric, named without its prefix, as an operator's alert sums them; of those with a label
 * (`status="500"`) where one is given. 0 where there is none.
 */
export const metricSum = (url: string, name: string, label = ''): Promise<number> =>
  sumOf(url, `drawdown_${name}`, label);

/** When the process began, in seconds since 1970, as it says itself: DrawdownRestarting counts the changes. */
export const startedAt = (url: string): Promise<number> => sumOf(url, 'process_start_time_seconds', '');

export const residentBytes = (url: string): Promise<number> => sumOf(url, 'process_resident_memory_bytes', '');

const sumOf = async (url: string, name: string, label: string): Promise<number> => {
  const lines = (await (await fetch(`${url}/metrics`)).text()).split('\n');
  const samples = lines.filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
  return samples.filter((line) => line.includes(label)).reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
};
