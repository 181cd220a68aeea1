/**
 * A connection from an orchestrator to a peer: deliveries one way, what the peer says to each at once the other way, both
 * as lines of JSON.
 *
 * Invariants: what was told on a connection is not told again on it: of a map only what changed since the last one, and
 * a roster only when it is another one. A new connection begins anew. No line is longer than `MAX_CONTROL_BYTES`.
 */
import type { ClusterMap } from './configuration.js';
import { deliverySchema, envelopeText, MAX_CONTROL_BYTES } from './control.js';
import type { MapPush, OrchestratorEnvelope } from './control-messages.js';
import { applyMapChange, mapChangeText } from './map-change.js';
import type { Roster } from './roster.js';

/**
 * What a CONNECT names to reach a peer's control, in the form that this method wants. (Not an `Upgrade`: a server that
 * listens for those is given every request that offers one, its body unread, as Java's client does with each.)
 */
export const CONTROL_TARGET = 'covey-control:0';

/** What an orchestrator tells a peer at once. */
export interface Delivery {
  readonly envelopes: readonly OrchestratorEnvelope[];
  /** Left out where it is still the one that was told last. */
  readonly roster?: Roster;
}

/** The orchestrator's end of one connection. */
export class DeliveryWriter {
  #map: ClusterMap | undefined;
  #roster: string | undefined;

  /** Whether this roster was the last one that was told. */
  hasTold(roster: string): boolean {
    return roster === this.#roster;
  }

  /** A delivery as text, with what of it the peer was not told before. `roster` is JSON text, as it is the same for all peers. */
  write(envelopes: readonly OrchestratorEnvelope[], roster?: string): string {
    const tail = roster === undefined || this.hasTold(roster) ? '' : `,"roster":${roster}`;
    this.#roster = roster ?? this.#roster;
    return `{"envelopes":[${envelopes.map((envelope) => this.#text(envelope)).join()}]${tail}}`;
  }

  #text(envelope: OrchestratorEnvelope): string {
    const { body, ...head } = envelope;
    if (body.type !== 'map') return JSON.stringify(envelope);
    const change = this.#map === undefined ? undefined : mapChangeText(this.#map, body.map);
    this.#map = body.map;
    if (change === undefined) return envelopeText(envelope);
    return `${JSON.stringify(head).slice(0, -1)},"body":{"type":"map-change","change":${change}}}`;
  }
}

/** The peer's end of one connection. */
export class DeliveryReader {
  #map: ClusterMap | undefined;

  /** The delivery of its parsed JSON; a text that says what is wrong where it is none. */
  read(json: unknown): Delivery | string {
    const parsed = deliverySchema.safeParse(json);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      return `${issue?.path.join('.')}: ${issue?.message}`;
    }
    const { envelopes, ...rest } = parsed.data;
    const read: OrchestratorEnvelope[] = [];
    for (const { body, ...head } of envelopes) {
      const push = body.type === 'map' || body.type === 'map-change' ? this.#mapOf(body) : body;
      if (typeof push === 'string') return push;
      read.push({ ...head, body: push });
    }
    return { ...rest, envelopes: read };
  }

  #mapOf(
    body: MapPush | { type: 'map-change'; change: Parameters<typeof applyMapChange>[1] },
  ): MapPush | string {
    if (body.type === 'map') {
      this.#map = body.map;
      return body;
    }
    if (this.#map === undefined) return 'a change of a map that was never told';
    const map = applyMapChange(this.#map, body.change);
    if (typeof map === 'string') return map;
    this.#map = map;
    return { type: 'map', map };
  }
}

const NEWLINE = 10;

/** Cuts what arrives into lines; JSON text has no line break in it. */
export class LineReader {
  #parts: Buffer[] = [];
  #bytes = 0;

  /** The lines that are complete with this chunk; null where one is too long: no more may be given in. */
  take(chunk: Buffer): string[] | null {
    const lines: string[] = [];
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      lines.push(this.#joined(chunk.subarray(from, at)));
      from = at + 1;
    }
    if (from < chunk.length) {
      this.#parts.push(from === 0 ? chunk : chunk.subarray(from));
      this.#bytes += chunk.length - from;
    }
    return this.#bytes > MAX_CONTROL_BYTES ? null : lines;
  }

  #joined(end: Buffer): string {
    if (this.#parts.length === 0) return end.toString();
    const line = Buffer.concat([...this.#parts, end]).toString();
    this.#parts = [];
    this.#bytes = 0;
    return line;
  }
}
