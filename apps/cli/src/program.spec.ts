import { drawdown } from './testing/command-line';

test.each([[['--json']], [['dead-letters', '--json']]])(
  'a command that is missing is said to be: %j',
  async (words) => {
    const ran = await drawdown(words);
    expect(ran.code).toBe(1);
    expect(ran.json()).toMatchObject({
      error: { code: 'usage', detail: expect.stringMatching(/^a command is missing: /) as string },
    });
  },
);
