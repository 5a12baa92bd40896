// What is recorded of one HTTP request and its response, with the endpoint's secrets masked wherever they are repeated.
import type { AttemptRecord } from '../../domain/attempts.ts';
import type { ResolvedEndpoint } from '../../read-models/directory/resolved-endpoint.ts';
import type { SendOutcome } from '../sender/send-outcome.ts';
import type { BuiltRequest } from './request.ts';

/** @param request undefined: none could be made */
export const recordOf = (
  attempt: number,
  endpoint: ResolvedEndpoint,
  request: BuiltRequest | undefined,
  outcome: SendOutcome,
  isProbe: boolean,
): AttemptRecord => ({
  attempt,
  startedAt: outcome.startedAt,
  durationMs: outcome.durationMs,
  url: endpoint.shownUrl,
  endpointRevision: endpoint.revision,
  requestHeaders: request?.maskedHeaders ?? {},
  ...(request ? { bodySha256: request.bodySha256 } : {}),
  ...(outcome.responseCode === undefined
    ? {}
    : {
        responseCode: outcome.responseCode,
        responseHeaders:
          outcome.responseHeaders &&
          Object.fromEntries(Object.entries(outcome.responseHeaders).map(([name, value]) => [name, endpoint.maskSecretsIn(value)])),
        responseBody: outcome.responseBody && endpoint.maskSecretsIn(outcome.responseBody, outcome.isBodyCut),
        ...(outcome.isBodyCut && { responseTruncated: true as const }),
      }),
  ...(isProbe && { probe: true as const }),
});
