/**
 * A network where namespaces may not be made: every process binds a loopback address of its own, and tells the others
 * another one, where a relay in the test's process listens for it. Cuts and delays are the relay's. It knows who dials by the
 * process that holds the other end of the connection (/proc). Lost packets it can only imitate, by what they do to TCP: some
 * bytes come late.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { type Network, once, type Site, type Undo } from '../../harness/network.js';
import { type Ends, Relay } from './relay.js';

const PEER_PORT = 18_080;
/** What a lost packet costs: TCP sends it again about this much later. */
const SENT_AGAIN_MS = 250;
/** Who dialled is asked this often, for a connection may be there before the kernel's table shows it. */
const TRIES = 20;

export class Loopback implements Network {
  readonly kind = 'relay';
  private readonly sites = new Map<string, Site>();
  private readonly pids = new Map<string, number>();
  /** How late what the first sends the second comes: the sum of what is in force. */
  private readonly hurts = new Map<Undo, (from: string, to: string) => number>();
  private readonly relay = new Relay((from, to) => {
    let delayMs = 0;
    for (const hurt of this.hurts.values()) delayMs += hurt(from, to);
    return delayMs;
  });
  private readonly subnet = `127.${64 + (process.pid % 128)}.${(process.pid >> 7) % 256}`;

  /** `random` decides which bytes come late where packets are lost; 0 to 1. */
  constructor(private readonly random: () => number) {}

  async site(name: string, port: number): Promise<Site> {
    const known = this.sites.get(name);
    if (known !== undefined) return known;
    const number = this.sites.size + 1;
    const bind = `${this.subnet}.${100 + number}`;
    const site = {
      name,
      bind,
      advertise: `${this.subnet}.${number}`,
      port,
      peerPort: PEER_PORT,
      prefix: [],
    };
    this.sites.set(name, site);
    for (const each of [port, PEER_PORT]) {
      await this.relay.listen(site.advertise, each, { host: bind, port: each }, (remotePort) =>
        this.ends(remotePort, name),
      );
    }
    return site;
  }

  inhabited(name: string, pid: number): void {
    this.pids.set(name, pid);
  }

  async cut(from: string, to: string): Promise<Undo> {
    return this.hurt((a, b) => (a === from && b === to ? Number.POSITIVE_INFINITY : 0));
  }

  async lose(name: string, share: number): Promise<Undo> {
    return this.hurt((_, to) => (to === name && this.random() < share ? SENT_AGAIN_MS : 0));
  }

  async delay(a: string, b: string, delayMs: number): Promise<Undo> {
    return this.hurt((from, to) => ((from === a && to === b) || (from === b && to === a) ? delayMs : 0));
  }

  async heal(): Promise<void> {
    this.hurts.clear();
  }

  async close(): Promise<void> {
    this.relay.close();
  }

  private hurt(how: (from: string, to: string) => number): Undo {
    const undo = once(async () => {
      this.hurts.delete(undo);
    });
    this.hurts.set(undo, how);
    return undo;
  }

  /** Who dialled; the test itself, and whoever else it may be, is `outside`. */
  private async ends(remotePort: number, to: string): Promise<Ends> {
    for (let i = 0; i < TRIES; i += 1) {
      const inode = inodeOf(remotePort);
      const from = [...this.pids].find(([, pid]) => inode !== undefined && holds(pid, inode))?.[0];
      if (from !== undefined) return { from, to };
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return { from: 'outside', to };
  }
}

/** The socket with this local port, as /proc/net/tcp numbers it. */
function inodeOf(port: number): string | undefined {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n')) {
    const columns = line.trim().split(/\s+/);
    if (columns[1]?.endsWith(`:${hex}`) && columns[9] !== '0') return columns[9];
  }
  return undefined;
}

function holds(pid: number, inode: string): boolean {
  try {
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).some((fd) => readlinkSync(`${folder}/${fd}`) === `socket:[${inode}]`);
  } catch {
    return false; // the process has ended, or a file was closed meanwhile
  }
}
