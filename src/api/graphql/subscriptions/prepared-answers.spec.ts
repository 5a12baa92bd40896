import { stringifyMessage, MessageType } from 'graphql-ws';
import type { FormattedExecutionResult } from 'graphql';
import { describe, expect, it } from 'vitest';
import { PreparedAnswers } from './prepared-answers.ts';

const object = (fields: object) => Object.assign(Object.create(null) as Record<string, unknown>, fields);
const message = (id: string, payload: FormattedExecutionResult) => stringifyMessage({ id, type: MessageType.Next, payload });

describe('answers over a WebSocket', () => {
  it('are what the library would write, each in its own message', async () => {
    const answers = new PreparedAnswers();
    const [a, b] = [{ data: object({ a: [1, 'x'] }) }, { data: null, errors: [{ message: 'No.' }], extensions: { prepared: 1 } }];
    const [first, second] = [await answers.prepare(a), await answers.prepare(b)];
    const id = '"payload":{"data":null,"extensions":{"prepared":1}}}';
    const sent = [answers.fill(message(id, second)), answers.fill(message('2', first))];
    expect(sent.map((each) => JSON.parse(each) as unknown)).toEqual([
      { id, type: 'next', payload: b },
      { id: '2', type: 'next', payload: JSON.parse(JSON.stringify(a)) as unknown },
    ]);
  });

  it('let others have their turns while a large one is written, and leave other messages as they are', async () => {
    const answers = new PreparedAnswers();
    const data = object({ nodes: Array.from({ length: 100_000 }, () => object({ id: 'x'.repeat(20), text: 'y'.repeat(100) })) });
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 1);
    const prepared = await answers.prepare({ data });
    clearInterval(timer);
    expect(turns).toBeGreaterThan(1);
    const other = '{"id":"1","type":"complete"}';
    expect(answers.fill(other)).toBe(other);
    expect(answers.fill(message('1', prepared))).toBe(message('1', { data }));
  });
});
