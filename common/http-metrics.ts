/**
 * What Prometheus is told: the requests of an HTTP application, and what its process knows of itself.
 *
 * Invariants: the labels of a request are the name of a route, a usual method and a class of status, never what a client
 * made up, so there are no more series than the code has routes for; counting a request makes no object.
 */
import type Koa from 'koa';
import { collectDefaultMetrics, Gauge as GaugeMetric, Histogram, Registry } from 'prom-client';
import type { Clock } from './clock.js';

/** One value as it is now. Gauges of one name have the same labels' names, and the same help. */
export interface Gauge {
  /** As Prometheus takes it: letters, digits and underscores, with its unit at the end. */
  readonly name: string;
  readonly help: string;
  readonly value: number;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Seconds. A local read takes some 50 µs, a write some ms; a request has 5 s at most. */
const BUCKETS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'OPTIONS']);

/** Counts a request of one series, by the seconds that it took. */
type Observe = (seconds: number) => void;

/** Names the route of a request, for its metrics. */
export function nameRoute(ctx: Koa.Context, route: string): void {
  ctx.state.route = route;
}

export class HttpMetrics {
  private readonly registry = new Registry();
  private readonly durations: Histogram<'route' | 'method' | 'status'>;
  /** By route, method, and class of status (0: the connection broke). */
  private readonly series = new Map<string, Map<string, Observe[]>>();
  private knowsProcess = false;

  /** @param gauges are asked at each scrape */
  constructor(
    private readonly clock: Pick<Clock, 'monotonicMs'>,
    private readonly gauges: () => Iterable<Gauge>,
  ) {
    this.durations = new Histogram({
      name: 'covey_http_request_duration_seconds',
      help: 'Time from the head of a request until its answer was handed to the connection.',
      labelNames: ['route', 'method', 'status'],
      buckets: BUCKETS,
      registers: [this.registry],
    });
  }

  /** Counts the requests that pass; to be the outermost, around the funnel. */
  readonly middleware: Koa.Middleware = async (ctx, next) => {
    const startedMs = this.clock.monotonicMs();
    await next();
    const seconds = (this.clock.monotonicMs() - startedMs) / 1_000;
    const { req, res } = ctx;
    const status = req.socket.destroyed ? 0 : Math.floor(res.statusCode / 100);
    this.seriesOf(ctx.state.route ?? 'none', req.method as string, status)(seconds);
  };

  /** Everything, in Prometheus' text format. */
  async text(): Promise<string> {
    if (!this.knowsProcess) {
      this.knowsProcess = true;
      collectDefaultMetrics({ register: this.registry });
    }
    const now = new Registry();
    const metrics = new Map<string, GaugeMetric>();
    for (const { name, help, value, labels = {} } of this.gauges()) {
      const labelNames = Object.keys(labels);
      const metric = metrics.get(name) ?? new GaugeMetric({ name, help, labelNames, registers: [now] });
      metrics.set(name, metric);
      metric.set(labels, value);
    }
    return `${await now.metrics()}\n${await this.registry.metrics()}`;
  }

  private seriesOf(route: string, method: string, status: number): Observe {
    const ofRoute = this.series.get(route);
    const found = ofRoute?.get(method)?.[status];
    return found ?? this.newSeries(route, METHODS.has(method) ? method : 'other', status);
  }

  private newSeries(route: string, method: string, status: number): Observe {
    const ofRoute = this.series.get(route) ?? new Map<string, Observe[]>();
    this.series.set(route, ofRoute);
    const ofMethod = ofRoute.get(method) ?? [];
    ofRoute.set(method, ofMethod);
    const labels = { route, method, status: status === 0 ? 'cut' : `${status}xx` };
    const { observe } = this.durations.labels(labels);
    ofMethod[status] ??= observe;
    return observe;
  }
}
