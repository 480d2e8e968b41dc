export const say = (line: string): void => {
  process.stdout.write(`cluster: ${line}\n`);
};
