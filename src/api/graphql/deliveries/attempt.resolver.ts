// The fields of an attempt that take work: bodies and headers with secrets masked, and the endpoint's configuration at that moment.
import { hash } from 'node:crypto';
import { Context, Parent, ResolveField, Resolver } from '@nestjs/graphql';
import { FormatError } from '../../../delivery/formats/format-error.ts';
import { RequestMaker } from '../../../delivery/attempts/request-maker.ts';
import { openConstants } from '../../../domain/secret-constants.ts';
import { mapSecretOptions, maskOptions } from '../../../domain/format-options.ts';
import { isMaskedUrl, openUrl } from '../../../domain/endpoint-url.ts';
import type { Json } from '../../../domain/json.ts';
import { routingKeyField } from '../../../domain/secret-fields.ts';
import { endpointStream } from '../../../domain/streams.ts';
import { maskSecretsInText } from '../../../domain/payload-masking.ts';
import { maskRequestHeaders } from '../../../domain/event-masking.ts';
import { maskResponseHeaders, maskUrl } from '../../../domain/url-masking.ts';
import type { ApiContext } from '../context.ts';
import { Endpoint, toPastEndpoint } from '../endpoints/endpoint.types.ts';
import { JsonScalar } from '../scalars.ts';
import { Attempt, AttemptTriggerEnum, type AttemptTrigger } from './attempt.types.ts';
import { shownErrorOf } from './shown-error.ts';

@Resolver(() => Attempt)
export class AttemptResolver {
  constructor(private readonly requests: RequestMaker) {}

  @ResolveField(() => String, { nullable: true, description: 'one sentence a person understands' })
  error(@Parent() { view }: Attempt, @Context() { caller }: ApiContext): string | null {
    return shownErrorOf(view, caller);
  }

  /** The log has the shown form. Admins see the whole one, from the configuration at that moment. */
  @ResolveField(() => String, { description: 'Parts that may be credentials are masked, but for admins.' })
  async url(@Parent() { view, delivery, draft }: Attempt, @Context() { caller, loaders, keyring }: ApiContext): Promise<string> {
    if (!caller.sight.secrets) return maskUrl(view.url);
    if (draft) return draft.url;
    if (!isMaskedUrl(view.url)) return view.url;
    const { endpointId } = delivery;
    const endpoint = await loaders.endpointAtRevision.load({ endpointId, revision: view.endpointRevision });
    return endpoint ? openUrl(endpoint.configuration.settings.url, keyring.cipherFor(endpointStream(endpointId))) : view.url;
  }

  @ResolveField(() => String, { nullable: true, description: 'the first 4 KiB' })
  responseBody(@Parent() { view }: Attempt, @Context() { caller }: ApiContext): string | null {
    const body = view.responseBody ?? null;
    return body !== null && caller.sight.payloads === 'MASKED' ? maskSecretsInText(body) : body;
  }

  @ResolveField(() => JsonScalar, { nullable: true })
  responseHeaders(@Parent() { view }: Attempt): Json {
    const { responseHeaders } = view;
    return responseHeaders ? maskResponseHeaders(responseHeaders) : null;
  }

  /** The dispatcher masked the secrets. Older versions let some pass. */
  @ResolveField(() => JsonScalar, { nullable: true, description: 'without secrets' })
  requestHeaders(@Parent() { view }: Attempt): Json {
    return maskRequestHeaders(view.requestHeaders);
  }

  /**
   * The log has no request bodies. Makes the body again from the messages and the configuration at that moment, and answers null unless its hash
   * is the recorded one. Masks a routing key only after comparing.
   */
  @ResolveField(() => String, { nullable: true })
  async requestBody(@Parent() attempt: Attempt, @Context() context: ApiContext): Promise<string | null> {
    const body = await this.shownBody(attempt, context);
    if (body === null) return null;
    return context.caller.sight.payloads === 'MASKED' ? maskSecretsInText(body) : body;
  }

  @ResolveField(() => Boolean, { nullable: true, description: 'Whether `requestBody`, made again, has the recorded hash.' })
  async bodyVerified(@Parent() attempt: Attempt, @Context() context: ApiContext): Promise<boolean | null> {
    if (attempt.view.bodySha256 === undefined) return null;
    if (attempt.draft) return true;
    const made = await this.remakeBody(attempt, context);
    return made !== undefined && hash('sha256', made.body) === attempt.view.bodySha256;
  }

  @ResolveField(() => AttemptTriggerEnum)
  async trigger(@Parent() { view, delivery, draft }: Attempt, @Context() { loaders }: ApiContext): Promise<AttemptTrigger> {
    if (draft) return 'TEST';
    const requests = await loaders.requestsFor.load(delivery);
    const request = requests.findLast(({ attempt }) => attempt === view.attempt);
    if (request) return request.by;
    if (view.probe) return 'PROBE';
    return delivery.test ? 'TEST' : 'SCHEDULE';
  }

  @ResolveField(() => Endpoint, { description: 'The endpoint as it was configured when this attempt was made.' })
  async configuration(@Parent() { view, delivery, draft }: Attempt, @Context() context: ApiContext): Promise<Endpoint> {
    if (draft) return draft.endpoint;
    const endpoint = await context.loaders.endpointAtRevision.load({ endpointId: delivery.endpointId, revision: view.endpointRevision });
    if (!endpoint) throw new Error(`The log has no revision ${view.endpointRevision} of the endpoint ${delivery.endpointId}.`);
    return toPastEndpoint(endpoint, context);
  }

  /** With secrets masked. Null unless it is the one that was sent. */
  private async shownBody(attempt: Attempt, context: ApiContext): Promise<string | null> {
    if (attempt.draft) return attempt.view.bodySha256 === undefined ? null : attempt.draft.body;
    const made = await this.remakeBody(attempt, context);
    return made && hash('sha256', made.body) === attempt.view.bodySha256 ? maskOptions(made.body, made.options) : null;
  }

  /** Undefined if no body was recorded, or if this one can't be made any more. */
  private async remakeBody({ view, delivery }: Attempt, { loaders, keyring }: ApiContext) {
    if (view.bodySha256 === undefined) return undefined;
    const { endpointId } = delivery;
    const ids = delivery.batch ? await loaders.messagesOfBatch.load(delivery.batch.id) : [delivery.messageId];
    const [events, endpoint] = await Promise.all([
      Promise.all(ids.map((id) => loaders.messageAccepted.load(id))),
      loaders.endpointAtRevision.load({ endpointId, revision: view.endpointRevision }),
    ]);
    const messages = events.flatMap((event, i) => (event ? [{ ...event.data, id: ids[i] ?? '' }] : []));
    const [first] = messages;
    if (!first || !endpoint || messages.length < ids.length) return undefined;
    const { format, formatOptions, batch } = endpoint.configuration.settings;
    const cipher = keyring.cipherFor(endpointStream(endpointId));
    const opened = mapSecretOptions(formatOptions, (value) => cipher.open(value, routingKeyField));
    const options = openConstants(opened, cipher);
    try {
      const owner = `${endpoint.configuration.organizationId}/${endpointId}`;
      const { body } = await this.requests.body(owner, format, delivery.batch || batch ? messages : first, options);
      return { body, options };
    } catch (error) {
      if (error instanceof FormatError) return undefined;
      throw error;
    }
  }
}
