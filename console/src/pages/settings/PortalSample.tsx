// A sample of the portal with settings that may not be saved yet: its head, its tabs, a link and a button, in each scheme that people will see.
import { DEFAULT_THEME, Stack } from '@mantine/core';
import type { CSSProperties } from 'react';
import { shadesOf } from '../../portal/brand.ts';
import { PortalHeader } from '../../portal/PortalHeader.tsx';
import '../../portal/portal.css';

type Props = {
  readonly name: string | null;
  readonly logo: string | null;
  readonly primaryColor: string | null;
  readonly colorScheme: 'LIGHT' | 'DARK' | 'AUTO';
};
type Scheme = 'light' | 'dark';

const paper = {
  light: { ground: '#f7f8fa', surface: '#ffffff', line: '#e3e6ea', text: '#000000' },
  dark: { ground: '#141619', surface: '#1b1e22', line: '#2e3238', text: '#c9c9c9' },
} as const;

/** As look.ts gives them to the portal. */
const colorsOf = (primaryColor: string | null, scheme: Scheme): { readonly button: string; readonly link: string } => {
  const shades = primaryColor === null ? DEFAULT_THEME.colors.indigo : shadesOf(primaryColor);
  const [button, link] = scheme === 'light' ? [7, primaryColor === null ? 7 : 8] : [primaryColor === null ? 7 : 6, 4];
  return { button: shades[button] ?? '', link: shades[link] ?? '' };
};

export const PortalSample = ({ colorScheme, ...look }: Props) => (
  <Stack gap="sm">
    {colorScheme !== 'DARK' && <Sample {...look} scheme="light" />}
    {colorScheme !== 'LIGHT' && <Sample {...look} scheme="dark" />}
  </Stack>
);

const Sample = ({ name, logo, primaryColor, scheme }: Omit<Props, 'colorScheme'> & { readonly scheme: Scheme }) => {
  const { button, link } = colorsOf(primaryColor, scheme);
  const { ground, surface, line, text } = paper[scheme];
  const style = {
    '--mantine-color-anchor': link,
    '--mantine-color-text': text,
    '--console-line': line,
    '--console-surface': surface,
    '--portal-button': button,
    background: ground,
    color: text,
  } as CSSProperties;
  return (
    <div className="portal-look" style={style} role="img" aria-label={`The portal in ${scheme} colors`}>
      <PortalHeader name={name} logo={logo} />
      <div className="portal-tabs">
        <span data-current>Endpoints</span>
        <span>Deliveries</span>
        <span>Event types</span>
      </div>
      <div className="portal-look-page">
        <span className="portal-look-link">Order desk</span>
        <span className="portal-look-button">New endpoint</span>
      </div>
    </div>
  );
};
