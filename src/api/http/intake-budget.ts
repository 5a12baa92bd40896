// The budget of intake: the bytes of the bodies that are in this process at one time, and how long a publish may wait for its turn. What exceeds it is
// refused with 503 and Retry-After: before its body is read, where the request tells its length.
import { Transform } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { partsOfPublisher, publisherOf } from '../../commands/caller.ts';
import { addTo } from '../../commands/delivery-backlog.ts';
import { IntakeFull, type IntakeQueue } from '../../commands/intake-queue.ts';
import { largestBody, Refusal } from '../refusal.ts';
import { refuseEarly } from './refuse-early.ts';
import { servedPathOf } from './served-paths.ts';

/** Two of the largest bodies. While one is worked on, it takes several times as much. */
const mostBytes = 2 * largestBody;
/** Of one key: none can keep all others out. A little more than the largest body, which is refused as too large first. */
const mostBytesOfKey = largestBody + 1024 * 1024;
/** Of all keys of one organization. */
const mostBytesOfOrganization = largestBody * 1.5;

declare module 'fastify' {
  interface FastifyRequest {
    /** What the body of this request takes of the budget; unset if there is none. */
    reserved?: { readonly key: string; bytes: number };
  }
}

export class BodyBudget {
  private bytes = 0;
  private readonly byKey = new Map<string, number>();
  private readonly byOrganization = new Map<string, number>();

  /** @param key as `publisherOf` names it @returns whether there was room */
  reserve(key: string, bytes: number): boolean {
    const [organization] = partsOfPublisher(key);
    const ofKey = (this.byKey.get(key) ?? 0) + bytes;
    const ofOrganization = (this.byOrganization.get(organization) ?? 0) + bytes;
    if (this.bytes + bytes > mostBytes || ofKey > mostBytesOfKey || ofOrganization > mostBytesOfOrganization) return false;
    this.bytes += bytes;
    addTo(this.byKey, key, bytes);
    addTo(this.byOrganization, organization, bytes);
    return true;
  }

  release(key: string, bytes: number): void {
    this.bytes -= bytes;
    addTo(this.byKey, key, -bytes);
    addTo(this.byOrganization, partsOfPublisher(key)[0], -bytes);
  }
}

const retryAfter = { 'retry-after': '1' };
const noRoom = new Refusal(
  'UNAVAILABLE',
  'The bodies of other requests take all the room that there is for them; try again in a second, or send less at a time.',
  { headers: retryAfter },
);
const tooMuchWaits = new Refusal('UNAVAILABLE', new IntakeFull().message, { headers: retryAfter });

/** @param intake undefined: nothing is published here */
export const limitIntake = (fastify: FastifyInstance, intake: Pick<IntakeQueue, 'isFull'> | undefined): void => {
  const budget = new BodyBudget();
  const release = (request: FastifyRequest): void => {
    if (request.reserved) budget.release(request.reserved.key, request.reserved.bytes);
    delete request.reserved;
  };

  fastify.addHook('onRequest', (request, reply, done) => {
    const { caller, headers } = request;
    if (!caller) return done();
    const key = publisherOf(caller, caller.organizationId);
    const { isIntake } = servedPathOf(request);
    if (isIntake && intake?.isFull(key)) return refuseEarly(request, reply, tooMuchWaits);
    const bytes = Number(headers['content-length'] ?? 0);
    const isChunked = headers['transfer-encoding'] !== undefined;
    if (!isChunked && (bytes === 0 || bytes > largestBody)) return done(); // a larger one is refused for that
    if (!budget.reserve(key, bytes)) return isIntake ? refuseEarly(request, reply, noRoom) : done(noRoom);
    request.reserved = { key, bytes };
    // The sender may go away in the middle.
    reply.raw.once('close', () => request.bodyBytes === undefined && release(request));
    done();
  });

  // A body that does not tell its length takes its part as it arrives.
  fastify.addHook('preParsing', (request, _, payload, done) => {
    const { reserved } = request;
    if (!reserved || request.headers['transfer-encoding'] === undefined) return done(null, payload);
    const counted = new Transform({
      transform(chunk: Buffer, _encoding, next) {
        if (!budget.reserve(reserved.key, chunk.length)) return next(noRoom);
        reserved.bytes += chunk.length;
        next(null, chunk);
      },
    });
    payload.once('error', (error) => counted.destroy(error));
    done(null, payload.pipe(counted));
  });

  fastify.addHook('onSend', (request, _, payload, done) => {
    release(request);
    done(null, payload);
  });
};
