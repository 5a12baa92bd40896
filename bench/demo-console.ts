// `npm run demo:console`: a server of its own with endpoints that do well, fail, are paused and disabled, to look at in the console. Publishes a
// message every two seconds, until Ctrl-C. Leaves nothing behind.
import { startServer } from '../test/support/server.ts';
import { fillConsole, openPortal, startDemoReceiver } from './console-data.ts';

const receiver = await startDemoReceiver();
const server = await startServer();
const ending = new AbortController();
const end = async (): Promise<void> => {
  ending.abort();
  await server.dispose();
  receiver.close();
};
process.once('SIGINT', () => void end());
process.once('SIGTERM', () => void end());
await fillConsole(server, receiver.url);
console.log(`Open ${server.url}/ and sign in with the API key ${server.adminKey}. Ctrl-C ends it.`);
console.log(`What a customer sees: ${await openPortal(server)}`);
for (let number = 1; !ending.signal.aborted; number++) {
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  if (!ending.signal.aborted) await server.publish({ type: 'meeting.ended', data: { meeting_id: number, duration: 60 * number } });
}
