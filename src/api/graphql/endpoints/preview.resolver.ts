// Previews over GraphQL: the request that an endpoint would get, before it exists.
import { Inject } from '@nestjs/common';
import { Args, Context, Field, Mutation, ObjectType, Resolver } from '@nestjs/graphql';
import { CreateEndpoint } from '../../../commands/endpoint-commands.ts';
import { EndpointPreviews } from '../../../delivery/preview-endpoint.ts';
import { endpointInput, type SettingsOptions } from '../../../domain/endpoint-settings.ts';
import { RequestMaker } from '../../../delivery/attempts/request-maker.ts';
import { EndpointDirectory } from '../../../read-models/directory/endpoint-directory.ts';
import { AllowOperators, AllowPortal } from '../../auth/access.ts';
import { prefixIssuePaths, validate } from '../../input-validation.ts';
import { checkDataSizes } from '../../publish-limits.ts';
import { SETTINGS_OPTIONS } from '../../tokens.ts';
import type { ApiContext } from '../context.ts';
import { graphqlMessageInput } from '../messages/message-input.ts';
import { MessageInput } from '../messages/message.types.ts';
import { JsonScalar } from '../scalars.ts';
import { EndpointInput } from './endpoint.inputs.ts';

@ObjectType()
class EndpointPreview {
  @Field(() => String)
  readonly url!: string;
  @Field(() => JsonScalar, { description: 'As they would be sent, including the signature. Secrets are masked.' })
  readonly headers!: Readonly<Record<string, string>>;
  @Field(() => String, { description: 'A routing key in it is masked.' })
  readonly body!: string;
  @Field(() => Boolean, { description: 'Whether the message matches the subscription and the filter of the endpoint.' })
  readonly matches!: boolean;
}

@Resolver()
export class PreviewResolver {
  private readonly previews: EndpointPreviews;
  private readonly input: ReturnType<typeof endpointInput>;

  constructor(directory: EndpointDirectory, requests: RequestMaker, @Inject(SETTINGS_OPTIONS) options: SettingsOptions) {
    this.previews = new EndpointPreviews(directory, requests);
    this.input = endpointInput(options);
  }

  @Mutation(() => EndpointPreview, {
    description: 'The request that a new endpoint would get for this message. Nothing is stored, and nothing is sent.',
  })
  @AllowOperators()
  @AllowPortal('MANAGE_ENDPOINTS', 'FILTERED')
  async previewEndpoint(
    @Args('input') input: EndpointInput,
    @Args('message', { type: () => MessageInput }) message: MessageInput,
    @Context() { caller }: ApiContext,
  ): Promise<EndpointPreview> {
    const { settings, secret, disabled } = validate(this.input, input, 'input');
    const messageInput = validate(graphqlMessageInput, message, 'message');
    await checkDataSizes([messageInput], undefined, () => 'message.data');
    const create = new CreateEndpoint(caller, settings, secret ?? undefined, disabled);
    return prefixIssuePaths('input', this.previews.preview(create, messageInput));
  }
}
