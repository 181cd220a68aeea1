/**
 * What the orchestrator tells its peers: one line a peer, so that a slow one delays nobody else.
 *
 * Invariants: at most one call to an address is under way; what waits behind it is at most one message of each type
 * and one roster, the newest (an older ping, map or query has nothing to say any more); a peer's answer counts only
 * as its own, and only from an address that may be called.
 */

import { deliveryText } from '../common/control.js';
import type {
  OrchestratorEnvelope,
  OrchestratorMessage,
  ReportEnvelope,
} from '../common/control-messages.js';
import type { PeerAddress } from '../common/peer-address.js';
import { reachable } from './admission.js';
import type { ManagerSend } from './configuration/machine.js';
import type { NoAnswer } from './peer-caller.js';

/** A call to one peer; see `PeerCaller`. */
export type Call = (address: PeerAddress, delivery: string) => Promise<readonly ReportEnvelope[] | NoAnswer>;

export interface ControlChannelParts {
  readonly secret: string | null;
  readonly call: Call;
  /** A peer's answer. */
  heard(report: ReportEnvelope): void;
  /** What came of a call; for the log and the metrics. */
  called(peer: string, fault: string | null): void;
}

interface Line {
  readonly peer: string;
  readonly address: PeerAddress;
  readonly waiting: Map<OrchestratorMessage['type'], OrchestratorEnvelope>;
  roster: string | undefined;
}

export class ControlChannel {
  readonly #parts: ControlChannelParts;
  /** The lines that have something to say or wait for an answer. */
  readonly #lines = new Map<string, Line>();
  #stopped = false;

  constructor(parts: ControlChannelParts) {
    this.#parts = parts;
  }

  /** Sends at the end of this turn of the event loop, together with what else there is for that peer. */
  send({ to, addr, envelope }: ManagerSend): void {
    this.#lineTo(to, addr)?.waiting.set(envelope.body.type, envelope);
  }

  /** Tells a peer who is there; `roster` is JSON text. */
  tellRoster(to: string, addr: string, roster: string): void {
    const line = this.#lineTo(to, addr);
    if (line !== undefined) line.roster = roster;
  }

  /** Nothing is sent or heard from here on. */
  stop(): void {
    this.#stopped = true;
    this.#lines.clear();
  }

  #lineTo(peer: string, addr: string): Line | undefined {
    const name = `${peer} ${addr}`;
    const known = this.#lines.get(name);
    if (known !== undefined || this.#stopped) return known;
    const address = reachable(addr, this.#parts.secret);
    if (address === undefined) return undefined;
    const line: Line = { peer, address, waiting: new Map(), roster: undefined };
    this.#lines.set(name, line);
    setImmediate(() => void this.#work(name, line));
    return line;
  }

  async #work(name: string, line: Line): Promise<void> {
    while (!this.#stopped && (line.waiting.size > 0 || line.roster !== undefined)) {
      const delivery = deliveryText([...line.waiting.values()], line.roster);
      line.waiting.clear();
      line.roster = undefined;
      const answer = await this.#parts.call(line.address, delivery);
      if (!this.#stopped) this.#take(line.peer, answer);
    }
    this.#lines.delete(name);
  }

  #take(peer: string, answer: readonly ReportEnvelope[] | NoAnswer): void {
    if ('fault' in answer) {
      this.#parts.called(peer, answer.fault);
      return;
    }
    this.#parts.called(peer, null);
    for (const report of answer) {
      const { from, addr } = report;
      if (from === peer && reachable(addr, this.#parts.secret) !== undefined) this.#parts.heard(report);
    }
  }
}
