// Answers over one WebSocket, written as JSON in slices: the library of the protocol would write a large one at once, which takes 100 ms. It gets a small
// answer in its place, which names the text that is sent instead.
import type { FormattedExecutionResult } from 'graphql';
import { stringifyAnswer } from '../stringify-answer.ts';

/** As the library writes the answer that `prepare` returned. */
const named = /"payload":\{"data":null,"extensions":\{"prepared":(\d+)\}\}\}$/;

export class PreparedAnswers {
  private readonly texts = new Map<number, string>();
  private last = 0;

  /** @returns the answer to give to the library */
  async prepare(answer: FormattedExecutionResult): Promise<FormattedExecutionResult> {
    const text = await stringifyAnswer(answer);
    const number = ++this.last;
    this.texts.set(number, text.slice(0, -1)); // without its line end
    return { data: null, extensions: { prepared: number } };
  }

  /** The message that the library wrote, with the text of its answer. Other messages stay as they are. */
  fill(message: string): string {
    if (this.texts.size === 0) return message;
    const found = named.exec(message);
    const number = Number(found?.[1]);
    const text = this.texts.get(number);
    if (!found || text === undefined) return message;
    this.texts.delete(number);
    return `${message.slice(0, found.index)}"payload":${text}}`;
  }
}
