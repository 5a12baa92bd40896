// The request maker: makes the request for one message or a batch, from the endpoint's current configuration.
import type { PayloadFormat } from '../../domain/format-options.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { ResolvedEndpoint } from '../../read-models/directory/resolved-endpoint.ts';
import { formatBody, type FormattedBody, type Messages } from '../formats/format.ts';
import type { TemplateProcesses } from '../formats/template-processes.ts';
import { buildRequest, type BuiltRequest } from './request.ts';

/** `id`: the message's or the batch's. `hops`: the message's, or the most of the batch's messages. */
type RequestContent = { readonly id: string; readonly messages: Messages; readonly hops?: number | undefined };

export class RequestMaker {
  constructor(
    private readonly templates: Pick<TemplateProcesses, 'evaluate'>,
    /** `Hookledger/<version>` */
    private readonly userAgent: string,
  ) {}

  /** A promise only for templates. @throws FormatError if no request can be made; a promise rejects with it */
  make(
    endpoint: ResolvedEndpoint,
    { id, messages, hops }: RequestContent,
    attempt: number,
    now: Date,
  ): BuiltRequest | Promise<BuiltRequest> {
    const { format, signature } = endpoint.configuration.settings;
    const { url, headers, formatOptions } = endpoint;
    const withBody = (body: FormattedBody) =>
      buildRequest({ id, body, url, signature, headers, secrets: endpoint.secrets(now), hops, attempt, now, userAgent: this.userAgent });
    const owner = `${endpoint.configuration.organizationId}/${endpoint.id}`;
    const body = this.body(owner, format, messages, formatOptions);
    return body instanceof Promise ? body.then(withBody) : withBody(body);
  }

  /** @param owner `<organization>/<endpoint>`: templates of both take turns. @param options decrypted */
  body(owner: string, format: PayloadFormat, messages: Messages, options: JsonObject | null): FormattedBody | Promise<FormattedBody> {
    return formatBody(format, messages, options, (template, each) => this.templates.evaluate(owner, template, each));
  }
}
