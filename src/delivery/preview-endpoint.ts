// Previews: the request an endpoint would be sent for a message. Stores and sends nothing.
import { registration, type CreateEndpoint } from '../commands/endpoint-commands.ts';
import type { MessageInput } from '../commands/publish-messages.ts';
import { endpointWith } from '../commands/signing-secrets.ts';
import { fold } from '../domain/decider.ts';
import { endpoint } from '../domain/endpoint.ts';
import { badInput } from '../domain/errors.ts';
import { maskOptions } from '../domain/format-options.ts';
import type { EndpointId } from '../domain/ids.ts';
import { messageIdOf, newMessageId } from '../event-store/id-generation.ts';
import type { EndpointDirectory } from '../read-models/directory/endpoint-directory.ts';
import { ResolvedEndpoint, type OrganizationKeys } from '../read-models/directory/resolved-endpoint.ts';
import { FormatError } from './formats/format-error.ts';
import type { RequestMaker } from './attempts/request-maker.ts';

export type EndpointPreview = {
  /** The endpoint subscribes to the message, and its filter lets it pass. */
  readonly matches: boolean;
  readonly url: string;
  /** As they would be sent, what is secret masked. */
  readonly headers: Readonly<Record<string, string>>;
  /** The same. The signature is that of the body without the mask. */
  readonly body: string;
};

export class EndpointPreviews {
  constructor(
    private readonly directory: Pick<EndpointDirectory, 'requireOrganization' | 'groupOf'>,
    private readonly requests: Pick<RequestMaker, 'make'>,
  ) {}

  /**
   * @param create the command that would make the endpoint
   * @throws Refusal for the same reasons as that command
   */
  async preview(create: CreateEndpoint, message: MessageInput): Promise<EndpointPreview> {
    const { organizationId } = create.caller;
    const { type, data, id: clientId } = message;
    const now = new Date();
    const organization = this.directory.requireOrganization(organizationId);
    const known = previewedEndpoint(create, organization);
    const id = clientId === undefined ? newMessageId() : messageIdOf(organizationId, clientId);
    try {
      const sent = { id, type, timestamp: message.timestamp ?? now.toISOString(), data };
      const messages = create.settings.batch ? [sent] : sent;
      const { url, maskedHeaders, body } = await this.requests.make(known, { id, messages }, 1, now);
      const matches = known.matcher.matches({ type, group: this.directory.groupOf(organizationId, type), data });
      return { matches, url, headers: maskedHeaders, body: maskOptions(body, known.formatOptions) };
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      throw badInput(create.settings.format === 'TEMPLATE' ? 'formatOptions.template' : 'format', error.message);
    }
  }
}

/** As it would be known once it were made. Its templates take turns with those of its organization's other previews. */
export const previewedEndpoint = (create: CreateEndpoint, organization: OrganizationKeys): ResolvedEndpoint => {
  const state = fold(endpoint, endpointWith(organization).decide(registration(create, organization.keyring), endpoint.initial));
  if (state.exists !== 'yes') throw new Error('An endpoint that was registered does not exist.');
  return new ResolvedEndpoint(`preview-${create.caller.organizationId}` as EndpointId, 0, state.configuration, organization);
};
