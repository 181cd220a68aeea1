/** A network that nothing happens to: all processes on 127.0.0.1, with free ports. For tests that only kill and restart. */
import { createServer } from 'node:net';
import type { Network, Site, Undo } from './network.js';

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

/** Ports that nobody listens on, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve) => {
          server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
