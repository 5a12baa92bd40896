// Which banners are shown, and what they say. Pure.
import { durationInWords } from '../components/time.ts';

export type Banner = { readonly kind: 'suspended' | 'rebuilding' | 'lagging' | 'reconnecting'; readonly text: string };

type Standing = {
  readonly organization: { readonly name: string; readonly status: 'ACTIVE' | 'SUSPENDED'; readonly suspendedReason: string | null };
  /** `consumers`: null where the caller may not know. */
  readonly system: {
    readonly consumers:
      readonly { readonly name: string; readonly state: string; readonly lagSeconds: number; readonly error: string | null }[] | null;
  };
};

/** Less is not worth a word: a batch may take that long. */
const leastLagSeconds = 5;

/** @param isLost there is no WebSocket, and has not been for a while */
export const bannersOf = (standing: Standing | undefined, isLost: boolean): readonly Banner[] => {
  const banners: Banner[] = [];
  if (standing?.organization.status === 'SUSPENDED') {
    const { name, suspendedReason } = standing.organization;
    const why = suspendedReason === null ? '' : `: ${suspendedReason.replace(/\.$/, '')}`;
    banners.push({ kind: 'suspended', text: `${name} is suspended${why}. Publishing is refused, and its deliveries are held.` });
  }
  const views = standing?.system.consumers?.find(({ name }) => name === 'views');
  if (views?.error !== null && views?.error !== undefined)
    banners.push({ kind: 'rebuilding', text: `${views.error} What is shown may be old.` });
  else if (views !== undefined && views.lagSeconds >= leastLagSeconds)
    banners.push({
      kind: 'lagging',
      text: `The views lag by ${durationInWords(Math.round(views.lagSeconds))}: what is shown is as old as that. Deliveries go on.`,
    });
  if (isLost)
    banners.push({ kind: 'reconnecting', text: 'Reconnecting: what changes is not shown at once. Pages ask again every 10 s meanwhile.' });
  return banners;
};
