/**
 * What the orchestrator tells its peers: one line a peer, so that a slow one delays nobody else.
 *
 * Invariants: at most one delivery to an address is under way; what waits behind it is at most one message of each type
 * and one roster, the newest (an older ping, map or query has nothing to say any more); what a delivery that failed said
 * is lost; a peer's answer counts only as its own, and only from an address that may be called.
 */

import type { OrchestratorEnvelope, ReportEnvelope } from '../common/control-messages.js';
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
  /** As maps and reports carry it. */
  readonly addr: string;
  readonly address: PeerAddress;
  /** One of a type. */
  readonly waiting: OrchestratorEnvelope[];
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
    const before = line.waiting.findIndex(({ body }) => body.type === envelope.body.type);
    if (before >= 0) line.waiting.splice(before, 1);
    line.waiting.push(envelope);
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
    const said = { waiting: [], roster: undefined };
    const line: Line = { name, peer, addr, address, ...said, open: undefined, isBusy: false };
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
    if (this.#stopped || line.isBusy || (line.waiting.length === 0 && line.roster === undefined)) return;
    line.isBusy = true;
    line.open ??= { connection: this.#dial(line), writer: new DeliveryWriter() };
    const { connection, writer } = line.open;
    const delivery = writer.write(line.waiting, line.roster);
    line.waiting.length = 0;
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
      if (report.from === line.peer && this.#mayCall(line, report.addr)) this.#parts.heard(report);
    }
    this.#sendWaiting(line);
  }

  #mayCall(line: Line, addr: string): boolean {
    return addr === line.addr || reachable(addr, this.#parts.secret) !== undefined;
  }

  #ended(line: Line, fault: string | null): void {
    line.isBusy = false;
    line.open = undefined;
    if (this.#stopped) return;
    if (fault !== null) this.#parts.called(line.peer, fault);
    if (line.waiting.length === 0 && line.roster === undefined) this.#lines.delete(line.name);
    else this.#stir(line);
  }
}
