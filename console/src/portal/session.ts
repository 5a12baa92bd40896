// The portal's session: its token, in memory only, and the requests that carry it. A request that meets an ended session waits for the next token, so
// what is on the page stays there, with what was typed into it.
import { tellEmbedder } from './embedding.ts';

export type SessionState = { readonly token: string | undefined; readonly hasEnded: boolean };

/** A change that was asked for long ago is not made behind the person's back. */
const longestWaitOfChangesMs = 15_000;

export const isToken = (text: string): boolean => /^hlp_[\w.-]+$/.test(text);

export class PortalSession {
  /** Replaced with each change. */
  private current: SessionState = { token: undefined, hasEnded: true };
  private readonly listeners = new Set<() => void>();
  /** Of each question that waits, the last who asked it. */
  private readonly waiting = new Map<string, symbol>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** Added to this machine's clock, it is the server's. */
  private clockOffsetMs = 0;

  readonly state = (): SessionState => this.current;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  take(token: string): void {
    if (!isToken(token) || (token === this.current.token && !this.current.hasEnded)) return;
    clearTimeout(this.timer);
    this.change({ token, hasEnded: false });
  }

  /** @param token the one that was refused or is over; another may have taken its place */
  end(token: string): void {
    if (token !== this.current.token || this.current.hasEnded) return;
    this.change({ token, hasEnded: true });
    tellEmbedder({ type: 'hookledger:expired' });
  }

  /** By the server's clock. @param expiresAt ISO 8601 */
  endAt(token: string, expiresAt: string): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.end(token), Date.parse(expiresAt) - (Date.now() + this.clockOffsetMs));
  }

  /** Resolves at once while it is open. */
  readonly whenOpen = (): Promise<void> =>
    new Promise((resolve) => {
      if (!this.current.hasEnded) return resolve();
      const stop = this.subscribe(() => {
        if (this.current.hasEnded) return;
        stop();
        resolve();
      });
    });

  readonly fetch = async (input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
    for (;;) {
      const { token, hasEnded } = this.current;
      if (token !== undefined && !hasEnded) {
        const response = await fetch(input, {
          ...init,
          credentials: 'omit',
          headers: { ...Object.fromEntries(new Headers(init.headers)), authorization: `Bearer ${token}` },
        });
        const date = Date.parse(response.headers.get('date') ?? '');
        if (!Number.isNaN(date)) this.clockOffsetMs = date - Date.now();
        if (response.status !== 401) return response;
        this.end(token);
      }
      const refusal = await this.nextToken(typeof init.body === 'string' ? init.body : '', init.signal ?? undefined);
      if (refusal !== undefined) return refusal;
    }
  };

  /** @returns the answer to a change that waited too long; undefined once there is another token */
  private async nextToken(body: string, signal: AbortSignal | undefined): Promise<Response | undefined> {
    const isChange = /"query":"\s*mutation\b/.test(body);
    const me = Symbol('who waits');
    this.waiting.set(body, me);
    const outcome = await new Promise<'token' | 'too late'>((resolve, reject) => {
      const stop = this.subscribe(() => this.current.hasEnded || done('token'));
      const tooLate = isChange ? setTimeout(() => done('too late'), longestWaitOfChangesMs) : undefined;
      const done = (found: 'token' | 'too late') => {
        stop();
        clearTimeout(tooLate);
        resolve(found);
      };
      signal?.addEventListener('abort', () => {
        done('too late');
        reject(new DOMException('The question is not asked any more.', 'AbortError'));
      });
    });
    if (outcome === 'too late') return tooLateAnswer();
    // The same question may have been asked again meanwhile, as pages do every few seconds. One answer is enough.
    if (!isChange && this.waiting.get(body) !== me) return new Promise(() => undefined);
    this.waiting.delete(body);
    return undefined;
  }

  private change(state: SessionState): void {
    this.current = state;
    for (const listener of this.listeners) listener();
  }
}

const tooLateAnswer = (): Response => {
  const message = 'Your session has ended, so this was not done. Try again once the session is open.';
  return Response.json({ errors: [{ message, extensions: { code: 'UNAUTHENTICATED' } }] }, { status: 401 });
};
