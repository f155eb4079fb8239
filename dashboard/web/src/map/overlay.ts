// What lies over the map: the ring around the chosen car, plates, and the car of a replay. One canvas, drawn with the map.
import type { Map } from 'maplibre-gl';
import type { Fleet } from '../feed/fleet.ts';
import type { Moment } from '../replay/track.ts';
import type { Theme } from '../desk/theme.svelte.ts';
import { FleetLayer } from './fleet-layer.ts';
import { PALETTES, SHAPES } from './marks.ts';
import { FONTS } from './style.ts';

const PLATES_FROM_ZOOM = 14.5;
const MOST_PLATES = 200;
const LOOK = {
  day: { ring: '#10151c', plate: '#ffffff', ink: '#10151c', edge: '#5b626c' },
  night: { ring: '#ffffff', plate: '#10151c', ink: '#f2f5f8', edge: '#98a3b0' },
} as const;

/** What the overlay shows. */
export interface Scene {
  theme: Theme;
  shown: number;
  chosen: number | null;
  /** The car of a replay; the fleet is not shown then. */
  replay: (Moment & { readonly label: string }) | null;
}

export class Overlay {
  readonly #map: Map;
  readonly #fleet: Fleet;
  readonly #canvas: HTMLCanvasElement;
  readonly #scene: Scene;

  constructor(map: Map, fleet: Fleet, canvas: HTMLCanvasElement, scene: Scene) {
    this.#map = map;
    this.#fleet = fleet;
    this.#canvas = canvas;
    this.#scene = scene;
  }

  draw(): void {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const ratio = window.devicePixelRatio;
    if (
      this.#canvas.width !== Math.round(width * ratio) ||
      this.#canvas.height !== Math.round(height * ratio)
    ) {
      this.#canvas.width = Math.round(width * ratio);
      this.#canvas.height = Math.round(height * ratio);
    }
    const context = this.#canvas.getContext('2d');
    if (!context) return;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.font = `600 12px ${FONTS}`;
    context.textBaseline = 'middle';
    if (this.#scene.replay) this.#replay(context, this.#scene.replay);
    else this.#plates(context, width, height);
  }

  #plates(context: CanvasRenderingContext2D, width: number, height: number): void {
    const { placed, condition, lon, lat, size, descriptions } = this.#fleet;
    const chosen = this.#scene.chosen === null ? undefined : this.#fleet.slot(this.#scene.chosen);
    if (this.#map.getZoom() >= PLATES_FROM_ZOOM) {
      const bounds = this.#map.getBounds();
      const [west, east] = [bounds.getWest() * 1e7, bounds.getEast() * 1e7];
      const [south, north] = [bounds.getSouth() * 1e7, bounds.getNorth() * 1e7];
      for (let slot = 0, drawn = 0; slot < size && drawn < MOST_PLATES; slot++) {
        if (!placed[slot] || slot === chosen || !((this.#scene.shown >> condition[slot]!) & 1)) continue;
        if (lon[slot]! < west || lon[slot]! > east || lat[slot]! < south || lat[slot]! > north) continue;
        this.#plate(context, lon[slot]! / 1e7, lat[slot]! / 1e7, descriptions[slot]!.plate, false);
        drawn++;
      }
    }
    if (chosen !== undefined && placed[chosen]) {
      const [at, label] = [[lon[chosen]! / 1e7, lat[chosen]! / 1e7] as const, descriptions[chosen]!.plate];
      this.#ring(context, ...at, width, height);
      this.#plate(context, ...at, label, true);
    }
  }

  #ring(context: CanvasRenderingContext2D, lon: number, lat: number, width: number, height: number): void {
    const { x, y } = this.#map.project([lon, lat]);
    if (x < -50 || y < -50 || x > width + 50 || y > height + 50) return;
    const radius = FleetLayer.size(this.#map.getZoom()) * 0.56 + 4;
    for (const [line, color] of [
      [5, LOOK[this.#scene.theme].plate],
      [2.5, LOOK[this.#scene.theme].ring],
    ] as const) {
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      context.lineWidth = line;
      context.strokeStyle = color;
      context.stroke();
    }
  }

  #plate(context: CanvasRenderingContext2D, lon: number, lat: number, label: string, strong: boolean): void {
    const { x, y } = this.#map.project([lon, lat]);
    const look = LOOK[this.#scene.theme];
    const width = context.measureText(label).width + 10;
    const left = Math.round(x - width / 2);
    const top = Math.round(y + FleetLayer.size(this.#map.getZoom()) * 0.5 + 5);
    context.fillStyle = look.plate;
    context.strokeStyle = strong ? look.ring : look.edge;
    context.lineWidth = strong ? 2 : 1;
    context.beginPath();
    context.roundRect(left, top, width, 18, 3);
    context.globalAlpha = strong ? 1 : 0.85;
    context.fill();
    context.globalAlpha = 1;
    context.stroke();
    context.fillStyle = look.ink;
    context.fillText(label, left + 5, top + 9.5);
  }

  #replay(context: CanvasRenderingContext2D, car: Moment & { readonly label: string }): void {
    const { x, y } = this.#map.project([car.lon, car.lat]);
    const palette = PALETTES[this.#scene.theme];
    context.save();
    context.translate(x, y);
    context.scale(15, 15);
    context.globalAlpha = car.gap ? 0.5 : 1;
    context.fillStyle = palette.conditions[car.condition];
    context.strokeStyle = palette.outline;
    context.lineWidth = 0.16;
    if (car.course !== null) {
      context.rotate((car.course * Math.PI) / 180);
      const nose = new Path2D('M-.5-.45L0-1.25L.5-.45z');
      context.stroke(nose);
      context.fill(nose);
      context.rotate((-car.course * Math.PI) / 180);
    }
    const body = new Path2D(SHAPES[car.condition]);
    context.stroke(body);
    context.fill(body, 'evenodd');
    context.restore();
    this.#plate(context, car.lon, car.lat, car.label, true);
  }
}
