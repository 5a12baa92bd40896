// Whether times are shown in UTC or in the browser's time zone. Remembered in this browser.
import { useLocalStorage } from '@mantine/hooks';
import { createContext, useContext, type ReactNode } from 'react';

type Zone = 'UTC' | 'local';
const TimeZone = createContext<{ readonly zone: Zone; readonly setZone: (zone: Zone) => void }>({
  zone: 'local',
  setZone: () => undefined,
});

export const TimeZoneProvider = ({ children }: { readonly children: ReactNode }) => {
  const [zone, setZone] = useLocalStorage<Zone>({ key: 'hookledger-time-zone', defaultValue: 'local', getInitialValueInEffect: false });
  return <TimeZone value={{ zone, setZone }}>{children}</TimeZone>;
};

export const useTimeZone = () => useContext(TimeZone);
