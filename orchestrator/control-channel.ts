/**
 * What the orchestrator tells its peers: one line a peer, so that a slow one delays nobody else.
 *
 * Invariants: at most one delivery to an address is under way; what waits behind it is at most one message of each type
 * and one roster, the newest (an older ping, map or query has nothing to say any more); what a delivery that failed said
 * is lost; a peer's answer counts only as its own, and only from an address that may be called.
 */

import type {
  OrchestratorEnvelope,
  OrchestratorMessage,
  ReportEnvelope,
} from '../common/control-messages.js';
import { DeliveryWriter } from '../common/control-stream.js';
import type { PeerAddress } from '../common/peer-address.js';
import { reachable } from './admission.js';
import type { ManagerSend } from './configuration/machine.js';
import type { Connection, ConnectionEvents } from './peer-connection.js';

export interface ControlChannelParts {
  readonly secret: string | null;
  /** Connects to a peer; see `dialPeer`. */
  dial(address: PeerAddress, events: ConnectionEvents): Connection;
  /** A peer's answer. */
  heard(report: ReportEnvelope): void;
  /** What came of a delivery; for the log and the metrics. */
  called(peer: string, fault: string | null): void;
}

interface Line {
  readonly name: string;
  readonly peer: string;
  readonly address: PeerAddress;
  readonly waiting: Map<OrchestratorMessage['type'], OrchestratorEnvelope>;
  roster: string | undefined;
  open: { readonly connection: Connection; readonly writer: DeliveryWriter } | undefined;
  isBusy: boolean;
}

export class ControlChannel {
  readonly #parts: ControlChannelParts;
  /** The lines that are connected or have something to say. */
  readonly #lines = new Map<string, Line>();
  /** Those that have had something to say since the last turn. */
  #stirred: Line[] = [];
  #stopped = false;

  constructor(parts: ControlChannelParts) {
    this.#parts = parts;
  }

  /** Sends at the end of this turn of the event loop, together with what else there is for that peer. */
  send({ to, addr, envelope }: ManagerSend): void {
    const line = this.#lineTo(to, addr);
    if (line === undefined) return;
    line.waiting.set(envelope.body.type, envelope);
    this.#stir(line);
  }

  /** Tells a peer who is there, unless it was told on the connection that it has; `roster` is JSON text. */
  tellRoster(to: string, addr: string, roster: string): void {
    const line = this.#lineTo(to, addr);
    if (line === undefined || line.open?.writer.hasTold(roster)) return;
    line.roster = roster;
    this.#stir(line);
  }

  /** Nothing is sent or heard from here on. */
  stop(): void {
    this.#stopped = true;
    for (const { open } of this.#lines.values()) open?.connection.close();
    this.#lines.clear();
  }

  #lineTo(peer: string, addr: string): Line | undefined {
    const name = `${peer} ${addr}`;
    const known = this.#lines.get(name);
    if (known !== undefined || this.#stopped) return known;
    const address = reachable(addr, this.#parts.secret);
    if (address === undefined) return undefined;
    const waiting = new Map();
    const line: Line = { name, peer, address, waiting, roster: undefined, open: undefined, isBusy: false };
    this.#lines.set(name, line);
    return line;
  }

  #stir(line: Line): void {
    if (this.#stirred.length === 0) setImmediate(() => this.#sendStirred());
    this.#stirred.push(line);
  }

  #sendStirred(): void {
    const stirred = this.#stirred;
    this.#stirred = [];
    for (const line of stirred) this.#sendWaiting(line);
  }

  #sendWaiting(line: Line): void {
    if (this.#stopped || line.isBusy || (line.waiting.size === 0 && line.roster === undefined)) return;
    line.isBusy = true;
    line.open ??= { connection: this.#dial(line), writer: new DeliveryWriter() };
    const { connection, writer } = line.open;
    const delivery = writer.write([...line.waiting.values()], line.roster);
    line.waiting.clear();
    line.roster = undefined;
    connection.send(delivery);
  }

  #dial(line: Line): Connection {
    return this.#parts.dial(line.address, {
      answered: (reports) => this.#answered(line, reports),
      ended: (fault) => this.#ended(line, fault),
    });
  }

  #answered(line: Line, reports: readonly ReportEnvelope[]): void {
    line.isBusy = false;
    if (this.#stopped) return;
    this.#parts.called(line.peer, null);
    for (const report of reports) {
      const { from, addr } = report;
      if (from === line.peer && reachable(addr, this.#parts.secret) !== undefined) this.#parts.heard(report);
    }
    this.#sendWaiting(line);
  }

  #ended(line: Line, fault: string | null): void {
    line.isBusy = false;
    line.open = undefined;
    if (this.#stopped) return;
    if (fault !== null) this.#parts.called(line.peer, fault);
    if (line.waiting.size === 0 && line.roster === undefined) this.#lines.delete(line.name);
    else this.#stir(line);
  }
}
