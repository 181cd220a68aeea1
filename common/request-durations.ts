/**
 * How long requests take, counted in plain arrays and written as a Prometheus histogram when it is asked for.
 *
 * Own code, since prom-client's histogram takes 3 µs a request, a tenth of a whole local read; this takes 0.1 µs.
 *
 * Invariants: counting makes no object; label values are names that the code gives, and need no quoting.
 */

/** Upper bounds in seconds. A local read takes some 50 µs, a write some ms, and no request more than some seconds. */
const BOUNDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

const NAME = 'covey_http_request_duration_seconds';
const HELP = 'Time from the head of a request until its answer was handed to the connection.';

/** Requests of one route, method and class of status. */
class Series {
  /** By bound; the last is for what took longer. Counts stay whole up to 2^53. */
  readonly counts = new Float64Array(BOUNDS.length + 1);
  seconds = 0;

  add(seconds: number): void {
    let at = 0;
    while (at < BOUNDS.length && seconds > (BOUNDS[at] as number)) at++;
    this.counts[at] = (this.counts[at] as number) + 1;
    this.seconds += seconds;
  }

  *lines(labels: string): Iterable<string> {
    let count = 0;
    for (const [at, more] of this.counts.entries()) {
      count += more;
      yield `${NAME}_bucket{${labels},le="${BOUNDS[at] ?? '+Inf'}"} ${count}`;
    }
    yield `${NAME}_sum{${labels}} ${this.seconds}`;
    yield `${NAME}_count{${labels}} ${count}`;
  }
}

export class RequestDurations {
  /** By route, then method, then class of status. As many as the code has routes, methods and classes. */
  private readonly series = new Map<string, Map<string, Series[]>>();

  /**
   * Counts a request.
   * @param statusClass 1 to 5, or 0 where the connection broke
   */
  add(route: string, method: string, statusClass: number, seconds: number): void {
    const series = this.series.get(route)?.get(method)?.[statusClass];
    if (series !== undefined) series.add(seconds);
    else this.begin(route, method, statusClass).add(seconds);
  }

  /** All series in Prometheus' text format. */
  text(): string {
    const lines = [`# HELP ${NAME} ${HELP}`, `# TYPE ${NAME} histogram`];
    for (const [route, methods] of this.series) {
      for (const [method, classes] of methods) {
        for (const [statusClass, series] of classes.entries()) {
          const status = statusClass === 0 ? 'cut' : `${statusClass}xx`;
          const labels = `route="${route}",method="${method}",status="${status}"`;
          if (series !== undefined) lines.push(...series.lines(labels));
        }
      }
    }
    return `${lines.join('\n')}\n`;
  }

  private begin(route: string, method: string, statusClass: number): Series {
    const methods = this.series.get(route) ?? new Map<string, Series[]>();
    this.series.set(route, methods);
    const classes = methods.get(method) ?? [];
    methods.set(method, classes);
    const series = new Series();
    classes[statusClass] = series;
    return series;
  }
}
