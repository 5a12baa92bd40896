// What each person chooses for this browser: UTC or local time, light or dark.
import { ActionIcon, Button, Tooltip, useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import { MoonIcon, SunIcon } from '../components/icons.tsx';
import { useTimeZone } from '../components/time-zone.tsx';

export const Preferences = () => {
  const { zone, setZone } = useTimeZone();
  const scheme = useComputedColorScheme('light');
  const { setColorScheme } = useMantineColorScheme();
  const other = scheme === 'dark' ? 'light' : 'dark';
  const otherZone = zone === 'UTC' ? 'local' : 'UTC';
  return (
    <>
      <Tooltip label={`Show times in ${otherZone === 'UTC' ? 'UTC' : 'local time'}`}>
        <Button variant="subtle" color="gray" size="compact-sm" onClick={() => setZone(otherZone)}>
          {zone === 'UTC' ? 'UTC' : 'Local time'}
        </Button>
      </Tooltip>
      <Tooltip label={`Use the ${other} colours`}>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label={`Use the ${other} colours`} onClick={() => setColorScheme(other)}>
          {scheme === 'dark' ? <SunIcon /> : <MoonIcon />}
        </ActionIcon>
      </Tooltip>
    </>
  );
};
