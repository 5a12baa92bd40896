// Who hears of endpoints: listeners of every change, and callers that wait for an endpoint the directory has not reached yet.
import type { EndpointId } from '../../domain/ids.ts';

export class EndpointChangesFeed {
  private readonly listeners: ((id: EndpointId) => void)[] = [];
  private readonly awaited = new Map<EndpointId, PromiseWithResolvers<void>>();

  listen(listener: (id: EndpointId) => void): void {
    this.listeners.push(listener);
  }

  /** Resolves at the next change of the endpoint. */
  next(id: EndpointId): Promise<void> {
    let awaited = this.awaited.get(id);
    if (!awaited) this.awaited.set(id, (awaited = Promise.withResolvers()));
    return awaited.promise;
  }

  changed(id: EndpointId): void {
    this.awaited.get(id)?.resolve();
    this.awaited.delete(id);
    for (const listener of this.listeners) listener(id);
  }
}
