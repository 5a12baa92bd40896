import { describe, expect, it } from 'vitest';
import { contrastWithWhite } from './contrast.ts';
import { defaultPortalSettings, portalSettingsFrom, portalSettingsInput } from './portal-settings.ts';

const refusal = (input: Record<string, unknown>) =>
  portalSettingsInput.safeParse(input).error?.issues.map(({ path, message }) => `${path.join('.')} ${message}`);

describe('portal settings', () => {
  it('have a contrast as WCAG works it out', () => {
    expect(contrastWithWhite('#000000')).toBeCloseTo(21);
    expect(contrastWithWhite('#ffffff')).toBeCloseTo(1);
    expect(contrastWithWhite('#767676')).toBeCloseTo(4.54, 2);
  });
  it('are the defaults where nothing is given', () => expect(portalSettingsFrom({})).toEqual(defaultPortalSettings));
  it('take a name, a logo and a color that can be read', () => {
    const given = { name: ' Acme ', logo: 'data:image/png;base64,iVBORw0KGgo=', primaryColor: '#1A56DB', colorScheme: 'DARK' };
    expect(portalSettingsFrom(portalSettingsInput.parse(given))).toEqual({ ...given, name: 'Acme', primaryColor: '#1a56db' });
    expect(refusal({ logo: 'data:image/svg+xml,%3Csvg/%3E' })).toBeUndefined();
  });
  it('refuse what can not be read, shown or loaded, and say what would be right', () => {
    expect(refusal({ primaryColor: '#ffff00' })).toEqual([expect.stringContaining('contrast of 1.1 : 1 with white')]);
    expect(refusal({ primaryColor: 'blue' })).toEqual([expect.stringContaining('such as #1a56db')]);
    expect(refusal({ logo: 'https://elsewhere.example/logo.png' })).toEqual([expect.stringContaining('data URI')]);
    expect(refusal({ logo: `data:image/png;base64,${'A'.repeat(70_000)}` })).toEqual([expect.stringContaining('64 KiB')]);
    expect(refusal({ brand: 'x' })).toEqual([expect.stringContaining('no such field')]);
  });
});
