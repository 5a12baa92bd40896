// The bench's figures, and their targets.

export type Throughput = {
  deliveriesPerSecond: number;
  acceptedPerSecond: number;
  /** Messages accepted but not delivered when the measured time ended, and the time their delivery took from then. */
  backlog: number;
  drainSeconds: number;
  /** Messages accepted but not delivered within a minute after the end: must be 0. */
  lost: number;
  refused: number;
  latencyMs: { p50: number; p95: number; p99: number; max: number };
  signatures: { checked: number; wrong: number };
  /** CPU cores that the measured process used. */
  cores: number;
};
type Waiting = { deliveries: number; beforeMb: number; afterMb: number; growthMb: number; peakMb: number };
type Target = { what: string; value: number; target: string; met: boolean };
export type Figures = {
  machine: { cpus: number; model: string; node: string; fdatasyncPerSecond: number; loadBefore: number };
  secondsPerPhase: number;
  store: string;
  database: 'sqlite' | 'postgres';
  A?: Throughput;
  passThrough?: Throughput;
  B?: Throughput;
  bareLoop?: { perSecond: number; concurrency: number };
  C?: Throughput & { rate: number };
  peakMemoryMb?: number;
  D?: Waiting;
  /** Appends per second. */
  log?: { adapter: number; bare: number; inFlight: number };
  rebuild?: { events: number; seconds: number; eventsPerSecond: number };
  verify?: { events: number; seconds: number; eventsPerSecond: number };
  targets: Target[];
  /** Failures, one sentence each. */
  problems: string[];
};

export const targetsFor = ({
  A,
  B,
  C,
  D,
  passThrough,
  bareLoop,
  peakMemoryMb,
  rebuild,
  verify,
  log,
  store,
  database,
}: Figures): Target[] => {
  const targets: Target[] = [];
  const atLeast = (what: string, value: number, limit: number) => targets.push({ what, value, target: `≥ ${limit}`, met: value >= limit });
  const below = (what: string, value: number, limit: number) => targets.push({ what, value, target: `< ${limit}`, met: value < limit });
  if (A && passThrough) atLeast('A / pass-through', A.deliveriesPerSecond / passThrough.deliveriesPerSecond, 0.5);
  if (B && bareLoop) atLeast('B / bare loop', B.deliveriesPerSecond / bareLoop.perSecond, 0.3);
  if (C) below('p99 at half load, ms', C.latencyMs.p99, 100);
  if (peakMemoryMb !== undefined) below('peak memory, MB', peakMemoryMb, 400);
  if (D) below(`growth with ${Math.round(D.deliveries).toLocaleString('en')} waiting, MB`, D.growthMb, 100);
  if (verify && store === 'sqlite') atLeast('verify, events/s', verify.eventsPerSecond, 100_000);
  if (rebuild && store === 'sqlite') atLeast('rebuild, events/s', rebuild.eventsPerSecond, database === 'sqlite' ? 100_000 : 20_000);
  if (log) atLeast('appends / bare client loop', log.adapter / log.bare, 0.8);
  if (log && A) atLeast('A / bare client loop', A.deliveriesPerSecond / log.bare, 0.4);
  if (A && store === 'eventstoredb') below('A, ms of processor time per delivery', (A.cores / A.deliveriesPerSecond) * 1_000, 1);
  return targets;
};
