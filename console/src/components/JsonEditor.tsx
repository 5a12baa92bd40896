// A field for JSON. Its editor is loaded when it is shown.
import { Input, Skeleton } from '@mantine/core';
import { useEffect, useEffectEvent, useRef, useState, type ReactNode } from 'react';
import type { Editor } from './code-mirror.ts';
import './json.css';

type Props = {
  readonly label: string;
  readonly value: string;
  readonly error?: string | undefined;
  readonly description?: ReactNode;
  readonly onChange: (value: string) => void;
};

export const JsonEditor = ({ label, value, error, description, onChange }: Props) => {
  const place = useRef<HTMLDivElement>(null);
  const editor = useRef<Editor>(undefined);
  const [isReady, setReady] = useState(false);
  const change = useEffectEvent(onChange);
  const current = useEffectEvent(() => value);
  useEffect(() => {
    let isWanted = true;
    const load = async () => {
      const { mountEditor } = await import('./code-mirror.ts');
      if (!isWanted || place.current === null) return;
      editor.current = mountEditor(place.current, { value: current(), label, onChange: (next) => change(next) });
      setReady(true);
    };
    void load();
    return () => {
      isWanted = false;
      editor.current?.destroy();
      editor.current = undefined;
      setReady(false);
    };
  }, [label]);
  useEffect(() => editor.current?.setValue(value), [value]);
  return (
    <Input.Wrapper label={label} labelElement="div" description={description} error={error}>
      <div className="json-editor" data-error={error !== undefined || undefined}>
        {!isReady && <Skeleton height="12rem" radius="sm" />}
        <div ref={place} />
      </div>
    </Input.Wrapper>
  );
};
