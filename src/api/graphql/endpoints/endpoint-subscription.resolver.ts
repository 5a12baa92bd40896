// The subscription endpointChanged: sends an endpoint of the caller's organization each time its configuration or status has changed.
import { Args, Context, ID, Resolver, Subscription } from '@nestjs/graphql';
import type { EndpointId } from '../../../domain/ids.ts';
import { EndpointDirectory } from '../../../read-models/directory/endpoint-directory.ts';
import { AllowPortal, AllowReaders } from '../../auth/access.ts';
import { Authentication } from '../../auth/authentication.ts';
import { ReadYourWrites } from '../../read-your-writes.ts';
import { Refusal } from '../../refusal.ts';
import { ApiContexts, type ApiContext } from '../context.ts';
import { seesEndpoint } from '../visibility.ts';
import { Endpoint, toEndpoint } from './endpoint.types.ts';

/** GraphQL answers an error in place of the value as an error of the field. */
type Payload = { readonly endpointChanged: Endpoint | Refusal };

/** Which endpoints changed, each once until it is taken. */
class ChangedEndpoints {
  private readonly changed = new Set<EndpointId>();
  private wake: () => void = () => undefined;
  private ended = false;

  add(id: EndpointId): void {
    this.changed.add(id);
    this.wake();
  }

  /** Undefined: it was ended. */
  async take(): Promise<EndpointId | undefined> {
    while (!this.ended && this.changed.size === 0) await new Promise<void>((resolve) => (this.wake = resolve));
    const [id] = this.changed;
    if (this.ended || id === undefined) return undefined;
    this.changed.delete(id);
    return id;
  }

  end(): void {
    this.ended = true;
    this.wake();
  }
}

@Resolver(() => Endpoint)
export class EndpointSubscriptionResolver {
  private readonly subscribers = new Map<ChangedEndpoints, (id: EndpointId) => boolean>();

  constructor(
    private readonly directory: EndpointDirectory,
    private readonly authentication: Authentication,
    private readonly contexts: ApiContexts,
    private readonly writes: ReadYourWrites,
  ) {
    directory.onEndpointChanged((id) => {
      for (const [changed, wants] of this.subscribers) if (wants(id)) changed.add(id);
    });
  }

  /** Ends after the first error. `return` ends it even while `next` waits, unlike a generator's. */
  @Subscription(() => Endpoint)
  @AllowReaders()
  @AllowPortal('VIEW', 'FILTERED')
  endpointChanged(
    @Args('id', { type: () => ID, nullable: true }) id: EndpointId | null | undefined,
    @Context() context: ApiContext,
  ): AsyncIterableIterator<Payload> {
    const { caller } = context;
    const changed = new ChangedEndpoints();
    this.subscribers.set(
      changed,
      (each) =>
        (id ?? each) === each &&
        seesEndpoint(caller, each) &&
        this.directory.endpoint(each)?.configuration.organizationId === caller.organizationId,
    );
    const end = () => {
      this.subscribers.delete(changed);
      changed.end();
    };
    return {
      next: () => this.next(changed, context, end),
      return: () => {
        end();
        return Promise.resolve({ done: true, value: undefined });
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  private async next(changed: ChangedEndpoints, context: ApiContext, end: () => void): Promise<IteratorResult<Payload, undefined>> {
    try {
      for (;;) {
        const id = await changed.take();
        if (id === undefined) return { done: true, value: undefined };
        const refused = this.authentication.refusalNow(context.caller);
        if (refused) throw refused;
        const { progress } = this.directory;
        await this.writes.waitForViews({ position: progress.position });
        const found = this.directory.endpoint(id);
        if (!found?.times) continue;
        context.loaders = this.contexts.loadersOf(context.caller.organizationId);
        context.budget.renew();
        const { configuration, times, revision } = found;
        return { done: false, value: { endpointChanged: toEndpoint({ id, configuration, ...times, revision }, context) } };
      }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      end();
      return { done: false, value: { endpointChanged: error } };
    }
  }
}
