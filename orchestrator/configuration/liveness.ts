/**
 * Who answers: the failure detector, as a state machine driven by probes sent and answers received.
 *
 * Keeps true:
 * - a peer is live while its last answer is younger than `deadAfterMs` (E3);
 * - an answer counts only if it answers a newer probe than the last one that counted, so an answer of a process
 *   that is long gone can never bring that process back;
 * - `answeredAfter(round)` is a handshake: true only for an answer to a probe that was SENT after the round was
 *   noted. A late answer to an older probe proves nothing about now (E3; stricter than the model, which took the
 *   time of receipt). An answer from before we stood still proves nothing about now either;
 * - when more than half of all peers fall silent within the suspicion time we suspect ourselves (E3);
 * - when our own ticks stood still, nobody is blamed for that time.
 * Policy only: no safety rule rests on a verdict of this file, except the handshake.
 */

/** The times of failure detection, all in ms. */
export interface LivenessTiming {
  /** Silence after which a peer is dead. */
  readonly deadAfterMs: number;
  /** How long we change nothing after more than half of all peers fell silent. */
  readonly suspectSelfMs: number;
  /** A gap between two ticks from which on we assume that we, not the peers, stood still. */
  readonly stalledAfterMs: number;
}

interface Watched {
  heardMs: number;
  answeredRound: number;
  /** Set while silent: when, and at which round, that was noticed. */
  silent: { readonly sinceMs: number; readonly round: number } | undefined;
  /** It counts as live on somebody else's word. */
  vouched: boolean;
}

/** The last answers of all peers, and the verdicts drawn from them. */
export class Liveness {
  readonly #timing: LivenessTiming;
  readonly #watched = new Map<string, Watched>();
  /** How many of them are silent. */
  #silent = 0;
  #round = 0;
  /** The last round before we stood still. */
  #stalledRound = 0;
  #lastTickMs: number;

  /** @param nowMs the orchestrator's own monotonic clock, as in every later call */
  constructor(timing: LivenessTiming, nowMs: number) {
    this.#timing = timing;
    this.#lastTickMs = nowMs;
  }

  /** The number of the last probe round; a probe carries it, its answer brings it back. */
  get round(): number {
    return this.#round;
  }

  /** Starts a new round of probes and answers its number. */
  nextRound(): number {
    this.#round++;
    return this.#round;
  }

  /** Watches exactly these peers. A new one has `deadAfterMs` to answer for the first time. */
  watch(ids: Iterable<string>, nowMs: number): void {
    const wanted = new Set(ids);
    for (const [id, peer] of this.#watched) {
      if (wanted.has(id)) continue;
      this.#isBack(peer);
      this.#watched.delete(id);
    }
    for (const id of wanted) this.#of(id, nowMs);
  }

  /** An answer to probe `round`. False: older than one that counted already, or never asked; it changed nothing. */
  answered(id: string, round: number, nowMs: number): boolean {
    const peer = this.#of(id, nowMs);
    if (round <= peer.answeredRound || round > this.#round) return false;
    peer.answeredRound = round;
    peer.heardMs = nowMs;
    this.#isBack(peer);
    peer.vouched = false;
    return true;
  }

  /** Somebody else hears a peer that we do not: it counts as heard for this long, until we know better. */
  vouch(id: string, forMs: number, nowMs: number): void {
    const peer = this.#watched.get(id);
    if (!peer?.silent) return;
    peer.heardMs = nowMs + forMs;
    this.#isBack(peer);
    peer.vouched = true;
  }

  /**
   * Looks at the clock before anything else is done: for how long we stood still ourselves, 0 if we did not. What came
   * meanwhile is waiting, and may be handled before the next tick.
   */
  noticeStall(nowMs: number): number {
    const gapMs = nowMs - this.#lastTickMs;
    if (gapMs <= this.#timing.stalledAfterMs) return 0;
    this.#lastTickMs = nowMs;
    this.#stalledRound = this.#round;
    for (const peer of this.#watched.values()) {
      if (!peer.silent) peer.heardMs = Math.min(nowMs, peer.heardMs + gapMs);
    }
    return gapMs;
  }

  /** Looks at the clock: notices who has fallen silent. */
  tick(nowMs: number): void {
    this.noticeStall(nowMs);
    this.#lastTickMs = nowMs;
    for (const peer of this.#watched.values()) {
      if (!peer.silent && nowMs - peer.heardMs >= this.#timing.deadAfterMs) {
        peer.silent = { sinceMs: nowMs, round: this.#round };
        this.#silent++;
      }
    }
  }

  /** Whether `isLive` holds for everybody who is watched: what would be asked of each of many need not be. */
  get isEverybodyLive(): boolean {
    return this.#silent === 0;
  }

  /** Whether the peer has answered lately. Somebody unknown is not live. */
  isLive(id: string): boolean {
    const peer = this.#watched.get(id);
    return peer !== undefined && !peer.silent;
  }

  /** Whether we hear the peer ourselves: its being live is not only somebody else's word. */
  hears(id: string): boolean {
    const peer = this.#watched.get(id);
    return peer !== undefined && !peer.silent && !peer.vouched;
  }

  /** Since when a peer is silent, or undefined while it answers. */
  silentSinceMs(id: string): number | undefined {
    return this.#watched.get(id)?.silent?.sinceMs;
  }

  /** The round at which the peer's silence was noticed, or undefined while it answers. */
  silentSinceRound(id: string): number | undefined {
    return this.#watched.get(id)?.silent?.round;
  }

  /** Whether the peer answered a probe that was sent after `round` had been noted, and after we last stood still. */
  answeredAfter(id: string, round: number): boolean {
    return (this.#watched.get(id)?.answeredRound ?? 0) > Math.max(round, this.#stalledRound);
  }

  /** E3: whether more than half of all peers fell silent so recently that the fault is probably ours. */
  suspectsSelf(nowMs: number): boolean {
    if (this.isEverybodyLive) return false;
    let recent = 0;
    for (const peer of this.#watched.values()) {
      if (peer.silent && nowMs - peer.silent.sinceMs < this.#timing.suspectSelfMs) recent++;
    }
    return recent * 2 > this.#watched.size;
  }

  #isBack(peer: Watched): void {
    if (peer.silent) this.#silent--;
    peer.silent = undefined;
  }

  #of(id: string, nowMs: number): Watched {
    let peer = this.#watched.get(id);
    if (!peer) {
      peer = { heardMs: nowMs, answeredRound: 0, silent: undefined, vouched: false };
      this.#watched.set(id, peer);
    }
    return peer;
  }
}
