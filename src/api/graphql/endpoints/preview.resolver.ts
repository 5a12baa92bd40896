// Previews over GraphQL: what an endpoint would be sent, before it is made.
import { Inject } from '@nestjs/common';
import { Args, Context, Mutation, Resolver } from '@nestjs/graphql';
import { CreateEndpoint } from '../../../commands/endpoint-commands.ts';
import { EndpointPreviews } from '../../../delivery/preview-endpoint.ts';
import { endpointInput, type SettingsOptions } from '../../../domain/endpoint-settings.ts';
import { RequestMaker } from '../../../delivery/attempts/request-maker.ts';
import { EndpointDirectory } from '../../../read-models/directory/endpoint-directory.ts';
import { Allow } from '../../auth/access.ts';
import { checkDataSizes } from '../../payload-size.ts';
import { validate } from '../../refusal.ts';
import { SETTINGS_OPTIONS } from '../../tokens.ts';
import type { ApiContext } from '../context.ts';
import { MessageInputType } from '../deliveries/delivery.types.ts';
import { inInput } from './endpoint.resolver.ts';
import { EndpointInput, EndpointPreview } from './endpoint.types.ts';
import { publishedMessage } from '../messages/message.resolver.ts';

@Resolver()
export class PreviewResolver {
  private readonly previews: EndpointPreviews;
  private readonly input: ReturnType<typeof endpointInput>;

  constructor(directory: EndpointDirectory, requests: RequestMaker, @Inject(SETTINGS_OPTIONS) options: SettingsOptions) {
    this.previews = new EndpointPreviews(directory, requests);
    this.input = endpointInput(options);
  }

  @Mutation(() => EndpointPreview, {
    description: 'What an endpoint made so would be sent of that message. Nothing is stored, and nothing is sent.',
  })
  @Allow('ADMIN')
  async previewEndpoint(
    @Args('input') input: EndpointInput,
    @Args('message', { type: () => MessageInputType }) message: MessageInputType,
    @Context() { caller }: ApiContext,
  ): Promise<EndpointPreview> {
    const { settings, secret, disabled } = validate(this.input, input, 'input');
    const given = validate(publishedMessage, message, 'message');
    checkDataSizes([given], undefined, () => 'message.data');
    const create = new CreateEndpoint(caller, settings, secret ?? undefined, disabled);
    return inInput(this.previews.preview(create, given));
  }
}
