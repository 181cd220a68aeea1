/** A network that nothing happens to: all processes on 127.0.0.1, with free ports. For tests that only kill and restart. */
import type { Network, Site, Undo } from './network.js';
import { freePorts } from './ports.js';

export class Plain implements Network {
  readonly kind = 'plain';
  private readonly sites = new Map<string, Site>();

  async site(name: string): Promise<Site> {
    const known = this.sites.get(name);
    if (known !== undefined) return known;
    const [port = 0, peerPort = 0] = await freePorts(2);
    const site = { name, bind: '127.0.0.1', advertise: '127.0.0.1', port, peerPort, prefix: [] };
    this.sites.set(name, site);
    return site;
  }

  inhabited(): void {}

  cut(): Promise<Undo> {
    throw new Error('this network cannot be hurt');
  }

  lose(): Promise<Undo> {
    throw new Error('this network cannot be hurt');
  }

  delay(): Promise<Undo> {
    throw new Error('this network cannot be hurt');
  }

  async heal(): Promise<void> {}

  async close(): Promise<void> {}
}
