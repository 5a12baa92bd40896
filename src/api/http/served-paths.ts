// What is served, and how a request is treated before its handler runs. All hooks of this folder read this list, and the start refuses a route that is
// not on it. Who may call a handler, the handler says (see auth/access.ts).
import { graphqlPath } from '../graphql/path.ts';
import { largestBody } from '../refusal.ts';

export type ServedPath = {
  /** `HEAD` comes with `GET`. */
  readonly methods: readonly string[];
  /** `for more`: it answers without a key, and says more with one. A request with a body needs a key before the body is read, but for `in its body`. */
  readonly key: 'needed' | 'for more' | 'in its body' | 'not needed';
  /** Bytes of the largest body; 0: none is read. */
  readonly largestBody: number;
  /** Counts in the rate limit of its key. */
  readonly isCounted: boolean;
  /** Waits for its turn in the intake queue, and is refused at once while that is full. */
  readonly isIntake: boolean;
  /** Answered once the log is open; others wait for everything. */
  readonly opensFirst: boolean;
  /** Answered until the process ends; others are refused as soon as it stops. */
  readonly closesLast: boolean;
};

/** The console has one page for all of its addresses. */
export const consolePages: readonly string[] = [
  '/sign-in',
  '/endpoints',
  '/endpoints/*',
  '/deliveries',
  '/deliveries/*',
  '/messages',
  '/messages/*',
  '/publish',
  '/event-types',
  '/replays',
  '/sources',
  '/history',
  '/organizations',
  '/settings',
  '/system',
];

const page = { methods: ['GET'], largestBody: 0, isCounted: true, isIntake: false, opensFirst: true, closesLast: false } as const;

const servedPaths: Readonly<Record<string, ServedPath>> = {
  '/v1/messages': { ...page, methods: ['POST'], key: 'needed', largestBody, isIntake: true },
  [graphqlPath]: { ...page, methods: ['GET', 'OPTIONS', 'POST'], key: 'needed', largestBody, opensFirst: false },
  '/v1/session': { ...page, methods: ['DELETE', 'POST'], key: 'in its body', largestBody: 4 * 1024, isCounted: false, opensFirst: false },
  '/health/live': { ...page, key: 'not needed', isCounted: false, closesLast: true },
  '/health/ready': { ...page, key: 'for more', isCounted: false },
  '/metrics': { ...page, key: 'needed', closesLast: true },
  '/': { ...page, key: 'not needed' },
  ...Object.fromEntries(consolePages.map((path) => [path, { ...page, key: 'not needed' } as const])),
  '/portal': { ...page, key: 'not needed' },
  '/portal.js': { ...page, key: 'not needed' },
  '/assets/:name': { ...page, key: 'not needed' },
  '/docs': { ...page, key: 'not needed' },
  '/docs/:name': { ...page, key: 'not needed' },
};

export const servedRoutes = Object.entries(servedPaths);

/** Treated like the path of GraphQL: before everything is open, clients don't learn what is not there. */
const notServed: ServedPath = { ...page, methods: [], key: 'needed', opensFirst: false };

const byPath = new Map(servedRoutes);

/** @param url matched by no route, for a path that does not take its method */
export const servedPathOf = ({
  routeOptions,
  url,
}: {
  readonly routeOptions: { readonly url?: string | undefined };
  readonly url: string;
}) => byPath.get(routeOptions.url ?? url.split('?', 1)[0] ?? '') ?? notServed;

/** @throws Error if the list does not say how requests for it are treated */
export const checkIsListed = (path: string): void => {
  if (!byPath.has(path)) throw new Error(`The route ${path} is not in src/api/http/served-paths.ts; add how requests for it are treated.`);
};
