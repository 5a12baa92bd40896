// How the portal looks to an organization's people: its name, logo and colors.
import * as z from 'zod';
import { contrastWithWhite, leastContrast } from './contrast.ts';

export const colorSchemes = ['LIGHT', 'DARK', 'AUTO'] as const;

/** As stored in events. Part of their storage format: never edit it. */
export const storedPortalSettings = z.object({
  displayName: z.string().nullable(),
  logo: z.string().nullable().describe('A data URI of a PNG or SVG.'),
  primaryColor: z.string().nullable().describe('`#` and six hexadecimal digits.'),
  colorScheme: z.enum(colorSchemes),
});
type StoredPortalSettings = z.infer<typeof storedPortalSettings>;

export type PortalSettings = Omit<StoredPortalSettings, 'displayName'> & { readonly name: string | null };

export const toStored = ({ name, ...others }: PortalSettings): StoredPortalSettings => ({ displayName: name, ...others });
export const fromStored = ({ displayName, ...others }: StoredPortalSettings): PortalSettings => ({ name: displayName, ...others });

export const defaultPortalSettings: PortalSettings = { name: null, logo: null, primaryColor: null, colorScheme: 'AUTO' };

const mostLogoBytes = 64 * 1024;
const logoForm = /^data:image\/(?:png;base64,[A-Za-z0-9+/=]+|svg\+xml(?:;base64,[A-Za-z0-9+/=]+|(?:;charset=utf-8|;utf8)?,\S+))$/i;

/** As a person gives it. */
export const portalSettingsInput = z.strictObject(
  {
    name: z.string().trim().min(1, 'is empty; leave it out to show no name').max(100, 'must be at most 100 characters').nullish(),
    logo: z
      .string()
      .max(mostLogoBytes, `must be at most ${mostLogoBytes} bytes (64 KiB); make the picture smaller`)
      .regex(logoForm, 'must be a data URI of a PNG or an SVG, such as data:image/png;base64,…')
      .nullish(),
    primaryColor: z
      .string()
      .regex(/^#[0-9a-f]{6}$/i, { error: 'must be # and six hexadecimal digits, such as #1a56db', abort: true })
      .refine((color) => contrastWithWhite(color) >= leastContrast, {
        error: ({ input }) =>
          `has a contrast of ${contrastWithWhite(String(input)).toFixed(1)} : 1 with white, and at least ${leastContrast} : 1 are needed to read it; choose a darker color`,
      })
      .nullish(),
    colorScheme: z.enum(colorSchemes, { error: `must be one of ${colorSchemes.join(', ')}` }).nullish(),
  },
  { error: (issue) => (issue.code === 'unrecognized_keys' ? 'There is no such field.' : undefined) },
);

export const portalSettingsFrom = ({ name, logo, primaryColor, colorScheme }: z.infer<typeof portalSettingsInput>): PortalSettings => ({
  name: name ?? null,
  logo: logo ?? null,
  primaryColor: primaryColor?.toLowerCase() ?? null,
  colorScheme: colorScheme ?? 'AUTO',
});
