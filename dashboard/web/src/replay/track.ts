// A vehicle's route of one day in columns, and what happened on it.
import type { RouteFix } from '../api.ts';
import { CONDITIONS, type Condition } from '../feed/frame.ts';

/** Without a fix for longer than this, nobody knows where the car was. */
export const GAP_MS = 120_000;

export interface TrackEvent {
  readonly time: number;
  readonly kind: 'occupied' | 'vacant' | 'alarm';
  /** Alarms that began. */
  readonly names: readonly string[];
}

/** Where the car was at some moment. `gap`: between two fixes that are far apart, so it is not known. */
export interface Moment {
  readonly lon: number;
  readonly lat: number;
  readonly speed: number | null;
  readonly course: number | null;
  readonly condition: Condition;
  readonly gap: boolean;
}

/** A run of the line in which nothing changes but the place. */
export interface Line {
  readonly places: readonly (readonly [number, number])[];
  readonly condition: Condition;
  readonly gap: boolean;
}

export class Track {
  /** ms since the epoch, rising. */
  readonly time: Float64Array;
  readonly lon: Float64Array;
  readonly lat: Float64Array;
  /** km/h; NaN = not reported. */
  readonly speed: Float32Array;
  /** Degrees; NaN = not reported. */
  readonly course: Float32Array;
  readonly condition: Uint8Array;
  readonly events: readonly TrackEvent[];

  constructor(fixes: readonly RouteFix[]) {
    this.time = Float64Array.from(fixes, (fix) => Date.parse(fix.time));
    this.lon = Float64Array.from(fixes, (fix) => fix.lon);
    this.lat = Float64Array.from(fixes, (fix) => fix.lat);
    this.speed = Float32Array.from(fixes, (fix) => fix.speed_kmh ?? NaN);
    this.course = Float32Array.from(fixes, (fix) => fix.course_deg ?? NaN);
    this.condition = Uint8Array.from(fixes, (fix) =>
      Math.max(0, CONDITIONS.indexOf(fix.condition as Condition)),
    );
    this.events = events(fixes, this.time);
  }

  get size(): number {
    return this.time.length;
  }

  get from(): number {
    return this.time[0] ?? NaN;
  }

  get to(): number {
    return this.time[this.size - 1] ?? NaN;
  }

  /** Index of the last fix at or before a moment; -1 before the first. */
  before(time: number): number {
    let low = 0;
    let high = this.size;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.time[middle]! <= time) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Whether nothing is known between fix i and the next. */
  gap(i: number): boolean {
    return i + 1 < this.size && this.time[i + 1]! - this.time[i]! > GAP_MS;
  }

  at(time: number): Moment {
    const i = Math.max(0, this.before(time));
    const next = Math.min(i + 1, this.size - 1);
    const gap = this.gap(i) && time > this.time[i]!;
    const span = this.time[next]! - this.time[i]!;
    const share = gap || span <= 0 ? 0 : Math.min(1, Math.max(0, (time - this.time[i]!) / span));
    const between = (column: Float64Array | Float32Array) =>
      column[i]! + (column[next]! - column[i]!) * share;
    return {
      lon: between(this.lon),
      lat: between(this.lat),
      speed: gap ? null : known(share ? between(this.speed) : this.speed[i]!),
      course: known(this.course[i]!),
      condition: CONDITIONS[this.condition[i]!]!,
      gap,
    };
  }

  /** The first event after a moment, or the last one before it. */
  event(time: number, direction: 1 | -1): TrackEvent | undefined {
    if (direction > 0) return this.events.find((event) => event.time > time);
    return this.events.findLast((event) => event.time < time);
  }

  /** Each leg goes from a fix to the next, in the condition of the fix; legs that are alike are joined. */
  lines(): Line[] {
    const lines: Line[] = [];
    let places: [number, number][] = [];
    for (let i = 0; i + 1 < this.size; i++) {
      const last = lines[lines.length - 1];
      const condition = CONDITIONS[this.condition[i]!]!;
      const gap = this.gap(i);
      if (gap || !last || last.gap || last.condition !== condition) {
        places = [[this.lon[i]!, this.lat[i]!]];
        lines.push({ places, condition, gap });
      }
      places.push([this.lon[i + 1]!, this.lat[i + 1]!]);
    }
    return lines;
  }

  /** West, south, east, north in degrees. */
  bounds(): [number, number, number, number] {
    const bounds: [number, number, number, number] = [180, 90, -180, -90];
    for (let i = 0; i < this.size; i++) {
      bounds[0] = Math.min(bounds[0], this.lon[i]!);
      bounds[1] = Math.min(bounds[1], this.lat[i]!);
      bounds[2] = Math.max(bounds[2], this.lon[i]!);
      bounds[3] = Math.max(bounds[3], this.lat[i]!);
    }
    return bounds;
  }
}

function known(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}

/** Passengers getting in and out, and alarms as they begin; a state that goes on is no event. */
function events(fixes: readonly RouteFix[], time: Float64Array): TrackEvent[] {
  const found: TrackEvent[] = [];
  for (let i = 1; i < fixes.length; i++) {
    const [before, now] = [fixes[i - 1]!, fixes[i]!];
    const [was, is] = [before.status.includes('occupied'), now.status.includes('occupied')];
    if (was !== is) found.push({ time: time[i]!, kind: is ? 'occupied' : 'vacant', names: [] });
    const names = now.alarms.filter((name) => !before.alarms.includes(name));
    if (names.length) found.push({ time: time[i]!, kind: 'alarm', names });
  }
  return found;
}
