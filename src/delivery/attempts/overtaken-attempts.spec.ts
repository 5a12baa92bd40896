// Attempts that meet something else: an endpoint that is gone or not known yet, another replica, a person.
import { describe, expect, it, vi } from 'vitest';
import { CommandExecutor } from '../../commands/command-executor.ts';
import { AttemptRunner } from './attempt-runner.ts';
import { RequestMaker } from './request-maker.ts';
import {
  subject,
  ok,
  broken,
  store,
  directory,
  runner,
  send,
  observe,
  evaluate,
  endpoint,
  remove,
  due,
  history,
  byHand,
  setUp,
} from '../../../test/support/given-attempts.ts';

describe('the attempt runner', () => {
  setUp();

  it('cancels what is due to an endpoint that is gone, and sends nothing', async () => {
    await endpoint();
    await remove();
    const result = await runner.run(due());
    expect(send).not.toHaveBeenCalled();
    expect(await history()).toMatchObject([{ type: 'delivery.cancelled', data: { reason: 'the endpoint was deleted' } }]);
    expect(result.position).toBe(await store.tip());
  });

  it('waits for an endpoint that the directory has not come to yet, as when another replica made it', async () => {
    send.mockResolvedValue(ok);
    const running = runner.run(due());
    await endpoint();
    await running;
    expect((await history()).map(({ type }) => type)).toEqual(['delivery.attempt-succeeded']);
  });

  it('records an attempt once that two replicas made, and says so to the second', async () => {
    await endpoint();
    send.mockResolvedValueOnce(ok).mockResolvedValueOnce({ ...ok, durationMs: ok.durationMs + 1 });
    const repeated = vi.fn<() => void>();
    const replica = () => {
      const requests = new RequestMaker({ evaluate }, 'Hookledger/1');
      return new AttemptRunner(store, new CommandExecutor(store), directory, { send, prepare: () => true }, requests, observe, {
        repeated,
      });
    };
    await Promise.all([replica().run(due()), replica().run(due())]);
    expect(send).toHaveBeenCalledTimes(2);
    expect((await history()).map(({ type }) => type)).toEqual(['delivery.attempt-succeeded']);
    expect(repeated).toHaveBeenCalledOnce();
  });

  it('retries nothing at an endpoint that was deleted during the attempt, and keeps a success', async () => {
    await endpoint();
    send.mockImplementationOnce(async () => {
      await remove();
      return broken(500);
    });
    const { position } = await runner.run(due());
    expect((await history()).map(({ type }) => type)).toEqual(['delivery.attempt-failed', 'delivery.cancelled']);
    expect(position).toBe(await store.tip());
  });

  it('records an attempt that a cancellation overtook', async () => {
    await endpoint();
    send.mockImplementationOnce(async () => {
      await byHand({ type: 'Cancel', subject, now: new Date(), reason: 'by hand' });
      return ok;
    });
    await runner.run(due());
    expect((await history()).map(({ type }) => type)).toEqual(['delivery.cancelled', 'delivery.attempt-succeeded']);
  });

  it('records an attempt during which a person asked for a retry, as the first of the fresh series', async () => {
    await endpoint();
    send.mockResolvedValue(broken(500));
    await runner.run(due());
    send.mockImplementationOnce(async () => {
      await byHand({ type: 'RequestRetry', subject, now: new Date() });
      return broken(500);
    });
    await runner.run(due({ attempt: 2, failures: 1, revision: 0 }));
    expect((await history()).at(-1)).toMatchObject({ type: 'delivery.attempt-failed', data: { attempt: 2, failuresInSeries: 1 } });
  });
});
