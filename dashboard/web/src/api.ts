// Requests to the server. Errors are the server's problems (RFC 9457), or `unreachable` when there is no answer.
import type { Key, Values } from './text/words.ts';
import { WORDS } from './text/words.ts';

export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly values: Values;
  readonly findings: readonly Finding[];

  constructor(
    status: number,
    code: string,
    detail: string,
    more: Values = {},
    findings: readonly Finding[] = [],
  ) {
    super(detail);
    this.findings = findings;
    this.status = status;
    this.code = code;
    this.values = { ...more, detail };
  }

  /** The key of the words for it. */
  get key(): Key {
    const key = `problem.${this.code}`;
    return key in WORDS.zh ? (key as Key) : 'problem.other';
  }
}

/** What speaks against a call, in words to be read to the caller. */
export interface Finding {
  readonly code: string;
  readonly refused: boolean;
  readonly zh: string;
  readonly en: string;
}

interface ProblemBody {
  findings?: Finding[];
  code?: string;
  detail?: string;
  retry_after_s?: number;
  file?: string;
  day?: string;
}

/** Called when the server says that the log-in has ended. */
export const ended = { tell: (): void => {} };

/** The server's answer. Throws Problem, and AbortError when aborted. */
export async function ask<T>(
  method: string,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
  headers: Readonly<Record<string, string>> = {},
): Promise<T> {
  const init: RequestInit = { method, signal: signal ?? null, headers };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { ...headers, 'Content-Type': 'application/json' };
  }
  let answer: Response;
  try {
    answer = await fetch(path, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new Problem(0, 'unreachable', String(error));
  }
  if (answer.ok) return (answer.status === 204 ? undefined : await answer.json()) as T;
  const problem = await said(answer);
  if (problem.code === 'no_login') ended.tell();
  throw problem;
}

async function said(answer: Response): Promise<Problem> {
  try {
    const body = (await answer.json()) as ProblemBody;
    const more = { seconds: body.retry_after_s ?? 0, file: body.file ?? '', day: body.day ?? '' };
    return new Problem(answer.status, body.code ?? 'other', body.detail ?? '', more, body.findings);
  } catch {
    return new Problem(answer.status, 'other', `${answer.status} ${answer.statusText}`);
  }
}

export interface Session {
  readonly user: string;
  readonly role: string;
  readonly permissions: readonly string[];
  readonly timezone: string;
}

export interface Place {
  readonly time: string;
  readonly lat: number;
  readonly lon: number;
  readonly speed_kmh: number | null;
  readonly course_deg: number | null;
  readonly altitude_m: number | null;
  readonly odometer_km: number | null;
  readonly alarms: readonly string[];
  readonly status: readonly string[];
  readonly satellites: number | null;
}

export interface VehicleDetail {
  readonly id: number;
  readonly plate: string;
  readonly vehicle_class: string;
  readonly company: string;
  readonly terminal: string | null;
  readonly condition: string;
  readonly heard: string | null;
  readonly last: (Place & { readonly signal: number | null }) | null;
  readonly attributes: Readonly<Record<string, unknown>>;
}

export interface RouteFix extends Place {
  readonly condition: string;
  readonly late: boolean;
}

export interface Route {
  readonly truncated: boolean;
  readonly items: readonly RouteFix[];
}

export interface Day {
  readonly day: string;
  readonly from: string;
  readonly to: string;
  readonly fixes: number;
}

export interface Housekeeping {
  readonly working: boolean;
  readonly next: string | null;
  readonly started: string | null;
  readonly ended: string | null;
  readonly succeeded: string | null;
  readonly result: {
    readonly rolled_up: number;
    readonly moved: number;
    readonly fixes: number;
    readonly compressed: number;
    readonly compression: 'on' | 'off' | 'unavailable';
  } | null;
  readonly error: string | null;
}

export interface BaseMap {
  readonly url: string | null;
  readonly center: readonly [number, number];
  readonly zoom: number;
}

export type Outcome = 'sent' | 'queued' | 'failed' | 'no_terminal' | 'no_gateway';

/** Null where there was nothing to measure. */
export interface Level {
  readonly calls: number;
  readonly success: number | null;
  readonly confirm_s: number | null;
  readonly confirm_p95_s: number | null;
  readonly door_s: number | null;
  readonly door_p95_s: number | null;
}

export interface Levels {
  readonly all: Level;
  readonly fleet: {
    readonly drivers: number;
    readonly gini: number | null;
    readonly empty_share: number | null;
    readonly empty_km: number;
    readonly paid_km: number;
    readonly hints: number;
    readonly hints_followed: number;
  };
  readonly by: Readonly<Record<string, Level>>;
}
