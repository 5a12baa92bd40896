// Names one event in reports: its position, type and stream.
export type EventReference = { readonly position: string; readonly type: string; readonly stream: string };

/** For sentences: `the event at position … (message.accepted in message-…)`. */
export const describeEvent = ({ position, type, stream }: EventReference): string =>
  `the event at position ${position} (${type} in ${stream})`;
