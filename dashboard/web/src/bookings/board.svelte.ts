// Open bookings as the server has them, asked for every two seconds, and the one that is looked at.
import { ask, Problem } from '../api.ts';

export interface Spot {
  readonly name: string;
  readonly lat: number;
  readonly lon: number;
  readonly note: string;
}

export interface Booking {
  readonly id: number;
  readonly state: string;
  readonly created: string;
  readonly wanted: string | null;
  readonly wait_s: number;
  readonly pick_up: Spot;
  readonly destination: Spot | null;
  readonly passengers: number;
  readonly needs: readonly string[];
  readonly priority: number;
  readonly rider: string;
  readonly note: string;
  readonly phone: string;
  readonly plate: string;
  readonly asked: readonly string[];
}

export interface Step {
  readonly at: string;
  readonly event: string;
  readonly after: string;
  readonly who: string;
  readonly reason: string;
  readonly plate: string | null;
}

export interface Detail {
  readonly booking: Booking;
  readonly past: readonly Step[];
  readonly possible: readonly string[];
}

export interface Candidate {
  readonly plate: string;
  readonly distance_m: number;
  readonly cost_s: number;
  readonly rows: Readonly<Record<string, number>>;
  readonly taken_by: string | null;
  readonly taxi: string;
}

export interface Decision {
  readonly at: string;
  readonly chosen: string | null;
  readonly way: string;
  readonly candidates: readonly Candidate[];
  readonly excluded: readonly {
    readonly plate: string;
    readonly distance_m: number;
    readonly zh: string;
    readonly en: string;
  }[];
}

export const PATH = '/api/v1/bookings';
const LOOK_MS = 2000;
/** Who needs somebody's attention first: those without a taxi, the longest wait foremost. */
const ORDER = ['drafted', 'accepted', 'en_route', 'arrived', 'on_board'];

class Board {
  rows = $state.raw<readonly Booking[]>();
  chosen = $state<number | null>(null);
  detail = $state.raw<Detail>();
  decisions = $state.raw<readonly Decision[]>([]);
  problem = $state.raw<Problem>();

  get waiting(): number {
    return (this.rows ?? []).filter((one) => one.state === 'waiting' || one.state === 'offered').length;
  }

  /** Look every two seconds. Returns what ends it. */
  watch(): () => void {
    void this.read();
    const timer = window.setInterval(() => void this.read(), LOOK_MS);
    return () => window.clearInterval(timer);
  }

  async read(): Promise<void> {
    await this.try(async () => {
      const page = await ask<{ items: Booking[] }>('GET', `${PATH}?state=open&limit=1000`);
      this.rows = page.items.sort(
        (a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state) || b.wait_s - a.wait_s || a.id - b.id,
      );
      if (this.chosen !== null) await this.#look(this.chosen);
    });
  }

  async choose(id: number | null): Promise<void> {
    this.chosen = id;
    this.detail = undefined;
    this.decisions = [];
    if (id !== null) await this.try(() => this.#look(id));
  }

  async #look(id: number): Promise<void> {
    const detail = await ask<Detail>('GET', `${PATH}/${id}`);
    const decisions = await ask<{ items: Decision[] }>('GET', `${PATH}/${id}/explain`);
    if (this.chosen !== id) return;
    this.detail = detail;
    this.decisions = decisions.items;
  }

  /** Something by hand. Returns the problem, or nothing when it was done. */
  async do(event: string, reason: string, plate: string): Promise<Problem | undefined> {
    if (this.chosen === null) return undefined;
    try {
      await ask('POST', `${PATH}/${this.chosen}/events`, { event, reason, plate });
      await this.read();
      return undefined;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return error;
    }
  }

  async try(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.problem = undefined;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.problem = error;
    }
  }
}

export const board = new Board();
