import { expect, it } from 'vitest';
import { Outage } from './outage.ts';

it('warns once per outage, however often it fails, and says once that it is over', () => {
  const said: string[] = [];
  const log = {
    warn: (_: unknown, text?: string) => said.push(`warn: ${text}`),
    info: (text: unknown) => said.push(`info: ${String(text)}`),
  };
  const outage = new Outage("The table can't be read", log);
  outage.over();
  for (const reason of ['It is away.', 'It hangs.', 'It is away.']) outage.failed(new Error(reason));
  outage.over();
  outage.over();
  outage.failed(new Error('Again.'));
  expect(said).toEqual([
    "warn: The table can't be read: It is away. Retrying.",
    expect.stringMatching(/^info: It works again after \d+\.\d s\. Before: The table can't be read\.$/),
    "warn: The table can't be read: Again. Retrying.",
  ]);
});
