// Splits a log's events among threads. A message and its deliveries are in the same partition, which then has their state in memory.
import { idIn } from '../../domain/streams.ts';
import { configurationCategories } from '../../event-store/event-store.ts';

/** One of `count` partitions; `index` counts from 0. */
export type Partition = { readonly index: number; readonly count: number };

const configuration: ReadonlySet<string> = new Set(configurationCategories);
export const isConfiguration = (category: string): boolean => configuration.has(category);

/** This part of an id is the same in a message's id and its deliveries' ids. It is the last digit of a time, which spreads as evenly as a random one. */
const digit = 12;

/** @param id of a message, delivery, batch, replay or source */
export const isInPartition = (id: string, { index, count }: Partition): boolean =>
  count === 1 || (Number.parseInt(id.charAt(digit), 16) || 0) % count === index;

/** The first partition checks the streams of configuration and of the seals. */
export const ownsStream = (partition: Partition, category: string, stream: string): boolean =>
  isConfiguration(category) || category === 'ledger' ? partition.index === 0 : isInPartition(idIn(stream), partition);
