// JSON as a tree that opens and closes. Values keep all their digits, and parts of it can be marked.
import { UnstyledButton } from '@mantine/core';
import { useState, type ReactNode } from 'react';
import { isExactNumber } from '../../../src/domain/exact-number.ts';
import type { Json } from '../api/graphql.ts';
import { ChevronIcon } from './icons.tsx';
import './json.css';
import { isObject, keyOf, noMarks, type Marks, type Place } from './json-marks.ts';

/** Deeper levels begin closed, as do long lists from there on. */
const openLevels = 3;
const shownAtOnce = 100;

type TreeProps = { readonly value: Json; readonly label: string; readonly marks?: Marks };

export const JsonTree = ({ value, label, marks = noMarks }: TreeProps) => (
  <div className="code json" role="group" aria-label={label} tabIndex={0}>
    <ul>
      <Node value={value} place={[]} marks={marks} />
    </ul>
  </div>
);

type NodeProps = { readonly name?: string; readonly value: Json; readonly place: Place; readonly marks: Marks };

const Node = ({ name, value, place, marks }: NodeProps) => {
  const asks = marks.values.get(keyOf(place));
  const title = name === undefined ? null : <span className="json-name">{name}: </span>;
  const note = asks === undefined ? null : <Note>asks for {asks}</Note>;
  if (!isBranch(value))
    return (
      <li className={asks === undefined ? undefined : 'json-marked'}>
        {title}
        <Scalar value={value} />
        {note}
      </li>
    );
  return <Branch title={title} name={name} value={value} place={place} marks={marks} note={note} isMarked={asks !== undefined} />;
};

const isBranch = (value: Json): value is readonly Json[] | { readonly [name: string]: Json } =>
  typeof value === 'object' && value !== null && !isExactNumber(value);

type BranchProps = Omit<NodeProps, 'value'> & {
  readonly value: readonly Json[] | { readonly [name: string]: Json };
  readonly title: ReactNode;
  readonly note: ReactNode;
  readonly isMarked: boolean;
};

const Branch = ({ title, name, value, place, marks, note, isMarked }: BranchProps) => {
  const isList = !isObject(value);
  const entries = Object.entries(value);
  const missing = marks.missing.get(keyOf(place)) ?? [];
  const isMarkedInside = [...marks.values.keys(), ...marks.missing.keys()].some((key) => key.startsWith(keyOf(place).slice(0, -1)));
  const [isOpenByHand, setOpen] = useState<boolean>();
  const [shown, setShown] = useState(shownAtOnce);
  const isOpen = isOpenByHand ?? (place.length < openLevels || isMarkedInside);
  const count = `${entries.length} ${isList ? (entries.length === 1 ? 'item' : 'items') : entries.length === 1 ? 'field' : 'fields'}`;
  if (entries.length === 0 && missing.length === 0)
    return (
      <li className={isMarked ? 'json-marked' : undefined}>
        {title}
        {isList ? '[]' : '{}'}
        {note}
      </li>
    );
  return (
    <li>
      <div className={isMarked ? 'json-marked' : undefined}>
        <UnstyledButton
          className="json-toggle"
          aria-expanded={isOpen}
          aria-label={`${name ?? 'The whole'}, ${count}`}
          onClick={() => setOpen(!isOpen)}
        >
          <span className="json-chevron" data-open={isOpen || undefined}>
            <ChevronIcon size={12} />
          </span>
          {title}
          <span className="json-quiet">
            {isList ? '[' : '{'}
            {!isOpen && ` ${count} ${isList ? ']' : '}'}`}
          </span>
        </UnstyledButton>
        {note}
      </div>
      {isOpen && (
        <>
          <ul>
            {entries.slice(0, shown).map(([key, each]) => (
              <Node key={key} name={key} value={each} place={[...place, key]} marks={marks} />
            ))}
            {missing.map(({ name, asks }) => (
              <li key={`${name} ${asks}`} className="json-marked">
                <span className="json-name">{name}: </span>
                <span className="json-quiet">missing</span>
                <Note>asks for {asks}</Note>
              </li>
            ))}
            {entries.length > shown && (
              <li>
                <UnstyledButton className="json-more" onClick={() => setShown(shown + 10 * shownAtOnce)}>
                  Show {Math.min(entries.length - shown, 10 * shownAtOnce)} more of {entries.length}
                </UnstyledButton>
              </li>
            )}
          </ul>
          <span className="json-quiet">{isList ? ']' : '}'}</span>
        </>
      )}
    </li>
  );
};

const Note = ({ children }: { readonly children: ReactNode }) => <span className="json-note">{children}</span>;

const Scalar = ({ value }: { readonly value: Json }) => {
  const kind = typeof value === 'string' ? 'text' : value === null || typeof value === 'boolean' ? 'word' : 'number';
  return <span className={`json-${kind}`}>{JSON.stringify(value)}</span>;
};
