// The fleet as this console knows it: one slot per vehicle, columns beside descriptions. Nothing here is reactive:
// `live.svelte.ts` says when to look again.
import { CONDITIONS, OFFLINE, type Condition, type Frame } from './frame.ts';

/** A fix older than this is shown grey. */
export const STALE_MS = 60_000;

export interface Description {
  readonly id: number;
  readonly plate: string;
  readonly vehicle_class: string;
  readonly company: string;
  readonly terminal: string | null;
}

/** One vehicle, put together for whoever looks at it alone. */
export interface Vehicle extends Description {
  readonly placed: boolean;
  readonly lon: number;
  readonly lat: number;
  /** ms since the epoch */
  readonly fix: number;
  readonly course: number;
  readonly speed: number;
  readonly condition: Condition;
}

export class Fleet {
  readonly descriptions: Description[] = [];
  lon = new Int32Array(0);
  lat = new Int32Array(0);
  fix = new Float64Array(0);
  course = new Uint8Array(0);
  speed = new Uint8Array(0);
  condition = new Uint8Array(0);
  placed = new Uint8Array(0);
  /** Rises whenever a place, a condition or a description changed. */
  revision = 0;
  /** Rises whenever vehicles or their descriptions changed. */
  described = 0;

  #slots = new Map<number, number>();
  #sequence = -1;
  #clock = NaN;

  get size(): number {
    return this.descriptions.length;
  }

  slot(id: number): number | undefined {
    return this.#slots.get(id);
  }

  /** The server's clock now, ms since the epoch: what ages are reckoned by. NaN before the first frame. */
  now(): number {
    return performance.now() + this.#clock;
  }

  describe(items: readonly Description[], complete: boolean): void {
    if (complete) {
      const present = new Set(items.map((item) => item.id));
      this.remove(this.descriptions.map((d) => d.id).filter((id) => !present.has(id)));
    }
    this.#grow(this.size + items.length);
    for (const item of items) {
      const slot = this.#slots.get(item.id) ?? this.size;
      this.#slots.set(item.id, slot);
      this.descriptions[slot] = item;
    }
    this.described++;
    this.revision++;
  }

  /** Vehicles that no longer exist; the last slots move into the gaps. */
  remove(ids: readonly number[]): void {
    for (const id of ids) {
      const slot = this.#slots.get(id);
      if (slot === undefined) continue;
      const last = this.descriptions.length - 1;
      const moved = this.descriptions.pop()!;
      this.#slots.delete(id);
      if (slot !== last) {
        this.descriptions[slot] = moved;
        this.#slots.set(moved.id, slot);
        for (const column of this.#columns()) column[slot] = column[last]!;
      }
      this.#clear(last);
      this.described++;
      this.revision++;
    }
  }

  /** Take a frame. False when one is missing before it: then ask for everything again. */
  apply(frame: Frame): boolean {
    const expected = (this.#sequence + 1) >>> 0;
    if (frame.kind === 'changes' && this.#sequence >= 0 && frame.sequence !== expected) return false;
    this.#sequence = frame.sequence;
    this.#clock = frame.time - performance.now();
    if (frame.kind === 'snapshot') this.placed.fill(0);
    for (let i = 0; i < frame.id.length; i++) {
      const slot = this.#slots.get(frame.id[i]!);
      if (slot === undefined) continue;
      this.lon[slot] = frame.lon[i]!;
      this.lat[slot] = frame.lat[i]!;
      this.fix[slot] = frame.time - frame.age[i]! * 1000;
      this.course[slot] = frame.course[i]!;
      this.speed[slot] = frame.speed[i]!;
      this.condition[slot] = frame.condition[i]!;
      this.placed[slot] = 1;
    }
    if (frame.id.length || frame.kind === 'snapshot') this.revision++;
    return true;
  }

  /** Forget the sequence: the next frame begins a new connection. */
  disconnect(): void {
    this.#sequence = -1;
  }

  at(slot: number): Vehicle {
    return {
      ...this.descriptions[slot]!,
      placed: this.placed[slot] === 1,
      lon: this.lon[slot]! / 1e7,
      lat: this.lat[slot]! / 1e7,
      fix: this.fix[slot]!,
      course: this.course[slot]!,
      speed: this.speed[slot]!,
      condition: CONDITIONS[this.condition[slot]!]!,
    };
  }

  find(id: number): Vehicle | undefined {
    const slot = this.#slots.get(id);
    return slot === undefined ? undefined : this.at(slot);
  }

  /** How many vehicles have each condition, in the order of CONDITIONS. */
  counts(): number[] {
    const counts = CONDITIONS.map(() => 0);
    for (let slot = 0; slot < this.size; slot++) counts[this.condition[slot]!]!++;
    return counts;
  }

  /** Time of the newest fix of all, ms since the epoch; NaN when there is none. */
  newest(): number {
    let newest = NaN;
    for (let slot = 0; slot < this.size; slot++) {
      if (this.placed[slot] && !(this.fix[slot]! <= newest)) newest = this.fix[slot]!;
    }
    return newest;
  }

  #columns() {
    return [this.lon, this.lat, this.fix, this.course, this.speed, this.condition, this.placed];
  }

  #clear(slot: number): void {
    for (const column of this.#columns()) column[slot] = 0;
    this.condition[slot] = OFFLINE;
  }

  #grow(size: number): void {
    const had = this.placed.length;
    if (size <= had) return;
    const room = Math.max(256, size, 2 * had);
    const grown = <A extends Int32Array | Float64Array | Uint8Array>(fresh: A, old: A): A => (
      fresh.set(old),
      fresh
    );
    this.lon = grown(new Int32Array(room), this.lon);
    this.lat = grown(new Int32Array(room), this.lat);
    this.fix = grown(new Float64Array(room), this.fix);
    this.course = grown(new Uint8Array(room), this.course);
    this.speed = grown(new Uint8Array(room), this.speed);
    this.condition = grown(new Uint8Array(room).fill(OFFLINE), this.condition);
    this.placed = grown(new Uint8Array(room), this.placed);
  }
}
