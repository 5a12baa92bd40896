// Previews: the request that an endpoint would get for a message. Stores and sends nothing.
import { internalTypesFor, registration, sealPatch, type CreateEndpoint } from '../commands/endpoint-commands.ts';
import type { MessageInput } from '../commands/publish-messages.ts';
import { endpointWith } from '../commands/signing-secrets.ts';
import { fold } from '../domain/decider.ts';
import type { PlainSettingsPatch } from '../domain/endpoint-settings.ts';
import type { InternalTypes } from '../domain/endpoint-audience.ts';
import { endpoint } from '../domain/endpoint.ts';
import { badInput } from '../domain/errors.ts';
import { maskOptions } from '../domain/format-options.ts';
import { endpointId } from '../domain/ids.ts';
import { endpointStream } from '../domain/streams.ts';
import { messageIdOf, newMessageId } from '../event-store/id-generation.ts';
import type { EndpointDirectory } from '../read-models/directory/endpoint-directory.ts';
import { ResolvedEndpoint, type OrganizationKeys } from '../read-models/directory/resolved-endpoint.ts';
import { takeInSlices } from '../time-slices.ts';
import { FormatError } from './formats/format-error.ts';
import type { RequestMaker } from './attempts/request-maker.ts';

export type EndpointPreview = {
  /** The endpoint subscribes to the message, and its filter lets it pass. */
  readonly matches: boolean;
  readonly url: string;
  /** As they would be sent, with secrets masked. */
  readonly headers: Readonly<Record<string, string>>;
  /** With secrets masked. The signature is of the body without the masks. */
  readonly body: string;
};

export class EndpointPreviews {
  constructor(
    private readonly directory: Pick<EndpointDirectory, 'requireOrganization' | 'kindOf' | 'internalTypes'>,
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
    const resolved = previewedEndpoint(create, organization, this.directory);
    const id = clientId === undefined ? newMessageId() : messageIdOf(organizationId, clientId);
    try {
      const content = { id, type, timestamp: message.timestamp ?? now.toISOString(), data };
      const messages = create.settings.batch ? [content] : content;
      const { url, maskedHeaders, body } = await this.requests.make(resolved, { id, messages }, 1, now);
      const toRoute = { type, ...this.directory.kindOf(organizationId, type), data };
      const matches = await takeInSlices(resolved.matcher.matchesInSteps(toRoute));
      return { matches, url, headers: maskedHeaders, body: maskOptions(body, resolved.formatOptions) };
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      throw badInput(create.settings.format === 'TEMPLATE' ? 'formatOptions.template' : 'format', error.message);
    }
  }
}

/** The endpoint as the command would create it. Its templates take turns with those of its organization's other previews. */
export const previewedEndpoint = (
  create: CreateEndpoint,
  organization: OrganizationKeys,
  directory: Pick<EndpointDirectory, 'internalTypes'>,
): ResolvedEndpoint => {
  const id = endpointId.parse(`preview-${create.caller.organizationId}`);
  const command = registration(create, id, organization.keyring, internalTypesFor(create.caller, directory));
  const state = fold(endpoint, endpointWith(organization, id).decide(command, endpoint.initial));
  if (state.exists !== 'yes') throw new Error('An endpoint that was registered does not exist.');
  return new ResolvedEndpoint(id, 0, state.configuration, organization);
};

/** The endpoint as the change would leave it. @throws DomainError for the same reasons as the change */
export const changedEndpoint = (
  known: ResolvedEndpoint,
  patch: PlainSettingsPatch,
  organization: OrganizationKeys,
  internalTypes: InternalTypes,
): ResolvedEndpoint => {
  const { id, revision, configuration } = known;
  const state = { exists: 'yes', configuration } as const;
  const settings = sealPatch(patch, organization.keyring.cipherFor(endpointStream(id)));
  const events = endpointWith(organization, id).decide({ type: 'Change', settings, internalTypes }, state);
  const after = fold({ ...endpoint, initial: state }, events);
  if (after.exists !== 'yes') throw new Error('A changed endpoint does not exist.');
  return new ResolvedEndpoint(id, revision, after.configuration, organization);
};
