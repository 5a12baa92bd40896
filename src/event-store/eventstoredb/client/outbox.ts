// What the client's thread says in one turn of the event loop goes in one message: a message costs more than its contents.
import type { FromClient } from './messages.ts';

export class Outbox {
  /** The number of messages sent so far. */
  turn = 0;
  readonly #send: (messages: readonly FromClient[]) => void;
  #messages: FromClient[] = [];

  constructor(send: (messages: readonly FromClient[]) => void) {
    this.#send = send;
  }

  /** The message may still grow until the end of the turn. */
  post(message: FromClient): void {
    if (this.#messages.length === 0)
      setImmediate(() => {
        this.#send(this.#messages);
        this.#messages = [];
        this.turn += 1;
      });
    this.#messages.push(message);
  }
}
