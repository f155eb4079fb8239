// Recurring bookings as the server takes them: a rule of RFC 5545 and the time of the first one.

export type Often = 'never' | 'daily' | 'workdays' | 'weekly' | 'monthly';

export interface Repeated {
  readonly rule: string;
  readonly first: string;
}

const RULES: Readonly<Record<Exclude<Often, 'never'>, string>> = {
  daily: 'FREQ=DAILY',
  workdays: 'FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR',
  weekly: 'FREQ=WEEKLY',
  monthly: 'FREQ=MONTHLY',
};
/** Hours of the city's clock before UTC; China has no summer time. */
export const ZONE_H = 8;

/** until: the last day, "2026-12-31", or nothing. */
export function rule(often: Exclude<Often, 'never'>, until: string): string {
  return RULES[often] + (until ? `;UNTIL=${until.replaceAll('-', '')}T235959` : '');
}

/** A day and a time on the city's clock. */
export function first(day: string, time: string): string {
  return `${day}T${time}:00+08:00`;
}

/** The rule in words' key and its last day: what a person chose. */
export function chosen(rule: string): { often: Often | null; until: string } {
  const [, last] = /;UNTIL=(\d{8})/.exec(rule) ?? [];
  const bare = rule.replace(/;UNTIL=[^;]*/, '');
  const often = (Object.keys(RULES) as (keyof typeof RULES)[]).find((one) => RULES[one] === bare);
  return {
    often: often ?? null,
    until: last ? `${last.slice(0, 4)}-${last.slice(4, 6)}-${last.slice(6)}` : '',
  };
}
