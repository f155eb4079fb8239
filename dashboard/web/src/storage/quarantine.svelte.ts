// What no table took: the rows that are shown, what became of another try, and how many there are in all.
import { ask, Problem } from '../api.ts';

export interface Row {
  readonly id: number;
  readonly at: string;
  readonly spool: string;
  readonly seq: number;
  readonly kind: string;
  readonly terminal: string | null;
  readonly cause: string;
  readonly size: number;
}

export interface Detail extends Row {
  readonly received: string;
  readonly content: string;
  readonly truncated: boolean;
  readonly decoded: unknown;
  readonly undecoded: string;
}

export interface Try {
  readonly id: number;
  readonly outcome: 'stored' | 'part' | 'refused' | 'gone';
  readonly cause: string;
}

interface Page {
  readonly items: readonly Row[];
  readonly next: number | null;
  readonly total: number;
}

const PATH = '/api/v1/quarantine';
const LOOK_MS = 60_000;

class Quarantine {
  rows = $state.raw<readonly Row[]>();
  next = $state<number | null>(null);
  /** In all; undefined until the server has told. */
  total = $state<number>();
  /** Outcomes by id. A row stays where it is until the list is read anew. */
  tried = $state.raw<Readonly<Record<number, Try>>>({});
  working = $state(false);
  problem = $state.raw<Problem>();

  get stored(): number {
    return Object.values(this.tried).filter((one) => one.outcome === 'stored').length;
  }

  get refused(): number {
    return Object.values(this.tried).filter((one) => one.cause).length;
  }

  /** Look now and then how many there are. Returns what ends it. */
  watch(): () => void {
    const look = () => void this.#quietly(async () => void (this.total = (await page(0, 1)).total));
    look();
    const timer = window.setInterval(look, LOOK_MS);
    return () => window.clearInterval(timer);
  }

  async read(): Promise<void> {
    await this.#do(async () => {
      const first = await page(0, 100);
      this.rows = first.items;
      this.#told(first);
      this.tried = {};
    });
  }

  async more(): Promise<void> {
    await this.#do(async () => {
      const following = await page(this.next ?? 0, 100);
      this.rows = [...(this.rows ?? []), ...following.items];
      this.#told(following);
    });
  }

  async tryAgain(ids: readonly number[]): Promise<void> {
    await this.#do(() => this.#replay({ ids }));
  }

  /** In parts, so that each answer comes soon. */
  async tryAll(): Promise<void> {
    await this.#do(async () => {
      let after: number | null = 0;
      while (after !== null) after = await this.#replay({ ids: 'all', after });
    });
  }

  async #replay(wanted: object): Promise<number | null> {
    const answer = await ask<{ items: Try[]; next: number | null }>('POST', `${PATH}/replay`, wanted);
    this.tried = { ...this.tried, ...Object.fromEntries(answer.items.map((one) => [one.id, one])) };
    this.total = (await page(0, 1)).total;
    return answer.next;
  }

  #told(page: Page): void {
    this.next = page.next;
    this.total = page.total;
  }

  async #do(work: () => Promise<unknown>): Promise<void> {
    this.working = true;
    this.problem = undefined;
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.problem = error;
    } finally {
      this.working = false;
    }
  }

  async #quietly(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
    }
  }
}

const page = (after: number, limit: number) => ask<Page>('GET', `${PATH}?after=${after}&limit=${limit}`);

export const quarantine = new Quarantine();
