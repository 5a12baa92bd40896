// Operational messages: Hookledger's own, about endpoints and deliveries, in the organization that they are about. Endpoints subscribe to them like to
// others, by name or by `hookledger.*`; `*` does not include them.

/** Types that begin with this are Hookledger's own. */
const ownPrefix = 'hookledger.';

const noticeKinds = ['endpoint.failing', 'endpoint.recovered', 'endpoint.disabled', 'delivery.exhausted'] as const;
export type NoticeKind = (typeof noticeKinds)[number];

export const operationalTypeOf = (kind: NoticeKind): string => `${ownPrefix}${kind}`;

const operationalTypes: ReadonlySet<string> = new Set(noticeKinds.map(operationalTypeOf));
export const isOperationalType = (type: string): boolean => operationalTypes.has(type);

/** For schemas of types that publishers, sources and administrators choose. */
export const isOwnType = (type: string): boolean => type.startsWith(ownPrefix);
export const ownTypeRefused = `must not begin with ${ownPrefix}, because such messages are Hookledger's own; choose another type`;

/** An endpoint is told of once in this time for each kind. */
export const noticeIntervalMs = 10 * 60_000;
/** Failed attempts in a row after which an endpoint is announced as failing. A delivery that runs out of attempts suffices, too. */
export const failuresToAnnounce = 3;
