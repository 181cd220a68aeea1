/**
 * A client as users run one: behind a list of peers from which those are left out that say they are not ready, as a load balancer
 * does it. A connection that is refused (nothing was sent) is tried at the next peer; anything else is told as it came.
 */

import { ask } from '../../../harness/watching.js';
import type { Door } from '../clients.js';
import { type Asked, HttpClient, type Told } from '../http-client.js';

const LOOK_EVERY_MS = 200;

export class BalancedClient {
  private readonly http = new HttpClient();
  private ready: readonly Door[];
  private turn = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly doors: () => readonly Door[]) {
    this.ready = doors();
    const look = async () => {
      const all = this.doors();
      const answers = await Promise.all(all.map((door) => isReady(door)));
      this.ready = all.filter((_, i) => answers[i]);
      this.timer = setTimeout(look, LOOK_EVERY_MS);
    };
    this.timer = setTimeout(look, LOOK_EVERY_MS);
  }

  /** Asks one of the ready peers, in turn. */
  async ask(asked: Asked): Promise<Told & { readonly peer: string }> {
    const doors = this.ready.length > 0 ? this.ready : this.doors();
    this.turn += 1;
    for (let i = 0; ; i += 1) {
      const door = doors[(this.turn + i) % doors.length] as Door;
      const told = await this.http.ask(door.url, asked);
      if (told.type !== 'refused' || i >= doors.length) return { ...told, peer: door.name };
    }
  }

  close(): void {
    clearTimeout(this.timer);
    this.http.close();
  }
}

async function isReady(door: Door): Promise<boolean> {
  return ask(`${door.url}/readyz`).then(
    () => true,
    () => false,
  );
}
