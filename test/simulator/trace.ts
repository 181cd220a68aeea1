/**
 * What happened, as one number: every event is mixed into a hash, so that two runs of one seed can be compared.
 * With `--trace` the events are printed as well.
 */
export class Trace {
  private low = 0x811c_9dc5;
  private high = 0x1000_193;

  constructor(private readonly print: ((line: string) => void) | undefined) {}

  /** True if somebody reads the lines: build long texts only then. */
  get loud(): boolean {
    return this.print !== undefined;
  }

  /** Mixes a number in. */
  mix(value: number): void {
    this.low = Math.imul(this.low ^ (value | 0), 0x0100_0193);
    this.high = Math.imul(this.high + this.low, 0x85eb_ca6b) ^ (this.high >>> 13);
  }

  /** Mixes a text in. */
  mixText(text: string): void {
    for (let i = 0; i < text.length; i += 1) this.mix(text.charCodeAt(i));
  }

  /** Records an event at a time, and prints it if asked to. */
  note(nowMs: number, who: string, what: string): void {
    this.mix(Math.round(nowMs * 1000));
    this.mixText(who);
    this.mixText(what);
    this.say(nowMs, who, what);
  }

  /** Prints only: for what the hash holds already, or need not hold. */
  say(nowMs: number, who: string, what: string): void {
    this.print?.(`${nowMs.toFixed(3).padStart(10)} ${who.padEnd(4)} ${what}`);
  }

  /** The hash so far. */
  hash(): string {
    return (this.low >>> 0).toString(16).padStart(8, '0') + (this.high >>> 0).toString(16).padStart(8, '0');
  }
}
