/** What the program of stand-in peers reports. */
export interface StandInsReport {
  /** Processor time of the orchestrator in one second without a change, in ms; one a round. */
  readonly cpuMsPerSecond: readonly number[];
  /** From a peer's registration until all peers follow a map that names it, in ms; one a round. */
  readonly knownMs: readonly number[];
}
