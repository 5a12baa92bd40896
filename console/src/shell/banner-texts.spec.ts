import { describe, expect, it } from 'vitest';
import { bannersOf } from './banner-texts.ts';

const active = { name: 'Acme', status: 'ACTIVE', suspendedReason: null } as const;
const views = { name: 'views', state: 'live', lagSeconds: 0.2, error: null };
const kinds = (...args: Parameters<typeof bannersOf>) => bannersOf(...args).map(({ kind }) => kind);

describe('banners', () => {
  it('say nothing while all is well, and while nothing is known', () => {
    expect(bannersOf({ organization: active, system: { consumers: [views] } }, false)).toEqual([]);
    expect(bannersOf(undefined, false)).toEqual([]);
  });
  it('say that the organization is suspended, why, and what that means', () => {
    const suspended = { name: 'Acme', status: 'SUSPENDED', suspendedReason: 'The invoice is unpaid.' } as const;
    expect(bannersOf({ organization: suspended, system: { consumers: null } }, false)).toEqual([
      { kind: 'suspended', text: 'Acme is suspended: The invoice is unpaid. Publishing is refused, and its deliveries are held.' },
    ]);
  });
  it('say how far the views lag, and no more of it once they are being rebuilt', () => {
    expect(kinds({ organization: active, system: { consumers: [{ ...views, lagSeconds: 4.9 }] } }, false)).toEqual([]);
    const late = { ...views, lagSeconds: 72 };
    expect(bannersOf({ organization: active, system: { consumers: [late] } }, false)[0]?.text).toMatch(/^The views lag by 1 min 12 s:/);
    const rebuilt = { ...late, error: 'The views are being built from the log: 4 % of it is applied.' };
    expect(kinds({ organization: active, system: { consumers: [rebuilt] } }, false)).toEqual(['rebuilding']);
  });
  it('do not speak of other consumers, and say that the connection is lost', () => {
    const sealer = { ...views, name: 'sealer', lagSeconds: 900 };
    expect(kinds({ organization: active, system: { consumers: [views, sealer] } }, true)).toEqual(['reconnecting']);
  });
});
