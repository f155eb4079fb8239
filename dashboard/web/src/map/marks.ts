// How a condition looks: a colour and a shape, the same on the map (GLSL) and in lists (SVG).
import { CONDITIONS, type Condition } from '../feed/frame.ts';
import type { Theme } from '../desk/theme.svelte.ts';

export interface Palette {
  readonly conditions: Readonly<Record<Condition, string>>;
  readonly stale: string;
  readonly outline: string;
}

/** Told apart by people with any kind of colour blindness, also because no two shapes are alike. */
export const PALETTES: Readonly<Record<Theme, Palette>> = {
  day: {
    conditions: {
      vacant: '#0b8a5a',
      occupied: '#1d5fd0',
      booked: '#c46a00',
      off_duty: '#75529e',
      offline: '#69717d',
      alarm: '#d01c1c',
    },
    stale: '#8b929c',
    outline: '#ffffff',
  },
  night: {
    conditions: {
      vacant: '#2fc48d',
      occupied: '#6ba4ff',
      booked: '#ffb547',
      off_duty: '#bb9be6',
      offline: '#98a2b0',
      alarm: '#ff5a52',
    },
    stale: '#7a8492',
    outline: '#0b0f15',
  },
};

/** Outlines in a square from -1 to 1, y downwards, as SVG paths. The shader draws the same ones. */
export const SHAPES: Readonly<Record<Condition, string>> = {
  vacant: 'M.6 0A.6.6 0 1 1-.6 0A.6.6 0 1 1 .6 0z',
  occupied: 'M-.56-.56H.56V.56H-.56z',
  booked: 'M0-.82L.82 0L0 .82L-.82 0z',
  off_duty: 'M.6 0A.6.6 0 1 1-.6 0A.6.6 0 1 1 .6 0zM-.38-.15V.15H.38V-.15z',
  offline: 'M-.62-.4L-.4-.62L0-.22L.4-.62L.62-.4L.22 0L.62 .4L.4 .62L0 .22L-.4 .62L-.62 .4L-.22 0z',
  alarm: 'M0-.86L.86 .62H-.86z',
};

/** Alarms are drawn last, over all others. */
export const DRAWN: readonly number[] = (
  ['offline', 'off_duty', 'vacant', 'occupied', 'booked', 'alarm'] as const
).map((one) => CONDITIONS.indexOf(one));

/** "#0b8a5a" -> three numbers from 0 to 1. */
export function rgb(color: string): [number, number, number] {
  const n = parseInt(color.slice(1), 16);
  return [(n >> 16) / 255, ((n >> 8) & 255) / 255, (n & 255) / 255];
}
