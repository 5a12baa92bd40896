// The request maker: what an endpoint is sent of one message or a batch of them, by its configuration of this moment.
import type { PayloadFormat } from '../../domain/endpoint.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { ResolvedEndpoint } from '../../read-models/directory/resolved-endpoint.ts';
import { formatBody, type FormattedBody, type Messages } from '../formats/format.ts';
import type { TemplateProcesses } from '../formats/template-processes.ts';
import { buildRequest, type BuiltRequest } from './request.ts';

/** `id`: of the message, or of the batch. */
export type RequestContent = { readonly id: string; readonly messages: Messages };

export class RequestMaker {
  constructor(
    private readonly templates: Pick<TemplateProcesses, 'evaluate'>,
    /** `Hookledger/<version>` */
    private readonly userAgent: string,
  ) {}

  /** At once but for templates. @throws FormatError when no request can be made; a promise rejects with it. */
  make(endpoint: ResolvedEndpoint, { id, messages }: RequestContent, attempt: number, now: Date): BuiltRequest | Promise<BuiltRequest> {
    const { settings } = endpoint.configuration;
    const { headers, formatOptions } = endpoint;
    const withBody = (body: FormattedBody) =>
      buildRequest({ id, body, settings, headers, secrets: endpoint.secrets(now), attempt, now, userAgent: this.userAgent });
    const body = this.body(endpoint.id, settings.format, messages, formatOptions);
    return body instanceof Promise ? body.then(withBody) : withBody(body);
  }

  /** @param owner whose turn a template takes: the endpoint's id. @param options decrypted */
  body(owner: string, format: PayloadFormat, messages: Messages, options: JsonObject | null): FormattedBody | Promise<FormattedBody> {
    return formatBody(format, messages, options, (template, each) => this.templates.evaluate(owner, template, each));
  }
}
