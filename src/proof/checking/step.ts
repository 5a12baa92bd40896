// How far a long walk through a log is.
export type Progress = {
  /** What is being done. */
  readonly step: string;
  /** Events of this step so far. */
  readonly events: number;
  /** Of this step, from 0 to 1. */
  readonly share: number;
};
