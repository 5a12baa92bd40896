// Asks for what is typed: once the typing rests, and one at a time. What changed meanwhile is asked for when the answer is here.
import { useDebouncedValue } from '@mantine/hooks';
import { useEffect, useEffectEvent, useRef, useState } from 'react';

const restMs = 500;

/**
 * @param key what is asked for, as text; undefined: nothing can be asked for now
 * @returns the answer to an older key until there is a newer one
 */
export const useOneAtATime = <Answer>(key: string | undefined, ask: (key: string) => Promise<Answer>): Answer | undefined => {
  const [wanted] = useDebouncedValue(key, restMs);
  const [answer, setAnswer] = useState<Answer>();
  const isAsking = useRef(false);
  const latest = useRef(wanted);
  const run = useEffectEvent(async () => {
    if (isAsking.current) return;
    isAsking.current = true;
    for (let asked: string | undefined; latest.current !== undefined && latest.current !== asked;) {
      asked = latest.current;
      setAnswer(await ask(asked));
    }
    isAsking.current = false;
  });
  useEffect(() => {
    latest.current = wanted;
    if (wanted !== undefined) void run();
  }, [wanted]);
  return answer;
};
