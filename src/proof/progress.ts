// The progress of a long pass over a log.
export type Progress = {
  /** The step that is running. */
  readonly step: string;
  /** Events handled in this step. */
  readonly events: number;
  /** How much of this step is done, from 0 to 1. */
  readonly share: number;
};
