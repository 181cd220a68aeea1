/**
 * A connection from an orchestrator to a peer: deliveries one way, what the peer says to each at once the other way, both
 * as lines of JSON.
 *
 * Invariants: what was told on a connection is not told again on it: of a map only what changed since the last one, and
 * a roster only when it is another one. A new connection begins anew. No line is longer than `MAX_CONTROL_BYTES`.
 */
import type { ClusterMap } from './configuration.js';
import { deliverySchema, envelopeText, MAX_CONTROL_BYTES, reportsSchema } from './control.js';
import type { MapPush, OrchestratorEnvelope, Pong, ReportEnvelope } from './control-messages.js';
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
    if (body.type !== 'map') return textOf(envelope);
    const change = this.#map === undefined ? undefined : mapChangeText(this.#map, body.map);
    this.#map = body.map;
    if (change === undefined) return envelopeText(envelope);
    return `${JSON.stringify(head).slice(0, -1)},"body":{"type":"map-change","change":${change}}}`;
  }
}

/** What is told to many peers is one object, and one text. */
const texts = new WeakMap<OrchestratorEnvelope, string>();

function textOf(envelope: OrchestratorEnvelope): string {
  const known = texts.get(envelope);
  if (known !== undefined) return known;
  const text = JSON.stringify(envelope);
  texts.set(envelope, text);
  return text;
}

/** An answer that is one pong: its text before and after the ping's number, and what it says. */
interface LonePong {
  readonly before: string;
  readonly after: string;
  readonly report: ReportEnvelope;
  readonly pong: Pong;
}

/** A number as `JSON.stringify` writes it, far below where whole numbers end. */
const NUMBER = /^[1-9][0-9]{0,14}$/;

/** Reads a peer's answers on one connection. Of the same pong as before with another number only that is read. */
export class AnswerReader {
  #last: LonePong | undefined;

  /** The reports of an answer; null where it is none. */
  read(line: string): readonly ReportEnvelope[] | null {
    return this.#repeated(line) ?? this.#parsed(line);
  }

  #repeated(line: string): readonly ReportEnvelope[] | undefined {
    if (this.#last === undefined) return undefined;
    const { before, after, report, pong } = this.#last;
    if (!line.startsWith(before) || !line.endsWith(after)) return undefined;
    const digits = line.slice(before.length, line.length - after.length);
    return NUMBER.test(digits) ? [{ ...report, body: { ...pong, n: Number(digits) } }] : undefined;
  }

  #parsed(line: string): readonly ReportEnvelope[] | null {
    const json = parsed(line);
    const answer = reportsSchema.safeParse(json);
    if (!answer.success) return null;
    const { reports } = answer.data;
    this.#last = JSON.stringify(json) === line ? lonePong(line, reports) : undefined;
    return reports;
  }
}

/** @param line as `JSON.stringify` writes it: no name stands twice, and no text within a text looks like a name */
function lonePong(line: string, [report, ...others]: readonly ReportEnvelope[]): LonePong | undefined {
  if (report?.body.type !== 'pong' || others.length > 0) return undefined;
  const mark = `"type":"pong","n":${report.body.n}`;
  const end = line.indexOf(`${mark},`) + mark.length;
  if (end < mark.length) return undefined;
  const before = line.slice(0, end - String(report.body.n).length);
  return { before, after: line.slice(end), report, pong: report.body };
}

/** undefined, which is nothing that is understood, where it is no JSON. */
export function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
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
      lines.push(
        this.#parts.length === 0 ? chunk.toString('utf8', from, at) : this.#joined(chunk.subarray(from, at)),
      );
      from = at + 1;
    }
    if (from < chunk.length) {
      this.#parts.push(from === 0 ? chunk : chunk.subarray(from));
      this.#bytes += chunk.length - from;
    }
    return this.#bytes > MAX_CONTROL_BYTES ? null : lines;
  }

  #joined(end: Buffer): string {
    const line = Buffer.concat([...this.#parts, end]).toString();
    this.#parts = [];
    this.#bytes = 0;
    return line;
  }
}
