// Times and ages in words. Clock times are those of the bureau's zone, whatever the zone of the computer.
import { phrase, type Language } from './words.ts';

const formats = new Map<string, Intl.DateTimeFormat>();

function format(zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = zone + JSON.stringify(options);
  let found = formats.get(key);
  if (!found) {
    found = new Intl.DateTimeFormat('en-GB', { timeZone: zone, hourCycle: 'h23', ...options });
    formats.set(key, found);
  }
  return found;
}

/** "14:05:09" */
export function clock(ms: number, zone: string): string {
  return format(zone, { hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(ms);
}

/** "2026-11-25 14:05:09" */
export function dateTime(ms: number, zone: string): string {
  return `${day(ms, zone)} ${clock(ms, zone)}`;
}

/** "2026-11-25" */
export function day(ms: number, zone: string): string {
  const parts = format(zone, { year: 'numeric', month: '2-digit', day: '2-digit' }).formatToParts(ms);
  const part = (type: string) => parts.find((p) => p.type === type)?.value ?? '';
  return `${part('year')}-${part('month')}-${part('day')}`;
}

/** "7 s ago" */
export function age(ms: number, language: Language): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 100) return phrase(language, 'age.seconds', { n: s });
  if (s < 6000) return phrase(language, 'age.minutes', { n: Math.floor(s / 60) });
  if (s < 172_800) return phrase(language, 'age.hours', { n: Math.floor(s / 3600) });
  return phrase(language, 'age.days', { n: Math.floor(s / 86_400) });
}
