// The subscriber's end of a subscription: holds what the client's thread has sent until it is taken.
import { CallFailed } from './call-failed.ts';
import type { ClientFailure, SubscriptionItem } from './client/messages.ts';

/** The bytes that a subscriber may be sent beyond those it has confirmed, and after how many it confirms. */
export const subscriptionWindow = 2 * 1024 * 1024;
const confirmAfterBytes = subscriptionWindow / 8;

export class Subscription {
  #items: SubscriptionItem[] = [];
  #unconfirmedBytes = 0;
  #ended: { readonly failure: ClientFailure | undefined } | undefined;
  #wake = () => {};
  readonly #confirm: (bytes: number) => void;
  readonly #unsubscribe: () => void;

  constructor({ confirm, unsubscribe }: { readonly confirm: (bytes: number) => void; readonly unsubscribe: () => void }) {
    this.#confirm = confirm;
    this.#unsubscribe = unsubscribe;
  }

  push(items: readonly SubscriptionItem[], bytes: number): void {
    for (const item of items) this.#items.push(item);
    this.#unconfirmedBytes += bytes;
    this.#wake();
  }

  end(failure: ClientFailure | undefined): void {
    this.#ended ??= { failure };
    this.#wake();
  }

  /**
   * Takes up to `count` items; the server sends more for those taken. While there are none it waits, up to `timeoutMs`, and then returns none.
   * @returns undefined if the subscription has ended. @throws CallFailed if it ended with an error
   */
  async take(count: number, signal: AbortSignal, timeoutMs?: number): Promise<readonly SubscriptionItem[] | undefined> {
    if (this.#items.length === 0 && !this.#ended && !signal.aborted) await this.#untilWoken(signal, timeoutMs);
    if (this.#items.length === 0 && this.#ended) {
      if (this.#ended.failure) throw new CallFailed(this.#ended.failure);
      return undefined;
    }
    if (this.#items.length > count) return this.#items.splice(0, count);
    const items = this.#items;
    this.#items = [];
    if (this.#unconfirmedBytes >= confirmAfterBytes) {
      this.#confirm(this.#unconfirmedBytes);
      this.#unconfirmedBytes = 0;
    }
    return items;
  }

  close(): void {
    this.end(undefined);
    this.#unsubscribe();
  }

  async #untilWoken(signal: AbortSignal, timeoutMs: number | undefined): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      signal.addEventListener('abort', this.#wake);
      if (timeoutMs !== undefined) timer = setTimeout(resolve, timeoutMs);
    });
    signal.removeEventListener('abort', this.#wake);
    clearTimeout(timer);
    this.#wake = () => {};
  }
}
