// The speed chart of a track on a canvas: speed, occupied stretches, gaps, event ticks and hours.
import { CONDITIONS } from '../feed/frame.ts';
import { PALETTES } from '../map/marks.ts';
import { clock } from '../text/time.ts';
import type { Theme } from '../desk/theme.svelte.ts';
import type { Track } from './track.ts';

/** Room for the axes, pixels of the page. The slider below has the same. */
export const MARGIN = { left: 40, right: 12, top: 8, bottom: 18 } as const;
const LINES = { day: '#d4d7dc', night: '#2c3540' } as const;
const WORDS = { day: '#4a525c', night: '#a3aebb' } as const;
const INK = { day: '#1d2530', night: '#dfe7ef' } as const;
const HOUR = 3_600_000;
const STEPS = [HOUR / 12, HOUR / 6, HOUR / 2, HOUR, 2 * HOUR, 4 * HOUR, 6 * HOUR];
const OCCUPIED = CONDITIONS.indexOf('occupied');

export interface Chart {
  readonly track: Track;
  readonly theme: Theme;
  readonly zone: string;
  /** Pixels of the page. */
  readonly width: number;
  readonly height: number;
}

/** Place of a moment on the horizontal axis, pixels of the page. */
export function across(chart: Chart, time: number): number {
  const { from, to } = chart.track;
  const share = to > from ? (time - from) / (to - from) : 0;
  return MARGIN.left + share * (chart.width - MARGIN.left - MARGIN.right);
}

/** The moment at a place of the horizontal axis. */
export function momentAt(chart: Chart, x: number): number {
  const share = (x - MARGIN.left) / (chart.width - MARGIN.left - MARGIN.right);
  return chart.track.from + Math.min(1, Math.max(0, share)) * (chart.track.to - chart.track.from);
}

export function draw(canvas: HTMLCanvasElement, chart: Chart): void {
  const ratio = window.devicePixelRatio;
  canvas.width = Math.round(chart.width * ratio);
  canvas.height = Math.round(chart.height * ratio);
  const context = canvas.getContext('2d');
  if (!context || !chart.track.size) return;
  context.scale(ratio, ratio);
  context.font = '11px system-ui, sans-serif';
  const top = fastest(chart.track);
  const up = (speed: number) =>
    chart.height - MARGIN.bottom - (speed / top) * (chart.height - MARGIN.top - MARGIN.bottom);
  stretches(context, chart);
  axes(context, chart, top, up);
  line(context, chart, up);
  ticks(context, chart);
}

/** Top of the vertical axis, km/h: a multiple of 20, at least 60. */
function fastest(track: Track): number {
  let top = 60;
  for (const speed of track.speed) if (speed > top) top = speed;
  return Math.ceil(top / 20) * 20;
}

/** Bands behind the line: a passenger in the car, or no fixes. */
function stretches(context: CanvasRenderingContext2D, chart: Chart): void {
  const { track, height, theme } = chart;
  const band = (i: number, color: string, alpha: number) => {
    const x = across(chart, track.time[i]!);
    context.globalAlpha = alpha;
    context.fillStyle = color;
    context.fillRect(
      x,
      MARGIN.top,
      across(chart, track.time[i + 1]!) - x,
      height - MARGIN.top - MARGIN.bottom,
    );
  };
  for (let i = 0; i + 1 < track.size; i++) {
    if (track.gap(i)) band(i, LINES[theme], 0.6);
    else if (track.condition[i] === OCCUPIED) band(i, PALETTES[theme].conditions.occupied, 0.16);
  }
  context.globalAlpha = 1;
}

function axes(
  context: CanvasRenderingContext2D,
  chart: Chart,
  top: number,
  up: (speed: number) => number,
): void {
  const { theme, width, height, track } = chart;
  context.strokeStyle = LINES[theme];
  context.fillStyle = WORDS[theme];
  context.lineWidth = 1;
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  for (let speed = 0; speed <= top; speed += top > 100 ? 40 : 20) {
    const y = Math.round(up(speed)) + 0.5;
    stroke(context, MARGIN.left, y, width - MARGIN.right, y);
    context.fillText(String(speed), MARGIN.left - 5, y);
  }
  const span = track.to - track.from;
  const step = STEPS.find((s) => span / s <= (width - 60) / 55) ?? 6 * HOUR;
  context.textAlign = 'center';
  context.textBaseline = 'alphabetic';
  for (let time = Math.ceil(track.from / step) * step; time <= track.to; time += step) {
    const x = Math.round(across(chart, time)) + 0.5;
    stroke(context, x, height - MARGIN.bottom, x, height - MARGIN.bottom + 4);
    context.fillText(clock(time, chart.zone).slice(0, 5), x, height - 4);
  }
}

/** Speed; broken at gaps and where it was not reported. */
function line(context: CanvasRenderingContext2D, chart: Chart, up: (speed: number) => number): void {
  const { track } = chart;
  context.strokeStyle = INK[chart.theme];
  context.lineWidth = 1.2;
  context.beginPath();
  let drawing = false;
  for (let i = 0; i < track.size; i++) {
    const speed = track.speed[i]!;
    if (Number.isNaN(speed)) {
      drawing = false;
      continue;
    }
    const [x, y] = [across(chart, track.time[i]!), up(speed)];
    if (drawing) context.lineTo(x, y);
    else context.moveTo(x, y);
    drawing = !track.gap(i);
  }
  context.stroke();
}

/** What happened, along the upper edge. */
function ticks(context: CanvasRenderingContext2D, chart: Chart): void {
  const colors = PALETTES[chart.theme].conditions;
  context.lineWidth = 2;
  for (const event of chart.track.events) {
    const x = across(chart, event.time);
    context.strokeStyle = colors[event.kind];
    stroke(context, x, MARGIN.top - 6, x, MARGIN.top + (event.kind === 'alarm' ? 14 : 7));
  }
}

function stroke(context: CanvasRenderingContext2D, x1: number, y1: number, x2: number, y2: number): void {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}
