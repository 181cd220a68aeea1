/**
 * The simulated network. A message may be lost, late, overtaken and doubled; a request over TCP is lost or late, but
 * one attempt arrives at most once. Links are cut one way or both, links clog, and each seed may hurt one kind of
 * message far more than the others. Untroubled messages of one link arrive in the order in which they were sent.
 */
import type { Process } from './process.js';
import type { Random } from './random.js';
import type { Schedule } from './schedule.js';
import type { Trace } from './trace.js';

/** How bad the weather is: shares of messages; each seed draws its own. */
export interface Weather {
  readonly loss: number;
  readonly duplication: number;
  /** Late by up to 300 ms, one in seven of them by up to 4 s. */
  readonly lateness: number;
  /** May overtake others, by up to 40 ms. */
  readonly reordering: number;
}

/** A kind of message that is hurt far more than others. */
export interface Hurt {
  readonly share: number;
  /** Lost; else late by up to `lateMs`. */
  readonly lose: boolean;
  readonly lateMs: number;
}

/**
 * How a message travels: as if it could come twice, over TCP (never twice), or between a client and a peer nearby,
 * where the weather is always fair (a client that hears nothing learns nothing).
 */
export type Carriage = 'any' | 'tcp' | 'nearby';

/** Nothing goes wrong. */
export const FAIR_WEATHER: Weather = { loss: 0, duplication: 0, lateness: 0, reordering: 0 };

/** Links are kept in one flat table: no more processes than this. */
const PROCESS_LIMIT = 64;

export class Network {
  weather: Weather = FAIR_WEATHER;
  readonly hurt = new Map<string, Hurt>();
  /** How many messages met each kind of trouble. */
  readonly troubled = { loss: 0, delay: 0, duplication: 0, reordering: 0, 'hurt-kind': 0, cut: 0 };
  messages = 0;
  private readonly indexOf = new Map<string, number>();
  private readonly processes: Process[] = [];
  private readonly cuts = new Uint8Array(PROCESS_LIMIT * PROCESS_LIMIT);
  private readonly lastArrival = new Float64Array(PROCESS_LIMIT * PROCESS_LIMIT);
  private readonly clogged = new Float64Array(PROCESS_LIMIT * PROCESS_LIMIT);

  constructor(
    private readonly schedule: Schedule,
    private readonly random: Random,
    private readonly trace: Trace,
  ) {}

  /** Makes a process reachable. */
  attach(process: Process): void {
    if (this.processes.length === PROCESS_LIMIT) throw new Error('too many processes');
    this.indexOf.set(process.id, this.processes.length);
    this.processes.push(process);
  }

  /** Cuts one direction; cuts of the same direction add up until each was mended. */
  cut(from: string, to: string): void {
    const link = this.link(from, to);
    this.cuts[link] = (this.cuts[link] as number) + 1;
  }

  /** Mends one cut of one direction. */
  mend(from: string, to: string): void {
    const link = this.link(from, to);
    this.cuts[link] = Math.max(0, (this.cuts[link] as number) - 1);
  }

  /** Holds back everything on one direction for a while; then it arrives in order. */
  clog(from: string, to: string, ms: number): void {
    this.clogged[this.link(from, to)] = this.schedule.now + ms;
  }

  /** Mends every cut and clears every clog. */
  mendAll(): void {
    this.cuts.fill(0);
    this.clogged.fill(0);
  }

  /** Mends everything and calms the weather. */
  heal(): void {
    this.mendAll();
    this.hurt.clear();
    this.weather = FAIR_WEATHER;
  }

  isCut(from: string, to: string): boolean {
    return this.cuts[this.link(from, to)] !== 0;
  }

  /** Carries a message; `deliver` runs inside the receiver, in the life that it then has. */
  send(from: string, to: string, kind: string, carriage: Carriage, deliver: () => void): void {
    const { random, troubled } = this;
    const weather = carriage === 'nearby' ? FAIR_WEATHER : this.weather;
    const link = this.link(from, to);
    this.messages += 1;
    let copies = 1;
    if (carriage === 'any' && random.chance(weather.duplication)) {
      copies = 2;
      troubled.duplication += 1;
    }
    for (let copy = 0; copy < copies; copy += 1) {
      if (this.cuts[link] !== 0) {
        troubled.cut += 1;
        continue;
      }
      if (random.chance(weather.loss)) {
        troubled.loss += 1;
        continue;
      }
      let arrival = this.schedule.now + 0.3 + random.next() * random.next() * 8;
      let inOrder = true;
      const hurt = this.hurt.size === 0 ? undefined : this.hurt.get(kind);
      if (hurt !== undefined && random.chance(hurt.share)) {
        troubled['hurt-kind'] += 1;
        if (hurt.lose) continue;
        arrival += random.next() * hurt.lateMs;
        inOrder = false;
      }
      if (random.chance(weather.lateness)) {
        troubled.delay += 1;
        arrival += random.chance(0.15) ? random.integer(300, 4000) : random.integer(20, 300);
        inOrder = false;
      }
      if (random.chance(weather.reordering)) {
        troubled.reordering += 1;
        arrival += random.next() * 40;
        inOrder = false;
      }
      if (inOrder) {
        arrival = Math.max(arrival, this.lastArrival[link] as number, this.clogged[link] as number);
        this.lastArrival[link] = arrival;
      }
      this.carry(link, to, kind, arrival - this.schedule.now, deliver);
    }
  }

  private carry(link: number, to: string, kind: string, delay: number, deliver: () => void): void {
    this.schedule.after(delay, () => {
      if (this.cuts[link] !== 0) {
        this.troubled.cut += 1;
        return;
      }
      const receiver = this.processes[link % PROCESS_LIMIT] as Process;
      if (!receiver.up) return;
      this.trace.mix(Math.round(this.schedule.now * 1000));
      this.trace.mixText(kind);
      this.trace.mix(link);
      if (this.trace.loud) {
        const sender = this.processes[Math.floor(link / PROCESS_LIMIT)] as Process;
        this.trace.say(this.schedule.now, to, `<- ${sender.id} ${kind}`);
      }
      receiver.run(deliver);
    });
  }

  private link(from: string, to: string): number {
    const a = this.indexOf.get(from);
    const b = this.indexOf.get(to);
    if (a === undefined || b === undefined) throw new Error(`no link from ${from} to ${to}`);
    return a * PROCESS_LIMIT + b;
  }
}
