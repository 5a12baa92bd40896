// Finds the node of a cluster that leads: asks all nodes at the same time for something that only the leader answers, and takes the one that does.
// The nodes' list of each other is not asked: for seconds it names a leader that is gone, or one that shuts down and takes no new connections.
import type { Host } from '../connection.ts';
import { readStream, toClientFailure, toNamedLeader, type DbClient } from './db-client.ts';

/** A node that takes longer to answer hangs. */
const answersWithinMs = 1_000;

type Connect = (host: Host) => DbClient;

/**
 * Returns a client of the leader. @param probed a stream, which need not exist
 * @throws what a node answered, if none leads
 */
export const findLeader = async (hosts: readonly Host[], probed: string, connect: Connect): Promise<DbClient> => {
  const asked = new Set(hosts.map(nameOf));
  const ask = async (host: Host): Promise<DbClient> => {
    const client = connect(host);
    try {
      await leads(client, probed);
      return client;
    } catch (error) {
      // A node that does not lead may name one that does.
      const leader = toNamedLeader(error);
      if (!leader || asked.has(nameOf(leader))) throw error;
      asked.add(nameOf(leader));
      return ask(leader);
    }
  };
  try {
    return await Promise.any(hosts.map(ask));
  } catch (error) {
    throw error instanceof AggregateError ? mostTelling(error.errors) : error;
  }
};

const nameOf = ({ address, port }: Host) => `${address}:${port}`;

const leads = async (client: DbClient, probed: string): Promise<void> => {
  const reading = readStream(client, { stream: probed, from: 0, count: 1 });
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(Object.assign(new Error('It does not answer.'), { code: 14 })), answersWithinMs);
  try {
    await Promise.race([reading.next(), late.promise]);
  } catch (error) {
    if (!isOfAnother(error)) return;
    throw error;
  } finally {
    clearTimeout(timer);
    void reading.return(undefined).catch(() => {});
  }
};

/** Everything else is an answer, be it a refusal: the next call gets it, too, and can say what it means. */
const isOfAnother = (error: unknown): boolean => {
  const { type, code, message } = toClientFailure(error);
  return type === 'not-leader' || type === 'unavailable' || code === 14 || /no leader info|not ready/i.test(message);
};

/** That a node can't be reached says less than what another one answers. */
const mostTelling = (errors: readonly unknown[]): unknown => errors.find((error) => toClientFailure(error).code !== 14) ?? errors[0];
